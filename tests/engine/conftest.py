"""A Dask scheduler that the job did not start."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler from outside with a worker, and its process."""
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file)]
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    words += ["--dashboard-address", "127.0.0.1:0", *common]
    parts = [subprocess.Popen(words, stderr=subprocess.DEVNULL)]
    while not (file.exists() and file.stat().st_size):
        assert parts[0].poll() is None
        time.sleep(0.1)
    words = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    parts.append(subprocess.Popen([*words, "--host", "127.0.0.1", *common], cwd=tmp_path, stderr=subprocess.DEVNULL))
    try:
        yield str(file), parts[0]
    finally:
        for part in parts:
            part.kill()
            part.wait()
