"""Mel scales: frequencies in Hz to mel, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LINEAR = 200.0 / 3  # Hz a mel below the corner
_CORNER = 1000.0
_LOG_STEP = np.log(6.4) / 27  # a mel above it


def hz_to_mel(hz: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Mels of frequencies.

    Slaney's scale (Auditory Toolbox, Interval Technical Report 1998-010): 3 hz / 200 up to 1000 Hz, then
    15 + 27 ln(hz / 1000) / ln 6.4.  With `htk` 2595 log10(1 + hz / 700) (O'Shaughnessy, Speech Communication, 1987).

    Parameters
    ----------
    hz : number or np.ndarray
        Frequencies in Hz.
    htk : bool

    Returns
    -------
    mel : np.ndarray of the same shape
    """
    f = np.asarray(hz, dtype=np.float64)
    if htk:
        return 2595 * np.log10(1 + f / 700.0)
    high = _CORNER / _LINEAR + np.log(np.maximum(f, _CORNER) / _CORNER) / _LOG_STEP
    return np.where(f >= _CORNER, high, f / _LINEAR)


def mel_to_hz(mel: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Frequencies of mels in Hz: the inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if htk:
        return 700 * (10 ** (m / 2595.0) - 1)
    corner = _CORNER / _LINEAR
    return np.where(m >= corner, _CORNER * np.exp(_LOG_STEP * np.maximum(m - corner, 0)), _LINEAR * m)


def mel_frequencies(
    n_mels: int = 128, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """n_mels frequencies in Hz from fmin to fmax, evenly spaced in mel."""
    return mel_to_hz(np.linspace(hz_to_mel(fmin, htk), hz_to_mel(fmax, htk), n_mels), htk)
