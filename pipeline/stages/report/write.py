"""report: tables, figures and the page of the index as it stands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe, recipe_to_toml
from pipeline.corpus.source import Corpus
from pipeline.errors import CorpusNotFoundError, ImageError, StorageError
from pipeline.imaging.canonical import shrink
from pipeline.index.past_runs import read_runs
from pipeline.index.report_tables import report_tables
from pipeline.index.reports import check_report_files, publish_report, read_manifest
from pipeline.index.rows import read_keys, read_rows
from pipeline.index.schema import Sources, Table
from pipeline.index.store import Index
from pipeline.index.tables import read_table
from pipeline.index.transaction import software_version
from pipeline.records import ScaleReading
from pipeline.runtime.keys import content_key, pixels_key
from pipeline.runtime.plan import Stage
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import Source, sources_of, text_array
from pipeline.stages.pictures.squares import stored_squares, width_over_height
from pipeline.stages.report.tables import DRAWINGS, TABLES
from pipeline.stages.scale.rows import read_columns, stored_reading
from pipeline.stages.selection import image_count


def report_key(recipe: Recipe) -> int:
    """Changes with the software and with all settings, since the page shows them."""
    return content_key(text_array([recipe_to_toml(recipe), software_version()]))


def is_current(index: Index, recipe: Recipe) -> bool:
    """Whether the published report is that of the newest commit, under this recipe."""
    manifest = read_manifest(index.location)
    return manifest is not None and (manifest["commit"], manifest["key"]) == (index.work_commit, report_key(recipe))


def needs_writing(index: Index, recipe: Recipe) -> bool:
    """Whether the published report is of another commit or recipe, or a file of it is lost or damaged; reads them."""
    return bool(check_report_files(index.location)) or not is_current(index, recipe)


def write_report(index: Index, recipe: Recipe, tables: Iterable[Table]) -> Mapping[str, pa.Table]:
    """Build and publish the report of the newest commit; returns its tables, those of all stages."""
    from pipeline.reporting.figures import build_figures
    from pipeline.reporting.page import ReportData, render_page

    commit = index.work_commit
    runs = read_runs(index)
    root = index.read()
    made = report_tables(tables, Sources(root, recipe, runs))
    figures = build_figures(made)
    drawings = _drawings(root)
    page = render_page(
        ReportData(
            title=recipe.report.title,
            corpus=str(root.attrs.get("corpus", "")),
            commit=commit,
            created=runs[0].written,
            software_version=software_version(),
            recipe=recipe_to_toml(recipe),
            tables=made,
            thumbnails=thumbnails(root, recipe),
            originals=originals(root, recipe),
            readings=partial(_readings, root),
            drawings=drawings,
        ),
        figures,
    )
    publish_report(
        index.location,
        commit=commit,
        key=report_key(recipe),
        tables=made,
        files={
            "report.html": page.encode(),
            **{f"figures/{name}.svg": data for name, data in figures.items()},
            **{f"figures/{name}.svg": data for name, _, data in drawings},
        },
        stamp={"software": software_version(), "recipe": recipe.name},
    )
    return made


def _drawings(root: zarr.Group) -> list[tuple[str, str, bytes]]:
    stored = read_table(root, DRAWINGS.place)
    columns = (stored["name"], stored["caption"], stored["svg"]) if stored else ((), (), ())
    return [(str(name), str(caption), str(svg).encode()) for name, caption, svg in zip(*columns, strict=True)]


def thumbnails(root: zarr.Group, recipe: Recipe) -> Callable[[Sequence[int]], dict[int, NDArray[np.uint8]]]:
    """A function from image rows to small gray pictures, for the rows that have pixels."""
    if "pixels/gray" not in root or "pixels/shown_px" not in root:
        return lambda rows: {}
    array = stored_squares(root)
    done = read_keys(root, "pixels", array.shape[0]) == np.uint64(pixels_key(recipe))
    size = min(recipe.report.thumbnail_px, array.shape[1])
    widths = width_over_height(root)

    def pictures(rows: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        chosen = sorted({row for row in rows if row < len(done) and done[row]})
        if not chosen:
            return {}
        return {
            row: shrink(gray, width=max(1, round(size * widths[row])), height=size)
            for row, gray in zip(chosen, read_rows(array, np.array(chosen)), strict=True)
        }

    return pictures


def originals(root: zarr.Group, recipe: Recipe) -> Callable[[Sequence[int]], dict[int, NDArray[np.uint8]]]:
    """A function from image rows to whole gray pictures, for the rows whose files can be read now."""
    place = str(root.attrs.get("corpus", ""))

    @cache
    def known() -> dict[int, Source]:
        return {source.image: source for source in sources_of(root, range(image_count(root)))} if place else {}

    def pictures(rows: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        contents = Contents(Corpus(place, recipe.corpus), recipe.walk)
        found = {}
        for row in known().keys() & set(rows):
            with suppress(ImageError, StorageError, CorpusNotFoundError):  # the page says that there is no picture
                found[row] = contents.gray(known()[row])
        return found

    return pictures


def _readings(root: zarr.Group, rows: Sequence[int]) -> dict[int, ScaleReading]:
    """The stored scale readings of these rows."""
    if "scale" not in root or not rows:
        return {}
    columns = read_columns(root, 0, max(rows) + 1)
    return {row: stored_reading(columns, row) for row in rows}


STAGE = Stage("report", None, TABLES)
