"""The page: complete, escaped, bounded, self-contained, the same every time; and alive in a browser."""

import json
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.reporting.figures import FIGURES
from pipeline.reporting.page import ReportData, render_page
from pipeline.reporting.sections import relation_table, reproduce_commands
from pipeline.reporting.terminal import headlines

VOID = {"meta", "link", "img", "input", "br", "hr"}
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
MakeReport = Callable[..., ReportData]
SECTIONS = ("overview", "ledger", "duplicates", "scale", "labels", "vectors", "clusters", "agreement", "provenance")


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


@pytest.fixture
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
    page = parse(
        render_page(
            make_report(bad), {name: FIGURES[name].draw(bad) or b"" for name in ("nmi", "confusion", "ledger_status")}
        )
    )
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert len(scripts) == 2
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not any(attrs.get("src") == "x" for _, attrs in page.tags)
    text = "".join(page.text)
    assert HOSTILE in text


def test_facts_of_pictures_survive_as_json(tables: dict[str, pa.Table], make_report: MakeReport) -> None:
    bad = tables | {"files": hostile(tables["files"], "path")}
    html = render_page(make_report(bad), {})
    start = html.index('id="picture-facts">') + len('id="picture-facts">')
    facts = json.loads(html[start : html.index("</script>", start)])
    pictures = {attrs["data-image"] for tag, attrs in parse(html).tags if "data-image" in attrs}
    assert pictures == set(facts)
    assert {path for path, *_ in facts.values()} == {HOSTILE}


def test_every_picture_is_embedded_once(full_page: str) -> None:
    tags = parse(full_page).tags
    sources = [attrs["src"] for tag, attrs in tags if tag == "img" and "src" in attrs]
    images = {attrs["data-image"] for _, attrs in tags if "data-image" in attrs}
    places = sum("data-image" in attrs for _, attrs in tags)
    assert len(sources) == len(images) < places


def test_page_of_many_images_is_bounded(
    make_tables: Callable[..., dict[str, pa.Table]], make_report: MakeReport
) -> None:
    asked: list[int] = []
    report = make_report(make_tables(5000))
    thumbnails = report.thumbnails

    def counting(images: list[int]) -> object:
        asked.extend(images)
        return thumbnails(images)

    html = render_page(make_report(report.tables, thumbnails=counting), {})
    assert len(html.encode()) < 15_000_000
    assert len(asked) == len(set(asked)) <= 1500
    assert "more in files.parquet" in html
    assert "more groups in duplicates.parquet" in html


PROBE = """
<script>
const found = {};
const text = (selector) => document.querySelector(selector).textContent;
const thumb = document.querySelector(".clustering:not([hidden]) .cluster .thumb");
thumb.click();
found.open = document.getElementById("viewer").open;
found.path = text("#viewer-facts dd:nth-of-type(2)");
found.expected = thumb.querySelector("img").alt;
document.getElementById("viewer-next").click();
found.next = text("#viewer-facts dd:nth-of-type(2)");
document.getElementById("viewer-close").click();
found.closed = !document.getElementById("viewer").open;
found.panels = document.querySelectorAll(".clustering:not([hidden])").length;
const pick = document.getElementById("pick-clustering");
pick.selectedIndex = 1;
pick.dispatchEvent(new Event("change"));
found.shown = text(".clustering:not([hidden]) h3");
found.chosen = pick.options[1].textContent;
found.unfilled = document.querySelectorAll(".clustering:not([hidden]) img:not([src])").length;
const order = document.getElementById("pick-order");
order.value = "number";
order.dispatchEvent(new Event("change"));
found.numbers = [...document.querySelectorAll(".clustering:not([hidden]) .cluster")].map((c) => c.dataset.number);
const column = document.querySelector("#ledger table th:nth-child(2)");
const cell = (row) => Number(row.cells[1].textContent.replace(",", ""));
const counts = () => [...column.closest("table").tBodies[0].rows].map(cell);
column.firstChild.click();
found.descending = counts();
column.firstChild.click();
found.ascending = counts();
const filter = document.querySelector("#ledger [data-filter]");
filter.value = "permission";
filter.dispatchEvent(new Event("input"));
const left = filter.closest(".table").querySelectorAll("tbody tr:not([hidden])");
found.filtered = [...left].map((row) => row.cells[1].textContent);
document.body.dataset.found = JSON.stringify(found);
</script></body>"""


@pytest.mark.timeout(120)
def test_page_lives_in_a_browser(full_page: str, tmp_path: Path, chromium: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(full_page.replace("</body>", PROBE), encoding="utf-8")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    body = next(attrs for tag, attrs in parse_loosely(done.stdout) if tag == "body")
    found = json.loads(body["data-found"] or "")
    assert found["open"]
    assert found["closed"]
    assert found["path"] == found["expected"] != found["next"]
    assert found["panels"] == 1
    assert found["shown"] == found["chosen"]
    assert found["unfilled"] == 0
    assert found["numbers"] == sorted(found["numbers"], key=int)
    assert found["descending"] == sorted(found["descending"], reverse=True)
    assert found["ascending"] == sorted(found["ascending"])
    assert set(found["filtered"]) == {"unreadable"}


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
