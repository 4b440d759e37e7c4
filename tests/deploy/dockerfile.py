"""A Dockerfile's steps, and running them in a plain shell where there is no container engine.

By hand, as root, in a folder of its own:
``python -m tests.deploy.dockerfile deploy/container/Dockerfile DIR [PYTHON]``.
The distribution's packages are really installed on this machine; ``python`` is that of a new virtual environment in
DIR, which stands for the base image's. A step of ``USER 1000:100`` runs as that user.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, and the rest of its line with continued lines joined."""

    word: str
    text: str


def read_steps(text: str) -> list[Step]:
    """All instructions of a Dockerfile in their order; comments are left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Step(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def last_stage(steps: Sequence[Step]) -> list[Step]:
    """The steps after the last FROM."""
    return list(steps)[max(number for number, step in enumerate(steps) if step.word == "FROM") + 1 :]


def copied(steps: Sequence[Step]) -> Iterator[str]:
    """What the steps copy from the build's folder."""
    for step in steps:
        if step.word == "COPY" and "--from=" not in step.text:
            *sources, _ = [word for word in step.text.split() if not word.startswith("--")]
            yield from sources


def run_steps(steps: Sequence[Step], context: Path, root: Path, environment: Mapping[str, str]) -> None:
    """Run the COPY and RUN steps of one stage, with its WORKDIRs below ``root`` and its USERs.

    Raises
    ------
    subprocess.CalledProcessError
        A RUN fails.
    """
    folder, user = root, 0
    for step in steps:
        if step.word == "WORKDIR":
            folder = root / step.text.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
        elif step.word == "USER":
            user = int(step.text.partition(":")[0]) if step.text[0].isdigit() else 0
        elif step.word == "COPY" and "--from=" not in step.text:
            _copy(step, context, folder, user)
        elif step.word == "RUN":
            print(f"[{user}] {folder}: {step.text}", flush=True)
            command = ["/bin/bash", "-euo", "pipefail", "-c", step.text]
            subprocess.run(command, cwd=folder, env=dict(environment), user=user or None, check=True)


def _copy(step: Step, context: Path, folder: Path, user: int) -> None:
    *sources, target = [word for word in step.text.split() if not word.startswith("--")]
    for source in sources:
        place = folder / target / source if target.endswith("/") else folder / target
        if (context / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(context / source, place, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(context / source, place)
        if user:
            for path in (place, *place.rglob("*")):
                os.chown(path, user, 100)


def main(dockerfile: Path, root: Path, python: str = sys.executable) -> None:
    """The trial by hand; ``python`` has to be one that every user may read."""
    root.mkdir(parents=True)
    subprocess.run([python, "-m", "venv", str(root / "python")], check=True)
    for path in (root, *root.rglob("*")):
        os.chown(path, 1000, 100, follow_symlinks=False)
    environment = {
        **{key: value for key, value in os.environ.items() if key.startswith("PIP_")},
        "PATH": f"{root / 'python' / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(root),
        "TORCH_INDEX": "",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    run_steps(last_stage(read_steps(dockerfile.read_text())), Path.cwd(), root, environment)
    print("Every step ran.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), *sys.argv[3:])
