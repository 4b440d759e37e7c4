"""Fixtures that all tests share, and what may be skipped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before Ray or Torch are imported anywhere: no token files, no usage reports, one thread of linear algebra.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

REQUIRED = frozenset(filter(None, os.environ.get("SEMCORPUS_REQUIRE", "").split(",")))


def skip_unless(part: str, available: bool, reason: str) -> None:
    """Skip a test of an optional part, or fail it where SEMCORPUS_REQUIRE names the part."""
    if not available:
        if part in REQUIRED:
            pytest.fail(f"SEMCORPUS_REQUIRE asks for {part}: {reason}")
        pytest.skip(reason)


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


@pytest.fixture()
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal without colours and of fixed width."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    yield
