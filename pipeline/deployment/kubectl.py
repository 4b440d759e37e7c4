"""Sending a job to Kubernetes with ``kubectl``, following it, and its exit status."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import DeploymentError

Say = Callable[[str], None]

_ENDED: Final = ("Complete", "Failed", "ValidationFailed", "Suspended")
# The log is read while the submitter's pod is there; Retrying and Initializing have none.
_HAS_LOG: Final = "Running"
_EXIT_CODE: Final = re.compile(r"exit code:? (\d+)")
_PATIENCE: Final = 5


@dataclass(frozen=True, slots=True)
class Kubectl:
    """``kubectl`` in one context and namespace."""

    namespace: str
    context: str = ""

    def command(self, *words: str) -> list[str]:
        """The whole command line."""
        context = ["--context", self.context] if self.context else []
        return ["kubectl", *context, "--namespace", self.namespace, *words]

    def call(self, *words: str, text: str = "") -> str:
        """Run it and return what it prints; raises `DeploymentError` with its own words when it fails."""
        try:
            done = subprocess.run(self.command(*words), input=text, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise DeploymentError("There is no kubectl on the PATH; manifests are rendered and sent by it.") from error
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise DeploymentError(f"`kubectl {' '.join(words)}` failed: {said}")
        return done.stdout


def send(kubectl: Kubectl, job: str, surroundings: str, *, scheduled: bool) -> None:
    """Ask the API server whether it would take all, then send it.

    The server checks schemas, CEL rules, quotas, rights and admission; nothing is made unless it would take everything.

    Parameters
    ----------
    kubectl : Kubectl
        Where to.
    job : str
        The RayJob's or CronJob's manifest. A RayJob is new each time and created; a CronJob is applied.
    surroundings : str
        The other manifests, applied first; may be empty.
    scheduled : bool
        Whether ``job`` is a CronJob.

    Raises
    ------
    DeploymentError
        It refuses.
    """
    parts = [("apply", surroundings)] if surroundings.strip() else []
    parts.append(("apply" if scheduled else "create", job))
    for extra in (["--dry-run=server"], []):
        for verb, text in parts:
            server = ["--server-side"] if verb == "apply" else []
            kubectl.call(verb, *server, "--validate=strict", *extra, "--filename", "-", text=text)


def follow(kubectl: Kubectl, name: str, say: Say, *, poll_seconds: float = 5.0) -> int:
    """Print a RayJob's log until it ends and return its exit status.

    Returns
    -------
    int
        0 when the job succeeded, else the exit status that Ray tells of the entry point, and 1 where it tells none.

    Raises
    ------
    DeploymentError
        The job cannot be asked for several times in a row, or vanished.
    """
    logs: subprocess.Popen[bytes] | None = None
    failures, before = 0, ""
    try:
        while True:
            try:
                status = _status(kubectl, name)
                failures = 0
            except DeploymentError:
                failures += 1
                if failures >= _PATIENCE:
                    raise
                time.sleep(poll_seconds)
                continue
            state = str(status.get("jobDeploymentStatus", "New"))
            if state != before:
                say(f"{name}: {state}")
                before = state
            if state in _ENDED:
                return _ending(name, status, say, logs)
            if state == _HAS_LOG and (logs is None or logs.poll() is not None):
                logs = _follow_log(kubectl, name, again=logs is not None, poll_seconds=poll_seconds)
            time.sleep(poll_seconds)
    finally:
        if logs is not None and logs.poll() is None:
            logs.terminate()
            logs.wait()


def _status(kubectl: Kubectl, name: str) -> dict[str, object]:
    status = json.loads(kubectl.call("get", "rayjob", name, "--output", "json")).get("status") or {}
    assert isinstance(status, dict)
    return status


def _follow_log(kubectl: Kubectl, name: str, *, again: bool, poll_seconds: float) -> "subprocess.Popen[bytes]":
    """Follow the submitter's log, which goes to our standard output as it comes.

    KubeRay calls the submitter's Kubernetes Job by the RayJob's name. After a broken connection only what came since
    is asked for.
    """
    since = ["--since", f"{max(1, round(2 * poll_seconds))}s"] if again else []
    words = ["logs", "--follow", f"job/{name}", "--container", "ray-job-submitter", *since]
    return subprocess.Popen(kubectl.command(*words))


def _ending(name: str, status: dict[str, object], say: Say, logs: "subprocess.Popen[bytes] | None") -> int:
    if logs is not None:
        try:
            logs.wait(timeout=30)  # the last lines
        except subprocess.TimeoutExpired:
            logs.terminate()
    message = " ".join(str(status.get("message", "")).split())
    if status.get("jobDeploymentStatus") == "Complete" and status.get("jobStatus", "SUCCEEDED") == "SUCCEEDED":
        return 0
    reason = " ".join(filter(None, [str(status.get("reason", "")), str(status.get("jobStatus", "")), message]))
    say(f"{name} ended without success: {reason or 'no reason given'}")
    code = _EXIT_CODE.search(message)
    return int(code[1]) if code and int(code[1]) else 1


def commands_for(kubectl: Kubectl, kind: str, name: str) -> Sequence[str]:
    """What a person may want to type about a job that goes on without us."""
    return (
        " ".join(kubectl.command("get", kind, name)),
        " ".join(kubectl.command("logs", "--follow", f"job/{name}")),
        " ".join(kubectl.command("delete", kind, name)),
    )
