"""The one way in which kernels are compiled: Numba, cached on disk, strict IEEE arithmetic, one thread.

Kernels do not start threads of their own. Work is spread over row blocks by the engines, whose tasks may
run in threads (``nogil`` lets them overlap) or in processes; Numba's own thread pool is not safe to enter
from two threads at a time. Without fast-math and without contraction a kernel gives the same bits on every
machine.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function with Numba's nopython mode, keeping its type for the type checker."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
