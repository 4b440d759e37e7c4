"""Taking pictures out of an index: anonymous TIFF/JPG pairs, or a folder for each label or cluster; tables as CSV.

A picture is named by its MD5 and written anew from its canonical gray, so that no metadata of the original comes along;
the data bar, which may name people too, is cut off on request.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import simplejpeg
import tifffile
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.corpus.csv_text import cell_text
from pipeline.corpus.source import Corpus
from pipeline.engine import Engines
from pipeline.errors import ImageError, StageError, UsageError
from pipeline.imaging.scale.regions.clean_rows import clean_rows
from pipeline.index.arrays import open_array
from pipeline.index.reports import read_manifest, read_report_tables
from pipeline.index.rows import read_rows
from pipeline.index.store import Index
from pipeline.index.tables import column_of, read_table
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.progress import Listener
from pipeline.runtime.keys import scale_key
from pipeline.runtime.map_blocks import Errand, map_blocks
from pipeline.stages.clustering.stored import cluster_labels, find_clustering, stored_clusterings
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import Source, read_images, representatives, sources_of
from pipeline.stages.selection import done_rows

Kind = Literal["pairs", "labels", "clusters", "tables"]

_PICTURES_PER_TASK = 32
_SECONDS_PER_PICTURE = 0.04
_IN_MICRONS_FROM_NM = 100.0
_LONGEST_FOLDER_BYTES = 120  # some file systems take 143, and whole paths are limited, too
_SETTINGS_FILE = "export.json"
_MANIFEST_FILE = "manifest.csv"


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What to take out, and how.

    Attributes
    ----------
    kind : {"pairs", "labels", "clusters", "tables"}
    name : str
        The label set, or the clustering (``cae-ward-k10``); empty for the other kinds.
    crop_bar : bool
        Cut the data bar off, and all print at the picture's head and foot.
    only_sure : bool
        With ``crop_bar``: leave out the pictures that may still show print.
    jpeg_quality : int
        1 to 100.
    """

    kind: Kind
    name: str = ""
    crop_bar: bool = False
    only_sure: bool = False
    jpeg_quality: int = 90


@dataclass(frozen=True, slots=True)
class _Item:
    """A picture to write: where it comes from, its folder below the export's, its data bar and its scale."""

    source: Source
    folder: str
    bar_top_px: int  # -1 without one
    nm_per_px: float  # NaN without one
    nm_per_px_y: float  # NaN where it is the same


@dataclass(frozen=True, slots=True)
class _Block:
    """What came of a block of pictures: the names of files, of those that are new, and what was kept of each."""

    files: int
    written: int
    unreadable: tuple[str, ...]
    kept: tuple[tuple[bytes, int | None, bool], ...]  # MD5, rows (None: all, unread), whether no print is left


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes
    ----------
    pictures, files, written : int
        Pictures, files in all, and those written now.
    unreadable : tuple of str
        Pictures that could not be read.
    unsure : int
        With a cut data bar: pictures that may still show print.
    """

    pictures: int
    files: int
    written: int
    unreadable: tuple[str, ...]
    unsure: int = 0


def export(index: Index, out: Path, settings: ExportSettings, *, engines: Engines, listener: Listener) -> Exported:
    """Write pictures or tables of an index into the folder ``out``; run again, it goes on where it was stopped.

    Raises
    ------
    UsageError
        ``out`` holds something else, or there is no such label set or clustering.
    StageError
        There is no report to take tables from.
    ShardError
        Pictures cannot be written.
    StorageError
        The disk is full.
    """
    _prepare(out, settings)
    if settings.kind == "tables":
        return _export_tables(index, out)
    root, recipe = index.read(), stored_recipe(index)
    corpus = Corpus(stored_corpus(index), recipe.corpus)
    corpus.check()
    items = list(_items(root, recipe, settings))
    errand = Errand(
        "export",
        f"Writing pictures into {out}",
        per_task=_PICTURES_PER_TASK,
        seconds_per_item=_SECONDS_PER_PICTURE,
        retries=recipe.run.retries,
        commit=index.commit,
        step=settings.kind,
    )
    write = partial(_write_block, contents=Contents(corpus, recipe.walk), out=str(out), settings=settings)
    done = map_blocks(
        write, items, errand, engines=engines, listener=listener, skipped=lambda block: len(block.unreadable)
    )
    kept = {md5: (rows, is_sure) for block in done for md5, rows, is_sure in block.kept}
    unreadable = sorted(name for block in done for name in block.unreadable)
    _write_manifest(root, items, kept, settings, out)
    unsure = sum(not is_sure for _, is_sure in kept.values())
    files, written = sum(block.files for block in done), sum(block.written for block in done)
    return Exported(len(items), files, written, tuple(unreadable), unsure)


def folder_name(label: str) -> str:
    """A label as a relative folder: its parts without anything that a file system could take for a path.

    Examples
    --------
    >>> folder_name("Fibres/bundle"), folder_name("../etc"), folder_name("a:b")
    ('Fibres/bundle', '_/etc', 'a_b')
    """
    parts = (re.sub(r"[^\w .+()-]", "_", part).strip(" .") for part in label.split("/"))
    return "/".join(_short(part) or "_" for part in parts)


def _short(part: str) -> str:
    """A name that every file system takes; a cut one ends in a digest of the whole, so that no two become one."""
    if len(part.encode()) <= _LONGEST_FOLDER_BYTES:
        return part
    digest = hashlib.md5(part.encode(), usedforsecurity=False).hexdigest()[:8]
    kept = part.encode()[: _LONGEST_FOLDER_BYTES - 9].decode(errors="ignore").rstrip(" .")
    return f"{kept}~{digest}"


def _prepare(out: Path, settings: ExportSettings) -> None:
    """Make the folder, or check that an export with the same settings was begun there."""
    wanted = {"kind": settings.kind, "name": settings.name, "crop_bar": settings.crop_bar}
    wanted |= {"only_sure": settings.only_sure, "jpeg_quality": settings.jpeg_quality}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {out} cannot be made: {error.strerror}.") from error
    note = out / _SETTINGS_FILE
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) != wanted:
            raise UsageError(f"{out} holds an export with other settings; name another folder.")
    elif any(out.iterdir()):
        raise UsageError(f"The folder {out} is not empty; an export needs a folder of its own.")
    else:
        note.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def _items(root: zarr.Group, recipe: Recipe, settings: ExportSettings) -> Iterator[_Item]:
    folders = _folders(root, recipe, settings)
    rows = representatives(root)
    chosen = rows if folders is None else rows[np.isin(rows, list(folders))]
    if settings.crop_bar and not len(done_rows(root, "scale", scale_key(recipe))):
        raise StageError("The data bars have not been looked for; run `semcorpus scale INDEX` before --crop-bar.")
    scales = _scales(root, recipe)
    for source in sources_of(root, chosen.tolist()):
        top, size, size_y = scales.get(source.image, (-1, float("nan"), float("nan")))
        yield _Item(source, "" if folders is None else folders[source.image], int(top), size, size_y)


def _folders(root: zarr.Group, recipe: Recipe, settings: ExportSettings) -> dict[int, str] | None:
    """The folder of each picture that is wanted; None for pairs, which have no folders."""
    if settings.kind == "pairs":
        return None
    if settings.kind == "labels":
        known = _names(root, "labels")
        if settings.name not in known:
            raise UsageError(f"There is no label set {settings.name!r}; the index has {', '.join(known) or 'none'}.")
        table = read_table(root, f"labels/{settings.name}")
        good = ~column_of(table, "contradictory", np.bool_)
        pairs = zip(table["images"][good].tolist(), table["label"][good].tolist(), strict=True)
        return {int(image): folder_name(str(label)) for image, label in pairs}
    found = find_clustering(root, recipe, settings.name)
    if found is None:
        known = [one.name for stored in stored_clusterings(root, recipe) for one in stored.clusterings]
        example = f", for example {known[0]}" if known else ""
        raise UsageError(f"There is no clustering {settings.name!r}; name one of the report's{example}.")
    stored, clustering = found
    return {image: _cluster_folder(c) for image, c in cluster_labels(stored, root, clustering).items()}


def _cluster_folder(cluster: int) -> str:
    return f"cluster_{cluster:04d}" if cluster >= 0 else "no_cluster"


def _names(root: zarr.Group, group: str) -> list[str]:
    found = root.get(group)
    return sorted(str(name) for name in found.group_keys()) if isinstance(found, zarr.Group) else []


def _scales(root: zarr.Group, recipe: Recipe) -> dict[int, tuple[float, float, float]]:
    """First row of the data bar, and nanometres a pixel across and downwards, of each picture whose scale was read."""
    rows = done_rows(root, "scale", scale_key(recipe)) if "scale" in root else np.empty(0, np.int64)
    if not len(rows):
        return {}
    tops = read_rows(open_array(root, "scale/bar_top_px", np.int64), rows).tolist()
    sizes, downwards = (
        read_rows(open_array(root, f"scale/{name}", np.float64), rows).tolist() for name in ("nm_per_px", "nm_per_px_y")
    )
    return dict(zip(rows.tolist(), zip(tops, sizes, downwards, strict=True), strict=True))


def _write_block(block: Sequence[_Item], *, contents: Contents, out: str, settings: ExportSettings) -> _Block:
    files, written = 0, 0
    unreadable: list[str] = []
    kept: list[tuple[bytes, int | None, bool]] = []
    for item in block:
        places = _places(item, Path(out), settings)
        missing = [place for place in places if not place.exists()]
        if not missing and not settings.crop_bar:  # what is cut off is seen in the picture alone
            files += len(places)
            kept.append((item.source.md5, None, True))
            continue
        try:
            gray, is_sure = _cropped(contents.gray(item.source), item.bar_top_px, settings)
            kept.append((item.source.md5, len(gray), is_sure))
            if settings.only_sure and not is_sure:
                continue
            for place in missing:
                _write(place, gray, item, settings)
            files, written = files + len(places), written + len(missing)
        except ImageError as error:
            unreadable.append(f"{item.source.path}: {error}")
    return _Block(files, written, tuple(unreadable), tuple(kept))


def _places(item: _Item, out: Path, settings: ExportSettings) -> list[Path]:
    name = item.source.md5.hex()
    if settings.kind == "pairs":
        return [out / "tiff" / f"{name}.tif", out / "jpg" / f"{name}.jpg"]
    return [out / item.folder / f"{name}.jpg"]


def _cropped(gray: NDArray[np.uint8], bar_top_px: int, settings: ExportSettings) -> tuple[NDArray[np.uint8], bool]:
    """What is kept of a picture, and whether it shows no print for certain; the whole where nothing is to be cut."""
    if not settings.crop_bar:
        return gray, True
    rows = clean_rows(np.ascontiguousarray(gray), bar_top_px)
    return np.ascontiguousarray(gray[rows.first : rows.last]), rows.is_sure


def _write(place: Path, gray: NDArray[np.uint8], item: _Item, settings: ExportSettings) -> None:
    """Write aside and rename, so that a file that is there is whole."""
    if place.suffix == ".jpg":
        data = simplejpeg.encode_jpeg(gray[..., None], quality=settings.jpeg_quality, colorspace="GRAY")
    else:
        data = _tiff(gray, item.nm_per_px, item.nm_per_px_y)
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(place)


def _tiff(gray: NDArray[np.uint8], nm_per_px: float, nm_per_px_y: float) -> bytes:
    """A TIFF whose resolution counts pixels a nanometre or micrometre, with that as ImageJ's unit, if it is known."""
    buffer = io.BytesIO()
    if np.isnan(nm_per_px):
        tifffile.imwrite(buffer, gray, photometric="minisblack", metadata=None, software=False)
        return buffer.getvalue()
    unit, nm = ("micron", 1e3) if nm_per_px >= _IN_MICRONS_FROM_NM else ("nm", 1.0)
    across, down = (nm / size for size in (nm_per_px, nm_per_px if np.isnan(nm_per_px_y) else nm_per_px_y))
    tifffile.imwrite(
        buffer,
        gray,
        imagej=True,
        resolution=(across, down),
        resolutionunit="none",
        metadata={"unit": unit},
        software=False,
    )
    return buffer.getvalue()


def _write_manifest(
    root: zarr.Group,
    items: Sequence[_Item],
    kept: Mapping[bytes, tuple[int | None, bool]],
    settings: ExportSettings,
    out: Path,
) -> None:
    """A row a picture: its name, folder, size and scale; nothing that names a person or a path."""
    images = read_images(root)
    head = ["md5", "folder", "original_width_px", "original_height_px", "kept_height_px", "nm_per_px"]
    with open(out / _MANIFEST_FILE, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow([*head, *(["print"] if settings.crop_bar else [])])
        for item in items:
            row = item.source.image
            rows, is_sure = kept.get(item.source.md5, ("", True))
            scale = "" if np.isnan(item.nm_per_px) else f"{item.nm_per_px:.6g}"
            width, height = int(images.width_px[row]), int(images.height_px[row])
            left = height if rows is None else rows
            line = [item.source.md5.hex(), cell_text(item.folder), width, height, left, scale]
            writer.writerow([*line, *(["none seen" if is_sure else "may be left"] if settings.crop_bar else [])])


def _flat(table: pa.Table) -> pa.Table:
    """The table with its lists of paths as text, which CSV can hold, and with texts that no spreadsheet obeys."""
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            lists = table[field.name].to_pylist()
            texts = [None if values is None else cell_text("\n".join(values)) for values in lists]
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            texts = [None if text is None else cell_text(text) for text in table[field.name].to_pylist()]
        else:
            continue
        table = table.set_column(place, field.name, pa.array(texts, pa.large_string()))
    return table


def _export_tables(index: Index, out: Path) -> Exported:
    manifest: Mapping[str, Any] | None = read_manifest(index.location)
    if manifest is None:
        raise StageError(f"{index.url} has no report yet; run `semcorpus report` first.")
    names = [file.removesuffix(".parquet") for file in manifest["files"] if file.endswith(".parquet")]
    for name, table in read_report_tables(index.location, names).items():
        pyarrow.csv.write_csv(_flat(table), out / f"{name}.csv")
    return Exported(0, len(names), len(names), ())
