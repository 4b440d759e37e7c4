"""The errors that semcorpus raises on purpose.

::

    SemcorpusError                    one readable paragraph; exit status 1
     ├─ UsageError       (ValueError)   the call is wrong; exit status 2
     │   ├─ RecipeError                 a recipe or a --set does not validate
     │   └─ CorpusNotFoundError         no such folder or bucket
     ├─ EmptyCorpusError (ValueError)   nothing in the corpus is an image
     ├─ IndexFormatError (ValueError)   not an index, or one of a newer version
     ├─ IndexLockedError (RuntimeError) somebody else writes to the index
     ├─ StorageError     (OSError)      the store cannot be read or written (full disk, bucket, damage)
     ├─ RemovalsError    (RuntimeError) too many files vanished at once
     ├─ WeightsError     (OSError)      a network's weights cannot be had
     ├─ MissingPartError (ImportError)  a part that is installed on demand is not here
     ├─ StageError       (RuntimeError) a stage cannot run on what the index holds
     ├─ ShardError       (RuntimeError) a shard failed after its retries
     ├─ EngineError      (RuntimeError) Dask or Ray cannot be opened, or has ended
     ├─ DeploymentError  (RuntimeError) a job cannot be rendered, submitted or followed on a cluster
     ├─ StoppedError     (RuntimeError) stopped at a checkpoint, as somebody asked; exit status 75
     └─ ImageError       (ValueError)   one file; becomes a ledger row, never ends a run
         ├─ UnreadableFileError         the bytes cannot be had
         ├─ UnsupportedImageError       not an image format that we read here
         ├─ CorruptImageError           an image, but damaged
         ├─ ImageTooLargeError          larger than the limits allow
         └─ NotJudgedError              the machine failed; says nothing of the file

Each is also the matching builtin, so that callers who do not know semcorpus catch it too.
"""

from typing import ClassVar


class SemcorpusError(Exception):
    """Base of all errors that semcorpus raises on purpose; its text is for people."""

    exit_status: ClassVar[int] = 1


class UsageError(SemcorpusError, ValueError):
    """The call itself is wrong: a missing folder, an option that makes no sense."""

    exit_status = 2


class RecipeError(UsageError):
    """A recipe or a ``--set`` has an unknown key or a value of the wrong type."""


class CorpusNotFoundError(UsageError):
    """The corpus named does not exist or is not a folder."""


class MissingPartError(SemcorpusError, ImportError):
    """What was asked for needs an extra that is not installed."""


class EmptyCorpusError(SemcorpusError, ValueError):
    """The corpus exists, but nothing in it is an image."""


class IndexFormatError(SemcorpusError, ValueError):
    """The folder holds no index, or one that a newer semcorpus made."""


class IndexLockedError(SemcorpusError, RuntimeError):
    """Another process writes to the index now."""


class StorageError(SemcorpusError, OSError):
    """The store cannot be read or written: full disk, no permission, damaged data."""


class RemovalsError(SemcorpusError, RuntimeError):
    """More files vanished since the last run than can be believed without being told."""


class WeightsError(SemcorpusError, OSError):
    """The weights that a recipe names cannot be had, neither locally nor from the hub."""


class StageError(SemcorpusError, RuntimeError):
    """A stage cannot run on what the index holds."""


class ShardError(SemcorpusError, RuntimeError):
    """A shard failed again and again; the message names the stage and the shard."""


class EngineError(SemcorpusError, RuntimeError):
    """Dask or Ray cannot be opened or has been lost."""


class DeploymentError(SemcorpusError, RuntimeError):
    """A job cannot be rendered, submitted or followed on a cluster."""


class StoppedError(SemcorpusError, RuntimeError):
    """The run was asked to stop and did so at a checkpoint; the same command goes on from there."""

    exit_status = 75  # EX_TEMPFAIL: try again later


class ImageError(SemcorpusError, ValueError):
    """One file cannot become a picture; ``status`` is its word in the ledger."""

    status: ClassVar[str] = "corrupt"


class UnreadableFileError(ImageError):
    """The bytes of the file cannot be had."""

    status = "unreadable"


class UnsupportedImageError(ImageError):
    """The content is not an image, or of a format that cannot be read here."""

    status = "unsupported"


class CorruptImageError(ImageError):
    """The content is an image, but damaged."""

    status = "corrupt"


class ImageTooLargeError(ImageError):
    """The picture is larger than the limits allow.

    Parameters
    ----------
    message : str
    limit : str
        The setting of the walk that refuses it; empty where no setting does, so that none can let it pass.
    """

    status = "too_large"

    def __init__(self, message: str, *, limit: str = "max_pixels") -> None:
        super().__init__(message)
        self.limit = limit


class NotJudgedError(ImageError):
    """The machine has killed, stopped or starved what was to judge the file, which says nothing of the file."""

    status = "not_judged"
