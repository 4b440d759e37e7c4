"""The page of a report: one HTML file that holds all it shows and asks nothing from the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.reporting import comparison, gallery, scale_sections, sections
from pipeline.reporting.agreement import best
from pipeline.reporting.album import Album, Thumbnails, choose, encode
from pipeline.reporting.facts import image_facts, label_column, length
from pipeline.reporting.figures import FIGURES
from pipeline.reporting.inline_svg import inline_svg, width_points
from pipeline.reporting.terminal import headlines


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that a page is made of.

    Attributes
    ----------
    title, corpus, commit, software_version : str
        Shown as they are.
    created : datetime
        When the run was finished; the page itself never asks the clock.
    recipe : str
        The recipe as TOML text.
    tables : mapping of str to pyarrow.Table
        The report tables by name; any may be missing or empty.
    thumbnails : callable
        Takes image rows, returns small gray uint8 pictures [height, width] of those it has. Asked for at most
        `album.MAX_PICTURES` images, in batches.
    drawings : sequence of (name, caption, SVG)
        Figures of a study, shown under its comparison.
    """

    title: str
    corpus: str
    commit: str
    created: datetime
    software_version: str
    recipe: str
    tables: Mapping[str, pa.Table]
    thumbnails: Thumbnails
    drawings: Sequence[tuple[str, str, bytes]] = ()


def render_page(data: ReportData, figures: Mapping[str, bytes]) -> str:
    """Return the page as HTML; the same data give the same text.

    Parameters
    ----------
    data : ReportData
        The run to show.
    figures : mapping of str to bytes
        SVG by name, from `figures.build_figures`. Names it does not know are not shown.

    Notes
    -----
    All text from the corpus is escaped. Pictures, rows, groups and clusters are bounded, so that the page of
    150,000 images stays below 15 MB; what is left out is counted and the Parquet table that holds it named.
    """
    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric"] = length
    template = environment.get_template("page.html")
    return template.render(_context(data) | {"figures": _figures(figures), "static": _static(environment)})


def _static(environment: Environment) -> dict[str, Markup]:
    """Read style and script, which are ours and therefore not escaped."""
    loader = environment.loader
    assert loader is not None
    return {
        name: Markup(loader.get_source(environment, file)[0])
        for name, file in (("style", "page.css"), ("script", "page.js"))
    }


def _figures(figures: Mapping[str, bytes]) -> dict[str, Markup]:
    return {
        name: Markup('<figure class="figure" style="--points: {}">{}</figure>').format(
            round(width_points(figures[name])),
            Markup(inline_svg(figures[name], name=f"figure_{name}", description=kind.description)),
        )
        for name, kind in FIGURES.items()
        if name in figures
    }


def _drawings(data: ReportData) -> list[tuple[Markup, str]]:
    return [
        (
            Markup('<figure class="figure" style="--points: {}">{}</figure>').format(
                round(width_points(svg)), Markup(inline_svg(svg, name=f"drawing_{name}", description=caption))
            ),
            caption,
        )
        for name, caption, svg in data.drawings
    ]


def _context(data: ReportData) -> dict[str, object]:
    tables = data.tables
    clusterings = gallery.clusterings(tables)
    groups, more_groups = gallery.duplicate_groups(tables)
    readings = gallery.scale_readings(tables)
    contradictions, more_contradictions = gallery.contradictions(tables)
    wanted = [
        *([shown.image] for shown in (*readings, *contradictions)),
        *(group.images for group in groups),
        *(cluster.images for item in clusterings for cluster in item.clusters),
    ]
    return {
        "data": data,
        "created": f"{data.created:%Y-%m-%d %H:%M %Z}".strip(),
        "headlines": headlines(tables),
        "best": best(tables),
        "clusterings": clusterings,
        "groups": groups,
        "more_groups": more_groups,
        "readings": readings,
        "contradictions": contradictions,
        "more_contradictions": more_contradictions,
        "left_out": sections.left_out_of_scores(tables),
        "album": _album(data, wanted),
        "drawings": _drawings(data),
        "table": _tables(tables),
        "commands": sections.reproduce_commands(data.corpus, data.commit),
    }


def _album(data: ReportData, wanted: list[list[int]]) -> Album:
    pictures = encode(choose(wanted), data.thumbnails)
    found = best(data.tables)
    names = [found.label_set] if found is not None else []
    labels = data.tables.get("labels")
    if not names and labels is not None and labels.num_rows:
        names = [str(labels["set"][0].as_py())]
    column = label_column(data.tables, names[0]) if names else None
    return Album(pictures, image_facts(data.tables, list(pictures), column))


def _tables(tables: Mapping[str, pa.Table]) -> dict[str, sections.TableView | None]:
    return {
        "comparison": comparison.comparison_table(tables),
        "status": sections.status_table(tables),
        "damaged": sections.damaged_table(tables),
        "relations": sections.relation_table(tables),
        "scales": sections.scale_table(tables),
        "scale_values": scale_sections.value_table(tables),
        "scale_agreement": scale_sections.agreement_table(tables),
        "label_sets": sections.label_set_table(tables),
        "contradictions": sections.contradiction_table(tables),
        "dimension": sections.dimension_table(tables),
        "findings": sections.finding_table(tables),
        "neighbours": sections.neighbour_table(tables),
        "codes": sections.code_table(tables),
        "preservation": sections.preservation_table(tables),
        "distances": sections.distance_table(tables),
        "clusterings": sections.clustering_table(tables),
        "recommended": sections.recommendation_table(tables),
        "quality": sections.quality_table(tables),
        "categories": sections.category_table(tables),
        "category_scores": sections.category_score_table(tables),
        "agreement": sections.agreement_table(tables),
        "runs": sections.run_table(tables),
    }
