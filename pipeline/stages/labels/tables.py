"""The tables of `labels`: of each label set its files, what they were compared with, and the labels of pictures."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.imaging.canonical import SIGNATURE_SHAPE
from pipeline.index.arrays import attributes_of
from pipeline.index.forgetting import drop_rows
from pipeline.index.schema import Column, Gone, Reported, Sources, Table
from pipeline.index.tables import read_table

RE_ENCODINGS: Final = ("same_picture", "near")
"""Relations that make a file of a label set one of an image."""

_MD5 = Column("md5", "md5", "MD5 of the file's bytes, 32 hexadecimal digits.", of="md5")
_SET = Column("set", "text", "Name of the label set.", stored=False)
_LABEL = Column("label", "text", "The label, a path where classes are nested (`Fibres/bundle`).")


def is_match(relations: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which relations make a label file one of an image, bool [n]."""
    return np.isin(relations.astype(str), RE_ENCODINGS)


def _drop_contents(root: zarr.Group, table: Table, group: str, gone: Gone) -> None:
    """Rows of the image's content go, and those of contents that were matched to it as its re-encodings."""
    compared = read_table(root, f"label_matches/{group.partition('/')[2]}")
    contents = {gone.md5}
    if compared:
        of_image = (compared["image"] == gone.row) & is_match(compared["relation"])
        contents |= {md5.tobytes() for md5 in compared["md5"][of_image]}
    found = read_table(root, group, "md5")["md5"]
    drop_rows(root, group, np.array([md5.tobytes() in contents for md5 in found], bool))


def _sets(table: Table, sources: Sources) -> Iterator[tuple[str, dict[str, NDArray[np.generic]]]]:
    """The recipe's label sets that the table holds, by name."""
    for name in sorted(sources.recipe.labels.sets):
        if found := read_table(sources.root, table.place.replace("*", name)):
            yield name, found


def _of_all_sets(table: Table, sources: Sources) -> Reported:
    """The rows of all sets, with the name of the set in a column of its own."""
    parts: list[dict[str, object]] = []
    for name, found in _sets(table, sources):
        order = _order(found) if table is CONTRADICTIONS else slice(None)
        values = {column: cells[order] for column, cells in found.items()}
        parts.append({"image": values.get("images"), **values, "set": [name] * len(values["label"])})
    return {c.name: np.concatenate([part[c.name] for part in parts]) for c in table.reported} if parts else {}


def _order(found: dict[str, NDArray[np.generic]]) -> list[int]:
    """By picture (none at the end), content, label and path."""
    names = ("image", "md5", "label", "path")
    cells = zip(*(found[name].tolist() for name in names), strict=True)
    keys = [(image < 0, image, md5, label, path) for image, md5, label, path in cells]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _shown(table: Table, sources: Sources, picture: int) -> dict[str, str]:
    """The picture's label in each set."""
    found = {}
    for name, labels in _sets(table, sources):
        for row in np.flatnonzero(labels["images"] == picture).tolist():
            note = " (contradictory)" if labels["contradictory"][row] else ""
            found[name] = f"{labels['label'][row]}{note}"
    return found


_COUNTS = (
    Column("files", "int64", "Files that the set lists.", stored=False),
    Column("unique", "int64", "Different contents among them.", stored=False),
    Column("matched", "int64", "Contents that are in the corpus.", stored=False),
    Column("matched_by_bytes", "int64", "Contents whose very bytes are in the corpus.", stored=False),
    Column("matched_by_pixels", "int64", "Contents whose pixels are, in other bytes.", stored=False),
    Column(
        "matched_by_re_encoding",
        "int64",
        "Contents that are a picture of the corpus encoded anew, or within what that explains.",
        stored=False,
    ),
    Column("unmatched", "int64", "Contents that are not.", stored=False),
    Column("repeated", "int64", "Files whose content the set has already.", stored=False),
    Column(
        "contradictory",
        "int64",
        "Pictures (or contents that are in no picture) with more than one label.",
        stored=False,
    ),
)

PREDICTED_BY = Column("predicted_by", "text", "The network that gave the labels; empty where people did.", stored=False)


def _counted(table: Table, sources: Sources) -> Reported:
    """The counts, which are attributes of each set's labels."""
    counted = {name: attributes_of(sources.root, LABELS.place.replace("*", name)) for name, _ in _sets(LABELS, sources)}
    predicted = {PREDICTED_BY.name: [a.get(PREDICTED_BY.name, "") for a in counted.values()]}
    return {"set": list(counted)} | {c.name: [a.get(c.name, 0) for a in counted.values()] for c in _COUNTS} | predicted


LABEL_SETS = Table(
    "label_sets", "A row is a label set.", (_SET, *_COUNTS, PREDICTED_BY), layout="computed", report=_counted
)

LABELS = Table(
    "labels",
    "A row is a picture in a set.",
    (
        _SET,
        Column("image", "int64", "The picture that the label belongs to.", stored=False),
        Column("images", "int64", "The picture that the label belongs to.", of="image", reported=False),
        _LABEL,
        Column("contradictory", "bool", "Whether the set gives the picture several labels; they are joined by `; `."),
    ),
    group="labels/*",
    report=_of_all_sets,
    show=_shown,
)

LABEL_FILES = Table(
    "label_files",
    "A row is a file of a label set.",
    (
        Column("path", "text", "Path from the set's root; its file column for a CSV."),
        _LABEL,
        Column("size_bytes", "int64", "Size of the file.", "byte"),
        Column("modified_ns", "int64", "When it was last changed, since 1970.", "ns"),
        Column("given_md5", "text", "The MD5 that a CSV names in place of a file."),
        Column("occurrence", "int64", "Which of equal lines of a CSV it is."),
        _MD5,
        Column("pixel_md5", "md5", "MD5 of the decoded pixels."),
        Column("signature", "uint8", "As in `images`.", shape=(SIGNATURE_SHAPE[0] * SIGNATURE_SHAPE[1],)),
        Column("reason", "text", "Why it could not be digested."),
        Column("judged", "bool", "False where the machine kept it from being digested."),
    ),
    group="label_files/*",
    report=None,
    forget=_drop_contents,
)

CONTRADICTIONS = Table(
    "contradictions",
    "A row is a file of a label set whose picture has another label in the set, too; such a picture is left out of all "
    "scores.",
    (
        _SET,
        Column("image", "int64", "The picture; null where the content is in no picture of the corpus.", null=-1),
        Column("md5", "md5", "MD5 of the file's bytes (of a page: of its picture's), 32 hexadecimal digits.", of="md5"),
        _LABEL,
        Column("path", "text", "The file in the label set, from the set's root; its file column for a CSV."),
    ),
    group="contradictions/*",
    report=_of_all_sets,
    forget=_drop_contents,
)

LABEL_MATCHES = Table(
    "label_matches",
    "A row is a file of a label set and an image that it was compared with.",
    (
        _MD5,
        Column("image", "int64", "The image.", of="image"),
        Column("relation", "text", "What they have in common; empty for nothing."),
    ),
    group="label_matches/*",
    report=None,
)

# The matches last: they say which files go with an image that is forgotten.
TABLES = (LABEL_SETS, LABELS, LABEL_FILES, CONTRADICTIONS, LABEL_MATCHES)
