"""The whole job: from a folder of files to an index with reports."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipeline.config import STAGE_NAMES, Recipe, change_recipe, load_recipe, recipe_to_toml
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice, Engines, ReportPlace
from pipeline.errors import EmptyCorpusError, StageError, UsageError
from pipeline.index.lock.writer import writer_lock
from pipeline.index.reports import read_report_table
from pipeline.index.run_folders import write_run_file
from pipeline.index.store import Index, create_index, index_exists, open_index
from pipeline.index.tables import table_length
from pipeline.networks.registry import network_of
from pipeline.operations.change_summary import to_markdown
from pipeline.operations.changes import Changes, changes_between, find_base
from pipeline.operations.last_summary import LastSummary, keep_summary
from pipeline.operations.moving import check_same_corpus
from pipeline.operations.remembered import changed_settings, stored_label_sets, stored_recipe
from pipeline.parts import check_stages, missing_modules
from pipeline.progress import (
    Listener,
    Note,
    RunStarted,
    Several,
    Silent,
    StageFinished,
    StageStarted,
    TaskDone,
    Telling,
    new_run_id,
)
from pipeline.runtime.execute import Runner
from pipeline.runtime.plan import RunOptions
from pipeline.runtime.stopping import StopRequest
from pipeline.stages.files.ledger import read_files
from pipeline.stages.registry import STAGES, TABLES
from pipeline.stages.report.write import needs_writing, write_report
from pipeline.storage.location import Location

WALK, PAIR, ARRAYS, REPORT = "walk", "pair", "arrays", "report"

# Rows a shard by the number of files when the index is made: many small shards keep all workers busy on a small
# corpus, few large ones keep the store light on a large one.
_SHARD_ROWS = ((2_000, 32), (200_000, 128))
_LARGEST_SHARD_ROWS = 1024


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to; ``changes`` is None where it wrote nothing or no report was asked for."""

    index: Index
    stages: tuple[StageFinished, ...]
    report_written: bool
    changes: Changes | None = None

    def table(self, name: str) -> pa.Table:
        """A table of the report."""
        return read_report_table(self.index.location, name)


def run(
    corpus: str | os.PathLike[str],
    index: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    label_sets: Mapping[str, str] | None = None,
    engines: EngineChoice | None = None,
    until: str | None = None,
    options: RunOptions | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Bring an index up to date with its corpus, doing only what is missing.

    Parameters
    ----------
    corpus : str or path
        Folder or fsspec URL of the images; never written to.
    index : str or path
        Folder or ``s3://`` prefix of the index; made when it does not exist.
    recipe : Recipe, optional
        Settings; default those of `pipeline.config`.
    label_sets : mapping of str to str, optional
        Further label sets: name to folder or CSV file.
    engines : EngineChoice, optional
        Where the work runs; default by the amount of work.
    until : str, optional
        Stop after this stage; from `pair` on what is there is reported.
    options : RunOptions, optional
        What is asked of this run only; default nothing.
    listener : Listener, optional
        Told of progress.

    Raises
    ------
    SemcorpusError
        Whatever ended the run; the index is as it was after its last commit.

    Examples
    --------
    >>> result = run("share/sem", "index")                       # doctest: +SKIP
    >>> result.table("images").num_rows                          # doctest: +SKIP
    """
    recipe = with_label_sets(recipe or load_recipe(), label_sets or {}, index)
    with open_runner(
        Corpus(os.fspath(corpus), recipe.corpus),
        index,
        recipe,
        engines=engines or EngineChoice(),
        listener=listener or Silent(),
        options=options,
    ) as runner:
        return run_stages(runner, stages_to_run(recipe, until))


def with_label_sets(recipe: Recipe, label_sets: Mapping[str, str], location: str | os.PathLike[str]) -> Recipe:
    """The recipe with more label sets; local places become absolute, so that a later run finds them.

    Where neither names any, the index at ``location`` goes on with those of its last run.
    """
    if not (recipe.labels.sets or label_sets):
        label_sets = stored_label_sets(location)
    sets = {**recipe.labels.sets, **label_sets}
    placed = {
        name: place if "://" in place else str(Path(place).expanduser().absolute()) for name, place in sets.items()
    }
    for name, place in placed.items():
        if "://" not in place and not Path(place).exists():
            raise UsageError(
                f"There is no label set {name!r} at {place}. Check the path; a label set is a folder with a folder per "
                "class in it, or a CSV file."
            )
    return change_recipe(recipe, {"labels.sets": placed})


def stages_to_run(recipe: Recipe, until: str | None = None) -> tuple[str, ...]:
    """The recipe's stages in the order of the pipeline, up to one of them; once pictures are paired, what is there is
    reported in any case. ``arrays`` is none of a heap of pictures.

    Raises
    ------
    UsageError
        There is no such stage.
    MissingPartError
        One of them needs what is not installed.
    """
    last = STAGE_NAMES.index(check_stage(until)) if until else len(STAGE_NAMES)
    idle = () if recipe.arrays.asked else (ARRAYS,)
    names = [n for at, n in enumerate(STAGE_NAMES) if n in recipe.run.stages and at <= last and n not in idle]
    if REPORT in recipe.run.stages and REPORT not in names and PAIR in names:
        names.append(REPORT)
    check_stages(names)
    return tuple(names)


def check_stage(name: str) -> str:
    """The stage's name, if there is such a stage."""
    if name not in STAGE_NAMES:
        raise UsageError(f"There is no stage {name!r}; the stages are {', '.join(STAGE_NAMES)}.")
    return name


@contextmanager
def open_runner(
    corpus: Corpus,
    location: str | os.PathLike[str],
    recipe: Recipe,
    *,
    engines: EngineChoice,
    listener: Listener,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
) -> Iterator[Runner]:
    """Lock the index, make it where it does not exist, and hold engines ready."""
    options = options or RunOptions()
    corpus.check()
    _check_separate(corpus, Location.parse(location))
    if not missing_modules("networks"):  # without them no stage runs that needs weights: see check_stages
        _check_weights(recipe)
        if not index_exists(location):
            _check_hub(recipe)
    if not index_exists(location):
        _check_creatable(Location.parse(location))

    def note(text: str) -> None:
        teller.tell(Note(text))

    teller = listener
    with writer_lock(Location.parse(location), wait_seconds=options.wait_seconds, waiting=note) as lease:
        index = _open_or_create(corpus, location, recipe)
        index.history()  # what is damaged there ends the run now, and not when its report looks back
        run_id, listener = new_run_id(), Several(listener, Telling(lease.tell))
        listener.tell(RunStarted(run_id, index.url, corpus.url, index.commit))
        for text in remember(index, corpus, recipe, options):
            note(text)
        report = ReportPlace(
            partial(write_run_file, index.location, run_id), f"Run {run_id} of semcorpus on {index.url}", note
        )
        with Engines(engines, listener, report=report) as opened:
            yield Runner(
                index,
                corpus,
                recipe,
                opened,
                listener,
                options=options,
                run_id=run_id,
                guard=lease.check,
                stop=stop or StopRequest(),
            )


def run_stages(runner: Runner, names: tuple[str, ...]) -> RunResult:
    """Run the stages of these names, in the order of the pipeline."""
    finished = []
    for stage in STAGES:
        if stage.name in names:
            finished.append(runner.run(stage))
            if stage.name == (ARRAYS if runner.recipe.arrays.asked else WALK):
                _check_images(runner)
    written = False
    if REPORT in names:
        if not table_length(runner.index.read(), "files"):
            raise StageError(
                f"Nothing has been walked yet in {runner.index.url}; run `semcorpus run CORPUS INDEX` first."
            )
        written = needs_writing(runner.index, runner.recipe)
        if written:
            runner.stop.check(f"before {REPORT}")
        began = time.monotonic()
        if written:
            runner.listener.tell(StageStarted(REPORT, "", 1, 1, "local"))
            write_report(runner.index, runner.recipe, TABLES)
            runner.listener.tell(TaskDone(REPORT, 1, seconds=time.monotonic() - began))
        seconds = time.monotonic() - began
        runner.listener.tell(StageFinished(REPORT, int(written), int(written), 0, seconds, runner.index.commit, {}))
    changes = _write_changes(runner) if REPORT in names else None
    return RunResult(runner.index, tuple(finished), written, changes)


def _write_changes(runner: Runner) -> Changes | None:
    """Leave the summary of what changed since the last one in ``reports/runs/``; None where this run did nothing."""
    if not any(commit.metadata.get("run") == runner.run_id for commit in runner.index.history()):
        return None
    found = changes_between(runner.index, find_base(runner.index, None))
    page = to_markdown(found, title=runner.recipe.report.title)
    write_run_file(runner.index.location, runner.run_id, "changes.md", page.encode())
    keep_summary(runner.index.location, LastSummary(found.since, runner.index.work_commit, runner.run_id))
    return found


def _open_or_create(corpus: Corpus, location: str | os.PathLike[str], recipe: Recipe) -> Index:
    if index_exists(location):
        return open_index(location)
    files = corpus.count(_SHARD_ROWS[-1][0])
    if not files:
        raise EmptyCorpusError(f"There are no files in {corpus.url} that this recipe takes; no index was made.")
    shard_rows = recipe.index.shard_rows or next(
        (rows for most, rows in _SHARD_ROWS if files < most), _LARGEST_SHARD_ROWS
    )
    return create_index(location, attributes={"shard_rows": shard_rows})


def remember(index: Index, corpus: Corpus, recipe: Recipe, options: RunOptions) -> list[str]:
    """Keep corpus and recipe in the index, so that later commands need neither; no commit without a change.

    Returns what is to be said: which settings are others than before.
    """
    wanted = {"corpus": corpus.url, "recipe": recipe_to_toml(recipe)}
    wanted |= {"asked": options.asked} if options.asked else {}
    root = index.read()
    check_corpus(index, corpus, recipe, moved=options.corpus_moved)
    if {name: root.attrs.get(name) for name in wanted} == wanted:
        return []
    changed = changed_settings(stored_recipe(index), recipe) if "recipe" in root.attrs else []
    transaction = index.begin()
    transaction.root.attrs.update(wanted)
    transaction.commit("settings", {"stage": "settings", "kind": "layout", "recipe": recipe.name})
    if not changed:
        return []
    shown = "; ".join(changed[:8]) + (f"; and {len(changed) - 8} more" if len(changed) > 8 else "")
    return [f"Settings that are others than before, so that what rests on them is made anew: {shown}."]


def check_corpus(index: Index, corpus: Corpus, recipe: Recipe, *, moved: bool = False) -> None:
    """Raise `UsageError` where the index was made from another corpus, or from one with other contents if it moved."""
    root = index.read()
    before = root.attrs.get("corpus")
    if before in (None, corpus.url) or not table_length(root, "files"):
        return
    if moved:
        check_same_corpus(index, corpus, recipe)
        return
    raise UsageError(
        f"The index {index.url} belongs to the corpus {before}, not to {corpus.url}. Name that corpus, or another "
        "index; if the corpus itself lies there now, say --corpus-moved."
    )


def _check_images(runner: Runner) -> None:
    if not table_length(runner.index.read(), "images"):
        files = read_files(runner.index.read())
        reasons = sorted({str(reason) for reason in files["reason"].tolist()})[:3]
        raise EmptyCorpusError(
            f"None of the {len(files['path'])} files in {runner.corpus.url} is an image that can be read "
            f"({'; '.join(reasons)}). The ledger in {runner.index.url} says why for each."
        )


def _check_separate(corpus: Corpus, location: Location) -> None:
    if corpus.contains(location):
        raise UsageError(
            f"The index {location.url} lies inside the corpus {corpus.url}, which is never written "
            "to; put it elsewhere."
        )


def _check_creatable(location: Location) -> None:
    if location.is_local:
        if location.path.is_file():
            raise UsageError(f"{location.path} is a file; an index needs a folder of its own.")
        try:
            location.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The folder {location.path} cannot be made: {error.strerror}.") from error


def _check_hub(recipe: Recipe) -> None:
    """Say before the first stage of a new index, and not after hours, that the hub's weights cannot be had."""
    for settings in recipe.networks:
        network_of(settings).fetch(settings)


def _check_weights(recipe: Recipe) -> None:
    """Say at once, and not after hours of other stages, that what a network needs is missing."""
    for settings in recipe.networks:
        network_of(settings).check(settings)
