"""The session's small index, finished or half done, for all tests of the command line; who changes it takes a copy."""

import shutil
from pathlib import Path

import pytest

from jobs.main import call
from tests.stages.conftest import CHEAP


def run_arguments(corpus: Path, index: Path, *more: str, labels: Path | None = None) -> list[str]:
    """The words of a cheap ``semcorpus run`` in this process."""
    words = ["run", str(corpus), str(index), "--engines", "local"]
    if labels is not None:
        words += ["--labels", f"classes={labels}"]
    for setting in CHEAP:
        words += ["--set", setting]
    return [*words, *more]


@pytest.fixture(scope="session")
def finished(demo: Path, reference_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the demo corpus, all stages done, that remembers a command line. Read only."""
    index = Path(shutil.copytree(reference_index, tmp_path_factory.mktemp("finished") / "index"))
    assert call(run_arguments(demo / "corpus", index, "--quiet", labels=demo / "labels")) == 0
    return index


@pytest.fixture(scope="session")
def half_done(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the demo corpus, up to its embeddings. Read only."""
    index = tmp_path_factory.mktemp("half_done") / "index"
    assert call(run_arguments(demo / "corpus", index, "--quiet", "--until", "embed", labels=demo / "labels")) == 0
    return index


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished index."""
    return Path(shutil.copytree(finished, tmp_path / "index"))
