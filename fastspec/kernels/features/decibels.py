"""Drivers of decibels: levels -> dB above a floor, and dB -> levels; one pass over memory, chunk by chunk.

Arrays hold channels one after another, each of `size` numbers, at least a vector of them.  A chunk that is no whole
number of vectors ends with one that overlaps the one before: `out` must be other memory than `x`.
"""

from ..runtime.calls import claim
from ..runtime.jit import kernel, prange
from ..runtime.threads import parallel_kernel
from ..simd.log import exp10, log10
from ..simd.vector import lanes, load, maximum, splat, store


@kernel
def lower(x, start, stop, factor, amin, sign, shift, floor, out):
    """out = max(factor log10(max(x, amin)) - shift, floor); with sign -1 of the magnitude of x, with 1 of x itself."""
    V = lanes(x)
    up, low, other = splat(x, factor), splat(x, amin), splat(x, sign)
    down, least = splat(x, shift), splat(x, floor)
    i = start
    while i < stop:
        i = min(i, stop - V)
        v = load(x, i)
        store(out, i, maximum(log10(maximum(maximum(v, v * other), low)) * up - down, least))
        i += V


@kernel
def lower_chunk(s, x, size, chunk, factor, amin, sign, shifts, floors, out):
    """Item s: one chunk of one channel."""
    per = (size + chunk - 1) // chunk
    channel = s // per
    first = s % per * chunk
    start = channel * size + max(0, min(first, size - lanes(x)))
    stop = channel * size + min(size, first + chunk)
    lower(x, start, stop, factor, amin, sign, shifts[channel], floors[channel], out)


@parallel_kernel
def to_decibels(serial, lo, hi, workers, board, x, size, chunk, factor, amin, sign, shifts, floors, out):
    """out = max(factor log10(max(x, amin)) - shift, floor), with a shift and a floor a channel."""
    if serial:
        for s in range(lo, hi):
            lower_chunk(s, x, size, chunk, factor, amin, sign, shifts, floors, out)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                lower_chunk(s, x, size, chunk, factor, amin, sign, shifts, floors, out)
                s = claim(board, 0, hi)


@kernel
def lift(x, start, stop, factor, scale, out):
    """out = scale 10**(factor x)."""
    V = lanes(x)
    up, by = splat(x, factor), splat(x, scale)
    i = start
    while i < stop:
        i = min(i, stop - V)
        store(out, i, exp10(load(x, i) * up) * by)
        i += V


@parallel_kernel
def from_decibels(serial, lo, hi, workers, board, x, chunk, factor, scale, out):
    """out = scale 10**(factor x)."""
    if serial:
        for s in range(lo, hi):
            lift(x, max(0, min(s * chunk, x.size - lanes(x))), min(x.size, (s + 1) * chunk), factor, scale, out)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                lift(x, max(0, min(s * chunk, x.size - lanes(x))), min(x.size, (s + 1) * chunk), factor, scale, out)
                s = claim(board, 0, hi)
