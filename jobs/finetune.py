"""semcorpus finetune: teach a network a label set of the index, and embed all pictures with it."""

import json
from typing import TYPE_CHECKING

import click

from jobs.catalogue import SUMMARIES
from jobs.options import (
    Option,
    Options,
    engine_choice,
    engine_options,
    settings_option,
    talk_options,
    trust_options,
    watch_options,
)
from jobs.terminal import print_line, print_table

if TYPE_CHECKING:
    from pipeline.config import Recipe
    from pipeline.models.fine_tuning import ClassReport


# What a network learns from is brought up to date first: an older index has no pictures of these settings.
_STAGES = ("labels", "scale", "pixels", "embed")


@click.command(
    "finetune",
    help=SUMMARIES["finetune"],
    epilog="Example: semcorpus finetune /indexes/sem --labels classes --layers all",
)
@click.argument("index")
@click.option("--labels", required=True, metavar="SET", help="The label set that it learns.")
@click.option(
    "--judge", metavar="SET", default="", help="The label set that it is judged on [a share of each class of SET]."
)
@click.option(
    "--layers",
    type=click.Choice(["last", "all"]),
    default="last",
    show_default=True,
    help="The last layer alone, or all of them.",
)
@click.option("--keep-head", is_flag=True, help="Keep the head it came with: class i is output i.")
@click.option("--name", default="finetuned", show_default=True, help="What the embedding is called.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the report."
)
@settings_option
@engine_options
@trust_options
@watch_options
@talk_options
def command(index: str, **options: Option) -> None:
    from jobs.working import open_work
    from pipeline.index.store import open_index
    from pipeline.job import run_stages
    from pipeline.operations.fine_tuned import fine_tuned_report
    from pipeline.operations.remembered import stored_corpus, stored_recipe

    opened = open_index(index)
    recipe = _with_network(stored_recipe(opened), options)
    options["networks"] = (options["name"],)  # the others of the recipe wait for the next run
    choice = engine_choice(options["engines"], options["workers"], options["dask"], options["ray"])
    with open_work(stored_corpus(opened), index, recipe, options, engines=choice) as runner:
        result = run_stages(runner, _STAGES)
    report = fine_tuned_report(result.index, recipe, options["name"])
    if options["form"] == "json":
        print_line(json.dumps(_as_json(report)))
    elif not options["quiet"]:
        _print(report)


def _with_network(recipe: "Recipe", options: Options) -> "Recipe":
    """The recipe with the network as its last embedding, or in place of one of that name."""
    from pipeline.config import load_recipe, recipe_to_toml
    from pipeline.networks.finetuned import FinetunedSettings

    wanted = FinetunedSettings(
        name=options["name"],
        labels=options["labels"],
        judged=options["judge"],
        layers=options["layers"],
        keep_head=options["keep_head"],
    )
    others = tuple(settings for settings in recipe.embed if settings.name != wanted.name)
    text = recipe_to_toml(recipe.model_copy(update={"embed": (*others, wanted)}))
    return load_recipe("stored", builtin={"stored": text}, assignments=options["assignments"])


def _as_json(report: "ClassReport") -> dict[str, object]:
    names = ("class", "pictures", "precision", "recall", "f1")
    return {
        "accuracy": report.accuracy,
        "temperature": report.temperature,
        "calibration_error": report.calibration_error,
        "classes": [dict(zip(names, row, strict=True)) for row in report.rows()],
        "confusion": report.confusion.tolist(),
    }


def _print(report: "ClassReport") -> None:
    cells = [[name, str(n), f"{p:.3f}", f"{r:.3f}", f"{f:.3f}"] for name, n, p, r, f in report.rows()]
    numbers = ["held out", "precision", "recall", "F1"]
    print_table(["class", *numbers], cells, right=frozenset(numbers))
    confused = [
        (int(report.confusion[i, j]), report.classes[i], report.classes[j])
        for i in range(len(report.classes))
        for j in range(len(report.classes))
        if i != j and report.confusion[i, j]
    ]
    for count, true, given in sorted(confused, reverse=True)[:10]:
        print_line(f"{count} of {true} taken for {given}")
    print_line(
        f"{100 * report.accuracy:.1f}% of {int(report.confusion.sum())} held-out pictures were given their class."
    )
