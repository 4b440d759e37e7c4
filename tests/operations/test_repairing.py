"""A damaged store returns to its newest sound commit, and nothing is lost that a record still has."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jobs.main import call
from pipeline.errors import IndexFormatError, StorageError, UsageError
from pipeline.index.history import BrokenHistoryError
from pipeline.index.history_check import check_history
from pipeline.index.store import create_index, open_index
from pipeline.index.tables import write_table
from pipeline.operations.repairing import repair
from pipeline.operations.verification import check_arrays
from pipeline.storage.location import Location
from tests.stored import differing_arrays


def work(place: Path, number: int) -> str:
    """A commit with a table of its own, and a row more in a table of all."""
    transaction = open_index(place).begin()
    numbers = np.random.default_rng(number).integers(0, 1 << 60, 5000)
    write_table(transaction.root, f"t{number}", {"a": numbers})
    write_table(transaction.root, "all", {"n": np.arange(number)})
    return transaction.commit(f"work {number}", {"stage": "work", "kind": "stage"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with six commits of work. Read only."""
    place = tmp_path_factory.mktemp("repaired") / "index"
    create_index(place, attributes={})
    for number in range(1, 7):
        work(place, number)
    return place


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "index")


def problems(place: Path) -> list[str]:
    opened = open_index(place)
    found = [problem for _, problem in check_history(opened) if problem]
    return found + [finding.problem for finding in check_arrays(opened) if finding.problem]


def without_records(index: Path) -> None:
    """As an older version left it."""
    shutil.rmtree(index / "commits")


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "writer.lock"
    }


def test_a_sound_index_is_left_as_it_is(index: Path) -> None:
    before = content(index)
    found = repair(Location.parse(index))
    assert (found.mended, found.lost, found.problems) == ((), (), ())
    after = content(index)
    assert after == before


@pytest.mark.parametrize("harm", ["empty", "flip", "missing", "swapped"])
@pytest.mark.parametrize("which", [0, 3, 7])
def test_a_harmed_snapshot_is_found_and_restored_without_loss(made: Path, index: Path, harm: str, which: int) -> None:
    commits = open_index(index).history()
    snapshot = index / "store/snapshots" / commits[which].id
    data = bytearray(snapshot.read_bytes())
    if harm == "missing":
        snapshot.unlink()
    elif harm == "swapped":
        snapshot.write_bytes((index / "store/snapshots" / commits[which - 1].id).read_bytes())
    else:
        data[len(data) // 2] ^= 4
        snapshot.write_bytes(data if harm == "flip" else b"")
    try:
        assert problems(index) != []
    except StorageError as error:
        assert "semcorpus repair" in str(error)  # noqa: PT017
    found = repair(Location.parse(index))
    assert found.lost == ()
    assert len(found.mended) == 1
    assert open_index(index).history() == commits
    assert problems(index) == []
    assert differing_arrays(index, made) == []


def test_a_history_that_turns_back_on_itself_ends_in_a_sentence(index: Path) -> None:
    """Records or not: a walk never goes on for ever."""
    without_records(index)
    commits = open_index(index).history()
    swapped = index / "store/snapshots" / commits[5].id
    swapped.write_bytes((index / "store/snapshots" / commits[1].id).read_bytes())
    with pytest.raises(BrokenHistoryError, match=f"its file holds the commit {commits[1].id}.*semcorpus repair"):
        open_index(index).history()
    assert any(commits[5].id in problem for problem in problems(index))


def test_a_lost_snapshot_without_a_record_is_joined_over(made: Path, index: Path) -> None:
    without_records(index)
    commits = open_index(index).history()
    (index / "store/snapshots" / commits[4].id).unlink()
    found = repair(Location.parse(index))
    assert found.commit == commits[0].id
    assert found.lost == ()
    assert [commit.id for commit in open_index(index).history()] == [c.id for n, c in enumerate(commits) if n != 4]
    assert problems(index) == []
    assert differing_arrays(index, made) == []


def test_a_newest_snapshot_without_a_record_is_lost_and_said(made: Path, index: Path) -> None:
    without_records(index)
    commits = open_index(index).history()
    (index / "store/snapshots" / commits[0].id).write_bytes(b"")
    before = content(index)
    planned = repair(Location.parse(index), dry_run=True)
    assert content(index) == before
    found = repair(Location.parse(index))
    assert planned == found
    assert found.commit == commits[1].id
    assert found.lost == ((commits[0].id, "its snapshot is lost"),)
    assert found.lost_rows is None
    work(index, 6)
    assert problems(index) == []
    assert differing_arrays(index, made) == []


@pytest.mark.parametrize("harm", ["missing", "empty", "garbage", "nowhere"])
@pytest.mark.parametrize("copied", [True, False])
def test_a_lost_reference_is_found_again(index: Path, harm: str, copied: bool) -> None:
    newest = open_index(index).commit
    reference = index / "store/refs/branch.main/ref.json"
    if not copied:
        without_records(index)
    if harm == "missing":
        shutil.rmtree(index / "store/refs")
    else:
        reference.write_text({"empty": "", "garbage": "[1", "nowhere": '{"snapshot":"000000000000000000T0"}'}[harm])
    with pytest.raises((StorageError, IndexFormatError), match="semcorpus repair"):
        open_index(index)
    repair(Location.parse(index))
    assert open_index(index).commit == newest
    assert problems(index) == []


def new_chunk(place: Path, number: int) -> tuple[str, Path]:
    """A commit, and the file of the chunk that it has written."""
    before = set((place / "store/chunks").iterdir())
    commit = work(place, number)
    (chunk,) = set((place / "store/chunks").iterdir()) - before
    return commit, chunk


@pytest.mark.parametrize("harm", ["cut", "flip", "missing"])
def test_a_damaged_chunk_costs_the_commits_that_have_it(
    made: Path, index: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, chunk = new_chunk(index, 7)
    newest = work(index, 8)
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.unlink()
    if harm != "missing":
        chunk.write_bytes(data[:-3] if harm == "cut" else data)
    assert any("t7/a, rows 0 to 4999, cannot be read" in problem for problem in problems(index))
    before = content(index)
    assert call(["repair", str(index), "--dry-run"]) == 0
    assert content(index) == before
    assert call(["repair", str(index)]) == 0
    told = capsys.readouterr().out
    assert f"lost  commit {newest}: work 8\nlost  commit {damaged}: work 7\n" in told
    assert "lost rows of all  2\nlost rows of t7   5,000\nlost rows of t8   5,000\n" in told
    assert f"not sound  commit {damaged}: t7/a, rows 0 to 4999, cannot be read" in told
    assert "`semcorpus run` does again what is lost." in told
    assert problems(index) == []
    assert differing_arrays(index, made) == []


def test_a_damaged_list_of_chunks_without_a_record_costs_its_commit(made: Path, index: Path) -> None:
    newest, before = open_index(index).history()[:2]
    new, old = (
        {manifest["id"] for manifest in json.loads(open_index(index).repository.inspect_snapshot(c.id))["manifests"]}
        for c in (newest, before)
    )
    without_records(index)
    for manifest in new - old:
        (index / "store/manifests" / manifest).write_bytes(b"cut")
    found = repair(Location.parse(index))
    assert found.commit == before.id
    assert found.lost == ((newest.id, "work 6"),)
    work(index, 6)
    assert differing_arrays(index, made) == []


def test_every_commit_unsound_is_said(index: Path) -> None:
    for chunk in (index / "store/chunks").iterdir():
        chunk.write_bytes(b"")
    without_records(index)
    for manifest in (index / "store/manifests").iterdir():
        manifest.write_bytes(b"")
    for snapshot in (index / "store/snapshots").iterdir():
        snapshot.write_bytes(b"")
    with pytest.raises(StorageError, match="backup"):
        repair(Location.parse(index))


def test_what_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexFormatError, match="no index"):
        repair(Location.parse(tmp_path))
    with pytest.raises(UsageError, match="in a bucket"):
        repair(Location.parse("s3://semcorpus/x"))


@pytest.mark.parametrize("part", ["snapshots", "transactions", "manifests"])
def test_every_flipped_bit_of_the_stores_own_files_is_found(index: Path, part: str) -> None:
    """Decoded or not: their digests stand in the records."""
    random = np.random.default_rng(7)
    opened = open_index(index)
    assert len(opened.history()) == 8
    used = sorted(path for path in (index / "store" / part).iterdir() if path.name != "1CECHNKREP0F1RSTCMT0")
    for path in random.choice(np.array(used, object), 3):
        data = path.read_bytes()
        harmed = bytearray(data)
        harmed[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(harmed)
        try:
            assert any(path.name in problem for problem in problems(index))
        except StorageError as error:
            assert "semcorpus repair" in str(error)  # noqa: PT017
        path.write_bytes(data)


def test_each_record_is_checked_and_written_anew(index: Path) -> None:
    commits = open_index(index).history()
    cut, gone = (index / "commits" / f"{commits[n].id}.json" for n in (1, 3))
    before = gone.read_bytes()
    cut.write_bytes(cut.read_bytes()[:-9])
    gone.unlink()
    found = problems(index)
    assert len(found) == 3  # a damaged one is as good as missing
    assert f"the commit's record {cut} is damaged" in found
    assert len(repair(Location.parse(index)).mended) == 2
    assert gone.read_bytes() == before
    assert problems(index) == []


def test_an_index_of_an_older_version_is_sound_and_gets_records_from_now_on(index: Path) -> None:
    without_records(index)
    assert problems(index) == []
    commit = work(index, 7)
    assert problems(index) == []
    assert repair(Location.parse(index)).mended == ()
    assert {path.stem for path in (index / "commits").iterdir()} == {commit, "main"}


def test_a_rollback_is_kept_where_the_reference_is_lost(index: Path) -> None:
    earlier = open_index(index).history()[2].id
    open_index(index).rollback(earlier)
    (index / "store/refs/branch.main/ref.json").unlink()
    assert repair(Location.parse(index)).commit == earlier


def test_json_stands_alone_on_standard_output(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    oldest = open_index(index).history()[5].id
    (index / "store/snapshots" / oldest).unlink()
    capfd.readouterr()
    assert call(["history", str(index), "--format", "json"]) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert "semcorpus repair" in told.err
    assert call(["repair", str(index), "--quiet"]) == 0
    assert call(["history", str(index), "--all", "--format", "json"]) == 0
    assert len(json.loads(capfd.readouterr().out)) == 8
