"""The slow, obvious twin of `fastspec.recovery.rtisi`: one signal in float64, whole sums, no lanes, no state."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
MOMENTUM, FUTURE_ENERGY_WEIGHT, PULSE, FADED_LEVEL = 0.99, 0.01, 2.0**-12, 1 / 256


def sum_of_squares(window: Array, hop: int, frames_summed: range, size: int) -> Array:
    """The sum of the squared windows of these frames, `size` samples; frame f starts at sample f hop."""
    total = np.zeros(size)
    for f in frames_summed:
        overlap = total[f * hop : f * hop + len(window)]
        overlap += window[: len(overlap)] ** 2
    return total


def normalize(x: Array, energy: Array, dtype: str) -> Array:
    return x / np.where(energy > np.finfo(dtype).tiny, energy, 1)


def phases(excerpt: Array, S: Array, window: Array, dtype: str) -> Array:
    """A frame of magnitudes S with the phases of a windowed excerpt, windowed again."""
    D = np.fft.rfft(excerpt * window)
    least = np.sqrt(np.finfo(dtype).tiny)
    return np.fft.irfft(S * D / np.maximum(np.abs(D), least), len(window)) * window


def recover(S: Array, window: Array, hop: int, look_ahead: int, n_iter: int, dtype: str) -> Array:
    """The whole signal of magnitudes (n_bins, n_frames), whose frame f starts at sample f hop."""
    n, frames = len(window), S.shape[1]
    length = (frames - 1) * hop + n
    size = length + 2 * look_ahead * hop + 2 * n  # space for frames after the last
    y = np.zeros((frames, n))
    peak, decay = int(np.argmax(np.abs(window))), FADED_LEVEL ** (1 / (-(-n // hop) + look_ahead))
    for m in range(frames):
        ages = m + look_ahead - np.arange(min(m + look_ahead + 1, frames))
        level = max((decay**ages * S[:, : len(ages)].max(axis=0)).max(), np.finfo(dtype).tiny)
        buffered = range(m, min(m + look_ahead + 1, frames))
        energy = sum_of_squares(window, hop, range(buffered.stop), size)
        if buffered.stop == m + look_ahead + 1:  # the buffer is full: later frames may follow
            energy += FUTURE_ENERGY_WEIGHT * sum_of_squares(
                window, hop, range(buffered.stop, buffered.stop + -(-n // hop)), size
            )
        before = np.zeros(size)
        for r in range(n_iter):
            total = np.zeros(size)
            for f in range(buffered.stop):
                total[f * hop : f * hop + n] += y[f]
            x = normalize(total, energy, dtype)
            x_ahead = x + MOMENTUM * (x - before) if r else x
            before = x
            for f in buffered:
                excerpt = x_ahead[f * hop : f * hop + n].copy()
                if r == 0 and (m == 0 or f == m + look_ahead):
                    excerpt[peak] += PULSE * level
                y[f] = phases(excerpt / level, S[:, f], window, dtype)
    total = np.zeros(length)
    for f in range(frames):
        total[f * hop : f * hop + n] += y[f]
    return normalize(total, sum_of_squares(window, hop, range(frames), length), dtype)
