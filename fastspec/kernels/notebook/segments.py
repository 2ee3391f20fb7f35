"""The notebook's aligned overlap-add in segments of frames: each is aligned and added independently, by one worker.

As in `align`, but with a coarse-to-fine search, which is cheaper and breaks ties by rounding errors: both excerpts,
means removed, are halved repeatedly by adding neighbouring samples; the shortest are correlated at all lags, and the
best lag is refined by -1, 0 or 1 at each finer level.  A worker synthesizes a strip of its segment and adds it while it
is in its cache.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import PHASES
from ..fft.single_frame import centre, mean_of
from ..fft.tables import Tables
from ..framing.polyphase import clear
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, carve
from ..runtime.tasks import task
from ..simd.vector import evens, lane_sum, lanes, load, load_splat, odds, splat, store
from ..stft.frames import frame_scratch_sizes, load_strip, synthesize_tile
from .align import AlignArgs, AlignArrays, add_windowed, store_reversed


class SegmentArgs(NamedTuple):
    """Segments of frames, and the search for offsets within them."""

    starts: Ints  # first frame of each segment, a whole number of tiles from the first of `spectra`
    stops: Ints  # one past its last frame
    samples: int  # of each segment's signal
    n1: int  # samples of the excerpt of the sum
    n2: int  # samples of the excerpt of the frame
    low: int  # least lag that is admitted
    high: int  # largest
    levels: int  # how often excerpts are halved
    pyramid_size: int  # real numbers of an excerpt at all levels, zero-padded
    search_size: int  # real numbers of scratch for the search


LAYOUT = Layout(AlignArrays, Tables, AlignArgs, SegmentArgs)
unpack_arrays, unpack_tables, unpack_args, unpack_segments = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args, segments, V):
    """Real numbers of scratch: those of a tile of frames, reversed frames of a strip, both pyramids, correlations."""
    strip, transform, frames, bins, tmp = frame_scratch_sizes(args, V)
    pyramid, correlations = segments.pyramid_size, segments.search_size - 2 * segments.pyramid_size
    return strip, transform, frames, bins, tmp, args.strip_tiles * V * args.n_fft, pyramid, pyramid, correlations


@register_jitable
def margin(n):
    """Zeros before an excerpt of n samples; at least as many follow it."""
    return (n // 2 + 64) // 16 * 16


@register_jitable
def padded_size(n):
    """Real numbers of a zero-padded excerpt of n samples."""
    return (n + 15) // 16 * 16 + 2 * margin(n)


@kernel
def halve(x, i, n, out, o):
    """out[o + k] = x[i + 2 k] + x[i + 2 k + 1] for k < (n + 1) / 2; both are zero-padded."""
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
        even, odd = load_splat(b, j + m), load_splat(b, j + m + 1)
        p = p + even * load(a, i + m)
        q = q + even * load(a, i + m + V)
        r = r + odd * load(a, i + m + 1)
        s = s + odd * load(a, i + m + 1 + V)
        m += 2
    store(c, k, p + r)
    store(c, k + V, q + s)


@kernel
def correlation_at(a, i, b, j, count):
    """sum over m < count of b[j + m] a[i + m]; b is zero-padded."""
    V, zero = lanes(a), splat(a, a.dtype.type(0))
    p, q, m = zero, zero, 0
    while m < count:
        p = p + load(b, j + m) * load(a, i + m)
        q = q + load(b, j + m + V) * load(a, i + m + V)
        m += 2 * V
    return lane_sum(p + q)


@kernel
def coarse_lag(a, i, b, j, n, low, high, c):
    """argmax over lags low <= l <= high of sum over m < n of b[j + m] a[i + m + l], the first; both are zero-padded."""
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
def coarse_to_fine_lag(x1, o1, x2, o2, scale, segments, buffers):
    """An approximation of `xcorr_offset.best_lag`; buffers: the pyramids a and b, 0 between levels, correlations c."""
    noinline()
    a, b, c = buffers
    n1, n2 = segments.n1, segments.n2
    begin = margin(n1)
    energy1 = centre(x1, o1, n1, mean_of(x1, o1, n1), scale, a[begin:], (n1 + 15) // 16 * 16)
    energy2 = centre(x2, o2, n2, mean_of(x2, o2, n2), scale, b[begin:], (n2 + 15) // 16 * 16)
    if energy1 == 0 or energy2 == 0:
        return segments.low
    base, size = int64(0), max(n1, n2)
    for _ in range(segments.levels):
        next_base = base + padded_size(size)
        half = (size + 1) // 2
        halve(a, base + margin(size), size, a, next_base + margin(half))
        halve(b, base + margin(size), size, b, next_base + margin(half))
        base, size = next_base, half
    factor = 1 << segments.levels
    at = base + margin(size)
    lag = coarse_lag(a, at, b, at, size, -((-segments.low) // factor), segments.high // factor, c)
    for level in range(segments.levels - 1, -1, -1):
        size, base = max(n1, n2), int64(0)
        for _ in range(level):
            base += padded_size(size)
            size = (size + 1) // 2
        at, doubled = base + margin(size), 2 * lag
        best, lag = correlation_at(a, at + doubled, b, at, size), doubled
        for candidate in (doubled - 1, doubled + 1):
            value = correlation_at(a, at + candidate, b, at, size)
            if value > best:
                best, lag = value, candidate
    return min(max(lag, segments.low), segments.high)


@task("notebook", dtypes=(np.float32,))
def align_segment(item, worker, record, scratch):
    """Synthesize the frames of one segment, strip by strip, and add each with the offset of the best correlation."""
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
            store_reversed(y, n, frames, g * V * n, n)
        for f in range(lo, hi):
            o, at, offset = (f - lo) * n, start + (f - first) * args.hop, int64(0)
            if f > first:
                lag = coarse_to_fine_lag(arrays.y, at, frames, o + args.skip, args.scale, segments, (a, b, c))
                offset = lag + segments.n2 - 1 - segments.n1
            add_windowed(frames[o : o + n], args.skip - offset, arrays.window, arrays.y, at, args.size)
        lo = hi
