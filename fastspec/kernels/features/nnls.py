"""Kernels of non-negative least squares: levels S >= 0 whose filtered levels are nearest to M.

Frames are lanes.  A tile is M, m here, and the bins x of this step and p of the one before, which change places; it
stays in the second-level cache from the first step to the last.
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
"""Bins whose steps are computed before they are taken."""


class NnlsArgs(NamedTuple):
    """(gain x)**exponent of the x >= 0 whose filtered levels are nearest to M."""

    M: Reals  # (filters, total) levels
    out: Reals
    out_offsets: Ints  # where each signal's part of the output begins
    total: int  # frames of all signals
    frames: int  # of one
    frames_contiguous: bool  # as in stft.forward
    row_stride: int
    width: int  # bins
    reals_per_value: int  # 1
    filters: int
    rounds: int
    root: bool  # sqrt(gain x) instead of gain x, before the exponent
    tolerance: Number  # lanes that a round moves by less, relative to their largest bin, are done; 0: none
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
    """Rows i .. stop - 1 of the bands times the vectors of c, to the vectors from out[o] on."""
    noinline()
    V = lanes(c)
    while i < stop:
        w, end = bands.starts[i], bands.starts[i + 1]
        at = V * bands.first[i]
        p = q = splat(c, c.dtype.type(0))  # two sums: neither waits for the other
        if end - w == 2:  # as it is where triangles overlap by half: no loop to begin and to leave
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
def initial(pseudo_inverse, adjoint, m, r, x, p):
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
def fista_step(filters, adjoint, m, r, h, g, x, p, state):
    """A round of FISTA, with p the x before it: z = x + momentum (x - p), p = max(0, z + adjoint (m - filters z)).

    h is `filters p` and becomes `filters x`; r and g (STEP_BINS vectors) are scratch.  The state holds, a vector each:
    whether a lane still moves (1 or 0); its momentum; then what this round finds: how far at most a bin moves from z,
    the largest bin, and the sum of (z - p) (p - x) for the new p.
    """
    noinline()
    V, zero, bins = lanes(m), int64(0), adjoint.first.size
    moving, momentum = load(state, zero), load(state, V)
    zeros = splat(m, m.dtype.type(0))
    moved, largest, restart = zeros, zeros, zeros
    multiply(filters, zero, filters.first.size, x, r, zero)
    for at in range(0, V * filters.first.size, V):
        filtered = load(r, at)
        store(r, at, (load(m, at) - filtered - momentum * (filtered - load(h, at))) * moving)
        store(h, at, filtered)
    for k in range(0, bins, STEP_BINS):
        stop = min(bins, k + STEP_BINS)
        multiply(adjoint, k, stop, r, g, zero)
        for at in range(V * k, V * stop, V):
            now = load(x, at)
            z = now + momentum * (now - load(p, at))
            new = maximum(zeros, z + load(g, at - V * k))
            moved = maximum(maximum(moved, new - z), z - new)
            largest = maximum(largest, new)
            restart = restart + (z - new) * (new - now)
            store(p, at, new)
    store(state, 2 * V, moved)
    store(state, 3 * V, largest)
    store(state, 4 * V, restart)


@kernel
def next_momentum(state, step, tolerance):
    """The state for the next round, a step t for each lane; returns whether any lane still moves.

    t' = (1 + sqrt(1 + 4 t**2)) / 2, momentum (t - 1) / t'; with a tolerance, t = 1 again for lanes that have turned
    round.
    """
    V, any_moves = lanes(state), False
    for k in range(V):
        t = step[k]
        if tolerance > 0:
            if state[2 * V + k] <= tolerance * state[3 * V + k]:
                state[k] = 0
            if state[4 * V + k] > 0:
                t = state.dtype.type(1)
        step[k] = (1 + (1 + 4 * t * t) ** 0.5) / 2
        state[V + k] = (t - 1) / step[k] * state[k]
        any_moves = any_moves or state[k] > 0
    return any_moves


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
    """One tile of the frames of all signals, counted through."""
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
    initial(pseudo_inverse, adjoint, m, r, x, p)
    h[:] = 0
    state[:V], state[V:], step[:] = 1, 0, 1
    for _ in range(args.rounds):
        fista_step(filters, adjoint, m, r, h, g, x, p, state)
        x, p = p, x
        if not next_momentum(state, step, args.tolerance):
            break
    raise_levels(x, bins, args)
    if args.frames_contiguous:
        scatter_rows_frames_contiguous(x, zero, bins, p, zero, V)
    else:
        scatter_rows(x, zero, bins, p, zero, bins, False)
    frame, one = first, int64(1)
    while frame < stop:
        i, f = frame // args.frames, frame % args.frames
        count = min(stop - frame, args.frames - f)
        f *= one if args.frames_contiguous else args.row_stride
        scatter_tile(p, frame - first, count, V, args, args.out, args.out_offsets[i] + f)
        frame += count
