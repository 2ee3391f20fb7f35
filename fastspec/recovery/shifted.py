"""From magnitudes to signals by offsets: each frame is shifted to where it best correlates with the frames before it.

The notebook's method (`notebook.inversion`), but with whole frames, the plan's window and the sum of its squares.  The
formulas: see `kernels.recovery.shifted`.
"""

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels.fft.sizes import addresses
from ..kernels.fft.tables import Tables, lane_count, scratch_elements, transform_tables
from ..kernels.recovery import shifted as kernels
from ..kernels.recovery.shifted import ShiftArgs, ShiftArrays
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import data_address, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..transform.memory import extent, nonnegative_strides
from .segments import Segmentation, SegmentBatch, recover_segments

FUTURE_ENERGY_WEIGHT = 0.01
"""The fraction of the squared windows of later frames in F: with 0 the sum would end in an edge, and offsets would fit
that.  The fraction for the frame itself is the square of it."""
WINDOW_POWER = 4
"""Exponent of the window v that weights z in the correlation: samples far from its centre correlate little."""

CALL_OPERATIONS = 1 << 29  # of a tile in a call of the kernels: between calls Ctrl-C acts


def signals(plan: STFT, S: Real, length: int) -> Real:
    """Signals whose STFTs have magnitudes near S: overlap-added zero-phase frames, each shifted by the best offset.

    Frame m is irfft(S[:, m]), shifted circularly to where it correlates best with the frames before it, then windowed
    and added; the first is shifted by n_fft // 2, to the centre of the window, as are frames whose correlation is 0
    throughout, such as those after silence.  Long signals are divided into segments, see `segments.Segmentation`.

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes >= 0 of the plan's dtype; any strides.
    length : int
        Samples of each signal: zeros energy_sums the last frame.

    Returns
    -------
    y : np.ndarray [shape=(signals, length)]
        The same bits for a signal alone and in a batch, and for any number of threads.
    """
    out = np.zeros((len(S), length), plan.dtype)
    if not S.size or not length:
        return out
    recover_segments(plan, S, Segmentation.split(plan, S.shape[2], 0, "auto"), out, _recover_batch)
    return out


def _gains(batch: SegmentBatch) -> Real:
    """For each segment the power of two that brings the largest magnitude of its signal to between 1/2 and 1."""
    limit, first, unit = np.finfo(batch.S.dtype).maxexp - 8, batch.rows[0], batch.S.dtype.type(1)
    exponents = np.frexp(batch.S[first : batch.rows[-1] + 1].max(axis=(1, 2)))[1]
    gains: Real = np.ldexp(unit, -np.clip(exponents, -limit, limit))[batch.rows - first]
    return gains


def _energy_ahead(plan: STFT) -> NDArray[np.float64]:
    """F at the samples of a frame."""
    n, hop, energy = plan.n_fft, plan.hop_length, plan.window**2
    sums = FUTURE_ENERGY_WEIGHT * energy
    for shift in range(hop, n, hop):
        sums[shift:] += energy[: n - shift]
    return FUTURE_ENERGY_WEIGHT * sums


def _weight(plan: STFT) -> NDArray[np.float64]:
    """v**WINDOW_POWER."""
    weight: NDArray[np.float64] = (plan.window / (np.abs(plan.window).max() or 1)) ** WINDOW_POWER
    return weight


def _tables(plan: STFT) -> Tables:
    """The tables of the transform of tiles, whose row j holds sample j of each frame."""
    n, dtype = plan.n_fft, plan.dtype
    return transform_tables(n, n, lane_count(dtype), _weight(plan), np.ones(n), dtype, addresses(n, dtype))


def _recover_batch(plan: STFT, batch: SegmentBatch) -> None:
    """The signals of segments, by `kernels.recovery.shifted`."""
    n, dtype, V, count = plan.n_fft, plan.dtype, lane_count(plan.dtype), len(batch.rows)
    S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(batch.S)
    tiles, tables = -(-count // V), _tables(plan)
    args = ShiftArgs(
        hop=plan.hop_length,
        n_fft=n,
        signals=count,
        first=0,
        last=0,
        total=batch.total,
        frame_stride=frame_stride,
        bin_stride=bin_stride,
        start=batch.start,
        length=batch.out.shape[1],
        row_stride=(n + V - 1) // V * V + V,
        fft_elements=scratch_elements(n),
        least_energy=float(np.finfo(dtype).tiny),
    )
    gains = np.ones(tiles * V, dtype)
    gains[:count] = _gains(batch)
    state = aligned(tiles * scratch_size(kernels.state_sizes(args, V)), dtype)
    state[:] = 0
    arrays = ShiftArrays(
        y=batch.out.reshape(-1),
        S=state[:0],
        offsets=batch.rows * signal_stride + batch.firsts * frame_stride,
        gains=gains,
        state=state,
        energy_ahead=_energy_ahead(plan).astype(dtype),
        window=plan.window.astype(dtype),
    )
    packed = kernels.LAYOUT.pack(arrays, tables, args)
    record = packed.copy()
    kernels.LAYOUT.set_memory(record, S=(data_address(S), extent(S, S.itemsize)[1]))
    size = scratch_size(kernels.scratch_sizes(args, V))
    scratch, operations = aligned(min(team_size(), tiles) * size, dtype), V * n * 32
    steps = max(1, CALL_OPERATIONS // operations)
    for first in range(0, batch.total + 1, steps):
        last = min(first + steps, batch.total + 1)
        kernels.LAYOUT.set_numbers(record, first=first, last=last)
        work = (last - first) * operations * tiles
        run_items(kernels.run_steps, dtype, tiles, record, work=work, memory=scratch)
