"""The tables of `embed` and `autoencode`: vectors, networks, and the losses of their training."""

import zarr

from pipeline.index.schema import Column, Gone, Table

VECTORS = Column("vectors", "float32", "", shape=None, fill=float("nan"), finite=True)


def _begin_anew(root: zarr.Group, table: Table, group: str, gone: Gone) -> None:
    """A training that has seen the image is not gone on with."""
    del root[group]


EMBEDDINGS = Table(
    "embeddings",
    "A row is a picture's vector.",
    (VECTORS,),
    layout="images",
    group="embeddings/*",
    report=None,
)

CODES = Table("codes", "A row is a picture's code.", (VECTORS,), layout="images", group="codes/*", report=None)

NETWORKS = Table(
    "networks", "Trained networks, each an array of bytes.", layout="arrays", group="networks/*", report=None
)

UNFINISHED = Table(
    "unfinished",
    "Trainings that were broken off, each an array of bytes; once an image is forgotten they begin anew.",
    layout="arrays",
    group="unfinished/*",
    report=None,
    forget=_begin_anew,
)

TRAINING = Table(
    "autoencoders",
    "A row is an epoch of training.",
    (
        Column("codes", "text", "Name of the set of vectors that it makes."),
        Column("vectors", "text", "Name of the set of vectors."),
        Column("layers", "text", "Sizes of its layers."),
        Column("tied", "bool", "Whether the outer decoder's weight is the transpose of the encoder's."),
        Column("activation", "text", "Activation between layers."),
        Column(
            "phase",
            "text",
            "Which training: of some layers, or of the whole (`g`); `pca` is no training but the loss of principal "
            "components of the code's length on the same pictures.",
        ),
        Column("epoch", "int64", "From 1 within the phase; 0 is before the first step."),
        Column(
            "train_loss",
            "float64",
            "Mean squared error of a value on what it was trained on; 1 is what the mean alone loses.",
        ),
        Column("test_loss", "float64", "The same on what was held out."),
        Column(
            "kept",
            "text",
            "What makes the codes: the `network` (at its best epoch of the last phase), or `pca` where that lost less.",
        ),
    ),
    group="training",
)

TRIALS = Table(
    "trials",
    "A row is an autoencoder that a search has tried.",
    (
        Column("codes", "text", "Name of the set of vectors that the best of them makes."),
        Column("vectors", "text", "Name of the set of vectors."),
        Column("layers", "text", "Sizes of its layers."),
        Column("tied", "bool", "Whether the outer decoder's weight is the transpose of the encoder's."),
        Column("loss", "float64", "Lowest held-out loss; 1 is what the mean alone loses."),
        Column("epochs", "int64", "Epochs that it was trained."),
        Column("finished", "bool", "Whether it was trained to its end; else it fell behind and was ended early."),
        Column("best", "bool", "Whether it is the one that was kept."),
    ),
    group="trials",
)
