"""The small network that reads labels."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.imaging.scale.labels.value import parse_label
from pipeline.imaging.scale.recognition.network import HEIGHT_PX, LabelNetReader, label_net_readers, net_input
from pipeline.imaging.scale.recognition.text import PAD_PX
from tests.imaging.scale.scale_drawings import font


def drawn(text: str, size: int = 24, name: str = "DejaVuSans") -> NDArray[np.uint8]:
    letters = font(size, name)
    x0, y0, x1, y1 = letters.getbbox(text)
    page = Image.new("L", (int(x1 - x0) + 2 * PAD_PX, int(y1 - y0) + 2 * PAD_PX), 255)
    ImageDraw.Draw(page).text((PAD_PX - x0, PAD_PX - y0), text, fill=0, font=letters)
    return np.asarray(page, dtype=np.uint8)


@pytest.mark.parametrize("size", [14, 22, 40])
@pytest.mark.parametrize("label", ["1 \N{MICRO SIGN}m", "200 nm", "50.0um", "5.00 mm", "10 \N{GREEK SMALL LETTER MU}m"])
def test_it_reads_the_usual_labels(label: str, size: int) -> None:
    read = label_net_readers()[0].read(drawn(label, size))
    value, truth = parse_label(read[0].text), parse_label(label)
    assert value is not None
    assert truth is not None
    assert value.scale_nm == truth.scale_nm


def test_both_together_never_take_one_length_for_another_in_unknown_fonts() -> None:
    for name in ("STIXGeneral", "STIXGeneralBol", "DejaVuSans-Oblique", "DejaVuSansMono-Bold", "cmr10"):
        for label in ("1 um", "3 um", "20 nm", "50 nm", "100 um", "200 nm", "500 nm", "1.00 mm", "2.00 nm", "2 mm"):
            page = drawn(label, 26, name)
            first, second = (reader.read(page)[0] for reader in label_net_readers())
            truth = parse_label(label)
            assert truth is not None
            values = [parse_label(read.text) for read in (first, second)]
            if min(first.confidence, second.confidence) >= 0.7 and values[0] == values[1] and values[0] is not None:
                assert values[0].scale_nm == truth.scale_nm, (name, label, first, second)


def test_a_page_has_the_networks_height_and_a_width_of_eights() -> None:
    for height, width in ((12, 9), (15, 60), (50, 400), (30, 3000)):
        page = net_input(np.full((height, width), 255, np.uint8))
        assert page.shape[:3] == (1, 1, HEIGHT_PX)
        assert page.shape[3] % 8 == 0
        assert 32 <= page.shape[3] <= 256
        assert float(page.max()) == 0.0


def test_an_empty_crop_reads_as_nothing() -> None:
    assert LabelNetReader().read(np.zeros((0, 10), np.uint8)) == []
