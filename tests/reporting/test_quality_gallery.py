"""The worst pictures by each measure."""

import pyarrow as pa

from pipeline.reporting.quality_gallery import MAX_WORST, spread_table, worst_pictures


def test_worst_pictures_by_hand() -> None:
    images = pa.table(
        {
            "image": [0, 1, 2, 3], "md5": list("dcba"), "picture": [0, 1, 1, 3], "present": [True] * 4,
            "focus": [0.3, 0.1, 0.0, 0.1], "filled_share": [0.0, 0.5, 0.9, 0.0],
        }
    )  # fmt: skip
    sharp, filled = worst_pictures({"images": images})
    assert (sharp.name, sharp.images) == ("least sharp", [3, 1, 0])  # 2 is a copy; ties by MD5
    assert sharp.values[-1] == "focus 0.300"
    assert (filled.images, filled.values) == ([1], ["50.0% of the rows"])
    table = spread_table({"images": images})
    assert table is not None
    assert table.rows[0] == ("focus", "3", "0.1", "0.1", "0.1", "0.3")


def test_without_measures_there_is_nothing(tables: dict[str, pa.Table]) -> None:
    bare = {"images": tables["images"].select(["image", "md5", "picture", "present"])}
    assert (worst_pictures(bare), spread_table(bare), worst_pictures({})) == ([], None, [])
    assert all(len(part.images) <= MAX_WORST for part in worst_pictures(tables))
