"""The folder of shared data, where there is one."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data() -> Path:
    """``data`` of the shared folder: $SEMCORPUS_SHARED, or ``shared`` beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("SEMCORPUS_SHARED", beside)) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}; set SEMCORPUS_SHARED")
    return folder
