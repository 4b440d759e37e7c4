"""How Torch runs here: threads, determinism and the device, all chosen on purpose."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from pipeline.errors import UsageError

DeviceName = Literal["auto", "cpu", "cuda"]


def configure_torch(threads: int) -> None:
    """Set Torch's threads in this process and allow deterministic algorithms only.

    An actor calls it once, before it holds a network. Two OpenMP threads on a busy 2-core machine made
    Torch five times slower than one, so the number is never left to Torch.

    Parameters
    ----------
    threads : int
        Threads for one operation, at least 1. Encoders and training take one thread whatever is set here (see
        `deterministic`).

    Raises
    ------
    UsageError
        If ``threads`` is less than 1.
    """
    if threads < 1:
        raise UsageError(f"Torch was asked to run with {threads} threads; give a number of at least 1.")
    # cuBLAS reads this when its first handle is made; without it deterministic products raise on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    _set_determinism()


@contextmanager
def deterministic() -> Iterator[None]:
    """Run a block on one thread with deterministic algorithms, and restore both settings afterwards.

    All training and encoding runs inside it. Sums are split among threads: on two threads the vectors of
    several backbones (EfficientNet, ConvNeXt) had other bits than on one. A machine's cores are used by
    holding several encoders, one an actor.
    """
    threads_before = torch.get_num_threads()
    strict_before = torch.get_deterministic_debug_mode()
    configure_torch(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_deterministic_debug_mode(strict_before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw a network's initial weights from ``seed`` alone; Torch's global stream stays as it was.

    Only the CPU's stream is seeded: networks are made on the CPU and then moved, so that they start with
    the same weights on every device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def pick_device(requested: DeviceName) -> str:
    """Turn what was asked for into a device that is present.

    Parameters
    ----------
    requested : {"auto", "cpu", "cuda"}
        ``auto`` takes the GPU if Torch sees one.

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    UsageError
        If ``cuda`` is asked for and Torch sees no GPU, or the name is another one.
    """
    if requested not in ("auto", "cpu", "cuda"):
        raise UsageError(f"Unknown device {requested!r}; it is one of 'auto', 'cpu' and 'cuda'.")
    if requested == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if requested == "auto":
        return "cpu"
    raise UsageError(
        f"The device 'cuda' was asked for, but Torch {torch.__version__} sees no GPU here "
        f"({_why_no_cuda()}). Use 'cpu' or 'auto', or ask for a GPU in the actor's resources."
    )


def device_report() -> dict[str, object]:
    """What `semcorpus doctor` prints about Torch.

    Returns
    -------
    dict
        ``torch`` (version), ``cuda_build`` (CUDA version of the build or None), ``threads``, ``gpus`` (a list
        of ``{"name", "memory_bytes"}``) and ``note`` (why there is no GPU, or empty).
    """
    gpus: list[dict[str, object]] = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            gpus.append({"name": str(properties.name), "memory_bytes": int(properties.total_memory)})
    return {
        "torch": str(torch.__version__),
        "cuda_build": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "note": "" if gpus else _why_no_cuda(),
    }


def _why_no_cuda() -> str:
    if torch.version.cuda is None:
        return "this is a build of Torch for CPUs only"
    return "the build has CUDA, but no GPU or no driver is visible to this process"


def _set_determinism() -> None:
    # `use_deterministic_algorithms` says the same, and imports Torch's compiler for it: 3 s of a process's start.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    # TF32 keeps 10 bits of the mantissa: a GPU would give visibly other vectors than a CPU.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
