"""The signal on its side: polyphase strips, and the overlap-add that undoes them.

A strip holds t[r, c] = x[x0 + c hop + r].  Sample j of frame f of the strip is then t[j % hop, j // hop + f], so that
sample j of neighbouring frames is one contiguous run, for any hop, and the signal is transposed once, not once a frame.
Only the phases r that some frame uses are kept: rows = min(hop, n_fft).  Where frames of many short signals share a
tile there is no such run: row j then holds sample j of each frame.
"""

from typing import NamedTuple

from ..runtime.calls import noinline, prefetch
from ..runtime.jit import kernel
from ..runtime.layout import Ints, Number, Reals
from ..runtime.tasks import called_from_python
from ..simd.transpose import centre_block, transpose_block
from ..simd.vector import lanes, load, load_part, splat, store, store_part


class SignalArgs(NamedTuple):
    """Signals of one length, the samples beside them, and where what becomes of them goes."""

    x: Reals  # their memory
    offsets: Ints  # where each begins in it
    edges: Reals  # of each signal, `left` samples that come before it and `right` that come after it
    out: Reals
    out_offsets: Ints  # where each signal's part of the output begins
    peaks: Reals  # for each lane of each tile, what the epilogue finds largest
    n: int  # samples of a signal
    left: int
    right: int
    mean: Number  # (x - mean) scale is transformed
    scale: Number


class Signal(NamedTuple):
    """One of them: sample s at x[offset + s], its edges at edges[edges_offset:]."""

    x: Reals
    offset: int
    edges: Reals
    edges_offset: int
    n: int
    left: int
    right: int
    mean: Number
    scale: Number


@kernel
def copy(x, i, out, o, count):
    """out[o : o + count] = x[i : i + count]."""
    V = lanes(x)
    k = 0
    while k + V <= count:
        store(out, o + k, load(x, i + k))
        k += V
    if k < count:
        store_part(out, o + k, load_part(x, i + k, count - k), count - k)


@kernel
def clear(out, o, count):
    """out[o : o + count] = 0."""
    V = lanes(out)
    nothing = splat(out, out.dtype.type(0))
    k = 0
    while k + V <= count:
        store(out, o + k, nothing)
        k += V
    if k < count:
        store_part(out, o + k, nothing, count - k)


@kernel
def read_padded(signal, s, out, o, count):
    """out[o + k] = sample s + k of the signal, k < count: 0 beyond its edges."""
    noinline()
    V, stop = lanes(out), s + count
    a = min(max(s, -signal.left), stop)  # zeros before it, the left edge from it
    b = min(max(a, 0), stop)  # samples from it
    c = max(b, min(stop, signal.n))  # the right edge from it
    d = max(c, min(stop, signal.n + signal.right))  # zeros from it
    clear(out, o, a - s)
    copy(signal.edges, signal.edges_offset + signal.left + a, out, o + a - s, b - a)
    down, times = splat(out, signal.mean), splat(out, signal.scale)
    k, o = signal.offset + b, o - s - signal.offset
    while k + V <= signal.offset + c:
        store(out, o + k, (load(signal.x, k) - down) * times)
        k += V
    rest = signal.offset + c - k
    if rest > 0:
        store_part(out, o + k, (load_part(signal.x, k, rest) - down) * times, rest)
    o += signal.offset
    copy(signal.edges, signal.edges_offset + signal.left + c - signal.n, out, o + c, d - c)
    clear(out, o + d, stop - d)


@kernel
def interleave_rows(columns, apart, rows, t, c, lead):
    """t[r lead + c + k] = columns[k apart + r] for r < rows, k < lanes."""
    noinline()
    V = lanes(t)
    if rows < V:
        for k in range(V):
            for r in range(rows):
                t[r * lead + c + k] = columns[k * apart + r]
        return
    r = 0
    while r < rows:
        r = min(r, rows - V)
        transpose_block(columns, r, apart, t, r * lead + c, lead)
        r += V


@kernel
def polyphase(signal, x0, hop, rows, t, lead, work):
    """t[r lead + c] = sample x0 + c hop + r of the signal, r < rows, c < lead; work: lanes (rows + lanes / 2)."""
    noinline()
    V = lanes(signal.x)
    apart = rows + V // 2  # no power of two: columns of a block would share a place in the cache
    for c in range(0, lead, V):
        s = x0 + c * hop
        if rows >= V and s >= 0 and s + (V - 1) * hop + rows <= signal.n:
            r = 0
            while r < rows:
                r = min(r, rows - V)
                centre_block(signal.x, signal.offset + s + r, hop, t, r * lead + c, lead, signal.mean, signal.scale)
                for k in range(V, 2 * V):  # the next block of columns is asked for
                    prefetch(signal.x, signal.offset + s + r + k * hop)
                r += V
        else:
            for k in range(V):
                read_padded(signal, s + k * hop, work, k * apart, rows)
            interleave_rows(work, apart, rows, t, c, lead)


@kernel
def overlap_add(y, first, step, size, o, base, hop, lead):
    """o[r lead + base + q + lane] += y[first + (q hop + r) step + lane] for q hop + r < size: frames hop apart."""
    noinline()
    j, q = 0, 0
    while j < size:
        at = base + q
        for r in range(min(hop, size - j)):
            store(o, at, load(o, at) + load(y, first + (j + r) * step))
            at += lead
        j += hop
        q += 1


@kernel
def add_in_order(y, size, o, base, hop, lead):
    """The same from y[0:], forwards: the frames that share a place of o are added to it from the first to the last."""
    noinline()
    V, q = lanes(o), (size - 1) // hop
    while q >= 0:
        j, at = q * hop, base + q
        for r in range(min(hop, size - j)):
            store(o, at, load(o, at) + load(y, (j + r) * V))
            at += lead
        q -= 1


@kernel
def shift_columns(o, count, kept, rows, lead):
    """Columns count .. count + kept - 1 of a sum become its first, and all after them 0."""
    noinline()
    for r in range(0, rows * lead, lead):
        copy(o, r + count, o, r, kept)
        clear(o, r + kept, lead - kept)


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
def transpose(src, i, ldi, dst, o, ldo, count):
    """dst[o + c ldo + r] = src[i + r ldi + c] for c < lanes and r < count rounded up to whole vectors."""
    V, r = lanes(src), 0
    while r < count:
        transpose_block(src, i + r * ldi, ldi, dst, o + r, ldo)
        r += V


@called_from_python("transform")
def keep_last(kept: Reals, kept_stride: int, x: Reals, first: int, stride: int, signals: int, n: int, count: int):
    """A signal's kept_stride numbers in `kept` move on by n: the last `count` are those of what was there, then of x.

    Signal i stands at kept[i kept_stride :] and, the n samples that have come, at x[first + i stride :].
    """
    for i in range(signals):
        new, end = min(n, count), (i + 1) * kept_stride
        if new < count:
            copy(kept, end - (count - new), kept, end - count, count - new)
        copy(x, first + i * stride + n - new, kept, end - new, new)
