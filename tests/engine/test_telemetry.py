"""Nothing calls out: a whole job in a network of its own, where each packet that leaves is counted and none does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import telemetry
from tests.conftest import skip_unless
from tests.stages.conftest import CHEAP

ROOT = Path(__file__).resolve().parents[2]

_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

# One way out, to which all addresses and name look-ups lead, and on which nobody answers. Without IPv6, whose set-up
# sends packets by itself, and without ARP a packet counts at the first attempt.
_ALONE = """
set -e
ip link set lo up
[ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
ip link add trap type veth peer name beyond
ip link set trap arp off up
ip link set beyond arp off up
ip address add 198.51.100.2/24 dev trap
ip route add default dev trap
mount --bind "$RESOLV_CONF" /etc/resolv.conf
"$@" >&2
sed -n 's/^ *trap: *//p' /proc/net/dev
"""
_SENT_PACKETS = 9  # of the columns of /proc/net/dev


def packets_sent(folder: Path, *words: str) -> int:
    """Packets that a command, and all below it, tries to send to other machines."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 198.51.100.53\noptions timeout:1 attempts:1\n")
    found = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", _ALONE, "alone", *words],
        cwd=ROOT,
        env=os.environ | {"PATH": _PATH, "PYTHONPATH": str(ROOT), "RESOLV_CONF": str(resolver)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return int(found.stdout.split()[_SENT_PACKETS])


@pytest.fixture(scope="module")
def namespaces() -> None:
    """Leave to make networks."""
    tools = all(shutil.which(program, path=_PATH) for program in ("ip", "unshare", "mount"))
    skip_unless("netns", tools and os.geteuid() == 0, "network namespaces need root and iproute2")


@pytest.mark.usefixtures("namespaces")
def test_the_trap_counts_a_look_up(tmp_path: Path) -> None:
    ask = "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError: pass"
    assert packets_sent(tmp_path, sys.executable, "-c", ask) > 0
    assert packets_sent(tmp_path, sys.executable, "-c", "") == 0


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("namespaces")
def test_a_whole_job_sends_nothing(demo: Path, tmp_path: Path) -> None:
    """On Dask and Ray, from the walk to the report, with the networks that read print."""
    settings = [word for assignment in CHEAP for word in ("--set", assignment)]
    run = ["run", str(demo / "corpus"), str(tmp_path / "index"), "--engines", "dask,ray", "--workers", "1"]
    run += ["--labels", f"classes={demo / 'labels'}", "--sample", "16", "--log-json"]
    assert packets_sent(tmp_path, sys.executable, "-m", "jobs", *run, *settings) == 0


def test_every_switch_is_set_whatever_it_was() -> None:
    opposite = {name: "1" if value == "0" else "0" for name, value in telemetry.SWITCHES.items()}
    found = subprocess.run(
        [sys.executable, "-c", "import json, os, pipeline; print(json.dumps(dict(os.environ)))"],
        cwd=ROOT,
        env=os.environ | opposite,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert telemetry.SWITCHES.items() <= json.loads(found.stdout).items()
