"""Compiled kernels: Numba waits for the first call, and they are pickled by name."""

import pickle
import subprocess
import sys

import numpy as np

from pipeline.kernels.union_find import find_root


def test_numba_waits_for_the_first_call() -> None:
    program = (
        "import sys, numpy as np\n"
        "import pipeline.stages.registry\n"
        "from pipeline.kernels.union_find import find_root\n"
        "assert not {'numba', 'scipy', 'onnxruntime', 'torch', 'ray', 'dask'} & set(sys.modules)\n"
        "assert find_root(np.array([0, 0, 1]), 2) == 0\n"
        "assert 'numba' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_kernel_is_pickled_by_name() -> None:
    again = pickle.loads(pickle.dumps(find_root))
    assert again is find_root
    assert again(np.array([0, 0, 1]), 2) == 0
    assert find_root.__doc__ is not None
