"""The private folder of a local Ray: short, closed to others, gone at the end, also that of a killed run."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine import ray_folder
from pipeline.engine.ray_folder import LONGEST_FOLDER, RAYS_PART, private_folder
from pipeline.errors import EngineError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def short() -> Iterator[Path]:
    """A new folder with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def temporary_directory(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own temporary directory is touched."""
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)


def test_only_this_user_enters_it_and_it_goes(short: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == short
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / RAYS_PART).mkdir()
    assert list(short.iterdir()) == []


def test_rays_sockets_fit(short: Path) -> None:
    with private_folder() as folder:
        longest = f"{folder}/{RAYS_PART}/session_2026-11-28_13-03-13_838811_4194304/sockets/dash_MetricsHead"
        assert len(os.fsencode(folder)) <= LONGEST_FOLDER
        assert len(os.fsencode(longest)) <= 107


def test_a_long_temporary_directory_is_passed_over(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = short / ("d" * (95 - len(str(short)) - 1))
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(ray_folder, "_LAST_PLACES", (str(short),))
    with private_folder() as folder:
        assert folder.parent == short
    assert list(long.iterdir()) == []


def test_the_users_own_place_comes_first(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short / "mine").mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(short / "mine"))
    with private_folder() as folder:
        assert folder.parent == short / "mine"


def test_another_users_ray_folder_is_in_nobodys_way(short: Path) -> None:
    (short / "ray").mkdir(mode=0o000)
    with private_folder() as folder:
        assert folder.parent == short


def test_where_nothing_short_can_be_had_it_says_what_to_do(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short / ("d" * 80)))
    monkeypatch.setattr(ray_folder, "_LAST_PLACES", (str(short / "absent"),))
    with pytest.raises(EngineError, match=r"at most \d+ characters.*is too long.*No such file.*Set RAY_TMPDIR"):
        private_folder().__enter__()


_KILLED = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from pipeline.engine.ray_folder import private_folder
held = private_folder()
held.__enter__()
os._exit(9)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(short: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(short)], cwd=ROOT, check=False, timeout=60)
    (left,) = short.iterdir()
    with private_folder() as folder:
        assert not left.exists()
        with private_folder():  # a run that lives is left alone
            assert folder.exists()
