"""semcorpus predict: the labels that a fine-tuned network gives, as a label set of their own."""

from pathlib import Path

import click

from jobs.catalogue import SUMMARIES
from jobs.options import format_option, talk_options
from jobs.terminal import print_json, print_line


@click.command(
    "predict",
    help=SUMMARIES["predict"],
    epilog="Example: semcorpus predict /indexes/sem predicted.csv --least 0.9, and then semcorpus run /data/sem "
    "/indexes/sem --labels predicted=predicted.csv",
)
@click.argument("index")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.csv")
@click.option("--name", default="finetuned", show_default=True, help="The embedding of the network.")
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Only labels with at least this confidence.",
)
@click.option("--labelled", is_flag=True, help="Also of pictures that have a label in the set that it learnt.")
@format_option
@talk_options
def command(
    index: str,
    output: Path,
    name: str,
    least: float,
    labelled: bool,
    form: str,
    quiet: bool,
    log_json: bool,
    debug: bool,
) -> None:
    from pipeline.index.store import open_index
    from pipeline.operations.predicting import predict, write_predictions
    from pipeline.operations.remembered import stored_recipe

    if output.suffix.lower() != ".csv":
        raise click.UsageError(f"A label set is a CSV file; name it .csv, not {output.suffix or 'without an ending'}.")
    opened = open_index(index)
    root = opened.read()
    found = predict(root, stored_recipe(opened), name, labelled=labelled)
    kept = found.at_least(least)
    write_predictions(root, kept, output)
    report = found.report
    if form == "json":
        print_json(
            {
                "network": found.network,
                "pictures": len(found.rows),
                "written": len(kept.rows),
                "held_out": int(report.confusion.sum()),
                "accuracy": report.accuracy,
                "temperature": report.temperature,
                "calibration_error": report.calibration_error,
                "uncalibrated_error": report.uncalibrated_error,
            }
        )
    elif not quiet:
        which = "" if labelled else " without a label"
        print_line(
            f"{len(kept.rows):,} of {len(found.rows):,} pictures{which} were given one by {found.network}. On "
            f"{int(report.confusion.sum()):,} held-out pictures {100 * report.accuracy:.1f}% were right, and the "
            f"confidence was off by {100 * report.calibration_error:.1f}% in the mean (expected calibration error; "
            f"{100 * report.uncalibrated_error:.1f}% before temperature {report.temperature:.2f})."
        )
