"""The page: complete, escaped, bounded, self-contained, the same every time; and alive in a browser."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.reporting.figures import FIGURES
from pipeline.reporting.packing import unpack
from pipeline.reporting.page import ReportData, render_page
from pipeline.reporting.sections import relation_table, reproduce_commands
from pipeline.reporting.terminal import headlines
from tests.reporting.browser import Page, open_page

VOID = {"meta", "link", "img", "input", "br", "hr"}
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
MakeReport = Callable[..., ReportData]
SECTIONS = (
    "overview",
    "ledger",
    "duplicates",
    "scale",
    "quality",
    "labels",
    "vectors",
    "clusters",
    "agreement",
    "provenance",
)


class Structure(HTMLParser):
    """Collects tags and fails on one that is closed wrongly."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}, line {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(html: str) -> Structure:
    structure = Structure()
    structure.feed(html)
    structure.close()
    assert structure.open == []
    return structure


@pytest.fixture(scope="module")
def full_page(tables: dict[str, pa.Table], figures: dict[str, bytes], make_report: MakeReport) -> str:
    return render_page(make_report(tables), figures)


def test_full_page_is_sound_html(full_page: str, figures: dict[str, bytes]) -> None:
    page = parse(full_page)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert set(SECTIONS) | {f"figure_{name}" for name in figures} <= set(ids)
    links = [attrs.get("href") or "" for tag, attrs in page.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= {str(i) for i in ids}
    assert all(attrs.get("alt") is not None for tag, attrs in page.tags if tag == "img")
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_page_shows_what_the_terminal_shows(
    full_page: str, tables: dict[str, pa.Table], make_report: MakeReport
) -> None:
    text = " ".join(parse(full_page).text)
    for item in headlines(tables):
        assert item.name in text
        assert item.value in text
        assert item.note in text


def test_page_asks_nothing_from_the_network(full_page: str) -> None:
    assert set(re.findall(r"https?://[^\"'\s<>)]+", full_page)) <= NAMESPACES
    page = parse(full_page)
    for tag, attrs in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
    assert "@import" not in full_page
    assert set(re.findall(r"url\((.)", full_page)) <= {"#"}


@pytest.mark.parametrize("make_empty", [False, True])
def test_page_without_any_stage_says_so(tables: dict[str, pa.Table], make_report: MakeReport, make_empty: bool) -> None:
    nothing = {name: table.slice(0, 0) for name, table in tables.items()} if make_empty else {}
    html = render_page(make_report(nothing), {})
    text = " ".join(parse(html).text)
    for sentence in ("has not been walked", "Scales have not been read", "Nothing has been clustered"):
        assert sentence in text


@pytest.mark.parametrize("missing", ["files", "images", "scales", "labels", "clusterings", "agreement", "runs"])
def test_any_single_table_may_be_missing(tables: dict[str, pa.Table], make_report: MakeReport, missing: str) -> None:
    rest = {name: table for name, table in tables.items() if name != missing}
    assert parse(render_page(make_report(rest), {})).tags


def test_same_data_give_the_same_page(
    full_page: str, tables: dict[str, pa.Table], figures: dict[str, bytes], make_report: MakeReport
) -> None:
    assert render_page(make_report(tables), figures) == full_page


HOSTILE = "</script><script>alert('x')</script>\" onerror=\"alert(1)<img src=x>&amp;{{ 7 * 7 }}"


def hostile(table: pa.Table, *names: str) -> pa.Table:
    for name in names:
        column = pa.array([HOSTILE] * table.num_rows)
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def test_text_from_the_corpus_is_never_markup(tables: dict[str, pa.Table], make_report: MakeReport) -> None:
    bad = dict(tables)
    bad["files"] = hostile(tables["files"], "path", "reason")
    bad["scales"] = hostile(tables["scales"], "text")
    bad["labels"] = hostile(tables["labels"], "label", "set")
    bad["label_sets"] = hostile(tables["label_sets"], "set")
    bad["clusterings"] = hostile(tables["clusterings"], "settings", "method")
    bad["agreement"] = hostile(tables["agreement"], "set")
    bad["confusion"] = hostile(tables["confusion"], "label", "set")
    bad["runs"] = hostile(tables["runs"], "settings")
    bad["duplicates"] = hostile(tables["duplicates"], "relation")
    drawn = {name: FIGURES[name].draw(bad) or b"" for name in ("nmi", "confusion", "ledger_status")}
    html = render_page(make_report(bad), drawn)
    page = parse(html)
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert {attrs.get("type") for attrs in scripts} == {None, "text/plain", "application/json"}
    assert sum(attrs.get("type") is None for attrs in scripts) == 1
    packed = [unpack(text).decode() for text in re.findall(r'id="panel-[0-9]+">([^<]*)<', html)]
    assert packed
    for panel in packed:
        tags = parse_loosely(panel)
        assert {tag for tag, _ in tags} <= {"div", "h3", "h4", "p", "article", "span", "i", "button", "img"}
        assert not any(name.startswith("on") for _, attrs in tags for name in attrs)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not any(attrs.get("src") == "x" for _, attrs in page.tags)
    text = "".join(page.text)
    assert HOSTILE in text


def packed(html: str, name: str) -> bytes:
    """What a script of this id holds."""
    found = re.search(rf'id="{name}">([^<]*)<', html)
    assert found is not None, name
    return unpack(found[1])


def test_facts_of_pictures_survive(tables: dict[str, pa.Table], make_report: MakeReport) -> None:
    bad = tables | {"files": hostile(tables["files"], "path")}
    html = render_page(make_report(bad), {})
    facts = json.loads(packed(html, "picture-facts"))
    pictures = {attrs["data-image"] for tag, attrs in parse(html).tags if "data-image" in attrs}
    assert pictures <= set(facts)
    assert set(facts) >= {str(image) for image in tables["clusters"]["image"].to_pylist()}
    assert {path for path, *_ in facts.values()} == {HOSTILE}


def test_every_clustering_is_in_the_page(full_page: str, tables: dict[str, pa.Table]) -> None:
    names = set(tables["clusters"]["clustering"].to_pylist())
    texts = [full_page, *(packed(full_page, f"panel-{place}").decode() for place in range(1, len(names)))]
    assert {name for text in texts for name in re.findall(r'data-place="[0-9]+">\s*<h3>([^<]*)</h3>', text)} == names
    images = json.loads(re.search(r'id="member-images">([^<]*)<', full_page)[1])  # type: ignore[index]
    first = np.frombuffer(packed(full_page, "members-0"), "<i4")
    chosen = tables["clusters"].filter(pc.equal(tables["clusters"]["clustering"], "density_peaks-k6"))
    clusters = dict(zip(chosen["image"].to_pylist(), chosen["cluster"].to_pylist(), strict=True))
    assert dict(zip(images, first.tolist(), strict=True)) == clusters


def test_every_picture_is_embedded_once(full_page: str) -> None:
    tags = parse(full_page).tags
    shown = [attrs["data-image"] for _, attrs in tags if "data-image" in attrs]
    pairs = pairwise(tags)
    sources = [one[1]["data-image"] for one, two in pairs if "data-image" in one[1] and two[1].get("src")]
    assert len(sources) == len(set(sources)) < len(shown)


def test_page_of_many_images_is_bounded(
    make_tables: Callable[..., dict[str, pa.Table]], make_report: MakeReport
) -> None:
    tables = make_tables(5000)
    few = {f"{method}-k{k}" for method in ("kmeans", "ward", "density_peaks") for k in (6, 24)}
    chosen = pc.is_in(tables["clusters"]["clustering"], pa.array(sorted(few)))
    html = render_page(make_report(tables | {"clusters": tables["clusters"].filter(chosen)}), {})
    assert len(html.encode()) < 15_000_000
    assert "more in files.parquet" in html
    assert "more groups in duplicates.parquet" in html
    tiles = json.loads(packed(html, "tiles"))
    assert tiles["images"] == list(range(5000))


@pytest.mark.timeout(120)
def test_page_lives_in_a_browser(full_page: str, tmp_path: Path, chromium: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(full_page, encoding="utf-8")
    with open_page(chromium, file, tmp_path) as page:
        text = "document.querySelector({!r}).textContent".format
        page.evaluate("document.querySelector('.cluster .thumb').click()")
        page.wait_for("document.querySelectorAll('#viewer-facts dd').length > 1")
        path = page.evaluate(text("#viewer-facts dd:nth-of-type(2)"))
        assert path == page.evaluate("document.querySelector('.cluster .thumb img').alt")
        page.evaluate("document.getElementById('viewer-next').click()")
        page.wait_for(f"{text('#viewer-facts dd:nth-of-type(2)')} !== {path!r}")
        page.evaluate("document.getElementById('viewer-close').click()")
        assert not page.evaluate("document.getElementById('viewer').open")
        _try_clusterings(page)
        _try_tables(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.command("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "CONSOLE" not in (tmp_path / "chromium.log").read_text(errors="replace")


def _try_clusterings(page: Page) -> None:
    """Open another clustering, sort its clusters, and open one of them whole."""
    page.evaluate("pick = document.getElementById('pick-clustering'); pick.selectedIndex = 9;"
                  "pick.dispatchEvent(new Event('change'))")  # fmt: skip
    shown = "document.querySelector('.clustering:not([hidden]) h3').textContent"
    page.wait_for(f"{shown} === pick.options[9].textContent")
    page.wait_for("!document.querySelector('.clustering:not([hidden]) img:not([src])')")
    assert page.evaluate("document.querySelectorAll('.clustering:not([hidden])').length") == 1
    page.evaluate("order = document.getElementById('pick-order'); order.value = 'number';"
                  "order.dispatchEvent(new Event('change'))")  # fmt: skip
    cards = "[...document.querySelectorAll('.clustering:not([hidden]) .cluster')]"
    page.wait_for(f"{cards}.every((card, i, all) => !i || Number(all[i - 1].dataset.number) < card.dataset.number)")
    page.evaluate("document.querySelector('.clustering:not([hidden]) .open').click()")
    size = page.evaluate(f"Number({cards}[0].dataset.size)")
    page.wait_for(f"document.querySelectorAll('#whole-pictures img[src]').length === {size}")
    assert page.evaluate("document.querySelector('#whole-pictures figcaption').textContent").endswith(".tif")
    page.evaluate("document.getElementById('whole-close').click()")


def _try_tables(page: Page) -> None:
    """Sort a table by a number, and filter another."""
    counts = "[...document.querySelectorAll('#ledger table')[0].tBodies[0].rows].map((row) => row.cells[1].textContent)"
    page.evaluate("document.querySelector('#ledger table th:nth-child(2) button').click()")
    down = [int(count.replace(",", "")) for count in page.evaluate(counts)]
    page.evaluate("document.querySelector('#ledger table th:nth-child(2) button').click()")
    up = [int(count.replace(",", "")) for count in page.evaluate(counts)]
    assert (down, up) == (sorted(down, reverse=True), sorted(down))
    page.evaluate("filter = document.querySelector('#ledger [data-filter]'); filter.value = 'permission';"
                  "filter.dispatchEvent(new Event('input'))")  # fmt: skip
    left = "[...filter.closest('.table').querySelectorAll('tbody tr:not([hidden])')]"
    assert set(page.evaluate(f"{left}.map((row) => row.cells[1].textContent)")) == {"unreadable"}


def parse_loosely(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Tags of a serialised DOM, in which SVG elements and void ones need not balance for the parser."""

    class Tags(HTMLParser):
        found: list[tuple[str, dict[str, str | None]]]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append((tag, dict(attrs)))

    tags = Tags()
    tags.found = []
    tags.feed(html)
    return tags.found


def test_representative_of_a_group_may_have_no_relation(make_report: MakeReport) -> None:
    group = pa.table({"group": [0, 0, 0], "image": [4, 5, 6], "relation": ["", "near", "near"]})
    table = relation_table({"duplicates": group})
    assert table is not None
    assert [row[:3] for row in table.rows] == [("near", "1", "2")]
    html = render_page(make_report({"duplicates": group}), {})
    assert html.count("<h3>near</h3>") == 1


def test_commands_are_safe_to_paste() -> None:
    assert reproduce_commands("my data; rm -rf x", "C0")[0].startswith("semcorpus run 'my data; rm -rf x' INDEX")
