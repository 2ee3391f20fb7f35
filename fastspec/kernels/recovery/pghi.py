"""Phases that fit magnitudes, by integrating the phase's gradient along the loudest way to each bin.

Of a Gaussian window exp(-pi t**2 / gamma) the gradient of the phase follows from that of the level (`slopes`): Průša,
Balazs & Søndergaard, IEEE/ACM TASLP 25 (2017), 1154-1164.  They let a tree of bins grow from the loudest, over a heap.
Here it is the tree of `basins`, made in blocks of frames by any thread, with no border between them.

Bins too soft to count get a phase from a hash of their number.
"""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel, register_jitable
from ..runtime.layout import Doubles, Int32s, Ints, Layout, Number, Reals, UInt32s, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, mask_at_least, store, trailing_zeros
from .phase import hashed, log_levels, make_real
from .watershed import (
    KEYS,
    find_saddles,
    hide_margin,
    join_basins,
    join_components,
    label_basins,
    link_uphill,
    mark_outward,
    number_components,
    sort_saddles,
)

TURN = 2 * math.pi


class PghiArrays(NamedTuple):
    """Magnitudes, phases, and the tree between them."""

    S: Reals  # (signals, frames, bins)
    tops: Reals  # of each signal: log10 of the loudest, of the softest that counts, keys a decade, the least level
    advance: Reals  # half of what each bin's phase advances a frame
    ints: Int32s  # scratch of each worker
    counts: Ints  # of each block, components and saddles left
    seams: Int32s  # keys of the edges of each block's first frame to the frame before
    seam_steps: Reals
    edges: Int32s  # of each block, the saddles left: two components,
    keys: Int32s  # a key,
    steps: Reals  # and the step of the phase between their summits
    components: Int32s  # of each bin
    phase: Reals  # (signals, frames, bins)
    starts: Ints  # of each signal, where its components and its saddles begin
    bases: Ints  # of each block, the number of its first component in the signal
    heads: Ints  # scratch of each worker: where saddles of a key begin
    ends: Int32s  # of all saddles in order, two components
    tree_steps: Reals
    trees: Int32s  # of each component, the first of its tree
    tree_offsets: Doubles  # phase relative to that one
    phase_offsets: Reals  # the same, less whole turns
    seeds: UInt32s  # of each signal
    middle: Reals  # how far the phase about the window's middle is ahead, of each bin


class PghiArgs(NamedTuple):
    """Sizes."""

    bins: int
    frames: int  # of a signal
    blocks: int  # of a signal
    rows: int  # frames of a block
    width: int  # from a frame to the next in scratch
    most: int  # saddles in a block, at most
    odd: int  # n_fft % 2
    frequency_factor: Number  # of the slope in time, from differences along frequency
    time_factor: Number  # of the slope in frequency, from differences along time


LAYOUT = Layout(PghiArrays, PghiArgs)
unpack_arrays, unpack_args = LAYOUT.unpackers


@register_jitable
def block_size(args, V):
    """Numbers of a block with its margin."""
    return (args.rows + 2) * args.width + 2 * V


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: levels, slopes in time and in frequency, steps, ways uphill, basins."""
    n = block_size(args, V)
    return n, n, n, n, n, n


@register_jitable
def int_scratch_size(args, V):
    """32-bit integers of scratch."""
    return 5 * block_size(args, V) + KEYS + 1


@kernel
def block_levels(S, start, first, count, frames, bins, odd, width, least, L):
    """L of frames first - 1 ... first + count of a signal that starts at S[start]; beyond its ends they repeat."""
    for r in range(count + 2):
        f = min(max(first + r - 1, 0), frames - 1)
        log_levels(S, start + f * bins, bins, least, r * width + 1, L)
        L[r * width] = L[r * width + 2]
        L[r * width + bins + 1] = L[r * width + bins - 1 + odd]


@kernel
def slopes(L, count, bins, width, advance, frequency_factor, time_factor, in_time, in_frequency):
    """Half the phase's derivative, in radians a frame and a bin, so that the sum of two bins is a step between them.

    in time:       2 pi hop k / n_fft + (hop n_fft / gamma) dL/dk
    in frequency:  -(gamma / (hop n_fft)) dL/df

    advance[k] is half of the first term; the factors are a quarter of those of dL/dk and dL/df.
    The frame before the block has the first of them, too.
    """
    V = lanes(L)
    for r in range(count + 1):
        row = r * width + 1
        for k in range(0, bins, V):
            store(in_time, row + k, load(advance, k) + (load(L, row + k + 1) - load(L, row + k - 1)) * frequency_factor)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            store(in_frequency, i, (load(L, i + width) - load(L, i - width)) * time_factor)


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
def store_phases(L, least, basin, step, number, phase_offset, count, bins, width, start, components, phase):
    """The component of each bin of a block, and its phase less that of the component, to their arrays."""
    V = lanes(L)
    for r in range(count):
        row, target = (r + 1) * width + 1, start + r * bins
        for k in range(bins):
            components[target + k] = -1
        for k in range(0, bins, V):
            bits = mask_at_least(load(L, row + k), least)
            while bits != 0:
                i = k + trailing_zeros(bits)
                bits &= bits - 1
                h = int(basin[row + i])
                components[target + i], phase[target + i] = number[h], step[row + i] + phase_offset[h]


@task("recovery")
def grow_block(item, worker, record, scratch):
    """One block of one signal: its components, phases relative to their summits, saddles left."""
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    V, S, bins, width = lanes(scratch), a.S, args.bins, args.width
    signal, first = item // args.blocks, item % args.blocks * args.rows
    count = min(args.rows, args.frames - first)
    start = signal * args.frames * bins
    L, t, f, step, way, basin = carve(scratch, worker, scratch_sizes(args, V))
    n, at = block_size(args, V), worker * int_scratch_size(args, V)
    order, outward_key, group = a.ints[at : at + n], a.ints[at + n : at + 2 * n], a.ints[at + 2 * n : at + 3 * n]
    component_of, after = a.ints[at + 3 * n : at + 4 * n], a.ints[at + 4 * n : at + 5 * n]
    heads = a.ints[at + 5 * n : at + 5 * n + KEYS + 1]
    top, least, scale = a.tops[4 * signal], a.tops[4 * signal + 1], a.tops[4 * signal + 2]
    block_levels(S, start, first, count, args.frames, bins, args.odd, width, a.tops[4 * signal + 3], L)
    slopes(L, count, bins, width, a.advance, args.frequency_factor, args.time_factor, t, f)
    no_seam(bins, item * bins, a.seams)
    no_seam(bins, 0, after)
    if first > 0:
        seam(L, width + 1, bins, width, least, top, scale, item * bins, a.seams)
        for k in range(bins):
            a.seam_steps[item * bins + k] = t[width + 1 + k] + t[1 + k]
    if first + count < args.frames:
        seam(L, (count + 1) * width + 1, bins, width, least, top, scale, 0, after)
    hide_margin(L, count, bins, width, least - 1)
    link_uphill(L, count, bins, width, t, f, way, step)
    basins = label_basins(L, way, count, bins, width, least, group, basin, step)
    m = find_saddles(L, basin, count, bins, width, least, top, scale, heads, group, component_of, order)
    phase_offset = way
    for h in range(basins):
        group[h], component_of[h], outward_key[h], phase_offset[h] = h, h, KEYS, 0
    mark_outward(basin, width + 1, bins, a.seams, item * bins, outward_key)
    mark_outward(basin, count * width + 1, bins, after, 0, outward_key)
    at = item * args.most
    left = join_basins(
        L, basin, step, (f, t), order, m, width, top, scale, outward_key, group, component_of, phase_offset, a.edges,
        at, a.keys, a.steps,
    )  # fmt: skip
    a.counts[2 * item] = number_components(basins, component_of, phase_offset, group, left, a.edges, at, a.steps)
    a.counts[2 * item + 1] = left
    store_phases(
        L, least, basin, step, group, phase_offset, count, bins, width, start + first * bins, a.components, a.phase
    )


@task("recovery")
def grow_tree(item, worker, record, scratch):
    """One signal: the components of all blocks joined to trees."""
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    size = args.frames * args.bins
    lo, hi = a.starts[2 * item], a.starts[2 * item + 2]
    c, d = a.starts[2 * item + 1], a.starts[2 * item + 3]
    heads = a.heads[worker * (KEYS + 2) : (worker + 1) * (KEYS + 2)]
    n = sort_saddles(
        item * args.blocks, (item + 1) * args.blocks, args, a.counts, a.bases, a.seams, a.seam_steps, a.edges, a.keys,
        a.steps, a.components[item * size : (item + 1) * size], a.phase[item * size : (item + 1) * size], heads,
        a.ends[2 * c : 2 * d], a.tree_steps[c:d],
    )  # fmt: skip
    offsets = a.tree_offsets
    join_components(n, a.ends[2 * c : 2 * d], a.tree_steps[c:d], a.trees[lo:hi], offsets[lo:hi])
    for h in range(lo, hi):
        a.phase_offsets[h] = offsets[h] - TURN * np.floor(offsets[h] / TURN + 0.5)


@task("recovery")
def finish_block(item, worker, record, scratch):
    """A block's phases, plus that of each bin's component, or hashed; less middle[k], between -pi and pi.

    The bins of DC and Nyquist are real: 0 or pi.
    """
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    signal = item // args.blocks
    first = item % args.blocks * args.rows
    phase, kind = a.phase, a.phase.dtype.type
    turn, inverse, half, fine = kind(TURN), kind(1 / TURN), kind(0.5), kind(TURN * 2.0**-32)
    base, seed = a.starts[2 * signal] + a.bases[item], a.seeds[signal]
    for f in range(first, min(args.frames, first + args.rows)):
        at = (signal * args.frames + f) * args.bins
        for k in range(args.bins):
            h, i = a.components[at + k], f * args.bins + k
            x = phase[at + k] + a.phase_offsets[base + h] if h >= 0 else fine * kind(np.int32(hashed(i, seed)))
            x -= a.middle[k]
            phase[at + k] = x - turn * np.floor(x * inverse + half)
        make_real(phase, at, args.bins, args.odd)
