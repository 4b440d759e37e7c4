"""Contrastive learning on the corpus itself beside the default network, at equal processor time and at ten times that.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.self_supervised --shared ../shared --output table.json

A set's pictures are stored first. Then the default network embeds them, loading included; that is the time. The
contrastive network trains on the same pictures for so many epochs that training and embedding take as long, and ten
times as long (an epoch's time is measured first). Scores are those of `benchmarks.vectors`. Seconds are processor time
of one thread.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.labelled_sets import SETS, SMALL_PICTURES
from benchmarks.machine import describe_machine
from benchmarks.vectors import STAGES, run, scores, vectors_in

_TEXTURES = """network = "contrastive"
input_size = 96
batch_size = 64
layout = "averaged"
normalised = true
flip = "any"
crop = 0.5
contrast = 0.3
turn_degrees = 45
scale = 0
shear = 0
bend = 0
weight = 0
shift = 0
outside = "mirrored"
"""
_UPRIGHT = """network = "contrastive"
input_size = 32
batch_size = 128
normalised = true
contrast = 0.3
turn_degrees = 15
shear = 0.1
bend = 0.02
weight = 0
outside = "mirrored"
"""
_PROBES = (1, 1, 7)  # epochs of trainings by which an epoch's time is measured
_TIMES = (1, 10)


def contrastive(name: str, epochs: int) -> str:
    """Settings for a set: what hangs where does not tell micrographs apart, but signs; a change of scale is never made
    where scale is what differs.
    """
    return f"{_UPRIGHT if name in SMALL_PICTURES else _TEXTURES}epochs = {epochs}"


def measure(name: str, shared: Path, most: int) -> list[dict[str, Any]]:
    """A row a network: its epochs, CPU seconds and scores."""
    with tempfile.TemporaryDirectory() as folder:
        place, index = Path(folder) / "corpus", Path(folder) / "index"
        SETS[name](shared, place, most)
        run(name, place, index, {}, "stretch", STAGES[:-1])

        def row(network: str, settings: str, epochs: int) -> dict[str, Any]:
            began = time.process_time()
            run(name, place, index, {network: settings}, "stretch", STAGES[-1:])
            seconds = time.process_time() - began
            vectors, classes = vectors_in(name, place, index, {network: settings}, "stretch")[network]
            found = {"set": name, "pictures": len(classes), "network": network, "epochs": epochs}
            return found | {"cpu_seconds": round(seconds, 1), "scores": scores(vectors, classes)}

        # The first loads code for all that follow.
        probes = [row(f"probe{place}", contrastive(name, epochs), epochs) for place, epochs in enumerate(_PROBES)]
        default = row("default", 'network = "timm"', 0)
        an_epoch = (probes[2]["cpu_seconds"] - probes[1]["cpu_seconds"]) / (_PROBES[2] - _PROBES[1])
        rows = [default]
        for times in _TIMES:
            epochs = max(1, round(times * default["cpu_seconds"] / max(an_epoch, 1e-3)))
            rows.append(row(f"contrastive-{times}", contrastive(name, epochs), epochs))
        return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As Markdown: k-means / Ward / neighbours of a hundred."""
    lines = ["| set | vectors | epochs | CPU s | k-means / Ward / neighbours |", "|---" * 5 + "|"]
    for one in rows:
        found = one["scores"]
        told = f"{found['kmeans']:.2f} / {found['ward']:.2f} / {100 * found['neighbours']:.1f}"
        cells = (f"{one['set']} ({one['pictures']})", one["network"], one["epochs"] or "", one["cpu_seconds"], told)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["demo", "sources", "fibres", "gtsrb"])
    parser.add_argument("--most", type=int, default=12, help="pictures a class of the large sets")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.sets:
        rows += measure(name, options.shared / "data", options.most)
        print(table(rows), flush=True)
        if options.output:
            options.output.write_text(json.dumps({"machine": describe_machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
