"""Entry point: the group of commands, and how errors become exit statuses."""

import atexit
import difflib
import importlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from jobs.catalogue import MODULES, SUMMARIES
from jobs.terminal import log_error, print_error
from pipeline.errors import SemcorpusError

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM
_NO_THREAD = "can't start new thread"  # Python's RuntimeError where there is no room for its stack


class _Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in MODULES:
            return None
        module = importlib.import_module(MODULES[name])
        command: click.Command = module.command_for(name) if MODULES[name] == "jobs.stage" else module.command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in MODULES:
            near = difflib.get_close_matches(args[0], MODULES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            context.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(context, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="semcorpus", prog_name="semcorpus")
def cli() -> None:
    """Turn a heap of electron micrographs into a clean, scaled, embedded and clustered index.

    \b
    Try it:
      semcorpus demo demo
      semcorpus run demo/corpus demo/index --labels classes=demo/labels
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated."""
    status = call(list(sys.argv[1:] if arguments is None else arguments))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is told: Ctrl-C from here on has nobody to catch it
    if status:
        _leave(status)
    sys.exit(status)


def _leave(status: int) -> NoReturn:
    """End at once: what was cut short may still be at work in threads of Icechunk's, and would panic in an interpreter
    that is being taken down. All that wants to be told of the end is told."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(status)


def call(arguments: list[str]) -> int:
    """Run a command and return its exit status.

    An error becomes one paragraph on standard error, or a line of JSON with ``--log-json``; ``--debug`` puts the
    traceback before it.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        result = cli.main(args=arguments, prog_name="semcorpus", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a reader that has gone is still caught
        return int(result) if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output (say `head`) has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        text, status = _explain(error)
        if status in (INTERRUPTED, TERMINATED):
            # Zarr's loop is left in the middle of its work, and asyncio would say so after our paragraph.
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        if "--debug" in arguments:
            traceback.print_exc()
        if "--log-json" in arguments:
            log_error(text, status)
        else:
            print_error(text)
        return status


_terminated = threading.Event()


def _terminate(number: int, frame: object) -> None:
    """SIGTERM, as a batch system sends it before it kills, ends the run as Ctrl-C does.

    What was sent is noted apart: click catches a KeyboardInterrupt and raises an error of its own.
    """
    _terminated.set()
    raise KeyboardInterrupt


def _explain(error: BaseException) -> tuple[str, int]:
    """What to tell about an error, and the exit status."""
    if isinstance(error, click.ClickException):
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "semcorpus"
        return f"{error.format_message()} See `{command} --help`.", error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt) and _terminated.is_set():
        return "Terminated. What was committed is kept; run the same command again to go on.", TERMINATED
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "Interrupted. What was committed is kept; run the same command again to go on.", INTERRUPTED
    if isinstance(error, SemcorpusError):
        return str(error), error.exit_status
    if isinstance(error, MemoryError) or _NO_THREAD in str(error):
        return "There is not enough memory for this. The index is as it was after its last commit.", 1
    from pipeline.storage.failures import storage_error  # takes long to import, and is seldom needed

    if translated := storage_error(error, "working on", "the index"):
        return str(translated), translated.exit_status
    return (
        f"An unexpected {type(error).__name__}: {str(error).strip() or 'no message'}. This is a defect of semcorpus: "
        "run again with --debug for the traceback and report it. The index is as it was after its last commit.",
        1,
    )
