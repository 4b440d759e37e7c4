import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from pipeline.errors import UsageError, WeightsError
from pipeline.models import backbones
from pipeline.models.backbones import BackboneEncoder, Output, in_bfloat16, load_backbone, weights_fingerprint
from pipeline.models.encoders import encode_in_fixed_batches

timm = importlib.import_module("timm")  # by now torchvision's operators are declared

NAME = "test_resnet"
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)


def load(weights: str, *, name: str = NAME, seed: int = 0) -> BackboneEncoder:
    return load_backbone(name, weights=weights, seed=seed, image_size=48, batch_size=2)


def full_model(*, seed: int) -> torch.nn.Module:
    """The model with its classifier, as weights are published."""
    torch.manual_seed(seed)
    model: torch.nn.Module = timm.create_model(NAME)
    return model


def test_timm_imports_and_random_weights_are_equal_in_a_fresh_process() -> None:
    script = (
        "from pipeline.models.backbones import load_backbone\n"
        "from pipeline.models.torchvision_ops import declare_torchvision_operators as declare\n"
        "import torch; assert declare() == declare() and hasattr(torch.ops.torchvision, 'nms')\n"
        f"print(load_backbone({NAME!r}, weights='random', seed=5).weights_fingerprint)"
    )
    other = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert other.stdout.strip() == load("random", seed=5).weights_fingerprint
    assert load("random", seed=6).weights_fingerprint != load("random", seed=5).weights_fingerprint


def test_pictures_are_normalised_and_features_pooled_as_timm_does() -> None:
    encoder = load("random", seed=2)
    torch.manual_seed(2)
    model = timm.create_model(NAME).eval()
    model.reset_classifier(0)
    mean, std = (torch.tensor(model.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    gray = torch.from_numpy(IMAGES[:2]).float()[:, None].repeat(1, 3, 1, 1) / 255
    with torch.no_grad():
        expected = model((gray - mean) / std).numpy()
    np.testing.assert_allclose(encoder.encode(IMAGES[:2]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_file_are_loaded_and_its_classifier_is_left_out(tmp_path: Path, suffix: str) -> None:
    model, path = full_model(seed=9), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": model.state_dict()}, path)
    else:
        safetensors.torch.save_file(model.state_dict(), path)
    model.reset_classifier(0)
    assert load(str(path)).weights_fingerprint == weights_fingerprint(model)


def test_fingerprint_sees_one_changed_bit() -> None:
    model = full_model(seed=1)
    before = weights_fingerprint(model)
    weight = next(model.parameters())
    with torch.no_grad():
        weight.view(-1)[0] = torch.nextafter(weight.view(-1)[0], torch.tensor(9.0))
    assert weights_fingerprint(model) != before


def test_missing_file_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file") as caught:
        load(str(tmp_path / "gone.safetensors"))
    assert str(tmp_path) in str(caught.value)
    assert "weights='random'" in str(caught.value)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file(timm.create_model("test_efficientnet").state_dict(), path)
    with pytest.raises(WeightsError, match=f"not those of '{NAME}'"):
        load(str(path))


def test_a_file_that_lacks_one_tensor_is_refused(tmp_path: Path) -> None:
    state = full_model(seed=1).state_dict()
    lost = next(iter(state))
    del state[lost]
    path = tmp_path / "part.safetensors"
    safetensors.torch.save_file(state, path)
    with pytest.raises(WeightsError, match=f"1 tensors are missing or of another shape \\({lost}\\)"):
        load(str(path))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load(str(path))


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code in a weight file was run')",)


def test_code_in_a_weight_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": _Payload()}, path)
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load(str(path))


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    path.write_text("x")
    with pytest.raises(WeightsError, match=r"\.safetensors"):
        load(str(path))


def test_unreachable_hub_fails_quickly_with_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:1.*weights='random'"):
        load("hub")


def test_hub_is_not_asked_when_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        load("hub")


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="resnet18"):
        load("random", name="resnett18")
    with pytest.raises(UsageError, match="no name is near it"):
        load("random", name="?!")


def test_size_that_a_transformer_cannot_take_is_refused() -> None:
    with pytest.raises(UsageError, match="50 px is no multiple"):
        load_backbone("vit_tiny_patch16_224", weights="random", seed=0, image_size=50)
    with pytest.raises(UsageError, match="must be at least 1"):
        load_backbone(NAME, weights="random", seed=0, image_size=-1)


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize("name", [NAME, "test_vit", "test_efficientnet"])
def test_outputs_of_one_pass_have_the_bits_of_a_pass_each(name: str, runtime: str) -> None:
    def encoder(*outputs: Output) -> BackboneEncoder:
        return load_backbone(
            name, weights="random", seed=3, batch_size=2, runtime=runtime, outputs=outputs  # type: ignore[arg-type]
        )  # fmt: skip

    outputs: list[Output] = ["logits", "features"] + ([] if name == "test_vit" else ["mean_maps"])
    together = encoder(*outputs)
    pictures = np.random.default_rng(1).integers(0, 256, (3, together.image_size, together.image_size), dtype=np.uint8)
    alone = [encoder(output).encode(pictures) for output in outputs]
    assert together.widths == tuple(found.shape[1] for found in alone)
    np.testing.assert_array_equal(together.encode(pictures), np.concatenate(alone, axis=1))
    assert together.widths[0] == 1000


def test_a_classifier_of_another_number_of_classes() -> None:
    made = load_backbone(NAME, weights="random", seed=0, outputs=["logits"], classes=1001)
    assert made.dimension == 1001


def _with_little_memory(most: int) -> Any:
    """`encode_in_fixed_batches` on a device that has memory for so many pictures."""

    def encode(forward: Any, images: Any, *, batch_size: int, **rest: Any) -> Any:
        if batch_size > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode_in_fixed_batches(forward, images, batch_size=batch_size, **rest)

    return encode


def test_a_batch_that_does_not_fit_into_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(1).integers(0, 256, (9, 48, 48), dtype=np.uint8)
    encoder, narrow = (
        load_backbone(NAME, weights="random", seed=1, image_size=48, batch_size=size) for size in (16, 4)
    )
    expected = narrow.encode(images)
    with monkeypatch.context() as patched:
        patched.setattr(backbones, "encode_in_fixed_batches", _with_little_memory(5))
        np.testing.assert_array_equal(encoder.encode(images), expected)
        assert encoder.batch_size == 4
        patched.setattr(backbones, "encode_in_fixed_batches", _with_little_memory(0))
        with pytest.raises(UsageError, match="memory enough for one picture of 48 x 48 px"):
            encoder.encode(images)


def test_vectors_in_bfloat16_are_nearly_those_in_float32() -> None:
    """What a GPU does, on a processor: products in bfloat16, vectors in float32."""
    encoder = load_backbone("tf_efficientnet_lite0", weights="package", seed=0, image_size=64)
    pictures = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 64, 64), dtype=np.uint8))
    with torch.inference_mode():
        whole, half = encoder.module(pictures), in_bfloat16(encoder.module, "cpu")(pictures)
    assert not torch.equal(whole, half.float())
    assert torch.cosine_similarity(whole, half.float()).min() > 0.99
