"""The prologue of frames before the window: their mean removed, their energy, pre-emphasis.

With x the samples of a frame of L = frame_length samples, m their mean if it is removed, else 0, and z = x - m,

    y[j] = z[j] - c z[j - 1],   y[0] = g z[0],

where c is the coefficient of the pre-emphasis and g = 1 - c if the sample before a frame counts as a copy of its first
one (Kaldi), or 1 if it counts as zero.  The energy is the sum of z[j]**2.  The mean is computed twice, the
second time of what is left, so that a constant becomes zeros whatever its value.  n_fft - L zeros follow.
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
    j, column, o = int64(0), int64(base), int64(0)
    while j < size:
        count, at = min(args.rows, size - j), column
        for _ in range(count):
            store(tile, o, load(t, at))
            at += stride
            o += V
        j, column = j + count, column + 1


@kernel
def mean_of_differences(tile, size, shift):
    """Mean of x[j] - shift over a tile; it is summed after the copy, so that its order is not that of rows."""
    noinline()
    V = lanes(tile)
    zero = splat(tile, tile.dtype.type(0))
    p = q = r = s = zero  # four sums hide the latency of additions
    at, stop = 0, size * V
    while at + 4 * V <= stop:
        p, q = p + (load(tile, at) - shift), q + (load(tile, at + V) - shift)
        r, s = r + (load(tile, at + 2 * V) - shift), s + (load(tile, at + 3 * V) - shift)
        at += 4 * V
    while at < stop:
        p = p + (load(tile, at) - shift)
        at += V
    return ((p + q) + (r + s)) * splat(tile, tile.dtype.type(1) / size)


@kernel
def emphasize(tile, args, mean):
    """y of the samples of a tile in place, with z = x - mean; the sum of z**2."""
    noinline()
    V, stop = lanes(tile), args.frame_length * lanes(tile)
    c = splat(tile, args.preemphasis)
    before = load(tile, 0) - mean
    p, q = before * before, splat(tile, tile.dtype.type(0))
    store(tile, 0, before * splat(tile, args.first_gain))
    at = V
    while at + 2 * V <= stop:
        a, b = load(tile, at) - mean, load(tile, at + V) - mean
        p, q = p + a * a, q + b * b
        store(tile, at, a - before * c)
        store(tile, at + V, b - a * c)
        before = b
        at += 2 * V
    if at < stop:
        a = load(tile, at) - mean
        p = p + a * a
        store(tile, at, a - before * c)
    return p + q


@callee("frontends")
def prepare_frames(t: Reals, base: int, args: ForwardArgs, tile: Reals):
    """Write the frames at column `base` of a strip, sample j of lane k at tile[j lanes + k], then their energies."""
    noinline()
    V, size, zero = lanes(t), args.frame_length, splat(t, t.dtype.type(0))
    copy_frames(t, base, args, tile)
    mean = zero
    if args.remove_mean:
        mean = mean_of_differences(tile, size, zero)
        mean = mean + mean_of_differences(tile, size, mean)
    energy = emphasize(tile, args, mean)
    for at in range(size * V, args.n_fft * V, V):
        store(tile, at, zero)
    store(tile, args.n_fft * V, energy)
