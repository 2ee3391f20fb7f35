"""Phases that fit magnitudes, by integrating the phase's gradient along the loudest way to each bin.

Of a Gaussian window exp(-pi t**2 / gamma) the gradient of the phase follows from that of the level (`slopes`): Průša,
Balazs & Søndergaard, IEEE/ACM TASLP 25 (2017), 1154-1164.  They let a tree of bins grow from the loudest, over a heap.
Here it is the tree of `hills`, made in blocks of frames by any thread, with no border between them.

Bins too soft to count get a phase from a hash of their number.
"""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.calls import claim
from ..runtime.jit import kernel, prange
from ..runtime.threads import parallel_kernel
from ..simd.vector import at_least, lanes, load, store, trailing_zeros
from .phase import hashed, levels, make_real
from .watershed import KEYS, borders, climb, hide_margin, join, mark, number_ranges, passes, resolve, sort

TURN = 2 * math.pi


class Blocks(NamedTuple):
    """Sizes."""

    bins: int
    frames: int  # of a signal
    blocks: int  # of a signal
    rows: int  # frames of a block
    width: int  # from a frame to the next in scratch
    most: int  # passes in a block
    odd: int  # n_fft % 2
    along: float | np.floating  # factors of the slopes
    across: float | np.floating


@kernel
def block_levels(S, start, first, count, frames, bins, odd, width, least, L):
    """L of frames first - 1 ... first + count of a signal that starts at S[start]; beyond its ends they repeat."""
    for r in range(count + 2):
        f = min(max(first + r - 1, 0), frames - 1)
        levels(S, start + f * bins, bins, least, r * width + 1, L)
        L[r * width] = L[r * width + 2]
        L[r * width + bins + 1] = L[r * width + bins - 1 + odd]


@kernel
def slopes(L, count, bins, width, advance, along, across, in_time, in_frequency):
    """Half the phase's derivative, in radians a frame and a bin, so that the sum of two bins is a step between them.

    in time:       2 pi hop k / n_fft + (hop n_fft / gamma) dL/dk    advance[k] is half the first; along the factor / 4
    in frequency:  -(gamma / (hop n_fft)) dL/df                      across is minus the factor / 4

    The frame before the block has the first of them, too.
    """
    V = lanes(L)
    for r in range(count + 1):
        row = r * width + 1
        for k in range(0, bins, V):
            store(in_time, row + k, load(advance, k) + (load(L, row + k + 1) - load(L, row + k - 1)) * along)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            store(in_frequency, i, (load(L, i + width) - load(L, i - width)) * across)


@kernel
def seam(L, row, bins, width, least, top, scale, at, keys):
    """Keys of the edges from a row to the one before it, -1 where there is none."""
    for k in range(bins):
        softer = min(L[row + k], L[row + k - width])
        keys[at + k] = np.int32((top - softer) * scale) if softer >= least else np.int32(-1)


@kernel
def no_seam(bins, at, keys):
    """The same where there are no edges."""
    for k in range(bins):
        keys[at + k] = -1


@kernel
def keep(L, least, hill, step, number, lift, count, bins, width, start, ranges, phase):
    """The range of each bin of a block, and its phase less that of the range, to their places."""
    V = lanes(L)
    for r in range(count):
        here, there = (r + 1) * width + 1, start + r * bins
        for k in range(bins):
            ranges[there + k] = -1
        for k in range(0, bins, V):
            bits = at_least(load(L, here + k), least)
            while bits != 0:
                i = k + trailing_zeros(bits)
                bits &= bits - 1
                h = int(hill[here + i])
                ranges[there + i], phase[there + i] = number[h], step[here + i] + lift[h]


@kernel
def block(s, p, S, tops, advance, real, whole, counts, seams, seam_steps, edges, keys, steps, ranges, phase):
    """Item s: one block of one signal; `real` and `whole` are scratch, counts[2 s :] become ranges and passes left."""
    signal, first, bins, width = s // p.blocks, s % p.blocks * p.rows, p.bins, p.width
    count = min(p.rows, p.frames - first)
    start = signal * p.frames * bins
    n = (p.rows + 2) * width + 2 * lanes(S)
    L, t, f, step = real[:n], real[n : 2 * n], real[2 * n : 3 * n], real[3 * n : 4 * n]
    way, hill, order, outward = real[4 * n : 5 * n], real[5 * n :], whole[:n], whole[n : 2 * n]
    a, b, after, heads = whole[2 * n : 3 * n], whole[3 * n : 4 * n], whole[4 * n : 5 * n], whole[5 * n :]
    top, least, scale, low = tops[4 * signal], tops[4 * signal + 1], tops[4 * signal + 2], tops[4 * signal + 3]
    block_levels(S, start, first, count, p.frames, bins, p.odd, width, low, L)
    slopes(L, count, bins, width, advance, p.along, p.across, t, f)
    no_seam(bins, s * bins, seams)
    no_seam(bins, 0, after)
    if first > 0:
        seam(L, width + 1, bins, width, least, top, scale, s * bins, seams)
        for k in range(bins):
            seam_steps[s * bins + k] = t[width + 1 + k] + t[1 + k]
    if first + count < p.frames:
        seam(L, (count + 1) * width + 1, bins, width, least, top, scale, 0, after)
    hide_margin(L, count, bins, width, least - 1)
    climb(L, count, bins, width, t, f, way, step)
    hills = resolve(L, way, count, bins, width, least, a, hill, step)
    m = borders(L, hill, count, bins, width, least, top, scale, heads, a, b, order)
    lift = way
    for h in range(hills):
        a[h], b[h], outward[h], lift[h] = h, h, KEYS, 0
    mark(hill, width + 1, bins, seams, s * bins, outward)
    mark(hill, count * width + 1, bins, after, 0, outward)
    at = s * p.most
    left = passes(
        L, hill, step, (f, t), order, m, width, top, scale, outward, a, b, lift, edges, at, keys, steps
    )  # fmt: skip
    counts[2 * s] = number_ranges(hills, b, lift, a, left, edges, at, steps)
    counts[2 * s + 1] = left
    keep(L, least, hill, step, a, lift, count, bins, width, start + first * bins, ranges, phase)


@parallel_kernel
def each_block(
    serial, lo, hi, workers, board, p, S, tops, advance, real, whole, counts, seams, seam_steps, edges, keys, steps,
    hills, phase,
):  # fmt: skip
    """`block` for each."""
    if serial:
        for s in range(lo, hi):
            block(
                s, p, S, tops, advance, real[0], whole[0], counts, seams, seam_steps, edges, keys, steps, hills, phase
            )
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                block(
                    s, p, S, tops, advance, real[worker], whole[worker], counts, seams, seam_steps, edges, keys, steps,
                    hills, phase,
                )  # fmt: skip
                s = claim(board, 0, hi)


@kernel
def tree(s, p, starts, counts, bases, seams, seam_steps, edges, keys, steps, ranges, phase, heads, ends, rises, group,
         lift, lifts):  # fmt: skip
    """Item s: one signal; its ranges and passes begin at starts[2 s] and starts[2 s + 1], up to the next one's."""
    size = p.frames * p.bins
    a, b = starts[2 * s], starts[2 * s + 2]
    c, d = starts[2 * s + 1], starts[2 * s + 3]
    n = sort(
        s * p.blocks, (s + 1) * p.blocks, p, counts, bases, seams, seam_steps, edges, keys, steps,
        ranges[s * size : (s + 1) * size], phase[s * size : (s + 1) * size], heads, ends[2 * c : 2 * d], rises[c:d],
    )  # fmt: skip
    join(n, ends[2 * c : 2 * d], rises[c:d], group[a:b], lift[a:b])
    for h in range(a, b):
        lifts[h] = lift[h] - TURN * np.floor(lift[h] / TURN + 0.5)


@parallel_kernel
def each_tree(
    serial, lo, hi, workers, board, p, starts, counts, bases, seams, seam_steps, edges, keys, steps, ranges, phase,
    heads, ends, rises, group, lift, lifts,
):  # fmt: skip
    """`tree` for each."""
    if serial:
        for s in range(lo, hi):
            tree(
                s, p, starts, counts, bases, seams, seam_steps, edges, keys, steps, ranges, phase, heads[0], ends,
                rises, group, lift, lifts,
            )  # fmt: skip
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                tree(
                    s, p, starts, counts, bases, seams, seam_steps, edges, keys, steps, ranges, phase, heads[worker],
                    ends, rises, group, lift, lifts,
                )  # fmt: skip
                s = claim(board, 0, hi)


@kernel
def finish(s, p, starts, bases, seeds, middle, ranges, lifts, phase):
    """Item s: a block's phases, plus that of each bin's range, or hashed; less middle[k], between -pi and pi.

    The bins of DC and Nyquist are real: 0 or pi.
    """
    signal = s // p.blocks
    first = s % p.blocks * p.rows
    kind = phase.dtype.type
    turn, inverse, half, fine = kind(TURN), kind(1 / TURN), kind(0.5), kind(TURN * 2.0**-32)
    base, seed = starts[2 * signal] + bases[s], seeds[signal]
    for f in range(first, min(p.frames, first + p.rows)):
        at = (signal * p.frames + f) * p.bins
        for k in range(p.bins):
            h, i = ranges[at + k], f * p.bins + k
            x = phase[at + k] + lifts[base + h] if h >= 0 else fine * kind(np.int32(hashed(i, seed)))
            x -= middle[k]
            phase[at + k] = x - turn * np.floor(x * inverse + half)
        make_real(phase, at, p.bins, p.odd)


@parallel_kernel
def each_finish(serial, lo, hi, workers, board, p, starts, bases, seeds, middle, ranges, lifts, phase):
    """`finish` for each."""
    if serial:
        for s in range(lo, hi):
            finish(s, p, starts, bases, seeds, middle, ranges, lifts, phase)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                finish(s, p, starts, bases, seeds, middle, ranges, lifts, phase)
                s = claim(board, 0, hi)
