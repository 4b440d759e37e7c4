"""What the page shows pictures of: representatives, dominating labels, groups, samples."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.reporting import gallery
from pipeline.reporting.album import Album, Picture, choose, encode, jpeg_uri
from pipeline.reporting.facts import (
    ImageFacts,
    cluster_facts,
    image_facts,
    label_column,
    length,
    representative_order,
)

NAN = np.nan


def test_representatives_are_centres_then_density_then_even() -> None:
    centers = np.array([False, False, True, False])
    assert representative_order(centers, np.array([1.0, 3.0, 0.5, 2.0]), limit=3).tolist() == [2, 1, 3]
    assert representative_order(centers, np.full(4, NAN), limit=3).tolist() == [2, 0, 1]
    even = representative_order(np.zeros(100, bool), np.full(100, NAN), limit=4)
    assert even.tolist() == [0, 25, 50, 75]
    assert representative_order(np.zeros(0, bool), np.zeros(0), limit=4).size == 0


def test_cluster_facts_by_hand() -> None:
    rows = pa.table({"image": [5, 0, 1, 2, 3], "md5": list("edcba"), "cluster": [-1, 0, 0, 0, 1]})
    labels = label_column(
        {
            "labels": pa.table(
                {
                    "set": ["s"] * 4,
                    "image": [0, 1, 2, 3],
                    "label": ["tips", "films", "tips", "x"],
                    "contradictory": [False, False, False, True],
                }
            )
        },
        "s",
    )
    noise, first, second = cluster_facts(rows, labels, np.array([1.0, 3.0, NAN, NAN]))
    assert (noise.cluster, noise.size, noise.label, noise.purity) == (-1, 1, "", None)
    assert (first.size, first.label, first.labelled, first.nm_per_px) == (3, "tips", 3, 2.0)
    assert first.purity == 2 / 3
    assert first.images == [2, 1, 0]  # by MD5
    assert (second.purity, second.nm_per_px) == (None, None)  # its only label is contradictory


def test_best_of_each_method_is_shown_first_and_all_follow(tables: dict[str, pa.Table]) -> None:
    names = gallery.shown_clusterings(tables)
    assert names[:3] == ["density_peaks-k6", "ward-k6", "kmeans-k6"]
    assert sorted(names) == sorted(set(tables["clusters"]["clustering"].to_pylist()))


def test_without_labels_the_recommended_clustering_is_first(tables: dict[str, pa.Table]) -> None:
    recommended = pa.table({"clustering": ["ward-k4", "ward-k8"], "recommended": [False, True]})
    only = {"clusters": tables["clusters"], "recommended_k": recommended}
    found = gallery.clusterings(only)
    assert (found[0].name, found[0].note) == ("ward-k8", "recommended without labels")
    assert not any(item.note for item in found[1:])
    assert all(cluster.purity is None for item in found for cluster in item.clusters)


def test_every_picture_has_its_cluster_in_every_clustering(tables: dict[str, pa.Table]) -> None:
    images = gallery.clustered_pictures(tables)
    (labels,) = gallery.memberships(tables, ["ward-k8"], images)
    rows = tables["clusters"].filter(pc.equal(tables["clusters"]["clustering"], "ward-k8"))
    assert dict(zip(images.tolist(), labels.tolist(), strict=True)) == dict(
        zip(rows["image"].to_pylist(), rows["cluster"].to_pylist(), strict=True)
    )
    (some,) = gallery.memberships({"clusters": rows.slice(2, 1)}, ["ward-k8"], images[:4])
    assert some.tolist() == [-2, -2, labels[2], -2]


def test_smallest_clusters_are_left_out_and_counted() -> None:
    n = gallery.MAX_CLUSTERS + 3
    clusters = pa.table(
        {
            "clustering": ["c"] * (n + 1),
            "image": range(n + 1),
            "md5": [f"{i:03d}" for i in range(n + 1)],
            "cluster": [*range(n), n - 1],
        }
    )
    (found,) = gallery.clusterings({"clusters": clusters})
    assert found.left_out == 3
    assert (found.clusters[0].cluster, found.clusters[0].size) == (n - 1, 2)


def test_contradictions_list_all_labels() -> None:
    labels = pa.table(
        {"set": ["s"] * 3, "image": [4, 4, 1], "label": ["a", "b", "c"], "contradictory": [True, True, False]}
    )
    (found,), left = gallery.contradictions({"labels": labels})
    assert (found.image, found.heading, left) == (4, "a / b", 0)


def test_facts_prefer_the_first_path() -> None:
    files = pa.table({"path": ["a", "z"], "status": ["duplicate", "ok"], "image": [3, 3]})
    scales = pa.table({"image": [3], "status": ["read"], "text": ["2 µm"], "nm_per_px": [1950.0]})
    found = image_facts({"files": files, "scales": scales}, [3], None)
    assert found[3] == ImageFacts("z", "", "1.95 µm a pixel, bar says 2 µm (read)", "")


def test_lengths_get_the_unit_that_suits() -> None:
    assert [length(value) for value in (0.5, 999.0, 1000.0, 2.5e6)] == ["0.5 nm", "999 nm", "1 µm", "2.5 mm"]


def test_choice_is_fair_to_every_group() -> None:
    assert choose([[1, 2, 3], [4], [5, 6]], limit=4) == [1, 4, 5, 2]
    assert choose([[1, 2], [2, 1]]) == [1, 2]
    assert choose([]) == []


def gray(images: Sequence[int]) -> Mapping[int, NDArray[np.uint8]]:
    return {image: np.full((8, 8), 9, np.uint8) for image in images if image != 2}


def test_encoding_keeps_to_the_budget_and_skips_what_is_missing() -> None:
    one = len(jpeg_uri(np.full((8, 8), 9, np.uint8), longest_edge=64))
    assert list(encode([1, 2, 3, 4], gray, budget=2 * one)) == [1, 3]
    assert encode([], gray) == {}


def test_a_picture_is_given_once() -> None:
    album = Album({7: Picture("data:x", 1.5)}, {})
    assert [album.source(7), album.source(7)] == ["data:x", ""]
    assert album.only([8, 7]) == [7]
    assert album.frame() == 1.5
    assert Album({}, {}).frame() == 4 / 3
