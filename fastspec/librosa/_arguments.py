"""What is wrong with the arguments of a call that has failed: the error names one, or tells them all.

librosa's functions fail where a wrong argument is first used, with the words of NumPy.  Nothing is checked before a
call, so that whatever librosa takes is taken.
"""

import math
import numbers
import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from .. import checks


class Rule(NamedTuple):
    """What an argument must be."""

    holds: Callable[[Any], bool]
    text: str


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real | np.number | np.bool_) and not isinstance(value, np.complexfloating)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _is_numeric(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fiubc"
    except (TypeError, ValueError):
        return False


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"


_SIZE = Rule(lambda value: _is_whole(value) and 0 < value < 1 << 48, "a whole number above 0, and below 2**48")
_MAYBE_SIZE = Rule(lambda value: value is None or _SIZE.holds(value), f"None or {_SIZE.text}")
_NUMBER = Rule(lambda value: _is_number(value) and math.isfinite(value), "a finite number")
_POSITIVE = Rule(lambda value: _NUMBER.holds(value) and value > 0, "a finite number above 0")
_MAYBE_NUMBER = Rule(lambda value: value is None or _NUMBER.holds(value), f"None or {_NUMBER.text}")
_NUMERIC = Rule(_is_numeric, "a number, or an array of numbers")
_ARRAY = Rule(_is_array, "a NumPy array of numbers")
_MAYBE_ARRAY = Rule(lambda value: value is None or _is_array(value), _ARRAY.text)
_WHOLE = Rule(_is_whole, "a whole number")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("frame_length", "block_length", "size", "Nx", "n_mels", "n_mfcc", "ndim"), _SIZE),
    **dict.fromkeys(("n_fft", "hop_length", "win_length", "length"), _MAYBE_SIZE),
    **dict.fromkeys(("n_iter", "axis", "dct_type"), _WHOLE),
    **dict.fromkeys(("sr", "power", "amin"), _POSITIVE),
    **dict.fromkeys(("fmin", "momentum", "lifter"), _NUMBER),
    **dict.fromkeys(("fmax", "top_db", "threshold"), _MAYBE_NUMBER),
    **dict.fromkeys(("frames", "samples", "times", "blocks", "frequencies", "mels", "S_db", "mfcc", "x"), _NUMERIC),
    **dict.fromkeys(("stft_matrix", "D", "M", "data"), _ARRAY),
    **dict.fromkeys(("y", "S"), _MAYBE_ARRAY),
}


def explain(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], error: Exception) -> str:
    """The text of an error of a call, so that it names an argument."""
    text = str(error)
    try:
        bound = signature(function).bind(*args, **options).arguments
    except TypeError:  # it names what is missing or unexpected
        return text
    values = {**bound, **bound.pop("kwargs", {})}
    if not isinstance(error, AttributeError) and any(re.search(rf"\b{name}\b", text) for name in values):
        return text
    for name, value in values.items():
        rule = RULES.get(name)
        if rule is not None and not rule.holds(value):
            return f"{name} must be {rule.text}, got {checks.shown(value)}: {text}"
    listed = ", ".join(f"{name}={checks.shown(value)}" for name, value in values.items())
    return f"{text}; the arguments must fit together, got {listed}"
