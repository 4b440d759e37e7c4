"""The benchmark of the scale reader runs, at a tiny size, and judges as it says."""

import numpy as np
import pytest

from benchmarks.scale import (
    Case,
    Tally,
    cascade_cost,
    drawn_cases,
    measure,
    read_junk,
    read_styles,
    reference_is_here,
    wilson,
)


def test_measures_steps_and_outcomes() -> None:
    found = measure(drawn_cases(3, 7), with_reference=False, warm_up=2)
    assert found["pictures"] == found["reader"]["readable"] == 3
    assert sum(sum(counts.values()) for counts in found["reader"]["groups"].values()) == 3
    assert all("wrong" not in counts for counts in found["reader"]["groups"].values())
    assert 0 < found["reader"]["cpu_ms"]["step_data_bar"] < found["reader"]["cpu_ms"]["first_look"]
    assert found["reader"]["cpu_ms"]["stripe_seen_before"] < found["reader"]["cpu_ms"]["first_look"]
    assert found["projected"]["minutes_decoding_included"]["first_look"] > 0
    assert "not measured" in found["reference by process"]


@pytest.mark.skipif(not reference_is_here(), reason="no tesseract or no pytesseract on this machine")
def test_measures_the_usual_way_beside_it() -> None:
    found = measure(drawn_cases(2, 7), with_reference=True, warm_up=0)
    by_process = found["reference by process"]
    assert by_process["readable"] == 2
    assert by_process["cpu_ms"]["reference by process segment"] > 0
    assert by_process["times_slower"] > 0


def test_a_reading_is_right_within_two_pixels_or_a_hundredth() -> None:
    tally = Tally()
    case = Case("made", np.zeros((2, 2), dtype=np.uint8), 200.0, 100.0)
    for scale_nm, length in ((200.0, 102.0), (200.0, 102.1), (20.0, 100.0), (None, 100.0)):
        tally.add(case, scale_nm, length)
    assert tally.outcomes == {"made": {"right": 1, "wrong": 2, "unread": 1}}
    empty = Case("made", case.gray, None, 0.0)
    tally.add(empty, None, None)
    tally.add(empty, 5.0, 5.0)
    assert tally.outcomes["made, no scale"] == {"right": 1, "wrong": 1}
    assert tally.summary()["readable"] == 4


def test_intervals_are_wilsons() -> None:
    # Worked by hand: 0 of 10 gives z^2 / (10 + z^2) = 3.8415 / 13.8415.
    assert wilson(0, 10) == (0.0, 0.0, 0.27753)
    assert wilson(10, 10) == (1.0, 0.72247, 1.0)


def test_styles_and_junk_are_read_and_counted() -> None:
    # Of the first nine styles the tuned ones; the second is a ruler on a stripe, the third a box in a corner.
    found = read_styles(2, 1, held_out=False, specimens=())
    assert found["readable"] == 2
    assert sum(sum(counts.values()) for counts in found["groups"].values()) == 2
    assert all(one.startswith(("wrong", "unread")) for one in found["missed"])
    assert read_junk(2, 0)["with_a_value"] == []


def test_a_corpus_with_a_share_of_hard_pictures_costs_their_share() -> None:
    blank = Case("blank", np.full((64, 80), 90, np.uint8), None, 0.0)
    found = cascade_cost([*drawn_cases(2, 10), blank], 0.25)
    assert (found["easy"], found["hard"]) == (2, 1)
    assert found["mixed_cpu_ms"] == pytest.approx(0.75 * found["easy_cpu_ms"] + 0.25 * found["hard_cpu_ms"], abs=0.1)
