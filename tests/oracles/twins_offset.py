"""The slow, obvious twin of `offset_start`: a signal in float64, whole sums, correlations as sums of products."""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
TO_COME, POWER = 0.01, 4


class Made(NamedTuple):
    y: Array  # the whole signal; frame f starts at sample f hop
    energy: Array  # sum of the squared windows there
    offsets: list[int]
    clear: float  # by how much the best correlation of any frame leads, as a share of |z v**4| |x|


def sum_of_squares(window: Array, hop: int, numbers: range, size: int) -> Array:
    """Of the windows of frames with these numbers, as far as `size`."""
    total = np.zeros(size)
    for f in numbers:
        part = total[f * hop : f * hop + len(window)]
        part += window[: len(part)] ** 2
    return total


def recover(S: Array, window: Array, hop: int) -> Made:
    """From magnitudes (n_bins, n_frames)."""
    n, frames = len(window), S.shape[1]
    size = (frames - 1) * hop + n
    reach = -(-n // hop)
    total, weight = np.zeros(size), (window / np.abs(window).max()) ** POWER
    offsets, clear = [], np.inf
    for m in range(frames):
        here = slice(m * hop, m * hop + n)
        past = sum_of_squares(window, hop, range(m), size + n)[here]
        ahead = sum_of_squares(window, hop, range(m + 1, m + reach), size + n)[here]
        energy = past + TO_COME * (ahead + TO_COME * window**2)
        g = weight * total[here] / np.where(energy > 0, energy, 1)
        x = np.fft.irfft(S[:, m], n)
        R = np.array([g @ np.roll(x, o) for o in range(n)])
        if g.any() and x.any():
            offset = int(np.argmax(R))
            best, other = np.sort(R)[:-3:-1]
            clear = min(clear, (best - other) / np.linalg.norm(g) / np.linalg.norm(x))
        else:
            offset = n // 2
        total[here] += window * np.roll(x, offset)
        offsets.append(offset)
    energy = sum_of_squares(window, hop, range(frames), size)
    return Made(total / np.where(energy > 0, energy, 1), energy, offsets, clear)
