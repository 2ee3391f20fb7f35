"""Rows over all frames: their mean subtracted, divided by their deviation."""

import math
from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Ints, Layout, Number, Reals
from ..runtime.tasks import task
from ..simd.vector import lane_sum, lanes, load, load_partial, splat, store, store_partial

BLOCK = 4096
"""Numbers that are summed in the precision of the row, before their sum is added in float64."""


class NormalizeArgs(NamedTuple):
    """Rows that are normalized in place: (row - mean) / (deviation + least), 0 if that is 0; or the mean alone."""

    out: Reals
    offsets: Ints  # of each signal's rows in out
    rows: int  # of a signal
    row_stride: int
    width: int  # of a row
    by_deviation: bool
    least: Number


LAYOUT = Layout(NormalizeArgs)
(unpack_args,) = LAYOUT.unpackers


@kernel
def sum_block(x, start, stop, squared):
    """The sum of x[start:stop], or of its squares."""
    V = lanes(x)
    p = q = splat(x, x.dtype.type(0))
    i = start
    while i + 2 * V <= stop:
        a, b = load(x, i), load(x, i + V)
        p, q = (p + a * a, q + b * b) if squared else (p + a, q + b)
        i += 2 * V
    while i < stop:
        a = load_partial(x, i, min(V, stop - i))
        p = p + a * a if squared else p + a
        i += V
    return lane_sum(p + q)


@kernel
def sum_row(x, start, stop, squared):
    """`sum_block` of any number of values, in float64."""
    total = 0.0
    for i in range(start, stop, BLOCK):
        total += sum_block(x, i, min(stop, i + BLOCK), squared)
    return total


@kernel
def shift_and_scale(x, start, stop, shift, factor):
    """x[start:stop] = (x[start:stop] - shift) factor."""
    V = lanes(x)
    shifts, factors = splat(x, shift), splat(x, factor)
    i = start
    while i + V <= stop:
        store(x, i, (load(x, i) - shifts) * factors)
        i += V
    if i < stop:
        store_partial(x, i, (load_partial(x, i, stop - i) - shifts) * factors, stop - i)


@task("frontends")
def normalize_row(item, worker, record, scratch):
    """A row, counted over all signals."""
    args = unpack_args(scratch, record)
    start = args.offsets[item // args.rows] + item % args.rows * args.row_stride
    stop, number = start + args.width, args.out.dtype.type
    zero, unit = number(0), number(1)
    shift_and_scale(args.out, start, stop, number(sum_row(args.out, start, stop, False) / args.width), unit)
    if args.by_deviation:
        squares = sum_row(args.out, start, stop, True)
        deviation = math.sqrt(squares / max(1, args.width - 1)) + args.least
        shift_and_scale(args.out, start, stop, zero, number(1 / deviation if deviation > 0 else 0))
