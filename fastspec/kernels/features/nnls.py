"""Kernels that undo filters: levels that are never negative, from what filters have made of them.

Frames are lanes.  A tile is what is given, m, and the bins x of this round and p of the one before, which take turns;
it stays in the second-level cache from the first round to the last.
"""

from typing import NamedTuple

import numpy as np

from ..framing.memory import hand_out, write_rows, write_rows_across
from ..framing.polyphase import clear, copy
from ..runtime.calls import out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import lanes, load, load_splat, maximum, splat, sqrt, store
from .levels import Rows

unpack_through = _unpacker(Rows, 0)  # these four for `unfilter`
unpack_back = _unpacker(Rows, places(Rows))
unpack_start = _unpacker(Rows, 2 * places(Rows))


class Unfilter(NamedTuple):
    """What `unfilter` is to do: (gain x)**exponent of the x >= 0 whose filtered levels are nearest to those given."""

    given: np.ndarray  # (filters, total) levels
    out: np.ndarray
    places: np.ndarray  # where each signal's part of the output begins
    total: int  # frames of all signals
    frames: int  # of one
    across: bool  # as in Job
    ld: int
    width: int  # bins
    unit: int  # 1
    rounds: int
    root: bool  # sqrt(gain x) in place of gain x, before the exponent
    scratch: int  # for all that a thread needs
    tolerance: float | np.floating  # lanes that a round moves by less, relative to their largest bin, are done; 0: none
    gain: float | np.floating
    exponent: float | np.floating


unpack_unfilter = _unpacker(Unfilter, 3 * places(Rows))


BLOCK = 32
"""Bins whose steps are worked out before they are taken."""


@kernel
def multiply(bands, i, stop, c, out, o):
    """Rows i .. stop - 1 of the bands times the vectors of c, to the vectors from out[o] on."""
    out_of_line()
    V = lanes(c)
    while i < stop:
        w, end = bands.starts[i], bands.starts[i + 1]
        at = V * bands.first[i]
        one = two = splat(c, c.dtype.type(0))  # two sums: neither waits for the other
        if end - w == 2:  # as it is where triangles overlap by half: no loop to begin and to leave
            one = load(c, at) * load_splat(bands.weights, w)
            two = load(c, at + V) * load_splat(bands.weights, w + 1)
        else:
            while w + 2 <= end:
                one = one + load(c, at) * load_splat(bands.weights, w)
                two = two + load(c, at + V) * load_splat(bands.weights, w + 1)
                w, at = w + 2, at + 2 * V
            if w < end:
                one = one + load(c, at) * load_splat(bands.weights, w)
        store(out, o, one + two)
        i, o = i + 1, o + V


@kernel
def begin(start, back, m, r, x, p):
    """x = p = max(0, back start m)."""
    V, zero = lanes(m), int64(0)
    nothing = splat(m, m.dtype.type(0))
    multiply(start, zero, start.first.size, m, r, zero)
    multiply(back, zero, back.first.size, r, x, zero)
    for at in range(0, V * back.first.size, V):
        v = maximum(nothing, load(x, at))
        store(x, at, v)
        store(p, at, v)


@kernel
def descend(through, back, m, r, h, g, x, p, state):
    """A round of FISTA, with p the x before it: z = x + momentum (x - p), p = max(0, z + back (m - through z)).

    h is `through p` and becomes `through x`; r and g (BLOCK vectors) are scratch.  The state holds, a vector each:
    whether a lane still moves (1 or 0); its momentum; then what this round finds: how far at most a bin moves from z,
    the largest bin, and the sum of (z - p) (p - x) for the new p.
    """
    out_of_line()
    V, zero, bins = lanes(m), int64(0), back.first.size
    moving, momentum = load(state, zero), load(state, V)
    nothing = splat(m, m.dtype.type(0))
    moved, largest, turning = nothing, nothing, nothing
    multiply(through, zero, through.first.size, x, r, zero)
    for at in range(0, V * through.first.size, V):
        made = load(r, at)
        store(r, at, (load(m, at) - made - momentum * (made - load(h, at))) * moving)
        store(h, at, made)
    for k in range(0, bins, BLOCK):
        stop = min(bins, k + BLOCK)
        multiply(back, k, stop, r, g, zero)
        for at in range(V * k, V * stop, V):
            now = load(x, at)
            z = now + momentum * (now - load(p, at))
            new = maximum(nothing, z + load(g, at - V * k))
            moved = maximum(maximum(moved, new - z), z - new)
            largest = maximum(largest, new)
            turning = turning + (z - new) * (new - now)
            store(p, at, new)
    store(state, 2 * V, moved)
    store(state, 3 * V, largest)
    store(state, 4 * V, turning)


@kernel
def next_state(state, pace, tolerance):
    """The state for the next round, a pace t for each lane; returns whether any lane still moves.

    t' = (1 + sqrt(1 + 4 t**2)) / 2, momentum (t - 1) / t'; with a tolerance, t = 1 again for lanes that have turned
    round.
    """
    V, some = lanes(state), False
    for k in range(V):
        t = pace[k]
        if tolerance > 0:
            if state[2 * V + k] <= tolerance * state[3 * V + k]:
                state[k] = 0
            if state[4 * V + k] > 0:
                t = state.dtype.type(1)
        pace[k] = (1 + (1 + 4 * t * t) ** 0.5) / 2
        state[V + k] = (t - 1) / pace[k] * state[k]
        some = some or state[k] > 0
    return some


@kernel
def raise_levels(x, bins, job):
    """x = (gain x)**exponent for all lanes."""
    out_of_line()
    V = lanes(x)
    gain = splat(x, job.gain)
    for at in range(0, V * bins, V):
        v = load(x, at) * gain
        store(x, at, sqrt(v) if job.root else v)
    if job.exponent != 1:
        for at in range(V * bins):
            x[at] = x[at] ** job.exponent


def strip(s, slot, record, scratch):
    """Tile s of the frames of all signals, counted through; scratch row `slot` is ours alone."""
    out_of_line()
    through, back = unpack_through(scratch, record), unpack_back(scratch, record)
    start, job = unpack_start(scratch, record), unpack_unfilter(scratch, record)
    V, zero = lanes(scratch), int64(0)
    rows, bins = through.first.size, back.first.size
    a = slot * job.scratch
    b, c, d = a + rows * V, a + 2 * rows * V, a + 3 * rows * V
    e = d + bins * V
    f = e + bins * V
    m, r, h, x, p = scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e], scratch[e:f]
    g, state = scratch[f : f + BLOCK * V], scratch[f + BLOCK * V : f + (BLOCK + 5) * V]
    pace = scratch[f + (BLOCK + 5) * V : f + (BLOCK + 6) * V]
    first = s * V
    stop = min(first + V, job.total)
    for i in range(rows):
        if first + V <= job.total:
            store(m, V * i, load(job.given, i * job.total + first))
        else:
            clear(m, V * i, V)
            copy(job.given, i * job.total + first, m, V * i, stop - first)
    begin(start, back, m, r, x, p)
    h[:] = 0
    state[:V], state[V:], pace[:] = 1, 0, 1
    for _ in range(job.rounds):
        descend(through, back, m, r, h, g, x, p, state)
        x, p = p, x
        if not next_state(state, pace, job.tolerance):
            break
    raise_levels(x, bins, job)
    if job.across:
        write_rows_across(x, zero, bins, p, zero, V)
    else:
        write_rows(x, zero, bins, p, zero, bins, False)
    at, one = first, int64(1)
    while at < stop:
        i, ahead = at // job.frames, at % job.frames
        count = min(stop - at, job.frames - ahead)
        ahead *= one if job.across else job.ld
        hand_out(p, at - first, count, V, job, job.out, job.places[i] + ahead)
        at += count
