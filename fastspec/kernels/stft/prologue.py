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
def copy_frames(t, base, args, tile):
    """tile[j lanes :] = sample j of the frames at columns base .. base + lanes - 1 of a strip."""
    noinline()
    V, size, stride = lanes(t), args.frame_length, args.strip_stride
    j, column = int64(0), base
    while j < size:
        count, at = min(args.rows, size - j), column
        for r in range(count):
            store(tile, (j + r) * V, load(t, at))
            at += stride
        j, column = j + count, column + 1


@kernel
def sum_rows(tile, size):
    """The sum of `size` vectors: not while they are copied, as its order would depend on the rows of a strip."""
    noinline()
    V = lanes(tile)
    zero = splat(tile, tile.dtype.type(0))
    p, q = zero, zero
    for at in range(0, (size - 1) * V, 2 * V):
        p, q = p + load(tile, at), q + load(tile, at + V)
    if size % 2:
        p = p + load(tile, (size - 1) * V)
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
    c, energy = splat(tile, coefficient), splat(tile, tile.dtype.type(0))
    before = load(tile, 0)
    energy = before * before
    store(tile, 0, before * splat(tile, first_gain))
    for at in range(V, size * V, V):
        now = load(tile, at)
        energy = energy + now * now
        store(tile, at, now - before * c)
        before = now
    return energy


@callee("frontends")
def prepare_frames(t: Reals, base: int, args: ForwardArgs, tile: Reals):
    """Write the frames at column `base` of a strip, sample j of lane k at tile[j lanes + k], then their energies."""
    noinline()
    V, size = lanes(t), args.frame_length
    copy_frames(t, base, args, tile)
    if args.remove_mean:
        total = subtract_mean(tile, size, sum_rows(tile, size))
        subtract_mean(tile, size, total)
    energy = emphasize(tile, size, args.preemphasis, args.first_gain)
    zero = splat(t, t.dtype.type(0))
    for at in range(size * V, args.n_fft * V, V):
        store(tile, at, zero)
    store(tile, args.n_fft * V, energy)
