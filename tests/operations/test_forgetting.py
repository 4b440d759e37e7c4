"""A forgotten image leaves nothing behind: no row, no name, no object in the store, no older commit."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.main import call
from pipeline.engine import EngineChoice
from pipeline.index.store import open_index
from pipeline.job import run
from pipeline.operations.verification import verify_index
from pipeline.runtime.plan import RunOptions
from pipeline.stages.files.ledger import hex_md5, read_files, read_images, representatives, sources_of
from pipeline.stages.scale.answers import Answer, enter_answers, entered_answers
from pipeline.storage.location import Location
from tests.stages.conftest import cheap_recipe, run_job

LOCAL = EngineChoice.parse("local")


@pytest.fixture(scope="module")
def made(demo: Path, reference_index: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A demo of our own with its index, and the place where a copy of it is at home: an index knows its corpus."""
    folder = tmp_path_factory.mktemp("forgetting")
    home = folder / "home"
    for name in ("corpus", "labels"):
        shutil.copytree(demo / name, home / name)
    shutil.copytree(reference_index, home / "index")
    moved = RunOptions(corpus_moved=True)
    run(home / "corpus", home / "index", recipe=cheap_recipe(home), engines=LOCAL, until="walk", options=moved)
    return home.rename(folder / "kept"), home


@pytest.fixture
def place(made: tuple[Path, Path]) -> Iterator[Path]:
    """The demo and its index, to be changed: PLACE/corpus, PLACE/labels, PLACE/index."""
    kept, home = made
    shutil.copytree(kept, home)
    yield home
    shutil.rmtree(home)


def _victim(place: Path) -> tuple[str, list[Path]]:
    """MD5 and files of a labelled picture."""
    root = open_index(place / "index").read()
    source = sources_of(root, representatives(root).tolist())[4]
    files = [p for p in (place / "corpus").rglob("*") if p.is_file() and _md5(p) == source.md5.hex()]
    return source.md5.hex(), files


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_an_image_is_forgotten_for_good(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = place / "index"
    md5, files = _victim(place)
    assert call(["forget", str(index), md5, "--yes"]) == 2
    assert "still in the corpus" in " ".join(capsys.readouterr().err.split())
    names = [path.relative_to(place / "corpus").as_posix() for path in files]
    row = hex_md5(read_images(open_index(index).read()).md5).index(md5)
    for path in files:
        path.unlink()
    crop = Answer("crop", "ab" * 16, "200 nm", images=("cd" * 16, md5))
    enter_answers(Location.parse(index), [crop, Answer("image", md5, "no bar")])
    assert call(["forget", str(index), md5, "--yes", "--quiet"]) == 0
    assert entered_answers(Location.parse(index)) == [replace(crop, images=("cd" * 16,))]
    root = open_index(index).read()
    images = read_images(root)
    assert md5 not in hex_md5(images.md5)
    assert not images.present[row]
    assert not set(names) & set(read_files(root).path.tolist())
    assert not np.asarray(root["pixels/gray"][row]).any()
    assert np.asarray(root["scale/text"][row]).tolist() == ""
    assert np.isnan(np.asarray(root["embeddings/cae/vectors"][row])).all()
    # The root's own commit, which Icechunk keeps, holds nothing.
    assert [commit.message for commit in open_index(index).history()][:1] == ["forget an image"]
    assert len(open_index(index).history()) <= 2
    for path in index.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert md5.encode() not in data
            assert bytes.fromhex(md5) not in data
            assert not any(name.encode() in data for name in names)
    _the_next_run_finishes_and_the_index_is_sound(place, index, md5)


def _the_next_run_finishes_and_the_index_is_sound(place: Path, index: Path, md5: str) -> None:
    run_job(place, index, cheap_recipe(place))
    found = open_index(index)
    assert [finding.problem for finding in verify_index(found) if finding.problem] == []
    assert md5 not in hex_md5(read_images(found.read()).md5)


def test_an_unknown_image_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_index(place / "index").commit
    assert call(["forget", str(place / "index"), "0123456789abcdef", "--yes"]) == 2
    assert "knows no image" in " ".join(capsys.readouterr().err.split())
    assert open_index(place / "index").commit == before
