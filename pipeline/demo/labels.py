"""The sample label set: a folder a category, with the mistakes that real label sets have."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.demo.encode import Pixels, jpeg_bytes
from pipeline.demo.plan import PlannedFile, PlannedPicture
from pipeline.demo.randomness import stream
from pipeline.demo.textures import ALL_TEXTURES

_LABELLED_SHARE = 0.7

# The two categories between which the reference study's contradictions were.
_CONFUSED = {"patterned": "mems", "mems": "patterned"}

_REPEATED = ("particles", "porous", "films")
_ONLY_OTHER_ENCODING = ("fibres", "films", "tips")
_RE_ENCODED_QUALITY = 82


@dataclass(frozen=True, slots=True)
class PlannedLabel:
    """One file of the label set.

    Attributes
    ----------
    path : str
        From the label set's root: category, then a name.
    source : PlannedFile or None
        The file of the corpus whose bytes it has; None where it is a JPG made anew, whose bytes the corpus
        does not have.
    """

    path: str
    source: PlannedFile | None


def plan_labels(seed: int, picture: PlannedPicture) -> list[PlannedLabel]:
    """Return a picture's files in the label set: none, one, a repeated one, or two that contradict.

    A picture of more than one category is contradictory.
    """
    group, name = picture.key.split("/")
    category = ALL_TEXTURES[picture.texture].category
    if group == "odd":
        return [PlannedLabel(f"{category}/odd_{name}.jpg", None)] if name == "inverted" else []
    index = int(name)
    source = _source(picture)
    if index % 10 == 8 and picture.texture in _ONLY_OTHER_ENCODING:
        return [PlannedLabel(f"{category}/{_file_name(seed, picture, 0)}.jpg", None)]
    if source is None or (index % 10 > 1 and stream(seed, picture.key, "label").random() > _LABELLED_SHARE):
        return []
    suffix = "." + source.path.rsplit(".", 1)[1]
    labels = [PlannedLabel(f"{category}/{_file_name(seed, picture, 0)}{suffix}", source)]
    if index % 10 == 1 and picture.texture in _REPEATED:
        labels.append(PlannedLabel(f"{category}/{_file_name(seed, picture, 1)}{suffix}", source))
    if index % 10 == 1 and picture.texture in _CONFUSED:
        other = ALL_TEXTURES[_CONFUSED[picture.texture]].category
        labels.append(PlannedLabel(f"{other}/{_file_name(seed, picture, 1)}{suffix}", source))
    return labels


def _source(picture: PlannedPicture) -> PlannedFile | None:
    """The picture's JPG; of those kept as raw TIFF only, the TIFF itself in three classes."""
    for file in picture.files:
        if file.encoding.container == "jpeg":
            return file
    whole = picture.master.encoding.style != "lzw" and picture.texture in ("particles", "patterned", "tips")
    return picture.master if whole else None


def _file_name(seed: int, picture: PlannedPicture, number: int) -> str:
    """A name that tells nothing, as in the published sets."""
    return f"L{picture.texture[0]}_{stream(seed, picture.key, 'label name', number).integers(1 << 48):012x}"


def label_bytes(label: PlannedLabel, pixels: Pixels, written: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a file of the label set.

    Parameters
    ----------
    label : PlannedLabel
    pixels : ndarray, uint8 [height, width]
        The picture's.
    written : mapping of str to bytes
        The picture's files in the corpus, by their paths.
    """
    if label.source is not None:
        return written[label.source.path]
    return jpeg_bytes(pixels.astype("uint8"), quality=_RE_ENCODED_QUALITY)
