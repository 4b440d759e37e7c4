"""The store's errors as sentences, and a disk that really is full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import icechunk
import numpy as np
import pytest

from pipeline.errors import SemcorpusError, StageError, StorageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.reports import publish_report, read_manifest
from pipeline.index.store import create_index, open_index
from pipeline.index.tables import read_table, write_table
from pipeline.storage.failures import is_disk_full, storage_failures
from pipeline.storage.location import Location


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "The disk is full: writing X failed. The index is as it was"),
        (icechunk.IcechunkError("x I/O error\n | io: No space left on device (os error 28)"), "The disk is full"),
        (PermissionError(13, "Permission denied"), "No permission for writing X"),
        (icechunk.IcechunkError("  x object store: AccessDenied"), "No permission for writing X"),
        (RuntimeError("Zstd decompression error: b'bad'"), "what is stored is damaged"),
        (
            icechunk.IcechunkError("  x snapshot not found\n  | \n  | context:"),
            "damaged (snapshot not found). `semcorpus verify",
        ),
        (icechunk.IcechunkError("  x session error: invalid snapshot timestamp ordering"), "the clock of this machine"),
        (ConnectionRefusedError(111, "Connection refused"), "Writing X failed"),
    ],
)
def test_each_failure_is_one_sentence_that_keeps_its_cause(error: Exception, words: str) -> None:
    with pytest.raises(StorageError) as caught, storage_failures("writing", "X"):
        raise error
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError("a bug"), KeyError("a bug"), StageError("ours")])
def test_bugs_and_our_own_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, storage_failures("writing", "X"):
        raise error
    assert caught.value is error


def test_a_full_disk_is_seen_through_other_errors() -> None:
    error = RuntimeError("worker failed")
    error.__cause__ = OSError(122, "Disk quota exceeded")
    assert is_disk_full(error)
    assert not is_disk_full(RuntimeError("worker failed"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "semcorpus-test", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with open(disk / "rest", "wb", buffering=0) as rest, suppress(OSError):
        while True:
            rest.write(bytes(4096))


def noise(size: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.random.default_rng(1).integers(0, 255, size, np.uint8)


def test_a_full_disk_ends_in_a_sentence_and_leaves_the_last_commit(small_disk: Path) -> None:
    place = small_disk / "index"
    transaction = create_index(place, attributes={}).begin()
    write_table(transaction.root, "t", {"a": np.arange(5)})
    last = transaction.commit("small", {})
    with pytest.raises(StorageError, match=r"^The disk is full: .* last commit; make room"):  # noqa: PT012
        write_table(transaction.root, "u", {"b": noise(3_000_000)})
        transaction.commit("large", {})
    index = open_index(place)
    assert index.commit == last
    assert read_table(index.read(), "t")["a"].tolist() == list(range(5))


def test_a_full_disk_stops_lock_and_report_in_words(small_disk: Path) -> None:
    location = Location.parse(small_disk)
    publish_report(location, commit="C1", key=1, tables={}, files={"report.html": b"x"}, stamp={})
    files = {"report.html": noise(1_500_000).tobytes()}
    with pytest.raises(StorageError, match=r"^The disk is full: writing the reports"):
        publish_report(location, commit="C2", key=1, tables={}, files=files, stamp={})
    manifest = read_manifest(location)
    assert manifest is not None
    assert manifest["commit"] == "C1"
    fill(small_disk)
    with pytest.raises(SemcorpusError, match="The disk is full: locking"), writer_lock(location):
        pytest.fail("locked without saying who")


def test_room_made_lets_the_same_work_finish(small_disk: Path) -> None:
    place = small_disk / "index"
    create_index(place, attributes={})
    (small_disk / "ballast").write_bytes(bytes(1_500_000))

    def work() -> None:
        transaction = open_index(place).begin()
        write_table(transaction.root, "t", {"b": noise(1_000_000)})
        transaction.commit("large", {})

    with pytest.raises(StorageError, match="The disk is full"):
        work()
    (small_disk / "ballast").unlink()
    work()
    assert np.array_equal(read_table(open_index(place).read(), "t")["b"], noise(1_000_000))
