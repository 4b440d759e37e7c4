"""semcorpus export: anonymous pictures, folders of labels or clusters, tables as CSV."""

from pathlib import Path
from typing import Any

import click

from jobs.listeners import open_listener
from jobs.options import engine_choice, engine_options, talk_options
from jobs.terminal import print_error, print_line

_SHOWN = 10


@click.command(
    epilog="Example: semcorpus export /indexes/sem /tmp/ward10 --clusters lite0-ward-k10 --crop-bar",
)
@click.argument("index")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--labels", metavar="SET", help="A folder for each label of this set, with JPG files.")
@click.option("--clusters", metavar="CLUSTERING", help="A folder for each cluster of this clustering, with JPG files.")
@click.option(
    "--tables",
    is_flag=True,
    help="The report's tables as CSV files (these hold the original paths). What a spreadsheet would take for a "
    "formula, or a terminal for an order, has an apostrophe in front and is escaped as in JSON.",
)
@click.option("--crop-bar", is_flag=True, help="Cut off data bars and print at head and foot, which may name people.")
@click.option("--only-sure", is_flag=True, help="With --crop-bar: leave out pictures that may still show print.")
@click.option("--jpeg-quality", type=click.IntRange(1, 100), default=90, show_default=True)
@engine_options
@talk_options
def command(index: str, out: Path, **options: Any) -> int:
    """Write pictures of INDEX into the new folder OUT: by default anonymous TIFF/JPG pairs named by MD5.

    Every picture is written anew as 8-bit gray, without the metadata of its file; a TIFF has its scale, as ImageJ and
    Fiji read it. manifest.csv lists name, size and scale. Run again, an export goes on where it was stopped. Exits with
    status 1 when a picture could not be read.
    """
    from pipeline.engine import Engines
    from pipeline.index.store import open_index
    from pipeline.operations.exporting import ExportSettings, export

    asked = [kind for kind in ("labels", "clusters", "tables") if options[kind]]
    if len(asked) > 1:
        raise click.UsageError(f"One export has one kind; got --{' and --'.join(asked)}.")
    kind = asked[0] if asked else "pairs"
    name = options[kind] if kind in ("labels", "clusters") else ""
    if options["only_sure"] and not options["crop_bar"]:
        raise click.UsageError("--only-sure goes with --crop-bar.")
    cut = {"crop_bar": options["crop_bar"], "only_sure": options["only_sure"]}
    settings = ExportSettings(kind, name, jpeg_quality=options["jpeg_quality"], **cut)  # type: ignore[arg-type]
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    with (
        open_listener(quiet=options["quiet"], log_json=options["log_json"]) as listener,
        Engines(choice, listener) as engines,
    ):
        found = export(open_index(index), out, settings, engines=engines, listener=listener)
    for line in found.unreadable[:_SHOWN]:
        print_error(line)
    if not (options["quiet"] or options["log_json"]):
        print_line(f"{found.files:,} files in {out}, {found.written:,} of them new")
        if found.unsure:
            left = "were left out" if options["only_sure"] else "may still show print; manifest.csv names them"
            print_line(f"{found.unsure:,} pictures {left}")
        if found.unreadable:
            print_line(f"{len(found.unreadable):,} pictures could not be read; run it again when they are back")
    return 1 if found.unreadable else 0
