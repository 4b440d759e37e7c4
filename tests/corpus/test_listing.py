"""Listings as columns: in order, whole, and cut as lists would be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus import listing
from pipeline.corpus.listing import FileEntry, Files, FilesBuilder, positions, texts

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
ENTRIES = st.lists(
    st.builds(FileEntry, NAMES, st.integers(0, 2**62), st.integers(-1, 2**62), NAMES),
    unique_by=lambda entry: entry.path,
    max_size=9,
)


def built(entries: list[FileEntry]) -> Files:
    builder = FilesBuilder()
    for entry in entries:
        builder.add(entry.path, entry.size_bytes, entry.modified_ns, entry.etag)
    return builder.files()


@given(ENTRIES, st.integers(1, 4))
def test_files_come_in_the_order_of_the_bytes_of_their_paths(entries: list[FileEntry], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_BLOCK_FILES", block)
        files = built(entries)
        expected = sorted(entries, key=lambda entry: entry.path.encode())
        assert list(files) == expected
        assert len(files) == len(entries)
        assert [files[number] for number in range(len(files))] == expected


@given(ENTRIES, st.slices(9))
def test_a_slice_is_that_of_the_list(entries: list[FileEntry], part: slice) -> None:
    assert list(built(entries)[part]) == list(built(entries))[part]


def test_no_such_file() -> None:
    with pytest.raises(IndexError):
        built([FileEntry("a", 1, 2)])[1]


@given(st.lists(NAMES), st.lists(NAMES))
def test_positions_are_those_of_a_search(wanted: list[str], among: list[str]) -> None:
    expected = [among.index(name) if name in among else -1 for name in wanted]
    assert positions(texts(wanted), texts(among)).tolist() == expected


def test_a_listing_takes_columns_and_no_objects() -> None:
    files = built([FileEntry(f"folder/{number:06}.tif", number, number) for number in range(3000)])
    held = files.path.nbytes + files.etag.nbytes + files.size_bytes.nbytes + files.modified_ns.nbytes
    assert held < 3000 * 64
    assert files.size_bytes.dtype == np.int64
