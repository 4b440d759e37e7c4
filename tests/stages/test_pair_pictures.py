"""Pairs: none among frames of one sample, all known ones among real pictures, and none searched for twice."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages import look_alikes
from pipeline.stages.ledger import read_files, read_images
from pipeline.storage.corpus import Corpus
from pipeline.storage.index import Index, open_index
from pipeline.storage.tables import read_table

Gray = NDArray[np.uint8]


def _run(corpus: Path, place: Path, *assignments: str) -> Index:
    recipe = load_recipe(assignments=list(assignments))
    source = Corpus(str(corpus), recipe.corpus)
    choice = EngineChoice.parse("local")
    with open_runner(source, place, recipe, engines=choice, listener=Silent()) as runner:
        run_stages(runner, ("walk", "pair"))
    return open_index(place)


def _groups(index: Index) -> set[frozenset[str]]:
    """Paths of different contents that show one picture, of groups of more than one."""
    files, picture = read_files(index.read()), read_images(index.read(), "picture")["picture"]
    members: dict[int, set[str]] = {}
    for path, status, image in zip(*(files[name].tolist() for name in ("path", "status", "image")), strict=True):
        if status == "ok":
            members.setdefault(int(picture[image]), set()).add(path)
    return {frozenset(paths) for paths in members.values() if len(paths) > 1}


def _surface(rng: np.random.Generator, size: int = 320) -> NDArray[np.float32]:
    """A specimen larger than any frame of it: broad relief and a finely repeated texture."""
    coarse = cv2.resize(rng.normal(size=(10, 10)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:size, :size]
    period = rng.uniform(5, 9)
    mesh = np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period)
    return np.asarray(120 + rng.uniform(0, 30) * coarse + rng.uniform(10, 40) * mesh, np.float32)


def _frames(rng: np.random.Generator, count: int) -> list[Gray]:
    """Frames of one specimen: the same place again, and places a few pixels to one periods away."""
    surface = _surface(rng)
    found = []
    for number in range(count):
        top, left = (0, 0) if number < 2 else rng.integers(0, 60, 2)
        frame = surface[top : top + 120, left : left + 160] + rng.normal(0, rng.uniform(3, 10), (120, 160))
        found.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return found


def test_no_false_pair_among_frames_of_one_sample_and_repeated_texture(tmp_path: Path) -> None:
    """1,500 frames of 150 specimens, of which every specimen's first two are of the very same place."""
    corpus = tmp_path / "corpus"
    for specimen in range(150):
        rng = np.random.default_rng(specimen)
        folder = corpus / f"{specimen:03d}"
        folder.mkdir(parents=True)
        for number, frame in enumerate(_frames(rng, 10)):
            suffix = "jpg" if number % 3 == 2 else "tif"
            assert cv2.imwrite(str(folder / f"{number}.{suffix}"), frame)
    index = _run(corpus, tmp_path / "index")
    compared = read_table(index.read(), "comparisons")["relation"]
    assert len(compared) >= 100, "the frames look alike enough to be compared"
    assert _groups(index) == set()


@pytest.fixture(scope="module")
def real_pairs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, set[frozenset[str]]]:
    """The real pictures, and the pairs of them that are known."""
    place = tmp_path_factory.mktemp("real") / "index"
    with (shared_data / "sem" / "dedup_pairs.csv").open() as file:
        known = {frozenset((row["a"], row["b"])) for row in csv.DictReader(file)}
    return _run(shared_data / "sem", place), known


def test_real_pictures_have_the_known_pairs_and_no_other(real_pairs: tuple[Index, set[frozenset[str]]]) -> None:
    index, known = real_pairs
    assert _groups(index) == known


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six pictures, each as PNG and as JPG."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for seed in range(6):
        _write_pair(folder, seed)
    return folder


def _write_pair(folder: Path, seed: int) -> None:
    frame = _frames(np.random.default_rng(1000 + seed), 1)[0]
    for suffix in ("png", "jpg"):
        assert cv2.imwrite(str(folder / f"{seed}.{suffix}"), frame)


def test_only_new_pictures_are_searched_for(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = look_alikes.near_signature_pairs

    def note(signatures: Gray, *, tolerance: int, crowd: int, new: NDArray[np.bool_]) -> Any:
        searched.append(int(new.sum()))
        return search(signatures, tolerance=tolerance, crowd=crowd, new=new)

    monkeypatch.setattr(look_alikes, "near_signature_pairs", note)
    before = _run(corpus, tmp_path / "index").commit
    assert set(searched) == {12}
    searched.clear()
    assert _run(corpus, tmp_path / "index").commit == before
    assert searched == []
    _write_pair(corpus, 6)
    index = _run(corpus, tmp_path / "index")
    assert set(searched) == {2}
    assert _groups(index) == {frozenset((f"{n}.png", f"{n}.jpg")) for n in range(7)}
    searched.clear()
    _run(corpus, tmp_path / "index", "pair.signature_tolerance=7")
    assert set(searched) == {14}, "another tolerance finds other pairs"


def test_a_file_that_cannot_be_read_meanwhile_is_compared_later(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Corpus.read

    def swap(self: Corpus, path: str) -> bytes:
        return b"something else" if path == "3.jpg" else read(self, path)

    expected = {frozenset((f"{n}.png", f"{n}.jpg")) for n in range(6)}
    _run_walk_then_pair(corpus, tmp_path / "index", monkeypatch, swap)
    index = open_index(tmp_path / "index")
    assert _groups(index) == expected - {frozenset(("3.png", "3.jpg"))}
    monkeypatch.undo()
    _write_pair(corpus, 6)
    index = _run(corpus, tmp_path / "index")
    assert _groups(index) == expected | {frozenset(("6.png", "6.jpg"))}


def _run_walk_then_pair(corpus: Path, place: Path, monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    recipe = load_recipe()
    source = Corpus(str(corpus), recipe.corpus)
    with open_runner(source, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        run_stages(runner, ("walk",))
        monkeypatch.setattr(Corpus, "read", read)
        run_stages(runner, ("pair",))


def _empty_frame(rng: np.random.Generator) -> Gray:
    return np.clip(np.rint(rng.normal(9, 2, (120, 160))), 0, 255).astype(np.uint8)


def test_empty_frames_cost_few_comparisons_and_their_copies_are_found(tmp_path: Path) -> None:
    """400 frames that all look alike: 80,000 pairs, of which the few that share something are compared."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    expected = set()
    for number in range(400):
        frame = _empty_frame(np.random.default_rng(number))
        assert cv2.imwrite(str(folder / f"{number}.tif"), frame)
        if number % 40 == 0:
            assert cv2.imwrite(str(folder / f"{number}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
            expected.add(frozenset((f"{number}.tif", f"{number}.jpg")))
        if number % 40 == 1:
            frame.flat[::583] += 1
            assert cv2.imwrite(str(folder / f"{number} near.tif"), frame)
            expected.add(frozenset((f"{number}.tif", f"{number} near.tif")))
    index = _run(folder, tmp_path / "index")
    assert _groups(index) == expected
    assert len(read_table(index.read(), "comparisons")["first"]) < 420
    new = _empty_frame(np.random.default_rng(1000))
    for suffix in ("tif", "jpg"):
        assert cv2.imwrite(str(folder / f"new.{suffix}"), new, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert _groups(_run(folder, tmp_path / "index")) == expected | {frozenset(("new.tif", "new.jpg"))}
