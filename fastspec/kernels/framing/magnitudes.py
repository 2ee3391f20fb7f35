"""Magnitudes or mels -> lanes, in the order in which kernels read them; or times a scale; or their range."""

import math
from typing import NamedTuple

from ..runtime.calls import noinline
from ..runtime.denormals import restore_mode, set_flushing
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Reals, carve
from ..runtime.tasks import task
from ..simd.log import exp10
from ..simd.transpose import transpose_block
from ..simd.vector import (
    lane_max,
    lane_sum,
    lanes,
    load,
    load_partial,
    maximum,
    minimum,
    scale_exactly,
    select_not_equal,
    splat,
    store,
)
from .memory import scatter_rows
from .polyphase import copy, copy_scaled


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
    """Real numbers of scratch: the rows of a tile, the same as they are written."""
    return V * args.rows, V * args.rows


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
    c, _ = carve(scratch, worker, scratch_sizes(args, V))
    mode = set_flushing(False)  # what `scales` bring into the range of the dtype may be denormal
    load_rows(args, args.offsets[item // args.tiles], item % args.tiles * V, c)
    half = splat(c, c.dtype.type(0.5) * args.scales[item // args.tiles])
    o = item * count * V
    for m in range(count):
        store(args.out, o + m * V, (load(c, V * args.first_rows[m]) + load(c, V * args.second_rows[m])) * half)
    restore_mode(mode)


@task("recovery")
def scale_tile(item, worker, record, scratch):
    """A tile times the scale of its signal b, a power of two: row k of frame f to out[(b frames + f) rows + k]."""
    noinline()
    args, zero = unpack_args(scratch, record), int64(0)
    V, rows = lanes(scratch), args.rows
    signal, f0 = item // args.tiles, item % args.tiles * V
    count, scale = min(V, args.frames - f0), args.scales[signal]
    i, o = args.offsets[signal], (signal * args.frames + f0) * rows
    if args.row_stride == 1:
        for f in range(count):
            copy_scaled(
                args.S, i + (f0 + f) * args.frame_stride, args.out, o + f * rows, rows, args.S.dtype.type(0), scale
            )
        return
    c, tmp = carve(scratch, worker, scratch_sizes(args, V))
    load_rows(args, i, f0, c)
    for k in range(rows):
        store(c, V * k, scale_exactly(load(c, V * k), scale))
    if count == V:
        scatter_rows(c, zero, rows, args.out, o, rows, False)
    else:
        scatter_rows(c, zero, rows, tmp, zero, rows, False)
        copy(tmp, zero, args.out, o, count * rows)


@kernel
def range_of_rows(S, i, stride, rows, count):
    """The smallest and the largest of 0 and S[i + r stride : + count] for r < rows; NaN if one of them is NaN."""
    noinline()
    V = lanes(S)
    zeros = splat(S, S.dtype.type(0))
    smallest, largest, nan = zeros, zeros, zeros
    for r in range(rows):
        at, k = i + r * stride, 0
        while k < count:
            v = load(S, at + k) if k + V <= count else load_partial(S, at + k, count - k)
            smallest, largest = minimum(v, smallest), maximum(v, largest)
            nan = select_not_equal(v, v, v, nan)
            k += V
    return lane_sum(nan) - lane_max(zeros - smallest), lane_sum(nan) + lane_max(largest)


@task("recovery")
def measure_range(item, worker, record, scratch):
    """out[2 item :] = the smallest and the largest of 0 and a part of a signal; NaN if one of its numbers is NaN.

    Of as many parts as a signal has tiles: the rows of a tile, or, where frames are neighbours, rows of all frames.
    """
    noinline()
    args = unpack_args(scratch, record)
    signal, part = item // args.tiles, item % args.tiles
    i, V = args.offsets[signal], lanes(scratch)
    mode = set_flushing(False)  # all may be denormals
    if args.row_stride == 1:
        stride, first, last, count = args.frame_stride, part * V, min(part * V + V, args.frames), args.rows
    else:
        stride, first, last = args.row_stride, args.rows * part // args.tiles, args.rows * (part + 1) // args.tiles
        count = args.frames
    least, most = range_of_rows(args.S, i + first * stride, stride, last - first, count)
    args.out[2 * item], args.out[2 * item + 1] = least, most
    restore_mode(mode)
