"""The great heap: repeatable, complete, and refused where something lies already."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from pipeline.demo.heap.containers import LOSSLESS, OTHERS
from pipeline.demo.heap.heap import FEWEST_FILES, write_heap
from pipeline.demo.heap.hostile import HOSTILE
from pipeline.demo.heap.obstacles import unlock
from pipeline.demo.heap.pictures import picture
from pipeline.demo.heap.plan import families
from pipeline.demo.randomness import stream
from pipeline.demo.truth import read_truth
from pipeline.errors import ImageError, UsageError
from pipeline.imaging.formats.decode import decode_image, pixel_md5

GRAY = picture(stream(0, "a test"))


def _contents(folder: Path) -> dict[str, str]:
    unlock(folder / "corpus")
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_fifo())
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert write_heap(tmp_path / name, seed=seed, files=FEWEST_FILES).files == FEWEST_FILES
    first, again, other = (_contents(tmp_path / name) for name in "abc")
    assert first == again
    assert len(set(first.values()) & set(other.values())) < 5, "only bad files may be the same"


def test_the_truth_counts_what_was_asked_for(tmp_path: Path) -> None:
    summary = write_heap(tmp_path / "heap", files=300)
    rows = read_truth(tmp_path / "heap/truth.parquet")
    assert len(rows) == len({row.path for row in rows}) == 300
    assert summary.statuses == dict(sorted(Counter(row.status for row in rows).items()))
    unlock(tmp_path / "heap/corpus")


def test_every_kind_comes_up_within_a_thousand_families() -> None:
    turns = Counter(family.kind for family, _ in zip(families(), range(1000), strict=False))
    assert turns["lossless alone"] >= len(LOSSLESS)
    assert turns["other alone"] >= len(OTHERS)
    assert turns["bad"] >= len(HOSTILE)


def test_lossless_kinds_have_the_same_pixels() -> None:
    assert len({pixel_md5(decode_image(kind.write(GRAY))) for kind in LOSSLESS.values()}) == 1


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_read_and_state_their_depth(name: str) -> None:
    kind = OTHERS[name]
    image = decode_image(kind.write(GRAY))
    assert (image.format, image.bit_depth, image.pages) == (kind.format, kind.bit_depth, kind.pages)
    assert image.pixels.shape[:2] == GRAY.shape


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - {"pdf zip bomb", "cut djvu"}))
def test_bad_kinds_are_refused_with_their_reason(name: str) -> None:
    kind = HOSTILE[name]
    with pytest.raises(ImageError, match=kind.reason or ".") as raised:
        decode_image(kind.make(GRAY))
    assert raised.value.status == kind.status


def test_what_lies_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something"):
        write_heap(tmp_path, files=500)
    with pytest.raises(UsageError, match="at least 200"):
        write_heap(tmp_path / "new", files=10)
