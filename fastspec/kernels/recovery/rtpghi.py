"""Phases that fit magnitudes, frame by frame: real-time phase gradient heap integration, without the heap.

Frame n takes its phases from those of frame n - 1 and along its own bins (Průša & Søndergaard, "Real-time spectrogram
inversion using phase gradient heap integration", Proc. DAFx-16, 2016; the slopes are those of `pghi`).  They begin with
all bins of frame n - 1 and go on from the loudest bin known, bin k of frame n - 1 to bin k of frame n, and that to bins
k - 1 and k + 1 unless they are known: so each bin is reached along the way whose softest bin is loudest.  Such a way is
one step in time at some bin and then one along the line of bins, from below or from above, so that two sweeps find all
of them:

    b[k] = max(S[k, n - 1], u[k], d[k]),    u[k] = min(S[k - 1, n], b[k - 1]),    d[k] = min(S[k + 1, n], b[k + 1]),

where u looks upwards only and d downwards only, and bins too soft to count let nothing through.  Where u is as large as
both others the phase comes from below; else from frame n - 1 where that is as loud as d; else from above.  Of two
neighbours never does each take its phase from the other: were k reached from k - 1, and k - 1 from k, then u[k] <=
b[k - 1] < d[k - 1] <= max(S[k, n - 1], d[k]) <= u[k].

All levels are relative to the loudest bin at hand, so magnitudes times a power of two have the same phases.
"""

import math
from typing import NamedTuple

import numpy as np

from ..framing.polyphase import copy
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Layout, Number, Reals, UInt32s, carve
from ..runtime.tasks import task
from ..simd.log import log10
from ..simd.trig import sine_cosine
from ..simd.vector import lane_max, lanes, load, maximum, splat, store, store_partial, zip_high, zip_low
from .phase import hashed, make_real

TURN = 2 * math.pi


class RtpghiArgs(NamedTuple):
    """Signals whose phases are integrated frame by frame: memory, sizes and strides."""

    spectra: Reals  # (signals, columns, 2 bins): real and imaginary parts
    S: Reals  # magnitudes
    state: Reals  # of each signal, what one frame leaves for the next
    advance: Reals  # half of what each bin's phase advances a frame
    middle: Reals  # how far the phase about the window's middle is ahead
    seeds: UInt32s  # of each signal
    bins: int
    odd: int  # n_fft % 2
    look_ahead: int
    row_stride: int  # from a row of state and scratch to the next
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    origin: int  # where frame 0 of the first signal stands in S, or would, were it there
    signal_stride: int
    bin_stride: int
    frame_stride: int
    first_column: int  # columns first_column .. first_column + columns - 1 are written
    columns: int
    tolerance: Number
    floor: Number  # levels are at least this times the loudest,
    tiny: Number  # and this
    frequency_factor: Number  # of the slope in time, from differences along frequency
    time_factor: Number  # of the slope in frequency, from differences along time


LAYOUT = Layout(RtpghiArgs)
(unpack_args,) = LAYOUT.unpackers


@register_jitable
def state_sizes(args):
    """Real numbers of a signal's state: magnitudes of frames n - 1, n, n + 1; phases, half slopes in time of n - 1."""
    w = args.row_stride
    return w, w, w, w, w


@register_jitable
def scratch_sizes(args):
    """Real numbers of scratch: half slopes in time and in frequency, ways from above, angles."""
    w = args.row_stride
    return w, w, w, w


@kernel
def push_frame(i, signal, args, before, current, after):
    """Frame i becomes the newest; past the last frame that is repeated."""
    zero = int64(0)
    copy(current, zero, before, zero, args.row_stride)
    if args.look_ahead:
        copy(after, zero, current, zero, args.row_stride)
    newest = after if args.look_ahead else current
    if i < args.total:
        at = args.origin + signal * args.signal_stride + i * args.frame_stride
        for k in range(args.bins):
            newest[1 + k] = args.S[at + k * args.bin_stride]
        newest[0] = newest[2]
        newest[1 + args.bins] = newest[args.bins - 1 + args.odd]


@kernel
def loudest(S, bins):
    """The largest magnitude of a row."""
    V, top = lanes(S), splat(S, S.dtype.type(0))
    for k in range(0, bins, V):
        top = maximum(load(S, 1 + k), top)
    return lane_max(top)


@kernel
def slope_in_time(S, args, low, t):
    """Half of the phase's derivative, in radians a frame: see `pghi.slopes`."""
    V, least = lanes(S), splat(S, low)
    for k in range(0, args.bins, V):
        ratio = maximum(load(S, 2 + k), least) / maximum(load(S, k), least)
        store(t, 1 + k, load(args.advance, k) + log10(ratio) * args.frequency_factor)


@kernel
def slope_in_frequency(S_before, S_after, args, low, factor, f):
    """Half of the derivative in radians a bin, from the magnitudes of two frames."""
    V, least = lanes(f), splat(f, low)
    for k in range(0, args.bins, V):
        store(f, 1 + k, log10(maximum(load(S_after, 1 + k), least) / maximum(load(S_before, 1 + k), least)) * factor)


@kernel
def look_down(before, S, bins, limit, d):
    """How loud the way to each bin from above is; -1 where there is none."""
    way = S.dtype.type(-1)
    for j in range(bins, 0, -1):
        d[j] = way
        way = min(S[j], max(before[j], way)) if S[j] > limit else S.dtype.type(-1)


@kernel
def integrate(before, S, t_before, t, f, d, bins, limit, phase):
    """Phases of frame n - 1 become those of frame n, where S is above the limit."""
    way, below = S.dtype.type(-1), S.dtype.type(0)
    for j in range(1, bins + 1):
        if S[j] <= limit:
            way = S.dtype.type(-1)
            continue
        straight, above = before[j], d[j]
        if way >= max(straight, above):
            phase[j] = below + (f[j - 1] + f[j])
            d[j] = -1
        elif straight >= above:
            phase[j] += t_before[j] + t[j]
            d[j] = -1
        below = phase[j]
        way = min(S[j], max(straight, way))
    for j in range(bins - 1, 0, -1):
        if S[j] > limit and d[j] >= 0:
            phase[j] = phase[j + 1] - (f[j] + f[j + 1])


@kernel
def wrap_phases(column, seed, S, bins, limit, phase):
    """Less whole turns; random, from a hash of the frame's number and the bin, where S is not above the limit."""
    kind = phase.dtype.type
    turn, inverse, half, fine = kind(TURN), kind(1 / TURN), kind(0.5), kind(TURN * 2.0**-32)
    own = hashed(column & 0xFFFFFFFF, hashed(column >> 32, seed))
    for k in range(bins):
        x = phase[1 + k] if S[1 + k] > limit else fine * kind(np.int32(hashed(k, own)))
        phase[1 + k] = x - turn * np.floor(x * inverse + half)


@kernel
def write_bins(S, phase, args, x, at):
    """S exp(i phase) to its place; x is scratch."""
    V, kind = lanes(S), phase.dtype.type
    turn, inverse, half = kind(TURN), kind(1 / TURN), kind(0.5)
    for k in range(args.bins):
        angle = phase[1 + k] - args.middle[k]
        x[k] = angle - turn * np.floor(angle * inverse + half)
    make_real(x, int64(0), args.bins, args.odd)
    for k in range(0, args.bins, V):
        sine, cosine = sine_cosine(load(x, k))
        size, count = load(S, 1 + k), min(V, args.bins - k)
        re, im = size * cosine, size * sine
        store_partial(args.spectra, at + 2 * k, zip_low(re, im), min(V, 2 * count))
        if 2 * count > V:
            store_partial(args.spectra, at + 2 * k + V, zip_high(re, im), 2 * count - V)


@task("recovery")
def run_steps(item, worker, record, scratch):
    """Steps first .. last - 1 of one signal: in step i frame i comes, and frame i - look_ahead gets its phases."""
    args = unpack_args(scratch, record)
    before, current, after, phase, t_before = carve(args.state, item, state_sizes(args))
    t, f, d, x = carve(scratch, worker, scratch_sizes(args))
    for i in range(args.first, args.last):
        push_frame(i, item, args, before, current, after)
        column = i - args.look_ahead
        if column < 0:
            continue
        top = max(loudest(current, args.bins), loudest(before, args.bins))
        low = max(top * args.floor, args.tiny)
        slope_in_time(current, args, low, t)
        S_before = before if column else current
        if args.look_ahead:
            low = max(low, loudest(after, args.bins) * args.floor)
            slope_in_frequency(S_before, after, args, low, args.time_factor, f)
        else:
            slope_in_frequency(S_before, current, args, low, 2 * args.time_factor, f)
        limit = top * args.tolerance
        look_down(before, current, args.bins, limit, d)
        integrate(before, current, t_before if column else t, t, f, d, args.bins, limit, phase)
        wrap_phases(column, args.seeds[item], current, args.bins, limit, phase)
        copy(t, int64(0), t_before, int64(0), args.row_stride)
        write_bins(current, phase, args, x, (item * args.columns + column - args.first_column) * 2 * args.bins)
