"""A network of Torch run by ONNX Runtime: on a processor it takes half the time of Torch, and the same bits every time.

One picture is one call, so that no vector depends on the pictures beside it.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.errors import UsageError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded

import onnxruntime

_TOLERANCE = 1e-3


class OnnxNetwork:
    """Calls a network that was converted once.

    Parameters
    ----------
    module : nn.Module
        Gray pictures uint8 [1, H, W] to a float tensor [1, dimension]; on the processor, in evaluation mode.
    name : str
        For errors.
    side : int
        A side in pixels that the module takes. Pictures have sides of multiples of 32, or of this one.
    any_size : bool
        Whether it takes pictures of other sides, too; the conversion is checked on one.

    Raises
    ------
    UsageError
        The network cannot be converted, or the converted one gives other features.
    """

    def __init__(self, module: nn.Module, *, name: str, side: int, any_size: bool) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        data = _converted(module, name, side, any_size)
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._check(module, name, (2 * side, side) if any_size else (side, side))

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features, float32 [dimension], of one gray picture, uint8 [H, W]."""
        found = self._session.run(None, {"pictures": picture[None]})[0]
        return np.asarray(found[0], np.float32)

    def _check(self, module: nn.Module, name: str, shape: tuple[int, int]) -> None:
        picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        with torch.inference_mode():
            expected = module(torch.from_numpy(picture[None]))[0].numpy()
        worst = float(np.abs(self(picture) - expected).max())
        if worst > _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise UsageError(
                f"The network {name!r} has other features under ONNX Runtime (by {worst:.3g}); "
                "set embed.runtime = 'torch' for it."
            )


def _converted(module: nn.Module, name: str, side: int, any_size: bool) -> bytes:
    picture = torch.zeros((1, side, side), dtype=torch.uint8)
    try:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
            # The tracing exporter is deprecated; the other needs onnxscript and takes half a minute.
            warnings.simplefilter("ignore")
            file = Path(folder) / "network.onnx"
            torch.onnx.export(
                module,
                (picture,),
                file,
                dynamo=False,
                input_names=["pictures"],
                output_names=["features"],
                dynamic_axes={"pictures": {1: "height", 2: "width"}} if any_size else None,
            )
            return file.read_bytes()
    except Exception as error:  # the exporter lets errors of several kinds through
        raise UsageError(
            f"The network {name!r} cannot be converted for ONNX Runtime ({str(error).splitlines()[0]}); "
            "set embed.runtime = 'torch' for it."
        ) from error
