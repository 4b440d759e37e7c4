"""What a code loses beside principal components: from the table to the sentence on the page."""

import pyarrow as pa
import pytest

from pipeline.reporting.code_quality import code_qualities, code_quality
from pipeline.reporting.sections import code_table

PHASES = ["pca", "1_a", "g", "g", "g"]
EPOCHS = [0, 1, 0, 1, 2]
TRAIN = [0.1, 9.0, 0.5, 0.3, 0.2]


def table(test: list[float | None], kept: str) -> pa.Table:
    columns = {"codes": ["sae"] * 5, "phase": PHASES, "epoch": EPOCHS, "train_loss": TRAIN, "kept": [kept] * 5}
    return pa.table(columns | {"test_loss": pa.array(test, pa.float64())})


def test_the_best_epoch_of_the_last_phase_counts() -> None:
    [quality] = code_qualities({"autoencoders": table([0.2, 9.0, 0.4, 0.15, 0.3], "network")})
    assert (quality.loss, quality.pca_loss, quality.epochs, quality.held_out) == (0.15, 0.2, 3, True)
    assert not quality.is_worse
    assert quality.statement == ("sae loses 15% of the variance of held-out pictures, principal components 20%.")


@pytest.mark.parametrize(("kept", "words"), [("pca", "are used in its place"), ("network", "what the recipe keeps")])
def test_a_worse_code_is_said(kept: str, words: str) -> None:
    tables = {"autoencoders": table([0.05, 9.0, 0.4, 0.15, 0.3], kept)}
    [quality] = code_qualities(tables)
    assert quality.is_worse
    assert words in quality.statement
    view = code_table(tables)
    assert view is not None
    assert view.rows[0][:5] == ("sae", "3", "0.15", "0.05", kept)


def test_without_held_out_pictures_the_training_ones_are_compared() -> None:
    [quality] = code_qualities({"autoencoders": table([None] * 5, "network")})
    assert (quality.loss, quality.pca_loss, quality.held_out) == (0.2, 0.1, False)
    assert "learnt from" in quality.statement


def test_other_trainings_have_nothing_to_be_compared_with() -> None:
    assert code_quality("cae", ["train"], [1], [0.5], [0.5], ["network"]) is None
    assert code_qualities({}) == []
    assert code_table({}) is None
