"""Options that several commands share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline.engine import EngineChoice

Option = Any
"""What click hands over for an option: its declaration says of which type."""

Options = Mapping[str, Option]
Command = TypeVar("Command", bound=Callable[..., object])


def talk_options(command: Command) -> Command:
    """--quiet, --log-json, --debug."""
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error too."),
        click.option("--log-json", is_flag=True, help="Progress and errors as lines of JSON on standard error."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    ):
        command = option(command)
    return command


def engine_options(command: Command) -> Command:
    """--engines, --workers, --dask, --ray."""
    for option in (
        click.option("--ray", metavar="ADDRESS", help="Join a Ray cluster: auto, or HOST:PORT from inside it."),
        click.option("--dask", metavar="URL", help="Use a Dask scheduler: tcp://HOST:PORT or a scheduler file."),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Worker processes of an engine started here [one a core]; on a cluster, wait for so many.",
        ),
        click.option(
            "--engines",
            metavar="local|dask,ray",
            help="local: one process; dask,ray: use these whatever the amount of work [by the amount of work].",
        ),
    ):
        command = option(command)
    return command


def watch_options(command: Command) -> Command:
    """--wait, --metrics, --metrics-file."""
    for option in (
        click.option(
            "--metrics-file",
            type=click.Path(path_type=Path),
            metavar="FILE.prom",
            help="Write Prometheus metrics there too, for the node exporter's text collector.",
        ),
        click.option(
            "--metrics", metavar="[HOST:]PORT", help="Serve Prometheus metrics while it runs [on this machine only]."
        ),
        wait_option("Wait so long while another run writes the index, instead of ending at once."),
    ):
        command = option(command)
    return command


def wait_option(text: str) -> Callable[[Command], Command]:
    """--wait, with its help."""
    return click.option(
        "--wait", "wait_seconds", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help=text
    )


def trust_options(command: Command) -> Command:
    """--accept-removals, --rehash."""
    for option in (
        click.option("--rehash", is_flag=True, help="Read all files again, whatever their sizes and times say."),
        click.option("--accept-removals", is_flag=True, help="Go on although many files have vanished."),
    ):
        command = option(command)
    return command


def settings_option(command: Command) -> Command:
    """--set."""
    return click.option(
        "--set", "assignments", multiple=True, metavar="STAGE.KEY=VALUE", help="Change one setting; repeatable."
    )(command)


format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or machines.",
)


def map_options(command: Command) -> Command:
    """--vectors, --component, --class: which answers of a network a map shows."""
    for option in (
        click.option("--class", "label", metavar="CLASS", help="A class that it has learnt, or the number of a score."),
        click.option("--component", type=click.IntRange(min=1), default=1, show_default=True, help="Which, for --map."),
        click.option(
            "--vectors", default="", metavar="NAME", help="The network's embedding [the first by one of timm]."
        ),
    ):
        command = option(command)
    return command


def engine_choice(engines: str | None, workers: int | None, dask: str | None, ray: str | None) -> EngineChoice:
    """From the options to what `pipeline.engine` understands."""
    return EngineChoice.parse(engines, workers=workers or 0, dask=dask, ray=ray)


def parse_label_sets(labels: tuple[str, ...]) -> dict[str, str]:
    """``NAME=PATH`` options as a dict."""
    pairs = {}
    for text in labels:
        name, equals, place = text.partition("=")
        if not equals or not name or not place:
            raise click.UsageError(f"--labels takes NAME=PATH, for example classes=share/labels; got {text!r}.")
        pairs[name] = place
    return pairs
