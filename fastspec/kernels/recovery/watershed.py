"""The watershed of a spectrogram's levels L, and a maximum spanning tree over its bins.

Bins are adjacent in time or in frequency; an edge has the level of its smaller end.  The path between two bins in the
tree is the one whose smallest level is largest.  The tree is built without a heap:

- `link_uphill`     each bin is linked to its largest neighbour, if that is larger: the bins whose links lead to one
                    local maximum, the summit, are a basin;
- `label_basins`    each bin of a basin gets its phase relative to that of the summit;
- `find_saddles`, `join_basins`  edges between basins of a block of frames, the saddles, join them to components,
                    largest first (Kruskal, Proc. AMS 7, 1956), as long as no path through other blocks can be better;
- `sort_saddles`, `join_components`  the remaining saddles that close no cycle, and the edges between blocks, join the
                    components of all blocks to trees (union-find with path compression).

In a block, bin k of frame r has index (r + 1) width + k + 1 in every array.  Around the block, and up to `width`, which
leaves space for whole vectors, is a margin that no link leads to.  Labels of basins are real numbers, to be compared
lane by lane.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel
from ..runtime.layout import Int32s, Number, Reals
from ..simd.vector import (
    lanes,
    load,
    mask_at_least,
    mask_greater,
    mask_greater_equal,
    maximum,
    select_greater,
    select_greater_equal,
    select_not_equal,
    splat,
    store,
    trailing_zeros,
)

N_KEYS = 4096
"""Saddles are sorted by level, rounded to so many keys from the largest bin, key 0, to the smallest that counts."""


class Block(NamedTuple):
    """A block of frames with its margin."""

    L: Reals  # levels
    in_time: Reals  # half the slope of the phase, from frame to frame
    in_frequency: Reals  # the same, from bin to bin
    uphill_side: Reals  # side of each bin's largest neighbour, see `neighbour_offset`; 0 where none is larger
    step: Reals  # phase step from there to the bin; after `label_basins` the phase minus that of the summit
    basin: Reals  # label of the basin of each bin, -1 where L < least
    count: int  # frames
    bins: int
    width: int  # from a frame to the next
    least: Number  # least level that counts
    top: Number  # largest level of the signal
    scale: Number  # keys per unit of L


class Saddles(NamedTuple):
    """Saddles that join no components yet: saddle e is between basins, later components, edges[2 e] and edges[2 e + 1].

    The phase of the first summit is that of the second plus steps[e].  Those of a block begin at `first`.
    """

    edges: Int32s
    keys: Int32s
    steps: Reals
    first: int


class Forest(NamedTuple):
    """Basins on their way to components; the parents begin as 0, 1, 2, ..., phase_offset as zeros."""

    parent: Int32s  # by all saddles
    component_parent: Int32s  # by those that join components; see `compress_path`
    phase_offset: Reals  # phase of a basin minus that of its component_parent
    outward_key: Int32s  # least key of a component's edges to other blocks


@kernel
def key_of(block, level):
    """The key of a level, from 0 for the largest bin."""
    return np.int32((block.top - level) * block.scale)


@kernel
def fill_margin(block):
    """Set L around the block to a level below all that count."""
    L, count, bins, width, low = block.L, block.count, block.bins, block.width, block.least - 1
    for i in range(width):
        L[i] = low
        L[(count + 1) * width + i] = low
    for r in range(1, count + 1):
        L[r * width] = low
        for i in range(r * width + 1 + bins, (r + 1) * width):
            L[i] = low


@kernel
def link_uphill(block):
    """The side of each bin's largest neighbour (see `neighbour_offset`), and the phase step from there to the bin.

    Both are 0 where no neighbour is larger.  Of equal bins the one of the smaller index counts as the larger.
    """
    L, in_time, in_frequency, width = block.L, block.in_time, block.in_frequency, block.width
    V, zero = lanes(L), splat(L, L.dtype.type(0))
    side1, side2, side3, side4 = (
        zero + L.dtype.type(1),
        zero + L.dtype.type(2),
        zero + L.dtype.type(3),
        zero + L.dtype.type(4),
    )
    for r in range(1, block.count + 1):
        for i in range(r * width + 1, r * width + 1 + block.bins, V):
            t, f, best = load(in_time, i), load(in_frequency, i), load(L, i)
            a = load(L, i - 1)
            w, d = (
                select_greater_equal(a, best, side1, zero),
                select_greater_equal(a, best, load(in_frequency, i - 1) + f, zero),
            )
            best, a = maximum(best, a), load(L, i - width)
            w, d = (
                select_greater_equal(a, best, side2, w),
                select_greater_equal(a, best, load(in_time, i - width) + t, d),
            )
            best, a = maximum(best, a), load(L, i + width)
            w, d = select_greater(a, best, side3, w), select_greater(a, best, zero - load(in_time, i + width) - t, d)
            best, a = maximum(best, a), load(L, i + 1)
            w, d = select_greater(a, best, side4, w), select_greater(a, best, zero - load(in_frequency, i + 1) - f, d)
            store(block.uphill_side, i, w)
            store(block.step, i, d)


@kernel
def neighbour_offset(side, width):
    """Index of a neighbour minus that of the bin: on side 1 bin k - 1, 2 frame r - 1, 3 frame r + 1, 4 bin k + 1."""
    distance = width if (side == 2) | (side == 3) else 1
    return -distance if side < 3 else distance


@kernel
def label_basins(block, stack):
    """Label the basins, and return their number; step[i] becomes the phase of bin i minus that of its summit."""
    L, uphill_side, basin, step, width = block.L, block.uphill_side, block.basin, block.step, block.width
    V, unlabelled, basins = lanes(L), splat(L, L.dtype.type(-1)), 0
    for i in range(0, (block.count + 2) * width, V):
        store(basin, i, unlabelled)
    for r in range(1, block.count + 1):
        for i in range(r * width + 1, r * width + 1 + block.bins, V):
            bits = mask_at_least(load(L, i), block.least)
            while bits != 0:
                j, n = i + trailing_zeros(bits), 0
                bits &= bits - 1
                side = int(uphill_side[j])
                while basin[j] < 0 and side != 0:
                    stack[n] = j
                    n += 1
                    j += neighbour_offset(side, width)
                    side = int(uphill_side[j])
                if basin[j] < 0:
                    basin[j] = basins
                    basins += 1
                label, phase = basin[j], step[j]
                while n > 0:
                    n -= 1
                    j = stack[n]
                    phase += step[j]
                    basin[j], step[j] = label, phase
    return basins


@kernel
def find_saddles(block, bucket_starts, codes, keys, order):
    """The bins with a larger neighbour in another basin, by decreasing level; returns their number n.

    order[:n] are codes: 16 times the index of the bin, plus 2**(side - 1) for each side of such a neighbour.
    """
    L, basin, width = block.L, block.basin, block.width
    bucket_starts[:] = 0
    V, low, n = lanes(L), splat(L, L[0]), 0
    for r in range(1, block.count + 1):
        for i in range(r * width + 1, r * width + 1 + block.bins, V):
            h, own = load(basin, i), load(L, i)
            left = mask_greater_equal(select_not_equal(load(basin, i - 1), h, load(L, i - 1), low), own)
            before = mask_greater_equal(select_not_equal(load(basin, i - width), h, load(L, i - width), low), own)
            after = mask_greater(select_not_equal(load(basin, i + width), h, load(L, i + width), low), own)
            right = mask_greater(select_not_equal(load(basin, i + 1), h, load(L, i + 1), low), own)
            bits = (left | before | after | right) & mask_at_least(own, block.least)
            while bits != 0:
                p = trailing_zeros(bits)
                bits &= bits - 1
                sides = (left >> p & 1) | (before >> p & 1) << 1 | (after >> p & 1) << 2 | (right >> p & 1) << 3
                key = key_of(block, L[i + p])
                keys[n], codes[n] = key, (i + p) << 4 | sides
                bucket_starts[key + 1] += 1
                n += 1
    for key in range(1, N_KEYS + 1):
        bucket_starts[key] += bucket_starts[key - 1]
    for p in range(n):
        key = keys[p]
        order[bucket_starts[key]] = codes[p]
        bucket_starts[key] += 1
    return n


@kernel
def find_outward_edges(block, row, keys, at, outward_key):
    """outward_key[h] = least key of the edges from basin h to another block; those of a row of bins are keys[at:]."""
    for k in range(block.bins):
        if keys[at + k] >= 0:
            h = int(block.basin[row + k])
            outward_key[h] = min(outward_key[h], keys[at + k])


@kernel
def find_root(parent, a):
    """The root of the tree of a in a union-find forest, with path halving."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@kernel
def join_basins(block, order, n, forest, saddles):
    """Join basins over their saddles to components, largest saddle first; return the number of remaining saddles.

    A saddle that closes no cycle (`forest.parent`) joins two components if it is the best edge out of one of them: no
    edge to another block is larger.  Else it remains, from `saddles.first` on.
    """
    step, outward_key, phase_offset = block.step, forest.outward_key, forest.phase_offset
    slopes, remaining = (block.in_frequency, block.in_time), 0
    for p in range(n):
        i, sides = order[p] >> 4, order[p] & 15
        key, basin_a = key_of(block, block.L[i]), int(block.basin[i])
        while sides != 0:
            side = trailing_zeros(sides) + 1
            sides &= sides - 1
            j = i + neighbour_offset(side, block.width)
            basin_b = int(block.basin[j])
            a, b = find_root(forest.parent, basin_a), find_root(forest.parent, basin_b)
            if a == b:
                continue
            forest.parent[a] = b
            s = slopes[int((side == 2) | (side == 3))]
            d = s[i] + s[j] if side < 3 else -s[i] - s[j]
            phase_step = step[j] + d - step[i]
            a = compress_path(forest.component_parent, phase_offset, basin_a)
            b = compress_path(forest.component_parent, phase_offset, basin_b)
            if key <= max(outward_key[a], outward_key[b]):
                forest.component_parent[a] = b
                outward_key[b] = min(outward_key[a], outward_key[b])
                phase_offset[a] = phase_step + phase_offset[basin_b] - phase_offset[basin_a]
            else:
                e = saddles.first + remaining
                saddles.edges[2 * e], saddles.edges[2 * e + 1] = basin_a, basin_b
                saddles.keys[e], saddles.steps[e] = key, phase_step
                remaining += 1
    return remaining


@kernel
def label_components(basins, forest, labels, saddles, remaining):
    """Label the components, and return their number: basin h is in labels[h].

    The saddles become those between components.
    """
    components, edges, offset = 0, saddles.edges, forest.phase_offset
    for h in range(basins):
        if forest.component_parent[h] == h:
            labels[h] = components
            components += 1
    for h in range(basins):
        labels[h] = labels[compress_path(forest.component_parent, offset, h)]
    for e in range(saddles.first, saddles.first + remaining):
        a, b = edges[2 * e], edges[2 * e + 1]
        edges[2 * e], edges[2 * e + 1] = labels[a], labels[b]
        saddles.steps[e] += offset[b] - offset[a]
    return components


@kernel
def compress_path(parent, phase_offset, a):
    """The root of a, which becomes its parent: phase_offset[a] is then the phase of a minus that of the root."""
    root, total = a, phase_offset.dtype.type(0)
    while parent[root] != root:
        total += phase_offset[root]
        root = parent[root]
    while parent[a] != root and a != root:
        next_link, offset = parent[a], phase_offset[a]
        parent[a], phase_offset[a] = root, total
        a, total = next_link, total - offset
    return root


@kernel
def join_components(n, saddle_components, saddle_steps, parent, phase_offset):
    """parent[h] becomes the root of the tree of component h, phase_offset[h] its phase minus that of the root."""
    for h in range(parent.size):
        parent[h] = h
        phase_offset[h] = 0
    for e in range(n):
        a, b = saddle_components[2 * e], saddle_components[2 * e + 1]
        root_a, root_b = compress_path(parent, phase_offset, a), compress_path(parent, phase_offset, b)
        if root_a != root_b:
            parent[root_a] = root_b
            phase_offset[root_a] = saddle_steps[e] + phase_offset[b] - phase_offset[a]
    for h in range(parent.size):
        compress_path(parent, phase_offset, h)
