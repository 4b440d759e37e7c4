"""Reviewing scales from the command line: page, answers, undoing, reading again, comparing with the truth."""

import csv
import json
import re
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.main import call
from pipeline.index.store import open_index
from pipeline.operations.lookup import image_facts
from pipeline.operations.scale_review.review import _field_contradicts, _groups
from pipeline.operations.scale_review.truth import wilson_interval
from tests.stored import stored_arrays


@pytest.fixture(scope="module")
def read_once(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("review") / "index"
    assert call(["run", str(demo / "corpus"), str(index), "--until", "scale", "--engines", "local", "--quiet"]) == 0
    return index


@pytest.fixture
def index(read_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(read_once, tmp_path / "index"))


def _items(index: Path) -> list[dict[str, object]]:
    return _items_of((index / "reports/scale-review.html").read_text(encoding="utf-8"))


def _items_of(page: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def _answers(file: Path, *rows: tuple[str, ...]) -> Path:
    with open(file, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([("what", "answer", "bar_length_px", "by"), *rows])
    return file


def _column(index: Path, name: str) -> np.ndarray:
    return stored_arrays(index)[f"scale/{name}"]


def test_the_page_shows_each_crop_once_the_doubtful_first(index: Path) -> None:
    assert call(["scale", str(index), "--review", "--engines", "local", "--quiet"]) == 0
    items = _items(index)
    crops = [item["thing"] for item in items if str(item["thing"]).startswith("crop:")]
    texts = _column(index, "text").tolist()
    lengths = np.array([not text or (text[0].isdigit() and text[-1] == "m") for text in texts])
    shared = _column(index, "crop")[lengths].tolist()
    assert len(crops) == len(set(crops))
    assert {str(crop).removeprefix("crop:") for crop in crops} == set(shared) - {""}
    assert sum(item["images"] for item in items if item["thing"] in crops) == sum(map(bool, shared))
    alone = [item for item in items if not lengths.all() and item["statuses"][0][0] == "no_unit"]  # type: ignore[index]
    assert all(str(item["thing"]).startswith("image:") for item in alone)
    words = [item["statuses"][0][0] for item in items]  # type: ignore[index]
    doubtful = [word not in ("read", "agrees", "metadata", "confirmed", "no_bar") for word in words]
    assert doubtful == sorted(doubtful, reverse=True)
    assert all(str(item["picture"]).startswith("data:image/webp") for item in items)


def test_a_crop_that_states_no_length_is_asked_picture_by_picture() -> None:
    columns = {
        "status": np.array(["uncertain"] * 4, object),
        "crop": np.array(["aa", "aa", "bb", "bb"], object),
        "text": np.array(["LM", "LM", "10 um", "10 um"], object),
        "confidence": np.full(4, 0.5),
    }
    groups = _groups(columns, ["0", "1", "2", "3"])
    assert {group.thing: group.rows for group in groups} == {"image:0": (0,), "image:1": (1,), "crop:bb": (2, 3)}


def test_a_field_width_that_says_otherwise_is_known() -> None:
    columns = {
        "status": np.array(["uncertain", "uncertain", "read", "uncertain"], object),
        "field_box": np.array([[1, 1, 9, 9]] * 3 + [[-1] * 4]),
        "reason": np.array(
            [
                "the printed field width of 5 um is 10 times this one",
                "the printed field width of 5 um is the same",
                "",
                "",
            ],
            object,
        ),
    }
    assert [_field_contradicts(columns, position) for position in range(4)] == [True, False, False, False]


def test_most_leaves_the_least_doubtful_out(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["scale", str(index), "--review", "--most", "2", "--engines", "local"]) == 0
    assert "left out" in capsys.readouterr().out
    assert len(_items(index)) == 2


def test_answers_are_taken_used_exported_and_undone(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crops, status = _column(index, "crop"), _column(index, "status")
    row = int(np.flatnonzero(status == "read")[0])
    md5 = stored_arrays(index)["images/md5"][row].tobytes().hex()
    file = _answers(tmp_path / "a.csv", (f"crop:{crops[row]}", "777 nm", "", "eva"), (f"image:{md5}", "no bar", "", ""))
    assert call(["scale", str(index), "--answers", str(file), "--by", "max", "--engines", "local"]) == 0
    assert "2 answers taken" in capsys.readouterr().out
    assert image_facts(open_index(index), md5)["scale"]["status"] == "no_bar"
    followers = (crops == crops[row]) & (np.arange(len(crops)) != row)
    assert set(_column(index, "text")[followers].tolist()) <= {"777 nm"}

    out = tmp_path / "out.csv"
    assert call(["scale", str(index), "--export-answers", str(out), "--quiet"]) == 0
    exported = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [(line["what"], line["answer"], line["by"]) for line in exported] == [
        (f"crop:{crops[row]}", "777 nm", "eva"),
        (f"image:{md5}", "no bar", "max"),
    ]
    assert call(["scale", str(index), "--answers", str(out), "--engines", "local"]) == 0
    assert "0 answers taken" in capsys.readouterr().out

    undo = _answers(tmp_path / "u.csv", (f"crop:{crops[row]}", "undo"), (f"image:{md5}", "undo"))
    assert call(["scale", str(index), "--answers", str(undo), "--engines", "local", "--quiet"]) == 0
    assert np.array_equal(_column(index, "status"), status)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("crop:123", "200 nm")], "line 2: 'crop:123' names nothing"),
        ([(f"crop:{0:032x}", "200")], "line 2: the answer '200' is none"),
        ([(f"crop:{0:032x}", "0 nm")], "line 2: the answer '0 nm'"),
        ([(f"crop:{0:032x}", "1 nm/px")], "belongs to a picture and not to a crop"),
        ([(f"crop:{0:032x}", "1 nm", "80")], "bar_length_px belongs to an image"),
        ([(f"image:{0:032x}", "1 nm", "wide")], "line 2: bar_length_px is 'wide'"),
        ([(f"image:{0:032x}", "1 nm"), ("image:1", "1 nm")], "line 3: "),
        ([(f"image:{0:032x}", "1 nm", "80", "eva", "more")], "more cells than columns"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_taken(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[tuple[str, ...]], said: str
) -> None:
    file = _answers(tmp_path / "a.csv", *rows)
    assert call(["scale", str(index), "--answers", str(file)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (index / "annotations").exists()


def test_a_file_that_is_no_table_is_refused(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("hello\n")
    assert call(["scale", str(index), "--answers", str(tmp_path / "a.csv")]) == 2
    assert "has no column what and answer" in capsys.readouterr().err
    (tmp_path / "b.csv").write_bytes(b"what,answer\n\xff\xfe")
    assert call(["scale", str(index), "--answers", str(tmp_path / "b.csv")]) == 2


def test_a_length_needs_a_bar(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = int(np.flatnonzero(np.isnan(_column(index, "bar_length_px")) & (_column(index, "status") == "no_bar"))[0])
    md5 = stored_arrays(index)["images/md5"][row].tobytes().hex()
    file = _answers(tmp_path / "a.csv", (f"image:{md5}", "500 nm"))
    assert call(["scale", str(index), "--answers", str(file)]) == 2
    assert "no bar was found in this picture" in capsys.readouterr().err
    file = _answers(tmp_path / "a.csv", (f"image:{md5}", "500 nm", "100"))
    assert call(["scale", str(index), "--answers", str(file), "--engines", "local", "--quiet"]) == 0
    scale = image_facts(open_index(index), md5)["scale"]
    assert (scale["status"], scale["nm_per_px"]) == ("confirmed", 5.0)


def test_answers_about_what_is_not_here_are_kept(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _answers(tmp_path / "a.csv", (f"crop:{7:032x}", "1 um"))
    assert call(["scale", str(index), "--answers", str(file), "--engines", "local"]) == 0
    assert "1 are about nothing in this index" in capsys.readouterr().out


def test_a_part_is_read_again(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: _column(index, name) for name in ("status", "nm_per_px", "key", "crop")}
    word = "read"
    assert call(["scale", str(index), "--again", "--status", word, "--engines", "local"]) == 0
    out = capsys.readouterr().out
    count = int(np.sum(before["status"] == word))
    assert f"{count} scales to read again" in out
    assert re.search(rf"scale\s+{count}\b", out)
    assert all(
        np.array_equal(_column(index, name), values, equal_nan=values.dtype.kind == "f")
        for name, values in before.items()
    )
    assert call(["scale", str(index), "--again", "--status", "uncertain", "--only", "missing"]) == 2
    assert call(["scale", str(index), "--status", "read"]) == 2
    assert call(["scale", str(index), "--review", "--answers", "x.csv"]) == 2


def test_the_truth_of_the_demo_has_nothing_wrong(demo: Path, index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["scale", str(index), "--truth", str(demo / "truth.parquet")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"wrong +0 ", out)
    assert re.search(r"value without bar +0 ", out)
    assert "95% interval" in out


def test_a_wrong_value_is_found_and_named(
    demo: Path, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = pq.read_table(demo / "truth.parquet").to_pylist()
    arrays = stored_arrays(index)
    valued = {row.tobytes().hex() for row in arrays["images/md5"][np.isfinite(arrays["scale/nm_per_px"])]}
    rows = [line for line in truth if line["nm_per_px"] and line["status"] == "ok" and line["md5"] in valued][:4]
    file = tmp_path / "truth.csv"
    with open(file, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["path", "nm_per_px"])
        writer.writerows([line["path"], line["nm_per_px"] * (10 if line is rows[0] else 1)] for line in rows)
        writer.writerow(["not/there.tif", 3.0])
    assert call(["scale", str(index), "--truth", str(file)]) == 0
    out = capsys.readouterr().out
    assert f"{rows[0]['path']}: " in out
    assert "copies, or nothing here" in out


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)]
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-4)
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.usefixtures("s3_endpoint")
def test_an_index_in_a_bucket_is_reviewed_and_answered(
    read_once: Path, s3_endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filesystem = fsspec.filesystem("s3", endpoint_url=s3_endpoint)
    place = "s3://semcorpus/review/index"
    filesystem.put(str(read_once), place, recursive=True)
    assert call(["scale", place, "--review", "--most", "3", "--engines", "local"]) == 0
    assert f"{place}/reports/scale-review.html" in capsys.readouterr().out
    items = _items_of(filesystem.cat_file("semcorpus/review/index/reports/scale-review.html").decode())
    thing = next(str(item["thing"]) for item in items if str(item["thing"]).startswith("crop:"))
    file = _answers(tmp_path / "a.csv", (thing, "777 nm", "", "eva"))
    assert call(["scale", place, "--answers", str(file), "--engines", "local", "--quiet"]) == 0
    crops, texts = (stored_arrays(place)[f"scale/{name}"] for name in ("crop", "text"))
    assert set(texts[crops == thing.removeprefix("crop:")].tolist()) == {"777 nm"}
    assert call(["scale", place, "--export-answers", str(tmp_path / "out.csv"), "--quiet"]) == 0
    assert thing in (tmp_path / "out.csv").read_text(encoding="utf-8")
