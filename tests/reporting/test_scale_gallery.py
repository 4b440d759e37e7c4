"""The sample of scale readings: every status, the whole foot, and the boxes where they are."""

import base64
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.records import ScaleReading
from pipeline.reporting.scale_gallery import MAX_READINGS, Foot, draw_foot, scale_readings

GRAY = np.zeros((100, 200), np.uint8)
READING = ScaleReading("read", bar_top_px=80, segment_box=(20, 90, 100, 4), text_box=(20, 82, 40, 6))


def test_sample_shows_every_status(tables: dict[str, pa.Table]) -> None:
    shown = scale_readings(tables, lambda rows: dict.fromkeys(rows, GRAY), lambda rows: dict.fromkeys(rows, READING))
    assert len(shown) == MAX_READINGS
    assert {item.status for item in shown} == {
        word.replace("_", " ") for word in tables["scales"]["status"].to_pylist()
    }
    assert all(item.foot for item in shown)
    unread = scale_readings(tables, lambda _: {}, lambda rows: dict.fromkeys(rows, READING))
    assert not any(item.foot for item in unread)


def size(foot: Foot) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(foot.uri.partition(",")[2]))).size


def test_foot_is_the_whole_stripe_with_its_boxes() -> None:
    foot = draw_foot(GRAY, READING)
    assert (size(foot), foot.whole) == ((200, 32), False)  # from 8 px and a label's height above it
    segment, label = foot.frames
    assert (segment.name, segment.left, segment.width) == ("segment", 10.0, 50.0)
    assert (label.name, label.top, label.height) == ("label", pytest.approx(100 * 14 / 32), pytest.approx(100 * 6 / 32))


def test_print_in_the_picture_and_nothing_read() -> None:
    inside = draw_foot(GRAY, replace(READING, bar_top_px=None, segment_box=(20, 40, 100, 4), text_box=None))
    assert size(inside) == (200, 28)
    nothing = draw_foot(GRAY, ScaleReading("no_bar"))
    assert (size(nothing), nothing.whole, nothing.frames) == ((200, 100), True, [])
