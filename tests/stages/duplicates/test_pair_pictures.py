"""Pairs: none among frames of one sample, all known ones among real pictures, and none searched for twice."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.false_pairs import frames, groups_of, texture
from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.duplicates import look_alikes

Gray = NDArray[np.uint8]


def _run(corpus: Path, place: Path, *assignments: str) -> Index:
    recipe = load_recipe(assignments=list(assignments))
    source = Corpus(str(corpus), recipe.corpus)
    choice = EngineChoice.parse("local")
    with open_runner(source, place, recipe, engines=choice, listener=Silent()) as runner:
        run_stages(runner, ("walk", "pair"))
    return open_index(place)


@pytest.mark.parametrize("filter_", [Image.Resampling.BOX, Image.Resampling.LANCZOS])
def test_a_thumbnail_of_one_of_two_scans_of_a_field_is_of_that_scan(tmp_path: Path, filter_: Image.Resampling) -> None:
    """At half their size the scans correlate so well that the thumbnail looks like both: the better match counts."""
    corpus = tmp_path / "corpus"
    expected = set()
    for field in range(3):
        rng = np.random.default_rng(field)
        (corpus / str(field)).mkdir(parents=True)
        relief = cv2.resize(rng.normal(size=(9, 12)).astype(np.float32), (512, 384), interpolation=cv2.INTER_CUBIC)
        for scan in range(3):
            frame = np.clip(np.rint(120 + 40 * relief + rng.normal(0, 6, relief.shape)), 0, 255).astype(np.uint8)
            assert cv2.imwrite(str(corpus / f"{field}/{scan}.tif"), frame)
            Image.fromarray(frame).resize((256, 192), filter_).save(corpus / f"{field}/{scan}.jpg", quality=85)
            expected.add(frozenset((f"{field}/{scan}.tif", f"{field}/{scan}.jpg")))
    index = _run(corpus, tmp_path / "index")
    relations = read_table(index.read(), "comparisons")["relation"].tolist()
    assert relations.count("thumbnail") == 27, "each thumbnail looks like all three scans"
    assert groups_of(index) == expected


def test_deep_files_and_small_thumbnails_meet_their_copies(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    expected = set()
    for number in range(3):
        rng = np.random.default_rng(50 + number)
        relief = cv2.resize(rng.normal(size=(12, 16)).astype(np.float32), (640, 500), interpolation=cv2.INTER_CUBIC)
        deep = (9000 + 1500 * relief + rng.normal(0, 250, relief.shape)).astype(np.uint16)
        eight = np.asarray(deep >> 8, np.uint8)
        small = Image.fromarray(np.asarray(4 * (eight - eight.min()), np.uint8)).resize(
            (160, 125), Image.Resampling.LANCZOS
        )
        for name, pixels in (("deep.tif", deep), ("eight.png", eight), ("small.png", np.asarray(small))):
            assert cv2.imwrite(str(corpus / f"{number} {name}"), pixels)
        assert cv2.imwrite(str(corpus / f"{number} large.png"), np.asarray(4 * (eight - eight.min()), np.uint8))
        expected |= {
            frozenset((f"{number} deep.tif", f"{number} eight.png", f"{number} large.png", f"{number} small.png")),
        }
    assert groups_of(_run(corpus, tmp_path / "index")) == expected


def test_turned_mirrored_and_cut_off_copies(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rng = np.random.default_rng(60)
    for number in range(3):
        relief = cv2.resize(rng.normal(size=(12, 16)).astype(np.float32), (320, 240), interpolation=cv2.INTER_CUBIC)
        frame = np.clip(np.rint(120 + 35 * relief + rng.normal(0, 6, relief.shape)), 0, 255).astype(np.uint8)
        cut = frame.copy()
        cut[(200, 120, 60)[number] :] = 0
        for name, pixels in (
            ("a.tif", frame),
            ("b mirrored.png", frame[:, ::-1]),
            ("c turned.png", np.rot90(frame)),
            ("d cut off.tif", cut),
        ):
            assert cv2.imwrite(str(corpus / f"{number} {name}"), np.ascontiguousarray(pixels))
    index = _run(corpus, tmp_path / "index")
    names = ("a.tif", "b mirrored.png", "c turned.png", "d cut off.tif")
    assert groups_of(index) == {frozenset(f"{number} {name}" for name in names) for number in range(3)}
    found = read_table(index.read(), "duplicates")
    members = found["group"] != found["image"]
    assert sorted(found["relation"][members].tolist()) == sorted(["mirrored", "turned", "cut_off"] * 3)
    files = read_table(index.read(), "files")
    share = {"0": "17%", "1": "50%", "2": "75%"}
    first = files["path"][np.isin(files["image"], found["group"])]
    assert not [path for path in first.tolist() if "cut" in path], "a whole picture stands for its group"
    for path, status, reason in zip(*(files[name].tolist() for name in ("path", "status", "reason")), strict=True):
        assert (status, reason) == (
            ("suspect", f"{share[path[0]]} of its rows are filled with one value: cut off?")
            if "cut" in path
            else ("ok", "")
        )


@pytest.fixture(scope="module")
def real_pairs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, set[frozenset[str]]]:
    """The real pictures, and the pairs of them that are known."""
    place = tmp_path_factory.mktemp("real") / "index"
    with (shared_data / "sem" / "dedup_pairs.csv").open() as file:
        known = {frozenset((row["a"], row["b"])) for row in csv.DictReader(file)}
    return _run(shared_data / "sem", place), known


def test_real_pictures_have_the_known_pairs_and_no_other(real_pairs: tuple[Index, set[frozenset[str]]]) -> None:
    index, known = real_pairs
    assert groups_of(index) == known


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Six pictures, each as PNG and as JPG."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for seed in range(6):
        _write_pair(folder, seed)
    return folder


def _write_pair(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    frame = next(frames(rng, texture(rng)))
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
    assert groups_of(index) == {frozenset((f"{n}.png", f"{n}.jpg")) for n in range(7)}
    searched.clear()
    _run(corpus, tmp_path / "index", "pair.signature_tolerance=7")
    assert set(searched) == {14}, "another tolerance finds other pairs"


def test_a_file_that_cannot_be_read_meanwhile_is_compared_later(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Corpus.read

    def swap(self: Corpus, path: str, *, max_bytes: int) -> bytes:
        return b"something else" if path == "3.jpg" else read(self, path, max_bytes=max_bytes)

    expected = {frozenset((f"{n}.png", f"{n}.jpg")) for n in range(6)}
    _run_walk_then_pair(corpus, tmp_path / "index", monkeypatch, swap)
    index = open_index(tmp_path / "index")
    assert groups_of(index) == expected - {frozenset(("3.png", "3.jpg"))}
    monkeypatch.undo()
    _write_pair(corpus, 6)
    index = _run(corpus, tmp_path / "index")
    assert groups_of(index) == expected | {frozenset(("6.png", "6.jpg"))}


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
    assert groups_of(index) == expected
    assert len(read_table(index.read(), "comparisons")["first"]) < 420
    new = _empty_frame(np.random.default_rng(1000))
    for suffix in ("tif", "jpg"):
        assert cv2.imwrite(str(folder / f"new.{suffix}"), new, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert groups_of(_run(folder, tmp_path / "index")) == expected | {frozenset(("new.tif", "new.jpg"))}
