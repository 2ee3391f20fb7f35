"""Rows of sizes with many sevens, or prime factors from 11 to 199: passes by the definition of the transform.

For an odd radix R and H = (R - 1) / 2, with sums s[j] = x[j] + x[R-j] and differences d[j] = x[j] - x[R-j],

    X[k], X[R-k] = (x[0] + sum over j of cos(2 pi j k / R) s[j]) -+ i sum over j of sin(2 pi j k / R) d[j],

for 1 <= j, k <= H.  The cosines and sines are before the twiddles of the pass: for each PRIME_BLOCK bins k and each j,
PRIME_BLOCK cosines, then sines.
"""

from typing import NamedTuple

from ..runtime.calls import noinline
from ..runtime.jit import kernel
from ..runtime.layout import Ints, Reals
from ..runtime.tasks import callee
from ..simd.vector import lanes, load, load_splat, splat, store
from .codelets import last_pass, middle_pass
from .tables import LEAST_PRIME, PRIME_BLOCK

SUMMED_PAIRS = 16
"""Pairs that are summed at a time."""


@kernel
def add_pairs(radix, work, source, stride, sums):
    """Sums and differences of the pairs j, radix - j of elements source + stride j, to 4 vectors each from `sums` on.

    After them come re and im of element 0, then of the sum of all elements.
    """
    V, half = lanes(work), radix // 2
    xr, xi = load(work, 2 * V * source), load(work, 2 * V * source + V)
    tr, ti, at = xr, xi, 2 * V * sums
    for j in range(1, half + 1):
        a, b = 2 * V * (source + stride * j), 2 * V * (source + stride * (radix - j))
        pr, pi, qr, qi = load(work, a), load(work, a + V), load(work, b), load(work, b + V)
        sr, si = pr + qr, pi + qi
        tr, ti = tr + sr, ti + si
        store(work, at, sr)
        store(work, at + V, si)
        store(work, at + 2 * V, pr - qr)
        store(work, at + 3 * V, pi - qi)
        at += 4 * V
    store(work, at, xr)
    store(work, at + V, xi)
    store(work, at + 2 * V, tr)
    store(work, at + 3 * V, ti)


@kernel
def sum_block(count, work, pairs, tw, matrix, totals):
    """Add to `totals` the sums over `count` pairs of PRIME_BLOCK bins, re and im of that of s and of that of d each."""
    V = lanes(work)
    at, zero = 2 * V * pairs, splat(work, work.dtype.type(0))
    ar0, ai0, ar1, ai1, ar2, ai2, ar3, ai3 = zero, zero, zero, zero, zero, zero, zero, zero
    br0, bi0, br1, bi1, br2, bi2, br3, bi3 = zero, zero, zero, zero, zero, zero, zero, zero
    for _j in range(count):
        sr, si, dr, di = load(work, at), load(work, at + V), load(work, at + 2 * V), load(work, at + 3 * V)
        c0, c1 = load_splat(tw, matrix), load_splat(tw, matrix + 1)
        c2, c3 = load_splat(tw, matrix + 2), load_splat(tw, matrix + 3)
        s0, s1 = load_splat(tw, matrix + 4), load_splat(tw, matrix + 5)
        s2, s3 = load_splat(tw, matrix + 6), load_splat(tw, matrix + 7)
        ar0, ai0, br0, bi0 = ar0 + c0 * sr, ai0 + c0 * si, br0 + s0 * dr, bi0 + s0 * di
        ar1, ai1, br1, bi1 = ar1 + c1 * sr, ai1 + c1 * si, br1 + s1 * dr, bi1 + s1 * di
        ar2, ai2, br2, bi2 = ar2 + c2 * sr, ai2 + c2 * si, br2 + s2 * dr, bi2 + s2 * di
        ar3, ai3, br3, bi3 = ar3 + c3 * sr, ai3 + c3 * si, br3 + s3 * dr, bi3 + s3 * di
        at += 4 * V
        matrix += 2 * PRIME_BLOCK
    add_bin(work, totals, ar0, ai0, br0, bi0)
    add_bin(work, totals + 2, ar1, ai1, br1, bi1)
    add_bin(work, totals + 4, ar2, ai2, br2, bi2)
    add_bin(work, totals + 6, ar3, ai3, br3, bi3)


@kernel
def add_bin(work, element, ar, ai, br, bi):
    """Add the sums of a bin to two elements."""
    V, at = lanes(work), 2 * lanes(work) * element
    store(work, at, load(work, at) + ar)
    store(work, at + V, load(work, at + V) + ai)
    store(work, at + 2 * V, load(work, at + 2 * V) + br)
    store(work, at + 3 * V, load(work, at + 3 * V) + bi)


@kernel
def sum_pairs(half, work, pairs, tw, matrix, totals):
    """The sums of PRIME_BLOCK bins, SUMMED_PAIRS at a time: errors grow with the square root of the number of terms."""
    V = lanes(work)
    x, zero = 2 * V * (pairs + 2 * half), splat(work, work.dtype.type(0))
    xr, xi = load(work, x), load(work, x + V)
    for at in range(2 * V * totals, 2 * V * (totals + 2 * PRIME_BLOCK), 4 * V):
        store(work, at, xr)
        store(work, at + V, xi)
        store(work, at + 2 * V, zero)
        store(work, at + 3 * V, zero)
    for j in range(0, half, SUMMED_PAIRS):
        count = min(SUMMED_PAIRS, half - j)
        sum_block(count, work, pairs + 2 * j, tw, matrix + 2 * PRIME_BLOCK * j, totals)


class PrimePass(NamedTuple):
    """A pass over interleaved rows: for q < width and p < m, elements i + q + step p + in_stride j, 0 <= j < radix, are
    transformed to elements o + q + out_step p + out_stride k, times the twiddles of p if there are any."""

    radix: int
    m: int
    width: int
    i: int
    step: int
    in_stride: int
    o: int
    out_step: int
    out_stride: int
    has_twiddles: bool


@kernel
def prime_pass(args, work, scratch, tw, matrix):
    """The pass; cosines and sines are at tw[matrix], then twiddles; scratch: `tables.prime_scratch` elements."""
    noinline()
    V, radix, half = lanes(work), args.radix, args.radix // 2
    totals, first_row = scratch + 2 * half + 2, matrix + matrix_size(radix)
    for p in range(args.m):
        row = first_row + 2 * (radix - 1) * p - 2
        for q in range(args.width):
            out = args.o + q + args.out_step * p
            add_pairs(radix, work, args.i + q + args.step * p, args.in_stride, scratch)
            x = 2 * V * scratch + 4 * V * half
            store(work, 2 * V * out, load(work, x + 2 * V))
            store(work, 2 * V * out + V, load(work, x + 3 * V))
            block = matrix
            for k0 in range(1, half + 1, PRIME_BLOCK):
                sum_pairs(half, work, scratch, tw, block, totals)
                block += 2 * PRIME_BLOCK * half
                at = 2 * V * totals
                for k in range(k0, min(k0 + PRIME_BLOCK, half + 1)):
                    ar, ai = load(work, at), load(work, at + V)
                    br, bi = load(work, at + 2 * V), load(work, at + 3 * V)
                    xr, xi, yr, yi = ar + bi, ai - br, ar - bi, ai + br
                    a, b = 2 * V * (out + args.out_stride * k), 2 * V * (out + args.out_stride * (radix - k))
                    if args.has_twiddles:
                        t, u = row + 2 * k, row + 2 * (radix - k)
                        wr, wi = load_splat(tw, t), load_splat(tw, t + 1)
                        vr, vi = load_splat(tw, u), load_splat(tw, u + 1)
                        xr, xi, yr, yi = xr * wr - xi * wi, xr * wi + xi * wr, yr * vr - yi * vi, yr * vi + yi * vr
                    store(work, a, xr)
                    store(work, a + V, xi)
                    store(work, b, yr)
                    store(work, b + V, yi)
                    at += 4 * V


@kernel
def matrix_size(radix):
    """Real numbers of the cosines and sines of a pass."""
    half = radix // 2
    return (half + PRIME_BLOCK - 1) // PRIME_BLOCK * half * 2 * PRIME_BLOCK


@callee("sizes")
def transform_rows_with_primes(
    work: Reals, i: int, in_stride: int, o: int, out_stride: int, tmp: int, rows: int, n: int, radices: Ints, tw: Reals
):
    """`rows.transform_rows` with prime radices; the scratch has `tables.prime_scratch` more elements."""
    noinline()
    count, sums = radices.size, tmp + 2 * rows * n
    m, width, t, source, step = n, rows, 0, i, in_stride
    for j in range(count - 1):
        radix = radices[j]
        m //= radix
        target = tmp + (j & 1) * rows * n
        if radix >= LEAST_PRIME or radix == 7:
            prime_pass(
                PrimePass(radix, m, width, source, step, m * step, target, width * radix, width, True),
                work,
                sums,
                tw,
                t,
            )
            t += matrix_size(radix)
        else:
            middle_pass(radix, m, width, work, source, step, target, tw, t)
        t += 2 * (radix - 1) * m
        width *= radix
        source, step = target, width
    outer, out_step, radix = width // rows, out_stride, radices[count - 1]
    if count > 1:
        step = rows
    if radix >= LEAST_PRIME and radix % 2 == 1:
        prime_pass(
            PrimePass(radix, outer, rows, source, step, outer * step, o, out_step, outer * out_step, False),
            work, sums, tw, t,
        )  # fmt: skip
    else:
        last_pass(radix, outer, rows, work, source, step, o, out_step)
