"""Single pass spectrogram inversion: the phase of each spectral peak advances by its frequency; in blocks of frames.

phi_f[j] = phi_{f-1}[k] + a_f(k), where k is the peak of the region of bin j in frame f, and a_f(k) its phase advance.
Within a block that is phi_f[j] = start[source_f[j]] + relative_f[j], where neither source nor relative phase depends on
`start`, the phases before the block.  So blocks are computed independently (`follow_peaks`), joined one after another
(`join_blocks`), and finished independently (`finish_block`).  Beauregard, Harish & Wyse, IEEE DSP 2015.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Double, Int32s, Layout, Number, Reals, carve
from ..runtime.tasks import task
from .phase import log_levels, make_real, wrap_in_double, wrap_phase


class SpsiArgs(NamedTuple):
    """Magnitudes, phases and sizes."""

    S: Reals  # (signals, frames, bins)
    sources: Int32s  # of each bin, the bin before its block from which its phase is counted
    phase: Reals  # (signals, frames, bins); at first relative to that bin's
    starts: Reals  # of each block, the phases of the frame before it
    centre_phase: Reals  # of each bin, 2 pi c k / n_fft with the window's centre c
    bins: int
    frames: int  # of a signal
    blocks: int  # of a signal
    rows: int  # frames of a block
    odd: int  # n_fft % 2
    step: Double  # phase from frame to frame of bin 1, 2 pi hop / n_fft
    least: Number  # smaller magnitudes count as this


LAYOUT = Layout(SpsiArgs)
(unpack_args,) = LAYOUT.unpackers


@register_jitable
def scratch_sizes(args):
    """Real numbers of scratch: the levels of a frame."""
    return (args.bins,)


@kernel
def find_region(L, k, bins):
    """(peak, end) of the region that begins at bin k: L increases to the peak, then does not increase until the end."""
    while k + 1 < bins and L[k + 1] > L[k]:
        k += 1
    peak = k
    while k + 1 < bins and L[k + 1] <= L[k]:
        k += 1
    return peak, (k if k + 1 < bins else bins)


@kernel
def interpolate_peak(L, k, bins):
    """The maximum of the parabola through L[k - 1], L[k], L[k + 1], from k - 1/2 to k + 1/2."""
    if k == 0 or k == bins - 1:
        return k + L.dtype.type(0)
    curvature = L[k - 1] - L[k] + (L[k + 1] - L[k])
    if curvature == 0:
        return k + L.dtype.type(0)
    return k + (L[k - 1] - L[k + 1]) / (curvature + curvature)


@task("recovery")
def follow_peaks(item, worker, record, scratch):
    """One block of a signal: its phases, relative to those before it."""
    args = unpack_args(scratch, record)
    (L,) = carve(scratch, worker, scratch_sizes(args))
    bins, sources, relative = args.bins, args.sources, args.phase
    first = item % args.blocks * args.rows
    start = item // args.blocks * args.frames
    for f in range(first, min(first + args.rows, args.frames)):
        at = (start + f) * bins
        log_levels(args.S, at, bins, args.least, 0, L)
        k = int64(0)
        while k < bins:
            peak, end = find_region(L, k, bins)
            phase, origin = args.step * interpolate_peak(L, peak, bins), np.int32(peak)
            if f > first:
                phase += relative[at - bins + peak]
                origin = sources[at - bins + peak]
            phase = wrap_in_double(phase)
            for j in range(at + k, at + end):
                relative[j], sources[j] = phase, origin
            k = end


@task("recovery")
def join_blocks(item, worker, record, scratch):
    """One signal: the phases before each of its blocks; 0 before the first."""
    args = unpack_args(scratch, record)
    bins, starts = args.bins, args.starts
    for c in range(1, args.blocks):
        at = (item * args.blocks + c) * bins
        last = (item * args.frames + c * args.rows - 1) * bins
        for k in range(bins):
            starts[at + k] = wrap_in_double(args.phase[last + k] + starts[at - bins + args.sources[last + k]])


@task("recovery")
def finish_block(item, worker, record, scratch):
    """The phases of one block minus `centre_phase`, from -pi to pi; those of DC and Nyquist are 0 or pi."""
    args = unpack_args(scratch, record)
    bins, phase = args.bins, args.phase
    first = item % args.blocks * args.rows
    for f in range(first, min(first + args.rows, args.frames)):
        at = (item // args.blocks * args.frames + f) * bins
        for k in range(bins):
            x = phase[at + k] + args.starts[item * bins + args.sources[at + k]] - args.centre_phase[k]
            phase[at + k] = wrap_phase(x, phase)
        make_real(phase, at, bins, args.odd)
