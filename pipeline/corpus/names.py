"""File names as text: the way of a name whose bytes are not UTF-8 into the ledger and back.

Each part of a path is written by itself, so that a folder's path is always the beginning of its files' paths.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

# Marks the rare name that is UTF-8 but would read like an escaped one ("caf%E9.tif", spelled out).
_LITERAL = "%literal:"

_PAGE: Final = re.compile(r"(.*)#page=([1-9][0-9]*)", re.DOTALL)


def escape_path(raw: str) -> str:
    """A relative path as text: in a name that is not UTF-8, the odd bytes and ``%`` itself become ``%XX``.

    Parameters
    ----------
    raw : str
        As Python's ``os`` functions give it: bytes that are not UTF-8 are surrogates.

    Examples
    --------
    >>> escape_path("a%b.tif")
    'a%b.tif'
    >>> escape_path(b"caf\\xe9/50%.tif".decode("utf-8", "surrogateescape"))
    'caf%E9/50%.tif'
    >>> escape_path(b"caf\\xe9 50%.tif".decode("utf-8", "surrogateescape"))
    'caf%E9 50%25.tif'
    """
    if "%" not in raw and "#" not in raw and raw.isascii():
        return raw
    return "/".join(map(_escape_name, raw.split("/")))


def unescape_path(path: str) -> str:
    """The path as the file system knows it; inverse of `escape_path`."""
    return "/".join(map(_unescape_name, path.split("/")))


def page_path(path: str, page: int) -> str:
    """The path of the picture on a page (from 1) of the document at ``path``.

    Examples
    --------
    >>> page_path("report.pdf", 2)
    'report.pdf#page=2'
    """
    return f"{path}#page={page}"


def split_page(path: str) -> tuple[str, int]:
    """The path of the file in the corpus, and the page within it; 0 for a file that stands for itself.

    Examples
    --------
    >>> split_page("report.pdf#page=2"), split_page("report.pdf")
    (('report.pdf', 2), ('report.pdf', 0))
    >>> split_page(escape_path("a file that is called so#page=2"))[1]
    0
    """
    found = _PAGE.fullmatch(path)
    return (found[1], int(found[2])) if found else (path, 0)


def _escape_name(name: str) -> str:
    like_page = _PAGE.fullmatch(name) is not None
    odd = not _is_utf8(name.encode("utf-8", "surrogateescape"))
    if not (odd or like_page or name.startswith(_LITERAL) or not _is_utf8(unquote_to_bytes(name))):
        return name
    escaped = name.replace("%", "%25").replace("#", "%23" if like_page else "#")  # a file is no page of another
    if odd:
        return "".join(f"%{ord(c) - 0xDC00:02X}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in escaped)
    return _LITERAL + escaped


def _unescape_name(name: str) -> str:
    if name.startswith(_LITERAL):
        return unquote_to_bytes(name.removeprefix(_LITERAL)).decode("utf-8", "surrogateescape")
    raw = unquote_to_bytes(name)
    return name if _is_utf8(raw) else raw.decode("utf-8", "surrogateescape")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
