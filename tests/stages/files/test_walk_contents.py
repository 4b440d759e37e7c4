"""Contents in the walk: bad ones cost themselves only, known ones are not decoded, moving ones are waited for."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.engine.opening import EngineName
from pipeline.index.store import Index, open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.files import walk
from pipeline.stages.files.ledger import read_files, read_images
from tests.imaging.isolation.misbehaving import CRASH, EAT, END, HANG, note_and_summarise, summarise_or_misbehave
from tests.stages.conftest import OneEngine
from tests.stored import differing_arrays


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A dozen pictures."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for seed in range(12):
        picture = np.random.default_rng(seed).integers(0, 255, (40, 60)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{seed:02d}.png"), picture)
    return folder


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that grows by one byte whenever something is decoded."""
    place = tmp_path / "notes"
    place.touch()
    monkeypatch.setattr(walk, "summarise_picture", partial(note_and_summarise, notes=str(place)))
    return place


def _run(corpus: Path, place: Path, *assignments: str, engines: Engines | None = None, rehash: bool = False) -> Index:
    recipe = load_recipe(assignments=["walk.files_per_task=5", *assignments])
    source = Corpus(str(corpus), recipe.corpus)
    choice = EngineChoice.parse("local")
    with open_runner(source, place, recipe, engines=choice, listener=Silent(), rehash=rehash) as runner:
        if engines is not None:
            runner = type(runner)(runner.index, source, recipe, engines, runner.listener)
        run_stages(runner, ("walk",))
    return open_index(place)


def _status(index: Index) -> dict[str, tuple[str, str]]:
    files = read_files(index.read())
    columns = (files[name].tolist() for name in ("path", "status", "reason"))
    return {path: (status, reason) for path, status, reason in zip(*columns, strict=True)}


def _add_bad_files(corpus: Path) -> None:
    good = (corpus / "00.png").read_bytes()
    for name, wish in {"03 crash": CRASH, "05 hang": HANG, "07 eat": EAT, "09 end": END}.items():
        (corpus / f"{name}.png").write_bytes(good + wish)


EXPECTED = {
    "03 crash.png": ("corrupt", "its decoder crashed (SIGSEGV)"),
    "05 hang.png": ("too_large", "its decoder did not finish within 4 s"),
    "07 eat.png": ("too_large", "it needs more than 0.5 GiB of memory to decode"),
    "09 end.png": ("corrupt", "its decoder ended the process (exit status 3)"),
}


@pytest.mark.engines
@pytest.mark.parametrize("engine", ["local", "dask", "ray"])
def test_bad_decoders_cost_their_own_file_on_every_engine(
    engine: EngineName, cluster: Engines, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _run(corpus, tmp_path / "plain")
    _add_bad_files(corpus)
    monkeypatch.setattr(walk, "summarise_picture", summarise_or_misbehave)
    limits = ("walk.decode_seconds=4", f"walk.decode_memory_bytes={1 << 29}")
    one = OneEngine(cluster.pick(engine, seconds=1e9))
    status = _status(_run(corpus, tmp_path / engine, *limits, engines=one))
    assert {path: found for path, found in status.items() if found[0] != "ok"} == EXPECTED
    assert {path for path, found in status.items() if found[0] == "ok"} == set(_status(plain))
    assert [n for n in differing_arrays(tmp_path / engine, tmp_path / "plain") if n.startswith("images/")] == []


def test_a_renamed_file_is_read_and_not_decoded(corpus: Path, tmp_path: Path, notes: Path) -> None:
    before = _run(corpus, tmp_path / "index")
    assert notes.stat().st_size == 12
    images = read_images(before.read())
    (corpus / "moved").mkdir()
    for name in ("04.png", "11.png"):
        (corpus / name).rename(corpus / "moved" / f"new {name}")
    shutil.copy(corpus / "02.png", corpus / "a copy.png")
    index = _run(corpus, tmp_path / "index", "walk.removals_limit=0.5")
    assert notes.stat().st_size == 12
    status = {path: word for path, (word, _) in _status(index).items()}
    assert (status["04.png"], status["moved/new 04.png"], status["a copy.png"]) == ("gone", "ok", "duplicate")
    after = read_images(index.read())
    assert all(np.array_equal(after[name], images[name], equal_nan=name == "metadata_nm_per_px") for name in images)


def test_copies_within_a_block_are_decoded_once(corpus: Path, tmp_path: Path, notes: Path) -> None:
    for number in range(4):
        shutil.copy(corpus / "00.png", corpus / f"00 copy {number}.png")
    status = _status(_run(corpus, tmp_path / "index"))
    assert notes.stat().st_size == 12
    assert [word for word, _ in status.values()].count("duplicate") == 4
    assert status["00 copy 0.png"][0] == "ok"


def test_a_copy_of_a_bad_content_has_its_status_without_being_decoded(
    corpus: Path, tmp_path: Path, notes: Path
) -> None:
    good = (corpus / "00.png").read_bytes()
    (corpus / "broken.png").write_bytes(good[:100])
    first = _status(_run(corpus, tmp_path / "index"))
    before = notes.stat().st_size
    shutil.copy(corpus / "broken.png", corpus / "broken again.png")
    (corpus / "text 1.txt").write_text("no picture")
    (corpus / "text 2.txt").write_text("no picture")
    second = _status(_run(corpus, tmp_path / "index"))
    assert first["broken.png"][0] == "corrupt"
    assert second["broken again.png"] == first["broken.png"]
    assert second["text 1.txt"] == second["text 2.txt"]
    assert second["text 1.txt"][0] == "unsupported"
    assert notes.stat().st_size == before + 1


def test_rehash_finds_what_size_and_time_hide(corpus: Path, tmp_path: Path, notes: Path) -> None:
    path = corpus / "06.png"
    _run(corpus, tmp_path / "index")
    known, state = path.read_bytes(), path.stat()
    path.write_bytes(known[:-20] + bytes(20))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert _status(_run(corpus, tmp_path / "index"))["06.png"][0] == "ok"
    index = _run(corpus, tmp_path / "index", rehash=True)
    assert _status(index)["06.png"][0] == "corrupt"
    assert notes.stat().st_size == 13, "the eleven others were read and not decoded"


def test_rehash_judges_failed_files_again_and_keeps_the_rest(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (corpus / "03.png").open("ab") as file:
        file.write(CRASH)
    with monkeypatch.context() as patched:
        patched.setattr(walk, "summarise_picture", summarise_or_misbehave)
        assert _status(_run(corpus, tmp_path / "index"))["03.png"][0] == "corrupt"
    assert _status(_run(corpus, tmp_path / "index"))["03.png"][0] == "corrupt"
    assert _status(_run(corpus, tmp_path / "index", rehash=True))["03.png"] == ("ok", "")


@pytest.mark.parametrize(("changes", "expected"), [(1, "ok"), (1_000_000, "unreadable")])
def test_a_file_that_changes_while_it_is_read(
    changes: int, expected: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, left = Corpus.read, [changes]

    def read_and_change(self: Corpus, path: str) -> Any:
        data = read(self, path)
        if path == "08.png" and left[0]:
            left[0] -= 1
            with (corpus / path).open("ab") as file:
                file.write(b"more")
        return data

    monkeypatch.setattr(Corpus, "read", read_and_change)
    index = _run(corpus, tmp_path / "index")
    status, reason = _status(index)["08.png"]
    assert status == expected
    assert ("changes while it is read" in reason) == (expected == "unreadable")
    before, left[0] = index.commit, 0
    after = _run(corpus, tmp_path / "index")
    assert _status(after)["08.png"][0] == "ok"
    assert (after.commit == before) == (expected == "ok"), "what was read is what the ledger describes"


def test_an_object_that_was_replaced_by_one_of_the_same_size_and_time_is_read_again(
    corpus: Path, tmp_path: Path, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.corpus.source._modified_ns", lambda info: 10**18)  # a store of whole seconds
    filesystem = fsspec.filesystem("s3", endpoint_url=s3_endpoint, skip_instance_cache=True)
    bucket = f"s3://semcorpus/{tmp_path.name}"
    filesystem.put(str(corpus), bucket, recursive=True)
    recipe = load_recipe()

    def walked() -> Index:
        source, choice = Corpus(bucket, recipe.corpus), EngineChoice.parse("local")
        with open_runner(source, tmp_path / "index", recipe, engines=choice, listener=Silent()) as runner:
            run_stages(runner, ("walk",))
        return open_index(tmp_path / "index")

    first = read_files(walked().read())
    assert len(first["path"]) == 12
    assert all(first["etag"])
    other = bytearray((corpus / "03.png").read_bytes())
    other[-20] ^= 1
    filesystem.pipe_file(f"{bucket}/03.png", bytes(other))
    second = read_files(walked().read())
    changed = np.flatnonzero(np.any(first["md5"] != second["md5"], axis=1))
    assert second["path"][changed].tolist() == ["03.png"]
    assert second["status"][changed].tolist() == ["corrupt"]
