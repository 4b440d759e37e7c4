"""Publishing reports so that a reader never mixes two runs.

Each run's files are written into a folder of their own, ``reports/versions/COMMIT/``; then ``reports/manifest.json``,
the last thing written, names that folder. The copies directly in ``reports/`` are for people and scripts that open one
file; whoever reads several goes through `read_report_table` or the manifest.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StageError
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

_MANIFEST = "manifest.json"
_VERSIONS = "versions"
_KEPT_VERSIONS = 2


def read_manifest(location: Location) -> dict[str, Any] | None:
    """The manifest of the newest finished report; None before the first."""
    place = location.child("reports", _MANIFEST)
    with storage_failures("reading the reports of", location.url):
        if not place.exists():
            return None
        found: dict[str, Any] = json.loads(place.filesystem().cat_file(place.url))
        return found


def read_report_table(location: Location, name: str) -> pa.Table:
    """A table of the newest finished report.

    Raises
    ------
    StageError
        There is no report yet, or it has no such table.
    """
    manifest = read_manifest(location)
    file = f"{name}.parquet"
    if manifest is None or file not in manifest["files"]:
        known = sorted(
            f.removesuffix(".parquet") for f in (manifest or {"files": {}})["files"] if f.endswith(".parquet")
        )
        what = f"it has {', '.join(known)}" if known else "run `semcorpus report INDEX` first"
        raise StageError(f"The report of {location.url} has no table {name!r}: {what}.")
    place = location.child("reports", _VERSIONS, manifest["version"], file)
    with storage_failures("reading the reports of", location.url):
        return pq.read_table(io.BytesIO(place.filesystem().cat_file(place.url)))


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
        "files": {
            name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in sorted(contents.items())
        },
    }
    with storage_failures("writing the reports of", location.url):
        for name, data in contents.items():
            _write(location.child("reports", _VERSIONS, version, name), data)
        _write(location.child("reports", _MANIFEST), json.dumps(manifest, indent=1).encode())
        for name, data in contents.items():
            _write(location.child("reports", name), data)
        _drop_old_versions(location, version)


def _parquet(table: pa.Table, stamps: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **stamps}), buffer, compression="zstd"
    )
    return buffer.getvalue()


def _write(place: Location, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part."""
    if not place.is_local:
        place.filesystem().pipe_file(place.url, data)
        return
    place.path.parent.mkdir(parents=True, exist_ok=True)
    aside = place.path.with_name(f".{place.path.name}.new")
    aside.write_bytes(data)
    aside.replace(place.path)


def _drop_old_versions(location: Location, current: str) -> None:
    place = location.child("reports", _VERSIONS)
    filesystem = place.filesystem()
    if not place.is_local:
        filesystem.invalidate_cache()
    entries = [e for e in filesystem.ls(place.url, detail=True) if e["type"] == "directory"]
    entries.sort(key=lambda entry: (_name(entry) == current, entry.get("created", 0) or 0, _name(entry)))
    for entry in entries[:-_KEPT_VERSIONS]:
        filesystem.rm(entry["name"], recursive=True)


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def check_report_files(location: Location) -> list[str]:
    """What is wrong with the published files: missing, or other bytes than the manifest says."""
    manifest = read_manifest(location)
    if manifest is None:
        return []
    problems = []
    for name, md5 in manifest["files"].items():
        for place in (location.child("reports", _VERSIONS, manifest["version"], name), location.child("reports", name)):
            if not place.exists():
                problems.append(f"{place.url} is missing")
            elif hashlib.md5(place.filesystem().cat_file(place.url), usedforsecurity=False).hexdigest() != md5:
                problems.append(f"{place.url} is not what was published")
    return problems
