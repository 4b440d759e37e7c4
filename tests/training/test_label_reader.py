"""The small label network's training, at a tiny size."""

from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from pipeline.imaging.scale.recognition.network import ALPHABET, HEIGHT_PX, net_input
from training.label_pictures import samples
from training.label_reader import batches, label_network, train, write_onnx

FONTS = [
    Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf" for name in ("DejaVuSans", "DejaVuSansMono")
]


def test_crops_are_the_same_for_a_seed_and_have_the_networks_form() -> None:
    first, again = list(samples(FONTS, 3, 40)), list(samples(FONTS, 3, 40))
    for one, other in zip(first, again, strict=True):
        assert one.text == other.text
        assert np.array_equal(one.page, other.page)
        assert one.page.shape[0] == HEIGHT_PX
        assert set(one.text) <= set(ALPHABET)
    assert sum(text.endswith(("nm", "um", "mm")) for text in (one.text for one in first)) > 10


def test_batches_hold_every_crop_once() -> None:
    crops = list(samples(FONTS, 4, 21))
    texts = []
    for pages, flat, lengths in batches(crops, 8, np.random.default_rng(0)):
        assert pages.shape[1:3] == (1, HEIGHT_PX)
        characters = iter(flat.tolist())
        texts += ["".join(ALPHABET[next(characters) - 1] for _ in range(length)) for length in lengths.tolist()]
    assert sorted(texts) == sorted(crop.text for crop in crops)


def test_training_learns_something() -> None:
    crops = [crop for crop in samples(FONTS, 5, 120) if crop.text]
    before = _loss(label_network().eval(), crops)
    network = train(crops, epochs=3, batch=12)
    assert _loss(network, crops) < 0.5 * before


def test_training_can_set_out_from_weights(tmp_path: Path) -> None:
    crops = [crop for crop in samples(FONTS, 5, 60) if crop.text]
    first = train(crops, epochs=3, batch=12)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    further = train(crops, epochs=1, batch=12, start=tmp_path / "first.pt")
    assert _loss(further, crops) < _loss(label_network().eval(), crops)


def test_some_crops_are_texture_and_say_nothing() -> None:
    texts = [crop.text for crop in samples(FONTS, 6, 120)]
    assert 1 <= texts.count("") <= 20


def _loss(network: torch.nn.Module, crops: list) -> float:
    pages, flat, lengths = next(batches(crops, len(crops), np.random.default_rng(1)))
    with torch.no_grad():
        scores = network(pages)[:, :, 0].log_softmax(dim=1).permute(2, 0, 1)
    widths = torch.full((len(lengths),), scores.shape[0])
    return float(torch.nn.functional.ctc_loss(scores, flat, widths, lengths, zero_infinity=True))


@pytest.mark.skipif(find_spec("onnx") is None, reason="needs the module onnx, which only writing the weights does")
@pytest.mark.filterwarnings("ignore")  # of torch about its older exporter, which needs no further module
def test_the_file_gives_the_networks_answer(tmp_path: Path) -> None:
    import onnxruntime

    network = label_network().eval()
    write_onnx(network, tmp_path / "net.onnx")
    page = net_input(np.random.default_rng(0).integers(0, 256, (30, 90), dtype=np.uint8))
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = network(torch.from_numpy(page))[:, :, 0].softmax(dim=1).permute(0, 2, 1).numpy()
    assert session.run(None, {"page": page})[0] == pytest.approx(expected, abs=1e-5)
