"""The private folder of a local Ray: short enough for the sockets below it, and gone when the run ends."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import EngineError

_SOCKET_PATH_BYTES = 107  # Linux allows no more
RAYS_PART = "r"
"""Name of the folder in it that is given to Ray, which opens it to everybody."""

_LONGEST_BELOW = f"/{RAYS_PART}/session_2026-01-01_00-00-00_000000_4194304/sockets/dash_MetricsHead"
LONGEST_FOLDER = _SOCKET_PATH_BYTES - len(_LONGEST_BELOW)
"""Bytes that the path of a session's folder may have."""

_PREFIX = "sc-ray-"
_LAST_PLACES = ("/tmp", "/var/tmp")
_IN_USE = "in-use"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder that only this user can enter, for Ray's folder in it; what is in it at the end is removed.

    It is made in the temporary directory, or, where that has too long a path, in ``/tmp`` or ``/var/tmp``;
    ``RAY_TMPDIR`` comes before all of them. Folders that runs left there which were killed are removed first.

    Raises
    ------
    EngineError
        None of them can be written, or has a path short enough.
    """
    folder = _make()
    with (folder / _IN_USE).open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make() -> Path:
    refused = []
    for parent in _parents():
        if len(os.fsencode(parent)) + len("/") + len(_PREFIX) + 8 > LONGEST_FOLDER:
            refused.append(f"{parent} is too long")
            continue
        try:
            _remove_leftovers(parent)
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError as error:
            refused.append(f"{parent}: {error.strerror}")
    raise EngineError(
        f"Ray needs a folder of its own whose path has at most {LONGEST_FOLDER} characters, for the sockets in it, and "
        f"none can be had ({'; '.join(refused)}). Set RAY_TMPDIR to a folder with a short path that you can write."
    )


def _parents() -> list[Path]:
    """Where to look, without repetitions."""
    named = [os.environ.get("RAY_TMPDIR", ""), tempfile.gettempdir(), *_LAST_PLACES]
    return list(dict.fromkeys(Path(name) for name in named if name))


def _remove_leftovers(parent: Path) -> None:
    """Remove this user's folders whose run does not live any more: nobody holds their mark."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _IN_USE).open("r+") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
