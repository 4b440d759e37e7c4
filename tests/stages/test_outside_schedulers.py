"""A run that joins a Dask scheduler and a Ray cluster from outside leaves both as they were."""

import os
import subprocess
import sys
from pathlib import Path

import ray
from distributed import get_client

from pipeline.engine import Engines
from pipeline.index.store import open_index
from tests.stages.conftest import CHEAP
from tests.stored import differing_arrays


def test_the_job_on_engines_that_others_started(
    cluster: Engines, demo: Path, reference_index: Path, tmp_path: Path
) -> None:
    for kind in ("ray", "dask"):  # so that none of our actors holds a processor
        assert list(cluster.pick(kind, seconds=1e9).map(abs, [-1], retries=0)) == [1]  # type: ignore[arg-type]
    addresses = ["--dask", get_client().scheduler.address, "--ray", ray.get_runtime_context().gcs_address]
    settings = [part for assignment in CHEAP for part in ("--set", assignment)]
    places = [str(demo / "corpus"), str(tmp_path / "index"), "--labels", f"classes={demo / 'labels'}"]
    found = subprocess.run(
        [sys.executable, "-m", "jobs", "run", *places, *addresses, "--until", "agree", *settings],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert found.returncode == 0, found.stderr
    assert "Dask: 2 workers" in found.stdout
    assert "Ray: 2 workers" in found.stdout
    assert differing_arrays(tmp_path / "index", reference_index) == []
    used = {c.metadata["engine"] for c in open_index(tmp_path / "index").history() if c.metadata.get("items")}
    assert used == {"dask", "ray"}
    for kind in ("dask", "ray"):
        assert list(cluster.pick(kind, seconds=1e9).map(abs, [-2], retries=0)) == [2]  # type: ignore[arg-type]
