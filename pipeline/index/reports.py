"""Publishing reports so that a reader never mixes two runs.

Each run's files are written into a folder of their own, ``reports/versions/COMMIT-KEY/``, then copied to ``reports/``
for people and scripts that open one file; ``reports/manifest.json``, the last thing written, then names that folder.
Whoever reads several files goes through `read_report_tables` or the manifest. A run that is killed before its manifest
is written leaves the old report valid, and the next run publishes again.
"""

import hashlib
import io
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StageError, StorageError
from pipeline.storage.durable import write_durably
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

_MANIFEST = "manifest.json"
_VERSIONS = "versions"


def read_manifest(location: Location) -> dict[str, Any] | None:
    """The manifest of the newest finished report; None before the first.

    Raises
    ------
    StorageError
        It cannot be read, or is damaged.
    """
    place = location.child("reports", _MANIFEST)
    text = read_file(location, place)
    if text is None:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
        sealed = found.pop("digest", None)  # an older version wrote none
        if sealed not in (None, _seal(found)) or not isinstance(found["files"], dict):
            raise ValueError("it is not what was published")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"The manifest {place.url} is damaged ({error}). `semcorpus report {location.url}` writes it anew."
        ) from error
    return found


def read_file(location: Location, place: Location) -> bytes | None:
    """A file among an index's reports; None where there is none.

    Raises
    ------
    StorageError
        It cannot be read.
    """
    with storage_failures("reading the reports of", location.url):
        try:
            return bytes(place.filesystem().cat_file(place.url))
        except FileNotFoundError:
            return None


def _seal(manifest: Mapping[str, Any]) -> str:
    return _md5(json.dumps(manifest, sort_keys=True).encode())


def read_report_table(location: Location, name: str) -> pa.Table:
    """A table of the newest finished report; for several, see `read_report_tables`.

    Raises
    ------
    StageError
        There is no report yet, or it has no such table.
    """
    return read_report_tables(location, [name])[name]


def read_report_tables(location: Location, names: Iterable[str]) -> dict[str, pa.Table]:
    """Tables of the newest finished report, all of the same run.

    Raises
    ------
    StageError
        There is no report yet, or it has no such table.
    StorageError
        A file cannot be read.
    """
    manifest = read_manifest(location)
    return {name: _read_table(location, manifest, name) for name in names}


def _read_table(location: Location, manifest: Mapping[str, Any] | None, name: str) -> pa.Table:
    file = f"{name}.parquet"
    if manifest is None or file not in manifest["files"]:
        files = manifest["files"] if manifest else {}
        known = sorted(known.removesuffix(".parquet") for known in files if known.endswith(".parquet"))
        what = f"it has {', '.join(known)}" if known else "run `semcorpus report INDEX` first"
        raise StageError(f"The report of {location.url} has no table {name!r}: {what}.")
    place = location.child("reports", _VERSIONS, manifest["version"], file)
    with storage_failures("reading the reports of", location.url):
        data = place.filesystem().cat_file(place.url)
    if _md5(data) != manifest["files"][file]:
        raise StorageError(f"{place.url} is not what was published; `semcorpus report {location.url}` writes it anew.")
    return pq.read_table(io.BytesIO(data))


def publish_report(
    location: Location,
    *,
    commit: str,
    key: int,
    tables: Mapping[str, pa.Table],
    files: Mapping[str, bytes],
    stamp: Mapping[str, str],
) -> None:
    """Write tables and files of one run, then make them the current ones.

    Parameters
    ----------
    commit : str
        The index commit that all of it rests on.
    key : int
        Changes with whatever decides what the report looks like besides the commit.
    tables : mapping of str to pyarrow.Table
        Written as ``NAME.parquet``, each stamped with the commit.
    files : mapping of str to bytes
        Other files by their path below ``reports/``.
    stamp : mapping of str to str
        Further stamps for tables and manifest: software version, recipe.
    """
    stamps = {"semcorpus.commit": commit, **{f"semcorpus.{name}": value for name, value in stamp.items()}}
    contents = {f"{name}.parquet": _parquet(table, stamps) for name, table in tables.items()} | dict(files)
    version = f"{commit}-{key:016x}"
    manifest = {
        "commit": commit,
        "key": key,
        "version": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {name: _md5(data) for name, data in sorted(contents.items())},
    }
    with storage_failures("writing the reports of", location.url):
        before = _previous(location)
        for name, data in contents.items():
            write_durably(location.child("reports", _VERSIONS, version, name), data)
        for name, data in contents.items():
            write_durably(location.child("reports", name), data)
        for name in set(before["files"] if before else ()) - set(contents):
            _remove(location.child("reports", name))
        sealed = {**manifest, "digest": _seal(manifest)}
        write_durably(location.child("reports", _MANIFEST), json.dumps(sealed, indent=1).encode())
        # A reader may hold the manifest before this one, so its folder stays for one run more.
        _drop_versions(location, keep={version, before["version"] if before else version})


def _previous(location: Location) -> dict[str, Any] | None:
    """The manifest that is about to be replaced; None also where it is damaged."""
    try:
        return read_manifest(location)
    except StorageError:
        return None


def _parquet(table: pa.Table, stamps: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **stamps}), buffer, compression="zstd"
    )
    return buffer.getvalue()


def _remove(place: Location) -> None:
    with suppress(FileNotFoundError):
        place.filesystem().rm_file(place.url)


def _drop_versions(location: Location, *, keep: Collection[str]) -> None:
    place = location.child("reports", _VERSIONS)
    filesystem = place.filesystem()
    for entry in filesystem.ls(place.url, detail=True):
        name = str(entry["name"]).rstrip("/")
        if entry["type"] == "directory" and name.rpartition("/")[2] not in keep:
            filesystem.rm(name, recursive=True)


def check_report_files(location: Location) -> list[str]:
    """What is wrong with the published files: missing, or other bytes than the manifest says; also the manifest."""
    try:
        manifest = read_manifest(location)
    except StorageError as error:
        return [str(error)]
    with storage_failures("reading the reports of", location.url):
        if manifest is None:
            return _without_manifest(location)
        places = [
            (place, md5)
            for name, md5 in manifest["files"].items()
            for place in (
                location.child("reports", _VERSIONS, manifest["version"], name),
                location.child("reports", name),
            )
        ]
        return [problem for place, md5 in places if (problem := _problem(place, md5))]


def _without_manifest(location: Location) -> list[str]:
    """No manifest is no problem where there is no report: a report is a file, which what runs leave is not."""
    place = location.child("reports")
    try:
        files = [entry for entry in place.filesystem().ls(place.url, detail=True) if entry["type"] == "file"]
    except FileNotFoundError:
        return []
    manifest = place.child(_MANIFEST).url
    return [f"{manifest} is missing; `semcorpus report {location.url}` writes the report anew"] if files else []


def _problem(place: Location, md5: str) -> str:
    try:
        data = place.filesystem().cat_file(place.url)
    except FileNotFoundError:
        return f"{place.url} is missing"
    return "" if _md5(data) == md5 else f"{place.url} is not what was published"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def delete_reports(location: Location) -> None:
    """Delete all published files; the next run writes them anew."""
    place = location.child("reports")
    with storage_failures("deleting the reports of", location.url):
        if place.filesystem().exists(place.url):
            place.filesystem().rm(place.url, recursive=True)
