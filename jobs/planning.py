"""What a run would do, found without writing anything."""

from pipeline.config import Recipe
from pipeline.corpus.source import Corpus
from pipeline.index.memory import empty_root
from pipeline.index.store import index_exists, open_index
from pipeline.job import STAGE_NAMES, STAGES
from pipeline.runtime.plan import Context, Plan


def plan_without_writing(
    corpus: str, index: str, recipe: Recipe, names: tuple[str, ...] = STAGE_NAMES
) -> list[tuple[str, Plan | None]]:
    """The next step of each stage on the index as it is; an index that does not exist counts as empty."""
    source = Corpus(corpus, recipe.corpus)
    source.check()
    opened = open_index(index) if index_exists(index) else None
    root = empty_root() if opened is None else opened.read()
    location = None if opened is None else opened.location
    context = Context(root, recipe, source, accept_removals=True, location=location)
    return [(stage.name, stage.plan(context)) for stage in STAGES if stage.name in names]
