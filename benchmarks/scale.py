"""CPU milliseconds a picture of the scale reader by step, and what it gets right, beside the usual way.

    python -m benchmarks.scale --drawn 300 --seed 900000
    python -m benchmarks.scale --drawn 5000 --without-reference      # and 150,000 pictures on 2 workers projected
    python -m benchmarks.scale --drawn 0 --styles 300 --held-out --real FOLDER --without-reference
    python -m benchmarks.scale --drawn 0 --junk 2000 --without-reference
    python -m benchmarks.scale --drawn 0 --real FOLDER --hard-share 0.03 --without-reference
    python -m benchmarks.scale --drawn 0 --judge 300 --bait 300 --specimens FOLDER FOLDER --without-reference

The same pictures are read by both in this one process: drawn ones with exact truth from seeds that no test uses, with
fonts kept apart from those that the reader was made with, spoilt by coding, resizing, tilting and noise; and real ones,
where a folder with ``truth.csv`` is named (``--real``). The usual way is OpenCV's contours and Tesseract: a process for
each picture, as pytesseract does it, and the library within this process, where tesserocr is installed (it is no part
of this project: pip install tesserocr). Without Tesseract the reader is measured alone, and the result says so.
"""

import argparse
import csv
import importlib.util
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.bars.segment import find_segments
from pipeline.imaging.scale.labels.box import find_label_boxes, label_foreground
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.network import label_net_readers
from pipeline.imaging.scale.recognition.text import network_reader, text_crop
from pipeline.imaging.scale.regions.databar import find_data_bar, foreground_mask
from tests.imaging.scale.judge_bait import bait_sample
from tests.imaging.scale.judge_drawings import judge_sample
from tests.imaging.scale.junk_pictures import junk
from tests.imaging.scale.scale_drawings import sample
from tests.imaging.scale.style_drawings import StyleDrawing, style_sample
from tests.reference.scale_opencv_tesseract import ocr_in_process, read_by_reference

FRESH_FONTS = ("STIXGeneral", "STIXGeneralBol", "DejaVuSans-Oblique", "DejaVuSansMono-Bold")
"""Come with matplotlib and were kept apart; serifs and slants are harder than vendors' fonts."""

_NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}
_LENGTH_TOLERANCE = (2.0, 0.01)
_JUDGED_TOLERANCE = 0.03
_SPECIMEN = 0.7
_CORPUS, _WORKERS = 150_000, 2
_WARM_UP = 40
_REFERENCES = ("reference by process", "reference in process")
_NOT_MEASURED = "not measured: the module tesserocr is not installed"


@dataclass(frozen=True)
class Case:
    """A picture and its truth; ``scale_nm`` is None where no value may be reported."""

    group: str
    gray: NDArray[np.uint8]
    scale_nm: float | None
    length_px: float


@dataclass
class Tally:
    """Counts by group and outcome."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, case: Case, scale_nm: float | None, length_px: float | None) -> None:
        """Judge one reading: ``right``, ``wrong`` or ``unread``; of a picture without a scale ``right`` is none."""
        if scale_nm is None or length_px is None:
            outcome = "unread" if case.scale_nm is not None else "right"
        else:
            outcome = "right" if _is_right(case, scale_nm, length_px) else "wrong"
        kind = case.group if case.scale_nm is not None else f"{case.group}, no scale"
        self.outcomes.setdefault(kind, Counter())[outcome] += 1

    def summary(self) -> dict[str, Any]:
        """For each group its counts; of all readable ones the share right with its 95% interval."""
        readable = [counts for kind, counts in self.outcomes.items() if not kind.endswith(", no scale")]
        total = sum((counts for counts in readable), Counter[str]())
        all_kinds = {kind: dict(counts) for kind, counts in sorted(self.outcomes.items())}
        n = total.total()
        shares = {name: wilson(total[name], n) for name in ("right", "wrong")} if n else {}
        return {"readable": n, "share_with_95_percent_interval": shares, "groups": all_kinds}


def wilson(hits: int, trials: int) -> tuple[float, float, float]:
    """A share and its 95% interval (Wilson, 1927).

    Examples
    --------
    >>> wilson(0, 3000)
    (0.0, 0.0, 0.00128)
    """
    z2 = 1.959964**2
    share = hits / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * share * (1 - share) / trials + z2 * z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return round(share, 5), round(max(0.0, middle - half), 5), round(min(1.0, middle + half), 5)


def drawn_cases(count: int, seed: int, fonts: tuple[str, ...] = FRESH_FONTS) -> Iterator[Case]:
    """Drawn pictures, one at a time."""
    for number in range(seed, seed + count):
        drawing, how = sample(number, fonts)
        yield Case(f"drawn {how.split()[0]}", drawing.gray, drawing.scale_nm, drawing.length_px)


def real_cases(folder: Path) -> Iterator[Case]:
    """The pictures of a folder with ``truth.csv``: file, vendor, scale_value, scale_unit, bar_length_px."""
    with open(folder / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        gray = to_gray8(decode_image((folder / row["file"]).read_bytes()))
        value = float(row["scale_value"]) * _NM_PER_UNIT[row["scale_unit"]] if row["scale_value"] else None
        yield Case(f"real {row['vendor']}", gray, value, float(row["bar_length_px"] or 0))


def read_styles(count: int, seed: int, *, held_out: bool, specimens: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
    """Read drawings in any maker's manner, coloured ones too (`tests.imaging.scale.style_drawings`).

    Returns
    -------
    dict
        ``cpu_ms`` a picture with decoding, outcomes, and the seeds of those that were wrong or unread, with the rule.
    """
    tally, missed = Tally(), []
    began = time.process_time_ns()
    for number in range(seed, seed + count):
        drawing = style_sample(number, held_out=held_out, specimens=specimens)
        reading = read_scale(drawing.as_png())
        given = reading.nm_per_px is not None
        case = Case(drawing.style, drawing.pixels, drawing.scale_nm, drawing.length_px)
        scale_nm, length = (reading.scale_nm, reading.bar_length_px) if given else (None, None)
        tally.add(case, scale_nm, length)
        if scale_nm is None or length is None or not _is_right(case, scale_nm, length):
            missed.append(f"{'wrong' if given else 'unread'} {number} {drawing.style} {drawing.how}: {reading.rule}")
    spent = (time.process_time_ns() - began) / 1e6
    return {"cpu_ms": round(spent / max(1, count), 1), **tally.summary(), "missed": sorted(missed)}


def judge(count: int, seed: int, specimens: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
    """Read drawings that the reader was never made on (`tests.imaging.scale.judge_drawings`), each style apart.

    Right is a value in nanometres per pixel that is within 3% of the truth.

    Returns
    -------
    dict
        ``cpu_ms`` a picture, ``all`` and ``by_style`` with counts of right, wrong and unread, and ``missed``: the seed
        of each that was wrong or unread, what it shows, what was read and by which rule.
    """
    counts: dict[str, Counter[str]] = {}
    missed = []
    began = time.process_time_ns()
    for number in range(seed, seed + count):
        drawing = judge_sample(number, specimens=specimens)
        reading = read_scale(drawing.as_png())
        outcome = _judged(drawing, reading.nm_per_px)
        counts.setdefault(drawing.style, Counter())[outcome] += 1
        if outcome != "right":
            read = f"{reading.text!r} of {reading.bar_length_px} px by {reading.rule}"
            missed.append(f"{outcome} {number} {drawing.style} {drawing.how} {drawing.length_px:.1f} px: {read}")
    spent = (time.process_time_ns() - began) / 1e6
    total = dict(sum(counts.values(), Counter[str]()))
    by_style = {style: dict(found) for style, found in sorted(counts.items())}
    return {"cpu_ms": round(spent / max(1, count), 1), "all": total, "by_style": by_style, "missed": sorted(missed)}


def _judged(drawing: StyleDrawing, nm_per_px: float | None) -> str:
    if nm_per_px is None:
        return "unread"
    is_near = math.isclose(nm_per_px, drawing.scale_nm / drawing.length_px, rel_tol=_JUDGED_TOLERANCE)
    return "right" if is_near else "wrong"


def read_bait(count: int, seed: int, specimens: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
    """Read pictures with what may look like a scale bar and is none: how many of each kind were given a value."""
    kinds: dict[str, Counter[str]] = {}
    values = []
    began = time.process_time_ns()
    for number in range(seed, seed + count):
        kind, pixels = bait_sample(number, specimens=specimens)
        reading = read_scale(StyleDrawing(pixels, 0.0, 0.0, kind, "").as_png())
        outcome = "right" if reading.nm_per_px is None else "wrong"
        kinds.setdefault(kind, Counter())[outcome] += 1
        if outcome == "wrong":
            values.append(f"{number} {kind}: {reading.text!r} of {reading.bar_length_px} px by {reading.rule}")
    spent = (time.process_time_ns() - began) / 1e6
    by_kind = {kind: dict(found) for kind, found in sorted(kinds.items())}
    total = dict(sum(kinds.values(), Counter[str]()))
    return {"cpu_ms": round(spent / max(1, count), 1), "all": total, "by_kind": by_kind, "with_a_value": values}


def read_junk(count: int, seed: int) -> dict[str, Any]:
    """Read pictures without a bar by all steps: how many were given a value, and which."""
    began = time.process_time_ns()
    values = []
    for number in range(seed, seed + count):
        name, gray = junk(number)
        reading = read_scale(gray)
        if reading.nm_per_px is not None:
            values.append(f"{number} {name}: {reading.text}, {reading.rule}")
    spent = (time.process_time_ns() - began) / 1e6
    return {"pictures": count, "cpu_ms": round(spent / max(1, count), 1), "with_a_value": values}


def cascade_cost(cases: Iterable[Case], hard_share: float) -> dict[str, Any]:
    """What a picture costs on average by all steps in a corpus of which a share is hard or without a bar.

    Each picture is read from scratch, from its gray levels, with all of its labels new.

    Returns
    -------
    dict
        ``easy_cpu_ms`` where the quick steps gave a value, ``hard_cpu_ms`` of all others, how many there were of each,
        and ``mixed_cpu_ms`` of a corpus with so large a share of the others.
    """
    for case in drawn_cases(_WARM_UP, 0):
        read_scale(case.gray)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for case in cases:
        for reader in (network_reader(), *label_net_readers()):
            reader.forget()
        began = time.process_time_ns()
        reading = read_scale(case.gray, labels=LabelMemory())
        was_quick = reading.nm_per_px is not None and reading.rule != "a pair all over the picture"
        spent[was_quick].append((time.process_time_ns() - began) / 1e6)
    easy, hard = (float(np.mean(spent[kind])) if spent[kind] else 0.0 for kind in (True, False))
    mixed = (1 - hard_share) * easy + hard_share * hard
    counts = {"easy": len(spent[True]), "hard": len(spent[False]), "hard_share": hard_share}
    return {**counts, "easy_cpu_ms": round(easy, 2), "hard_cpu_ms": round(hard, 1), "mixed_cpu_ms": round(mixed, 2)}


def real_specimens(folder: Path) -> list[NDArray[np.uint8]]:
    """The upper 70% of a folder's pictures: specimens without their feet."""
    grays = (case.gray for case in real_cases(folder))
    return [np.ascontiguousarray(gray[: int(_SPECIMEN * len(gray))]) for gray in grays if min(gray.shape) >= 300]


def measure(cases: Iterable[Case], *, with_reference: bool, warm_up: int = _WARM_UP) -> dict[str, Any]:
    """Read every case: by the reader from scratch, with its label seen before, and with its whole stripe seen before.

    ``warm_up`` drawn pictures are read before them, and not counted.

    Returns
    -------
    dict
        ``machine``; ``reader``, ``projected`` and each reference with CPU milliseconds a picture and outcomes; a
        reference is a sentence where it cannot be measured.
    """
    reader = Tally()
    spent: Counter[str] = Counter()
    others = _references() if with_reference else {}
    tallies = {name: Tally() for name in others}
    count = 0
    # Networks are built, and compiled code is loaded, once a process and not once a picture.
    for case in drawn_cases(warm_up, 0):
        read_scale(case.gray)
    for case in cases:
        count += 1
        _decode(spent, case.gray)
        _read(spent, case, reader)
        _steps(spent, case.gray)
        for name, ocr in others.items():
            other = read_by_reference(case.gray, ocr)
            spent[f"{name} segment"] += other.segment_ms  # type: ignore[assignment]
            spent[f"{name} text"] += other.text_ms  # type: ignore[assignment]
            tallies[name].add(case, other.scale_nm, other.length_px)
    each = {name: round(milliseconds / max(1, count), 3) for name, milliseconds in spent.items()}
    steps = {name: value for name, value in each.items() if not name.startswith("reference")}
    result = {"machine": describe_machine(), "pictures": count, "reader": {"cpu_ms": steps, **reader.summary()}}
    result["projected"] = _projected(each) if count else None
    for name in _REFERENCES:
        if name not in others:
            result[name] = _NOT_MEASURED if with_reference else "not measured: not asked for, or not installed"
            continue
        cpu = {step: value for step, value in each.items() if step.startswith(f"{name} ")}
        faster = round(sum(cpu.values()) / each["first_look"], 1) if count else None
        result[name] = {"cpu_ms": cpu, **tallies[name].summary(), "times_slower": faster}
    return result


def reference_is_here() -> bool:
    """Whether the usual way can be measured on this machine."""
    return shutil.which("tesseract") is not None and importlib.util.find_spec("pytesseract") is not None


def _references() -> dict[str, Callable[[NDArray[np.uint8]], str] | None]:
    """The ways to recognise text that are here, by name."""
    found: dict[str, Callable[[NDArray[np.uint8]], str] | None] = {_REFERENCES[0]: None}
    if importlib.util.find_spec("tesserocr") is not None:
        found[_REFERENCES[1]] = ocr_in_process()
    return found


def _read(spent: Counter[str], case: Case, tally: Tally) -> None:
    """Read a case three times: from scratch, with the crops of its labels known, with its whole stripe known."""
    memory = LabelMemory()
    # The readers remember crops for the whole process: a label that came before would look cheap.
    for reader in (network_reader(), *label_net_readers()):
        reader.forget()
    reading = _timed(spent, "first_look", partial(read_scale, labels=memory), case.gray)
    memory.stripes.clear()
    _timed(spent, "label_seen_before", partial(read_scale, labels=memory), case.gray)
    _timed(spent, "stripe_seen_before", partial(read_scale, labels=memory), case.gray)
    given = reading.nm_per_px is not None
    tally.add(case, reading.scale_nm if given else None, reading.bar_length_px if given else None)


def _decode(spent: Counter[str], gray: NDArray[np.uint8]) -> None:
    """Time what comes before the reader: a JPEG of the picture to its gray levels."""
    content = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    _timed(spent, "decode_jpeg", lambda: to_gray8(decode_image(content)))


def _projected(each: dict[str, float]) -> dict[str, Any]:
    """Minutes for a corpus on two workers, every label new, and every label seen before."""
    minutes = {
        name: round(_CORPUS * (each["decode_jpeg"] + each[name]) / 1e3 / 60 / _WORKERS, 1)
        for name in ("first_look", "label_seen_before")
    }
    return {"pictures": _CORPUS, "workers": _WORKERS, "minutes_decoding_included": minutes}


def _steps(spent: Counter[str], gray: NDArray[np.uint8]) -> None:
    """Time the steps on a picture with a stripe, and both readers on the nearest text of its first segment."""
    bar = _timed(spent, "step_data_bar", find_data_bar, gray)
    if bar is None:
        return
    foreground = _timed(spent, "step_foreground", foreground_mask, gray, bar)
    segments = _timed(spent, "step_segments", find_segments, foreground, bar)
    labels = _timed(spent, "step_label_boxes", find_label_boxes, foreground, bar, segments[0]) if segments else []
    if labels:
        crop = _timed(spent, "step_crop", text_crop, gray, labels[0].box, label_foreground(foreground, bar, labels[0]))
        for name, reader in (("step_small_network", label_net_readers()[0]), ("step_large_network", network_reader())):
            reader.forget()
            _timed(spent, name, reader.read, crop)


def _timed(spent: Counter[str], name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    began = time.process_time_ns()
    result = call(*arguments)
    spent[name] += (time.process_time_ns() - began) / 1e6  # type: ignore[assignment]
    return result


def _is_right(case: Case, scale_nm: float, length_px: float) -> bool:
    if case.scale_nm is None:
        return False
    pixels, share = _LENGTH_TOLERANCE
    same_length = abs(length_px - case.length_px) <= max(pixels, share * case.length_px)
    return same_length and math.isclose(scale_nm, case.scale_nm, rel_tol=1e-9)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drawn", type=int, default=300, help="how many drawn pictures")
    parser.add_argument("--seed", type=int, default=900_000, help="the first one's seed")
    parser.add_argument("--fonts", nargs="+", default=list(FRESH_FONTS), help="names in matplotlib, or paths")
    parser.add_argument("--real", type=Path, help="a folder of real pictures with truth.csv")
    parser.add_argument("--hard-share", type=float, help="also what all steps cost with such a share of hard ones")
    parser.add_argument("--styles", type=int, default=0, help="how many in any maker's manner, on --real's specimens")
    parser.add_argument("--held-out", action="store_true", help="those in styles and fonts that no rule was made on")
    parser.add_argument("--junk", type=int, default=0, help="how many without a bar")
    parser.add_argument("--judge", type=int, default=0, help="how many in manners that the reader was never made on")
    parser.add_argument("--bait", type=int, default=0, help="how many with what may look like a bar and is none")
    parser.add_argument(
        "--specimens",
        type=Path,
        nargs="+",
        default=[],
        help="folders with truth.csv for --judge's and --bait's grounds",
    )
    parser.add_argument("--without-reference", action="store_true")
    chosen = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    with_reference = reference_is_here() and not chosen.without_reference
    found: dict[str, Any] = {}
    if chosen.drawn:
        cases = drawn_cases(chosen.drawn, chosen.seed, tuple(chosen.fonts))
        found["drawn"] = measure(cases, with_reference=with_reference)
    if chosen.styles:
        ground = [] if chosen.real is None else real_specimens(chosen.real)
        found["styles"] = read_styles(chosen.styles, chosen.seed, held_out=chosen.held_out, specimens=ground)
    if chosen.junk:
        found["junk"] = read_junk(chosen.junk, chosen.seed)
    grounds = [specimen for folder in chosen.specimens for specimen in real_specimens(folder)]
    if chosen.judge:
        found["judge"] = judge(chosen.judge, chosen.seed, grounds)
    if chosen.bait:
        found["bait"] = read_bait(chosen.bait, chosen.seed, grounds)
    if chosen.real is not None and chosen.hard_share is not None:
        found["cascade"] = cascade_cost(real_cases(chosen.real), chosen.hard_share)
    elif chosen.real is not None and not chosen.styles:
        found["real"] = measure(real_cases(chosen.real), with_reference=with_reference)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
