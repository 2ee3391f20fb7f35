"""Hills of a picture of levels, and a tree over them: from any bin to any other the way whose softest bin is loudest.

Such a tree, a maximum spanning tree for edges as loud as their softer end, is made without a heap:

- `climb`    each bin that has a louder neighbour is linked to the loudest: hills form;
- `resolve`  each bin of a hill gets its phase relative to that of the summit;
- `borders`, `passes`  hills of a block of frames are joined, loudest pass first (Kruskal, Proc. AMS 7, 1956);
- `sort`, `join`  so they are over all blocks, by the passes found and the edges between blocks: an edge that is not needed
                  in a block is not needed in the whole.

In a block, bin k of frame r has index (r + 1) width + k + 1 in every array: around it there is a margin, never linked to.
"""

import numpy as np

from .jit import kernel

KEYS = 4096
"""Steps from the loudest bin to the softest that counts, in which passes are ordered."""
NOWHERE = np.int32(-(2**31))


@kernel
def hide_margin(L, count, bins, width, low):
    """No bin is softer than those around the block."""
    for i in range(width):
        L[i] = low
        L[(count + 1) * width + i] = low
    for r in range(1, count + 1):
        L[r * width] = low
        L[r * width + bins + 1] = low


@kernel
def climb(L, count, bins, width, least, in_time, in_frequency, way, step):
    """From each bin to its loudest neighbour, as a difference of indices, and the phase's step from there to the bin.

    Both are 0 where none is louder; of equal ones the earlier is the louder.  `way` is NOWHERE where L <= least.
    """
    later, zero = np.int32(width), L.dtype.type(0)
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins):
            t, f = in_time[i], in_frequency[i]
            best, w, d = L[i], np.int32(0), zero
            a = L[i - 1]
            b = a >= best
            best, w, d = (a if b else best), (np.int32(-1) if b else w), (in_frequency[i - 1] + f if b else d)
            a = L[i - width]
            b = a >= best
            best, w, d = (a if b else best), (-later if b else w), (in_time[i - width] + t if b else d)
            a = L[i + width]
            b = a > best
            best, w, d = (a if b else best), (later if b else w), (-in_time[i + width] - t if b else d)
            a = L[i + 1]
            b = a > best
            w, d = (np.int32(1) if b else w), (-in_frequency[i + 1] - f if b else d)
            way[i] = w if L[i] > least else NOWHERE
            step[i] = d


@kernel
def resolve(way, count, bins, width, stack, hill, step):
    """Numbers the hills and returns how many; hill[i] is that of bin i, step[i] becomes its phase less the summit's.

    hill is -1 where the bin is too soft.
    """
    hills = 0
    for r in range(count + 2):
        for i in range(r * width, (r + 1) * width):
            hill[i] = -1
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins):
            if way[i] == NOWHERE or hill[i] >= 0:
                continue
            n, j = 0, i
            while hill[j] < 0 and way[j] != 0:
                stack[n] = j
                n += 1
                j += way[j]
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
def borders(L, hill, count, bins, width, top, scale, heads, places, keys, order):
    """Bins with a louder neighbour on another hill, loudest first, in order[: the number returned]; their keys."""
    heads[:] = 0
    n = 0
    for r in range(1, count + 1):
        for i in range(r * width + 1, r * width + 1 + bins):
            h, a = hill[i], L[i]
            other = (hill[i - 1] != h) & (L[i - 1] >= a) | (hill[i - width] != h) & (L[i - width] >= a)
            other |= (hill[i + width] != h) & (L[i + width] > a) | (hill[i + 1] != h) & (L[i + 1] > a)
            places[n] = i
            n += other & (h >= 0)
    for p in range(n):
        key = np.int32((top - L[places[p]]) * scale)
        keys[p] = key
        heads[key + 1] += 1
    for key in range(1, KEYS + 1):
        heads[key] += heads[key - 1]
    for p in range(n):
        key = keys[p]
        order[heads[key]] = places[p]
        heads[key] += 1
    return n


@kernel
def root(group, a):
    """The first of a's group; the way to it becomes shorter."""
    while group[a] != a:
        group[a] = group[group[a]]
        a = group[a]
    return a


@kernel
def passes(L, hill, step, slope, order, n, width, top, scale, group, edges, at, keys, steps):
    """Joins hills over the loudest passes; returns how many were needed, and describes them from number `at` on.

    Pass e: edges[2 e] and edges[2 e + 1] are the hills; the phase of the first one's summit is that of the second's plus
    steps[e].  slope[0] and [1] are of time and frequency.
    """
    found = 0
    for p in range(n):
        i = order[p]
        key = np.int32((top - L[i]) * scale)
        for side in range(4):
            j = i - width if side == 0 else (i + width if side == 1 else (i - 1 if side == 2 else i + 1))
            after = (side & 1) == 1
            if hill[j] == hill[i] or L[j] < L[i] or (after and L[j] == L[i]):
                continue
            a, b = root(group, hill[i]), root(group, hill[j])
            if a == b:
                continue
            group[a] = b
            s = slope[side >> 1]
            d = -s[i] - s[j] if after else s[i] + s[j]
            edges[2 * (at + found)], edges[2 * (at + found) + 1] = hill[i], hill[j]
            keys[at + found], steps[at + found] = key, step[j] + d - step[i]
            found += 1
    return found


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
    heads[1] = 0  # of keys that are -1
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
