"""The benchmark of embedding times the stage and the bare loop over the same pictures."""

import pytest

from benchmarks.embed import measure


def test_measures_the_stage_beside_the_bare_loop() -> None:
    found = measure("test_resnet", 6, batch=4)
    assert (found["side"], found["pictures"]) == (160, 6)
    assert found["ratio"]["cpu"] == pytest.approx(
        found["stage_a_second"]["cpu"] / found["bare_a_second"]["cpu"], rel=0.1
    )
