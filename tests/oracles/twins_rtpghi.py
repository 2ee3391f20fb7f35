"""The slow, obvious twin of `fastspec.recovery.rtpghi`: a signal at a time in float64, with a heap."""

import heapq
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
LEVEL_FLOOR = 2.0**-50


def hash32(i: int, seed: int) -> int:
    """The finalizer of MurmurHash3."""
    x = (i * 0x9E3779B9 + seed) & 0xFFFFFFFF
    x = ((x ^ x >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ x >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return x ^ x >> 16


def random_phase(k: int, n: int, seed: int) -> float:
    """The random phase of bin k of frame n."""
    x = hash32(k, hash32(n % 2**32, hash32(n >> 32, seed)))
    return 2 * np.pi * (x if x < 2**31 else x - 2**32) / 2**32


def mirrored(S: Array, n_fft: int) -> Array:
    """A frame extended by a bin at both ends."""
    return np.concatenate([S[1:2], S, S[-2:-1] if n_fft % 2 == 0 else S[-1:]])


def reached_in_order(before: Array, S: Array, limit: float) -> list[tuple[int, int]]:
    """(bin, source of its phase) in the order of a heap: -1 for the bin below, 0 for the frame before, 1 for above."""
    order, reached = [], set(np.flatnonzero(limit >= S).tolist())
    heap = [(-float(before[k]), 1, k) for k in range(len(S))]
    heapq.heapify(heap)
    while heap:
        _, is_before, k = heapq.heappop(heap)
        for j, source in [(k, 0)] if is_before else [(k + 1, -1), (k - 1, 1)]:
            if 0 <= j < len(S) and j not in reached:
                reached.add(j)
                order.append((j, source))
                heapq.heappush(heap, (-float(S[j]), 0, j))
    return order


def spectra(
    S: Array, n_fft: int, hop: int, gamma: float, centre: float, look_ahead: int, tolerance: float, seed: int,
    tiny: float, start: int = 0,
) -> Array:  # fmt: skip
    """S (bins, frames) with phases; the index of its first frame is `start`."""
    bins, frames = S.shape
    k, D = np.arange(bins), np.zeros(S.shape, complex)
    before, phase, t_before = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    for n in range(frames):
        current, after = S[:, n], S[:, min(n + 1, frames - 1)]
        earlier = before if n + start else current
        top = max(current.max(), before.max())
        low = max(top * max(0.1 * tolerance, LEVEL_FLOOR), tiny)
        L = np.log(np.maximum(mirrored(current, n_fft), low))
        t = 2 * np.pi * (hop * k % n_fft) / n_fft + hop * n_fft / gamma * (L[2:] - L[:-2]) / 2
        if look_ahead:
            low = max(low, after.max() * max(0.1 * tolerance, LEVEL_FLOOR))
            change = (np.log(np.maximum(after, low)) - np.log(np.maximum(earlier, low))) / 2
        else:
            change = np.log(np.maximum(current, low)) - np.log(np.maximum(earlier, low))
        f = -gamma / (hop * n_fft) * change
        new = np.array([random_phase(j, n + start, seed) for j in range(bins)])
        for j, source in reached_in_order(before, current, tolerance * top):
            if source == 0:
                new[j] = phase[j] + ((t_before[j] if n + start else t[j]) + t[j]) / 2
            else:
                new[j] = new[j + source] - source * (f[j] + f[j + source]) / 2
        before, phase, t_before = current, new, t
        about_zero = new - 2 * np.pi * centre * k / n_fft
        D[:, n] = current * np.exp(1j * about_zero)
        for j in (0, bins - 1)[: 2 - n_fft % 2]:
            D[j, n] = current[j] * (1 if np.cos(about_zero[j]) >= 0 else -1)
    return D
