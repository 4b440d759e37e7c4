"""Trained networks as scikit-learn style estimators; Torch is imported when one is fitted.

Import them from `pipeline.estimators`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import UsageError
from pipeline.estimator_bases import Clusterer, Transformer
from pipeline.models.contrastive_settings import ContrastiveSettings
from pipeline.models.settings import DeepClusteringSettings, StackedSettings, Start

if TYPE_CHECKING:
    from pipeline.models.deep_clustering import DeepClusterer, DeepClustering
    from pipeline.models.stacked import StackedEncoder
    from pipeline.models.training import TrainedNetwork
    from pipeline.models.vector_networks.training import VectorEncoder


class StackedAutoencoder(Transformer):
    """A stacked autoencoder: D values to a code through layers of ``n_hidden``, and back through as many.

    Three widths make six layers D, h1, h2, code, h2, h1, D in three pairs: {1, 6} outer, {2, 5} middle, {3, 4}
    inner. Any number of widths will do. The rows are centred and divided by one number, the root of the mean
    variance of a column; losses are mean squared errors in these units, so that 1 is what the mean alone loses.

    Parameters
    ----------
    n_hidden : sequence of int, default=(100, 20, 3)
        Widths down to the code; the code may be longer than a row.
    tie_weights : bool or sequence of bool, default=False
        Whether a decoder's weight is the transpose of its encoder's: for all pairs, or a flag a pair in the order
        inner, middle, outer.
    activation : str or sequence of str, default="elu"
        One (``elu``, ``relu``, ``tanh``, ``selu``, ``sigmoid``, ``linear``) of all layers but the output, which is
        linear; or one a layer.
    learning_rate, l2 : float, default=1e-3
        Of Adam; and of half the sum of the squared weights, added to the loss.
    batch_size : int, default=150
        Fewer rows are one batch.
    order : str or sequence of str, default="g"
        Phases to train, as a sequence or as ``"1_a, 1_b, 2"``, the stacked way: ``1_a`` trains {1, 6}, ``1_b`` {2, 5},
        ``1`` {1, 2, 5, 6}, ``2`` {3, 4} and ``g`` all. ``1_b`` and ``2`` learn the codings of the layers before.
    epochs : sequence of 5 int, default=(5, 5, 5, 5, 10)
        Of ``1_a``, ``1_b``, ``1``, ``2`` and ``g``.
    test_fraction : float, default=0.1
        Share of the rows that only measure the loss.
    min_steps, patience, plateau : int, default=0
        Fewest steps of a phase; epochs without a lower test loss after which it ends with its best weights, and
        after which the learning rate is halved. 0: none of it.
    start : {"random", "pca"}, default="random"
        ``pca`` begins as the principal components.
    random_state : int, default=0
        Of weights and of the rows' order; the same seed and rows give the same bits on a CPU.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    network_ : TrainedNetwork
    history_ : tuple of EpochLoss
        Phase, epoch, train_loss and test_loss; the first is of principal components of the code's length.
    pca_loss_, loss_ : float
        Test loss (of the training rows, where none are held out) of the components and of the network.
    n_features_in_ : int

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(200, 12))
    >>> codes = StackedAutoencoder((8, 4, 2), order="1_a, 1_b, 2").fit_transform(rows)
    >>> codes.shape
    (200, 2)
    """

    def __init__(
        self,
        n_hidden: Sequence[int] = (100, 20, 3),
        *,
        tie_weights: bool | Sequence[bool] = False,
        activation: str | Sequence[str] = "elu",
        learning_rate: float = 1e-3,
        l2: float = 1e-3,
        batch_size: int = 150,
        order: str | Sequence[str] = "g",
        epochs: Sequence[int] = (5, 5, 5, 5, 10),
        test_fraction: float = 0.1,
        min_steps: int = 0,
        patience: int = 0,
        plateau: int = 0,
        start: Start = "random",
        random_state: int = 0,
        device: str = "cpu",
    ) -> None:
        self.n_hidden = n_hidden
        self.tie_weights = tie_weights
        self.activation = activation
        self.learning_rate = learning_rate
        self.l2 = l2
        self.batch_size = batch_size
        self.order = order
        self.epochs = epochs
        self.test_fraction = test_fraction
        self.min_steps = min_steps
        self.patience = patience
        self.plateau = plateau
        self.start = start
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: None = None) -> "StackedAutoencoder":
        """Train on ``X`` [N, D] from new weights.

        Raises
        ------
        UsageError
            If a setting makes no sense.
        StageError
            If the loss is no longer finite.
        """
        from pipeline.models.runtime import pick_device
        from pipeline.models.stacked_training import train_stacked_autoencoder

        rows = _float_rows(self, X, reset=True)
        self.network_: TrainedNetwork = train_stacked_autoencoder(
            rows,
            np.arange(len(rows), dtype=np.uint64),
            settings=self._settings(),
            seed=self.random_state,
            device=pick_device(self.device),  # type: ignore[arg-type]
        )
        return self._fitted()

    def continue_fit(
        self, X: ArrayLike, *, order: str | Sequence[str] | None = None, epochs: Sequence[int] | None = None
    ) -> "StackedAutoencoder":
        """Train further by the phases of ``order`` (default: those of the estimator).

        On the same ``X`` the bits are those of one training without the break, with ``patience`` and ``plateau`` of
        0; a phase that comes again goes on with its optimiser and counts its epochs on.
        """
        from pipeline.models.runtime import pick_device
        from pipeline.models.stacked_training import continue_training

        check_is_fitted(self)
        rows = _float_rows(self, X, reset=False)
        self.network_ = continue_training(
            self.network_,
            rows,
            np.arange(len(rows), dtype=np.uint64),
            order=_phases(self.order if order is None else order),
            epochs=tuple(self.epochs if epochs is None else epochs),
            device=pick_device(self.device),  # type: ignore[arg-type]
        )
        return self._fitted()

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Codes, float32 [N, code], of ``X`` [N, D]."""
        check_is_fitted(self)
        return self._encoder().encode(_float_rows(self, X, reset=False))

    def encode(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give what `transform` gives."""
        return self.transform(X)

    def decode(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Rows, float32 [N, D] in the units of the input, from codes [N, code]."""
        check_is_fitted(self)
        return self._encoder().decode(np.ascontiguousarray(codes, dtype=np.float32))

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give what `decode` gives."""
        return self.decode(X)

    def reconstruct(self, X: ArrayLike) -> NDArray[np.float32]:
        """What is left of ``X`` after its code, float32 [N, D] in the units of ``X``."""
        return self.decode(self.transform(X))

    def info(self) -> dict[str, object]:
        """Shape, settings and losses in plain values, as JSON takes them."""
        check_is_fitted(self)
        layers = [self.n_features_in_, *self.n_hidden]
        return {
            "layers": [*layers, *reversed(layers[:-1])],
            "settings": asdict(self.network_.settings),
            "seed": self.network_.seed,
            "epochs": sum(1 for entry in self.history_ if entry.epoch > 0),
            "loss": self.loss_,
            "pca_loss": self.pca_loss_,
            "history": [asdict(entry) for entry in self.history_],
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, settings, history and optimisers to a safetensors file."""
        from pipeline.models.serialisation import network_to_bytes

        check_is_fitted(self)
        Path(path).write_bytes(network_to_bytes(self.network_))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, continued: bool = True) -> "StackedAutoencoder":
        """Read what `save` wrote.

        Parameters
        ----------
        path : path
        continued : bool, default=True
            Whether `continue_fit` goes on where the training was broken off. If not, the weights are copied: history
            and optimisers begin anew.

        Raises
        ------
        WeightsError
            If the file is damaged or holds another kind of network.
        """
        from pipeline.models.serialisation import network_from_bytes
        from pipeline.models.stacked_training import without_optimisers

        network = network_from_bytes(Path(path).read_bytes())
        settings = network.settings
        if not isinstance(settings, StackedSettings):
            raise UsageError(f"{path} holds no stacked autoencoder: its settings are {type(settings).__name__}.")
        if not continued:
            floor = tuple(entry for entry in network.history if entry.phase == "pca")
            network = replace(without_optimisers(network), history=floor)
        values = {name: getattr(settings, name) for name in cls().get_params() if hasattr(settings, name)}
        activation = settings.activation[0] if len(settings.activation) == 1 else settings.activation
        values |= {"n_hidden": settings.layers, "tie_weights": settings.tied, "activation": activation}
        loaded = cls(**values, random_state=network.seed)
        loaded.network_ = network
        return loaded._fitted()

    def _settings(self) -> StackedSettings:
        names = ("learning_rate", "l2", "batch_size", "test_fraction", "min_steps", "patience", "plateau", "start")
        tied = self.tie_weights
        return StackedSettings(
            layers=tuple(self.n_hidden),
            tied=(tied,) * len(self.n_hidden) if isinstance(tied, bool) else tuple(tied),
            activation=(self.activation,) if isinstance(self.activation, str) else tuple(self.activation),  # type: ignore[arg-type]
            order=_phases(self.order),
            epochs=tuple(self.epochs),
            **{name: getattr(self, name) for name in names},
        )

    def _fitted(self) -> "StackedAutoencoder":
        encoder = self._encoder()
        self.n_features_in_ = encoder.input_dimension
        self.history_ = self.network_.history
        floor, kept = self.network_.pca_loss, self.network_.loss
        self.pca_loss_, self.loss_ = floor, kept
        return self

    def _encoder(self) -> "StackedEncoder":
        from pipeline.models.stacked import StackedEncoder

        return StackedEncoder(self.network_)

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class VectorAutoencoder(Transformer):
    """An autoencoder of the registry by its name.

    Parameters
    ----------
    network : str, default="simple"
        ``simple``, ``multilayer``, ``sparse``, ``convolutional`` (rows of 32 x 32 pixels x 3 colours),
        ``spectra_dense``, ``spectra_convolutional`` or ``variational``.
    settings : mapping or None, default=None
        Settings that differ from the named network's, such as ``{"epochs": 10}``; those of `VectorSettings` and of
        the network's family in `pipeline.models.vector_networks`.
    random_state : int, default=0
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    network_ : TrainedNetwork
    history_ : tuple of EpochLoss
    n_features_in_ : int

    Examples
    --------
    >>> rows = np.random.default_rng(0).random((100, 30))
    >>> VectorAutoencoder("spectra_dense", settings={"epochs": 2}).fit_transform(rows).shape
    (100, 4)
    """

    def __init__(
        self,
        network: str = "simple",
        *,
        settings: Mapping[str, Any] | None = None,
        random_state: int = 0,
        device: str = "cpu",
    ) -> None:
        self.network = network
        self.settings = settings
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: None = None) -> "VectorAutoencoder":
        """Train on ``X`` [N, D].

        Raises
        ------
        UsageError
            If there is no such network, or a setting makes no sense.
        StageError
            If the loss is no longer finite.
        """
        from pipeline.models.runtime import pick_device
        from pipeline.models.vector_networks.registry import network_settings
        from pipeline.models.vector_networks.training import train_vector_network

        rows = _float_rows(self, X, reset=True)
        named, changes = network_settings(self.network), dict(self.settings or {})
        known = {field.name for field in fields(named)}
        if unknown := sorted(set(changes) - known):
            raise UsageError(f"{self.network} has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}.")
        self.network_: TrainedNetwork = train_vector_network(
            rows,
            np.arange(len(rows), dtype=np.uint64),
            settings=replace(named, **changes),
            seed=self.random_state,
            device=pick_device(self.device),  # type: ignore[arg-type]
        )
        self.history_ = self.network_.history
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Codes, float32 [N, code]."""
        check_is_fitted(self)
        return self._encoder().encode(_float_rows(self, X, reset=False))

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Rows, float32 [N, D] in the units of the input, from codes [N, code]."""
        check_is_fitted(self)
        return self._encoder().decode(np.ascontiguousarray(X, dtype=np.float32))

    def _encoder(self) -> "VectorEncoder":
        from pipeline.models.vector_networks.training import VectorEncoder

        return VectorEncoder(self.network_)

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class DeepEmbeddedClustering(Clusterer):
    """Clusters and a code learnt together: DEC (arXiv:1511.06335), or IDEC where the reconstruction is kept.

    Parameters
    ----------
    n_clusters, code_size : int, default=10
    image_shape : tuple of int or None, default=None
        Height and width where a row is a picture (its pixels row by row): convolutions, else dense layers.
    layers : sequence of int or None, default=None
        Channels, or widths before the code; None takes (32, 64, 128) for pictures and Xie's (500, 500, 2000).
    pretrain_epochs : int, default=50
        Of the autoencoder alone.
    batch_size : int, default=256
    learning_rate : float, default=1e-3
    n_init : int, default=20
        Starts of k-means.
    update_interval, max_renewals : int, default=140 and 100
        Steps between two renewals of the target, and how many there are at most.
    tolerance : float, default=1e-3
        It ends when a smaller share of the labels changed since the target before.
    clustering_weight, reconstruction_weight : float, default=0.1 and 1
        Of the losses; DEC has a reconstruction weight of 0.
    augment : bool, default=False
        Pictures are turned and shifted a little in training.
    random_state : int, default=0

    Attributes
    ----------
    labels_ : int32 [N]
    cluster_centers_ : float32 [n_clusters, code_size]
        In the space of the codes.
    history_ : tuple of EpochLoss
    changed_ : tuple of float
        Share of labels that changed, by renewal of the target.
    converged_ : bool
    n_features_in_ : int

    Examples
    --------
    >>> rows = np.concatenate([np.random.default_rng(0).normal(3 * c, 1, (50, 8)) for c in range(2)])
    >>> model = DeepEmbeddedClustering(2, code_size=2, layers=(16,), pretrain_epochs=5, update_interval=5).fit(rows)
    >>> model.soft_assignments(rows).shape
    (100, 2)
    """

    def __init__(
        self,
        n_clusters: int = 10,
        *,
        code_size: int = 10,
        image_shape: tuple[int, int] | None = None,
        layers: Sequence[int] | None = None,
        pretrain_epochs: int = 50,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        n_init: int = 20,
        update_interval: int = 140,
        max_renewals: int = 100,
        tolerance: float = 1e-3,
        clustering_weight: float = 0.1,
        reconstruction_weight: float = 1.0,
        augment: bool = False,
        random_state: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.code_size = code_size
        self.image_shape = image_shape
        self.layers = layers
        self.pretrain_epochs = pretrain_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_init = n_init
        self.update_interval = update_interval
        self.max_renewals = max_renewals
        self.tolerance = tolerance
        self.clustering_weight = clustering_weight
        self.reconstruction_weight = reconstruction_weight
        self.augment = augment
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> "DeepEmbeddedClustering":
        """Cluster ``X`` [N, D].

        Raises
        ------
        UsageError
            If a setting makes no sense, or there are fewer rows than clusters.
        StageError
            If the loss is no longer finite.
        """
        from pipeline.models.deep_clustering import train_deep_clustering

        rows = _float_rows(self, X, reset=True)
        names = [name for name in self.get_params() if name not in ("layers", "image_shape", "random_state")]
        settings = DeepClusteringSettings(
            layers=tuple(self.layers or ((500, 500, 2000) if self.image_shape is None else (32, 64, 128))),
            image_shape=None if self.image_shape is None else (self.image_shape[0], self.image_shape[1]),
            **{name: getattr(self, name) for name in names},
        )
        self.clustering_: DeepClustering = train_deep_clustering(rows, settings=settings, seed=self.random_state)
        self.cluster_centers_ = self._clusterer().centers
        self.history_ = self.clustering_.history
        self.changed_, self.converged_ = self.clustering_.changed, self.clustering_.converged
        self.labels_ = self.predict(rows)
        return self

    def soft_assignments(self, X: ArrayLike) -> NDArray[np.float64]:
        """Share of each row in each cluster, float64 [N, n_clusters]."""
        check_is_fitted(self)
        return self._clusterer().soft_assignments(_float_rows(self, X, reset=False))

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Cluster of the largest share, int32 [N]; of equal ones the first."""
        labels: NDArray[np.int32] = self.soft_assignments(X).argmax(axis=1).astype(np.int32)
        return labels

    def encode(self, X: ArrayLike) -> NDArray[np.float32]:
        """Codes, float32 [N, code_size]."""
        check_is_fitted(self)
        return self._clusterer().encode(_float_rows(self, X, reset=False))

    def _clusterer(self) -> "DeepClusterer":
        from pipeline.models.deep_clustering import DeepClusterer

        return DeepClusterer(self.clustering_)


class ContrastiveEmbedding(Transformer):
    """Codes of small pictures that are learnt by contrast (SimCLR, arXiv:2002.05709), without labels.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width of the pictures; a row is its pixels, row by row, on a dark background.
    settings : mapping or None, default=None
        Settings that differ from the defaults of `pipeline.models.contrastive_settings.ContrastiveSettings`, such as
        ``{"epochs": 10}``.
    random_state : int, default=0
        The same seed and rows give the same bits.

    Attributes
    ----------
    network_ : TrainedNetwork
    history_ : tuple of EpochLoss
    n_features_in_ : int

    Examples
    --------
    >>> pictures = np.random.default_rng(0).random((40, 64))
    >>> ContrastiveEmbedding((8, 8), settings={"epochs": 1, "code_size": 16}).fit_transform(pictures).shape
    (40, 16)
    """

    def __init__(
        self, image_shape: tuple[int, int], *, settings: Mapping[str, Any] | None = None, random_state: int = 0
    ) -> None:
        self.image_shape = image_shape
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> "ContrastiveEmbedding":
        """Train on ``X`` [N, height x width].

        Raises
        ------
        UsageError
            If a setting makes no sense, or the rows are no pictures of that shape.
        StageError
            If the loss is no longer finite.
        """
        from pipeline.models.contrastive import train_contrastive_network

        rows = _float_rows(self, X, reset=True)
        changes, known = dict(self.settings or {}), {field.name for field in fields(ContrastiveSettings)}
        if unknown := sorted(set(changes) - known):
            raise UsageError(f"There is no setting {unknown[0]!r}; there are {', '.join(sorted(known))}.")
        shape = (int(self.image_shape[0]), int(self.image_shape[1]))
        settings = ContrastiveSettings(image_shape=shape, **changes)
        ids = np.arange(len(rows), dtype=np.uint64)
        self.network_: TrainedNetwork = train_contrastive_network(rows, ids, settings=settings, seed=self.random_state)
        self.history_ = self.network_.history
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Codes of length 1, float32 [N, code_size]."""
        from pipeline.models.contrastive import ContrastiveEncoder

        check_is_fitted(self)
        return ContrastiveEncoder(self.network_).encode(_float_rows(self, X, reset=False))


def _float_rows(estimator: BaseEstimator, X: ArrayLike, *, reset: bool) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = validate_data(estimator, X, dtype=np.float32, order="C", reset=reset)
    return rows


def _phases(order: str | Sequence[str]) -> tuple[str, ...]:
    names = order.split(",") if isinstance(order, str) else order
    return tuple(name.strip() for name in names if name.strip())
