"""The polyphase form of a signal, in strips, and overlap-add in this form.

A strip is t[r, c] = x[x0 + c hop + r], the polyphase components r of the signal (Vaidyanathan, Proc. IEEE 78, 1990,
56-93).  Sample j of frame f of the strip is t[j % hop, j // hop + f]: for any hop, sample j of neighbouring frames is
contiguous, and the signal is transposed once, not once a frame.  A strip has the components that frames contain,
rows = min(hop, n_fft).  A tile of frames of several signals has no polyphase form: its row j holds sample j of each
frame.
"""

from typing import NamedTuple

from ..runtime.calls import noinline, prefetch
from ..runtime.jit import int64, kernel
from ..runtime.layout import Ints, Number, Reals
from ..runtime.tasks import called_from_python
from ..simd.transpose import transpose_block, transpose_block_centred
from ..simd.vector import lanes, load, load_partial, scale_exactly, splat, store, store_partial


class SignalArgs(NamedTuple):
    """Signals of equal length with their padding, and their outputs."""

    x: Reals
    offsets: Ints  # of each signal in x
    padding: Reals  # of each signal, pad_left samples before it, then pad_right after it
    pads_by_index: bool  # padding holds, for all signals, which sample is repeated, -1 for a zero
    out: Reals
    out_offsets: Ints  # of each signal's output in out
    peaks: Reals  # the largest value of each lane of each tile, from the epilogue
    n: int  # samples of a signal
    pad_left: int
    pad_right: int
    mean: Number  # x scale - mean is transformed
    scale: Number


class Signal(NamedTuple):
    """A signal of `SignalArgs`: sample s is x[offset + s], the padding starts at padding[padding_offset]."""

    x: Reals
    offset: int
    padding: Reals
    padding_offset: int
    n: int
    pad_left: int
    pad_right: int
    mean: Number
    scale: Number
    pads_by_index: bool


@kernel
def copy(x, i, out, o, count):
    """out[o : o + count] = x[i : i + count]."""
    V = lanes(x)
    k = 0
    while k + V <= count:
        store(out, o + k, load(x, i + k))
        k += V
    if k < count:
        store_partial(out, o + k, load_partial(x, i + k, count - k), count - k)


@kernel
def copy_centred(x, i, out, o, count, mean):
    """out[o : o + count] = x[i : i + count] - mean."""
    V, k, centre = lanes(x), 0, splat(x, mean)
    while k + V <= count:
        store(out, o + k, load(x, i + k) - centre)
        k += V
    if k < count:
        store_partial(out, o + k, load_partial(x, i + k, count - k) - centre, count - k)


@kernel
def copy_scaled(x, i, out, o, count, mean, scale):
    """out[o : o + count] = x[i : i + count] scale - mean, for a power of two; see `scale_exactly`."""
    V, k, centre = lanes(x), 0, splat(x, mean)
    while k + V <= count:
        store(out, o + k, scale_exactly(load(x, i + k), scale) - centre)
        k += V
    if k < count:
        store_partial(out, o + k, scale_exactly(load_partial(x, i + k, count - k), scale) - centre, count - k)


@kernel
def clear(out, o, count):
    """out[o : o + count] = 0."""
    V = lanes(out)
    zeros = splat(out, out.dtype.type(0))
    k = 0
    while k + V <= count:
        store(out, o + k, zeros)
        k += V
    if k < count:
        store_partial(out, o + k, zeros, count - k)


@kernel
def read_padding(signal, k, out, o, count):
    """out[o : o + count] = the padding from its sample k on."""
    if not signal.pads_by_index:
        copy(signal.padding, signal.padding_offset + k, out, o, count)
        return
    for i in range(count):
        at = int64(signal.padding[signal.padding_offset + k + i])
        out[o + i] = signal.x[signal.offset + at] if at >= 0 else out.dtype.type(0)


@kernel
def read_padded(signal, s, out, o, count):
    """out[o + k] = sample s + k of the padded signal, k < count: 0 beyond its padding."""
    noinline()
    stop = s + count
    a = min(max(s, -signal.pad_left), stop)  # s .. a - 1: zeros
    b = min(max(a, 0), stop)  # a .. b - 1: padding
    c = max(b, min(stop, signal.n))  # b .. c - 1: samples
    d = max(c, min(stop, signal.n + signal.pad_right))  # c .. d - 1: padding; d .. stop - 1: zeros
    clear(out, o, a - s)
    if b > a:
        read_padding(signal, signal.pad_left + a, out, o + a - s, b - a)
    o -= s
    if signal.scale == 1:
        copy_centred(signal.x, signal.offset + b, out, o + b, c - b, signal.mean)
    else:
        copy_scaled(signal.x, signal.offset + b, out, o + b, c - b, signal.mean, signal.scale)
    if d > c:
        read_padding(signal, signal.pad_left + c - signal.n, out, o + c, d - c)
    clear(out, o + d, stop - d)


@kernel
def interleave_rows(columns, column_stride, rows, t, c, stride):
    """t[r stride + c + k] = columns[k column_stride + r] for r < rows, k < lanes."""
    noinline()
    V = lanes(t)
    if rows < V:
        for k in range(V):
            for r in range(rows):
                t[r * stride + c + k] = columns[k * column_stride + r]
        return
    r = 0
    while r < rows:
        r = min(r, rows - V)
        transpose_block(columns, r, column_stride, t, r * stride + c, stride)
        r += V


@kernel
def polyphase(signal, x0, hop, rows, t, stride, columns):
    """t[r stride + c] = sample x0 + c hop + r of the signal, r < rows, c < stride.

    `columns` is scratch of lanes (rows + lanes / 2) numbers.
    """
    noinline()
    V = lanes(signal.x)
    column_stride = rows + V // 2  # not a power of two: columns of a block would share a set of the cache
    for c in range(0, stride, V):
        s = x0 + c * hop
        if signal.scale == 1 and rows >= V and s >= 0 and s + (V - 1) * hop + rows <= signal.n:
            r = 0
            while r < rows:
                r = min(r, rows - V)
                transpose_block_centred(signal.x, signal.offset + s + r, hop, t, r * stride + c, stride, signal.mean)
                for k in range(V, 2 * V):  # the next block of columns
                    prefetch(signal.x, signal.offset + s + r + k * hop)
                r += V
        else:
            for k in range(V):
                read_padded(signal, s + k * hop, columns, k * column_stride, rows)
            interleave_rows(columns, column_stride, rows, t, c, stride)


@kernel
def overlap_add(y, first, step, size, o, base, hop, stride):
    """o[r stride + base + q + lane] += y[first + (q hop + r) step + lane] for q hop + r < size: frames hop apart."""
    noinline()
    j, q = 0, 0
    while j < size:
        at = base + q
        for r in range(min(hop, size - j)):
            store(o, at, load(o, at) + load(y, first + (j + r) * step))
            at += stride
        j += hop
        q += 1


@kernel
def overlap_add_in_order(y, size, o, base, hop, stride):
    """`overlap_add` with first = 0 and step = lanes, where each sum adds its frames from the first to the last."""
    noinline()
    V, q = lanes(o), (size - 1) // hop
    while q >= 0:
        j, at = q * hop, base + q
        for r in range(min(hop, size - j)):
            store(o, at, load(o, at) + load(y, (j + r) * V))
            at += stride
        q -= 1


@kernel
def shift_columns(o, count, kept, rows, stride):
    """Columns count .. count + kept - 1 of a sum become its first `kept`; all after them become 0."""
    noinline()
    for r in range(0, rows * stride, stride):
        copy(o, r + count, o, r, kept)
        clear(o, r + kept, stride - kept)


@kernel
def multiply(src, i, weight, w, out, o, count):
    """out[o + k] = src[i + k] weight[w + k] for k < count."""
    V = lanes(out)
    if count < V:
        for k in range(count):
            out[o + k] = src[i + k] * weight[w + k]
        return
    k = 0
    while k < count:
        k = min(k, count - V)
        store(out, o + k, load(src, i + k) * load(weight, w + k))
        k += V


@kernel
def transpose(src, i, src_stride, dst, o, dst_stride, count):
    """dst[o + c dst_stride + r] = src[i + r src_stride + c] for c < lanes, r < count rounded up to whole vectors."""
    V, r = lanes(src), 0
    while r < count:
        transpose_block(src, i + r * src_stride, src_stride, dst, o + r, dst_stride)
        r += V


@called_from_python("transform")
def update_history(
    history: Reals, history_stride: int, x: Reals, first: int, stride: int, signals: int, n: int, count: int
):
    """The last `count` samples of each signal, after n more samples, at the end of its row of the history.

    The history of signal i is history[i history_stride : + history_stride]; x[first + i stride :] are its new samples.
    """
    for i in range(signals):
        new, end = min(n, count), (i + 1) * history_stride
        if new < count:
            copy(history, end - (count - new), history, end - count, count - new)
        copy(x, first + i * stride + n - new, history, end - new, new)
