"""Phases from magnitudes in one pass: single pass spectrogram inversion."""

import numpy as np

from .._typing import Array
from ..kernels.recovery import spsi as kernels
from ..kernels.runtime.calls import new_board
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from .phase import by_frames, turn_of_middle

CHUNK = 1 << 16  # bins a work item


def phases(plan: "STFT", S: Array) -> Array:
    """Phases that go with magnitudes, as `plan.forward` would give them: every peak is taken for a lasting sinusoid.

    In each frame, peaks of the log magnitude are refined by a parabola to k + p, and their phase about the window's
    middle is that of bin k in the frame before, plus 2 pi hop_length (k + p) / n_fft.  All bins of the peak's region,
    down to where the next one begins, have the same phase, as under the main lobe of a window that is even about its
    middle.  Beauregard, Harish & Wyse, IEEE DSP 2015.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 in the plan's dtype, in any order of memory.

    Returns
    -------
    phase : np.ndarray [shape=(signals, n_bins, n_frames)]
        From -pi to pi, of the plan's dtype, the bins of a frame side by side.
    """
    signals, bins, frames = S.shape
    out = np.empty((signals, frames, bins), plan.dtype)
    if out.size == 0:
        return out.swapaxes(1, 2)
    rows = min(frames, max(1, CHUNK // bins))
    chunks, workers, phase = -(-frames // rows), team_size(), out.reshape(-1)
    sizes = bins, frames, chunks, rows
    source, starts = np.empty(out.size, np.int32), np.zeros(signals * chunks * bins, plan.dtype)
    step, least = 2 * np.pi * plan.hop_length / plan.n_fft, plan.dtype.type(1e-20)
    kernels.each_follow(
        signals * chunks, workers, new_board(), by_frames(S), *sizes, step, least,
        np.empty((workers, bins), plan.dtype), source, phase, work=20 * out.size,
    )  # fmt: skip
    kernels.each_begin(signals, *sizes, source, phase, starts, work=20 * starts.size)
    kernels.each_finish(
        signals * chunks, workers, new_board(), *sizes, plan.n_fft % 2, starts, turn_of_middle(plan), source, phase,
        work=10 * out.size,
    )  # fmt: skip
    return out.swapaxes(1, 2)
