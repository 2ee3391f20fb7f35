"""Sizes, counts and windows of framed signals; computed in one place, for both directions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frame_count(n: int, n_fft: int, hop_length: int) -> int:
    """Frames of the notebook's framing: n samples, zero-padded by n_fft - n mod n_fft (a whole window at most).

    The notebook takes (padded - n_fft) // hop_length of them, one fewer than fit; here there is always at least one.
    """
    padded = n + n_fft - n % n_fft
    return max(1, (padded - n_fft) // hop_length)


def hamming(n: int) -> NDArray[np.float64]:
    """The symmetric Hamming window, 0.54 - 0.46 cos(2 pi k / (n - 1)); one sample is 1."""
    if n == 1:
        return np.ones(1)
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def window_sum(window: NDArray[np.float64], frames: int, hop_length: int) -> NDArray[np.float64]:
    """Sum of the windows of all frames, as long as hop_length * frames + len(window)."""
    size = len(window)
    runs = -(-size // hop_length)
    chunks = np.zeros(runs * hop_length)
    chunks[:size] = window
    total = np.zeros((frames + runs, hop_length))
    for q, chunk in enumerate(chunks.reshape(runs, hop_length)):
        total[q : q + frames] += chunk
    return total.ravel()[: hop_length * frames + size]


def comfortable_scale(largest: float, dtype: np.dtype[Any]) -> float:
    """A power of two that brings numbers up to `largest` well inside float32; 1 where they are there already."""
    if largest == 0 or 2.0**-40 < largest < 2.0**40:
        return 1.0
    limit = np.finfo(dtype).maxexp - 8
    return 2.0 ** -int(np.clip(np.frexp(largest)[1], -limit, limit))
