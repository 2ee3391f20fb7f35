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
def unroll(o, columns, rows, hop, lead, x, x0):
    """x[x0 + c hop + r] = o[r lead + c] for r < rows, c < columns: the strip laid out in time again."""
    out_of_line()
    V = lanes(x)
    if rows >= V and columns >= V:
        c = 0
        while c < columns:
            c = min(c, columns - V)
            r = 0
            while r < rows:
                r = min(r, rows - V)
                transpose_block(o, r * lead + c, lead, x, x0 + c * hop + r, hop)
                r += V
            c += V
    else:
        for c in range(columns):
            for r in range(rows):
                x[x0 + c * hop + r] = o[r * lead + c]
