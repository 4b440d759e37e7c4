"""Duplicates side by side: the files of a group, what is said of each, and their difference as a picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.reporting.album import Thumbnails, jpeg_uri
from pipeline.reporting.columns import Tables, filled, integers, numbers, texts
from pipeline.reporting.differences import difference_picture

MAX_GROUPS = 16
MAX_MEMBERS = 6
_EDGE = 240


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a group.

    Attributes
    ----------
    image : int
    relation : str
        How it is tied to the group; empty for the picture that stands for the group.
    path, kind : str
        Where it is; format and size in pixels.
    note : str
        What differs, in words.
    picture, difference : str
        Data URIs; empty where there is none.
    difference_note : str
        How the difference is to be read.
    """

    image: int
    relation: str
    path: str
    kind: str
    note: str
    picture: str
    difference: str
    difference_note: str


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show one picture; the one that stands for it comes first."""

    relation: str
    members: list[Member]
    left_out: int


def duplicate_groups(tables: Tables, originals: Thumbnails) -> tuple[list[DuplicateGroup], int]:
    """Return the first groups of duplicates, a relation in turn so that each is seen, and how many are left.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
    originals : callable
        Takes image rows, returns the whole gray pictures, uint8 [height, width], of those that can be read.
    """
    table = filled(tables, "duplicates")
    if table is None:
        return [], 0
    members: dict[int, list[int]] = {}
    for row, group in enumerate(integers(table, "group").tolist()):
        members.setdefault(group, []).append(row)
    relation = texts(table, "relation")
    by_relation: dict[str, list[list[int]]] = {}
    for group, rows in members.items():
        image = integers(table, "image")
        # The one that stands for the group first; it may have a relation of its own, to what it replaced.
        ordered = sorted(rows, key=lambda row, group=group: (image[row] != group, row))  # type: ignore[misc]
        word = next((relation[row] for row in ordered[1:] if relation[row]), relation[ordered[0]])
        by_relation.setdefault(word, []).append(ordered)
    queues = [by_relation[word] for word in sorted(by_relation)]
    turns = [queue[rank] for rank in range(max(map(len, queues))) for queue in queues if rank < len(queue)]
    kept = [rows[:MAX_MEMBERS] for rows in turns[:MAX_GROUPS]]
    facts = _Facts(tables, table, sorted({int(integers(table, "image")[row]) for rows in kept for row in rows}))
    shown = [_group(facts, rows, len(turns[place]) - len(rows), originals) for place, rows in enumerate(kept)]
    return shown, max(0, len(turns) - MAX_GROUPS)


class _Facts:
    """The columns that members are made of."""

    def __init__(self, tables: Tables, table: pa.Table, images: list[int]) -> None:
        self.image, self.relation = integers(table, "image").tolist(), texts(table, "relation")
        self.differing, self.most = numbers(table, "differing_pixels"), numbers(table, "max_difference")
        self.kind: dict[int, str] = {}
        self.path: dict[int, str] = {}
        wanted = set(images)
        known = filled(tables, "images")
        if known is not None:
            columns = (
                integers(known, "image"), texts(known, "format"), integers(known, "width_px"),
                integers(known, "height_px"), integers(known, "bit_depth"),
            )  # fmt: skip
            for image, name, width, height, bits in zip(*columns, strict=True):
                if int(image) in wanted:
                    deep = f", {bits} bits" if bits > 8 else ""
                    self.kind[int(image)] = f"{name}, {width:,} x {height:,} px{deep}"
        files = filled(tables, "files")
        if files is not None:
            rows = zip(texts(files, "status"), texts(files, "path"), integers(files, "image").tolist(), strict=True)
            for status, path, image in sorted(row for row in rows if row[2] in wanted and row[0] != "gone"):
                if status != "duplicate" or image not in self.path:
                    self.path[image] = path


def _group(facts: _Facts, rows: list[int], left_out: int, originals: Thumbnails) -> DuplicateGroup:
    images = [facts.image[row] for row in rows]
    pictures = originals(images)
    members = [_member(facts, row, images[0], pictures, first=row == rows[0]) for row in rows]
    words = list(dict.fromkeys(member.relation for member in members[1:] if member.relation))
    relation = ", ".join(words) or members[0].relation
    return DuplicateGroup(relation, members, left_out)


def _member(
    facts: _Facts, row: int, first_image: int, pictures: Mapping[int, NDArray[np.uint8]], *, first: bool
) -> Member:
    image, relation = facts.image[row], facts.relation[row]
    found = None
    if not first and image in pictures and first_image in pictures:
        found = difference_picture(pictures[first_image], pictures[image])
    return Member(
        image=image,
        relation="" if first else relation.replace("_", " "),
        path=facts.path.get(image, ""),
        kind=facts.kind.get(image, ""),
        note="stands for the group" if first else _difference(relation, facts.differing[row], facts.most[row]),
        picture=jpeg_uri(pictures[image], longest_edge=_EDGE) if image in pictures else "",
        difference=jpeg_uri(found.pixels, longest_edge=_EDGE) if found is not None else "",
        difference_note=found.note if found is not None else "",
    )


def _difference(relation: str, differing: float, most: float) -> str:
    if relation == "same_pixels":
        return "every pixel equal"
    if not np.isfinite(differing):
        return ""
    if differing == 0:
        return "every pixel equal"
    step = f", by at most {most:.0f} of 255" if np.isfinite(most) else ""
    return f"{differing:,.0f} pixels differ{step}"
