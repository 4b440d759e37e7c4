"""Families of files that show one picture, or that must not be taken for one: one function a kind of family.

Each makes its files in memory, with what is true of them, from the family's number in the whole heap (which gives its
place), its turn among its kind (which chooses among variants) and a random stream of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from pipeline.demo.encode import document_bytes
from pipeline.demo.heap.containers import DJVU_BYTES, LOSSLESS, OTHERS, Container, jpeg
from pipeline.demo.heap.hostile import HOSTILE
from pipeline.demo.heap.pictures import (
    BAR_ROWS,
    Gray,
    empty_frame,
    half_size,
    near_copy,
    picture,
    sister_frames,
    with_bar,
)
from pipeline.demo.heap.places import Place, heap_place
from pipeline.demo.heap.tiff_kinds import OTHER_PIXELS, SAME_PIXELS, coloured, stretched, written
from pipeline.demo.plan import Relation
from pipeline.demo.truth import FileTruth, bytes_md5

_BACKUP: Final = "backup 2017"
_QUALITIES: Final = (75, 80, 85, 90, 92, 95)
_JPEG_OPTIONS: Final[tuple[dict[str, object], ...]] = ({}, {}, {"optimize": True}, {"progressive": True})
_SISTERS: Final = 6
_DARK, _LIGHT = 9, 240


@dataclass(frozen=True, slots=True)
class HeapFile:
    """A file of the heap.

    Attributes
    ----------
    raw_path : str
        As the file system is given it, from the corpus's root.
    content : bytes
    truth : FileTruth
    link : {"", "hard", "symbolic", "page"}
        Made as a link to ``target``, a raw path; a page of a document is no file, and nothing is made for it.
    """

    raw_path: str
    content: bytes
    truth: FileTruth
    link: Literal["", "hard", "symbolic", "page"] = ""
    target: str = ""


Family = list[HeapFile]
FamilyMaker = Callable[[int, int, np.random.Generator], Family]

_GRAY_TIFF: Final = LOSSLESS["tiff gray"]
_GRAY_JPEG: Final = OTHERS["jpeg"]


def _file(
    place: Place,
    kind: Container,
    content: bytes,
    gray: Gray,
    *,
    master: Place | None = None,
    relation: Relation = "",
) -> HeapFile:
    truth = FileTruth(
        path=place.text,
        md5=bytes_md5(content),
        size_bytes=len(content),
        format=kind.format,
        status="ok",
        picture_of=(master or place).text,
        relation=relation,
        width_px=gray.shape[1],
        height_px=gray.shape[0],
        bit_depth=kind.bit_depth,
        pages=kind.pages,
    )
    return HeapFile(place.raw, content, truth)


def _master(number: int, kind: Container, gray: Gray) -> tuple[Place, HeapFile]:
    place = heap_place(number).file(kind.suffix)
    return place, _file(place, kind, kind.write(gray), gray)


def _jpeg_of(turn: int, gray: Gray) -> bytes:
    return jpeg(gray, quality=_QUALITIES[turn % 6], **_JPEG_OPTIONS[turn % 4])


def _pair(number: int, turn: int, rng: np.random.Generator) -> Family:
    """A TIFF of any kind and its JPG, in the same folder or another."""
    gray = picture(rng)
    same = list(SAME_PIXELS)
    other = heap_place(number, folder="" if turn % 3 else "export").file(".jpg")
    if turn % 20 == 3:
        kind = Container("tiff", ".tif", OTHER_PIXELS["uint16"][0], 16)
        exported = _jpeg_of(turn, stretched(gray))
    elif turn % 20 == 7:
        kind = Container("tiff", ".tif", OTHER_PIXELS["colours"][0])
        exported = jpeg(coloured(gray), quality=_QUALITIES[turn % 6], subsampling=turn // 20 % 3)
    else:
        kind = LOSSLESS[f"tiff {same[turn // 3 % len(same)] if turn % 3 == 0 else same[turn % 3]}"]
        exported = _jpeg_of(turn, gray)
    place, master = _master(number, kind, gray)
    return [master, _file(other, _GRAY_JPEG, exported, gray, master=place, relation="same_picture")]


def _lone_lossless(number: int, turn: int, rng: np.random.Generator) -> Family:
    kinds = list(LOSSLESS.values())
    return [_master(number, kinds[turn % len(kinds)], picture(rng))[1]]


def _lone_other(number: int, turn: int, rng: np.random.Generator) -> Family:
    kinds = list(OTHERS.values())
    if turn % (len(kinds) + 1) < len(kinds):
        return [_master(number, kinds[turn % (len(kinds) + 1)], picture(rng))[1]]
    comment = b"ANTz" + (8).to_bytes(4, "big") + number.to_bytes(8, "big")  # so that each is a content of its own
    content = DJVU_BYTES[:8] + (len(DJVU_BYTES) - 12 + len(comment)).to_bytes(4, "big") + DJVU_BYTES[12:] + comment
    place = heap_place(number).file(".djvu")
    # All of them show one picture, and which of them stands for it is a matter of their MD5s.
    kind, shown = Container("djvu", ".djvu", written), np.empty((96, 128), np.uint8)
    return [_file(place, kind, content, shown, master=Place("", "the DjVu picture"))]


def _copy(number: int, turn: int, rng: np.random.Generator) -> Family:
    place, master = _master(number, _GRAY_TIFF if turn % 2 else _GRAY_JPEG, picture(rng))
    return [master, _again(master, place, heap_place(number, folder=_BACKUP))]


def _again(master: HeapFile, place: Place, elsewhere: Place, link: Literal["", "hard", "symbolic"] = "") -> HeapFile:
    """The same bytes at another place."""
    suffix = place.raw[place.raw.rindex(".") :]
    there = elsewhere.file(suffix)
    values = {name: getattr(master.truth, name) for name in FileTruth.__slots__}
    truth = FileTruth(**{**values, "path": there.text, "relation": "same_bytes"})
    return HeapFile(there.raw, master.content, truth, link, place.raw if link else "")


def _hard_link(number: int, turn: int, rng: np.random.Generator) -> Family:
    place, master = _master(number, _GRAY_TIFF, picture(rng))
    return [master, _again(master, place, heap_place(number, folder=_BACKUP), "hard")]


def _symbolic_link(number: int, turn: int, rng: np.random.Generator) -> Family:
    place, master = _master(number, _GRAY_TIFF, picture(rng))
    return [master, _again(master, place, heap_place(number, folder="latest"), "symbolic")]


def _lossless(number: int, turn: int, rng: np.random.Generator) -> Family:
    """One picture in two lossless encodings."""
    gray, kinds = picture(rng), list(LOSSLESS.values())
    place, master = _master(number, kinds[turn % len(kinds)], gray)
    kind = kinds[(turn + 1) % len(kinds)]
    other = heap_place(number, folder="converted").file(kind.suffix)
    return [master, _file(other, kind, kind.write(gray), gray, master=place, relation="same_pixels")]


def _near(number: int, turn: int, rng: np.random.Generator) -> Family:
    gray = picture(rng)
    return _two(number, gray, near_copy(rng, gray), "near", _GRAY_TIFF)


def _other_bar(number: int, turn: int, rng: np.random.Generator) -> Family:
    gray = picture(rng)
    return _two(number, with_bar(rng, gray), with_bar(rng, gray), "other_bar", _GRAY_TIFF)


def _crop(number: int, turn: int, rng: np.random.Generator) -> Family:
    """With its data bar, and with the bar cut off."""
    gray = with_bar(rng, picture(rng))
    kind = _GRAY_TIFF if turn % 2 else _GRAY_JPEG
    return _two(number, gray, np.ascontiguousarray(gray[:-BAR_ROWS]), "crop", kind)


def _thumbnail(number: int, turn: int, rng: np.random.Generator) -> Family:
    gray = picture(rng)
    return _two(number, gray, half_size(gray), "thumbnail", _GRAY_TIFF if turn % 2 else OTHERS["jpeg progressive"])


def _two(number: int, gray: Gray, other: Gray, relation: Relation, kind: Container) -> Family:
    """A TIFF, and another picture made of it."""
    place, master = _master(number, _GRAY_TIFF, gray)
    there = heap_place(number, folder=relation).file(kind.suffix)
    return [master, _file(there, kind, kind.write(other), other, master=place, relation=relation)]


def _sisters(number: int, turn: int, rng: np.random.Generator) -> Family:
    """Frames of one specimen: no two of them are one picture."""
    files = []
    for position, gray in enumerate(sister_frames(rng, _SISTERS)):
        kind = _GRAY_JPEG if position % 3 == 1 else _GRAY_TIFF
        place = heap_place(number, folder=f"series/{position}").file(kind.suffix)
        files.append(_file(place, kind, kind.write(gray), gray))
    return files


def _empty(number: int, turn: int, rng: np.random.Generator) -> Family:
    """A frame that shows nothing; with a data bar, without, and at times with its JPG."""
    gray = empty_frame(rng, level=(_DARK, _LIGHT)[turn % 2])
    if turn % 4 >= 2:
        gray = with_bar(np.random.default_rng(0), gray)
    place, master = _master(number, _GRAY_TIFF, gray)
    if turn % 3:
        return [master]
    other = heap_place(number, folder="export").file(".jpg")
    content = jpeg(gray, quality=95)
    return [master, _file(other, _GRAY_JPEG, content, gray, master=place, relation="same_picture")]


def _document(number: int, turn: int, rng: np.random.Generator) -> Family:
    """A PDF of three pages: the JPG of a TIFF, a JPG that lies beside it too, and nothing."""
    first, second = picture(rng), picture(rng)
    place, master = _master(number, _GRAY_TIFF, first)
    beside = heap_place(number, folder="figures").file(".jpg")
    shown, alone = jpeg(first, quality=_QUALITIES[turn % 6]), jpeg(second, quality=85)
    there = heap_place(number, folder="report").file(".pdf")
    content = document_bytes(
        [(data, gray.shape[1], gray.shape[0]) for data, gray in ((shown, first), (alone, second))] + [None]
    )
    document = FileTruth(there.text, bytes_md5(content), len(content), "pdf", "document", reason_says="3 pages")
    pages = [Place(f"{there.raw}#page={page}", f"{there.text}#page={page}") for page in (1, 2, 3)]
    empty = FileTruth(pages[2].text, "", 0, "pdf", "unsupported", reason_says="no picture")
    return [
        master,
        _file(beside, _GRAY_JPEG, alone, second),
        HeapFile(there.raw, content, document),
        _as_page(_file(pages[0], _GRAY_JPEG, shown, first, master=place, relation="same_picture")),
        _as_page(_file(pages[1], _GRAY_JPEG, alone, second, master=beside, relation="same_bytes")),
        HeapFile(pages[2].raw, b"", empty, "page"),
    ]


def _as_page(file: HeapFile) -> HeapFile:
    return HeapFile(file.raw_path, file.content, file.truth, "page")


def _bad(number: int, turn: int, rng: np.random.Generator) -> Family:
    costly = "pdf zip bomb"  # 2 s to inflate as far as is allowed: one of them is enough
    kinds = list(HOSTILE) if turn < len(HOSTILE) else [name for name in HOSTILE if name != costly]
    kind = HOSTILE[kinds[turn % len(kinds)]]
    place = heap_place(number, folder="rotti").file(kind.suffix)
    content = kind.make(picture(rng))
    truth = FileTruth(place.text, bytes_md5(content), len(content), kind.format, kind.status, reason_says=kind.reason)
    return [HeapFile(place.raw, content, truth)]


FAMILIES: Final[Mapping[str, FamilyMaker]] = MappingProxyType(
    {
        "pair": _pair,
        "lossless alone": _lone_lossless,
        "other alone": _lone_other,
        "copy": _copy,
        "hard link": _hard_link,
        "symbolic link": _symbolic_link,
        "lossless": _lossless,
        "near": _near,
        "other bar": _other_bar,
        "crop": _crop,
        "thumbnail": _thumbnail,
        "sisters": _sisters,
        "empty": _empty,
        "document": _document,
        "bad": _bad,
    }
)
"""Makers of families by their kind."""
