"""Kernels of the plain overlap-add: frames -> signals.

The sum of the frames of a signal has columns of `hop` samples.  A strip is a number of frames of one signal: it adds
them up in lanes, sample r of column c at o[r sum_stride + c], and writes the sum in order of time, times the weight of
every sample.  What reaches past its last frame's column, the tail, belongs to the strips after it: tails are kept apart
and added in a second pass, in order, so that the bits do not depend on the number of threads.

    columns      0    1    2    3    4    5    6    7         frames 0 .. 3 with a reach of 3 columns
    strip 0    [ 0  ][ 1  ][ 2  ][ 3  ] tail  tail            [..] is the column at which a frame starts
    strip 1                        [ 4  ][ 5  ][ 6  ] ...

Weights are 1 / (sum of windows): a row for each of the first reach - 1 columns, one for all columns that `reach` frames
reach, and a row for each of the reach - 1 columns at the end.
"""

from typing import NamedTuple

from ..fft.realfft import PHASES
from ..fft.tables import Tables
from ..framing.polyphase import multiply, overlap_add, transpose
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes
from .frames import frame_scratch_sizes, load_strip, synthesize_tile


class OverlapAddArrays(NamedTuple):
    """Frames and signals."""

    y: Reals  # the signals that are written
    previous: Reals  # the signals that phases are taken from
    spectra: Reals  # magnitudes in the order of `tables.bin_order`, or complex bins as re, im
    tails: Reals  # of strips: reach - 1 columns each
    weight: Reals  # see the head of this file


class OverlapAddArgs(NamedTuple):
    """Sizes and strides."""

    source: int  # realfft.PHASES, ZERO or BINS
    folded: bool  # bins are those of a whole circle, to be folded
    signals_in_lanes: bool  # lanes are signals, not frames
    hop: int
    n_fft: int
    size: int  # samples of a frame that are added
    skip: int  # samples of a synthesized frame before them
    direction: int  # 1, or -1 where the frame is reversed in time
    reach: int  # columns of `hop` samples that a frame reaches into
    signals: int
    strips: int  # of one signal
    frames: int  # of a signal, those that are added
    first_frame: int  # which of the whole signal's frames the first of them is
    total_frames: int  # of the whole signal
    origin: int  # where the first frame stands in `spectra`
    signal_stride: int  # from one signal to the next there
    frame_stride: int  # from one frame to the next
    lane_stride: int  # the one of the two that lanes are apart
    bin_stride: int  # from one complex bin to the next
    start: int  # samples start .. start + length - 1 of the sum are written
    length: int
    y_offset: int  # where to, in y
    y_stride: int  # from one signal to the next there
    strip_tiles: int
    rows: int  # phases of a strip that phases are taken from, min(hop, n_fft)
    strip_stride: int  # from a row of it to the next
    bins: int
    fft_elements: int  # complex elements of scratch for the transform
    extra: int  # real numbers of scratch that the kernels of a round need
    sum_rows: int  # phases of a sum, min(hop, size)
    sum_stride: int  # from a row of it to the next
    sum_size: int  # real numbers of scratch for sums
    mean: Number
    least: Number  # below this a bin has no phase


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers

WRITE_ROWS = 128
"""Rows of a sum that are transposed at a time: those of all lanes stay in the first-level cache."""


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: those of a tile of frames, extra, sums, rows of sums as they are written."""
    strip, transform, frames, bins, tmp = frame_scratch_sizes(args, V)
    return strip, transform, frames, bins, tmp, args.extra, args.sum_size, WRITE_ROWS * V


@kernel
def weight_row(column, args):
    """Which row of weights a column has."""
    if column < args.total_frames:
        return min(column, args.reach - 1)
    return column - args.total_frames + min(args.total_frames, args.reach)


@kernel
def write_lanes(o, i, stride, column, column_step, count, args, weight, x, at, x_step, low, high, rows):
    """A column of a sum from each of `count` lanes, to x, weighted, as far as they are samples low <= t < high.

    Lane l holds column + l column_step, row r of it at o[i + r stride + l], and sample r goes to x[at + l x_step + r].
    """
    noinline()
    hop = args.hop
    for r in range(0, args.sum_rows, WRITE_ROWS):
        row_count = min(WRITE_ROWS, args.sum_rows - r)
        transpose(o, i + r * stride, stride, rows, int64(0), WRITE_ROWS, row_count)
        for lane in range(count):
            c = column + lane * column_step
            a, b = max(r, low - c * hop), min(r + row_count, high - c * hop)
            if a < b:
                w = weight_row(c, args) * args.sum_rows + a
                multiply(rows, lane * WRITE_ROWS + a - r, weight, w, x, at + lane * x_step + a, b - a)
    if hop > args.sum_rows:  # samples that no frame reaches
        for lane in range(count):
            c = (column + lane * column_step) * hop
            for t in range(max(c + args.sum_rows, low), min(c + hop, high)):
                x[at + lane * x_step + t - c] = 0


@kernel
def write_columns(o, i, count, column, args, weight, x, at, low, high, rows):
    """Columns column .. column + count - 1 of one signal, from o[i:] to x[at:]."""
    V = lanes(x)
    for c in range(0, count, V):
        write_lanes(o, i + c, args.sum_stride, column + c, int64(1), min(V, count - c), args, weight,
                    x, at + c * args.hop, args.hop, low, high, rows)  # fmt: skip


@kernel
def clear_ends(b, is_first, is_last, args, y):
    """Signal b where no frame is: before the first strip's, after the last strip's."""
    at, end = args.y_offset + b * args.y_stride - args.start, args.start + args.length
    if is_first:
        for t in range(args.start, min(end, args.first_frame * args.hop)):
            y[at + t] = 0
    if is_last:
        for t in range(max(args.start, (args.first_frame + args.frames + args.reach - 1) * args.hop), end):
            y[at + t] = 0


@kernel
def write_strip(item, arrays, args, o, rows):
    """Writes the sum of a strip: its body to the signal, its tail to row `item` of the tails."""
    hop, width = args.hop, args.strip_tiles * lanes(arrays.y)
    b, i = item // args.strips, item % args.strips
    body = min(width, args.frames - i * width)
    column, low, is_last = args.first_frame + i * width, args.start, i == args.strips - 1
    at = args.y_offset + b * args.y_stride + column * hop - args.start
    clear_ends(b, i == 0, is_last, args, arrays.y)
    count = body + args.reach - 1 if is_last else body
    write_columns(o, int64(0), count, column, args, arrays.weight, arrays.y, at, low, low + args.length, rows)
    if not is_last:
        tail, column = args.reach - 1, column + body
        low = column * hop
        write_columns(
            o, body, tail, column, args, arrays.weight, arrays.tails, item * tail * hop, low, low + tail * hop, rows
        )


@task("notebook")
def overlap_add_strip(item, worker, record, scratch):
    """One strip of frames of one signal.

    Of each frame `size` samples are added, from sample `skip` on, backwards if the direction is -1.
    """
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    V = lanes(scratch)
    strip, work, y, bins, tmp, _extra, o, rows = carve(scratch, worker, scratch_sizes(args, V))
    o[:] = 0
    b, i = item // args.strips, item % args.strips
    first = i * args.strip_tiles * V
    count = min(args.strip_tiles * V, args.frames - first)
    if args.source == PHASES:
        load_strip(arrays.previous, first, args, strip, work)
    for f in range(0, count, V):
        at = args.origin + b * args.signal_stride + (first + f) * args.frame_stride
        synthesize_tile(arrays.spectra, at, min(V, count - f), f, p, args, (strip, work, bins, tmp), y)
        overlap_add(y, args.skip * V, args.direction * V, args.size, o, f, args.hop, args.sum_stride)
    write_strip(item, arrays, args, o, rows)


@kernel
def add_samples(x, i, out, o, count):
    """out[o + k] += x[i + k] for k < count."""
    for k in range(count):
        out[o + k] += x[i + k]


@task("notebook", "recovery")
def add_tails(item, worker, record, scratch):
    """Adds to the samples of a strip the tails of the strips before it, first to last."""
    noinline()
    arrays, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    width, tail = args.strip_tiles * lanes(arrays.y), args.reach - 1
    b, i = item // args.strips, item % args.strips
    first = i * width
    stop = args.frames + tail if i == args.strips - 1 else first + width
    for j in range(max(0, i - (tail + width - 1) // width), i):
        column = (j + 1) * width  # where tail j starts
        low = max(args.start, (args.first_frame + first) * args.hop)
        high = min(args.start + args.length, (args.first_frame + min(stop, column + tail)) * args.hop)
        at = (item - i + j) * tail * args.hop + low - (args.first_frame + column) * args.hop
        o = args.y_offset + b * args.y_stride + low - args.start
        add_samples(arrays.tails, at, arrays.y, o, max(0, high - low))
