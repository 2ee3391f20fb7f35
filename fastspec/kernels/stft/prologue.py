"""The prologue of frames before the window: their mean removed, their energy, pre-emphasis.

With x the samples of a frame of L = frame_length samples, m their mean if it is removed, else 0, and z = x - m,

    y[j] = z[j] - c z[j - 1],   y[0] = g z[0],

where c is the coefficient of the pre-emphasis and g = 1 - c if the sample before a frame counts as a copy of its first
one (Kaldi), or 1 if it counts as zero.  The energy is the sum of z[j]**2.  The mean is computed twice, the second time
of what is left, so that a constant becomes zeros whatever its value.  n_fft - L zeros follow.
"""

from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel
from ..runtime.layout import Reals
from ..runtime.tasks import callee
from ..simd.vector import lanes, load, splat, store
from .forward import ForwardArgs


@kernel
def next_row(r, column, rows):
    """(row, column) of the next sample of a strip, after that in row r."""
    r += 1
    return (int64(0), column + 1) if r == rows else (r, column)


@kernel
def copy_frames(t, base, args, tile):
    """tile[j lanes :] = sample j of the frames at columns base .. base + lanes - 1 of a strip; returns their sums.

    Even and odd samples are summed apart, whatever the rows of the strip.
    """
    noinline()
    V, size, stride = lanes(t), args.frame_length, args.strip_stride
    zero = splat(t, t.dtype.type(0))
    p, q, r, column = zero, zero, int64(0), int64(base)
    for at in range(0, (size - 1) * V, 2 * V):
        a = load(t, r * stride + column)
        r, column = next_row(r, column, args.rows)
        b = load(t, r * stride + column)
        r, column = next_row(r, column, args.rows)
        store(tile, at, a)
        store(tile, at + V, b)
        p, q = p + a, q + b
    if size % 2:
        a = load(t, r * stride + column)
        store(tile, (size - 1) * V, a)
        p = p + a
    return p + q


@kernel
def subtract_mean(tile, size, total):
    """tile -= total / size, for `size` vectors; the sum of what is left."""
    noinline()
    V = lanes(tile)
    mean, zero = total * splat(tile, tile.dtype.type(1) / size), splat(tile, tile.dtype.type(0))
    p, q = zero, zero
    for at in range(0, (size - 1) * V, 2 * V):
        a, b = load(tile, at) - mean, load(tile, at + V) - mean
        store(tile, at, a)
        store(tile, at + V, b)
        p, q = p + a, q + b
    if size % 2:
        a = load(tile, (size - 1) * V) - mean
        store(tile, (size - 1) * V, a)
        p = p + a
    return p + q


@kernel
def emphasize(tile, size, coefficient, first_gain):
    """Pre-emphasis of `size` vectors in place; the sum of their squares before it."""
    noinline()
    V = lanes(tile)
    c, zero = splat(tile, coefficient), splat(tile, tile.dtype.type(0))
    before = load(tile, 0)
    p, q = before * before, zero  # two sums hide the latency of additions
    store(tile, 0, before * splat(tile, first_gain))
    for at in range(V, (size - 1) * V, 2 * V):
        a, b = load(tile, at), load(tile, at + V)
        p, q = p + a * a, q + b * b
        store(tile, at, a - before * c)
        store(tile, at + V, b - a * c)
        before = b
    if size % 2 == 0:
        a = load(tile, (size - 1) * V)
        p = p + a * a
        store(tile, (size - 1) * V, a - before * c)
    return p + q


@callee("frontends")
def prepare_frames(t: Reals, base: int, args: ForwardArgs, tile: Reals):
    """Write the frames at column `base` of a strip, sample j of lane k at tile[j lanes + k], then their energies."""
    noinline()
    V, size = lanes(t), args.frame_length
    total = copy_frames(t, base, args, tile)
    if args.remove_mean:
        total = subtract_mean(tile, size, total)
        subtract_mean(tile, size, total)
    energy = emphasize(tile, size, args.preemphasis, args.first_gain)
    zero = splat(t, t.dtype.type(0))
    for at in range(size * V, args.n_fft * V, V):
        store(tile, at, zero)
    store(tile, args.n_fft * V, energy)
