"""Between tiles (frames in lanes) and frame-major arrays (a frame a row)."""

from ..runtime.calls import noinline, prefetch
from ..runtime.jit import int64, kernel
from ..simd.transpose import (
    gather_block,
    spread_block,
    spread_block_streamed,
    transpose_block,
    transpose_block_streamed,
)
from ..simd.vector import evens, lanes, load, odds, store, zip_high, zip_low
from .polyphase import copy

AHEAD = 24
"""Rows of memory that lie far apart are asked for so many rows ahead of their use."""


@kernel
def scatter_complex(c, bins, out, o, ld, streamed):
    """out[o + f ld + 2 k : + 2] = bin k of lane f, for all lanes and k < bins."""
    noinline()
    V = lanes(c)
    half = V // 2
    if bins < half:
        for f in range(V):
            for k in range(bins):
                out[o + f * ld + 2 * k] = c[2 * V * k + f]
                out[o + f * ld + 2 * k + 1] = c[2 * V * k + V + f]
        return
    k = 0
    if streamed:
        while k + half <= bins:
            spread_block_streamed(c, 2 * V * k, out, o + 2 * k, ld)
            k += half
    while k < bins:
        k = min(k, bins - half)
        spread_block(c, 2 * V * k, out, o + 2 * k, ld)
        k += half


@kernel
def gather_complex(s, o, ld, bins, c):
    """The mirror of `scatter_complex`: c holds bins < `bins` of all lanes."""
    noinline()
    V = lanes(c)
    half = V // 2
    if bins < half:
        for f in range(V):
            for k in range(bins):
                c[2 * V * k + f] = s[o + f * ld + 2 * k]
                c[2 * V * k + V + f] = s[o + f * ld + 2 * k + 1]
        return
    k = 0
    while k < bins:
        k = min(k, bins - half)
        gather_block(s, o + 2 * k, ld, c, 2 * V * k)
        k += half


@kernel
def gather_rows(s, o, ld, bins, c, ahead):
    """c holds bins < `bins` of all lanes, from s[o + k ld + 2 f : + 2] = bin k of lane f."""
    noinline()
    V = lanes(c)
    for k in range(bins):
        at = o + k * ld
        for line in range(3 * ahead):
            prefetch(s, at + AHEAD * ld + line * V)
        a, b = load(s, at), load(s, at + V)
        store(c, 2 * V * k, evens(a, b))
        store(c, 2 * V * k + V, odds(a, b))


@kernel
def copy_rows(s, o, ld, rows, width, tmp, room):
    """tmp[r room : r room + width] = s[o + r ld : + width] for r < rows."""
    noinline()
    for r in range(rows):
        copy(s, o + r * ld, tmp, r * room, width)


@kernel
def gather_tile(s, o, lane_step, bin_step, bins, count, c, tmp):
    """c holds bins < `bins` of lanes < count from s[o + f lane_step + k bin_step : + 2]; lanes from count on are 0.

    Fast where either step is 2, so that neighbours in memory are bins of a lane or lanes of a bin.  tmp has room for
    bins of all lanes.
    """
    noinline()
    V = lanes(c)
    if bin_step == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_rows(s, o, lane_step, count, 2 * bins, tmp, 2 * bins)
            gather_complex(tmp, int64(0), 2 * bins, bins, c)
        else:
            gather_complex(s, o, lane_step, bins, c)
    elif lane_step == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_rows(s, o, bin_step, bins, 2 * count, tmp, 2 * V)
            gather_rows(tmp, int64(0), 2 * V, bins, c, int64(0))
        else:
            gather_rows(s, o, bin_step, bins, c, int64(1))
    else:
        for k in range(bins):
            for f in range(V):
                at = o + f * lane_step + k * bin_step
                c[2 * V * k + f] = s[at] if f < count else 0
                c[2 * V * k + V + f] = s[at + 1] if f < count else 0


@kernel
def scatter_complex_frames_contiguous(c, bins, out, o, ld):
    """out[o + k ld + 2 f : + 2] = bin k of lane f."""
    noinline()
    V = lanes(c)
    for k in range(bins):
        re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
        store(out, o, zip_low(re, im))
        store(out, o + V, zip_high(re, im))
        o += ld


@kernel
def scatter_rows(c, i, rows, out, o, ld, streamed):
    """out[o + f ld + r] = c[i + r lanes + f], for all lanes f and r < rows."""
    noinline()
    V = lanes(c)
    if rows < V:
        for f in range(V):
            for r in range(rows):
                out[o + f * ld + r] = c[i + V * r + f]
        return
    r = 0
    if streamed:
        while r + V <= rows:
            transpose_block_streamed(c, i + V * r, V, out, o + r, ld)
            r += V
    while r < rows:
        r = min(r, rows - V)
        transpose_block(c, i + V * r, V, out, o + r, ld)
        r += V


@kernel
def scatter_rows_frames_contiguous(c, i, rows, out, o, ld):
    """out[o + r ld + f] = c[i + r lanes + f]."""
    noinline()
    V = lanes(c)
    for r in range(rows):
        store(out, o + r * ld, load(c, i + r * V))


@kernel
def scatter_tile(tmp, lane, count, V, args, out, o):
    """Frames `lane` .. `lane + count - 1` of a tile in tmp to out[o:]; for the fields used see `stft.forward`."""
    noinline()
    reals, width = args.reals_per_value, args.width * args.reals_per_value
    if args.frames_contiguous:
        for k in range(args.width):
            copy(tmp, (k * V + lane) * reals, out, o + k * args.row_stride, count * reals)
    else:
        for f in range(count):
            copy(tmp, (lane + f) * width, out, o + f * args.row_stride, width)
