"""What the makers of phases share: levels of bins, hashes, bins that are real."""

import math

import numpy as np

from .jit import kernel
from .logs import log10
from .vector import lanes, load, load_part, maximum, splat, store, store_part


@kernel
def levels(S, at, bins, least, row, L):
    """L[row + k] = log10 max(S[at + k], least)."""
    V, low, k = lanes(S), splat(S, least), 0
    while k + V <= bins:
        store(L, row + k, log10(maximum(load(S, at + k), low)))
        k += V
    if k < bins:
        store_part(L, row + k, log10(maximum(load_part(S, at + k, bins - k), low)), bins - k)


@kernel
def hashed(i, seed):
    """32 bits that look random, from a number and a seed (the finaliser of MurmurHash3, A. Appleby)."""
    x = np.uint32(np.uint32(i) * np.uint32(0x9E3779B9) + seed)
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ (x >> np.uint32(16)))


@kernel
def make_real(phase, at, bins, odd):
    """Phases from -pi to pi of DC, and of Nyquist where there is a bin of it, become 0 or pi, whichever is nearer."""
    kind = phase.dtype.type
    phase[at] = kind(math.pi) if abs(phase[at]) > kind(math.pi / 2) else kind(0)
    if not odd:
        last = at + bins - 1
        phase[last] = kind(math.pi) if abs(phase[last]) > kind(math.pi / 2) else kind(0)
