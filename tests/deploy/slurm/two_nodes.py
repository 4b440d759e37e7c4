"""A real SLURM of two nodes on this machine, in network namespaces of its own. Needs root and Debian's slurm-wlm.

Every node is a network, host name, mount and process namespace with a slurmd in it; slurmctld and the clients are on a
hub between them. Nothing touches the machine's own network or its own SLURM, and several of these can run side by side.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "ip", "nsenter", "unshare", "openssl")
HUB_ADDRESS = "10.77.0.254"
NODES = (1, 2)
OVER = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "DEADLINE"})

_CONFIGURATION = """
ClusterName=semcorpus
SlurmctldHost=hub({hub})
AuthType=auth/munge
AuthInfo=socket={base}/munge/socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool/%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.%n.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ReturnToService=2
SlurmdTimeout=30
KillWait=5
SchedulerParameters=sched_interval=1,bf_interval=2
MailProg=/bin/true
GresTypes=gpu
"""


def missing() -> str:
    """Why this machine cannot have such a SLURM; empty if it can."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=_PATH) is None]
    if absent:
        return f"there is no {', '.join(absent)} (Debian: slurm-wlm, munge, iproute2)"
    if os.geteuid():
        return "network namespaces need root"
    trial = subprocess.run(
        ["unshare", "-n", "-u", "-m", "-p", "-f", "true"], capture_output=True, text=True, check=False
    )
    return f"namespaces are not to be had: {trial.stderr.strip()}" if trial.returncode else ""


_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"


class TwoNodes:
    """The cluster; jobs are submitted from its hub."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._names = {number: f"sc{os.getpid()}n{number}" for number in (0, *NODES)}  # 0 is the hub
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes: dict[int, subprocess.Popen[bytes]] = {}
        self._scratch: dict[int, Path] = {}
        self.environment = {
            "PATH": _PATH,
            "HOME": str(base),
            "LANG": "C.UTF-8",
            "SLURM_CONF": str(base / "slurm.conf"),
            "PYTHONPATH": str(ROOT),
            "SEMCORPUS": f"{sys.executable} -m jobs",
            "SEMCORPUS_SCRATCH": str(base / "scratch"),
        }

    # -- set up and take down

    def start(self) -> None:
        """Start everything; returns when both nodes are idle."""
        for folder in ("munge", "state", "scratch", "jobs", *(f"spool/node{n}" for n in NODES)):
            (self.base / folder).mkdir(parents=True)
        (self.base / "munge").chmod(0o755)
        hosts = ["127.0.0.1 localhost", f"{HUB_ADDRESS} hub", *(f"10.77.0.{n} node{n}" for n in NODES)]
        (self.base / "hosts").write_text("\n".join(hosts) + "\n")
        self._write_configuration()
        self._connect()
        key = self.base / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = {name: self.base / "munge" / name for name in ("socket", "pid-file", "log-file", "seed-file")}
        options = [f"--{name}={path}" for name, path in files.items()]
        self._spawn(["munged", "--foreground", "--force", f"--key-file={key}", *options])
        self.wait_until("munge", lambda: files["socket"].exists())
        self._spawn(self._on(0, "unshare", "-u", "sh", "-c", "hostname hub; exec slurmctld -D"))
        for number in NODES:
            self.start_node(number)

    def _write_configuration(self) -> None:
        memory_mb = int(psutil.virtual_memory().total / 2**20 * 0.9) // len(NODES)
        lines = [f"NodeName=node{n} NodeAddr=10.77.0.{n} CPUs=2 RealMemory={memory_mb} Gres=gpu:1" for n in NODES]
        lines.append("PartitionName=debug Nodes=node[1-2] Default=YES MaxTime=INFINITE State=UP")
        text = _CONFIGURATION.format(base=self.base, hub=HUB_ADDRESS) + "\n".join(lines) + "\n"
        (self.base / "slurm.conf").write_text(text)
        (self.base / "gres.conf").write_text("Name=gpu File=/dev/zero\n")

    def _connect(self) -> None:
        hub = self._names[0]
        _ip("netns", "add", hub)
        _ip("-n", hub, "link", "set", "lo", "up")
        _ip("-n", hub, "link", "add", "br0", "type", "bridge")
        _ip("-n", hub, "addr", "add", f"{HUB_ADDRESS}/24", "dev", "br0")
        _ip("-n", hub, "link", "set", "br0", "up")
        for number in NODES:
            name = self._names[number]
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", hub, "link", "set", f"v{number}", "master", "br0", "up")
            _ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")

    def _on(self, number: int, *words: str) -> list[str]:
        # Not `ip netns exec`: it mounts /sys anew, which hides /sys/fs/cgroup, and slurmd does not start without.
        return ["nsenter", f"--net=/run/netns/{self._names[number]}", *words]

    def _spawn(self, words: list[str]) -> subprocess.Popen[bytes]:
        log = self.base / "daemons.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                words,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def start_node(self, number: int) -> None:
        """Start a node, also one that was killed, and wait until it is idle."""
        scratch = self._scratch[number] = Path(tempfile.mkdtemp(dir=self.base, prefix=f"node{number}."))
        # The shell is the namespace's first process: it reaps what others leave behind.
        script = f"""
            hostname node{number}
            mount --bind {self.base}/hosts /etc/hosts
            mount -t tmpfs -o size=2g tmpfs /dev/shm
            mount --bind {scratch} {self.base}/scratch
            slurmd -D & wait"""
        words = ("unshare", "-u", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", script)
        self._nodes[number] = self._spawn(self._on(number, *words))
        self.wait_until(f"node{number}", lambda: self.node_state(number) in ("idle", "mixed"))

    def kill_node(self, number: int) -> None:
        """As if the power failed: all its processes end at once, and its own folder is lost."""
        process = self._nodes.pop(number)
        for child in psutil.Process(process.pid).children():
            child.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        shutil.rmtree(self._scratch.pop(number), ignore_errors=True)

    def stop(self) -> None:
        """End everything that was started."""
        for number in list(self._nodes):
            self.kill_node(number)
        for process in reversed(self._processes):
            process.kill()
            process.wait(timeout=30)
        for name in self._names.values():
            _ip("netns", "del", name, check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    # -- using it

    def command(self, *words: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> str:
        """Run a program on the hub and return what it prints; it has to succeed."""
        found = self.call(*words, environment=environment, timeout=timeout)
        assert found.returncode == 0, f"{words}: {found.stdout} {found.stderr}"
        return found.stdout

    def call(
        self, *words: str, environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the hub."""
        return subprocess.run(
            self._on(0, *words),
            env={**self.environment, **(environment or {})},
            cwd=self.base / "jobs",
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    @contextmanager
    def server(self, *words: str) -> Iterator[None]:
        """A program that runs on the hub meanwhile."""
        process = self._spawn(self._on(0, *words))
        try:
            yield
        finally:
            process.kill()
            process.wait(timeout=30)  # a zombie would stay until the cluster is taken down

    def submit(self, script: str, *words: str, options: tuple[str, ...] = (), **environment: str) -> str:
        """Submit a script of deploy/slurm; its number."""
        path = str(ROOT / "deploy" / "slurm" / script)
        answer = self.command("sbatch", "--parsable", *options, path, *words, environment=environment)
        return answer.strip()

    def node_state(self, number: int) -> str:
        """As sinfo tells it; empty while the controller does not answer."""
        words = self._on(0, "sinfo", "--noheader", "--Node", "--format=%T", f"--nodes=node{number}")
        found = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        return found.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        """What scontrol knows of a job."""
        words = self.command("scontrol", "--oneliner", "show", "job", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def output(self, job: str) -> str:
        """What the job has written so far."""
        path = Path(self.job(job)["StdOut"])
        return path.read_text(errors="replace") if path.exists() else ""

    def clear(self) -> None:
        """Cancel whatever is left in the queue; returns when both nodes are free."""
        self.command("scancel", "--user=root")
        self.wait_until("an empty queue", lambda: not self.command("squeue", "--noheader"))
        # A node whose answer came too late, on a busy machine, is `idle*` or `completing` until SLURM asks it again,
        # which takes up to two minutes.
        self.wait_until("both nodes", lambda: all(self.node_state(n) == "idle" for n in NODES), seconds=200)

    def wait(self, job: str, *, seconds: float = 400) -> dict[str, str]:
        """Wait for a job's end."""
        self.wait_until(f"job {job}", lambda: self.job(job)["JobState"] in OVER, seconds=seconds, job=job)
        return self.job(job)

    def wait_for_output(self, job: str, text: str, *, seconds: float = 300) -> None:
        """Wait until the job has written this."""
        self.wait_until(text, lambda: text in self.output(job), seconds=seconds, job=job)

    def wait_until(self, what: str, condition: object, *, seconds: float = 60, job: str = "") -> None:
        """Ask again and again; when it takes too long the logs are in the error."""
        assert callable(condition)
        deadline = time.monotonic() + seconds
        while not condition():
            over = job and self.job(job)["JobState"] in OVER and not condition()
            if over or time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come:\n{self._logs(job)}")
            time.sleep(0.3)

    def _logs(self, job: str) -> str:
        logs = [path.read_text(errors="replace")[-2000:] for path in sorted(self.base.glob("*.log"))]
        logs += [self.call(program).stdout for program in ("squeue", "sinfo")]
        return "\n".join([self.output(job)[-6000:], str(self.job(job)), *logs] if job else logs)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], env={"PATH": _PATH}, check=check, capture_output=True)
