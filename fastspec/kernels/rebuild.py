"""Frames of a tile rebuilt from what is known of their bins; shared by all drivers that make signals.

A job names the source (see `realfft`) and the sizes: step, n_fft, frames, rows, lead, pairs, bins, folded, lane_step,
bin_step, work, scratch, mean, least; see `plan.Alignment`.
"""

from .calls import call, out_of_line
from .frames import read_tile
from .jit import int64, kernel
from .lanes import polyphase
from .plan import Line
from .realfft import BINS
from .vector import lanes, load, splat, store


@kernel
def fold(c, n):
    """The Hermitian half of n complex bins in lanes, in place: c[k] = (c[k] + conj c[n - k]) / 2 for k <= n / 2."""
    V = lanes(c)
    half = splat(c, c.dtype.type(0.5))
    for k in range(n // 2 + 1):
        a, b = 2 * V * k, 2 * V * ((n - k) % n)
        re = (load(c, a) + load(c, b)) * half
        im = (load(c, a + V) - load(c, b + V)) * half
        store(c, a, re)
        store(c, a + V, im)


@kernel
def read_bins(job, given, at, count, c, tmp):
    """The bins of `count` frames, at given[at:], as those of real frames: folded, or the half with real ends."""
    out_of_line()
    V = lanes(c)
    read_tile(given, at, job.lane_step, job.bin_step, job.bins, count, c, tmp)
    if job.folded:
        fold(c, job.bins)
    else:
        c[V : 2 * V] = 0
        c[2 * V * job.bins - V : 2 * V * job.bins] = 0


@kernel
def carve(scratch, slot, job, V):
    """Scratch row `slot` as (strip, transform, frames of a tile, its bins, frames of bins)."""
    a = slot * job.scratch
    b = a + job.rows * job.lead
    c = b + job.work * 2 * V
    d = c + job.n_fft * V
    e = d + 2 * V * job.bins
    return scratch[a:b], scratch[b:c], scratch[c:d], scratch[d:e], scratch[e : e + 2 * V * job.bins]


@kernel
def lay_strip(x, first, job, strip, work):
    """The strip of frames `first` and on of x - job.mean."""
    zero = int64(0)
    line = Line(x, zero, x, zero, x.size, zero, zero, job.mean, x.dtype.type(1))
    polyphase(line, first * job.step, job.step, job.rows, strip, job.lead, work)


@kernel
def rebuild_tile(given, at, count, column, t, job, strip, work, y, bins, tmp):
    """y[j lanes + lane] = sample j of a frame, times the synthesis window, for lanes < count.

    What is known of the frames stands at given[at:]; those analysed start at `column` of the strip.
    """
    if job.source == BINS:
        read_bins(job, given, at, count, bins, tmp)
    call(t.inverse, (job.source, strip, column, t, work, given, at, job.least, bins, y))
