"""The tables of `walk`: ``files``, a row a path, and ``images``, a row a unique content."""

import numpy as np
import pyarrow as pa
import zarr

from pipeline.imaging.canonical import SIGNATURE_SHAPE, SQUARE_PX
from pipeline.imaging.quality import SUSPECT_SHARE
from pipeline.index.schema import Column, Gone, Reported, Sources, Table
from pipeline.index.tables import column_of, read_table, write_table


def _files(table: Table, sources: Sources) -> Reported:
    files = read_table(sources.root, table.place) or table.empty()
    modified = column_of(files, "modified_ns", np.int64)
    return {**files, "modified": pa.array(modified, pa.timestamp("ns", tz="UTC"), mask=modified < 0)}


LEDGER = Table(
    "files",
    "A row is a path ever seen: the ledger. Nothing that was walked is missing from it.",
    (
        Column(
            "path",
            "text",
            "Path from the corpus's root, with `/`; bytes that are not UTF-8 are percent-escaped. `report.pdf#page=2` "
            "is the picture on a page of a document.",
        ),
        Column("size_bytes", "int64", "Size of the file.", "byte"),
        Column("modified", "nanoseconds", "When the file was last changed, as the file system says.", stored=False),
        Column("modified_ns", "int64", "The same, since 1970.", "ns", reported=False),
        Column("etag", "text", "The object's tag in a bucket.", reported=False),
        Column("format", "text", "Format found from the content, not from the name."),
        Column(
            "md5",
            "md5",
            "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits.",
        ),
        Column(
            "status",
            "text",
            "`ok` (the first path of its content), `suspect` (so, and its lower end is filled with one value), "
            "`duplicate` (its content is known under another path), `document` (a PDF of several pages, each with a "
            "row of its own), `corrupt`, `unsupported`, `unreadable`, `too_large`, `not_judged` (the machine killed, "
            "stopped or starved what was to judge it, or its disk was full: the next run tries again), `left_out` (a "
            "link out of the corpus, see `corpus.follow_links`), or `gone` (was there once).",
        ),
        Column("reason", "text", "Why there is no image, or why it is suspect, in words."),
        Column("limit", "text", "The limit that refused the file.", reported=False),
        Column("image", "int64", "Row of its content in `images`; null where there is none.", of="image", null=-1),
    ),
    report=_files,
)


def _images(table: Table, sources: Sources) -> Reported:
    images = read_table(sources.root, table.place) or table.empty()
    files = read_table(sources.root, LEDGER.place) or LEDGER.empty()
    paths: list[list[str]] = [[] for _ in images["md5"]]
    rows = zip(files["image"].tolist(), files["path"].tolist(), files["status"].tolist(), strict=True)
    for image, path, status in rows:
        if image >= 0 and status != "gone":
            paths[image].append(path)
    ordered = [sorted(found, key=str.encode) for found in paths]
    return {**images, "image": np.arange(len(paths), dtype=np.int64), "paths": ordered}


def _empty_image(root: zarr.Group, table: Table, group: str, gone: Gone) -> None:
    """Its row stays, empty, since others count on the numbers; those that it stood for are paired again."""
    images, row = read_table(root, group), gone.row
    for name, values in images.items():
        if name not in ("picture", "present"):
            values[row] = "" if values.dtype == object else 0
    images["present"][row] = False
    images["picture"] = np.where((images["picture"] == row) & images["present"], -1, images["picture"])
    images["picture"][row] = row
    write_table(root, group, images)


CONTENTS = Table(
    "images",
    "A row is a unique content (the bytes of a file).",
    (
        Column("image", "int64", "Row in the store's `images` arrays.", stored=False),
        Column("md5", "md5", "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits."),
        Column("pixel_md5", "md5", "MD5 of the decoded pixels."),
        Column(
            "picture",
            "int64",
            "The image that stands for this picture (itself, for most); later stages work on these only.",
            of="image",
            null=-1,
        ),
        Column("format", "text", "Format of the content."),
        Column("width_px", "int32", "Width in pixels.", "px"),
        Column("height_px", "int32", "Height in pixels.", "px"),
        Column("bit_depth", "int32", "Significant bits a channel, as the file declares them."),
        Column(
            "pages",
            "int32",
            "Pictures in the file; of a TIFF the largest (the first of equal ones) is taken.",
        ),
        Column("present", "bool", "Whether any file with this content is there now."),
        Column("metadata_nm_per_px", "float64", "Nanometres a pixel as the vendor's metadata states them.", "nm/px"),
        Column("metadata", "text", "The vendor's metadata that was understood, as JSON."),
        Column("paths", "texts", "All present paths of this content.", stored=False),
        Column(
            "signature",
            "uint8",
            "Gray levels of the picture's upper part, by which look-alikes are found.",
            shape=(SIGNATURE_SHAPE[0] * SIGNATURE_SHAPE[1],),
            reported=False,
        ),
        Column(
            "square",
            "uint8",
            "Gray levels of the whole picture, by which turned and mirrored copies are found.",
            shape=(SQUARE_PX * SQUARE_PX,),
            reported=False,
        ),
        Column(
            "filled_share",
            "float32",
            f"Share of rows at the lower end that are of one value throughout; from {SUSPECT_SHARE:g} on `suspect`.",
        ),
        Column("saturated_share", "float32", "Share of pixels of the upper part that are black or white."),
        Column("contrast_levels", "float32", "Gray levels between the 1st and the 99th of 100 pixels."),
        Column("noise_levels", "float32", "Standard deviation of the noise in gray levels (Immerkaer 1996)."),
        Column(
            "focus",
            "float32",
            "Standard deviation of the Laplacian beside that of the picture: small where nothing is sharp.",
        ),
    ),
    report=_images,
    forget=_empty_image,
)

TABLES = (LEDGER, CONTENTS)
