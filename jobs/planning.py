"""What a run would do, found without writing anything."""

from dataclasses import dataclass, replace

from pipeline.config import STAGE_NAMES, Recipe
from pipeline.corpus.source import Corpus
from pipeline.errors import RemovalsError
from pipeline.index.memory import empty_root
from pipeline.index.store import index_exists, open_index
from pipeline.job import check_corpus
from pipeline.runtime.plan import Context, Plan, RunOptions, Stage
from pipeline.stages.registry import STAGES


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step of a stage, if any; ``refusal`` is why a run would end before it."""

    stage: str
    plan: Plan | None
    refusal: str = ""


def plan_without_writing(
    corpus: str, index: str, recipe: Recipe, names: tuple[str, ...] = STAGE_NAMES, *, options: RunOptions | None = None
) -> list[NextStep]:
    """The next step of each stage on the index as it is; an index that does not exist counts as empty.

    Raises
    ------
    UsageError
        As a run: there is no such corpus, or the index belongs to another.
    """
    options = options or RunOptions()
    source = Corpus(corpus, recipe.corpus)
    source.check()
    opened = open_index(index) if index_exists(index) else None
    root = empty_root() if opened is None else opened.read()
    if opened is not None:
        check_corpus(opened, source, recipe, moved=options.corpus_moved)
    location = None if opened is None else opened.location
    context = Context(root, recipe, source, options=options, location=location)
    return [_next_step(stage, context) for stage in STAGES if stage.name in names]


def _next_step(stage: Stage, context: Context) -> NextStep:
    assert stage.plan is not None
    try:
        return NextStep(stage.name, stage.plan(context))
    except RemovalsError as error:
        return NextStep(stage.name, stage.plan(replace(context, options=RunOptions(accept_removals=True))), str(error))
