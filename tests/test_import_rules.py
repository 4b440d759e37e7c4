"""The layers of ARCHITECTURE.md hold: import-linter's contracts in pyproject.toml are kept."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_every_contract_is_kept() -> None:
    found = _lint(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def test_a_kernel_that_imports_dask_is_found(tmp_path: Path) -> None:
    """The check itself can fail: the same contracts on a copy with a forbidden import."""
    for package in ("pipeline", "jobs"):
        (tmp_path / package).symlink_to(ROOT / package, target_is_directory=True)
    (tmp_path / "pipeline").unlink()
    _copy_package(ROOT / "pipeline", tmp_path / "pipeline")
    kernel = tmp_path / "pipeline" / "kernels" / "dimension" / "label_distances.py"
    text = kernel.read_text()
    kernel.unlink()
    kernel.write_text("import dask\n" + text)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    found = _lint(tmp_path)
    assert found.returncode == 1
    assert "Kernels know arrays only BROKEN" in found.stdout


def _copy_package(source: Path, target: Path) -> None:
    """A tree of links to a package's modules, of which single ones can be replaced."""
    for path in source.rglob("*.py"):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
