"""The product of a small matrix and matrices with many columns."""

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Reals
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_splat, splat, store


class ProductArgs(NamedTuple):
    """out[i] = A @ S[i]; all arrays flat."""

    A: Reals  # (rows, inner)
    S: Reals  # (matrices, inner, columns)
    out: Reals  # (matrices, rows, columns)
    rows: int
    inner: int
    columns: int  # at least a vector
    item_columns: int  # of an item, at most


LAYOUT = Layout(ProductArgs)
(unpack_args,) = LAYOUT.unpackers


@kernel
def multiply_block(args, s, o, start, stop):
    """out[o + r columns + t] = sum over k of A[r inner + k] S[s + k columns + t] for start <= t < stop."""
    A, S, out, rows, inner, columns = args.A, args.S, args.out, args.rows, args.inner, args.columns
    V = lanes(S)
    for r in range(rows):
        t = start
        while t + 2 * V <= stop:
            a = b = splat(S, S.dtype.type(0))
            for k in range(inner):
                w = load_splat(A, r * inner + k)
                a, b = a + w * load(S, s + k * columns + t), b + w * load(S, s + k * columns + t + V)
            store(out, o + r * columns + t, a)
            store(out, o + r * columns + t + V, b)
            t += 2 * V
        while t < stop:
            t = min(t, stop - V)
            a = splat(S, S.dtype.type(0))
            for k in range(inner):
                a = a + load_splat(A, r * inner + k) * load(S, s + k * columns + t)
            store(out, o + r * columns + t, a)
            t += V


@task("features")
def multiply_columns(item, worker, record, scratch):
    """At most item_columns columns of a product."""
    args = unpack_args(scratch, record)
    items = (args.columns + args.item_columns - 1) // args.item_columns
    matrix, start = item // items, item % items * args.item_columns
    stop = min(args.columns, start + args.item_columns)
    s, o = matrix * args.inner * args.columns, matrix * args.rows * args.columns
    start = min(start, stop - lanes(scratch))
    multiply_block(args, s, o, start, stop)
