"""One SLURM of two nodes for all tests of deploy/slurm."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import skip_unless
from tests.deploy.slurm.two_nodes import TwoNodes, missing


@pytest.fixture(scope="session")
def slurm() -> Iterator[TwoNodes]:
    """The cluster, both nodes idle."""
    reason = missing()
    skip_unless("slurm", not reason, reason)
    # A short path: Ray makes sockets below it, whose paths may have 107 characters.
    cluster = TwoNodes(Path(tempfile.mkdtemp(dir="/tmp", prefix="sl")))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
