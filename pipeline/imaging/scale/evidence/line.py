"""How a line of settings in a data bar is read: certain where two readers see the same."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.evidence.label import SURE, LabelReading
from pipeline.imaging.scale.evidence.setting_text import may_be_field, meaning, parse_times
from pipeline.imaging.scale.recognition.text import TextReader

_BOTH_SURE: Final = 0.5
_ELSE: Final = "a setting that is not looked for"


def read_line(
    crop: NDArray[np.uint8],
    readers: Sequence[TextReader],
    further_reader: Callable[[], TextReader] | None,
) -> LabelReading:
    """Read a line of text and weigh the evidence.

    Parameters
    ----------
    crop : uint8 ndarray, [height, width]
        Dark text on white, as `pipeline.imaging.scale.recognition.text.text_crop` makes it.
    readers : sequence of TextReader
        The others are asked where the first one sees a field width, a magnification or the name of one. All must see
        the same; of a single one every letter must be sure.
    further_reader : callable
        Makes the reader that is asked where those differ about what may be a field width; it must see what one of them
        saw. None for none.

    Returns
    -------
    LabelReading
        Without a value; the text as the first reader, or the one that is borne out, saw it.
    """
    seen: list[tuple[str, float]] = []
    for reader in readers:
        seen.append(next(((one.text, one.confidence) for one in reader.read(crop)), ("", 0.0)))
        if not may_be_field(seen[0][0]) and parse_times(seen[0][0]) is None:
            return LabelReading(seen[0][0], None, False, seen[0][1], _ELSE)
    text, confidence = seen[0][0], min(sure for _, sure in seen)
    if len({meaning(one) for one, _ in seen}) == 1 and confidence >= (_BOTH_SURE if len(seen) > 1 else SURE):
        return LabelReading(text, None, True, confidence, "all readers agree")
    # A magnification decides too little to be worth ten times the time.
    asks = further_reader if any(may_be_field(one) for one, _ in seen) else None
    further = asks().read(crop) if asks is not None else []
    if further and further[0].confidence >= SURE:
        for text, confidence in seen:
            if meaning(text) == meaning(further[0].text):
                sure = min(confidence, further[0].confidence)
                return LabelReading(text, None, sure >= _BOTH_SURE, sure, "two readers agree")
    return LabelReading(seen[0][0], None, False, confidence, f"{len(seen)} readers saw {[one for one, _ in seen]}")
