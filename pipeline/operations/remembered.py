"""What an index remembers of its last run, so that later commands need not be told: its corpus and its recipe."""

import os
from collections.abc import Iterator, Mapping, Sequence

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


def changed_settings(before: Recipe, after: Recipe) -> list[str]:
    """The settings that differ and that results rest on, in words.

    Examples
    --------
    >>> changed_settings(load_recipe(), load_recipe(assignments=["pixels.size=96"]))
    ['pixels.size was 320 and is 96']
    """
    silent = ("name", "description", "report", "run", "index")
    old, new = (recipe.model_dump(mode="json") for recipe in (before, after))
    return [text for key in new if key not in silent for text in _differences(key, old.get(key), new[key])]


def _differences(key: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            named = isinstance(other, Mapping) and ("name" in other or "method" in other)
            yield from _differences(f"{key}.{other.get('name') or other.get('method')}" if named else key, one, other)
    elif old != new:
        yield f"{key} was {_short(old)} and is {_short(new)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
