"""semcorpus show --picture: what was found of a scale, drawn."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.main import call
from pipeline.records import ScaleReading, ShownCandidate
from pipeline.reporting.scale_drawing import draw_scale

GRAY = np.random.default_rng(0).integers(0, 255, (300, 400)).astype(np.uint8)


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def _near(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int(np.sum(np.abs(picture - np.array(color)).max(axis=2) < 12))


def test_boxes_are_drawn_where_there_are_any() -> None:
    found = ScaleReading(
        "read", "bar", "200 nm", 200.0, 100.0, 2.0, None, 0.9, "why", 250, (20, 270, 101, 12), (40, 255, 50, 12)
    )
    found = replace(found, field_box=(200, 262, 60, 12))
    plain = _pixels(draw_scale(GRAY, ScaleReading("no_bar", reason="nothing"), title="a"))
    drawn = _pixels(draw_scale(GRAY, found, title="a"))
    for color in ((0xEE, 0x77, 0x33), (0x00, 0x77, 0xBB), (0x00, 0x99, 0x88), (0xAA, 0x33, 0x77)):
        assert _near(drawn, color) > 100
        assert _near(plain, color) == 0
    assert drawn.shape[1] == plain.shape[1] == 1200


def test_candidates_are_drawn_and_listed_below() -> None:
    reading = ScaleReading("no_bar", reason="nothing")
    found = [ShownCandidate((20, 40, 200, 30), (30, 90, 80, 20), "pair '2 um', score 0.40")]
    plain, drawn = (_pixels(draw_scale(GRAY, reading, title="a", candidates=some)) for some in ((), found))
    assert drawn.shape[0] > plain.shape[0]
    assert _near(drawn, (0xEE, 0x77, 0x33)) > 100 > _near(plain, (0xEE, 0x77, 0x33))


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (4000, 3), (50, 50)])
def test_any_size_and_any_text(shape: tuple[int, int]) -> None:
    reading = ScaleReading(
        "uncertain", "", "\x00$x_1 \u4e2d", reason="$a_b$ " * 80, segment_box=(0, 0, 1, 1), bar_length_px=1.0
    )
    assert draw_scale(np.zeros(shape, np.uint8), reading, title="\udcff$").startswith(b"\x89PNG")


def test_the_same_picture_gives_the_same_bytes() -> None:
    reading = ScaleReading("no_bar", reason="nothing")
    assert draw_scale(GRAY, reading, title="x") == draw_scale(GRAY, reading, title="x")


def test_show_writes_it(finished: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.index.reports import read_report_table
    from pipeline.storage.location import Location

    md5 = read_report_table(Location.parse(finished), "scales")["md5"][0].as_py()
    out = tmp_path / "out.png"
    assert call(["show", str(finished), md5, "--picture", str(out), "--quiet"]) == 0
    assert _pixels(out.read_bytes()).shape[1] == 1200
    assert call(["show", str(finished), md5, "--picture", str(tmp_path / "out.jpg")]) == 2
    assert call(["show", str(finished), md5, "--picture", str(tmp_path / "no" / "out.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err
