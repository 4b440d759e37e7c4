"""Exports: anonymous, whole, resumable, and never outside their folder."""

import csv
import hashlib
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import tifffile
from PIL import Image

from jobs.main import call
from pipeline.corpus.csv_text import plain_text
from pipeline.index.store import open_index
from pipeline.operations.exporting import _flat, folder_name
from pipeline.stages.files.ledger import hex_md5, read_images, representatives, sources_of


@pytest.fixture
def index(reference_index: Path) -> Path:
    return reference_index


def _pictures(index: Path) -> set[str]:
    root = open_index(index).read()
    return set(hex_md5(read_images(root, "md5")["md5"][representatives(root)]))


def _export(index: Path, out: Path, *more: str) -> int:
    return call(["export", str(index), str(out), "--engines", "local", "--quiet", *more])


def test_pairs_are_anonymous_and_named_by_md5(index: Path, tmp_path: Path) -> None:
    assert _export(index, tmp_path / "out") == 0
    names = _pictures(index)
    rows = csv.DictReader((tmp_path / "out" / "manifest.csv").read_text().splitlines())
    scales = {row["md5"]: float(row["nm_per_px"]) for row in rows if row["nm_per_px"]}
    assert scales
    assert {path.stem for path in (tmp_path / "out" / "tiff").iterdir()} == names
    assert {path.stem for path in (tmp_path / "out" / "jpg").iterdir()} == names
    for path in (tmp_path / "out" / "tiff").iterdir():
        with tifffile.TiffFile(path) as file:
            page = file.pages[0].aspage()
            tags = {tag.name for tag in page.tags}
            assert page.asarray().dtype == "uint8"
            assert (file.imagej_metadata is not None) == (path.stem in scales)
            if file.imagej_metadata is not None:
                keys = [line.partition("=")[0] for line in page.description.split("\n") if line]
                assert keys == ["ImageJ", "images", "hyperstack", "mode", "unit"]
                dots, units = page.tags["XResolution"].value
                nm = {"nm": 1.0, "micron": 1e3}[file.imagej_metadata["unit"]]
                assert nm * units / dots == pytest.approx(scales[path.stem], rel=1e-5)
        assert not tags & {"Software", "DateTime", "CZ_SEM", "FEI_SFEG", "Artist", "HostComputer"}
    for path in (tmp_path / "out" / "jpg").iterdir():
        with Image.open(path) as image:
            assert image.mode == "L"
            assert not image.getexif()
            assert "comment" not in image.info


def test_the_manifest_lists_every_picture_and_no_path(index: Path, demo: Path, tmp_path: Path) -> None:
    assert _export(index, tmp_path / "out") == 0
    text = (tmp_path / "out" / "manifest.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["md5"] for row in rows} == _pictures(index)
    assert any(row["nm_per_px"] for row in rows)
    for folder in (demo / "corpus").iterdir():
        assert folder.name not in text


def test_the_data_bar_is_cut_off_on_request(index: Path, tmp_path: Path) -> None:
    assert _export(index, tmp_path / "out", "--crop-bar") == 0
    rows = list(csv.DictReader((tmp_path / "out" / "manifest.csv").read_text().splitlines()))
    cut = [row for row in rows if int(row["kept_height_px"]) < int(row["original_height_px"])]
    assert cut
    for row in rows:
        with Image.open(tmp_path / "out" / "jpg" / f"{row['md5']}.jpg") as image:
            assert image.size == (int(row["original_width_px"]), int(row["kept_height_px"]))
    unsure = {row["md5"] for row in rows if row["print"] != "none seen"}
    assert _export(index, tmp_path / "sure", "--crop-bar", "--only-sure") == 0
    assert {path.stem for path in (tmp_path / "sure" / "jpg").iterdir()} == _pictures(index) - unsure


def test_folders_of_labels_and_clusters(index: Path, demo: Path, tmp_path: Path) -> None:
    assert _export(index, tmp_path / "labels", "--labels", "classes") == 0
    classes = {path.name for path in (demo / "labels").iterdir() if path.is_dir()}
    folders = {path.name for path in (tmp_path / "labels").iterdir() if path.is_dir()}
    assert folders
    assert folders <= classes
    assert _export(index, tmp_path / "clusters", "--clusters", "cae-ward-k5") == 0
    found = list((tmp_path / "clusters").glob("cluster_*/*.jpg"))
    assert {path.stem for path in found} == _pictures(index)
    assert len({path.parent for path in found}) == 5


def test_tables_as_csv(index: Path, tmp_path: Path) -> None:
    assert _export(index, tmp_path / "out", "--tables") == 0
    files = list(csv.DictReader((tmp_path / "out" / "files.csv").read_text().splitlines()))
    assert len(files) == 75
    assert (tmp_path / "out" / "images.csv").is_file()


def test_an_export_goes_on_where_it_was_stopped(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _export(index, out) == 0
    some = sorted((out / "jpg").iterdir())[:3]
    for path in some:
        path.unlink()
    assert call(["export", str(index), str(out), "--engines", "local"]) == 0
    assert "3 of them new" in capsys.readouterr().out
    assert all(path.is_file() for path in some)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "nope"], "no label set 'nope'"),
        (["--clusters", "nope-k3"], "no clustering 'nope-k3'"),
        (["--clusters", "cae-ward-k7"], "no clustering 'cae-ward-k7'"),
        (["--tables", "--labels", "classes"], "One export has one kind"),
    ],
)
def test_wrong_usage(
    words: list[str], message: str, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _export(index, tmp_path / "out", *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_another_export_or_anything_else_in_the_folder_is_refused(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _export(index, tmp_path / "out") == 0
    assert _export(index, tmp_path / "out", "--crop-bar") == 2
    assert "other settings" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    assert _export(index, tmp_path / "full") == 2
    assert (tmp_path / "full" / "letter.txt").read_text() == "mine"


def test_a_picture_that_is_gone_is_named_and_the_rest_is_written(
    demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = Path(shutil.copytree(demo / "corpus", tmp_path / "corpus"))
    index = tmp_path / "index"
    assert call(["run", str(corpus), str(index), "--until", "pair", "--engines", "local", "--quiet"]) == 0
    root = open_index(index).read()
    rows = representatives(root)
    gone = sources_of(root, rows.tolist())[0]
    for path in [path for path in corpus.rglob("*") if path.is_file()]:
        if hashlib.md5(path.read_bytes()).digest() == gone.md5:
            path.unlink()
    assert _export(index, tmp_path / "out") == 1
    assert gone.path in " ".join(capsys.readouterr().err.split())
    assert len(list((tmp_path / "out" / "jpg").iterdir())) == len(rows) - 1


@pytest.mark.parametrize("label", ["../../etc/passwd", "/abs/olute", "a\0b", "..", "", "con:aux", "x/../../y"])
def test_a_label_never_leads_out_of_the_folder(label: str, tmp_path: Path) -> None:
    inside = (tmp_path / folder_name(label)).resolve()
    assert inside.is_relative_to(tmp_path.resolve())
    assert inside != tmp_path.resolve()


def test_long_labels_are_folders_that_every_file_system_takes() -> None:
    long = "x" * 300
    names = {folder_name(f"Fibres/{long}{end}") for end in ("", "y", "z", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 200)}
    assert len(names) == 4
    assert all(len(part.encode()) <= 120 for name in names for part in name.split("/"))
    assert folder_name("a" * 120) == "a" * 120


def test_tables_hold_no_formulas_and_no_orders_to_a_terminal() -> None:
    paths = ["=cmd|' /C calc'!A0", "a\x1b[2J\x9b31mb", "plain", None]
    table = pa.table({"path": paths, "paths": [["=1", "b"], [], ["-2"], None], "n": [1, 2, 3, -4]})
    flat = _flat(table)
    cells = flat["path"].to_pylist()
    assert cells[0] == "'=cmd|' /C calc'!A0"
    assert flat["paths"].to_pylist() == ["'=1\nb", "", "'-2", None]
    assert [None if cell is None else plain_text(cell) for cell in cells] == paths
    assert flat["n"].to_pylist() == [1, 2, 3, -4]
