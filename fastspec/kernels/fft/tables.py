"""The tables of a transform: factors, twiddles, where samples lie, in which order bins are met.  Plain NumPy.

Sizes are run-time numbers: a plan is data, nothing is compiled for it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from . import codelets, factors
from .roots import roots

LARGEST = 1 << 16
"""Larger transforms leave the second-level cache in lanes; a library's, one frame at a time, is faster there."""
BLOCK = 48
"""Rows of n2 points are taken `block` at a time, block * n2 <= BLOCK: two such blocks stay in the first-level cache."""


class Tables(NamedTuple):
    """What the kernels get."""

    rows: int  # addresses of compiled kernels
    forward: int
    inverse: int
    n1: int
    n2: int
    block: int
    radices: np.ndarray
    column_tw: np.ndarray
    row_tw: np.ndarray
    split_tw: np.ndarray
    offsets: np.ndarray  # where sample j of a tile lies in its strip
    window: np.ndarray  # analysis window, halved: the 1/2 of the split; see `tables` for odd sizes
    synthesis: np.ndarray  # synthesis window / n_fft


@cache
def row_radices(n):
    """Radices of a row of n points, one last codelet after the middle passes; () if there is no such product."""
    if n in factors.ROWS:
        return factors.ROWS[n]
    if n in codelets.LAST:
        return (n,)
    best = ()
    for r in codelets.MIDDLE:
        rest = row_radices(n // r) if n % r == 0 else ()
        if rest and rest != (1,) and (not best or (len(rest), -rest[-1]) < (len(best) - 1, -best[-1])):
            best = (r, *rest)
    return best


@cache
def ruled(half):
    """(n1, n2, radices of n2) by rule: the fewest passes, then columns and radices of one size, 8 at best."""

    def cost(n1):
        radices = row_radices(half // n1)
        return len(radices), sum(abs(np.log2(r / 8)) for r in (n1, *radices))

    options = [n1 for n1 in codelets.COLUMN if half % n1 == 0 and row_radices(half // n1)]
    n1 = min(options, key=cost, default=0)
    return (n1, half // n1, row_radices(half // n1)) if n1 else None


def factorised(half):
    """(n1, n2, radices of n2) for `half` = n1 n2 complex points, or None where the codelets do not reach."""
    if half in factors.PLANS:
        n1, radices = factors.PLANS[half]
        return n1, half // n1, radices
    return ruled(half)


def supported(n_fft):
    """Whether the kernels transform this size both ways: even, not too large, a product of the codelets' primes."""
    return n_fft >= 2 and n_fft % 2 == 0 and n_fft <= LARGEST and factorised(n_fft // 2) is not None


def analysed(n_fft):
    """Whether they transform it forwards: so they do odd sizes, too, as complex ones."""
    odd = n_fft >= 3 and n_fft % 2 == 1 and n_fft <= LARGEST // 2
    return supported(n_fft) or (odd and factorised(n_fft) is not None)


def lanes(dtype):
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


def lead(n_fft, hop, group, dtype):
    """Row length of a strip of `group` tiles: every sample of its last frame, in whole vectors."""
    V = lanes(dtype)
    return (group * V + (n_fft + hop - 1) // hop - 1 + V - 1) // V * V


def sample_order(n_fft):
    """Samples as real and imaginary parts of what is transformed: pairs of an even size, each twice of an odd one."""
    return np.arange(n_fft) if n_fft % 2 == 0 else np.repeat(np.arange(n_fft), 2)


def _weights(window):
    """The window for what is transformed: halved, or, of an odd size, with zeros for the imaginary parts."""
    return window * 0.5 if len(window) % 2 == 0 else np.stack([window, np.zeros(len(window))], -1).ravel()


def tables(n_fft, hop, row_length, window, synthesis, dtype, addresses, factored=None):
    """The Tables of a transform of `n_fft` samples over strips with rows of `row_length`."""
    n1, n2, radices = factored or factorised(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    j = sample_order(n_fft)
    return Tables(
        *addresses,
        n1,
        n2,
        max(1, min(BLOCK // n2, (n1 - 1) // 2)),
        np.array(radices, np.int64),
        column_twiddles(n1, n2, dtype),
        pass_twiddles(n2, radices, dtype),
        split_twiddles(n_fft, dtype),
        (j % hop * row_length + j // hop).astype(np.uint32),
        _weights(window).astype(dtype),
        (synthesis / n_fft).astype(dtype),
    )


def work_size(p):
    """Scratch of a transform, in complex elements."""
    return p.n1 * p.n2 + 4 * p.block * p.n2


def pairs(p):
    """Bins in the order in which `realfft.rebuild` meets them, two a pair (some twice)."""
    h, order = p.n1 * p.n2, []

    def run(k0, outer, inner, step):
        k = (k0 + np.arange(outer)[:, None] * p.n1 + np.arange(inner) * step).ravel()
        order.append(np.stack([k, h - k], -1).ravel())

    run(0, 1, 1, 1)
    run(p.n1, 1, p.n2 // 2, p.n1)
    if p.n1 % 2 == 0:
        run(p.n1 // 2, 1, (p.n2 + 1) // 2, p.n1)
    k1, last = 1, (p.n1 - 1) // 2
    while k1 <= last:
        w = min(p.block, last - k1 + 1)
        run(k1, *((1, p.n2, p.n1) if w == 1 else (p.n2, w, 1)))
        k1 += w
    return np.concatenate(order)
