"""What is known of single images and of single clusters: paths, scales, labels, representatives."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.records import FIRST_PATHS
from pipeline.reporting.columns import NO_IMAGE, Tables, filled, flags, integers, numbers, texts, where

REPRESENTATIVES = 12
NO_LABEL = -1


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the page says of one image when it is enlarged; an unknown text is empty."""

    path: str
    md5: str
    scale: str
    label: str


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """One label set by image: ``names[codes[image]]``, code -1 where an image has no sure label."""

    name: str
    names: list[str]
    codes: NDArray[np.int64]

    def of(self, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the codes of these images; an image beyond the set has none."""
        inside = (images >= 0) & (images < self.codes.size)
        found = np.full(images.size, NO_LABEL, dtype=np.int64)
        found[inside] = self.codes[images[inside]]
        return found


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """One cluster: its size, what its labelled pictures say, its pixel size and pictures to show for it.

    `label` is empty and `purity` None where none of its pictures has a label; ties go to the label that
    sorts first. `nm_per_px` is the median over the pictures with a scale, None without any.
    """

    cluster: int
    size: int
    label: str
    labelled: int
    purity: float | None
    nm_per_px: float | None
    images: list[int]


def label_column(tables: Tables, name: str) -> LabelColumn | None:
    """Return one label set by image, contradictory labels left out; None when nothing is labelled."""
    table = filled(tables, "labels")
    if table is None:
        return None
    table = where(table, set=name)
    table = table.filter(pa.array(~flags(table, "contradictory") & (integers(table, "image") != NO_IMAGE)))
    if table.num_rows == 0:
        return None
    images, labels = integers(table, "image"), texts(table, "label")
    names = sorted(set(labels))
    code = {label: place for place, label in enumerate(names)}
    codes = np.full(int(images.max()) + 1, NO_LABEL, dtype=np.int64)
    codes[images] = [code[label] for label in labels]
    return LabelColumn(name, names, codes)


def pixel_sizes(tables: Tables) -> NDArray[np.float64]:
    """Return nanometres a pixel by image, float64 [images]; NaN where it is not known."""
    table = filled(tables, "scales")
    if table is None:
        return np.array([], dtype=np.float64)
    images = integers(table, "image")
    sizes = np.full(int(images.max()) + 1, np.nan)
    sizes[images[images >= 0]] = numbers(table, "nm_per_px")[images >= 0]
    return sizes


def length(nanometres: float) -> str:
    """Return a length with the unit that suits it, three significant digits: ``1.95 nm``, ``2 µm``."""
    for factor, unit in ((1e6, "mm"), (1e3, "µm")):
        if nanometres >= factor:
            return f"{nanometres / factor:.3g} {unit}"
    return f"{nanometres:.3g} nm"


def image_facts(tables: Tables, images: list[int], labels: LabelColumn | None) -> dict[int, ImageFacts]:
    """Return what is known of these images, from ``images``, ``files``, ``scales`` and one label set."""
    wanted = pa.array(sorted(set(images)), pa.int64())
    path = _by_image(tables, "files", wanted, "path")
    md5 = _by_image(tables, "images", wanted, "md5") or _by_image(tables, "clusters", wanted, "md5")
    scale = _scale_sentences(tables, wanted)
    codes = labels.of(wanted.to_numpy()).tolist() if labels is not None else [NO_LABEL] * len(wanted)
    found = {}
    for image, code in zip(wanted.to_pylist(), codes, strict=True):
        label = labels.names[code] if labels is not None and code != NO_LABEL else ""
        found[image] = ImageFacts(path.get(image, ""), md5.get(image, ""), scale.get(image, ""), label)
    return found


def _by_image(tables: Tables, name: str, wanted: pa.Array, column: str) -> dict[int, str]:
    table = filled(tables, name)
    if table is None:
        return {}
    table = table.filter(pc.is_in(pc.cast(table["image"], pa.int64()), wanted))
    found: dict[int, str] = {}
    rows = zip(texts(table, "status"), texts(table, column), integers(table, "image").tolist(), strict=True)
    # The path of a copy stands in only where the first path is not there; the first path before all others.
    for _, value, image in sorted(rows, key=lambda row: (row[2], row[0] not in FIRST_PATHS, row[1])):
        found.setdefault(image, value)
    return found


def _scale_sentences(tables: Tables, wanted: pa.Array) -> dict[int, str]:
    table = filled(tables, "scales")
    if table is None:
        return {}
    table = table.filter(pc.is_in(pc.cast(table["image"], pa.int64()), wanted))
    found = {}
    columns = (integers(table, "image"), numbers(table, "nm_per_px"), texts(table, "text"), texts(table, "status"))
    for image, size, text, status in zip(*columns, strict=True):
        value = f"{length(size)} a pixel" if np.isfinite(size) else "no value"
        bar = f", bar says {text}" if text else ""
        found[int(image)] = f"{value}{bar} ({status.replace('_', ' ')})"
    return found


def cluster_facts(rows: pa.Table, labels: LabelColumn | None, sizes: NDArray[np.float64]) -> list[ClusterFacts]:
    """Return the clusters of one clustering, by cluster number.

    Parameters
    ----------
    rows : pyarrow.Table
        The rows of ``clusters`` of this clustering.
    labels : LabelColumn or None
        The label set to judge by.
    sizes : ndarray, float64 [images]
        Nanometres a pixel by image, from `pixel_sizes`.
    """
    rows = rows.sort_by([("cluster", "ascending"), ("md5", "ascending"), ("image", "ascending")])
    cluster, images = integers(rows, "cluster"), integers(rows, "image")
    centers, density = flags(rows, "is_center"), numbers(rows, "density")
    codes = labels.of(images) if labels is not None else np.full(images.size, NO_LABEL, dtype=np.int64)
    pixel = np.full(images.size, np.nan)
    known = images < sizes.size
    pixel[known] = sizes[images[known]]
    starts = np.flatnonzero(np.diff(cluster, prepend=cluster[:1] - 1))
    found = []
    for start, stop in zip(starts, [*starts[1:], cluster.size], strict=True):
        part = slice(start, stop)
        label, labelled, purity = _dominating(codes[part], labels)
        finite = pixel[part][np.isfinite(pixel[part])]
        found.append(
            ClusterFacts(
                cluster=int(cluster[start]),
                size=int(stop - start),
                label=label,
                labelled=labelled,
                purity=purity,
                nm_per_px=float(np.median(finite)) if finite.size else None,
                images=images[part][representative_order(centers[part], density[part])].tolist(),
            )
        )
    return found


def _dominating(codes: NDArray[np.int64], labels: LabelColumn | None) -> tuple[str, int, float | None]:
    codes = codes[codes != NO_LABEL]
    if labels is None or codes.size == 0:
        return "", 0, None
    count = np.bincount(codes)
    top = int(count.argmax())
    return labels.names[top], int(codes.size), float(count[top] / codes.size)


def representative_order(
    centers: NDArray[np.bool_], density: NDArray[np.float64], *, limit: int = REPRESENTATIVES
) -> NDArray[np.intp]:
    """Return the rows to show for one cluster, best first.

    Centres come first, then the densest rows where density is given, then an even choice of the others in
    the order given (by MD5, so that it is as good as random and the same every time).
    """
    is_dense = np.isfinite(density)
    key = np.where(is_dense, -density, 0.0)
    order = np.lexsort((np.arange(centers.size), key, ~is_dense, ~centers))
    sure = int((centers | is_dense).sum())
    if sure >= limit:
        return order[:limit]
    rest = order[sure:]
    room = min(limit - sure, rest.size)
    even = rest[np.arange(room) * rest.size // max(room, 1)]
    return np.concatenate([order[:sure], even])
