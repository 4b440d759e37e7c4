"""Write docs/recipes.md, docs/commands.md, docs/tables.md and docs/values.md from the code: ``make docs``."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jobs.catalogue import OWN_COMMAND, STAGES, SUMMARIES
from jobs.main import cli
from jobs.recipes import builtin_recipes
from pipeline.clustering_methods.base import ClusteringMethod, MethodSettings
from pipeline.clustering_methods.registry import METHODS
from pipeline.config import ClusterSettings, Recipe
from pipeline.config.loading import load_recipe
from pipeline.deployment.settings import KubernetesSettings, SlurmSettings
from pipeline.index.report_tables import arrow_type
from pipeline.map_methods.base import MapMethod
from pipeline.map_methods.registry import METHODS as MAP_METHODS
from pipeline.networks.base import CodeNetworkSettings, NetworkSettings, PictureNetworkSettings
from pipeline.networks.registry import networks_of
from pipeline.networks.selection import Selection
from pipeline.stages.registry import TABLES

FOLDER = Path(__file__).parent
_NOTE = "<!-- Written by docs/generate.py (`make docs`); edit the code instead. -->\n"


def recipes() -> str:
    """Every setting with its type, default and meaning."""
    lines = ["# Recipes", "", _NOTE, *_RECIPES_INTRODUCTION]
    for name, text in sorted(builtin_recipes().items()):
        lines.append(f"- `{name}`: {load_recipe(name, builtin={name: text}).description}.")
    for stage, field in Recipe.model_fields.items():
        if stage in _NETWORK_STAGES:
            lines += _networks(stage)
            continue
        model = _settings_of(field)
        if stage == "map":
            lines += ["", "## `[[map]]`", "", _MAPS_INTRODUCTION, *_methods(MAP_METHODS, "[[map]]")]
        if model is None:
            continue
        listed = field.annotation is not model
        heading = f"[[{stage}]]" if listed else f"[{stage}]"
        about = " ".join((model.__doc__ or "").split())
        lines += ["", f"## `{heading}`", "", about + (" There may be several, told apart by `name`." if listed else "")]
        lines += _settings_table(model)
        if model is ClusterSettings:
            lines += _methods(METHODS, "cluster.methods")
    return "\n".join(lines) + "\n"


_NETWORK_STAGES: dict[str, type[NetworkSettings]] = {"embed": PictureNetworkSettings, "autoencode": CodeNetworkSettings}


def _networks(stage: str) -> Iterator[str]:
    """The settings of every network of a stage."""
    entries = networks_of(_NETWORK_STAGES[stage])
    first: NetworkSettings = Recipe.model_fields[stage].default[0]
    what = "sees pictures" if stage == "embed" else "codes vectors"
    yield from ("", f"## `[[{stage}]]`", "")
    yield f"Each is a network that {what}, told apart by `name`. One without `network` is `{first.network}`."
    for entry in entries:
        yield from ("", f'### `network = "{entry.name}"` in `[[{stage}]]`', "")
        yield " ".join((entry.settings.__doc__ or "").split())
        yield from _settings_table(entry.settings, without=("network", "select"))
    if stage == "embed":
        yield from ("", "### `[embed.select]`", "", " ".join((Selection.__doc__ or "").split()))
        yield from _settings_table(Selection)


def _methods(methods: Iterable[ClusteringMethod | MapMethod], place: str) -> Iterator[str]:
    """The settings of every method of a table."""
    for entry in methods:
        yield from ("", f'### `{{method = "{entry.name}"}}` in `{place}`', "")
        yield " ".join((entry.settings.__doc__ or "").split())
        yield from _settings_table(entry.settings, without=("method",))


def _settings_table(model: type[BaseModel], *, without: Sequence[str] = ()) -> Iterator[str]:
    yield from ("", "| setting | default | what it may be | meaning |", "|---|---|---|---|")
    schema = model.model_json_schema()["properties"]
    for name, setting in model.model_fields.items():
        if name not in without:
            default = _cell(_toml(setting.get_default(call_default_factory=True)))
            allowed = _cell(_allowed(schema[name]))
            yield f"| `{name}` | {default} | {allowed} | {_sentence(setting.description)} |"


_MAPS_INTRODUCTION = (
    "Layouts of a set of vectors in few dimensions, told apart by `name`; without any, `tsne` of the first set. A "
    "clustering method takes a map's coordinates where its `vectors` name the map."
)

_RECIPES_INTRODUCTION = [
    "A recipe is a TOML file that says how the stages work. `semcorpus run CORPUS INDEX --recipe FILE.toml` takes it,",
    "`--set stage.key=value` changes one setting. What a recipe does not name keeps its default; an unknown key or a",
    "wrong type ends the run before it begins, and the message names the nearest right key. `[embed]`, `[autoencode]`",
    "and `[map]` may be written `[[embed]]` and repeated; then `--set embed.NAME.key=value` changes one of them.",
    "",
    "Built in:",
    "",
]


def _settings_of(field: FieldInfo) -> type[BaseModel] | None:
    """The settings class of a recipe's field, also where the field is a tuple of them."""
    annotation: Any = field.annotation
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _toml(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A method with all its defaults is written by its name."""
    return value.label if isinstance(value, MethodSettings) else list(value)


def _cell(text: str) -> str:
    return f"`{text}`" if text else ""


def _allowed(schema: dict[str, Any]) -> str:
    """What a setting may be, in a few words."""
    if "oneOf" in schema:
        return "name of a method, or a table of its settings"
    if "enum" in schema:
        return ", ".join(map(_toml, schema["enum"]))
    if "anyOf" in schema:
        return ", or ".join(map(_allowed, schema["anyOf"]))
    kind = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    if schema["type"] == "array":
        return f"list of: {_allowed(schema.get('items') or schema['prefixItems'][0])}"
    if schema["type"] == "object":
        return "table of names and texts"
    bounds = [
        f"{sign} {schema[key]:,}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return " ".join([kind[schema["type"]], " and ".join(bounds)]).strip()


def _sentence(text: str | None) -> str:
    return "" if not text else text[:1].upper() + text[1:].replace("|", "\\|") + "."


def commands() -> str:
    """The help of every command."""
    lines = ["# Commands", "", _NOTE, *_COMMANDS_INTRODUCTION, "", "```text", _help(cli, "semcorpus"), "```"]
    context = click.Context(cli, info_name="semcorpus")
    for name in SUMMARIES:
        command = cli.get_command(context, name)
        assert command is not None  # every name of the catalogue has its module
        plain = [stage for stage in STAGES if stage not in OWN_COMMAND]
        if name in plain[1:]:
            continue
        title = " \\| ".join(plain) if name in plain else name
        lines += ["", f"## semcorpus {title}", "", "```text", _help(command, f"semcorpus {name}"), "```"]
    return "\n".join(lines) + "\n"


_COMMANDS_INTRODUCTION = [
    "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Errors are one paragraph on standard error;",
    "with `--log-json` one line of JSON. Tables printed to a file or a pipe are never wrapped. The stage commands take",
    "the same options and work with the corpus and the settings that the index was last run with.",
]


def _help(command: click.Command, name: str) -> str:
    with click.Context(command, info_name=name, max_content_width=100, terminal_width=100) as context:
        context.help_option_names = ["-h", "--help"]
        return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def tables() -> str:
    """Every column of every table of a report."""
    lines = ["# Tables of a report", "", _NOTE, *_TABLES_INTRODUCTION]
    for table in TABLES:
        if table.report is not None:
            lines += ["", f"## {table.name}", "", table.meaning, "", "| column | type | meaning |", "|---|---|---|"]
            lines += [f"| `{c.name}` | {_type(arrow_type(c))} | {c.meaning} |" for c in table.reported]
    return "\n".join(lines) + "\n"


_TABLES_INTRODUCTION = [
    "Each is a Parquet file in `INDEX/reports/`, stamped with the commit that it was made from (`semcorpus.commit` in",
    "the file's metadata). `image` is the row in the store's `images` arrays and stays the same for ever. A null means",
    "that the value is not known or does not exist; the stage that would give it may not have run.",
]


def _type(kind: pa.DataType) -> str:
    return str(kind).replace("list<element: ", "list of ").replace("list<item: ", "list of ").removesuffix(">")


def values() -> str:
    """What `semcorpus submit` may be told, with its default and meaning."""
    lines = ["# Values of a site", "", _NOTE, *_VALUES_INTRODUCTION]
    for table, model in (("slurm", SlurmSettings), ("kubernetes", KubernetesSettings)):
        lines += ["", f"## `[{table}]`", "", "| value | default | meaning |", "|---|---|---|"]
        for name, setting in model.model_fields.items():
            default = _cell(_toml(setting.get_default(call_default_factory=True)))
            lines.append(f"| `{name}` | {default} | {_sentence(setting.description)} |")
    return "\n".join(lines) + "\n"


_VALUES_INTRODUCTION = [
    "What `semcorpus submit` puts into the files of `deploy/`: from a TOML file (`--values site.toml`) with these two",
    "tables, and single ones by `--set key=value`. Docs: [deploy.md](deploy.md).",
]


def pages() -> Iterator[tuple[Path, str]]:
    """The files and what they should hold."""
    for name, text in (("recipes", recipes()), ("commands", commands()), ("tables", tables()), ("values", values())):
        yield FOLDER / f"{name}.md", text


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
