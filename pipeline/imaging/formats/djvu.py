"""DjVu through the program ``ddjvu``, where it is installed."""

import io
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from PIL import PpmImagePlugin

from pipeline.errors import CorruptImageError, ImageTooLargeError, UnsupportedImageError
from pipeline.imaging.formats.limits import check_size
from pipeline.records import DecodedImage

DECODER: Final = "ddjvu"
PACKAGE: Final = "djvulibre-bin"
TIMEOUT_S: Final = 60


def decode_djvu(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode the first page of a DjVu file to uint8 [height, width, 3], or to bool of a bitonal page.

    Raises
    ------
    UnsupportedImageError
        ``ddjvu`` is not installed.
    CorruptImageError, ImageTooLargeError
    """
    width, height, pages = _read_info(data)
    check_size(width, height, max_pixels=max_pixels, bytes_per_pixel=3)
    program = shutil.which(DECODER)
    if program is None:
        raise UnsupportedImageError(f"a DjVu file; to read it, install {DECODER} (the package {PACKAGE})")
    image = PpmImagePlugin.PpmImageFile(io.BytesIO(_run(program, data)))
    if image.size != (width, height):
        raise CorruptImageError(f"the DjVu page decodes to {image.size} pixels, its header states {(width, height)}")
    pixels = np.asarray(image)
    return DecodedImage(pixels=pixels, format="djvu", bit_depth=1 if pixels.dtype == np.bool_ else 8, pages=pages)


def _read_info(data: bytes) -> tuple[int, int, int]:
    """Width and height of the first page, and the number of pages, from the INFO chunks."""
    if struct.unpack_from(">I", data, 8)[0] + 12 > len(data):
        raise CorruptImageError(
            f"truncated: the DjVu file should have {struct.unpack_from('>I', data, 8)[0] + 12:,} bytes"
        )
    first = data.find(b"INFO\x00\x00\x00\x0a")
    if first < 0 or first + 12 > len(data):
        raise CorruptImageError("the DjVu file has no page with a header")
    width, height = struct.unpack_from(">HH", data, first + 8)
    return width, height, data.count(b"INFO\x00\x00\x00\x0a")


def _run(program: str, data: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="semcorpus-djvu-") as folder:
        source, target = Path(folder, "page.djvu"), Path(folder, "page.pnm")
        source.write_bytes(data)
        command = [program, "-format=pnm", "-page=1", str(source), str(target)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ImageTooLargeError(f"{DECODER} did not finish within {TIMEOUT_S} s") from error
        complaint = " ".join(done.stderr.decode("utf-8", errors="replace").split())
        # It also complains and goes on, with status 0 and a picture that is partly empty.
        if done.returncode != 0 or complaint or not target.exists():
            raise CorruptImageError(f"{DECODER} could not decode the page: {complaint[:200] or done.returncode}")
        return target.read_bytes()
