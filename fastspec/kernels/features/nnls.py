"""Kernels of non-negative least squares (NNLS): the levels x >= 0 that minimise |B x - m|, for filters B.

By FISTA (Beck & Teboulle, SIAM J. Imaging Sci. 2, 2009, 183-202).  Frames are lanes.  A tile holds m and the bins x of
a step and p of the step before, whose buffers alternate; it stays in the second-level cache for all steps.
"""

from typing import NamedTuple

from ..framing.memory import scatter_rows, scatter_rows_frames_contiguous, scatter_tile
from ..framing.polyphase import clear, copy
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_splat, maximum, splat, sqrt, store
from .levels import Bands

STEP_BINS = 32
"""Bins whose gradients are computed together, before any of them moves."""


class NnlsArgs(NamedTuple):
    """out = (gain x)**exponent, with x >= 0 the least-squares solution for M."""

    M: Reals  # (filters, total) levels
    out: Reals
    out_offsets: Ints  # of each signal's output in out
    total: int  # frames of all signals
    frames: int  # of a signal
    frames_contiguous: bool  # as in `ForwardArgs`
    row_stride: int
    width: int  # bins
    reals_per_value: int  # 1
    filters: int
    rounds: int
    root: bool  # sqrt(gain x) instead of gain x, before the exponent
    tolerance: Number  # a lane stops when a round moves it by less, relative to its largest bin; 0: never
    gain: Number
    exponent: Number


LAYOUT = Layout(Bands, Bands, Bands, NnlsArgs)
unpack_filters, unpack_adjoint, unpack_pseudo_inverse, unpack_args = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: m, residuals, filtered levels, bins x and p, steps, state, step sizes."""
    rows, bins = args.filters * V, args.width * V
    return rows, rows, rows, bins, bins, STEP_BINS * V, 5 * V, V


@kernel
def multiply(bands, i, stop, c, out, o):
    """The vectors from out[o] on = rows i .. stop - 1 of the bands times the vectors of c."""
    noinline()
    V = lanes(c)
    while i < stop:
        w, end = bands.starts[i], bands.starts[i + 1]
        at = V * bands.first[i]
        p = q = splat(c, c.dtype.type(0))  # two independent sums hide the latency of additions
        if end - w == 2:  # the usual case of triangles that overlap by half: no loop
            p = load(c, at) * load_splat(bands.weights, w)
            q = load(c, at + V) * load_splat(bands.weights, w + 1)
        else:
            while w + 2 <= end:
                p = p + load(c, at) * load_splat(bands.weights, w)
                q = q + load(c, at + V) * load_splat(bands.weights, w + 1)
                w, at = w + 2, at + 2 * V
            if w < end:
                p = p + load(c, at) * load_splat(bands.weights, w)
        store(out, o, p + q)
        i, o = i + 1, o + V


@kernel
def start(pseudo_inverse, adjoint, m, r, x, p):
    """x = p = max(0, adjoint pseudo_inverse m)."""
    V, zero = lanes(m), int64(0)
    zeros = splat(m, m.dtype.type(0))
    multiply(pseudo_inverse, zero, pseudo_inverse.first.size, m, r, zero)
    multiply(adjoint, zero, adjoint.first.size, r, x, zero)
    for at in range(0, V * adjoint.first.size, V):
        v = maximum(zeros, load(x, at))
        store(x, at, v)
        store(p, at, v)


@kernel
def fista_step(filters, adjoint, m, x, p, kept, state):
    """A round of FISTA: z = x + momentum (x - p), then p = max(0, z + adjoint (m - filters z)), with p the x before.

    `kept` are r, scratch; h, which is `filters p` and becomes `filters x`; and g (STEP_BINS vectors), scratch.  The
    state is five vectors: whether the lane is active (1 or 0), its momentum and, as results of the round, the largest
    |p - z|, the largest p, and sum (z - p) (p - x).
    """
    noinline()
    r, h, g = kept
    V, zero, bins = lanes(m), int64(0), adjoint.first.size
    active, momentum = load(state, zero), load(state, V)
    zeros = splat(m, m.dtype.type(0))
    distance, largest, restart = zeros, zeros, zeros
    multiply(filters, zero, filters.first.size, x, r, zero)
    for at in range(0, V * filters.first.size, V):
        filtered = load(r, at)
        store(r, at, (load(m, at) - filtered - momentum * (filtered - load(h, at))) * active)
        store(h, at, filtered)
    for k in range(0, bins, STEP_BINS):
        stop = min(bins, k + STEP_BINS)
        multiply(adjoint, k, stop, r, g, zero)
        for at in range(V * k, V * stop, V):
            old = load(x, at)
            z = old + momentum * (old - load(p, at))
            new = maximum(zeros, z + load(g, at - V * k))
            distance = maximum(maximum(distance, new - z), z - new)
            largest = maximum(largest, new)
            restart = restart + (z - new) * (new - old)
            store(p, at, new)
    store(state, 2 * V, distance)
    store(state, 3 * V, largest)
    store(state, 4 * V, restart)


@kernel
def next_momentum(state, step, tolerance):
    """Momentum of the next round from the step t of each lane; returns whether any lane is active.

    t' = (1 + sqrt(1 + 4 t**2)) / 2, momentum (t - 1) / t'.  With a tolerance, t is 1 again where the step goes uphill
    (O'Donoghue & Candes, Found. Comput. Math. 15, 2015, 715-732).
    """
    V, any_active = lanes(state), False
    for k in range(V):
        t = step[k]
        if tolerance > 0:
            if state[2 * V + k] <= tolerance * state[3 * V + k]:
                state[k] = 0
            if state[4 * V + k] > 0:
                t = state.dtype.type(1)
        step[k] = (1 + (1 + 4 * t * t) ** 0.5) / 2
        state[V + k] = (t - 1) / step[k] * state[k]
        any_active = any_active or state[k] > 0
    return any_active


@kernel
def raise_levels(x, bins, args):
    """x = (gain x)**exponent for all lanes."""
    noinline()
    V = lanes(x)
    gain = splat(x, args.gain)
    for at in range(0, V * bins, V):
        v = load(x, at) * gain
        store(x, at, sqrt(v) if args.root else v)
    if args.exponent != 1:
        for at in range(V * bins):
            x[at] = x[at] ** args.exponent


@task("features", "recovery")
def solve_tile(item, worker, record, scratch):
    """A tile of frames, counted over all signals."""
    noinline()
    filters, adjoint = unpack_filters(scratch, record), unpack_adjoint(scratch, record)
    pseudo_inverse, args = unpack_pseudo_inverse(scratch, record), unpack_args(scratch, record)
    V, zero, bins = lanes(scratch), int64(0), args.width
    m, r, h, x, p, g, state, step = carve(scratch, worker, scratch_sizes(args, V))
    first = item * V
    stop = min(first + V, args.total)
    for i in range(args.filters):
        if first + V <= args.total:
            store(m, V * i, load(args.M, i * args.total + first))
        else:
            clear(m, V * i, V)
            copy(args.M, i * args.total + first, m, V * i, stop - first)
    start(pseudo_inverse, adjoint, m, r, x, p)
    h[:] = 0
    state[:V], state[V:], step[:] = 1, 0, 1
    for _ in range(args.rounds):
        fista_step(filters, adjoint, m, x, p, (r, h, g), state)
        x, p = p, x
        if not next_momentum(state, step, args.tolerance):
            break
    raise_levels(x, bins, args)
    if args.frames_contiguous:
        scatter_rows_frames_contiguous(x, zero, bins, p, zero, V)
    else:
        scatter_rows(x, zero, bins, p, zero, bins, False)
    frame, unit = first, int64(1)
    while frame < stop:
        i, f = frame // args.frames, frame % args.frames
        count = min(stop - frame, args.frames - f)
        f *= unit if args.frames_contiguous else args.row_stride
        scatter_tile(p, frame - first, count, V, args, args.out, args.out_offsets[i] + f)
        frame += count
