"""Kernels of the inverse: spectra -> signals.

Sample t of a signal is the sum of its samples in all frames, added from the first frame to the last, times the weight
of the sample.  This order is the same wherever the sum is made, so the bits depend neither on how many frames or
signals there are, nor on threads, nor on where a stream is cut.

The sum has columns of `hop` samples; frame f reaches into columns f .. f + reach - 1.  A strip is as many frames of one
signal as one worker takes, a few tiles at a time; here its own are frames 4 .. 6, and the reach is 3 columns:

    columns       2     3     4     5     6     7     8
    warm up    (  2  )  .     .                               (..) where a frame starts whose column is not written
                     (  3  )  .     .                         [..] where a frame starts, and the column is written
                           [  4  ]  .     .                   .    columns that further frames add to: they are moved
                                 [  5  ]  .     .                  to the front for the tiles that follow
                                       [  6  ]  .     .

A strip in the midst of a signal begins with frames before its own, whose columns the strip before it writes, so that
its sums hold all that reaches into its own columns.  The first one goes on from sums that were kept, if there are any,
and the last one leaves those that are to be kept.  With a lag of 1 the column before the first frame is kept, too, and
written once more: not all of its samples were wanted before.

Where signals are many and short, the lanes are signals instead, and a strip holds all frames of `lanes` signals: sample
r of column c of signal b stands at o[(c rows + r) lanes + b], and nothing is moved.
"""

from typing import NamedTuple

from ..fft.tables import Tables
from ..framing.polyphase import add_in_order, overlap_add, shift_columns
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel
from ..runtime.layout import Layout, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes
from .frames import synthesize_tile
from .overlap_add import OverlapAddArgs, OverlapAddArrays, clear_ends, scratch_sizes, write_columns, write_lanes


class InverseArgs(NamedTuple):
    """Frames of a strip, and the sums before the first frame and after the last."""

    strip_frames: int
    lag: int  # columns that are complete, yet kept
    kept: int  # columns that are kept: reach - 1 + lag
    sums_before: Reals  # of each signal, sums of the frames before the first: (kept, rows); empty if there are none
    sums_after: Reals  # where those for the frames to come go; empty if there are none


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs, InverseArgs)
unpack_arrays, unpack_tables, unpack_args, unpack_inverse = LAYOUT.unpackers


@kernel
def load_sums(x, i, columns, rows, o, at, row_stride, column_stride):
    """o[at + r row_stride + c column_stride] = x[i + c rows + r], columns kept of one signal."""
    for c in range(columns):
        for r in range(rows):
            o[at + r * row_stride + c * column_stride] = x[i + c * rows + r]


@kernel
def store_sums(o, at, row_stride, column_stride, columns, rows, x, i):
    """The inverse of `load_sums`."""
    for c in range(columns):
        for r in range(rows):
            x[i + c * rows + r] = o[at + r * row_stride + c * column_stride]


@kernel
def add_tiles(b, f, count, arrays, p, args, lag, parts, y, o):
    """Frames f .. f + count - 1 of signal b, the first of them into column `lag` of the sum and on."""
    V = lanes(arrays.y)
    for g in range(0, count, V):
        at = args.origin + b * args.signal_stride + (f + g) * args.frame_stride
        synthesize_tile(arrays.spectra, at, min(V, count - g), g, p, args, parts, y)
        add_in_order(y, args.size, o, lag + g, args.hop, args.sum_stride)


@kernel
def write_sum(b, column, o, i, count, arrays, args, rows):
    """Columns from `column` on, counted from the first frame's, of signal b."""
    at = args.y_offset + b * args.y_stride + (args.first_frame + column) * args.hop - args.start
    end = args.start + args.length
    write_columns(o, i, count, args.first_frame + column, args, arrays.weight, arrays.y, at, args.start, end, rows)


@kernel
def frames_in_lanes(item, arrays, p, args, inverse, parts, y, o, rows):
    """A strip of frames of one signal."""
    stride, sum_rows, zero, one = args.sum_stride, args.sum_rows, int64(0), int64(1)
    b, i = item // args.strips, item % args.strips
    low, is_last = i * inverse.strip_frames, i == args.strips - 1
    high, f = min(low + inverse.strip_frames, args.frames), max(zero, low - args.reach + 1)
    clear_ends(b, i == 0, is_last and inverse.sums_after.size == 0, args, arrays.y)
    if f == 0 and inverse.sums_before.size > 0:
        load_sums(inverse.sums_before, b * inverse.kept * sum_rows, inverse.kept, sum_rows, o, zero, stride, one)
        if i == 0:
            write_sum(b, -inverse.lag, o, zero, inverse.lag, arrays, args, rows)
    count = zero
    while f < high:
        if count > 0:
            shift_columns(o, count, inverse.kept, sum_rows, stride)
        count = min(args.strip_tiles * lanes(arrays.y), high - f)
        add_tiles(b, f, count, arrays, p, args, inverse.lag, parts, y, o)
        skip = min(count, max(zero, low - f))
        write_sum(b, f + skip, o, inverse.lag + skip, count - skip, arrays, args, rows)
        f += count
    if is_last and inverse.sums_after.size > 0:
        store_sums(o, count, stride, one, inverse.kept, sum_rows, inverse.sums_after, b * inverse.kept * sum_rows)
    elif is_last:
        write_sum(b, f, o, count + inverse.lag, args.reach - 1, arrays, args, rows)


@kernel
def signals_in_lanes(item, arrays, p, args, inverse, parts, y, o, rows):
    """All frames of `lanes` signals."""
    V, hop, sum_rows, zero = lanes(arrays.y), args.hop, args.sum_rows, int64(0)
    b, stride, size = item * V, sum_rows * V, inverse.kept * sum_rows
    count, columns = min(V, args.signals - b), args.frames + inverse.lag
    if inverse.sums_before.size > 0:
        for lane in range(count):
            load_sums(inverse.sums_before, (b + lane) * size, inverse.kept, sum_rows, o, lane, V, stride)
    for f in range(args.frames):
        at = args.origin + b * args.signal_stride + f * args.frame_stride
        synthesize_tile(arrays.spectra, at, count, zero, p, args, parts, y)
        overlap_add(y, zero, V, args.size, o, (inverse.lag + f) * stride, args.size, V)
    if inverse.sums_after.size > 0:
        for lane in range(count):
            at = args.frames * stride + lane
            store_sums(o, at, V, stride, inverse.kept, sum_rows, inverse.sums_after, (b + lane) * size)
    else:
        columns += args.reach - 1
    for lane in range(count):
        clear_ends(b + lane, True, inverse.sums_after.size == 0, args, arrays.y)
    for c in range(columns):
        column = args.first_frame + c - inverse.lag
        at = args.y_offset + b * args.y_stride + column * hop - args.start
        write_lanes(o, c * stride, V, column, zero, count, args, arrays.weight,
                    arrays.y, at, args.y_stride, args.start, args.start + args.length, rows)  # fmt: skip


@task("transform", "recovery")
def inverse_strip(item, worker, record, scratch):
    """One strip of frames of one signal, or all frames of `lanes` signals."""
    noinline()
    arrays, p = unpack_arrays(scratch, record), unpack_tables(scratch, record)
    args, inverse = unpack_args(scratch, record), unpack_inverse(scratch, record)
    V = lanes(scratch)
    strip, work, y, bins, tmp, _extra, o, rows = carve(scratch, worker, scratch_sizes(args, V))
    o[:] = 0
    if args.signals_in_lanes:
        signals_in_lanes(item, arrays, p, args, inverse, (strip, work, bins, tmp), y, o, rows)
    else:
        frames_in_lanes(item, arrays, p, args, inverse, (strip, work, bins, tmp), y, o, rows)
