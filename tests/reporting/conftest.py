"""Made report data: realistic in shape, with known answers, no files needed."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.records import ScaleReading
from pipeline.reporting.figures import build_figures
from pipeline.reporting.page import ReportData

CATEGORIES = ("fibres", "films", "particles", "patterned", "porous", "tips")
CREATED = datetime(2026, 11, 12, 3, 40, tzinfo=UTC)
Thumbnails = Callable[[Sequence[int]], Mapping[int, NDArray[np.uint8]]]


def made_tables(n_images: int = 300, *, seed: int = 7) -> dict[str, pa.Table]:
    """Return every table of a finished run over `n_images` unique contents."""
    rng = np.random.default_rng(seed)
    md5 = [hashlib.md5(str(image).encode()).hexdigest() for image in range(n_images)]
    truth = rng.integers(0, len(CATEGORIES), n_images)
    tables = _corpus(rng, md5, truth) | _vectors(rng, n_images)
    tables |= _clusters(rng, md5, truth)
    return {name: pa.table(columns) for name, columns in tables.items()}


def _corpus(rng: np.random.Generator, md5: list[str], truth: NDArray[np.int64]) -> dict[str, dict[str, object]]:
    n = len(md5)
    paths = [f"{CATEGORIES[truth[i]]}/session_{i % 9}/image_{i:05d}.tif" for i in range(n)]
    copies = rng.integers(0, n, n // 10)
    broken = ["corrupt", "unreadable", "too_large", "unsupported", "gone"] * max(1, n // 100)
    reasons = {
        "corrupt": "the JPEG data ends after 1,024 of 20,480 bytes",
        "unreadable": "permission denied",
        "too_large": "900,000,000 pixels are more than the limit of 400,000,000",
        "unsupported": "the content is text, not an image",
        "gone": "the file is no longer there",
    }
    status = ["ok"] * n + ["duplicate"] * copies.size + broken
    all_paths = paths + [f"copies/copy_{i}.tif" for i in range(copies.size)]
    all_paths += [f"broken/file_{i}.{word}" for i, word in enumerate(broken)]
    image = [*range(n), *copies.tolist(), *[None] * len(broken)]
    formats = rng.choice(["tiff", "jpeg", "png", "bmp"], n, p=[0.6, 0.3, 0.07, 0.03]).tolist()
    picture = np.arange(n)
    pairs = np.arange(1, n, 11)
    picture[pairs] = pairs - 1
    files = {
        "path": all_paths,
        "size_bytes": [800_000] * len(all_paths),
        "modified": [CREATED] * len(all_paths),
        "format": [*formats, *[formats[i] for i in copies], *[""] * len(broken)],
        "md5": [None if i is None else md5[i] for i in image],
        "status": status,
        "reason": [reasons.get(word, "") for word in status],
        "image": pa.array(image, pa.int64()),
    }
    images = {
        "image": np.arange(n), "md5": md5, "pixel_md5": md5, "picture": picture, "format": formats,
        "width_px": np.full(n, 1024), "height_px": np.full(n, 768), "bit_depth": np.full(n, 8),
        "present": np.ones(n, bool), "paths": np.bincount(copies, minlength=n) + 1,
        "focus": rng.gamma(4, 0.05, n), "contrast_levels": rng.uniform(20, 200, n),
        "noise_levels": rng.gamma(2, 2, n), "saturated_share": np.maximum(0, rng.normal(0, 0.05, n)),
        "filled_share": np.where(np.arange(n) % 97 == 0, 0.2, 0.0),
    }  # fmt: skip
    duplicates = {
        "group": np.repeat(np.arange(pairs.size), 2),
        "image": np.stack([pairs - 1, pairs], axis=1).ravel(),
        "relation": [("near" if g % 3 else "same_picture") for g in range(pairs.size) for _ in (0, 1)],
        "differing_pixels": np.tile([0, 23_831], pairs.size),
        "max_difference": np.tile([0, 1], pairs.size),
    }
    return {"files": files, "images": images, "duplicates": duplicates} | _scales(rng, md5) | _labels(truth)


def _scales(rng: np.random.Generator, md5: list[str]) -> dict[str, dict[str, object]]:
    n = len(md5)
    words = ["read", "metadata", "agrees", "disagrees", "no_bar", "no_text", "uncertain"]
    status = rng.choice(words, n, p=[0.5, 0.05, 0.3, 0.02, 0.05, 0.05, 0.03]).tolist()
    value = rng.choice([1, 2, 10, 20, 100, 200, 300, 1e3, 2e3, 1e4, 2e4, 1e5, 1e6], n)
    has = np.isin(status, ["read", "agrees", "disagrees"])
    good = np.isin(status, ["read", "agrees", "metadata"])
    bar = rng.uniform(60, 240, n)
    text = [f"{v:g} nm" if v < 1e3 else f"{v / 1e3:g} µm" for v in value]
    factor = {"agrees": 1.004, "disagrees": 10.0}
    stated = [float(v / b * factor[w]) if w in factor else None for v, b, w in zip(value, bar, status, strict=True)]
    return {
        "scales": {
            "image": np.arange(n), "md5": md5, "status": status,
            "source": ["bar" if h else "" for h in has],
            "text": [t if h else "" for t, h in zip(text, has, strict=True)],
            "scale_nm": [float(v) if h else None for v, h in zip(value, has, strict=True)],
            "bar_length_px": [float(b) if h else None for b, h in zip(bar, has, strict=True)],
            "nm_per_px": [float(v / b) if g else None for v, b, g in zip(value, bar, good, strict=True)],
            "metadata_nm_per_px": stated, "confidence": rng.uniform(0.6, 1, n),
        }
    }  # fmt: skip


def _labels(truth: NDArray[np.int64]) -> dict[str, dict[str, object]]:
    labelled = np.arange(0, truth.size, 2)
    contradictory = labelled % 70 == 0
    return {
        "label_sets": {
            "set": ["categories"], "files": [labelled.size + 9], "unique": [labelled.size], "matched": [labelled.size],
            "unmatched": [4], "repeated": [5], "contradictory": [int(contradictory.sum())],
        },
        "labels": {
            "set": ["categories"] * labelled.size, "image": labelled,
            "label": [CATEGORIES[truth[i]] for i in labelled], "contradictory": contradictory,
        },
    }  # fmt: skip


def _vectors(rng: np.random.Generator, n: int) -> dict[str, dict[str, object]]:
    names = ["embeddings/conv", "codes/stacked"]
    shares = np.repeat([1.0, 0.5, 0.25, 0.125, 0.0625], [1, 2, 4, 4, 4])
    size = np.maximum(8, n * shares)
    dimension = np.concatenate([9.7 - 0.9 * np.log(1 / shares), 6.1 - 0.3 * np.log(1 / shares)])
    ratio = [0.25 * 0.9 ** np.arange(64), 0.4 * 0.8 ** np.arange(16)]
    ratio = [r / r.sum() for r in ratio]
    epochs = np.arange(1, 13)
    curve = 0.4 * np.exp(-epochs / 4)
    phases = ["layer 1", "layer 2", "whole"]
    return {
        "dimension": {
            "vectors": np.repeat(names, shares.size).tolist(), "fraction": np.full(2 * shares.size, 0.9),
            "subsample": np.tile(shares, 2), "n_points": np.tile(size, 2).astype(int),
            "n_dropped": np.zeros(2 * shares.size, int),
            "dimension": dimension + rng.normal(0, 0.08, dimension.size), "error": np.tile(2 / np.sqrt(size), 2),
            "ml_dimension": dimension, "ml_error": np.tile(2 / np.sqrt(size), 2),
        },
        "dimension_scales": {
            "vectors": np.repeat(names, 4).tolist(), "n1": [1, 2, 4, 8] * 2, "n2": [2, 4, 8, 16] * 2,
            "scale": [1.0, 1.3, 1.7, 2.2, 0.5, 0.6, 0.8, 1.0], "n_points": [n] * 8, "n_dropped": [0] * 8,
            "dimension": [9.7, 9.1, 8.6, 8.0, 6.1, 6.0, 5.9, 5.9], "error": [0.2, 0.1, 0.08, 0.05] * 2,
        },
        "dimension_findings": {
            "vectors": names, "plateau": [np.nan, 6.0], "plateau_fewest": [0, 40], "plateau_most": [0, n],
            "components_90": [20, 9], "components_95": [26, 11], "components_99": [40, 14],
            "statement": ["No plateau: 7.2 at 40 points, 9.7 at 600.", "A plateau at 6.0 from 40 to 600 points."],
        },
        "neighbours": {
            "vectors": names, "n_points": [n, n], "k": [20, 20], "metric": ["euclidean"] * 2,
            "method": ["exact", "FAISS 1.15.1 HNSW, M = 32, ef = 200 building and 200 searching"],
            "recall": [1.0, 0.9981], "recall_rows": [0, 500],
        },
        "preservation": {
            "codes": [names[1]], "vectors": [names[0]], "n_neighbours": [10], "n_points": [n],
            "trustworthiness": [0.987], "continuity": [0.975], "share_kept": [0.61],
        },
        "distance_map": {
            "vectors": [names[0]] * 9, "set": ["categories"] * 9, "label": np.repeat(CATEGORIES[:3], 3).tolist(),
            "other": list(CATEGORIES[:3]) * 3, "n_points": [100] * 9,
            "mean_distance": [1.0, 2, 3, 2, 1.5, 2.5, 3, 2.5, 1.2],
        },
        "maps": {
            "map": ["tsne"] * n, "vectors": [names[0]] * n, "method": ["tsne"] * n, "image": list(range(n)),
            "md5": [f"{i:032x}" for i in range(n)], "x": np.cos(np.arange(n) * 0.7) + np.arange(n) % 6,
            "y": np.sin(np.arange(n) * 0.7), "components": [2] * n, "placed": [False] * n,
        },
        "spectrum": {
            "vectors": [names[0]] * 64 + [names[1]] * 16,
            "component": [*range(64), *range(16)],
            "explained_variance_ratio": np.concatenate(ratio),
            "cumulative_ratio": np.concatenate([np.cumsum(r) for r in ratio]),
        },
        "distances": {"vectors": names, "n_points": [n, n], "correlation_with_labels": [0.31, 0.36]},
        "autoencoders": {
            "codes": ["codes/stacked"] * 36, "vectors": [names[0]] * 36, "layers": ["512-128-16"] * 36,
            "tied": [True] * 36, "activation": ["relu"] * 36, "phase": np.repeat(phases, 12).tolist(),
            "epoch": np.tile(epochs, 3),
            "train_loss": np.concatenate([curve * s + 0.02 for s in (1, 0.7, 0.5)]),
            "test_loss": np.concatenate([curve * s + 0.03 for s in (1, 0.7, 0.5)]),
        },
    }  # fmt: skip


def _clusters(rng: np.random.Generator, md5: list[str], truth: NDArray[np.int64]) -> dict[str, dict[str, object]]:
    n = len(md5)
    ks = [2, 4, 6, 8, 12, 16, 24]
    clusterings: dict[str, list[object]] = {
        key: [] for key in ("clustering", "vectors", "method", "k", "settings", "n_images", "n_clusters", "seconds")
    }
    parts: dict[str, list[object]] = {
        key: [] for key in ("clustering", "image", "md5", "cluster", "density", "delta", "is_center")
    }
    agreement: dict[str, list[object]] = {
        key: []
        for key in ("clustering", "vectors", "method", "k", "set", "n_scored", "nmi", "ari", "homogeneity",
                    "completeness", "accuracy", "level")
    }  # fmt: skip
    confusion: dict[str, list[object]] = {key: [] for key in ("clustering", "set", "label", "cluster", "count")}
    for method, strength in (("kmeans", 0.62), ("ward", 0.66), ("density_peaks", 0.74)):
        for k in ks:
            name = f"{method}-k{k}"
            noise = rng.random(n) > strength + 0.15
            cluster = np.where(noise, rng.integers(0, k, n), truth % k)
            peaks = method == "density_peaks"
            rows = [name, "codes/stacked", method, k, f"k = {k}", n, k, 1.5]
            for key, cell in zip(clusterings, rows, strict=True):
                clusterings[key].append(cell)
            density = rng.gamma(3, 1, n) if peaks else np.full(n, np.nan)
            delta = rng.gamma(1, 0.2, n) / (0.4 + density) if peaks else np.full(n, np.nan)
            center = np.zeros(n, bool)
            if peaks:
                center[[int(np.argmax(np.where(cluster == c, density, -1))) for c in range(k)]] = True
                delta[center] += 1
            parts["clustering"] += [name] * n
            parts["image"] += range(n)
            parts["md5"] += md5
            parts["cluster"] += cluster.tolist()
            parts["density"] += [None if np.isnan(v) else v for v in density]
            parts["delta"] += [None if np.isnan(v) else v for v in delta]
            parts["is_center"] += center.tolist()
            nmi = strength * (1 - abs(np.log(k / 6)) / 4)
            for curve, value in ((method, nmi), ("refined", min(1, 0.9 * np.log(k) / np.log(6))),
                                 ("uniform", 0.75 * min(1, k / 6)), ("orthogonal", 0.05 * np.log(k))):  # fmt: skip
                scored = [name if curve == method else "", "codes/stacked", curve, k, "categories", n // 2, value,
                          value * 0.8, value, value, value, ""]  # fmt: skip
                for key, cell in zip(agreement, scored, strict=True):
                    agreement[key].append(cell)
            labelled = np.arange(0, n, 2)
            pairs, count = np.unique(np.stack([truth[labelled], cluster[labelled]]), axis=1, return_counts=True)
            confusion["clustering"] += [name] * count.size
            confusion["set"] += ["categories"] * count.size
            confusion["label"] += [CATEGORIES[i] for i in pairs[0]]
            confusion["cluster"] += pairs[1].tolist()
            confusion["count"] += count.tolist()
    stages = ["walk", "digest", "pair", "labels", "scale", "pixels", "embed", "autoencode", "neighbours",
              "dimension", "cluster", "agree"]  # fmt: skip
    runs = {
        "commit": [f"7RKQ{i:02d}T0XW2A4JHY9GZ0" for i in range(len(stages))], "stage": stages,
        "settings": ['{"seed": 1}'] * len(stages), "started": [CREATED] * len(stages),
        "seconds": [0.4, 12.0, 3.2, 0.2, 41.0, 6.1, 75.0, 33.0, 0.8, 0.3, 2.2, 0.1], "items": [n] * len(stages),
        "workers": [2] * len(stages), "cpu_seconds": [1.0] * len(stages),
        "peak_memory_bytes": [700_000_000] * len(stages),
    }  # fmt: skip
    return {
        "clusterings": clusterings, "clusters": parts, "agreement": agreement, "confusion": confusion, "runs": runs,
        **_category_tree(),
    }  # fmt: skip


def _category_tree() -> dict[str, dict[str, object]]:
    """Two categories, the first of them in three parts."""
    tree = {
        "tree": ["stacked-inside"] * 5, "node": range(5), "parent": [None, 0, 0, 0, None], "level": [0, 1, 1, 1, 0],
        "category": ["fibres", "fibres/0", "fibres/1", "fibres/2", "powder"], "n_images": [60, 30, 20, 10, 40],
        "n_children": [3, 0, 0, 0, 0], "silhouette": [0.4, None, None, None, None],
        "stability": [None, 0.9, 0.8, 0.3, None], "label": ["fibres"] * 4 + ["powder"],
        "n_labelled": [60, 30, 20, 10, 40], "purity": [1.0] * 5, "reason": [""] * 4 + ["fewer than 50 points"],
    }  # fmt: skip
    scores = {
        "tree": ["stacked-inside"] * 2, "level": [0, 1], "set": ["categories"] * 2, "label_level": [1, 1],
        "n_scored": [100] * 2, "n_categories": [2, 4], "n_labels": [2, 2], "nmi": [1.0, 0.8], "ami": [1.0, 0.8],
        "ari": [1.0, 0.7], "homogeneity": [1.0, 1.0], "completeness": [1.0, 0.7], "dendrogram_purity": [1.0, 1.0],
    }  # fmt: skip
    return {"category_tree": tree, "category_scores": scores}


def made_thumbnails(images: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    """Return a grainy 128 x 96 picture for every image asked for; after 200 they come again."""
    return {image: _grainy(image % 200) for image in images}


@cache
def _grainy(image: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(image)
    y, x = np.mgrid[0:96, 0:128]
    wave = 128 + 60 * np.sin(x / (3 + image % 7)) * np.cos(y / (2 + image % 5))
    return np.clip(wave + rng.normal(0, 18, wave.shape), 0, 255).astype(np.uint8)


def made_reading(image: int) -> ScaleReading:
    """A reading with a bar and its label in the lower stripe of a picture of 512 x 384 px."""
    return ScaleReading(
        "read", "bar", "200 nm", 200.0, 100.0, 2.0, bar_top_px=340, segment_box=(40 + image % 9, 360, 100, 6),
        text_box=(60, 345, 50, 12),
    )  # fmt: skip


def made_report(tables: Mapping[str, pa.Table], *, thumbnails: Thumbnails = made_thumbnails) -> ReportData:
    return ReportData(
        title="Electron micrographs",
        corpus="data/sem",
        commit="7RKQ11T0XW2A4JHY9GZ0",
        created=CREATED,
        software_version="0.1.0",
        recipe='[walk]\ninclude = ["*"]\n\n[cluster]\nmethods = ["kmeans", "ward", "density_peaks"]\n',
        tables=tables,
        thumbnails=thumbnails,
        originals=lambda images: {image: made_thumbnails([image])[image].repeat(4, 0).repeat(4, 1) for image in images},
        readings=lambda images: {image: made_reading(image) for image in images},
    )


@pytest.fixture(scope="session")
def tables() -> dict[str, pa.Table]:
    return made_tables()


@pytest.fixture(scope="session")
def make_report() -> Callable[..., ReportData]:
    return made_report


@pytest.fixture
def make_tables() -> Callable[..., dict[str, pa.Table]]:
    return made_tables


@pytest.fixture(scope="session")
def figures(tables: dict[str, pa.Table]) -> dict[str, bytes]:
    return build_figures(tables)
