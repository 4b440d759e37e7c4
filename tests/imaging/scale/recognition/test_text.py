"""Reading the text of a crop."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pipeline.imaging.scale.recognition.text as label_text
from pipeline.errors import WeightsError
from pipeline.imaging.scale.recognition.text import (
    PAD_PX,
    decode_ctc,
    network_input,
    network_reader,
    text_crop,
)
from tests.imaging.scale.scale_drawings import font


def drawn(text: str, size: int = 24) -> np.ndarray:
    letters = font(size)
    x0, y0, x1, y1 = letters.getbbox(text)
    page = Image.new("L", (int(x1 - x0) + 2 * PAD_PX, int(y1 - y0) + 2 * PAD_PX), 255)
    ImageDraw.Draw(page).text((PAD_PX - x0, PAD_PX - y0), text, fill=0, font=letters)
    return np.asarray(page, dtype=np.uint8)


def test_ctc_merges_repeats_and_drops_blanks() -> None:
    characters = ["", "1", "0", " "]
    steps = [1, 1, 0, 2, 2, 0, 2, 3]
    probabilities = np.full((len(steps), 4), 0.02, dtype=np.float32)
    probabilities[np.arange(len(steps)), steps] = [0.9, 0.9, 0.9, 0.8, 0.9, 0.9, 0.7, 0.3]
    text, confidence = decode_ctc(probabilities, characters)
    assert text == "100 "
    assert confidence == pytest.approx(0.7)  # the least sure letter; the space does not count


def test_a_character_of_several_steps_is_as_sure_as_its_first_or_its_surest_step() -> None:
    steps = [1, 1, 1, 0, 2, 2]
    probabilities = np.full((len(steps), 3), 0.02, dtype=np.float32)
    probabilities[np.arange(len(steps)), steps] = [0.5, 0.95, 0.6, 0.9, 0.6, 0.8]
    assert decode_ctc(probabilities, ["", "1", "0"]) == ("10", pytest.approx(0.5))
    assert decode_ctc(probabilities, ["", "1", "0"], at_peak=True) == ("10", pytest.approx(0.8))


def test_ctc_of_blanks_is_empty() -> None:
    probabilities = np.tile(np.array([0.9, 0.1], dtype=np.float32), (5, 1))
    assert decode_ctc(probabilities, ["", "1"]) == decode_ctc(probabilities, ["", "1"], at_peak=True) == ("", 0.0)


def test_the_networks_input_keeps_the_proportions_and_pads_with_background() -> None:
    crop = np.zeros((24, 40), dtype=np.uint8)
    planes = network_input(crop)
    assert planes.shape == (1, 3, 48, 96)
    assert (planes[..., :80] == -1).all()
    assert (planes[..., 80:] == 1).all()


@pytest.mark.parametrize(("background", "foreground"), [(255, 0), (0, 255), (255, 76), (90, 255)])
def test_a_crop_is_dark_on_white_whatever_the_colours(background: int, foreground: int) -> None:
    gray = np.full((20, 30), background, dtype=np.uint8)
    gray[5:10, 6:12] = foreground
    mask = (gray[4:12, 5:20] == foreground).astype(np.uint8)
    crop = text_crop(gray, (5, 4, 15, 8), mask)
    assert crop.shape == (8 + 2 * PAD_PX, 15 + 2 * PAD_PX)
    expected = np.pad(np.where(mask == 1, 0, 255), PAD_PX, constant_values=255)
    assert np.array_equal(crop, expected)


def test_a_crop_on_a_specimen_hides_what_is_not_foreground() -> None:
    gray = np.random.default_rng(0).integers(60, 200, (12, 12), dtype=np.uint8)
    gray[4:6, 4:6] = 255
    mask = (gray == 255).astype(np.uint8)
    crop = text_crop(gray, (0, 0, 12, 12), mask, fringe_px=0)
    inner = crop[PAD_PX:-PAD_PX, PAD_PX:-PAD_PX]
    assert (inner[mask == 1] == 0).all()
    assert (inner[mask == 0] == 255).all()


@pytest.mark.parametrize("text", ["200 nm", "1 \N{MICRO SIGN}m", "50.0um", "2.00 mm"])
def test_the_network_reads_a_clean_label(text: str) -> None:
    best = network_reader().read(drawn(text))[0]
    assert best.text.replace(" ", "") == text.replace(" ", "")
    assert best.confidence > 0.9


def test_a_crop_is_recognised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = network_reader()
    crop = drawn("300 nm", 31)
    first = reader.read(crop)

    def fail(crop: np.ndarray) -> list[label_text.TextCandidate]:
        raise AssertionError("recognised again")

    monkeypatch.setattr(reader, "_recognise", fail)
    assert reader.read(crop.copy()) == first
    with pytest.raises(AssertionError, match="recognised again"):
        reader.read(crop[:, :-1])


def test_an_empty_crop_has_no_text() -> None:
    assert network_reader().read(np.zeros((0, 5), dtype=np.uint8)) == []


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(label_text.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="rapidocr"):
        label_text.recognition_weights()
