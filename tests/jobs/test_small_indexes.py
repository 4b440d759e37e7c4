"""Commands on a small index that was only walked: names, orders to a terminal, damage, and corpora elsewhere."""

import errno
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from jobs.main import call
from jobs.terminal import print_json
from pipeline.config import load_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.index.store import Index, open_index
from pipeline.job import open_runner, run_stages
from pipeline.operations.verification import verify_index
from pipeline.progress import Silent
from pipeline.stages.files import walk

NAMES = ("plain.png", "caf%E9.png", "like#page=2", "\x1b[2J\x9b31m.png")


@pytest.fixture
def walked(tmp_path: Path) -> Path:
    """An index of pictures with odd names."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        picture = np.random.default_rng(seed).integers(0, 255, (40, 60)).astype(np.uint8)
        (folder / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    recipe = load_recipe()
    source, choice = Corpus(str(folder), recipe.corpus), EngineChoice.parse("local")
    with open_runner(source, tmp_path / "index", recipe, engines=choice, listener=Silent()) as runner:
        run_stages(runner, ("walk",))
    return tmp_path / "index"


def test_a_path_is_shown_by_the_name_that_is_shown(
    walked: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = {}
    for name in ("plain.png", "caf%E9.png", "%literal:caf%25E9.png", "like#page=2", "%literal:like%23page=2"):
        assert call(["show", str(walked), name, "--format", "json"]) == 0
        found[name] = json.loads(capsys.readouterr().out)["path"]
    assert call(["show", str(walked), str(tmp_path / "corpus" / "caf%E9.png"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == "%literal:caf%25E9.png"
    assert found == {
        "plain.png": "plain.png",
        "caf%E9.png": "%literal:caf%25E9.png",
        "%literal:caf%25E9.png": "%literal:caf%25E9.png",
        "like#page=2": "%literal:like%23page=2",
        "%literal:like%23page=2": "%literal:like%23page=2",
    }


def test_what_waits_for_a_stage_that_does_not_run_is_not_up_to_date(
    walked: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stages = 'run.stages=["walk", "pair", "pixels"]'  # pixels cuts off the data bar, which scale finds
    words = ["run", str(tmp_path / "corpus"), str(walked), "--engines", "local", "--set", stages]
    assert call(words) == 0
    assert "waits pixels 4 need" in " ".join(capsys.readouterr().out.split())
    assert call([*words, "--set", "pixels.crop_bar=false"]) == 0
    assert "waits" not in capsys.readouterr().out


def test_json_gives_a_terminal_no_orders(walked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(walked), NAMES[3], "--format", "json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["path"] == NAMES[3]
    values = {"a": "\x9b\x7f\u202e\u2028\U000e0001 \u00e9 \u65e5", "b": ["\x00\n\t"]}
    print_json(values)
    printed = capsys.readouterr().out
    assert json.loads(printed) == values
    assert all(c.isprintable() or c == "\n" for c in out + printed)
    assert "\u00e9 \u65e5" in printed


def test_a_damaged_chunk_is_no_defect_of_ours(walked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for chunk in (walked / "store" / "chunks").rglob("*"):
        if chunk.is_file():
            data = bytearray(chunk.read_bytes())
            data[-1] ^= 255
            chunk.write_bytes(bytes(data))
    assert call(["pair", str(walked)]) == 1  # signatures are files, and not within the lists of chunks
    text = capsys.readouterr().err
    assert "damaged" in text
    assert "verify" in text
    assert "defect" not in text


def test_of_damage_icechunk_says_nothing_where_json_is_read(walked: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for snapshot in (walked / "store" / "snapshots").iterdir():
        snapshot.write_bytes(snapshot.read_bytes()[:100])
    assert call(["show", str(walked), "plain.png", "--format", "json"]) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert "repair" in told.err


@pytest.mark.parametrize("place", ["plan", "merge"])
def test_a_full_disk_anywhere_in_a_stage_is_no_defect_of_ours(
    place: str, walked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("scratch file") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(walk, "_gone" if place == "plan" else "merge_digests", full)
    (tmp_path / "corpus" / "new.png").write_bytes(b"no picture")
    assert call(["run", str(tmp_path / "corpus"), str(walked), "--until", "walk"]) == 1
    text = capsys.readouterr().err
    assert "The disk is full" in text
    assert "defect" not in text


def test_a_corpus_elsewhere_is_contacted_only_when_named(
    walked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = open_index(walked)
    transaction = index.begin()
    transaction.root.attrs["corpus"] = "http://planted.invalid/share"
    transaction.commit("planted", {"stage": "settings", "kind": "layout"})
    asked: list[str] = []

    def ask(self: Corpus) -> None:
        asked.append(self.url)
        raise AssertionError("contacted")

    monkeypatch.setattr(Corpus, "_filesystem", ask)
    assert call(["verify", str(walked)]) == 0
    assert "not compared with http://planted.invalid/share: confirm it with --corpus" in capsys.readouterr().out
    assert call(["verify", str(walked), "--corpus", "http://other.invalid/share"]) == 2
    assert asked == []
    with pytest.raises(AssertionError, match="contacted"):
        list(verify_index(_reopened(walked), corpus="http://planted.invalid/share"))


def _reopened(place: Path) -> Index:
    return open_index(place)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1/x", "ftp://[bad/x", "zip://no/such.zip"])
def test_a_corpus_that_cannot_be_opened_is_no_defect_of_ours(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", url, str(tmp_path / "index")]) in (1, 2)
    text = capsys.readouterr().err
    assert url.partition("://")[0] in text
    assert "defect" not in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("Zstd decompression error: checksum wrong"), "damaged"),
        (ValueError("Stored and computed checksum do not match"), "damaged"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't start new thread"), "not enough memory"),
    ],
)
def test_what_the_machine_does_to_any_command_is_no_defect_of_ours(
    error: Exception, words: str, walked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("pipeline.operations.status.read_runs", fail)
    assert call(["status", str(walked)]) == 1
    text = capsys.readouterr().err
    assert words in text
    assert "defect" not in text
