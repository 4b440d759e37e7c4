"""The summary of what became different between two commits, on a corpus that was changed in known ways."""

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from jobs.main import call
from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.errors import UsageError
from pipeline.index.store import open_index
from pipeline.job import RunResult, run
from pipeline.operations.change_summary import to_mail, to_markdown
from pipeline.operations.changes import Changes, Growth, _files, _grown, changes_between, find_base
from pipeline.progress import Event, Listener, Silent, StageFinished
from pipeline.runtime.plan import RunOptions
from pipeline.stages.files.ledger import LedgerRows
from pipeline.stages.scale.answers import Answer, enter_answers
from pipeline.storage.location import Location

CHEAP = (
    "embed.name=cae",
    "embed.model=autoencoder",
    "autoencode.vectors=cae",
    "embed.epochs=1",
    "embed.input_size=32",
    "pixels.size=48",
    "autoencode.epochs=1",
    "autoencode.min_steps=0",
    "cluster.k=[2,3,4]",
    'run.stages=["walk", "pair", "scale", "pixels", "embed", "autoencode", "neighbours", "cluster", "report"]',
    "neighbours.k=20",
)


def draw(path: Path, seed: int) -> None:
    """A picture unlike any other."""
    path.parent.mkdir(exist_ok=True, parents=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16), np.uint8)
    Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC).save(path)


def do(corpus: Path, index: Path) -> RunResult:
    recipe = load_recipe(assignments=CHEAP)
    return run(
        corpus, index, recipe=recipe, engines=EngineChoice.parse("local"), options=RunOptions(accept_removals=True)
    )


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult, RunResult, RunResult]:
    """An index after three nights: made, changed in known ways, and unchanged."""
    folder = tmp_path_factory.mktemp("nights")
    corpus, index = folder / "corpus", folder / "index"
    for number in range(30):
        draw(corpus / f"{number:02}.tif", number)
    first = do(corpus, index)
    draw(corpus / "new [1].tif", 100)
    draw(corpus / "03.tif", 101)
    (corpus / "04.tif").rename(corpus / "renamed.tif")
    (corpus / "05.tif").unlink()
    shutil.copy(corpus / "06.tif", corpus / "copy.tif")
    Image.open(corpus / "07.tif").save(corpus / "07.png")
    (corpus / "broken.tif").write_bytes((corpus / "08.tif").read_bytes()[:500])
    return index, first, do(corpus, index), do(corpus, index)


def test_the_first_night_is_all_new(nights: tuple[Path, RunResult, RunResult, RunResult]) -> None:
    changes = nights[1].changes
    assert changes is not None
    assert changes.subject == "30 new"
    assert (changes.new_images, changes.new_pictures, changes.gone, changes.grown) == (30, 30, (), ())
    assert sum(changes.scales.values()) == 30


def test_the_second_night_says_what_was_done(nights: tuple[Path, RunResult, RunResult, RunResult]) -> None:
    changes = nights[2].changes
    assert changes is not None
    assert changes.new == ("07.png", "broken.tif", "copy.tif", "new [1].tif")
    assert changes.changed == ("03.tif",)
    assert changes.moved == (("04.tif", "renamed.tif"),)
    assert changes.gone == ("05.tif",)
    assert len(changes.failed) == 1
    assert changes.failed[0][0] == "broken.tif"
    assert (changes.new_images, changes.new_pictures) == (3, 2)
    assert changes.new_duplicates == {"same_bytes": 1, "same_pixels": 1}, "what stands for a group is no duplicate"
    assert sum(changes.scales.values()) == 2
    assert [(drift.vectors, drift.new) for drift in changes.drift] == [("cae", 2), ("sae", 2)]
    assert all(drift.distance_ratio > 0 for drift in changes.drift)
    assert changes.subject == "4 new, 1 changed, 1 moved, 1 gone, 1 failed"


def test_the_third_night_writes_nothing(nights: tuple[Path, RunResult, RunResult, RunResult]) -> None:
    index, _, second, third = nights
    assert third.changes is None
    pages = sorted((index / "reports" / "runs").glob("*/changes.md"))
    assert len(pages) == 2
    assert second.changes is not None
    assert second.changes.subject in pages[1].read_text().splitlines()[0]


def test_names_are_no_markup(nights: tuple[Path, RunResult, RunResult, RunResult]) -> None:
    page = to_markdown(Changes("a" * 12, "b" * 12, new=("new [1].tif", "a\n# b", *map(str, range(30)))), title="SEM")
    assert "- new \\[1\\].tif\n" in page
    assert "\n# b" not in page
    assert "- and 12 more" in page
    assert page.startswith("# SEM: 32 new\n")


def test_the_command(nights: tuple[Path, RunResult, RunResult, RunResult], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["changes", str(nights[0]), "--format", "mail"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Subject: SEM corpus: 4 new, 1 changed, 1 moved, 1 gone, 1 failed\nMIME-Version: 1.0\n")
    assert "\n  new [1].tif\n" in out
    assert call(["changes", str(nights[0]), "--since", "nonsense"]) == 2
    assert "neither one commit" in capsys.readouterr().err


def test_what_to_compare_with(nights: tuple[Path, RunResult, RunResult, RunResult]) -> None:
    index = open_index(nights[0])
    history = index.history()
    assert find_base(index, history[3].id[:10]) == history[3].id
    assert find_base(index, "1d", now=history[2].written + timedelta(days=1)) == history[2].id
    assert find_base(index, "1d", now=datetime.now(UTC)) == history[-1].id
    assert changes_between(index, history[0].id).subject == "nothing changed"
    with pytest.raises(UsageError, match="neither one commit"):
        find_base(index, "ZZZZ")


def test_clusters_are_matched_by_what_they_share() -> None:
    old = np.array([0, 0, 0, 1, 1])
    new = np.array([1, 1, 1, 0, 0, 0, 0, 2])
    found = _grown("c", np.arange(5), old, np.array([0, 1, 2, 3, 4, 7, 8, 9]), new)
    assert found == [Growth("c", 0, 2, 4)]
    assert _grown("c", np.arange(2), old[:2], np.arange(5, 7), new[:2]) == []


def test_side_files_are_neither_new_pictures_nor_failures() -> None:
    def ledger(**status: str) -> LedgerRows:
        paths = [name.replace("_", ".") for name in status]
        md5 = np.arange(16 * len(paths), dtype=np.uint8).reshape(-1, 16) + 1
        columns = {"path": paths, "status": list(status.values()), "reason": ["why"] * len(paths)}
        return LedgerRows(
            ({name: np.array(values, object) for name, values in columns.items()} | {"md5": md5}).__getitem__
        )

    before = ledger(a_tif="ok")
    after = ledger(a_tif="ok", b_txt="unsupported", c_tif="unsupported", d_tif="not_judged")
    changes = Changes("a", "b", **_files(before, after))
    assert (changes.new, changes.side) == (("c.tif", "d.tif"), ("b.txt",))
    assert changes.failed == (("c.tif", "why"), ("d.tif", "why"))
    assert changes.subject == "2 new, 2 failed, 1 side file"
    assert "| new side files, no pictures by intention | 1 |" in to_markdown(changes, title="SEM")


class _Interrupt(Silent):
    """Ctrl-C when a stage is through."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def tell(self, event: Event) -> None:
        if isinstance(event, StageFinished) and event.stage == self._stage:
            raise KeyboardInterrupt


MAIL = """\
Subject: SEM corpus: 3 new, 2 moved, 1 gone, 1 failed, 1 side file, 1 scale changed
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

      3  new files
      2  moved files
      1  gone files
      1  files that failed
      1  new side files, no pictures by intention
      2  new pictures
      1  older pictures whose scale changed
      1  new pictures less sharp than 95% of the older ones
      1  new pictures of less contrast than 95% of the older ones

Failed:
  b/cut [2].tif
      REASON

New:
  a: b/Müller_1.tif
  b/cut [2].tif
  late.tif

New side files:
  notes.txt

Moved:
  2026/04.tif
      was 04.tif
  renamed.tif
      was 07.tif

Gone:
  05.tif

Scales that changed:
  06.tif
      no bar -> confirmed, 1.95 nm a pixel

Scales of the new pictures:
  no bar: 2

Commits SINCE to UNTIL.
"""


def test_the_mail_of_a_night_that_was_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A move, a rename, side files, an answer, a run that is interrupted: the next one tells of all, word by word."""
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    for number in range(12):
        draw(corpus / f"{number:02}.tif", number)

    def night(listener: Listener | None = None) -> RunResult:
        options = RunOptions(accept_removals=True)
        return run(
            corpus, index, engines=EngineChoice.parse("local"), until="scale", options=options, listener=listener
        )

    first = night().index.work_commit
    draw(corpus / "a: b" / "Müller_1.tif", 100)
    (corpus / "b").mkdir()
    (corpus / "b" / "cut [2].tif").write_bytes((corpus / "08.tif").read_bytes()[:500])
    (corpus / "2026").mkdir()
    (corpus / "04.tif").rename(corpus / "2026" / "04.tif")
    (corpus / "07.tif").rename(corpus / "renamed.tif")
    (corpus / "notes.txt").write_text("accelerating voltage 5 kV")
    with pytest.raises(KeyboardInterrupt):
        night(_Interrupt("walk"))
    assert changes_between(open_index(index), find_base(open_index(index), None)).subject.startswith("2 new, 2 moved")
    (corpus / "05.tif").unlink()
    draw(corpus / "late.tif", 101)
    Image.open(corpus / "late.tif").filter(ImageFilter.GaussianBlur(8)).save(corpus / "late.tif")
    md5 = hashlib.md5((corpus / "06.tif").read_bytes()).hexdigest()
    enter_answers(Location.parse(index), [Answer("image", md5, "1.95 nm/px")])
    capsys.readouterr()
    assert call(["run", str(corpus), str(index), "--until", "scale", "--engines", "local", "--accept-removals"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "Change  3 new, 2 moved, 1 gone, 1 failed, 1 side file, 1 scale changed" in said
    bad = "1 less sharp than 95% of the older ones; 1 of less contrast than 95% of the older ones"
    assert f"Quality of the new pictures: {bad}" in said
    found = changes_between(open_index(index), first)
    (reason,) = (reason for _, reason in found.failed)
    assert call(["changes", str(index), "--format", "mail"]) == 0
    expected = MAIL
    for name, value in {"SINCE": first[:8], "UNTIL": found.until[:8], "REASON": reason}.items():
        expected = expected.replace(name, value)
    assert capsys.readouterr().out == expected


def test_subjects_of_any_language_and_names_that_end_lines() -> None:
    mail = to_mail(Changes("a" * 12, "b" * 12, new=("x\ny.tif",)), title="Rasterelektronenmikroskopie Müller")
    head, _, body = mail.partition("\n\n")
    assert head.isascii()
    assert str(make_header(decode_header(head.splitlines()[0].removeprefix("Subject: ")))).endswith("Müller: 1 new")
    assert "\n  x\N{REPLACEMENT CHARACTER}y.tif\n" in body
