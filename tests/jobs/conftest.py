"""The finished small index of all tests, for the command line; a test that changes it takes a copy."""

import shutil
from pathlib import Path

import pytest

from tests.stages.conftest import CHEAP, CHEAP_WITHOUT_LABELS


def run_arguments(corpus: Path, index: Path, *more: str, labels: Path | None = None) -> list[str]:
    """The words of a cheap ``semcorpus run`` in this process."""
    words = ["run", str(corpus), str(index), "--engines", "local"]
    if labels is not None:
        words += ["--labels", f"classes={labels}"]
    for setting in CHEAP_WITHOUT_LABELS if labels is None else CHEAP:
        words += ["--set", setting]
    return [*words, *more]


@pytest.fixture(scope="session")
def finished(reference_index: Path) -> Path:
    """An index of the demo corpus, all stages done. Read only."""
    return reference_index


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished index."""
    return Path(shutil.copytree(finished, tmp_path / "index"))
