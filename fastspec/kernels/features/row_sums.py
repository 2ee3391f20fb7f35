"""Sums of rows, or of their squares, part by part."""

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Reals
from ..runtime.tasks import task
from ..simd.vector import lane_sum, lanes, load, load_partial, splat

PART = 1024
"""Numbers of a part."""


class SumArgs(NamedTuple):
    """Rows one after another, and the sum of part p of row r at out[p rows + r]; the last part may be short."""

    x: Reals
    out: Reals
    width: int  # of a row
    squared: bool  # sums of squares


LAYOUT = Layout(SumArgs)
(unpack_args,) = LAYOUT.unpackers


@kernel
def sum_part(x, start, stop, squared):
    """The sum of x[start:stop], or of its squares."""
    V = lanes(x)
    p = q = splat(x, x.dtype.type(0))
    i = start
    while i + 2 * V <= stop:
        a, b = load(x, i), load(x, i + V)
        if squared:
            p, q = p + a * a, q + b * b
        else:
            p, q = p + a, q + b
        i += 2 * V
    while i < stop:
        a = load_partial(x, i, min(V, stop - i))
        p = p + a * a if squared else p + a
        i += V
    return lane_sum(p + q)


@task("frontends")
def sum_parts(item, worker, record, scratch):
    """The parts of a row."""
    args = unpack_args(scratch, record)
    rows, start, o = args.x.size // args.width, item * args.width, item
    for i in range(start, start + args.width, PART):
        args.out[o] = sum_part(args.x, i, min(start + args.width, i + PART), args.squared)
        o += rows
