"""No false pair among pictures that are easily taken for one another: the benchmark, at a third of its size."""

from pathlib import Path

import pytest

from benchmarks.false_pairs import main, measure


def _frames(tmp_path: Path, count: int, real: Path | None) -> None:
    found = measure(tmp_path, count=count, real=real)
    assert found["frames"] == count
    assert found["groups"] >= count // 13
    assert found["files"] == count + found["groups"]
    assert found["compared"] > 1.3 * found["groups"], "the frames look alike enough to be compared"
    assert found["false"] == []
    assert found["missed"] == []


def test_no_false_pair_among_drawn_frames(tmp_path: Path) -> None:
    _frames(tmp_path, 500, None)


def test_no_false_pair_among_frames_of_real_micrographs(shared_data: Path, tmp_path: Path) -> None:
    _frames(tmp_path, 1000, shared_data / "sem")


def test_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--frames", "60"]) == 0
    assert '"false": []' in capsys.readouterr().out
