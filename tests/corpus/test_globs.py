"""Which paths a glob chooses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.globs import matches


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("**", ["a.tif", "a/b/c"], []),
        ("*.tif", ["a.tif", "x/y/a.tif"], ["a.TIF", "a.tif/readme"]),
        ("a/*.tif", ["a/b.tif"], ["a/b/c.tif", "b.tif", "xa/b.tif"]),
        ("a/**", ["a/b.tif", "a/b/c.tif"], ["a", "ab/c.tif"]),
        ("**/b.tif", ["b.tif", "a/b.tif", "a/c/b.tif"], ["ab.tif", "a/bb.tif"]),
        ("a/**/b.tif", ["a/b.tif", "a/x/y/b.tif"], ["a/xb.tif", "b.tif"]),
        ("**/raw/**", ["raw/a.tif", "x/raw/y/a.tif"], ["x/raws/a.tif", "raw"]),
        ("/a/*.tif", ["a/b.tif"], ["x/a/b.tif"]),
        ("img_[0-9].tif", ["img_1.tif"], ["img_a.tif"]),
        ("img_[!0-9].tif", ["img_a.tif"], ["img_1.tif"]),
        ("a[!x]b/*", ["ayb/c"], ["axb/c", "a/b/c"]),
        ("a[&&b.tif", ["a[&&b.tif"], ["a&b.tif"]),
        ("[[]a].tif", ["[a].tif"], ["a.tif"]),
        ("?.tif", ["a.tif"], ["ab.tif"]),
        ("a+(b).tif", ["a+(b).tif"], ["aab.tif"]),
    ],
)
def test_patterns(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [path for path in taken if not matches(path, pattern)] == []
    assert [path for path in left if matches(path, pattern)] == []


@given(st.text(), st.text())
def test_no_pattern_is_an_error(path: str, pattern: str) -> None:
    assert matches(path, pattern) in (True, False)
