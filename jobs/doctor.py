"""semcorpus doctor: versions, devices, optional parts: what works here and what does not."""

import click

from jobs.options import format_option, talk_options
from jobs.terminal import print_json, print_line, print_table
from pipeline.operations.diagnosis import diagnose


@click.command(epilog="Example: semcorpus doctor")
@format_option
@talk_options
def command(form: str, quiet: bool, log_json: bool, debug: bool) -> int:
    """Say what works on this machine and what does not, and how to get the rest.

    Exits with status 1 when something that semcorpus cannot do without is missing.
    """
    found = diagnose()
    if form == "json":
        print_json([{"part": p.name, "state": p.state, "version": p.detail, "advice": p.advice} for p in found])
    elif not quiet:
        print_table(["part", "state", "version", "what to do"], [[p.name, p.state, p.detail, p.advice] for p in found])
        missing = [part.name for part in found if part.state == "missing"]
        print_line(f"Missing: {', '.join(missing)}" if missing else "All that is needed is here.")
    return 1 if any(part.state == "missing" for part in found) else 0
