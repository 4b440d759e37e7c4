"""What people said of scales: of a distinct text crop, for all pictures that it hangs on, or of one picture.

An answer is a length (``200 nm``: what the label says), ``no bar``, ``unreadable`` or ``undo``; of a picture also its
pixel size itself (``1.95 nm/px``). The last answer about a thing counts, and ``undo`` takes all before it back.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from pipeline.errors import StorageError, UsageError
from pipeline.index.annotations import (
    Note,
    append_annotations,
    erase_from_annotations,
    read_annotations,
    say_nothing,
)
from pipeline.records import SCALE_AGREEMENT, ScaleReading
from pipeline.storage.location import Location

KIND: Final = "scale"
NO_BAR, UNREADABLE, UNDO = "no bar", "unreadable", "undo"

_NM_PER_UNIT: Final = {"pm": 1e-3, "å": 0.1, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6}
_LENGTH: Final = re.compile(r"^(\d{1,6}(?:[.,]\d{1,6})?)\s*(pm|å|nm|um|µm|μm|mm)(\s*/\s*px)?$", re.IGNORECASE)
_THING: Final = re.compile(r"^(crop|image):([0-9a-f]{32})$")
_CHANGED: Final = (
    "status",
    "source",
    "text",
    "scale_nm",
    "bar_length_px",
    "nm_per_px",
    "nm_per_px_y",
    "confidence",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said of a crop or a picture.

    Attributes
    ----------
    kind : {"crop", "image"}
    key : str
        Digest of the crop, or MD5 of the picture's file; 32 hexadecimal digits.
    text : str
        The answer in its standard spelling (`parse_answer`).
    bar_length_px : float or None
        Of a picture: the length of its bar, where the reader found none or a wrong one.
    by, note, entered : str
        Who, why and when; may be empty.
    images : tuple of str
        Of a crop: MD5s of the pictures that it hung on. A later version of the reader may cut another crop out of
        them; the answer holds for them all the same.
    """

    kind: Literal["crop", "image"]
    key: str
    text: str
    bar_length_px: float | None = None
    by: str = ""
    note: str = ""
    entered: str = ""
    images: tuple[str, ...] = ()

    @property
    def thing(self) -> str:
        """What it is about: ``crop:...`` or ``image:...``."""
        return f"{self.kind}:{self.key}"

    @property
    def id(self) -> str:
        """Changes with what is said, not with who said it when."""
        said = json.dumps([self.thing, self.text, self.bar_length_px])
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def parse_answer(text: str, *, of_image: bool) -> str:
    """The standard spelling of an answer: ``200 nm``, ``1.95 nm/px``, ``no bar``, ``unreadable`` or ``undo``.

    Raises
    ------
    ValueError
        It is none of these; says what is expected.

    Examples
    --------
    >>> parse_answer(" 0,50 µm", of_image=False), parse_answer("No Bar", of_image=True)
    ('0.5 um', 'no bar')
    """
    plain = " ".join(text.split()).lower()
    if plain in (NO_BAR, UNREADABLE, UNDO):
        return plain
    match = _LENGTH.match(plain)
    expected = "a length such as `200 nm` or `0.5 um`, `no bar`, `unreadable` or `undo`"
    if match is None or float(match[1].replace(",", ".")) <= 0:
        raise ValueError(f"the answer {text!r} is none; expected {expected}")
    if match[3] and not of_image:
        raise ValueError(f"{text!r} is a pixel size, which belongs to a picture and not to a crop; expected {expected}")
    unit = match[2].replace("µ", "u").replace("μ", "u")
    return f"{float(match[1].replace(',', '.')):g} {unit}{'/px' if match[3] else ''}"


def parse_thing(text: str) -> tuple[Literal["crop", "image"], str]:
    """``crop:DIGEST`` or ``image:MD5`` taken apart; `ValueError` for anything else."""
    match = _THING.match(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} names nothing; expected crop: or image: and 32 hexadecimal digits")
    return ("crop" if match[1] == "crop" else "image"), match[2]


class Answers:
    """The answers that hold: the last about each thing, undone ones left out."""

    def __init__(self, entered: Iterable[Answer] = ()) -> None:
        last: dict[str, Answer] = {}
        for answer in entered:
            last.pop(answer.thing, None)  # a dict keeps a key where it was first: the last one goes to the end
            last[answer.thing] = answer
        held = [answer for answer in last.values() if answer.text != UNDO]
        self.held: tuple[Answer, ...] = tuple(held)
        self._of = {answer.thing: replace(answer, images=()) for answer in held}
        self._inherited = {image: self._of[answer.thing] for answer in held for image in answer.images}

    def of(self, md5: str, crop: str) -> tuple[Answer | None, bool]:
        """The answer for a picture and its crop, and whether it was given for an older crop of the picture."""
        own = self._of.get(f"image:{md5}") or (self._of.get(f"crop:{crop}") if crop else None)
        return (own, False) if own is not None else (self._inherited.get(md5), md5 in self._inherited)

    def of_crops(self) -> dict[str, Answer]:
        """The answers about crops, by digest, without the pictures that they were given for."""
        return {answer.key: answer for answer in self._of.values() if answer.kind == "crop"}

    def given(self, thing: str) -> Answer | None:
        """The answer that holds for ``crop:...`` or ``image:...``."""
        return self._of.get(thing)


def answer_id(answer: Answer | None, inherited: bool) -> str:
    """What a row keeps of the answer that was applied to it; empty without one."""
    return "" if answer is None else answer.id + ("*" if inherited else "")


def read_answers(location: Location | None, *, note: Note = say_nothing) -> Answers:
    """The answers that hold in an index; none where there is no index yet. ``note`` is told of damage that was mended.

    Raises
    ------
    StorageError
        The files cannot be read, or are damaged.
    """
    return Answers(entered_answers(location, note=note)) if location is not None else Answers()


def entered_answers(location: Location, *, note: Note = say_nothing) -> list[Answer]:
    """All answers ever entered, in their order."""
    try:
        return [
            Answer(**(record | {"images": tuple(record.get("images", ()))}))
            for record in read_annotations(location, KIND, note=note)
        ]
    except TypeError as error:
        raise StorageError(
            f"An answer in {location.child('annotations', KIND).url} is not one that this version of semcorpus knows "
            f"({error}). Update semcorpus."
        ) from error


def enter_answers(location: Location, answers: Sequence[Answer]) -> None:
    """Keep answers for good."""
    append_annotations(location, KIND, [asdict(answer) for answer in answers])


def forget_answers(location: Location, md5: str) -> None:
    """Take a picture out of what was entered: the answers about it, and its name in those about its crop.

    An answer about a crop stays: it says what a label says, not whose.
    """

    def without(record: dict[str, Any]) -> dict[str, Any] | None:
        if record.get("kind") == "image" and record.get("key") == md5:
            return None
        images = [image for image in record.get("images", ()) if image != md5]
        return record | {"images": images} if "images" in record else record

    erase_from_annotations(location, KIND, without)


def resolved(reading: ScaleReading, answer: Answer | None, inherited: bool = False) -> ScaleReading:
    """The reading as a person's answer makes it.

    A crop's answer says what the label says, not that the bar beside it was measured right: where a picture's metadata
    contradict, it stays ``disagrees`` until the picture itself is answered. An inherited answer gives way where the
    reader now reads another length.
    """
    if answer is None:
        return reading
    if answer.text in (NO_BAR, UNREADABLE):
        return _without_label(reading, answer.text)
    number, unit = answer.text.split()
    if unit.endswith("/px"):
        size = float(number) * _NM_PER_UNIT[unit.removesuffix("/px")]
        return _confirmed(reading, "", None, reading.bar_length_px, size)
    scale_nm = float(number) * _NM_PER_UNIT[unit]
    if inherited and reading.scale_nm not in (None, scale_nm):
        return reading
    length_px = answer.bar_length_px or reading.bar_length_px
    if length_px is None:
        reason = f"a person read {answer.text}, but no bar was found to measure"
        return replace(reading, text=answer.text, scale_nm=scale_nm, reason=reason)
    size, stated = scale_nm / length_px, reading.metadata_nm_per_px
    if stated is not None and abs(size - stated) <= SCALE_AGREEMENT * stated:
        return _confirmed(reading, answer.text, scale_nm, length_px, stated)
    if stated is not None and answer.kind == "crop":
        reason = (
            f"a person read {answer.text}; with a bar of {length_px:.6g} px that gives {size:.6g} nm a pixel, "
            f"{size / stated:.4g} times the metadata's value"
        )
        return replace(
            reading, status="disagrees", source="", text=answer.text, scale_nm=scale_nm, nm_per_px=None, reason=reason
        )
    return _confirmed(reading, answer.text, scale_nm, length_px, size)


def _confirmed(
    reading: ScaleReading, text: str, scale_nm: float | None, length_px: float | None, nm_per_px: float
) -> ScaleReading:
    return replace(
        reading,
        status="confirmed",
        source="person",
        text=text,
        scale_nm=scale_nm,
        bar_length_px=length_px,
        nm_per_px=nm_per_px,
        nm_per_px_y=reading.nm_per_px_y if nm_per_px == reading.nm_per_px else None,
        confidence=1.0,
        reason=f"confirmed by a person; the reader: {reading.reason}",
    )


def _without_label(reading: ScaleReading, said: str) -> ScaleReading:
    """A person says that there is nothing to read: metadata are then all there is."""
    stated = reading.metadata_nm_per_px
    plain = replace(reading, text="", scale_nm=None, confidence=1.0, nm_per_px=stated, reason=f"a person: {said}")
    if said == NO_BAR:
        plain = replace(plain, bar_length_px=None)
    if stated is not None:
        return replace(plain, status="metadata", source="metadata")
    return replace(plain, status="no_bar" if said == NO_BAR else "no_text", source="person")


def machine_part(reading: ScaleReading) -> str:
    """What an answer changes of a reading, as JSON, so that it can be taken back."""
    return json.dumps({name: getattr(reading, name) for name in _CHANGED}, ensure_ascii=False)


def machine_fields(text: str) -> Mapping[str, Any]:
    """What `machine_part` kept."""
    fields: dict[str, Any] = json.loads(text)
    return fields


def check_answer(answer: Answer, images: Mapping[str, ScaleReading]) -> None:
    """Refuse an answer that could not be applied to a picture of the index.

    Raises
    ------
    UsageError
        A length for a picture in which no bar was found, without the bar's length.
    """
    reading = images.get(answer.key) if answer.kind == "image" else None
    if reading is None or answer.bar_length_px is not None or reading.bar_length_px is not None:
        return
    if answer.text not in (NO_BAR, UNREADABLE, UNDO) and not answer.text.endswith("/px"):
        raise UsageError(
            f"{answer.thing}: no bar was found in this picture, so {answer.text!r} alone gives no pixel size. Add the "
            "bar's length in bar_length_px, or answer with the pixel size itself, for example `1.95 nm/px`."
        )
