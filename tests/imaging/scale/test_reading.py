"""From a picture to its physical scale."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.imaging.scale.reading import read_scale
from pipeline.records import SCALE_STATUSES_WITH_VALUE, DecodedImage
from tests.imaging.scale.scale_drawings import STYLES, Style, draw, specimen


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("number", "unit"), [("200", "nm"), ("1", "um"), ("50.0", "um"), ("2.00", "mm")])
def test_every_style_is_read_exactly(style: Style, number: str, unit: str) -> None:
    drawing = draw(style, number=number, unit=unit, length=180)
    reading = read_scale(drawing.gray)
    assert (reading.status, reading.source) == ("read", "bar"), reading
    assert reading.scale_nm == pytest.approx(drawing.scale_nm)
    assert reading.bar_length_px == pytest.approx(drawing.length_px, abs=0.5)
    assert reading.nm_per_px == pytest.approx(drawing.scale_nm / drawing.length_px, rel=0.004)
    if drawing.stripe_top is None:
        assert reading.bar_top_px is None
    else:
        assert reading.bar_top_px is not None
        assert abs(reading.bar_top_px - drawing.stripe_top) <= 1


@pytest.mark.parametrize("style", STYLES)
def test_inverting_the_picture_changes_nothing(style: Style) -> None:
    gray = draw(style, number="20", unit="um").gray
    plain, inverted = read_scale(gray), read_scale(255 - gray)
    assert plain.status == inverted.status == "read"
    assert plain.nm_per_px == pytest.approx(inverted.nm_per_px)
    assert plain.bar_top_px == inverted.bar_top_px


@pytest.mark.parametrize("style", STYLES)
def test_cutting_the_picture_at_the_top_moves_the_boxes_only(style: Style) -> None:
    gray = draw(style, number="20", unit="um").gray
    plain, cut = read_scale(gray), read_scale(gray[37:])
    assert plain.nm_per_px == cut.nm_per_px is not None
    assert plain.segment_box is not None
    assert cut.segment_box is not None
    assert cut.segment_box[1] == plain.segment_box[1] - 37


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_jpeg_does_not_change_the_value(quality: int) -> None:
    for style in STYLES:
        drawing = draw(style, number="100", unit="nm", text_px=28)
        coded = cv2.imdecode(cv2.imencode(".jpg", drawing.gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)
        reading = read_scale(np.asarray(coded, dtype=np.uint8))
        assert reading.status == "read", (style, reading)
        assert reading.scale_nm == 100.0
        assert reading.bar_length_px == pytest.approx(drawing.length_px, abs=1.5)


def test_metadata_that_agree_bear_the_bar_out() -> None:
    gray = draw("zeiss", number="200", unit="nm", length=140).gray
    exact = 200 / 140
    for metadata in (exact, 1.029 * exact, 0.971 * exact):
        reading = read_scale(gray, metadata_nm_per_px=metadata)
        assert (reading.status, reading.source) == ("agrees", "both")
        assert reading.nm_per_px == reading.metadata_nm_per_px == metadata
        assert reading.scale_nm == 200


@pytest.mark.parametrize("factor", [0.5, 0.95, 1.05, 2.0])
def test_metadata_that_differ_leave_no_value(factor: float) -> None:
    reading = read_scale(draw("jeol", length=140).gray, metadata_nm_per_px=factor * 200 / 140)
    assert reading.status == "disagrees"
    assert reading.nm_per_px is None
    assert reading.scale_nm == 200
    assert reading.bar_length_px == 140
    assert reading.metadata_nm_per_px == pytest.approx(factor * 200 / 140)


def test_metadata_alone() -> None:
    reading = read_scale(specimen(600, 800, 1), metadata_nm_per_px=3.5)
    assert (reading.status, reading.source, reading.nm_per_px) == ("metadata", "metadata", 3.5)
    assert reading.bar_top_px is None


def test_metadata_bear_out_an_unusual_value() -> None:
    drawing = draw("zeiss", number="17", unit="nm", length=140)
    assert read_scale(drawing.gray).status == "uncertain"
    assert read_scale(drawing.gray, metadata_nm_per_px=17 / 140).status == "agrees"
    assert read_scale(drawing.gray, metadata_nm_per_px=1.0).status == "metadata"


def test_a_field_wider_than_any_microscopes_is_not_believed() -> None:
    reading = read_scale(draw("jeol", number="10", unit="mm", length=120).gray)
    assert reading.status == "uncertain"
    assert reading.nm_per_px is None
    assert "mm wide" in reading.reason


@pytest.mark.parametrize("seed", range(8))
def test_a_specimen_without_a_bar_has_no_scale(seed: int) -> None:
    reading = read_scale(specimen(480, 640, seed))
    assert reading.status == "no_bar"
    assert reading.nm_per_px is None
    assert reading.reason


def test_each_missing_part_has_its_status() -> None:
    drawing = draw("zeiss", distractors=False)
    top = drawing.stripe_top
    assert top is not None
    no_label = drawing.gray.copy()
    no_label[top + 2 : top + 30] = 255
    reading = read_scale(no_label)
    assert (reading.status, reading.bar_length_px) == ("no_text", 140)
    no_segment = drawing.gray.copy()
    no_segment[top + 30 :] = 255
    assert read_scale(no_segment).status == "no_segment"
    for reading in (read_scale(no_label), read_scale(no_segment)):
        assert reading.bar_top_px == top


def test_a_working_distance_beside_the_bar_is_no_label() -> None:
    drawing = draw("jeol_right", number="10", unit="mm", micro="s")
    words = draw("jeol", distractors=True).gray
    assert read_scale(words).scale_nm == 200
    assert read_scale(drawing.gray).nm_per_px is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (8, 8), (33, 33), (64, 2000), (2000, 64)])
def test_any_size_has_a_status(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for gray in (
        np.zeros(shape, dtype=np.uint8),
        np.full(shape, 255, dtype=np.uint8),
        rng.integers(0, 256, shape, dtype=np.uint8),
        (rng.integers(0, 2, shape) * 255).astype(np.uint8),
    ):
        reading = read_scale(gray)
        assert reading.status not in SCALE_STATUSES_WITH_VALUE
        assert reading.nm_per_px is None


def test_a_file_its_bytes_and_its_decoded_picture_read_the_same(tmp_path: Path) -> None:
    gray = draw("zeiss").gray
    path = tmp_path / "picture.png"
    Image.fromarray(gray).save(path)
    decoded = DecodedImage(gray, "png", 8, nm_per_px=200 / 140)
    plain = read_scale(gray)
    assert read_scale(path) == read_scale(str(path)) == read_scale(path.read_bytes()) == plain
    assert read_scale(decoded).status == "agrees"


def test_wrong_calls_are_named() -> None:
    with pytest.raises(UsageError, match="uint8"):
        read_scale(np.zeros((10, 10), dtype=np.uint16))
    with pytest.raises(UsageError, match="uint8"):
        read_scale(np.zeros((10, 10, 3), dtype=np.uint8))
    for metadata in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="metadata_nm_per_px"):
            read_scale(np.zeros((10, 10), dtype=np.uint8), metadata_nm_per_px=metadata)
