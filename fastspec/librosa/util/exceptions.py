"""librosa.util.exceptions: ParameterError, a subclass of librosa's, whose import waits until it is first needed."""

from typing import Any

from .._names import parameter_error_class, resolve


def __getattr__(name: str) -> Any:
    return parameter_error_class() if name == "ParameterError" else resolve(__name__, name)
