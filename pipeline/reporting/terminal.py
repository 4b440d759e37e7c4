"""The key figures of a run: one source for the table in the terminal and for the cards of the page."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import SCALE_STATUSES_WITH_VALUE, is_side_file
from pipeline.reporting import agreement
from pipeline.reporting.columns import (
    NO_IMAGE,
    Tables,
    counts,
    filled,
    flags,
    integers,
    member_relations,
    numbers,
    texts,
)

DAMAGED_STATUSES = ("corrupt", "unreadable", "too_large")
NOT_RUN = "not run"
# The fraction of mu values that the 2-NN estimate is usually quoted at.
QUOTED_FRACTION = 0.9
AGREEMENT = "NMI at k = classes"


@dataclass(frozen=True, slots=True)
class Headline:
    """One key figure: its name, its value and, where the value needs one, a note."""

    name: str
    value: str
    note: str = ""


def headlines(tables: Tables) -> list[Headline]:
    """Return the key figures of a run; a stage that was not run reads ``not run``.

    * Files walked: the ledger's rows except those whose file is gone, and links that are not followed.
    * Pictures: the representatives among the present rows of ``images``; the note counts these rows
      where they are more.
    * Duplicates: files with the status ``duplicate``, and images for which another stands; the note counts relations.
    * Damaged: files with the status ``corrupt``, ``unreadable`` or ``too_large``.
    * Not judged: files that the machine kept from being judged; only where there are some.
    * Scales read: representative pictures whose scale status carries a value, over all of them.
    * Pictures embedded: the most that any vector set is known to hold.
    * Intrinsic dimension: the 2-NN estimate on the most points, at the fraction nearest 0.9.
    * NMI at k = classes: of the best clustering into as many clusters as the label set has categories. Where nothing is
      labelled, Recommended k: that of the largest silhouette, with what the other criteria say.
    """
    return [
        *_ledger(tables),
        _scales(tables),
        _embedded(tables),
        _dimension(tables),
        _agreement(tables) if filled(tables, "agreement") is not None else _recommendation(tables),
    ]


def summary_rows(tables: Tables) -> list[tuple[str, str]]:
    """Return the key figures as (name, value with its note), for printing."""
    return [(item.name, f"{item.value} ({item.note})" if item.note else item.value) for item in headlines(tables)]


def representatives(tables: Tables) -> pa.Table | None:
    """Return the rows of ``images`` that are present and stand for their picture; None without any."""
    images = filled(tables, "images")
    if images is None:
        return None
    rows, picture = integers(images, "image"), integers(images, "picture")
    keep = flags(images, "present", missing=True) & ((picture == rows) | (picture == NO_IMAGE))
    return images.filter(pa.array(keep)) if keep.any() else None


def _ledger(tables: Tables) -> list[Headline]:
    files, images = filled(tables, "files"), filled(tables, "images")
    names = ("Files walked", "Pictures", "Duplicates", "Damaged")
    if files is None:
        return [Headline(name, NOT_RUN) for name in names]
    status = texts(files, "status")
    damaged = [(word, status.count(word)) for word in DAMAGED_STATUSES]
    copies = _copies(tables, status.count("duplicate"))
    shown = representatives(tables)
    unique = 0 if images is None else int(flags(images, "present", missing=True).sum())
    values = (
        sum(word not in ("gone", "left_out") for word in status),
        0 if shown is None else shown.num_rows,
        sum(copies.values()),
        sum(count for _, count in damaged),
    )
    side = sum(map(is_side_file, texts(files, "path"), status))
    notes = (
        f"{side:,} no pictures by intention" if side else "",
        f"{unique:,} images of different bytes" if unique > values[1] else "",
        ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in copies.items() if count),
        ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in damaged if count),
    )
    found = [Headline(name, f"{value:,}", note) for name, value, note in zip(names, values, notes, strict=True)]
    waiting = status.count("not_judged")
    return found + (
        [Headline("Not judged", f"{waiting:,}", "the machine failed; the next run tries again")] * bool(waiting)
    )


def _copies(tables: Tables, same_bytes: int) -> dict[str, int]:
    """Files that show what another shows, by how: the same bytes first, then the relations, the most frequent first."""
    table = filled(tables, "duplicates")
    related = [] if table is None else [word for word in member_relations(table) if word]
    return {"same_bytes": same_bytes, **dict(counts(related))}


def _scales(tables: Tables) -> Headline:
    scales, pictures = filled(tables, "scales"), representatives(tables)
    if scales is None:
        return Headline("Scales read", NOT_RUN)
    if pictures is not None:
        scales = scales.filter(pc.is_in(scales["image"], pictures["image"].combine_chunks()))
    total = pictures.num_rows if pictures is not None else scales.num_rows
    read = sum(word in SCALE_STATUSES_WITH_VALUE for word in texts(scales, "status"))
    return Headline("Scales read", _percent(read, total), f"{read:,} of {total:,} pictures")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "0%"


def _embedded(tables: Tables) -> Headline:
    # No table lists embeddings alone, so the vector sets' users are asked; each can only hold fewer.
    seen: list[float] = []
    for name, column in (("distances", "n_points"), ("dimension", "n_points"), ("clusterings", "n_images")):
        table = filled(tables, name)
        if table is not None:
            seen += numbers(table, column).tolist()
    runs = filled(tables, "runs")
    if not seen and runs is not None:
        embed = [stage == "embed" for stage in texts(runs, "stage")]
        seen = numbers(runs, "items")[np.array(embed)].tolist()
    known = [value for value in seen if np.isfinite(value)]
    return Headline("Pictures embedded", f"{int(max(known)):,}" if known else NOT_RUN)


def _dimension(tables: Tables) -> Headline:
    table = filled(tables, "dimension")
    name = "Intrinsic dimension"
    if table is None:
        return Headline(name, NOT_RUN)
    value, error = numbers(table, "dimension"), numbers(table, "error")
    points, vectors = np.nan_to_num(numbers(table, "n_points")), texts(table, "vectors")
    away = np.nan_to_num(np.abs(numbers(table, "fraction") - QUOTED_FRACTION))
    best = agreement.best(tables)
    wanted = best.vectors if best is not None and best.vectors in vectors else vectors[0]
    rows = [row for row in range(table.num_rows) if vectors[row] == wanted and np.isfinite(value[row])]
    if not rows:
        return Headline(name, "not defined", f"of {wanted}")
    row = min(rows, key=lambda row: (-points[row], away[row], row))
    spread = f" ± {error[row]:.1g}" if np.isfinite(error[row]) else ""
    return Headline(name, f"{value[row]:.1f}{spread}", f"of {wanted}")


def _recommendation(tables: Tables) -> Headline:
    table = filled(tables, "recommended_k")
    if table is None or not flags(table, "recommended").any():
        return Headline(AGREEMENT, NOT_RUN)
    k, value, names = integers(table, "k"), numbers(table, "value"), texts(table, "clustering")
    row = int(np.flatnonzero(flags(table, "recommended"))[0])
    mine = [vectors == texts(table, "vectors")[row] for vectors in texts(table, "vectors")]
    others = np.flatnonzero(np.array(mine) & (np.arange(table.num_rows) != row))
    agree = int(np.count_nonzero(k[others] == k[row]))
    note = f"{names[row]}, silhouette {value[row]:.2f}; without labels; {agree} of {len(others)} other criteria agree"
    return Headline("Recommended k", f"{k[row]}", note)


def _agreement(tables: Tables) -> Headline:
    found, overall = agreement.best_at_class_count(tables), agreement.best(tables)
    if found is None or overall is None:
        return Headline(AGREEMENT, NOT_RUN if filled(tables, "agreement") is None else "not defined")
    level = f", level {found.level}" if found.level else ""
    count, of = (f"the {found.categories:,} ", "of ") if found.categories else ("", "")
    notes = [f"AMI {found.ami:.3f}"] if np.isfinite(found.ami) else []
    notes.append(f"{found.clustering} with {count}labels {of}{found.label_set}{level}")
    if found.ami <= agreement.NO_BETTER_THAN_CHANCE:
        notes.append("no better than chance")
    if overall.clustering != found.clustering:
        notes.append(f"furthest above chance: {overall.clustering}, NMI {overall.nmi:.3f}")
    return Headline(AGREEMENT, f"{found.nmi:.3f}", "; ".join(notes))
