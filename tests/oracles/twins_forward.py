"""The short-time Fourier transform, slowly: plain NumPy in float64, a frame at a time; the oracle of the tests.

It checks nothing and imports nothing of `fastspec`.
"""

from typing import Any

import numpy as np
import scipy.signal

Array = np.ndarray[Any, np.dtype[Any]]

FLOORS = {"ln": 1e-5, "log10": 1e-10, "whisper": 1e-10}


def window_of(window: Any, win_length: int, n_fft: int) -> Array:
    """`window` of win_length samples in the middle of n_fft zeros (one more zero after it than before)."""
    if callable(window):
        w = np.asarray(window(win_length), np.float64)
    elif isinstance(window, str | tuple | float):
        w = scipy.signal.get_window(window, win_length, fftbins=True)
    else:
        w = np.asarray(window, np.float64)
    before = (n_fft - win_length) // 2
    return np.concatenate([np.zeros(before), w, np.zeros(n_fft - win_length - before)])


def frames_of(y: Array, n_fft: int, hop_length: int, center: bool, pad_mode: Any) -> Array:
    """(..., n_frames, n_fft): what the frames hold before the window."""
    x = np.asarray(y, np.float64)
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], pad_mode)
    count = 1 + (x.shape[-1] - n_fft) // hop_length
    return np.stack([x[..., f * hop_length : f * hop_length + n_fft] for f in range(count)], axis=-2)


def stft(
    y: Array,
    n_fft: int,
    *,
    hop_length: int,
    win_length: int,
    window: Any = "hann",
    center: bool = True,
    pad_mode: Any = "constant",
) -> Array:
    """D, complex128 of shape (..., n_bins, n_frames)."""
    framed = frames_of(y, n_fft, hop_length, center, pad_mode) * window_of(window, win_length, n_fft)
    return np.fft.rfft(framed).swapaxes(-1, -2)


def floored(M: Array, log: str, power: float) -> Array:
    """What the logarithm is taken of."""
    return np.maximum(M, 1e-5**power if log == "db" else FLOORS[log])


def whisper(M: Array) -> Array:
    """log10 without the last frame, at most 8 below the largest of its signal, then (x + 4) / 4."""
    L = np.log10(np.maximum(M, FLOORS["whisper"]))[..., :-1]
    return np.maximum(L, L.max(axis=(-2, -1), keepdims=True) - 8) / 4 + 1
