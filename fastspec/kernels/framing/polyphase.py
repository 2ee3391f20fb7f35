"""The signal on its side: polyphase strips, and the overlap-add that undoes them.

A strip holds t[r, c] = x[x0 + c hop + r].  Sample j of frame f of the strip is then t[j % hop, j // hop + f], so that
sample j of neighbouring frames is one contiguous run, for any hop, and the signal is transposed once, not once a frame.
Only the phases r that some frame uses are kept: rows = min(hop, n_fft).  Where frames of many short signals share a
tile there is no such run: row j then holds sample j of each frame.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.calls import out_of_line, prefetch
from ..runtime.jit import kernel
from ..simd.transpose import centre_block, transpose_block
from ..simd.vector import lanes, load, load_part, splat, store, store_part


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
def fill(line, s, out, o, count):
    """out[o + k] = sample s + k of the line, k < count: 0 beyond its edges."""
    out_of_line()
    V, stop = lanes(out), s + count
    a = min(max(s, -line.left), stop)  # zeros before it, the left edge from it
    b = min(max(a, 0), stop)  # samples from it
    c = max(b, min(stop, line.n))  # the right edge from it
    d = max(c, min(stop, line.n + line.right))  # zeros from it
    clear(out, o, a - s)
    copy(line.edges, line.edge + line.left + a, out, o + a - s, b - a)
    down, times = splat(out, line.mean), splat(out, line.scale)
    k, o = line.at + b, o - s - line.at
    while k + V <= line.at + c:
        store(out, o + k, (load(line.x, k) - down) * times)
        k += V
    rest = line.at + c - k
    if rest > 0:
        store_part(out, o + k, (load_part(line.x, k, rest) - down) * times, rest)
    o += line.at
    copy(line.edges, line.edge + line.left + c - line.n, out, o + c, d - c)
    clear(out, o + d, stop - d)


@kernel
def upend(columns, apart, rows, t, c, lead):
    """t[r lead + c + k] = columns[k apart + r] for r < rows, k < lanes."""
    out_of_line()
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
def polyphase(line, x0, hop, rows, t, lead, work):
    """t[r lead + c] = sample x0 + c hop + r of the line for r < rows, c < lead; work holds lanes (rows + lanes / 2)."""
    out_of_line()
    V = lanes(line.x)
    apart = rows + V // 2  # no power of two: columns of a block would share a place in the cache
    for c in range(0, lead, V):
        s = x0 + c * hop
        if rows >= V and s >= 0 and s + (V - 1) * hop + rows <= line.n:
            r = 0
            while r < rows:
                r = min(r, rows - V)
                centre_block(line.x, line.at + s + r, hop, t, r * lead + c, lead, line.mean, line.scale)
                for k in range(V, 2 * V):  # the next block of columns is asked for
                    prefetch(line.x, line.at + s + r + k * hop)
                r += V
        else:
            for k in range(V):
                fill(line, s + k * hop, work, k * apart, rows)
            upend(work, apart, rows, t, c, lead)


@kernel
def overlap_add(y, first, step, size, o, base, hop, lead):
    """o[r lead + base + q + lane] += y[first + (q hop + r) step + lane] for q hop + r < size: frames hop apart."""
    out_of_line()
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
    out_of_line()
    V, q = lanes(o), (size - 1) // hop
    while q >= 0:
        j, at = q * hop, base + q
        for r in range(min(hop, size - j)):
            store(o, at, load(o, at) + load(y, (j + r) * V))
            at += lead
        q -= 1


@kernel
def advance(o, count, kept, rows, lead):
    """Columns count .. count + kept - 1 of a sum become its first, and all after them 0."""
    out_of_line()
    for r in range(0, rows * lead, lead):
        copy(o, r + count, o, r, kept)
        clear(o, r + kept, lead - kept)


@kernel
def weigh(src, i, weight, w, out, o, count):
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
def turn(src, i, ldi, dst, o, ldo, count):
    """dst[o + c ldo + r] = src[i + r ldi + c] for c < lanes and r < count rounded up to whole vectors."""
    V, r = lanes(src), 0
    while r < count:
        transpose_block(src, i + r * ldi, ldi, dst, o + r, ldo)
        r += V


class Signals(NamedTuple):
    """What is analysed, signals of one length and what stands beside them, and where what is made of them goes."""

    x: np.ndarray  # their memory
    starts: np.ndarray  # where each begins in it
    edges: np.ndarray  # of each signal, `left` samples to go before it and `right` to go after it
    out: np.ndarray
    places: np.ndarray  # where each signal's part of the output begins
    peaks: np.ndarray  # for each lane of each tile, what the last step keeps
    n: int  # samples of a signal
    left: int
    right: int
    mean: float | np.floating  # what is analysed is (x - mean) scale
    scale: float | np.floating


class Line(NamedTuple):
    """One of the Signals: sample s at x[at + s], its edges at edges[edge:]."""

    x: np.ndarray
    at: int
    edges: np.ndarray
    edge: int
    n: int
    left: int
    right: int
    mean: float | np.floating
    scale: float | np.floating


@kernel
def keep_last(kept, room, x, first, stride, signals, n, count):
    """Each of the `room` numbers of a signal in `kept` moves on by n: its last `count` are those of what was and of x.

    Signal i stands at kept[i room :] and, the n samples that have come, at x[first + i stride :].
    """
    for i in range(signals):
        new, end = min(n, count), (i + 1) * room
        if new < count:
            copy(kept, end - (count - new), kept, end - count, count - new)
        copy(x, first + i * stride + n - new, kept, end - new, new)
