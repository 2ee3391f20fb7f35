"""Phases from magnitudes in one pass: single pass spectrogram inversion."""

import numpy as np

from .._typing import Array
from ..kernels.recovery import spsi as kernels
from ..kernels.recovery.spsi import SpsiArgs
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..plan import STFT
from .phase import centre_phase, flatten_by_frames

BLOCK_BINS = 1 << 16  # bins of a block of frames


def phases(plan: STFT, S: Array) -> Array:
    """Estimates of the phases of `plan.forward` from its magnitudes: every peak is taken for a stationary sinusoid.

    In each frame, peaks of the log magnitude are interpolated by a parabola to k + p, and their phase about the centre
    of the window is that of bin k in the frame before, plus 2 pi hop_length (k + p) / n_fft.  All bins of the region of
    a peak, which ends where the next one begins, have the same phase, as those of the main lobe of a window that is
    even about its centre.  Beauregard, Harish & Wyse, IEEE DSP 2015.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 in the plan's dtype, in any order of memory.

    Returns
    -------
    phase : np.ndarray [shape=(signals, n_bins, n_frames)]
        From -pi to pi, of the plan's dtype, the bins of a frame contiguous.
    """
    signals, bins, frames = S.shape
    out = np.empty((signals, frames, bins), plan.dtype)
    if out.size == 0:
        return out.swapaxes(1, 2)
    rows = min(frames, max(1, BLOCK_BINS // bins))
    blocks = -(-frames // rows)
    args = SpsiArgs(
        S=flatten_by_frames(S),
        sources=np.empty(out.size, np.int32),
        phase=out.reshape(-1),
        starts=np.zeros(signals * blocks * bins, plan.dtype),
        centre_phase=centre_phase(plan),
        bins=bins,
        frames=frames,
        blocks=blocks,
        rows=rows,
        odd=plan.n_fft % 2,
        step=2 * np.pi * plan.hop_length / plan.n_fft,
        least=1e-20,
    )
    record, scratch = kernels.LAYOUT.pack(args), scratch_size(kernels.scratch_sizes(args))
    run_items(kernels.follow_peaks, plan.dtype, signals * blocks, record, work=500 * out.size, scratch=scratch)
    run_items(kernels.join_blocks, plan.dtype, signals, record, work=500 * args.starts.size)
    run_items(kernels.finish_block, plan.dtype, signals * blocks, record, work=80 * out.size)
    return out.swapaxes(1, 2)
