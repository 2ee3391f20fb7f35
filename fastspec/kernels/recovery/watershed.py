"""Hills of a picture of levels, and a tree over them: from any bin to any other the way whose softest bin is loudest.

Such a tree, a maximum spanning tree for edges as loud as their softer end, is made without a heap:

- `climb`    each bin that has a louder neighbour is linked to the loudest: hills form;
- `resolve`  each bin of a hill gets its phase relative to that of the summit;
- `borders`, `passes`  hills of a block of frames are joined to ranges, loudest pass first (Kruskal, Proc. AMS 7, 1956),
             as long as no louder way may lead through other blocks;
- `sort`, `join`  the passes left, none of which closes a ring, and the edges between blocks join those of all blocks.

In a block, bin k of frame r has index (r + 1) width + k + 1 in every array.  Around it, and up to `width`, which leaves
room for whole vectors, there is a margin, never linked to.  Numbers of hills are real, to be compared lane by lane.
"""

import numpy as np

from ..runtime.jit import kernel
from ..simd.vector import (
    above,
    at_least,
    lanes,
    load,
    maximum,
    reaches,
    splat,
    store,
    trailing_zeros,
    where_above,
    where_differs,
    where_reaches,
)

KEYS = 4096
"""Steps from the loudest bin to the softest that counts, in which passes are ordered."""


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
def climb(L, count, bins, width, in_time, in_frequency, way, step):
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
            w, d = where_reaches(a, best, one, zero), where_reaches(a, best, load(in_frequency, i - 1) + f, zero)
            best, a = maximum(best, a), load(L, i - width)
            w, d = where_reaches(a, best, two, w), where_reaches(a, best, load(in_time, i - width) + t, d)
            best, a = maximum(best, a), load(L, i + width)
            w, d = where_above(a, best, three, w), where_above(a, best, zero - load(in_time, i + width) - t, d)
            best, a = maximum(best, a), load(L, i + 1)
            w, d = where_above(a, best, four, w), where_above(a, best, zero - load(in_frequency, i + 1) - f, d)
            store(way, i, w)
            store(step, i, d)


@kernel
def offset(side, width):
    """From a bin to its neighbour: 1 is the bin before, 2 the frame before, 3 the frame after, 4 the bin after."""
    far = width if (side == 2) | (side == 3) else 1
    return -far if side < 3 else far


@kernel
def resolve(L, way, count, bins, width, least, stack, hill, step):
    """Numbers the hills and returns how many; hill[i] is that of bin i, step[i] becomes its phase less the summit's.

    hill is -1 where L < least.
    """
    V, nowhere, hills = lanes(L), splat(L, L.dtype.type(-1)), 0
    for i in range(0, (count + 2) * width, V):
        store(hill, i, nowhere)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            bits = at_least(load(L, i), least)
            while bits != 0:
                j, n = i + trailing_zeros(bits), 0
                bits &= bits - 1
                side = int(way[j])
                while hill[j] < 0 and side != 0:
                    stack[n] = j
                    n += 1
                    j += offset(side, width)
                    side = int(way[j])
                if hill[j] < 0:
                    hill[j] = hills
                    hills += 1
                number, phase = hill[j], step[j]
                while n > 0:
                    n -= 1
                    j = stack[n]
                    phase += step[j]
                    hill[j], step[j] = number, phase
    return hills


@kernel
def borders(L, hill, count, bins, width, least, top, scale, heads, places, keys, order):
    """Bins with a louder neighbour on another hill, loudest first, in order[: the number returned].

    Such a number is 16 times the bin's index plus a bit for each side on which there is one, 1 for side 1.
    """
    heads[:] = 0
    V, low, n = lanes(L), splat(L, L[0]), 0
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins, V):
            h, own = load(hill, i), load(L, i)
            left = reaches(where_differs(load(hill, i - 1), h, load(L, i - 1), low), own)
            before = reaches(where_differs(load(hill, i - width), h, load(L, i - width), low), own)
            after = above(where_differs(load(hill, i + width), h, load(L, i + width), low), own)
            right = above(where_differs(load(hill, i + 1), h, load(L, i + 1), low), own)
            bits = (left | before | after | right) & at_least(own, least)
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
def mark(hill, row, bins, keys, at, least_key):
    """least_key[h] becomes the key of the loudest edge from hill h to another block: those of a row are keys[at:]."""
    for k in range(bins):
        if keys[at + k] >= 0:
            h = int(hill[row + k])
            least_key[h] = min(least_key[h], keys[at + k])


@kernel
def root(group, a):
    """The first of a's group; the way to it becomes shorter."""
    while group[a] != a:
        group[a] = group[group[a]]
        a = group[a]
    return a


@kernel
def passes(L, hill, step, slopes, order, n, width, top, scale, outward, group, range_of, lift, edges, at, keys, steps):
    """Joins hills over their loudest passes to ranges; returns how many passes are left, described from `at` on.

    A pass joins for good where it is the loudest way out of a range: no louder edge leads to another block (outward, of
    each hill).  Of the others, pass e is between hills edges[2 e] and edges[2 e + 1]; the phase of the first summit is
    that of the second plus steps[e].  slopes are those in frequency and in time.  group and range_of begin as 0, 1, 2
    ..., lift as zeros; see `settle`.
    """
    left = 0
    for p in range(n):
        i, sides = order[p] >> 4, order[p] & 15
        key, here = np.int32((top - L[i]) * scale), int(hill[i])
        while sides != 0:
            side = trailing_zeros(sides) + 1
            sides &= sides - 1
            j = i + offset(side, width)
            there = int(hill[j])
            a, b = root(group, here), root(group, there)
            if a == b:
                continue
            group[a] = b
            s = slopes[int((side == 2) | (side == 3))]
            d = s[i] + s[j] if side < 3 else -s[i] - s[j]
            rise = step[j] + d - step[i]
            a, b = settle(range_of, lift, here), settle(range_of, lift, there)
            if key <= max(outward[a], outward[b]):
                range_of[a] = b
                outward[b] = min(outward[a], outward[b])
                lift[a] = rise + lift[there] - lift[here]
            else:
                edges[2 * (at + left)], edges[2 * (at + left) + 1] = here, there
                keys[at + left], steps[at + left] = key, rise
                left += 1
    return left


@kernel
def number_ranges(hills, range_of, lift, number, left, edges, at, steps):
    """Numbers ranges and returns how many; number[h] is that of hill h, and the passes left are then between ranges."""
    ranges = 0
    for h in range(hills):
        if range_of[h] == h:
            number[h] = ranges
            ranges += 1
    for h in range(hills):
        number[h] = number[settle(range_of, lift, h)]
    for e in range(at, at + left):
        a, b = edges[2 * e], edges[2 * e + 1]
        edges[2 * e], edges[2 * e + 1] = number[a], number[b]
        steps[e] += lift[b] - lift[a]
    return ranges


@kernel
def settle(group, lift, a):
    """The first of a's group, to which it is then linked directly: lift[a] is the phase of a less that of the first."""
    first, total = a, lift.dtype.type(0)
    while group[first] != first:
        total += lift[first]
        first = group[first]
    while group[a] != first and a != first:
        after, part = group[a], lift[a]
        group[a], lift[a] = first, total
        a, total = after, total - part
    return first


@kernel
def sort(first, last, p, counts, bases, seams, seam_steps, edges, keys, steps, hills, phase, heads, ends, rises):
    """Passes within and between blocks first .. last - 1, those of a signal, loudest first; returns how many.

    Pass e: the phase of summit ends[2 e] is that of summit ends[2 e + 1] plus rises[e].  bases[b] is the number of the
    first summit of block b; `hills` and `phase` are those of the signal, as is heads, scratch.
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
            rises[to] = steps[e]
        i = (b - first) * p.rows * p.bins
        for e in range(b * p.bins, (b + 1) * p.bins):
            if seams[e] >= 0:
                to = heads[seams[e] + 1]
                heads[seams[e] + 1] = to + 1
                ends[2 * to], ends[2 * to + 1] = base + hills[i], before + hills[i - p.bins]
                rises[to] = phase[i - p.bins] + seam_steps[e] - phase[i]
            i += 1
    return heads[KEYS]


@kernel
def join(n, ends, rises, group, lift):
    """lift[h] becomes the phase of summit h less that of the first of all summits it is joined to; group[h] is that."""
    for h in range(group.size):
        group[h] = h
        lift[h] = 0
    for e in range(n):
        a, b = ends[2 * e], ends[2 * e + 1]
        first, other = settle(group, lift, a), settle(group, lift, b)
        if first != other:
            group[first] = other
            lift[first] = rises[e] + lift[b] - lift[a]
    for h in range(group.size):
        settle(group, lift, h)
