"""The slow, obvious twin of `fastspec.recovery.shifted`: float64, whole sums, correlations as sums of products."""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
FUTURE_ENERGY_WEIGHT, WINDOW_POWER = 0.01, 4


class Recovered(NamedTuple):
    """A signal, and how it was recovered."""

    y: Array  # the whole signal; frame f starts at sample f hop
    energy: Array  # sum of the squared windows at its samples
    offsets: list[int]
    clear: float  # least difference of a frame's best correlation and its second, relative to |z v**4| |x|


def sum_of_squares(window: Array, hop: int, frames_summed: range, size: int) -> Array:
    """The sum of the squared windows of these frames, `size` samples."""
    total = np.zeros(size)
    for f in frames_summed:
        overlap = total[f * hop : f * hop + len(window)]
        overlap += window[: len(overlap)] ** 2
    return total


def recover(S: Array, window: Array, hop: int) -> Recovered:
    """The signal of magnitudes (n_bins, n_frames)."""
    n, frames = len(window), S.shape[1]
    size = (frames - 1) * hop + n
    reach = -(-n // hop)
    total, weight = np.zeros(size), (window / np.abs(window).max()) ** WINDOW_POWER
    offsets, clear = [], np.inf
    for m in range(frames):
        samples = slice(m * hop, m * hop + n)
        past = sum_of_squares(window, hop, range(m), size + n)[samples]
        ahead = sum_of_squares(window, hop, range(m + 1, m + reach), size + n)[samples]
        energy = past + FUTURE_ENERGY_WEIGHT * (ahead + FUTURE_ENERGY_WEIGHT * window**2)
        g = weight * total[samples] / np.where(energy > 0, energy, 1)
        x = np.fft.irfft(S[:, m], n)
        R = np.array([g @ np.roll(x, o) for o in range(n)])
        if g.any() and x.any():
            offset = int(np.argmax(R))
            best, second = np.sort(R)[:-3:-1]
            clear = min(clear, (best - second) / np.linalg.norm(g) / np.linalg.norm(x))
        else:
            offset = n // 2
        total[samples] += window * np.roll(x, offset)
        offsets.append(offset)
    energy = sum_of_squares(window, hop, range(frames), size)
    return Recovered(total / np.where(energy > 0, energy, 1), energy, offsets, clear)
