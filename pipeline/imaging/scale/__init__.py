"""The physical scale of a micrograph, read from its data bar and its metadata."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.imaging.scale.reading import read_scale

__all__ = ["read_scale"]


def __getattr__(name: str) -> object:
    """Import on first use: the reader needs all of this package, and its parts must not need the reader."""
    if name == "read_scale":
        from pipeline.imaging.scale.reading import read_scale

        return read_scale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
