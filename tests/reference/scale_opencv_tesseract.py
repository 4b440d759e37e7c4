"""The scale as it is usually read: contours of the stripe and the line by OpenCV, the text by Tesseract.

Written after the published way (stripe, longest line in it, OCR of what is near, a regular expression), plainly and
without the cares of `pipeline.imaging.scale.reading`. A process of ``tesseract`` for each picture, as pytesseract does
it, or the library in this process, as tesserocr does it.
"""

import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}
_LABEL = re.compile(r"(\d+(?:[.,]\d+)?)\s*(nm|mm|[uµμypj]m)\b")


@dataclass(frozen=True)
class ReferenceReading:
    """What was read, None where nothing was; and the CPU milliseconds of the steps, Tesseract's process included."""

    scale_nm: float | None
    length_px: float | None
    text: str
    segment_ms: float
    text_ms: float


def read_by_reference(
    gray: NDArray[np.uint8], ocr: Callable[[NDArray[np.uint8]], str] | None = None
) -> ReferenceReading:
    """Read the scale of a picture; by default with `ocr_by_process`."""
    recognise = ocr or ocr_by_process
    began = _cpu_seconds()
    stripe = find_stripe(gray)
    line = longest_line(stripe)
    found = _cpu_seconds()
    text = recognise(text_near(stripe, line)) if line is not None else ""
    ended = _cpu_seconds()
    match = _LABEL.search(text)
    scale_nm = None
    if match is not None:
        unit = match[2] if match[2] in NM_PER_UNIT else "um"
        scale_nm = float(match[1].replace(",", ".")) * NM_PER_UNIT[unit]
    length = None if line is None else float(line[2])
    return ReferenceReading(scale_nm, length, text, (found - began) * 1e3, (ended - found) * 1e3)


def find_stripe(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The widest flat contour in the lower third, white letters made black; the lower tenth where there is none."""
    height, width = gray.shape
    lower = gray[2 * height // 3 :]
    for flat in (lower >= 250, lower <= 5):
        contours, _ = cv2.findContours(flat.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for x, y, w, h in sorted((cv2.boundingRect(c) for c in contours), key=lambda box: -box[2] * box[3]):
            if w > 0.8 * width and 0.02 * height < h < 0.25 * height:
                return _black_on_white(lower[y : y + h, x : x + w])
    return _black_on_white(gray[int(0.9 * height) :])


def longest_line(stripe: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Box of the widest contour that is flat and no frame; None without one."""
    foreground = (stripe < 200).astype(np.uint8)
    contours, _ = cv2.findContours(foreground, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(contour) for contour in contours]
    lines = [b for b in boxes if b[2] >= 20 and b[2] >= 3 * b[3] and b[2] < 0.6 * stripe.shape[1]]
    return max(lines, key=lambda box: box[2]) if lines else None  # type: ignore[return-value]


def text_near(stripe: NDArray[np.uint8], line: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The stripe around the line, enlarged to what Tesseract likes."""
    x, _, w, _ = line
    near = stripe[:, max(0, x - w // 2) : x + w + w // 2 + 60]
    return np.asarray(cv2.resize(near, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def ocr_by_process(page: NDArray[np.uint8]) -> str:
    """One process of Tesseract; needs the program ``tesseract`` and the module pytesseract."""
    import pytesseract

    return str(pytesseract.image_to_string(page, config="--psm 6"))


def ocr_in_process() -> Callable[[NDArray[np.uint8]], str]:
    """Tesseract as a library, loaded once; needs the module tesserocr and the program's language data."""
    import tesserocr
    from PIL import Image

    folders = sorted(Path("/usr/share").glob("tesseract-ocr/*/tessdata"))
    engine = tesserocr.PyTessBaseAPI(
        path=str(folders[-1]) if folders else "", lang="eng", psm=tesserocr.PSM.SINGLE_BLOCK
    )

    def read(page: NDArray[np.uint8]) -> str:
        engine.SetImage(Image.fromarray(page))
        return str(engine.GetUTF8Text())

    return read


def _black_on_white(stripe: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return stripe if float(np.median(stripe)) > 127 else np.asarray(255 - stripe, dtype=np.uint8)


def _cpu_seconds() -> float:
    """Of this process and the children it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
