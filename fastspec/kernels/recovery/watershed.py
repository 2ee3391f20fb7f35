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

import numpy as np

from ..runtime.jit import kernel
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


@kernel
def fill_margin(L, count, bins, width, low):
    """Set L around the block to `low`, which is below the levels of all bins that count."""
    for i in range(width):
        L[i] = low
        L[(count + 1) * width + i] = low
    for r in range(1, count + 1):
        L[r * width] = low
        for i in range(r * width + 1 + bins, (r + 1) * width):
            L[i] = low


@kernel
def link_uphill(L, count, bins, width, in_time, in_frequency, uphill_side, step):
    """The side of each bin's largest neighbour (see `neighbour_offset`), and the phase step from there to the bin.

    Both are 0 where no neighbour is larger.  Of equal bins the one of the smaller index counts as the larger.
    """
    V, zero = lanes(L), splat(L, L.dtype.type(0))
    side1, side2, side3, side4 = (
        zero + L.dtype.type(1),
        zero + L.dtype.type(2),
        zero + L.dtype.type(3),
        zero + L.dtype.type(4),
    )
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
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
            store(uphill_side, i, w)
            store(step, i, d)


@kernel
def neighbour_offset(side, width):
    """Index of a neighbour minus that of the bin: on side 1 bin k - 1, 2 frame r - 1, 3 frame r + 1, 4 bin k + 1."""
    distance = width if (side == 2) | (side == 3) else 1
    return -distance if side < 3 else distance


@kernel
def label_basins(L, uphill_side, count, bins, width, least, stack, basin, step):
    """Label the basins, and return their number; step[i] becomes the phase of bin i minus that of its summit.

    basin[i] is the label of the basin of bin i, -1 where L < least.
    """
    V, unlabelled, basins = lanes(L), splat(L, L.dtype.type(-1)), 0
    for i in range(0, (count + 2) * width, V):
        store(basin, i, unlabelled)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            bits = mask_at_least(load(L, i), least)
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
def find_saddles(L, basin, count, bins, width, least, top, scale, bucket_starts, codes, keys, order):
    """The bins with a larger neighbour in another basin, by decreasing level; returns their number n.

    order[:n] are codes: 16 times the index of the bin, plus 2**(side - 1) for each side of such a neighbour.
    """
    bucket_starts[:] = 0
    V, low, n = lanes(L), splat(L, L[0]), 0
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            h, own = load(basin, i), load(L, i)
            left = mask_greater_equal(select_not_equal(load(basin, i - 1), h, load(L, i - 1), low), own)
            before = mask_greater_equal(select_not_equal(load(basin, i - width), h, load(L, i - width), low), own)
            after = mask_greater(select_not_equal(load(basin, i + width), h, load(L, i + width), low), own)
            right = mask_greater(select_not_equal(load(basin, i + 1), h, load(L, i + 1), low), own)
            bits = (left | before | after | right) & mask_at_least(own, least)
            while bits != 0:
                p = trailing_zeros(bits)
                bits &= bits - 1
                sides = (left >> p & 1) | (before >> p & 1) << 1 | (after >> p & 1) << 2 | (right >> p & 1) << 3
                key = np.int32((top - L[i + p]) * scale)
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
def find_outward_edges(basin, row, bins, keys, at, outward_key):
    """outward_key[h] = least key of the edges from basin h to another block; those of a row of bins are keys[at:]."""
    for k in range(bins):
        if keys[at + k] >= 0:
            h = int(basin[row + k])
            outward_key[h] = min(outward_key[h], keys[at + k])


@kernel
def find_root(parent, a):
    """The root of the tree of a in a union-find forest, with path halving."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@kernel
def join_basins(
    L,
    basin,
    step,
    slopes,
    order,
    n,
    width,
    top,
    scale,
    outward_key,
    forest_parent,
    component_parent,
    phase_offset,
    edges,
    at,
    keys,
    steps,
):
    """Join basins over their saddles to components, largest saddle first; return the number of remaining saddles.

    A saddle that closes no cycle (`forest_parent`) joins two components (`component_parent`) if it is the best edge out
    of one of them: no edge to another block is larger (`outward_key`).  Else it remains: saddle e, from `at` on, is
    between basins edges[2 e] and edges[2 e + 1], and the phase of the first summit is that of the second plus steps[e].
    `slopes` are those in frequency and in time.  Both parents begin as 0, 1, 2, ..., phase_offset as zeros; see
    `compress_path`.
    """
    remaining = 0
    for p in range(n):
        i, sides = order[p] >> 4, order[p] & 15
        key, basin_a = np.int32((top - L[i]) * scale), int(basin[i])
        while sides != 0:
            side = trailing_zeros(sides) + 1
            sides &= sides - 1
            j = i + neighbour_offset(side, width)
            basin_b = int(basin[j])
            a, b = find_root(forest_parent, basin_a), find_root(forest_parent, basin_b)
            if a == b:
                continue
            forest_parent[a] = b
            s = slopes[int((side == 2) | (side == 3))]
            d = s[i] + s[j] if side < 3 else -s[i] - s[j]
            phase_step = step[j] + d - step[i]
            a, b = (
                compress_path(component_parent, phase_offset, basin_a),
                compress_path(component_parent, phase_offset, basin_b),
            )
            if key <= max(outward_key[a], outward_key[b]):
                component_parent[a] = b
                outward_key[b] = min(outward_key[a], outward_key[b])
                phase_offset[a] = phase_step + phase_offset[basin_b] - phase_offset[basin_a]
            else:
                e = at + remaining
                edges[2 * e], edges[2 * e + 1], keys[e], steps[e] = basin_a, basin_b, key, phase_step
                remaining += 1
    return remaining


@kernel
def label_components(basins, component_parent, phase_offset, labels, remaining, edges, at, steps):
    """Label the components, and return their number: basin h is in labels[h], and edges become those of components."""
    components = 0
    for h in range(basins):
        if component_parent[h] == h:
            labels[h] = components
            components += 1
    for h in range(basins):
        labels[h] = labels[compress_path(component_parent, phase_offset, h)]
    for e in range(at, at + remaining):
        a, b = edges[2 * e], edges[2 * e + 1]
        edges[2 * e], edges[2 * e + 1] = labels[a], labels[b]
        steps[e] += phase_offset[b] - phase_offset[a]
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
def sort_saddles(
    first,
    last,
    p,
    counts,
    first_components,
    boundary_keys,
    boundary_steps,
    edges,
    keys,
    steps,
    components,
    phase,
    bucket_starts,
    saddle_components,
    saddle_steps,
):
    """Sort the saddles within and between blocks first .. last - 1 of a signal, largest first; return their number.

    The phase of component saddle_components[2 e] is that of component saddle_components[2 e + 1] plus saddle_steps[e].
    first_components[b] is the index of the first component of block b in the signal; `components` and `phase` are those
    of the signal's bins; bucket_starts is scratch of this counting sort.
    """
    bucket_starts[:] = 0
    for b in range(first, last):
        for e in range(b * p.max_saddles, b * p.max_saddles + counts[2 * b + 1]):
            bucket_starts[keys[e] + 2] += 1
        for e in range(b * p.bins, (b + 1) * p.bins):
            bucket_starts[boundary_keys[e] + 2] += 1
    bucket_starts[1] = 0  # where there is no edge
    for key in range(1, N_KEYS + 2):
        bucket_starts[key] += bucket_starts[key - 1]
    for b in range(first, last):
        base, before = first_components[b], first_components[max(first, b - 1)]
        for e in range(b * p.max_saddles, b * p.max_saddles + counts[2 * b + 1]):
            to = bucket_starts[keys[e] + 1]
            bucket_starts[keys[e] + 1] = to + 1
            saddle_components[2 * to], saddle_components[2 * to + 1] = base + edges[2 * e], base + edges[2 * e + 1]
            saddle_steps[to] = steps[e]
        i = (b - first) * p.rows * p.bins
        for e in range(b * p.bins, (b + 1) * p.bins):
            if boundary_keys[e] >= 0:
                to = bucket_starts[boundary_keys[e] + 1]
                bucket_starts[boundary_keys[e] + 1] = to + 1
                saddle_components[2 * to], saddle_components[2 * to + 1] = (
                    base + components[i],
                    before + components[i - p.bins],
                )
                saddle_steps[to] = phase[i - p.bins] + boundary_steps[e] - phase[i]
            i += 1
    return bucket_starts[N_KEYS]


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
