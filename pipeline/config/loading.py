"""From a TOML file and ``--set`` options to a validated `Recipe`, and errors that name the nearest right key."""

import difflib
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.config.recipe import Recipe
from pipeline.errors import RecipeError


def load_recipe(
    source: str = "",
    *,
    builtin: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read a recipe and change single settings of it.

    Parameters
    ----------
    source : str
        The path of a TOML file, or a name out of ``builtin``; empty for all defaults.
    builtin : mapping, optional
        Names of recipes that come with the program, and their TOML text.
    assignments : sequence of str
        ``stage.key=value`` as given to ``--set``. The value is TOML; what is no TOML is a string.
    overrides : mapping, optional
        ``"stage.key"`` to a Python value, as command-line options give them; applied last.

    Raises
    ------
    RecipeError
        No such recipe, no TOML, an unknown key (the message names the nearest right one), a wrong type.

    Examples
    --------
    >>> load_recipe(assignments=["pixels.size=96"]).pixels.size
    96
    """
    tables = _read_toml(source, builtin or {})
    for assignment in assignments:
        key, value = _parse_assignment(assignment)
        _assign(tables, key, value)
    for key, value in (overrides or {}).items():
        _assign(tables, key, value)
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        raise RecipeError(_explain(error, source or "(defaults)")) from error


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe with every setting written out, as TOML that `load_recipe` reads back."""
    lines: list[str] = []
    for key, value in recipe.model_dump(mode="json").items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *_toml_lines(value)]
        elif isinstance(value, list):
            for entry in value:
                lines += ["", f"[[{key}]]", *_toml_lines(entry)]
        else:
            lines.append(f"{key} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml_value(value)}" for key, value in table.items()]


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(_TOML_ESCAPES.get(c, c) if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_toml_value(k)} = {_toml_value(v)}" for k, v in value.items()) + " }" if value else "{}"
        )
    return repr(value)


_TOML_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def _read_toml(source: str, known: Mapping[str, str]) -> dict[str, Any]:
    if not source:
        return {}
    if source.endswith(".toml"):
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"The recipe {source} cannot be read: {error}.") from error
    else:
        if source not in known:
            raise RecipeError(
                f"There is no recipe {source!r}.{_did_you_mean(source, known)} Built in are "
                f"{', '.join(sorted(known))}; a file's name must end in .toml."
            )
        text = known[source]
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {source} is not valid TOML: {error}.") from error


def _parse_assignment(assignment: str) -> tuple[str, Any]:
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals or "." not in key:
        raise RecipeError(f"--set takes stage.key=value, for example pixels.size=96; got {assignment!r}.")
    try:
        return key, tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text.strip()


def _assign(tables: dict[str, Any], key: str, value: Any) -> None:
    """Set ``stage.key`` or, for one of several embeddings, ``embed.NAME.key``; ``embed.key`` sets it in all."""
    stage, *rest = key.split(".")
    if stage in ("embed", "autoencode"):
        entries = tables.setdefault(stage, [{}])
        entries = [entries] if isinstance(entries, dict) else entries
        if len(rest) == 2:
            named = [entry for entry in entries if _name_of(stage, entry) == rest[0]]
            if not named:
                raise RecipeError(f"--set {key}: no {stage} of the recipe is called {rest[0]!r}.")
            entries, rest = named, rest[1:]
        for entry in entries:
            entry[".".join(rest)] = value
        return
    table: Any = tables
    for part in (stage, *rest[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {key}: {part!r} is a value and has no keys.")
    table[rest[-1]] = value


def _name_of(stage: str, entry: Mapping[str, Any]) -> str:
    model = _model_at(Recipe, (stage,))
    default = model.model_fields["name"].default if model else ""
    return str(entry.get("name", default))


def _explain(error: ValidationError, source: str) -> str:
    """One readable paragraph about the first things that are wrong."""
    sentences = [_explain_one(detail) for detail in error.errors()[:3]]
    return f"The recipe {source} does not validate: " + " ".join(sentences)


def _explain_one(detail: Any) -> str:
    where = tuple(part for part in detail["loc"] if not isinstance(part, int))
    key = ".".join(str(part) for part in where) or "recipe"
    if detail["type"] == "extra_forbidden":
        model = _model_at(Recipe, where[:-1])
        known = list(model.model_fields) if model else []
        return f"there is no setting {key!r}.{_did_you_mean(str(where[-1]), known)} Known here: {', '.join(known)}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = "" if isinstance(detail["input"], dict | list) else f" (got {detail['input']!r})"
    return f"{key}: {message[:1].lower()}{message[1:]}{given}."


def _model_at(model: type[BaseModel], where: Sequence[Any]) -> type[BaseModel] | None:
    """The settings class that the keys ``where`` lead to."""
    for part in where:
        found = model.model_fields.get(str(part))
        inner = _settings_class(found.annotation) if found else None
        if inner is None:
            return None
        model = inner
    return model


def _settings_class(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _settings_class(part))), None)


def _did_you_mean(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
