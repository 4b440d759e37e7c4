"""How the networks that find bars are trained, at a tiny size."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from pipeline.imaging.scale.recognition.bar_views import CLOSE, PARTS, WIDE
from training.bar_finder import BarEnd, lesson, main, write_onnx
from training.bar_pictures import windows


def test_the_same_seed_draws_the_same_windows() -> None:
    for one, other in zip(windows(4, 3), windows(4, 3), strict=True):
        assert np.array_equal(one.gray, other.gray)
        assert one.ends == other.ends


def test_the_ends_lie_where_foreground_begins_and_ends() -> None:
    """The level changes at each end by more than it does along most of the row."""
    steps = []
    for one in windows(8, 16):
        if one.ends is None or abs(one.foreground - one.background) < 60:
            continue
        for x, y in one.ends:
            if 3 <= x < one.gray.shape[1] - 3 and 2 <= y < one.gray.shape[0] - 2:
                near = one.gray[round(y) - 2 : round(y) + 3, round(x) - 3 : round(x) + 4].astype(float)
                steps.append(np.ptp(near))
    assert np.mean(np.array(steps) > 30) >= 0.9


def test_a_lesson_places_the_ends_in_what_the_networks_see() -> None:
    lessons = [one for one in (lesson((5, number)) for number in range(6)) if one is not None and one.ends]
    assert lessons
    for one in lessons:
        assert one.wide.shape == (3, *WIDE)
        assert one.ends is not None
        assert all(0 <= x < WIDE[1] and 0 <= y < WIDE[0] for x, y in one.ends)
        assert all(0 <= column <= CLOSE[1] for _, column in one.close)


def test_a_tiny_training_is_repeated_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.bar_finder.write_onnx", lambda network, shape, path: path.touch())
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    size = ["--windows", "8", "--passes", "1", "--workers", "1"]
    for folder in folders[:2]:
        main([str(folder), *size])
    main([str(folders[2]), *size, "--start", str(folders[0])])
    weights = [torch.load(folder / "bar_finder.pt", weights_only=True) for folder in folders]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


@pytest.mark.skipif(find_spec("onnx") is None, reason="onnx writes the file; pip install onnx")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_written_network_is_the_trained_one(tmp_path: Path) -> None:
    network = BarEnd().eval()
    write_onnx(network, (2, *CLOSE), tmp_path / "end.onnx")
    page = torch.rand(1, 2, *CLOSE)
    session = onnxruntime.InferenceSession((tmp_path / "end.onnx").read_bytes())
    expected = network(page).softmax(dim=-1).detach().numpy()
    assert expected.shape == (1, CLOSE[1] * PARTS)
    assert session.run(None, {"page": page.numpy()})[0] == pytest.approx(expected, abs=1e-5)
