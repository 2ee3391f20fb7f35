"""Pre-emphasis of whole signals: out[t] = x[t] - c x[t - 1], out[0] = x[0]."""

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.layout import Ints, Layout, Number, Reals
from ..runtime.tasks import task
from ..simd.vector import lanes, load, splat, store


class EmphasisArgs(NamedTuple):
    """Signals, and their differences one after another."""

    x: Reals
    offsets: Ints  # of each signal in x
    out: Reals
    n: int  # samples of a signal
    item_samples: int  # of an item
    coefficient: Number


LAYOUT = Layout(EmphasisArgs)
(unpack_args,) = LAYOUT.unpackers


@kernel
def emphasize_samples(x, i, out, o, count, coefficient):
    """out[o + k] = x[i + k] - coefficient x[i + k - 1] for k < count."""
    V, k, c = lanes(x), 0, splat(x, coefficient)
    while k + V <= count:
        store(out, o + k, load(x, i + k) - load(x, i + k - 1) * c)
        k += V
    while k < count:
        out[o + k] = x[i + k] - x[i + k - 1] * coefficient
        k += 1


@task("frontends")
def emphasize_block(item, worker, record, scratch):
    """item_samples samples of a signal."""
    args = unpack_args(scratch, record)
    items = (args.n + args.item_samples - 1) // args.item_samples
    signal, first = item // items, item % items * args.item_samples
    stop, i, o = min(args.n, first + args.item_samples), args.offsets[signal], signal * args.n
    if first == 0:
        args.out[o] = args.x[i]
        first = 1
    emphasize_samples(args.x, i + first, args.out, o + first, stop - first, args.coefficient)
