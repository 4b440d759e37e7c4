"""What stages take in memory, each measured in a process of its own at two sizes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.index.rows import RowArray, require_rows, shards_of, write_shard
from pipeline.index.store import create_index

SIDE = 128
SHARD_ROWS = 512
PIECE_MB = 3 * 16
SLACK_MB = 40  # what the allocator keeps, and code that is loaded at the first use

SCRIPT = """
import resource, sys
import numpy as np
from pipeline.stages.vectors.picture_vectors import training_pictures
from pipeline.index.store import open_index
from pipeline.index.rows import read_rows
root = open_index(sys.argv[1]).read()
pixels = root["pixels/gray"]
read_rows(pixels, np.arange(16))
rows = np.delete(np.arange(pixels.shape[0]), np.arange(0, pixels.shape[0], 10))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = read_rows(pixels, rows) if sys.argv[2] == "read" else training_pictures(root, rows, 32)
print(made.nbytes / 2**20, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """An index with made squares, by the number of pictures."""
    return {n: _make(tmp_path_factory.mktemp("memory") / "index", n) for n in (500, 4000)}


def _make(place: Path, n: int) -> Path:
    transaction = create_index(place, attributes={}).begin()
    require_rows(transaction.root, "pixels", (RowArray("gray", "uint8", (SIDE, SIDE), chunk_rows=16),), n, SHARD_ROWS)
    rng = np.random.default_rng(0)
    for shard, rows in shards_of(np.arange(n), SHARD_ROWS, n):
        values: Any = rng.integers(0, 256, (len(rows), SIDE, SIDE), dtype=np.uint8)
        write_shard(transaction.root, "pixels", shard, rows, {"gray": values}, 1)
    transaction.commit("made", {"stage": "made"})
    return place


@pytest.mark.parametrize("what", ["read", "training"])
@pytest.mark.parametrize("n", [500, 4000])
def test_reading_pictures_takes_what_is_read_and_a_few_pieces(stored: dict[int, Path], n: int, what: str) -> None:
    command = [sys.executable, "-c", SCRIPT, str(stored[n]), what]
    done = subprocess.run(command, check=True, timeout=100, capture_output=True, text=True)
    result_mb, peak_mb = map(float, done.stdout.split())
    assert peak_mb <= result_mb + PIECE_MB + SLACK_MB
