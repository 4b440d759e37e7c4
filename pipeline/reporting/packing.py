"""What is too much to stand in the page as it is: compressed, and unpacked by the page's script when asked for."""

import base64
import gzip


def pack(data: bytes) -> str:
    """Return bytes gzipped and in base64; the same bytes give the same text.

    Examples
    --------
    >>> unpack(pack(b"cluster 3"))
    b'cluster 3'
    """
    return base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode("ascii")


def unpack(text: str) -> bytes:
    """Return the bytes that `pack` was given."""
    return gzip.decompress(base64.b64decode(text))
