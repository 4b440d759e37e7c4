"""The stacked autoencoder beside a bare Torch loop, and what its codes keep of a set of known dimension.

    OMP_NUM_THREADS=1 python -m benchmarks.autoencoders
    OMP_NUM_THREADS=1 python -m benchmarks.autoencoders --rows 52682 --parts codes

`speed`: the same network, batches and optimiser; processor seconds of an epoch and of an encoding, each the least of
alternating runs. `codes`: rows on a curved surface of ten dimensions in 2,048; every point of a small grid is trained,
the one of least held-out loss is compared with as many principal components: 2-NN dimension, and of 10 nearest
neighbours the share kept, trustworthiness and continuity. (`semcorpus tune` searches the same grid on Ray.)
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.machine import describe_machine
from pipeline.kernels.dimension.preservation import neighbourhood_preservation
from pipeline.kernels.dimension.principal_components import fit_pca
from pipeline.kernels.dimension.two_nn import distinct_distances, two_nn
from pipeline.kernels.neighbours import nearest_neighbours
from pipeline.models.losses import EpochLoss
from pipeline.models.runtime import deterministic
from pipeline.models.settings import StackedSettings
from pipeline.models.stacked import StackedAutoencoder, StackedEncoder, module_of
from pipeline.models.stacked_training import train_stacked_autoencoder

Rows = NDArray[np.float32]
DIMENSION, WIDTH, NEIGHBOURS = 10, 2048, 10
_BATCH, _ROUNDS, _EPOCHS = 300, 3, 2
_GRID: Final = tuple(itertools.product((400,), (150,), (10, 13, 18), (False, True)))


def known_rows(count: int, seed: int = 0) -> Rows:
    """Rows of a cube of `DIMENSION` sides, bent into `WIDTH` values: sines of mixtures, a tenth of a turn at most."""
    generator = np.random.default_rng(seed)
    places = generator.random((count, DIMENSION))
    mixtures = generator.normal(size=(DIMENSION, WIDTH)) / DIMENSION**0.5
    return np.asarray(np.sin(0.6 * places @ mixtures + generator.uniform(0, 2 * np.pi, WIDTH)), np.float32)


def speed(count: int) -> list[str]:
    """Ours and a bare loop, alternating."""
    rows, ids = known_rows(count), np.arange(count, dtype=np.uint64)
    settings = StackedSettings(
        layers=(400, 150, 18),
        tied=(False, False, True),
        batch_size=_BATCH,
        epochs=(1, 1, 1, 1, _EPOCHS),
        test_fraction=0.0,
    )
    network = train_stacked_autoencoder(rows[:_BATCH], ids[:_BATCH], settings=settings, seed=0)
    encoder = StackedEncoder(network)
    bare, module = StackedAutoencoder(WIDTH, settings), module_of(network).eval()
    times: dict[str, list[float]] = {name: [] for name in ("ours", "bare", "our encoding", "bare encoding")}
    for _ in range(_ROUNDS):
        ends: list[float] = []

        def ended(_: EpochLoss, ends: list[float] = ends) -> None:
            ends.append(time.process_time())

        train_stacked_autoencoder(rows, ids, settings=settings, seed=0, on_epoch=ended)
        times["ours"].append(ends[-1] - ends[-2])
        times["bare"].append(_seconds(lambda: _bare_epoch(bare, rows)))
        times["our encoding"].append(_seconds(lambda: encoder.encode(rows)))
        times["bare encoding"].append(_seconds(lambda: _bare_encoding(module, rows, encoder.batch_size)))
    least = {name: min(found) for name, found in times.items()}
    return [
        f"{what}, {count:,} x {WIDTH}: ours {least[ours]:.2f} s, a bare loop {least[loop]:.2f} s, "
        f"ratio {least[ours] / least[loop]:.3f}"
        for what, ours, loop in (("an epoch", "ours", "bare"), ("encoding", "our encoding", "bare encoding"))
    ]


def _seconds(work: Callable[[], object]) -> float:
    with deterministic():
        began = time.process_time()
        work()
        return time.process_time() - began


def _bare_epoch(module: StackedAutoencoder, rows: Rows) -> None:
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    weights = [weight for pair in range(module.depth) for weight in module.pair_weights(pair)]
    order = np.random.default_rng(0).permutation(len(rows))
    for start in range(0, len(rows), _BATCH):
        batch = module.standardise(torch.from_numpy(rows[order[start : start + _BATCH]]))
        values = batch
        for pair in range(module.depth):
            values = module.encode_layer(values, pair)
        loss = functional.mse_loss(module.decode(values), batch)
        loss = loss + 5e-4 * torch.stack([weight.square().sum() for weight in weights]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _bare_encoding(module: StackedAutoencoder, rows: Rows, size: int) -> Rows:
    with torch.no_grad():
        parts = [module.encode(torch.from_numpy(rows[start : start + size])) for start in range(0, len(rows), size)]
    return torch.cat(parts).numpy()


def codes(count: int, epochs: int) -> list[str]:
    """A line a trial of the grid, then a table of the best code beside the rows and principal components."""
    rows, ids = known_rows(count), np.arange(count, dtype=np.uint64)
    lines, found = [], []
    for first, second, code, tied in _GRID:
        settings = StackedSettings(
            layers=(first, second, code),
            tied=(False, False, tied),
            batch_size=_BATCH,
            epochs=(1, 1, 1, 1, epochs),
            patience=5,
            start="pca",
        )
        network = train_stacked_autoencoder(rows, ids, settings=settings, seed=0)
        floor, *history = network.history
        loss = min(entry.test_loss or np.inf for entry in history)
        found.append((loss, settings.layers, StackedEncoder(network)))
        tie = "tied" if tied else "free"
        lines.append(f"{first}/{second}/{code} {tie}: held-out loss {loss:.5f}, components {floor.test_loss:.5f}")
    loss, layers, encoder = min(found, key=lambda one: one[0])
    lines += [f"best: {'/'.join(map(str, layers))}", "", "| rows | 2-NN | kept | trustworthiness | continuity |"]
    lines += ["|" + "---|" * 5, f"| as they are | {_dimension(rows):.2f} | | | |"]
    components = fit_pca(rows, layers[-1]).transform(rows)
    for name, made in (("best code", encoder.encode(rows)), (f"{layers[-1]} components", components)):
        kept = neighbourhood_preservation(rows, made, NEIGHBOURS)
        lines.append(
            f"| {name} | {_dimension(made):.2f} | {kept.share_kept:.3f} | {kept.trustworthiness:.5f} | "
            f"{kept.continuity:.5f} |"
        )
    return lines


def _dimension(rows: NDArray[np.floating]) -> float:
    neighbours = nearest_neighbours(np.ascontiguousarray(rows, np.float32), NEIGHBOURS)
    return two_nn(*distinct_distances(*neighbours)).dimension


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("speed", "codes"), default=["speed", "codes"])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=30, help="of a trial of the grid, at most")
    chosen = parser.parse_args(arguments)
    print(describe_machine())
    lines = speed(chosen.rows) if "speed" in chosen.parts else []
    lines += codes(chosen.rows, chosen.epochs) if "codes" in chosen.parts else []
    print("\n".join(lines))


if __name__ == "__main__":
    main()
