"""Contents read again after the walk: what has become of them meanwhile costs themselves only."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import UnreadableFileError
from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.index.store import open_index
from pipeline.job import run
from pipeline.stages.files import contents
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import Source, bytes_md5, read_files
from tests.imaging.isolation.misbehaving import CRASH, HANG, gray_or_misbehave
from tests.imaging.scale.regions.test_colour_print import coloured
from tests.imaging.scale.scale_drawings import specimen


def _write(folder: Path, name: str, seed: int, end: bytes = b"") -> bytes:
    folder.mkdir(exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (40, 60)).astype(np.uint8)
    cv2.imwrite(str(folder / name), picture)
    data = (folder / name).read_bytes() + end
    (folder / name).write_bytes(data)
    return data


def test_the_picture_is_the_canonical_one_and_the_bytes_those_of_the_walk(tmp_path: Path) -> None:
    data = _write(tmp_path, "a.png", 1)
    found = Contents(Corpus(str(tmp_path)), load_recipe().walk)
    source = Source(0, "a.png", bytes_md5(data), float("nan"))
    assert found.read(source) == data
    assert np.array_equal(found.gray(source), to_gray8(decode_image(data)))
    _write(tmp_path, "a.png", 2)
    with pytest.raises(UnreadableFileError, match="has changed since it was walked"):
        found.gray(source)


def test_a_decoder_that_crashes_or_hangs_after_the_walk_leaves_one_row_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {1: CRASH, 3: HANG}
    for seed in range(5):
        _write(tmp_path / "corpus", f"{seed}.png", seed, ends.get(seed, b""))
    monkeypatch.setattr(contents, "decode_gray", gray_or_misbehave)
    recipe = load_recipe(assignments=["walk.decode_seconds=1", "pixels.size=16", "scale.enabled=false"])
    result = run(
        tmp_path / "corpus",
        tmp_path / "index",
        recipe=recipe,
        engines=EngineChoice.parse("local"),
        until="pixels",
    )
    assert (result.stages[-1].items, result.stages[-1].skipped) == (3, 2)
    root = open_index(tmp_path / "index").read()
    image = dict(zip(read_files(root).path.tolist(), read_files(root).image.tolist(), strict=True))
    done = np.asarray(root["pixels/key"][:]) != 0  # type: ignore[index]
    assert {path for path, row in image.items() if not done[row]} == {"1.png", "3.png"}


def test_coloured_print_comes_with_the_picture_and_its_scale_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    coloured((255, 0, 0)).save(folder / "red.png")
    specimen_alone = specimen(200, 300, 1)
    cv2.imwrite(str(folder / "gray.png"), specimen_alone)
    found = Contents(Corpus(str(folder)), load_recipe().walk)
    gray, print_alone = found.decode_with_colours((folder / "red.png").read_bytes())
    assert print_alone is not None
    assert print_alone.shape == gray.shape
    assert found.decode_with_colours((folder / "gray.png").read_bytes())[1] is None
    run(folder, tmp_path / "index", recipe=load_recipe(), engines=EngineChoice.parse("local"), until="scale")
    scales = open_index(tmp_path / "index").read()["scale"]
    assert sorted(scales["text"][:].tolist()) == ["", "5 um"]
