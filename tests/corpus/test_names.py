"""File names of any bytes have a text in the ledger that leads back to them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.corpus.names import escape_path, page_path, split_page, unescape_path

parts = st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name)
tricky = st.lists(
    st.sampled_from([b"%", b"E9", b"25", b"\xe9", "é".encode(), b"%literal:", b"a", b"%e9", b"%C3%A9", b"#page=1"]),
    min_size=1,
).map(b"".join)


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@given(st.lists(parts | tricky, min_size=1, max_size=4))
@example([b"%escaped"])
@example([b"caf%E9.tif"])
@example([b"%literal:caf%25E9.tif"])
def test_every_path_comes_back_and_is_text(names: list[bytes]) -> None:
    raw = text_of(b"/".join(names))
    path = escape_path(raw)
    path.encode("utf-8")
    assert unescape_path(path) == raw


@given(st.lists(parts | tricky, min_size=1, max_size=3), st.integers(1, 1000))
@example([b"caf%E9.pdf"], 1)
@example([b"caf\xe9.pdf#page=2"], 1)
@example([b"%literal:a#page=2"], 3)
def test_no_file_is_taken_for_a_page_and_every_page_leads_to_its_document(names: list[bytes], page: int) -> None:
    path = escape_path(text_of(b"/".join(names)))
    assert split_page(path) == (path, 0)
    assert split_page(page_path(path, page)) == (path, page)


@given(parts | tricky, parts | tricky)
def test_two_names_never_share_a_text(first: bytes, second: bytes) -> None:
    assert (escape_path(text_of(first)) == escape_path(text_of(second))) == (first == second)


@given(st.lists(parts | tricky, min_size=2, max_size=4))
def test_a_folder_is_the_beginning_of_its_files(names: list[bytes]) -> None:
    folder, path = text_of(b"/".join(names[:-1])), text_of(b"/".join(names))
    assert escape_path(path).startswith(escape_path(folder) + "/")


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"plain/50% (2).tif", "plain/50% (2).tif"),
        ("µm/é.tif".encode(), "µm/é.tif"),
        (b"a/caf\xe9 5%.tif", "a/caf%E9 5%25.tif"),
        (b"caf%E9.tif", "%literal:caf%25E9.tif"),
        (b"a/b.pdf#page=1", "a/%literal:b.pdf%23page=1"),
        (b"a #1.tif", "a #1.tif"),
    ],
)
def test_what_people_see(raw: bytes, path: str) -> None:
    assert escape_path(text_of(raw)) == path
