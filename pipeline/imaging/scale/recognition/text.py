"""Reading the text of a label's crop: the recognition network of RapidOCR.

Only recognition runs here; where the text is has been decided by geometry (`pipeline.imaging.scale.bars.segment`),
which costs a hundredth of a detection network. The network's weights come inside the ``rapidocr`` wheel and are run by
onnxruntime directly: RapidOCR's own front would pad every crop to 320 px (twice the time), start one thread a core and
download what it misses.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import WeightsError
from pipeline.imaging.scale.loops.ctc import greedy_path
from pipeline.imaging.scale.loops.label_pages import print_page
from pipeline.imaging.scale.recognition.session import one_thread_session

PAD_PX: Final = 4
"""White around the foreground of a crop; more padding costs the network a quarter of its right answers."""

NETWORK_HEIGHT_PX: Final = 48
_NARROWEST_PX: Final = 48
_WIDEST_PX: Final = 960
_MICRO_SIGNS: Final = ("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}")
_CACHED_CROPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class TextCandidate:
    """One reading of a crop: the text as recognised, and the reader's confidence from 0 to 1."""

    text: str
    confidence: float


class TextReader(Protocol):
    """What reads the text of a crop."""

    def read(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        """Read one line of dark text on white.

        Parameters
        ----------
        crop : uint8 ndarray, [height, width]
            As `text_crop` makes it.

        Returns
        -------
        list of TextCandidate
            Best first; empty when nothing could be read.
        """
        ...


def text_crop(
    gray: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    foreground: NDArray[np.uint8],
    *,
    fringe_px: int | None = None,
) -> NDArray[np.uint8]:
    """Cut a text out as dark foreground on white, its contrast stretched, with `PAD_PX` of white around it.

    Parameters
    ----------
    gray : uint8 ndarray, [height, width]
    box : (x, y, width, height)
        Tight box of the text's foreground, inside the picture.
    foreground : uint8 ndarray, [box height, box width]
        1 where there is foreground. The background's level is the median elsewhere; what differs from it, to either
        side, is darkened by as much, so that white on black, black on white and coloured labels all come out alike.
    fringe_px : int, optional
        For text on a specimen: all that is further than this from the foreground becomes white. Default: the background
        is constant, nothing needs hiding.

    Returns
    -------
    uint8 ndarray, [box height + 2 PAD_PX, box width + 2 PAD_PX]
    """
    x, y, width, height = box
    cut = gray[y : y + height, x : x + width]
    if fringe_px is None:
        return print_page(cut, foreground, np.ones_like(foreground), PAD_PX)
    reach = 2 * fringe_px + 1
    near = cv2.dilate(foreground, np.ones((reach, reach), np.uint8))
    return print_page(cut, foreground, np.asarray(near, dtype=np.uint8), PAD_PX)


class RememberingReader:
    """Reads a crop that was seen before from memory."""

    def __init__(self) -> None:
        self._seen: dict[bytes, list[TextCandidate]] = {}

    def read(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        """Read one line of dark text on white; see `TextReader.read`."""
        key = _crop_key(crop)
        if key not in self._seen:
            if len(self._seen) >= _CACHED_CROPS:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = self._recognise(crop)
        return self._seen[key]

    def forget(self) -> None:
        """Forget all crops."""
        self._seen.clear()

    def _recognise(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        raise NotImplementedError


class NetworkReader(RememberingReader):
    """RapidOCR's recognition network on one thread.

    Costs about 0.3 s and 100 MB to build, then 5 to 20 ms of CPU for a crop, nothing for a crop seen before:
    up to 10,000 answers are kept by the digest of the crop. Not for use from several threads at once.

    Raises
    ------
    WeightsError
        If the installed ``rapidocr`` brings no recognition weights.
    """

    def __init__(self) -> None:
        path = recognition_weights()
        self._session = one_thread_session(str(path))
        self._input = self._session.get_inputs()[0].name
        characters = self._session.get_modelmeta().custom_metadata_map.get("character", "")
        if not all(sign in characters for sign in _MICRO_SIGNS):
            raise WeightsError(
                f"the alphabet of {path.name} has no micro sign; expected one in the weights' metadata. "
                "Install rapidocr 3.10 or a later 3.x."
            )
        self._characters = ["", *characters.splitlines(), " "]
        self._micro_signs = [i for i, character in enumerate(self._characters) if character in _MICRO_SIGNS]
        super().__init__()

    def _recognise(self, crop: NDArray[np.uint8]) -> list[TextCandidate]:
        if crop.size == 0:
            return []
        probabilities = self._session.run(None, {self._input: network_input(crop)})[0][0]
        # The alphabet has the micro sign and the Greek letter: the network halves its vote between the two.
        probabilities[:, self._micro_signs[0]] = probabilities[:, self._micro_signs].sum(axis=1)
        text, confidence = decode_ctc(probabilities, self._characters)
        return [TextCandidate(text, confidence)] if text else []


@cache
def network_reader() -> NetworkReader:
    """The one `NetworkReader` of this process, built when first asked for."""
    return NetworkReader()


def recognition_weights() -> Path:
    """Path of the recognition weights inside the installed ``rapidocr``.

    Raises
    ------
    WeightsError
        If the package is missing or brings none.
    """
    found = importlib.util.find_spec("rapidocr")
    folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or []]
    weights = sorted(path for folder in folders for path in (folder / "models").glob("*rec*.onnx"))
    if not weights:
        raise WeightsError(
            "no text recognition weights (models/*rec*.onnx) in an installed 'rapidocr'; expected those "
            "that its wheel brings. Reinstall it: pip install --force-reinstall 'rapidocr>=3.10'."
        )
    return weights[0]


def network_input(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale a crop to the network's height and range.

    Returns
    -------
    float32 ndarray, [1, 3, NETWORK_HEIGHT_PX, width]
        From -1 (foreground) to 1 (background), padded on the right with background.
    """
    height, width = crop.shape
    scaled_width = min(_WIDEST_PX, max(1, round(width * NETWORK_HEIGHT_PX / height)))
    scaled = cv2.resize(crop, (scaled_width, NETWORK_HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    # Few distinct widths: onnxruntime plans its memory anew for each.
    padded_width = max(_NARROWEST_PX, -(-scaled_width // 32) * 32)
    plane = np.ones((NETWORK_HEIGHT_PX, padded_width), dtype=np.float32)
    plane[:, :scaled_width] = scaled.astype(np.float32) / 127.5 - 1.0
    return np.ascontiguousarray(np.broadcast_to(plane, (1, 3, *plane.shape)))


def decode_ctc(
    probabilities: NDArray[np.float32], characters: list[str], *, at_peak: bool = False
) -> tuple[str, float]:
    """Greedy decoding of a CTC network's output.

    Parameters
    ----------
    probabilities : float32 ndarray, [steps, characters]
        Class 0 is the blank.
    characters : list of str
        The character of each class.
    at_peak : bool, optional
        How sure a character is that several steps show: as its surest step; default, as its first one.

    Returns
    -------
    text : str
        Repeats merged, blanks dropped.
    confidence : float
        The *lowest* probability of a character that was kept, spaces aside: one unsure letter makes a label
        unsure, which a mean would hide. 0 for an empty text.
    """
    path, probable = greedy_path(probabilities, at_peak)
    kept = [(characters[index], sure) for index, sure in zip(path.tolist(), probable.tolist(), strict=True) if index]
    sure = [one for character, one in kept if character != " "]
    return ("".join(character for character, _ in kept), min(sure)) if sure else ("", 0.0)


def _crop_key(crop: NDArray[np.uint8]) -> bytes:
    shape = np.asarray(crop.shape, dtype=np.int64).tobytes()
    return hashlib.md5(shape + np.ascontiguousarray(crop).tobytes(), usedforsecurity=False).digest()
