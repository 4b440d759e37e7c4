"""The page of a report: one HTML file that holds all it shows and asks nothing from the network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.reporting import (
    comparison,
    duplicate_gallery,
    gallery,
    quality_gallery,
    scale_gallery,
    scale_sections,
    sections,
)
from pipeline.reporting.agreement import best
from pipeline.reporting.album import Album, Thumbnails, choose, encode
from pipeline.reporting.facts import image_facts, label_column, length
from pipeline.reporting.figures import FIGURES
from pipeline.reporting.inline_svg import inline_svg, width_points
from pipeline.reporting.packing import pack
from pipeline.reporting.terminal import headlines
from pipeline.reporting.tiles import make_tiles


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
        Takes image rows, returns small gray uint8 pictures [height, width] of those it has. Asked in batches.
    originals : callable
        Takes image rows, returns the whole gray uint8 pictures [height, width] of those whose files can be read. Asked
        for some hundred images, a few at a time.
    readings : callable
        Takes image rows, returns their scale readings with boxes in pixels of the whole picture.
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
    originals: Thumbnails
    readings: scale_gallery.Readings
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
    All text from the corpus is escaped. Pictures, rows and groups are bounded, so that the page of 5,000 images stays
    below 15 MB; what is left out is counted and the Parquet table that holds it named. Every clustering can be opened:
    the first stands in the page as it is, the others compressed, with the cluster of each picture in each.
    """
    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric"] = length
    context = _context(data)
    macros = environment.get_template("macros.html").module
    panels = [
        pack(str(macros.panel(context["album"], item, place + 1, False)).encode())  # type: ignore[attr-defined]
        for place, item in enumerate(context["clusterings"][1:])
    ]
    facts = pack(json.dumps(context["album"].all_facts()).encode())
    more = {"packed_facts": facts, "panels": panels, "figures": _figures(figures), "static": _static(environment)}
    return environment.get_template("page.html").render(context | more)


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


def _context(data: ReportData) -> dict[str, Any]:
    tables = data.tables
    clusterings = gallery.clusterings(tables)
    groups, more_groups = duplicate_gallery.duplicate_groups(tables, data.originals)
    readings = scale_gallery.scale_readings(tables, data.originals, data.readings)
    contradictions, more_contradictions = gallery.contradictions(tables)
    worst = quality_gallery.worst_pictures(tables)
    members = gallery.clustered_pictures(tables)
    wanted = [
        *([shown.image] for shown in readings),
        *([shown.image] for shown in contradictions),
        *([member.image] for group in groups for member in group.members),
        *(part.images for part in worst),
        *(cluster.images for item in clusterings[:1] for cluster in item.clusters),
    ]
    tiles = make_tiles(members.tolist(), data.thumbnails)
    clusters = gallery.memberships(tables, [item.name for item in clusterings], members)
    return {
        "data": data,
        "created": f"{data.created:%Y-%m-%d %H:%M %Z}".strip(),
        "headlines": headlines(tables),
        "best": best(tables),
        "clusterings": clusterings,
        "members": [pack(labels.astype("<i4").tobytes()) for labels in clusters],
        "member_images": members.tolist(),
        "tiles": pack(json.dumps(tiles.as_json()).encode()) if tiles.sheets else "",
        "groups": groups,
        "more_groups": more_groups,
        "readings": readings,
        "worst": worst,
        "contradictions": contradictions,
        "more_contradictions": more_contradictions,
        "left_out": sections.left_out_of_scores(tables),
        "album": _album(data, wanted, members.tolist(), frozenset(tiles.images)),
        "drawings": _drawings(data),
        "table": _tables(tables),
        "commands": sections.reproduce_commands(data.corpus, data.commit),
    }


def _album(data: ReportData, wanted: list[list[int]], members: list[int], tiled: frozenset[int]) -> Album:
    pictures = encode(choose(wanted), data.thumbnails)
    found = best(data.tables)
    names = [found.label_set] if found is not None else []
    labels = data.tables.get("labels")
    if not names and labels is not None and labels.num_rows:
        names = [str(labels["set"][0].as_py())]
    column = label_column(data.tables, names[0]) if names else None
    named = [*members, *(image for group in wanted for image in group)]
    return Album(pictures, image_facts(data.tables, named, column), tiled)


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
        "spread": quality_gallery.spread_table(tables),
        "quality": sections.quality_table(tables),
        "categories": sections.category_table(tables),
        "category_scores": sections.category_score_table(tables),
        "agreement": sections.agreement_table(tables),
        "runs": sections.run_table(tables),
    }
