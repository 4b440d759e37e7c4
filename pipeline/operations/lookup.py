"""All that an index knows of one image."""

import json
import os

import numpy as np
import zarr

from pipeline.config import Recipe
from pipeline.corpus.names import escape_path
from pipeline.errors import UsageError
from pipeline.index.schema import Sources
from pipeline.index.store import Index
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.stages.files.ledger import LedgerRows, hex_md5, read_files, read_images
from pipeline.stages.registry import TABLES

_SHORTEST_PREFIX = 6


def image_facts(index: Index, image: str) -> dict[str, object]:
    """Everything about an image, as JSON-like values.

    Parameters
    ----------
    index : Index
    image : str
        An MD5 or its first 6 or more digits, or a path: relative to the corpus, or of a file inside it.

    Raises
    ------
    UsageError
        The index knows nothing like that, or more than one.
    """
    root, recipe = index.read(), stored_recipe(index)
    files = read_files(root)
    paths = files.path.tolist()
    path = next((name for name in _names(image, stored_corpus(index)) if name in paths), None)
    if path is not None:
        row = paths.index(path)
        number = int(files.image[row])
        if number < 0:
            return _file_facts(files, row)
        return _file_facts(files, row) | _image_facts(root, recipe, number)
    return _image_facts(root, recipe, row_of_md5(root, image, index.url))


def image_row(index: Index, image: str) -> int:
    """The row of an image that is named as for `image_facts`.

    Raises
    ------
    UsageError
        The index knows nothing like that, or more than one, or a file that is no image.
    """
    root = index.read()
    files = read_files(root)
    found = np.flatnonzero(np.isin(files.path.astype(str), _names(image, stored_corpus(index))))
    if not len(found):
        return row_of_md5(root, image, index.url)
    number = int(files.image[found[0]])
    if number < 0:
        raise UsageError(f"{image} is no image: {files.status[found[0]]}, {files.reason[found[0]]}.")
    return number


def _names(image: str, corpus: str) -> tuple[str, str]:
    """What an image may be called in the ledger: as it is named, which is what the ledger shows, or as a file is."""
    path = os.path.abspath(image)
    return image, escape_path(os.path.relpath(path, corpus) if path.startswith(corpus + os.sep) else image)


def row_of_md5(root: zarr.Group, text: str, url: str) -> int:
    """The image whose MD5 begins with ``text``; `UsageError` where there is none, or more than one."""
    known = hex_md5(read_images(root).md5)
    prefix = text.lower()
    found = [row for row, md5 in enumerate(known) if md5.startswith(prefix)] if len(prefix) >= _SHORTEST_PREFIX else []
    if len(found) != 1:
        what = f"{len(found)} images of {url} have MD5s that begin with" if found else f"The index {url} knows no image"
        raise UsageError(
            f"{what} {text!r}; name a path of the corpus, or at least {_SHORTEST_PREFIX} digits of an MD5."
        )
    return found[0]


def _file_facts(files: LedgerRows, row: int) -> dict[str, object]:
    return {
        "path": str(files.path[row]),
        "status": str(files.status[row]),
        "reason": str(files.reason[row]),
        "size_bytes": int(files.size_bytes[row]),
        "format": str(files.format[row]),
        "md5": hex_md5(files.md5[row : row + 1])[0],
    }


def _image_facts(root: zarr.Group, recipe: Recipe, row: int) -> dict[str, object]:
    images = read_images(root)
    md5 = hex_md5(images.md5)
    files = read_files(root)
    picture = int(images.picture[row])
    facts: dict[str, object] = {
        "image": row,
        "md5": md5[row],
        "format": str(images.format[row]),
        "width_px": int(images.width_px[row]),
        "height_px": int(images.height_px[row]),
        "bit_depth": int(images.bit_depth[row]),
        "pages": int(images.pages[row]),
        "present": bool(images.present[row]),
        "paths": files.path[(files.image == row) & (files.status != "gone")].tolist(),
        "metadata": json.loads(str(images.metadata[row]) or "{}"),
        "picture": picture,
        "picture_md5": md5[picture] if picture >= 0 else "",
        "same_picture": [md5[other] for other in np.flatnonzero(images.picture == picture).tolist() if other != row]
        if picture >= 0
        else [],
    }
    if picture < 0:
        return facts
    sources = Sources(root, recipe)
    return facts | {table.shown_as: table.show(table, sources, picture) for table in TABLES if table.show is not None}
