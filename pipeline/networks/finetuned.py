"""A network of timm that has learnt a label set of the corpus: its last layer alone, or all of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.networks import timm_backbone
from pipeline.networks.base import Network, PictureEncoder, TogetherEncoder, Trained, TrainingRows
from pipeline.networks.timm_backbone import BackboneSettings
from pipeline.settings import Name

if TYPE_CHECKING:
    from pipeline.models.fine_tuning import FineTuning


class FinetunedSettings(BackboneSettings):
    """A network of timm that learns a label set of the corpus before it is used."""

    network: Literal["finetuned"] = "finetuned"
    name: Name = "finetuned"
    labels: Name = Field("classes", description="the label set that it learns; paths as whole labels")
    layers: Literal["last", "all"] = Field("last", description="what learns: the last layer alone, or all of them")
    keep_head: bool = Field(
        False, description="keep the head that it came with, class i at its output i; else a new one, an output a class"
    )
    side: Annotated[int, Field(ge=32, le=1024)] = Field(224, description="side in pixels of the squares it learns from")
    epochs: PositiveInt = 60
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Literal["plateau", "one_cycle"] = Field(
        "plateau",
        description="`plateau`: the learning rate falls and the training ends as `plateau` and `patience` say; "
        "`one_cycle`: it rises and falls once over all epochs, which suits all layers",
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        5, description="epochs without a lower held-out loss that end the training, with the best weights; 0: all"
    )
    plateau: Annotated[int, Field(ge=0)] = Field(
        2, description="epochs without a lower held-out loss that halve the learning rate; 0: never"
    )
    balance: Literal["weights", "none"] = Field(
        "weights", description="`weights`: each class counts the same, however many pictures it has"
    )
    augment: Literal["none", "shift", "turn", "tilt"] = Field(
        "turn",
        description="where all layers learn: shifts and contrast; `turn`: also quarter turns and mirror images; "
        "`tilt`: also small turns, stretches and brightness, for signs, digits and whatever stands upright",
    )
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2, description="share of each class that is held out and judged at the end"
    )
    judged: Name | Literal[""] = Field(
        "", description="a label set whose pictures are held out and judged, in place of a share of each class"
    )
    watched: PositiveInt = Field(
        2000, description="at most so many held-out pictures are looked at after each epoch; all are at the end"
    )
    max_training_images: PositiveInt = Field(100_000, description="it learns from at most so many")

    def fit_settings(self) -> dict[str, object]:
        """Settings that decide the training's result."""
        used = {"views", "output", "transform", "runtime", "classes"}
        kept = {key: value for key, value in super().fit_settings().items() if key not in used}
        statistics = {"statistics": "of the batches"} if self.layers == "all" else {}
        return kept | statistics | {"look_alikes": "on one side", "weights_identity": timm_backbone.weights(self)}

    @property
    def learns(self) -> str:
        """The label set that it learns."""
        return self.labels

    @property
    def judged_on(self) -> str:
        """The label set of the pictures that it is judged on."""
        return self.judged

    @property
    def training(self) -> tuple[str, bool, str]:
        """What is said of its training."""
        return f"{self.model}, {self.layers}", False, ""

    @property
    def training_epochs(self) -> int:
        """Passes over the pictures; the last layer alone needs one through the network."""
        return self.epochs if self.layers == "all" else 1

    @property
    def training_side(self) -> int:
        """Side in pixels of the squares that it is trained on."""
        return self.side

    @property
    def training_limit(self) -> int:
        """It is trained on at most so many pictures."""
        return self.max_training_images

    def tuning(self) -> "FineTuning":
        """Settings of the training."""
        from pipeline.models.fine_tuning import FineTuning

        names = set(FineTuning.__dataclass_fields__)
        return FineTuning(**self.model_dump(include=names - {"weights"}), weights=self.weights_from)


def train(settings: FinetunedSettings, rows: TrainingRows) -> Trained:
    """Teach it the labels, or go on."""
    from pipeline.models.course import Course
    from pipeline.models.fine_tuning import fine_tune
    from pipeline.models.runtime import pick_device

    assert rows.labels is not None, "the stage gives labels to a network that learns them"
    found = fine_tune(
        rows.rows,
        rows.ids,
        rows.labels,
        settings=settings.tuning(),
        seed=settings.seed,
        held_out=rows.held_out,
        groups=rows.groups,
        device=pick_device(settings.device),
        course=Course(over=rows.over, state=rows.state),
    )
    return Trained(found.data, found.history)


def load(settings: FinetunedSettings, data: bytes) -> PictureEncoder:
    """The network, ready to encode."""
    return load_together((settings,), data)


def load_together(settings: Sequence[FinetunedSettings], data: bytes) -> TogetherEncoder:
    """The network, ready for the outputs of several entries."""
    from pipeline.models.fine_tuning import load_fine_tuned
    from pipeline.models.runtime import pick_device

    first = settings[0]
    return load_fine_tuned(
        data,
        device=pick_device(first.device),
        batch_size=first.batch_size,
        runtime=first.runtime,
        outputs=[one.output for one in settings],
    )


def width(settings: FinetunedSettings, data: bytes) -> int:
    """Length of the vector of one view."""
    from pipeline.models.fine_tuning import load_fine_tuned

    return load_fine_tuned(data, device="cpu", batch_size=1, runtime="torch", outputs=[settings.output]).dimension


NETWORK = Network(
    FinetunedSettings,
    width,
    load,
    seconds_per_row=0.15,
    train=train,
    load_together=load_together,
    seconds_per_trained_row=0.3,
    check=timm_backbone.check,
    fetch=timm_backbone.fetch,
)
