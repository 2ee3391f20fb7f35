"""Magnitudes, or filtered levels, of signals: arranged in lanes, scaled frame by frame, and their range."""

import numpy as np

from .. import checks
from .._typing import Integer, Real
from ..kernels.fft.tables import lane_count
from ..kernels.framing import magnitudes as kernels
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import Task, run_items
from .memory import layout_of


def arrange_in_lanes(
    S: Real,
    first_rows: Integer,
    second_rows: Integer | None = None,
    *,
    logarithmic: bool = False,
    scales: Real | None = None,
) -> Real:
    """Row m = (S[first_rows[m]] + S[second_rows[m]]) / 2 times the signal's scale, in tiles; 0 past the last frame.

    Parameters
    ----------
    S : np.ndarray [shape=(signals, rows, frames)]
        Any strides; it is fastest where rows of a frame or frames of a row are neighbours in memory.
    first_rows, second_rows : np.ndarray [shape=(count,)]
        Rows; the second are the first by default.
    logarithmic : bool
        Whether S holds decimal logarithms.
    scales : np.ndarray [shape=(signals,)]
        1 by default.

    Returns
    -------
    out : np.ndarray [shape=(signals tiles count lanes,)]
        Row m of lane f of tile i of signal b is element ((b tiles + i) count + m) lanes + f.
    """
    out = aligned(len(S) * _tiles(S) * len(first_rows) * lane_count(S.dtype), S.dtype)
    second = first_rows if second_rows is None else second_rows
    work = S.size * (60 if logarithmic else 16)
    _run(kernels.arrange_tile, S, out, work, scales, rows=(first_rows, second), logarithmic=logarithmic)
    return out


def scale_frames(S: Real, scales: Real) -> Real:
    """S (signals, rows, frames) times the signals' scales, powers of two; the rows of a frame are contiguous."""
    signals, rows, frames = S.shape
    out = np.empty((signals, frames, rows), S.dtype)
    _run(kernels.scale_tile, S, out.reshape(-1), S.size * 16, scales)
    return out.swapaxes(1, 2)


def range_of(S: Real) -> tuple[Real, Real]:
    """(the smallest, the largest) of 0 and each signal of S (signals, rows, frames); NaN where one of them is NaN."""
    out = np.zeros((len(S), _tiles(S), 2), S.dtype)
    _run(kernels.measure_range, S, out.reshape(-1), S.size * 8)
    return out[..., 0].min(axis=1, initial=0), out[..., 1].max(axis=1, initial=0)


def _tiles(S: Real) -> int:
    """Tiles of a signal."""
    return -(-S.shape[2] // lane_count(S.dtype))


def _run(
    task: Task,
    S: Real,
    out: Real,
    work: int,
    scales: Real | None = None,
    rows: tuple[Integer, Integer] | None = None,
    logarithmic: bool = False,
) -> None:
    """Run a task for all tiles of S, with the scales, rows and output of `kernels.MagnitudeArgs`."""
    if not S.size:
        return
    layout = layout_of(S)
    if layout is None:
        S = checks.as_contiguous(S)
        layout = layout_of(S)
        assert layout is not None
    no_rows = np.zeros(0, np.int64)
    first_rows, second_rows = rows or (no_rows, no_rows)
    args = kernels.MagnitudeArgs(
        S=layout.flat,
        offsets=layout.offsets,
        scales=np.ones(len(S), S.dtype) if scales is None else scales.astype(S.dtype),
        first_rows=first_rows,
        second_rows=second_rows,
        out=out,
        frames=S.shape[2],
        tiles=_tiles(S),
        rows=S.shape[1],
        frame_stride=1 if layout.frames_contiguous else layout.row_stride,
        row_stride=layout.row_stride if layout.frames_contiguous else 1,
        logarithmic=logarithmic,
    )
    needs_scratch = task is not kernels.measure_range and not (task is kernels.scale_tile and args.row_stride == 1)
    scratch = scratch_size(kernels.scratch_sizes(args, lane_count(S.dtype))) if needs_scratch else 0
    run_items(task, S.dtype, len(S) * args.tiles, kernels.LAYOUT.pack(args), work=work, scratch=scratch)
