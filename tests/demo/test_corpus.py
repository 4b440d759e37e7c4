"""The sample corpus as a whole: repeatable, and its truth is true."""

import hashlib
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import simplejpeg
import tifffile
from PIL import Image

from pipeline.demo import DemoSummary, write_demo_corpus
from pipeline.demo.plan import plan_pictures
from pipeline.demo.render import NEAR_PIXELS
from pipeline.demo.textures import TEXTURES
from pipeline.errors import UsageError

Row = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSummary:
    return write_demo_corpus(tmp_path_factory.mktemp("demo") / "small", images_per_class=2)


@pytest.fixture(scope="module")
def rows(demo: DemoSummary) -> list[Row]:
    return pq.read_table(demo.truth).to_pylist()


def _contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def _pixels(demo: DemoSummary, path: str) -> np.ndarray:
    content = (demo.corpus / path).read_bytes()
    if content[:2] == b"II":
        return tifffile.imread(io.BytesIO(content))
    return np.asarray(Image.open(io.BytesIO(content)))


def test_the_same_seed_gives_the_same_bytes(demo: DemoSummary, tmp_path: Path) -> None:
    write_demo_corpus(tmp_path / "again", images_per_class=2)
    assert _contents(tmp_path / "again") == _contents(demo.truth.parent)


def test_another_seed_gives_other_pictures() -> None:
    paths = [{picture.master.path for picture in plan_pictures(seed, 2)} for seed in (0, 1)]
    assert paths[0] != paths[1]


def test_adding_pictures_changes_none() -> None:
    few, many = plan_pictures(3, 2), plan_pictures(3, 21)
    assert set(few) < set(many)


def test_planned_paths_are_unique_even_without_case() -> None:
    paths = [file.path.casefold() for picture in plan_pictures(0, 40) for file in picture.files]
    assert len(paths) == len(set(paths))


def test_truth_has_every_file_with_its_md5(demo: DemoSummary, rows: list[Row]) -> None:
    assert {row["path"]: row["md5"] for row in rows} == _contents(demo.corpus)
    assert all(row["size_bytes"] == (demo.corpus / row["path"]).stat().st_size for row in rows)
    assert demo.files == len(rows)
    assert demo.size_bytes == sum(row["size_bytes"] for row in rows)


def test_every_kind_is_present(rows: list[Row]) -> None:
    def kinds(column: str) -> set[Any]:
        return {row[column] for row in rows}

    assert kinds("status") == {"ok", "duplicate", "corrupt", "unsupported", "too_large"}
    assert kinds("format") == {"tiff", "jpeg", "png", "bmp", "pdf", None}
    assert kinds("relation") == {"", "same_bytes", "same_pixels", "same_picture", "near", None}
    assert kinds("bar_vendor") == {"zeiss", "fei", "jeol", "hitachi", "tescan", None}
    assert kinds("scale_status") == {"read", "agrees", "disagrees", "metadata", "no_bar", None}
    assert kinds("texture") == {*TEXTURES, None}
    assert kinds("bit_depth") == {8, 16, None}
    assert {1.0, 1e6} <= kinds("scale_nm")


def test_the_first_path_of_a_content_is_ok_and_later_ones_are_duplicates(rows: list[Row]) -> None:
    by_content = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["path"].encode()):
        by_content[row["md5"]].append(row["status"])
    repeated = [statuses for statuses in by_content.values() if len(statuses) > 1]
    assert repeated
    assert all(statuses == ["ok"] + ["duplicate"] * (len(statuses) - 1) for statuses in repeated)
    assert sum(row["status"] == "duplicate" for row in rows) == sum(len(group) - 1 for group in repeated)


def test_sizes_and_depths_are_what_decoders_find(demo: DemoSummary, rows: list[Row]) -> None:
    for row in rows:
        if row["status"] == "ok" and row["format"] != "pdf":
            pixels = _pixels(demo, row["path"])
            assert pixels.shape[:2] == (row["height_px"], row["width_px"]), row["path"]
            assert pixels.dtype.itemsize * 8 == row["bit_depth"], row["path"]


def test_relations_hold_between_pixels(demo: DemoSummary, rows: list[Row]) -> None:
    masters = {row["path"]: row for row in rows if row["relation"] == ""}
    for row in rows:
        if row["relation"] in ("same_pixels", "near", "same_picture"):
            assert row["picture_of"] in masters
            difference = np.abs(_pixels(demo, row["path"]).astype(int) - _pixels(demo, row["picture_of"]).astype(int))
            if row["relation"] == "same_pixels":
                assert difference.max() == 0
            elif row["relation"] == "near":
                assert (np.count_nonzero(difference), difference.max()) == (NEAR_PIXELS, 1)
            else:
                assert 0 < difference.mean() < 12


def _decode_strictly(content: bytes, kind: str | None) -> None:
    if kind == "jpeg":
        simplejpeg.decode_jpeg(content, colorspace="gray", strict=True)
    else:
        tifffile.TiffFile(io.BytesIO(content)).pages[0].asarray()


def test_strict_decoders_refuse_the_damaged_files(demo: DemoSummary, rows: list[Row]) -> None:
    damaged = [row for row in rows if row["status"] == "corrupt"]
    assert {row["format"] for row in damaged} == {"tiff", "jpeg", None}
    for row in damaged:
        content = (demo.corpus / row["path"]).read_bytes()
        with pytest.raises((ValueError, RuntimeError, tifffile.TiffFileError, IndexError)):
            _decode_strictly(content, row["format"])


def test_the_bomb_is_small_but_claims_to_be_huge(demo: DemoSummary, rows: list[Row]) -> None:
    (bomb,) = (row for row in rows if row["status"] == "too_large")
    content = (demo.corpus / bomb["path"]).read_bytes()
    assert len(content) < 1000
    assert int.from_bytes(content[16:20]) * int.from_bytes(content[20:24]) == 3_600_000_000


def test_the_pdf_holds_a_jpeg_of_the_stated_size(demo: DemoSummary, rows: list[Row]) -> None:
    (document,) = (row for row in rows if row["format"] == "pdf")
    content = (demo.corpus / document["path"]).read_bytes()
    start = content.index(b"\xff\xd8")
    picture = Image.open(io.BytesIO(content[start:]))
    assert picture.size == (document["width_px"], document["height_px"])
    table = int(content.split(b"startxref\n")[1].split()[0])
    assert content[table:].startswith(b"xref\n")


def test_vendors_metadata_says_what_truth_says(demo: DemoSummary, rows: list[Row]) -> None:
    seen = set()
    for row in rows:
        if row["metadata_nm_per_px"] is None:
            continue
        with tifffile.TiffFile(demo.corpus / row["path"]) as tiff:
            if tiff.sem_metadata:
                _, value, unit = tiff.sem_metadata["ap_image_pixel_size"]
                stated = value * {"pm": 1e-3, "nm": 1.0, "um": 1e3}[unit]
            else:
                stated = tiff.fei_metadata["Scan"]["PixelWidth"] * 1e9
            seen.add("zeiss" if tiff.sem_metadata else "fei")
        assert stated == pytest.approx(row["metadata_nm_per_px"], rel=1e-3)
        wrong = abs(stated / row["true_nm_per_px"] - 1) > 0.03
        assert wrong == (row["scale_status"] == "disagrees")
    assert seen == {"zeiss", "fei"}


def test_scales_are_consistent(rows: list[Row]) -> None:
    for row in rows:
        if row["bar_text"]:
            assert row["scale_nm"] / row["bar_length_px"] == pytest.approx(row["true_nm_per_px"])
        if row["nm_per_px"] is not None:
            assert row["scale_status"] in ("read", "agrees", "metadata")
            assert row["nm_per_px"] == row["true_nm_per_px"]


def _measured_line_px(gray: np.ndarray) -> set[int]:
    """Centre distances of the end ticks of every horizontal line that has ticks above and below its ends."""
    found = set()
    for y in range(gray.shape[0] * 7 // 10, gray.shape[0] - 5):
        for foreground in (0, 255):
            line = np.flatnonzero(np.diff(np.concatenate([[0], gray[y] == foreground, [0]]).astype(int)))
            for start, stop in line.reshape(-1, 2):
                above, below = gray[y - 3, start:stop] == foreground, gray[y + 3, start:stop] == foreground
                if stop - start < 25 or not (above[0] and above[-1] and below[0] and below[-1]):
                    continue
                tick = int(np.argmin(above))
                if 0 < tick <= 2 and not above[tick:-tick].any() and not below[tick:-tick].any():
                    found.add(int(stop - start) - tick)
    return found


def test_drawn_lines_are_as_long_as_truth_says(demo: DemoSummary, rows: list[Row]) -> None:
    checked = 0
    for row in rows:
        lossless = row["status"] == "ok" and row["format"] in ("tiff", "png") and row["bit_depth"] == 8
        if lossless and row["bar_kind"] == "line":
            pixels = _pixels(demo, row["path"])
            gray = pixels if pixels.ndim == 2 else pixels[..., 0]
            assert _measured_line_px(gray) == {int(row["bar_length_px"])}, row["path"]
            checked += 1
    assert checked >= 8


def test_the_label_set_has_the_mistakes_that_truth_tells(demo: DemoSummary, rows: list[Row]) -> None:
    categories, files = defaultdict(set), defaultdict(int)
    for path, md5 in _contents(demo.labels).items():
        categories[md5].add(path.split("/")[0])
        files[md5] += 1
    assert demo.label_files == sum(files.values())
    assert demo.label_contents == len(files)
    known = {row["md5"]: row for row in rows}
    unmatched = [md5 for md5 in categories if md5 not in known]
    assert 0 < len(unmatched) <= 4
    repeated_in_one = [md5 for md5 in files if files[md5] > 1 and len(categories[md5]) == 1]
    assert repeated_in_one
    contradictory = {known[md5]["picture_of"] for md5, names in categories.items() if len(names) > 1}
    assert contradictory == {row["picture_of"] for row in rows if row["contradictory"]}
    assert len(contradictory) == demo.contradictory == 2
    for md5, names in categories.items():
        if md5 in known:
            assert known[md5]["label"] == "|".join(sorted(names))
            own = TEXTURES[known[md5]["texture"]].category
            assert own in names


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_demo_corpus(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        write_demo_corpus(tmp_path / "mine.txt")


@pytest.mark.parametrize("count", [-1, 1, 1001])
def test_a_senseless_count_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(UsageError, match="2 to 1000"):
        write_demo_corpus(tmp_path / "new", images_per_class=count)
    assert not (tmp_path / "new").exists()
