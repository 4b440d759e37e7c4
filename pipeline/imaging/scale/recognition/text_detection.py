"""Where a picture carries text: the detection network of RapidOCR, for pictures that geometry leaves without a value.

Its weights come inside the ``rapidocr`` wheel, as those of `pipeline.imaging.scale.recognition.text`, and are run by
onnxruntime directly, on one thread. Text is looked for level and upright, as scales are printed.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import WeightsError
from pipeline.imaging.scale.recognition.session import one_thread_session
from pipeline.imaging.scale.recognition.text import recognition_weights

LOOKS: Final = ((736, 1.5), (448, 1.0))
"""What a picture's longer side is scaled to, and how much it is enlarged at most; the second look is for large print,
which the network does not see at the first one. At 960 nothing more was read, for half as much time again."""

_STRIDE: Final = 32
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROBABLE: Final = 0.3
_SURE: Final = 0.5
_GROWN: Final = 1.6
"""The network paints the core of a line; its area over its girth, times this, is what it is grown by."""

Box = tuple[int, int, int, int]


class TextDetector:
    """RapidOCR's detection network on one thread: some 0.1 s to build, 0.1 to 0.3 s of CPU a picture.

    Raises
    ------
    WeightsError
        If the installed ``rapidocr`` brings no detection weights.
    """

    def __init__(self) -> None:
        folder = recognition_weights().parent
        weights = sorted(folder.glob("*det*.onnx"))
        if not weights:
            raise WeightsError(
                f"no text detection weights (*det*.onnx) in {folder.name} of an installed 'rapidocr'; expected those "
                "that its wheel brings. Reinstall it: pip install --force-reinstall 'rapidocr>=3.10'."
            )
        self._session = one_thread_session(str(weights[0]))
        self._input = self._session.get_inputs()[0].name

    def boxes(self, gray: NDArray[np.uint8], look: tuple[int, float] = LOOKS[0]) -> list[Box]:
        """Find the lines of text in a picture.

        Parameters
        ----------
        gray : uint8 ndarray, [height, width]
        look : (int, float), optional
            One of `LOOKS`.

        Returns
        -------
        list of (x, y, width, height)
            A few pixels wider than the text, inside the picture, from the top; two columns of one row are two boxes.
        """
        height, width = gray.shape
        page = _page(gray, *look)
        probable = self._session.run(None, {self._input: page})[0][0, 0]
        scale_x, scale_y = width / page.shape[3], height / page.shape[2]
        found = []
        for x, y, wide, tall in _cores(probable):
            left, top = max(0, int(x * scale_x)), max(0, int(y * scale_y))
            right = min(width, int(np.ceil((x + wide) * scale_x)))
            bottom = min(height, int(np.ceil((y + tall) * scale_y)))
            if right > left and bottom > top:
                found.append((left, top, right - left, bottom - top))
        return sorted(found, key=lambda box: (box[1], box[0]))


@cache
def text_detector() -> TextDetector:
    """The one of this process, built when first asked for."""
    return TextDetector()


def _page(gray: NDArray[np.uint8], longer_side_px: int, largest_scale: float) -> NDArray[np.float32]:
    """The picture as the network takes it: float32 [1, 3, height, width], sides in multiples of 32."""
    height, width = gray.shape
    scale = min(largest_scale, longer_side_px / max(height, width))
    size = [max(_STRIDE, round(side * scale / _STRIDE) * _STRIDE) for side in (width, height)]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    plane = cv2.resize(gray, (size[0], size[1]), interpolation=how).astype(np.float32) / 255
    planes = [(plane - mean) / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    return np.asarray(np.stack(planes)[None], dtype=np.float32)


def _cores(probable: NDArray[np.float32]) -> list[tuple[float, float, float, float]]:
    """The network's lines, grown from their cores: x, y, width, height in its own pixels."""
    mask = np.asarray(probable > _PROBABLE, dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for number in range(1, count):
        x, y, wide, tall, area = stats[number].tolist()
        part = (slice(y, y + tall), slice(x, x + wide))
        if min(wide, tall) < 3 or float(probable[part][labels[part] == number].mean()) < _SURE:
            continue
        by = area * _GROWN / (2 * (wide + tall))
        found.append((x - by, y - by, wide + 2 * by, tall + 2 * by))
    return found
