"""CPU milliseconds a picture of the scale reader by step, and what it gets right, beside the usual way.

    python -m benchmarks.scale --drawn 300 --seed 900000

The same pictures are read by both in this one process: drawn ones with exact truth from seeds that no test uses, with
fonts kept apart from the tests', spoilt by coding, resizing, tilting and noise; and real ones, where a folder with
``truth.csv`` is named (``--real``). The usual way is OpenCV's contours and a process of Tesseract for each picture;
without Tesseract the reader is measured alone, and the result says so.
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
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.databar import find_data_bar, ink_mask
from pipeline.imaging.decode import decode_image
from pipeline.imaging.scale import read_scale
from pipeline.imaging.segment import find_segments
from tests.imaging.scale_drawings import sample
from tests.reference.scale_opencv_tesseract import read_by_reference

FRESH_FONTS = ("STIXGeneral", "STIXGeneralBol", "DejaVuSans-Oblique", "DejaVuSansMono-Bold")
"""Come with matplotlib and are used by no test of the reader; serifs and slants are harder than vendors' fonts."""

_NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}
_LENGTH_TOLERANCE = (2.0, 0.01)


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


def measure(cases: Iterable[Case], *, with_reference: bool) -> dict[str, Any]:
    """Read every case, twice by the reader: with its label new to the process or not, and seen a moment before.

    Returns
    -------
    dict
        ``machine``; ``reader`` and ``reference`` each with CPU milliseconds a picture and outcomes; ``reference`` is
        a sentence where it cannot be measured.
    """
    reader, reference = Tally(), Tally()
    spent: Counter[str] = Counter()
    count = 0
    read_scale(next(drawn_cases(1, 0)).gray)  # the network is built once a process, not once a picture
    for case in cases:
        count += 1
        reading = _timed(spent, "first_look", read_scale, case.gray)
        _timed(spent, "seen_before", read_scale, case.gray)
        _steps(spent, case.gray)
        given = reading.nm_per_px is not None
        reader.add(case, reading.scale_nm if given else None, reading.bar_length_px if given else None)
        if with_reference:
            other = read_by_reference(case.gray)
            spent["reference_segment"] += other.segment_ms
            spent["reference_text"] += other.text_ms
            reference.add(case, other.scale_nm, other.length_px)
    each = {name: round(milliseconds / max(1, count), 3) for name, milliseconds in spent.items()}
    steps = {name: value for name, value in each.items() if not name.startswith("reference")}
    result = {"machine": describe_machine(), "pictures": count, "reader": {"cpu_ms": steps, **reader.summary()}}
    if not with_reference:
        return {**result, "reference": "not measured: no program tesseract, or no module pytesseract, on this machine"}
    cpu = {name: value for name, value in each.items() if name.startswith("reference")}
    times_faster = round(sum(cpu.values()) / each["first_look"], 1) if count else None
    return {**result, "reference": {"cpu_ms": cpu, **reference.summary()}, "times_faster": times_faster}


def reference_is_here() -> bool:
    """Whether the usual way can be measured on this machine."""
    return shutil.which("tesseract") is not None and importlib.util.find_spec("pytesseract") is not None


def _steps(spent: Counter[str], gray: NDArray[np.uint8]) -> None:
    """Time the steps that every picture with a stripe goes through."""
    bar = _timed(spent, "step_data_bar", find_data_bar, gray)
    if bar is not None:
        ink = _timed(spent, "step_ink", ink_mask, gray, bar)
        _timed(spent, "step_segments", find_segments, ink, bar)


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
    parser.add_argument("--without-reference", action="store_true")
    chosen = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    with_reference = reference_is_here() and not chosen.without_reference
    found: dict[str, Any] = {}
    found["drawn"] = measure(drawn_cases(chosen.drawn, chosen.seed, tuple(chosen.fonts)), with_reference=with_reference)
    if chosen.real is not None:
        found["real"] = measure(real_cases(chosen.real), with_reference=with_reference)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
