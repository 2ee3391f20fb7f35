"""From magnitudes to signals by offsets: each frame is shifted to where it best fits what has been added before it.

What the notebook does (see `offset`), with whole frames, the plan's window and the sum of its squares.  The formulas
stand in `kernels.recovery.shifted`.
"""

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels.fft.realfft import addresses
from ..kernels.fft.tables import Tables, has_inverse, lane_count, scratch_elements, transform_tables
from ..kernels.recovery import shifted as kernels
from ..kernels.recovery.shifted import ShiftArgs, ShiftArrays
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size, thread_count
from ..plan import STFT
from ..transform.memory import address, extent, nonnegative_strides
from .segments import Segmentation, SegmentBatch, recover_segments

TO_COME = 0.01
"""How much of the squared windows of frames that are still to come counts in z: with none the end of what is there
would stand out like an edge, and offsets would fit that.  The frame itself counts TO_COME times as much as those."""
POWER = 4
"""Of the window that weighs what a frame is fitted to: what is far from its middle tells little of it."""

CALL_OPERATIONS = 1 << 29  # of one group in one call, so that Ctrl-C is noticed in between


def signals(made: STFT, S: Real, length: int) -> Real:
    """Signals whose STFTs have magnitudes near S: frames without phases, each shifted to its best place.

    Frame m is irfft(S[:, m]), shifted circularly to where it correlates best with the frames before it, then windowed
    and added; the first is shifted by n_fft // 2, into the middle of the window.  Where nothing correlates, as after
    silence, frames are treated like the first.  Long signals are cut in segments that are made side by side, see
    `segments.Segmentation`.

    Parameters
    ----------
    made : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes >= 0 of the plan's dtype; any strides.
    length : int
        Samples of each signal: zeros past the last frame.

    Returns
    -------
    y : np.ndarray [shape=(signals, length)]
        The same bits for a signal alone and among others, and for any number of threads.
    """
    out = np.zeros((len(S), length), made.dtype)
    if not S.size or not length:
        return out
    run = _in_lanes if has_inverse(made.n_fft) else _by_library
    recover_segments(made, S, Segmentation.split(made, S.shape[2], 0, "auto"), out, run)
    return out


def _gains(part: SegmentBatch) -> Real:
    """For each signal the power of two that brings its largest magnitude to between 1/2 and 1."""
    limit, first, one = np.finfo(part.S.dtype).maxexp - 8, part.rows[0], part.S.dtype.type(1)
    exponents = np.frexp(part.S[first : part.rows[-1] + 1].max(axis=(1, 2)))[1]
    gains: Real = np.ldexp(one, -np.clip(exponents, -limit, limit))[part.rows - first]
    return gains


def _ahead(plan: STFT) -> NDArray[np.float64]:
    """What a frame and those after it add to the sum of squared windows, as that frame sees it."""
    n, hop, energy = plan.n_fft, plan.hop_length, plan.window**2
    sums = TO_COME * energy
    for shift in range(hop, n, hop):
        sums[shift:] += energy[: n - shift]
    return TO_COME * sums


def _weight(plan: STFT) -> NDArray[np.float64]:
    """What weighs the samples that a frame is fitted to."""
    weight: NDArray[np.float64] = (plan.window / (np.abs(plan.window).max() or 1)) ** POWER
    return weight


def _tables(plan: STFT) -> Tables:
    """For tiles of which row j holds sample j of each frame."""
    n, dtype = plan.n_fft, plan.dtype
    return transform_tables(n, n, lane_count(dtype), _weight(plan), np.ones(n), dtype, addresses(n, dtype))


def _in_lanes(plan: STFT, part: SegmentBatch) -> None:
    """Some segments, by `kernels.recovery.shifted`."""
    n, dtype, V, count = plan.n_fft, plan.dtype, lane_count(plan.dtype), len(part.rows)
    S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(part.S)
    groups, tables = -(-count // V), _tables(plan)
    args = ShiftArgs(
        hop=plan.hop_length,
        n_fft=n,
        signals=count,
        first=0,
        last=0,
        total=part.total,
        frame_stride=frame_stride,
        bin_stride=bin_stride,
        start=part.start,
        length=part.out.shape[1],
        row_stride=(n + V - 1) // V * V + V,
        fft_elements=scratch_elements(n),
        least_energy=float(np.finfo(dtype).tiny),
    )
    gains = np.ones(groups * V, dtype)
    gains[:count] = _gains(part)
    state = aligned(groups * scratch_size(kernels.state_sizes(args, V)), dtype)
    state[:] = 0
    arrays = ShiftArrays(
        y=part.out.reshape(-1),
        S=state[:0],
        offsets=part.rows * signal_stride + part.firsts * frame_stride,
        gains=gains,
        state=state,
        ahead=_ahead(plan).astype(dtype),
        window=plan.window.astype(dtype),
    )
    record = kernels.LAYOUT.pack(arrays, tables, args)
    kernels.LAYOUT.set_memory(record, S=(address(S), extent(S, S.itemsize)[1]))
    size = scratch_size(kernels.scratch_sizes(args, V))
    scratch, operations = aligned(min(team_size(), groups) * size, dtype), V * n * 32
    steps = max(1, CALL_OPERATIONS // operations)
    for first in range(0, part.total + 1, steps):
        last = min(first + steps, part.total + 1)
        kernels.LAYOUT.set_numbers(record, first=first, last=last)
        work = (last - first) * operations * groups
        run_items(kernels.run_steps, dtype, groups, record, work=work, memory=scratch)


def _by_library(plan: STFT, part: SegmentBatch) -> None:
    """The same for sizes that the kernels lack: by SciPy's transform, all signals at once."""
    from scipy import fft

    n, hop, dtype, count = plan.n_fft, plan.hop_length, plan.dtype, len(part.rows)
    window, weight, ahead = (a.astype(dtype) for a in (plan.window, _weight(plan), _ahead(plan)))
    step, none, gains, j = min(hop, n), float(np.finfo(dtype).tiny), _gains(part)[:, None], np.arange(n)
    sums, past, workers = np.zeros((count, n), dtype), np.zeros(n, dtype), thread_count()
    for m in range(part.total):
        S = part.S[part.rows, :, part.firsts + m]
        z = _divided(sums, past + ahead, none) * (gains * weight)
        R = fft.irfft(fft.rfft(z, workers=workers) * (S * gains), n, workers=workers)
        shifts = np.where(R.max(axis=1) != 0, R.argmax(axis=1), n // 2)
        x = fft.irfft(S, n, workers=workers)
        sums += window * np.take_along_axis(x, (j - shifts[:, None]) % n, axis=1)
        past += window * window
        rows = step if m < part.total - 1 else n
        begin = m * hop - part.start
        a, b = max(0, begin), min(part.out.shape[1], begin + rows)
        if a < b:
            where = slice(a - begin, b - begin)
            part.out[:, a:b] = _divided(sums[:, where], past[where], none)
        for kept in (sums, past):
            kept[..., : n - step] = kept[..., step:].copy()
            kept[..., n - step :] = 0


def _divided(x: Real, energy: Real, none: float) -> Real:
    return x / np.where(energy > none, energy, energy.dtype.type(1))
