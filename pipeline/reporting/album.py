"""The small pictures of a page: which ones fit, encoded once each."""

import base64
import io
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reporting.facts import ImageFacts

Thumbnails = Callable[[Sequence[int]], Mapping[int, NDArray[np.uint8]]]

MAX_PICTURES = 1000
# Characters of base64 in the page; with tiles, text, tables and figures the page stays under 15 MB.
PICTURE_BUDGET = 5_000_000
JPEG_QUALITY = 80
_BATCH = 128
# Few pictures may be larger: (up to so many pictures, longest edge in px).
_EDGES = ((150, 320), (400, 256), (700, 192), (MAX_PICTURES, 128))


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture as a data URI, and its width over its height."""

    uri: str
    aspect: float


class Album:
    """The pictures of one page; hands out each picture's data once, in the order the page asks.

    The page puts the data into the first place that shows a picture; its script copies it to the others, and cuts what
    is only on a sheet of tiles out of that.
    """

    def __init__(
        self, pictures: Mapping[int, Picture], facts: Mapping[int, ImageFacts], tiled: Collection[int] = frozenset()
    ) -> None:
        self._pictures = pictures
        self._facts = facts
        self._tiled = tiled
        self._given: set[int] = set()

    def has(self, image: int) -> bool:
        """Say whether there is a picture of this image."""
        return image in self._pictures or image in self._tiled

    def only(self, images: Sequence[int]) -> list[int]:
        """Return those of the images that have a picture, in their order."""
        return [image for image in images if self.has(image)]

    def source(self, image: int) -> str:
        """Return the picture as a data URI the first time it is asked for, afterwards ``""``, as for a tile."""
        if image in self._given or image not in self._pictures:
            return ""
        self._given.add(image)
        return self._pictures[image].uri

    def frame(self) -> float:
        """Return width over height of the frames that suit most of the pictures; 4:3 without any."""
        if not self._pictures:
            return 4 / 3
        return min(2.0, max(0.75, statistics.median(picture.aspect for picture in self._pictures.values())))

    def facts(self, image: int) -> ImageFacts:
        """Return what is known of the image."""
        return self._facts.get(image, ImageFacts("", "", "", ""))

    def all_facts(self) -> dict[str, list[str]]:
        """Return path, MD5, scale and label of every image, for the enlarged view and the lists of clusters."""
        return {
            str(image): [facts.path, facts.md5, facts.scale, facts.label]
            for image, facts in sorted(self._facts.items())
        }


def choose(groups: Sequence[Sequence[int]], *, limit: int = MAX_PICTURES) -> list[int]:
    """Return up to `limit` distinct images: the first of every group, then the second of every group, ...

    So no group goes without a picture because an earlier one has many.
    """
    chosen: dict[int, None] = {}
    for rank in range(max((len(group) for group in groups), default=0)):
        for group in groups:
            if rank < len(group):
                chosen.setdefault(group[rank])
            if len(chosen) == limit:
                return list(chosen)
    return list(chosen)


def encode(images: Sequence[int], thumbnails: Thumbnails, *, budget: int = PICTURE_BUDGET) -> dict[int, Picture]:
    """Return JPEGs by image, as many of the first images as fit into `budget` characters.

    An image that `thumbnails` does not return is left out. The longest edge is 320 px where the pictures
    are few, 128 px where they are many; a smaller picture is not enlarged.
    """
    edge = next(edge for most, edge in _EDGES if len(images) <= most or most == MAX_PICTURES)
    found: dict[int, Picture] = {}
    used = 0
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        pictures = thumbnails(batch)
        for image in batch:
            if image not in pictures:
                continue
            uri = jpeg_uri(pictures[image], longest_edge=edge)
            used += len(uri)
            if used > budget:
                return found
            height, width = pictures[image].shape
            found[image] = Picture(uri, width / height)
    return found


def jpeg_uri(pixels: NDArray[np.uint8], *, longest_edge: int) -> str:
    """Return a gray uint8 picture [height, width] as a JPEG data URI, shrunk to fit if it is larger."""
    picture = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    picture.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
    sink = io.BytesIO()
    picture.save(sink, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode("ascii")
