"""Real-time phase gradient heap integration, without the heap: phases frame by frame.

Frame n takes its phases from those of frame n - 1 and along its own bins (Průša & Søndergaard, "Real-time spectrogram
inversion using phase gradient heap integration", Proc. DAFx-16, 2016; the slopes are those of `pghi`).  The original
begins with all bins of frame n - 1; from the largest bin reached so far it goes on from bin k of frame n - 1 to bin k
of frame n, and from that to bins k - 1 and k + 1, unless these have been reached.  So each bin is reached along the
widest path: the one whose smallest magnitude is largest.  A widest path is one step in time at some bin, then steps
along the bins of frame n, upwards or downwards, so two sweeps find all of them:

    b[k] = max(S[k, n - 1], u[k], d[k]),    u[k] = min(S[k - 1, n], b[k - 1]),    d[k] = min(S[k + 1, n], b[k + 1]),

where u is computed from b = max(S[k, n - 1], u) upwards, and d from b = max(S[k, n - 1], d) downwards, and no path
leads through bins of too small magnitudes.  Where u is as large as both others the phase comes from bin k - 1; else
from frame n - 1 where that is as large as d; else from bin k + 1.  No two neighbours take their phases from each other:
were k reached from k - 1, and k - 1 from k, then u[k] <= b[k - 1] < d[k - 1] <= max(S[k, n - 1], d[k]) <= u[k].

All thresholds are relative to the largest bin of the frames, so magnitudes times a power of two have the same phases.
"""

from typing import NamedTuple

import numpy as np

from ..framing.polyphase import copy
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Layout, Number, Reals, UInt32s, carve
from ..runtime.tasks import task
from ..simd.log import log10
from ..simd.trig import sine_cosine
from ..simd.vector import lane_max, lanes, load, maximum, splat, store, store_partial, zip_high, zip_low
from .phase import TWO_PI, hash32, make_real, wrap_phase


class RtpghiArgs(NamedTuple):
    """Memory, sizes and strides."""

    spectra: Reals  # (signals, columns, 2 bins): real and imaginary parts
    S: Reals  # magnitudes
    state: Reals  # of each signal, kept from frame to frame; see `state_sizes`
    half_advance: Reals  # of each bin, pi hop k / n_fft
    centre_phase: Reals  # of each bin, 2 pi c k / n_fft with the window's centre c
    seeds: UInt32s  # of each signal
    bins: int
    odd: int  # n_fft % 2
    look_ahead: int
    row_stride: int  # from a row of state and scratch to the next
    first: int  # steps first .. last - 1 are computed
    last: int
    total: int  # frames of a signal
    origin: int  # index of frame 0 of the first signal in S, negative if S begins with a later frame
    signal_stride: int
    bin_stride: int
    frame_stride: int
    first_column: int  # columns first_column .. first_column + columns - 1 are written
    columns: int
    tolerance: Number  # magnitudes up to this times the largest of two frames get a random phase
    floor: Number  # slopes take magnitudes to be at least this times the largest,
    tiny: Number  # and at least this
    frequency_factor: Number  # slope in time / difference of log10 S along frequency
    time_factor: Number  # slope in frequency / difference of log10 S along time


LAYOUT = Layout(RtpghiArgs)
(unpack_args,) = LAYOUT.unpackers


@register_jitable
def state_sizes(args):
    """Real numbers of a signal's state: magnitudes of frames n - 1, n, n + 1; phases, half slopes in time of n - 1."""
    w = args.row_stride
    return w, w, w, w, w


@register_jitable
def scratch_sizes(args):
    """Real numbers of scratch: half slopes in time and in frequency, d of the head of this file, angles."""
    w = args.row_stride
    return w, w, w, w


@kernel
def push_frame(i, signal, args, before, current, after):
    """Shift the frames by one, and read frame i; after the last frame that is repeated."""
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
def row_max(S, bins):
    """The largest magnitude of a row."""
    V, top = lanes(S), splat(S, S.dtype.type(0))
    for k in range(0, bins, V):
        top = maximum(load(S, 1 + k), top)
    return lane_max(top)


@kernel
def compute_time_slopes(S, args, low, t):
    """Half of the derivative of the phase in time, radians a frame: see `pghi.compute_slopes`."""
    V, least = lanes(S), splat(S, low)
    for k in range(0, args.bins, V):
        ratio = maximum(load(S, 2 + k), least) / maximum(load(S, k), least)
        store(t, 1 + k, load(args.half_advance, k) + log10(ratio) * args.frequency_factor)


@kernel
def compute_frequency_slopes(S_before, S_after, args, low, factor, f):
    """Half of the derivative of the phase in frequency, radians a bin, from the magnitudes of two frames."""
    V, least = lanes(f), splat(f, low)
    for k in range(0, args.bins, V):
        store(f, 1 + k, log10(maximum(load(S_after, 1 + k), least) / maximum(load(S_before, 1 + k), least)) * factor)


@kernel
def find_downward_paths(before, S, bins, limit, d):
    """d[k]: the smallest magnitude on the widest path from above to each bin; -1 where there is none."""
    width = S.dtype.type(-1)
    for j in range(bins, 0, -1):
        d[j] = width
        width = min(S[j], max(before[j], width)) if S[j] > limit else S.dtype.type(-1)


@kernel
def integrate(before, S, slopes, d, bins, limit, phase):
    """Phases of frame n - 1 become those of frame n, where S is above the limit: from below, before or above.

    The half slopes are those in time of frame n - 1 and of frame n, and those in frequency.
    """
    t_before, t, f = slopes
    width, below = S.dtype.type(-1), S.dtype.type(0)
    for j in range(1, bins + 1):
        if S[j] <= limit:
            width = S.dtype.type(-1)
            continue
        from_before, above = before[j], d[j]
        if width >= max(from_before, above):
            phase[j] = below + (f[j - 1] + f[j])
            d[j] = -1
        elif from_before >= above:
            phase[j] += t_before[j] + t[j]
            d[j] = -1
        below = phase[j]
        width = min(S[j], max(from_before, width))
    for j in range(bins - 1, 0, -1):
        if S[j] > limit and d[j] >= 0:
            phase[j] = phase[j + 1] - (f[j] + f[j + 1])


@kernel
def wrap_phases(column, seed, S, bins, limit, phase):
    """Wrap the phases to -pi .. pi; where S is not above the limit they are from a hash of frame number and bin."""
    kind = phase.dtype.type
    hash_unit = kind(TWO_PI * 2.0**-32)
    frame_seed = hash32(column & 0xFFFFFFFF, hash32(column >> 32, seed))
    for k in range(bins):
        x = phase[1 + k] if S[1 + k] > limit else hash_unit * kind(np.int32(hash32(k, frame_seed)))
        phase[1 + k] = wrap_phase(x, phase)


@kernel
def write_bins(S, phase, args, x, at):
    """spectra[at:] = S exp(i (phase - centre_phase)), real at DC and Nyquist; x is scratch."""
    V = lanes(S)
    for k in range(args.bins):
        x[k] = wrap_phase(phase[1 + k] - args.centre_phase[k], x)
    make_real(x, int64(0), args.bins, args.odd)
    for k in range(0, args.bins, V):
        sine, cosine = sine_cosine(load(x, k))
        magnitude, count = load(S, 1 + k), min(V, args.bins - k)
        re, im = magnitude * cosine, magnitude * sine
        store_partial(args.spectra, at + 2 * k, zip_low(re, im), min(V, 2 * count))
        if 2 * count > V:
            store_partial(args.spectra, at + 2 * k + V, zip_high(re, im), 2 * count - V)


@task("recovery")
def run_steps(item, worker, record, scratch):
    """Steps first .. last - 1 of one signal: step i reads frame i and integrates the phases of frame i - look_ahead."""
    args = unpack_args(scratch, record)
    before, current, after, phase, t_before = carve(args.state, item, state_sizes(args))
    t, f, d, x = carve(scratch, worker, scratch_sizes(args))
    for i in range(args.first, args.last):
        push_frame(i, item, args, before, current, after)
        column = i - args.look_ahead
        if column < 0:
            continue
        top = max(row_max(current, args.bins), row_max(before, args.bins))
        low = max(top * args.floor, args.tiny)
        compute_time_slopes(current, args, low, t)
        S_before = before if column else current
        if args.look_ahead:
            low = max(low, row_max(after, args.bins) * args.floor)
            compute_frequency_slopes(S_before, after, args, low, args.time_factor, f)
        else:
            compute_frequency_slopes(S_before, current, args, low, 2 * args.time_factor, f)
        limit = top * args.tolerance
        find_downward_paths(before, current, args.bins, limit, d)
        integrate(before, current, (t_before if column else t, t, f), d, args.bins, limit, phase)
        wrap_phases(column, args.seeds[item], current, args.bins, limit, phase)
        copy(t, int64(0), t_before, int64(0), args.row_stride)
        write_bins(current, phase, args, x, (item * args.columns + column - args.first_column) * 2 * args.bins)
