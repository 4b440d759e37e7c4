"""Two small networks that read the labels of scale bars: the first look at a crop, at a tenth of the big one's cost.

They were trained on nothing but lengths and the settings that stand beside them (`training.label_reader` draws the
crops and trains them), read a line as a whole, letters that touch included, and share neither weights nor training
with RapidOCR's. The first one set out from an earlier state of the second, in twice as many fonts, and both went on
with crops of their own: they differ where print is hard, and what both are sure of has been right
(`pipeline.imaging.scale.evidence.label`).
"""

from functools import cache
from importlib import resources
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import WeightsError
from pipeline.imaging.scale.recognition.session import one_thread_session
from pipeline.imaging.scale.recognition.text import RememberingReader, TextCandidate, decode_ctc

MICRO: Final = "\N{MICRO SIGN}"
ALPHABET: Final = "0123456789.,nmu" + MICRO + "p*=:-/%+()abcdefghijkloqrstvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Class 0 of the network is the blank, class i + 1 the i-th character. Spaces are not read."""

WEIGHTS: Final = ("label_reader.onnx", "label_reader_2.onnx")
HEIGHT_PX: Final = 24
NARROWEST_PX: Final = 32
_WIDEST_PX: Final = 256
_KEPT_PAD_PX: Final = 2


def net_input(crop: NDArray[np.uint8], *, pad_px: int = 4) -> NDArray[np.float32]:
    """Scale a crop, as `pipeline.imaging.scale.recognition.text.text_crop` makes it, to the network's height.

    Returns
    -------
    float32 ndarray, [1, 1, 24, width]
        0 (background) to 1 (foreground), the width a multiple of 8 from 32 to 256, padded on the right.
    """
    cut = max(0, pad_px - _KEPT_PAD_PX)
    tight = crop[cut : crop.shape[0] - cut, cut : crop.shape[1] - cut]
    height, width = tight.shape
    scaled_width = min(_WIDEST_PX, max(8, round(width * HEIGHT_PX / height)))
    how = cv2.INTER_AREA if height > HEIGHT_PX else cv2.INTER_LINEAR
    scaled = cv2.resize(tight, (scaled_width, HEIGHT_PX), interpolation=how)
    page = np.zeros((1, 1, HEIGHT_PX, max(NARROWEST_PX, -(-scaled_width // 8) * 8)), dtype=np.float32)
    page[0, 0, :, :scaled_width] = 1.0 - scaled.astype(np.float32) / 255.0
    return page


class LabelNetReader(RememberingReader):
    """A small network on one thread: about 0.4 ms of CPU a crop, nothing for a crop seen before.

    Parameters
    ----------
    name : str
        The file of its weights, in the package.

    Raises
    ------
    WeightsError
        If the package was installed without its weights.
    """

    def __init__(self, name: str = WEIGHTS[0]) -> None:
        self._session = network_session(name)
        self._characters = ["", *ALPHABET]
        super().__init__()

    def _recognise(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        if crop.size == 0:
            return []
        probabilities = self._session.run(None, {"page": net_input(crop)})[0][0]
        text, confidence = decode_ctc(probabilities, self._characters, at_peak=True)
        return [TextCandidate(text, confidence)] if text else []


def network_session(name: str) -> Any:
    """Open one of the package's small networks on one thread.

    Raises
    ------
    WeightsError
        If the package was installed without its weights.
    """
    weights = resources.files("pipeline.imaging.scale.recognition") / "weights" / name
    if not weights.is_file():
        raise WeightsError(
            f"no {weights.name} beside the reader; expected the one that the package brings. "
            "Install semcorpus again, or train it (training/)."
        )
    return one_thread_session(weights.read_bytes())


@cache
def label_net_readers() -> tuple[LabelNetReader, ...]:
    """The two of this process, built when first asked for; the one that was trained longer first."""
    return tuple(LabelNetReader(name) for name in WEIGHTS)
