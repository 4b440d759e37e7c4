"""The program with one more entry in one of its tables, laid out in another folder."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def lay_beside(folder: Path, package: str, module: str, text: str, entry: str) -> None:
    """The program as links, with ``pipeline/PACKAGE/MODULE.py`` and its ``entry`` in `registry`'s table."""
    lay_out(folder, f"pipeline/{package}")
    files = folder / "pipeline" / package
    (files / f"{module}.py").write_text(text)
    imports = f"from pipeline.{package} import (\n"
    change_file(
        files / "registry.py", (imports, f"{imports}    {module},\n"), (" = (\n", f" = (\n    {module}.{entry},\n")
    )


def lay_out(folder: Path, *opened: str) -> None:
    """Link the packages into ``folder``; the folders ``opened`` are real ones, for files of the test's own.

    All others are links as a whole, so that what is compiled once need not be compiled again.
    """
    for package in ("pipeline", "jobs", "docs"):
        _link(ROOT / package, folder / package, [folder / place for place in opened])


def _link(source: Path, place: Path, opened: Sequence[Path]) -> None:
    if source.is_file() or not any(path.is_relative_to(place) for path in opened):
        place.symlink_to(source)
        return
    place.mkdir(parents=True)
    for child in source.iterdir():
        if child.name != "__pycache__":
            _link(child, place / child.name, opened)


def change_file(path: Path, *changes: tuple[str, str]) -> None:
    """Replace a link by the file that it points to, with the first of some texts exchanged."""
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.unlink()
    path.write_text(text)


_CALLS = "import json, sys; from jobs.main import call; sys.exit(max(call(words) for words in json.loads(sys.argv[1])))"


def semcorpus(folder: Path, *commands: Sequence[object]) -> str:
    """What commands of the program in that folder print, one after the other in one process."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    words = json.dumps([[str(word) for word in command] for command in commands])
    command = [sys.executable, "-c", _CALLS, words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
