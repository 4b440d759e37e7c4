"""deploy/slurm on a real SLURM of two nodes: the jobs do what a quiet run in one process does, whatever happens."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.index.store import open_index
from tests.deploy.slurm.two_nodes import HUB_ADDRESS, TwoNodes
from tests.stages.conftest import CHEAP
from tests.stored import differing_arrays

pytestmark = pytest.mark.timeout(600)  # Ray starts slowly on a busy machine

SMALL = ("--nodes=2", "--cpus-per-task=1", "--mem=3G", "--time=10", "--signal=B:USR1@30")
SHORT = ("--until", "agree")  # the report is no array
EARLY = {"files", "images", "comparisons", "duplicates", "labels", "scale", "label_crops", "pixels"}
"""What there is after `--until pixels`."""

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


def early_differences(index: Path, reference: Path) -> list[str]:
    """Arrays of the stages until pixels that are not the reference's."""
    return [name for name in differing_arrays(index, reference) if name.split("/")[0] in EARLY]


def go_back(reference: Path, index: Path, message: str) -> None:
    """Make an index that is the reference as it was after the commit of this message."""
    shutil.copytree(reference, index)
    opened = open_index(index)
    opened.rollback(next(commit.id for commit in opened.history() if commit.message == message))


def left_behind(slurm: TwoNodes) -> list[Path]:
    """Sessions of ended jobs in the nodes' own folders, and keys and addresses in the shared one."""
    return [*slurm.base.glob("node*/sc-*"), *(slurm.base / "jobs").glob(".semcorpus-*")]


@pytest.fixture
def index(slurm: TwoNodes, tmp_path: Path) -> Iterator[Path]:
    """A place for an index; both nodes are free."""
    slurm.clear()
    yield tmp_path / "index"
    slurm.clear()


def test_dask_works_on_both_nodes_of_ray(slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    job = slurm.submit("ray.sbatch", *places(demo, index), "--until", "pixels", options=SMALL)
    assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
    assert early_differences(index, reference_index) == []
    assert engines_and_hosts(index) == ({"dask"}, {"dask": {"node1", "node2"}})
    assert left_behind(slurm) == []


def test_ray_works_on_both_nodes(slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    """From the commit where its first work is for two actors: one that has trained would do it before another came."""
    go_back(reference_index, index, "embed: train cae")
    job = slurm.submit("ray.sbatch", *places(demo, index), *SHORT, options=SMALL)
    assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
    assert differing_arrays(index, reference_index) == []
    assert re.search(r'"engine": "ray", "workers": 2, "dashboard": "http://10\.77\.0\.[12]:\d+"', slurm.output(job))
    engines, hosts = engines_and_hosts(index)
    assert {"dask", "ray"} <= engines
    assert hosts["ray"] == {"node1", "node2"}
    assert left_behind(slurm) == []


@pytest.mark.parametrize(("stage", "until"), [("walk", "pixels"), ("embed", "agree")])
def test_a_node_dies(stage: str, until: str, slurm: TwoNodes, demo: Path, reference_index: Path, index: Path) -> None:
    """While Dask works there and Ray rests, and while Ray works and Dask rests, which then comes back to one node."""
    if stage == "embed":
        go_back(reference_index, index, "pixels")
    job = slurm.submit("ray.sbatch", *places(demo, index), "--until", until, options=SMALL)
    slurm.wait_for_output(job, event("stage_started", stage))
    slurm.kill_node(2)
    try:
        assert event("stage_finished", stage) not in slurm.output(job)
        ended = slurm.wait(job)
    finally:
        slurm.start_node(2)
    assert ended["ExitCode"] == "0:0", slurm.output(job)
    assert event("stage_finished", until) in slurm.output(job)
    assert early_differences(index, reference_index) == []
    assert until == "pixels" or differing_arrays(index, reference_index) == []


def test_a_job_that_fails_says_so_and_ends(slurm: TwoNodes, demo: Path, index: Path) -> None:
    """At once, while the second node may still be starting Ray."""
    job = slurm.submit("ray.sbatch", *places(demo, index), "--labels", "more=/nowhere", options=SMALL)
    ended = slurm.wait(job, seconds=120)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "2:0"), slurm.output(job)
    assert "There is no label set 'more' at /nowhere" in slurm.output(job)
    assert left_behind(slurm) == []


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
        "import sys; from pathlib import Path; from pipeline.index.store import open_index as o\n"
        "print(sorted({h for c in o(sys.argv[1]).history() for h in c.metadata.get('hosts', ()) "
        "if c.metadata['engine'] == 'dask'}))"
    )
    serve = "import sys; from moto.server import main; main()"
    with slurm.server(sys.executable, "-c", serve, "-H", HUB_ADDRESS, "-p", "5000"):
        slurm.wait_until("the S3 server", lambda: _answers(slurm, put, f"{bucket['AWS_ENDPOINT_URL']}/semcorpus"))
        url = "s3://semcorpus/index"
        job = slurm.submit("dask.sbatch", *places(demo, url), *SHORT, options=SMALL, **bucket)
        assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
        words = (sys.executable, "-c")
        assert slurm.command(*words, compare, url, str(reference_index), environment=bucket).strip() == "[]"
        assert slurm.command(*words, hosts, url, environment=bucket).strip() == "['node1', 'node2']"
    assert "secret-of-the-test" not in slurm.output(job)
    assert left_behind(slurm) == []


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
    assert early_differences(index, reference_index) == []
    assert left_behind(slurm) == []


def test_the_time_limit_is_a_checkpoint_and_the_job_goes_on(
    slurm: TwoNodes, demo: Path, reference_index: Path, index: Path
) -> None:
    """The signal that SLURM sends then (`test_scripts` waits for it): the run is stopped and goes on in a new job."""
    words = (*places(demo, index), "--until", "pixels")
    job = slurm.submit("dask.sbatch", *words, options=("--nodes=1", *SMALL[1:]))
    slurm.wait_for_output(job, event("stage_started", "scale"))
    slurm.command("scancel", "--batch", "--signal=USR1", job)
    ended = slurm.wait(job)
    assert (ended["ExitCode"], ended["Restarts"]) == ("0:0", "1"), slurm.output(job)
    before, _, after = slurm.output(job).partition("queued again to go on")
    assert '"exit_status": 75' in before
    assert event("stage_finished", "pixels") not in before
    assert event("stage_started", "walk") not in after  # all of it was kept
    assert event("stage_finished", "pixels") in after
    assert len(list(index.glob("reports/runs/*/dask.html"))) == 2
    assert early_differences(index, reference_index) == []


def test_night_after_night(slurm: TwoNodes, demo: Path, index: Path) -> None:
    """A second night does only what is new; one is left out while the last run is at work."""
    corpus = index.parent / "corpus"
    shutil.copytree(demo / "corpus", corpus)
    late = max(corpus.rglob("*.tif"))
    held = late.rename(index.parent / late.name)
    first = _run_of(_night(slurm, corpus, index))
    assert f"Skipped: the last run is still there (job {first}" in _night(slurm, corpus, index)
    assert slurm.wait(first)["ExitCode"] == "0:0", slurm.output(first)
    held.rename(late)
    second = _run_of(_night(slurm, corpus, index))
    assert slurm.wait(second)["ExitCode"] == "0:0", slurm.output(second)
    files = sum(path.is_file() for path in corpus.rglob("*"))
    commits = [c.metadata for c in open_index(index).history() if c.metadata.get("stage") == "walk"]
    assert [data["items"] for data in commits if data["items"]] == [1, files - 1]


def _night(slurm: TwoNodes, corpus: Path, index: Path) -> str:
    """What the script says in one night, after which it does not queue itself again."""
    settings = {"SEMCORPUS_SCRIPT": "dask.sbatch", "SEMCORPUS_SBATCH": " ".join(SMALL), "SEMCORPUS_AGAIN": ""}
    words = (str(corpus), str(index), "--until", "pixels", "--log-json", *SETTINGS)
    options = ("--time=1", "--output=night-%j.out")
    job = slurm.submit("nightly.sbatch", *words, options=options, **settings)
    assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
    return slurm.output(job)


def _run_of(said: str) -> str:
    """Number of the job that a night has started."""
    return said.split("Submitted batch job ")[1].strip()
