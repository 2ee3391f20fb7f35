"""The transform of the real frames of a tile and its inverse: columns, rows, split of bin pairs.

The h = n_fft / 2 complex numbers z[m] = x[2 m] + i x[2 m + 1] are transformed as n2 columns of n1 points, then n1 rows,

    Z[k1 + n1 k2] = sum over p of exp(-2 pi i p k2 / n2) [ exp(-2 pi i p k1 / h) sum over k of z[p + n2 k]
                    exp(-2 pi i k k1 / n1) ],

and the bins of x follow in pairs from those of z (Sorensen et al., IEEE Trans. ASSP-35, 1987, 849-863),

    X[k] = (Z[k] + Z*[h-k]) / 2 - i exp(-2 pi i k / n_fft) (Z[k] - Z*[h-k]) / 2.

The factors 1/2 are part of the window.  Bins k and h - k stand in rows k1 and n1 - k1, so pairs of rows are transformed
and used while they are in the first-level cache.  `tables.bin_order` is the resulting order of bins.

Below, a and b are the offsets of two blocks of rows in the scratch `work`, and tmp is that of the scratch of
`transform_rows`, in complex elements; w is the number of rows of a block.
"""

from typing import NamedTuple

from ..runtime.calls import call, noinline, prefetch
from ..runtime.jit import int64, kernel
from ..runtime.layout import Number, Reals
from ..runtime.tasks import callee
from ..simd.vector import evens, lanes, load, load_splat, maximum, odds, splat, sqrt, store
from .codelets import transform_columns, transform_columns_inverse
from .splits import small_transform, split_pair
from .tables import Tables

COMPLEX, POWER = 0, 1
"""Output of `forward`: complex bins, or their squared magnitudes."""
PHASES, ZERO, BINS, SPECTRA = 0, 1, 2, 3
"""Source of the bins of `inverse`: magnitudes with the phases of a signal, with phases 0, complex bins in lanes, or in
memory, where the frames of a bin are neighbours."""

PREFETCH_VECTORS = 16
"""Magnitudes come from memory: they are prefetched so many vectors ahead of their use."""


class Pairs(NamedTuple):
    """Pairs of bins k and h - k, k = k0 + c n1 + q step for c < outer, q < inner.

    The elements of bins k are i, i + 1 ..., those of bins h - k are j, j - 1 ..., in this order.
    """

    i: int
    j: int
    k0: int
    outer: int
    inner: int
    step: int
    n1: int
    h: int


@kernel
def load_split(work, i, j, tw, k):
    """Elements i (bin k) and j (bin h - k) of the half-size transform -> bins k and h - k of the real one, doubled."""
    V = lanes(work)
    i, j = 2 * V * i, 2 * V * j
    ar, ai, br, bi = load(work, i), load(work, i + V), load(work, j), load(work, j + V)
    wr, wi = load_splat(tw, 2 * k), load_splat(tw, 2 * k + 1)
    return split_pair(ar, ai, br, bi, wr, wi)


@kernel
def store_merged(work, i, j, tw, k, xr, xi, yr, yi):
    """Bins k (x) and h - k (y) of a real signal -> elements i and j of the half-size transform, re and im swapped."""
    V = lanes(work)
    wr, wi = load_splat(tw, 2 * k), load_splat(tw, 2 * k + 1)
    er, ei, tr, ti = xr + yr, xi - yi, xr - yr, xi + yi
    dr, di = tr * wr + ti * wi, ti * wr - tr * wi
    i, j = 2 * V * i, 2 * V * j
    store(work, i, ei + dr)
    store(work, i + V, er - di)
    store(work, j, dr - ei)
    store(work, j + V, er + di)


@kernel
def split_pairs(op, work, pairs, tw, out):
    """Split pairs of elements into bins of the real transform, or their powers, in natural order."""
    noinline()
    V = lanes(work)
    i, j, k0, outer, inner, step, n1, h = pairs
    for c in range(outer):
        k = k0 + c * n1
        if op == COMPLEX:
            for _q in range(inner):
                xr, xi, yr, yi = load_split(work, i, j, tw, k)
                a, b = 2 * V * k, 2 * V * (h - k)
                store(out, a, xr)
                store(out, a + V, xi)
                store(out, b, yr)
                store(out, b + V, yi)
                i, j, k = i + 1, j - 1, k + step
        else:
            for _q in range(inner):
                xr, xi, yr, yi = load_split(work, i, j, tw, k)
                store(out, V * k, xr * xr + xi * xi)
                store(out, V * (h - k), yr * yr + yi * yi)
                i, j, k = i + 1, j - 1, k + step


@kernel
def store_bin(op, work, i, out, k):
    """Element i as bin k of the output: complex, or its power."""
    V = lanes(work)
    re, im = load(work, 2 * V * i), load(work, 2 * V * i + V)
    if op == COMPLEX:
        store(out, 2 * V * k, re)
        store(out, 2 * V * k + V, im)
    else:
        store(out, V * k, re * re + im * im)


@callee("transform", "recovery")
def forward_small(op: int, tile: Reals, base: int, tables: Tables, work: Reals, out: Reals):
    """`forward` of the sizes of a single codelet, h in SMALL_HALVES."""
    noinline()
    h = tables.n1 * tables.n2
    small_transform(h, tile, base, tables.sample_offsets, tables.window, work)
    for k in range(h + 1):
        store_bin(op, work, k, out, k)


@kernel
def transform_odd(op, tile, base, tables, work, out, first):
    """Bins of a complex transform of n1 n2 real samples, of which half are stored, from element `first` of `out` on."""
    n1, n2, unit = tables.n1, tables.n2, int64(1)
    a, bins = n1 * n2, n1 * n2 // 2 + 1
    tmp = a + tables.block * n2
    transform_columns(n1, n2, tile, base, tables.sample_offsets, tables.window, work, tables.column_tw)
    for k1 in range(0, n1, tables.block):
        w = min(tables.block, n1 - k1)
        call(tables.transform_rows, (work, k1, n1, a, w, tmp, w, n2, tables.radices, tables.row_tw))
        for k2 in range(n2):
            for k in range(k1 + n1 * k2, min(bins, k1 + n1 * k2 + w), unit):
                store_bin(op, work, a + w * k2 + k - k1 - n1 * k2, out, first + k)


@callee("transform", "recovery")
def forward_odd(op: int, tile: Reals, base: int, tables: Tables, work: Reals, out: Reals):
    """`forward` of odd sizes."""
    noinline()
    transform_odd(op, tile, base, tables, work, out, int64(0))


@callee("transform", "recovery", "notebook")
def forward(op: int, tile: Reals, base: int, tables: Tables, work: Reals, out: Reals):
    """Bins in natural order of the frames at columns base .. base + lanes - 1 of a strip: re and im, or powers."""
    noinline()
    zero, unit = int64(0), int64(1)  # literal arguments would compile a copy of each callee
    n1, n2, h = tables.n1, tables.n2, tables.n1 * tables.n2
    a = n1 * n2
    b = a + tables.block * n2
    tmp = b + tables.block * n2
    transform_columns(n1, n2, tile, base, tables.sample_offsets, tables.window, work, tables.column_tw)
    call(tables.transform_rows, (work, zero, n1, a, unit, tmp, unit, n2, tables.radices, tables.row_tw))
    split_pairs(op, work, Pairs(a, a, zero, unit, unit, unit, n1, h), tables.split_tw, out)
    split_pairs(op, work, Pairs(a + 1, a + n2 - 1, n1, unit, n2 // 2, n1, n1, h), tables.split_tw, out)
    if n1 % 2 == 0:
        call(tables.transform_rows, (work, n1 // 2, n1, a, unit, tmp, unit, n2, tables.radices, tables.row_tw))
        split_pairs(op, work, Pairs(a, a + n2 - 1, n1 // 2, unit, (n2 + 1) // 2, n1, n1, h), tables.split_tw, out)
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(tables.block, last - k1 + 1)
        call(tables.transform_rows, (work, k1, n1, a, w, tmp, w, n2, tables.radices, tables.row_tw))
        call(tables.transform_rows, (work, n1 - k1 - w + 1, n1, b, w, tmp, w, n2, tables.radices, tables.row_tw))
        if w == 1:
            split_pairs(op, work, Pairs(a, b + n2 - 1, k1, unit, n2, n1, n1, h), tables.split_tw, out)
        else:
            split_pairs(op, work, Pairs(a, b + w * n2 - 1, k1, n2, w, unit, n1, h), tables.split_tw, out)
        k1 += w


@kernel
def load_spectrum(x, i):
    """re and im of x[i : i + 2 lanes], where they take turns; the two vectors after them are prefetched."""
    V = lanes(x)
    prefetch(x, i + 2 * V)
    prefetch(x, i + 3 * V)
    prefetch(x, i + 4 * V - 1)
    a, b = load(x, i), load(x, i + V)
    return evens(a, b), odds(a, b)


@kernel
def merge_pairs(source, work, pairs, tw, mag, m, least, bins, bin_stride):
    """The inverse of `split_pairs`, in place: bins from their source -> pairs of elements of the half-size transform.

    With magnitudes A = mag[m:], a bin X of the signal becomes A X / max(|X|, least).  Returns the offset after the last
    magnitude that was read.  Of SPECTRA, bin k of the frames is mag[m + k bin_stride:], re and im in turn; those of the
    next tile, which follow it, are prefetched while this one is transformed.
    """
    noinline()
    V = lanes(work)
    low = splat(work, least)
    i, j, k0, outer, inner, step, n1, h = pairs
    for c in range(outer):
        k = k0 + c * n1
        for _q in range(inner):
            if source == BINS:
                a, b = 2 * V * k, 2 * V * (h - k)
                xr, xi, yr, yi = load(bins, a), load(bins, a + V), load(bins, b), load(bins, b + V)
            elif source == SPECTRA:
                xr, xi = load_spectrum(mag, m + bin_stride * k)
                yr, yi = load_spectrum(mag, m + bin_stride * (h - k))
                if k == 0:
                    xi, yi = xi - xi, yi - yi
            else:
                prefetch(mag, m + PREFETCH_VECTORS * V)
                prefetch(mag, m + (PREFETCH_VECTORS + 1) * V)
                f, g = load(mag, m), load(mag, m + V)
                if source == PHASES:
                    xr, xi, yr, yi = load_split(work, i, j, tw, k)
                    f = f / maximum(sqrt(xr * xr + xi * xi), low)
                    g = g / maximum(sqrt(yr * yr + yi * yi), low)
                    xr, xi, yr, yi = xr * f, xi * f, yr * g, yi * g
                else:
                    xr, yr = f, g
                    xi, yi = f - f, g - g
            store_merged(work, i, j, tw, k, xr, xi, yr, yi)
            i, j, k = i + 1, j - 1, k + step
            if source <= ZERO:
                m += 2 * V
    return m


@callee("transform", "recovery", "notebook")
def inverse(
    source: int,
    tile: Reals,
    base: int,
    tables: Tables,
    work: Reals,
    mag: Reals,
    m: int,
    least: Number,
    bins: Reals,
):
    """Bins of `source` -> the columns of frames in `work`, for `inverse_columns`.

    PHASES: magnitudes mag[m:], in the order of `tables.bin_order`, with the phases of the frames at columns base ..
    base + lanes - 1 of a strip; ZERO: these magnitudes with phases 0; BINS: complex bins in natural order; SPECTRA:
    complex bins mag[m + k base:], without the imaginary parts of bins 0 and n_fft / 2.
    """
    noinline()
    zero, unit = int64(0), int64(1)
    n1, n2, h = tables.n1, tables.n2, tables.n1 * tables.n2
    a = n1 * n2
    b = a + tables.block * n2
    tmp = b + tables.block * n2
    if source == PHASES:
        transform_columns(n1, n2, tile, base, tables.sample_offsets, tables.window, work, tables.column_tw)
        call(tables.transform_rows, (work, zero, n1, a, unit, tmp, unit, n2, tables.radices, tables.row_tw))
    m = merge_pairs(
        source, work, Pairs(a, a, zero, unit, unit, unit, n1, h), tables.split_tw, mag, m, least, bins, base
    )
    pairs = Pairs(a + 1, a + n2 - 1, n1, unit, n2 // 2, n1, n1, h)
    m = merge_pairs(source, work, pairs, tables.split_tw, mag, m, least, bins, base)
    call(tables.transform_rows, (work, a, unit, zero, n1, tmp, unit, n2, tables.radices, tables.row_tw))
    if n1 % 2 == 0:
        if source == PHASES:
            call(tables.transform_rows, (work, n1 // 2, n1, a, unit, tmp, unit, n2, tables.radices, tables.row_tw))
        pairs = Pairs(a, a + n2 - 1, n1 // 2, unit, (n2 + 1) // 2, n1, n1, h)
        m = merge_pairs(source, work, pairs, tables.split_tw, mag, m, least, bins, base)
        call(tables.transform_rows, (work, a, unit, n1 // 2, n1, tmp, unit, n2, tables.radices, tables.row_tw))
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(tables.block, last - k1 + 1)
        k2 = n1 - k1 - w + 1
        if source == PHASES:
            call(tables.transform_rows, (work, k1, n1, a, w, tmp, w, n2, tables.radices, tables.row_tw))
            call(tables.transform_rows, (work, k2, n1, b, w, tmp, w, n2, tables.radices, tables.row_tw))
        outer, inner, step = (unit, n2, n1) if w == 1 else (n2, w, unit)
        pairs = Pairs(a, b + w * n2 - 1, k1, outer, inner, step, n1, h)
        m = merge_pairs(source, work, pairs, tables.split_tw, mag, m, least, bins, base)
        call(tables.transform_rows, (work, a, w, k1, n1, tmp, w, n2, tables.radices, tables.row_tw))
        call(tables.transform_rows, (work, b, w, k2, n1, tmp, w, n2, tables.radices, tables.row_tw))
        k1 += w


@callee("transform", "recovery", "notebook")
def inverse_columns(tables: Tables, first: int, count: int, work: Reals, y: Reals):
    """Frames of columns first .. first + count - 1, times the synthesis window; see `transform_columns_inverse`."""
    noinline()
    transform_columns_inverse(tables.n1, tables.n2, first, count, work, tables.column_tw, tables.synthesis, y)


@kernel
def synthesize(source, tile, base, tables, work, mag, m, least, bins, y):
    """Frames of the bins of `source`, times the synthesis window: sample j of all lanes at y[j lanes]."""
    call(tables.inverse, (source, tile, base, tables, work, mag, m, least, bins))
    call(tables.inverse_columns, (tables, int64(0), tables.n2, work, y))


@kernel
def set_magnitudes(source, x, first, mag, m, least, count):
    """Elements first .. first + count - 1 of x = mag[m:], with their phases or, of ZERO, with phases 0."""
    V = lanes(x)
    low = splat(x, least)
    for i in range(2 * V * first, 2 * V * (first + count), 2 * V):
        f = load(mag, m)
        if source == PHASES:
            re, im = load(x, i), load(x, i + V)
            f = f / maximum(sqrt(re * re + im * im), low)
            store(x, i, re * f)
            store(x, i + V, im * f)
        else:
            store(x, i, f)
            store(x, i + V, f - f)
        m += V


@kernel
def load_mirrored(x, first, k, n, work, i):
    """Element i of `work` = bin k < n of real frames, re and im swapped; bins past the middle are conjugates."""
    V = lanes(work)
    if 2 * k < n:
        at = 2 * V * (first + k)
        store(work, 2 * V * i, load(x, at + V))
        store(work, 2 * V * i + V, load(x, at))
    else:
        at = 2 * V * (first + n - k)
        im = load(x, at + V)
        store(work, 2 * V * i, (im - im) - im)
        store(work, 2 * V * i + V, load(x, at))


@callee("sizes")
def inverse_odd(
    source: int,
    tile: Reals,
    base: int,
    tables: Tables,
    work: Reals,
    mag: Reals,
    m: int,
    least: Number,
    bins: Reals,
):
    """`inverse` of odd sizes, by a complex transform of all bins; magnitudes come in natural order."""
    noinline()
    n1, n2 = tables.n1, tables.n2
    n, a = n1 * n2, n1 * n2
    tmp, first = a + tables.block * n2, a + 4 * tables.block * n2
    x, x_first = work, first
    if source == BINS:
        x, x_first = bins, int64(0)
    else:
        if source == PHASES:
            transform_odd(int64(COMPLEX), tile, base, tables, work, work, first)
        set_magnitudes(source, work, first, mag, m, least, n // 2 + 1)
    for k1 in range(0, n1, tables.block):
        w = min(tables.block, n1 - k1)
        for k2 in range(n2):
            for q in range(w):
                load_mirrored(x, x_first, k1 + q + n1 * k2, n, work, a + w * k2 + q)
        call(tables.transform_rows, (work, a, w, k1, n1, tmp, w, n2, tables.radices, tables.row_tw))


@callee("sizes")
def inverse_columns_odd(tables: Tables, first: int, count: int, work: Reals, y: Reals):
    """`inverse_columns` of odd sizes, of all columns."""
    noinline()
    V, n1, n2 = lanes(work), tables.n1, tables.n2
    region = work[2 * V * (n1 * n2 + 4 * tables.block * n2) :]
    transform_columns_inverse(n1, n2, int64(0), n2, work, tables.column_tw, tables.synthesis, region)
    for j in range(n1 * n2):
        store(y, V * j, load(region, 2 * V * j))
