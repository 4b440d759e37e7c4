"""Which clustering and label set the headline names."""

import pyarrow as pa

from pipeline.reporting.agreement import best, scored


def test_labels_that_a_network_gave_are_in_no_headline() -> None:
    tables = {
        "agreement": pa.table(
            {"clustering": ["c"] * 2, "vectors": ["x"] * 2, "method": ["ward"] * 2, "k": [2, 2],
             "set": ["guessed", "people"], "level": ["", ""], "nmi": [0.99, 0.4], "ami": [0.98, 0.35]}
        ),
        "label_sets": pa.table({"set": ["guessed", "people"], "predicted_by": ["finetuned 0123", ""]}),
    }  # fmt: skip
    found = best(tables)
    assert found is not None
    assert found.label_set == "people"
    table = scored(tables)
    assert table is not None
    assert table.num_rows == 1
    older = tables | {"label_sets": tables["label_sets"].drop_columns("predicted_by")}
    assert (found := best(older)) is not None
    assert found.label_set == "guessed"
