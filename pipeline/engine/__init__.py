"""Opening Dask and Ray and mapping work over them. Nobody else imports either.

An engine is anything with the two methods of `base.Engine`. `serial.py` is the readable reference: the others must give
the same results.
"""

from pipeline.engine.base import Engine, ReportPlace, WorkFailedError
from pipeline.engine.opening import EngineChoice, Engines

__all__ = ["Engine", "EngineChoice", "Engines", "ReportPlace", "WorkFailedError"]
