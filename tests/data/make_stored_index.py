"""Make a tiny index as tests/index/test_stored_index.py opens it, by whatever version of semcorpus is on the path.

    PYTHONPATH=CHECKOUT python tests/data/make_stored_index.py ARCHIVE [KEY=VALUE ...]

The archive holds ``corpus/`` (six files of 64 x 48 pixels, two of them the same bytes) and ``index/``, in which all
stages have run, without its reports. Both kept here had ``embed.epochs=1 embed.input_size=32 pixels.size=64
autoencode.epochs=1 cluster.k=[2,3]`` and

- ``index_format_1.tar.xz``, by the checkout that added it: ``embed.name=cae embed.model=autoencoder
  autoencode.vectors=cae autoencode.min_steps=0``;
- ``index_format_1_early.tar.xz``, by commit 979b514, which told clusterings apart by text alone:
  ``autoencode.pretrain_epochs=1``.

Make a new archive, under a new name, whenever the number of the format is raised; the old ones stay.
"""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def draw_corpus(folder: Path) -> None:
    """Write pictures that are the same bytes everywhere: blurred noise, as PNG."""
    folder.mkdir()
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 255, (48, 64)).astype(np.uint8)
        picture = cv2.GaussianBlur(noise, (0, 0), 1 + number)
        (folder / f"picture_{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (folder / "copy_of_0.png").write_bytes((folder / "picture_0.png").read_bytes())


def without_reports(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Reports are made anew from the store."""
    return None if member.name.startswith("index/reports") else member


def main(archive: Path, settings: Sequence[str]) -> None:
    """Draw, run and pack."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        draw_corpus(place / "corpus")
        words = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "jobs", "run", str(place / "corpus"), str(place / "index"), *words]
        subprocess.run([*command, "--engines", "local", "--quiet"], check=True)
        with tarfile.open(archive, "w:xz") as packed:
            packed.add(place / "corpus", "corpus")
            packed.add(place / "index", "index", filter=without_reports)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
