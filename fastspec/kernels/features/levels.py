"""TODO."""

from typing import NamedTuple

import numpy as np

from ..runtime.calls import claim, out_of_line
from ..runtime.jit import kernel, prange
from ..runtime.threads import parallel_kernel
from ..simd.log import log10
from ..simd.vector import lane_max, lanes, load, load_part, load_splat, maximum, splat, sqrt, store, store_part


class Rows(NamedTuple):
    """A matrix as `bands.Bands`."""

    first: np.ndarray
    starts: np.ndarray
    weights: np.ndarray


SQUARE, ROOT, LOG, OTHER = 0, 1, 2, 3
"""What becomes of a power: itself, its root, the decimal logarithm of its root, or its half to the power `exponent`."""


@kernel
def levels(c, bins, last, peaks, p0):
    """Turns the powers of a tile into levels; peaks[p0 + lane] is the largest power of a frame, NaN left out."""
    out_of_line()
    V = lanes(c)
    peak = splat(c, c.dtype.type(0))
    low, half = splat(c, last.least), splat(c, c.dtype.type(0.5))
    if last.shape == SQUARE:
        return
    if last.shape == ROOT:
        for i in range(0, V * bins, V):
            power = load(c, i)
            peak = maximum(power, peak)
            store(c, i, maximum(low, sqrt(power)))
    elif last.shape == LOG:
        for i in range(0, V * bins, V):
            power = load(c, i)
            peak = maximum(power, peak)
            store(c, i, log10(power) * half)
    else:
        for i in range(V * bins):
            c[i] = c[i] ** last.exponent
    store(peaks, p0, peak)


@kernel
def filtered(c, last, o):
    """c[o + lanes i :] = sum over k of weight (i, k) times level k, for every filter i."""
    out_of_line()
    V = lanes(c)
    nothing = splat(c, c.dtype.type(0))
    for i in range(last.first.size):
        w, end = last.starts[i], last.starts[i + 1]
        at = V * last.first[i]
        one, two, three, four = nothing, nothing, nothing, nothing  # sums side by side: none waits for another
        while w + 4 <= end:
            one = one + load(c, at) * load_splat(last.weights, w)
            two = two + load(c, at + V) * load_splat(last.weights, w + 1)
            three = three + load(c, at + 2 * V) * load_splat(last.weights, w + 2)
            four = four + load(c, at + 3 * V) * load_splat(last.weights, w + 3)
            w, at = w + 4, at + 4 * V
        while w < end:
            one = one + load(c, at) * load_splat(last.weights, w)
            w, at = w + 1, at + V
        store(c, o + V * i, (one + two) + (three + four))


@kernel
def logarithms(c, i, count, last, peaks, p0):
    """c = gain log10(max(c, floor)) for `count` vectors from c[i]; peaks[p0 + lane] is the largest of a frame.

    NaN stays NaN and is no peak.
    """
    out_of_line()
    V = lanes(c)
    low, gain = splat(c, last.floor), splat(c, last.gain)
    peak = log10(low) * gain
    for at in range(i, i + V * count, V):
        value = log10(maximum(low, load(c, at))) * gain  # in this order NaN stays
        peak = maximum(value, peak)
        store(c, at, value)
    store(peaks, p0, peak)


# ---- what has to wait until all frames are seen ----
@kernel
def half_log(power):
    """log10(power[0]) / 2, as the levels' logarithms are taken."""
    return lane_max(log10(splat(power, power[0]))) * power.dtype.type(0.5)


@kernel
def settle_row(out, start, stop, shift, floor, gain, add):
    """out[start:stop] = max(out - shift, floor) gain + add; NaN stays."""
    V = lanes(out)
    down, low, times, plus = splat(out, shift), splat(out, floor), splat(out, gain), splat(out, add)
    i = start
    while i + V <= stop:
        store(out, i, maximum(low, load(out, i) - down) * times + plus)  # in this order NaN stays
        i += V
    if i < stop:
        store_part(out, i, maximum(low, load_part(out, i, stop - i) - down) * times + plus, stop - i)


@kernel
def settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add):
    """Item s of `settle`: `many` rows of all signals, counted through."""
    for r in range(s * many, min((s + 1) * many, places.size * rows)):
        o = places[r // rows] + r % rows * ld
        settle_row(out, o, o + width, shift, floors[r // rows], gain, add)


@parallel_kernel
def settle(serial, lo, hi, workers, board, many, out, places, rows, ld, width, shift, floors, gain, add):
    """Row r of signal i, at out[places[i] + r ld], becomes max(row - shift, floors[i]) gain + add; `many` an item."""
    if serial:
        for s in range(lo, hi):
            settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add)
                s = claim(board, 0, hi)
