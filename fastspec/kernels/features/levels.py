"""Powers of a tile -> levels, filtered levels such as mels, logarithms: the steps of epilogues."""

from typing import NamedTuple

from ..runtime.calls import noinline
from ..runtime.jit import kernel
from ..runtime.layout import Ints, Layout, Number, Reals
from ..runtime.tasks import called_from_python, task
from ..simd.log import log10
from ..simd.vector import lane_max, lanes, load, load_partial, load_splat, maximum, splat, sqrt, store, store_partial

SQUARE, ROOT, LOG, EXPONENT = 0, 1, 2, 3
"""Level of a power P: P, sqrt(P), log10 sqrt(P), or P**exponent."""


class Bands(NamedTuple):
    """Filters as bands: each has weights for neighbouring bins, and zeros elsewhere."""

    first: Ints  # first bin of each filter
    starts: Ints  # the weights of filter i are weights[starts[i] : starts[i + 1]]
    weights: Reals  # of all filters, one after another


NO_ENERGY, ENERGY_FIRST, ENERGY_LAST, ENERGY_IN_CEPSTRA = 0, 1, 2, 3
"""Where the logarithm of the energy of a frame goes: nowhere, a row before or after all, or in place of a cepstrum."""


class Epilogue(NamedTuple):
    """Levels of powers, filters over levels, logarithms of filtered levels; and what front ends do beside.

    Front ends compute L = gain log10(max(M + guard, floor)) + offset, within low and high, of (P + eps)**exponent.
    """

    shape: int  # SQUARE, ROOT, LOG or EXPONENT
    log: bool  # of filtered levels
    exponent: Number  # of a power, for EXPONENT
    least: Number  # lower bound of a level, for ROOT
    floor: Number  # lower bound of the argument of the logarithm
    gain: Number  # of the decimal logarithm
    weights: Reals  # as in Bands
    first: Ints
    starts: Ints
    eps: Number
    guard: Number
    at_floor: Number  # L at the floor
    offset: Number
    low: Number
    high: Number
    energy: int  # NO_ENERGY, ENERGY_FIRST, ENERGY_LAST or ENERGY_IN_CEPSTRA
    energy_gain: Number  # of an energy, before its logarithm
    energy_floor: Number
    energy_slope: Number  # of the decimal logarithm of an energy
    energy_last: Number  # weight of the last bin in energies that are of powers; 0 if they are of samples
    energy_row: int  # of the cepstra that it replaces
    cepstra: int  # rows of the matrix
    matrix: Reals  # of the cepstra, row by row


@kernel
def powers_to_levels(c, bins, epilogue, peaks, peaks_offset):
    """Powers of a tile become levels; peaks[peaks_offset + lane] = the largest power of a frame that is not NaN."""
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
    store(peaks, peaks_offset, peak)


@kernel
def apply_filters(c, bands, o):
    """c[o + lanes i :] = sum over k of weights[i, k] c[lanes k :], for every filter i."""
    noinline()
    V = lanes(c)
    zero = splat(c, c.dtype.type(0))
    for i in range(bands.first.size):
        w, end = bands.starts[i], bands.starts[i + 1]
        at = V * bands.first[i]
        p, q, r, s = zero, zero, zero, zero  # four independent sums hide the latency of additions
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
def take_logarithms(c, i, count, epilogue, peaks, peaks_offset):
    """c = gain log10(max(c, floor)) for `count` vectors from c[i]; peaks[peaks_offset + lane] = the largest of a frame.

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
    store(peaks, peaks_offset, peak)


# ---- after all frames ----
@called_from_python("notebook")
def half_log10(power: Reals):
    """log10(power[0]) / 2, with the bits of a level of shape LOG."""
    return lane_max(log10(splat(power, power[0]))) * power.dtype.type(0.5)


class ClipArgs(NamedTuple):
    """Rows that are clipped and scaled in place: max(out - shift, floor) gain + offset of their signal."""

    out: Reals
    out_offsets: Ints  # of each signal's rows in out
    floors: Reals  # of each signal
    offsets: Reals  # of each signal
    rows: int  # of a signal
    row_stride: int
    width: int  # of a row
    item_rows: int  # rows of an item
    shift: Number
    gain: Number


CLIP_LAYOUT = Layout(ClipArgs)
(unpack_clip,) = CLIP_LAYOUT.unpackers


@kernel
def clip_and_scale_row(out, start, stop, shift, floor, gain, offset):
    """out[start:stop] = max(out - shift, floor) gain + offset; NaN stays."""
    V = lanes(out)
    shifts, floors, gains, offsets = splat(out, shift), splat(out, floor), splat(out, gain), splat(out, offset)
    i = start
    while i + V <= stop:
        store(out, i, maximum(floors, load(out, i) - shifts) * gains + offsets)  # in this order NaN stays
        i += V
    if i < stop:
        clipped = maximum(floors, load_partial(out, i, stop - i) - shifts)
        store_partial(out, i, clipped * gains + offsets, stop - i)


@task("transform", "notebook")
def clip_and_scale(item, worker, record, scratch):
    """Rows item item_rows .. + item_rows - 1, counted over all signals: max(row - shift, floor) gain + offset."""
    args = unpack_clip(scratch, record)
    for r in range(item * args.item_rows, min((item + 1) * args.item_rows, args.out_offsets.size * args.rows)):
        o = args.out_offsets[r // args.rows] + r % args.rows * args.row_stride
        floor, offset = args.floors[r // args.rows], args.offsets[r // args.rows]
        clip_and_scale_row(args.out, o, o + args.width, args.shift, floor, args.gain, offset)
