"""Contact sheets: where pictures and their maps lie, and text that fits."""

import io

import numpy as np
from PIL import Image

from pipeline.reporting.contact_sheet import EDGE_PX, SheetPicture, contact_sheet


def test_pictures_and_maps_lie_side_by_side_under_the_title() -> None:
    blue, red = np.zeros((2, 112, EDGE_PX, 3), np.uint8)
    blue[..., 2] = red[..., 0] = 200
    pictures = [SheetPicture([blue, red], "a/very/long/path/" * 20 + "end.tif", "Fibres")] * 3
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet("three", pictures, columns=4))))
    plain, coloured = (sheet == [0, 0, 200]).all(axis=2), (sheet == [200, 0, 0]).all(axis=2)
    assert plain.sum() == coloured.sum() == 3 * 112 * EDGE_PX
    rows, columns = np.nonzero(plain)
    assert len(np.unique(rows)) == 2 * 112, "two rows of sheets of two"
    assert len(np.unique(columns)) == 2 * EDGE_PX
    assert np.nonzero(coloured)[1].min() > columns.min() + EDGE_PX
    assert (sheet[-1] == 255).all()


def test_an_empty_sheet_is_a_title() -> None:
    assert Image.open(io.BytesIO(contact_sheet("nothing", []))).height < 100
