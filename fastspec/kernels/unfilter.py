"""Kernels that undo filters: levels that are never negative, from what filters have made of them.

Frames are lanes.  A tile is m (what is given), then its residual, then two sets of bins that take turns; all of it stays
in the cache from the first round to the last.
"""

from .analysis import hand_out
from .calls import out_of_line
from .frames import write_rows, write_rows_across
from .jit import int64, kernel
from .lanes import clear, copy
from .records import unpack_back, unpack_start, unpack_through, unpack_unfilter
from .vector import lanes, load, load_splat, maximum, splat, sqrt, store

GOLDEN = (1 + 5**0.5) / 2
"""The pace t of the second round; that of the first is 1."""


@kernel
def banded(bands, i, c, at):
    """Row i of the bands times the vectors of c from c[at] on."""
    V, w, end = lanes(c), bands.starts[i], bands.starts[i + 1]
    at += V * bands.first[i]
    one = two = splat(c, c.dtype.type(0))  # two sums: neither waits for the other
    while w + 2 <= end:
        one = one + load(c, at) * load_splat(bands.weights, w)
        two = two + load(c, at + V) * load_splat(bands.weights, w + 1)
        w, at = w + 2, at + 2 * V
    if w < end:
        one = one + load(c, at) * load_splat(bands.weights, w)
    return one + two


@kernel
def begin(start, back, m, r, x, z):
    """x = z = max(0, back start m)."""
    out_of_line()
    V, zero = lanes(m), int64(0)
    nothing = splat(m, m.dtype.type(0))
    for i in range(start.first.size):
        store(r, V * i, banded(start, i, m, zero))
    for k in range(back.first.size):
        v = maximum(nothing, banded(back, k, r, zero))
        store(x, V * k, v)
        store(z, V * k, v)


@kernel
def descend(through, back, m, r, x, z, state):
    """A round of FISTA: x' = max(0, z + back (m - through z)), z' = x' + momentum (x' - x).

    The state holds, a vector each: whether a lane still moves (1 or 0); its momentum; then what this round finds: how far
    z lies from its x' at most, the largest x', and the sum of (z - x') (x' - x).
    """
    out_of_line()
    V, zero = lanes(m), int64(0)
    moving, momentum = load(state, zero), load(state, V)
    nothing = splat(m, m.dtype.type(0))
    moved, largest, turning = nothing, nothing, nothing
    for i in range(through.first.size):
        store(r, V * i, (load(m, V * i) - banded(through, i, z, zero)) * moving)
    for at in range(0, V * back.first.size, V):
        before, old = load(z, at), load(x, at)
        new = maximum(nothing, before + banded(back, at // V, r, zero))
        moved = maximum(maximum(moved, new - before), before - new)
        largest = maximum(largest, new)
        turning = turning + (before - new) * (new - old)
        store(x, at, new)
        store(z, at, new + momentum * (new - old))
    store(state, 2 * V, moved)
    store(state, 3 * V, largest)
    store(state, 4 * V, turning)


@kernel
def next_state(state, pace, tolerance):
    """The state for the next round, a pace t for each lane; returns whether any lane still moves.

    t' = (1 + sqrt(1 + 4 t**2)) / 2, momentum (t - 1) / t'; with a tolerance, t = 1 again for lanes that have turned round.
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
    b = a + rows * V
    c = b + rows * V
    d = c + bins * V
    e = d + bins * V
    m, r, x, z = scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e]
    state, pace = scratch[e : e + 5 * V], scratch[e + 5 * V : e + 6 * V]
    first = s * V
    stop = min(first + V, job.total)
    for i in range(rows):
        if first + V <= job.total:
            store(m, V * i, load(job.given, i * job.total + first))
        else:
            clear(m, V * i, V)
            copy(job.given, i * job.total + first, m, V * i, stop - first)
    begin(start, back, m, r, x, z)
    state[:V], state[V:], pace[:] = 1, 0, GOLDEN
    some = last = True
    for _ in range(job.rounds):
        descend(through, back, m, r, x, z, state)
        if not last:
            break
        last, some = some, next_state(state, pace, job.tolerance)
    raise_levels(x, bins, job)
    if job.across:
        write_rows_across(x, zero, bins, z, zero, V)
    else:
        write_rows(x, zero, bins, z, zero, bins, False)
    at = first
    while at < stop:
        i, f = at // job.frames, at % job.frames
        count = min(stop - at, job.frames - f)
        ahead = f if job.across else f * job.ld
        hand_out(z, at - first, count, V, job, job.out, job.places[i] + ahead)
        at += count
