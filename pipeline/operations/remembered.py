"""What an index remembers of its last run, so that later commands need not be told: its corpus and its recipe."""

import os
from collections.abc import Sequence

from pipeline.config import Recipe, load_recipe
from pipeline.index.store import Index, index_exists, open_index


def stored_recipe(index: Index, *, assignments: Sequence[str] = ()) -> Recipe:
    """The recipe that the index was last run with, with single settings changed."""
    text = str(index.read().attrs["recipe"])
    return load_recipe("stored", builtin={"stored": text}, assignments=assignments)


def stored_corpus(index: Index) -> str:
    """The corpus that the index was made from."""
    return str(index.read().attrs["corpus"])


def stored_label_sets(location: str | os.PathLike[str]) -> dict[str, str]:
    """The label sets of the last run; none where there is no index yet."""
    if not index_exists(location):
        return {}
    index = open_index(location)
    return dict(stored_recipe(index).labels.sets) if "recipe" in index.read().attrs else {}
