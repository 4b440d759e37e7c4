"""semcorpus codes: how well codes can be turned back, in figures and a list of outliers."""

from pathlib import Path

import click

from jobs.options import format_option, talk_options
from jobs.terminal import print_json, print_line


@click.command(epilog="Example: semcorpus codes /indexes/sem codes/ --name sae")
@click.argument("index")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", default="", metavar="CODES", help="Which set of codes [the first of the recipe].")
@format_option
@talk_options
def command(index: str, folder: Path, name: str, form: str, quiet: bool, log_json: bool, debug: bool) -> None:
    """Write to FOLDER how well the codes of INDEX can be turned back into their vectors.

    Figures of the losses by epoch, of vectors beside their reconstructions, of the codes by pairs, of the errors beside
    those of as many principal components, and of the pictures that lose most; outliers.csv has all pictures, the worst
    first.
    """
    from pipeline.index.store import open_index
    from pipeline.operations.code_figures import write_code_figures

    found = write_code_figures(open_index(index), name, folder)
    mean, components = float(found.errors.mean()), float(found.of_components.mean())
    if form == "json":
        print_json(
            {"codes": found.name, "pictures": len(found.errors), "error": mean, "error_of_components": components}
        )
    elif not quiet:
        print_line(
            f"{found.name} loses {mean:.3g} of {len(found.errors):,} vectors {found.vectors}, as many principal "
            f"components {components:.3g}. Figures and outliers.csv are in {folder}."
        )
