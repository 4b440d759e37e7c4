"""The stage arrays: rows of containers become rows of the index, with vectors, pictures and labels."""

from pathlib import Path

import numpy as np
import pytest

from jobs.main import call
from pipeline.config import load_recipe
from pipeline.errors import RecipeError
from pipeline.index.reports import read_report_table
from pipeline.index.store import open_index
from pipeline.stages.files.ledger import read_files, read_images

RECIPE = """
embed = []
autoencode = []
[run]
stages = ["arrays", "labels", "neighbours", "map", "cluster", "agree", "report"]
[arrays]
vectors = ["points", "others"]
pictures = "seen"
[scale]
enabled = false
[pixels]
size = 16
[neighbours]
k = 10
[map]
method = "tsne"
vectors = "points"
iterations = 20
[cluster]
methods = ["ward"]
k = [2]
"""


def write_containers(place: Path) -> None:
    """40 points in two far groups, twice; 12 others."""
    generator = np.random.default_rng(0)
    place.mkdir(exist_ok=True)
    for name in ("a", "b"):
        points = generator.normal(0, 1, (40, 3)) + np.repeat([0, 50], 20)[:, None]
        seen = generator.integers(0, 255, (40, 8, 12)).astype(np.uint8)
        np.savez(place / f"{name}.npz", points=points.astype(np.float32), seen=seen)
    np.savez(place / "c.npz", others=generator.normal(0, 1, (12, 5)))
    rows = [f"{name}.npz#page={row + 1},{'far' if row >= 20 else 'near'}" for name in "ab" for row in range(40)]
    (place.parent / "sides.csv").write_text("file,label\n" + "\n".join(rows) + "\n")


def run(place: Path, *more: str) -> int:
    words = ["run", str(place / "corpus"), str(place / "index"), "--recipe", str(place / "recipe.toml")]
    return call([*words, "--labels", f"side={place / 'sides.csv'}", "--engines", "local", "--quiet", *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("arrays")
    write_containers(place / "corpus")
    (place / "recipe.toml").write_text(RECIPE)
    assert run(place) == 0
    return place


def test_rows_are_vectors_and_pictures(made: Path) -> None:
    root = open_index(made / "index").read()
    files, images = read_files(root), read_images(root)
    assert dict(zip(*np.unique(files.status.astype(str), return_counts=True), strict=True)) == {
        "document": 3,
        "ok": 92,
    }
    assert np.array_equal(images.picture, np.arange(92))
    image = dict(zip(files.path.tolist(), files.image.tolist(), strict=True))["b.npz#page=3"]
    with np.load(made / "corpus" / "b.npz") as arrays:
        assert np.array_equal(root["embeddings/points/vectors"][image], arrays["points"][2])  # type: ignore[index]
    assert root["pixels/gray"][image].shape == (16, 16)  # type: ignore[index]
    assert root["pixels/shown_px"][image].tolist() == [12, 8]  # type: ignore[index]


def test_all_stages_serve_them(made: Path) -> None:
    scores = read_report_table(open_index(made / "index").location, "agreement").to_pylist()
    found = {row["clustering"]: row for row in scores}
    assert (found["points-ward-k2"]["n_scored"], found["points-ward-k2"]["nmi"]) == (80, pytest.approx(1))
    assert call(["verify", str(made / "index"), "--read-corpus"]) == 0


def test_a_second_run_writes_nothing(made: Path) -> None:
    before = open_index(made / "index").commit
    assert run(made) == 0
    assert open_index(made / "index").commit == before


def test_only_a_changed_container_is_read_again(tmp_path: Path) -> None:
    write_containers(tmp_path / "corpus")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    assert run(tmp_path, "--until", "arrays") == 0
    old = open_index(tmp_path / "index").read()["embeddings/points/vectors"][:40]  # type: ignore[index]
    with np.load(tmp_path / "corpus" / "b.npz") as arrays:
        fewer = {name: array[:30] for name, array in arrays.items()}
    fewer["points"][0] = 7
    np.savez(tmp_path / "corpus" / "b.npz", **fewer)
    assert run(tmp_path, "--until", "arrays") == 0
    root = open_index(tmp_path / "index").read()
    images, files = read_images(root), read_files(root)
    assert (len(images.present), int(images.present.sum())) == (93, 82)
    assert np.sum(files.status.astype(str) == "gone") == 10
    assert np.array_equal(root["embeddings/points/vectors"][:40], old)  # type: ignore[index]
    assert np.all(root["embeddings/points/vectors"][92] == 7)  # type: ignore[index]


@pytest.mark.parametrize(
    ("arrays", "status"),
    [({"a": np.zeros(3), "b": np.zeros(4)}, "corrupt"), ({"a": np.array([{}], object)}, "unsupported")],
)
def test_what_is_no_container_is_a_row_of_the_ledger(
    arrays: dict[str, np.ndarray], status: str, tmp_path: Path
) -> None:
    write_containers(tmp_path / "corpus")
    np.savez(tmp_path / "corpus" / "d.npz", **arrays)  # type: ignore[arg-type]
    (tmp_path / "corpus" / "notes.txt").write_text("no arrays")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    assert run(tmp_path, "--until", "arrays") == 0
    files = read_files(open_index(tmp_path / "index").read())
    found = dict(zip(files.path.tolist(), files.status.tolist(), strict=True))
    assert (found["d.npz"], found["notes.txt"]) == (status, "unsupported")


def test_an_array_that_no_container_has_is_named(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(made, "--set", 'arrays.vectors=["nowhere","points"]') == 1
    assert "'nowhere'; they have others, points, seen" in capsys.readouterr().err


def test_a_corpus_of_arrays_is_not_walked() -> None:
    with pytest.raises(RecipeError, match="leave pair and walk out of"):
        load_recipe(assignments=['arrays.vectors=["points"]'])
