"""Levels -> decibels above a floor, and decibels -> levels, in one pass over memory.

Arrays hold channels one after another, `size` numbers of each, at least a vector of them.  The last vector of an item
may overlap the vector before it, so `out` must not share memory with `x`.
"""

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Number, Reals
from ..runtime.tasks import task
from ..simd.log import exp10, log10
from ..simd.vector import lanes, load, maximum, splat, store


class DecibelArgs(NamedTuple):
    """out = max(factor log10(max(x, amin)) - shift, floor), with a shift and a floor for each channel."""

    x: Reals
    shifts: Reals
    floors: Reals
    out: Reals
    size: int  # numbers of a channel
    item_numbers: int  # of an item, at most
    factor: Number
    amin: Number
    sign: Number  # -1: |x| instead of x; 1: x


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
def write_decibels(args, start, stop, shift, floor):
    """out[start:stop] = max(factor log10(max(x, amin)) - shift, floor)."""
    x, out = args.x, args.out
    V = lanes(x)
    factor, amin, sign = splat(x, args.factor), splat(x, args.amin), splat(x, args.sign)
    shifts, floors = splat(x, shift), splat(x, floor)
    i = start
    while i < stop:
        i = min(i, stop - V)
        v = load(x, i)
        store(out, i, maximum(log10(maximum(maximum(v, v * sign), amin)) * factor - shifts, floors))
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
    shift, floor = args.shifts[channel], args.floors[channel]
    write_decibels(args, start, stop, shift, floor)


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
