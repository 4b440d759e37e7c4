"""The order in which a program renames and syncs files, by strace."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import skip_unless

_LINE = re.compile(r"^(\d+) +(.*)$")
_FSYNC = re.compile(r"^f(?:data)?sync\(\d+<([^>]*)>")
_RENAME = re.compile(r'^rename\w*\((?:AT_FDCWD[^,]*, )?"([^"]*)", (?:AT_FDCWD[^,]*, )?"([^"]*)"')


@dataclass(frozen=True)
class Event:
    """A sync that has ended, or a rename that begins."""

    kind: str
    path: str
    source: str = ""


def trace(program: str, *arguments: str, folder: Path) -> list[Event]:
    """Run a Python program and return what it synced and renamed, in order, all threads together."""
    skip_unless("strace", shutil.which("strace") is not None, "strace is not installed")
    log = folder / "trace"
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-s", "4096", "-e", calls, "-o", str(log), sys.executable, "-c", program]
    subprocess.run([*command, *arguments], check=True, timeout=150)
    events: list[Event] = []
    syncing: dict[str, str] = {}
    for line in log.read_text().splitlines():
        match = _LINE.match(line)
        assert match is not None, line
        process, call = match.groups()
        if found := _FSYNC.match(call):
            if "<unfinished" in call:
                syncing[process] = found[1]
            else:
                events.append(Event("sync", found[1]))
        elif "sync resumed>" in call:
            events.append(Event("sync", syncing.pop(process)))
        elif found := _RENAME.match(call):
            events.append(Event("rename", found[2], found[1]))
    return events


def unsynced_before(events: list[Event], root: Path) -> list[str]:
    """Files below ``root`` that had been renamed and were not synced since, they or their folder, at each reference.

    Also references that were renamed before their content was synced, or whose folder was not synced afterwards.
    """
    faults: list[str] = []
    pending: dict[str, set[str]] = {}
    for number, event in enumerate(events):
        if event.kind == "sync":
            for path, missing in list(pending.items()):
                missing.discard(event.path)
                if not missing:
                    del pending[path]
        elif event.path.startswith(str(root)):
            if event.path.endswith("ref.json"):
                faults += sorted(pending)
                if Event("sync", event.source) not in events[:number]:
                    faults.append(event.source)
            pending[event.path] = {event.path, str(Path(event.path).parent)}
            if Event("sync", event.source) in events[:number]:  # synced aside, under its other name
                pending[event.path].discard(event.path)
    return [*faults, *sorted(pending)]
