"""Running a study around the whole job: its corpus before, the comparison with what was published after it."""

import inspect
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zarr

from pipeline.errors import UsageError
from pipeline.index.report_tables import report_tables
from pipeline.index.schema import Sources
from pipeline.index.tables import write_table
from pipeline.index.transaction import software_version
from pipeline.kernels.mapping import MapTasks
from pipeline.runtime.execute import Runner
from pipeline.runtime.keys import content_key
from pipeline.runtime.plan import Block, Context, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import text_array
from pipeline.stages.report.tables import COMPARISON, DRAWINGS
from pipeline.studies.base import Findings, Material, Prepared, Study
from pipeline.studies.results import Results

_MADE, _PREPARED = "made.json", "prepared.json"


def make_data(study: Study, data: Path, *, size: int, seed: int) -> None:
    """Write made-up data of the study's layout to a folder that is empty or not there.

    Raises
    ------
    UsageError
        The study has no maker, or there is something else in the folder.
    """
    if study.make is None:
        raise UsageError(f"The data of this study are not made up: give what was published. {study.layout}")
    wanted = {"study": study.title, "size": size or study.size, "seed": seed}
    if _written(data / _MADE) == wanted:
        return
    if data.exists() and any(data.iterdir()):
        raise UsageError(
            f"{data} is not empty; --make writes into a new folder. Leave out --make to use what is there."
        )
    data.mkdir(parents=True, exist_ok=True)
    study.make(data, size or study.size, seed)
    (data / _MADE).write_text(json.dumps(wanted))


def prepare(study: Study, data: Path, out: Path, *, size: int, seed: int) -> Prepared:
    """The study's corpus: in ``out/corpus`` where it has to be written, and then only once.

    Raises
    ------
    UsageError
        The data are not of the study's layout, or ``out`` was made from others.
    """
    if not data.exists():
        made = " --make writes made-up data of that layout there." if study.make else ""
        raise UsageError(f"There is no {data}. {study.layout}{made}")
    wanted = {"data": str(data.absolute()), "size": size, "seed": seed, "code": content_key(_source(study))}
    folder, said = out / "corpus", _written(out / _PREPARED)
    if said and {**said, "code": 0, "prepared": 0} != {**wanted, "code": 0, "prepared": 0}:
        raise UsageError(
            f"{out} was made from {said['data']} with --size {said['size']} and --seed {said['seed']}; name another "
            "folder for these."
        )
    if said and said["code"] == wanted["code"]:
        return Prepared(**said["prepared"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = study.prepare(Material(data.absolute(), folder.absolute(), size, seed))
    kept = {"corpus": found.corpus, "labels": dict(found.labels), "settings": dict(found.settings)}
    (out / _PREPARED).write_text(json.dumps(wanted | {"prepared": kept}))
    return found


def _source(study: Study) -> Any:
    module = inspect.getmodule(study.prepare)
    assert module is not None
    return text_array([inspect.getsource(module)])


def _written(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def compare(study: Study, runner: Runner) -> None:
    """Put the comparison into the index, once for its contents and the study's code."""
    last = next(
        (c.id for c in runner.index.walk() if c.metadata.get("kind") in ("stage", "checkpoint") and not _is_ours(c)), ""
    )
    key = content_key(text_array([last, software_version()]), _source(study))
    runner.run(Stage("report", partial(_plan, study=study, key=key)))


def comparison(runner: Runner) -> pa.Table:
    """The comparison that the index has, as `compare` put it there and as a report shows it."""
    return report_tables([COMPARISON], Sources(runner.index.read(), runner.recipe, ()))[COMPARISON.name]


def _is_ours(commit: Any) -> bool:
    return bool(commit.metadata.get("stage") == "report")


def _plan(context: Context, *, study: Study, key: int) -> Plan | None:
    if COMPARISON.place in context.root and context.root[COMPARISON.place].attrs.get("key") == key:
        return None

    def drive(root: zarr.Group, send: MapTasks) -> Findings:
        return study.compare(Results(root, context.recipe))

    return Plan(
        step="compare with what was published",
        tasks=[Block(1, "comparison")],
        job=Job("compare", _nothing),
        drive=drive,
        merge=partial(_merge, key=key),
    )


def _nothing(root: zarr.Group) -> Worker:
    raise AssertionError("the driver does this")


def _merge(root: zarr.Group, results: Sequence[Findings], *, key: int) -> None:
    for found in results:
        rows = [
            {
                "figure": figure.name,
                "published": np.nan if figure.published is None else figure.published,
                "ours": np.nan if figure.ours is None else figure.ours,
                "difference": np.nan if None in (figure.published, figure.ours) else _difference(figure),
                "unit": figure.unit,
                "answer": figure.answer,
                "why": figure.why,
            }
            for figure in found.figures
        ]
        drawings = [{"name": d.name, "caption": d.caption, "svg": d.svg.decode()} for d in found.drawings]
        write_table(root, DRAWINGS.place, DRAWINGS.typed(drawings))
        write_table(root, COMPARISON.place, COMPARISON.typed(rows), attributes={"key": key})


def _difference(figure: Any) -> float:
    return float(figure.ours - figure.published)
