"""The lag of the largest cross-correlation of two arrays of samples, as if computed in float64.

The correlation is computed by float32 transforms.  At lags where it is within TOLERANCE |x1| |x2| of the largest, it is
computed again as a sum of products in float64; the lag is the first of the largest of these.
"""

import math
from typing import NamedTuple

from ..fft.single_frame import centre, correlate, mean_of, transform
from ..runtime.calls import noinline
from ..runtime.jit import float32, float64, kernel
from ..runtime.layout import Number, Reals, Singles
from ..simd.vector import lane_max, lanes, load, mask_at_least, maximum, splat, trailing_zeros

TOLERANCE = 4e-6
"""Bound of the error of a correlation by float32 transforms, relative to |x1| |x2|; see its test."""


class Excerpt(NamedTuple):
    """x[start : start + n] and its mean."""

    x: Reals
    start: int
    n: int
    mean: float


class PreparedExcerpt(NamedTuple):
    """The second excerpt of a correlation, x[start:], with what `best_lag` takes from it."""

    x: Reals
    start: int
    mean: Number
    energy: Number  # of (x - mean) scale
    spectra: Singles
    spectrum_start: int  # its spectrum is spectra[spectrum_start:]


@kernel
def find_max(c, start, stop):
    """max c[start:stop], which is not empty."""
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
def exact_correlation(e1, e2, lag):
    """sum over n of (x1[n] - mean1) (x2[n - lag] - mean2) in float64."""
    total = 0.0
    for n in range(max(0, lag), min(e1.n, e2.n + lag)):
        total += (float64(e1.x[e1.start + n]) - e1.mean) * (float64(e2.x[e2.start + n - lag]) - e2.mean)
    return total


@kernel
def break_ties(c, start, stop, bound, first, best, excerpts):
    """(correlation, lag): the largest exact correlation of those lags at which c reaches the bound, or `best`.

    c[start:stop] are the correlations at lags first, first + 1, ...; of equal ones the first counts.
    """
    noinline()
    V, i = lanes(c), start
    largest, lag = best
    while i < stop:
        at = min(i, max(start, stop - V))
        if stop - start >= V:
            hits = mask_at_least(load(c, at), bound) >> (i - at)
        else:
            hits = 0
            for k in range(stop - start):
                hits |= (c[start + k] >= bound) << k
        while hits:
            k = trailing_zeros(hits)
            hits &= hits - 1
            candidate_lag = first + (i - start) + k
            value = exact_correlation(excerpts[0], excerpts[1], candidate_lag)
            if value > largest:
                largest, lag = value, candidate_lag
        i += V
    return largest, lag


@kernel
def count_candidates(c, start, stop, bound):
    """(number of c[start:stop] that reach the bound, index of the first or -1)."""
    V, count, first, i = lanes(c), 0, -1, start
    while i + V <= stop:
        hits = mask_at_least(load(c, i), bound)
        while hits:
            if first < 0:
                first = i + trailing_zeros(hits)
            count += 1
            hits &= hits - 1
        i += V
    while i < stop:
        if c[i] >= bound:
            if first < 0:
                first = i
            count += 1
        i += 1
    return count, first


@kernel
def best_lag(x1, start1, second, scale, p, scratch):
    """argmax over lags p.low <= l <= p.high of sum over n of (x1[n] - mean1) (x2[n - l] - mean2), the first.

    x1[start1 : start1 + p.n1] is correlated with the excerpt `second` of p.n2 samples; p is the `Correlator`.
    """
    noinline()
    size = 32 * p.m
    flat, z, x = scratch[:size], scratch[size : 5 * size], scratch[5 * size : 5 * size + 2 * p.im_offset]
    swapped = scratch[5 * size + 2 * p.im_offset :]
    mean1 = mean_of(x1, start1, p.n1)
    energy1 = centre(x1, start1, p.n1, mean1, scale, flat, size)
    if energy1 == 0 or second.energy == 0:
        return p.low
    transform(flat, p, z, x)
    correlate(x, second.spectra, second.spectrum_start, p, z, swapped, flat)
    a, b = size + p.low, size + min(p.high + 1, 0)  # negative lags
    c, d = max(p.low, 0), p.high + 1
    peak = flat[a % size]
    if b > a:
        peak = find_max(flat, a, b)
    if d > c:
        peak = max(peak, find_max(flat, c, d))
    bound = float32(peak - p.tolerance * math.sqrt(energy1) * math.sqrt(second.energy))
    count_a, first_a = count_candidates(flat, a, b, bound)
    count_c, first_c = count_candidates(flat, c, d, bound)
    if count_a + count_c == 1:
        return first_a - size if count_a else first_c
    excerpts = (
        Excerpt(x1, start1, p.n1, float64(mean1)),
        Excerpt(second.x, second.start, p.n2, float64(second.mean)),
    )
    best = break_ties(flat, a, b, bound, p.low, (-float64(1e308), p.low), excerpts)
    return break_ties(flat, c, d, bound, c, best, excerpts)[1]
