"""Every real micrograph of the shared data decodes, with its size and its vendor's scale."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image


def test_all_pictures_decode_with_their_size_and_scale(shared_data: Path) -> None:
    folder = shared_data / "sem"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    with open(folder / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    n_scales = 0
    for row in rows:
        image = decode_image((folder / row["file"]).read_bytes())
        gray = to_gray8(image)
        assert gray.shape == (int(row["height"]), int(row["width"])), row["file"]
        assert int(np.ptp(gray)) > 50, row["file"]
        if image.nm_per_px is not None:
            n_scales += 1
            assert image.nm_per_px == pytest.approx(float(row["pixel_size_nm"]), rel=0.005), row["file"]
        stated_by_vendor = row["truth_how"].startswith(("Zeiss 34118", "FEI 34680"))
        assert (image.nm_per_px is not None) == stated_by_vendor, row["file"]
    assert len(rows) == 135
    assert n_scales == 5
