"""The files of an Icechunk store (format 1) in a local folder: new ones, the branch's reference, a snapshot's parent.

Icechunk writes every file aside and renames it, and syncs none. So what a commit has written is found by listing the
store before and after, synced here, and only then does the branch move, by a file that is itself written durably.
"""

import json
import os
from pathlib import Path
from typing import Final

import imagecodecs

from pipeline.storage.durable import sync_files, sync_folder, write_durably
from pipeline.storage.location import Location

METADATA: Final = ("snapshots", "manifests", "transactions", "attributes")
FIRST_SNAPSHOT: Final = "1CECHNKREP0F1RSTCMT0"
"""The empty snapshot that every store begins with."""

_KINDS: Final = (*METADATA, "chunks")
_REFERENCE: Final = ("refs", "branch.main", "ref.json")
MAGIC: Final = "ICE🧊CHUNK".encode()
HEADER_BYTES: Final = 39
"""Before the content: magic, name of the writer, version, kind of file, compression."""

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UNFINISHED: Final = "#"  # in the name of a file that is being written


def stored_names(store: Path) -> set[str]:
    """Names of all finished files of the store below it, references apart; O(files) in time and memory."""
    return {
        f"{kind}/{name}"
        for kind in _KINDS
        if (store / kind).is_dir()
        for name in os.listdir(store / kind)
        if _UNFINISHED not in name
    }


def sync_new(store: Path, names: set[str]) -> None:
    """Sync files of the store, their folders, and the store's own, in which these may be new."""
    sync_files(store / name for name in names)
    sync_folder(store)


def read_reference(store: Path) -> str:
    """The commit that the branch points to; `OSError` or `ValueError` where the reference is lost or damaged."""
    found = json.loads((store.joinpath(*_REFERENCE)).read_bytes())
    if not isinstance(found, dict) or not isinstance(found.get("snapshot"), str):
        raise ValueError(f"the reference {store.joinpath(*_REFERENCE)} names no snapshot")
    return str(found["snapshot"])


def write_reference(store: Path, commit: str) -> None:
    """Let the branch point to a commit, durably; whoever calls sees to it that nobody else moves it."""
    write_durably(Location(str(store)).child(*_REFERENCE), json.dumps({"snapshot": commit}).encode())


def with_parent(snapshot: bytes, old: str, new: str) -> bytes:
    """A snapshot file with another parent: how a history is joined where a commit between is lost.

    Raises
    ------
    ValueError
        The file is damaged, or its parent is not ``old``.
    """
    try:
        content = imagecodecs.zstd_decode(snapshot[HEADER_BYTES:])
    except RuntimeError as error:
        raise ValueError(f"the snapshot cannot be read ({error})") from error
    if content.count(_number(old)) != 1:
        raise ValueError(f"the snapshot does not name {old} once")
    return snapshot[:HEADER_BYTES] + imagecodecs.zstd_encode(content.replace(_number(old), _number(new)), level=3)


def _number(commit: str) -> bytes:
    """The 12 bytes that a commit's 20 letters stand for (Crockford's base 32)."""
    value = 0
    for letter in commit:
        value = value * len(_DIGITS) + _DIGITS.index(letter)
    return (value >> 4).to_bytes(12, "big")
