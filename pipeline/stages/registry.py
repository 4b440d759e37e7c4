"""The stages as `pipeline.stage_list` names them, imported; and the tables of all of them."""

from importlib import import_module

from pipeline.index.schema import Table
from pipeline.runtime.plan import Stage
from pipeline.stage_list import STAGE_LIST


def _stage(module: str) -> Stage:
    found = import_module(module).STAGE
    assert isinstance(found, Stage)
    return found


_ALL = tuple(_stage(entry.module) for entry in STAGE_LIST)

STAGES: tuple[Stage, ...] = tuple(stage for stage in _ALL if stage.plan is not None)
"""Those that do work, in the order of the pipeline; the report is made when they are through."""

TABLES: tuple[Table, ...] = tuple(table for stage in _ALL for table in stage.tables)
"""All tables of the store and the reports, by stage."""
