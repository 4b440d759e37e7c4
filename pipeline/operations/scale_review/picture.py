"""A picture of one image of an index with what was found of its scale."""

import numpy as np

from pipeline.corpus.source import Corpus
from pipeline.errors import StageError
from pipeline.imaging.scale.decision.shown import shown_candidates
from pipeline.index.store import Index
from pipeline.operations.lookup import image_row
from pipeline.operations.remembered import stored_corpus, stored_recipe
from pipeline.reporting.scale_drawing import draw_scale
from pipeline.runtime.keys import scale_key
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import read_images, sources_of
from pipeline.stages.scale.rows import read_columns, stored_reading
from pipeline.stages.selection import done_rows


def scale_picture(index: Index, image: str) -> bytes:
    """Draw an image with all candidates for its scale, as PNG; a copy is drawn as the picture that it copies.

    It is named as for `pipeline.operations.lookup.image_facts`.

    Raises
    ------
    UsageError
        The index knows no such image.
    StageError
        Its scale has not been read.
    ImageError
        Its file is gone, or has changed since it was walked.
    """
    root, recipe = index.read(), stored_recipe(index)
    row = int(read_images(root, "picture")["picture"][image_row(index, image)])
    if row < 0 or row not in done_rows(root, "scale", scale_key(recipe)):
        raise StageError(f"The scale of {image} has not been read; run `semcorpus scale {index.url}` first.")
    source = sources_of(root, [row])[0]
    gray = Contents(Corpus(stored_corpus(index), recipe.corpus), recipe.walk).gray(source)
    reading = stored_reading(read_columns(root, row, row + 1), 0)
    gray = np.ascontiguousarray(gray)
    return draw_scale(gray, reading, title=source.path, candidates=shown_candidates(gray))
