"""deploy/slurm on a real SLURM of two nodes: the jobs do what a quiet run in one process does, whatever happens."""

import shutil
import sys
from pathlib import Path

import pytest

from pipeline.storage.index import open_index
from tests.deploy.slurm.two_nodes import HUB_ADDRESS, TwoNodes
from tests.stages.conftest import CHEAP
from tests.stored import differing_arrays

pytestmark = pytest.mark.timeout(600)  # Ray starts slowly on a busy machine

SMALL = ("--nodes=2", "--cpus-per-task=1", "--mem=3G", "--time=10", "--signal=B:USR1@30")
SETTINGS = tuple(word for assignment in CHEAP for word in ("--set", assignment))


def places(demo: Path, index: object) -> tuple[str, ...]:
    """Corpus, index and options of a cheap run."""
    return str(demo / "corpus"), str(index), "--labels", f"classes={demo / 'labels'}", "--log-json", *SETTINGS


def event(name: str, stage: str) -> str:
    """How a log of JSON begins to tell of something."""
    return f'"event": "{name}", "stage": "{stage}"'


def engines_and_hosts(index: Path) -> tuple[set[str], dict[str, set[str]]]:
    """The engines that did any work, and the hosts that did it for each."""
    hosts: dict[str, set[str]] = {}
    for commit in open_index(index).history():
        if commit.metadata.get("items"):
            hosts.setdefault(commit.metadata["engine"], set()).update(commit.metadata["hosts"])
    return set(hosts), hosts


@pytest.fixture
def index(slurm: TwoNodes, tmp_path: Path) -> Path:
    """A place for an index; both nodes are up."""
    slurm.wait_until("both nodes", lambda: all(slurm.node_state(n) == "idle" for n in (1, 2)))
    return tmp_path / "index"


def test_ray_works_on_both_nodes(slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    job = slurm.submit("ray.sbatch", *places(demo, index), options=SMALL)
    assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
    assert differing_arrays(index, reference_index) == []
    engines, hosts = engines_and_hosts(index)
    assert engines == {"dask", "ray"}
    assert hosts["dask"] == {"node1", "node2"}
    assert hosts["ray"] == {"node1", "node2"}
    assert list(slurm.base.glob("node*/sc-*")) == []  # no sessions are left behind


def test_a_run_that_fails_is_a_job_that_fails(slurm: TwoNodes, demo: Path, index: Path) -> None:
    job = slurm.submit("ray.sbatch", str(demo / "nowhere"), str(index), options=SMALL)
    ended = slurm.wait(job)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "2:0")
    assert "nowhere" in slurm.output(job)


def test_gpus_are_passed_to_ray(slurm: TwoNodes, index: Path) -> None:
    """The script's own words, with a `ray` and a `semcorpus` that only tell what they were called with."""
    tools = index.parent / "tools"
    tools.mkdir()
    (tools / "ray").write_text('#!/bin/bash\necho "ray $*"; exec python3 -c "$LISTEN" "$@"\n')
    (tools / "semcorpus").write_text('#!/bin/bash\necho "semcorpus $*"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    listen = """
import socket, sys, time
ports = [word.partition("=")[2] for word in sys.argv if word.startswith("--port=")]
servers = [socket.create_server(("", int(port))) for port in ports]
time.sleep(60)
"""
    job = slurm.submit(
        "ray.sbatch",
        options=(*SMALL, "--gres=gpu:1"),
        PATH=f"{tools}:{slurm.environment['PATH']}",
        LISTEN=listen,
        SEMCORPUS="semcorpus",
        SEMCORPUS_CORPUS="/share/my sem",
        SEMCORPUS_INDEX="/indexes/sem",
        SEMCORPUS_OPTIONS="--labels 'a=/share/a b'",
    )
    assert slurm.wait(job)["ExitCode"] == "0:0"
    said = slurm.output(job)
    assert "--num-gpus=1" in said
    assert "--num-cpus=1" in said
    assert f"--memory={3072 * 838861}" in said
    assert "--workers 2 /share/my sem /indexes/sem --labels a=/share/a b" in said


@pytest.mark.parametrize("stage", ["walk", "embed"])
def test_a_node_dies(stage: str, slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    job = slurm.submit("ray.sbatch", *places(demo, index), options=SMALL)
    slurm.wait_for_output(job, event("stage_started", stage))
    assert event("stage_finished", stage) not in slurm.output(job)
    slurm.kill_node(2)
    try:
        ended = slurm.wait(job)
    finally:
        slurm.start_node(2)
    assert ended["ExitCode"] == "0:0", slurm.output(job)
    assert differing_arrays(index, reference_index) == []


def test_dask_writes_an_index_in_a_bucket(slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    """Two workers on two nodes, an S3 server on the network between them; the index equals one in a folder."""
    pytest.importorskip("moto")
    bucket = {
        "AWS_ENDPOINT_URL": f"http://{HUB_ADDRESS}:5000",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    put = "import urllib.request as r, sys; r.urlopen(r.Request(sys.argv[1], method='PUT'))"
    compare = "import sys; from tests.stored import differing_arrays as d; print(d(*sys.argv[1:]))"
    hosts = (
        "import sys; from pathlib import Path; from pipeline.storage.index import open_index as o\n"
        "print(sorted({h for c in o(sys.argv[1]).history() for h in c.metadata.get('hosts', ()) "
        "if c.metadata['engine'] == 'dask'}))"
    )
    serve = "import sys; from moto.server import main; main()"
    with slurm.server(sys.executable, "-c", serve, "-H", HUB_ADDRESS, "-p", "5000"):
        slurm.wait_until("the S3 server", lambda: _answers(slurm, put, f"{bucket['AWS_ENDPOINT_URL']}/semcorpus"))
        url = "s3://semcorpus/index"
        job = slurm.submit("dask.sbatch", *places(demo, url), options=SMALL, **bucket)
        assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
        words = (sys.executable, "-c")
        assert slurm.command(*words, compare, url, str(reference_index), environment=bucket).strip() == "[]"
        assert slurm.command(*words, hosts, url, environment=bucket).strip() == "['node1', 'node2']"
    assert "secret-of-the-test" not in slurm.output(job)
    assert list((slurm.base / "jobs").glob(".semcorpus-*")) == []


def _answers(slurm: TwoNodes, program: str, url: str) -> bool:
    try:
        slurm.command(sys.executable, "-c", program, url)
    except AssertionError:
        return False
    return True


def test_a_job_array_does_what_needs_no_network(
    slurm: TwoNodes, demo: Path, reference_index: Path, index: Path
) -> None:
    options = (
        "--array=0-1",
        "--cpus-per-task=1",
        "--mem=3G",
        "--time=10",
        "--signal=B:USR1@30",
        "--spread-job",
        "--exclusive",
    )
    job = slurm.submit("array.sbatch", *places(demo, index), options=options)
    for task in (0, 1):
        assert slurm.wait(f"{job}_{task}")["ExitCode"] == "0:0", slurm.output(f"{job}_{task}")
    engines, hosts = engines_and_hosts(index)
    assert engines == {"dask"}
    assert hosts["dask"] == {"node1", "node2"}
    differing = {name.split("/")[0] for name in differing_arrays(index, reference_index)}
    assert not differing & {"files", "images", "comparisons", "duplicates", "scale", "pixels"}
    assert not (slurm.base / "jobs" / f".semcorpus-{job}").exists()


def test_the_time_limit_is_a_checkpoint_and_the_job_goes_on(
    slurm: TwoNodes, demo: Path, reference_index: Path, index: Path
) -> None:
    """One minute is not enough: the run is stopped and queued again, and ends with the same bits."""
    options = ("--nodes=1", "--cpus-per-task=1", "--mem=3G", "--time=1", "--signal=B:USR1@40")
    job = slurm.submit("dask.sbatch", *places(demo, index), options=options, SEMCORPUS_GRACE="25")
    ended = slurm.wait(job, seconds=550)
    assert ended["ExitCode"] == "0:0", slurm.output(job)
    assert int(ended["Restarts"]) >= 1
    assert '"exit_status": 75' in slurm.output(job)
    assert differing_arrays(index, reference_index) == []


def test_night_after_night(slurm: TwoNodes, demo: Path, index: Path) -> None:
    """The script queues itself again; a second run does only what is new, and a night is left out while one works."""
    corpus = index.parent / "corpus"
    shutil.copytree(demo / "corpus", corpus)
    late = sorted(path for path in corpus.rglob("*.tif"))[-1]
    held = late.rename(index.parent / late.name)
    words = (str(corpus), str(index), "--engines", "local", "--until", "pixels", *SETTINGS)
    settings = {
        "SEMCORPUS_SCRIPT": "dask.sbatch",
        "SEMCORPUS_SBATCH": " ".join(SMALL),
        "SEMCORPUS_AGAIN": "now+4seconds",
    }
    slurm.submit("nightly.sbatch", *words, options=("--time=1",), **settings)
    log = slurm.base / "jobs" / "semcorpus-nightly.out"
    slurm.wait_until("a night that is left out", lambda: log.exists() and "Skipped: the last run" in log.read_text())
    slurm.wait_until("the first run", lambda: _walked(index) > 0 and _idle(slurm), seconds=250)
    first = _walked(index)
    held.rename(late)
    slurm.wait_until("the second run", lambda: _walked(index) > first and _idle(slurm), seconds=250)
    slurm.command("scancel", "--name=semcorpus-nightly,semcorpus-run")
    done = [
        c.metadata["items"]
        for c in open_index(index).history()
        if c.metadata["stage"] == "walk" and c.metadata["items"]
    ]
    assert done == [1, first]


def _walked(index: Path) -> int:
    if not (index / "store").exists():
        return 0
    history = open_index(index).history()
    return sum(c.metadata.get("items", 0) for c in history if c.metadata["stage"] == "walk")


def _idle(slurm: TwoNodes) -> bool:
    return not slurm.command("squeue", "--noheader", "--name=semcorpus-run")


def test_scripts_say_what_is_missing(slurm: TwoNodes) -> None:
    for script in ("ray.sbatch", "dask.sbatch", "array.sbatch", "nightly.sbatch"):
        options = ("--nodes=1", "--cpus-per-task=1", "--mem=100M", "--time=1")
        options += ("--array=0",) if script == "array.sbatch" else ()
        job = slurm.submit(script, options=options)
        assert slurm.wait(job)["ExitCode"] == "2:0"
        assert f"sbatch {script} CORPUS INDEX" in slurm.output(job)
