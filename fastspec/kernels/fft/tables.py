"""The tables of a transform: factors, twiddles, offsets of samples, the order of bins.  Plain NumPy.

Sizes are run-time numbers: the tables of a size are data, and nothing is compiled for it.
"""

from functools import cache
from itertools import count, islice
from typing import NamedTuple

import numpy as np

from ..runtime.layout import Ints, Reals, UInt32s
from . import codelets
from . import factors as factors_table
from .roots import roots

BLOCK_POINTS = 48
"""Points of a block of rows, at most: two blocks stay in the first-level cache."""
CHIRP_ROWS = {256: (8, 4, 8)}
"""Radices of a row of a convolution that were measured to be faster than those of the rule."""
LEAST_PRIME, LARGEST_PRIME_SUM = 11, 200
"""Prime radices of a row, see `primes`: the least, and the largest sum; above, a convolution with a chirp is faster."""
PRIMES = tuple(n for n in range(LEAST_PRIME, LARGEST_PRIME_SUM) if all(n % d for d in range(2, n)))
PRIME_BLOCK = 4
"""Bins of a prime radix that are summed at a time."""
CHIRP_COLUMN = 8
"""Points of a column of the convolution with a chirp, see `bluestein`."""
EVEN_LIVE, ODD_LIVE = 4, 6
"""Points of such a column that hold samples, for even and for odd n_fft; results or bins are in the first EVEN_LIVE."""
CHIRP_SIZES, CONVOLUTION_PASSES = 8, 2.5
"""Sizes of a convolution to choose from, and what its columns and products cost, in passes over a row."""


class Tables(NamedTuple):
    """The tables of one transform."""

    transform_rows: int  # addresses of compiled kernels
    forward: int
    inverse: int
    inverse_columns: int
    column_samples: int  # of a point of a column, which divide some hops; 0 where columns are not those of `realfft`
    n1: int  # points of a column
    n2: int  # points of a row
    block: int  # rows transformed at a time
    radices: Ints  # of a row
    column_tw: Reals
    row_tw: Reals
    split_tw: Reals
    sample_offsets: UInt32s  # of sample j of a tile in its strip
    window: Reals  # analysis window, halved: the 1/2 of the split; see `_transform_weights` for odd sizes
    synthesis: Reals  # synthesis window / n_fft
    chirp: Reals  # see `chirp_tables`; a zero for sizes that need none


@cache
def row_radices(n):
    """Radices of a row of n points, one last codelet after the middle passes; () if there are none."""
    if n in factors_table.ROWS:
        return factors_table.ROWS[n]
    if n in codelets.LAST_RADICES:
        return (n,)
    best = ()
    for r in codelets.MIDDLE_RADICES:
        radices = row_radices(n // r) if n % r == 0 else ()
        if radices and radices != (1,) and (not best or (len(radices), -radices[-1]) < (len(best) - 1, -best[-1])):
            best = (r, *radices)
    return best


@cache
def factorise_by_rule(half):
    """(n1, n2, radices of n2) by rule: the fewest passes, then columns and radices nearest to 8."""

    def cost(n1):
        radices = row_radices(half // n1)
        return len(radices), sum(abs(np.log2(r / 8)) for r in (n1, *radices))

    options = [n1 for n1 in codelets.COLUMN_SIZES if half % n1 == 0 and row_radices(half // n1)]
    n1 = min(options, key=cost, default=0)
    return (n1, half // n1, row_radices(half // n1)) if n1 else None


def factorise(half):
    """(n1, n2, radices of n2) for `half` = n1 n2 complex points; None if the codelets lack a factor of it."""
    if half in factors_table.PLANS:
        n1, radices = factors_table.PLANS[half]
        return n1, half // n1, radices
    return factorise_by_rule(half)


@cache
def factorise_with_primes(points):
    """(n1, n2, radices of n2) with radices of PRIMES, or sevens; None if there are none, too many or larger ones."""
    primes, rest = [], points
    for prime in PRIMES:
        while rest % prime == 0:
            rest //= prime
            primes.append(prime)
    factors = factorise_by_rule(rest)
    while factors is None and rest % 7 == 0:
        rest //= 7
        primes.append(7)
        factors = factorise_by_rule(rest)
    if not primes or sum(primes) > LARGEST_PRIME_SUM or factors is None:
        return None
    n1, n2, radices = factors
    return n1, points // n1, (*primes, *radices) if n2 > 1 else tuple(primes)


def _is_smooth(n):
    """Whether n has no prime factor above 7."""
    for prime in (2, 3, 5, 7):
        while n % prime == 0:
            n //= prime
    return n == 1


@cache
def chirp_row(points):
    """(points n2 of a row, its radices) of a convolution of `points` points: the cheapest of the next larger sizes."""
    sizes = (n2 for n2 in count(-(-points // CHIRP_COLUMN)) if _is_smooth(n2))
    options = [(n2, CHIRP_ROWS.get(n2) or row_radices(n2)) for n2 in islice(sizes, CHIRP_SIZES)]
    return min((row for row in options if row[1]), key=lambda row: row[0] * (len(row[1]) + CONVOLUTION_PASSES))


def factors_of(n_fft):
    """(n1, n2, radices of n2, whether by a convolution with a chirp) of the transform of n_fft samples."""
    points = n_fft // 2 if n_fft % 2 == 0 else n_fft
    factors = factorise(points) or factorise_with_primes(points)
    if factors is not None:
        return (*factors, False)
    outputs = points if n_fft % 2 == 0 else n_fft // 2 + 1
    return (CHIRP_COLUMN, *chirp_row(points + outputs - 1), True)


def lane_count(dtype):
    """Frames in a tile: as many as fill a 64-byte vector."""
    return 64 // np.dtype(dtype).itemsize


def interleaved(z, dtype):
    """Complex numbers as re, im, re, im ..."""
    return np.stack([z.real, z.imag], -1).ravel().astype(dtype)


def pass_twiddles(n, radices, dtype):
    """Twiddles of all middle passes of a row, one after another; a zero if there are none (arrays are not empty).

    Before those of a prime radix are its cosines and sines.
    """
    out = []
    for j, r in enumerate(radices):
        if is_summed(radices, j):
            out.append(prime_matrix(r).astype(dtype))
        m = n // r
        if m > 1:
            out.append(interleaved(roots(np.outer(np.arange(m), np.arange(1, r)), n).ravel(), dtype))
        n = m
    return np.concatenate(out or [np.zeros(2, dtype)])


def is_summed(radices, j):
    """Whether radix j is summed directly, see `primes`: a prime from 11 on, or a seven before the last radix."""
    return radices[j] in PRIMES or (radices[j] == 7 and j < len(radices) - 1)


def prime_matrix(radix):
    """Cosines and sines of 2 pi j k / radix, 1 <= j, k <= radix / 2, in the order of `primes`; zeros past the end."""
    half, blocks = radix // 2, -(-(radix // 2) // PRIME_BLOCK)
    w = np.zeros((blocks * PRIME_BLOCK, half), np.complex128)
    w[:half] = roots(np.outer(np.arange(1, half + 1), np.arange(1, half + 1)), radix).conj()
    w = w.reshape(blocks, PRIME_BLOCK, half).swapaxes(1, 2)  # block, j, k
    return np.stack([w.real, w.imag], -2).ravel()


def column_twiddles(n1, n2, dtype):
    """exp(-2 pi i p k / (n1 n2)) for column p and 0 < k < n1."""
    table = roots(np.outer(np.arange(n2), np.arange(1, n1)), n1 * n2).ravel()
    return interleaved(table if table.size else np.zeros(1, np.complex128), dtype)


def split_twiddles(n_fft, dtype):
    """exp(-2 pi i k / n_fft) for 0 <= k <= n_fft / 2."""
    return interleaved(roots(np.arange(n_fft // 2 + 1), n_fft), dtype)


def strip_stride(n_fft, hop, tiles, dtype):
    """From a row of a strip of `tiles` tiles to the next: up to the last sample of its last frame, in whole vectors."""
    V = lane_count(dtype)
    return (tiles * V + (n_fft + hop - 1) // hop - 1 + V - 1) // V * V


def sample_order(n_fft):
    """The samples that are re and im of the complex numbers: neighbours for even sizes; for odd, each sample twice.

    A convolution with a chirp reads more of them, which get the weight 0.
    """
    order = np.arange(n_fft) if n_fft % 2 == 0 else np.repeat(np.arange(n_fft), 2)
    return np.append(order, np.zeros(_padding(n_fft), np.int64))


def _padding(n_fft):
    """Samples of weight 0 after those of a frame."""
    _, n2, _, has_chirp = factors_of(n_fft)
    even = n_fft % 2 == 0
    return 2 * (EVEN_LIVE if even else ODD_LIVE) * n2 - (n_fft if even else 2 * n_fft) if has_chirp else 0


def sample_offsets(n_fft, hop, stride):
    """Where `sample_order` is in a strip whose rows are `stride` numbers apart."""
    j = sample_order(n_fft)
    return (j % hop * stride + j // hop).astype(np.uint32)


def _transform_weights(window):
    """Weights of re and im of the complex numbers: half the window; for odd sizes the window and zeros."""
    n_fft = len(window)
    weights = window * 0.5 if n_fft % 2 == 0 else np.stack([window, np.zeros(n_fft)], -1).ravel()
    return np.append(weights, np.zeros(_padding(n_fft)))


def synthesis_weights(window, dtype):
    """Weights of the results of the inverse transform: the window / n_fft; for smooth odd sizes with zeros between."""
    n_fft = len(window)
    weights = window / n_fft
    if n_fft % 2 and not factors_of(n_fft)[3]:
        weights = np.stack([weights, np.zeros(n_fft)], -1).ravel()
    return weights.astype(dtype)


def chirp_tables(n_fft, n2, block, dtype):
    """The chirp c[m] = exp(-pi i m^2 / n) of `bluestein`, its weights for bins, and its spectra for samples and bins.

    m^2 is reduced in integers; a spectrum is in the order in which `bluestein.convolve_rows` meets it, divided by L.
    """
    even = n_fft % 2 == 0
    n, live, L = n_fft // 2 if even else n_fft, EVEN_LIVE if even else ODD_LIVE, CHIRP_COLUMN * n2
    outputs = n if even else n // 2 + 1
    m = np.arange(n)
    c = roots(m * m % (2 * n), 2 * n)
    bins = c[:outputs] * (1 if even else np.where(m[:outputs] == 0, 1, 2))
    order = [
        (k1 + np.arange(min(block, CHIRP_COLUMN - k1)) + CHIRP_COLUMN * np.arange(n2)[:, None]).ravel()
        for k1 in range(0, CHIRP_COLUMN, block)
    ]
    spectra = []
    for before, after in ((n, outputs), (outputs, n)):
        wrapped = np.zeros(L, np.complex128)
        wrapped[:after] = c[:after].conj()
        wrapped[L - before + 1 :] = c[1:before][::-1].conj()
        spectra.append(np.fft.fft(wrapped.astype(np.clongdouble))[np.concatenate(order)] / L)
    parts = np.zeros(live * n2, np.complex128), np.zeros(EVEN_LIVE * n2, np.complex128)
    parts[0][:n], parts[1][:outputs] = c, bins
    return interleaved(np.concatenate([*parts, *spectra]), dtype)


def block_rows(n1, n2, has_chirp=False):
    """Rows transformed at a time."""
    return max(1, min(BLOCK_POINTS // n2, n1 if has_chirp else (n1 - 1) // 2))


def transform_tables(n_fft, hop, stride, window, synthesis, dtype, addresses, factors=None):
    """The Tables of a transform of `n_fft` samples in strips whose rows are `stride` numbers apart.

    `addresses` are those of the row transform, the forward and the inverse transform; see `sizes.addresses`.
    """
    n1, n2, radices, has_chirp = (*factors, False) if factors else factors_of(n_fft)
    block = block_rows(n1, n2, has_chirp)
    return Tables(
        *addresses,
        0 if has_chirp or n_fft % 2 else 2 * n2,
        n1,
        n2,
        block,
        np.array(radices, np.int64),
        column_twiddles(n1, n2, dtype),
        pass_twiddles(n2, radices, dtype),
        split_twiddles(n_fft, dtype),
        sample_offsets(n_fft, hop, stride),
        _transform_weights(window).astype(dtype),
        synthesis_weights(synthesis, dtype),
        chirp_tables(n_fft, n2, block, dtype) if has_chirp else np.zeros(1, dtype),
    )


def prime_scratch(radices):
    """Complex elements of scratch of the passes of prime radices: pairs, and the sums of a block of bins."""
    largest = max((r for j, r in enumerate(radices) if is_summed(radices, j)), default=0)
    return largest + 1 + 2 * PRIME_BLOCK if largest else 0


def scratch_elements(n_fft, factors=None):
    """Complex elements of scratch of a transform, each 2 lanes real numbers."""
    n1, n2, radices, has_chirp = (*factors, False) if factors else factors_of(n_fft)
    rows = n1 * n2 + 4 * block_rows(n1, n2, has_chirp) * n2 + prime_scratch(radices)
    if has_chirp:
        return rows + (EVEN_LIVE if n_fft % 2 == 0 else ODD_LIVE) * n2
    return rows + (n_fft if n_fft % 2 else 0)


def bin_order(n_fft, factors=None):
    """Bins in the order in which the inverse transform reads magnitudes, two for each pair; some occur twice.

    Those of odd sizes come in natural order.
    """
    if n_fft % 2:
        return np.arange(n_fft // 2 + 1)
    n1, n2, _, has_chirp = (*factors, False) if factors else factors_of(n_fft)
    h, order = n_fft // 2, []

    def append(k0, outer, inner, step):  # as `realfft.Pairs`
        k = (k0 + np.arange(outer)[:, None] * n1 + np.arange(inner) * step).ravel()
        order.append(np.stack([k, h - k], -1).ravel())

    append(0, 1, 1, 1)
    if has_chirp:
        append(1, 1, h // 2, 1)
        return np.concatenate(order)
    block = block_rows(n1, n2)
    append(n1, 1, n2 // 2, n1)
    if n1 % 2 == 0:
        append(n1 // 2, 1, (n2 + 1) // 2, n1)
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(block, last - k1 + 1)
        append(k1, *((1, n2, n1) if w == 1 else (n2, w, 1)))
        k1 += w
    return np.concatenate(order)
