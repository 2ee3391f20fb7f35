"""Phases from magnitudes by integrating the gradient of the phase: phase gradient integration, without a heap.

For a Gaussian window exp(-pi t**2 / gamma) the gradient of the phase follows from that of the log magnitude
(`compute_slopes`): Průša, Balazs & Søndergaard, IEEE/ACM TASLP 25 (2017), 1154-1164.  They integrate along a spanning
tree that grows from the largest bin, over a heap.  Here the tree is the maximum spanning tree of `watershed`, built by
any number of threads from blocks of frames, and independent of how the frames are divided into blocks.

Bins of too small magnitudes get a phase from a hash of their index.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel, register_jitable
from ..runtime.layout import Doubles, Int32s, Ints, Layout, Number, Reals, UInt32s, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, mask_at_least, store, trailing_zeros
from .phase import TWO_PI, hash32, log_levels, make_real, wrap_in_double, wrap_phase
from .watershed import (
    N_KEYS,
    Block,
    Forest,
    Saddles,
    fill_margin,
    find_outward_edges,
    find_saddles,
    join_basins,
    join_components,
    key_of,
    label_basins,
    label_components,
    link_uphill,
)


class PghiArrays(NamedTuple):
    """Magnitudes, phases, and the tree along which these are integrated."""

    S: Reals  # (signals, frames, bins)
    level_ranges: Reals  # of each signal: largest level, least that counts, keys a decade; least magnitude
    half_advance: Reals  # of each bin, pi hop k / n_fft
    int_scratch: Int32s  # scratch of each worker
    counts: Ints  # of each block, components and remaining saddles
    boundary_keys: Int32s  # of each block, keys of the edges from the frame before to its first, -1: no edge
    boundary_steps: Reals  # phase steps along these edges
    edges: Int32s  # of each block, two components for each remaining saddle
    keys: Int32s  # of these saddles
    steps: Reals  # phase steps of these saddles, from summit to summit
    components: Int32s  # of each bin
    phase: Reals  # (signals, frames, bins)
    starts: Ints  # of each signal, index of its first component, of its first saddle
    first_components: Ints  # of each block, index of its first component in the signal
    bucket_starts: Ints  # scratch of each worker: index of the first saddle of each key
    saddle_components: Int32s  # two components for each saddle, in order of keys
    saddle_steps: Reals  # their phase steps
    roots: Int32s  # of each component, the root of its tree
    tree_offsets: Doubles  # phase of each component minus that of the root
    phase_offsets: Reals  # the same, wrapped
    seeds: UInt32s  # of each signal
    centre_phase: Reals  # of each bin, 2 pi c k / n_fft with the window's centre c


class PghiArgs(NamedTuple):
    """Sizes."""

    bins: int
    frames: int  # of a signal
    blocks: int  # of a signal
    rows: int  # frames of a block
    width: int  # from a frame to the next in scratch
    max_saddles: int  # of a block
    odd: int  # n_fft % 2
    frequency_factor: Number  # slope in time / difference of log10 S along frequency
    time_factor: Number  # slope in frequency / difference of log10 S along time


LAYOUT = Layout(PghiArrays, PghiArgs)
unpack_arrays, unpack_args = LAYOUT.unpackers


@register_jitable
def block_size(args, V):
    """Values of a block with its margin."""
    return (args.rows + 2) * args.width + 2 * V


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: levels, slopes in time and in frequency, phase steps, uphill sides, basins."""
    n = block_size(args, V)
    return n, n, n, n, n, n


@register_jitable
def int_scratch_size(args, V):
    """32-bit integers of scratch."""
    return 5 * block_size(args, V) + N_KEYS + 1


@kernel
def load_levels(S, start, first, args, least, block):
    """L = log10 S, frames first - 1 ... first + count of the signal at S[start:]; its first and last frames repeat."""
    L, bins, width = block.L, args.bins, args.width
    for r in range(block.count + 2):
        f = min(max(first + r - 1, 0), args.frames - 1)
        log_levels(S, start + f * bins, bins, least, r * width + 1, L)
        L[r * width] = L[r * width + 2]
        L[r * width + bins + 1] = L[r * width + bins - 1 + args.odd]


@kernel
def compute_slopes(block, half_advance, frequency_factor, time_factor):
    """Half the derivatives of the phase, so that the step between two bins is the sum of their halves (trapezoid rule).

    in time:       2 pi hop k / n_fft + (hop n_fft / gamma) dL/dk    radians a frame
    in frequency:  -(gamma / (hop n_fft)) dL/df                      radians a bin

    half_advance[k] is half of the first term; the factors are a quarter of those of dL/dk and dL/df, as central
    differences are taken over two bins.  `block.in_time` includes the frame before the block.
    """
    L, bins, width = block.L, block.bins, block.width
    V = lanes(L)
    for r in range(block.count + 1):
        row = r * width + 1
        for k in range(0, bins, V):
            difference = load(L, row + k + 1) - load(L, row + k - 1)
            store(block.in_time, row + k, load(half_advance, k) + difference * frequency_factor)
    for r in range(1, block.count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            store(block.in_frequency, i, (load(L, i + width) - load(L, i - width)) * time_factor)


@kernel
def key_boundary(block, row, at, keys):
    """Keys of the edges between a row and the one before it; -1 where there is no edge."""
    for k in range(block.bins):
        smaller = min(block.L[row + k], block.L[row + k - block.width])
        keys[at + k] = key_of(block, smaller) if smaller >= block.least else np.int32(-1)


@kernel
def clear_boundary(bins, at, keys):
    """The keys of no edges."""
    for k in range(bins):
        keys[at + k] = -1


@kernel
def store_phases(block, labels, phase_offset, start, components, phase):
    """Write the component of each bin of a block, and its phase minus that of the component."""
    L, bins = block.L, block.bins
    V = lanes(L)
    for r in range(block.count):
        row, target = (r + 1) * block.width + 1, start + r * bins
        for k in range(bins):
            components[target + k] = -1
        for k in range(0, bins, V):
            bits = mask_at_least(load(L, row + k), block.least)
            while bits != 0:
                i = k + trailing_zeros(bits)
                bits &= bits - 1
                h = int(block.basin[row + i])
                components[target + i], phase[target + i] = labels[h], block.step[row + i] + phase_offset[h]


@task("recovery")
def integrate_block(item, worker, record, scratch):
    """One block of one signal: its components, phases relative to these, remaining saddles."""
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    V, S, bins, width = lanes(scratch), a.S, args.bins, args.width
    signal, first = item // args.blocks, item % args.blocks * args.rows
    count = min(args.rows, args.frames - first)
    start = signal * args.frames * bins
    L, in_time, in_frequency, step, uphill_side, basin = carve(scratch, worker, scratch_sizes(args, V))
    n, at = block_size(args, V), worker * int_scratch_size(args, V)
    ints = a.int_scratch
    order, outward_key, forest_parent = ints[at : at + n], ints[at + n : at + 2 * n], ints[at + 2 * n : at + 3 * n]
    component_parent, next_keys = ints[at + 3 * n : at + 4 * n], ints[at + 4 * n : at + 5 * n]
    bucket_starts = ints[at + 5 * n : at + 5 * n + N_KEYS + 1]
    top, least, scale = a.level_ranges[4 * signal], a.level_ranges[4 * signal + 1], a.level_ranges[4 * signal + 2]
    block = Block(L, in_time, in_frequency, uphill_side, step, basin, count, bins, width, least, top, scale)
    load_levels(S, start, first, args, a.level_ranges[4 * signal + 3], block)
    compute_slopes(block, a.half_advance, args.frequency_factor, args.time_factor)
    clear_boundary(bins, item * bins, a.boundary_keys)
    clear_boundary(bins, 0, next_keys)
    if first > 0:
        key_boundary(block, width + 1, item * bins, a.boundary_keys)
        for k in range(bins):
            a.boundary_steps[item * bins + k] = in_time[width + 1 + k] + in_time[1 + k]
    if first + count < args.frames:
        key_boundary(block, (count + 1) * width + 1, 0, next_keys)
    fill_margin(block)
    link_uphill(block)
    stack = forest_parent
    basins = label_basins(block, stack)
    codes, saddle_keys = forest_parent, component_parent
    m = find_saddles(block, bucket_starts, codes, saddle_keys, order)
    phase_offset = uphill_side
    for h in range(basins):
        forest_parent[h], component_parent[h], outward_key[h], phase_offset[h] = h, h, N_KEYS, 0
    find_outward_edges(block, width + 1, a.boundary_keys, item * bins, outward_key)
    find_outward_edges(block, count * width + 1, next_keys, 0, outward_key)
    forest = Forest(forest_parent, component_parent, phase_offset, outward_key)
    saddles = Saddles(a.edges, a.keys, a.steps, item * args.max_saddles)
    remaining = join_basins(block, order, m, forest, saddles)
    labels = forest_parent
    a.counts[2 * item] = label_components(basins, forest, labels, saddles, remaining)
    a.counts[2 * item + 1] = remaining
    store_phases(block, labels, phase_offset, start + first * bins, a.components, a.phase)


@kernel
def sort_saddles(a, args, signal, bucket_starts):
    """Sort the saddles within and between the blocks of a signal, largest first; return their number.

    The phase of component saddle_components[2 e] is that of component saddle_components[2 e + 1] plus saddle_steps[e];
    bucket_starts is scratch of this counting sort.
    """
    bins, first, last = args.bins, signal * args.blocks, (signal + 1) * args.blocks
    size = args.frames * bins
    components, phase = a.components[signal * size : (signal + 1) * size], a.phase[signal * size : (signal + 1) * size]
    c, d = a.starts[2 * signal + 1], a.starts[2 * signal + 3]
    saddle_components, saddle_steps = a.saddle_components[2 * c : 2 * d], a.saddle_steps[c:d]
    bucket_starts[:] = 0
    for b in range(first, last):
        for e in range(b * args.max_saddles, b * args.max_saddles + a.counts[2 * b + 1]):
            bucket_starts[a.keys[e] + 2] += 1
        for e in range(b * bins, (b + 1) * bins):
            bucket_starts[a.boundary_keys[e] + 2] += 1
    bucket_starts[1] = 0  # where there is no edge
    for key in range(1, N_KEYS + 2):
        bucket_starts[key] += bucket_starts[key - 1]
    for b in range(first, last):
        base, before = a.first_components[b], a.first_components[max(first, b - 1)]
        for e in range(b * args.max_saddles, b * args.max_saddles + a.counts[2 * b + 1]):
            to = bucket_starts[a.keys[e] + 1]
            bucket_starts[a.keys[e] + 1] = to + 1
            saddle_components[2 * to], saddle_components[2 * to + 1] = base + a.edges[2 * e], base + a.edges[2 * e + 1]
            saddle_steps[to] = a.steps[e]
        i = (b - first) * args.rows * bins
        for e in range(b * bins, (b + 1) * bins):
            if a.boundary_keys[e] >= 0:
                to = bucket_starts[a.boundary_keys[e] + 1]
                bucket_starts[a.boundary_keys[e] + 1] = to + 1
                saddle_components[2 * to] = base + components[i]
                saddle_components[2 * to + 1] = before + components[i - bins]
                saddle_steps[to] = phase[i - bins] + a.boundary_steps[e] - phase[i]
            i += 1
    return bucket_starts[N_KEYS]


@task("recovery")
def join_blocks(item, worker, record, scratch):
    """One signal: join the components of all blocks to trees."""
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    lo, hi = a.starts[2 * item], a.starts[2 * item + 2]
    c, d = a.starts[2 * item + 1], a.starts[2 * item + 3]
    n = sort_saddles(a, args, item, a.bucket_starts[worker * (N_KEYS + 2) : (worker + 1) * (N_KEYS + 2)])
    offsets = a.tree_offsets
    join_components(n, a.saddle_components[2 * c : 2 * d], a.saddle_steps[c:d], a.roots[lo:hi], offsets[lo:hi])
    for h in range(lo, hi):
        a.phase_offsets[h] = wrap_in_double(offsets[h])


@task("recovery")
def finish_block(item, worker, record, scratch):
    """One block: phases plus those of the components, or from hashes, minus centre_phase[k], from -pi to pi.

    Those of DC and Nyquist are 0 or pi.
    """
    a, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    signal = item // args.blocks
    first = item % args.blocks * args.rows
    phase, kind = a.phase, a.phase.dtype.type
    hash_unit = kind(TWO_PI * 2.0**-32)
    base, seed = a.starts[2 * signal] + a.first_components[item], a.seeds[signal]
    for f in range(first, min(args.frames, first + args.rows)):
        at = (signal * args.frames + f) * args.bins
        for k in range(args.bins):
            h, i = a.components[at + k], f * args.bins + k
            x = phase[at + k] + a.phase_offsets[base + h] if h >= 0 else hash_unit * kind(np.int32(hash32(i, seed)))
            x -= a.centre_phase[k]
            phase[at + k] = wrap_phase(x, phase)
        make_real(phase, at, args.bins, args.odd)
