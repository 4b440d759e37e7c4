"""What people enter: append-only, in order, on disk and in a bucket, with a lock of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import IndexLockedError, StorageError
from pipeline.index.annotations import (
    append_annotations,
    check_annotations,
    erase_from_annotations,
    mend_annotations,
    read_annotations,
)
from pipeline.index.lock.writer import writer_lock
from pipeline.storage.location import Location


@pytest.fixture(params=["local", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "local":
        return Location.parse(tmp_path / "index")
    request.getfixturevalue("s3_endpoint")
    return Location.parse(f"s3://semcorpus/{tmp_path.name}/index")


def test_records_come_back_in_their_order(place: Location) -> None:
    assert read_annotations(place, "scale") == []
    append_annotations(place, "scale", [{"a": 1}, {"b": "µ\n"}])
    append_annotations(place, "scale", [])
    append_annotations(place, "scale", [{"c": None}])
    append_annotations(place, "names", [{"d": 1.5}])
    assert read_annotations(place, "scale") == [{"a": 1}, {"b": "µ\n"}, {"c": None}]
    assert read_annotations(place, "names") == [{"d": 1.5}]


def test_nothing_is_ever_rewritten(tmp_path: Path) -> None:
    place = Location.parse(tmp_path)
    for number in range(12):
        append_annotations(place, "scale", [{"n": number}])
        if number == 3:
            before = {file.name: file.read_bytes() for file in (tmp_path / "annotations/scale").iterdir()}
    after = {file.name: file.read_bytes() for file in (tmp_path / "annotations/scale").iterdir()}
    assert len(after) == 12
    assert before.items() <= after.items()
    assert [record["n"] for record in read_annotations(place, "scale")] == list(range(12))


def test_many_at_once_in_a_bucket_lose_nothing(s3_endpoint: str, tmp_path: Path) -> None:
    place = Location.parse(f"s3://semcorpus/{tmp_path.name}/many")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append_annotations(place, "scale", [{"n": n}]), range(8)))
    assert sorted(record["n"] for record in read_annotations(place, "scale")) == list(range(8))


def test_the_lock_is_not_that_of_the_store(tmp_path: Path) -> None:
    place = Location.parse(tmp_path)
    with writer_lock(place):
        append_annotations(place, "scale", [{"a": 1}])
    with writer_lock(place.child("annotations")), pytest.raises(IndexLockedError):
        append_annotations(place, "scale", [{"a": 2}])
    assert read_annotations(place, "scale") == [{"a": 1}]


def entered(folder: Path) -> Location:
    """Three files of annotations, the first of two lines."""
    place = Location.parse(folder)
    append_annotations(place, "scale", [{"n": 1, "text": "10 nm"}, {"n": 2, "text": "µ"}])
    append_annotations(place, "scale", [{"n": 3, "text": "10 nm"}])
    append_annotations(place, "scale", [{"n": 4, "text": "10 nm"}])
    return place


HARMS = {
    "flipped": lambda file: file.write_bytes(file.read_bytes().replace(b"10 nm", b"90 nm")),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-3]),
    "line lost": lambda file: file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:])),
    "file lost": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "garbage": lambda file: file.write_bytes(b"\xff\n"),
    "seal lost": lambda file: file.write_bytes(b'{"n": 1, "text": "90 nm"}\n'),
    "another's": lambda file: file.write_bytes((file.parent / "000003.jsonl").read_bytes()),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("copy", ["annotations/scale", "annotations/copies/scale"])
def test_damage_in_one_copy_is_found_passed_over_and_mended(tmp_path: Path, harm: str, copy: str) -> None:
    place = entered(tmp_path)
    file = tmp_path / copy / "000001.jsonl"
    before, notes = file.read_bytes(), list[str]()
    HARMS[harm](file)
    assert [record["n"] for record in read_annotations(place, "scale", note=notes.append)] == [1, 2, 3, 4]
    assert {record["text"] for record in read_annotations(place, "scale")} == {"10 nm", "µ"}
    assert len(notes) == 1
    assert str(file) in notes[0]
    assert "semcorpus repair" in notes[0]
    checked, problems = check_annotations(place)
    assert checked == 3
    assert [str(file) in problem for problem in problems] == [True]
    assert mend_annotations(place, only_look=True) == problems
    assert file.read_bytes() != before if file.exists() else True
    assert mend_annotations(place) == problems
    assert file.read_bytes() == before
    assert check_annotations(place) == (3, [])


@pytest.mark.parametrize("harm", HARMS)
def test_damage_in_both_copies_is_said_and_never_passed_over(tmp_path: Path, harm: str) -> None:
    place = entered(tmp_path)
    for copy in ("annotations/scale", "annotations/copies/scale"):
        HARMS[harm](tmp_path / copy / "000001.jsonl")
    with pytest.raises(StorageError, match=r"00000[12]\.jsonl is (damaged|missing).*people entered it"):
        read_annotations(place, "scale")
    assert len(check_annotations(place)[1]) == 1
    with pytest.raises(StorageError, match="people entered it"):
        append_annotations(place, "scale", [{"n": 5}])


def test_every_flipped_bit_of_a_file_is_found(tmp_path: Path) -> None:
    place = entered(tmp_path)
    file = tmp_path / "annotations/scale/000001.jsonl"
    data = file.read_bytes()
    for bit in range(0, 8 * len(data), 7):
        harmed = bytearray(data)
        harmed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(harmed)
        assert len(check_annotations(place)[1]) == 1, bit
    file.write_bytes(data)
    assert check_annotations(place)[1] == []


def test_files_of_an_older_version_are_read_and_sealed_at_the_next_entry(place: Location) -> None:
    filesystem, folder = place.filesystem(), place.child("annotations", "scale")
    if place.is_local:
        folder.path.mkdir(parents=True)
    filesystem.pipe_file(folder.child("000001.jsonl").url, b'{"n": 1}\n{"n": 2}\n')
    filesystem.pipe_file(folder.child("000002.jsonl").url, b"\n")
    filesystem.pipe_file(folder.child("000003.jsonl").url, b'{"n": 3}\n')
    assert [record["n"] for record in read_annotations(place, "scale")] == [1, 2, 3]
    assert check_annotations(place) == (3, [])
    append_annotations(place, "scale", [{"n": 4}])
    assert [record["n"] for record in read_annotations(place, "scale")] == [1, 2, 3, 4]
    assert b"digest" in filesystem.cat_file(folder.child("000001.jsonl").url)
    filesystem.rm_file(folder.child("000003.jsonl").url)
    assert [record["n"] for record in read_annotations(place, "scale")] == [1, 2, 3, 4]
    assert check_annotations(place)[1] == [f"{folder.child('000003.jsonl').url} is missing"]


def test_what_is_forgotten_is_in_neither_copy(place: Location) -> None:
    append_annotations(place, "scale", [{"n": 1, "who": "secret"}, {"n": 2}])
    append_annotations(place, "scale", [{"n": 3}])
    erase_from_annotations(place, "scale", lambda record: None if record["n"] == 1 else record)
    filesystem = place.filesystem()
    files = filesystem.find(place.child("annotations").url)
    assert len([file for file in files if str(file).endswith(".jsonl")]) == 4
    assert not any(b"secret" in filesystem.cat_file(file) for file in files)
    assert check_annotations(place) == (2, [])
    assert [record["n"] for record in read_annotations(place, "scale")] == [2, 3]


def test_what_must_be_forgotten_is_erased_and_the_rest_stays(place: Location) -> None:
    erase_from_annotations(place, "scale", lambda record: None)
    append_annotations(place, "scale", [{"n": 1}, {"n": 2}])
    append_annotations(place, "scale", [{"n": 1}])
    append_annotations(place, "scale", [{"n": 3}])
    erase_from_annotations(place, "scale", lambda record: None if record["n"] == 1 else record)
    assert read_annotations(place, "scale") == [{"n": 2}, {"n": 3}]
    append_annotations(place, "scale", [{"n": 4}])
    assert read_annotations(place, "scale") == [{"n": 2}, {"n": 3}, {"n": 4}]
