"""Powers of a tile -> levels, weighted sums of them (mels), logarithms: what epilogues are composed of."""

from typing import NamedTuple

from ..runtime.calls import noinline
from ..runtime.jit import kernel
from ..runtime.layout import Ints, Layout, Number, Reals
from ..runtime.tasks import called_from_python, task
from ..simd.log import log10
from ..simd.vector import lane_max, lanes, load, load_part, load_splat, maximum, splat, sqrt, store, store_part

SQUARE, ROOT, LOG, EXPONENT = 0, 1, 2, 3
"""Levels: the power itself, its root, the decimal logarithm of its root, or its half to the power `exponent`."""


class Bands(NamedTuple):
    """Filters as bands: each has its weights for some neighbouring bins."""

    first: Ints  # first bin of each filter
    starts: Ints  # where its weights begin, and one more: where the last end
    weights: Reals  # of all filters, one after another, from their first bin to their last


class Epilogue(NamedTuple):
    """The last step on powers: the level of each, filters over them, a logarithm."""

    shape: int  # SQUARE, ROOT, LOG or EXPONENT
    log: bool  # of filtered levels
    exponent: Number  # of a power, for EXPONENT
    least: Number  # level, for ROOT
    floor: Number  # the least number that a logarithm is taken of
    gain: Number  # of a decimal logarithm
    weights: Reals  # as in Bands
    first: Ints
    starts: Ints


@kernel
def powers_to_levels(c, bins, epilogue, peaks, p0):
    """Powers of a tile become levels; peaks[p0 + lane] is the largest power of a frame, NaN left out."""
    noinline()
    V = lanes(c)
    peak = splat(c, c.dtype.type(0))
    low, half = splat(c, epilogue.least), splat(c, c.dtype.type(0.5))
    if epilogue.shape == SQUARE:
        return
    if epilogue.shape == ROOT:
        for i in range(0, V * bins, V):
            power = load(c, i)
            peak = maximum(power, peak)
            store(c, i, maximum(low, sqrt(power)))
    elif epilogue.shape == LOG:
        for i in range(0, V * bins, V):
            power = load(c, i)
            peak = maximum(power, peak)
            store(c, i, log10(power) * half)
    else:
        for i in range(V * bins):
            c[i] = c[i] ** epilogue.exponent
    store(peaks, p0, peak)


@kernel
def apply_filters(c, bands, o):
    """c[o + lanes i :] = sum over k of weight (i, k) times level k, for every filter i."""
    noinline()
    V = lanes(c)
    zero = splat(c, c.dtype.type(0))
    for i in range(bands.first.size):
        w, end = bands.starts[i], bands.starts[i + 1]
        at = V * bands.first[i]
        p, q, r, s = zero, zero, zero, zero  # sums side by side: none waits for the next
        while w + 4 <= end:
            p = p + load(c, at) * load_splat(bands.weights, w)
            q = q + load(c, at + V) * load_splat(bands.weights, w + 1)
            r = r + load(c, at + 2 * V) * load_splat(bands.weights, w + 2)
            s = s + load(c, at + 3 * V) * load_splat(bands.weights, w + 3)
            w, at = w + 4, at + 4 * V
        while w < end:
            p = p + load(c, at) * load_splat(bands.weights, w)
            w, at = w + 1, at + V
        store(c, o + V * i, (p + q) + (r + s))


@kernel
def take_logarithms(c, i, count, epilogue, peaks, p0):
    """c = gain log10(max(c, floor)) for `count` vectors from c[i]; peaks[p0 + lane] is the largest of a frame.

    NaN stays NaN and is no peak.
    """
    noinline()
    V = lanes(c)
    low, gain = splat(c, epilogue.floor), splat(c, epilogue.gain)
    peak = log10(low) * gain
    for at in range(i, i + V * count, V):
        value = log10(maximum(low, load(c, at))) * gain  # in this order NaN stays
        peak = maximum(value, peak)
        store(c, at, value)
    store(peaks, p0, peak)


# ---- once all frames are known ----
@called_from_python("notebook")
def half_log10(power: Reals):
    """log10(power[0]) / 2, as the levels' logarithms are taken."""
    return lane_max(log10(splat(power, power[0]))) * power.dtype.type(0.5)


class ClipArgs(NamedTuple):
    """Rows of an output that are clipped and scaled in place."""

    out: Reals
    out_offsets: Ints  # where each signal's rows begin
    floors: Reals  # of each signal
    rows: int  # of a signal
    row_stride: int
    width: int  # of a row
    item_rows: int  # rows of an item
    shift: Number
    gain: Number
    offset: Number


CLIP_LAYOUT = Layout(ClipArgs)
(unpack_clip,) = CLIP_LAYOUT.unpackers


@kernel
def clip_and_scale_row(out, start, stop, shift, floor, gain, offset):
    """out[start:stop] = max(out - shift, floor) gain + offset; NaN stays."""
    V = lanes(out)
    down, low, times, plus = splat(out, shift), splat(out, floor), splat(out, gain), splat(out, offset)
    i = start
    while i + V <= stop:
        store(out, i, maximum(low, load(out, i) - down) * times + plus)  # in this order NaN stays
        i += V
    if i < stop:
        store_part(out, i, maximum(low, load_part(out, i, stop - i) - down) * times + plus, stop - i)


@task("transform", "notebook")
def clip_and_scale(item, worker, record, scratch):
    """item_rows rows of all signals, counted through: each becomes max(row - shift, floor) gain + offset."""
    args = unpack_clip(scratch, record)
    for r in range(item * args.item_rows, min((item + 1) * args.item_rows, args.out_offsets.size * args.rows)):
        o = args.out_offsets[r // args.rows] + r % args.rows * args.row_stride
        floor = args.floors[r // args.rows]
        clip_and_scale_row(args.out, o, o + args.width, args.shift, floor, args.gain, args.offset)
