"""The notebook's aligned overlap-add in segments: stretches of frames, each a chain of its own, one to a worker.

As in `align`, with a search that is cheaper and decides near-ties as they fall: both windows of samples, means removed,
are halved again and again by adding neighbours; the shortest are compared at all lags, and the best lag is refined by
one to either side from level to level.  A worker synthesizes a strip of its segment and adds it at once, from its own
cache.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import PHASES
from ..fft.single import centre, mean_of
from ..fft.tables import Tables
from ..framing.polyphase import clear
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, carve
from ..runtime.tasks import task
from ..simd.vector import evens, lane_sum, lanes, load, load_splat, odds, splat, store
from ..stft.frames import frame_scratch_sizes, load_strip, synthesize_tile
from .align import AlignArgs, AlignArrays, add_windowed, in_time_order


class SegmentArgs(NamedTuple):
    """Segments of frames, and the search within them."""

    starts: Ints  # first frame of each, a whole number of tiles from the first of `spectra`
    stops: Ints  # one past its last
    samples: int  # of the signal, for each segment
    n1: int  # length of the first window of samples
    n2: int
    low: int  # first and last lag that count
    high: int
    levels: int  # how often windows are halved
    window_size: int  # of a window of samples and all its halves, with their zeros
    search_size: int  # real numbers of scratch for the search


LAYOUT = Layout(AlignArrays, Tables, AlignArgs, SegmentArgs)
unpack_arrays, unpack_tables, unpack_args, unpack_segments = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args, segments, V):
    """Real numbers of scratch: those of a tile of frames, frames in order of time, both windows, correlations."""
    strip, transform, frames, bins, tmp = frame_scratch_sizes(args, V)
    window, rest = segments.window_size, segments.search_size - 2 * segments.window_size
    return strip, transform, frames, bins, tmp, args.strip_tiles * V * args.n_fft, window, window, rest


@register_jitable
def margin(n):
    """Zeros that stand before a window of n samples, and at least so many after it."""
    return (n // 2 + 64) // 16 * 16


@register_jitable
def padded_size(n):
    """Numbers of a window of n samples with its zeros."""
    return (n + 15) // 16 * 16 + 2 * margin(n)


@kernel
def halve(x, i, n, out, o):
    """out[o + k] = x[i + 2 k] + x[i + 2 k + 1] for k < (n + 1) / 2; zeros follow both."""
    k = 0
    while 2 * k < n:
        u, v = load(x, i + 2 * k), load(x, i + 2 * k + 16)
        store(out, o + k, evens(u, v) + odds(u, v))
        k += 16


@kernel
def correlate_block(a, i, b, j, count, c, k):
    """c[k + l] = sum over m < count of b[j + m] a[i + m + l] for l < 2 lanes; count is even."""
    noinline()
    V, zero = lanes(a), splat(a, a.dtype.type(0))
    p, q, r, s, m = zero, zero, zero, zero, 0
    while m < count:
        first, second = load_splat(b, j + m), load_splat(b, j + m + 1)
        p = p + first * load(a, i + m)
        q = q + first * load(a, i + m + V)
        r = r + second * load(a, i + m + 1)
        s = s + second * load(a, i + m + 1 + V)
        m += 2
    store(c, k, p + r)
    store(c, k + V, q + s)


@kernel
def correlation_at(a, i, b, j, count):
    """The sum over m < count of b[j + m] a[i + m], zeros following those of b."""
    V, zero = lanes(a), splat(a, a.dtype.type(0))
    p, q, m = zero, zero, 0
    while m < count:
        p = p + load(b, j + m) * load(a, i + m)
        q = q + load(b, j + m + V) * load(a, i + m + V)
        m += 2 * V
    return lane_sum(p + q)


@kernel
def coarse_lag(a, i, b, j, n, low, high, c):
    """The first of lags low .. high at which the two agree best: a[i : i + n] and b[j : j + n], zeros around them."""
    noinline()
    V, at = lanes(a), low
    while at <= high:
        correlate_block(a, i + at, b, j, (n + 1) // 2 * 2, c, at - low)
        at += 2 * V
    best, lag = c[0], low
    for candidate in range(low + 1, high + 1):
        if c[candidate - low] > best:
            best, lag = c[candidate - low], candidate
    return lag


@kernel
def coarse_to_fine_lag(x1, o1, x2, o2, scale, segments, a, b, c):
    """About the lag that `xcorr_offset.best_lag` gives; a, b and c are scratch, zeros where no window stands."""
    noinline()
    n1, n2 = segments.n1, segments.n2
    first = margin(n1)
    energy1 = centre(x1, o1, n1, mean_of(x1, o1, n1), scale, a[first:], (n1 + 15) // 16 * 16)
    energy2 = centre(x2, o2, n2, mean_of(x2, o2, n2), scale, b[first:], (n2 + 15) // 16 * 16)
    if energy1 == 0 or energy2 == 0:
        return segments.low
    base, size = int64(0), max(n1, n2)
    for _ in range(segments.levels):
        begin = base + padded_size(size)
        half = (size + 1) // 2
        halve(a, base + margin(size), size, a, begin + margin(half))
        halve(b, base + margin(size), size, b, begin + margin(half))
        base, size = begin, half
    factor = 1 << segments.levels
    at = base + margin(size)
    lag = coarse_lag(a, at, b, at, size, -((-segments.low) // factor), segments.high // factor, c)
    for level in range(segments.levels - 1, -1, -1):
        size, base = max(n1, n2), int64(0)
        for _ in range(level):
            base += padded_size(size)
            size = (size + 1) // 2
        at, middle = base + margin(size), 2 * lag
        best, lag = correlation_at(a, at + middle, b, at, size), middle
        for candidate in (middle - 1, middle + 1):
            value = correlation_at(a, at + candidate, b, at, size)
            if value > best:
                best, lag = value, candidate
    return min(max(lag, segments.low), segments.high)


@task("notebook", dtypes=(np.float32,))
def align_segment(item, worker, record, scratch):
    """One segment: its frames synthesized, strip by strip, and each added where it fits best what is there."""
    noinline()
    arrays, p = unpack_arrays(scratch, record), unpack_tables(scratch, record)
    args, segments = unpack_args(scratch, record), unpack_segments(scratch, record)
    V, n = lanes(scratch), args.n_fft
    strip, work, y, bins, tmp, frames, a, b, c = carve(scratch, worker, scratch_sizes(args, segments, V))
    clear(a, int64(0), a.size)
    clear(b, int64(0), b.size)
    first, stop, start = segments.starts[item], segments.stops[item], item * segments.samples
    clear(arrays.y, start, segments.samples)
    lo = first
    while lo < stop:
        if args.source == PHASES:
            load_strip(arrays.previous, lo, args, strip, work)
        hi = min(stop, lo + args.strip_tiles * V)
        for g in range((hi - lo + V - 1) // V):
            f0 = lo + g * V
            at = (f0 - args.origin) * args.lane_stride
            synthesize_tile(arrays.spectra, at, min(V, hi - f0), g * V, p, args, (strip, work, bins, tmp), y)
            in_time_order(y, n, frames, g * V * n, n)
        for f in range(lo, hi):
            o, at, offset = (f - lo) * n, start + (f - first) * args.hop, int64(0)
            if f > first:
                lag = coarse_to_fine_lag(arrays.y, at, frames, o + args.skip, args.scale, segments, a, b, c)
                offset = lag + segments.n2 - 1 - segments.n1
            add_windowed(frames, o, n, args.skip - offset, arrays.window, arrays.y, at, args.size)
        lo = hi
