"""The tables of a transform: factors, twiddles, where samples lie, in which order bins are met.  Plain NumPy.

Sizes are run-time numbers: a plan is data, nothing is compiled for it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..runtime.layout import Ints, Reals, UInt32s
from . import codelets
from . import factors as factors_table
from .roots import roots

LARGEST = 1 << 16
"""Larger transforms leave the second-level cache in lanes; a library's, one frame at a time, is faster there."""
BLOCK_POINTS = 48
"""Rows are transformed in blocks of at most so many points: two such blocks stay in the first-level cache."""


class Tables(NamedTuple):
    """The tables of one transform."""

    transform_rows: int  # addresses of compiled kernels
    forward: int
    inverse: int
    n1: int  # columns
    n2: int  # rows
    block: int  # rows that are transformed at a time
    radices: Ints  # of a row
    column_tw: Reals
    row_tw: Reals
    split_tw: Reals
    sample_offsets: UInt32s  # where sample j of a tile lies in its strip
    window: Reals  # analysis window, halved: the 1/2 of the split; see `_transform_weights` for odd sizes
    synthesis: Reals  # synthesis window / n_fft


@cache
def row_radices(n):
    """Radices of a row of n points, one last codelet after the middle passes; () if there is no such product."""
    if n in factors_table.ROWS:
        return factors_table.ROWS[n]
    if n in codelets.LAST:
        return (n,)
    best = ()
    for r in codelets.MIDDLE:
        rest = row_radices(n // r) if n % r == 0 else ()
        if rest and rest != (1,) and (not best or (len(rest), -rest[-1]) < (len(best) - 1, -best[-1])):
            best = (r, *rest)
    return best


@cache
def factorise_by_rule(half):
    """(n1, n2, radices of n2) by rule: the fewest passes, then columns and radices of one size, 8 at best."""

    def cost(n1):
        radices = row_radices(half // n1)
        return len(radices), sum(abs(np.log2(r / 8)) for r in (n1, *radices))

    options = [n1 for n1 in codelets.COLUMN if half % n1 == 0 and row_radices(half // n1)]
    n1 = min(options, key=cost, default=0)
    return (n1, half // n1, row_radices(half // n1)) if n1 else None


def factorise(half):
    """(n1, n2, radices of n2) for `half` = n1 n2 complex points, or None where the codelets do not reach."""
    if half in factors_table.PLANS:
        n1, radices = factors_table.PLANS[half]
        return n1, half // n1, radices
    return factorise_by_rule(half)


def has_inverse(n_fft):
    """Whether the kernels transform this size both ways: even, not too large, a product of the codelets' primes."""
    return n_fft >= 2 and n_fft % 2 == 0 and n_fft <= LARGEST and factorise(n_fft // 2) is not None


def has_forward(n_fft):
    """Whether they transform it forwards: odd sizes, too, as complex ones."""
    odd = n_fft >= 3 and n_fft % 2 == 1 and n_fft <= LARGEST // 2
    return has_inverse(n_fft) or (odd and factorise(n_fft) is not None)


def lane_count(dtype):
    """Frames in a tile: as many as fill a 64-byte vector."""
    return 64 // np.dtype(dtype).itemsize


def interleaved(z, dtype):
    """Complex numbers as re, im, re, im ..."""
    return np.stack([z.real, z.imag], -1).ravel().astype(dtype)


def pass_twiddles(n, radices, dtype):
    """Twiddles of all middle passes of a row, one after another (at least one number, for the sake of the type)."""
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
    """From a row of a strip of so many tiles to the next: every sample of its last frame, in whole vectors."""
    V = lane_count(dtype)
    return (tiles * V + (n_fft + hop - 1) // hop - 1 + V - 1) // V * V


def sample_order(n_fft):
    """Samples as real and imaginary parts of what is transformed: pairs of an even size, each twice of an odd one."""
    return np.arange(n_fft) if n_fft % 2 == 0 else np.repeat(np.arange(n_fft), 2)


def _transform_weights(window):
    """The window for what is transformed: halved, or, of an odd size, with zeros for the imaginary parts."""
    return window * 0.5 if len(window) % 2 == 0 else np.stack([window, np.zeros(len(window))], -1).ravel()


def block_rows(n1, n2):
    """Rows that are transformed at a time."""
    return max(1, min(BLOCK_POINTS // n2, (n1 - 1) // 2))


def transform_tables(n_fft, hop, stride, window, synthesis, dtype, addresses, factors=None):
    """The Tables of a transform of `n_fft` samples over strips with `stride` from row to row.

    `addresses` are those of the row transform, the forward and the inverse transform; see `realfft.addresses`.
    """
    n1, n2, radices = factors or factorise(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    j = sample_order(n_fft)
    return Tables(
        *addresses,
        n1,
        n2,
        block_rows(n1, n2),
        np.array(radices, np.int64),
        column_twiddles(n1, n2, dtype),
        pass_twiddles(n2, radices, dtype),
        split_twiddles(n_fft, dtype),
        (j % hop * stride + j // hop).astype(np.uint32),
        _transform_weights(window).astype(dtype),
        (synthesis / n_fft).astype(dtype),
    )


def scratch_elements(n_fft, factors=None):
    """Scratch of a transform, in complex elements of a tile."""
    n1, n2, _ = factors or factorise(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    return n1 * n2 + 4 * block_rows(n1, n2) * n2


def bin_order(n_fft, factors=None):
    """Bins in the order in which `realfft.merge_pairs` meets them, two a pair (some twice)."""
    n1, n2, _ = factors or factorise(n_fft // 2)
    h, block, order = n1 * n2, block_rows(n1, n2), []

    def append(k0, outer, inner, step):
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
