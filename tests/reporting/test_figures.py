"""Figures: all are drawn from a full set, none from nothing, and labels of the corpus cannot break them."""

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from pipeline.reporting import figures_clusters
from pipeline.reporting.agreement import best
from pipeline.reporting.figure_style import INK, draw, short
from pipeline.reporting.figures import FIGURES, build_figures
from pipeline.reporting.figures_categories import tree_layout
from pipeline.reporting.inline_svg import inline_svg, width_points

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: bytes) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_figure_is_drawn_with_title_and_axis_labels(figures: dict[str, bytes]) -> None:
    several = {"training", "distance_map", "map", "nmi"}
    assert [name for name in FIGURES if name.rstrip("_234") not in several or name in several] == [
        name for name in figures if name in several or name.rstrip("_234") not in several
    ]
    expected = {
        "ledger_status": ["What became of every file", "files", "duplicate"],
        "formats": ["tiff", "files", "not an image"],
        "scale_histogram": ["Scales printed in the pictures", "1 nm", "1 mm", "length that the scale bar states"],
        "scale_endings": ["How reading ended", "pictures"],
        "scale_agreement": ["Pixel size, two sources", "by the metadata", "by the bar", "agree"],
        "scale_deviations": ["Bar less metadata"],
        "pixel_sizes": ["length of a pixel", "pictures"],
        "field_widths": ["width of the picture on the specimen", "pictures"],
        "training": ["epoch", "loss", "layer 1, training"],
        "two_nn": ["Intrinsic dimension (2-NN)", "number of points", "dimension", "codes/stacked"],
        "gride": ["Intrinsic dimension by scale (Gride)", "distance of the neighbours", "codes/stacked"],
        "distance_map": ["Distances in embeddings/conv", "mean distance"],
        "scree": ["principal component", "share of the variance"],
        "running_variance": ["principal component", "running sum of the shares", "95%"],
        "nmi": ["number of clusters", "NMI", "6 categories", "reference: refined", "density_peaks"],
        "confusion": ["density_peaks-k6 against categories", "fibres"],
        "decision_graph": ["delta: distance to the nearest denser picture", "centres"],
        "category_tree": [
            "Sub-categories: stacked-inside",
            "divided",
            "level 1",
            "fibres (60)",
            "2 (10)",
            "powder (40)",
        ],
        "cluster_sizes": ["cluster, largest first", "pictures"],
    }
    for name, wanted in expected.items():
        assert set(wanted) <= set(words(figures[name])), name


def test_no_figure_is_wider_than_a_narrow_page_shows_whole(figures: dict[str, bytes]) -> None:
    """Of two panels a telephone shows one; the page lays single ones out beside or under each other."""
    wide = {name for name, svg in figures.items() if width_points(svg) > 430}
    assert wide <= {"category_tree", "confusion"}  # as wide as their levels and clusters are many


def test_a_title_that_is_too_wide_goes_on_in_a_second_line() -> None:
    long = "tsne of embeddings/conv, by label (categories) (3,000 of 5,000 pictures)"
    lines = words(draw("map", lambda figure: figure.add_subplot(title=long), width=5.2))
    assert " ".join(line for line in lines if line in long and not line.isdigit()) == long
    assert long not in lines
    assert "short" in words(draw("map", lambda figure: figure.add_subplot(title="short"), width=5.2))


def test_parts_lie_beside_what_they_are_parts_of(tables: dict[str, pa.Table]) -> None:
    layout = tree_layout(tables["category_tree"])
    assert layout.names == ["fibres", "0", "1", "2", "powder"]
    np.testing.assert_allclose(layout.bottom, [0.4, 0.7, 0.5, 0.4, 0.0])
    np.testing.assert_allclose(layout.height, [0.6, 0.3, 0.2, 0.1, 0.4])


def test_same_tables_give_the_same_bytes(figures: dict[str, bytes], tables: dict[str, pa.Table]) -> None:
    again = {name: FIGURES[name].draw(tables) for name in ("nmi", "two_nn", "decision_graph")}
    assert again == {name: figures[name] for name in again}
    assert b"<dc:date>" not in figures["nmi"]


@pytest.mark.parametrize("make_empty", [False, True])
def test_nothing_to_draw_gives_no_figure(tables: dict[str, pa.Table], make_empty: bool) -> None:
    nothing = {name: table.slice(0, 0) for name, table in tables.items()} if make_empty else {}
    assert build_figures(nothing) == {}


def test_a_label_cannot_become_markup_or_mathematics() -> None:
    label = "$x^2$ <script>alert(1)</script> 表面\x07"
    tables = {
        "confusion": pa.table(
            {"clustering": ["c"] * 2, "set": ["s"] * 2, "label": [label, "b"], "cluster": [0, 1], "count": [3, 4]}
        )
    }
    svg = FIGURES["confusion"].draw(tables)
    assert svg is not None
    assert b"<script" not in svg
    assert short(label) in words(svg)


def test_nmi_takes_the_number_found_where_there_is_no_k() -> None:
    tables = {
        "agreement": pa.table(
            {"clustering": ["dp"], "vectors": ["x"], "method": ["density_peaks"], "k": pa.array([None], pa.int64()),
             "set": ["s"], "nmi": [0.4]}
        ),
        "clusterings": pa.table({"clustering": ["dp"], "n_clusters": [17]}),
    }  # fmt: skip
    svg = FIGURES["nmi"].draw(tables)
    assert svg is not None
    assert "17" in words(svg)


def test_confusion_keeps_the_most_frequent_and_counts_the_rest() -> None:
    n = figures_clusters.MAX_LABELS + 5
    count = np.arange(n) + 1
    table = pa.table(
        {"clustering": ["c"] * n, "set": ["s"] * n, "label": [f"l{i:02d}" for i in range(n)],
         "cluster": [0] * n, "count": count}
    )  # fmt: skip
    found = figures_clusters.best_confusion({"confusion": table})
    assert found is not None
    assert len(found.labels) == figures_clusters.MAX_LABELS
    assert found.left_out == 1 + 2 + 3 + 4 + 5


def test_confusion_puts_agreement_on_the_diagonal(tables: dict[str, pa.Table]) -> None:
    found = figures_clusters.best_confusion(tables)
    assert found is not None
    assert found.count.argmax(axis=0).tolist() == sorted(found.count.argmax(axis=0).tolist())
    assert found.totals.tolist() == found.count.sum(axis=1).tolist()


def test_decision_graph_is_bounded(make_tables: Callable[..., dict[str, pa.Table]]) -> None:
    svg = FIGURES["decision_graph"].draw({"clusters": make_tables(4000)["clusters"]})
    assert svg is not None
    assert len(svg) < 300_000
    assert any("of 4,000 pictures drawn" in word for word in words(svg))


def test_inline_svg_follows_the_theme_and_has_its_own_ids(figures: dict[str, bytes]) -> None:
    first = inline_svg(figures["formats"], name="a", description='5 < 6 & "quoted" \\1')
    second = inline_svg(figures["ledger_status"], name="b", description="other")
    assert "var(--ink)" in first
    assert INK not in first
    assert "<?xml" not in first
    assert "<!DOCTYPE" not in first
    assert "<metadata" not in first
    root = ElementTree.fromstring(first)
    assert root.get("aria-label") == '5 < 6 & "quoted" \\1'
    ids = [{element.get("id") for element in ElementTree.fromstring(svg).iter()} - {None} for svg in (first, second)]
    assert not ids[0] & ids[1]
    assert width_points(figures["formats"]) == pytest.approx(5.2 * 72)


def test_width_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="viewBox"):
        width_points(b"<html></html>")


def test_short_keeps_both_ends() -> None:
    assert short("a" * 40 + "z") == "a" * 14 + "…" + "a" * 13 + "z"
    assert short("line\nbreak") == "line\N{REPLACEMENT CHARACTER}break"


def test_each_level_of_label_paths_has_its_own_figure() -> None:
    rows = [
        (method, k, level, 0.1 * k + 0.1 * level) for method in ("ward", "uniform") for k in (2, 3) for level in (1, 2)
    ]
    method, k, level, nmi = (list(column) for column in zip(*rows, strict=True))
    tables = {
        "agreement": pa.table(
            {"clustering": [f"{m}-k{n}" for m, n in zip(method, k, strict=True)], "vectors": [""] * 8,
             "method": method, "k": k, "set": ["s"] * 8, "level": level, "nmi": nmi}
        ),
        "labels": pa.table({"set": ["s"] * 3, "image": [0, 1, 2], "label": ["a/x", "a/y", "b/x"]}),
    }  # fmt: skip
    for name, level, categories in (("nmi", 1, 2), ("nmi_2", 2, 3)):
        svg = FIGURES[name].draw(tables)
        assert svg is not None
        assert {f"Agreement with s, level {level}", f"{categories} categories"} <= set(words(svg))
    assert FIGURES["nmi_3"].draw(tables) is None
    found = best(tables)
    assert found is not None
    assert (found.level, found.k) == ("2", 3)


def test_decision_graph_is_of_the_best_clustering_that_has_one(tables: dict[str, pa.Table]) -> None:
    scores = pa.table({"clustering": ["ward-k6", "density_peaks-k4"], "method": ["ward", "dp"], "nmi": [0.9, 0.8]})
    svg = FIGURES["decision_graph"].draw({"clusters": tables["clusters"], "agreement": scores})
    assert svg is not None
    assert "Decision graph of density_peaks-k4" in words(svg)
