"""Arrays and attributes are read in the types that they were written in."""

import numpy as np
import pytest

from pipeline.errors import IndexFormatError
from pipeline.index.arrays import (
    attributes_of,
    find_array,
    numbers_by_name,
    open_array,
    read_array,
    read_floats,
    read_strings,
    set_attributes,
    texts_by_name,
    whole_number,
)
from pipeline.index.memory import empty_root
from pipeline.index.tables import text_array, write_table


def test_an_array_of_another_type_is_no_such_array():
    root = empty_root()
    root.create_array("scale/nm_per_px", data=np.array([1.5, 2.5]))
    assert read_array(root, "scale/nm_per_px", np.float64).tolist() == [1.5, 2.5]
    with pytest.raises(IndexFormatError, match="scale/nm_per_px of the index holds float64, and int64 was expected"):
        open_array(root, "scale/nm_per_px", np.int64)


def test_an_array_that_is_not_there():
    assert find_array(empty_root(), "scale/nm_per_px", np.float64) is None
    with pytest.raises(IndexFormatError, match="holds no array scale/nm_per_px"):
        open_array(empty_root(), "scale/nm_per_px", np.float64)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_keep_their_width(kind):
    root = empty_root()
    root.create_array("centers", data=np.ones((2, 3), kind))
    assert read_floats(root, "centers").dtype == kind


def test_texts_come_as_objects():
    root = empty_root()
    write_table(root, "files", {"path": text_array(["a", "µ"])})
    found = read_strings(root, "files/path")
    assert found.dtype == object
    assert found.tolist() == ["a", "µ"]


def test_attributes_by_type():
    root = empty_root()
    assert attributes_of(root, "labels/a") == {}
    set_attributes(root, "labels/a", {"key": 2**63, "keys": {"x": 7}, "fits": {"7": "f"}})
    found = attributes_of(root, "labels/a")
    assert whole_number(found, "key") == 2**63
    assert whole_number(found, "rows", 0) == 0
    assert numbers_by_name(found, "keys") == {"x": 7}
    assert texts_by_name(found, "fits") == {"7": "f"}
    assert numbers_by_name(found, "none") == {}
    with pytest.raises(IndexFormatError, match="attribute keys"):
        whole_number(found, "keys")
    with pytest.raises(IndexFormatError, match="attribute key "):
        numbers_by_name(found, "key")
