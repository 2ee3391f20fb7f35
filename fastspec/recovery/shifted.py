"""From magnitudes to signals by offsets: each frame is shifted to where it best fits what has been added before it.

What the notebook does (see `offset`), with whole frames, the plan's window and the sum of its squares.  The formulas
stand in `kernels.shifts`.
"""

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels import compiled
from ..kernels.fft.tables import Tables, lanes, supported, tables, work_size
from ..kernels.recovery.shifted import Shifting, Shifts
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size, thread_count
from ..plan import STFT
from ..transform.memory import address, extent
from .segments import Segmentation, SegmentBatch, recover_segments

TO_COME = 0.01
"""How much of the squared windows of frames that are still to come counts in z: with none the end of what is there
would stand out like an edge, and offsets would fit that.  The frame itself counts TO_COME times as much as those."""
POWER = 4
"""Of the window that weighs what a frame is fitted to: what is far from its middle tells little of it."""

SLICE = 1 << 29  # operations of one group in one call, so that Ctrl-C is noticed in between


def signals(made: "STFT", S: Real, length: int) -> Real:
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
    run = _in_lanes if supported(made.n_fft) else _by_library
    recover_segments(made, S, Segmentation.split(made, S.shape[2], 0, "auto"), out, run)
    return out


def _gains(part: SegmentBatch) -> Real:
    """For each signal the power of two that brings its largest magnitude to between 1/2 and 1."""
    limit, first, one = np.finfo(part.S.dtype).maxexp - 8, part.rows[0], part.S.dtype.type(1)
    exponents = np.frexp(part.S[first : part.rows[-1] + 1].max(axis=(1, 2)))[1]
    gains: Real = np.ldexp(one, -np.clip(exponents, -limit, limit))[part.rows - first]
    return gains


def _ahead(plan: "STFT") -> NDArray[np.float64]:
    """What a frame and those after it add to the sum of squared windows, as that frame sees it."""
    n, hop, energy = plan.n_fft, plan.hop_length, plan.window**2
    sums = TO_COME * energy
    for shift in range(hop, n, hop):
        sums[shift:] += energy[: n - shift]
    return TO_COME * sums


def _weight(plan: "STFT") -> NDArray[np.float64]:
    """What weighs the samples that a frame is fitted to."""
    weight: NDArray[np.float64] = (plan.window / (np.abs(plan.window).max() or 1)) ** POWER
    return weight


def _tables(plan: "STFT") -> Tables:
    """For tiles of which row j holds sample j of each frame."""
    n, dtype, V = plan.n_fft, plan.dtype, lanes(plan.dtype)
    kernels = compiled.transform_rows(dtype), compiled.forward_of(n, dtype), compiled.inverse(dtype)
    return tables(n, n, V, _weight(plan), np.ones(n), dtype, tuple(kernel.address for kernel in kernels))


def _in_lanes(plan: "STFT", part: SegmentBatch) -> None:
    """A part by `kernels.shifts`."""
    S, n, dtype, V, known = part.S, plan.n_fft, plan.dtype, lanes(plan.dtype), _tables(plan)
    width, count = dtype.itemsize, len(part.rows)
    if not S.flags.aligned or any(step < 0 or step % width for step in S.strides):
        S = np.ascontiguousarray(S.swapaxes(1, 2)).swapaxes(1, 2)
    signal_step, bin_step, frame_step = (step // width for step in S.strides)
    groups, lead, work = -(-count // V), (n + V - 1) // V * V + V, work_size(known)
    gains = np.ones(groups * V, dtype)
    gains[:count] = _gains(part)
    state = aligned(groups * (V * lead + 2 * n), dtype)
    state[:] = 0
    memory = Shifts(
        part.out.reshape(-1), state[:0], part.rows * signal_step + part.firsts * frame_step, gains, state,
        _ahead(plan).astype(dtype), plan.window.astype(dtype),
    )  # fmt: skip
    job = Shifting(
        plan.hop_length, n, count, first=0, last=0, total=part.total, frame_step=frame_step, bin_step=bin_step,
        start=part.start, length=part.out.shape[1], lead=lead, work=work, state=V * lead + 2 * n,
        scratch=V * (2 * lead + 2 * work + 3 * (n // 2 + 1) + 1) + n, none=float(np.finfo(dtype).tiny),
    )  # fmt: skip
    record = np.concatenate([pack(memory), pack(known)])
    record[2:4] = address(S), extent(S, width)[1]
    function, team = compiled.shift_steps(dtype).address, min(team_size(), groups)
    scratch = aligned(team * job.scratch, dtype)
    operations = V * n * 32
    some = max(1, SLICE // operations)
    for first in range(0, part.total + 1, some):
        last = min(first + some, part.total + 1)
        whole = np.concatenate([record, pack(job._replace(first=first, last=last))])
        each_strip(groups, team, new_board(), function, whole, scratch, work=(last - first) * operations * groups)


def _by_library(plan: "STFT", part: SegmentBatch) -> None:
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
