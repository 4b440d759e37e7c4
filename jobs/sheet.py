"""semcorpus sheet: contact sheets of clusters or of chosen images."""

from pathlib import Path

import click

from jobs.catalogue import SUMMARIES
from jobs.options import format_option, map_options, talk_options
from jobs.terminal import print_json, print_line


@click.command(
    "sheet",
    help=SUMMARIES["sheet"],
    epilog="Example: semcorpus sheet /indexes/sem sheets/ --clustering lite0-kmeans-k7 or "
    "semcorpus sheet /indexes/sem some.png eva/img_0042.tif eva/img_0043.tif --map",
)
@click.argument("index")
@click.argument("output", type=click.Path(path_type=Path), metavar="FOLDER|OUT.png")
@click.argument("images", nargs=-1, metavar="[MD5|PATH]...")
@click.option("--clustering", default="", metavar="NAME", help="Write a sheet a cluster of it to FOLDER.")
@click.option("--cluster", "clusters", type=int, multiple=True, help="Only this one; -1: what is in none. Repeatable.")
@click.option(
    "--most", type=click.IntRange(min=1), default=24, show_default=True, help="Pictures a sheet of a cluster."
)
@click.option(
    "--map",
    "mapped",
    is_flag=True,
    help="Beside each picture, where the network answers: along a component, or with --class for a class (Grad-CAM).",
)
@map_options
@format_option
@talk_options
def command(
    index: str,
    output: Path,
    images: tuple[str, ...],
    clustering: str,
    clusters: tuple[int, ...],
    most: int,
    mapped: bool,
    vectors: str,
    component: int,
    label: str | None,
    form: str,
    quiet: bool,
    log_json: bool,
    debug: bool,
) -> None:
    from pipeline.index.store import open_index
    from pipeline.operations.contact_sheets import cluster_sheets, images_sheet, write_cluster_sheets, write_sheet
    from pipeline.operations.lookup import image_row
    from pipeline.operations.remembered import stored_recipe
    from pipeline.operations.seeing import Sight

    if bool(images) == bool(clustering):
        raise click.UsageError("Name either images or a --clustering.")
    if images and output.suffix.lower() != ".png":
        raise click.UsageError(f"A sheet is a PNG file; name it .png, not {output.suffix or 'without an ending'}.")
    opened = open_index(index)
    root, recipe = opened.read(), stored_recipe(opened)
    see = Sight(root, recipe, vectors, component=component, label=label) if mapped else None
    if images:
        rows = [image_row(opened, image) for image in images]
        write_sheet(images_sheet(root, recipe, f"{len(rows)} images", rows, see=see), output)
        written = [str(output)]
    else:
        sheets = cluster_sheets(root, recipe, clustering, clusters=clusters, most=most, see=see)
        written = [str(place) for place in write_cluster_sheets(sheets, output).values()]
    if form == "json":
        print_json({"sheets": written})
    elif not quiet:
        print_line(f"Wrote {', '.join(written)}." if len(written) < 4 else f"Wrote {len(written)} sheets to {output}.")
