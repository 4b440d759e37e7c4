"""Which families the heap has: rounds of about a hundred files in fixed shares, until there are enough."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ROUND: Final = (
    ("pair", 30),
    ("lossless alone", 3),
    ("other alone", 4),
    ("copy", 2),
    ("hard link", 1),
    ("symbolic link", 1),
    ("lossless", 2),
    ("near", 1),
    ("other bar", 1),
    ("crop", 1),
    ("thumbnail", 1),
    ("sisters", 1),
    ("empty", 3),
    ("document", 1),
    ("bad", 2),
)


@dataclass(frozen=True, slots=True)
class PlannedFamily:
    """A family: its kind, its number in the heap, and its turn among the families of its kind."""

    kind: str
    number: int
    turn: int


def families() -> Iterator[PlannedFamily]:
    """The families in their order, without an end."""
    turns = dict.fromkeys((kind for kind, _ in _ROUND), 0)
    number = 0
    while True:
        for kind, count in _ROUND:
            for _ in range(count):
                yield PlannedFamily(kind, number, turns[kind])
                turns[kind] += 1
                number += 1
