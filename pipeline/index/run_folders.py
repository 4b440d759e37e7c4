"""``reports/runs/RUN/``: what each run left for people, named by the run's id, which begins with its time."""

from datetime import UTC, datetime

from pipeline.storage.durable import write_durably
from pipeline.storage.failures import storage_failures
from pipeline.storage.location import Location

_FOLDER = ("reports", "runs")
_TIME = "%Y%m%dT%H%M%SZ"


def run_file(location: Location, run: str, name: str) -> Location:
    """Where a file of a run lies; of no run (``""``), one that stands beside their folders."""
    return location.child(*_FOLDER, *([run] if run else []), name)


def write_run_file(location: Location, run: str, name: str, data: bytes) -> Location:
    """Write a file of a run; returns where."""
    place = run_file(location, run, name)
    with storage_failures("writing the reports of", location.url):
        write_durably(place, data)
    return place


def drop_run_folders(location: Location, older_than: datetime) -> int:
    """Delete the folders of runs that began before a time; returns how many."""
    place = location.child(*_FOLDER)
    filesystem = place.filesystem()
    dropped = 0
    with storage_failures("deleting old runs of", location.url):
        if not filesystem.exists(place.url):
            return 0
        for entry in filesystem.ls(place.url, detail=True):
            name = str(entry["name"]).rstrip("/")
            began = _began(name.rpartition("/")[2])
            if entry["type"] == "directory" and began is not None and began < older_than:
                filesystem.rm(name, recursive=True)
                dropped += 1
    return dropped


def _began(run: str) -> datetime | None:
    """The time in a run's id; None for anything else that somebody put there."""
    try:
        return datetime.strptime(run.partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
