"""Walking a local folder: every file once, whatever links, loops and locked folders there are."""

import heapq
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class FolderWalk:
    """One walk through a folder.

    A folder that can be reached by several ways (symbolic links, loops, mounts) is entered once: by its own place
    where that lies below the root, else by the first link in the order of names. So a link that somebody adds later
    does not move the files that are known already.

    Attributes
    ----------
    root : str
        The folder.
    unreadable : list of (path, reason)
        What could not be listed or is no file; complete when `files` has been walked through. The root's path is
        empty. Paths are relative, as the file system knows them.
    """

    root: str
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    _folders: list[str] = field(default_factory=lambda: [""])
    _links: list[str] = field(default_factory=list)
    _entered: set[object] = field(default_factory=set)

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Relative path and status of all regular files, in no particular order."""
        while self._folders or self._links:
            folder = self._folders.pop() if self._folders else heapq.heappop(self._links)
            try:
                for entry in self._enter(folder):
                    status = self._look_at(f"{folder}/{entry.name}" if folder else entry.name, entry)
                    if status is not None:
                        yield status
            except OSError as error:
                self.unreadable.append((folder, f"cannot be listed: {error.strerror or error}"))

    def _enter(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """What is in the folder, as it is read; nothing if it was entered before."""
        place = os.path.join(self.root, folder)
        status = os.stat(place)
        # Some network file systems number nothing; then only the resolved path tells folders apart.
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(place)
        if identity in self._entered:
            return
        self._entered.add(identity)
        with os.scandir(place) as entries:
            yield from entries

    def _look_at(self, path: str, entry: os.DirEntry[str]) -> tuple[str, os.stat_result] | None:
        try:
            status = entry.stat()
        except OSError as error:
            self.unreadable.append((path, f"cannot be looked at: {error.strerror or error}"))
            return None
        if stat.S_ISREG(status.st_mode):
            return path, status
        if not stat.S_ISDIR(status.st_mode):
            self.unreadable.append((path, "is no regular file"))
        elif entry.is_symlink():
            heapq.heappush(self._links, path)
        else:
            self._folders.append(path)
        return None
