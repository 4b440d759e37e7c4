"""The one way in which kernels are compiled: Numba, cached on disk, strict IEEE arithmetic, one thread.

Kernels do not start threads of their own. Work is spread over row blocks by the engines, whose tasks may
run in threads (``nogil`` lets them overlap) or in processes; Numba's own thread pool is not safe to enter
from two threads at a time. Without fast-math and without contraction a kernel gives the same bits on every
machine.

Numba itself takes half a second to import: it waits for the first call, which many a command never makes.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


class _Compiled:
    """A function that Numba compiles when it is first called, by Python or from another compiled one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *args: object) -> object:
        return self._dispatcher(*args)

    @cached_property
    def _dispatcher(self) -> Any:
        import numba

        return numba.njit(cache=True, nogil=True, error_model="numpy")(self._function)

    @property
    def _numba_type_(self) -> object:
        """What Numba asks of an object that it meets in the code of another function."""
        return self._dispatcher._numba_type_

    def __reduce__(self) -> str:
        """Pickled as functions are: by name."""
        return self._function.__qualname__


def compiled(function: Function) -> Function:
    """Compile a function with Numba's nopython mode, keeping its type for the type checker."""
    return cast(Function, _Compiled(function))
