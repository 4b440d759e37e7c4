"""The scale of the real micrographs in the shared data: none wrong, and as many read as were when this was written.

A reading is right if the length that the label states is exact and the bar's length within 2 px or 1%.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest

from pipeline.imaging.canonical import to_gray8
from pipeline.imaging.formats.decode import decode_image
from pipeline.imaging.scale.reading import read_scale
from pipeline.records import ScaleReading

NM_PER_UNIT = {"nm": 1.0, "um": 1e3, "mm": 1e6}
RIGHT_AT_LEAST = {"Zeiss": 1.0, "JEOL": 1.0, "FEI/Thermo": 1.0, "Hitachi": 0.91}


def is_right(reading: ScaleReading, row: dict[str, str]) -> bool:
    if reading.scale_nm is None or reading.bar_length_px is None:
        return False
    scale_nm = float(row["scale_value"]) * NM_PER_UNIT[row["scale_unit"]]
    length = float(row["bar_length_px"])
    same_length = abs(reading.bar_length_px - length) <= max(2.0, 0.01 * length)
    return reading.scale_nm == pytest.approx(scale_nm, rel=1e-9) and same_length


def test_no_bar_is_read_wrongly_and_most_are_read(shared_data: Path) -> None:
    folder = shared_data / "sem"
    with open(folder / "truth.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right: Counter[str] = Counter()
    readable: Counter[str] = Counter()
    wrong = []
    for number, row in enumerate(rows):
        # The bar alone is judged: no metadata. All of them are looked at thoroughly by `benchmarks.scale --real`.
        gray = to_gray8(decode_image((folder / row["file"]).read_bytes()))
        reading = read_scale(gray, thoroughly=bool(row["scale_value"]) or number % 6 == 0)
        readable[row["vendor"]] += bool(row["scale_value"])
        if reading.nm_per_px is not None:
            good = bool(row["scale_value"]) and is_right(reading, row)
            right[row["vendor"]] += good
            wrong += [] if good else [(row["file"], reading)]
    assert wrong == []
    assert sum(readable.values()) == 78
    for vendor, share in RIGHT_AT_LEAST.items():
        assert right[vendor] >= share * readable[vendor], (vendor, right, readable)


def test_metadata_and_bars_never_disagree(shared_data: Path) -> None:
    folder = shared_data / "sem"
    with open(folder / "truth.csv", newline="") as file:
        files = [row["file"] for row in csv.DictReader(file) if row["source"] in ("harsh_fei", "ks00x", "fibsem")]
    statuses = {name: read_scale(folder / name).status for name in files}
    assert "disagrees" not in statuses.values(), statuses
    assert statuses["harsh_fei/sample_1.tif"] == "agrees"
    assert statuses["ks00x/test.tif"] == "metadata"
