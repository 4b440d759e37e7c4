"""Peak memory of every stage at several sizes of a corpus: what is flat in the number of pictures, and what is not.

    python -m benchmarks.memory --files 1000 3000 6000 --work /scratch/memory --json memory.json

The corpora are heaps of small files (`semcorpus demo --files N`), of which nine in ten are pictures. Each stage is a
process of its own (``semcorpus run`` with that one stage, in one process), so that a peak is the stage's: the most that
the process or one of its decoding children held, as the kernel counts it (`ru_maxrss`: code and shared libraries are
counted too). What ran before is in its recipe as well, and finds nothing to do. All sizes have the same rows a shard.
What is measured already is not measured again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SHARD_ROWS = 128
_NETWORKS = {
    "gradients": '[[embed]]\nnetwork = "gradients"',
    "cae": '[[embed]]\nnetwork = "cae"\nepochs = 1',
    "contrastive": '[[embed]]\nnetwork = "contrastive"\nepochs = 1',
    "all layers": '[[embed]]\nnetwork = "finetuned"\nname = "all"\nlayers = "all"\nepochs = 1\nside = 64',
    "lite0": '[[embed]]\nname = "lite0"',
    "last layer": '[[embed]]\nnetwork = "finetuned"\nname = "last"\nepochs = 2',
    "textures": '[[embed]]\nnetwork = "textures"\ninput_size = 64',
}
_BEFORE = ("walk", "pair", "labels", "pixels")
_AFTER = ("autoencode", "neighbours", "map", "dimension", "cluster", "assess", "subdivide", "agree", "report")
_OTHERS = """
[[autoencode]]
vectors = "gradients"
[[map]]
method = "tsne"
[[map]]
method = "umap"
[[subdivide]]
labels = "classes"
[pixels]
crop_bar = false
"""


@dataclass(frozen=True, slots=True)
class Peak:
    """What a step took: most bytes of one process, and seconds of all its processors."""

    step: str
    files: int
    peak_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """A run up to a stage, with networks in its recipe."""

    name: str
    stage: str
    networks: tuple[str, ...]


def steps() -> Iterator[Step]:
    """Every step in the order in which they are measured; each finds done what the ones before it did."""
    first, *others = _NETWORKS
    for stage in _BEFORE:
        yield Step(stage, stage, (first,))
    yield Step(f"embed: {first}", "embed", (first,))
    for stage in _AFTER:
        yield Step(stage, stage, (first,))
    for n, name in enumerate(others):
        yield Step(f"embed: {name}", "embed", (first, *others[: n + 1]))
    yield Step("scale", "scale", (first,))


def measure(work: Path, files: int, done: dict[str, Peak]) -> Iterator[Peak]:
    """Every step that is not ``done``, in order, on a heap of so many files."""
    heap, index, recipe = work / f"heap{files}", work / f"index{files}", work / f"recipe{files}.toml"
    if not heap.exists():
        part = heap.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)  # of a run that was broken off
        _call("demo", str(part), "--files", str(files), "--quiet")
        part.rename(heap)
    stages: list[str] = []
    for step in steps():
        stages += [step.stage] if step.stage not in stages else []
        if step.name in done:
            continue
        tables = "\n".join(_NETWORKS[name] for name in step.networks)
        fixed = f"[index]\nshard_rows = {SHARD_ROWS}\n[run]\nstages = {json.dumps(stages)}\n"
        recipe.write_text(f"{fixed}{tables}\n{_OTHERS}")
        words = ("run", str(heap / "corpus"), str(index), "--recipe", str(recipe), "--engines", "local", "--quiet")
        labels = ("--labels", f"classes={heap / 'label sets' / 'paths'}")
        peak, seconds = _call(*words, *labels, "--until", step.stage)
        yield Peak(step.name, files, peak, seconds)
    if "status" not in done:
        yield Peak("status", files, *_call("status", str(index)))


def _call(*words: str) -> tuple[int, float]:
    """Run ``semcorpus``; the most bytes that a process of it held, and the CPU seconds of all.

    A process inherits the peak of the one that started it, so nothing large is imported here.
    """
    process = subprocess.Popen([sys.executable, "-m", "jobs", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"semcorpus {' '.join(words)} ended with {process.returncode}")
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def show(peaks: Sequence[Peak]) -> str:
    """The table in Markdown: MiB by step and size, and the bytes that each further file took."""
    sizes = sorted({peak.files for peak in peaks})
    found = {(peak.step, peak.files): peak for peak in peaks}
    head = " | ".join(f"{size:,} files" for size in sizes)
    lines = [f"| step | {head} | bytes a further file | CPU s at the largest |", "|---" * (len(sizes) + 3) + "|"]
    for step in dict.fromkeys(peak.step for peak in peaks):
        here = [found.get((step, size)) for size in sizes]
        cells = " | ".join(f"{peak.peak_bytes / 2**20:,.0f}" if peak else "" for peak in here)
        first, last = here[0], here[-1]
        slope = seconds = ""
        if first and last:
            seconds = f"{last.cpu_seconds:.0f}"
            if last is not first:
                slope = f"{(last.peak_bytes - first.peak_bytes) / (last.files - first.files):,.0f}"
        lines.append(f"| {step} | {cells} | {slope} | {seconds} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 3000, 6000])
    parser.add_argument("--work", type=Path, required=True, help="folder for the corpora and indexes; it is kept")
    parser.add_argument("--json", type=Path, help="what was measured, and is not measured again")
    chosen = parser.parse_args(arguments)
    chosen.work.mkdir(parents=True, exist_ok=True)
    peaks = [Peak(**peak) for peak in json.loads(chosen.json.read_text())] if _is_there(chosen.json) else []
    for files in chosen.files:
        done = {peak.step: peak for peak in peaks if peak.files == files}
        for peak in measure(chosen.work, files, done):
            peaks.append(peak)
            print(f"{time.strftime('%H:%M:%S')} {files} {peak.step}: {peak.peak_bytes / 2**20:,.0f} MiB", flush=True)
            if chosen.json:
                chosen.json.write_text(json.dumps([asdict(peak) for peak in peaks], indent=1))
    print(show(peaks))


def _is_there(path: Path | None) -> bool:
    return path is not None and path.exists()


if __name__ == "__main__":
    main()
