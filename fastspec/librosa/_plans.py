"""Plans of transforms by librosa's arguments; kept, so that calls with equal ones build no tables again."""

import numbers
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..plan import STFT
from ._names import parameter_error, warn
from .filters import get_window
from .util.utils import is_positive_int

UNSUPPORTED = ("wrap", "maximum", "mean", "median", "minimum")
"""Ways of padding that look further into the signal than its ends."""


class _Values(NamedTuple):
    """A window by its float64 samples."""

    samples: bytes


@lru_cache(32)
def _plan(
    n_fft: int, hop: int | None, win: int, window: Any, center: bool, pad_mode: Any, dtype: np.dtype[Any]
) -> STFT:
    given = np.frombuffer(window.samples) if isinstance(window, _Values) else window
    return STFT(n_fft, hop_length=hop, win_length=win, window=given, center=center, pad_mode=pad_mode, dtype=dtype)


def _key(window: Any, win_length: int) -> Hashable:
    """A window as what it can be looked up by: its name or, where it has none, its samples."""
    if isinstance(window, numbers.Real):
        return float(window)
    if isinstance(window, str | tuple):
        try:
            hash(window)
        except TypeError:
            pass
        else:
            return window
    return _Values(np.ascontiguousarray(get_window(window, win_length), np.float64).tobytes())


def plan(
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Any,
    dtype: np.dtype[Any],
    *,
    center: bool,
    pad_mode: Any = "constant",
) -> STFT:
    """The plan of these arguments; a window that is a function is called anew each time.

    Raises
    ------
    ValueError, TypeError
        For arguments without sense, by name.
    """
    win = n_fft if win_length is None else win_length
    if not center:
        pad_mode = "constant"
    return _plan(n_fft, hop_length, win, _key(window, win), bool(center), pad_mode, dtype)


def analysis(
    y: NDArray[Any],
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Any,
    dtype: np.dtype[Any],
    *,
    center: bool,
    pad_mode: Any,
) -> STFT:
    """The plan to analyse the signal y with, after librosa's checks.

    Raises
    ------
    ValueError, TypeError
        For arguments without sense, by name; for an uncentred signal shorter than n_fft.

    Warns
    -----
    UserWarning
        If the signal is shorter than n_fft.
    """
    error = parameter_error()
    if hop_length is not None and not is_positive_int(hop_length):
        raise error(f"hop_length={hop_length} must be a positive integer")
    if center and isinstance(pad_mode, str) and pad_mode in UNSUPPORTED:
        raise error(f"pad_mode={pad_mode!r} is not supported: the ends of the signal alone may decide on the padding")
    if n_fft > y.shape[-1]:
        if not center:
            raise error(f"n_fft={n_fft} is too large for uncentered analysis of input signal of length={y.shape[-1]}")
        warn(f"n_fft={n_fft} is too large for input signal of length={y.shape[-1]}")
    return plan(n_fft, hop_length, win_length, window, dtype, center=center, pad_mode=pad_mode)


def precision(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What is computed in for a result of this dtype: float32 if it is no more precise than that, else float64."""
    single = dtype.itemsize <= (8 if dtype.kind == "c" else 4)
    return np.dtype(np.float32 if single else np.float64)
