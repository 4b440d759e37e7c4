"""The studies of small pictures: readers of the published layouts on made files, and both recipes at a tiny size."""

import csv
import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.main import call
from pipeline.errors import CorruptImageError
from pipeline.studies.confusions import macro_f1
from pipeline.studies.digits import CIFAR
from pipeline.studies.small_pictures import Part, read_cifar, read_folders, read_idx, write_parts
from tests.studies.running import drawings, run_study

RNG = np.random.default_rng(0)


def drawn(n: int, side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of a bright bar, upright or lying."""
    pictures, kinds = RNG.integers(0, 20, (n, side, side), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 2
    for picture, kind in zip(pictures, kinds, strict=True):
        at = RNG.integers(8, side - 10)
        (picture if kind else picture.T)[4:-4, at : at + 4] = 250
    return pictures, kinds


def write_idx(folder: Path, side: str, pictures: np.ndarray, labels: np.ndarray) -> tuple[Path, Path]:
    places = folder / f"{side}-images-idx3-ubyte.gz", folder / f"{side}-labels-idx1-ubyte"
    head = np.array([2051, *pictures.shape], ">i4").tobytes()
    places[0].write_bytes(gzip.compress(head + pictures.tobytes()))
    places[1].write_bytes(np.array([2049, len(labels)], ">i4").tobytes() + labels.tobytes())
    return places


def test_idx_files_are_read_and_cut_off_ones_refused(tmp_path: Path) -> None:
    pictures, labels = drawn(5)
    places = write_idx(tmp_path, "train", pictures, labels)
    part = read_idx(*places, tests=False)
    np.testing.assert_array_equal(part.pictures, pictures)
    assert part.labels == ["0", "1", "0", "1", "0"]
    places[1].write_bytes(places[1].read_bytes()[:-1])
    with pytest.raises(CorruptImageError, match="cut off"):
        read_idx(*places, tests=False)


def test_cifar_batches_are_gray_by_luma(tmp_path: Path) -> None:
    red = np.zeros((3, 32, 32), np.uint8)
    red[0] = 200
    (tmp_path / "test_batch.bin").write_bytes(b"\x09" + red.tobytes() + b"\x00" + bytes(3072))
    part = read_cifar(tmp_path / "test_batch.bin", CIFAR, tests=True)
    assert part.labels == ["truck", "airplane"]
    assert set(part.pictures[0].ravel().tolist()) == {60}
    (tmp_path / "cut.bin").write_bytes(bytes(3000))
    with pytest.raises(CorruptImageError, match="cut off"):
        read_cifar(tmp_path / "cut.bin", CIFAR, tests=True)


def test_signs_are_cut_out_by_their_table_in_folders_and_archives(tmp_path: Path) -> None:
    """A sign of 20 x 20 in a picture of 40 x 30; the archive's other class has no table and is taken whole."""
    folder = tmp_path / "Final_Training" / "Images" / "00007"
    folder.mkdir(parents=True)
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[5:25, 10:30] = 180
    Image.fromarray(picture).save(folder / "00000_00000.ppm")
    (folder / "GT-00007.csv").write_text(
        "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n00000_00000.ppm;40;30;10;5;30;25;7\n"
    )
    with tarfile.open(tmp_path / "more.tar.xz", "w:xz") as archive:
        data = io.BytesIO()
        Image.fromarray(picture[..., 0]).save(data, "JPEG", quality=95)
        member = tarfile.TarInfo("train/08/00000.jpg")
        member.size = len(data.getvalue())
        archive.addfile(member, io.BytesIO(data.getvalue()))
    part = read_folders(tmp_path, side=32)
    assert part.labels == ["00007", "08"]
    assert (part.pictures[0] == 180).all()
    assert part.pictures[1, 0, 0] < 10
    (folder / "bad.ppm").write_bytes(b"P6 nothing")
    with pytest.raises(CorruptImageError, match=r"bad\.ppm"):
        read_folders(tmp_path, side=32)


def test_only_test_pictures_have_labels_and_they_come_first(tmp_path: Path) -> None:
    pictures, labels = drawn(6)
    text = [str(label) for label in labels]
    (tmp_path / "corpus").mkdir()
    place = write_parts(
        [Part(pictures[:4], text[:4], True), Part(pictures[4:], text[4:], False)], tmp_path / "corpus", size=5, seed=0
    )
    with place.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"part0.npz#page={row}" for row in (1, 2, 3, 4)]
    assert [row["label"] for row in rows] == text[:4]
    with np.load(tmp_path / "corpus" / "part1.npz") as found:
        assert found["pictures"].shape == (1, 28, 28)
        np.testing.assert_array_equal(found["raw"][0] * 255, found["pictures"][0].ravel())


def test_macro_f1_counts_every_class_alike() -> None:
    truth = np.array(["a"] * 8 + ["b", "b"])
    clusters = np.array([0] * 8 + [1, 0])
    assert macro_f1(truth, clusters) == pytest.approx((16 / 17 + 2 / 3) / 2)
    assert macro_f1(truth, np.zeros(10, np.int64)) == pytest.approx(16 / 18 / 2), "b is never said"


STAGES = "arrays labels embed autoencode cluster assess agree"
QUICK = ("embed.contrastive.epochs=1", "autoencode.code.epochs=1", "autoencode.code.min_steps=0")


def test_digits_end_with_their_comparison_on_the_test_pictures(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_idx(data, "t10k", *drawn(40))
    write_idx(data, "train", *drawn(60))
    methods = 'cluster.methods=[{method="kmeans",vectors=["raw","code"]}]'
    rows = run_study("digits", data, tmp_path / "out", stages=STAGES, settings=(*QUICK, methods))
    found = rows["pixels + k-means"]
    assert found["published"] == 59.41
    assert 50 <= found["ours"] <= 100
    assert "Hungarian" in found["why"]
    assert set(rows) == {"pixels + k-means", "code of 10 + k-means"}
    assert drawings(tmp_path / "out") == {"confusion"}


def test_signs_end_with_their_comparison_and_the_goal(tmp_path: Path) -> None:
    pictures, kinds = drawn(64, 32)
    for number, (picture, kind) in enumerate(zip(pictures, kinds, strict=True)):
        folder = tmp_path / "data" / "train" / f"{kind:02}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{number:05}.png")
    methods = (
        'cluster.methods=[{method="kmeans",vectors=["raw","gradients"]},'
        '{method="ward",vectors=["raw"],transform=["pca:0.95"],k=[40,43]}]'
    )
    stages = STAGES.replace("autoencode ", "")
    rows = run_study("signs", tmp_path / "data", tmp_path / "out", stages=stages, settings=(methods,))
    assert rows["pixels + k-means"]["published"] == 18.08
    goal = rows["three times the published accuracy, without labels"]
    assert goal["answer"] == ("yes" if goal["ours"] >= 54.24 else "no")
    why = rows["PCA to 95% + ward linkage, k by silhouette"]["why"]
    assert all(name in why for name in ("k = 4", "silhouette", "Davies-Bouldin", "macro F1"))


@pytest.mark.parametrize("name", ["digits", "signs"])
def test_other_data_are_refused_with_the_layout(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("nothing")
    assert call(["study", name, str(tmp_path / "data"), str(tmp_path / "out")]) == 2
    assert "The data are" in capsys.readouterr().err
