"""What all networks have in common in the stages: they are one file and one entry, and trainings can be broken off."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from jobs.main import cli
from pipeline.config import Recipe, load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import StoppedError
from pipeline.index.forgetting import forget_image
from pipeline.index.schema import Gone
from pipeline.index.store import Index, open_index
from pipeline.index.tables import read_table, write_table
from pipeline.job import open_runner, run_stages
from pipeline.networks.selection import Selection
from pipeline.operations.status import index_status
from pipeline.progress import EpochDone, Event, Listener, Silent
from pipeline.runtime.plan import RunOptions
from pipeline.runtime.stopping import StopRequest
from pipeline.stages.files.ledger import hex_md5, read_images, representatives, text_array
from pipeline.stages.labels.sets import LabelSet
from pipeline.stages.vectors import making, picture_vectors
from pipeline.stages.vectors.refits import drift
from pipeline.stages.vectors.selected import selected
from pipeline.stages.vectors.sets import VectorSet, fit_key, vector_sets
from pipeline.stages.vectors.stored_networks import FittedOn, read_unfinished
from pipeline.stages.vectors.tables import NETWORKS, UNFINISHED
from tests.stored import stored_arrays

STAGES = ("walk", "pair", "scale", "pixels", "embed", "autoencode")

TRAINED = """
[pixels]
size = 32
[[embed]]
network = "cae"
name = "own"
epochs = 3
input_size = 32
[[embed]]
network = "contrastive"
input_size = 16
channels = [4, 4]
code_size = 6
epochs = 2
batch_size = 16
crop = 0.5
flip = "any"
outside = "mirrored"
normalised = true
layout = "averaged"
[[autoencode]]
name = "short"
vectors = "own"
layers = [6, 3]
epochs = 4
min_steps = 0
[[autoencode]]
network = "variational"
vectors = "own"
layers = [16]
outputs = 4
epochs = 3
min_steps = 0
"""


class Epochs(Silent):
    """Keeps the epochs that it is told of, and may ask to stop at a training."""

    def __init__(self, stop: StopRequest | None = None) -> None:
        self.epochs: list[EpochDone] = []
        self.stop = stop

    def tell(self, event: Event) -> None:
        if isinstance(event, EpochDone):
            self.epochs.append(event)
            if self.stop is not None:
                self.stop.request()


def run(
    demo: Path,
    place: Path,
    recipe: Recipe,
    *,
    stages: tuple[str, ...] = STAGES,
    listener: Listener | None = None,
    stop: StopRequest | None = None,
    refit: bool = False,
) -> Index:
    corpus = Corpus(str(demo / "corpus"), recipe.corpus)
    options = RunOptions(refit=refit)
    local = EngineChoice.parse("local")
    with open_runner(
        corpus, place, recipe, engines=local, listener=listener or Silent(), stop=stop, options=options
    ) as runner:
        run_stages(runner, stages)
    return open_index(place)


def recipe_of(text: str, *assignments: str) -> Recipe:
    return load_recipe("test", builtin={"test": text}, assignments=assignments)


@pytest.fixture(scope="module")
def pictures(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that is done up to the pictures' squares."""
    place = tmp_path_factory.mktemp("making") / "index"
    run(demo, place, recipe_of(TRAINED), stages=STAGES[:-2])
    return place


@pytest.fixture(scope="module")
def whole(demo: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that were trained without a break."""
    place = tmp_path_factory.mktemp("making") / "whole"
    shutil.copytree(pictures, place)
    run(demo, place, recipe_of(TRAINED))
    return place


def test_trainings_that_are_broken_off_at_every_epoch_give_the_same_bits(
    demo: Path, pictures: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is committed and said; a run that is asked to stop, or ends in an error, goes on where it was.

    Its pictures are read from a file, as many pictures are; those of the unbroken one were in memory.
    """
    monkeypatch.setattr(making, "_LOADING_SHARE", 0)
    monkeypatch.setattr(picture_vectors, "_HELD_BYTES", 0)
    shutil.copytree(pictures, tmp_path / "index")
    stop = StopRequest()
    recipe = recipe_of(TRAINED, "run.checkpoint_seconds=1e-9")
    with pytest.raises(StoppedError, match="train own"):
        run(demo, tmp_path / "index", recipe, listener=Epochs(stop), stop=stop)
    root = open_index(tmp_path / "index").read()
    assert list(root.require_group("unfinished").group_keys()) == ["own"]
    assert "networks" not in root
    fit = fit_key(root, recipe, recipe.embed[0])
    assert fit is not None
    assert read_unfinished(root, "own", fit)
    assert read_unfinished(root, "own", fit + 1) == b"", "another training begins anew"
    seen = Epochs()
    parts = run(demo, tmp_path / "index", recipe, listener=seen)
    told = [(event.stage, event.epoch) for event in seen.epochs if event.name == "own"]
    assert told == [("embed", 2), ("embed", 3)], "each once, in the part that it belongs to"
    stored = read_table(parts.read(), "training")
    for event in seen.epochs:
        row = (stored["codes"] == event.name) & (stored["phase"] == event.phase) & (stored["epoch"] == event.epoch)
        assert stored["train_loss"][row].tolist() == [event.train_loss]
    assert not list(parts.read().require_group("unfinished").group_keys()), "what is finished leaves nothing behind"
    ours, theirs = stored_arrays(tmp_path / "index"), stored_arrays(whole)
    names = [name for name in theirs if name.split("/")[0] in ("networks", "embeddings", "codes", "training")]
    assert len(names) > 10
    for name in names:
        assert ours[name].tobytes() == theirs[name].tobytes(), name


def test_a_network_of_the_table_codes_vectors(whole: Path) -> None:
    root = open_index(whole).read()
    codes = np.asarray(root["codes/variational/vectors"][:])
    assert codes.shape[1] == 4
    done = np.isfinite(np.asarray(root["embeddings/own/vectors"][:])).all(axis=1)
    assert done.sum() > 20
    np.testing.assert_array_equal(np.isfinite(codes).all(axis=1), done)
    table = read_table(root, "training")
    assert set(table["layers"][table["codes"] == "variational"]) == {"variational"}


OUTGROWN = """
[pixels]
size = 32
[[embed]]
network = "cae"
name = "own"
epochs = 1
input_size = 32
"""


def _advice(place: Path) -> str:
    return next(one.advice for one in index_status(open_index(place)).stages if one.name == "embed own")


def test_a_network_that_the_corpus_has_outgrown_is_fitted_anew_when_asked(
    demo: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was trained on a third of the pictures: `status` says so, a run keeps it, and --refit lays one beside it."""
    place, recipe = Path(shutil.copytree(pictures, tmp_path / "index")), recipe_of("autoencode = []\n" + OUTGROWN)
    whole = making.training_rows
    with monkeypatch.context() as patched:
        patched.setattr(making, "training_rows", lambda *known: whole(*known)[::3])
        root, commit = (first := run(demo, place, recipe)).read(), first.commit
    rows = len(representatives(root))
    assert f"own was fitted on {-(-rows // 3)} rows, and there are {rows} now" in _advice(place)
    assert run(demo, place, recipe).commit == commit, "a plain run keeps it"
    old, kept = np.asarray(root["embeddings/own/vectors"][:]), set(root["networks/own"].array_keys())
    root, commit = (after := run(demo, place, recipe, refit=True)).read(), after.commit
    networks = set(root["networks/own"].array_keys())
    assert len(networks) == 2
    assert networks > kept, "the older network is kept beside the new one"
    assert not np.array_equal(np.asarray(root["embeddings/own/vectors"][:]), old, equal_nan=True)
    assert _advice(place) == ""
    assert run(demo, place, recipe, refit=True).commit == commit, "it fits now"


@pytest.mark.parametrize(("moved", "new", "expected"), [(0.0, 40, 0.0), (3.0, 40, 9 / 4), (3.0, 31, 0.0)])
def test_the_drift_by_hand(moved: float, new: int, expected: float) -> None:
    """Vectors of variance 1 in each of 4 directions; those that came since lie ``moved`` along the first."""
    old = np.tile(np.array([[1, 1, 1, 1], [-1, -1, -1, -1]], np.float32), (50, 1))
    since = np.tile(np.array([[moved, 0, 0, 0]], np.float32), (new, 1))
    root = zarr.group()
    root.create_array("embeddings/x/vectors", data=np.concatenate([old, since]))
    made = VectorSet("x", "embeddings/x", 1, np.arange(100 + new), 1)
    assert drift(root, made, FittedOn(100, 100)) == pytest.approx(expected)


SELECTED = """
[pixels]
size = 32
[[embed]]
network = "cae"
name = "{name}"
epochs = 1
input_size = 32
select = {select}
"""


def test_a_selection_is_trained_on_embedded_and_kept_with_the_vectors(demo: Path, whole: Path, tmp_path: Path) -> None:
    """Two bands of scale in one recipe: each has vectors of its own pictures only, and a code of them follows."""
    shutil.copytree(whole, tmp_path / "index")
    root = open_index(whole).read()
    scales = np.asarray(root["scale/scale_nm"][:])
    lengths, counts = np.unique(scales[np.isfinite(scales)], return_counts=True)
    first, second = lengths[np.argsort(-counts, kind="stable")[:2]].tolist()
    text = SELECTED.format(name="one", select=f"{{scale_nm = [{first}]}}")
    text += "".join(SELECTED.format(name="both", select=f"{{scale_nm = [{first}, {second}]}}").splitlines(True)[3:])
    text += '[[autoencode]]\nnetwork = "dense"\nvectors = "one"\nlayers = [3]\nepochs = 1\nmin_steps = 0\n'
    recipe = recipe_of(text)
    index = run(demo, tmp_path / "index", recipe, stages=("embed", "autoencode"))
    root = index.read()
    rows = representatives(root)
    for name, wanted in (("one", [first]), ("both", [first, second]), ("dense", [first])):
        found = next(one for one in vector_sets(root, recipe) if one.name == name)
        np.testing.assert_array_equal(found.rows, rows[np.isin(scales[rows], wanted)])
    assert root["embeddings/both"].attrs["select"]["scale_nm"] == [first, second]
    before = index.commit
    assert run(demo, tmp_path / "index", recipe, stages=("embed", "autoencode")).commit == before


@pytest.mark.parametrize(
    ("select", "count"),
    [
        (Selection(), 4),
        (Selection(scale_nm=(1000.0, 2000.0)), 2),
        (Selection(nm_per_px=(2.0, 4.0)), 1),
        (Selection(width_px=(100, 200)), 3),
        (Selection(formats=("TIFF",)), 2),
        (Selection(label_sets=("kinds",)), 2),
        (Selection(label_sets=("places",)), 0),
        (Selection(labels=("Fibres",)), 1),
        (Selection(labels=("Fibres/bundle", "Grain")), 2),
        (Selection(labels=("Fib",)), 0),
        (Selection(formats=("tiff",), scale_nm=(500.0,)), 0),
        (Selection(formats=("jpeg",), scale_nm=(2000.0,)), 1),
    ],
)
def test_a_selection_by_hand(select: Selection, count: int) -> None:
    """Four pictures: 1 um, 2 um, 500 nm and none; the middle two are JPEGs, two are labelled."""
    root = zarr.group()
    for name, values in (("scale_nm", [1000.0, 2000.0, 500.0, np.nan]), ("nm_per_px", [2.0, 4.0, 1.0, np.nan])):
        root.create_array(f"scale/{name}", data=np.array(values))
    write_table(
        root,
        "images",
        {"width_px": np.array([100, 150, 200, 300], np.int32), "format": text_array(["tiff", "jpeg", "jpeg", "tiff"])},
    )
    sets = [LabelSet("kinds", 1, {0: "Fibres/bundle", 2: "Grain"})]
    assert selected(root, select, np.arange(4), sets).sum() == count


def test_a_range_is_two_numbers() -> None:
    with pytest.raises(ValueError, match=r"\[low, high\]"):
        Selection(nm_per_px=(3.0,))


FINETUNED = """
[pixels]
size = 32
[labels.sets]
classes = "{labels}"
[[embed]]
network = "cae"
name = "own"
epochs = 1
input_size = 32
"""


def test_finetune_teaches_a_network_labels_and_embeds_with_it(
    demo: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command adds the network to the recipe of the index, reports by class, and does nothing when asked again."""
    monkeypatch.setattr(picture_vectors, "_HELD_BYTES", 0)  # as where pictures are many: they are read from a file
    shutil.copytree(pictures, tmp_path / "index")
    text = FINETUNED.format(labels=demo / "labels") + '[[autoencode]]\nvectors = "own"\n'
    run(demo, tmp_path / "index", recipe_of(text), stages=("labels",))
    options = ["--labels", "classes", "--layers", "all", "--engines", "local", "--format", "json", "--quiet"]
    for setting in ("model=test_resnet", "weights=random", "side=64", "epochs=2", "runtime=torch"):
        options += ["--set", f"embed.finetuned.{setting}"]
    options += ["--set", "pixels.size=64"]  # other than what the index holds: pictures are made anew first
    done = CliRunner().invoke(cli, ["finetune", str(tmp_path / "index"), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    confusion = np.array(report["confusion"])
    table = read_table(open_index(tmp_path / "index").read(), "labels/classes")
    labels = table["label"][~table["contradictory"]].tolist()
    assert [row["class"] for row in report["classes"]] == sorted(set(labels))
    assert 0 < confusion.sum() < len(labels)
    assert report["accuracy"] == np.trace(confusion) / confusion.sum()
    root = open_index(tmp_path / "index").read()
    rows = np.isfinite(np.asarray(root["embeddings/finetuned/vectors"][:])).all(axis=1)
    assert rows.sum() == len(representatives(root)), "pictures without labels have vectors too"
    assert "embeddings/own" not in root, "other networks of the recipe wait for the next run"
    before = open_index(tmp_path / "index").commit
    assert CliRunner().invoke(cli, ["finetune", str(tmp_path / "index"), *options]).exit_code == 0
    assert open_index(tmp_path / "index").commit == before
    _sees(tmp_path / "index", report["classes"][0]["class"])
    _predicts(demo, tmp_path / "index", text, report)
    wrong = CliRunner().invoke(cli, ["finetune", str(tmp_path / "index"), "--labels", "kinds", "--engines", "local"])
    assert wrong.exit_code != 0
    assert "has classes" in wrong.output + str(wrong.exception)


def test_trainings_that_were_broken_off_begin_anew_once_an_image_is_forgotten() -> None:
    root = zarr.group()
    for path in ("unfinished/own/state", "networks/own/0123"):
        root.create_array(path, data=np.zeros(3, np.uint8))
    forget_image(root, (NETWORKS, UNFINISHED), Gone(0, bytes(16), ()))
    assert "unfinished/own" not in root
    assert "networks/own/0123" in root


def _sees(index: Path, label: str) -> None:
    """`show --map` draws the picture and, beside it, the map, along a component and for a class; else it says why."""
    root = open_index(index).read()
    md5 = hex_md5(read_images(root).md5[representatives(root)[:1]])[0]
    out = index.parent / "map.png"
    drawn = []
    for more in ([], ["--component", "2"], ["--class", label], ["--class", "0"]):
        done = CliRunner().invoke(cli, ["show", str(index), md5, "--map", str(out), "--quiet", *more])
        assert done.exit_code == 0, done.output
        picture = cv2.imread(str(out))
        assert picture is not None
        left, right = picture[:, : (picture.shape[1] - 8) // 2], picture[:, -(picture.shape[1] - 8) // 2 :]
        assert (left == left[:, :, :1]).all(), "the picture is gray"
        assert (right != right[:, :, :1]).any(), "the map has colours"
        drawn.append(right.tobytes())
    assert len(set(drawn)) == 3, "the class and its number are one"
    for more, said in ((["--class", "Nowhere"], "no class"), (["--vectors", "own"], "no embedding own")):
        done = CliRunner().invoke(cli, ["show", str(index), md5, "--map", str(out), "--quiet", *more])
        assert done.exit_code != 0
        assert said in done.output + str(done.exception)
    sheet = CliRunner().invoke(cli, ["sheet", str(index), str(out), md5, md5, "--map", "--class", label])
    assert sheet.exit_code == 0, sheet.output
    picture = cv2.imread(str(out))
    assert picture is not None
    assert (picture != picture[:, :, :1]).any(), "the maps have colours"


def _predicts(demo: Path, index: Path, text: str, report: dict[str, Any]) -> None:
    """`predict` labels the pictures without a label, and a run takes that as a label set that a network has given."""
    place, told = index.parent / "predicted.csv", []
    for more in ([], ["--labelled"]):
        done = CliRunner().invoke(cli, ["predict", str(index), str(place), "--format", "json", *more])
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.output))
    root = open_index(index).read()
    labelled = int(np.sum(~read_table(root, "labels/classes")["contradictory"]))
    assert [one["pictures"] for one in told] == [len(representatives(root)) - labelled, len(representatives(root))]
    assert told[0]["accuracy"] == report["accuracy"]
    assert told[0]["temperature"] == report["temperature"] != 1.0
    with place.open(newline="") as file:
        rows = list(csv.DictReader(file))
    middle = sorted(float(row["confidence"]) for row in rows)[len(rows) // 2]
    kept = CliRunner().invoke(cli, ["predict", str(index), str(place), "--labelled", "--least", str(middle)])
    assert f"of {len(rows)} pictures were given" in kept.output
    with place.open(newline="") as file:
        sure = list(csv.DictReader(file))
    assert 0 < len(sure) < len(rows)
    assert all(float(row["confidence"]) >= middle for row in sure)
    sets = f'classes = "{demo / "labels"}"\n'
    after = run(demo, index, recipe_of(text.replace(sets, f'{sets}guessed = "{place}"\n')), stages=("labels",)).read()
    found = read_table(after, "labels/guessed")
    assert sorted(found["label"].tolist()) == sorted(row["label"] for row in sure)
    assert str(after["labels/guessed"].attrs["predicted_by"]) == sure[0]["predicted_by"] == told[0]["network"]
    assert "predicted_by" not in after["labels/classes"].attrs
