"""Phases from magnitudes in one pass: single pass spectrogram inversion."""

import numpy as np

from .._typing import Array
from ..kernels.recovery import spsi as kernels
from ..kernels.recovery.spsi import SpsiArgs
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..plan import STFT
from .phase import by_frames, turn_of_middle

BLOCK_BINS = 1 << 16  # bins of a work item


def phases(plan: STFT, S: Array) -> Array:
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
    rows = min(frames, max(1, BLOCK_BINS // bins))
    blocks = -(-frames // rows)
    args = SpsiArgs(
        S=by_frames(S),
        sources=np.empty(out.size, np.int32),
        phase=out.reshape(-1),
        starts=np.zeros(signals * blocks * bins, plan.dtype),
        middle=turn_of_middle(plan),
        bins=bins,
        frames=frames,
        blocks=blocks,
        rows=rows,
        odd=plan.n_fft % 2,
        step=2 * np.pi * plan.hop_length / plan.n_fft,
        least=1e-20,
    )
    record, scratch = kernels.LAYOUT.pack(args), scratch_size(kernels.scratch_sizes(args))
    run_items(kernels.follow_peaks, plan.dtype, signals * blocks, record, work=20 * out.size, scratch=scratch)
    run_items(kernels.join_blocks, plan.dtype, signals, record, work=20 * args.starts.size)
    run_items(kernels.finish_block, plan.dtype, signals * blocks, record, work=10 * out.size)
    return out.swapaxes(1, 2)
