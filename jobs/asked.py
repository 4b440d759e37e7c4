"""What the command line of a run asked for, kept in the index, so that the next run need not say it again."""

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

from jobs.options import Options
from jobs.recipes import builtin_recipes
from pipeline.config import Recipe, load_recipe
from pipeline.config.toml_file import read_toml_text
from pipeline.index.store import index_exists, open_index


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the settings of a run come from.

    Attributes
    ----------
    recipe : str
        Name of a built-in recipe, or path of a file.
    text : str
        What the file said; empty for a built-in recipe, which may have other settings in another version.
    assignments : tuple of str
        ``STAGE.KEY=VALUE``, of each key the last.
    include, exclude : tuple of str
        Globs.
    """

    recipe: str = "default"
    text: str = ""
    assignments: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def load(self, sample: int | None) -> Recipe:
        """The recipe; a sample is a trial, and holds for one run."""
        chosen: dict[str, Any] = {"include": list(self.include), "exclude": list(self.exclude), "sample": sample}
        overrides = {f"corpus.{name}": value for name, value in chosen.items() if value}
        builtin = {**builtin_recipes(), **({self.recipe: self.text} if self.text else {})}
        source = self.recipe
        if self.text:  # a file is read when it is named, not again
            source = "remembered"
            builtin[source] = self.text
        return load_recipe(source, builtin=builtin, assignments=self.assignments, overrides=overrides)

    def as_json(self) -> str:
        """For the index."""
        return json.dumps(asdict(self))

    def in_words(self) -> str:
        """What is other than the defaults, as options; empty without any."""
        words = [f"--recipe {self.recipe}"] if self.recipe != "default" else []
        for name, values in (("set", self.assignments), ("include", self.include), ("exclude", self.exclude)):
            words += [f"--{name} {value}" for value in values]
        return " ".join(words)


def asked_for(index: str, named: str | None, options: Options) -> tuple[Asked, bool]:
    """What this command line asks for, and whether some of it is remembered.

    A recipe that is named begins anew; else single settings go over those of the last run.
    """
    before = _remembered(index) if named is None else None
    own = _over(_named(named or "default"), options)
    changed = _over(before, options) if before else own
    return changed, changed != own


def _over(base: Asked, options: Options) -> Asked:
    return replace(
        base,
        assignments=_merged(base.assignments, options["assignments"]),
        include=tuple(options["include"]) or base.include,
        exclude=tuple(options["exclude"]) or base.exclude,
    )


def _named(recipe: str) -> Asked:
    if not recipe.endswith(".toml"):
        return Asked(recipe)
    load_recipe(recipe)  # errors speak of the file
    return Asked(os.path.abspath(recipe), read_toml_text(recipe))


def _merged(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    by_key: dict[str, str] = {}
    for assignment in (*before, *now):
        key = assignment.partition("=")[0].strip()
        by_key.pop(key, None)
        by_key[key] = assignment
    return tuple(by_key.values())


def _remembered(index: str) -> Asked | None:
    text = open_index(index).read().attrs.get("asked") if index_exists(index) else None
    if text is None:
        return None
    found: dict[str, Any] = json.loads(str(text))
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Asked(**values)
