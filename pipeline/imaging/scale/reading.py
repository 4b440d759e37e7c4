"""The physical scale of a micrograph: nanometres a pixel from picture and metadata, or why there are none.

Evidence is found step by step, each in a file of its own: the region (`regions.databar`), the mark (`bars.segment`),
the place of its label (`labels.box`), the text (`recognition`), the value (`labels.value`), strung together in
`candidates`; `decision.decide` alone says what is believed. A value is given only with enough evidence: one wrong scale
is worse than ten missing.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.decision.decide import decide
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.imaging.scale.recognition.text import TextReader
from pipeline.imaging.scale.regions.colour_print import colour_print
from pipeline.records import DecodedImage, ScaleReading


def read_scale(
    image: NDArray[np.generic] | DecodedImage | str | Path | bytes,
    *,
    metadata_nm_per_px: float | None = None,
    reader: TextReader | None = None,
    further_reader: TextReader | None = None,
    labels: LabelMemory | None = None,
    coloured: NDArray[np.uint8] | None = None,
    thoroughly: bool = True,
) -> ScaleReading:
    """Read the physical scale of a picture.

    Parameters
    ----------
    image : ndarray, DecodedImage, str, Path or bytes
        A uint8 gray array [height, width], a decoded picture, a file's path or its content.
    metadata_nm_per_px : float, optional
        Nanometres a pixel as the vendor's metadata states them; taken from the decoded picture when not
        given.
    reader : TextReader, optional
        What recognises text; default the network that comes with RapidOCR, one for each process.
    further_reader : TextReader, optional
        Asked where the first one is not enough. Default: none.
    labels : LabelMemory, optional
        What reads the labels, remembering each distinct crop; with its own readers, so that ``reader`` and
        ``further_reader`` must be left out.

    coloured : uint8 ndarray [height, width], optional
        The coloured print on a gray picture, as `pipeline.imaging.scale.regions.colour_print.colour_print` takes it
        off; found in a decoded picture or file, needed beside an array only.
    thoroughly : bool, optional
        Whether texts and bars are looked for all over a picture that the quicker steps leave without a value (see
        `pipeline.imaging.scale.decision.pair_rules.best_pair`), for some 0.3 s.

    Returns
    -------
    ScaleReading
        Always, also for a constant or tiny picture. ``bar_top_px`` is given with any status when there is a
        stripe. With ``agrees`` the value is the metadata's: a bar's length is rounded to pixels.

    Raises
    ------
    UsageError
        For an array that is not uint8 [height, width], a ``metadata_nm_per_px`` that is not above zero, or
        ``labels`` together with a reader.
    ImageError
        If a file cannot be decoded.

    Notes
    -----
    About 0.7 to 5 ms of CPU for a picture of 1 megapixel, 1 to 6 ms more for a label whose crop was not seen before,
    and some 30 ms for each crop that RapidOCR is asked about. The first picture on a machine compiles the geometry:
    some 10 s, once.
    """
    gray, from_file, colours = _as_gray(image)
    coloured = colour_print(colours) if coloured is None and colours is not None else coloured
    metadata = metadata_nm_per_px if metadata_nm_per_px is not None else from_file
    if metadata is not None and not (np.isfinite(metadata) and metadata > 0):
        raise UsageError(f"metadata_nm_per_px is {metadata}; expected a finite number above zero, or None.")
    if labels is not None and (reader is not None or further_reader is not None):
        raise UsageError("read_scale got labels and a reader; expected one of them: labels have their own readers.")
    memory = labels or _memory_of(reader, further_reader)
    return decide(gray, metadata=metadata, coloured=coloured, memory=memory, thoroughly=thoroughly)


@cache
def _default_memory() -> LabelMemory:
    return LabelMemory()


def _memory_of(reader: TextReader | None, further_reader: TextReader | None) -> LabelMemory:
    if reader is not None or further_reader is not None:
        return LabelMemory(reader=reader, further_reader=further_reader)
    memory = _default_memory()
    memory.used.clear()
    return memory


def _as_gray(
    image: NDArray[np.generic] | DecodedImage | str | Path | bytes,
) -> tuple[NDArray[np.uint8], float | None, NDArray[np.generic] | None]:
    """The picture as uint8 gray, what its metadata say, and its colours if there may be some."""
    if isinstance(image, np.ndarray):
        if image.ndim != 2 or image.dtype != np.uint8:
            raise UsageError(
                f"an array of shape {image.shape} and type {image.dtype}; expected uint8 [height, width]. "
                "Pass the file, or convert it with pipeline.imaging.canonical.to_gray8."
            )
        return image.astype(np.uint8, copy=False), None, None
    if isinstance(image, (str, Path)):
        image = Path(image).read_bytes()
    decoded = decode_image(image) if isinstance(image, bytes) else image
    return to_gray8(decoded), decoded.nm_per_px, decoded.pixels if decoded.pixels.ndim == 3 else None
