"""Whatever happens to a run or to an index: the next run brings it to the very bits of a run that nothing happened to.

A case is a kind and a seed (`tests.faults.kinds`). After the fault comes a run without one, and then `verify` finds
nothing, arrays are the quiet run's, every file is in the ledger, the report is whole and of the newest work, and
garbage collection leaves nothing behind. ``make faults N=500`` runs many cases, the slow kinds too; every test run has
one of each of the others. ``make faults N=40 FIRST=80 RECORD=faults.jsonl`` runs a part of them, and its table counts
what earlier parts have recorded as well.
"""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.conftest import note
from tests.faults.kinds import KINDS, Kind, cases
from tests.faults.nursery import HungError
from tests.faults.world import FEW_REQUESTS, SETTINGS, LostError, World, recover
from tests.index.flaky_proxy import FlakyProxy, flaky_proxy

MANY = os.environ.get("SEMCORPUS_FAULTS")
FIRST = int(os.environ.get("SEMCORPUS_FAULTS_FIRST", "0"))
CASES = cases(int(MANY) if MANY else sum(not kind.slow for kind in KINDS), first=FIRST, all_kinds=MANY is not None)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[tuple[FlakyProxy, str]]:
    """A proxy that only the case's own runs go through."""
    with flaky_proxy(s3_endpoint) as made:
        yield made


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("kind", "seed"), CASES, ids=[f"{kind.name}-{seed}".replace(" ", "_") for kind, seed in CASES])
def test_nothing_is_lost_or_wrong(
    kind: Kind, seed: int, quiet: World, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    world = replace(quiet, folder=tmp_path, index=str(tmp_path / "index"))
    happen = _prepared(kind, world, request)  # what fails here, such as an engine's start, is no fault's doing
    outcome, seconds = "wrong", 0.0
    try:
        happen(random.Random(f"{kind.name} {seed}"))
        seconds = recover(world)
        outcome = "survived"
    except (HungError, TimeoutError):
        outcome = "hung"
        raise
    except LostError:
        outcome = "lost"
        raise
    finally:
        note(kind.name, seed, outcome, seconds)


def _prepared(kind: Kind, world: World, request: pytest.FixtureRequest) -> Callable[[random.Random], None]:
    """The fault, with all that it needs at work."""
    if kind.needs == "proxy":
        world.index = request.getfixturevalue("s3_prefix")
        made, address = request.getfixturevalue("proxy")
        # Everything that a run needs, since the nursery began before there was a bucket.
        world.environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        world.settings = (*SETTINGS, *FEW_REQUESTS)
        through = replace(world, environment=world.environment | {"AWS_ENDPOINT_URL": address})
        return lambda chance: kind.happen(through, chance, made)
    if kind.needs in ("dask", "ray"):
        engine = request.getfixturevalue("cluster").pick(kind.needs, seconds=1e9)
        return lambda chance: kind.happen(world, chance, engine)
    return lambda chance: kind.happen(world, chance)
