"""The slow, obvious twin of `fastspec.rtisi`: a signal at a time in float64, whole sums, no lanes, no state."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
MOMENTUM, TO_COME, PULSE, FADED = 0.99, 0.01, 2.0**-12, 1 / 256


def sum_of_squares(window: Array, hop: int, numbers: range, size: int) -> Array:
    """Of the windows of frames with these numbers, frame f starting at sample f hop, as far as `size`."""
    total = np.zeros(size)
    for f in numbers:
        part = total[f * hop : f * hop + len(window)]
        part += window[: len(part)] ** 2
    return total


def divided(x: Array, energy: Array, dtype: str) -> Array:
    return x / np.where(energy > np.finfo(dtype).tiny, energy, 1)


def phases(stretch: Array, S: Array, window: Array, dtype: str) -> Array:
    """A frame of magnitudes S with the phases of a windowed stretch, windowed again."""
    D = np.fft.rfft(stretch * window)
    least = np.sqrt(np.finfo(dtype).tiny)
    return np.fft.irfft(S * D / np.maximum(np.abs(D), least), len(window)) * window


def recover(S: Array, window: Array, hop: int, look_ahead: int, n_iter: int, dtype: str) -> Array:
    """The whole signal of magnitudes (n_bins, n_frames), whose frame f starts at sample f hop."""
    n, frames = len(window), S.shape[1]
    length = (frames - 1) * hop + n
    size = length + 2 * look_ahead * hop + 2 * n  # room for frames that never come
    y = np.zeros((frames, n))
    peak, fade = int(np.argmax(np.abs(window))), FADED ** (1 / (-(-n // hop) + look_ahead))
    for m in range(frames):
        ages = m + look_ahead - np.arange(min(m + look_ahead + 1, frames))
        level = max((fade**ages * S[:, : len(ages)].max(axis=0)).max(), np.finfo(dtype).tiny)
        there = range(m, min(m + look_ahead + 1, frames))
        energy = sum_of_squares(window, hop, range(there.stop), size)
        if there.stop == m + look_ahead + 1:  # the buffer is full: there may be more to come
            energy += TO_COME * sum_of_squares(window, hop, range(there.stop, there.stop + -(-n // hop)), size)
        before = np.zeros(size)
        for r in range(n_iter):
            total = np.zeros(size)
            for f in range(there.stop):
                total[f * hop : f * hop + n] += y[f]
            x = divided(total, energy, dtype)
            moved = x + MOMENTUM * (x - before) if r else x
            before = x
            for f in there:
                stretch = moved[f * hop : f * hop + n].copy()
                if r == 0 and (m == 0 or f == m + look_ahead):
                    stretch[peak] += PULSE * level
                y[f] = phases(stretch / level, S[:, f], window, dtype)
    total = np.zeros(length)
    for f in range(frames):
        total[f * hop : f * hop + n] += y[f]
    return divided(total, sum_of_squares(window, hop, range(frames), length), dtype)
