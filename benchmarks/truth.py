"""The index of a made heap of files against its truth: every ledger row, picture, relation and label count.

    python -m benchmarks.truth --files 20000

Walks, pairs and labels, and prints what disagrees; then changes 1% of the files (added, changed, renamed, moved,
removed), runs again and compares again. Locked files need a reader who is not the superuser: the superuser's right to
read everything is laid down for the time of the runs.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.demo.heap.edits import edit_heap
from pipeline.demo.heap.heap import write_heap
from pipeline.demo.heap.label_sets import LABEL_SETS, LabelTruth, read_label_truth
from pipeline.demo.heap.obstacles import unlock
from pipeline.demo.truth import FileTruth, read_truth
from pipeline.engine import EngineChoice
from pipeline.imaging.isolation import decoding as isolation
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table
from pipeline.job import open_runner, run_stages
from pipeline.progress import Silent
from pipeline.stages.files import digester
from pipeline.stages.files.ledger import FILES, IMAGES, hex_md5

_READ_ANYTHING = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_CAPABILITY_VERSION = 0x20080522


@contextlib.contextmanager
def without_superuser() -> Iterator[None]:
    """Give up this thread's right to read whatever is locked, for a while; others than the superuser have none."""
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities()
    _set_capabilities((before[0] & ~_READ_ANYTHING, *before[1:]))
    try:
        yield
    finally:
        _set_capabilities(before)


def _capabilities() -> tuple[int, ...]:
    values = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capget((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), values):
        raise OSError(ctypes.get_errno(), "capget")
    return tuple(values)


def _set_capabilities(values: Sequence[int]) -> None:
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if ctypes.CDLL(None, use_errno=True).capset(head, (ctypes.c_uint32 * 6)(*values)):
        raise OSError(ctypes.get_errno(), "capset")


@contextlib.contextmanager
def counting_decodings() -> Iterator[list[int]]:
    """Note the size of every file that the walk decodes in this process."""
    decoded: list[int] = []
    real = isolation.run_isolated_batch

    def note(function: Any, contents: Sequence[bytes], *, limits: Any) -> Any:
        decoded.extend(map(len, contents))
        return real(function, contents, limits=limits)

    digester.run_isolated_batch = note  # type: ignore[attr-defined]
    try:
        yield decoded
    finally:
        digester.run_isolated_batch = real  # type: ignore[attr-defined]


def run_first_stages(directory: Path, place: Path, *, engines: EngineChoice) -> tuple[Index, dict[str, float]]:
    """Walk, pair and label the heap in ``directory``; also seconds a stage."""
    recipe = recipe_of(directory)
    corpus = Corpus(str(directory / "corpus"), recipe.corpus)
    with (
        without_superuser(),
        open_runner(corpus, place, recipe, engines=engines, listener=Silent()) as runner,
    ):
        finished = run_stages(runner, ("walk", "pair", "labels"))
    return open_index(place), {stage.stage: round(stage.seconds, 2) for stage in finished.stages}


def recipe_of(directory: Path) -> Recipe:
    """The default recipe with the heap's label sets."""
    return load_recipe(overrides={"labels.sets": {name: str(directory / place) for name, place in LABEL_SETS.items()}})


def disagreements(index: Index, directory: Path) -> list[str]:
    """Everything in which the index differs from the truth, in words; none if all is well."""
    truth = _for_this_machine(read_truth(directory / "truth.parquet"))
    root = index.read()
    files, images = read_table(root, FILES), read_table(root, IMAGES)
    ledger = _rows(files | {"md5": hex_md5(files["md5"])}, "path")
    pictures = dict(enumerate(_listed(images)))
    found = list(_in_ledger(ledger, truth))
    found += _in_images(ledger, pictures, truth)
    found += _in_pictures(ledger, pictures, truth)
    found += _in_relations(ledger, pictures, _rows(read_table(root, "duplicates"), "image"), truth)
    labels = read_label_truth(directory / "label_truth.parquet")
    for name in LABEL_SETS:
        meant = [resolved(row, truth) for row in labels if row.set == name]
        found += _in_labels(root, name, meant, _picture_rows(ledger, pictures, truth))
    return found


Meant = tuple[str, str | None, str | None]
"""What a file of a label set comes to: label, content, and the picture of the corpus that it is matched to."""


def resolved(row: LabelTruth, truth: Sequence[FileTruth]) -> Meant:
    """What a label file comes to in the corpus as it is now."""
    there = _present_by(truth, "path" if row.set == "names" else "md5" if row.set == "table" else "picture_of")
    if row.set == "names":
        now = there.get(f"{row.path}")
        return row.label, now.md5 if now else None, now.picture_of if now else None
    now = there.get(row.md5 if row.set == "table" else row.picture_of)
    return row.label, row.md5, now.picture_of if now else None


@lru_cache(4)
def _index_by(truth: tuple[FileTruth, ...], column: str) -> dict[str | None, FileTruth]:
    return {getattr(row, column): row for row in truth if row.status in ("ok", "duplicate")}


def _present_by(truth: Sequence[FileTruth], column: str) -> dict[str | None, FileTruth]:
    return _index_by(tuple(truth), column)


def _picture_rows(
    ledger: dict[str, dict[str, Any]], images: dict[int, dict[str, Any]], truth: Sequence[FileTruth]
) -> dict[str | None, int]:
    """The index' row of each picture, by its name in the truth."""
    there = [row for row in truth if row.status in ("ok", "duplicate") and row.path in ledger]
    return {
        row.picture_of: int(images[int(ledger[row.path]["image"])]["picture"])
        for row in there
        if ledger[row.path]["image"] >= 0
    }


def _for_this_machine(truth: list[FileTruth]) -> list[FileTruth]:
    """Without its decoder DjVu is `unsupported`, whatever the file is."""
    if shutil.which("ddjvu"):
        return truth
    return [row if row.format != "djvu" else _without_picture(row) for row in truth]


def _without_picture(row: FileTruth) -> FileTruth:
    return FileTruth(row.path, row.md5, row.size_bytes, row.format, "unsupported", reason_says="ddjvu")


def _listed(columns: dict[str, Any]) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*(columns[n] for n in names), strict=True)]


def _rows(columns: dict[str, Any], key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in _listed(columns)}


def _in_ledger(ledger: dict[str, dict[str, Any]], truth: Sequence[FileTruth]) -> Iterator[str]:
    wanted = {row.path: row for row in truth}
    for path in sorted(set(ledger) | set(wanted)):
        if path not in ledger or path not in wanted:
            yield f"{path!r} is {'not in the ledger' if path in wanted else 'in the ledger and not in the truth'}"
            continue
        row, true = ledger[path], wanted[path]
        for name in ("status", "md5", "size_bytes", "format"):
            expected = getattr(true, name) or (0 if name == "size_bytes" else "")
            if row[name] != expected and not (name == "md5" and true.status in ("unreadable",)):
                yield f"{path!r}: {name} is {row[name]!r}, in truth {expected!r} ({row['reason']})"
        if true.reason_says is None and true.status != "gone" and row["reason"]:
            yield f"{path!r}: has the reason {row['reason']!r}"
        if true.reason_says is not None and (not row["reason"] or true.reason_says not in row["reason"]):
            yield f"{path!r}: the reason {row['reason']!r} does not say {true.reason_says!r}"


def _in_images(
    ledger: dict[str, dict[str, Any]], images: dict[int, dict[str, Any]], truth: Sequence[FileTruth]
) -> Iterator[str]:
    for true in truth:
        row = ledger.get(true.path)
        if row is None or row["image"] < 0 or true.picture_of is None:
            continue
        image = images[int(row["image"])]
        for name in ("width_px", "height_px", "bit_depth", "pages"):
            expected = getattr(true, name)
            if expected is not None and image[name] != expected:
                yield f"{true.path!r}: {name} is {image[name]}, in truth {expected}"


def _in_pictures(
    ledger: dict[str, dict[str, Any]], images: dict[int, dict[str, Any]], truth: Sequence[FileTruth]
) -> Iterator[str]:
    """Files of one picture share a representative, and those of others have others."""
    found, wanted = defaultdict(set), defaultdict(set)
    for true in truth:
        row = ledger.get(true.path)
        if row is None or row["image"] < 0 or true.status not in ("ok", "duplicate") or true.picture_of is None:
            continue
        found[int(images[int(row["image"])]["picture"])].add(true.path)
        wanted[true.picture_of].add(true.path)
    right = set(map(frozenset, wanted.values()))
    for group in map(frozenset, found.values()):
        if group not in right:
            yield f"these files are taken for one picture: {sorted(group)[:6]}"


def _in_relations(
    ledger: dict[str, dict[str, Any]],
    images: dict[int, dict[str, Any]],
    duplicates: dict[int, dict[str, Any]],
    truth: Sequence[FileTruth],
) -> Iterator[str]:
    """Whoever is not its picture's master stands in the relation to it that the truth names."""
    masters = {true.picture_of for true in truth if true.status in ("ok", "duplicate") and true.relation == ""}
    for true in truth:
        row = ledger.get(true.path)
        alone = true.picture_of not in masters or true.relation in (None, "", "same_bytes")
        if row is None or row["image"] < 0 or true.status not in ("ok", "duplicate") or alone:
            continue
        relation = duplicates.get(int(row["image"]), {}).get("relation")
        if relation != true.relation:
            yield f"{true.path!r}: is {relation!r} of {true.picture_of!r}, in truth {true.relation!r}"


def _in_labels(root: Any, name: str, meant: Sequence[Meant], rows: dict[str | None, int]) -> Iterator[str]:
    attributes = dict(root[f"labels/{name}"].attrs)
    for count, expected in label_counts(meant).items():
        if attributes[count] != expected:
            yield f"label set {name}: {attributes[count]} {count}, in truth {expected}"
    wanted: dict[int, set[str]] = defaultdict(set)
    for label, _, picture in meant:
        if picture in rows:
            wanted[rows[picture]].add(label)
    table = read_table(root, f"labels/{name}")
    found = dict(zip(table["images"].tolist(), table["label"].tolist(), strict=True))
    contradictory = dict(zip(table["images"].tolist(), table["contradictory"].tolist(), strict=True))
    for image in sorted(set(found) | set(wanted)):
        label = "; ".join(sorted(wanted.get(image, ())))
        if found.get(image, "") != label or contradictory.get(image, False) != (len(wanted.get(image, ())) > 1):
            yield f"label set {name}, image {image}: labelled {found.get(image)!r}, in truth {label!r}"


def label_counts(meant: Sequence[Meant]) -> dict[str, int]:
    """What the table of label sets must say of a set."""
    picture_of = {md5: picture for _, md5, picture in meant if md5 is not None}
    without = sum(md5 is None for _, md5, _ in meant)
    matched = sum(picture is not None for picture in picture_of.values())
    labels: dict[str, set[str]] = defaultdict(set)
    for label, md5, _ in meant:
        if md5 is not None:
            labels[picture_of[md5] or md5].add(label)
    return {
        "files": len(meant),
        "unique": len(picture_of),
        "matched": matched,
        "unmatched": len(picture_of) - matched + without,
        "repeated": len(meant) - len(picture_of) - without,
        "contradictory": sum(len(found) > 1 for found in labels.values()),
    }


def measure(directory: Path, *, files: int, seed: int = 0, workers: int = 1) -> dict[str, Any]:
    """Write a heap, index it, change it and index it again; what disagrees is in the result."""
    began = time.perf_counter()
    written = write_heap(directory, seed=seed, files=files)
    made = time.perf_counter() - began
    engines = EngineChoice.parse("dask" if workers > 1 else "local", workers=workers)
    place = directory / "index"
    found: dict[str, Any] = {"machine": describe_machine(), "files": written.files, "statuses": dict(written.statuses)}
    found["seconds_to_write"] = round(made, 1)
    index, found["seconds"] = run_first_stages(directory, place, engines=engines)
    found["disagreements"] = disagreements(index, directory)
    edits = edit_heap(directory, seed=seed)
    with counting_decodings() as decoded:
        index, found["seconds_again"] = run_first_stages(directory, place, engines=engines)
    found["changed_files"], found["new_contents"] = edits.changed_files, edits.new_contents
    found["decoded_again"] = len(decoded) if workers == 1 else None
    found["disagreements_again"] = disagreements(index, directory)
    found["relations"] = dict(Counter(read_table(index.read(), "duplicates")["relation"].tolist()))
    unlock(directory / "corpus")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print JSON; the exit status is 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write the heap and its index here, and leave them")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        place = chosen.keep or Path(scratch) / "heap"
        found = measure(place, files=chosen.files, seed=chosen.seed, workers=chosen.workers)
    print(json.dumps(found, indent=1, ensure_ascii=True))
    return int(bool(found["disagreements"] or found["disagreements_again"]))


if __name__ == "__main__":
    raise SystemExit(main())
