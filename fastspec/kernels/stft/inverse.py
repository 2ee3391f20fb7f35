"""Kernels of the inverse transform: spectra -> signals, by overlap-add from the first frame to the last.

Sample t of a signal is the sum over all frames, in order, times the weight of the sample.  The order is the same in
every strip, so the bits depend neither on the number of frames, signals or threads, nor on the blocks of a stream.

The sum has columns of `hop` samples; frame f has columns f .. f + reach - 1.  A strip is the frames of a signal that
one worker adds, a few tiles at a time; here frames 4 .. 6, with a reach of 3 columns:

    columns       2     3     4     5     6     7     8
    warm up    (  2  )  .     .                               (..) first column of a frame, not written
                     (  3  )  .     .                         [..] first column of a frame, written
                           [  4  ]  .     .                   .    columns that further frames add to: they are moved
                                 [  5  ]  .     .                  to the front for the next tiles
                                       [  6  ]  .     .

A strip inside a signal warms up with the reach - 1 frames before its own, which overlap its columns; the strip before
it writes their columns.  The first strip continues the sums of earlier frames (`sums_before`), if there are any, and
the last strip stores those for later frames (`sums_after`).  With a lag of 1 the column before the first frame is kept,
too, and written once more: its samples were not all in the range of the call before.

If signals are many and short, lanes are signals, and a strip is all frames of `lanes` signals: sample r of column c of
signal b is o[(c rows + r) lanes + b], and no column is moved.
"""

from typing import NamedTuple

from ..fft.tables import Tables
from ..framing.polyphase import overlap_add, shift_columns
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel
from ..runtime.layout import Layout, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes
from .frames import add_tile, synthesize_tile
from .overlap_add import (
    OverlapAddArgs,
    OverlapAddArrays,
    SumColumns,
    Target,
    clear_ends,
    scratch_sizes,
    write_columns,
    write_lanes,
)


class InverseArgs(NamedTuple):
    """Frames of a strip, and the sums before the first frame and after the last."""

    strip_frames: int
    lag: int  # complete columns that are kept
    kept: int  # columns that are kept: reach - 1 + lag
    sums_before: Reals  # (signals, kept, rows): sums of earlier frames; may be empty
    sums_after: Reals  # (signals, kept, rows): output, sums for later frames; may be empty


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs, InverseArgs)
unpack_arrays, unpack_tables, unpack_args, unpack_inverse = LAYOUT.unpackers


@kernel
def load_sums(x, i, columns, rows, o, at, row_stride, column_stride):
    """o[at + r row_stride + c column_stride] = x[i + c rows + r], the kept columns of a signal."""
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
def add_tiles(at, count, arrays, tables, args, lag, buffers):
    """Add `count` frames, of the bins spectra[at:], to the sum, in which the first of them begins in column `lag`."""
    V = lanes(arrays.y)
    strip, work, bins, tmp, y, o, _rows = buffers
    for g in range(0, count, V):
        at_tile, tile_frames, scratch = at + g * args.frame_stride, min(V, count - g), (strip, work, bins, tmp)
        add_tile(arrays.spectra, at_tile, tile_frames, tables, args, scratch, y, o, lag + g)


@kernel
def write_sum(b, column, i, count, arrays, args, buffers):
    """Write columns i .. i + count - 1 of the sum, which are `column` and on of signal b from its first frame on."""
    at = args.y_offset + b * args.y_stride + (args.first_frame + column) * args.hop - args.start
    end = args.start + args.length
    o, rows = buffers[5], buffers[6]
    columns = SumColumns(o, i, args.sum_stride, args.first_frame + column, int64(1))
    write_columns(columns, count, args, arrays.weight, Target(arrays.y, at, args.hop, args.start, end), rows)


@kernel
def add_frames_in_lanes(item, arrays, tables, args, inverse, buffers):
    """A strip of frames of a signal, which are the lanes."""
    o = buffers[5]
    stride, sum_rows, zero, unit = args.sum_stride, args.sum_rows, int64(0), int64(1)
    b, i = item // args.strips, item % args.strips
    low, is_last = i * inverse.strip_frames, i == args.strips - 1
    high, f = min(low + inverse.strip_frames, args.frames), max(zero, low - args.reach + 1)
    clear_ends(b, i == 0, is_last and inverse.sums_after.size == 0, args, arrays.y)
    if f == 0 and inverse.sums_before.size > 0:
        load_sums(inverse.sums_before, b * inverse.kept * sum_rows, inverse.kept, sum_rows, o, zero, stride, unit)
        if i == 0:
            write_sum(b, -inverse.lag, zero, inverse.lag, arrays, args, buffers)
    count = zero
    while f < high:
        if count > 0:
            shift_columns(o, count, inverse.kept, sum_rows, stride)
        count = min(args.strip_tiles * lanes(arrays.y), high - f)
        at = args.origin + b * args.signal_stride + f * args.frame_stride
        add_tiles(at, count, arrays, tables, args, inverse.lag, buffers)
        skip = min(count, max(zero, low - f))
        write_sum(b, f + skip, inverse.lag + skip, count - skip, arrays, args, buffers)
        f += count
    if is_last and inverse.sums_after.size > 0:
        store_sums(o, count, stride, unit, inverse.kept, sum_rows, inverse.sums_after, b * inverse.kept * sum_rows)
    elif is_last:
        write_sum(b, f, count + inverse.lag, args.reach - 1, arrays, args, buffers)


@kernel
def add_signals_in_lanes(item, arrays, tables, args, inverse, buffers):
    """All frames of `lanes` signals, which are the lanes."""
    strip, work, bins, tmp, y, o, rows = buffers
    V, hop, sum_rows, zero = lanes(arrays.y), args.hop, args.sum_rows, int64(0)
    b, stride, size = item * V, sum_rows * V, inverse.kept * sum_rows
    count, columns = min(V, args.signals - b), args.frames + inverse.lag
    if inverse.sums_before.size > 0:
        for lane in range(count):
            load_sums(inverse.sums_before, (b + lane) * size, inverse.kept, sum_rows, o, lane, V, stride)
    for f in range(args.frames):
        at = args.origin + b * args.signal_stride + f * args.frame_stride
        synthesize_tile(arrays.spectra, at, count, zero, tables, args, (strip, work, bins, tmp), y)
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
        target = Target(arrays.y, at, args.y_stride, args.start, args.start + args.length)
        write_lanes(SumColumns(o, c * stride, V, column, zero), count, args, arrays.weight, target, rows)


@task("transform", "recovery")
def inverse_strip(item, worker, record, scratch):
    """A strip: frames of a signal, or all frames of `lanes` signals."""
    noinline()
    arrays, tables = unpack_arrays(scratch, record), unpack_tables(scratch, record)
    args, inverse = unpack_args(scratch, record), unpack_inverse(scratch, record)
    V = lanes(scratch)
    strip, work, y, bins, tmp, _extra, o, rows = carve(scratch, worker, scratch_sizes(args, V))
    o[:] = 0
    buffers = strip, work, bins, tmp, y, o, rows
    if args.signals_in_lanes:
        add_signals_in_lanes(item, arrays, tables, args, inverse, buffers)
    else:
        add_frames_in_lanes(item, arrays, tables, args, inverse, buffers)
