"""A network of timm with weights that come from elsewhere; by default EfficientNet-Lite0."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.errors import WeightsError
from pipeline.models.packaged_weights import PACKAGED_WEIGHTS
from pipeline.models.weights_files import file_md5, packaged_file
from pipeline.networks.base import Network, PictureEncoder, PictureNetworkSettings, TogetherEncoder, Transform, Views
from pipeline.settings import Name

Output = Literal["features", "logits", "mean_maps"]


class BackboneSettings(PictureNetworkSettings):
    """What a network of timm needs, whether it is used as it comes or learns more."""

    model: str = Field("tf_efficientnet_lite0", description="a model's name in timm")
    weights: str = Field(
        "",
        description="`package` (an installed one; what is taken where nothing is said), `hub`, a local file, or "
        "`random` (seeded)",
    )
    views: Views = Field(
        "whole",
        description="what a network sees of a picture: its stretched square, all of it in its own proportions, or that "
        "and once more at twice the size, the vectors side by side",
    )
    output: Output = Field(
        "features", description="before the classifier, its scores, or the mean of the last convolution's maps"
    )
    classes: Annotated[int, Field(ge=0)] = Field(
        0, description="how many scores `logits` are, such as 1001 of Inception's first weights; 0: as timm has it"
    )
    transform: Transform = Field(
        "sqrt_l2",
        description="of a network's output: as it is, of length 1, or the root of each value, then of length 1",
    )
    runtime: Literal["onnx", "torch"] = Field(
        "onnx", description="what runs it on a processor: ONNX Runtime takes half the time; a GPU has Torch"
    )
    batch_size: PositiveInt = 16

    @model_validator(mode="after")
    def _weights_fit_model(self) -> "BackboneSettings":
        if not self.weights_from:
            raise ValueError(f'weights: the model {self.model!r} needs weights = "hub", a local file, or "random"')
        if self.weights == "package" and self.model not in PACKAGED_WEIGHTS:
            raise ValueError(f"weights: there is a package for {', '.join(PACKAGED_WEIGHTS)}, not for {self.model!r}")
        return self

    @property
    def weights_from(self) -> str:
        """Where the weights come from: as said, or from the package that has those of the model; else empty."""
        return self.weights or ("package" if self.model in PACKAGED_WEIGHTS else "")

    @property
    def path(self) -> str:
        """What calculates the vectors; other paths give other last bits."""
        return f"torch-{self.device}-bf16" if self.device != "cpu" else f"{self.runtime}-cpu"

    def row_settings(self) -> dict[str, object]:
        """Settings that decide a vector's values beside the network's weights."""
        kept = self.model_dump(include={"model", "seed", "views", "transform", "output"}) | {"path": self.path}
        return kept | ({"classes": self.classes} if self.classes else {})

    def pass_settings(self) -> dict[str, object]:
        """Settings that decide what one pass calculates."""
        return self.model_dump(mode="json", exclude={"name", "output", "transform"})

    @property
    def seen(self) -> Views:
        """What it sees of a picture."""
        return self.views

    @property
    def applied(self) -> Transform:
        """What is done with its output."""
        return self.transform


class TimmSettings(BackboneSettings):
    """A network of timm as it was trained elsewhere."""

    network: Literal["timm"] = "timm"
    name: Name = "lite0"


def weights(settings: BackboneSettings) -> str:
    """What the weights are: a file, or that of a package, by its MD5; the others by their name."""
    source = settings.weights_from
    if source == "package":
        return PACKAGED_WEIGHTS[settings.model].md5  # the file is held against it when it is loaded
    return source if source in ("hub", "random") else file_md5(Path(source).expanduser())


def check(settings: BackboneSettings) -> None:
    """Say at once, and not after hours of other stages, that weights cannot be had."""
    source = settings.weights_from
    if source == "package":
        packaged_file(settings.model)
    elif source not in ("hub", "random") and not Path(source).expanduser().is_file():
        raise WeightsError(
            f"The weights {source} that the recipe names for {settings.model} do not exist. Name a "
            '.safetensors or .pth file, weights = "hub" where the model hub can be reached, or network = '
            '"textures", which needs none.'
        )


def fetch(settings: BackboneSettings) -> None:
    """Load weights of the hub, so that a new index ends before its first stage where they cannot be had."""
    if settings.weights_from == "hub":
        width(settings, b"")


def width(settings: BackboneSettings, _: bytes) -> int:
    """Length of the vector of one view."""
    return int(_loaded(settings, [settings.output], device="cpu", runtime="torch").dimension)


def load(settings: TimmSettings, data: bytes) -> PictureEncoder:
    """The network, ready to encode."""
    return load_together((settings,), data)


def load_together(settings: Sequence[TimmSettings], _: bytes) -> TogetherEncoder:
    """The network, ready for the outputs of several entries."""
    from pipeline.models.runtime import pick_device

    first = settings[0]
    outputs = [one.output for one in settings]
    return _loaded(first, outputs, device=pick_device(first.device), runtime=first.runtime)


def _loaded(
    settings: BackboneSettings, outputs: Sequence[Output], *, device: str, runtime: Literal["onnx", "torch"]
) -> TogetherEncoder:
    from pipeline.models.backbones import load_backbone

    return load_backbone(
        settings.model,
        weights=settings.weights_from,
        seed=settings.seed,
        device=device,
        batch_size=settings.batch_size,
        runtime=runtime,
        outputs=outputs,
        classes=settings.classes,
    )


NETWORK = Network(
    TimmSettings,
    width,
    load,
    seconds_per_row=0.15,
    load_together=load_together,
    weights=weights,
    check=check,
    fetch=fetch,
)
