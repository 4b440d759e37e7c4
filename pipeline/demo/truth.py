"""The right answer for every file of the sample corpus, and its Parquet table."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.demo.damage import BadFile
from pipeline.demo.labels import PlannedLabel
from pipeline.demo.plan import PlannedFile, PlannedPicture
from pipeline.demo.render import metadata_nm_per_px
from pipeline.records import FileStatus, ImageFormat, ScaleStatus


@dataclass(frozen=True, slots=True)
class FileTruth:
    """What is true of one file; the fields are the columns of ``truth.parquet``.

    Attributes
    ----------
    path : str
        From the corpus's root, with ``/``.
    md5 : str
        Of the file's bytes, 32 hexadecimal digits.
    size_bytes : int
    format : str or None
        Found from the content; None where it is of no format that is known.
    status : str
        The ledger's, when paths are walked in the order of their UTF-8 bytes: the first path of a content is
        ``ok``, later ones are ``duplicate``.
    picture_of : str or None
        Path of the master that it was made from, its own for a master; the files of one picture share it.
        None for what is no picture; all further fields but ``reason_says`` are None then.
    relation : str or None
        Empty for a master, else ``same_bytes``, ``same_pixels``, ``same_picture``, ``near``, ``crop``, ``thumbnail``
        or ``other_bar``: how the file relates to its picture's other files (``same_bytes``: another file with
        exactly these bytes).
    texture : str or None
        The class it was drawn as.
    label : str or None
        Its picture's category in the label set; None without one; two joined by ``|`` where they contradict.
    contradictory : bool or None
        The label set gives the picture two categories.
    bar_vendor, bar_kind, bar_text : str or None
        Style of the data bar, kind of segment (``line``, ``bracket``, ``solid``, ``ruler``) and the scale's
        label as drawn; None without a data bar.
    scale_nm, bar_length_px : float or None
        What the label states, in nanometres, and the segment's length.
    scale_status : str or None
        The right `ScaleStatus`, if everything readable is read.
    nm_per_px : float or None
        Nanometres a pixel; None with the statuses that carry no value.
    metadata_nm_per_px : float or None
        What the vendor's metadata in this file states.
    true_nm_per_px : float or None
        With which it was drawn, known also where the file does not tell.
    width_px, height_px, bit_depth : int or None
    pages : int or None
        Pictures in the file.
    reason_says : str or None
        A word that the ledger's reason must have; empty where any reason will do, None where there must be none.
    """

    path: str
    md5: str
    size_bytes: int
    format: ImageFormat | None
    status: FileStatus
    picture_of: str | None = None
    relation: str | None = None
    texture: str | None = None
    label: str | None = None
    contradictory: bool | None = None
    bar_vendor: str | None = None
    bar_kind: str | None = None
    bar_text: str | None = None
    scale_nm: float | None = None
    bar_length_px: float | None = None
    scale_status: ScaleStatus | None = None
    nm_per_px: float | None = None
    metadata_nm_per_px: float | None = None
    true_nm_per_px: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    bit_depth: int | None = None
    pages: int | None = None
    reason_says: str | None = None


_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()

TRUTH_SCHEMA = pa.schema(
    [
        ("path", _TEXT),
        ("md5", _TEXT),
        ("size_bytes", _COUNT),
        ("format", _TEXT),
        ("status", _TEXT),
        ("picture_of", _TEXT),
        ("relation", _TEXT),
        ("texture", _TEXT),
        ("label", _TEXT),
        ("contradictory", pa.bool_()),
        ("bar_vendor", _TEXT),
        ("bar_kind", _TEXT),
        ("bar_text", _TEXT),
        ("scale_nm", _NUMBER),
        ("bar_length_px", _NUMBER),
        ("scale_status", _TEXT),
        ("nm_per_px", _NUMBER),
        ("metadata_nm_per_px", _NUMBER),
        ("true_nm_per_px", _NUMBER),
        ("width_px", _COUNT),
        ("height_px", _COUNT),
        ("bit_depth", _COUNT),
        ("pages", _COUNT),
        ("reason_says", _TEXT),
    ]
)


def truth_of(picture: PlannedPicture, file: PlannedFile, content: bytes, labels: Iterable[PlannedLabel]) -> FileTruth:
    """Return what is true of a file with these bytes; its status is ``ok`` until all files are known."""
    categories = sorted({label.path.split("/")[0] for label in labels})
    stated = metadata_nm_per_px(picture, file.encoding)
    status = _scale_status(picture, stated)
    bar = picture.bar
    return FileTruth(
        path=file.path,
        md5=bytes_md5(content),
        size_bytes=len(content),
        format=file.encoding.container,
        status="ok",
        picture_of=picture.master.path,
        relation=file.relation,
        texture=picture.texture,
        label="|".join(categories) or None,
        contradictory=len(categories) > 1,
        bar_vendor=bar.vendor if bar else None,
        bar_kind=bar.kind if bar else None,
        bar_text=bar.text if bar else None,
        scale_nm=bar.scale_nm if bar else None,
        bar_length_px=bar.length_px if bar else None,
        scale_status=status,
        nm_per_px=None if status in ("no_bar", "disagrees") else picture.nm_per_px,
        metadata_nm_per_px=stated,
        true_nm_per_px=picture.nm_per_px,
        width_px=picture.width_px,
        height_px=picture.height_px,
        bit_depth=16 if picture.levels > 256 and file.encoding.container == "tiff" else 8,
        pages=1,
    )


def truth_of_bad(file: BadFile) -> FileTruth:
    """Return what is true of a file that is no picture."""
    return FileTruth(file.path, bytes_md5(file.content), len(file.content), file.format, file.status, reason_says="")


def with_duplicates(rows: Iterable[FileTruth], *, first: Collection[str] = ()) -> list[FileTruth]:
    """Return the rows by their paths' bytes, later paths of a picture's content as ``duplicate``.

    Parameters
    ----------
    rows : iterable of FileTruth
        Their ``ok`` and ``duplicate`` are set anew.
    first : collection of str, optional
        Paths that come before all others: those that were ``ok`` when the corpus was walked the last time.
    """
    listed = sorted(rows, key=lambda row: row.path.encode())
    seen: set[str] = set()
    status: dict[str, FileStatus] = {}
    for row in sorted(listed, key=lambda row: row.path not in first):
        if row.status in ("ok", "duplicate"):
            status[row.path] = "duplicate" if row.md5 in seen else "ok"
            seen.add(row.md5)
    return [replace(row, status=status.get(row.path, row.status)) for row in listed]


def read_truth(path: Path) -> list[FileTruth]:
    """Return the rows of a table that `write_truth` has written."""
    return [FileTruth(**row) for row in pq.read_table(path).to_pylist()]


def write_truth(path: Path, rows: Iterable[FileTruth]) -> None:
    """Write the table; the same rows give the same bytes with the same version of Arrow."""
    listed = list(rows)
    columns = {name: [getattr(row, name) for row in listed] for name in TRUTH_SCHEMA.names}
    pq.write_table(pa.table(columns, schema=TRUTH_SCHEMA), path)


def bytes_md5(content: bytes) -> str:
    """MD5 in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _scale_status(picture: PlannedPicture, stated: float | None) -> ScaleStatus:
    if picture.bar is None:
        return "no_bar" if stated is None else "metadata"
    if stated is None:
        return "read"
    return "agrees" if abs(stated / picture.nm_per_px - 1) < 0.03 else "disagrees"
