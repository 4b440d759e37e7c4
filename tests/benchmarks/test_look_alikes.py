"""The benchmark of the search for look-alikes runs, at a tiny size."""

import numpy as np
import pytest

from benchmarks.look_alikes import KINDS, draw, main, measure


def test_measures_every_kind() -> None:
    found = measure(200, kinds=list(KINDS), added=20)
    assert found["copies"]["pairs"] == 100
    assert found["empty"]["pairs"] > 0
    assert found["particles"]["seconds"] >= 0
    assert found["machine"]["processor"]


@pytest.mark.parametrize("kind", KINDS)
def test_draws_the_same_pictures_again(kind: str) -> None:
    assert draw(kind, 5000).shape == (5000, 768)
    assert np.array_equal(draw(kind, 300), draw(kind, 300))


def test_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pictures", "100", "--added", "5", "--kinds", "empty"])
    assert '"seconds_added"' in capsys.readouterr().out
