"""What a code loses of its vectors, beside principal components of the same length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.reporting.columns import Tables, distinct, filled, numbers, texts, where

PCA = "pca"
"""Phase under which the loss of principal components stands in the table ``autoencoders``."""


@dataclass(frozen=True, slots=True)
class CodeQuality:
    """A code's loss and that of principal components: shares of the variance, on held-out pictures where there are.

    ``kept`` is ``network`` or ``pca``, whichever makes the codes.
    """

    codes: str
    epochs: int
    loss: float
    pca_loss: float
    held_out: bool
    kept: str

    @property
    def is_worse(self) -> bool:
        """Whether the network loses more than the components do."""
        return self.loss > self.pca_loss

    @property
    def statement(self) -> str:
        """One sentence for people."""
        where = "held-out pictures" if self.held_out else "the pictures that it learnt from"
        losses = f"{100 * self.loss:.3g}% of the variance of {where}, principal components {100 * self.pca_loss:.3g}%"
        if not self.is_worse:
            return f"{self.codes} loses {losses}."
        kept = "so the components are used in its place" if self.kept == PCA else "yet it is what the recipe keeps"
        return f"{self.codes}: the network loses {losses}: {kept}."


def code_quality(
    codes: str,
    phase: Sequence[str],
    epoch: Sequence[int],
    train_loss: Sequence[float],
    test_loss: Sequence[float],
    kept: Sequence[str],
) -> CodeQuality | None:
    """Compare the losses of one training, columns in the order of training; None where nothing stands beside it.

    The network's loss is the lowest of its last phase, whose weights are kept; NaN in ``test_loss`` is no held-out
    picture.
    """
    held_out = bool(np.isfinite(test_loss).any())
    losses = np.asarray(test_loss if held_out else train_loss, dtype=np.float64)
    phases = np.asarray(phase, dtype=object)
    if PCA not in phase or phases[-1] == PCA:
        return None
    return CodeQuality(
        codes=codes,
        epochs=int((np.asarray(epoch) > 0).sum()),
        loss=float(losses[phases == phases[-1]].min()),
        pca_loss=float(losses[phases == PCA][0]),
        held_out=held_out,
        kept=kept[-1],
    )


def code_qualities(tables: Tables) -> list[CodeQuality]:
    """Compare every code of the table ``autoencoders`` that can be compared."""
    table = filled(tables, "autoencoders")
    if table is None or "kept" not in table.column_names:
        return []
    found = []
    for codes in distinct(texts(table, "codes")):
        rows = where(table, codes=codes)
        epochs = [int(value) for value in numbers(rows, "epoch")]
        train, test = numbers(rows, "train_loss").tolist(), numbers(rows, "test_loss").tolist()
        quality = code_quality(codes, texts(rows, "phase"), epochs, train, test, texts(rows, "kept"))
        found += [] if quality is None else [quality]
    return found
