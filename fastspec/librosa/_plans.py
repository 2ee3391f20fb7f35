"""Plans by librosa's arguments, cached by their values, so that equal calls compute no tables again."""

import numbers
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import Array
from ..plan import STFT
from ._names import parameter_error, warn
from ._precision import is_double
from .filters import get_window
from .util.utils import is_positive_int

UNSUPPORTED_PAD_MODES = ("wrap", "maximum", "mean", "median", "minimum")
"""Padding modes whose values depend on more than the samples near the ends of the signal."""


class Transform(NamedTuple):
    """The arguments of a transform, as librosa's functions take them."""

    n_fft: int
    hop_length: int | None
    win_length: int | None
    window: Any
    center: bool
    pad_mode: Any = "constant"


class _WindowSamples(NamedTuple):
    """A window by its float64 samples, which can be hashed."""

    data: bytes


class _Plan(STFT):
    """A plan of librosa's functions, which say nothing of axes, as librosa's."""

    _warns_of_axes = False


@lru_cache(32)
def _build(transform: Transform, dtype: np.dtype[Any]) -> STFT:
    window = transform.window
    return _Plan(
        transform.n_fft,
        hop_length=transform.hop_length,
        win_length=transform.win_length,
        window=np.frombuffer(window.data) if isinstance(window, _WindowSamples) else window,
        center=transform.center,
        pad_mode=transform.pad_mode,
        dtype=dtype,
    )


def _window_key(window: Any, win_length: int) -> Hashable:
    """A window as a key of the cache: its name or, where it has none, its samples."""
    if isinstance(window, numbers.Real):
        return float(window)
    if isinstance(window, str | tuple):
        try:
            hash(window)
        except TypeError:
            pass
        else:
            return window
    return _WindowSamples(np.ascontiguousarray(get_window(window, win_length), np.float64).tobytes())


def build_plan(transform: Transform, dtype: np.dtype[Any]) -> STFT:
    """The plan of a transform; a window that is a function is evaluated at each call.

    Raises
    ------
    ValueError, TypeError
        For an invalid argument, by name.
    """
    win_length = transform.n_fft if transform.win_length is None else transform.win_length
    key = transform._replace(
        win_length=win_length,
        window=_window_key(transform.window, win_length),
        center=bool(transform.center),
        pad_mode=transform.pad_mode if transform.center and not _is_empty(transform.pad_mode) else "constant",
    )
    return _build(key, dtype)


def _is_empty(pad_mode: Any) -> bool:
    """Whether padding would be what memory holds: zeros are as good."""
    return isinstance(pad_mode, str) and pad_mode == "empty"


def plan_for_signal(y: Array, transform: Transform, dtype: np.dtype[Any]) -> STFT:
    """The plan to transform the signal y [shape=(..., n)], after librosa's checks.

    Raises
    ------
    ValueError, TypeError
        For an invalid argument, by name; for an uncentred signal shorter than n_fft.

    Warns
    -----
    UserWarning
        If the signal is shorter than n_fft.
    """
    n_fft, hop_length, pad_mode, n = transform.n_fft, transform.hop_length, transform.pad_mode, y.shape[-1]
    if hop_length is not None and not is_positive_int(hop_length):
        raise parameter_error(f"hop_length={hop_length} must be a positive integer")
    if transform.center and isinstance(pad_mode, str) and pad_mode in UNSUPPORTED_PAD_MODES:
        raise parameter_error(
            f"pad_mode={pad_mode!r} is not supported: padding may depend only on the samples near the signal's ends, "
            "as with 'constant', 'edge' or 'reflect'"
        )
    if n_fft > n:
        if not transform.center:
            raise parameter_error(f"n_fft={n_fft} is too large for uncentered analysis of input signal of length={n}")
        warn(f"n_fft={n_fft} is too large for input signal of length={n}")
    return build_plan(transform, dtype)


def count_frames_of_zeros(y: Array, plan: STFT) -> int | None:
    """The frames of signals without samples, which hold zeros, or of no signals at all; None if there are samples.

    Raises
    ------
    ValueError
        If there is no sample and the padding is not zeros, or is too short for a frame, as for odd n_fft.
    """
    if y.size:
        return None
    n = y.shape[-1]
    if n:
        return plan.n_frames(n)
    if plan.center and plan.pad_mode != "constant":
        raise parameter_error(f"y must hold at least one sample for pad_mode={plan.pad_mode!r}, got shape {y.shape}")
    if plan.n_fft % 2 or not plan.center:
        raise parameter_error(f"y must hold at least one sample for n_fft={plan.n_fft}, got shape {y.shape}")
    return 1


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to compute a result of `dtype` in: float32 if that is at least as precise, else float64."""
    single = dtype.itemsize <= (8 if dtype.kind == "c" else 4)
    return np.dtype(np.float32 if single else np.float64)


def transform_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of transforms to or from `dtype`: `working_dtype`, or float64 where double precision is set."""
    return np.dtype(np.float64) if is_double() else working_dtype(dtype)
