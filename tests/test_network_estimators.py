"""StackedAutoencoder: scikit-learn's conventions, and a training that is broken off, stored and continued."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.errors import StageError, UsageError, WeightsError
from pipeline.estimators import DeepEmbeddedClustering, StackedAutoencoder, VectorAutoencoder
from pipeline.models.settings import StackedSettings

RNG = np.random.default_rng(3)
ROWS = (RNG.normal(size=(80, 3)) @ RNG.normal(size=(3, 9)) + 0.1 * RNG.normal(size=(80, 9)) + 2).astype(np.float32)


def small(**changes: Any) -> StackedAutoencoder:
    values: dict[str, Any] = {"n_hidden": (6, 4, 2), "batch_size": 16, "learning_rate": 1e-2, "epochs": (2, 2, 2, 2, 4)}
    return StackedAutoencoder(**(values | changes))


@parametrize_with_checks(
    [
        StackedAutoencoder((4, 2), batch_size=32, epochs=(1, 1, 1, 1, 2)),
        VectorAutoencoder(settings={"layers": (4,), "epochs": 2}),
        DeepEmbeddedClustering(
            2, code_size=2, layers=(8,), pretrain_epochs=3, n_init=2, update_interval=3, max_renewals=3, batch_size=32
        ),
    ]
)
def test_scikit_learn_conventions(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def test_defaults_are_the_studys() -> None:
    assert StackedAutoencoder()._settings() == StackedSettings()


def test_encode_decode_reconstruct_and_info() -> None:
    estimator = small(tie_weights=(False, True, True), epochs=(2, 2, 2, 2, 60)).fit(ROWS)
    codes = estimator.encode(ROWS)
    assert codes.shape == (80, 2)
    np.testing.assert_array_equal(codes, estimator.transform(ROWS))
    np.testing.assert_array_equal(estimator.decode(codes), estimator.reconstruct(ROWS))
    left = np.mean((estimator.reconstruct(ROWS) - ROWS) ** 2) / np.mean(ROWS.var(axis=0))
    assert left < 0.5
    info = json.loads(json.dumps(estimator.info()))
    assert info["layers"] == [9, 6, 4, 2, 4, 6, 9]
    assert info["epochs"] == 60
    assert info["loss"] == estimator.loss_ == estimator.history_[-1].test_loss
    assert info["pca_loss"] == estimator.pca_loss_ > 0


@pytest.mark.parametrize("tied", [False, (True, False, True)])
@pytest.mark.parametrize(
    ("first", "then"), [(["1_a"], ["1_b", "2"]), (["1_a", "1_b", "2"], ["g"]), (["g", "1"], ["g", "2"])]
)
def test_stored_and_continued_is_one_training(first: list[str], then: list[str], tied: Any, tmp_path: Path) -> None:
    whole = small(order=[*first, *then], tie_weights=tied).fit(ROWS)
    small(order=first, tie_weights=tied).fit(ROWS).save(tmp_path / "network")
    continued = StackedAutoencoder.load(tmp_path / "network").continue_fit(ROWS, order=then)
    assert continued.network_ == whole.network_
    np.testing.assert_array_equal(continued.transform(ROWS), whole.transform(ROWS))


def test_a_break_within_a_phase_leaves_no_trace(tmp_path: Path) -> None:
    whole = small(epochs=(2, 2, 2, 2, 5)).fit(ROWS)
    small(epochs=(2, 2, 2, 2, 2)).fit(ROWS).save(tmp_path / "network")
    continued = StackedAutoencoder.load(tmp_path / "network").continue_fit(ROWS, epochs=(2, 2, 2, 2, 3))
    assert continued.network_.state == whole.network_.state
    assert continued.history_ == whole.history_
    assert [entry.epoch for entry in whole.history_] == [0, 1, 2, 3, 4, 5]


def test_a_copy_begins_anew_with_the_weights(tmp_path: Path) -> None:
    first = small().fit(ROWS)
    first.save(tmp_path / "network")
    copied = StackedAutoencoder.load(tmp_path / "network", continued=False)
    np.testing.assert_array_equal(copied.transform(ROWS), first.transform(ROWS))
    assert [entry.phase for entry in copied.history_] == ["pca"]
    assert copied.continue_fit(ROWS).history_[1].epoch == 1
    continued = StackedAutoencoder.load(tmp_path / "network").continue_fit(ROWS)
    assert continued.network_.state != copied.network_.state
    assert continued.get_params() == first.get_params() | {"order": ("g",), "tie_weights": (False,) * 3}


def test_phases_may_be_written_in_a_line() -> None:
    line, sequence = small(order="1_a, 1_b, 2").fit(ROWS), small(order=("1_a", "1_b", "2")).fit(ROWS)
    assert line.network_ == sequence.network_
    assert list(dict.fromkeys(entry.phase for entry in line.history_)) == ["pca", "1_a", "1_b", "2"]


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="order"):
        small(order="1_a, 3").fit(ROWS)
    with pytest.raises(StageError, match="learning rate"):
        small(learning_rate=1e30).fit(ROWS)
    fitted = small().fit(ROWS)
    with pytest.raises(UsageError, match="codes have 2 values"):
        fitted.decode(ROWS)
    with pytest.raises(ValueError, match="9 features"):
        fitted.continue_fit(ROWS[:, :5])
    (tmp_path / "bad").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        StackedAutoencoder.load(tmp_path / "bad")


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[:3], np.full_like(ROWS, 0.1), np.c_[ROWS[:, :1], np.full((80, 1), 7)]])
def test_few_rows_constant_columns_and_a_code_longer_than_a_row(rows: Any) -> None:
    estimator = small(n_hidden=(6, 4, 11), batch_size=150).fit(rows)
    assert np.isfinite(estimator.transform(rows)).all()
    assert np.isfinite(estimator.reconstruct(rows)).all()


def test_estimators_do_not_import_torch() -> None:
    code = "import sys, pipeline.estimators; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_networks_of_the_registry_by_name() -> None:
    estimator = VectorAutoencoder("variational", settings={"outputs": 3, "epochs": 3, "layers": (8,)}).fit(ROWS)
    codes = estimator.transform(ROWS)
    assert codes.shape == (80, 3)
    assert estimator.inverse_transform(codes).shape == ROWS.shape
    assert [entry.epoch for entry in estimator.history_] == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="no vector network 'sample'; there are simple"):
        VectorAutoencoder("sample").fit(ROWS)
    with pytest.raises(UsageError, match="no setting 'epoch'"):
        VectorAutoencoder(settings={"epoch": 3}).fit(ROWS)
