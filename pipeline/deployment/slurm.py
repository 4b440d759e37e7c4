"""Sending ``deploy/slurm``'s scripts to SLURM with a site's values, following the job, and its exit status."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.deployment.files import deploy_folder
from pipeline.deployment.paths import is_url, refuse_own_folders
from pipeline.deployment.settings import SlurmSettings
from pipeline.errors import DeploymentError, UsageError

Say = Callable[[str], None]

# A job in one of these states may still run (again).
_ALIVE: Final = (
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"),
    *("REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "PREEMPTED"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One call of ``sbatch``.

    Attributes
    ----------
    command : tuple of str
        The whole command line.
    environment : mapping
        What the scripts read beside their words.
    script : Path
        The script that is sent.
    output : str
        The log's file, with SLURM's ``%j`` or ``%A_%a`` for the job's number.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    script: Path
    output: str

    @property
    def text(self) -> str:
        """The same as lines for a shell."""
        words = [f"{key}={shlex.quote(value)}" for key, value in self.environment.items()]
        return " ".join([*words, shlex.join(self.command)])


def check_places(corpus: str, index: str) -> None:
    """Raise `UsageError` for a corpus that is not there, or folders that only this machine has.

    The machine that submits sees the shared file systems as the compute nodes do.
    """
    if not is_url(corpus) and not Path(corpus).is_dir():
        raise UsageError(f"There is no folder {corpus} on this machine, which sees the same shares as the nodes.")
    refuse_own_folders((corpus, index))


def render_batch(corpus: str, index: str, options: Sequence[str], settings: SlurmSettings) -> Batch:
    """The call of ``sbatch`` for a run, or with ``nightly`` for a run every night.

    Relative folders become absolute; the job runs elsewhere.
    """
    places = [place if is_url(place) else os.path.abspath(place) for place in (corpus, index)]
    script = deploy_folder("slurm") / f"{settings.script}.sbatch"
    environment = dict(settings.environment)
    if settings.nightly:
        environment |= {
            "SEMCORPUS_SCRIPT": str(script),
            "SEMCORPUS_SBATCH": shlex.join(_flags(settings)),
            "SEMCORPUS_AGAIN": f"tomorrow {settings.nightly}",
        }
        flags, name = [f"--begin={settings.nightly}", *_site_flags(settings)], f"{settings.name}-nightly"
        script = script.with_name("nightly.sbatch")
        output = f"{Path.cwd()}/{name}.out"
    else:
        name, number = settings.name, "%A_%a" if settings.script == "array" else "%j"
        flags, output = _flags(settings), f"{Path.cwd()}/{name}-{number}.out"
    command = ["sbatch", "--parsable", *flags, f"--job-name={name}", f"--output={output}", str(script)]
    return Batch((*command, *places, *options), environment, script, output)


def _flags(settings: SlurmSettings) -> list[str]:
    """The options of sbatch that say how big the run is."""
    size = f"--array=0-{settings.nodes - 1}" if settings.script == "array" else f"--nodes={settings.nodes}"
    flags = [size, f"--cpus-per-task={settings.cpus}", f"--mem={settings.memory}", f"--time={settings.time}"]
    if settings.gpus:
        flags.append(f"--gres=gpu:{settings.gpus}")
    return [*flags, *_site_flags(settings), *settings.sbatch]


def _site_flags(settings: SlurmSettings) -> list[str]:
    named = {"partition": settings.partition, "account": settings.account, "qos": settings.qos}
    return [f"--{key}={value}" for key, value in named.items() if value]


def send_batch(batch: Batch) -> str:
    """Let SLURM check the job, then send it; returns its number. Raises `DeploymentError` when SLURM refuses."""
    sbatch, *words = batch.command
    _call([sbatch, "--test-only", *words], batch.environment)
    return _call(list(batch.command), batch.environment).strip().partition(";")[0]


def follow_batch(job: str, output: str, say: Say, *, poll_seconds: float = 5.0) -> int:
    """Print a job's log until the job ends and return its exit status.

    Requeued jobs are waited for. Of an array, the log of task 0 is printed, and the worst status returned.

    Returns
    -------
    int
        The script's exit status; 128 + the signal that ended it; 1 for an end without either (a node failed).

    Raises
    ------
    DeploymentError
        SLURM does not know the job any more.
    """
    log = log_of(output, job)
    read, before = 0, ""
    while True:
        tasks = _tasks(job)
        states = ", ".join(sorted({state for state, _ in tasks}))
        read = _print_more(log, read, say)
        if states != before:
            say(f"Job {job}: {states}")
            before = states
        if not any(state in _ALIVE for state, _ in tasks):
            return max(_status(state, code) for state, code in tasks)
        time.sleep(poll_seconds)


def log_of(output: str, job: str) -> Path:
    """The log's file of a job; of an array, that of task 0."""
    return Path(output.replace("%j", job).replace("%A", job).replace("%a", "0"))


def _tasks(job: str) -> list[tuple[str, str]]:
    """State and exit code (``status:signal``) of a job, or of all tasks of an array."""
    try:
        text = _call(["scontrol", "show", "job", "--oneliner", job], {})
        found = re.findall(r"JobState=(\w+).*? ExitCode=(\d+:\d+)", text)
    except DeploymentError:
        # SLURM's controller forgets a job minutes after its end; its accounts, where a site keeps them, do not.
        text = _call(
            ["sacct", "--jobs", job, "--allocations", "--noheader", "--parsable2", "--format=State,ExitCode"], {}
        )
        found = re.findall(r"(?m)^(\w+)[^|]*\|(\d+:\d+)", text)
    if not found:
        raise DeploymentError(f"SLURM tells nothing of job {job}; look for it with `sacct --jobs {job}`.")
    return found


def _status(state: str, code: str) -> int:
    status, _, number = code.partition(":")
    if int(status):
        return int(status)
    if int(number):
        return 128 + int(number)
    return 0 if state == "COMPLETED" else 1


def _print_more(log: Path, read: int, say: Say) -> int:
    """Print the whole lines that came since; returns how many bytes are printed now."""
    try:
        with log.open("rb") as file:
            file.seek(read)
            new = file.read()
    except OSError:
        return read  # not begun, or the share is slow to show it
    lines, newline, _ = new.rpartition(b"\n")
    for line in lines.decode(errors="replace").splitlines() if newline else ():
        say(line)
    return read + len(lines) + len(newline)


def _call(command: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
        )
    except FileNotFoundError as error:
        raise DeploymentError(f"There is no {command[0]} on the PATH: submit from a machine with SLURM.") from error
    except subprocess.TimeoutExpired as error:
        raise DeploymentError(f"`{shlex.join(command)}` gave no answer in 120 s.") from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise DeploymentError(f"`{shlex.join(command)}` failed: {said}")
    return done.stdout
