"""Magnitudes and phases to complex numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import plain
from ..kernels import polar as kernels
from ..kernels.calls import new_board
from ..kernels.jit import team_size

Array = NDArray[Any]

CHUNK = 1 << 14  # numbers a work item


def by_frames(S: Array) -> Array:
    """S (..., bins, frames) as numbers in a row, the bins of a frame side by side; a copy only where it must be one."""
    return plain(np.ascontiguousarray(S.swapaxes(-1, -2)).reshape(-1))


def polar(S: Array, phase: Array) -> Array:
    """S exp(i phase).

    Parameters
    ----------
    S, phase : np.ndarray [shape=(..., n_bins, n_frames)]
        Magnitudes and radians, of one shape and dtype, float32 or float64, in any order of memory.

    Returns
    -------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
        complex64 or complex128, the bins of a frame side by side; for phases up to 1e5 right to S times a unit in the
        last place of 1.
    """
    *leading, bins, frames = S.shape
    out = np.empty((*leading, frames, bins), np.result_type(S.dtype, np.complex64))
    flat = out.reshape(-1).view(S.dtype)
    kernels.turn(-(-S.size // CHUNK), team_size(), new_board(), by_frames(S), by_frames(phase), CHUNK, flat,
                 work=10 * S.size)  # fmt: skip
    return out.swapaxes(-1, -2)
