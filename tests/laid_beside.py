"""The program with one more entry in one of its tables, laid out in another folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def lay_beside(folder: Path, package: str, module: str, text: str, entry: str) -> None:
    """The program as links, with ``pipeline/PACKAGE/MODULE.py`` and its ``entry`` in `registry`'s table."""
    for part in ("pipeline", "jobs"):
        for path in (ROOT / part).rglob("*"):
            place = folder / path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in path.parts:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path)
    files = folder / "pipeline" / package
    (files / f"{module}.py").write_text(text)
    table = (files / "registry.py").read_text()
    imports = f"from pipeline.{package} import (\n"
    changed = table.replace(imports, f"{imports}    {module},\n").replace(" = (\n", f" = (\n    {module}.{entry},\n", 1)
    assert changed.count(module) == 2
    (files / "registry.py").unlink()
    (files / "registry.py").write_text(changed)


def semcorpus(folder: Path, *arguments: object) -> str:
    """What a command of the program in that folder prints."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "jobs", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
