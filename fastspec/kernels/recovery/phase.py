"""What methods of phase share: log levels, wrapping, hashes, real bins, complex numbers from magnitudes and phases."""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel
from ..runtime.layout import Layout, Reals
from ..runtime.tasks import task
from ..simd.log import log10
from ..simd.trig import sine_cosine
from ..simd.vector import lanes, load, load_partial, maximum, splat, store, store_partial, zip_high, zip_low

TWO_PI = 2 * math.pi


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
def hash32(i, seed):
    """A pseudo-random number of 32 bits from an index and a seed: the finalizer of MurmurHash3 (A. Appleby)."""
    x = np.uint32(np.uint32(i) * np.uint32(0x9E3779B9) + seed)
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ (x >> np.uint32(16)))


@kernel
def wrap_phase(x, like):
    """x - 2 pi round(x / 2 pi), from -pi to pi, in the dtype of the array `like`.

    The result is clamped: of a large x so few digits are left that the difference may leave the interval.
    """
    kind = like.dtype.type
    limit = kind(math.pi)
    x = x - kind(TWO_PI) * np.floor(x * kind(1 / TWO_PI) + kind(0.5))
    if x > limit:
        return limit
    if x < -limit:
        return -limit
    return x


@kernel
def wrap_in_double(x):
    """x - 2 pi round(x / 2 pi) in float64."""
    return x - TWO_PI * np.floor(x / TWO_PI + 0.5)


@kernel
def make_real(phase, at, bins, odd):
    """Round the phases, from -pi to pi, of DC and, if n_fft is not odd, of Nyquist to the nearer of 0 and pi."""
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
    item_values: int  # values of an item


LAYOUT = Layout(PolarArgs)
(unpack_args,) = LAYOUT.unpackers


@task("recovery")
def polar_to_complex(item, worker, record, scratch):
    """out[i] = S[i] exp(i phase[i]) for item item_values <= i < (item + 1) item_values."""
    args = unpack_args(scratch, record)
    V, S, phase, out = lanes(scratch), args.S, args.phase, args.out
    i, stop = item * args.item_values, min(S.size, (item + 1) * args.item_values)
    while i + V <= stop:
        sine, cosine = sine_cosine(load(phase, i))
        magnitude = load(S, i)
        re, im = magnitude * cosine, magnitude * sine
        store(out, 2 * i, zip_low(re, im))
        store(out, 2 * i + V, zip_high(re, im))
        i += V
    if i < stop:
        count = stop - i
        sine, cosine = sine_cosine(load_partial(phase, i, count))
        magnitude = load_partial(S, i, count)
        re, im = magnitude * cosine, magnitude * sine
        store_partial(out, 2 * i, zip_low(re, im), 2 * count)
        store_partial(out, 2 * i + V, zip_high(re, im), 2 * count - V)
