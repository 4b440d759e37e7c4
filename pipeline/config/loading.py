"""From a TOML file and ``--set`` options to a validated `Recipe`, and errors that name the nearest right key."""

import difflib
import json
import tomllib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.clustering_methods.registry import METHODS
from pipeline.config.recipe import ClusterSettings, Recipe
from pipeline.config.toml_file import parse_toml, read_toml_text
from pipeline.errors import RecipeError
from pipeline.map_methods.registry import METHODS as MAP_METHODS
from pipeline.networks.base import NetworkSettings
from pipeline.networks.cae import CaeSettings
from pipeline.networks.registry import NETWORKS
from pipeline.networks.timm_backbone import TimmSettings

Tables = dict[str, Any]
"""A recipe as TOML has it, before it is validated."""


def load_recipe(
    source: str = "",
    *,
    builtin: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, object] | None = None,
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
    return _validate(tables, source or "(defaults)")


def change_recipe(recipe: Recipe, overrides: Mapping[str, object]) -> Recipe:
    """The recipe with single settings (``"stage.key"`` to a value) changed, validated like one that is read.

    Raises
    ------
    RecipeError
        As `load_recipe`.
    """
    tables = recipe.model_dump(mode="json")
    for key, value in overrides.items():
        _assign(tables, key, value)
    return _validate(tables, recipe.name)


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe with every setting written out, as TOML that `load_recipe` reads back."""
    top, below = [], []  # TOML wants all plain values before the first table
    for key, value in recipe.model_dump(mode="json").items():
        if isinstance(value, dict):
            below += ["", f"[{key}]", *_toml_lines(value)]
        elif isinstance(value, list) and value:
            for entry in value:
                below += ["", f"[[{key}]]", *_toml_lines(entry)]
        else:
            top.append(f"{key} = {_toml_value(value)}")
    return "\n".join(top + below) + "\n"


def _validate(tables: Mapping[str, object], source: str) -> Recipe:
    """Validate without conversions: as JSON, since only from JSON does a strict model take arrays for tuples."""
    try:
        text = json.dumps(_with_networks(_with_methods(_with_lists(tables))), default=str, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RecipeError(
            f"The recipe {source} does not validate: a setting holds bytes that are not UTF-8 text "
            f"({error.object[max(0, error.start - 40) : error.end + 40]!r}). Rename what it points to."
        ) from error
    try:
        return Recipe.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise RecipeError(_explain(error, source)) from error


def _with_lists(tables: Mapping[str, object]) -> Tables:
    """A single table stands for a list of one, so that ``[embed]`` and ``[[embed]]`` are both accepted."""
    return {k: [v] if k in _LISTED and isinstance(v, dict) else v for k, v in tables.items()}


def _with_methods(tables: Tables) -> Tables:
    """In ``cluster.methods`` and ``subdivide.method`` a name stands for the method with its defaults.

    Recipes of indexes of format 1 hold two settings beside ``methods`` that are now those of a method.
    """
    cluster, trees = tables.get("cluster"), tables.get("subdivide")
    if isinstance(trees, list):
        named = [isinstance(tree, dict) and isinstance(tree.get("method"), str) for tree in trees]
        trees = [t | {"method": {"method": t["method"]}} if by else t for t, by in zip(trees, named, strict=True)]
        tables = {**tables, "subdivide": trees}
    if not isinstance(cluster, dict):
        return tables
    kept = {key: value for key, value in cluster.items() if key not in _FORMER}
    former = [(*_FORMER[key], cluster[key]) for key in _FORMER if key in cluster]
    methods = kept.get("methods")
    if former and methods is None:
        methods = [settings.method for settings in ClusterSettings().methods]
    if isinstance(methods, list):
        kept["methods"] = [_method_table(entry, former) for entry in methods]
    return {**tables, "cluster": kept}


def _method_table(entry: Any, former: Sequence[tuple[str, str, object]]) -> object:
    if not isinstance(entry, str):
        return entry
    return {"method": entry} | {name: value for method, name, value in former if method == entry}


_FORMER = {
    "density_neighbours": ("density_peaks", "density_neighbours"),
    "max_hierarchical": ("ward", "max_points"),
}


def _with_networks(tables: Tables) -> Tables:
    """An entry that names no network is of the first one of its stage, or as older recipes put it.

    Those said ``model = "autoencoder"`` for `cae`; as an index keeps them, they hold the settings of both networks.
    """
    return tables | {stage: _network_tables(stage, tables[stage]) for stage in _WITH_NETWORKS if stage in tables}


def _network_tables(stage: str, entries: object) -> object:
    if not isinstance(entries, list):
        return entries
    return [_network_table(stage, entry) if isinstance(entry, dict) else entry for entry in entries]


def _network_table(stage: str, entry: Tables) -> Tables:
    if "network" in entry:
        return entry
    if stage != "embed":
        return {"network": _default_network(stage).network} | entry
    kept = dict(entry)
    former = {"code_size", "weights", "runtime"} <= set(entry)
    settings: type[BaseModel] = TimmSettings
    if entry.get("model") == _FORMER_CAE:
        settings, former = CaeSettings, True
        if entry.get("weights"):
            raise RecipeError(
                "embed.weights: the autoencoder is trained on the corpus and takes none; name a model of timm."
            )
        kept = {"name": "lite0"} | kept  # what it was called where nothing was said
        kept.pop("model")
    if former:
        kept = {key: value for key, value in kept.items() if key in settings.model_fields or key not in _FORMER_EMBED}
    return {"network": settings.model_fields["network"].default} | kept


def _default_network(stage: str) -> NetworkSettings:
    """What an entry is that names no network."""
    found: NetworkSettings = Recipe.model_fields[stage].default[0]
    return found


_FORMER_CAE = "autoencoder"
_FORMER_EMBED = {*TimmSettings.model_fields, *CaeSettings.model_fields}
_WITH_NETWORKS = ("embed", "autoencode")
_LISTED = ("embed", "autoencode", "map", "subdivide")  # of which a recipe may hold several, told apart by names


def _toml_lines(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {_toml_value(value)}" for key, value in table.items()]


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(map(_toml_character, value)) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml_value(key)} = {_toml_value(entry)}" for key, entry in value.items()) + "}"
    return repr(value)


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _read_toml(source: str, known: Mapping[str, str]) -> Tables:
    if not source:
        return {}
    if source.endswith(".toml"):
        try:
            text = read_toml_text(source)
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"The recipe {source} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from error
    else:
        if source not in known:
            raise RecipeError(
                f"There is no recipe {source!r}.{_did_you_mean(source, known)} Built in are "
                f"{', '.join(sorted(known))}; a file's name must end in .toml."
            )
        text = known[source]
    try:
        return parse_toml(text)
    except ValueError as error:
        raise RecipeError(f"The recipe {source} is not valid TOML: {error}.") from error


def _parse_assignment(assignment: str) -> tuple[str, object]:
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals or "." not in key:
        raise RecipeError(f"--set takes stage.key=value, for example pixels.size=96; got {assignment!r}.")
    try:
        return key, parse_toml(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text.strip()
    except ValueError as error:
        raise RecipeError(f"--set {key}: {error}.") from error


def _assign(tables: Tables, key: str, value: object) -> None:
    """Set ``stage.key`` or, for one of several embeddings, ``embed.NAME.key``; ``embed.key`` sets it in all."""
    stage, *rest = key.split(".")
    targets = _entries(tables, stage, ".".join(rest[:-1]), key) if stage in _LISTED else [tables]
    for table in targets:
        for part in () if stage in _LISTED else (stage, *rest[:-1]):
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise RecipeError(f"--set {key}: {part!r} is a value and has no keys.")
        table[rest[-1]] = value


def _entries(tables: Tables, stage: str, name: str, key: str) -> list[Tables]:
    """The entries of a stage such as ``[[embed]]`` that are called ``name``; all of them without a name."""
    entries = tables.setdefault(stage, [{}])
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecipeError(f"--set {key}: {stage!r} is a value and has no keys; write [[{stage}]] in the recipe.")
    if not entries and not Recipe.model_fields[stage].get_default(call_default_factory=True):
        entries = tables[stage] = [{}]
    if not entries:
        raise RecipeError(f"--set {key}: the recipe has no {stage}.")
    names = [str(entry.get("name", _default_name(stage, entry))) for entry in entries]
    if name and name not in names:
        raise RecipeError(
            f"--set {key}: no {stage} of the recipe is called {name!r}.{_did_you_mean(name, names)} "
            f"There are {', '.join(names)}."
        )
    return [entry for entry, its_name in zip(entries, names, strict=True) if name in ("", its_name)]


def _default_name(stage: str, entry: Mapping[str, Any]) -> str:
    """What an entry without a name is called: as its network, or its method of laying out, is by default."""
    if stage in _WITH_NETWORKS:
        network = _network_table(stage, dict(entry))["network"]
        model: type[BaseModel] = _NETWORK_SETTINGS.get(network, type(_default_network(stage)))
    elif stage == "map":
        layouts = {method.name: method.settings for method in MAP_METHODS}
        model = layouts.get(entry.get("method", ""), MAP_METHODS[0].settings)
    else:
        found = _model_at(Recipe, (stage,))
        assert found is not None  # the stage is a list of settings
        model = found
    return str(model.model_fields["name"].default)


def _explain(error: ValidationError, source: str) -> str:
    """One readable paragraph about the first things that are wrong."""
    sentences = [_explain_one(detail) for detail in error.errors()[:3]]
    return f"The recipe {source} does not validate: " + " ".join(sentences)


def _explain_one(detail: Any) -> str:
    where = tuple(part for part in detail["loc"] if not isinstance(part, int) and part != "[key]")
    key = (
        ".".join(str(part) for part in where if part not in _NETWORK_SETTINGS or where[0] not in _WITH_NETWORKS)
        or "recipe"
    )
    if detail["type"] == "extra_forbidden":
        model = _model_at(Recipe, where[:-1])
        known = list(model.model_fields) if model else []
        return f"there is no setting {key!r}.{_did_you_mean(str(where[-1]), known)} Known here: {', '.join(known)}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] in ("model_type", "model_attributes_type") or (detail["type"] == "dict_type" and key in _LISTED):
        message = f"a table of settings is needed, for example {_example(key)}"
    given = "" if isinstance(detail["input"], dict | list) else f" (got {detail['input']!r})"
    return f"{key}: {message[:1].lower()}{message[1:]}{given}."


def _example(key: str) -> str:
    return f"[[{key}]]" if key in _LISTED else f"[{key}]"


def _model_at(model: type[BaseModel], where: Sequence[object]) -> type[BaseModel] | None:
    """The settings class that the keys ``where`` lead to."""
    for part in where:
        found = model.model_fields.get(str(part))
        inner = _settings_class(found.annotation) if found else _VARIANTS.get(str(part))
        if inner is None:
            return None
        model = inner
    return model


_NETWORK_SETTINGS: dict[str, type[BaseModel]] = {entry.name: entry.settings for entry in NETWORKS}
_VARIANTS = _NETWORK_SETTINGS | {entry.name: entry.settings for entry in METHODS}


def _settings_class(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _settings_class(part))), None)


def _did_you_mean(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
