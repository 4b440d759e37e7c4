"""Verification finds chunks that are lost and read as fill values."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from zarr.core.sync import sync

from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.index.store import Index, open_index
from pipeline.job import run
from pipeline.operations.verification import verify_index
from pipeline.progress import StageStarted, TaskDone
from tests.runtime.test_map_blocks import Heard


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with tables and rows of a few pictures in one shard, and more in a second."""
    folder = tmp_path_factory.mktemp("verified")
    corpus = folder / "corpus"
    recipe = load_recipe(assignments=["index.shard_rows=4", "pixels.size=16"])
    for part in range(2):
        corpus.mkdir(exist_ok=True)
        for seed in range(6 * part, 6 * part + 6):
            picture = np.random.default_rng(seed).integers(0, 255, (40, 60)).astype(np.uint8)
            cv2.imwrite(str(corpus / f"{seed:02d}.png"), picture)
        run(corpus, folder / "index", recipe=recipe, engines=EngineChoice.parse("local"), until="pixels")
    return folder / "index"


def problems(index: Index) -> list[str]:
    return [finding.problem for finding in verify_index(index) if finding.problem]


def test_a_sound_index_has_all_its_chunks(made: Path) -> None:
    findings = list(verify_index(open_index(made)))
    assert [finding.problem for finding in findings if finding.problem] == []
    assert next(finding.checked for finding in findings if finding.what == "stored chunks") > 40


@pytest.mark.parametrize(
    ("chunk", "problem"),
    [
        ("files/reason/c/0", "the chunk of files/reason with rows 0 to 11 is lost"),  # texts that are all empty
        ("images/metadata_nm_per_px/c/0", "the chunk of images/metadata_nm_per_px with rows 0 to 11 is lost"),
        ("pixels/gray/c/1/0/0", "the chunk of pixels/gray with rows 4 to 7 is lost"),
        ("scale/key/c/2", "the chunk of scale/key with rows 8 to 11 is lost"),
    ],
)
def test_a_lost_chunk_is_found_though_it_reads_as_fill_values(made: Path, chunk: str, problem: str) -> None:
    before = open_index(made).commit
    index = open_index(made)
    session = index._repository.writable_session("main")
    sync(session.store.delete(chunk))
    session.commit("lose a chunk")
    try:
        assert problem in problems(open_index(made))
    finally:
        open_index(made).rollback(before)


def test_files_that_are_missing_changed_or_rotten_are_found(made: Path, tmp_path: Path) -> None:
    corpus = made.parent / "corpus"
    kept = {path: (path.read_bytes(), path.stat()) for path in sorted(corpus.iterdir())[:3]}
    missing, changed, rotten = kept
    try:
        missing.unlink()
        changed.write_bytes(kept[changed][0] + b"\0")
        rotten.write_bytes(kept[rotten][0][:-1] + b"\1")
        os.utime(rotten, ns=(kept[rotten][1].st_atime_ns, kept[rotten][1].st_mtime_ns))
        expected = ["00.png is missing from the corpus", "01.png has changed since it was walked"]
        assert problems(open_index(made)) == expected
        heard = Heard()
        findings = list(verify_index(open_index(made), read_corpus=True, listener=heard))
        assert [f.problem for f in findings if f.problem] == [
            *expected,
            "02.png has other bytes than when it was walked",
        ]
        read = next(f.checked for f in findings if f.what == "files of the corpus, read again")
        assert heard.events[0] == StageStarted("verify", "MD5", read, 1, "local")
        assert [event.items for event in heard.events if isinstance(event, TaskDone)] == [read]
    finally:
        for path, (data, status) in kept.items():
            path.write_bytes(data)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_damaged_list_of_chunks_is_a_finding_and_not_the_end(made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "index")
    for manifest in (copy / "store/manifests").iterdir():
        data = bytearray(manifest.read_bytes())
        data[len(data) // 2] ^= 1
        manifest.write_bytes(data)
    findings = list(verify_index(open_index(copy)))
    assert any("cannot be read" in finding.problem for finding in findings)
    assert findings[-1].problem.startswith("The corpus was not compared: Reading the table files failed")
