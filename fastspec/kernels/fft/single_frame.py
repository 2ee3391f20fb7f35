"""Correlation of two segments by the real transform of a single frame, in float32: neighbouring samples are lanes.

h = 16 m complex numbers z[j] = x[2 j] + i x[2 j + 1], j = 16 a + b, are transformed over a (an m-point transform of
whole vectors), multiplied by the twiddles exp(-2 pi i k1 b / h), transposed, and transformed over b, to bins k1 + m k2
in natural order.  The inverse takes the same steps in reverse order, with re and im swapped.

A spectrum is re[0 .. h], and im[0 .. h] from `im_offset` on.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..runtime.calls import call, noinline
from ..runtime.jit import data_pointer, intrinsic, kernel, register_jitable, types
from ..runtime.layout import Ints, Single, Singles
from ..simd.transpose import emit_transpose
from ..simd.vector import (
    evens,
    lane_sum,
    lanes,
    load,
    load_centred,
    odds,
    reverse_lanes,
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
    """The tables of a correlation of two segments: a float32 transform of 32 m samples, and the range of lags."""

    transform_rows: int  # address of the compiled float32 row transform
    zero: int  # 0 and 1: literal arguments would compile a copy of each callee
    unit: int
    m: int
    h: int  # 16 m
    im_offset: int  # of im in a spectrum
    split_im_offset: int  # of im in split_tw
    n1: int  # length of the first segment
    n2: int
    low: int  # the first and the last lag of the search
    high: int
    tolerance: Single  # see `xcorr_offset.TOLERANCE`
    radices: Ints
    row_tw: Singles
    lane_tw: Singles
    split_tw: Singles


def _transposed(builder, pairs):
    re, im = zip(*pairs, strict=True)
    return list(zip(emit_transpose(builder, re), emit_transpose(builder, im), strict=True))


@intrinsic
def transform_lanes(typingctx, z, first, m, tw, x, im_offset):
    """Elements first .. first + 15 of z -> twiddle, transpose, 16-point transform -> bins first + lane + m k of x."""
    vec = vec_of(z)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        z, tw, x = (data_pointer(context, builder, sig.args[j], args[j]) for j in (0, 3, 4))
        first, m, im_offset = args[1], args[2], args[5]
        twiddled = []
        for r in range(16):
            element = e.add_int(first, r)
            twiddled.append(e.complex_mul(e.load_complex(z, element), e.load_complex(tw, element)))
        for k, value in enumerate(e.dft(_transposed(builder, twiddled))):
            at = e.add_int(first, e.mul_int(m, k))
            e.store(value[0], x, at)
            e.store(value[1], x, e.add_int(at, im_offset))
        return context.get_dummy_value()

    return types.void(z, i64, i64, tw, x, i64), codegen


@intrinsic
def transform_lanes_inverse(typingctx, x, im_offset, first, m, tw, z):
    """The inverse of `transform_lanes`: bins first + lane + m k of x -> elements first .. first + 15 of z."""
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        x, tw, z = (data_pointer(context, builder, sig.args[j], args[j]) for j in (0, 4, 5))
        im_offset, first, m = args[1], args[2], args[3]
        bins = []
        for k in range(16):
            at = e.add_int(first, e.mul_int(m, k))
            bins.append((e.load(x, at), e.load(x, e.add_int(at, im_offset))))
        for r, value in enumerate(_transposed(builder, e.dft(bins))):
            element = e.add_int(first, r)
            e.store_complex(e.complex_mul(value, e.load_complex(tw, element)), z, element)
        return context.get_dummy_value()

    return types.void(x, i64, i64, i64, tw, z), codegen


@kernel
def mean_of(x, o, count):
    """The mean of x[o : o + count]."""
    V = lanes(x)
    total, i = splat(x, x.dtype.type(0)), o
    while i + V <= o + count:
        total = total + load(x, i)
        i += V
    remainder = x.dtype.type(0)  # the sum of the samples past the last whole vector
    while i < o + count:
        remainder += x[i]
        i += 1
    return (lane_sum(total) + remainder) / x.dtype.type(count)


@kernel
def centre(x, o, count, mean, scale, flat, size):
    """flat = (x[o : o + count] - mean) scale, then zeros to `size` (a multiple of 32); returns the sum of squares."""
    energy, i = splat(flat, flat.dtype.type(0)), 0
    while i + 16 <= count:
        v = load_centred(x, o + i, mean, scale)
        store(flat, i, v)
        energy = energy + v * v
        i += 16
    start, remainder = i, flat.dtype.type(0)
    zeros = splat(flat, remainder)
    while i < size:
        store(flat, i, zeros)
        i += 16
    for k in range(start, count):
        v = flat.dtype.type((x[o + k] - mean) * scale)
        flat[k] = v
        remainder += v * v
    return lane_sum(energy) + remainder


@kernel
def transform_vectors(z, tables):
    """The m-point transform over a of the vectors in z, to z[32 m :]."""
    zero, unit, m = tables.zero, tables.unit, tables.m
    call(tables.transform_rows, (z, zero, unit, m, unit, 2 * m, unit, m, tables.radices, tables.row_tw))


@kernel
def transform(flat, tables, z, x):
    """x = the transform of z[j] = flat[2 j] + i flat[2 j + 1] in natural order, bin 0 once more as bin h."""
    noinline()
    for a in range(tables.m):
        u, v = load(flat, 32 * a), load(flat, 32 * a + 16)
        store(z, 32 * a, evens(u, v))
        store(z, 32 * a + 16, odds(u, v))
    transform_vectors(z, tables)
    sorted_z, k = z[32 * tables.m :], 0
    while k < tables.m:
        k = min(k, tables.m - 16)
        transform_lanes(sorted_z, k, tables.m, tables.lane_tw, x, tables.im_offset)
        k += 16
    x[tables.h] = x[0]
    x[tables.im_offset + tables.h] = x[tables.im_offset]


@kernel
def split_bins(x, tables, k):
    """Bins k .. k + 15 and h - k .. h - k - 15 of a real signal, doubled, from its half-size transform."""
    j = tables.h - k - 15
    ar, ai = load(x, k), load(x, tables.im_offset + k)
    br, bi = reverse_lanes(load(x, j)), reverse_lanes(load(x, tables.im_offset + j))
    wr, wi = load(tables.split_tw, k), load(tables.split_tw, tables.split_im_offset + k)
    er, ei, dr, di = ar + br, ai - bi, ai + bi, br - ar
    tr, ti = dr * wr - di * wi, dr * wi + di * wr
    return er + tr, ei + ti, er - tr, ti - ei


@kernel
def spectrum(x, tables, out, o):
    """out[o:] = the bins of a real signal / (4 h), from its half-size transform x (see `correlate`)."""
    noinline()
    gain = splat(x, x.dtype.type(1) / x.dtype.type(8 * tables.h))
    for k in range(0, tables.h // 2 + 1, 16):
        j = tables.h - k - 15
        ar, ai, br, bi = split_bins(x, tables, k)
        store(out, o + k, ar * gain)
        store(out, o + tables.im_offset + k, ai * gain)
        store(out, o + j, reverse_lanes(br * gain))
        store(out, o + tables.im_offset + j, reverse_lanes(bi * gain))


@kernel
def multiply_spectra(x, spectrum2, o, tables, out):
    """out = the half-size transform, re and im swapped, of bins X Y*: X from the transform x, Y = spectrum2[o:]."""
    noinline()
    for k in range(0, tables.h // 2 + 1, 16):
        j = tables.h - k - 15
        ar, ai, br, bi = split_bins(x, tables, k)
        cr, ci = load(spectrum2, o + k), load(spectrum2, o + tables.im_offset + k)
        dr, di = reverse_lanes(load(spectrum2, o + j)), reverse_lanes(load(spectrum2, o + tables.im_offset + j))
        xr, xi = ar * cr + ai * ci, ai * cr - ar * ci
        yr, yi = br * dr + bi * di, bi * dr - br * di
        wr, wi = load(tables.split_tw, k), load(tables.split_tw, tables.split_im_offset + k)
        er, ei, tr, ti = xr + yr, xi - yi, xr - yr, xi + yi
        dr, di = tr * wr + ti * wi, ti * wr - tr * wi
        store(out, j, reverse_lanes(dr - ei))
        store(out, tables.im_offset + j, reverse_lanes(er + di))
        store(out, k, ei + dr)
        store(out, tables.im_offset + k, er - di)


@kernel
def correlate(x, spectrum2, o, tables, z, swapped, flat):
    """flat[l mod 32 m] = sum over n of x1[n] x2[n - l], from x1's transform x and x2's spectrum2[o:].

    Bins of both are doubled, `multiply_spectra` doubles once more, and the inverse lacks 1 / h: hence the 8 h of
    `spectrum`.
    """
    noinline()
    multiply_spectra(x, spectrum2, o, tables, swapped)
    k = 0
    while k < tables.m:
        k = min(k, tables.m - 16)
        transform_lanes_inverse(swapped, tables.im_offset, k, tables.m, tables.lane_tw, z)
        k += 16
    transform_vectors(z, tables)
    for a in range(tables.m):
        im, re = load(z, 32 * (tables.m + a)), load(z, 32 * (tables.m + a) + 16)
        store(flat, 32 * a, zip_low(re, im))
        store(flat, 32 * a + 16, zip_high(re, im))


def _row_cost(m):
    """The time of a row of m vectors, relative: a third pass adds a quarter (measured at m = 40 to 64)."""
    return m * (3 + max(2, len(row_radices(m))))


@lru_cache(64)
def correlator(n1, n2, tolerance):
    """The Correlator of segments of n1 and n2 samples.

    Of the lags i - (n2 - 1), 0 <= i < n1 + n2 - 1, the search leaves out the first and the last n2 // 2.  A circular
    correlation of n1 + n2 - 1 - n2 // 2 points is enough: it aliases only into lags outside the search.
    """
    points = max(n1, n2, n1 + n2 - 1 - n2 // 2)
    least = max(16, -(-points // 32))
    m = min((m for m in range(least, 2 * least) if row_radices(m)), key=_row_cost)
    h, radices = 16 * m, row_radices(m)
    split_size = h // 2 + 16
    twiddles = roots(np.outer(np.arange(m), np.arange(16)), h)
    split = roots(np.arange(split_size), 2 * h)
    return Correlator(
        transform_rows.address(np.dtype(np.float32)),
        0,
        1,
        m,
        h,
        h + 16,
        split_size,
        n1,
        n2,
        n2 // 2 - n2 + 1,
        n1 - 1 - n2 // 2,
        tolerance,
        np.array(radices, np.int64),
        pass_twiddles(m, radices, np.float32),
        np.stack([twiddles.real, twiddles.imag], 1).ravel().astype(np.float32),
        np.concatenate([split.real, split.imag]).astype(np.float32),
    )


@register_jitable
def correlator_scratch(tables):
    """Float32 numbers of scratch of `xcorr_offset.best_lag`."""
    return 5 * 32 * tables.m + 4 * tables.im_offset
