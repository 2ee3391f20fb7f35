"""Where two segments fit best: the peak of their cross-correlation, decided as if computed in float64.

The correlation comes from a float32 transform.  Lags whose correlation is within TOLERANCE |x1| |x2| of the largest are
computed once more as sums of products in float64, and the first largest of those wins.
"""

import math

from ..fft.single import centre, correlate, mean_of, transform
from ..runtime.calls import noinline
from ..runtime.jit import float32, float64, kernel
from ..simd.vector import lane_max, lanes, load, mask_at_least, maximum, splat, trailing_zeros

TOLERANCE = 4e-6
"""More than the error of a float32 correlation by transforms, as a share of |x1| |x2| (tests/test_kernels_offsets)."""


@kernel
def largest(c, start, stop):
    """The largest of c[start:stop], which is not empty."""
    V = lanes(c)
    if stop - start < V:
        best = c[start]
        for i in range(start + 1, stop):
            best = max(best, c[i])
        return best
    peak, i = splat(c, c[start]), start
    while i < stop:
        i = min(i, stop - V)
        peak = maximum(load(c, i), peak)
        i += V
    return lane_max(peak)


@kernel
def exact_correlation(x1, o1, n1, mean1, x2, o2, n2, mean2, lag):
    """The correlation at one lag in float64: sum of (x1[n] - mean1) (x2[n - lag] - mean2)."""
    total = 0.0
    for n in range(max(0, lag), min(n1, n2 + lag)):
        total += (float64(x1[o1 + n]) - mean1) * (float64(x2[o2 + n - lag]) - mean2)
    return total


@kernel
def break_ties(c, start, stop, bound, first, best, lag, x1, o1, n1, mean1, x2, o2, n2, mean2):
    """Among c[start:stop], lags `first` and on, those that reach the bound compete for the best exact correlation."""
    noinline()
    V, i = lanes(c), start
    while i < stop:
        block = min(i, max(start, stop - V))
        if stop - start >= V:
            hits = mask_at_least(load(c, block), bound) >> (i - block)
        else:
            hits = 0
            for k in range(stop - start):
                hits |= (c[start + k] >= bound) << k
        while hits:
            k = trailing_zeros(hits)
            hits &= hits - 1
            candidate_lag = first + (i - start) + k
            value = exact_correlation(x1, o1, n1, mean1, x2, o2, n2, mean2, candidate_lag)
            if value > best:
                best, lag = value, candidate_lag
        i += V
    return best, lag


@kernel
def candidates(c, start, stop, bound):
    """(how many of c[start:stop] reach the bound, the position of the first)."""
    V, count, where, i = lanes(c), 0, -1, start
    while i + V <= stop:
        hits = mask_at_least(load(c, i), bound)
        while hits:
            if where < 0:
                where = i + trailing_zeros(hits)
            count += 1
            hits &= hits - 1
        i += V
    while i < stop:
        if c[i] >= bound:
            if where < 0:
                where = i
            count += 1
        i += 1
    return count, where


@kernel
def best_lag(x1, o1, x2, o2, mean2, energy2, spectrum2, at, scale, p, scratch):
    """The lag of the first largest correlation of x1[o1 : o1 + n1] and x2[o2 : o2 + n2], means removed.

    Of all lags, those from p.low to p.high count; x2 comes with its mean, the energy of (x2 - mean2) scale, and its
    spectrum at spectrum2[at:].
    """
    noinline()
    size = 32 * p.m
    flat, z, x = scratch[:size], scratch[size : 5 * size], scratch[5 * size : 5 * size + 2 * p.im_offset]
    swapped = scratch[5 * size + 2 * p.im_offset :]
    mean1 = mean_of(x1, o1, p.n1)
    energy1 = centre(x1, o1, p.n1, mean1, scale, flat, size)
    if energy1 == 0 or energy2 == 0:
        return p.low
    transform(flat, p, z, x)
    correlate(x, spectrum2, at, p, z, swapped, flat)
    a, b = size + p.low, size + min(p.high + 1, 0)  # negative lags
    c, d = max(p.low, 0), p.high + 1
    peak = flat[a % size]
    if b > a:
        peak = largest(flat, a, b)
    if d > c:
        peak = max(peak, largest(flat, c, d))
    bound = float32(peak - p.tolerance * math.sqrt(energy1) * math.sqrt(energy2))
    count_a, where_a = candidates(flat, a, b, bound)
    count_c, where_c = candidates(flat, c, d, bound)
    if count_a + count_c == 1:
        return where_a - size if count_a else where_c
    best, lag = -float64(1e308), p.low
    mean1, mean2 = float64(mean1), float64(mean2)
    best, lag = break_ties(flat, a, b, bound, p.low, best, lag, x1, o1, p.n1, mean1, x2, o2, p.n2, mean2)
    best, lag = break_ties(flat, c, d, bound, c, best, lag, x1, o1, p.n1, mean1, x2, o2, p.n2, mean2)
    return lag
