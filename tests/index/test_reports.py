"""Published reports: all of one run or all of another, in a folder and in a bucket alike."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import StageError, StorageError
from pipeline.index import reports
from pipeline.index.reports import (
    check_report_files,
    publish_report,
    read_manifest,
    read_report_table,
    read_report_tables,
)
from pipeline.storage.location import Location


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    return Location.parse(
        tmp_path / "index" if request.param == "folder" else str(request.getfixturevalue("s3_prefix"))
    )


def publish(place: Location, run: str, *, key: int = 1, names: tuple[str, ...] = ("files", "images")) -> None:
    publish_report(
        place,
        commit=run,
        key=key,
        tables={name: pa.table({"run": [run]}).replace_schema_metadata({"about": name}) for name in names},
        files={"report.html": run.encode(), "figures/a.svg": run.encode()},
        stamp={"software": "1.2.3"},
    )


def files_of(place: Location) -> dict[str, bytes]:
    """All that lies below reports/, versions apart."""
    filesystem, root = place.filesystem(), place.child("reports").url
    prefix = filesystem._strip_protocol(root) + "/"
    found = {name.removeprefix(prefix): name for name in filesystem.find(root)}
    return {name: filesystem.cat_file(full) for name, full in found.items() if not name.startswith("versions/")}


def versions_of(place: Location) -> list[str]:
    versions = place.child("reports", "versions")
    return sorted(name.rpartition("/")[2] for name in versions.filesystem().ls(versions.url, detail=False))


def test_before_the_first_report(place: Location) -> None:
    assert read_manifest(place) is None
    assert check_report_files(place) == []
    with pytest.raises(StageError, match="no table 'files': run `semcorpus report"):
        read_report_table(place, "files")


def test_what_is_published_is_read_back_with_its_stamps(place: Location) -> None:
    publish(place, "C1", key=0xAB)
    manifest = read_manifest(place)
    assert manifest is not None
    assert (manifest["commit"], manifest["key"]) == ("C1", 0xAB)
    assert set(manifest["files"]) == {"files.parquet", "images.parquet", "report.html", "figures/a.svg"}
    table = read_report_table(place, "images")
    stamps = {b"about": b"images", b"semcorpus.commit": b"C1", b"semcorpus.software": b"1.2.3"}
    assert table.schema.metadata == stamps
    direct = pq.read_table(io.BytesIO(files_of(place)["images.parquet"]))
    assert direct.equals(table)
    assert direct.schema.metadata == stamps
    assert set(files_of(place)) == {*manifest["files"], "manifest.json"}
    assert check_report_files(place) == []
    with pytest.raises(StageError, match="no table 'nosuch': it has files, images"):
        read_report_table(place, "nosuch")


def test_a_new_run_replaces_the_old_and_leaves_nothing_of_it(place: Location) -> None:
    publish(place, "C1", names=("files", "confusion"))
    publish(place, "C2")
    assert {name: t["run"].to_pylist() for name, t in read_report_tables(place, ["files", "images"]).items()} == {
        "files": ["C2"],
        "images": ["C2"],
    }
    assert "confusion.parquet" not in files_of(place)
    assert files_of(place)["report.html"] == b"C2"
    assert check_report_files(place) == []


def test_the_version_before_stays_for_its_readers_and_older_ones_go(place: Location) -> None:
    for run in ("Z1", "A2", "M3"):  # not in the order of their names
        publish(place, run)
    assert versions_of(place) == ["A2-0000000000000001", "M3-0000000000000001"]


def test_the_manifest_is_written_last(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = reports.write_whole

    def write(target: Location, data: bytes) -> None:
        written.append(target.url.removeprefix(place.url))
        real(target, data)

    monkeypatch.setattr(reports, "write_whole", write)
    publish(place, "C1")
    copies = [n for n, name in enumerate(written) if "/versions/" not in name]
    assert copies == list(range(4, 9))
    assert written[-1] == "/reports/manifest.json"


@pytest.mark.parametrize("writes", range(9))
def test_a_crash_at_any_write_leaves_a_whole_report(
    place: Location, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    publish(place, "C1")
    real, count = reports.write_whole, iter(range(100))

    def write(target: Location, data: bytes) -> None:
        if next(count) == writes:
            raise KeyboardInterrupt
        real(target, data)

    with monkeypatch.context() as crashing:
        crashing.setattr(reports, "write_whole", write)
        with pytest.raises(KeyboardInterrupt):
            publish(place, "C2")
    manifest = read_manifest(place)
    assert manifest is not None
    assert manifest["commit"] == "C1"
    assert {t["run"].to_pylist()[0] for t in read_report_tables(place, ["files", "images"]).values()} == {"C1"}
    publish(place, "C2")
    assert check_report_files(place) == []
    assert versions_of(place) == ["C1-0000000000000001", "C2-0000000000000001"]


def test_several_tables_are_of_one_run_while_another_is_published(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, "C1")
    real: Any = reports._read_table

    def read(location: Location, manifest: Any, name: str) -> pa.Table:
        table = real(location, manifest, name)
        publish(place, "C2")
        return table

    monkeypatch.setattr(reports, "_read_table", read)
    found = read_report_tables(place, ["files", "images"])
    assert [table["run"].to_pylist() for table in found.values()] == [["C1"], ["C1"]]


def test_missing_and_changed_files_are_found(place: Location) -> None:
    publish(place, "C1")
    filesystem = place.filesystem()
    filesystem.rm_file(place.child("reports", "report.html").url)
    filesystem.pipe_file(place.child("reports", "figures", "a.svg").url, b"other")
    filesystem.pipe_file(place.child("reports", "versions", "C1-0000000000000001", "files.parquet").url, b"")
    problems = "\n".join(sorted(check_report_files(place)))
    assert "figures/a.svg is not what was published" in problems
    assert "versions/C1-0000000000000001/files.parquet is not what was published" in problems
    assert "reports/report.html is missing" in problems
    assert len(problems.splitlines()) == 3


def test_a_damaged_manifest_is_a_sentence(place: Location) -> None:
    publish(place, "C1")
    manifest = place.child("reports", "manifest.json")
    manifest.filesystem().pipe_file(manifest.url, b'{"commit": ')
    with pytest.raises(StorageError, match=r"manifest.json is damaged.*Delete it"):
        read_report_table(place, "files")
    manifest.filesystem().pipe_file(manifest.url, json.dumps({}).encode())
    manifest.filesystem().rm_file(manifest.url)
    publish(place, "C2")
    assert check_report_files(place) == []


def test_nothing_half_written_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location.parse(tmp_path)
    publish(place, "C1")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", fail)
        with pytest.raises(StorageError, match=r"The disk is full: writing the reports"):
            publish(place, "C2")
    assert not list(tmp_path.rglob("*.new"))
    assert read_report_table(place, "files")["run"].to_pylist() == ["C1"]
