"""The labels that a fine-tuned network of an index gives its pictures, with how sure it is, as a CSV of their own."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import UsageError
from pipeline.kernels.calibration import probabilities
from pipeline.operations.fine_tuned import fine_tuned_network
from pipeline.stages.files.ledger import hex_md5, read_images, sources_of
from pipeline.stages.vectors.picture_vectors import squares_of
from pipeline.stages.vectors.training_rows import labels_of, ready_rows

if TYPE_CHECKING:
    from pipeline.models.fine_tuning import ClassReport

_AT_ONCE = 256
COLUMNS = ("file", "md5", "label", "confidence", "predicted_by")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a network says of pictures.

    Attributes
    ----------
    network : str
        Its embedding and the beginning of its fingerprint.
    rows : int64 [n]
        Image rows.
    labels : text [n]
    confidence : float64 [n]
        Calibrated: of the pictures at 0.9 about nine in ten are right.
    report : ClassReport
        How it judged its held-out pictures.
    """

    network: str
    rows: NDArray[np.int64]
    labels: NDArray[np.str_]
    confidence: NDArray[np.float64]
    report: "ClassReport"

    def at_least(self, confidence: float) -> "Predictions":
        """Those that are so sure."""
        kept = self.confidence >= confidence
        return Predictions(self.network, self.rows[kept], self.labels[kept], self.confidence[kept], self.report)


def predict(
    root: zarr.Group,
    recipe: Recipe,
    name: str,
    *,
    labelled: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Labels of the pictures that have none, by a fine-tuned network.

    Parameters
    ----------
    root : zarr.Group
    recipe : Recipe
    name : str
        Of the embedding.
    labelled : bool
        Also of those that have a label in the set that it has learnt.
    on_progress : callable
        Told the pictures done and those of all.

    Raises
    ------
    UsageError
        There is no such network, it has not been trained, or nothing was held out to calibrate it by.
    """
    from pipeline.models.fine_tuning import load_fine_tuned, read_report
    from pipeline.models.runtime import pick_device

    settings, fingerprint, data = fine_tuned_network(root, recipe, name)
    report = read_report(data)
    if math.isnan(report.calibration_error):
        raise UsageError(
            f"No pictures were held out from the training of {name!r}, so that nobody knows how far it is right. Train "
            "it with embed.NAME.test_fraction above 0, or with --judge."
        )
    rows = ready_rows(root, recipe, settings)
    if not labelled:
        rows = rows[labels_of(root, recipe, settings, rows)[0] == ""]
    encoder = load_fine_tuned(
        data,
        device=pick_device(settings.device),
        batch_size=settings.batch_size,
        runtime=settings.runtime,
        outputs=["logits"],
    )
    chances = np.empty((len(rows), len(report.classes)), np.float64)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        scores = encoder.encode(squares_of(root, rows[part], settings.training_side))
        chances[part] = probabilities(scores[:, : len(report.classes)], report.temperature)
        on_progress(min(part.stop, len(rows)), len(rows))
    labels = np.array(report.classes, np.str_)[chances.argmax(axis=1)]
    return Predictions(f"{name} {fingerprint[:12]}", rows, labels, chances.max(axis=1), report)


def write_predictions(root: zarr.Group, found: Predictions, place: Path) -> None:
    """Write a label set: a file a row, with its content's MD5, the label, the confidence, and the network.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    md5s = hex_md5(read_images(root).md5[found.rows])
    paths = {source.image: source.path for source in sources_of(root, found.rows.tolist())}
    cells = zip(found.rows.tolist(), md5s, found.labels.tolist(), found.confidence.tolist(), strict=True)
    try:
        with place.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row, md5, label, confidence in cells:
                writer.writerow([paths.get(row, ""), md5, label, f"{confidence:.4f}", found.network])
    except OSError as error:
        raise UsageError(f"The labels cannot be written to {place}: {error.strerror}.") from error
