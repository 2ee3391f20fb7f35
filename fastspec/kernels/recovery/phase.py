"""Phases: levels of bins, hashes, bins that are real, and complex numbers from magnitudes and phases."""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Reals
from ..runtime.tasks import task
from ..simd.log import log10
from ..simd.trig import sine_cosine
from ..simd.vector import lanes, load, load_partial, maximum, splat, store, store_partial, zip_high, zip_low


@kernel
def log_levels(S, at, bins, least, row, L):
    """L[row + k] = log10 max(S[at + k], least)."""
    V, low, k = lanes(S), splat(S, least), 0
    while k + V <= bins:
        store(L, row + k, log10(maximum(load(S, at + k), low)))
        k += V
    if k < bins:
        store_partial(L, row + k, log10(maximum(load_partial(S, at + k, bins - k), low)), bins - k)


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


class PolarArgs(NamedTuple):
    """Magnitudes and phases."""

    S: Reals
    phase: Reals
    out: Reals  # real and imaginary parts
    item_numbers: int  # numbers of an item


LAYOUT = Layout(PolarArgs)
(unpack_args,) = LAYOUT.unpackers


@task("recovery")
def polar_to_complex(item, worker, record, scratch):
    """out = S exp(i phase) for numbers item item_numbers ... (item + 1) item_numbers - 1."""
    args = unpack_args(scratch, record)
    V, S, phase, out = lanes(scratch), args.S, args.phase, args.out
    i, stop = item * args.item_numbers, min(S.size, (item + 1) * args.item_numbers)
    while i + V <= stop:
        sine, cosine = sine_cosine(load(phase, i))
        size = load(S, i)
        re, im = size * cosine, size * sine
        store(out, 2 * i, zip_low(re, im))
        store(out, 2 * i + V, zip_high(re, im))
        i += V
    if i < stop:
        count = stop - i
        sine, cosine = sine_cosine(load_partial(phase, i, count))
        size = load_partial(S, i, count)
        re, im = size * cosine, size * sine
        store_partial(out, 2 * i, zip_low(re, im), 2 * count)
        store_partial(out, 2 * i + V, zip_high(re, im), 2 * count - V)
