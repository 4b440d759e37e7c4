"""The program as links in another folder, where a test may lay one more file beside the others."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def lay_beside(folder: Path, *opened: str) -> None:
    """Link the packages into ``folder``; the folders ``opened`` are real ones, for files of the test's own.

    All others are links as a whole, so that what is compiled once need not be compiled again.
    """
    for package in ("pipeline", "jobs", "docs"):
        _link(ROOT / package, folder / package, [folder / place for place in opened])


def _link(source: Path, place: Path, opened: Sequence[Path]) -> None:
    if source.is_file() or not any(path.is_relative_to(place) for path in opened):
        place.symlink_to(source)
        return
    place.mkdir()
    for child in source.iterdir():
        if child.name != "__pycache__":
            _link(child, place / child.name, opened)


def change_file(path: Path, *changes: tuple[str, str]) -> None:
    """Replace a link by the file that it points to, with texts exchanged; each must be there once."""
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.unlink()
    path.write_text(text)
