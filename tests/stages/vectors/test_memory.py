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
from pipeline.stages.vectors import picture_vectors
from pipeline.index.store import open_index
from pipeline.index.rows import read_rows
root = open_index(sys.argv[1]).read()
pixels = root["pixels/gray"]
read_rows(pixels, np.arange(16))
rows = np.delete(np.arange(pixels.shape[0]), np.arange(0, pixels.shape[0], 10))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[2] == "file":
    picture_vectors._HELD_BYTES = 0
    made = picture_vectors.training_pictures(root, rows, 128)
    for start in range(0, len(rows), 64):
        made[np.arange(start, min(start + 64, len(rows)))]
    size = 0
else:
    made = read_rows(pixels, rows) if sys.argv[2] == "read" else picture_vectors.training_pictures(root, rows, 32)
    size = made.nbytes
print(size / 2**20, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
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
    result_mb, peak_mb = _measured(stored[n], what)
    assert peak_mb <= result_mb + PIECE_MB + SLACK_MB


def test_many_pictures_of_a_training_take_no_memory(stored: dict[int, Path]) -> None:
    """3,100 pictures more, 50 MiB: they are in a file."""
    few, many = (_measured(place, "file")[1] for place in stored.values())
    assert many - few < 20


def _measured(place: Path, what: str) -> tuple[float, float]:
    """MiB of the result, and by how many the process grew."""
    command = [sys.executable, "-c", SCRIPT, str(place), what]
    done = subprocess.run(command, check=True, timeout=100, capture_output=True, text=True)
    result_mb, peak_mb = map(float, done.stdout.split())
    return result_mb, peak_mb
