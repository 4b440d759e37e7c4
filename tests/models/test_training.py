from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.models.losses import EpochLoss
from pipeline.models.schedules import Rules
from pipeline.models.training import Split, hash_ids, order_by_id, split_rows, train_epochs


def test_hash_is_splitmix64() -> None:
    """The first output of the reference generator (Vigna's splitmix64.c) for seed 1234567."""
    assert hash_ids(np.array([1234567], np.uint64), 0)[0] == np.uint64(6457827717110365317)


def test_hash_streams_differ_and_are_uniform() -> None:
    ids = np.arange(20_000, dtype=np.uint64)
    first, second = hash_ids(ids, 1, 7) / 2.0**64, hash_ids(ids, 2, 7) / 2.0**64
    assert abs(first.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert len(np.unique(hash_ids(ids, -1))) == len(ids)


def test_order_by_id_is_exact_beyond_float_precision() -> None:
    ids = np.array([2**64 - 1, 2**64 - 3, 2**64 - 2], dtype=np.uint64)
    np.testing.assert_array_equal(order_by_id(ids, 3), [1, 2, 0])


def test_a_row_keeps_its_side_of_the_split_when_others_come() -> None:
    ids = np.arange(1000, dtype=np.uint64)
    whole, half = split_rows(ids, 0.2), split_rows(ids[::2], 0.2)
    assert abs(len(whole.test) - 200) < 50
    assert set(half.ids[half.test]) == set(whole.ids[whole.test]) & set(half.ids)
    np.testing.assert_array_equal(np.sort(np.concatenate([whole.train, whole.test])), np.arange(1000))


def test_training_part_is_never_empty() -> None:
    ids = np.arange(50, dtype=np.uint64)
    for position in range(50):
        split = split_rows(ids[position : position + 1], 0.9)
        assert (len(split.train), len(split.test)) == (1, 0)


class Script:
    """A training whose test losses are written down; each step adds 1 to its only weight."""

    def __init__(self, test_losses: Sequence[float] = (), rows: int = 4) -> None:
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.losses = iter(test_losses)
        self.learning_rate = 1.0
        self.rates: list[float] = []
        self.split = Split(np.arange(rows + 1, dtype=np.uint64), np.arange(rows), np.array([rows]))

    def zero_grad(self) -> None:
        self.weight.grad = None

    def step(self) -> None:
        with torch.no_grad():
            self.weight += 1
        self.rates.append(self.learning_rate)

    def loss(self, rows: NDArray[np.int64], epoch: int | None) -> torch.Tensor:
        is_test = len(rows) == 1 and rows[0] == len(self.split.train)
        return self.weight.sum() * 0 + (next(self.losses) if is_test else 1.0)

    def run(self, rules: Rules, epochs: int = 10) -> list[EpochLoss]:
        return train_epochs(
            [self.weight], self.loss, self.split, phase="g", epochs=epochs, batch_size=2, learning_rate=1.0, seed=0,
            rows_per_epoch=None, on_epoch=None, rules=rules, optimiser=self,
        )  # fmt: skip


def test_patience_ends_training_with_the_best_weights() -> None:
    script = Script([9, 8, 5, 6, 7, 5])
    history = script.run(Rules(patience=3))
    assert [(loss.epoch, loss.test_loss) for loss in history] == [(0, 9), (1, 8), (2, 5), (3, 6), (4, 7), (5, 5)]
    assert script.weight.item() == 4  # two steps an epoch, the best after the second


def test_the_weights_before_any_step_may_be_the_best() -> None:
    script = Script([1, 2, 2, 2])
    script.run(Rules(patience=3))
    assert script.weight.item() == 0


def test_without_patience_all_epochs_are_run_and_the_last_weights_kept() -> None:
    script = Script([9, 8, 7, 9, 9])
    assert [loss.epoch for loss in script.run(Rules(), epochs=5)] == [1, 2, 3, 4, 5]
    assert script.weight.item() == 10


def test_a_plateau_halves_the_learning_rate() -> None:
    script = Script([9, 9, 9, 8, 8, 8])
    script.run(Rules(plateau=2), epochs=6)
    assert script.rates == [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(("min_steps", "steps"), [(0, 10), (10, 10), (11, 20), (95, 100)])
def test_an_epoch_on_few_rows_is_as_many_passes_as_the_steps_ask(min_steps: int, steps: int) -> None:
    script = Script([1] * 5)
    history = script.run(Rules(min_steps=min_steps), epochs=5)
    assert len(history) == 5
    assert len(script.rates) == steps


def test_passes_of_an_epoch_have_orders_of_their_own() -> None:
    seen: list[tuple[int, ...]] = []
    script = Script([1] * 2, rows=30)
    plain = script.loss

    def spy(rows: NDArray[np.int64], epoch: int | None) -> torch.Tensor:
        seen.append(tuple(rows))
        return plain(rows, epoch)

    script.loss = spy  # type: ignore[method-assign]
    script.run(Rules(min_steps=60), epochs=2)
    trained = [rows for rows in seen if len(rows) == 2]
    assert len(trained) == 60
    assert len(set(trained)) > 50
