"""The tables of a transform: factors, twiddles, offsets of samples, the order of bins.  Plain NumPy.

Sizes are run-time numbers: the tables of a size are data, and nothing is compiled for it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..runtime.layout import Ints, Reals, UInt32s
from . import codelets
from . import factors as factors_table
from .roots import roots

LARGEST_N_FFT = 1 << 16
"""Larger transforms exceed the second-level cache in lanes: a library that takes a frame at a time is faster."""
BLOCK_POINTS = 48
"""Points of a block of rows, at most: two blocks stay in the first-level cache."""


class Tables(NamedTuple):
    """The tables of one transform."""

    transform_rows: int  # addresses of compiled kernels
    forward: int
    inverse: int
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


def has_inverse(n_fft):
    """Whether the kernels have forward and inverse of this size: even, at most LARGEST_N_FFT, primes up to 7."""
    return n_fft >= 2 and n_fft % 2 == 0 and n_fft <= LARGEST_N_FFT and factorise(n_fft // 2) is not None


def has_forward(n_fft):
    """Whether the kernels have the forward transform of this size: odd sizes as complex ones."""
    odd = n_fft >= 3 and n_fft % 2 == 1 and n_fft <= LARGEST_N_FFT // 2
    return has_inverse(n_fft) or (odd and factorise(n_fft) is not None)


def lane_count(dtype):
    """Frames in a tile: as many as fill a 64-byte vector."""
    return 64 // np.dtype(dtype).itemsize


def interleaved(z, dtype):
    """Complex numbers as re, im, re, im ..."""
    return np.stack([z.real, z.imag], -1).ravel().astype(dtype)


def pass_twiddles(n, radices, dtype):
    """Twiddles of all middle passes of a row, one after another; a zero if there are none (arrays are not empty)."""
    out = [np.zeros(1, np.complex128)]
    for r in radices[:-1]:
        m = n // r
        out.append(roots(np.outer(np.arange(m), np.arange(1, r)), n).ravel())
        n = m
    return interleaved(np.concatenate(out[1:] or out), dtype)


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
    """The samples that are re and im of the complex numbers: neighbours for even sizes; for odd, each sample twice."""
    return np.arange(n_fft) if n_fft % 2 == 0 else np.repeat(np.arange(n_fft), 2)


def sample_offsets(n_fft, hop, stride):
    """Where `sample_order` is in a strip whose rows are `stride` numbers apart."""
    j = sample_order(n_fft)
    return (j % hop * stride + j // hop).astype(np.uint32)


def _transform_weights(window):
    """Weights of re and im of the complex numbers: half the window; for odd sizes the window and zeros."""
    return window * 0.5 if len(window) % 2 == 0 else np.stack([window, np.zeros(len(window))], -1).ravel()


def block_rows(n1, n2):
    """Rows transformed at a time."""
    return max(1, min(BLOCK_POINTS // n2, (n1 - 1) // 2))


def transform_tables(n_fft, hop, stride, window, synthesis, dtype, addresses, factors=None):
    """The Tables of a transform of `n_fft` samples in strips whose rows are `stride` numbers apart.

    `addresses` are those of the row transform, the forward and the inverse transform; see `realfft.addresses`.
    """
    n1, n2, radices = factors or factorise(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    return Tables(
        *addresses,
        n1,
        n2,
        block_rows(n1, n2),
        np.array(radices, np.int64),
        column_twiddles(n1, n2, dtype),
        pass_twiddles(n2, radices, dtype),
        split_twiddles(n_fft, dtype),
        sample_offsets(n_fft, hop, stride),
        _transform_weights(window).astype(dtype),
        (synthesis / n_fft).astype(dtype),
    )


def scratch_elements(n_fft, factors=None):
    """Complex elements of scratch of a transform, each 2 lanes real numbers."""
    n1, n2, _ = factors or factorise(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    return n1 * n2 + 4 * block_rows(n1, n2) * n2


def bin_order(n_fft, factors=None):
    """Bins in the order of `realfft.merge_pairs`, two for each pair; some occur twice."""
    n1, n2, _ = factors or factorise(n_fft // 2)
    h, block, order = n1 * n2, block_rows(n1, n2), []

    def append(k0, outer, inner, step):  # as `realfft.Pairs`
        k = (k0 + np.arange(outer)[:, None] * n1 + np.arange(inner) * step).ravel()
        order.append(np.stack([k, h - k], -1).ravel())

    append(0, 1, 1, 1)
    append(n1, 1, n2 // 2, n1)
    if n1 % 2 == 0:
        append(n1 // 2, 1, (n2 + 1) // 2, n1)
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(block, last - k1 + 1)
        append(k1, *((1, n2, n1) if w == 1 else (n2, w, 1)))
        k1 += w
    return np.concatenate(order)
