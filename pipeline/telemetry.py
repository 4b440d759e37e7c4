"""Nothing is sent home: the switches of the libraries that would, set before any of them is imported.

ONNX Runtime reports devices, models and paths, Ray its usage, the Hugging Face hub who loads what. `pipeline` sets the
switches when it is imported, and so does each worker process, actor and decoding child, since all their work is
imported from it; whatever else they start inherits them.
"""

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Where Ray's head would report that its reports are off: a port of this machine where nobody listens.
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Environment variables and what they are set to, whatever they were."""


def turn_off() -> None:
    """Set the switches in this process's environment."""
    os.environ.update(SWITCHES)
