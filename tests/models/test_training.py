import numpy as np

from pipeline.models.training import hash_ids, order_by_id, split_rows


def test_hash_is_splitmix64() -> None:
    """The first output of the reference generator (Vigna's splitmix64.c) for seed 1234567."""
    assert hash_ids(np.array([1234567], np.uint64), 0)[0] == np.uint64(6457827717110365317)


def test_hash_streams_differ_and_are_uniform() -> None:
    ids = np.arange(20_000, dtype=np.uint64)
    first, second = hash_ids(ids, 1, 7) / 2.0**64, hash_ids(ids, 2, 7) / 2.0**64
    assert abs(first.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert len(np.unique(hash_ids(ids, -1))) == len(ids)


def test_order_by_id_is_exact_beyond_float_precision() -> None:
    ids = np.array([2**64 - 1, 2**64 - 3, 2**64 - 2], dtype=np.uint64)
    np.testing.assert_array_equal(order_by_id(ids, 3), [1, 2, 0])


def test_a_row_keeps_its_side_of_the_split_when_others_come() -> None:
    ids = np.arange(1000, dtype=np.uint64)
    whole, half = split_rows(ids, 0.2), split_rows(ids[::2], 0.2)
    assert abs(len(whole.test) - 200) < 50
    assert set(half.ids[half.test]) == set(whole.ids[whole.test]) & set(half.ids)
    np.testing.assert_array_equal(np.sort(np.concatenate([whole.train, whole.test])), np.arange(1000))


def test_training_part_is_never_empty() -> None:
    ids = np.arange(50, dtype=np.uint64)
    for position in range(50):
        split = split_rows(ids[position : position + 1], 0.9)
        assert (len(split.train), len(split.test)) == (1, 0)
