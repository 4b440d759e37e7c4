"""The Dockerfile: linted, pinned, without root, and copying what is there; its steps can be run in a plain shell."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import skip_unless
from tests.deploy.conftest import ROOT
from tests.deploy.dockerfile import copied, last_stage, read_steps, run_steps

FILE = ROOT / "deploy" / "container" / "Dockerfile"
IGNORE = FILE.with_name("Dockerfile.dockerignore")


def hadolint() -> str:
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    skip_unless("hadolint", found is not None, "hadolint is not installed")
    assert found is not None
    return found


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([hadolint(), str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    """The check can fail: an image without a version, and root at the end."""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM rayproject/ray\nUSER root\n")
    done = subprocess.run([hadolint(), str(bad)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DL3006" in done.stdout
    assert "DL3002" in done.stdout


def test_the_base_is_the_ray_that_the_manifests_and_constraints_name() -> None:
    steps = read_steps(FILE.read_text())
    arguments = dict(step.text.split("=", 1) for step in steps if step.word == "ARG")
    assert arguments["FLAVOUR"] == '""'
    assert f"ray=={arguments['RAY_VERSION']}\n" in (ROOT / "constraints.txt").read_text()
    assert arguments["RAY_VERSION"] == importlib.metadata.version("ray")
    assert f"rayVersion: {arguments['RAY_VERSION']}\n" in (ROOT / "deploy/kubernetes/base/rayjob.yaml").read_text()
    assert [step.text for step in steps if step.word == "FROM"][-1] == "rayproject/ray:${RAY_VERSION}-py311${FLAVOUR}"


def test_it_runs_without_root_as_the_manifests_say() -> None:
    steps = last_stage(read_steps(FILE.read_text()))
    user, group = [step.text for step in steps if step.word == "USER"][-1].split(":")
    assert f"runAsUser: {user}\n" in (ROOT / "deploy/kubernetes/base/rayjob.yaml").read_text()
    assert f"runAsGroup: {group}\n" in (ROOT / "deploy/kubernetes/base/rayjob.yaml").read_text()
    words = [step.word for step in steps]
    assert words.index("HEALTHCHECK") < words.index("CMD")
    assert any("djvulibre-bin" in step.text for step in steps)


def test_what_is_copied_is_there_and_let_through() -> None:
    sources = list(copied(last_stage(read_steps(FILE.read_text()))))
    allowed = set(re.findall(r"^!(.+)$", IGNORE.read_text(), re.MULTILINE))
    assert all((ROOT / source).exists() for source in sources)
    assert set(sources) == allowed
    assert "*" in IGNORE.read_text().splitlines()


def test_steps_are_run_in_their_folder(tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "a.txt").write_text("one")
    text = "FROM x\nRUN false\nFROM y\nWORKDIR /opt/it\nCOPY a.txt ./\nRUN cat a.txt \\\n    && cp a.txt b.txt\n"
    run_steps(last_stage(read_steps(text)), tmp_path / "context", tmp_path / "root", {"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "root" / "opt" / "it" / "b.txt").read_text() == "one"


def test_a_step_that_fails_is_an_error(tmp_path: Path) -> None:
    steps = read_steps("WORKDIR /w\nRUN false | cat\n")
    with pytest.raises(subprocess.CalledProcessError):
        run_steps(steps, tmp_path, tmp_path / "root", {"PATH": "/usr/bin:/bin"})
