"""librosa.util.exceptions: ParameterError, librosa's own class where librosa is installed, imported when it is needed.

Errors of this package's functions are of a subclass of it that is also a ValueError.
"""

from typing import Any

from .._names import parameter_error_class, resolve


def __getattr__(name: str) -> Any:
    return parameter_error_class() if name == "ParameterError" else resolve(__name__, name)
