"""The command study: a tiny run of the toys, going on where it was, and what it says of data that do not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

from jobs.main import call
from pipeline.config import load_recipe
from pipeline.errors import StageError
from pipeline.index.reports import read_report_table
from pipeline.index.store import open_index
from pipeline.studies.registry import SUMMARIES, recipe_text, study_of
from pipeline.studies.results import Results

QUICK = ("--set", 'cluster.methods=["single","density_peaks","hdbscan"]', "--engines", "local", "--quiet")


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("toys")
    words = ["study", "toys", str(place / "data"), str(place / "out"), "--make", "--size", "90", *QUICK]
    assert call(words) == 0
    return place


def again(place: Path, *more: str) -> int:
    return call(["study", "toys", str(place / "data"), str(place / "out"), *QUICK, *more])


def test_a_study_ends_with_its_comparison(toys: Path) -> None:
    index = open_index(toys / "out" / "index")
    table = read_report_table(index.location, "comparison")
    found = {row["figure"]: row["ours"] for row in table.to_pylist()}
    assert found["Single: mean NMI of five sets"] > 0.5
    assert json.loads((toys / "out" / "comparison.json").read_text()) == table.to_pylist()
    page = (toys / "out" / "index" / "reports" / "report.html").read_text()
    assert page.index("Published and found") < page.index('class="cards"')
    assert (toys / "out" / "index" / "reports" / "figures" / "toys.svg").exists()
    scores = read_report_table(index.location, "agreement").to_pylist()
    circles = next(row for row in scores if row["clustering"] == "circles-single-k2")
    assert (circles["n_scored"], circles["nmi"]) == (90, pytest.approx(1))


def test_a_second_run_has_nothing_to_do(toys: Path) -> None:
    before = open_index(toys / "out" / "index").commit
    assert again(toys) == 0
    assert open_index(toys / "out" / "index").commit == before


def test_vectors_that_were_not_made_are_said(toys: Path) -> None:
    recipe = load_recipe("toys", builtin={"toys": recipe_text("toys")})
    with pytest.raises(StageError, match="compares the vectors 'none', and the index has none"):
        Results(open_index(toys / "out" / "index").read(), recipe).vectors("none")


def test_other_data_need_another_folder(toys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(toys, "--size", "12") == 2
    assert "name another folder" in capsys.readouterr().err


def test_data_of_another_layout_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "squares.npz", points=np.zeros((3, 2)))
    assert call(["study", "toys", str(tmp_path / "data"), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "has no circles.npz (it has squares.npz)" in said
    assert "points, float [n, 2]" in said
    assert call(["study", "toys", str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert "--make writes made-up data" in capsys.readouterr().err
    assert call(["study", "toys", str(tmp_path / "data"), str(tmp_path / "out"), "--make"]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_help_has_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["study", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name} " in said and summary.split()[0] in said for name, summary in SUMMARIES.items())
    assert "Example: semcorpus study" in said


@pytest.mark.parametrize("name", sorted(SUMMARIES))
def test_a_recipe_and_a_module_are_short(name: str) -> None:
    import inspect

    lines = [line for line in recipe_text(name).splitlines() if line.strip()]
    assert len(lines) < 60
    module = inspect.getmodule(study_of(name).compare)
    assert module is not None
    assert len(inspect.getsource(module).splitlines()) < 150
    named = [p for p in Path("pipeline").glob("[sk]*s/**/*.py") if p.parts[1] in ("stages", "kernels")]
    assert named
    assert not [path for path in named if f'"{name}"' in path.read_text()]
