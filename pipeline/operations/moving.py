"""A corpus that lies elsewhere now: another mount point, a pod against a workstation, a copy."""

from typing import Final

import numpy as np

from pipeline.config import Recipe
from pipeline.corpus.names import split_page
from pipeline.corpus.source import Corpus
from pipeline.errors import ImageError, UsageError
from pipeline.index.store import Index
from pipeline.records import PICTURES
from pipeline.stages.files.ledger import LedgerRows, bytes_md5, read_files

SAMPLE: Final = 32
_SHARE: Final = 0.8
"""So many of the sampled files must be there with the same content; the rest may have changed since the last run."""


def check_same_corpus(index: Index, corpus: Corpus, recipe: Recipe) -> None:
    """Make sure that a corpus elsewhere is the one that an index was made from, by the contents of up to 32 files.

    The files are spread evenly over the ledger, so that the same are looked at every time.

    Raises
    ------
    UsageError
        Fewer than four of five are there with the content that the index knows; names one that is not.
    """
    files = read_files(index.read())
    rows = [row for row in np.flatnonzero(np.isin(files.status, PICTURES)).tolist() if not _is_page(files, row)]
    chosen = [rows[place * len(rows) // SAMPLE] for place in range(SAMPLE)] if len(rows) > SAMPLE else rows
    missed = []
    for row in chosen:
        path, wanted = str(files.path[row]), files.md5[row].tobytes()
        try:
            found = bytes_md5(corpus.read(path, max_bytes=recipe.walk.max_bytes)) == wanted
        except ImageError:
            found = False
        if not found:
            missed.append(path)
    if len(missed) > (1 - _SHARE) * len(chosen):
        raise UsageError(
            f"{corpus.url} is not the corpus of the index {index.url}: of {len(chosen)} files that were looked for, "
            f"{len(missed)} are not there with the content that the index knows, for example {missed[0]}. Name the "
            "folder that the paths of the index are relative to, or another index."
        )


def _is_page(files: LedgerRows, row: int) -> bool:
    return bool(split_page(str(files.path[row]))[1])
