"""A recipe's query over the index: which pictures a network is to see."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings import Name, Settings

Positive = Annotated[float, Field(gt=0)]


class Selection(Settings):
    """Which pictures have vectors: those that meet all that is named here; nothing named: all."""

    scale_nm: tuple[Positive, ...] = Field(
        (), description="the length that the scale bar is labelled with is one of these; `[1000, 2000]` is 1u-2u"
    )
    nm_per_px: tuple[Positive, ...] = Field(
        (), description="the pixel size is at least the first and below the second of these"
    )
    width_px: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="the picture's width is at least the first and at most the second of these"
    )
    formats: tuple[str, ...] = Field((), description="the file's format is one of these, such as `tiff`")
    label_sets: tuple[Name, ...] = Field((), description="it has a label in one of these label sets")
    labels: tuple[str, ...] = Field(
        (), description="one of its labels, in those sets or in any, is one of these or begins with one and a `/`"
    )

    @model_validator(mode="after")
    def _ranges(self) -> "Selection":
        ends: tuple[tuple[Literal["nm_per_px", "width_px"], tuple[float, ...]], ...] = (
            ("nm_per_px", self.nm_per_px),
            ("width_px", self.width_px),
        )
        for name, pair in ends:
            if pair and (len(pair) != 2 or pair[0] > pair[1]):
                raise ValueError(f"{name}: give the smallest and the largest, [low, high]")
        return self

    @property
    def is_all(self) -> bool:
        """Whether every picture meets it."""
        return self == Selection()
