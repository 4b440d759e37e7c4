"""Whether a cluster's nodes will see the corpus, the index and the label sets."""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.errors import UsageError

# RayJob's entry point is read by two shells, and quoting does not come through both.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
# File systems in a machine's own memory: never shared. A local disk cannot be told from a shared one by its type alone
# (a node may export its ext4), so it passes.
_OWN_FILE_SYSTEMS: Final = ("tmpfs", "ramfs", "devtmpfs")


def is_url(path: str) -> bool:
    """Whether a place has a scheme, ``s3://...``."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def claim_of(path: str, claims: Mapping[str, str]) -> str | None:
    """The folder of ``claims`` under which a path lies, the deepest; None where it lies under none."""
    folders = [folder for folder in claims if posixpath.commonpath([folder, path]) == posixpath.normpath(folder)]
    return max(folders, key=len, default=None)


def refuse_unmounted(places: Iterable[str], claims: Mapping[str, str]) -> None:
    """Raise `UsageError` for a local place that no claim brings into the pods.

    A pod sees no folder of this machine, whatever is there.
    """
    for place in places:
        if is_url(place):
            continue
        if not posixpath.isabs(place):
            raise UsageError(f"{place!r} is relative; a pod has no such folder. Give the path as the pods see it.")
        if claim_of(posixpath.normpath(place), claims) is None:
            known = ", ".join(f"{folder} ({claim})" for folder, claim in claims.items()) or "none"
            raise UsageError(
                f"No pod would see {place}: mounted are {known}. Mount the claim (PVC) that holds it, for example "
                f'--set \'claims={{"{place}" = "CLAIM"}}\', or use an s3:// path.'
            )


def refuse_special_characters(words: Iterable[str]) -> None:
    """Raise `UsageError` for a word that would not come through KubeRay's shells as it is."""
    for word in words:
        if not _PLAIN.fullmatch(word):
            raise UsageError(
                f"{word!r} cannot be passed to a RayJob: its command line goes through two shells, so blanks and "
                "special characters are refused. Mount or link the folder under a plain name; settings fit a recipe."
            )


def refuse_own_folders(places: Iterable[str]) -> None:
    """Raise `UsageError` for a place that only this machine has: compute nodes of a SLURM cluster would not see it.

    The file system tells: memory is never shared. Whether a disk is shared cannot be told from here, so it passes.
    """
    for place in places:
        if is_url(place):
            continue
        kind, mount = file_system(os.path.abspath(place))
        if kind in _OWN_FILE_SYSTEMS:
            raise UsageError(
                f"{place} lies on {mount}, a {kind} that only this machine has; the compute nodes would not see it. "
                "Use a folder on the shared file system (home, project, scratch), or s3://."
            )


def file_system(path: str, mounts: str = "/proc/self/mounts") -> tuple[str, str]:
    """The type of the file system under an absolute path, and where it is mounted; ``("", "/")`` if unknown."""
    best = ("", "/")
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            rows = [line.split()[1:3] for line in table]
    except OSError:
        return best
    for escaped, kind in rows:
        mount = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), escaped)
        # The last of several mounts on one folder is the one that is seen.
        if os.path.commonpath([mount, path]) == mount and len(mount) >= len(best[1]):
            best = (kind, mount)
    return best
