"""Mel scales: frequencies in Hz to mel, and back."""

import numpy as np
from numpy.typing import ArrayLike

from .._typing import Array

_HZ_PER_MEL = 200.0 / 3  # of the linear part of Slaney's scale, below _CORNER_HZ
_CORNER_HZ = 1000.0
_LOG_HZ_PER_MEL = np.log(6.4) / 27  # of its logarithmic part, above _CORNER_HZ


def hz_to_mel(hz: ArrayLike, htk: bool = False) -> Array:
    """Hz to mel.

    Slaney's scale (Auditory Toolbox, Interval Technical Report 1998-010): 3 hz / 200 up to 1000 Hz, then
    15 + 27 ln(hz / 1000) / ln 6.4.  With `htk` 2595 log10(1 + hz / 700) (O'Shaughnessy, Speech Communication, 1987).

    Parameters
    ----------
    hz : number or np.ndarray
        Frequencies in Hz.
    htk : bool

    Returns
    -------
    mel : np.ndarray [shape of hz, dtype=float64]
    """
    f = np.asarray(hz, dtype=np.float64)
    if htk:
        return 2595 * np.log10(1 + f / 700.0)
    high = _CORNER_HZ / _HZ_PER_MEL + np.log(np.maximum(f, _CORNER_HZ) / _CORNER_HZ) / _LOG_HZ_PER_MEL
    return np.where(f >= _CORNER_HZ, high, f / _HZ_PER_MEL)


def mel_to_hz(mel: ArrayLike, htk: bool = False) -> Array:
    """Mel to Hz: the inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if htk:
        return 700 * (10 ** (m / 2595.0) - 1)
    corner = _CORNER_HZ / _HZ_PER_MEL
    return np.where(m >= corner, _CORNER_HZ * np.exp(_LOG_HZ_PER_MEL * np.maximum(m - corner, 0)), _HZ_PER_MEL * m)


def mel_frequencies(n_mels: int = 128, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False) -> Array:
    """n_mels frequencies in Hz from fmin to fmax, evenly spaced in mel."""
    return mel_to_hz(np.linspace(hz_to_mel(fmin, htk), hz_to_mel(fmax, htk), n_mels), htk)
