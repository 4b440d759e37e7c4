"""Torch's search gives the bits of the CPU's, whatever the device."""

import numpy as np
import pytest
import torch

from pipeline.errors import EngineError
from pipeline.kernels.neighbours.certified_search import certified_neighbours, prepare_search
from pipeline.kernels.neighbours.lists import lists_between
from pipeline.search_backends import torch_products as neighbour_search
from pipeline.search_backends.torch_products import TorchSearch
from tests.kernels.neighbours.test_nearest import SETS

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("split", [None, 1, 190])
def test_the_bits_of_the_search_on_the_cpu(
    name: str, split: int | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbour_search, "_TILE_ROWS", 96)
    monkeypatch.setattr(neighbour_search, "_COLUMN_BLOCK_ROWS", 160)
    vectors = SETS[name](np.random.default_rng(7)).astype(np.float64 if name == "random_float64" else np.float32)
    found = TorchSearch(device)(vectors, 20, split)
    truth = certified_neighbours(vectors, 20, prepare_search(vectors, 20, split=split), split=split)
    for one, other in zip(found, truth, strict=True):
        np.testing.assert_array_equal(one, other)


def test_is_a_search_of_lists() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    a = lists_between(rows[:20], np.arange(20), rows[20:], np.arange(20, 50), 3)
    b = lists_between(rows[:20], np.arange(20), rows[20:], np.arange(20, 50), 3, search=TorchSearch())
    np.testing.assert_array_equal(a[1].ids, b[1].ids)


def test_products_are_in_full_precision_and_the_setting_is_put_back() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        TorchSearch()(np.eye(9, dtype=np.float32), 2)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said() -> None:
    with pytest.raises(EngineError, match="no GPU"):
        TorchSearch("cuda")
