"""Whether so many files may have vanished: a share that is down must not empty an index.

A file that has moved has not vanished. Contents decide: files that are gone are paired with new ones of the same size
and time, or of the same size and name, and a sample of the new ones is read.
"""

from pathlib import PurePosixPath
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.corpus.listing import Files, Listing, positions
from pipeline.errors import ImageError, RemovalsError
from pipeline.index.tables import read_table
from pipeline.runtime.plan import Context
from pipeline.stages.files.known_files import LEFT_OUT, KnownFiles
from pipeline.stages.files.ledger import FILES, bytes_md5

_SAMPLE: Final = 40  # files that are read; if the contents of all of them were here before, the others' were, too


def check_removals(known: KnownFiles, gone: NDArray[np.int64], listing: Listing, context: Context) -> None:
    """Refuse to go on where more has vanished than the recipe allows.

    Raises
    ------
    RemovalsError
        More than ``walk.removals_limit`` of the files and than ``walk.removals_floor``, or all of them, have vanished;
        files that have moved do not count.
    """
    files = ~pc.match_substring_regex(known.path, r"#page=\d+$").to_numpy(zero_copy_only=False)  # pages are no files
    files &= known.status != LEFT_OUT
    gone = gone[files[gone]]
    present = int(np.count_nonzero(files & (known.status != "gone")))
    settings = context.recipe.walk
    allowed = max(settings.removals_limit * present, min(settings.removals_floor, present - 1))
    if context.options.accept_removals or len(gone) <= allowed:
        return
    moved = _moved(known, gone, listing.files, context)
    if len(gone) - moved <= allowed:
        return
    lost, more = len(gone) - moved, f" ({moved} more have moved)" if moved else ""
    raise RemovalsError(
        f"{lost} of {present} files ({lost / present:.0%}) have vanished from {context.corpus.url} since the last run"
        f"{more} (first: {known.path[int(gone[0])]}). {_behind_links(known, gone, listing)}If a share is down, bring "
        "it back; if they were really removed, run again with --accept-removals. Nothing was changed."
    )


def _moved(known: KnownFiles, gone: NDArray[np.int64], files: Files, context: Context) -> int:
    """How many of the files that are gone stand elsewhere now; 0 where one of the sample has another content."""
    row = positions(files.path, known.path)
    new = np.flatnonzero((row < 0) | (known.status[row] == "gone"))
    found = _pairs(known, gone, files, new)
    md5s = set(map(bytes, read_table(context.root, FILES, "md5")["md5"][gone]))
    chosen = np.unique(np.linspace(0, len(found) - 1, _SAMPLE).astype(int)) if found else ()
    sample = [files[found[number]].path for number in chosen]
    return len(found) if all(_content(context, path) in md5s for path in sample) else 0


def _pairs(known: KnownFiles, gone: NDArray[np.int64], files: Files, new: NDArray[np.int64]) -> list[int]:
    """Rows of new files that are as large as one that is gone, and as old or called the same; each once."""
    found: list[int] = []
    left_gone, left_new = gone.tolist(), new.tolist()
    for by_name in (False, True):
        waiting: dict[tuple[int, int | str], list[int]] = {}
        for at in left_new:
            key = PurePosixPath(files.path[at].as_py()).name if by_name else int(files.modified_ns[at])
            waiting.setdefault((int(files.size_bytes[at]), key), []).append(at)
        still_gone = []
        for at in left_gone:
            key = PurePosixPath(known.path[at].as_py()).name if by_name else int(known.modified_ns[at])
            same = waiting.get((int(known.size_bytes[at]), key))
            if same:
                found.append(same.pop())
            else:
                still_gone.append(at)
        left_gone, taken = still_gone, set(found)
        left_new = [at for at in left_new if at not in taken]
    return found


def _content(context: Context, path: str) -> bytes:
    try:
        return bytes_md5(context.corpus.read(path, max_bytes=context.recipe.walk.max_bytes))
    except ImageError:
        return b""


def _behind_links(known: KnownFiles, gone: NDArray[np.int64], listing: Listing) -> str:
    """A sentence about those that an earlier run has found behind links out of the corpus."""
    links = tuple(f"{path}/" for path, _ in listing.left_out)
    behind = sum(f"{path}/".startswith(links) for path in known.path.take(gone).to_pylist()) if links else 0
    if not behind:
        return ""
    return f"{behind} of them lie behind links out of the corpus; --set corpus.follow_links=true follows these. "
