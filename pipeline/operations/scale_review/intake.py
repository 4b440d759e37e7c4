"""Answers about scales as a CSV file: taking them in after checking every line, and writing them out again.

Columns: ``what`` (``crop:DIGEST`` or ``image:MD5``), ``answer`` (``200 nm``, ``no bar``, ``unreadable``, ``undo``; of
an image also ``1.95 nm/px``), and as one likes ``bar_length_px`` (of an image), ``by``, ``note``, ``entered``. The
review page makes such files, and so does `export_answers`; a spreadsheet can.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.corpus.csv_text import cell_text, read_csv
from pipeline.errors import UsageError
from pipeline.index.store import Index
from pipeline.operations.remembered import stored_recipe
from pipeline.runtime.keys import scale_key
from pipeline.stages.files.ledger import hex_md5, read_images
from pipeline.stages.scale.answers import (
    UNDO,
    Answer,
    check_answer,
    enter_answers,
    parse_answer,
    parse_thing,
    read_answers,
)
from pipeline.stages.scale.rows import read_columns, stored_reading
from pipeline.stages.selection import done_rows, image_count

COLUMNS: Final = ("what", "answer", "bar_length_px", "by", "note", "entered")
_NEEDED: Final = ("what", "answer")
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """What an answers file came to.

    Attributes
    ----------
    answers : int
        Answers that are new or changed, and were kept.
    unchanged : int
        Those that hold already.
    pictures : int
        Pictures of this index that they are about.
    unknown : int
        Answers about crops or images that this index has never seen; kept for when they come.
    """

    answers: int
    unchanged: int
    pictures: int
    unknown: int


def take_answers(index: Index, file: Path, *, by: str = "") -> Taken:
    """Check a file of answers and keep them, all or none; the scale stage applies them.

    Parameters
    ----------
    index : Index
    file : Path
        CSV, see the module.
    by : str
        Who answered, for lines that do not say.

    Raises
    ------
    UsageError
        The file cannot be read, or any line of it is wrong; the message names up to ten of them.
    """
    answers = parse_answers(_text(file), str(file), by=by)
    hanging, readings = _hanging(index)
    problems = []
    for number, answer in answers:
        try:
            check_answer(answer, readings)
        except UsageError as error:
            problems.append(f"line {number}: {error}")
    _refuse(problems, str(file))
    held = read_answers(index.location)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new: list[Answer] = []
    for _, answer in answers:
        before = held.given(answer.thing)
        if answer.id == (before.id if before else "") or (before is None and answer.text == UNDO):
            continue
        images = hanging.get(answer.key, ()) if answer.kind == "crop" and answer.text != UNDO else ()
        new.append(replace(answer, images=tuple(images), entered=answer.entered or now))
    enter_answers(index.location, new)
    about = {image for answer in new for image in _pictures(answer, hanging, readings)}
    unknown = sum(not _pictures(answer, hanging, readings) for answer in new)
    return Taken(len(new), len(answers) - len(new), len(about), unknown)


def _pictures(answer: Answer, hanging: Mapping[str, Sequence[str]], readings: Mapping[str, Any]) -> Sequence[str]:
    if answer.kind == "crop":
        return hanging.get(answer.key, ())
    return (answer.key,) if answer.key in readings else ()


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"The answers {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The answers {file} are no UTF-8 text ({error}); save them as CSV in UTF-8.") from error


def parse_answers(text: str, name: str, *, by: str = "") -> list[tuple[int, Answer]]:
    """The answers of a CSV text with their line numbers, the last about each thing only.

    Raises
    ------
    UsageError
        For any line that is wrong.
    """
    first = text.partition("\n")[0]
    header, rows = read_csv(text, name)
    if not set(_NEEDED) <= set(header):
        lacking = " and ".join(column for column in _NEEDED if column not in header)
        raise UsageError(
            f"{name} has no column {lacking}; its first line is {first.strip()[:80]!r}. "
            f"Expected the columns {', '.join(COLUMNS)}, as the review page downloads them."
        )
    found: dict[str, tuple[int, Answer]] = {}
    problems = []
    for line, row in rows:
        try:
            answer = _parse_row(row, by)
        except ValueError as error:
            problems.append(f"line {line}: {error}")
            continue
        found.pop(answer.thing, None)
        found[answer.thing] = (line, answer)
    _refuse(problems, name)
    return list(found.values())


def _parse_row(row: Mapping[str, Any], by: str) -> Answer:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    kind, key = parse_thing(cells["what"])
    text = parse_answer(cells["answer"], of_image=kind == "image")
    length = _length_px(cells["bar_length_px"])
    if length is not None and kind == "crop":
        raise ValueError("bar_length_px belongs to an image; the pictures of a crop have bars of different lengths")
    return Answer(kind, key, text, length, cells["by"] or by, cells["note"], cells["entered"])


def _length_px(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not (np.isfinite(value) and 1 <= value <= 1e6):
        raise ValueError(f"bar_length_px is {text!r}; expected a number of pixels")
    return value


def _refuse(problems: Sequence[str], name: str) -> None:
    if problems:
        more = f"\nand {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        listed = "\n".join(problems[:_SHOWN])
        raise UsageError(f"{name} was not taken, not in part either:\n{listed}{more}\nMend it and give it again.")


def _hanging(index: Index) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """MD5s of the pictures that hang on each crop, and the program's reading of each picture."""
    root = index.read()
    rows = done_rows(root, "scale", scale_key(stored_recipe(index)))
    if not len(rows):
        return {}, {}
    columns = {name: values[rows] for name, values in read_columns(root, 0, image_count(root)).items()}
    md5 = hex_md5(read_images(root).md5[rows])
    hanging: dict[str, list[str]] = {}
    for image, crop in zip(md5, columns["crop"].tolist(), strict=True):
        if crop:
            hanging.setdefault(str(crop), []).append(image)
    readings = {image: stored_reading(columns, place, by_machine=True) for place, image in enumerate(md5)}
    return {crop: sorted(images) for crop, images in hanging.items()}, readings


def export_answers(index: Index, file: Path) -> int:
    """Write the answers that hold as CSV, in the order in which they were entered; returns how many.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    held = read_answers(index.location).held
    try:
        with open(file, "w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            for answer in held:
                length = "" if answer.bar_length_px is None else f"{answer.bar_length_px:g}"
                cells = (answer.thing, answer.text, length, answer.by, answer.note, answer.entered)
                writer.writerow(map(cell_text, cells))
    except OSError as error:
        raise UsageError(f"The answers cannot be written to {file}: {error.strerror}.") from error
    return len(held)
