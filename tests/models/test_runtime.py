import pytest
import torch

from pipeline.errors import UsageError
from pipeline.models.runtime import configure_torch, deterministic, device_report, pick_device, seeded


def test_deterministic_takes_one_thread_and_restores_what_was_set() -> None:
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(2)
    torch.set_deterministic_debug_mode("default")
    try:
        with deterministic():
            assert torch.get_num_threads() == 1
            assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])


def test_configure_torch_refuses_no_threads() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        configure_torch(0)


def test_seeded_repeats_and_leaves_the_global_stream_alone() -> None:
    state = torch.random.get_rng_state()
    with seeded(3):
        first = torch.rand(4)
    with seeded(3):
        again = torch.rand(4)
    with seeded(4):
        other = torch.rand(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_pick_device_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [pick_device("auto"), pick_device("cpu"), pick_device("cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [pick_device("auto"), pick_device("cpu")] == ["cpu", "cpu"]
    with pytest.raises(UsageError, match="sees no GPU"):
        pick_device("cuda")
    with pytest.raises(UsageError, match="'tpu'"):
        pick_device("tpu")  # type: ignore[arg-type]


def test_device_report_explains_missing_gpus() -> None:
    report = device_report()
    assert report["torch"] == torch.__version__
    assert bool(report["gpus"]) != bool(report["note"])
