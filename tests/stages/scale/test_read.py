"""The scale stage: crops remembered between runs, text files beside pictures, and what people answered."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zarr

from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.imaging.scale.evidence.printed_settings import read_settings
from pipeline.imaging.scale.recognition import memory as label_memory
from pipeline.imaging.scale.recognition.memory import LabelMemory, reading_from_text, reading_to_text
from pipeline.imaging.scale.regions.databar import find_data_bar
from pipeline.index.store import Index, open_index
from pipeline.job import open_runner, run_stages
from pipeline.operations.status import index_status
from pipeline.progress import Silent
from pipeline.runtime.keys import scale_key
from pipeline.runtime.plan import RunOptions
from pipeline.stages.files.ledger import hex_md5, read_images
from pipeline.stages.scale.answers import Answer, enter_answers
from pipeline.stages.scale.crops import CROPS, read_crops
from pipeline.stages.scale.read import _worth_keeping
from pipeline.stages.scale.rows import GROUP
from pipeline.stages.selection import done_rows
from pipeline.storage.location import Location
from tests.imaging.scale.settings_drawings import draw_with_settings
from tests.stored import stored_arrays

STAGES = ("walk", "pair", "scale")
RECIPE = load_recipe()


def _run(corpus: Path, index: Path, *, unread_only: bool = False, stages: tuple[str, ...] = STAGES) -> Index:
    place = Corpus(str(corpus), RECIPE.corpus)
    with open_runner(
        place,
        index,
        RECIPE,
        engines=EngineChoice.parse("local"),
        listener=Silent(),
        options=RunOptions(unread_only=unread_only),
    ) as runner:
        run_stages(runner, stages)
    return open_index(index)


@pytest.fixture(scope="module")
def read_once(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the demo corpus up to its scales. Read only."""
    index = tmp_path_factory.mktemp("scales") / "index"
    _run(demo / "corpus", index)
    return index


@pytest.fixture
def index(read_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(read_once, tmp_path / "index"))


def _scales(index: Path) -> dict[str, np.ndarray]:
    return {name.split("/")[1]: values for name, values in stored_arrays(index).items() if name.startswith("scale/")}


def _commonest_crop(index: Path) -> tuple[str, list[int], list[str]]:
    """The crop on which most pictures with a value from their bar hang, those pictures, and their MD5s."""
    scales = _scales(index)
    read = scales["status"] == "read"
    crop = Counter(scales["crop"][read].tolist()).most_common(1)[0][0]
    rows = np.flatnonzero(scales["crop"] == crop).tolist()
    md5 = hex_md5(read_images(open_index(index).read()).md5)
    return crop, rows, [md5[row] for row in rows]


def test_crops_are_kept_once_each_in_order(index: Path) -> None:
    crops = stored_arrays(index)[f"{CROPS}/crop"]
    names = [row.tobytes().hex() for row in crops]
    assert names == sorted(set(names))
    assert set(_scales(index)["crop"].tolist()) - {""} <= set(names)


def test_what_was_read_before_needs_no_reader_and_gives_the_same(
    demo: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _scales(index)
    transaction = open_index(index).begin()
    transaction.root[f"{GROUP}/key"][:] = 0
    transaction.commit("again", {"stage": "scale", "kind": "layout"})
    lengths = {text for text in before["text"].tolist() if text}
    read = label_memory.read_label

    def refuse(crop, reader, **readers):  # type: ignore[no-untyped-def]
        found = read(crop, reader, **readers)
        assert found.value is None, f"{found.text!r} was read again"
        return found

    monkeypatch.setattr(label_memory, "read_label", refuse)
    _run(demo / "corpus", index)
    after = _scales(index)
    assert lengths
    assert all(
        np.array_equal(after[name], values, equal_nan=values.dtype.kind == "f") for name, values in before.items()
    )


def test_settings_that_were_read_for_certain_are_kept_too_and_texture_is_not() -> None:
    memory = LabelMemory()
    drawing, _, _ = draw_with_settings(20_009, ("DejaVuSans",), form="named", spoil_by="none")
    bar = find_data_bar(drawing.gray)
    assert bar is not None
    asked = read_settings(drawing.gray, bar, memory).asked
    wanted = {digest for digest, reading in asked if reading.is_certain}
    assert 0 < len(wanted) < len(asked)
    kept = _worth_keeping(memory, {}, {})
    assert set(kept) == wanted
    again = LabelMemory({digest: reading_from_text(reading_to_text(kept[digest])) for digest in kept})
    assert read_settings(drawing.gray, bar, again).asked == asked


def test_another_reader_does_not_take_over_old_crops(index: Path) -> None:
    root = open_index(index).read()
    assert read_crops(root, scale_key(RECIPE))
    assert read_crops(root, scale_key(RECIPE) + 1) == {}


def test_an_answer_for_a_crop_reaches_all_its_pictures_and_can_be_undone(demo: Path, index: Path) -> None:
    before = _scales(index)
    crop, rows, md5 = _commonest_crop(index)
    place = Location.parse(index)
    enter_answers(place, [Answer("crop", crop, "777 nm", images=tuple(md5))])
    _run(demo / "corpus", index)
    after = _scales(index)
    free = [row for row in rows if np.isnan(before["metadata_nm_per_px"][row])]
    assert free
    for row in free:
        assert after["status"][row] == "confirmed"
        assert after["nm_per_px"][row] == pytest.approx(777.0 / before["bar_length_px"][row])
    for row in set(rows) - set(free):
        assert after["status"][row] == "disagrees"
        assert np.isnan(after["nm_per_px"][row])
    others = np.setdiff1d(np.arange(len(before["status"])), rows)
    assert np.array_equal(before["text"][others], after["text"][others])

    commit = open_index(index).commit
    _run(demo / "corpus", index)
    assert open_index(index).commit == commit, "an answer that is applied is not applied again"

    enter_answers(place, [Answer("crop", crop, "undo")])
    _run(demo / "corpus", index)
    undone = _scales(index)
    assert all(np.array_equal(undone[k], v, equal_nan=v.dtype.kind == "f") for k, v in before.items())


def test_a_rollback_keeps_the_answers(demo: Path, index: Path) -> None:
    _, rows, md5 = _commonest_crop(index)
    commit = open_index(index).commit
    enter_answers(Location.parse(index), [Answer("image", md5[0], "no bar")])
    _run(demo / "corpus", index)
    opened = open_index(index)
    opened.rollback(commit)
    assert _scales(index)["status"][rows[0]] != "no_bar"
    _run(demo / "corpus", index)
    assert _scales(index)["source"][rows[0]] in ("person", "metadata")


def test_an_answer_before_the_reading_gives_the_same_rows_as_one_after(demo: Path, index: Path, tmp_path: Path) -> None:
    crop, _, md5 = _commonest_crop(index)
    given = [
        Answer("crop", crop, "300 nm", images=tuple(md5)),
        Answer("image", md5[0], "2.5 nm/px"),
    ]
    enter_answers(Location.parse(index), given)
    _run(demo / "corpus", index)
    other = tmp_path / "other"
    other.mkdir()
    enter_answers(Location.parse(other), given)
    _run(demo / "corpus", other)
    first, second = _scales(index), _scales(other)
    assert all(np.array_equal(second[k], v, equal_nan=v.dtype.kind == "f") for k, v in first.items())
    assert set(first["answer"].tolist()) != {""}


def test_a_text_file_beside_a_picture_gives_its_pixel_size(tmp_path: Path) -> None:
    import tifffile

    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    noise = np.random.default_rng(5).integers(60, 200, (300, 400)).astype(np.uint8)
    tifffile.imwrite(corpus / "plate.tif", noise)

    def stored() -> tuple[str, float, str]:
        root = _run(corpus, index).read()
        assert len(done_rows(root, GROUP, scale_key(RECIPE))) == 1
        return str(root["scale/status"][0]), float(root["scale/nm_per_px"][0]), str(root["scale/reason"][0])  # type: ignore[index]

    assert stored()[0] == "no_bar"
    text = "$CM_MAG 20000\r\n$CM_FULL_SIZE 400 280\r\n$$SM_MICRON_BAR 50\r\n$$SM_MICRON_MARKER 1um\r\n"
    (corpus / "plate.TXT").write_text(text)
    status, size, reason = stored()
    assert (status, size) == ("metadata", pytest.approx(20.0))
    assert "20 nm a pixel" in reason
    assert "magnification of 20000 fits" in reason
    (corpus / "plate.TXT").write_text(text.replace("BAR 50", "BAR 25 "))
    assert stored()[:2] == ("metadata", pytest.approx(40.0))
    (corpus / "plate.TXT").write_text(text.replace("400 280", "1280 960"))
    assert stored()[0] == "no_bar", "the text describes a wider picture"


def test_status_counts_a_picture_whose_text_file_changed_as_missing(tmp_path: Path) -> None:
    import tifffile

    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    for name, seed in (("plate.tif", 5), ("other.tif", 6)):
        noise = np.random.default_rng(seed).integers(60, 200, (300, 400)).astype(np.uint8)
        tifffile.imwrite(corpus / name, noise)

    def counted(index: Index) -> tuple[int, int]:
        return next((found.done, found.missing) for found in index_status(index).stages if found.name == "scale")

    assert counted(_run(corpus, index)) == (2, 0)
    for text in ("$$SM_MICRON_BAR 50\r\n$$SM_MICRON_MARKER 1um\r\n", "$$SM_MICRON_BAR 25\r\n"):
        (corpus / "plate.TXT").write_text(text)
        assert counted(_run(corpus, index, stages=("walk", "pair"))) == (1, 1)
        assert counted(_run(corpus, index)) == (2, 0)


def test_only_missing_leaves_readings_of_an_older_version_alone(demo: Path, index: Path) -> None:
    transaction = open_index(index).begin()
    keys = transaction.root[f"{GROUP}/key"]
    assert isinstance(keys, zarr.Array)
    values = np.asarray(keys[:])
    rows = np.flatnonzero(values)
    old, new = rows[1:], rows[0]
    values[old], values[new] = 1, 0
    keys[:] = values
    transaction.commit("older", {"stage": "scale", "kind": "layout"})
    root = _run(demo / "corpus", index, unread_only=True).read()
    now = np.asarray(root[f"{GROUP}/key"][:])  # type: ignore[index]
    assert now[new] == scale_key(RECIPE)
    assert np.all(now[old] == 1)
