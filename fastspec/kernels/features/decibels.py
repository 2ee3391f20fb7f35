"""Levels -> decibels above a floor, and decibels -> levels, in one pass over memory.

Arrays hold channels one after another, `size` numbers of each, at least a vector of them.  The last vector of an item
may overlap the vector before it, so `out` must not share memory with `x`.
"""

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Number, Reals
from ..runtime.tasks import task
from ..simd.log import exp10, log10
from ..simd.vector import lanes, load, maximum, minimum, splat, store


class DecibelArgs(NamedTuple):
    """out = max(L, L of the peak - top_db), L = factor (log10 max(x, amin) - log10 max(reference, amin))."""

    x: Reals
    references: Reals  # of each channel
    peaks: Reals  # of each channel: the largest x, or |x|
    out: Reals
    size: int  # numbers of a channel
    item_numbers: int  # of an item, at most
    factor: Number
    amin: Number
    sign: Number  # -1: |x| instead of x; 1: x
    top_db: Number


class LevelArgs(NamedTuple):
    """out = scale 10**(factor x)."""

    x: Reals
    out: Reals
    item_numbers: int  # of an item, at most
    factor: Number
    scale: Number


DECIBEL_LAYOUT, LEVEL_LAYOUT = Layout(DecibelArgs), Layout(LevelArgs)
(unpack_decibels,), (unpack_levels,) = DECIBEL_LAYOUT.unpackers, LEVEL_LAYOUT.unpackers


@kernel
def write_decibels(args, start, stop, reference, peak):
    """out[start:stop] from x[start:stop].

    One logarithm of all three makes L exactly 0 where x is the reference; and no L is above that of the peak, although
    neighbouring numbers may have logarithms in the wrong order.
    """
    x, out = args.x, args.out
    V = lanes(x)
    factor, amin, sign = splat(x, args.factor), splat(x, args.amin), splat(x, args.sign)
    base = log10(maximum(splat(x, reference), amin))
    top = log10(maximum(splat(x, peak), amin)) - base
    floors = top * factor - splat(x, args.top_db)
    i = start
    while i < stop:
        i = min(i, stop - V)
        v = load(x, i)
        level = log10(maximum(maximum(v, v * sign), amin)) - base
        store(out, i, maximum(minimum(level, top) * factor, floors))
        i += V


@task("features")
def to_decibels(item, worker, record, scratch):
    """At most item_numbers numbers of a channel."""
    args = unpack_decibels(scratch, record)
    items = (args.size + args.item_numbers - 1) // args.item_numbers
    channel = item // items
    first = item % items * args.item_numbers
    start = channel * args.size + max(0, min(first, args.size - lanes(scratch)))
    stop = channel * args.size + min(args.size, first + args.item_numbers)
    write_decibels(args, start, stop, args.references[channel], args.peaks[channel])


@task("features")
def from_decibels(item, worker, record, scratch):
    """At most item_numbers numbers."""
    args = unpack_levels(scratch, record)
    V = lanes(scratch)
    factor, scale = splat(scratch, args.factor), splat(scratch, args.scale)
    i, stop = max(0, min(item * args.item_numbers, args.x.size - V)), min(args.x.size, (item + 1) * args.item_numbers)
    while i < stop:
        i = min(i, stop - V)
        store(args.out, i, exp10(load(args.x, i) * factor) * scale)
        i += V
