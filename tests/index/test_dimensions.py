"""Every group of a store opens in xarray, with names of axes that groups share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from pipeline.index.dimensions import dimension_names, model_dimensions, unit_of
from pipeline.index.rows import RowArray, require_rows
from pipeline.index.store import create_index
from pipeline.index.tables import write_table

xarray = pytest.importorskip("xarray")


def groups(group: zarr.Group, path: str = "") -> Iterator[str]:
    for name, below in group.groups():
        place = f"{path}{name}"
        if any(below.array_keys()):
            yield place
        yield from groups(below, f"{place}/")


def test_every_kind_of_group_opens(tmp_path: Path) -> None:
    index = create_index(tmp_path / "index", attributes={"shard_rows": 32})
    transaction = index.begin()
    root = transaction.root
    require_rows(root, "embeddings/a", [RowArray("vectors", "float32", (7,))], 5, 32)
    require_rows(
        root, "neighbours/a", [RowArray("indices", "int64", (3,)), RowArray("distances", "float32", (3,))], 5, 32
    )
    require_rows(root, "pixels", [RowArray("gray", "uint8", (4, 4)), RowArray("other", "uint8", (4, 2))], 5, 32)
    write_table(root, "images", {"md5": np.zeros((5, 16), np.uint8), "width_px": np.zeros(5, np.int32)})
    write_table(root, "clusters/a", {"images": np.arange(4), "labels": np.zeros((4, 2), np.int32)})
    write_table(root, "duplicates", {"image": np.arange(2), "relation": np.array(["near", ""], object)})
    model = root.require_group("cluster_models/a")
    for k in (2, 3):
        centers = np.zeros((k, 7))
        model.create_array(f"centers_{k}", data=centers, dimension_names=model_dimensions(f"centers_{k}", 2))
    transaction.commit("all", {"stage": "test"})
    opened = {name: xarray.open_zarr(index.store, group=name, consolidated=False) for name in groups(index.read())}
    assert len(opened) == 7
    assert opened["embeddings/a"].sizes == {"image": 5, "feature": 7}
    assert opened["neighbours/a"].sizes == {"image": 5, "neighbour": 3}
    assert opened["clusters/a"].sizes == {"image": 4, "clustering": 2}
    assert opened["images"]["width_px"].attrs["units"] == "px"
    assert opened["images"]["md5"].dims == ("image", "byte")
    assert opened["duplicates"]["image"].dims == ("row",)
    assert opened["cluster_models/a"]["centers_3"].dims == ("cluster_3", "feature")


def test_names_by_hand() -> None:
    assert dimension_names("row", "vectors", 1) == ("row",)
    assert dimension_names("image", "crop", 1) == ("image",)
    assert [unit_of(name) for name in ("modified_ns", "bar_length_px", "nm_per_px", "seconds", "k")] == [
        "ns", "px", "nm/px", "s", "",
    ]  # fmt: skip
