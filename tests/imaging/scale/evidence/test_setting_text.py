"""What the text of a line of settings means."""

import pytest

from pipeline.imaging.scale.evidence.setting_text import may_be_field, names_field, parse_field, parse_times


@pytest.mark.parametrize(
    ("text", "nm", "printed"),
    [
        ("HFW 20.7 \N{MICRO SIGN}m", 20_700, "20.7 um"),
        ("HFW: 207 \N{GREEK SMALL LETTER MU}m", 207_000, "207 um"),
        ("View field: 415 um", 415_000, "415 um"),
        ("VIEW FIELD = 1.27mm", 1_270_000, "1.27 mm"),
        ("ViewfieId:830nm", 830, "830 nm"),
        ("Field of view 2,07 um", 2_070, "2,07 um"),
        ("FOV:30.0 x 22.5 \N{MICRO SIGN}m", 30_000, "30.0 um"),
        ("F0V 53.7um", 53_700, "53.7 um"),
        ("Width = 11.43 um", 11_430, "11.43 um"),
        ("HFW 12.8 pm", 12_800, "12.8 um"),  # no microscope's field is a picometre wide
        ("Mag=5.00KXHFW20.7um", 20_700, "20.7 um"),
    ],
)
def test_field_widths(text: str, nm: float, printed: str) -> None:
    field = parse_field(text)
    assert field is not None
    assert field.nm == pytest.approx(nm)
    assert field.text == printed
    assert may_be_field(text)
    assert names_field(text)


@pytest.mark.parametrize(
    "text",
    [
        "WD = 10.1 mm",
        "Aperture Size = 30.00 um",
        "Stage at Z = 48.482 mm",
        "Linewidth 20 um",
        "Pixel width 11 nm",
        "dwell 10 us",
        "HFW",
        "HFW 20.7",
        "HFW um",
        "HFW 0.0 um",
        "HFW 05 um",  # 0.5, its point lost
        "HFW 1,270 um",  # 1.27 or 1,270
        "HFW 20.7 umbra",
        "207 um",
        "",
    ],
)
def test_other_lengths_are_no_field_width(text: str) -> None:
    assert parse_field(text) is None


@pytest.mark.parametrize("text", ["HFW", "HP20.7um", "Mag=5.00KXHR20.7um", "View field:"])
def test_what_may_be_a_name_tells_that_there_is_a_field_width(text: str) -> None:
    assert names_field(text)
    assert parse_field(text) is None


@pytest.mark.parametrize("text", ["EHT=5.00kV", "WD=10.1mm", "HV 10.00 kV", "HighVac.x300", "Aperture Size = 30.00 um"])
def test_other_names_do_not(text: str) -> None:
    assert not names_field(text)


def test_a_name_before_or_above_makes_a_length_a_field_width() -> None:
    for name in ("HFW", "hfw:", "View field =", "FOV"):
        field = parse_field("207 um", name=name)
        assert field is not None
        assert field.nm == 207_000
    for name in ("WD", "dwell", "HFW 1 um WD", ""):
        assert parse_field("207 um", name=name) is None
    assert parse_field("WD 15 mm", name="HFW") is None


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("Mag = 5.00 K X", 5_000),
        ("Mag = 250 X", 250),
        ("Mag = 1303.63 K X Signal A = SE2", 1_303_630),
        ("SEM MAG: 2.00 kx", 2_000),
        ("mag 50 000x", 50_000),
        ("1 000 x", 1_000),
        ("X5,000", 5_000),
        ("X10,000", 10_000),
        ("x300", 300),
        ("HighVac.x850", 850),
        ("x1.5k", 1_500),
        ("10.0kV 14.4mm \N{MULTIPLICATION SIGN}1.00k SE(M)", 1_000),
        ("Mag=5.00KXHFW20.7um", 5_000),
        ("2,50 k x", 2_500),
    ],
)
def test_magnifications(text: str, times: float) -> None:
    assert parse_times(text) == pytest.approx(times)


@pytest.mark.parametrize(
    "text",
    ["", "x", "FOV:30.0 x 22.5 um", "1024 x 768", "EHT = 5.00 kV", "Mag =", "x2", "1.000 x", "WD 10 mm", "X1,23,456"],
)
def test_what_is_no_magnification(text: str) -> None:
    assert parse_times(text) is None
