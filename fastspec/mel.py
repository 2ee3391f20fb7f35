"""Mel scales, filter banks, and their way to and from spectrograms."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hz_to_mel(hz: ArrayLike) -> NDArray[np.float64]:
    """2595 log10(1 + hz / 700) (O'Shaughnessy, Speech Communication, 1987)."""
    return 2595 * np.log10(1 + np.asarray(hz) / 700.0)


def mel_to_hz(mel: ArrayLike) -> NDArray[np.float64]:
    """700 (10**(mel / 2595) - 1)."""
    return 700 * (10 ** (np.asarray(mel) / 2595.0) - 1)


def triangles(n_mels: int, n_fft: int, sr: float, fmin: float, fmax: float) -> NDArray[np.float64]:
    """Triangular filters, shape (n_mels, n_fft // 2): corners evenly spaced in mel, at bins floor((n_fft + 1) f / sr).

    Filter j rises from 0 at corner j to 1 at corner j + 1 and falls to 0 at corner j + 2.  Bins past n_fft // 2 - 1 are
    cut off.
    """
    corners = np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2)
    corners = np.floor((n_fft + 1) * mel_to_hz(corners) / sr)
    low, middle, high = (corners[i : n_mels + i, None] for i in range(3))
    k = np.arange(n_fft // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where((k >= low) & (k < middle), (k - low) / (middle - low), 0.0)
        return np.where((k >= middle) & (k < high), (high - k) / (high - middle), rising)


def normalised(bank: NDArray[np.floating]) -> NDArray[np.floating]:
    """The filters as columns, each divided by its sum; a filter narrower than a bin, which holds none, stays zero."""
    total = bank.sum(axis=1)
    empty = int(np.count_nonzero(total == 0))
    if empty:
        warnings.warn(
            f"{empty} of {len(bank)} mel filters are empty, narrower than a bin: use fewer or a larger fft_size",
            UserWarning,
            stacklevel=3,
        )
    return bank.T / np.where(total == 0, 1.0, total)


def resample_time(M: NDArray[np.floating], factor: float) -> NDArray[np.float16]:
    """The columns of M stretched by `factor` (cubic splines, scipy.ndimage.zoom in float32), as float16."""
    from scipy.ndimage import zoom

    return zoom(M.astype(np.float32), [1, factor]).astype(np.float16)
