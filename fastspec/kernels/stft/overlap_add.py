"""Kernels of the overlap-add of frames whose offsets are fixed: frames -> signals.

The sum of the frames of a signal has columns of `hop` samples.  A strip is a number of frames of a signal: it adds them
up in lanes, sample r of column c at o[r sum_stride + c], and writes the sum in order of time, times the weight of every
sample.  Its tail, the columns after that of its last frame, overlaps the strips after it: tails are stored separately
and added in a second pass, in order, so that the bits do not depend on the number of threads.

    columns      0    1    2    3    4    5    6    7         frames 0 .. 3 with a reach of 3 columns
    strip 0    [ 0  ][ 1  ][ 2  ][ 3  ] tail  tail            [..] is the column at which a frame starts
    strip 1                        [ 4  ][ 5  ][ 6  ] ...

Weights are 1 / (sum of windows): a row for each of the first reach - 1 columns, one for all columns that `reach` frames
overlap in, and a row for each of the last reach - 1 columns.
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

    y: Reals  # output
    previous: Reals  # signals that give the phases
    spectra: Reals  # magnitudes in the order of `tables.bin_order`, or complex bins as re, im
    tails: Reals  # of strips: reach - 1 columns each
    weight: Reals  # see the docstring of this module


class OverlapAddArgs(NamedTuple):
    """Sizes and strides."""

    source: int  # realfft.PHASES, ZERO or BINS
    folded: bool  # spectra have all n_fft bins, see `frames.fold`
    signals_in_lanes: bool  # lanes are signals, not frames
    hop: int
    n_fft: int
    size: int  # samples of a frame that are added
    skip: int  # the first of them
    direction: int  # 1; -1 if the frame is reversed in time
    reach: int  # columns of a frame
    signals: int
    strips: int  # of one signal
    frames: int  # added, of a signal
    first_frame: int  # index of the first of them in the whole signal
    total_frames: int  # of the whole signal
    origin: int  # offset of the first frame in `spectra`
    signal_stride: int  # of `spectra`
    frame_stride: int
    lane_stride: int  # frame_stride, or signal_stride if lanes are signals
    bin_stride: int  # of complex bins
    start: int  # samples start .. start + length - 1 of the sum are written
    length: int
    y_offset: int  # of the first signal in y
    y_stride: int  # from a signal to the next in y
    strip_tiles: int
    rows: int  # of a strip of `previous`, min(hop, n_fft)
    strip_stride: int  # from a row of it to the next
    bins: int
    fft_elements: int  # complex elements of scratch for the transform
    extra: int  # real numbers of scratch of the rounds of phase recovery
    sum_rows: int  # of a sum, min(hop, size)
    sum_stride: int  # from a row of it to the next
    sum_size: int  # real numbers of scratch for sums
    mean: Number
    least: Number  # below this a bin has no phase


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers

WRITE_ROWS = 128
"""Rows of a sum that are transposed at a time: they stay in the first-level cache."""


class SumColumns(NamedTuple):
    """Columns of sums, in lanes: lane l holds column first + l step, row r of it at o[i + r stride + l]."""

    o: Reals
    i: int
    stride: int
    first: int
    step: int


class Target(NamedTuple):
    """Samples low <= t < high of a signal: sample r of the column in lane l is x[at + l stride + r]."""

    x: Reals
    at: int
    stride: int
    low: int
    high: int


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: those of a tile of frames, extra, sums, rows of sums after their transpose."""
    strip, transform, frames, bins, tmp = frame_scratch_sizes(args, V)
    return strip, transform, frames, bins, tmp, args.extra, args.sum_size, WRITE_ROWS * V


@kernel
def select_weight_row(column, args):
    """The row of the weights of a column."""
    if column < args.total_frames:
        return min(column, args.reach - 1)
    return column - args.total_frames + min(args.total_frames, args.reach)


@kernel
def write_lanes(columns, count, args, weight, target, rows):
    """The columns in `count` lanes, times their weights, to the target; `rows` is scratch."""
    noinline()
    o, i, stride, first, step = columns
    x, at, x_stride, low, high = target
    hop = args.hop
    for r in range(0, args.sum_rows, WRITE_ROWS):
        row_count = min(WRITE_ROWS, args.sum_rows - r)
        transpose(o, i + r * stride, stride, rows, int64(0), WRITE_ROWS, row_count)
        for lane in range(count):
            c = first + lane * step
            a, b = max(r, low - c * hop), min(r + row_count, high - c * hop)
            if a < b:
                w = select_weight_row(c, args) * args.sum_rows + a
                multiply(rows, lane * WRITE_ROWS + a - r, weight, w, x, at + lane * x_stride + a, b - a)
    if hop > args.sum_rows:  # samples between frames
        for lane in range(count):
            c = (first + lane * step) * hop
            for t in range(max(c + args.sum_rows, low), min(c + hop, high)):
                x[at + lane * x_stride + t - c] = 0


@kernel
def write_columns(columns, count, args, weight, target, rows):
    """`count` neighbouring columns of a signal, times their weights, to the target."""
    V = lanes(target.x)
    o, i, stride, first, step = columns
    for c in range(0, count, V):
        lane_columns = SumColumns(o, i + c, stride, first + c, step)
        lane_target = Target(target.x, target.at + c * args.hop, target.stride, target.low, target.high)
        write_lanes(lane_columns, min(V, count - c), args, weight, lane_target, rows)


@kernel
def clear_ends(b, is_first, is_last, args, y):
    """Zeros before the first frame of signal b and after its last, in the first and the last strip."""
    at, end = args.y_offset + b * args.y_stride - args.start, args.start + args.length
    if is_first:
        for t in range(args.start, min(end, args.first_frame * args.hop)):
            y[at + t] = 0
    if is_last:
        for t in range(max(args.start, (args.first_frame + args.frames + args.reach - 1) * args.hop), end):
            y[at + t] = 0


@kernel
def write_strip(item, arrays, args, o, rows):
    """Write the sum of a strip: the columns of its frames to the signal, its tail to row `item` of the tails."""
    hop, width, unit = args.hop, args.strip_tiles * lanes(arrays.y), int64(1)
    b, i = item // args.strips, item % args.strips
    body = min(width, args.frames - i * width)
    column, low, is_last = args.first_frame + i * width, args.start, i == args.strips - 1
    at = args.y_offset + b * args.y_stride + column * hop - args.start
    clear_ends(b, i == 0, is_last, args, arrays.y)
    count = body + args.reach - 1 if is_last else body
    columns = SumColumns(o, int64(0), args.sum_stride, column, unit)
    write_columns(columns, count, args, arrays.weight, Target(arrays.y, at, hop, low, low + args.length), rows)
    if not is_last:
        tail, column = args.reach - 1, column + body
        low = column * hop
        columns = SumColumns(o, body, args.sum_stride, column, unit)
        target = Target(arrays.tails, item * tail * hop, hop, low, low + tail * hop)
        write_columns(columns, tail, args, arrays.weight, target, rows)


@task("notebook")
def overlap_add_strip(item, worker, record, scratch):
    """A strip of frames of a signal: samples skip .. skip + size - 1 of each, in reverse if the direction is -1."""
    noinline()
    arrays, tables, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
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
        synthesize_tile(arrays.spectra, at, min(V, count - f), f, tables, args, (strip, work, bins, tmp), y)
        overlap_add(y, args.skip * V, args.direction * V, args.size, o, f, args.hop, args.sum_stride)
    write_strip(item, arrays, args, o, rows)


@kernel
def add_samples(x, i, out, o, count):
    """out[o + k] += x[i + k] for k < count."""
    for k in range(count):
        out[o + k] += x[i + k]


@task("notebook", "recovery")
def add_tails(item, worker, record, scratch):
    """Add to the samples of a strip the tails of the strips before it, from the first to the last."""
    noinline()
    arrays, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    width, tail = args.strip_tiles * lanes(arrays.y), args.reach - 1
    b, i = item // args.strips, item % args.strips
    first = i * width
    stop = args.frames + tail if i == args.strips - 1 else first + width
    for j in range(max(0, i - (tail + width - 1) // width), i):
        column = (j + 1) * width  # the first of tail j
        low = max(args.start, (args.first_frame + first) * args.hop)
        high = min(args.start + args.length, (args.first_frame + min(stop, column + tail)) * args.hop)
        at = (item - i + j) * tail * args.hop + low - (args.first_frame + column) * args.hop
        o = args.y_offset + b * args.y_stride + low - args.start
        add_samples(arrays.tails, at, arrays.y, o, max(0, high - low))
