"""Slow, obvious twins of the inverse transform, in float64: one frame at a time. They import nothing of `fastspec`."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def forward(y: Array, n_fft: int, hop: int, window: Array) -> Array:
    """Spectra (signals, bins, frames) of all frames that lie in y, the first at its first sample."""
    count = 1 + (y.shape[-1] - n_fft) // hop
    D = np.zeros((len(y), n_fft // 2 + 1, count), np.complex128)
    for f in range(count):
        D[:, :, f] = np.fft.rfft(y[:, f * hop : f * hop + n_fft].astype(np.float64) * window)
    return D


def overlap_add(D: Array, n_fft: int, hop: int, window: Array) -> tuple[Array, Array, Array]:
    """Of whole signals: the sum of windowed frames, the sum of squared windows, and what errors are measured by.

    That is the sum of |window|, times the largest sample of any frame before it is windowed.
    """
    signals, _, frames = D.shape
    length = (frames - 1) * hop + n_fft
    total, energy, scale = np.zeros((signals, length)), np.zeros(length), np.zeros(length)
    largest = 0.0
    for f in range(frames):
        frame = np.fft.irfft(D[:, :, f].astype(np.complex128), n_fft)
        largest = max(largest, np.abs(frame).max(initial=0))
        total[:, f * hop : f * hop + n_fft] += frame * window
        energy[f * hop : f * hop + n_fft] += window**2
        scale[f * hop : f * hop + n_fft] += np.abs(window)
    return total, energy, scale * largest


def cut(x: Array, start: int, length: int) -> Array:
    """x[..., start : start + length], with zeros past the end."""
    found = x[..., start : start + length]
    return np.concatenate([found, np.zeros((*x.shape[:-1], length - found.shape[-1]))], -1)
