"""Whether the maps of a fine-tuned network point at what it tells: on pictures alone, and on four in a square.

    OMP_NUM_THREADS=1 python -m benchmarks.maps INDEX --labels judged --pictures 160

Of pictures with a label that the network tells rightly. *Middle*: the share of a map that lies in the middle square of
half the side, a quarter of the picture, where things lie that fill pictures (traffic signs). *Pointing*: four pictures
of different classes make a square of twice the side; the share of the map for one class that lies in its quarter
(Boehle et al. 2021, arXiv:2104.00032). A map that tells nothing has .25 in both. *Covered*: how far the class's
probability falls where the quarter of the picture with the highest values is gray, and where a quarter in random
squares of an eighth of the side is. Beside the maps that are drawn stand those of the network's last stage.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pipeline.index.store import open_index
from pipeline.kernels.activation_maps import gradient_map
from pipeline.kernels.calibration import probabilities
from pipeline.models import last_maps
from pipeline.models.backbones import BackboneEncoder
from pipeline.operations.remembered import stored_recipe
from pipeline.operations.seeing import Sight
from pipeline.stages.labels.sets import label_sets

Picture = NDArray[np.uint8]
Shown = Callable[[Picture, int], NDArray[np.float64]]
_WHOLE_LABELS = 1 << 16
_QUARTERS = 4
_BLOCKS = 8  # squares along a side, a quarter of which are covered at random


def drawn(encoder: BackboneEncoder) -> Shown:
    """The maps as `show --map` draws them, a share a pixel."""
    return lambda picture, score: _shares(gradient_map(*last_maps.class_gradients(encoder, picture, score)), picture)


def of_the_last_stage(encoder: BackboneEncoder) -> Shown:
    """Maps of the last stage, however small."""

    def found(picture: Picture, score: int) -> NDArray[np.float64]:
        kept, last_maps.FEWEST_CELLS = last_maps.FEWEST_CELLS, 1
        try:
            return drawn(encoder)(picture, score)
        finally:
            last_maps.FEWEST_CELLS = kept

    return found


def _shares(values: NDArray[np.float64], picture: Picture) -> NDArray[np.float64]:
    """Each cell laid over its own pixels, so that no value runs over into the next picture; the sum is 1."""
    fine = cv2.resize(values, picture.shape[::-1], interpolation=cv2.INTER_NEAREST)
    total = float(fine.sum())
    return np.asarray(fine / total if total > 0 else np.full(picture.shape, 1 / picture.size))


def measure(index: Path, labels: str, n_pictures: int, name: str = "", seed: int = 0) -> dict[str, Any]:
    """The three figures, for both kinds of maps, over pictures drawn by a seed."""
    opened = open_index(index)
    root, recipe = opened.read(), stored_recipe(opened)
    sight, rng = Sight(root, recipe, name, label="0"), np.random.default_rng(seed)
    chosen = next(one for one in label_sets(root, recipe) if one.name == labels)
    rows = np.flatnonzero(np.asarray(root["pixels/key"][:]) != 0)
    places, found = chosen.at_level(_WHOLE_LABELS, rows)
    order = rng.permutation(len(places))[: 2 * n_pictures]
    pictures = np.stack([sight.picture(int(rows[places[i]])) for i in order])
    return judge(sight.encoder, pictures, np.array([sight.classes.index(found[i]) for i in order]), n_pictures, rng)


def judge(
    encoder: BackboneEncoder, pictures: Picture, classes: NDArray[np.int64], most: int, rng: np.random.Generator
) -> dict[str, Any]:
    """The same of pictures, uint8 [n, S, S], with their classes, int64 [n]."""
    right = encoder.encode(pictures).argmax(axis=1) == classes
    pictures, classes = pictures[right][:most], classes[right][:most]
    squares = [_square(pictures, classes, place, rng) for place in range(len(pictures))]
    random = _covered_share(encoder, pictures, classes, [_random_cells(pictures.shape[1], rng) for _ in pictures])
    told: dict[str, Any] = {"pictures": len(pictures), "covered at random": random}
    for kind, shown in (("drawn", drawn(encoder)), ("last stage", of_the_last_stage(encoder))):
        maps = [shown(one, int(score)) for one, score in zip(pictures, classes, strict=True)]
        pointing = [
            _quarters(shown(square, int(score)))[quarter]
            for (square, quarter), score in zip(squares, classes, strict=True)
        ]
        highest = [one >= np.quantile(one, 1 - 1 / _QUARTERS) for one in maps]
        told[kind] = {
            "middle": float(np.mean([_middle(one) for one in maps])),
            "pointing": float(np.mean(pointing)),
            "covered": _covered_share(encoder, pictures, classes, highest),
        }
    return told


def _middle(shares: NDArray[np.float64]) -> float:
    height, width = shares.shape
    return float(shares[height // 4 : height - height // 4, width // 4 : width - width // 4].sum())


def _square(pictures: Picture, classes: NDArray[np.int64], place: int, rng: np.random.Generator) -> tuple[Picture, int]:
    """A picture among three of other classes, and the quarter it is in."""
    others = rng.choice(np.flatnonzero(classes != classes[place]), _QUARTERS - 1, replace=False)
    quarter = int(rng.integers(_QUARTERS))
    parts = [pictures[i] for i in np.insert(others, quarter, place)]
    return np.block([[parts[0], parts[1]], [parts[2], parts[3]]]), quarter


def _quarters(shares: NDArray[np.float64]) -> list[float]:
    return [float(part.sum()) for half in np.array_split(shares, 2) for part in np.array_split(half, 2, axis=1)]


def _random_cells(side: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    cells = np.zeros(_BLOCKS**2, np.uint8)
    cells[rng.permutation(_BLOCKS**2)[: _BLOCKS**2 // _QUARTERS]] = 1
    grid = cells.reshape(_BLOCKS, _BLOCKS)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_NEAREST), bool)


def _covered_share(
    encoder: BackboneEncoder, pictures: Picture, classes: NDArray[np.int64], covers: Sequence[NDArray[np.bool_]]
) -> float:
    """Mean fall of the class's probability where the picture is covered by its own mean gray."""
    hidden = np.array([np.where(cover, round(one.mean()), one) for one, cover in zip(pictures, covers, strict=True)])
    before, after = (probabilities(encoder.encode(one), 1.0) for one in (pictures, hidden.astype(np.uint8)))
    rows = np.arange(len(classes))
    return float(np.mean(before[rows, classes] - after[rows, classes]))


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="an index with a network that `semcorpus finetune` has taught")
    parser.add_argument("--labels", required=True, help="the label set of the pictures that are looked at")
    parser.add_argument("--pictures", type=int, default=160)
    parser.add_argument("--network", default="", help="its name; else the index's first")
    chosen = parser.parse_args()
    found = measure(chosen.index, chosen.labels, chosen.pictures, chosen.network)
    print(json.dumps({"machine": describe_machine(), **found}, indent=1))


if __name__ == "__main__":
    main()
