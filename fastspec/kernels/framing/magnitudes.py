"""Magnitudes or mels -> lanes, in the order in which kernels read them."""

import math
from typing import NamedTuple

from ..runtime.calls import noinline
from ..runtime.denormals import restore_mode, set_flushing
from ..runtime.jit import kernel, register_jitable
from ..runtime.layout import Ints, Layout, Reals, carve
from ..runtime.tasks import task
from ..simd.log import exp10
from ..simd.transpose import transpose_block
from ..simd.vector import lanes, load, load_partial, splat, store


class MagnitudeArgs(NamedTuple):
    """Magnitudes or mels, and the order of their rows in tiles."""

    S: Reals
    offsets: Ints  # of each signal in S
    scales: Reals  # of each signal
    first_rows: Ints  # row m of the output is (row first_rows[m] + row second_rows[m]) / 2 times the signal's scale
    second_rows: Ints
    out: Reals
    frames: int  # of a signal
    tiles: int
    rows: int
    frame_stride: int  # of S
    row_stride: int  # of S
    logarithmic: bool  # S holds decimal logarithms


LAYOUT = Layout(MagnitudeArgs)
(unpack_args,) = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: the rows of a tile."""
    return (V * args.rows,)


@kernel
def load_rows(args, offset, f0, c):
    """c[r lanes + f] = row r of frame f0 + f of the signal at S[offset:]; 0 past the last frame."""
    noinline()
    V = lanes(c)
    count, rows = min(V, args.frames - f0), args.rows
    i = offset + f0 * args.frame_stride
    zero_level = c.dtype.type(-math.inf if args.logarithmic else 0)
    if count == V and args.row_stride == 1 and rows >= V:
        k = 0
        while k < rows:
            k = min(k, rows - V)
            transpose_block(args.S, i + k, args.frame_stride, c, V * k, V)
            k += V
    elif count == V and args.frame_stride == 1:
        for k in range(rows):
            store(c, V * k, load(args.S, i + k * args.row_stride))
    elif args.frame_stride == 1 and not args.logarithmic:
        for k in range(rows):
            store(c, V * k, load_partial(args.S, i + k * args.row_stride, count))
    else:
        for k in range(rows):
            for f in range(V):
                c[V * k + f] = args.S[i + f * args.frame_stride + k * args.row_stride] if f < count else zero_level
    if args.logarithmic:
        for k in range(rows):
            store(c, V * k, exp10(load(c, V * k)))


@task("recovery", "notebook")
def arrange_tile(item, worker, record, scratch):
    """A tile of a signal: row m goes to out[(item count + m) lanes :], count the rows of the output."""
    noinline()
    args = unpack_args(scratch, record)
    V, count = lanes(scratch), args.first_rows.size
    (c,) = carve(scratch, worker, scratch_sizes(args, V))
    mode = set_flushing(False)  # what `scales` bring into the range of the dtype may be denormal
    load_rows(args, args.offsets[item // args.tiles], item % args.tiles * V, c)
    half = splat(c, c.dtype.type(0.5) * args.scales[item // args.tiles])
    o = item * count * V
    for m in range(count):
        store(args.out, o + m * V, (load(c, V * args.first_rows[m]) + load(c, V * args.second_rows[m])) * half)
    restore_mode(mode)
