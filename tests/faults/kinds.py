"""Every kind of fault: a function that lets it happen to a world, and what it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.faults.bucket import BUCKET
from tests.faults.clusters import ON_THE_SESSIONS_DASK, ON_THE_SESSIONS_RAY
from tests.faults.damage import DAMAGE
from tests.faults.file_system import FILE_SYSTEM
from tests.faults.own_engines import ON_THEIR_OWN
from tests.faults.processes import PROCESSES

Needs = Literal["nothing", "proxy", "dask", "ray"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A name, the function, the fixture that it gets besides, and whether it takes too long for every test run."""

    name: str
    happen: Callable[..., None]
    needs: Needs = "nothing"
    slow: bool = False


def _named(functions: tuple[Callable[..., None], ...]) -> list[Kind]:
    return [Kind(function.__name__.replace("_", " "), function) for function in functions]


KINDS: tuple[Kind, ...] = (
    *_named(FILE_SYSTEM),
    *_named(PROCESSES),
    *(Kind(name, happen) for name, happen in DAMAGE.items()),
    *(Kind(name, happen, "proxy", slow=name != "S3 loses replies") for name, happen in BUCKET.items()),
    *(Kind(name, happen, "dask", slow=True) for name, happen in ON_THE_SESSIONS_DASK.items()),
    *(Kind(name, happen, "ray", slow=True) for name, happen in ON_THE_SESSIONS_RAY.items()),
    *(Kind(name, happen, slow=True) for name, happen in ON_THEIR_OWN.items()),
)


def cases(number: int, *, first: int = 0, all_kinds: bool) -> list[tuple[Kind, Any]]:
    """So many cases (a kind and a seed) from a ``first`` one on, every kind in turn."""
    kinds = [kind for kind in KINDS if all_kinds or not kind.slow]
    return [(kinds[n % len(kinds)], n // len(kinds)) for n in range(first, first + number)]
