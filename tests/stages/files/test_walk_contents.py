"""Contents in the walk: bad ones cost themselves only, known ones are not decoded, moving ones are waited for."""

import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest
from PIL import Image

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines
from pipeline.engine.opening import EngineName
from pipeline.errors import RemovalsError
from pipeline.imaging.formats.pdf import page_picture
from pipeline.imaging.summary import summarise_picture
from pipeline.index.store import Index, open_index
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent, StageFinished
from pipeline.runtime.plan import RunOptions
from pipeline.stages.files import walk
from pipeline.stages.files.ledger import read_files, read_images
from pipeline.stages.files.tables import CONTENTS
from tests.imaging.formats.documents import joined
from tests.imaging.isolation.misbehaving import (
    CRASH,
    EAT,
    END,
    FULL,
    HANG,
    KILL,
    STALL,
    in_trouble_at_first,
    misbehave,
    note_and_summarise,
    summarise_or_misbehave,
)
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
    with open_runner(
        source, place, recipe, engines=choice, listener=Silent(), options=RunOptions(rehash=rehash)
    ) as runner:
        if engines is not None:
            runner = type(runner)(runner.index, source, recipe, engines, runner.listener)
        run_stages(runner, ("walk",))
    return open_index(place)


def _status(index: Index) -> dict[str, tuple[str, str]]:
    files = read_files(index.read())
    columns = (files.values(name).tolist() for name in ("path", "status", "reason"))
    return {path: (status, reason) for path, status, reason in zip(*columns, strict=True)}


def _add_bad_files(corpus: Path) -> None:
    good = (corpus / "00.png").read_bytes()
    for name, wish in {"03 crash": CRASH, "05 hang": HANG, "07 eat": EAT, "09 end": END}.items():
        (corpus / f"{name}.png").write_bytes(good + wish)


EXPECTED = {
    "03 crash.png": ("corrupt", "its decoder crashed (SIGSEGV)"),
    "05 hang.png": ("too_large", "its decoder took more than 4 s of processor time"),
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
    for column in CONTENTS.stored:
        same = np.array_equal(
            after.values(column.name), images.values(column.name), equal_nan=column.name == "metadata_nm_per_px"
        )
        assert same, column.name


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

    def read_and_change(self: Corpus, path: str, **limits: int) -> Any:
        data = read(self, path, **limits)
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
    assert len(first.path) == 12
    assert all(first.etag)
    other = bytearray((corpus / "03.png").read_bytes())
    other[-20] ^= 1
    filesystem.pipe_file(f"{bucket}/03.png", bytes(other))
    second = read_files(walked().read())
    changed = np.flatnonzero(np.any(first.md5 != second.md5, axis=1))
    assert second.path[changed].tolist() == ["03.png"]
    assert second.status[changed].tolist() == ["corrupt"]


@pytest.fixture
def troubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, bytes], Path]:
    """Let the machine fail the decoding child in these decodings, the last first."""

    def fail(trouble: bytes, times: bytes) -> Path:
        place = tmp_path / "times"
        place.write_bytes(times)
        decode = partial(in_trouble_at_first, trouble=trouble, times=str(place))
        monkeypatch.setattr(walk, "summarise_picture", decode)
        return place

    return fail


@pytest.mark.parametrize(("trouble", "times"), [(KILL, b"..x.x..x.xx.."), (STALL, b".x..x.x")])
def test_what_the_machine_does_to_the_decoder_costs_no_file(
    trouble: bytes, times: bytes, corpus: Path, tmp_path: Path, troubles: Callable[[bytes, bytes], Path]
) -> None:
    _run(corpus, tmp_path / "quiet")
    left = troubles(trouble, times)
    status = _status(_run(corpus, tmp_path / "index", "walk.decode_seconds=0.5"))
    assert left.stat().st_size == 0
    assert {word for word, _ in status.values()} == {"ok"}
    assert differing_arrays(tmp_path / "index", tmp_path / "quiet") == []


def test_a_file_that_cannot_be_judged_is_tried_again_and_counted(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (corpus / "00.png").read_bytes()
    (corpus / "03 kill.png").write_bytes(good + KILL)
    (corpus / "05 full.png").write_bytes(good + FULL)
    monkeypatch.setattr(walk, "summarise_picture", summarise_or_misbehave)
    index, finished = _run_telling(corpus, tmp_path / "index")
    status = _status(index)
    assert (finished.items, finished.skipped, finished.steps) == (12, 2, 2)
    assert finished.statuses["not_judged"] == 2
    assert [path for path, (word, _) in status.items() if word != "ok"] == ["03 kill.png", "05 full.png"]
    assert status["05 full.png"] == ("not_judged", "the machine failed its decoder: No space left on device")
    before = index.commit
    again, finished = _run_telling(corpus, tmp_path / "index")
    assert (finished.items, finished.skipped) == (0, 2), "the next run tries again"
    assert again.commit != before or _status(again) == status
    monkeypatch.setattr(walk, "summarise_picture", summarise_picture)
    healed, finished = _run_telling(corpus, tmp_path / "index")
    assert {word for word, _ in _status(healed).values()} == {"ok"}
    assert (finished.items, finished.skipped) == (2, 0)
    assert _run(corpus, tmp_path / "index").commit == healed.commit


def test_with_many_kills_the_file_is_judged_later_in_the_same_run(
    corpus: Path, tmp_path: Path, troubles: Callable[[bytes, bytes], Path]
) -> None:
    troubles(KILL, b"xxxxxxxx")
    index, finished = _run_telling(corpus, tmp_path / "index")
    assert (finished.items, finished.skipped, finished.steps) == (12, 0, 2)
    assert {word for word, _ in _status(index).values()} == {"ok"}


def test_a_page_that_cannot_be_judged_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "two.pdf").write_bytes(joined([_pdf(seed) for seed in (1, 2)]))
    cv2.imwrite(str(folder / "zz.png"), np.eye(50, dtype=np.uint8))
    monkeypatch.setattr(walk, "page_picture", partial(_fails_on_page, page_2=KILL))
    first = _status(_run(folder, tmp_path / "index"))
    assert {path: word for path, (word, _) in first.items()} == {
        "two.pdf": "document",
        "two.pdf#page=1": "ok",
        "two.pdf#page=2": "not_judged",
        "zz.png": "ok",
    }
    monkeypatch.undo()
    second = _status(_run(folder, tmp_path / "index"))
    assert second["two.pdf#page=2"] == ("ok", "")


def test_raised_limits_judge_again_what_they_refused_and_only_that(corpus: Path, tmp_path: Path, notes: Path) -> None:
    cv2.imwrite(str(corpus / "wide.png"), np.eye(300, dtype=np.uint8))
    cv2.imwrite(str(corpus / "wider.png"), np.eye(600, dtype=np.uint8))
    (corpus / "heavy.png").write_bytes((corpus / "00.png").read_bytes() + bytes(200_000))
    (corpus / "broken.png").write_bytes((corpus / "01.png").read_bytes()[:100])
    low = ("walk.max_pixels=50000", "walk.max_bytes=100000")
    index = _run(corpus, tmp_path / "index", *low)
    refused = {path: word for path, (word, _) in _status(index).items() if word != "ok"}
    assert refused == dict.fromkeys(("wide.png", "wider.png", "heavy.png"), "too_large") | {"broken.png": "corrupt"}
    assert _limits(index) == {
        "wide.png": "max_pixels=50000",
        "wider.png": "max_pixels=50000",
        "heavy.png": "max_bytes=100000",
    }
    before = notes.stat().st_size
    assert _run(corpus, tmp_path / "index", *low).commit == index.commit
    index = _run(corpus, tmp_path / "index", "walk.max_pixels=200000", "walk.max_bytes=100000")
    assert notes.stat().st_size == before + 2, "the two wide ones, and nothing else"
    assert (_status(index)["wide.png"], _status(index)["wider.png"][0]) == (("ok", ""), "too_large")
    assert _limits(index) == {"wider.png": "max_pixels=200000", "heavy.png": "max_bytes=100000"}
    index = _run(corpus, tmp_path / "index")
    assert {path for path, (word, _) in _status(index).items() if word != "ok"} == {"broken.png"}
    assert notes.stat().st_size == before + 4


@pytest.mark.parametrize(("wish", "limit"), [(HANG, "decode_seconds=0.5"), (EAT, f"decode_memory_bytes={1 << 28}")])
def test_a_raised_limit_of_time_or_memory_judges_again(
    wish: bytes, limit: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (corpus / "03.png").open("ab") as file:
        file.write(wish)
    monkeypatch.setattr(walk, "summarise_picture", summarise_or_misbehave)
    index = _run(corpus, tmp_path / "index", f"walk.{limit}")
    assert _limits(index) == {"03.png": limit}
    monkeypatch.setattr(walk, "summarise_picture", summarise_picture)
    assert _status(_run(corpus, tmp_path / "index"))["03.png"] == ("ok", "")


def test_links_out_of_the_corpus_are_rows_that_say_so(corpus: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.move(corpus / "00.png", outside / "00.png")
    (corpus / "link").symlink_to(outside)
    index = _run(corpus, tmp_path / "index")
    status, reason = _status(index)["link"]
    assert (status, len(_status(index))) == ("left_out", 12)
    assert str(outside) in reason
    assert _run(corpus, tmp_path / "index").commit == index.commit
    followed = _status(_run(corpus, tmp_path / "index", "corpus.follow_links=true"))
    assert (followed["link"][0], followed["link/00.png"][0]) == ("gone", "ok")
    with pytest.raises(RemovalsError, match="1 of them lie behind links out of the corpus"):
        _run(corpus, tmp_path / "index", "walk.removals_floor=0")


@pytest.mark.parametrize("checkpoints", ["walk.files_per_task=100", "run.checkpoint_seconds=1e-9"])
def test_the_order_of_rows_does_not_depend_on_checkpoints(checkpoints: str, corpus: Path, tmp_path: Path) -> None:
    """Copies, documents, links and files that were there before, committed all at once and after every task."""
    shutil.copy(corpus / "02.png", corpus / "zz old copy.png")
    _run(corpus, tmp_path / "plain")
    _run(corpus, tmp_path / "index")
    # The first checkpoint, of this file, already knows that 02.png is gone, and not yet of its new copies.
    (corpus / "00 first.png").write_bytes((corpus / "00.png").read_bytes() + b"another content")
    for name in ("02 copy", "a copy"):
        shutil.copy(corpus / "02.png", corpus / f"{name}.png")
    (corpus / "02.png").unlink()
    shutil.copy(corpus / "07.png", corpus / "06 copy.png")
    (corpus / "07.png").write_bytes((corpus / "08.png").read_bytes())
    (corpus / "b.pdf").write_bytes(joined([_pdf(seed) for seed in range(11)]))
    (corpus / 'b.pdf"twin').write_bytes(joined([_pdf(3)]))
    for name in ("05 link", "zz link"):
        (corpus / name).symlink_to("/")
    few = ("walk.removals_limit=1", "walk.files_per_task=1")
    _run(corpus, tmp_path / "plain", *few, "run.checkpoint_seconds=1e9")
    index = _run(corpus, tmp_path / "index", *few, checkpoints)
    assert differing_arrays(tmp_path / "index", tmp_path / "plain") == []
    rows = list(_status(index))
    assert rows[13:18] == ["00 first.png", "02 copy.png", "05 link", "06 copy.png", "a copy.png"]
    assert rows[18:] == ["b.pdf", *(f"b.pdf#page={page}" for page in range(1, 12)), 'b.pdf"twin', "zz link"]


def _pdf(seed: int) -> bytes:
    out = io.BytesIO()
    picture = np.random.default_rng(100 + seed).integers(0, 256, (48, 64), dtype=np.uint8)
    Image.fromarray(picture).save(out, "PDF", quality=90)
    return out.getvalue()


def _fails_on_page(data: bytes, *, page: int, max_pixels: int, page_2: bytes) -> bytes:
    if page == 2:
        misbehave(page_2)
    return page_picture(data, page=page, max_pixels=max_pixels)


def _limits(index: Index) -> dict[str, str]:
    files = read_files(index.read())
    return {path: limit for path, limit in zip(files.path.tolist(), files.limit.tolist(), strict=True) if limit}


def _run_telling(corpus: Path, place: Path) -> tuple[Index, StageFinished]:
    recipe = load_recipe(assignments=["walk.files_per_task=5"])
    source = Corpus(str(corpus), recipe.corpus)
    with open_runner(source, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
        (finished,) = run_stages(runner, ("walk",)).stages
    return open_index(place), finished
