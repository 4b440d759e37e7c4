"""What a run remembers of the command line, and a corpus that lies elsewhere now."""

import shutil
from pathlib import Path

import pytest

from jobs.main import call
from pipeline.config import load_recipe
from pipeline.index.store import open_index
from pipeline.operations.remembered import stored_recipe
from tests.operations.test_changes import draw

WALK = ("--until", "walk", "--engines", "local")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number in range(8):
        draw(tmp_path / "corpus" / f"{number}.tif", number)
    return tmp_path / "corpus"


def test_settings_hold_until_others_are_named(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = tmp_path / "index"

    def do(*words: str) -> tuple[str, int, int]:
        assert call(["run", str(corpus), str(index), *WALK, *words]) == 0
        recipe = stored_recipe(open_index(index))
        return capsys.readouterr().out, recipe.pixels.size, recipe.corpus.sample

    assert do("--set", "pixels.size=96", "--sample", "5")[1:] == (96, 5)
    out, size, sample = do()
    assert (size, sample) == (96, 0)  # a sample is a trial
    assert "As in the last run: --set pixels.size=96  (--recipe default drops it)" in out
    known = open_index(index).commit
    assert do()[1] == 96
    assert open_index(index).commit == known
    out, size, _ = do("--set", "pixels.size=64", "--exclude", "7.tif")
    assert size == 64
    assert "made anew: corpus.exclude was [] and is ['7.tif']; pixels.size was 96 and is 64" in out
    assert stored_recipe(open_index(index)).corpus.exclude == ("7.tif",)
    file = tmp_path / "own.toml"
    file.write_text("pixels.size = 128\n")
    assert do("--recipe", str(file))[1] == 128
    file.unlink()  # it is remembered as it was
    out, size, _ = do()
    assert (size, f"--recipe {file}" in out) == (128, True)
    assert do("--recipe", "default")[1] == load_recipe().pixels.size


def test_a_corpus_that_moved_is_known_by_its_contents(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index, elsewhere, other = tmp_path / "index", tmp_path / "mnt", tmp_path / "other"
    assert call(["run", str(corpus), str(index), *WALK, "-q"]) == 0
    corpus.rename(elsewhere)
    for more in ((), ("--plan",)):
        assert call(["run", str(elsewhere), str(index), *WALK, *more]) == 2
        assert "say --corpus-moved" in capsys.readouterr().err
    shutil.copytree(elsewhere, other)
    for number in range(3):
        draw(other / f"{number}.tif", 100 + number)
    for more in ((), ("--plan",)):
        assert call(["run", str(other), str(index), *WALK, "--corpus-moved", *more]) == 2
        assert "of 8 files that were looked for, 3 are not there" in capsys.readouterr().err
    assert open_index(index).read().attrs["corpus"] == str(corpus)
    assert call(["run", str(elsewhere), str(index), *WALK, "--corpus-moved"]) == 0
    assert open_index(index).read().attrs["corpus"] == str(elsewhere)
    assert call(["run", str(elsewhere), str(index), *WALK]) == 0
    assert "up to date" in capsys.readouterr().out
