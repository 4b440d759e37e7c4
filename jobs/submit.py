"""semcorpus submit: the job on a cluster."""

import datetime
from collections.abc import Callable
from pathlib import Path

import click

from jobs.options import Option, Options, talk_options
from jobs.terminal import log_event, print_line
from pipeline.errors import DeploymentError, UsageError

_EXAMPLE = (
    "Example: semcorpus submit kubernetes /corpus /index --set image=registry.example/semcorpus:0.1.0 --set nodes=4 "
    "-- --labels classes=/corpus/labels"
)


@click.command(epilog=_EXAMPLE)
@click.argument("target", metavar="slurm|kubernetes", type=click.Choice(["slurm", "kubernetes"]))
@click.argument("corpus")
@click.argument("index")
@click.argument("run_options", metavar="[-- RUN OPTIONS]", nargs=-1)
@click.option("--values", default="", metavar="FILE.toml", help="The site's values, in [slurm] and [kubernetes].")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change one value; repeatable.")
@click.option("--dry-run", is_flag=True, help="Check and print what would be sent, and send nothing.")
@click.option("--no-follow", is_flag=True, help="Return when it is sent, without the log and the job's exit status.")
@click.option("--job-only", is_flag=True, help="Kubernetes: the RayJob without accounts, policies and the like.")
@click.option(
    "--crds",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Kubernetes: definitions of custom resources (YAML) to check against offline; repeatable.",
)
@talk_options
def command(target: str, corpus: str, index: str, run_options: tuple[str, ...], **options: Option) -> int:
    """Render the files of deploy/ with the site's values, check and send them, follow the log.

    CORPUS and INDEX are paths as the cluster's nodes see them, or s3://. What stands behind -- goes to `semcorpus run`.
    The exit status is the job's. docs/values.md lists the values.
    """
    say = _speaker(quiet=options["quiet"], log_json=options["log_json"])
    submit = _slurm if target == "slurm" else _kubernetes
    return submit(corpus, index, run_options, options, say)


def _speaker(*, quiet: bool, log_json: bool) -> Callable[[str], None]:
    """How to tell what happens to the job."""
    if log_json:
        return lambda text: log_event("submit", message=text)
    return (lambda text: None) if quiet else print_line


def _slurm(corpus: str, index: str, run_options: tuple[str, ...], options: Options, say: Callable[[str], None]) -> int:
    from pipeline.deployment.settings import SlurmSettings, load_values
    from pipeline.deployment.slurm import check_places, follow_batch, log_of, render_batch, send_batch

    if options["job_only"] or options["crds"]:
        raise UsageError("--job-only and --crds are of Kubernetes; SLURM has no such things.")
    settings = load_values(SlurmSettings, "slurm", options["values"], options["assignments"])
    check_places(corpus, index)
    batch = render_batch(corpus, index, run_options, settings)
    if options["dry_run"]:
        click.echo(f"# {batch.text}\n{batch.script.read_text()}", nl=False)
        return 0
    job = send_batch(batch)
    say(f"Sent job {job}; its log is {log_of(batch.output, job)}.")
    if options["no_follow"] or settings.nightly:
        return 0
    try:
        return follow_batch(job, batch.output, say)
    except KeyboardInterrupt:
        say(f"The job goes on. Look: squeue --jobs={job}. Stop it: scancel {job}.")
        raise


def _kubernetes(
    corpus: str, index: str, run_options: tuple[str, ...], options: Options, say: Callable[[str], None]
) -> int:
    from pipeline.deployment.checking import check_manifests
    from pipeline.deployment.kubectl import Kubectl, commands_for, follow, send
    from pipeline.deployment.kubernetes import Request, check_request, render
    from pipeline.deployment.settings import KubernetesSettings, load_values

    settings = load_values(KubernetesSettings, "kubernetes", options["values"], options["assignments"])
    if options["job_only"] and settings.schedule:
        raise UsageError("--job-only and a schedule exclude each other: a CronJob needs its account and its values.")
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    request = Request(corpus, index, run_options, f"{settings.name}-{stamp}")
    check_request(request, settings)
    rendered = render(request, settings)
    verdict = check_manifests(rendered.manifests, options["crds"])
    if verdict.problems:
        raise DeploymentError("The manifests do not pass the checks: " + "; ".join(map(str, verdict.problems)) + ".")
    surroundings = "" if options["job_only"] else rendered.surroundings
    if options["dry_run"]:
        click.echo(rendered.job if options["job_only"] else rendered.text, nl=False)
        if verdict.unchecked and not options["quiet"]:
            kinds = ", ".join(verdict.unchecked)
            click.echo(f"Not checked by schema here (the cluster will): {kinds}. --crds PATH checks them.", err=True)
        return 0
    kubectl = Kubectl(settings.namespace, settings.context)
    send(kubectl, rendered.job, surroundings, scheduled=bool(settings.schedule))
    kind, name = ("cronjob", "semcorpus-nightly") if settings.schedule else ("rayjob", request.job_name)
    say(f"Sent {kind} {name} to namespace {settings.namespace}.")
    commands = commands_for(kubectl, kind, name)
    if options["no_follow"] or settings.schedule:
        for line in commands:
            say(f"  {line}")
        return 0
    try:
        return follow(kubectl, name, say)
    except KeyboardInterrupt:
        say(f"The job goes on. Look: {commands[0]}. Stop it: {commands[2]}.")
        raise
