"""Text files beside pictures, found in the ledger: which one belongs to which image, and in which version."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.corpus.source import Corpus
from pipeline.errors import UnreadableFileError
from pipeline.imaging.metadata.sidecar import MAX_SIDECAR_BYTES, Sidecar, decode_text, parse_sidecar
from pipeline.records import PICTURES
from pipeline.stages.files.ledger import LedgerRows, bytes_md5

_TEXT: Final = ".txt"  # JEOL, Hitachi: picture.tif and picture.txt
_HEADER: Final = ".hdr"  # Tescan: picture.tif and picture-tif.hdr


@dataclass(frozen=True, slots=True)
class SidecarFile:
    """A text file beside a picture: its path in the corpus, and the MD5 that it had when it was walked."""

    path: str
    md5: str


def sidecar_files(files: LedgerRows) -> dict[int, SidecarFile]:
    """The text file of each image that has one, by image row.

    Parameters
    ----------
    files : LedgerRows
        The ledger. A text file counts where it was walked: a recipe whose ``corpus.include`` leaves text files out
        has none.

    Notes
    -----
    An image with several paths takes the file beside the first of them, in the order of their bytes, that has one.
    """
    texts = _text_files(files)
    if not texts:
        return {}
    present = np.flatnonzero(np.isin(files.status.astype(str), PICTURES))
    paths, images = files.path[present].tolist(), files.image[present].tolist()
    found: dict[int, SidecarFile] = {}
    for path, image in sorted(zip(paths, images, strict=True), key=lambda pair: str(pair[0]).encode(), reverse=True):
        for name in _names(path):
            if name in texts:
                found[image] = texts[name]
                break
    return found


def _text_files(files: LedgerRows) -> dict[str, SidecarFile]:
    """By path with its extension in small letters; files too large to be a sidecar are none."""
    small = (files.size_bytes <= MAX_SIDECAR_BYTES) & (files.status == "unsupported")
    found = {}
    for row in np.flatnonzero(small).tolist():
        path = str(files.path[row])
        stem, ending = path[:-4], path[-4:].lower()
        if ending in (_TEXT, _HEADER):
            found[stem + ending] = SidecarFile(path, files.md5[row].tobytes().hex())
    return found


def _names(path: str) -> tuple[str, ...]:
    folder, slash, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        return (path + _TEXT,)
    return (f"{folder}{slash}{stem}{_TEXT}", f"{folder}{slash}{stem}-{ending}{_HEADER}")


def read_sidecar(corpus: Corpus, file: SidecarFile) -> Sidecar:
    """Read a text file as it was when it was walked.

    Raises
    ------
    ImageError
        It is gone, or has changed since.
    """
    data = corpus.read(file.path, max_bytes=MAX_SIDECAR_BYTES)
    if bytes_md5(data).hex() != file.md5:
        raise UnreadableFileError(f"{file.path} has changed since it was walked")
    return parse_sidecar(decode_text(data))
