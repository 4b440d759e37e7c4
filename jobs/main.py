"""Entry point: the group of commands, and how errors become exit statuses."""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from jobs.terminal import print_error
from pipeline.errors import SemcorpusError

# Command -> module; a module is imported when its command is used, so that `--help` and `status` start quickly.
STAGE_COMMANDS = (
    "walk",
    "pair",
    "labels",
    "scale",
    "pixels",
    "embed",
    "autoencode",
    "neighbours",
    "dimension",
    "cluster",
    "agree",
    "report",
)
COMMANDS = {
    "demo": "jobs.demo",
    "run": "jobs.run",
    **dict.fromkeys(STAGE_COMMANDS, "jobs.stage"),
    "status": "jobs.status",
    "history": "jobs.history",
    "rollback": "jobs.rollback",
    "show": "jobs.show",
    "verify": "jobs.verify",
    "doctor": "jobs.doctor",
}


class _Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[name])
        command: click.Command = module.command_for(name) if name in STAGE_COMMANDS else module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(error.message + (f" Did you mean {near[0]!r}?" if near else ""), context) from None


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
    """Run a command and exit with its status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(call(list(sys.argv[1:] if arguments is None else arguments)))


def call(arguments: list[str]) -> int:
    """Run a command and return its exit status."""
    try:
        result = cli.main(args=arguments, prog_name="semcorpus", standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print_error("Interrupted. The index is as it was after its last commit; run the same command again to go on.")
        return 130
    except SemcorpusError as error:
        if "--debug" in arguments:
            raise
        print_error(str(error))
        return error.exit_status
    except BrokenPipeError:
        # The reader of our output (say `head`) has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if "--debug" in arguments:
            raise
        print_error(
            f"An unexpected {type(error).__name__}: {str(error).strip() or 'no message'}. This is a defect of "
            "semcorpus: run again with --debug for the traceback and report it. The index is as it was after its last "
            "commit."
        )
        return 1
