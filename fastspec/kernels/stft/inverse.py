"""Kernels of the inverse: spectra -> signals, run by run.

Sample t of a signal is the sum of what its frames tell of it, added up from the first frame to the last, times the
weight of the sample.  This order is the same wherever the sum is made, so the bits depend neither on how many frames
or signals there are, nor on threads, nor on where a stream is cut.

The sum is cut into columns of `step` samples; frame f reaches into columns f .. f + reach - 1.  A run is as many frames
of one signal as one worker takes, a few tiles at a time; here its own are frames 4 .. 6, and the reach is 3 columns:

    columns       2     3     4     5     6     7     8
    warm up    (  2  )  .     .                               (..) where a frame starts, nothing of which is laid out
                     (  3  )  .     .                         [..] where a frame starts, and what is laid out
                           [  4  ]  .     .                   .    what further frames add to: it is moved to the
                                 [  5  ]  .     .                  front for the tiles that follow
                                       [  6  ]  .     .

A run in the midst of a signal begins with frames before its own, whose columns the run before it lays out, so that its
sums hold all that reaches into its own columns.  The first one goes on from sums that were kept, if there are any, and
the last one leaves what is to be kept.  With a lag of 1 the column before the first frame is kept, too, and laid out
once more: not all of its samples were wanted before.

Where signals are many and short, `across`, the lanes are signals instead, and a run holds all frames of `lanes`
signals: sample r of column c of signal b stands at o[(c rows + r) lanes + b], and nothing is moved.
"""

from typing import NamedTuple

import numpy as np

from ..framing.polyphase import add_in_order, advance, overlap_add
from ..runtime.calls import out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker
from ..simd.vector import lanes
from .overlap_add import (
    _AFTER,
    PIECE,
    carve,
    clear_ends,
    lay,
    lay_columns,
    rebuild_tile,
    unpack_synthesis,
    unpack_tables,
    unpack_waves,
)


class Runs(NamedTuple):
    """How `runs` shares frames out, and between which sums it goes."""

    frames: int  # of a run
    lag: int  # columns that are complete, yet kept
    kept: int  # columns that are kept: reach - 1 + lag
    before: np.ndarray  # of each signal, sums of the frames before the first: (kept, rows); empty if there are none
    after: np.ndarray  # where those of the frames to come go; empty if there are none


unpack_runs = _unpacker(Runs, _AFTER)  # or this, for `runs`


@kernel
def fetch(x, i, columns, rows, o, at, row_step, column_step):
    """o[at + r row_step + c column_step] = x[i + c rows + r], columns kept of one signal."""
    for c in range(columns):
        for r in range(rows):
            o[at + r * row_step + c * column_step] = x[i + c * rows + r]


@kernel
def keep(o, at, row_step, column_step, columns, rows, x, i):
    """The other way round."""
    for c in range(columns):
        for r in range(rows):
            x[i + c * rows + r] = o[at + r * row_step + c * column_step]


@kernel
def add_tiles(b, f, count, sound, t, job, lag, room, o):
    """Frames f .. f + count - 1 of signal b, the first of them into column `lag` of the sum and on."""
    laid, work, y, bins, tmp = room
    V = lanes(sound.wave)
    for g in range(0, count, V):
        at = job.origin + b * job.signal_step + (f + g) * job.frame_step
        rebuild_tile(sound.given, at, min(V, count - g), g, t, job, laid, work, y, bins, tmp)
        add_in_order(y, job.size, o, lag + g, job.step, job.sum_lead)


@kernel
def lay_out(b, column, o, i, count, sound, job, piece):
    """Columns from `column` on, counted from the first frame's, of signal b."""
    at = job.place + b * job.wave_step + (job.number + column) * job.step - job.start
    end = job.start + job.length
    lay_columns(o, i, count, job.number + column, job, sound.weight, sound.wave, at, job.start, end, piece)


@kernel
def add_run(s, sound, t, job, run, room, o, piece):
    """A run of frames of one signal."""
    lead, rows, zero, one = job.sum_lead, job.sum_rows, int64(0), int64(1)
    b, i = s // job.strips, s % job.strips
    low, last = i * run.frames, i == job.strips - 1
    high, f = min(low + run.frames, job.frames), max(zero, low - job.reach + 1)
    clear_ends(b, i == 0, last and run.after.size == 0, job, sound.wave)
    if f == 0 and run.before.size > 0:
        fetch(run.before, b * run.kept * rows, run.kept, rows, o, zero, lead, one)
        if i == 0:
            lay_out(b, -run.lag, o, zero, run.lag, sound, job, piece)
    count = zero
    while f < high:
        if count > 0:
            advance(o, count, run.kept, rows, lead)
        count = min(job.group * lanes(sound.wave), high - f)
        add_tiles(b, f, count, sound, t, job, run.lag, room, o)
        skip = min(count, max(zero, low - f))
        lay_out(b, f + skip, o, run.lag + skip, count - skip, sound, job, piece)
        f += count
    if last and run.after.size > 0:
        keep(o, count, lead, one, run.kept, rows, run.after, b * run.kept * rows)
    elif last:
        lay_out(b, f, o, count + run.lag, job.reach - 1, sound, job, piece)


@kernel
def add_signals(s, sound, t, job, run, room, o, piece):
    """All frames of `lanes` signals."""
    laid, work, y, bins, tmp = room
    V, hop, rows, zero = lanes(sound.wave), job.step, job.sum_rows, int64(0)
    b, stride, size = s * V, rows * V, run.kept * rows
    count, columns = min(V, job.signals - b), job.frames + run.lag
    if run.before.size > 0:
        for lane in range(count):
            fetch(run.before, (b + lane) * size, run.kept, rows, o, lane, V, stride)
    for f in range(job.frames):
        at = job.origin + b * job.signal_step + f * job.frame_step
        rebuild_tile(sound.given, at, count, zero, t, job, laid, work, y, bins, tmp)
        overlap_add(y, zero, V, job.size, o, (run.lag + f) * stride, job.size, V)
    if run.after.size > 0:
        for lane in range(count):
            keep(o, job.frames * stride + lane, V, stride, run.kept, rows, run.after, (b + lane) * size)
    else:
        columns += job.reach - 1
    for lane in range(count):
        clear_ends(b + lane, True, run.after.size == 0, job, sound.wave)
    for c in range(columns):
        column = job.number + c - run.lag
        at = job.place + b * job.wave_step + column * hop - job.start
        lay(o, c * stride, V, column, zero, count, job, sound.weight,
            sound.wave, at, job.wave_step, job.start, job.start + job.length, piece)  # fmt: skip


def strip(s, slot, record, scratch):
    """Run s of all signals, or `lanes` signals; scratch row `slot` is ours alone."""
    out_of_line()
    sound, t = unpack_waves(scratch, record), unpack_tables(scratch, record)
    job, run = unpack_synthesis(scratch, record), unpack_runs(scratch, record)
    V = lanes(scratch)
    room = carve(scratch, slot, job, V)
    end = (slot + 1) * job.scratch
    piece = scratch[end - PIECE * V : end]
    o = scratch[end - PIECE * V - job.sums : end - PIECE * V]
    o[:] = 0
    if job.across:
        add_signals(s, sound, t, job, run, room, o, piece)
    else:
        add_run(s, sound, t, job, run, room, o, piece)
