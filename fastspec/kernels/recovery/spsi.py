"""Phases that go on from frame to frame as the spectrum's peaks turn, in blocks of frames.

phi_f[j] = phi_{f-1}[k] + a_f(k), where k is the peak to whose region bin j belongs in frame f.  From the beginning of a
block on, that is phi_f[j] = start[source_f[j]] + turned_f[j], where sources and turns do not depend on `start`, the
phases before the block: blocks are done by any thread (`follow_peaks`), then joined one after another (`join_blocks`),
then finished (`finish_block`).
"""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Double, Int32s, Layout, Number, Reals, carve
from ..runtime.tasks import task
from .phase import log_levels, make_real

TURN = 2 * math.pi


class SpsiArgs(NamedTuple):
    """Magnitudes, phases and sizes."""

    S: Reals  # (signals, frames, bins)
    sources: Int32s  # of each bin, the bin at the beginning of its block that its phase goes back to
    phase: Reals  # (signals, frames, bins); at first relative to that bin's
    starts: Reals  # of each block, the phases before it
    middle: Reals  # how far the phase about the window's middle is ahead, of each bin
    bins: int
    frames: int  # of a signal
    blocks: int  # of a signal
    rows: int  # frames of a block
    odd: int  # n_fft % 2
    step: Double  # phase from frame to frame of bin 1, 2 pi hop / n_fft
    least: Number  # level


LAYOUT = Layout(SpsiArgs)
(unpack_args,) = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args):
    """Real numbers of scratch: the levels of a frame."""
    return (args.bins,)


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


@task("recovery")
def follow_peaks(item, worker, record, scratch):
    """One block of a signal: phases relative to those before it."""
    args = unpack_args(scratch, record)
    (L,) = carve(scratch, worker, scratch_sizes(args))
    bins, sources, turned = args.bins, args.sources, args.phase
    first = item % args.blocks * args.rows
    start = item // args.blocks * args.frames
    for f in range(first, min(first + args.rows, args.frames)):
        at = (start + f) * bins
        log_levels(args.S, at, bins, args.least, 0, L)
        k = int64(0)
        while k < bins:
            peak, end = region(L, k, bins)
            phase, origin = args.step * refined(L, peak, bins), np.int32(peak)
            if f > first:
                phase += turned[at - bins + peak]
                origin = sources[at - bins + peak]
            phase = wrapped(phase)
            for j in range(at + k, at + end):
                turned[j], sources[j] = phase, origin
            k = end


@task("recovery")
def join_blocks(item, worker, record, scratch):
    """One signal: the phases before each of its blocks, 0 before the first."""
    args = unpack_args(scratch, record)
    bins, starts = args.bins, args.starts
    for c in range(1, args.blocks):
        at = (item * args.blocks + c) * bins
        last = (item * args.frames + c * args.rows - 1) * bins
        for k in range(bins):
            starts[at + k] = wrapped(args.phase[last + k] + starts[at - bins + args.sources[last + k]])


@task("recovery")
def finish_block(item, worker, record, scratch):
    """A block's phases, `middle` less, from -pi to pi; those of DC and Nyquist are 0 or pi."""
    args = unpack_args(scratch, record)
    bins, phase = args.bins, args.phase
    first, kind = item % args.blocks * args.rows, phase.dtype.type
    turn, inverse, half = kind(TURN), kind(1 / TURN), kind(0.5)
    for f in range(first, min(first + args.rows, args.frames)):
        at = (item // args.blocks * args.frames + f) * bins
        for k in range(bins):
            x = phase[at + k] + args.starts[item * bins + args.sources[at + k]] - args.middle[k]
            phase[at + k] = x - turn * np.floor(x * inverse + half)
        make_real(phase, at, bins, args.odd)
