"""What a share has besides files: links in circles, links to nowhere, pipes, and what may not be read."""

import os
from pathlib import Path

from pipeline.demo.truth import FileTruth

LOCKED_FOLDER, LOCKED_FILE = "riservato", "utente3/riservato.tif"
"""What nobody may read; the superuser can all the same."""


def write_obstacles(corpus: Path, content: bytes) -> list[FileTruth]:
    """Put all obstacles into the corpus, and return what the ledger must say of them.

    Parameters
    ----------
    corpus : Path
    content : bytes
        Of the files that may not be read: a sound picture that is nowhere else.
    """
    (corpus / "links").mkdir(parents=True, exist_ok=True)
    (corpus / "links/up").symlink_to("..")  # a circle: walked through once, by its own way
    (corpus / "links/sideways").symlink_to("../links")
    (corpus / "links/self").symlink_to("self")
    (corpus / "links/lost.tif").symlink_to("nowhere.tif")
    os.mkfifo(corpus / "links/pipe.tif")
    rows = [
        _unreadable("links/self", "looked at"),
        _unreadable("links/lost.tif", "looked at"),
        _unreadable("links/pipe.tif", "no regular file"),
        _unreadable(LOCKED_FOLDER, "cannot be listed"),
        _unreadable(LOCKED_FILE, "cannot be read", size_bytes=len(content)),
    ]
    for place in (corpus / LOCKED_FOLDER / "inside.tif", corpus / LOCKED_FILE):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (corpus / LOCKED_FILE).chmod(0)
    (corpus / LOCKED_FOLDER).chmod(0)
    return rows


def _unreadable(path: str, reason: str, *, size_bytes: int = 0) -> FileTruth:
    return FileTruth(path, "", size_bytes, None, "unreadable", reason_says=reason)


def unlock(corpus: Path) -> None:
    """Let the corpus' owner read all of it again, so that it can be removed."""
    for place in (corpus / LOCKED_FOLDER, corpus / LOCKED_FILE):
        if place.exists():
            place.chmod(0o700)
