"""A study run at a tiny size without its page, and what it left."""

import json
from pathlib import Path
from typing import Any

from jobs.main import call
from pipeline.index.store import open_index
from pipeline.index.tables import read_table


def run_study(name: str, data: Path, out: Path, *words: str, stages: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """Rows of its comparison by figure; ``stages`` are named with spaces, and the page is no part of them."""
    chosen = (f"run.stages={json.dumps(stages.split())}", *settings)
    assigned = [word for setting in chosen for word in ("--set", setting)]
    assert call(["study", name, str(data), str(out), *words, *assigned, "--engines", "local", "--quiet"]) == 0
    return {row["figure"]: row for row in json.loads((out / "comparison.json").read_text())}


def drawings(out: Path) -> set[str]:
    """Names of the figures that the study drew."""
    return set(map(str, read_table(open_index(out / "index").read(), "drawings")["name"]))
