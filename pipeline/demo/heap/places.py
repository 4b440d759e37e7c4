"""Where the files of the heap lie: deep folders, names in many alphabets, and names that are no text at all."""

from dataclasses import dataclass
from typing import Final

from pipeline.demo.names import FOLDERS

_ODD_EVERY: Final = 37

# What the file system is given, and what the ledger must call it. A lone byte that is not UTF-8 becomes %XX, and a
# name that looks as if that had been done is marked.
_ODD_STEMS: Final[tuple[tuple[str, str], ...]] = (
    ("caf\udce9 {number}", "caf%E9 {number}"),
    ("caf%E9 {number}", "%literal:caf%25E9 {number}"),
    ("100% <b>'\"\n{number}", "100% <b>'\"\n{number}"),
    (" ~$ {number} .", " ~$ {number} ."),
    ("\udcff\udcfe{number}", "%FF%FE{number}"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A path without suffix, as the file system has it (odd bytes as surrogates) and as the ledger names it."""

    raw: str
    text: str

    def file(self, suffix: str) -> "Place":
        """The path with a suffix."""
        return Place(self.raw + suffix, self.text + suffix)


def heap_place(number: int, *, folder: str = "") -> Place:
    """The place of the ``number``-th unit, in a folder of its own choice or below ``folder``."""
    deep = "".join(f"{name}/" for name in "abcdefgh"[: number % 9]) if number % 11 == 0 else ""
    below = f"{folder}/" if folder else ""
    start = f"{below}{FOLDERS[number % len(FOLDERS)]}/{number // 1000:03d}/{deep}"
    odd = number % _ODD_EVERY
    raw, text = _ODD_STEMS[odd] if odd < len(_ODD_STEMS) else ("m{number:06d}", "m{number:06d}")
    return Place(start + raw.format(number=number), start + text.format(number=number))
