"""The real transform of one tile: columns, rows, the split of bin pairs, and what is done with the bins.

The h = n_fft / 2 complex numbers z[m] = x[2 m] + i x[2 m + 1] are transformed as n1 columns by n2 rows,

    Z[k1 + n1 k2] = sum over p of exp(-2 pi i p k2 / n2) [ exp(-2 pi i p k1 / h) sum over k of z[p + n2 k]
                    exp(-2 pi i k k1 / n1) ],

and the bins of x follow in pairs from those of z (Sorensen et al., IEEE Trans. ASSP-35, 1987, 849-863),

    X[k] = (Z[k] + Z*[h-k]) / 2 - i exp(-2 pi i k / n_fft) (Z[k] - Z*[h-k]) / 2.

The halves are folded into the window.  Bins k and h - k stand in rows k1 and n1 - k1, so pairs of rows are transformed
and used while they are in the first-level cache.  `tables.bin_order` says in which order bins are met.
"""

from ..runtime.calls import call, noinline, prefetch
from ..runtime.jit import int64, kernel
from ..runtime.layout import Number, Reals
from ..runtime.tasks import callee
from ..simd.vector import lanes, load, load_splat, maximum, splat, sqrt, store
from .codelets import columns, columns_inverse
from .rows import transform_rows
from .splits import SMALL, small_transform, split_pair
from .tables import Tables

COMPLEX, POWER = 0, 1
"""What `forward` leaves: complex bins, or their squared magnitudes."""
PHASES, ZERO, BINS = 0, 1, 2
"""Where `inverse` takes its bins from: the phases of a signal with given magnitudes, magnitudes alone, or a tile."""

AHEAD = 16
"""Magnitudes are streamed from memory: asked for so many vectors ahead of their use."""


@kernel
def split(work, i, j, tw, k):
    """Elements i (bin k) and j (bin h - k) of the half-size transform -> bins k and h - k of the real one, doubled."""
    V = lanes(work)
    i, j = 2 * V * i, 2 * V * j
    ar, ai, br, bi = load(work, i), load(work, i + V), load(work, j), load(work, j + V)
    wr, wi = load_splat(tw, 2 * k), load_splat(tw, 2 * k + 1)
    return split_pair(ar, ai, br, bi, wr, wi)


@kernel
def unsplit(work, i, j, tw, k, xr, xi, yr, yi):
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
def split_pairs(op, work, i, j, k0, outer, inner, step, n1, h, tw, out):
    """Bins k0 + c n1 + q step (c < outer, q < inner) and their mirrors, from elements i, i + 1 ... and j, j - 1 ..."""
    noinline()
    V = lanes(work)
    for c in range(outer):
        k = k0 + c * n1
        if op == COMPLEX:
            for _q in range(inner):
                xr, xi, yr, yi = split(work, i, j, tw, k)
                a, b = 2 * V * k, 2 * V * (h - k)
                store(out, a, xr)
                store(out, a + V, xi)
                store(out, b, yr)
                store(out, b + V, yi)
                i, j, k = i + 1, j - 1, k + step
        else:
            for _q in range(inner):
                xr, xi, yr, yi = split(work, i, j, tw, k)
                store(out, V * k, xr * xr + xi * xi)
                store(out, V * (h - k), yr * yr + yi * yi)
                i, j, k = i + 1, j - 1, k + step


@kernel
def store_bin(op, work, i, out, k):
    """Element i as bin k of the output: as it is, or its power."""
    V = lanes(work)
    re, im = load(work, 2 * V * i), load(work, 2 * V * i + V)
    if op == COMPLEX:
        store(out, 2 * V * k, re)
        store(out, 2 * V * k + V, im)
    else:
        store(out, V * k, re * re + im * im)


@callee("transform", "recovery")
def forward_small(op: int, tile: Reals, base: int, p: Tables, work: Reals, out: Reals):
    """`forward` of the sizes that one codelet transforms, h in SMALL."""
    noinline()
    h = p.n1 * p.n2
    small_transform(h, tile, base, p.sample_offsets, p.window, work)
    for k in range(h + 1):
        store_bin(op, work, k, out, k)


@callee("transform", "recovery")
def forward_odd(op: int, tile: Reals, base: int, p: Tables, work: Reals, out: Reals):
    """`forward` of odd sizes: samples are the real parts of n1 n2 complex numbers, and half of the bins are kept."""
    noinline()
    n1, n2, one = p.n1, p.n2, int64(1)
    a, bins = n1 * n2, n1 * n2 // 2 + 1
    tmp = a + p.block * n2
    columns(n1, n2, tile, base, p.sample_offsets, p.window, work, p.column_tw)
    for k1 in range(0, n1, p.block):
        w = min(p.block, n1 - k1)
        call(p.transform_rows, (work, k1, n1, a, w, tmp, w, n2, p.radices, p.row_tw))
        for k2 in range(n2):
            for k in range(k1 + n1 * k2, min(bins, k1 + n1 * k2 + w), one):
                store_bin(op, work, a + w * k2 + k - k1 - n1 * k2, out, k)


@callee("transform", "recovery", "notebook")
def forward(op: int, tile: Reals, base: int, p: Tables, work: Reals, out: Reals):
    """The bins of the tile's frames that start at column `base`, in natural order: 2 lanes a bin, 1 if powers."""
    noinline()
    zero, one = int64(0), int64(1)  # a literal argument would compile a copy of its own
    n1, n2, h = p.n1, p.n2, p.n1 * p.n2
    a = n1 * n2
    b = a + p.block * n2
    tmp = b + p.block * n2
    columns(n1, n2, tile, base, p.sample_offsets, p.window, work, p.column_tw)
    call(p.transform_rows, (work, zero, n1, a, one, tmp, one, n2, p.radices, p.row_tw))
    split_pairs(op, work, a, a, zero, one, one, one, n1, h, p.split_tw, out)
    split_pairs(op, work, a + 1, a + n2 - 1, n1, one, n2 // 2, n1, n1, h, p.split_tw, out)
    if n1 % 2 == 0:
        call(p.transform_rows, (work, n1 // 2, n1, a, one, tmp, one, n2, p.radices, p.row_tw))
        split_pairs(op, work, a, a + n2 - 1, n1 // 2, one, (n2 + 1) // 2, n1, n1, h, p.split_tw, out)
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(p.block, last - k1 + 1)
        call(p.transform_rows, (work, k1, n1, a, w, tmp, w, n2, p.radices, p.row_tw))
        call(p.transform_rows, (work, n1 - k1 - w + 1, n1, b, w, tmp, w, n2, p.radices, p.row_tw))
        if w == 1:
            split_pairs(op, work, a, b + n2 - 1, k1, one, n2, n1, n1, h, p.split_tw, out)
        else:
            split_pairs(op, work, a, b + w * n2 - 1, k1, n2, w, one, n1, h, p.split_tw, out)
        k1 += w


@kernel
def merge_pairs(source, work, i, j, k0, outer, inner, step, n1, h, tw, mag, m, least, bins):
    """The same pairs of bins, in place: from their source to the half-size transform; returns the next place in mag.

    With magnitudes A, a bin X of the signal becomes A X / max(|X|, least).
    """
    noinline()
    V = lanes(work)
    low = splat(work, least)
    for c in range(outer):
        k = k0 + c * n1
        for _q in range(inner):
            if source == BINS:
                a, b = 2 * V * k, 2 * V * (h - k)
                xr, xi, yr, yi = load(bins, a), load(bins, a + V), load(bins, b), load(bins, b + V)
            else:
                prefetch(mag, m + AHEAD * V)
                prefetch(mag, m + (AHEAD + 1) * V)
                f, g = load(mag, m), load(mag, m + V)
                if source == PHASES:
                    xr, xi, yr, yi = split(work, i, j, tw, k)
                    f = f / maximum(sqrt(xr * xr + xi * xi), low)
                    g = g / maximum(sqrt(yr * yr + yi * yi), low)
                    xr, xi, yr, yi = xr * f, xi * f, yr * g, yi * g
                else:
                    xr, yr = f, g
                    xi, yi = f - f, g - g
            unsplit(work, i, j, tw, k, xr, xi, yr, yi)
            i, j, k, m = i + 1, j - 1, k + step, m + 2 * V
    return m


@callee("transform", "recovery", "notebook")
def inverse(
    source: int,
    tile: Reals,
    base: int,
    p: Tables,
    work: Reals,
    mag: Reals,
    m: int,
    least: Number,
    bins: Reals,
    y: Reals,
):
    """Frames whose bins come from `source`, windowed by p.synthesis: sample j of all lanes at y[j lanes].

    PHASES: the phases of the tile's frames at column `base`, with the magnitudes at mag[m:], ordered as by `bin_order`;
    ZERO: those magnitudes without phases; BINS: the complex bins of a tile in natural order.
    """
    noinline()
    zero, one = int64(0), int64(1)
    n1, n2, h = p.n1, p.n2, p.n1 * p.n2
    a = n1 * n2
    b = a + p.block * n2
    tmp = b + p.block * n2
    if source == PHASES:
        columns(n1, n2, tile, base, p.sample_offsets, p.window, work, p.column_tw)
        call(p.transform_rows, (work, zero, n1, a, one, tmp, one, n2, p.radices, p.row_tw))
    m = merge_pairs(source, work, a, a, zero, one, one, one, n1, h, p.split_tw, mag, m, least, bins)
    m = merge_pairs(source, work, a + 1, a + n2 - 1, n1, one, n2 // 2, n1, n1, h, p.split_tw, mag, m, least, bins)
    call(p.transform_rows, (work, a, one, zero, n1, tmp, one, n2, p.radices, p.row_tw))
    if n1 % 2 == 0:
        if source == PHASES:
            call(p.transform_rows, (work, n1 // 2, n1, a, one, tmp, one, n2, p.radices, p.row_tw))
        half = (n2 + 1) // 2
        m = merge_pairs(source, work, a, a + n2 - 1, n1 // 2, one, half, n1, n1, h, p.split_tw, mag, m, least, bins)
        call(p.transform_rows, (work, a, one, n1 // 2, n1, tmp, one, n2, p.radices, p.row_tw))
    k1, last = 1, (n1 - 1) // 2
    while k1 <= last:
        w = min(p.block, last - k1 + 1)
        k2 = n1 - k1 - w + 1
        if source == PHASES:
            call(p.transform_rows, (work, k1, n1, a, w, tmp, w, n2, p.radices, p.row_tw))
            call(p.transform_rows, (work, k2, n1, b, w, tmp, w, n2, p.radices, p.row_tw))
        outer, inner, step = (one, n2, n1) if w == 1 else (n2, w, one)
        top = b + w * n2 - 1
        m = merge_pairs(source, work, a, top, k1, outer, inner, step, n1, h, p.split_tw, mag, m, least, bins)
        call(p.transform_rows, (work, a, w, k1, n1, tmp, w, n2, p.radices, p.row_tw))
        call(p.transform_rows, (work, b, w, k2, n1, tmp, w, n2, p.radices, p.row_tw))
        k1 += w
    columns_inverse(n1, n2, work, p.column_tw, p.synthesis, y)


def addresses(n_fft, dtype, *, forwards=True, backwards=True):
    """Addresses of the kernels for this size: row transform, forward and inverse; 0 for what is not asked for."""
    kernel = forward_odd if n_fft % 2 else forward_small if n_fft // 2 in SMALL else forward
    return (
        transform_rows.address(dtype),
        kernel.address(dtype) if forwards else 0,
        inverse.address(dtype) if backwards else 0,
    )
