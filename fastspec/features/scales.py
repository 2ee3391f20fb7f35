"""Mel scales: frequencies in Hz to mel, and back."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._typing import Array

_HZ_PER_MEL = 200.0 / 3  # of the linear part of Slaney's scale, below _CORNER_HZ
_CORNER_HZ = 1000.0
_CORNER_MEL = _CORNER_HZ / _HZ_PER_MEL
_LOG_HZ_PER_MEL = float(np.log(6.4) / 27)  # of its logarithmic part, above _CORNER_HZ


def hz_to_mel(hz: ArrayLike, htk: bool = False) -> Any:
    """Hz to mel.

    Slaney's scale (Auditory Toolbox, Interval Technical Report 1998-010): 3 hz / 200 up to 1000 Hz, then
    15 + 27 ln(hz / 1000) / ln 6.4.  With `htk` 2595 log10(1 + hz / 700) (O'Shaughnessy, Speech Communication, 1987).

    Parameters
    ----------
    hz : number or np.ndarray
        Frequencies in Hz; masked arrays keep their masks.
    htk : bool

    Returns
    -------
    mel : np.float64, or np.ndarray [shape of hz, dtype=float64]
    """
    f = _as_float64(hz)
    if htk:
        return 2595 * np.log10(1 + f / 700.0)
    return _join(f / _HZ_PER_MEL, f, _CORNER_HZ, lambda high: _CORNER_MEL + np.log(high / _CORNER_HZ) / _LOG_HZ_PER_MEL)


def mel_to_hz(mel: ArrayLike, htk: bool = False) -> Any:
    """Mel to Hz: the inverse of `hz_to_mel`."""
    m = _as_float64(mel)
    if htk:
        return 700 * (10 ** (m / 2595.0) - 1)
    return _join(
        m * _HZ_PER_MEL, m, _CORNER_MEL, lambda high: _CORNER_HZ * np.exp(_LOG_HZ_PER_MEL * (high - _CORNER_MEL))
    )


def mel_frequencies(n_mels: int = 128, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False) -> Array:
    """n_mels frequencies in Hz from fmin to fmax, evenly spaced in mel."""
    return mel_to_hz(np.linspace(hz_to_mel(fmin, htk), hz_to_mel(fmax, htk), n_mels), htk)


def _as_float64(x: ArrayLike) -> Any:
    """np.float64 of a number, else an array."""
    if isinstance(x, float):
        return np.float64(x)
    return np.asanyarray(x, dtype=np.float64)[()]


def _join(low: Any, x: Any, corner: float, function: Callable[[Any], Any]) -> Any:
    """`low`, and function(x) where x is at the corner or above it."""
    if not x.ndim:
        return function(x) if x >= corner else low
    is_high = x >= corner
    low[is_high] = function(x[is_high])
    return low
