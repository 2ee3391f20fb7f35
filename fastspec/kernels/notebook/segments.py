"""The notebook's aligned overlap-add in runs: stretches of frames, each a chain of its own, one to a worker.

What `alignment` does, with a search that is cheaper and decides near-ties as they fall: both segments, means removed,
are halved again and again by adding neighbours; the shortest are compared at all lags, and the best lag is refined by
one to either side from level to level.  A worker rebuilds a strip of its run and adds it at once, from its own cache.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import PHASES
from ..fft.single import centre, mean_of
from ..fft.tables import Tables
from ..framing.polyphase import clear
from ..runtime.calls import out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import evens, lane_sum, lanes, load, load_splat, odds, splat, store
from ..stft.overlap_add import carve, lay_strip, rebuild_tile
from .align import Alignment, Sound, add, in_time_order


@kernel
def margin(n):
    """Zeros that stand before a segment of n samples, and at least so many after it."""
    return (n // 2 + 64) // 16 * 16


@kernel
def room(n):
    """What a segment takes with its zeros."""
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
def at_lags(a, i, b, j, count, c, k):
    """c[k + l] = sum over m < count of b[j + m] a[i + m + l] for l < 2 lanes; count is even."""
    out_of_line()
    V, zero = lanes(a), splat(a, a.dtype.type(0))
    p, q, r, s, m = zero, zero, zero, zero, 0
    while m < count:
        one, other = load_splat(b, j + m), load_splat(b, j + m + 1)
        p = p + one * load(a, i + m)
        q = q + one * load(a, i + m + V)
        r = r + other * load(a, i + m + 1)
        s = s + other * load(a, i + m + 1 + V)
        m += 2
    store(c, k, p + r)
    store(c, k + V, q + s)


@kernel
def at_lag(a, i, b, j, count):
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
    out_of_line()
    V, at = lanes(a), low
    while at <= high:
        at_lags(a, i + at, b, j, (n + 1) // 2 * 2, c, at - low)
        at += 2 * V
    best, lag = c[0], low
    for other in range(low + 1, high + 1):
        if c[other - low] > best:
            best, lag = c[other - low], other
    return lag


@kernel
def quick_lag(x1, o1, x2, o2, scale, runs, a, b, c):
    """About the lag that `offsets.best_lag` finds; a, b and c are scratch, zeros where no segment stands."""
    out_of_line()
    n1, n2 = runs.n1, runs.n2
    first = margin(n1)
    energy1 = centre(x1, o1, n1, mean_of(x1, o1, n1), scale, a[first:], (n1 + 15) // 16 * 16)
    energy2 = centre(x2, o2, n2, mean_of(x2, o2, n2), scale, b[first:], (n2 + 15) // 16 * 16)
    if energy1 == 0 or energy2 == 0:
        return runs.low
    base, size = int64(0), max(n1, n2)
    for _ in range(runs.levels):
        begin = base + room(size)
        half = (size + 1) // 2
        halve(a, base + margin(size), size, a, begin + margin(half))
        halve(b, base + margin(size), size, b, begin + margin(half))
        base, size = begin, half
    part = 1 << runs.levels
    at = base + margin(size)
    lag = coarse_lag(a, at, b, at, size, -((-runs.low) // part), runs.high // part, c)
    for level in range(runs.levels - 1, -1, -1):
        size, base = max(n1, n2), int64(0)
        for _ in range(level):
            base += room(size)
            size = (size + 1) // 2
        at, middle = base + margin(size), 2 * lag
        best, lag = at_lag(a, at + middle, b, at, size), middle
        for other in (middle - 1, middle + 1):
            value = at_lag(a, at + other, b, at, size)
            if value > best:
                best, lag = value, other
    return min(max(lag, runs.low), runs.high)


def walk(s, slot, record, scratch):
    """Run s: its frames rebuilt, strip by strip, and each added where it fits best what is there."""
    out_of_line()
    sound, t = unpack_sound(scratch, record), unpack_sound_tables(scratch, record)
    job, runs = unpack_alignment(scratch, record), unpack_chains(scratch, record)
    V, n = lanes(scratch), job.n_fft
    strip, work, y, bins, tmp = carve(scratch, slot, job, V)
    at = (slot + 1) * job.scratch - runs.quick
    segments, a = scratch[at - job.group * V * n : at], scratch[at : at + runs.room]
    b, c = scratch[at + runs.room : at + 2 * runs.room], scratch[at + 2 * runs.room : at + runs.quick]
    clear(a, int64(0), a.size)
    clear(b, int64(0), b.size)
    first, stop, place = runs.starts[s], runs.stops[s], s * runs.samples
    clear(sound.wave, place, runs.samples)
    lo = first
    while lo < stop:
        if job.source == PHASES:
            lay_strip(sound.previous, lo, job, strip, work)
        hi = min(stop, lo + job.group * V)
        for g in range((hi - lo + V - 1) // V):
            f0 = lo + g * V
            given = (f0 - job.origin) * job.lane_step
            rebuild_tile(sound.given, given, min(V, hi - f0), g * V, t, job, strip, work, y, bins, tmp)
            in_time_order(y, n, segments, g * V * n, n)
        for f in range(lo, hi):
            o, here, offset = (f - lo) * n, place + (f - first) * job.step, int64(0)
            if f > first:
                lag = quick_lag(sound.wave, here, segments, o + job.first, job.scale, runs, a, b, c)
                offset = lag + runs.n2 - 1 - runs.n1
            add(segments, o, n, job.first - offset, sound.window, sound.wave, here, job.size)
        lo = hi


unpack_sound = _unpacker(Sound, 0)  # these four for `chains`
unpack_sound_tables = _unpacker(Tables, places(Sound))
unpack_alignment = _unpacker(Alignment, places(Sound) + places(Tables))


class Chains(NamedTuple):
    """Chains of frames, and the search within them; the rest stands in plan.Alignment."""

    starts: np.ndarray  # first frame of each, a whole number of tiles from the first that is given
    stops: np.ndarray  # one past its last
    samples: int  # of the wave, for each run
    n1: int  # length of the first segment
    n2: int
    low: int  # first and last lag that count
    high: int
    levels: int  # how often segments are halved
    room: int  # of a segment and all its halves
    quick: int  # real numbers of scratch for the search


unpack_chains = _unpacker(Chains, places(Sound) + places(Tables) + places(Alignment))
