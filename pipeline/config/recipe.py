"""The typed model of a recipe. Every default of the program lives here and nowhere else."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt, create_model, model_validator

from pipeline.clustering_methods.base import MethodSettings
from pipeline.clustering_methods.density_peaks import DensityPeaksSettings
from pipeline.clustering_methods.kmeans import KMeansSettings
from pipeline.clustering_methods.registry import AnyMethod
from pipeline.clustering_methods.ward import WardSettings
from pipeline.map_methods.base import MapSettings
from pipeline.map_methods.registry import AnyMap
from pipeline.map_methods.tsne import TSNESettings
from pipeline.networks.base import NetworkSettings
from pipeline.networks.registry import AnyCodeNetwork, AnyPictureNetwork
from pipeline.networks.sae import SaeSettings
from pipeline.networks.timm_backbone import TimmSettings
from pipeline.settings import Name, Settings, Share
from pipeline.stage_list import STAGE_LIST, STAGE_NAMES

if TYPE_CHECKING:
    StageName = str
else:
    StageName = Literal[STAGE_NAMES]


class CorpusSettings(Settings):
    """Which files belong to the corpus."""

    include: tuple[str, ...] = Field(("**",), description="globs of paths to take, relative to the corpus")
    exclude: tuple[str, ...] = Field((), description="globs of paths to leave out")
    follow_links: bool = Field(
        False, description="follow symbolic links that lead out of the corpus; those within it are followed anyway"
    )
    sample: Annotated[int, Field(ge=0)] = Field(0, description="take only so many files, chosen by name hash; 0 = all")


class IndexSettings(Settings):
    """How the index is laid out; fixed when it is created."""

    shard_rows: Annotated[int, Field(ge=0)] = Field(
        0, description="rows a shard (one task, one write); 0 = by the corpus' size: 32, 128 or 1024"
    )


class RunSettings(Settings):
    """What is run, and how the work is driven."""

    stages: tuple[StageName, ...] = Field(STAGE_NAMES, description="the stages that `semcorpus run` goes through")
    checkpoint_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0, description="a long stage commits at least so often"
    )
    retries: Annotated[int, Field(ge=0)] = Field(2, description="times a failed shard is tried again")


class WalkSettings(Settings):
    """Listing the corpus and digesting its files."""

    max_pixels: PositiveInt = Field(
        400_000_000,
        description="larger pictures become `too_large` in the ledger, until this or another limit is raised",
    )
    max_bytes: PositiveInt = Field(2_000_000_000, description="larger files become `too_large` in the ledger")
    decode_seconds: Annotated[float, Field(gt=0)] = Field(
        60.0, description="a file that takes more processor time to decode becomes `too_large` in the ledger"
    )
    decode_memory_bytes: PositiveInt = Field(
        4 << 30, description="a file that takes more memory to decode becomes `too_large` in the ledger"
    )
    files_per_task: PositiveInt = 64
    removals_limit: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="a larger share of files vanishing at once ends the run, unless --accept-removals"
    )
    removals_floor: Annotated[int, Field(ge=0)] = Field(
        3, description="so few files may vanish at once from a small corpus, if others stay"
    )


class PairSettings(Settings):
    """Finding the files that show one picture."""

    same_picture: bool = Field(True, description="also pair a picture with its re-encoded copy (TIFF and JPG)")
    signature_tolerance: Annotated[int, Field(ge=0, le=64)] = Field(
        6, description="largest difference of two 32 x 24 signatures that is looked at more closely"
    )


class ArraysSettings(Settings):
    """Corpora of arrays (`.npz` containers) in place of pictures; the stage then stands for walk, pair and pixels."""

    vectors: tuple[Name, ...] = Field((), description="arrays whose rows are vectors; each is a set of that name")
    pictures: str = Field("", description="array whose rows are gray pictures, `uint8 [n, height, width]`")

    @property
    def asked(self) -> bool:
        """Whether the corpus is one of arrays."""
        return bool(self.vectors or self.pictures)


class LabelsSettings(Settings):
    """Label sets: name -> folder with a folder per class, or CSV file."""

    sets: dict[Name, str] = Field(default_factory=dict)


class ScaleSettings(Settings):
    """Reading the physical scale."""

    enabled: bool = True


class PixelsSettings(Settings):
    """The network-sized pictures."""

    size: Annotated[int, Field(ge=8, le=2048)] = Field(
        320, description="side in pixels of the stored square; size x size bytes a picture, before compression"
    )
    crop_bar: bool = Field(
        True, description="leave the data bar and print beside a scale bar out, so that networks do not learn them"
    )
    fit: Literal["stretch", "crop"] = Field(
        "stretch",
        description="stretch keeps all of the picture (networks see it in its own proportions); crop its centre only",
    )


class NeighboursSettings(Settings):
    """The nearest neighbours that everything geometric shares: exact, unless `approximate_above` says otherwise."""

    k: Annotated[int, Field(ge=1, le=1000)] = 100
    metric: Literal["euclidean", "cosine"] = Field(
        "euclidean", description="cosine distances are 1 - cos; they need vectors that are not all 0"
    )
    block_rows: Annotated[int, Field(ge=64)] = Field(
        16_384,
        description="a task finds the neighbours of two blocks of so many vectors in each other; more needs fewer "
        "evaluations and more memory, no result depends on it",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "cpu",
        description="cuda: products on a GPU, one an actor of Ray; auto: so where the driver sees a GPU; no result "
        "depends on it",
    )
    approximate_above: Annotated[int, Field(ge=0)] = Field(
        0, description="sets of more vectors are searched approximately, which the report says; 0: never"
    )
    approximate_links: Annotated[int, Field(ge=2, le=256)] = Field(
        32, description="approximate only: links of a vector in the graph (M of HNSW)"
    )
    approximate_breadth: PositiveInt = Field(
        200, description="approximate only: breadth of the search (ef of HNSW); at least 2 k is taken"
    )


class DimensionSettings(Settings):
    """Intrinsic dimension."""

    fractions: tuple[Share, ...] = Field(
        (1.0, 0.9, 0.7, 0.5), description="shares of mu that the 2-NN line is fitted on"
    )
    decimation_repeats: PositiveInt = 5
    max_points: PositiveInt = Field(20_000, description="at most so many points for subsamples and distance maps")
    components: PositiveInt = Field(50, description="principal components reported")
    seed: Annotated[int, Field(ge=0)] = 0


class ClusterSettings(Settings):
    """Clusterings of every set of vectors."""

    methods: tuple[AnyMethod, ...] = Field(
        (KMeansSettings(), DensityPeaksSettings(), WardSettings()),
        description='methods by name, or with settings of their own: `{method = "density_peaks", k = [7]}`',
    )
    k: tuple[Annotated[int, Field(ge=2)], ...] = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50)
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _labels_differ(self) -> "ClusterSettings":
        labels = [method.label for method in self.methods]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"methods: two of them are called {twice[0]!r}; give one of them a name")
        return self


class AssessSettings(Settings):
    """How good clusterings are, without labels: silhouettes, scatter, stability."""

    max_points: PositiveInt = Field(20_000, description="clusterings of more vectors are left out, in words")
    stability: Literal["unlabelled", "always", "never"] = Field(
        "unlabelled",
        description="cluster random shares of the vectors again, to see which clusterings come again; `unlabelled`: "
        "where the recipe has no label set",
    )
    stability_max_points: PositiveInt = Field(5_000, description="the stability of more vectors is not measured")
    resamples: PositiveInt = Field(5, description="random shares")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.8, description="of the vectors, in such a share")
    seed: Annotated[int, Field(ge=0)] = 0


class SubdivideSettings(Settings):
    """A tree of sub-categories: a method repeated within each label or cluster. None by default."""

    name: Name = "categories"
    labels: str = Field("", description="name of a label set: each of its labels is divided")
    level: PositiveInt = Field(1, description="parts of a label path that make a category to divide")
    clustering: str = Field(
        "",
        description="name of a clustering (`lite0-ward-k10`): each of its clusters is divided; with neither, all "
        "pictures are",
    )
    method: AnyMethod = Field(
        WardSettings(k=(2, 3, 4, 5, 6, 7, 8)),
        description="what divides, one of `cluster.methods`; of its k, in each category that of the largest silhouette",
    )
    depth: PositiveInt = Field(1, description="levels of sub-categories")
    min_pictures: Annotated[int, Field(ge=2)] = Field(20, description="a category of fewer is not divided")
    resamples: Annotated[int, Field(ge=0)] = Field(
        10, description="random parts of each category that are divided again, to see how stable sub-categories are"
    )
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.8, description="of a category's pictures in such a part")
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _divides_one_thing(self) -> "SubdivideSettings":
        if self.labels and self.clustering:
            raise ValueError("labels and clustering: name one of them; each of its categories is divided")
        return self


class AgreeSettings(Settings):
    """Scores of the clusterings against the labels."""

    reference_curves: bool = True
    seed: Annotated[int, Field(ge=0)] = 0


class ReportSettings(Settings):
    """Tables and the page."""

    title: str = "SEM corpus"
    thumbnail_px: Annotated[int, Field(ge=16, le=512)] = 256


class _Recipe(Settings):
    """Everything that decides what a run computes."""

    name: str = "default"
    description: str = ""
    corpus: CorpusSettings = CorpusSettings()
    index: IndexSettings = IndexSettings()
    run: RunSettings = RunSettings()
    walk: WalkSettings = WalkSettings()
    pair: PairSettings = PairSettings()
    arrays: ArraysSettings = ArraysSettings()
    labels: LabelsSettings = LabelsSettings()
    scale: ScaleSettings = ScaleSettings()
    pixels: PixelsSettings = PixelsSettings()
    embed: tuple[AnyPictureNetwork, ...] = Field((TimmSettings(),), description="networks that see pictures")
    autoencode: tuple[AnyCodeNetwork, ...] = Field((SaeSettings(),), description="networks that code vectors")
    neighbours: NeighboursSettings = NeighboursSettings()
    map: tuple[AnyMap, ...] = Field((TSNESettings(),), description="layouts of vectors")
    dimension: DimensionSettings = DimensionSettings()
    cluster: ClusterSettings = ClusterSettings()
    assess: AssessSettings = AssessSettings()
    subdivide: tuple[SubdivideSettings, ...] = ()
    agree: AgreeSettings = AgreeSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _names_fit(self) -> "_Recipe":
        if self.arrays.asked and (read := {"walk", "pair"} & set(self.run.stages)):
            raise ValueError(
                f"arrays: a corpus of arrays is not walked; leave {' and '.join(sorted(read))} out of run.stages"
            )
        names = [*self.vector_sets, *(settings.name for settings in self.map)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two sets of vectors share the name {twice[0]!r}; every embed, autoencode and map needs its own"
            )
        for method in self.cluster.methods:
            self._check_method(method)
        for layout in self.map:
            self._check_map(layout)
        trees = [settings.name for settings in self.subdivide]
        if twice := sorted({name for name in trees if trees.count(name) > 1}):
            raise ValueError(f"two trees of sub-categories share the name {twice[0]!r}; every subdivide needs its own")
        for settings in self.subdivide:
            self._check_subdivide(settings)
        embeddings = {*self.arrays.vectors, *(settings.name for settings in self.embed)}
        for code in self.autoencode:
            if code.vectors not in embeddings:
                raise ValueError(
                    f"autoencode.vectors: {code.vectors!r} is none of the embeddings ({', '.join(sorted(embeddings))})"
                )
        return self

    def _check_subdivide(self, settings: SubdivideSettings) -> None:
        if unknown := sorted(set(settings.method.vectors) - set(self.vector_sets)):
            raise ValueError(
                f"subdivide.method: {settings.name} is to divide {unknown[0]!r}, which is none of the sets of vectors "
                f"({', '.join(self.vector_sets)})"
            )

    def _check_method(self, method: MethodSettings) -> None:
        known = (*self.vector_sets, *(settings.name for settings in self.map))
        unknown = sorted(set(method.vectors) - set(known))
        if unknown:
            raise ValueError(
                f"cluster.methods: {method.label} is to cluster {unknown[0]!r}, which is none of the sets of vectors "
                f"and maps ({', '.join(known)})"
            )
        if method.table_neighbours and self.neighbours.metric != "euclidean":
            raise ValueError(
                f"{method.label} rests on Euclidean neighbours: leave it out of cluster.methods, or set "
                'neighbours.metric = "euclidean"'
            )
        if method.table_neighbours > self.neighbours.k:
            raise ValueError(
                f"neighbours.k is {self.neighbours.k}, fewer than the {method.table_neighbours} that {method.label} "
                "rests on; raise the one or lower the other"
            )

    def _check_map(self, layout: MapSettings) -> None:
        if layout.vectors and layout.vectors not in self.vector_sets:
            raise ValueError(
                f"map.vectors: {layout.vectors!r} is none of the sets of vectors ({', '.join(self.vector_sets)})"
            )

    def mapped_vectors(self, layout: MapSettings) -> str:
        """Name of the set of vectors that a map lays out; empty where the recipe has none."""
        return layout.vectors or next(iter(self.vector_sets), "")

    def clustered_vectors(self, method: MethodSettings) -> tuple[str, ...]:
        """Names of what a method is to cluster: what it names, maps too, else all sets of vectors."""
        return method.vectors or self.vector_sets

    @property
    def networks(self) -> tuple[NetworkSettings, ...]:
        """Those of embeddings, then those of codes."""
        return (*self.embed, *self.autoencode)

    @property
    def vector_sets(self) -> tuple[str, ...]:
        """Names of all sets of vectors: those that the corpus holds, embeddings, codes."""
        return (*self.arrays.vectors, *(settings.name for settings in self.networks))


def _declared() -> dict[str, tuple[type[Settings], Settings]]:
    """The options that stages declare in their own folders, by the stage's name."""
    found: dict[str, type[Settings]] = {e.name: import_module(e.options).OPTIONS for e in STAGE_LIST if e.options}
    return {name: (options, options()) for name, options in found.items()}


if TYPE_CHECKING:
    Recipe = _Recipe
else:
    Recipe = create_model("Recipe", __base__=_Recipe, __module__=__name__, __doc__=_Recipe.__doc__, **_declared())
