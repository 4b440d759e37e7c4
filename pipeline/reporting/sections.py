"""The page's tables: what each section lists, already worded and cut to a bounded length."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.records import SCALE_STATUSES_WITH_VALUE, is_side_file
from pipeline.reporting import agreement
from pipeline.reporting.code_quality import code_qualities
from pipeline.reporting.columns import Tables, counts, filled, flags, integers, numbers, texts
from pipeline.reporting.facts import length
from pipeline.reporting.terminal import DAMAGED_STATUSES, representatives

MAX_ROWS = 100
NO_VALUE = "\N{EN DASH}"
_WITHOUT_PICTURE = (*DAMAGED_STATUSES, "not_judged", "unsupported", "left_out")

SCALE_MEANING = {
    "read": "read from the scale bar; the file's metadata has no value",
    "metadata": "from the file's metadata; the picture has no bar",
    "agrees": "bar and metadata agree",
    "confirmed": "confirmed by a person",
    "disagrees": "bar and metadata differ; both are kept, no value is given",
    "uncertain": "something was read, with too little evidence to believe it",
    "no_bar": "neither a data bar nor metadata",
    "no_segment": "a data bar, but no scale segment in it",
    "no_text": "a segment, but no text that could be read",
    "no_unit": "a number was read, but no unit",
}
STATUS_MEANING = {
    "ok": "the first path of its content",
    "suspect": "the first path of its content, whose lower end is filled with one value",
    "duplicate": "the same bytes as another path",
    "document": "several pages, each with a row of its own",
    "corrupt": "an image, but damaged",
    "unsupported": "not an image, or of a format that cannot be read here",
    "side_file": "no picture by intention: a text, a table, a hidden file; the ledger calls it unsupported",
    "unreadable": "the bytes could not be had",
    "too_large": "larger than the limits allow",
    "not_judged": "the machine failed while it was judged, which says nothing of it; the next run tries again",
    "left_out": "a link out of the corpus, which is not followed",
    "gone": "was there in an earlier run",
}
RELATION_MEANING = {
    "same_pixels": "other bytes, the same pixels",
    "same_picture": "one picture in two formats",
    "near": "nearly the same pixels",
    "thumbnail": "a smaller copy",
    "crop": "a part of the other",
    "other_bar": "the same picture with another data bar",
    "cut_off": "the same picture, its lower end filled with one value",
    "turned": "turned by quarters",
    "mirrored": "mirrored, and perhaps turned",
}


@dataclass(frozen=True, slots=True)
class TableView:
    """A table ready to be shown; `numeric` are the columns that sort as numbers and align right."""

    caption: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numeric: frozenset[int] = frozenset()
    more: str = ""
    filterable: bool = False


def status_table(tables: Tables) -> TableView | None:
    """Return how many files have which status."""
    files = filled(tables, "files")
    if files is None:
        return None
    rows = [
        (word.replace("_", " "), f"{count:,}", STATUS_MEANING.get(word, "")) for word, count in counts(_statuses(files))
    ]
    return TableView("Status of every file", ("status", "files", "meaning"), rows, frozenset({1}))


def _statuses(files: pa.Table) -> list[str]:
    """The status of each file; what is no picture by intention is told from what should be one."""
    pairs = zip(texts(files, "path"), texts(files, "status"), strict=True)
    return ["side_file" if is_side_file(path, status) else status for path, status in pairs]


def damaged_table(tables: Tables) -> TableView | None:
    """Return the files that gave no picture, with the reason, damaged ones before unsupported ones."""
    files = filled(tables, "files")
    if files is None:
        return None
    order = {word: place for place, word in enumerate(_WITHOUT_PICTURE)}
    every = zip(texts(files, "path"), _statuses(files), texts(files, "reason"), strict=True)
    rows = sorted((row for row in every if row[1] in order), key=lambda row: (order[row[1]], row[0]))
    shown = [(path, status.replace("_", " "), reason) for path, status, reason in rows[:MAX_ROWS]]
    if not shown:
        return None
    caption = "Files that gave no picture"
    more = _more(len(rows), MAX_ROWS, "files.parquet")
    return TableView(caption, ("path", "status", "reason"), shown, more=more, filterable=True)


def _more(total: int, shown: int, where: str) -> str:
    return f"{total - shown:,} more in {where}" if total > shown else ""


def relation_table(tables: Tables) -> TableView | None:
    """Return how many groups and images stand in which relation, without the image that stands for the group."""
    table = filled(tables, "duplicates")
    if table is None:
        return None
    table = table.filter(pa.array(integers(table, "group") != integers(table, "image")))
    relation, group = texts(table, "relation"), texts(table, "group")
    rows = [
        (
            word.replace("_", " "),
            f"{len({g for g, r in zip(group, relation, strict=True) if r == word}):,}",
            f"{count:,}",
            RELATION_MEANING.get(word, ""),
        )
        for word, count in counts([word for word in relation if word])
    ]
    headers = ("relation", "groups", "images", "meaning")
    return TableView("Different bytes, same picture", headers, rows, frozenset({1, 2}))


def scale_table(tables: Tables) -> TableView | None:
    """Return how reading the scale ended, over the representative pictures, with the usual pixel sizes."""
    table = filled(tables, "scales")
    if table is None:
        return None
    pictures = representatives(tables)
    if pictures is not None:
        known = set(pictures["image"].to_pylist())
        table = table.filter(pa.array([image in known for image in table["image"].to_pylist()], pa.bool_()))
    status, size = texts(table, "status"), numbers(table, "nm_per_px")
    found = sorted(counts(status), key=lambda item: item[0] not in SCALE_STATUSES_WITH_VALUE)
    rows = []
    for word, count in found:
        values = size[np.array([item == word for item in status]) & np.isfinite(size)]
        median = length(float(np.median(values))) if values.size else NO_VALUE
        name = word.replace("_", " ")
        rows.append((name, f"{count:,}", f"{count / len(status):.1%}", median, SCALE_MEANING.get(word, "")))
    headers = ("status", "pictures", "share", "median pixel", "meaning")
    return TableView("How reading the scale ended", headers, rows, frozenset({1, 2}))


def label_set_table(tables: Tables) -> TableView | None:
    """Return the label sets with their counts."""
    headers = (
        "set", "files", "unique", "matched", "matched_by_bytes", "matched_by_pixels", "matched_by_re_encoding",
        "unmatched", "repeated", "contradictory",
    )  # fmt: skip
    return _plain(tables, "label_sets", "Label sets", headers, numeric=headers[1:])


def contradiction_table(tables: Tables) -> TableView | None:
    """Return the label files whose picture has another label, too, with their paths."""
    return _plain(
        tables, "contradictions", "Files whose labels contradict", ("set", "image", "label", "path"), numeric=()
    )


def left_out_of_scores(tables: Tables) -> str:
    """Return a sentence on the pictures that no score counts because their labels contradict; empty without any."""
    table = filled(tables, "labels")
    if table is None:
        return ""
    names = [name for name, bad in zip(texts(table, "set"), flags(table, "contradictory"), strict=True) if bad]
    if not names:
        return ""
    per_set = ", ".join(f"{count:,} of {name}" for name, count in counts(names))
    return f"Pictures with contradictory labels are left out of every score: {per_set}."


def dimension_table(tables: Tables) -> TableView | None:
    """Return the estimates of the intrinsic dimension."""
    headers = (
        "vectors", "n_points", "n_dropped", "fraction", "subsample", "dimension", "error", "ml_dimension", "ml_error",
    )  # fmt: skip
    return _plain(tables, "dimension", "Estimates of the intrinsic dimension", headers, numeric=headers[1:])


def finding_table(tables: Tables) -> TableView | None:
    """Return what the dimension of each set of vectors comes to, in words."""
    counts = ("components_90", "components_95", "components_99")
    headers = ("vectors", "plateau", *counts, "statement")
    return _plain(tables, "dimension_findings", "What the dimension comes to", headers, numeric=("plateau", *counts))


def neighbour_table(tables: Tables) -> TableView | None:
    """Return how the neighbours were found, with the recall where that was approximate."""
    headers = ("vectors", "n_points", "k", "metric", "method", "recall")
    return _plain(tables, "neighbours", "Nearest neighbours", headers, numeric=("n_points", "k", "recall"))


def code_table(tables: Tables) -> TableView | None:
    """Return what the codes lose, beside principal components."""
    found = code_qualities(tables)
    if not found:
        return None
    rows: list[tuple[str, ...]] = [
        (one.codes, str(one.epochs), _spelled(one.loss), _spelled(one.pca_loss), one.kept, one.statement)
        for one in found
    ]
    headers = ("codes", "epochs", "loss", "loss of components", "kept", "statement")
    return TableView("What the codes lose", headers, rows, frozenset(range(1, 4)))


def preservation_table(tables: Tables) -> TableView | None:
    """Return how well codes keep neighbourhoods."""
    headers = ("codes", "vectors", "n_points", "n_neighbours", "trustworthiness", "continuity", "share_kept")
    return _plain(tables, "preservation", "Neighbourhoods kept by the codes", headers, numeric=headers[2:])


def distance_table(tables: Tables) -> TableView | None:
    """Return how well distances follow the labels."""
    headers = ("vectors", "n_points", "correlation_with_labels")
    return _plain(tables, "distances", "Distances and labels", headers, numeric=headers[1:])


def clustering_table(tables: Tables) -> TableView | None:
    """Return the clusterings."""
    headers = ("clustering", "vectors", "method", "k", "n_images", "n_clusters", "start_spread", "seconds", "settings")
    return _plain(tables, "clusterings", "All clusterings", headers, numeric=headers[3:8])


def agreement_table(tables: Tables) -> TableView | None:
    """Return the scores of real clusterings, best first; the level only where label sets have several."""
    table = agreement.scored(tables)
    if table is None:
        return None
    level = ("level",) if len(set(texts(table, "level"))) > 1 else ()
    scores = ("k", "n_scored", "nmi", "ami", "ari", "homogeneity", "completeness", "accuracy", "hungarian_accuracy")
    headers = ("clustering", "set", *level, *scores)
    return _plain({"agreement": table}, "agreement", "Scores, furthest above chance first", headers, numeric=scores)


def quality_table(tables: Tables) -> TableView | None:
    """Return what is measured of clusterings without labels."""
    scores = (
        "n_clusters",
        "n_scored",
        "silhouette",
        "davies_bouldin",
        "calinski_harabasz",
        "stability",
        "decision_gap",
    )
    return _plain(tables, "quality", "Clusterings without labels", ("clustering", *scores), numeric=scores)


def recommendation_table(tables: Tables) -> TableView | None:
    """Return the number of clusters that each criterion recommends, the recommendations first."""
    table = filled(tables, "recommended_k")
    if table is None:
        return None
    first = np.flatnonzero(flags(table, "recommended"))
    order = np.concatenate([first, np.flatnonzero(~flags(table, "recommended"))])
    rows = table.take(pa.array(order))
    words = ["yes" if chosen else "" for chosen in flags(rows, "recommended")]
    rows = rows.set_column(rows.schema.get_field_index("recommended"), "recommended", pa.array(words))
    headers = ("vectors", "recommended", "k", "criterion", "value", "method", "clustering")
    return _plain({"recommended_k": rows}, "recommended_k", "Recommended k", headers, numeric=("k", "value"))


def category_table(tables: Tables) -> TableView | None:
    """Return the trees of sub-categories, a row a category; the label only where pictures have one."""
    counted = ("n_images", "n_children", "silhouette", "stability", "purity")
    headers = ("tree", "category", *counted[:4], "label", "purity", "reason")
    return _plain(tables, "category_tree", "Categories and their parts", headers, numeric=counted)


def category_score_table(tables: Tables) -> TableView | None:
    """Return how well the levels of each tree agree with the levels of the labels."""
    headers = (
        "tree", "level", "set", "label_level", "n_scored", "n_categories", "n_labels", "nmi", "ami", "ari",
        "homogeneity", "completeness", "dendrogram_purity",
    )  # fmt: skip
    numeric = ("level", "label_level", *headers[4:])
    return _plain(tables, "category_scores", "Trees against labels", headers, numeric=numeric)


def run_table(tables: Tables) -> TableView | None:
    """Return the runs of the stages in their order, with settings and cost."""
    runs = filled(tables, "runs")
    if runs is None:
        return None
    started = [text[:19].replace("T", " ") for text in texts(runs, "started")]
    memory = [
        f"{value / 2**20:,.0f}" if np.isfinite(value) else NO_VALUE for value in numbers(runs, "peak_memory_bytes")
    ]
    columns = (
        texts(runs, "stage"), started, _numbers_spelled(runs, "seconds"), _numbers_spelled(runs, "items"),
        _numbers_spelled(runs, "workers"), memory, texts(runs, "commit"), texts(runs, "settings"),
    )  # fmt: skip
    headers = ("stage", "started", "seconds", "items", "workers", "peak MiB", "commit", "settings")
    rows: list[tuple[str, ...]] = list(zip(*columns, strict=True))
    more = _more(len(rows), MAX_ROWS, "runs.parquet")
    return TableView("Runs of the stages", headers, rows[-MAX_ROWS:], frozenset(range(2, 6)), more)


def _plain(
    tables: Tables, name: str, caption: str, headers: tuple[str, ...], *, numeric: Sequence[str]
) -> TableView | None:
    """Show columns as they are, leaving out those that have no value at all."""
    table = filled(tables, name)
    if table is None:
        return None
    columns = {
        header: _numbers_spelled(table, header) if header in numeric else texts(table, header) for header in headers
    }
    kept = [header for header in headers if any(value not in ("", NO_VALUE) for value in columns[header])]
    rows = list(zip(*(columns[header] for header in kept), strict=True))
    return TableView(
        caption=caption,
        headers=tuple(header.replace("_", " ").removeprefix("n ") for header in kept),
        rows=rows[:MAX_ROWS],
        numeric=frozenset(place for place, header in enumerate(kept) if header in numeric),
        more=_more(len(rows), MAX_ROWS, f"{name}.parquet"),
        filterable=len(rows) > 12,
    )


def _numbers_spelled(table: pa.Table, column: str) -> list[str]:
    return [_spelled(value) for value in numbers(table, column)]


def _spelled(value: float) -> str:
    if not np.isfinite(value):
        return NO_VALUE
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def reproduce_commands(corpus: str, commit: str) -> list[str]:
    """Return the commands that make this report again, safe to paste into a shell."""
    return [
        f"semcorpus run {shlex.quote(corpus)} INDEX --recipe recipe.toml",
        "semcorpus history INDEX",
        f"semcorpus rollback INDEX {shlex.quote(commit)}",
    ]
