"""The watershed of a picture of levels, and a tree over it: from bin to bin the way whose softest bin is loudest.

Such a tree, a maximum spanning tree for edges as loud as their softer end, is grown without a heap:

- `link_uphill`   each bin that has a louder neighbour is linked to the loudest: basins form, each about its summit;
- `label_basins`  each bin of a basin gets its phase relative to that of the summit;
- `find_saddles`, `join_basins`  basins of a block of frames are joined to components, loudest saddle first (Kruskal,
                  Proc. AMS 7, 1956), as long as no louder way may lead through other blocks;
- `sort_saddles`, `join_components`  the saddles left, none of which closes a ring, and the edges between blocks join
                  the components of all blocks (union-find with path compression).

In a block, bin k of frame r has index (r + 1) width + k + 1 in every array.  Around it, and up to `width`, which leaves
space for whole vectors, there is a margin, never linked to.  Numbers of basins are real, to be compared lane by lane.
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

KEYS = 4096
"""Steps from the loudest bin to the softest that counts, in which saddles are ordered."""


@kernel
def hide_margin(L, count, bins, width, low):
    """No bin is softer than those around the block."""
    for i in range(width):
        L[i] = low
        L[(count + 1) * width + i] = low
    for r in range(1, count + 1):
        L[r * width] = low
        for i in range(r * width + 1 + bins, (r + 1) * width):
            L[i] = low


@kernel
def link_uphill(L, count, bins, width, in_time, in_frequency, way, step):
    """The side on which each bin's loudest neighbour is (see `offset`), and the phase's step from there to the bin.

    Both are 0 where none is louder; of equal ones the earlier is the louder.
    """
    V, zero = lanes(L), splat(L, L.dtype.type(0))
    one, two, three, four = (
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
                select_greater_equal(a, best, one, zero),
                select_greater_equal(a, best, load(in_frequency, i - 1) + f, zero),
            )
            best, a = maximum(best, a), load(L, i - width)
            w, d = select_greater_equal(a, best, two, w), select_greater_equal(a, best, load(in_time, i - width) + t, d)
            best, a = maximum(best, a), load(L, i + width)
            w, d = select_greater(a, best, three, w), select_greater(a, best, zero - load(in_time, i + width) - t, d)
            best, a = maximum(best, a), load(L, i + 1)
            w, d = select_greater(a, best, four, w), select_greater(a, best, zero - load(in_frequency, i + 1) - f, d)
            store(way, i, w)
            store(step, i, d)


@kernel
def offset(side, width):
    """From a bin to its neighbour: 1 is the bin before, 2 the frame before, 3 the frame after, 4 the bin after."""
    far = width if (side == 2) | (side == 3) else 1
    return -far if side < 3 else far


@kernel
def label_basins(L, way, count, bins, width, least, stack, basin, step):
    """Numbers the hills and returns how many; hill[i] is that of bin i, step[i] becomes its phase less the summit's.

    hill is -1 where L < least.
    """
    V, nowhere, basins = lanes(L), splat(L, L.dtype.type(-1)), 0
    for i in range(0, (count + 2) * width, V):
        store(basin, i, nowhere)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            bits = mask_at_least(load(L, i), least)
            while bits != 0:
                j, n = i + trailing_zeros(bits), 0
                bits &= bits - 1
                side = int(way[j])
                while basin[j] < 0 and side != 0:
                    stack[n] = j
                    n += 1
                    j += offset(side, width)
                    side = int(way[j])
                if basin[j] < 0:
                    basin[j] = basins
                    basins += 1
                number, phase = basin[j], step[j]
                while n > 0:
                    n -= 1
                    j = stack[n]
                    phase += step[j]
                    basin[j], step[j] = number, phase
    return basins


@kernel
def find_saddles(L, basin, count, bins, width, least, top, scale, heads, places, keys, order):
    """Bins with a louder neighbour on another hill, loudest first, in order[: the number returned].

    Such a number is 16 times the bin's index plus a bit for each side on which there is one, 1 for side 1.
    """
    heads[:] = 0
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
                keys[n], places[n] = key, (i + p) << 4 | sides
                heads[key + 1] += 1
                n += 1
    for key in range(1, KEYS + 1):
        heads[key] += heads[key - 1]
    for p in range(n):
        key = keys[p]
        order[heads[key]] = places[p]
        heads[key] += 1
    return n


@kernel
def mark_outward(basin, row, bins, keys, at, least_key):
    """least_key[h] becomes the key of the loudest edge from basin h to another block: those of a row are keys[at:]."""
    for k in range(bins):
        if keys[at + k] >= 0:
            h = int(basin[row + k])
            least_key[h] = min(least_key[h], keys[at + k])


@kernel
def root(group, a):
    """The first of a's group; the way to it becomes shorter."""
    while group[a] != a:
        group[a] = group[group[a]]
        a = group[a]
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
    group,
    component_of,
    phase_offset,
    edges,
    at,
    keys,
    steps,
):
    """Joins hills over their loudest passes to ranges; returns how many passes are left, described from `at` on.

    A pass joins for good where it is the loudest way out of a range: no louder edge leads to another block (outward, of
    each hill).  Of the others, pass e is between hills edges[2 e] and edges[2 e + 1]; the phase of the first summit is
    that of the second plus steps[e].  slopes are those in frequency and in time.  group and range_of begin as 0, 1, 2
    ..., lift as zeros; see `compress_path`.
    """
    left = 0
    for p in range(n):
        i, sides = order[p] >> 4, order[p] & 15
        key, basin_a = np.int32((top - L[i]) * scale), int(basin[i])
        while sides != 0:
            side = trailing_zeros(sides) + 1
            sides &= sides - 1
            j = i + offset(side, width)
            basin_b = int(basin[j])
            a, b = root(group, basin_a), root(group, basin_b)
            if a == b:
                continue
            group[a] = b
            s = slopes[int((side == 2) | (side == 3))]
            d = s[i] + s[j] if side < 3 else -s[i] - s[j]
            phase_step = step[j] + d - step[i]
            a, b = (
                compress_path(component_of, phase_offset, basin_a),
                compress_path(component_of, phase_offset, basin_b),
            )
            if key <= max(outward_key[a], outward_key[b]):
                component_of[a] = b
                outward_key[b] = min(outward_key[a], outward_key[b])
                phase_offset[a] = phase_step + phase_offset[basin_b] - phase_offset[basin_a]
            else:
                edges[2 * (at + left)], edges[2 * (at + left) + 1] = basin_a, basin_b
                keys[at + left], steps[at + left] = key, phase_step
                left += 1
    return left


@kernel
def number_components(basins, component_of, phase_offset, number, left, edges, at, steps):
    """Numbers components, returns how many: basin h is of number[h], and saddles left are between components."""
    components = 0
    for h in range(basins):
        if component_of[h] == h:
            number[h] = components
            components += 1
    for h in range(basins):
        number[h] = number[compress_path(component_of, phase_offset, h)]
    for e in range(at, at + left):
        a, b = edges[2 * e], edges[2 * e + 1]
        edges[2 * e], edges[2 * e + 1] = number[a], number[b]
        steps[e] += phase_offset[b] - phase_offset[a]
    return components


@kernel
def compress_path(group, phase_offset, a):
    """The first of a's group, then its only link: phase_offset[a] is the phase of a less that of the first."""
    first, total = a, phase_offset.dtype.type(0)
    while group[first] != first:
        total += phase_offset[first]
        first = group[first]
    while group[a] != first and a != first:
        after, part = group[a], phase_offset[a]
        group[a], phase_offset[a] = first, total
        a, total = after, total - part
    return first


@kernel
def sort_saddles(
    first, last, p, counts, bases, seams, seam_steps, edges, keys, steps, basins, phase, heads, ends, tree_steps
):
    """Saddles within and between blocks first .. last - 1, those of a signal, loudest first; returns how many.

    Saddle e: the phase of summit ends[2 e] is that of summit ends[2 e + 1] plus tree_steps[e].  bases[b] numbers the
    first summit of block b; `basins` and `phase` are those of the signal, as is heads, scratch.
    """
    heads[:] = 0
    for b in range(first, last):
        for e in range(b * p.most, b * p.most + counts[2 * b + 1]):
            heads[keys[e] + 2] += 1
        for e in range(b * p.bins, (b + 1) * p.bins):
            heads[seams[e] + 2] += 1
    heads[1] = 0  # where there is no edge
    for key in range(1, KEYS + 2):
        heads[key] += heads[key - 1]
    for b in range(first, last):
        base, before = bases[b], bases[max(first, b - 1)]
        for e in range(b * p.most, b * p.most + counts[2 * b + 1]):
            to = heads[keys[e] + 1]
            heads[keys[e] + 1] = to + 1
            ends[2 * to], ends[2 * to + 1] = base + edges[2 * e], base + edges[2 * e + 1]
            tree_steps[to] = steps[e]
        i = (b - first) * p.rows * p.bins
        for e in range(b * p.bins, (b + 1) * p.bins):
            if seams[e] >= 0:
                to = heads[seams[e] + 1]
                heads[seams[e] + 1] = to + 1
                ends[2 * to], ends[2 * to + 1] = base + basins[i], before + basins[i - p.bins]
                tree_steps[to] = phase[i - p.bins] + seam_steps[e] - phase[i]
            i += 1
    return heads[KEYS]


@kernel
def join_components(n, ends, tree_steps, group, phase_offset):
    """phase_offset[h] becomes the phase of summit h less that of the first summit it is joined to, group[h]."""
    for h in range(group.size):
        group[h] = h
        phase_offset[h] = 0
    for e in range(n):
        a, b = ends[2 * e], ends[2 * e + 1]
        first, second_root = compress_path(group, phase_offset, a), compress_path(group, phase_offset, b)
        if first != second_root:
            group[first] = second_root
            phase_offset[first] = tree_steps[e] + phase_offset[b] - phase_offset[a]
    for h in range(group.size):
        compress_path(group, phase_offset, h)
