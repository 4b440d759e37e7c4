"""Bad input gets one readable paragraph and the right exit status."""

import json
from pathlib import Path

import icechunk
import pytest
import zarr

from jobs.main import call
from pipeline.index.lock.writer import writer_lock
from pipeline.storage.location import Location


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What standard error holds: one paragraph, and no traceback."""
    text = capsys.readouterr().err
    assert text.startswith("semcorpus: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["run", "{tmp}/nowhere", "{tmp}/index"], 2, "There is no folder {tmp}/nowhere"),
        (["run", "{tmp}/empty", "{tmp}/index"], 1, "There are no files in {tmp}/empty"),
        (["run", "{demo}/corpus", "{demo}/corpus/index"], 2, "lies inside the corpus"),
        (["run", "{demo}/corpus", "{tmp}/afile"], 2, "is a file; an index needs a folder"),
        (["run", "{demo}/corpus", "{tmp}/other"], 2, "is not empty and holds no index"),
        (["run", "{demo}/labels", "{finished}"], 2, "belongs to the corpus {demo}/corpus"),
        (["run", "{demo}/corpus", "{tmp}/index", "--ray", "ray://head:10001"], 2, "ray job submit"),
        (["run", "{demo}/corpus", "{tmp}/index", "--engines", "spark"], 2, "--engines takes local, or dask,ray"),
        (["run", "{demo}/corpus", "{tmp}/index", "--until", "emebd"], 2, "'walk', 'pair', 'arrays'"),
        (["run", "{demo}/corpus", "{tmp}/index", "--labels", "{demo}/labels"], 2, "NAME=PATH"),
        (["run", "{demo}/corpus", "{tmp}/index", "--labels", "a={tmp}/none"], 2, "no label set 'a' at {tmp}/none"),
        (["run", "{demo}/corpus", "{tmp}/index", "--recipe", "defalt"], 2, "Did you mean 'default'?"),
        (["run", "{demo}/corpus", "{tmp}/index", "--recipe", "{tmp}/none.toml"], 2, "none.toml cannot be read"),
        (["run", "{demo}/corpus", "{tmp}/index", "--set", "pixels.sise=3"], 2, "Did you mean 'size'?"),
        (["run", "{demo}/corpus", "{tmp}/index", "--set", "pixels.size=big"], 2, "pixels.size: input should be"),
        (["run", "{demo}/corpus", "{tmp}/index", "--set", "pixels"], 2, "--set takes stage.key=value"),
        (["demo", "{tmp}/heap", "--files", "5000", "--images-per-class", "5"], 2, "leave out --images-per-class"),
        (["run", "{demo}/corpus"], 2, "Missing argument 'INDEX'"),
        (["run", "a", "b", "--lables", "c"], 2, "'--labels'"),
        (["rnu", "a", "b"], 2, "Did you mean 'run'?"),
        (["status", "{tmp}/other"], 1, "There is no index at {tmp}/other"),
        (["show", "{finished}", "0123456789abcdef"], 2, "knows no image"),
        (["show", "{finished}", "no such.tif"], 2, "knows no image"),
        (["rollback", "{finished}", "ZZZZ"], 2, "No commit begins with 'ZZZZ'"),
    ],
)
def test_one_paragraph_and_the_right_status(
    words: list[str],
    status: int,
    sentence: str,
    demo: Path,
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("not an index")
    (tmp_path / "afile").write_text("a file")
    places = {"demo": demo, "finished": finished, "tmp": tmp_path}
    assert call([word.format(**places) for word in words]) == status
    assert sentence.format(**places) in told(capsys)
    assert (tmp_path / "other" / "thesis.doc").read_text() == "not an index"


def test_a_folder_of_text_files_names_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no picture")
    assert call(["run", str(tmp_path / "texts"), str(tmp_path / "index"), "--engines", "local"]) == 1
    text = told(capsys)
    assert "None of the 1 files" in text
    assert "plain text" in text


@pytest.mark.parametrize("command", [["status"], ["history"], ["verify"], ["report"], ["show", "x"]])
def test_an_index_of_a_newer_version_is_refused(
    command: list[str], copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(copied / "store")))
    session = repository.writable_session("main")
    zarr.open_group(session.store).attrs["semcorpus_format"] = 99
    session.commit("from the future")
    assert call([command[0], str(copied), *command[1:]]) == 1
    assert "has format 99, made by a newer semcorpus" in told(capsys)


def test_weights_that_do_not_exist_are_refused_at_once(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", "embed.model=resnet18", "--set", f"embed.weights={tmp_path}/none.safetensors"]
    assert call(["run", str(demo / "corpus"), str(tmp_path / "index"), *settings]) == 1
    assert f"The weights {tmp_path}/none.safetensors" in told(capsys)
    assert not (tmp_path / "index").exists()


def test_weights_of_a_hub_that_cannot_be_reached_say_what_to_do(
    demo: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = [
        "run",
        str(demo / "corpus"),
        str(copied),
        "--recipe",
        "default",
        "--engines",
        "local",
        "--until",
        "embed",
        "-q",
    ]
    chosen = ("embed.model=resnet18", "embed.weights=hub", "pixels.size=64")
    assert call([*words, *(word for setting in chosen for word in ("--set", setting))]) == 1
    text = told(capsys)
    assert "resnet18" in text
    assert "which needs none" in text


@pytest.mark.parametrize("command", [["report"], ["rollback", "X"]])
def test_a_second_writer_is_told_who_writes(
    command: list[str], copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with writer_lock(Location.parse(copied)):
        assert call([command[0], str(copied), *command[1:]]) == 1
        assert "is being written by process" in told(capsys)
        assert call(["status", str(copied), "--quiet"]) == 0  # readers need no lock


def test_debug_shows_the_traceback_and_keeps_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", str(tmp_path / "nowhere"), str(tmp_path / "index"), "--debug"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("Traceback (most recent call last):")
    assert text.splitlines()[-1].startswith("semcorpus: There is no folder")


def test_an_error_is_an_event_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", str(tmp_path / "nowhere"), str(tmp_path / "index"), "--log-json"]) == 2
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["exit_status"]) == ("error", 2)
    assert "There is no folder" in event["message"]


def test_a_defect_is_called_one(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one over nothing")

    monkeypatch.setattr("jobs.history.open_index", broken)
    assert call(["history", str(finished)]) == 1
    assert "An unexpected ZeroDivisionError: one over nothing. This is a defect of semcorpus" in told(capsys)
