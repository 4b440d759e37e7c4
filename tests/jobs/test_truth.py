"""The index of the demo corpus against its known answers, and what notebooks and scripts find in it."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray
import zarr

import pipeline
from pipeline.records import SCALE_STATUSES_WITH_VALUE

Row = dict[str, Any]

# CONTRACT.md: the columns that scripts may rely on. More may be there.
CONTRACT = {
    "files": "path size_bytes modified format md5 status reason image",
    "images": "image md5 pixel_md5 picture format width_px height_px bit_depth present paths",
    "duplicates": "group image relation differing_pixels max_difference",
    "scales": "image md5 status source text scale_nm bar_length_px nm_per_px metadata_nm_per_px confidence",
    "label_sets": "set files unique matched unmatched repeated contradictory",
    "labels": "set image label contradictory",
    "contradictions": "set image md5 label path",
    "dimension": "vectors fraction subsample n_points n_dropped dimension error",
    "spectrum": "vectors component explained_variance_ratio cumulative_ratio",
    "distances": "vectors n_points correlation_with_labels",
    "autoencoders": "codes vectors layers tied activation phase epoch train_loss test_loss",
    "clusterings": "clustering vectors method k settings n_images n_clusters seconds",
    "clusters": "clustering image md5 cluster density delta is_center",
    "agreement": "clustering vectors method k set level n_scored nmi ami ari homogeneity completeness accuracy",
    "confusion": "clustering set label cluster count",
    "runs": "commit stage settings started seconds items workers cpu_seconds peak_memory_bytes",
}
INTEGERS = {
    "image",
    "picture",
    "group",
    "size_bytes",
    "k",
    "cluster",
    "count",
    "n_points",
    "n_images",
    "epoch",
    "items",
}


def table(index: Path, name: str) -> list[Row]:
    rows: list[Row] = pq.read_table(index / "reports" / f"{name}.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def truth(demo: Path) -> dict[str, Row]:
    return {row["path"]: row for row in pq.read_table(demo / "truth.parquet").to_pylist()}


def test_every_row_of_the_ledger_is_true(finished: Path, truth: dict[str, Row]) -> None:
    columns = ("status", "md5", "size_bytes", "format")
    ledger = {row["path"]: [row[name] for name in columns] for row in table(finished, "files")}
    assert ledger == {
        path: [row[name] or ("" if name == "format" else row[name]) for name in columns] for path, row in truth.items()
    }


def test_whatever_is_no_image_has_a_reason(finished: Path) -> None:
    for row in table(finished, "files"):
        assert (row["image"] is None) == (row["status"] not in ("ok", "duplicate")), row
        assert bool(row["reason"]) or row["image"] is not None, row


def test_the_files_of_a_picture_are_found_and_no_others(finished: Path, truth: dict[str, Row]) -> None:
    picture = {row["image"]: row["picture"] for row in table(finished, "images")}
    found, wanted = defaultdict(set), defaultdict(set)
    for row in table(finished, "files"):
        if row["image"] is not None:
            found[picture[row["image"]]].add(row["path"])
            wanted[truth[row["path"]]["picture_of"]].add(row["path"])
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, wanted.values()))


def test_no_scale_is_wrong_and_most_are_read(finished: Path, truth: dict[str, Row]) -> None:
    by_md5 = {row["md5"]: row for row in truth.values()}
    valued, read = 0, 0
    for row in table(finished, "scales"):
        known = by_md5[row["md5"]]
        if row["status"] in SCALE_STATUSES_WITH_VALUE:
            assert row["nm_per_px"] == pytest.approx(known["true_nm_per_px"], rel=0.02), row
            read += known["scale_status"] in SCALE_STATUSES_WITH_VALUE
        else:
            assert row["nm_per_px"] is None
        valued += known["scale_status"] in SCALE_STATUSES_WITH_VALUE
    assert read >= 0.8 * valued, f"{read} of {valued} scales read"


def test_labels_come_by_content_and_contradictions_are_counted(
    demo: Path, finished: Path, truth: dict[str, Row]
) -> None:
    paths = {row["image"]: row["paths"] for row in table(finished, "images")}
    labels = table(finished, "labels")
    for row in labels:
        known = truth[paths[row["image"]][0]]
        assert row["contradictory"] == known["contradictory"]
        assert row["contradictory"] or row["label"] == known["label"]
    files = [path for path in (demo / "labels").rglob("*") if path.is_file()]
    contents = {hashlib.md5(path.read_bytes()).hexdigest() for path in files}
    matched = contents & {row["md5"] for row in truth.values()}
    counts = table(finished, "label_sets")[0]
    assert [counts["files"], counts["unique"], counts["matched_by_bytes"]] == [len(files), len(contents), len(matched)]
    # All others are JPGs made anew of pictures that the corpus has as something else.
    assert [counts["matched_by_re_encoding"], counts["unmatched"]] == [len(contents) - len(matched), 0]
    labelled = {row["picture_of"] for row in truth.values() if row["label"]}
    assert len(labels) == len(labelled)


def test_contradictions_are_listed_with_both_labels_and_paths(finished: Path) -> None:
    rows = table(finished, "contradictions")
    contradictory = {row["image"] for row in table(finished, "labels") if row["contradictory"]}
    assert {row["image"] for row in rows} == contradictory
    assert contradictory
    for image in contradictory:
        found = [row for row in rows if row["image"] == image]
        assert len({row["label"] for row in found}) > 1
        assert all(row["path"].startswith(row["label"] + "/") for row in found)
    page = (finished / "reports" / "report.html").read_text()
    assert f"left out of every score: {len(contradictory)} of classes" in page
    assert all(row["path"].split("/")[1] in page for row in rows)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_tables_hold_what_the_contract_names(name: str, finished: Path) -> None:
    schema = pq.read_schema(finished / "reports" / f"{name}.parquet")
    columns = CONTRACT[name].split()
    assert set(columns) <= set(schema.names)
    for column in INTEGERS & set(columns):
        assert schema.field(column).type == pa.int64(), column
    assert pq.read_table(finished / "reports" / f"{name}.parquet").num_rows > 0
    assert schema.metadata[b"semcorpus.commit"].decode() == pipeline.open_index(finished).commit


def test_the_store_opens_with_plain_zarr(finished: Path) -> None:
    index = pipeline.open_index(finished)
    root = zarr.open_group(index.store, mode="r")
    n = root["images/md5"].shape[0]
    assert n == len(table(finished, "images"))
    near = root["neighbours/cae/indices"]
    assert near.dtype == np.int64
    assert root["neighbours/cae/distances"].dtype == np.float32
    assert root["embeddings/cae/vectors"].shape[0] == n
    with pytest.raises(Exception, match=r"read.only"):
        root.attrs["mine"] = 1


def test_the_store_opens_with_xarray(finished: Path) -> None:
    index = pipeline.open_index(finished)
    scale = xarray.open_zarr(index.store, group="scale", consolidated=False)
    expected = {row["image"]: row["nm_per_px"] for row in table(finished, "scales")}
    stored = scale["nm_per_px"].values
    for image, value in expected.items():
        assert np.isnan(stored[image]) if value is None else stored[image] == value


def test_the_python_names_do_what_the_commands_do(demo: Path, finished: Path, tmp_path: Path) -> None:
    result = pipeline.run(demo / "corpus", tmp_path / "index", until="walk")
    assert [stage.stage for stage in result.stages] == ["walk"]
    assert result.report_written is False
    first = pipeline.open_index(tmp_path / "index").read()["files/md5"][:]
    assert np.array_equal(first, pipeline.open_index(finished).read()["files/md5"][:])
