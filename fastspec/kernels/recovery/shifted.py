"""Signals made frame by frame, each frame shifted to where it best fits what the frames before it add up to.

Of frame m only magnitudes S[k] are known: x = irfft(S) is one signal that has them, even about sample 0, and so is each
circular shift of it.  With C the sum of the windowed frames so far, E that of their squared windows, F a small part of
those of this frame and of all that are still to come, and v the window over its largest value, the frame becomes

    w[j] x[(j - o) mod n_fft],    o = argmax R,    R = irfft(rfft(v^4 z) S),    z[j] = C[j] / (E[j] + F[j]),

where R[o] is the circular correlation, sum over j of v[j]^4 z[j] x[(j - o) mod n_fft], S being real.

A group's signals have a lane each: sample j of them is tile[j lanes + lane].  Their sums lie in rows, one a signal, in
which a shifted frame is two runs.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import BINS, COMPLEX
from ..fft.tables import Tables
from ..framing.polyphase import clear, copy, turn, weigh
from ..runtime.calls import call, out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import lanes, load, load_part, maximum, splat, store, store_part, where_above, where_differs


class Shifts(NamedTuple):
    """Memory of signals made of shifted frames."""

    wave: np.ndarray  # what is made
    given: np.ndarray  # magnitudes
    places: np.ndarray  # where frame 0 of each signal stands in them
    gains: np.ndarray  # of each signal, what brings it to about 1, in whole groups
    state: np.ndarray  # of each group, what one frame leaves for the next
    ahead: np.ndarray  # what the frame at hand and those to come add to the sum of squares
    window: np.ndarray


unpack_shifts = _unpacker(Shifts, 0)  # these three for `shifts`
unpack_shifts_tables = _unpacker(Tables, places(Shifts))


class Shifting(NamedTuple):
    """Sizes and places.  Where they have the names of those of Recursion, fields mean the same."""

    hop: int
    n_fft: int
    signals: int
    first: int
    last: int
    total: int
    frame_step: int
    bin_step: int
    start: int
    length: int
    lead: int  # row length of the sums: room for whole vectors, and some more
    work: int
    state: int
    scratch: int
    none: float | np.floating


unpack_shifting = _unpacker(Shifting, places(Shifts) + places(Tables))


@kernel
def carve_state(state, s, job, V):
    """What group s keeps: (rows of the sums, sum of squared windows, what makes z of the sums)."""
    a = s * job.state
    b = a + V * job.lead
    c = b + job.n_fft
    return state[a:b], state[b:c], state[c : c + job.n_fft]


@kernel
def carve_scratch(scratch, slot, job, V):
    """Scratch row `slot` as (tile, its rows, transform, bins, magnitudes, shifts, weights)."""
    bins, a = (job.n_fft // 2 + 1) * V, slot * job.scratch
    b = a + V * job.lead
    c = b + V * job.lead
    d = c + 2 * V * job.work
    e = d + 2 * bins
    f = e + bins
    g = f + V
    h = g + job.n_fft
    return scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e], scratch[e:f], scratch[f:g], scratch[g:h]


@kernel
def enter(m, s, sound, job, count, mag):
    """The magnitudes of frame m, bin k at mag[k lanes]."""
    V = lanes(mag)
    for lane in range(count):
        at = sound.places[s * V + lane] + m * job.frame_step
        for k in range(job.n_fft // 2 + 1):
            mag[k * V + lane] = sound.given[at + k * job.bin_step]


@kernel
def estimate(sums, table, gain, job, tile):
    """z gain, from rows to a tile."""
    out_of_line()
    V = lanes(tile)
    for j in range(0, job.n_fft, V):
        turn(sums, j, job.lead, tile, j * V, V, V)
    for j in range(job.n_fft):
        store(tile, j * V, load(tile, j * V) * (gain * splat(tile, table[j])))


@kernel
def apply(mag, gain, bins):
    """bins mag gain."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at) * gain
        store(bins, 2 * at, load(bins, 2 * at) * level)
        store(bins, 2 * at + V, load(bins, 2 * at + V) * level)


@kernel
def without_phases(mag, bins):
    """Bins of these magnitudes and phase 0."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at)
        store(bins, 2 * at, level)
        store(bins, 2 * at + V, level - level)


@kernel
def first_largest(tile, n, shifts):
    """Where each lane is largest, the first of equal places; n // 2 if that is 0, where there is nothing to fit."""
    V, zero = lanes(tile), int64(0)
    best, place = load(tile, zero), splat(tile, tile.dtype.type(0))
    for j in range(1, n):
        value = load(tile, j * V)
        place = where_above(value, best, splat(tile, tile.dtype.type(j)), place)
        best = maximum(value, best)
    middle, nothing = splat(tile, tile.dtype.type(n // 2)), splat(tile, tile.dtype.type(0))
    store(shifts, zero, where_differs(best, nothing, place, middle))


@kernel
def add_weighed(x, i, w, k, out, o, count):
    """out[o + j] += x[i + j] w[k + j] for j < count."""
    V, j = lanes(x), 0
    while j + V <= count:
        store(out, o + j, load(out, o + j) + load(x, i + j) * load(w, k + j))
        j += V
    if j < count:
        rest = count - j
        more = load_part(x, i + j, rest) * load_part(w, k + j, rest)
        store_part(out, o + j, load_part(out, o + j, rest) + more, rest)


@kernel
def add_frames(turned, shifts, sound, job, count, sums, past):
    """Each frame, shifted and windowed, is added to the row of its signal."""
    out_of_line()
    n = job.n_fft
    for lane in range(count):
        row, shift = lane * job.lead, int64(shifts[lane])
        add_weighed(turned, row + n - shift, sound.window, int64(0), sums, row, shift)
        add_weighed(turned, row, sound.window, shift, sums, row + shift, n - shift)
    for j in range(n):
        past[j] += sound.window[j] * sound.window[j]


@kernel
def weigh_sums(past, ahead, none, table):
    """table = 1 / (past + ahead)."""
    for j in range(table.size):
        total = past[j] + ahead[j]
        table[j] = 1 / total if total > none else table.dtype.type(1)


@kernel
def emit(s, m, rows, sound, job, count, sums, past, weights):
    """Samples of the first rows of the sums, to which nothing will be added, to their place in the waves."""
    out_of_line()
    V, begin = lanes(sums), m * job.hop
    for j in range(rows):
        weights[j] = 1 / past[j] if past[j] > job.none else past.dtype.type(1)
    a, b = max(0, job.start - begin), min(rows, job.start + job.length - begin)
    if a < b:
        for lane in range(count):
            at = (s * V + lane) * job.length + begin + a - job.start
            weigh(sums, lane * job.lead + a, weights, a, sound.wave, at, b - a)


@kernel
def advance(job, count, sums, past):
    """The sums as the next frame sees them."""
    step = min(job.hop, job.n_fft)
    rest = job.n_fft - step
    for lane in range(count):
        row = lane * job.lead
        copy(sums, row + step, sums, row, rest)
        clear(sums, row + rest, step)
    copy(past, step, past, int64(0), rest)
    clear(past, rest, step)


def steps(s, slot, record, scratch):
    """Steps job.first .. job.last - 1 of group s, a frame each; after the last frame one more gives out the rest."""
    out_of_line()
    sound, t = unpack_shifts(scratch, record), unpack_shifts_tables(scratch, record)
    job = unpack_shifting(scratch, record)
    V, zero = lanes(scratch), int64(0)
    sums, past, table = carve_state(sound.state, s, job, V)
    tile, turned, work, bins, mag, shifts, weights = carve_scratch(scratch, slot, job, V)
    count, gain, step = min(V, job.signals - s * V), load(sound.gains, s * V), min(job.hop, job.n_fft)
    clear(mag, zero, mag.size)
    for m in range(job.first, min(job.last, job.total)):
        if m * step < job.n_fft:  # later on it stays as it is
            weigh_sums(past, sound.ahead, job.none, table)
        enter(m, s, sound, job, count, mag)
        estimate(sums, table, gain, job, tile)
        call(t.forward, (int64(COMPLEX), tile, zero, t, work, bins))
        apply(mag, gain, bins)
        call(t.inverse, (int64(BINS), tile, zero, t, work, mag, zero, job.none, bins, tile))
        first_largest(tile, job.n_fft, shifts)
        without_phases(mag, bins)
        call(t.inverse, (int64(BINS), tile, zero, t, work, mag, zero, job.none, bins, tile))
        turn(tile, zero, V, turned, zero, job.lead, job.n_fft)
        add_frames(turned, shifts, sound, job, count, sums, past)
        emit(s, m, step, sound, job, count, sums, past, weights)
        advance(job, count, sums, past)
    if job.last > job.total:
        emit(s, job.total, job.n_fft - step, sound, job, count, sums, past, weights)
