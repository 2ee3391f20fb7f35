"""What methods of phase share: constants of windows, complex numbers from magnitudes and phases."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Real
from ..checks import writable_view
from ..kernels.recovery import phase as kernels
from ..kernels.runtime.tasks import run_items
from ..plan import STFT


def gaussian_constant(window: NDArray[np.float64]) -> float:
    """gamma of the Gaussian g = exp(-pi t**2 / gamma) that is most similar to the window w, both about its centre.

    The similarity is the cosine <g, w> / (|g| |w|).  gamma = C n**2 for n samples has
    C = 0.2489 for Hann, 0.2973 for Hamming, 0.1768 for Blackman; Průša, Balazs & Søndergaard (2017), who match widths,
    have 0.2565, 0.2979 and 0.1795.
    """
    return _gaussian_constant(np.asarray(window, np.float64).tobytes())


@lru_cache(64)
def _gaussian_constant(window: bytes) -> float:
    """`gaussian_constant` of the bytes of a window, which can be a key of the cache."""
    w = np.frombuffer(window)
    square = (np.arange(len(w)) - window_centre(w)) ** 2

    def similarity(exponent: float) -> float:
        g = np.exp(-math.pi * square * math.exp(-exponent))
        return float(g @ w / np.sqrt(g @ g))

    low, high = math.log(1e-2), math.log(100 * len(w) ** 2)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(64):  # golden section
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if similarity(a) > similarity(b) else (a, high)
    return math.exp((low + high) / 2)


def window_centre(window: NDArray[np.float64]) -> float:
    """The centre c of a window: the mean sample, weighted by w**2."""
    energy = np.square(window)
    total = energy.sum()
    return float(energy @ np.arange(len(window)) / total) if total > 0 else len(window) / 2


def centre_phase(plan: STFT) -> Array:
    """2 pi c k / n_fft mod 2 pi of each bin k: phases about the window's centre c minus phases about sample 0."""
    cycles = np.mod(window_centre(plan.window) * np.arange(plan.n_bins) / plan.n_fft, 1)
    return (2 * np.pi * cycles).astype(plan.dtype)


ITEM_VALUES = 1 << 14  # of an item of `run_items`


def flatten_by_frames(S: Array) -> Array:
    """S (..., bins, frames) as a flat array, the bins of a frame contiguous; a copy only if they are not so in S."""
    return writable_view(np.ascontiguousarray(S.swapaxes(-1, -2)).reshape(-1))


def polar(S: Array, phase: Array) -> Array:
    """S exp(i phase).

    Parameters
    ----------
    S, phase : np.ndarray [shape=(..., n_bins, n_frames)]
        Magnitudes and radians, of one shape and dtype, float32 or float64, in any order of memory.

    Returns
    -------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
        complex64 or complex128, the bins of a frame contiguous; for phases up to 1e5 the error is at most S eps.
    """
    *leading, bins, frames = S.shape
    out = np.empty((*leading, frames, bins), np.result_type(S.dtype, np.complex64))
    flat = out.reshape(-1).view(S.dtype)
    args = kernels.PolarArgs(S=flatten_by_frames(S), phase=flatten_by_frames(phase), out=flat, item_values=ITEM_VALUES)
    items, work = -(-S.size // ITEM_VALUES), 30 * S.size
    run_items(kernels.polar_to_complex, S.dtype, items, kernels.LAYOUT.pack(args), work=work)
    return out.swapaxes(-1, -2)


class PhasePrefix(NamedTuple):
    """Fixed phases of the first frames."""

    phase: Real  # (signals, n_bins, frames)
    n_fitted: int  # number of the last of these frames to which trees of "pghi" are rotated
