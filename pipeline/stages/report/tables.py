"""The tables of `report`: the commits that hold work; and of a study, what was published beside what was found."""

import json
from datetime import datetime

from pipeline.index.past_runs import GROUP
from pipeline.index.schema import Column, Reported, Sources, Table


def _runs(table: Table, sources: Sources) -> Reported:
    """One row a commit that holds work, oldest first."""
    rows = []
    for commit in reversed(sources.history):
        if commit.metadata.get("kind") in ("stage", "checkpoint"):
            found = commit.metadata
            row = {column.name: found.get(column.name) for column in table.reported}
            row |= {"commit": commit.id, "settings": json.dumps(found.get("settings", {}), sort_keys=True)}
            row["started"] = datetime.fromisoformat(str(found["started"]))
            rows.append(row)
    return {column.name: [row[column.name] for row in rows] for column in table.reported}


RUNS = Table(
    "runs",
    "A row is a commit that holds work, oldest first.",
    (
        Column("commit", "text", "Id of the commit."),
        Column("stage", "text", "The stage."),
        Column("step", "text", "What it did; empty where the stage has one step."),
        Column("kind", "text", "`stage` for a finished step, `checkpoint` for a part of one."),
        Column("settings", "text", "The settings, as JSON."),
        Column("started", "seconds", "When the step began."),
        Column("seconds", "float64", "Seconds since then."),
        Column("items", "int64", "Pictures or files done."),
        Column("engine", "text", "`local`, `dask` or `ray`."),
        Column("workers", "int64", "Its workers."),
        Column("cpu_seconds", "float64", "Processor time of all workers."),
        Column("peak_memory_bytes", "int64", "Most memory that a worker held."),
        Column("software", "text", "Version of semcorpus."),
    ),
    layout="computed",
    report=_runs,
)

PAST_RUNS = Table(
    "past_runs",
    "A row is a commit of a history that was shortened.",
    tuple(
        Column(name, "text", meaning)
        for name, meaning in (
            ("commit", "Id of the commit."),
            ("parent", "Id of the one before."),
            ("message", "Its message."),
            ("written", "When it was written."),
            ("metadata", "As JSON."),
        )
    ),
    group=GROUP,
    report=None,
)

COMPARISON = Table(
    "comparison",
    "A row is a published figure beside ours, or a finding that was put to the test (`semcorpus study`).",
    (
        Column("figure", "text", "What was measured, or the finding."),
        Column("published", "float64", "The published value; null where there is none.", fill=float("nan")),
        Column("ours", "float64", "The value found here.", fill=float("nan")),
        Column("difference", "float64", "Ours less the published one.", fill=float("nan")),
        Column("unit", "text", "Unit of the values; `%`, or empty for a score or a count."),
        Column("answer", "text", "Of a finding: `yes`, `no`, or why it could not be tested."),
        Column("why", "text", "Why they differ, or on which other data ours was found."),
    ),
)

DRAWINGS = Table(
    "drawings",
    "A row is a figure of a study.",
    (
        Column("name", "text", "Its name; `figures/NAME.svg` in the report."),
        Column("caption", "text", "What it shows."),
        Column("svg", "text", "The figure.", reported=False),
    ),
)

TABLES = (RUNS, PAST_RUNS, COMPARISON, DRAWINGS)
