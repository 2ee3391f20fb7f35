"""Signals made frame by frame, each from its magnitudes and what overlaps it: a group of signals in lanes.

A buffer holds frame m, the next to be committed, and the `look_ahead` frames after it.  With C the sum of the frames
committed and y_d the windowed frame m + d of the buffer, a round is

    x[t] = (C[t] + sum over d of y_d[t - d hop]) / E[t],    y_d = w irfft(A_d X_d / |X_d|),    X_d = rfft(w x[d hop :]),

after which frame m is committed, and the buffer moves on by a frame (Zhu, Beauregard & Wyse, IEEE Trans. Audio, Speech
and Language Processing 15, 2007, 1645-1653).  E is the sum of the squared windows of the frames committed and buffered,
and a small part of those that are still to come.  From the second round on the phases are taken after a step of
momentum, from x + momentum (x - x before).

Phases are those of x over the level of the signal: the largest magnitude of the frames that came, each forgotten a
little with every frame after it.  So all thresholds are relative, and signals times a power of two have the same bits.

All frames of all buffers of a group are in one tile: lane d width + s is frame m + d of signal s of the group.  Sample
j of frame m + d is sample j + (d - e) hop of frame m + e, so that with j in rows a frame's neighbours are

    row j + delta hop, `delta width` lanes further down:    y[(j + delta hop) lanes - delta width]

as one vector for all lanes; lanes that no such frame is for are masked.  No lane ever sees another signal's.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import PHASES
from ..fft.tables import Tables
from ..framing.polyphase import clear, copy, turn
from ..runtime.calls import call, out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import lanes, load, load_lanes, splat, store


class Streams(NamedTuple):
    """Memory of signals that are made frame by frame."""

    wave: np.ndarray  # what is made
    given: np.ndarray  # magnitudes
    places: np.ndarray  # where frame 0 of each signal stands in them, or would, were it there
    state: np.ndarray  # of each group, what one step leaves for the next
    ahead: np.ndarray  # (look_ahead + 1, n_fft): what the frames of a full buffer add to the sum of squares at each
    energy: np.ndarray  # squares of the window
    order: np.ndarray  # bins in the order in which they are met


unpack_streams = _unpacker(Streams, 0)  # these three for `rtisi`
unpack_streams_tables = _unpacker(Tables, places(Streams))


@kernel
def rounds(column, sound, t, job, kept, room):
    """Phases for all frames of the buffers, the frame at `column` the first; see the head of this file."""
    committed, y, table, mag, past, level = kept
    x, before, work, piece, _ = room
    V, zero = lanes(x), int64(0)
    buffered = min(job.look_ahead, job.total - 1 - column)
    if column < job.reach or buffered < job.look_ahead:
        weigh_round(sound, job, past, buffered, table)
    clear(before, zero, before.size)
    gain = piece[:V]
    weigh_levels(job, level, gain)
    momentum = x.dtype.type(0)
    for r in range(job.rounds):
        estimate(committed, y, table, gain, job, momentum, before, x)
        momentum = job.momentum
        if r == 0:
            new = 0 if column == 0 else job.look_ahead * job.width
            for k in range(new, (job.look_ahead + 1) * job.width):
                x[job.peak * V + k] += job.pulse
        call(t.inverse, (int64(PHASES), x, zero, t, work, mag, zero, job.least, work, y))


class Recursion(NamedTuple):
    """Sizes and places."""

    rounds: int
    look_ahead: int
    hop: int
    n_fft: int
    reach: int  # frames that a sample is in
    signals: int
    width: int  # of a group
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    frame_step: int  # from one frame to the next in `given`
    bin_step: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    peak: int  # sample at which the window is largest
    work: int  # complex elements of scratch for the transform
    state: int  # real numbers that a group keeps
    scratch: int  # real numbers of scratch a thread
    least: float | np.floating  # below this a bin has no phase
    none: float | np.floating  # a sum of squares that is no larger does not divide
    momentum: float | np.floating
    pulse: float | np.floating
    fade: float | np.floating  # what is left of a level a frame later


unpack_recursion = _unpacker(Recursion, places(Streams) + places(Tables))


PIECE = 128
"""Rows of a sum that are laid out at a time."""
BLOCK = 32
"""Rows of an estimate that are summed at a time: they stay in the first-level cache."""


@kernel
def carve_state(state, s, job, V):
    """What group s keeps: (committed frames, buffer, 1 / E, magnitudes, squares of what is committed, levels)."""
    tile = job.n_fft * V
    a = s * job.state
    b = a + tile
    c = b + tile
    d = c + tile
    f = (s + 1) * job.state - V
    e = f - job.n_fft
    return state[a:b], state[b:c], state[c:d], state[d:e], state[e:f], state[f : f + V]


@kernel
def carve_scratch(scratch, slot, job, V):
    """Scratch row `slot` as (estimate, the one before, transform, piece, the piece turned)."""
    tile = job.n_fft * V
    a = slot * job.scratch
    b = a + tile
    c = b + tile
    d = c + job.work * 2 * V
    e = d + PIECE * V
    return scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e], scratch[e : e + PIECE * V]


@kernel
def enter(i, s, sound, job, y, mag, level):
    """Frame i enters the buffer, without phases: no samples yet.  Past the last frame it is silence that enters."""
    out_of_line()
    V, kept = lanes(y), job.look_ahead * job.width
    for at in range(0, job.n_fft * V, V):
        store(y, at, load_lanes(y, at + job.width, int64(0), kept))
    for at in range(0, sound.order.size * V, V):
        store(mag, at, load_lanes(mag, at + job.width, int64(0), kept))
    for k in range(job.width):
        level[k] *= job.fade
    if i < job.total:
        for k in range(min(job.width, job.signals - s * job.width)):
            at, loudest = sound.places[s * job.width + k] + i * job.frame_step, level[k]
            for m in range(sound.order.size):
                value = sound.given[at + sound.order[m] * job.bin_step]
                mag[m * V + kept + k] = value
                loudest = max(loudest, value)
            level[k] = loudest


@kernel
def weigh_round(sound, job, past, buffered, table):
    """1 / E of all lanes, with the frames m .. m + buffered in the buffer."""
    out_of_line()
    V, n = lanes(table), job.n_fft
    for d in range(buffered + 1):  # lanes of frames that are not there hold zeros
        first, last = max(0, d - job.reach + 1), min(buffered, d + job.reach - 1)
        for j in range(n):
            total = table.dtype.type(0)
            if d * job.hop + j < n:
                total += past[d * job.hop + j]
            if buffered == job.look_ahead:
                total += sound.ahead[d * n + j]
            else:
                for e in range(first, last + 1):
                    k = j + (d - e) * job.hop
                    if 0 <= k < n:
                        total += sound.energy[k]
            weight = 1 / total if total > job.none else table.dtype.type(1)
            for k in range(d * job.width, (d + 1) * job.width):
                table[j * V + k] = weight


@kernel
def weigh_levels(job, level, gain):
    """1 / level of the signal in each lane."""
    for lane in range(gain.size):
        gain[lane] = 1 / max(level[lane % job.width], job.none)


@kernel
def estimate(committed, y, table, gain, job, momentum, before, x):
    """x = sum of the frames committed and buffered, times gain and table; then a step of momentum from `before`."""
    out_of_line()
    V, ahead, width, n = lanes(x), job.look_ahead, job.width, job.n_fft
    push, equal = splat(x, momentum), load(gain, int64(0))
    for low in range(0, n, BLOCK):
        high = min(n, low + BLOCK)
        copy(committed, low * V, x, low * V, (high - low) * V)
        for delta in range(-ahead, ahead + 1):
            first, last = max(0, delta) * width, (min(ahead, ahead + delta) + 1) * width
            step = delta * (job.hop * V - width)
            for j in range(max(low, -delta * job.hop), min(high, n - delta * job.hop)):
                store(x, j * V, load(x, j * V) + load_lanes(y, j * V + step, first, last))
        for at in range(low * V, high * V, V):
            value = load(x, at) * equal * load(table, at)
            store(x, at, value + push * (value - load(before, at)))
            store(before, at, value)


@kernel
def settle(sound, job, y, committed, past):
    """The first frame of each buffer is committed: added to the sum as frame 0 sees it."""
    V = lanes(y)
    for j in range(job.n_fft):
        store(committed, j * V, load(committed, j * V) + load_lanes(y, j * V, int64(0), job.width))
        past[j] += sound.energy[j]


@kernel
def emit(s, column, rows, sound, job, committed, past, piece, turned):
    """Samples of rows < `rows` of frame `column`, to which nothing will be added, to their place in the waves."""
    out_of_line()
    V = lanes(piece)
    begin = column * job.hop
    for r in range(0, rows, PIECE):
        count = min(PIECE, rows - r)
        for j in range(count):
            weight = 1 / past[r + j] if past[r + j] > job.none else piece.dtype.type(1)
            store(piece, j * V, load(committed, (r + j) * V) * splat(piece, weight))
        turn(piece, int64(0), V, turned, int64(0), PIECE, count)
        a, b = max(r, job.start - begin), min(r + count, job.start + job.length - begin)
        if a < b:
            for k in range(min(job.width, job.signals - s * job.width)):
                at = (s * job.width + k) * job.length + begin + a - job.start
                copy(turned, k * PIECE + a - r, sound.wave, at, b - a)


@kernel
def advance(job, y, committed, past):
    """The sum as the next frames see it, and what the frame committed last has added for those ahead."""
    out_of_line()
    V, n, hop = lanes(y), job.n_fft, min(job.hop, job.n_fft)
    copy_down(committed, hop * V, (n - hop) * V)
    clear(committed, (n - hop) * V, hop * V)
    copy_down(past, hop, n - hop)
    clear(past, n - hop, hop)
    for d in range(1, job.look_ahead + 1):
        first = d * job.width
        for j in range(n - (d + 1) * job.hop):
            at = (j + (d + 1) * job.hop) * V - first
            store(committed, j * V, load(committed, j * V) + load_lanes(y, at, first, first + job.width))


@kernel
def copy_down(a, by, count):
    """a[: count] = a[by : by + count], from the start on."""
    for i in range(count):
        a[i] = a[i + by]


def steps(s, slot, record, scratch):
    """Steps job.first .. job.last - 1 of group s; scratch row `slot` is ours alone.

    In step i frame i enters and frame i - look_ahead is committed; after the last is, one more step gives out the rest.
    """
    out_of_line()
    sound, t = unpack_streams(scratch, record), unpack_streams_tables(scratch, record)
    job = unpack_recursion(scratch, record)
    V = lanes(scratch)
    kept, room = carve_state(sound.state, s, job, V), carve_scratch(scratch, slot, job, V)
    committed, y, _, mag, past, level = kept
    _, _, _, piece, turned = room
    for i in range(job.first, job.last):
        column = i - job.look_ahead
        if column < job.total:
            enter(i, s, sound, job, y, mag, level)
            if column >= 0:
                rounds(column, sound, t, job, kept, room)
                settle(sound, job, y, committed, past)
                emit(s, column, min(job.hop, job.n_fft), sound, job, committed, past, piece, turned)
                advance(job, y, committed, past)
        else:
            emit(s, column, job.n_fft - job.hop, sound, job, committed, past, piece, turned)
