"""Kernels of the plain overlap-add: what is known of frames -> signals.

The sum of the frames of a signal is cut into columns of `step` samples.  A strip is a run of frames of one signal: it
adds them up in lanes, sample r of column c at o[r lead + c], and lays the sum out in time, times the weight of every
sample.  What reaches past its last frame's column, the tail, belongs to the strips after it: tails are kept apart and
added in a second pass, in order, so that the bits do not depend on the number of threads.

    columns      0    1    2    3    4    5    6    7         frames 0 .. 3 with a reach of 3 columns
    strip 0    [ 0  ][ 1  ][ 2  ][ 3  ] tail  tail            [..] is the column at which a frame starts
    strip 1                        [ 4  ][ 5  ][ 6  ] ...

Weights are 1 / (sum of windows): a row for each of the first reach - 1 columns, one for all columns that `reach` frames
reach, and a row for each of the reach - 1 columns at the end.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import BINS, PHASES
from ..fft.tables import Tables
from ..framing.memory import read_tile
from ..framing.polyphase import Line, overlap_add, polyphase, turn, weigh
from ..runtime.calls import call, out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import lanes, load, splat, store


class Waves(NamedTuple):
    """What `synthesis` adds up, and where to."""

    wave: np.ndarray
    previous: np.ndarray  # the signal that gives the phases
    given: np.ndarray  # magnitudes in visiting order, or complex bins as re, im
    tails: np.ndarray  # of strips: reach - 1 columns each
    weight: np.ndarray  # see `synthesis`


class Synthesis(NamedTuple):
    """What `synthesis` and `runs` are to do.  Where they have the names of those of Alignment, fields mean the same."""

    source: int
    folded: bool
    across: bool  # lanes are signals, not frames
    step: int
    n_fft: int
    size: int  # samples of a frame that are added
    first: int  # where they start in the rebuilt frame
    turn: int  # 1, or -1 where the frame is reversed in time
    reach: int  # columns of `step` samples that a frame reaches into
    signals: int
    strips: int  # of one signal
    frames: int  # of a signal, those that are added
    number: int  # which of the whole signal's frames the first of them is
    total: int  # frames of the whole signal
    origin: int  # where the first frame stands in `given`
    signal_step: int  # from one signal to the next there
    frame_step: int  # from one frame to the next
    lane_step: int  # the one of the two that lanes are apart
    bin_step: int
    start: int  # samples start .. start + length - 1 of the sum are written
    length: int
    place: int  # where to, in the wave
    wave_step: int  # from one signal to the next there
    group: int
    rows: int
    lead: int
    bins: int
    work: int
    scratch: int
    sum_rows: int  # phases of a sum, min(step, size)
    sum_lead: int  # its row length
    sums: int  # real numbers of scratch for sums
    mean: float | np.floating
    least: float | np.floating


_AFTER = places(Waves) + places(Tables) + places(Synthesis)


unpack_waves = _unpacker(Waves, 0)  # these three in this order, for `synthesis`
unpack_tables = _unpacker(Tables, places(Waves))
unpack_synthesis = _unpacker(Synthesis, places(Waves) + places(Tables))


PIECE = 128
"""Rows of a sum that are laid out at a time: those of all lanes stay in the first-level cache."""


@kernel
def weight_row(column, job):
    """Which row of weights a column has."""
    if column < job.total:
        return min(column, job.reach - 1)
    return column - job.total + min(job.total, job.reach)


@kernel
def lay(o, i, lead, column, advance, count, job, weight, x, at, jump, low, high, piece):
    """Columns of a sum, of as many lanes as `count`, to x, weighted, as far as they are samples low <= t < high.

    Lane l holds column + l advance, row r of it at o[i + r lead + l] and sample r at x[at + l jump + r].
    """
    out_of_line()
    hop = job.step
    for r in range(0, job.sum_rows, PIECE):
        rows = min(PIECE, job.sum_rows - r)
        turn(o, i + r * lead, lead, piece, int64(0), PIECE, rows)
        for lane in range(count):
            c = column + lane * advance
            a, b = max(r, low - c * hop), min(r + rows, high - c * hop)
            if a < b:
                w = weight_row(c, job) * job.sum_rows + a
                weigh(piece, lane * PIECE + a - r, weight, w, x, at + lane * jump + a, b - a)
    if hop > job.sum_rows:  # what no frame reaches
        for lane in range(count):
            c = (column + lane * advance) * hop
            for t in range(max(c + job.sum_rows, low), min(c + hop, high)):
                x[at + lane * jump + t - c] = 0


@kernel
def lay_columns(o, i, count, column, job, weight, x, at, low, high, piece):
    """Columns column .. column + count - 1 of one signal, from o[i:] to x[at:]."""
    V = lanes(x)
    for c in range(0, count, V):
        lay(o, i + c, job.sum_lead, column + c, int64(1), min(V, count - c), job, weight,
            x, at + c * job.step, job.step, low, high, piece)  # fmt: skip


@kernel
def clear_ends(b, first, last, job, wave):
    """Signal b where no frame is: before the first strip's, after the last strip's."""
    at, end = job.place + b * job.wave_step - job.start, job.start + job.length
    if first:
        for t in range(job.start, min(end, job.number * job.step)):
            wave[at + t] = 0
    if last:
        for t in range(max(job.start, (job.number + job.frames + job.reach - 1) * job.step), end):
            wave[at + t] = 0


@kernel
def finish(s, sound, job, o, piece):
    """Lays out the sum of strip s: its body goes to the wave, its tail to row s of the tails."""
    hop, width = job.step, job.group * lanes(sound.wave)
    b, i = s // job.strips, s % job.strips
    body = min(width, job.frames - i * width)
    column, low, last = job.number + i * width, job.start, i == job.strips - 1
    at = job.place + b * job.wave_step + column * hop - job.start
    clear_ends(b, i == 0, last, job, sound.wave)
    count = body + job.reach - 1 if last else body
    lay_columns(o, int64(0), count, column, job, sound.weight, sound.wave, at, low, low + job.length, piece)
    if not last:
        tail, column = job.reach - 1, column + body
        low = column * hop
        lay_columns(o, body, tail, column, job, sound.weight, sound.tails, s * tail * hop, low, low + tail * hop, piece)


@kernel
def add_frames(s, sound, t, job, room, o, piece):
    """A strip of frames of one signal."""
    laid, work, y, bins, tmp = room
    V, hop = lanes(sound.wave), job.step
    b, i = s // job.strips, s % job.strips
    first = i * job.group * V
    body = min(job.group * V, job.frames - first)
    if job.source == PHASES:
        lay_strip(sound.previous, first, job, laid, work)
    for f in range(0, body, V):
        at = job.origin + b * job.signal_step + (first + f) * job.frame_step
        rebuild_tile(sound.given, at, min(V, body - f), f, t, job, laid, work, y, bins, tmp)
        overlap_add(y, job.first * V, job.turn * V, job.size, o, f, hop, job.sum_lead)
    finish(s, sound, job, o, piece)


def strip(s, slot, record, scratch):
    """Strip s of all signals; scratch row `slot` is ours alone.

    Of each frame `job.size` samples are added, from sample `job.first` on, backwards if job.turn is -1.
    """
    out_of_line()
    sound, t = unpack_waves(scratch, record), unpack_tables(scratch, record)
    job = unpack_synthesis(scratch, record)
    V = lanes(scratch)
    room = carve(scratch, slot, job, V)
    end = (slot + 1) * job.scratch
    piece = scratch[end - PIECE * V : end]
    o = scratch[end - PIECE * V - job.sums : end - PIECE * V]
    o[:] = 0
    add_frames(s, sound, t, job, room, o, piece)


@kernel
def add_run(x, i, out, o, count):
    """out[o + k] += x[i + k] for k < count."""
    for k in range(count):
        out[o + k] += x[i + k]


def join(s, slot, record, scratch):
    """Adds to what strip s has written the tails of the strips before it, first to last."""
    out_of_line()
    sound, job = unpack_waves(scratch, record), unpack_synthesis(scratch, record)
    width, tail = job.group * lanes(sound.wave), job.reach - 1
    b, i = s // job.strips, s % job.strips
    first = i * width
    last = job.frames + tail if i == job.strips - 1 else first + width
    for j in range(max(0, i - (tail + width - 1) // width), i):
        column = (j + 1) * width  # where tail j starts
        low = max(job.start, (job.number + first) * job.step)
        high = min(job.start + job.length, (job.number + min(last, column + tail)) * job.step)
        at = (s - i + j) * tail * job.step + low - (job.number + column) * job.step
        add_run(sound.tails, at, sound.wave, job.place + b * job.wave_step + low - job.start, max(0, high - low))


@kernel
def fold(c, n):
    """The Hermitian half of n complex bins in lanes, in place: c[k] = (c[k] + conj c[n - k]) / 2 for k <= n / 2."""
    V = lanes(c)
    half = splat(c, c.dtype.type(0.5))
    for k in range(n // 2 + 1):
        a, b = 2 * V * k, 2 * V * ((n - k) % n)
        re = (load(c, a) + load(c, b)) * half
        im = (load(c, a + V) - load(c, b + V)) * half
        store(c, a, re)
        store(c, a + V, im)


@kernel
def read_bins(job, given, at, count, c, tmp):
    """The bins of `count` frames, at given[at:], as those of real frames: folded, or the half with real ends."""
    out_of_line()
    V = lanes(c)
    read_tile(given, at, job.lane_step, job.bin_step, job.bins, count, c, tmp)
    if job.folded:
        fold(c, job.bins)
    else:
        c[V : 2 * V] = 0
        c[2 * V * job.bins - V : 2 * V * job.bins] = 0


@kernel
def carve(scratch, slot, job, V):
    """Scratch row `slot` as (strip, transform, frames of a tile, its bins, frames of bins)."""
    a = slot * job.scratch
    b = a + job.rows * job.lead
    c = b + job.work * 2 * V
    d = c + job.n_fft * V
    e = d + 2 * V * job.bins
    return scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e], scratch[e : e + 2 * V * job.bins]


@kernel
def lay_strip(x, first, job, strip, work):
    """The strip of frames `first` and on of x - job.mean."""
    zero = int64(0)
    line = Line(x, zero, x, zero, x.size, zero, zero, job.mean, x.dtype.type(1))
    polyphase(line, first * job.step, job.step, job.rows, strip, job.lead, work)


@kernel
def rebuild_tile(given, at, count, column, t, job, strip, work, y, bins, tmp):
    """y[j lanes + lane] = sample j of a frame, times the synthesis window, for lanes < count.

    What is known of the frames stands at given[at:]; those analysed start at `column` of the strip.
    """
    if job.source == BINS:
        read_bins(job, given, at, count, bins, tmp)
    call(t.inverse, (job.source, strip, column, t, work, given, at, job.least, bins, y))
