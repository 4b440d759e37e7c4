"""The ledger over time: new, changed, renamed, removed and returned files; pictures and their labels."""

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.main import call
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import EmptyCorpusError, RemovalsError, UsageError
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table
from pipeline.job import open_runner, run_stages
from pipeline.progress import Checkpoint, Event, Listener, Silent
from pipeline.runtime.plan import Context, RunOptions
from pipeline.stages.files.ledger import read_files, read_images
from pipeline.stages.labels import match as labels
from tests.imaging.isolation.misbehaving import FULL, summarise_or_misbehave

FIRST_STAGES = ("walk", "pair", "labels")


def _picture(seed: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(30, 220, (12, 16)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def _write(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), _picture(seed))
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Thirty pictures in three folders."""
    folder = tmp_path / "corpus"
    for seed in range(30):
        _write(folder / f"operator {seed % 3}" / f"img_{seed:02d}.tif", seed)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "index"


def _run(
    corpus: Path,
    place: Path,
    recipe: Recipe | None = None,
    *,
    accept_removals: bool = False,
    listener: Listener | None = None,
) -> Index:
    recipe = recipe or load_recipe(assignments=["walk.files_per_task=7"])
    source = Corpus(str(corpus), recipe.corpus)
    with open_runner(
        source,
        place,
        recipe,
        engines=EngineChoice.parse("local"),
        listener=listener or Silent(),
        options=RunOptions(accept_removals=accept_removals),
    ) as runner:
        run_stages(runner, FIRST_STAGES)
    return open_index(place)


def _status(index: Index) -> dict[str, str]:
    files = read_files(index.read())
    return dict(zip(files.path.tolist(), files.status.tolist(), strict=True))


def _image_of(index: Index) -> dict[str, int]:
    files = read_files(index.read())
    return dict(zip(files.path.tolist(), files.image.tolist(), strict=True))


def test_an_unchanged_corpus_makes_no_commit(corpus: Path, place: Path) -> None:
    before = _run(corpus, place).commit
    assert _run(corpus, place).commit == before


def test_new_files_are_appended_and_nothing_else_is_read(corpus: Path, place: Path) -> None:
    first = _image_of(_run(corpus, place))
    _write(corpus / "operator 0" / "a new one.tif", 100)
    index = _run(corpus, place)
    second = _image_of(index)
    assert {path: image for path, image in second.items() if path in first} == first
    assert second["operator 0/a new one.tif"] == 30
    walks = [c.metadata["items"] for c in index.history() if c.metadata.get("stage") == "walk"]
    assert walks == [1, 30]


def test_rows_of_a_walk_are_in_the_order_of_their_paths(corpus: Path, place: Path) -> None:
    paths = list(_image_of(_run(corpus, place)))
    assert paths == sorted(paths, key=str.encode)


def test_copies_are_duplicates_and_the_first_stays_first(corpus: Path, place: Path) -> None:
    original = corpus / "operator 1" / "img_01.tif"
    _run(corpus, place)
    shutil.copy(original, corpus / "operator 0" / "a copy that sorts earlier.tif")
    status = _status(_run(corpus, place))
    assert status["operator 1/img_01.tif"] == "ok"
    assert status["operator 0/a copy that sorts earlier.tif"] == "duplicate"


class _InterruptAtCheckpoint(Silent):
    def tell(self, event: Event) -> None:
        if isinstance(event, Checkpoint):
            raise KeyboardInterrupt


def test_a_duplicate_keeps_no_reason_of_when_it_was_suspect(tmp_path: Path, place: Path) -> None:
    """A copy that comes first by name is the first of its content until the older file is digested anew, too."""
    cut_off, folder = _picture(99), tmp_path / "corpus"
    cut_off[80:] = 7
    folder.mkdir()
    assert cv2.imwrite(str(folder / "b.tif"), cut_off)
    recipe = load_recipe(assignments=["walk.files_per_task=1", "run.checkpoint_seconds=1e-9"])
    found = read_files(_run(folder, place, recipe).read())
    assert (found.status[0], "cut off?" in found.reason[0]) == ("suspect", True)
    shutil.copy(folder / "b.tif", folder / "a.tif")
    os.utime(folder / "b.tif", (1e9, 1e9))
    with pytest.raises(KeyboardInterrupt):
        _run(folder, place, recipe, listener=_InterruptAtCheckpoint())
    found = read_files(open_index(place).read())
    rows = dict(zip(found.path, zip(found.status, found.reason, strict=True), strict=True))
    assert rows["b.tif"] == ("duplicate", "")
    assert rows["a.tif"][0] == "suspect"


def test_a_removed_file_is_gone_and_its_copy_takes_over(corpus: Path, place: Path) -> None:
    original = corpus / "operator 1" / "img_01.tif"
    shutil.copy(original, corpus / "operator 2" / "copy.tif")
    _run(corpus, place)
    original.unlink()
    index = _run(corpus, place)
    status = _status(index)
    assert (status["operator 1/img_01.tif"], status["operator 2/copy.tif"]) == ("gone", "ok")
    assert read_images(index.read()).present.all()


def test_the_last_copy_gone_marks_the_image_and_its_return_unmarks_it(corpus: Path, place: Path) -> None:
    path = corpus / "operator 1" / "img_01.tif"
    image = _image_of(_run(corpus, place))["operator 1/img_01.tif"]
    data = path.read_bytes()
    path.unlink()
    assert not read_images(_run(corpus, place).read()).present[image]
    path.write_bytes(data)
    index = _run(corpus, place)
    assert _status(index)["operator 1/img_01.tif"] == "ok"
    assert _image_of(index)["operator 1/img_01.tif"] == image
    assert read_images(index.read()).present[image]


def test_a_changed_file_is_another_content(corpus: Path, place: Path) -> None:
    before = _image_of(_run(corpus, place))["operator 1/img_01.tif"]
    _write(corpus / "operator 1" / "img_01.tif", 200)
    os.utime(corpus / "operator 1" / "img_01.tif", ns=(10**18, 10**18))
    index = _run(corpus, place)
    assert _image_of(index)["operator 1/img_01.tif"] == 30
    assert not read_images(index.read()).present[before]


def test_many_files_gone_end_the_run_and_change_nothing(corpus: Path, place: Path) -> None:
    before = _run(corpus, place).commit
    shutil.rmtree(corpus / "operator 2")
    with pytest.raises(RemovalsError, match="10 of 30 files"):
        _run(corpus, place)
    assert open_index(place).commit == before
    status = _status(_run(corpus, place, accept_removals=True))
    assert sum(word == "gone" for word in status.values()) == 10


def test_a_move_is_no_removal(corpus: Path, place: Path) -> None:
    _run(corpus, place)
    (corpus / "operator 0").rename(corpus / "moved with its times")
    (corpus / "new times").mkdir()
    for file in (corpus / "operator 1").iterdir():
        (corpus / "new times" / file.name).write_bytes(file.read_bytes())
        file.unlink()
    status = _status(_run(corpus, place))
    assert sum(word == "gone" for word in status.values()) == 20
    assert sum(word == "ok" for word in status.values()) == 30


def test_other_files_of_the_same_size_and_time_are_no_move(corpus: Path, place: Path) -> None:
    _run(corpus, place)
    for file in (corpus / "operator 0").iterdir():
        data, state = file.read_bytes(), file.stat()
        file.unlink()
        other = corpus / "operator 1" / f"other {file.name}"
        other.write_bytes(data[:-100] + bytes(range(100)))
        os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(RemovalsError, match="10 of 30 files"):
        _run(corpus, place)


def test_a_few_files_may_go_from_a_small_corpus_and_never_all(corpus: Path, place: Path) -> None:
    for folder in ("operator 1", "operator 2"):
        shutil.rmtree(corpus / folder)
    names = sorted((corpus / "operator 0").iterdir())
    _run(corpus, place)
    for file in names[:3]:
        file.unlink()
    assert sum(word == "gone" for word in _status(_run(corpus, place)).values()) == 3
    for file in names[3:-1]:
        file.unlink()
    with pytest.raises(RemovalsError, match="6 of 7 files"):
        _run(corpus, place)
    assert list(_status(_run(corpus, place, accept_removals=True)).values()).count("ok") == 1
    names[-1].unlink()
    with pytest.raises(RemovalsError, match="1 of 1 files"):
        _run(corpus, place)


def test_a_plan_says_what_the_run_would_refuse(
    corpus: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _run(corpus, place).commit
    shutil.rmtree(corpus / "operator 2")
    assert call(["run", str(corpus), str(place), "--plan"]) == 1
    out, err = capsys.readouterr()
    assert "10 of 30 files" in err
    assert "walk" in out
    assert call(["run", str(corpus), str(place), "--plan", "--accept-removals"]) == 0
    (tmp_path / "other").mkdir()
    assert call(["run", str(tmp_path / "other"), str(place), "--plan"]) == 2
    assert "belongs to the corpus" in capsys.readouterr().err
    assert open_index(place).commit == before


def test_a_folder_that_cannot_be_listed_marks_nothing_as_gone(
    corpus: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(corpus, place)
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path).endswith("operator 2"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    status = _status(_run(corpus, place))
    assert "gone" not in status.values()
    assert status["operator 2"] == "unreadable"


def test_no_image_at_all_is_an_error_that_says_why(tmp_path: Path, place: Path) -> None:
    (tmp_path / "corpus").mkdir()
    with pytest.raises(EmptyCorpusError, match="no files"):
        _run(tmp_path / "corpus", place)
    (tmp_path / "corpus" / "notes.txt").write_text("nothing here")
    with pytest.raises(EmptyCorpusError, match="not an image"):
        _run(tmp_path / "corpus", place)


def test_another_corpus_on_the_same_index_is_refused(corpus: Path, place: Path, tmp_path: Path) -> None:
    _run(corpus, place)
    _write(tmp_path / "other" / "x.tif", 1)
    with pytest.raises(UsageError, match="belongs to the corpus"):
        _run(tmp_path / "other", place)


def test_tiff_and_jpeg_are_one_picture_and_the_tiff_stands_for_it(corpus: Path, place: Path) -> None:
    cv2.imwrite(str(corpus / "operator 0" / "A jpeg.jpg"), _picture(5))
    index = _run(corpus, place)
    images, image_of = read_images(index.read()), _image_of(index)
    jpeg, tiff = image_of["operator 0/A jpeg.jpg"], image_of["operator 2/img_05.tif"]
    assert images.picture[jpeg] == images.picture[tiff] == tiff
    duplicates = read_table(index.read(), "duplicates")
    assert sorted(duplicates["image"].tolist()) == sorted([jpeg, tiff])
    assert set(duplicates["relation"].tolist()) == {"same_picture"}


def test_a_representative_is_kept_while_it_is_there(corpus: Path, place: Path) -> None:
    """A TIFF that arrives after its JPG does not take over from it; when the JPG goes, it does."""
    jpeg = corpus / "operator 0" / "first.jpg"
    cv2.imwrite(str(jpeg), _picture(77))
    index = _run(corpus, place)
    row = _image_of(index)["operator 0/first.jpg"]
    _write(corpus / "operator 0" / "later.tif", 77)
    index = _run(corpus, place)
    later = _image_of(index)["operator 0/later.tif"]
    assert read_images(index.read()).picture[[row, later]].tolist() == [row, row]
    jpeg.unlink()
    index = _run(corpus, place)
    assert read_images(index.read()).picture[later] == later


def _labelled(corpus: Path, tmp_path: Path) -> Path:
    labels = tmp_path / "labels"
    for name, seeds in {"Fibres/bundle": (0, 1), "Fibres/single": (2,), "Tips": (3, 4)}.items():
        for seed in seeds:
            (labels / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(corpus / f"operator {seed % 3}" / f"img_{seed:02d}.tif", labels / name / f"{seed}.tif")
    return labels


def test_labels_are_matched_by_bytes_and_by_pixels(corpus: Path, place: Path, tmp_path: Path) -> None:
    labels = _labelled(corpus, tmp_path)
    cv2.imwrite(str(labels / "Tips" / "the same pixels.png"), _picture(9))
    cv2.imwrite(str(labels / "Tips" / "unknown.tif"), _picture(500))
    shutil.copy(labels / "Tips" / "3.tif", labels / "Tips" / "3 again.tif")
    shutil.copy(labels / "Tips" / "4.tif", labels / "Fibres" / "single" / "4.tif")
    index = _run(corpus, place, load_recipe(overrides={"labels.sets": {"classes": str(labels)}}))
    group = index.read()["labels/classes"]
    counts = {
        name: group.attrs[name] for name in ("files", "unique", "matched", "unmatched", "repeated", "contradictory")
    }
    assert counts == {"files": 9, "unique": 7, "matched": 6, "unmatched": 1, "repeated": 2, "contradictory": 1}
    table = read_table(index.read(), "labels/classes")
    image_of = _image_of(index)
    found = dict(
        zip(
            table["images"].tolist(),
            zip(table["label"].tolist(), table["contradictory"].tolist(), strict=True),
            strict=True,
        )
    )
    assert found[image_of["operator 0/img_00.tif"]] == ("Fibres/bundle", False)
    assert found[image_of["operator 0/img_09.tif"]] == ("Tips", False)
    assert found[image_of["operator 1/img_04.tif"]] == ("Fibres/single; Tips", True)


def test_labels_from_a_csv(corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = corpus / "labels.csv"
    csv.write_text("file,category\noperator 0/img_00.tif,Tips\noperator 1/img_01.tif,Fibres\nnot there.tif,Tips\n")
    index = _run(corpus, place, load_recipe(overrides={"labels.sets": {"mine": str(csv)}}))
    table = read_table(index.read(), "labels/mine")
    image_of = _image_of(index)
    assert dict(zip(table["images"].tolist(), table["label"].tolist(), strict=True)) == {
        image_of["operator 0/img_00.tif"]: "Tips",
        image_of["operator 1/img_01.tif"]: "Fibres",
    }


def test_a_csv_of_files_that_are_not_there_says_so(corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("file,label\nnope1.tif,Tips\nnope2.tif,Fibres\n")
    recipe = load_recipe(overrides={"labels.sets": {"mine": str(csv)}})
    index = _run(corpus, place, recipe)
    group = index.read()["labels/mine"]
    counts = {name: group.attrs[name] for name in ("files", "unique", "matched", "unmatched", "repeated")}
    assert counts == {"files": 2, "unique": 0, "matched": 0, "unmatched": 2, "repeated": 0}
    context = Context(index.read(), recipe, Corpus(str(corpus), recipe.corpus))
    assert labels.plan(context) is None
    assert "nothing of the set mine" in context.notes[0]


@pytest.mark.parametrize("text", ["name,kind\na,b\n", ""])
def test_a_csv_without_its_columns_is_refused(text: str, corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text(text)
    with pytest.raises(UsageError, match="needs a column named"):
        _run(corpus, place, load_recipe(overrides={"labels.sets": {"mine": str(csv)}}))


def test_a_csv_of_people_and_a_network_is_refused(corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("file,label,predicted_by\na.png,Fibres,\nb.png,Fibres,finetuned 0123\n")
    with pytest.raises(UsageError, match="mixes labels from several sources"):
        _run(corpus, place, load_recipe(overrides={"labels.sets": {"mine": str(csv)}}))


def test_changed_labels_are_matched_again(corpus: Path, place: Path, tmp_path: Path) -> None:
    labels = _labelled(corpus, tmp_path)
    recipe = load_recipe(overrides={"labels.sets": {"classes": str(labels)}})
    before = _run(corpus, place, recipe).commit
    assert _run(corpus, place, recipe).commit == before
    shutil.move(labels / "Tips" / "3.tif", labels / "Fibres" / "single" / "3.tif")
    index = _run(corpus, place, recipe)
    table = read_table(index.read(), "labels/classes")
    found = dict(zip(table["images"].tolist(), table["label"].tolist(), strict=True))
    assert found[_image_of(index)["operator 0/img_03.tif"]] == "Fibres/single"


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_csv_may_name_files_of_the_corpus(separator: str, corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "elsewhere" / "labels.csv"
    csv.parent.mkdir()
    rows = [("image", "label"), ("operator 0/img_00.tif", "Tips"), ("./operator 1/img_01.tif", "Fibres")]
    csv.write_text("".join(f"{a}{separator}{b}\n" for a, b in rows))
    index = _run(corpus, place, load_recipe(overrides={"labels.sets": {"mine": str(csv)}}))
    table, image_of = read_table(index.read(), "labels/mine"), _image_of(index)
    assert dict(zip(table["images"].tolist(), table["label"].tolist(), strict=True)) == {
        image_of["operator 0/img_00.tif"]: "Tips",
        image_of["operator 1/img_01.tif"]: "Fibres",
    }


def test_few_matches_are_said_with_an_example_of_each_side(corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("file,label\ncorpus/operator 0/img_00.tif,Tips\n" + "".join(f"no {n}.tif,Tips\n" for n in range(9)))
    recipe = load_recipe(overrides={"labels.sets": {"mine": str(csv)}})
    index = _run(corpus, place, recipe)
    context = Context(index.read(), recipe, Corpus(str(corpus), recipe.corpus))
    assert labels.plan(context) is None
    assert "only 1 of 10 files" in context.notes[0]
    assert "'corpus/operator 0/img_00.tif', the corpus 'operator 0/img_00.tif'" in context.notes[0]


@pytest.mark.parametrize("text", ['file,label\n"a.tif,Tips\nb.tif,Tips\n', f"file,label\n{'x' * 2_000_000},Tips\n"])
def test_a_csv_that_is_none_says_where(text: str, corpus: Path, place: Path, tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text(text)
    with pytest.raises(UsageError, match="is no CSV from line 2 on"):
        _run(corpus, place, load_recipe(overrides={"labels.sets": {"mine": str(csv)}}))


def test_a_label_file_that_the_machine_failed_is_tried_again(
    corpus: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _labelled(corpus, tmp_path)
    (folder / "Tips" / "9.tif").write_bytes((corpus / "operator 0" / "img_09.tif").read_bytes() + FULL)
    recipe = load_recipe(overrides={"labels.sets": {"classes": str(folder)}})
    with monkeypatch.context() as patched:
        patched.setattr(labels, "summarise_picture", summarise_or_misbehave)
        assert _run(corpus, place, recipe).read()["labels/classes"].attrs["matched"] == 5
    index = _run(corpus, place, recipe)
    assert index.read()["labels/classes"].attrs["matched"] == 6
    assert _run(corpus, place, recipe).commit == index.commit
