"""librosa.util.exceptions: the class of errors about arguments, made when it is first asked for or raised."""

from typing import Any

from .._names import find, parameter_error


def __getattr__(name: str) -> Any:
    return parameter_error() if name == "ParameterError" else find(__name__, name)
