"""A stage is one folder and one entry: a made-up one is laid beside the others and does all that they do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.laid_beside import change_file, lay_out

_OPTIONS = '''
"""Options of moons."""

from pydantic import Field

from pipeline.settings import Settings


class MoonSettings(Settings):
    """Moons of pictures."""

    phases: int = Field(4, ge=1, description="phases that a moon has")


OPTIONS = MoonSettings
'''

_STAGE = '''
"""moons: the moon of every picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import zarr

from pipeline.config import Recipe
from pipeline.index.schema import Column, Table, rows_of
from pipeline.index.tables import table_length, write_table
from pipeline.runtime.keys import stage_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.ledger import representatives
from pipeline.stages.moons.options import MoonSettings

MOONS = Table(
    "moons",
    "A row is a picture under the moon.",
    (
        Column("image", "int64", "The picture.", of="image"),
        Column("phase", "text", "Phase of its moon."),
        Column("age_days", "float64", "Age of its moon.", "day"),
        Column("secret", "int64", "Not for reports.", reported=False),
    ),
    show=rows_of,
)


def plan(context: Context) -> Plan | None:
    options: Any = context.recipe
    settings: MoonSettings = options.moons
    key = stage_key("moons", settings.model_dump(), len(representatives(context.root)))
    if MOONS.place in context.root and context.root[MOONS.place].attrs.get("key") == key:
        return None

    def merge(root: zarr.Group, results: Sequence[Any]) -> None:
        rows = [
            {"image": row, "phase": f"{row % settings.phases}", "age_days": row / 2, "secret": 7}
            for row in representatives(root).tolist()
        ]
        write_table(root, MOONS.place, MOONS.typed(rows), attributes={"key": key})

    return Plan(step="", tasks=(), job=Job("moons", lambda root: None), merge=merge, settings=settings.model_dump())


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    yield Done("", table_length(root, MOONS.place), 0)


STAGE = Stage("moons", plan, (MOONS,), _status)
'''

_ENTRY = (
    '    StageEntry("moons", _AT + "moons.shine", 1, "Find the moon of every picture.", _AT + "moons.options"),\n'
    '    StageEntry("report",'
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with one more stage."""
    folder = tmp_path_factory.mktemp("program")
    lay_out(folder, "pipeline/stages")
    stage = folder / "pipeline" / "stages" / "moons"
    stage.mkdir()
    for name, text in (("__init__", ""), ("options", _OPTIONS), ("shine", _STAGE)):
        (stage / f"{name}.py").write_text(text)
    change_file(folder / "pipeline" / "stage_list.py", ('    StageEntry("report",', _ENTRY))
    return folder


_USE = """
import io, json, sys
from contextlib import redirect_stdout
from pathlib import Path
from docs.generate import commands, recipes, tables
from jobs.main import call
from pipeline.index.store import open_index
from pipeline.index.tables import read_table, write_table

corpus, index = sys.argv[1:]


def told(*arguments):
    with redirect_stdout(io.StringIO()) as out:
        status = call([*arguments])
    return status, out.getvalue()


stages = 'run.stages=["walk", "pair", "moons", "report"]'
options = ["--set", stages, "--set", "moons.phases=3", "--engines", "local", "--quiet"]
say = {"run": told("run", corpus, index, *options)[0]}
say["status"] = told("status", index)[1]
say["show"] = json.loads(told("show", index, "2.png", "--format", "json")[1])
say["docs"] = [tables(), commands(), recipes()]
say["verify"] = told("verify", index)
gone = say["show"]["md5"]
Path(corpus, "2.png").unlink()
say["forget"] = told("forget", index, gone, "--yes", "--quiet")[0]
say["left"] = read_table(open_index(index).read(), "moons")["image"].tolist()
transaction = open_index(index).begin()
moons = read_table(transaction.root, "moons")
moons["image"][0] = 999
write_table(transaction.root, "moons", moons)
transaction.commit("damage", {"stage": "test", "kind": "layout"})
say["damaged"] = told("verify", index)[0]
print(json.dumps(say))
"""


def test_a_stage_is_one_folder_and_one_entry(program: Path, tmp_path: Path) -> None:
    """Command, recipe, status, report, documentation, show, verify and forget know it without another line."""
    index, corpus = tmp_path / "index", tmp_path / "corpus"
    corpus.mkdir()
    for seed in range(5):
        picture = np.random.default_rng(seed).integers(0, 255, (40, 60)).astype(np.uint8)
        cv2.imwrite(str(corpus / f"{seed}.png"), picture)
    arguments = [sys.executable, "-c", _USE, str(corpus), str(index)]
    environment = {**os.environ, "PYTHONPATH": str(program)}
    done = subprocess.run(arguments, cwd=program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    say = json.loads(done.stdout)
    assert say["run"] == 0
    assert [line for line in say["status"].splitlines() if "moons" in line]
    assert say["show"]["moons"] == [{"image": 2, "phase": "2", "age_days": 1.0}]
    about_tables, about_commands, about_recipes = say["docs"]
    assert "## moons\n\nA row is a picture under the moon." in about_tables
    assert "| `age_days` | double | Age of its moon. |" in about_tables
    assert "secret" not in about_tables
    assert "Find the moon of every picture." in about_commands
    assert "| `phases` | `4` | `whole number >= 1` | Phases that a moon has. |" in about_recipes
    assert say["verify"][0] == 0
    assert "sound  moons (5)" in say["verify"][1]
    assert say["forget"] == 0
    assert say["left"] == [0, 1, 3, 4]
    assert say["damaged"] == 1
