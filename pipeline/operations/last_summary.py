"""Which commits the newest summary of changes is of: ``reports/runs/last-summary.json``.

A run that is interrupted writes no summary. What it did is then told by the next one that finishes.
"""

import json
from dataclasses import asdict, dataclass

from pipeline.errors import StorageError
from pipeline.index.reports import read_file
from pipeline.index.run_folders import run_file
from pipeline.storage.durable import write_durably
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

_FILE = "last-summary.json"


@dataclass(frozen=True, slots=True)
class LastSummary:
    """The commits between which the changes were told, and the run that told them."""

    since: str
    until: str
    run: str


def last_summary(location: Location) -> LastSummary | None:
    """The newest summary; None before the first.

    Raises
    ------
    StorageError
        The file cannot be read, or is damaged.
    """
    place = run_file(location, "", _FILE)
    text = read_file(location, place)
    if text is None:
        return None
    try:
        return LastSummary(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise StorageError(
            f"{place.url} is damaged ({error}). Delete it: the next run then tells of its own changes only."
        ) from error


def keep_summary(location: Location, summary: LastSummary) -> None:
    """Make a summary the newest one."""
    with storage_failures("writing the reports of", location.url):
        write_durably(run_file(location, "", _FILE), json.dumps(asdict(summary)).encode())
