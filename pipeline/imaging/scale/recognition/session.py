"""How the networks of this package are run: on one thread."""

from typing import Any


def one_thread_session(model: str | bytes) -> Any:
    """ONNX Runtime's session of a network, from its file's path or content.

    The workers share the cores already: a second thread here makes everything slower.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
