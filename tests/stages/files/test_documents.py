"""Every page of a PDF document has a row of its own, whatever is on it."""

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import load_recipe
from pipeline.corpus.names import escape_path
from pipeline.engine import EngineChoice
from pipeline.errors import UsageError
from pipeline.index.store import Index, open_index
from pipeline.job import run
from pipeline.operations.forgetting import forget
from pipeline.operations.verification import verify_index
from pipeline.runtime.plan import RunOptions
from pipeline.stages.files import digester
from pipeline.stages.files.ledger import read_files, read_images, representatives
from tests.imaging.formats.documents import joined
from tests.imaging.formats.test_pdf import pdf_with

RNG = np.random.default_rng(3)
PICTURES = [RNG.integers(0, 256, (48, 64), dtype=np.uint8) for _ in range(4)]
BOMB = pdf_with(zlib.compress(b"x"), width=60000, height=60000)
DEFLATED = pdf_with(zlib.compress(PICTURES[3].tobytes()))


def _jpeg(picture: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PICTURES[picture]).save(out, "JPEG", quality=90)
    return out.getvalue()


def _page(picture: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PICTURES[picture]).save(out, "PDF", quality=90)
    return out.getvalue()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A JPG, a document with it on its second page among others, and a PDF of one page."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(_jpeg(0))
    (folder / "all.pdf").write_bytes(joined([_page(1), _page(0), None, BOMB, DEFLATED]))
    (folder / "one.pdf").write_bytes(_page(2))
    return folder


def _run(corpus: Path, until: str = "pixels") -> Index:
    recipe = load_recipe(assignments=["pixels.size=16"])
    place = corpus.parent / "index"
    local = EngineChoice.parse("local")
    run(corpus, place, recipe=recipe, engines=local, until=until, options=RunOptions(accept_removals=True))
    return open_index(place)


def _rows(index: Index) -> dict[str, tuple[str, str]]:
    files = read_files(index.read())
    columns = (files.values(name).tolist() for name in ("path", "status", "format"))
    return {path: (status, kind) for path, status, kind in zip(*columns, strict=True)}


def test_every_page_is_a_row_and_a_page_that_was_a_file_is_that_file(corpus: Path) -> None:
    index = _run(corpus)
    assert _rows(index) == {
        "a.jpg": ("ok", "jpeg"),
        "all.pdf": ("document", "pdf"),
        "all.pdf#page=1": ("ok", "jpeg"),
        "all.pdf#page=2": ("duplicate", "jpeg"),
        "all.pdf#page=3": ("unsupported", "pdf"),
        "all.pdf#page=4": ("too_large", "pdf"),
        "all.pdf#page=5": ("ok", "pdf"),
        "one.pdf": ("ok", "pdf"),
    }
    files = read_files(index.read())
    reason = dict(zip(files.path.tolist(), files.reason.tolist(), strict=True))
    assert reason["all.pdf"] == "5 pages, each with a row of its own"
    assert reason["all.pdf#page=3"] == "the page has no picture (drawings, text and stencils are not rendered)"
    assert "60000 x 60000" in reason["all.pdf#page=4"]
    root = index.read()
    assert np.all(np.asarray(root["pixels/key"][:])[representatives(root)] != 0)  # type: ignore[index]
    problems = [finding.problem for finding in verify_index(index, read_corpus=True) if finding.problem]
    assert problems == []


def test_nothing_is_done_again_and_a_document_that_moves_or_shrinks_takes_its_pages_along(corpus: Path) -> None:
    first = _run(corpus, "walk").commit
    assert _run(corpus, "walk").commit == first
    (corpus / "all.pdf").rename(corpus / "moved.pdf")
    rows = _rows(_run(corpus, "walk"))
    assert {rows[f"all.pdf{page}"][0] for page in ("", "#page=1", "#page=3", "#page=5")} == {"gone"}
    assert (rows["moved.pdf#page=1"][0], rows["moved.pdf#page=2"][0]) == ("ok", "duplicate")
    (corpus / "moved.pdf").write_bytes(joined([_page(0), _page(1)]))
    index = _run(corpus, "walk")
    rows = _rows(index)
    assert [rows[f"moved.pdf#page={page}"][0] for page in range(1, 6)] == ["duplicate", "ok", "gone", "gone", "gone"]
    (corpus / "moved.pdf").write_bytes(_page(1))
    index = _run(corpus, "walk")
    rows = _rows(index)
    assert rows["moved.pdf"][0] == "ok"
    assert {rows[f"moved.pdf#page={page}"][0] for page in range(1, 6)} == {"gone"}
    assert read_images(index.read()).present.sum() == 3


def test_no_more_pages_than_a_limit(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digester, "_MAX_PAGES", 2)
    index = _run(corpus, "walk")
    assert sorted(path for path in _rows(index) if "#page=" in path) == ["all.pdf#page=1", "all.pdf#page=2"]
    files = read_files(index.read())
    assert "5 pages, of which the first 2 have rows of their own" in files.reason.tolist()


def test_a_file_that_is_called_like_a_page_is_none(corpus: Path) -> None:
    (corpus / "all.pdf#page=1").write_bytes(_jpeg(2))
    rows = _rows(_run(corpus))
    assert rows["%literal:all.pdf%23page=1"] == ("ok", "jpeg")
    assert rows["all.pdf#page=1"] == ("ok", "jpeg")


@pytest.mark.parametrize("raw", [b"caf%E9.pdf", b"caf\xe9.pdf", b"all.pdf#page=1"])
def test_pages_of_a_document_with_an_odd_name_are_read_again_and_kept(corpus: Path, raw: bytes) -> None:
    (corpus / "all.pdf").rename(corpus / os.fsdecode(raw))
    index = _run(corpus)
    root = index.read()
    assert np.all(np.asarray(root["pixels/key"][:])[representatives(root)] != 0)  # type: ignore[index]
    assert _run(corpus).commit == index.commit
    assert _rows(index)[f"{escape_path(os.fsdecode(raw))}#page=1"] == ("ok", "jpeg")


def test_a_page_is_not_forgotten_while_its_document_is_there(corpus: Path) -> None:
    index = _run(corpus, "pair")
    files = read_files(index.read())
    md5 = files.md5[files.path == "all.pdf#page=5"][0].tobytes().hex()
    with pytest.raises(UsageError, match="still in the corpus"):
        forget(index, md5)


def test_a_document_that_vanishes_counts_as_one_file(corpus: Path) -> None:
    for number in range(20):
        (corpus / f"note {number}.txt").write_text(str(number))
    _run(corpus, "walk")
    (corpus / "all.pdf").unlink()
    place, local = corpus.parent / "index", EngineChoice.parse("local")
    run(corpus, place, recipe=load_recipe(), engines=local, until="walk")  # 1 of 23 files, though 6 of 28 rows
    assert {status for path, (status, _) in _rows(open_index(place)).items() if "all.pdf" in path} == {"gone"}
