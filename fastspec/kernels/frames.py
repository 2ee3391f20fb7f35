"""Between tiles (frames in lanes) and frame-major arrays (a frame a row)."""

from .calls import out_of_line, prefetch
from .jit import int64, kernel
from .logs import log10
from .transpose import (
    gather_block,
    spread_block,
    spread_block_streamed,
    transpose_block,
    transpose_block_streamed,
)
from .vector import evens, lanes, load, maximum, odds, splat, sqrt, store

LINEAR, LOG = 0, 1
"""What becomes of a power: its root, at least `floor`; or the decimal logarithm of its root."""

AHEAD = 24
"""Rows of memory that lie far apart are asked for so many rows ahead of their use."""


@kernel
def write_complex(c, bins, out, o, ld, streamed):
    """out[o + f ld + 2 k : + 2] = bin k of lane f, for all lanes and k < bins."""
    out_of_line()
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
def read_complex(s, o, ld, bins, c):
    """The mirror of `write_complex`: c holds bins < `bins` of all lanes."""
    out_of_line()
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
def read_rows(s, o, ld, bins, c, ahead):
    """c holds bins < `bins` of all lanes, from s[o + k ld + 2 f : + 2] = bin k of lane f."""
    out_of_line()
    V = lanes(c)
    for k in range(bins):
        at = o + k * ld
        for line in range(3 * ahead):
            prefetch(s, at + AHEAD * ld + line * V)
        a, b = load(s, at), load(s, at + V)
        store(c, 2 * V * k, evens(a, b))
        store(c, 2 * V * k + V, odds(a, b))


@kernel
def copy_part(s, o, ld, rows, width, tmp, room):
    """tmp[r room : r room + width] = s[o + r ld : + width] for r < rows."""
    out_of_line()
    V = lanes(s)
    for r in range(rows):
        a, b, i = o + r * ld, r * room, 0
        if width < V:
            for i in range(width):
                tmp[b + i] = s[a + i]
        else:
            while i < width:
                i = min(i, width - V)
                store(tmp, b + i, load(s, a + i))
                i += V


@kernel
def read_tile(s, o, lane_step, bin_step, bins, count, c, tmp):
    """c holds bins < `bins` of lanes < count from s[o + f lane_step + k bin_step : + 2]; lanes from count on are 0.

    Fast where either step is 2, so that neighbours in memory are bins of a lane or lanes of a bin.  tmp has room for
    bins of all lanes.
    """
    out_of_line()
    V = lanes(c)
    if bin_step == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_part(s, o, lane_step, count, 2 * bins, tmp, 2 * bins)
            read_complex(tmp, int64(0), 2 * bins, bins, c)
        else:
            read_complex(s, o, lane_step, bins, c)
    elif lane_step == 2:
        if count < V:
            tmp[: 2 * V * bins] = 0
            copy_part(s, o, bin_step, bins, 2 * count, tmp, 2 * V)
            read_rows(tmp, int64(0), 2 * V, bins, c, int64(0))
        else:
            read_rows(s, o, bin_step, bins, c, int64(1))
    else:
        for k in range(bins):
            for f in range(V):
                at = o + f * lane_step + k * bin_step
                c[2 * V * k + f] = s[at] if f < count else 0
                c[2 * V * k + V + f] = s[at + 1] if f < count else 0


@kernel
def level(c, k, count, shape, floor, peaks, f0):
    """Turns the powers of bins k .. k + count - 1 into what is written; peaks[f0 + lane] keeps the largest."""
    V = lanes(c)
    low, peak, half = splat(c, floor), load(peaks, f0), splat(c, c.dtype.type(0.5))
    for at in range(V * k, V * (k + count), V):
        power = load(c, at)
        peak = maximum(power, peak)
        store(c, at, log10(power) * half if shape == LOG else maximum(sqrt(power), low))
    store(peaks, f0, peak)


@kernel
def write_levels(c, bins, shape, floor, peaks, f0, out, o, ld, streamed):
    """out[o + f ld + k] = the level of bin k of lane f, from its power, for all lanes and k < bins."""
    out_of_line()
    V = lanes(c)
    k = 0
    while k < bins:
        level(c, k, min(V, bins - k), shape, floor, peaks, f0)
        if bins < V:
            for f in range(V):
                for b in range(bins):
                    out[o + f * ld + b] = c[V * b + f]
        elif streamed and k + V <= bins:
            transpose_block_streamed(c, V * k, V, out, o + k, ld)
        else:
            first = min(k, bins - V)
            transpose_block(c, V * first, V, out, o + first, ld)
        k += V
