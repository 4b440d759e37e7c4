"""The audit finds what was not chosen, and the chosen versions have hashes."""

import sys
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from deploy.audit import files, installed, licences, main, pinned, versions

ROOT = Path(__file__).resolve().parents[2]


def _installed(folder: Path, *, licence: str = "License-Expression: MIT\n") -> Distribution:
    """A distribution as pip leaves it: one module, its record, its metadata."""
    about = folder / "made_up-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "made_up.py").write_text("x = 1\n")
    (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: Made_Up\nVersion: 1.0\n{licence}")
    (about / "RECORD").write_text("made_up.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6\n")
    return PathDistribution(about)


def test_nothing_is_wrong_with_what_was_chosen(tmp_path: Path) -> None:
    one = _installed(tmp_path)
    assert [*versions([one], {"made-up": "1.0"}), *licences([one]), *files([one])] == []


def test_another_version_or_none_is_said(tmp_path: Path) -> None:
    one = _installed(tmp_path)
    assert "has 1.1" in next(versions([one], {"made-up": "1.1"}))
    assert "no such distribution" in next(versions([one], {}))


def test_a_build_is_no_other_version(tmp_path: Path) -> None:
    about = tmp_path / "torch-2.0+cpu.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.4\nName: torch\nVersion: 2.0+cpu\n")
    assert list(versions([PathDistribution(about)], {"torch": "2.0"})) == []


@pytest.mark.parametrize("licence", ["License-Expression: MIT AND GPL-3.0\n", "License: Proprietary\n", ""])
def test_a_licence_that_is_not_listed_is_said(licence: str, tmp_path: Path) -> None:
    assert "made-up" in next(licences([_installed(tmp_path, licence=licence)]))


def test_a_changed_and_a_missing_file_are_said(tmp_path: Path) -> None:
    one = _installed(tmp_path)
    (tmp_path / "made_up.py").write_text("x = 2\n")
    assert "is not what was installed" in next(files([one]))
    (tmp_path / "made_up.py").unlink()
    assert "is gone" in next(files([one]))


def test_the_command_ends_with_1_where_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.audit.installed", lambda: [_installed(tmp_path)])
    assert main() == 1
    assert "made-up 1.0 is installed" in capsys.readouterr().out


def test_every_chosen_version_has_its_hashes() -> None:
    chosen = pinned((ROOT / "constraints.txt").read_text())
    hashed = (ROOT / "constraints-hashes.txt").read_text()
    assert pinned(hashed) == {name: version for name, version in chosen.items() if name != "torch"}
    entries = [line for line in hashed.splitlines() if "==" in line]
    assert hashed.count("--hash=sha256:") >= len(entries)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not in an environment of its own")
def test_the_licences_of_this_environment_are_listed() -> None:
    assert list(licences(installed())) == []
