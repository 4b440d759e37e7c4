"""Fixtures that all tests share, and what may be skipped."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from pipeline.engine import Engines

# Before Torch is imported anywhere: one thread of linear algebra.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Ray's workers are nicer than others by 15: on a busy machine they would hardly get a turn, and their callers give up.
os.environ.setdefault("RAY_worker_niceness", "0")

REQUIRED = frozenset(filter(None, os.environ.get("SEMCORPUS_REQUIRE", "").split(",")))


def skip_unless(part: str, available: bool, reason: str) -> None:
    """Skip a test of an optional part, or fail it where SEMCORPUS_REQUIRE names the part."""
    if not available:
        if part in REQUIRED:
            pytest.fail(f"SEMCORPUS_REQUIRE asks for {part}: {reason}")
        pytest.skip(reason)


# A busy machine makes no test fail: no limit of the clock on an example.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# What starts a cluster of several processes, which wait for each other and look at each other.
CLUSTERS = ("tests/deploy/slurm", "tests/engine", "tests/faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a cluster: those run alone (``-m engines``), the others by two (``.ci/run``)."""
    for item in items:
        if item.nodeid.startswith(CLUSTERS) or "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("engines")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images with known answers, which lies beside the checkout."""
    root = Path(os.environ.get("SEMCORPUS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    skip_unless("shared", (root / "data").is_dir(), f"the real images are not at {root}/data")
    return root / "data"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    skip_unless("chromium", found is not None, "no Chromium is installed")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo corpus: DIR/corpus, DIR/labels, DIR/truth.parquet. Read only."""
    from pipeline.demo import write_demo_corpus

    directory = tmp_path_factory.mktemp("demo") / "small"
    write_demo_corpus(directory, seed=0, images_per_class=4)
    return directory


@pytest.fixture(scope="session")
def reference_index(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the demo corpus, all stages done in one process without interruption. Read only."""
    from tests.stages.conftest import cheap_recipe, run_job

    index = tmp_path_factory.mktemp("reference") / "index"
    run_job(demo, index, cheap_recipe(demo))
    return index


@pytest.fixture(scope="session")
def cluster() -> "Iterator[Engines]":
    """Dask and Ray with two workers each, one of each for the whole session."""
    from pipeline.engine import EngineChoice, Engines
    from pipeline.progress import Silent

    with Engines(EngineChoice.parse("dask,ray", workers=2), Silent()) as engines:
        yield engines


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal without colours and of fixed width."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of an S3 server on this machine, set in ``AWS_ENDPOINT_URL`` as well; it has a bucket ``semcorpus``."""
    skip_unless("s3", importlib.util.find_spec("moto") is not None, "moto[server] is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
            }.items():
                environment.setenv(name, value)
            _make_bucket(endpoint, "semcorpus", server)
            yield endpoint
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3_prefix(s3_endpoint: str) -> str:
    """A URL under which nothing is yet."""
    return f"s3://semcorpus/{uuid.uuid4().hex}"


def _make_bucket(endpoint: str, name: str, server: "subprocess.Popen[bytes]") -> None:
    """Create a bucket as soon as the server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT"), timeout=10).close()
            return
        except OSError:
            assert server.poll() is None, "moto_server ended by itself"
            assert time.monotonic() < deadline, "moto_server does not answer"
            time.sleep(0.1)
