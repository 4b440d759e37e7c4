"""Crops that were read before are not read again, and that changes nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory, crop_digest, reading_from_text, reading_to_text
from pipeline.imaging.scale.recognition.text import TextCandidate


class _Counting:
    """Reads every crop as a confident label, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        self.calls += 1
        return [TextCandidate("200 nm", 0.97)]


def _crop(seed: int, shape: tuple[int, int] = (24, 80)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_a_crop_is_read_once_and_all_that_is_asked_for_counts_as_used() -> None:
    reader = _Counting()
    memory = LabelMemory(reader=reader)
    digest, reading = memory.read(_crop(0))
    calls = reader.calls
    assert calls >= 1
    memory.used.clear()
    assert memory.read(_crop(0).copy()) == (digest, reading)
    assert reader.calls == calls
    assert memory.used == {digest: reading}
    memory.read(_crop(1))
    assert reader.calls > calls


def test_a_crop_of_an_earlier_run_needs_no_reader() -> None:
    known = LabelReading("1 µm", parse_label("1 um"), True, 0.99, "known")
    reader = _Counting()
    memory = LabelMemory({crop_digest(_crop(3)): known}, reader=reader)
    assert memory.read(_crop(3))[1] is known
    assert reader.calls == 0


def test_the_digest_tells_shapes_and_pixels_apart() -> None:
    crop = _crop(0)
    other = crop.copy()
    other[3, 7] ^= 1
    assert len({crop_digest(crop), crop_digest(other), crop_digest(crop.reshape(80, 24))}) == 3
    assert crop_digest(np.asfortranarray(crop)) == crop_digest(crop)


@pytest.mark.parametrize("text", ["200 nm", "5,00 um", "3 wm", "no length"])
def test_readings_survive_being_written(text: str) -> None:
    reading = LabelReading(text, parse_label(text), False, 0.1 + 0.2, "µ and \u201cquotes\u201d")
    assert reading_from_text(reading_to_text(reading)) == reading


def test_labels_bring_their_own_readers() -> None:
    with pytest.raises(UsageError, match="labels have their own"):
        read_scale(np.zeros((40, 40), np.uint8), reader=_Counting(), labels=LabelMemory())


def test_what_a_quick_reader_sees_too_does_not_speak_against_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    value = parse_label("200 nm")
    assert value is not None
    quick, slow = _Counting(), _Counting()
    monkeypatch.setattr("pipeline.imaging.scale.recognition.memory.label_net_readers", lambda: (quick, quick))
    monkeypatch.setattr("pipeline.imaging.scale.recognition.memory.network_reader", lambda: slow)
    memory = LabelMemory()
    with memory.hearing_against(value):
        _, reading = memory.read(_crop(1))
    assert (reading.value, reading.is_certain, quick.calls, slow.calls) == (value, False, 1, 0)
    assert memory.used == {}
    _, reading = memory.read(_crop(1))
    assert (quick.calls, list(memory.used.values())) == (3, [reading])  # all as if it had never been looked at


def test_another_value_is_heard_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    other = parse_label("300 nm")
    assert other is not None
    monkeypatch.setattr(
        "pipeline.imaging.scale.recognition.memory.label_net_readers", lambda: (_Counting(), _Counting())
    )
    memory = LabelMemory()
    with memory.hearing_against(other):
        digest, reading = memory.read(_crop(1))
    assert memory.used == {digest: reading}
