"""The signal on its side: polyphase strips, and the overlap-add that undoes them.

A strip holds t[r, c] = x[x0 + c hop + r].  Sample j of frame f of the strip is then t[j % hop, j // hop + f], so that
sample j of neighbouring frames is one contiguous run, for any hop, and the signal is transposed once, not once a frame.
Only the phases r that some frame uses are kept: rows = min(hop, n_fft).
"""

from .calls import out_of_line
from .jit import kernel
from .transpose import centre_block, transpose_block
from .vector import lanes, load, store


@kernel
def polyphase(x, x0, hop, rows, mean, scale, t, lead):
    """t[r lead + c] = (x[x0 + c hop + r] - mean) scale for r < rows, c < lead; zeros outside x."""
    out_of_line()
    V = lanes(x)
    if x0 >= 0 and x0 + hop * (lead - 1) + rows <= x.size and rows >= V:
        for c in range(0, lead, V):
            r = 0
            while r < rows:
                r = min(r, rows - V)
                centre_block(x, x0 + c * hop + r, hop, t, r * lead + c, lead, mean, scale)
                r += V
    else:
        for c in range(lead):
            for r in range(rows):
                s = x0 + c * hop + r
                t[r * lead + c] = (x[s] - mean) * scale if 0 <= s < x.size else 0


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
