"""What the batch scripts themselves do on a real SLURM, with a `ray` and a `semcorpus` that only stand in for them."""

import re
import sys
from pathlib import Path

import psutil
import pytest

from tests.deploy.slurm.two_nodes import ROOT, TwoNodes

pytestmark = pytest.mark.timeout(400)

SMALL = ("--nodes=2", "--cpus-per-task=1", "--mem=1G", "--time=5", "--signal=B:USR1@30")

_RAY = """#!/bin/bash
echo "ray $*" >&2
head=$(grep --only-matching -e '--address=[^ ]*' <<<"$*" | cut -d= -f2 | tr : /)
if [ -n "$head" ]; then
  while timeout 3 bash -c "true </dev/tcp/$head" 2>/dev/null; do sleep 0.5; done
  exit 1  # as Ray does when its head is gone
fi
exec python3 -c '
import socket, sys, time
ports = [word.partition("=")[2] for word in sys.argv if word.startswith(("--port=", "--dashboard-port="))]
servers = [socket.create_server(("", int(port))) for port in ports]
time.sleep(300)' "$@"
"""


@pytest.fixture
def tools(slurm: TwoNodes, tmp_path: Path) -> Path:
    """A folder of stand-ins, first on the path of jobs; both nodes are free."""
    slurm.clear()
    stand_in(tmp_path, "ray", _RAY)
    return tmp_path


def stand_in(folder: Path, name: str, text: str) -> None:
    """Write a program."""
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def submit(slurm: TwoNodes, tools: Path, semcorpus: str, *options: str, **environment: str) -> str:
    """`ray.sbatch` with the stand-ins, on a corpus and an index that need not exist."""
    stand_in(tools, "semcorpus", f"#!/bin/bash\ncd {tools}\n{semcorpus}\n")
    environment = {"PATH": f"{tools}:{slurm.environment['PATH']}", "SEMCORPUS": "semcorpus"} | environment
    words = () if "SEMCORPUS_CORPUS" in environment else ("/corpus", "/index")
    return slurm.submit("ray.sbatch", *words, options=(*SMALL, *options), **environment)


def test_words_memory_and_gpus_arrive(slurm: TwoNodes, tools: Path) -> None:
    job = submit(
        slurm,
        tools,
        'echo "semcorpus $*"; sleep 2',  # the second node's step starts meanwhile
        "--gres=gpu:1",
        SEMCORPUS_CORPUS="/share/my sem",
        SEMCORPUS_INDEX="/indexes/sem",
        SEMCORPUS_OPTIONS="--labels 'a=/share/a b'",
        SEMCORPUS_INTERFACE="eth0",
    )
    assert slurm.wait(job)["ExitCode"] == "0:0"
    said = slurm.output(job)
    assert said.count("--num-cpus=1") == 2
    assert re.search(r"--node-ip-address=10\.77\.0\.[12] ", said)
    assert said.count("--num-gpus=1") == 2
    assert said.count(f"--memory={1024 * 838861}") == 2
    assert "--workers 2 /share/my sem /indexes/sem --labels a=/share/a b" in said


def test_the_jobs_exit_status_is_the_runs(slurm: TwoNodes, tools: Path) -> None:
    ended = slurm.wait(submit(slurm, tools, "exit 3"))
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "3:0")


def test_submit_sends_the_job_shows_its_log_and_returns_its_status(slurm: TwoNodes, tools: Path) -> None:
    stand_in(tools, "semcorpus", '#!/bin/bash\necho "semcorpus $*"; exit 3\n')
    (tools / "corpus").mkdir()
    values = ["nodes=1", "cpus=1", 'memory="1G"', 'time="5"', 'sbatch=["--signal=B:USR1@30"]']
    words = ["submit", "slurm", str(tools / "corpus"), str(tools / "index"), *(f"--set={value}" for value in values)]
    environment = {"PATH": f"{tools}:{slurm.environment['PATH']}", "SEMCORPUS": "semcorpus"}
    found = slurm.call(sys.executable, "-m", "jobs", *words, "--", "--sample", "5", environment=environment)
    assert found.returncode == 3, found.stdout + found.stderr
    assert f"--workers 1 {tools}/corpus {tools}/index --sample 5" in found.stdout
    assert "FAILED" in found.stdout


def test_before_the_time_limit_the_job_is_queued_again(slurm: TwoNodes, tools: Path) -> None:
    """SLURM itself sends the signal, since a minute has less than 59 seconds left almost at once."""
    run = """
        [ -e once ] && { echo "it goes on"; exit 0; }
        trap 'touch once; echo checkpoint; exit 75' USR1
        while :; do sleep 0.2; done"""
    job = submit(slurm, tools, run, "--time=1", "--signal=B:USR1@50")
    ended = slurm.wait(job)
    assert (ended["ExitCode"], ended["Restarts"]) == ("0:0", "1"), slurm.output(job)
    assert slurm.output(job).index("checkpoint") < slurm.output(job).index("it goes on")


def test_a_job_that_never_gets_on_is_not_queued_for_ever(slurm: TwoNodes, tools: Path) -> None:
    run = "trap 'exit 75' USR1; while :; do sleep 0.2; done"
    job = submit(slurm, tools, run, SEMCORPUS_RESTARTS="0")
    slurm.wait_for_output(job, "Ray's dashboard")
    slurm.command("scancel", "--batch", "--signal=USR1", job)
    ended = slurm.wait(job)
    assert (ended["ExitCode"], ended["Restarts"]) == ("75:0", "0")
    assert "Not queued again" in slurm.output(job)


def test_a_run_that_does_not_stop_is_ended(slurm: TwoNodes, tools: Path) -> None:
    """It ignores the signal, as a long task does; after the grace it is terminated, and the job queued again."""
    run = """
        [ -e once ] && exit 0
        touch once
        trap '' USR1
        trap 'echo terminated; exit 143' TERM
        while :; do sleep 0.2; done"""
    job = submit(slurm, tools, run, SEMCORPUS_GRACE="1")
    slurm.wait_until("the run", lambda: (tools / "once").exists())
    slurm.command("scancel", "--batch", "--signal=USR1", job)
    ended = slurm.wait(job)
    assert (ended["ExitCode"], ended["Restarts"]) == ("0:0", "1")
    assert "terminated" in slurm.output(job)


def test_the_job_outlives_a_node(slurm: TwoNodes, tools: Path) -> None:
    job = submit(slurm, tools, "touch begun; until [ -e enough ]; do sleep 0.2; done; echo done")
    slurm.wait_until("the run", lambda: (tools / "begun").exists())
    slurm.kill_node(2)
    slurm.wait_until("SLURM to notice", lambda: "down" in slurm.node_state(2), seconds=90)
    try:
        assert slurm.job(job)["JobState"] == "RUNNING"
        (tools / "enough").touch()
        assert slurm.wait(job)["ExitCode"] == "0:0"
    finally:
        slurm.start_node(2)
    assert "done" in slurm.output(job)


def test_a_lost_first_node_has_the_job_queued_again(slurm: TwoNodes, tools: Path) -> None:
    """SLURM itself would leave it as running, with nothing in it, until its time is over."""
    job = submit(slurm, tools, "[ -e begun ] && { echo it goes on; exit 0; }; touch begun; sleep 300")
    slurm.wait_until("Ray on both nodes", lambda: slurm.output(job).count("ray start") == 2, job=job)
    slurm.wait_until("the run", lambda: (tools / "begun").exists())
    head = int(slurm.job(job)["BatchHost"][-1])
    slurm.kill_node(head)
    try:
        slurm.wait_until("the queue", lambda: slurm.job(job)["Restarts"] == "1", seconds=90, job=job)
    finally:
        slurm.start_node(head)
    assert slurm.wait(job)["ExitCode"] == "0:0"
    assert "it goes on" in slurm.output(job)


_HOSTS = """#!{python}
import socket, sys
from distributed import Client
client = Client(scheduler_file=sys.argv[sys.argv.index("--dask") + 1], timeout=60)
client.wait_for_workers(2, timeout=120)
print("workers on", *sorted(client.run(socket.gethostname).values()), "by", client.scheduler.address[:3])
"""


@pytest.mark.parametrize("script", ["dask.sbatch", "array.sbatch"])
def test_dask_has_workers_on_both_nodes(script: str, slurm: TwoNodes, tools: Path) -> None:
    """Real schedulers and workers, found by a file and with the job's own key; nothing is left behind."""
    stand_in(tools, "semcorpus", _HOSTS.format(python=sys.executable))
    array = script == "array.sbatch"
    options = ("--array=0-1", "--exclusive", *SMALL[1:]) if array else SMALL
    job = slurm.submit(script, "/corpus", "/index", options=options, SEMCORPUS=str(tools / "semcorpus"))
    tasks = [f"{job}_0", f"{job}_1"] if array else [job]
    assert [slurm.wait(task)["ExitCode"] for task in tasks] == ["0:0"] * len(tasks), slurm.output(tasks[0])
    assert "workers on node1 node2 by tls" in slurm.output(tasks[0])
    assert list((slurm.base / "jobs").glob(".semcorpus-*")) == []


def test_night_after_night(slurm: TwoNodes, tools: Path) -> None:
    """The script queues itself again, with its place; a night is left out while the last run still works."""
    runs = tools / "runs"
    work = f"until [ -e {tools}/enough ]; do sleep 0.2; done"
    stand_in(tools, "run.sbatch", f'#!/bin/bash\necho "begins $*" >> {runs}\n{work}\necho over >> {runs}\n')
    settings = {
        "SEMCORPUS_SCRIPT": str(tools / "run.sbatch"),
        "SEMCORPUS_SBATCH": "--mem=100M '--comment=two words'",
        "SEMCORPUS_AGAIN": "now+3seconds",
    }
    log = tools / "nights.out"
    options = (f"--output={log}", "--job-name=zeiss-nightly", "--partition=debug")
    slurm.submit("nightly.sbatch", "/corpus", "/index", "a b", options=options, **settings)
    slurm.wait_until("a night that is left out", lambda: log.exists() and "Skipped: the last run" in log.read_text())
    assert runs.read_text() == "begins /corpus /index a b\n"
    (tools / "enough").touch()
    slurm.wait_until("the next run", lambda: runs.read_text().count("over") >= 2)
    slurm.command("scancel", "--name=zeiss-nightly")
    slurm.command("scancel", "--name=zeiss-run")
    assert set(runs.read_text().splitlines()) == {"begins /corpus /index a b", "over"}


def test_a_night_by_cron(slurm: TwoNodes, tools: Path) -> None:
    """Outside of any job the script finds the others beside itself."""
    night = (str(ROOT / "deploy" / "slurm" / "nightly.sbatch"), "/corpus", "/index")
    settings = {"SEMCORPUS_AGAIN": "", "SEMCORPUS_SBATCH": f"--hold --mem=100M --output={tools}/%j.out"}
    job = slurm.command(*night, environment=settings).split()[-1]
    assert slurm.job(job)["Command"] == str(ROOT / "deploy" / "slurm" / "ray.sbatch")
    assert f"Skipped: the last run is still there (job {job}, PENDING" in slurm.command(*night, environment=settings)
    assert slurm.command("squeue", "--noheader", "--format=%i").split() == [job]


def test_scripts_say_what_is_missing(slurm: TwoNodes, tools: Path) -> None:
    for script in ("ray.sbatch", "dask.sbatch", "array.sbatch", "nightly.sbatch"):
        options = ("--nodes=1", "--cpus-per-task=1", "--mem=100M", "--time=5", "--signal=B:USR1@30")
        options += ("--array=0",) if script == "array.sbatch" else ()
        job = slurm.submit(script, options=options)
        assert slurm.wait(job)["ExitCode"] == "2:0"
        assert f"sbatch {script} CORPUS INDEX" in slurm.output(job)


def test_ray_without_its_dashboard_ends_the_job(slurm: TwoNodes, tmp_path: Path) -> None:
    """The real Ray, whose dashboard does not come in time: by itself it goes on, and nobody sees the job."""
    slurm.clear()
    hurry = {"RAY_DASHBOARD_STARTUP_TIMEOUT_S": "1"}
    job = submit(slurm, tmp_path, "echo it runs", "--nodes=1", **hurry)
    ended = slurm.wait(job, seconds=120)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "1:0"), slurm.output(job)
    assert "Failed to start the dashboard" in slurm.output(job)
    assert "Ray did not start on node" in slurm.output(job)
    assert "it runs" not in slurm.output(job)


_LOOKED_AT = """while [ ! -e over ]; do sleep 0.3; done"""


def test_rays_doors_open_for_the_jobs_token_only(slurm: TwoNodes, tmp_path: Path) -> None:
    """The real Ray: strangers on the network of the nodes neither join nor submit, and nobody can read the token."""
    slurm.clear()
    job = submit(slurm, tmp_path, f'echo "$@" > words; echo "$RAY_AUTH_TOKEN" > token; {_LOOKED_AT}')
    try:
        slurm.wait_until("the run", lambda: (tmp_path / "token").exists(), seconds=300, job=job)
        token = (tmp_path / "token").read_text().strip()
        head = (tmp_path / "words").read_text().split("--ray ")[1].split()[0]
        (dashboard,) = re.findall(r"http://10\.77\.0\.[12]:\d+", slurm.output(job))
        words = (sys.executable, "-m", "tests.engine.strangers")
        ask = {"PYTHONPATH": str(ROOT)}
        assert slurm.command(*words, "join", head, environment=ask).split()[-1] == "refused"
        assert slurm.command(*words, "submit", dashboard, environment=ask).split()[0] == "401"
        assert len(token) == 64
        assert token not in slurm.output(job) + str(slurm.job(job))
        assert not [process for process in psutil.process_iter(["cmdline"]) if token in str(process.info["cmdline"])]
    finally:
        (tmp_path / "over").touch()
    assert slurm.wait(job)["ExitCode"] == "0:0", slurm.output(job)
