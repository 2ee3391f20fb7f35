"""The real transform of a single frame, in float32: sixteen neighbouring samples are the lanes.

h = 16 m complex numbers z[j] = x[2 j] + i x[2 j + 1], j = 16 a + b, are transformed over a (an m-point transform of
whole vectors), turned by exp(-2 pi i k1 b / h), transposed, and transformed over b; bin k1 + m k2 comes out in its
natural place.  The way back takes the same steps in the other order, with re and im swapped.

A spectrum is re[0 .. h] at its start and im[0 .. h] at `half` further on.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..runtime.calls import call, noinline
from ..runtime.jit import data_pointer, intrinsic, kernel, register_jitable, types
from ..runtime.layout import Ints, Single, Singles
from ..simd.transpose import transposed_rows
from ..simd.vector import (
    backwards,
    centred,
    evens,
    lane_sum,
    lanes,
    load,
    odds,
    splat,
    store,
    vec_of,
    zip_high,
    zip_low,
)
from .codelets import Emitter
from .roots import roots
from .rows import transform_rows
from .tables import pass_twiddles, row_radices

i64 = types.int64


class Correlator(NamedTuple):
    """The tables of a correlation of two segments: a float32 transform of 32 m samples, and which lags count."""

    transform_rows: int  # address of the compiled float32 row transform
    zero: int  # 0 and 1, which as literals would compile copies of their own
    one: int
    m: int
    h: int  # 16 m
    half: int  # from re to im of a spectrum
    quarter: int  # from re to im of split_tw
    n1: int  # length of the first segment
    n2: int
    low: int  # first and last lag that count
    high: int
    tolerance: Single
    radices: Ints
    row_tw: Singles
    lane_tw: Singles
    split_tw: Singles


def _rows(builder, pairs):
    re, im = zip(*pairs, strict=True)
    return list(zip(transposed_rows(builder, re), transposed_rows(builder, im), strict=True))


@intrinsic
def leave_lanes(typingctx, z, first, m, tw, x, half):
    """Elements first .. first + 15 of z -> turned, transposed, 16-point transform -> bins first + lane + m k of x."""
    vec = vec_of(z)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        z, tw, x = (data_pointer(context, builder, sig.args[j], args[j]) for j in (0, 3, 4))
        first, m, half = args[1], args[2], args[5]
        turned = []
        for r in range(16):
            element = e.plus(first, r)
            turned.append(e.complex_mul(e.load_complex(z, element), e.load_complex(tw, element)))
        for k, value in enumerate(e.dft(_rows(builder, turned))):
            at = e.plus(first, e.times(m, k))
            e.store(value[0], x, at)
            e.store(value[1], x, e.plus(at, half))
        return context.get_dummy_value()

    return types.void(z, i64, i64, tw, x, i64), codegen


@intrinsic
def enter_lanes(typingctx, x, half, first, m, tw, z):
    """The mirror of `leave_lanes`: bins first + lane + m k of x -> elements first .. first + 15 of z."""
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        x, tw, z = (data_pointer(context, builder, sig.args[j], args[j]) for j in (0, 4, 5))
        half, first, m = args[1], args[2], args[3]
        bins = []
        for k in range(16):
            at = e.plus(first, e.times(m, k))
            bins.append((e.load(x, at), e.load(x, e.plus(at, half))))
        for r, value in enumerate(_rows(builder, e.dft(bins))):
            element = e.plus(first, r)
            e.store_complex(e.complex_mul(value, e.load_complex(tw, element)), z, element)
        return context.get_dummy_value()

    return types.void(x, i64, i64, i64, tw, z), codegen


@kernel
def mean_of(x, o, count):
    """Mean of x[o : o + count]."""
    V = lanes(x)
    total, i = splat(x, x.dtype.type(0)), o
    while i + V <= o + count:
        total = total + load(x, i)
        i += V
    rest = x.dtype.type(0)
    while i < o + count:
        rest += x[i]
        i += 1
    return (lane_sum(total) + rest) / x.dtype.type(count)


@kernel
def centre(x, o, count, mean, scale, flat, size):
    """flat = (x[o : o + count] - mean) scale, then zeros to `size` (a multiple of 32); returns the sum of squares."""
    energy, i = splat(flat, flat.dtype.type(0)), 0
    while i + 16 <= count:
        v = centred(x, o + i, mean, scale)
        store(flat, i, v)
        energy = energy + v * v
        i += 16
    start, rest = i, flat.dtype.type(0)
    blank = splat(flat, rest)
    while i < size:
        store(flat, i, blank)
        i += 16
    for k in range(start, count):
        v = flat.dtype.type((x[o + k] - mean) * scale)
        flat[k] = v
        rest += v * v
    return lane_sum(energy) + rest


@kernel
def transform(flat, p, z, x):
    """x = the transform of z[j] = flat[2 j] + i flat[2 j + 1] in natural order, and once more bin 0 at h."""
    noinline()
    for a in range(p.m):
        u, v = load(flat, 32 * a), load(flat, 32 * a + 16)
        store(z, 32 * a, evens(u, v))
        store(z, 32 * a + 16, odds(u, v))
    call(p.transform_rows, (z, p.zero, p.one, p.m, p.one, 2 * p.m, p.one, p.m, p.radices, p.row_tw))
    sorted_z, k = z[32 * p.m :], 0
    while k < p.m:
        k = min(k, p.m - 16)
        leave_lanes(sorted_z, k, p.m, p.lane_tw, x, p.half)
        k += 16
    x[p.h] = x[0]
    x[p.half + p.h] = x[p.half]


@kernel
def bins_at(x, p, k):
    """Bins k .. k + 15 of the real signal and their mirrors h - k .. h - k - 15, all doubled, from its transform."""
    j = p.h - k - 15
    ar, ai = load(x, k), load(x, p.half + k)
    br, bi = backwards(load(x, j)), backwards(load(x, p.half + j))
    wr, wi = load(p.split_tw, k), load(p.split_tw, p.quarter + k)
    er, ei, dr, di = ar + br, ai - bi, ai + bi, br - ar
    tr, ti = dr * wr - di * wi, dr * wi + di * wr
    return er + tr, ei + ti, er - tr, ti - ei


@kernel
def spectrum(x, p, out, o):
    """out[o:] = the bins of a real signal from its transform x, doubled and divided by 8 h (see `correlate`)."""
    noinline()
    down = splat(x, x.dtype.type(1) / x.dtype.type(8 * p.h))
    for k in range(0, p.h // 2 + 1, 16):
        j = p.h - k - 15
        ar, ai, br, bi = bins_at(x, p, k)
        store(out, o + k, ar * down)
        store(out, o + p.half + k, ai * down)
        store(out, o + j, backwards(br * down))
        store(out, o + p.half + j, backwards(bi * down))


@kernel
def product(x, other, o, p, out):
    """out = the transform, re and im swapped, of the signal with bins X Y*: X from the transform x, Y = other[o:]."""
    noinline()
    for k in range(0, p.h // 2 + 1, 16):
        j = p.h - k - 15
        ar, ai, br, bi = bins_at(x, p, k)
        cr, ci = load(other, o + k), load(other, o + p.half + k)
        dr, di = backwards(load(other, o + j)), backwards(load(other, o + p.half + j))
        xr, xi = ar * cr + ai * ci, ai * cr - ar * ci
        yr, yi = br * dr + bi * di, bi * dr - br * di
        wr, wi = load(p.split_tw, k), load(p.split_tw, p.quarter + k)
        er, ei, tr, ti = xr + yr, xi - yi, xr - yr, xi + yi
        dr, di = tr * wr + ti * wi, ti * wr - tr * wi
        store(out, j, backwards(dr - ei))
        store(out, p.half + j, backwards(er + di))
        store(out, k, ei + dr)
        store(out, p.half + k, er - di)


@kernel
def correlate(x, other, o, p, z, swapped, flat):
    """flat[l mod 32 m] = sum over n of x1[n] x2[n - l], from x1's transform and x2's spectrum at other[o:].

    Bins of both come doubled, `product` doubles once more and the way back lacks 1 / h: hence the 8 h in `spectrum`.
    """
    noinline()
    product(x, other, o, p, swapped)
    k = 0
    while k < p.m:
        k = min(k, p.m - 16)
        enter_lanes(swapped, p.half, k, p.m, p.lane_tw, z)
        k += 16
    call(p.transform_rows, (z, p.zero, p.one, p.m, p.one, 2 * p.m, p.one, p.m, p.radices, p.row_tw))
    for a in range(p.m):
        im, re = load(z, 32 * (p.m + a)), load(z, 32 * (p.m + a) + 16)
        store(flat, 32 * a, zip_low(re, im))
        store(flat, 32 * a + 16, zip_high(re, im))


def _row_cost(m):
    """Relative time of a single row of m vectors: a third pass costs a quarter (measured at 40 to 64)."""
    return m * (3 + max(2, len(row_radices(m))))


@lru_cache(64)
def correlator(n1, n2, tolerance):
    """The Correlator of segments of n1 and n2 samples.

    Of the lags p - (n2 - 1), 0 <= p < n1 + n2 - 1, the first and the last n2 // 2 do not count, so a circular
    correlation of n1 + n2 - 1 - n2 // 2 points is enough: what wraps around falls on lags that do not count.
    """
    needed = max(n1, n2, n1 + n2 - 1 - n2 // 2)
    least = max(16, -(-needed // 32))
    m = min((m for m in range(least, 2 * least) if row_radices(m)), key=_row_cost)
    h, radices = 16 * m, row_radices(m)
    quarter = h // 2 + 16
    turn = roots(np.outer(np.arange(m), np.arange(16)), h)
    split = roots(np.arange(quarter), 2 * h)
    return Correlator(
        transform_rows.address(np.dtype(np.float32)),
        0,
        1,
        m,
        h,
        h + 16,
        quarter,
        n1,
        n2,
        n2 // 2 - n2 + 1,
        n1 - 1 - n2 // 2,
        tolerance,
        np.array(radices, np.int64),
        pass_twiddles(m, radices, np.float32),
        np.stack([turn.real, turn.imag], 1).ravel().astype(np.float32),
        np.concatenate([split.real, split.imag]).astype(np.float32),
    )


@register_jitable
def correlator_scratch(p):
    """Scratch of `xcorr_offset.best_lag`, in float32 numbers."""
    return 5 * 32 * p.m + 4 * p.half
