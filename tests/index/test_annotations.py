"""What people enter: append-only, in order, on disk and in a bucket, with a lock of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import IndexLockedError, StorageError
from pipeline.index.annotations import append_annotations, erase_from_annotations, read_annotations
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


@pytest.mark.parametrize("harm", [lambda data: data[:-3], lambda data: b"\xff" + data, lambda data: b"[1]\n"])
def test_damage_is_said_and_never_passed_over(tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    place = Location.parse(tmp_path)
    append_annotations(place, "scale", [{"a": 1}])
    file = tmp_path / "annotations/scale/000001.jsonl"
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(StorageError, match=r"000001\.jsonl is damaged"):
        read_annotations(place, "scale")


def test_what_must_be_forgotten_is_erased_and_the_rest_stays(place: Location) -> None:
    erase_from_annotations(place, "scale", lambda record: None)
    append_annotations(place, "scale", [{"n": 1}, {"n": 2}])
    append_annotations(place, "scale", [{"n": 1}])
    append_annotations(place, "scale", [{"n": 3}])
    erase_from_annotations(place, "scale", lambda record: None if record["n"] == 1 else record)
    assert read_annotations(place, "scale") == [{"n": 2}, {"n": 3}]
    append_annotations(place, "scale", [{"n": 4}])
    assert read_annotations(place, "scale") == [{"n": 2}, {"n": 3}, {"n": 4}]


def test_a_file_of_no_bytes_is_damaged(tmp_path: Path) -> None:
    append_annotations(Location.parse(tmp_path), "scale", [{"n": 1}])
    (tmp_path / "annotations/scale/000001.jsonl").write_bytes(b"")
    with pytest.raises(StorageError, match="damaged"):
        read_annotations(Location.parse(tmp_path), "scale")
