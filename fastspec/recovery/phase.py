"""Magnitudes and phases to complex numbers."""

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
    """gamma of the Gaussian exp(-pi t**2 / gamma) that is most like the window, both about the window's middle.

    Most like: the cosine of the angle between the two, as vectors, is largest.  gamma = C n**2 for n samples has
    C = 0.2489 for Hann, 0.2973 for Hamming, 0.1768 for Blackman; Průša, Balazs & Søndergaard (2017), who match widths,
    have 0.2565, 0.2979 and 0.1795.
    """
    return _gaussian_constant(np.asarray(window, np.float64).tobytes())


@lru_cache(64)
def _gaussian_constant(window: bytes) -> float:
    w = np.frombuffer(window)
    square = (np.arange(len(w)) - middle_of(w)) ** 2

    def likeness(exponent: float) -> float:
        g = np.exp(-math.pi * square * math.exp(-exponent))
        return float(g @ w / np.sqrt(g @ g))

    low, high = math.log(1e-2), math.log(100 * len(w) ** 2)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(64):  # golden section
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if likeness(a) > likeness(b) else (a, high)
    return math.exp((low + high) / 2)


def middle_of(window: NDArray[np.float64]) -> float:
    """The sample about which the energy of the window lies."""
    energy = np.square(window)
    total = energy.sum()
    return float(energy @ np.arange(len(window)) / total) if total > 0 else len(window) / 2


def turn_of_middle(plan: STFT) -> Array:
    """2 pi c k / n_fft of each bin less whole turns: what the phase about the window's middle c is ahead."""
    turns = np.mod(middle_of(plan.window) * np.arange(plan.n_bins) / plan.n_fft, 1)
    return (2 * np.pi * turns).astype(plan.dtype)


ITEM_NUMBERS = 1 << 14  # of a work item


def by_frames(S: Array) -> Array:
    """S (..., bins, frames) as numbers in a row, the bins of a frame side by side; a copy only where it must be one."""
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
        complex64 or complex128, the bins of a frame side by side; for phases up to 1e5 right to S times a unit in the
        last place of 1.
    """
    *leading, bins, frames = S.shape
    out = np.empty((*leading, frames, bins), np.result_type(S.dtype, np.complex64))
    flat = out.reshape(-1).view(S.dtype)
    args = kernels.PolarArgs(S=by_frames(S), phase=by_frames(phase), out=flat, item_numbers=ITEM_NUMBERS)
    items, work = -(-S.size // ITEM_NUMBERS), 10 * S.size
    run_items(kernels.polar_to_complex, S.dtype, items, kernels.LAYOUT.pack(args), work=work)
    return out.swapaxes(-1, -2)


class PhasePrefix(NamedTuple):
    """Phases of the first frames, which do not change."""

    phase: Real  # (signals, n_bins, frames)
    n_fitted: int  # the last so many of these frames are those that the trees of "pghi" are fitted to
