"""Phases that go on from frame to frame as the spectrum's peaks turn, in chunks of frames.

phi_f[j] = phi_{f-1}[k] + a_f(k), where k is the peak to whose region bin j belongs in frame f.  From the beginning of a
chunk on, that is phi_f[j] = start[source_f[j]] + turned_f[j], where sources and turns do not depend on `start`, the
phases before the chunk: chunks are done by any thread (`follow`), then joined one after another (`begin`), then
finished (`finish`).
"""

import math

import numpy as np

from ..runtime.calls import claim
from ..runtime.jit import int64, kernel, prange
from ..runtime.threads import parallel_kernel
from .phase import levels, make_real

TURN = 2 * math.pi


@kernel
def region(L, k, bins):
    """(peak, end) of the region that begins at bin k: up to the peak, then down until bins get louder again."""
    while k + 1 < bins and L[k + 1] > L[k]:
        k += 1
    peak = k
    while k + 1 < bins and L[k + 1] <= L[k]:
        k += 1
    return peak, (k if k + 1 < bins else bins)


@kernel
def refined(L, k, bins):
    """Where the parabola through a peak and its neighbours is largest, from k - 1/2 to k + 1/2."""
    if k == 0 or k == bins - 1:
        return k + L.dtype.type(0)
    bend = L[k - 1] - L[k] + (L[k + 1] - L[k])
    if bend == 0:
        return k + L.dtype.type(0)
    return k + (L[k - 1] - L[k + 1]) / (bend + bend)


@kernel
def wrapped(x):
    """x less whole turns, from -pi to pi."""
    return x - TURN * np.floor(x / TURN + 0.5)


@kernel
def follow(s, S, bins, frames, chunks, rows, step, least, scratch, source, turned):
    """Item s: a chunk of a signal; `step` is the turn from frame to frame of bin 1, 2 pi hop / n_fft."""
    first = s % chunks * rows
    start = s // chunks * frames
    for f in range(first, min(first + rows, frames)):
        at = (start + f) * bins
        levels(S, at, bins, least, 0, scratch)
        k = int64(0)
        while k < bins:
            peak, end = region(scratch, k, bins)
            phase, origin = step * refined(scratch, peak, bins), np.int32(peak)
            if f > first:
                phase += turned[at - bins + peak]
                origin = source[at - bins + peak]
            phase = wrapped(phase)
            for j in range(at + k, at + end):
                turned[j], source[j] = phase, origin
            k = end


@kernel
def begin(signal, bins, frames, chunks, rows, source, turned, starts):
    """Item: a signal; the phases before each of its chunks, 0 before the first."""
    for c in range(1, chunks):
        here = (signal * chunks + c) * bins
        last = (signal * frames + c * rows - 1) * bins
        for k in range(bins):
            starts[here + k] = wrapped(turned[last + k] + starts[here - bins + source[last + k]])


@kernel
def finish(s, bins, frames, chunks, rows, odd, starts, middle, source, phase):
    """Item s: a chunk's phases, `middle` less, from -pi to pi; those of DC and Nyquist are 0 or pi."""
    first, kind = s % chunks * rows, phase.dtype.type
    turn, inverse, half = kind(TURN), kind(1 / TURN), kind(0.5)
    for f in range(first, min(first + rows, frames)):
        at = (s // chunks * frames + f) * bins
        for k in range(bins):
            x = phase[at + k] + starts[s * bins + source[at + k]] - middle[k]
            phase[at + k] = x - turn * np.floor(x * inverse + half)
        make_real(phase, at, bins, odd)


@parallel_kernel
def each_follow(
    serial, lo, hi, workers, board, S, bins, frames, chunks, rows, step, least, scratch, source, turned
):  # fmt: skip
    """`follow` for each chunk."""
    if serial:
        for s in range(lo, hi):
            follow(s, S, bins, frames, chunks, rows, step, least, scratch[0], source, turned)
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                follow(s, S, bins, frames, chunks, rows, step, least, scratch[worker], source, turned)
                s = claim(board, 0, hi)


@parallel_kernel
def each_begin(serial, lo, hi, bins, frames, chunks, rows, source, turned, starts):
    """`begin` for each signal."""
    if serial:
        for s in range(lo, hi):
            begin(s, bins, frames, chunks, rows, source, turned, starts)
    else:
        for s in prange(lo, hi):
            begin(s, bins, frames, chunks, rows, source, turned, starts)


@parallel_kernel
def each_finish(serial, lo, hi, workers, board, bins, frames, chunks, rows, odd, starts, middle, source, phase):
    """`finish` for each chunk."""
    if serial:
        for s in range(lo, hi):
            finish(s, bins, frames, chunks, rows, odd, starts, middle, source, phase)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                finish(s, bins, frames, chunks, rows, odd, starts, middle, source, phase)
                s = claim(board, 0, hi)
