"""Files that are no pictures, or no longer: each with the status that the ledger must give it."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo.detector import detect
from pipeline.demo.encode import bomb_png_bytes, jpeg_bytes, tiff_bytes
from pipeline.demo.randomness import stream
from pipeline.demo.textures import TEXTURES
from pipeline.records import FileStatus, ImageFormat

BOMB_SIDE_PX = 60_000
"""Width and height that the bomb's header claims."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that cannot become a picture.

    Attributes
    ----------
    path : str
        From the corpus's root.
    content : bytes
    format : str or None
        What its first bytes say; None where they say nothing that is known here.
    status : str
        What the ledger must say.
    """

    path: str
    content: bytes
    format: ImageFormat | None
    status: FileStatus


def bad_files(seed: int) -> list[BadFile]:
    """Return one file of each kind of damage and of non-picture."""
    picture = _picture(seed)
    raw, lzw = tiff_bytes(picture), tiff_bytes(picture, style="lzw")
    jpeg = jpeg_bytes(picture, quality=90)
    note = "Campioni di Anna:\n1) 450 °C, 2 h\n2) 600 °C, 2 h, da ripetere\n".encode()
    return [
        BadFile("old SEM/2011/disk 2/broken/half.tif", raw[: len(raw) // 2], "tiff", "corrupt"),
        BadFile("old SEM/2011/disk 2/broken/half.jpg", jpeg[: len(jpeg) // 2], "jpeg", "corrupt"),
        BadFile("old SEM/2011/disk 2/broken/scratched.tif", _overwritten(lzw), "tiff", "corrupt"),
        BadFile("old SEM/2011/disk 2/broken/scratched.jpg", _overwritten(jpeg), "jpeg", "corrupt"),
        BadFile("old SEM/2011/disk 2/broken/lost directory.tif", _lost_directory(raw), "tiff", "corrupt"),
        BadFile("utente3/campione_prova/empty.tif", b"", None, "corrupt"),
        BadFile("utente3/campione_prova/renamed note.tif", note, None, "unsupported"),
        BadFile("Anna Rossi/leggimi.txt", note + b"Fine.\n", None, "unsupported"),
        BadFile("Anna Rossi/.DS_Store", b"\0\0\0\1Bud1" + bytes(2040), None, "unsupported"),
        BadFile(
            "guest/EVO sessions/Thumbs.db",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1528),
            None,
            "unsupported",
        ),
        BadFile("guest/panorama_huge.png", bomb_png_bytes(BOMB_SIDE_PX), "png", "too_large"),
    ]


def _picture(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """A small picture of its own, so that no damaged file shares its content with a sound one."""
    signal = TEXTURES["fibres"].draw(stream(seed, "damaged", "texture"), (384, 512))
    return detect(stream(seed, "damaged", "detector"), signal).astype(np.uint8)


def _overwritten(content: bytes) -> bytes:
    """Destroy a run of bytes in the middle of the coded pixels."""
    middle = len(content) // 2
    return content[:middle] + b"\xff\xc4" * 600 + content[middle + 1200 :]


def _lost_directory(tiff: bytes) -> bytes:
    """Point the header at a directory behind the end of the file."""
    return tiff[:4] + (len(tiff) + 4096).to_bytes(4, "little") + tiff[8:]
