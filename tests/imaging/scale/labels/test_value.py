"""The value of a label's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.scale.labels.value import (
    NM_PER_UNIT,
    Unit,
    after_name,
    is_usual_value,
    parse_label,
    same_but_for_rings,
)


@pytest.mark.parametrize(
    ("text", "scale_nm"),
    [
        ("200 nm", 200.0),
        ("200nm", 200.0),
        ("1 \N{MICRO SIGN}m", 1000.0),
        ("1 \N{GREEK SMALL LETTER MU}m", 1000.0),
        ("1 \N{MICRO SIGN}m*", 1000.0),
        ("50.0um", 50e3),
        ("5,00 um", 5e3),
        ("2.00 mm", 2e6),
        ("10\N{MICRO SIGN}m.", 10e3),
        ("| 20 um |", 20e3),
        ("3 microns", 3e3),
        ("500 NM", 500.0),
        ("0.5 um", 500.0),
        ("5 \N{ANGSTROM SIGN}", 0.5),
        ("20\N{LATIN CAPITAL LETTER A WITH RING ABOVE}", 2.0),
    ],
)
def test_printed_labels_are_understood(text: str, scale_nm: float) -> None:
    value = parse_label(text)
    assert value is not None
    assert value.scale_nm == pytest.approx(scale_nm, rel=1e-12)
    assert value.doubt == ""


@pytest.mark.parametrize("text", ["2 yum", "10 wm", "5 jum", "1 ym", "1 pm", "l um", "1O0 nm", "17 nm", "1,000 nm"])
def test_a_guess_is_named_as_a_doubt(text: str) -> None:
    value = parse_label(text)
    assert value is not None
    assert value.doubt


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nm",
        "200",
        "WD 10.0mm",
        "X1,000",
        "10.00 kV",
        "10 s",
        "00 nm",
        "050 nm",
        "0 um",
        "0.0 mm",
        "=10 mm",
        "20 mm",
        "1 um 2 um",
        "5 A",
    ],
)
def test_other_texts_are_no_length(text: str) -> None:
    assert parse_label(text) is None


def test_the_limits_are_inclusive() -> None:
    shortest, longest = parse_label("1 pm"), parse_label("10 mm")
    assert shortest is not None
    assert shortest.scale_nm == pytest.approx(1e-3)
    assert longest is not None
    assert longest.scale_nm == pytest.approx(1e7)


@pytest.mark.parametrize("value", [1, 2, 2.5, 3, 4, 5, 10, 200, 0.5, 1.5, 300, 1e-3])
def test_usual_values(value: float) -> None:
    assert is_usual_value(value)


@pytest.mark.parametrize("value", [0, -1, 7, 17, 55, 207, 1.1, float("nan"), float("inf")])
def test_unusual_values(value: float) -> None:
    assert not is_usual_value(value)


@given(st.sampled_from([1, 2, 5, 10, 20, 50, 100, 200, 500]), st.sampled_from(["nm", "um"]), st.integers(0, 2))
def test_the_cleaned_text_reads_the_same(number: int, unit: Unit, decimals: int) -> None:
    value = parse_label(f"{number:.{decimals}f} {unit}")
    assert value is not None
    assert value.scale_nm == pytest.approx(number * NM_PER_UNIT[unit])
    again = parse_label(value.text)
    assert again is not None
    assert again.scale_nm == value.scale_nm


@given(st.text(max_size=20))
def test_any_text_gives_a_length_in_range_or_none(text: str) -> None:
    value = parse_label(text)
    assert value is None or 1e-3 <= value.scale_nm <= 1e7 * (1 + 1e-12)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Bar = 5 um", "5 um"),
        ("Scale bar: 200 nm", "200 nm"),
        ("scale 10nm", "10nm"),
        ("H 10 nm", "10 nm"),
        ("WD 10 mm", None),
        ("HFW 5 um", None),
        ("d = 5 nm", None),
        ("10 nm", None),
    ],
)
def test_the_name_of_a_bar_or_its_tick_is_taken_off_and_no_other_word(text: str, rest: str | None) -> None:
    assert after_name(text) == rest


def test_a_reader_without_a_ring_bears_an_angstrom_out_by_all_else() -> None:
    assert same_but_for_rings("5 \N{ANGSTROM SIGN}", "5A")
    assert not same_but_for_rings("5 \N{ANGSTROM SIGN}", "15A")
    assert not same_but_for_rings("5 A", "5A")
