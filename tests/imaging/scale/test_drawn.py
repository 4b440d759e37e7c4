"""Drawn micrographs in every style, spoilt in every way, in fonts that the reader was not made with."""

from collections import Counter

import numpy as np

from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import TextCandidate
from tests.imaging.scale.scale_drawings import Drawing, draw, sample

_KNOWN = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono")
_HELD_OUT = ("STIXGeneral", "STIXGeneralBol", "DejaVuSans-Oblique", "DejaVuSansMono-Bold")


def outcome(drawing: Drawing, labels: LabelMemory | None = None) -> str:
    reading = read_scale(drawing.gray, labels=labels)
    if reading.nm_per_px is None:
        return "unread"
    assert reading.bar_length_px is not None
    same_length = abs(reading.bar_length_px - drawing.length_px) <= max(2.0, 0.01 * drawing.length_px)
    return "right" if same_length and reading.scale_nm == drawing.scale_nm else "wrong"


def counted(fonts: tuple[str, ...], first: int, count: int) -> Counter[str]:
    return Counter(outcome(sample(seed, fonts)[0]) for seed in range(first, first + count))


def test_known_fonts() -> None:
    found = counted(_KNOWN, 7_000, 110)
    assert found["wrong"] == 0
    assert found["right"] >= 107, found


def test_fonts_kept_apart() -> None:
    found = counted(_HELD_OUT, 8_000, 110)
    assert found["wrong"] == 0
    assert found["right"] >= 103, found


def test_what_was_seen_before_saves_time_only() -> None:
    """One memory for all, in two orders, and none at all: the same reading of every picture, to the last bit."""
    pictures = [
        draw("zeiss", number=n, unit="um", length=150 + n.count("0"), seed=s).gray for n in "125" for s in (1, 2)
    ]
    pictures += [draw("jeol", number="100", unit="nm", length=length, seed=3).gray for length in (120, 121, 120)]
    alone = [read_scale(gray, labels=LabelMemory()) for gray in pictures]
    memory, backwards = LabelMemory(), LabelMemory()
    assert [read_scale(gray, labels=memory) for gray in pictures] == alone
    assert [read_scale(gray, labels=memory) for gray in pictures] == alone
    assert [read_scale(gray, labels=backwards) for gray in reversed(pictures)] == alone[::-1]
    assert memory.used == backwards.used
    assert len(memory.stripes) == len({gray.tobytes() for gray in pictures}) - _same_stripes(pictures)


class _Hesitant:
    """Sees the same text in every crop, surely in all but the first."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def read(self, crop: np.ndarray) -> list[TextCandidate]:
        self.asked += 1
        return [TextCandidate(self.text, 0.6 if self.asked == 1 else 0.99)]


def test_a_stripe_that_was_seen_before_counts_both_crops_of_its_label_as_asked_for() -> None:
    reader = _Hesitant("200 nm")
    memory = LabelMemory(reader=reader)
    drawing = draw("jeol", number="200", unit="nm", length=150)
    first = read_scale(drawing.gray, labels=memory)
    used, asked = dict(memory.used), reader.asked
    memory.used.clear()
    assert read_scale(drawing.gray, labels=memory) == first
    assert first.status == "read"
    assert memory.used == used
    assert reader.asked == asked
    assert [reading.is_certain for reading in used.values()] == [False, True]


def _same_stripes(pictures: list) -> int:
    """Pictures that differ in the specimen only share a stripe."""
    return len({g.tobytes() for g in pictures}) - len({g[-60:].tobytes() for g in pictures})
