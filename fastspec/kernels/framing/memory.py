"""Tiles (frames in lanes) <-> arrays in memory, frame by frame or with contiguous frames."""

from ..runtime.calls import noinline, prefetch
from ..runtime.jit import int64, kernel
from ..simd.transpose import (
    gather_complex_block,
    scatter_complex_block,
    scatter_complex_block_streamed,
    transpose_block,
    transpose_block_streamed,
)
from ..simd.vector import evens, lanes, load, odds, store, zip_high, zip_low
from .polyphase import copy

PREFETCH_ROWS = 24
"""Rows far apart in memory are prefetched so many rows ahead of their use."""


@kernel
def scatter_complex(c, bins, out, o, stride, streamed):
    """out[o + f stride + 2 k : + 2] = bin k of lane f, for all lanes and k < bins."""
    noinline()
    V = lanes(c)
    half = V // 2
    if bins < half:
        for f in range(V):
            for k in range(bins):
                out[o + f * stride + 2 * k] = c[2 * V * k + f]
                out[o + f * stride + 2 * k + 1] = c[2 * V * k + V + f]
        return
    k = 0
    if streamed:
        while k + half <= bins:
            scatter_complex_block_streamed(c, 2 * V * k, out, o + 2 * k, stride)
            k += half
    while k < bins:
        k = min(k, bins - half)
        scatter_complex_block(c, 2 * V * k, out, o + 2 * k, stride)
        k += half


@kernel
def gather_complex(s, o, stride, bins, c):
    """The inverse of `scatter_complex`: s -> bins < `bins` of all lanes of c."""
    noinline()
    V = lanes(c)
    half = V // 2
    if bins < half:
        for f in range(V):
            for k in range(bins):
                c[2 * V * k + f] = s[o + f * stride + 2 * k]
                c[2 * V * k + V + f] = s[o + f * stride + 2 * k + 1]
        return
    k = 0
    while k < bins:
        k = min(k, bins - half)
        gather_complex_block(s, o + 2 * k, stride, c, 2 * V * k)
        k += half


@kernel
def gather_rows(s, o, stride, bins, c, prefetches):
    """Bin k < `bins` of lane f of c = s[o + k stride + 2 f : + 2]; `prefetches`: 1 to prefetch s, else 0."""
    noinline()
    V = lanes(c)
    for k in range(bins):
        at = o + k * stride
        for line in range(3 * prefetches):
            prefetch(s, at + PREFETCH_ROWS * stride + line * V)
        a, b = load(s, at), load(s, at + V)
        store(c, 2 * V * k, evens(a, b))
        store(c, 2 * V * k + V, odds(a, b))


@kernel
def copy_rows(s, o, stride, rows, width, tmp, tmp_stride):
    """tmp[r tmp_stride : r tmp_stride + width] = s[o + r stride : + width] for r < rows."""
    noinline()
    for r in range(rows):
        copy(s, o + r * stride, tmp, r * tmp_stride, width)


@kernel
def gather_tile(s, o, lane_stride, bin_stride, bins, count, c, tmp):
    """Bin k < `bins` of lane f < count of c = s[o + f lane_stride + k bin_stride : + 2]; lanes from count on are 0.

    Fast if either stride is 2: neighbours in memory are bins of a lane or lanes of a bin.  tmp holds 2 lanes bins
    numbers.
    """
    noinline()
    V = lanes(c)
    if bin_stride == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_rows(s, o, lane_stride, count, 2 * bins, tmp, 2 * bins)
            gather_complex(tmp, int64(0), 2 * bins, bins, c)
        else:
            gather_complex(s, o, lane_stride, bins, c)
    elif lane_stride == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_rows(s, o, bin_stride, bins, 2 * count, tmp, 2 * V)
            gather_rows(tmp, int64(0), 2 * V, bins, c, int64(0))
        else:
            gather_rows(s, o, bin_stride, bins, c, int64(1))
    else:
        for k in range(bins):
            for f in range(V):
                at = o + f * lane_stride + k * bin_stride
                c[2 * V * k + f] = s[at] if f < count else 0
                c[2 * V * k + V + f] = s[at + 1] if f < count else 0


@kernel
def scatter_complex_frames_contiguous(c, bins, out, o, stride):
    """out[o + k stride + 2 f : + 2] = bin k of lane f, for all lanes and k < bins."""
    noinline()
    V = lanes(c)
    for k in range(bins):
        re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
        store(out, o, zip_low(re, im))
        store(out, o + V, zip_high(re, im))
        o += stride


@kernel
def scatter_rows(c, i, rows, out, o, stride, streamed):
    """out[o + f stride + r] = c[i + r lanes + f], for all lanes f and r < rows."""
    noinline()
    V = lanes(c)
    if rows < V:
        for f in range(V):
            for r in range(rows):
                out[o + f * stride + r] = c[i + V * r + f]
        return
    r = 0
    if streamed:
        while r + V <= rows:
            transpose_block_streamed(c, i + V * r, V, out, o + r, stride)
            r += V
    while r < rows:
        r = min(r, rows - V)
        transpose_block(c, i + V * r, V, out, o + r, stride)
        r += V


@kernel
def scatter_rows_frames_contiguous(c, i, rows, out, o, stride):
    """out[o + r stride + f] = c[i + r lanes + f], for all lanes f and r < rows."""
    noinline()
    V = lanes(c)
    for r in range(rows):
        store(out, o + r * stride, load(c, i + r * V))


@kernel
def scatter_tile(tmp, lane, count, V, args, out, o):
    """Lanes lane .. lane + count - 1 of a tile in tmp -> out[o:]; the fields of args are those of `ForwardArgs`."""
    noinline()
    reals, width = args.reals_per_value, args.width * args.reals_per_value
    if args.frames_contiguous:
        for k in range(args.width):
            copy(tmp, (k * V + lane) * reals, out, o + k * args.row_stride, count * reals)
    else:
        for f in range(count):
            copy(tmp, (lane + f) * width, out, o + f * args.row_stride, width)
