"""The first lines of ``semcorpus``: Ctrl-C while all else is still being imported ends it without a traceback."""

import os
import signal
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Import the command line and run it, as `jobs.main.main` says."""
    asked = signal.getsignal(signal.SIGINT)
    if asked is signal.default_int_handler:  # else it is ignored, as behind nohup
        signal.signal(signal.SIGINT, _leave)
    from jobs.main import main as run_command

    signal.signal(signal.SIGINT, asked)
    run_command()


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that would have to be told or undone."""
    os._exit(_INTERRUPTED)
