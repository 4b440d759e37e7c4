"""The one thing that an algorithm over blocks of rows asks of whoever runs it: a function like the builtin `map`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

MapTasks = Callable[[Callable[[Any], Any], Sequence[object]], Iterable[Any]]
"""Apply a function to every task, wherever; the results in the tasks' order: the builtin `map`, or an engine's."""
