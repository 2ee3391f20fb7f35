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
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker
from ..simd.log import log10
from ..simd.trig import sine_cosine
from ..simd.vector import lane_max, lanes, load, maximum, splat, store, store_part, zip_high, zip_low
from .phase import hashed, make_real


class Integration(NamedTuple):
    """Signals whose phases are found frame by frame: memory and sizes."""

    spectra: np.ndarray  # (signals, columns, 2 bins): real and imaginary parts
    given: np.ndarray  # magnitudes
    state: np.ndarray  # of each signal, what one frame leaves for the next
    advance: np.ndarray  # half of what each bin's phase advances a frame
    middle: np.ndarray  # how far the phase about the window's middle is ahead
    seeds: np.ndarray  # of each signal
    bins: int
    odd: int  # n_fft % 2
    look_ahead: int
    width: int  # from a row of state and scratch to the next
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    origin: int  # where frame 0 of the first signal stands in `given`, or would, were it there
    signal_step: int
    bin_step: int
    frame_step: int
    begin: int  # columns begin .. begin + columns - 1 are written
    columns: int
    scratch: int  # real numbers of scratch a thread
    tolerance: float | np.floating
    floor: float | np.floating  # levels are at least so much of the loudest,
    tiny: float | np.floating  # and this
    along: float | np.floating  # factors of the slopes
    across: float | np.floating


unpack_integration = _unpacker(Integration, 0)  # for `rtpghi`


TURN = 2 * math.pi
KEPT = 5
"""Rows of a signal's state: magnitudes of frames n - 1, n, n + 1; phases and halves of the slope in time of n - 1."""
NEEDED = 4
"""Rows of scratch."""


@kernel
def enter(i, s, p, before, here, after):
    """Frame i becomes the newest; past the last frame that is repeated."""
    zero = int64(0)
    copy(here, zero, before, zero, p.width)
    if p.look_ahead:
        copy(after, zero, here, zero, p.width)
    newest = after if p.look_ahead else here
    if i < p.total:
        at = p.origin + s * p.signal_step + i * p.frame_step
        for k in range(p.bins):
            newest[1 + k] = p.given[at + k * p.bin_step]
        newest[0] = newest[2]
        newest[1 + p.bins] = newest[p.bins - 1 + p.odd]


@kernel
def loudest(S, bins):
    """The largest magnitude of a row."""
    V, top = lanes(S), splat(S, S.dtype.type(0))
    for k in range(0, bins, V):
        top = maximum(load(S, 1 + k), top)
    return lane_max(top)


@kernel
def slope_in_time(S, p, low, t):
    """Half of the phase's derivative, in radians a frame: see `pghi.slopes`."""
    V, least = lanes(S), splat(S, low)
    for k in range(0, p.bins, V):
        ratio = maximum(load(S, 2 + k), least) / maximum(load(S, k), least)
        store(t, 1 + k, load(p.advance, k) + log10(ratio) * p.along)


@kernel
def slope_in_frequency(one, other, p, low, across, f):
    """Half of the derivative in radians a bin, from the magnitudes of two frames."""
    V, least = lanes(f), splat(f, low)
    for k in range(0, p.bins, V):
        store(f, 1 + k, log10(maximum(load(other, 1 + k), least) / maximum(load(one, 1 + k), least)) * across)


@kernel
def look_down(before, S, bins, limit, d):
    """How loud the way to each bin from above is; -1 where there is none."""
    way = S.dtype.type(-1)
    for j in range(bins, 0, -1):
        d[j] = way
        way = min(S[j], max(before[j], way)) if S[j] > limit else S.dtype.type(-1)


@kernel
def spread(before, S, t_before, t, f, d, bins, limit, phase):
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
def settle(column, seed, S, bins, limit, phase):
    """Less whole turns; random, from a hash of the frame's number and the bin, where S is not above the limit."""
    kind = phase.dtype.type
    turn, inverse, half, fine = kind(TURN), kind(1 / TURN), kind(0.5), kind(TURN * 2.0**-32)
    own = hashed(column & 0xFFFFFFFF, hashed(column >> 32, seed))
    for k in range(bins):
        x = phase[1 + k] if S[1 + k] > limit else fine * kind(np.int32(hashed(k, own)))
        phase[1 + k] = x - turn * np.floor(x * inverse + half)


@kernel
def write(S, phase, p, x, at):
    """S exp(i phase) to its place; x is scratch."""
    V, kind = lanes(S), phase.dtype.type
    turn, inverse, half = kind(TURN), kind(1 / TURN), kind(0.5)
    for k in range(p.bins):
        angle = phase[1 + k] - p.middle[k]
        x[k] = angle - turn * np.floor(angle * inverse + half)
    make_real(x, int64(0), p.bins, p.odd)
    for k in range(0, p.bins, V):
        sine, cosine = sine_cosine(load(x, k))
        size, count = load(S, 1 + k), min(V, p.bins - k)
        re, im = size * cosine, size * sine
        store_part(p.spectra, at + 2 * k, zip_low(re, im), min(V, 2 * count))
        if 2 * count > V:
            store_part(p.spectra, at + 2 * k + V, zip_high(re, im), 2 * count - V)


def steps(s, slot, record, scratch):
    """Steps p.first .. p.last - 1 of signal s: in step i frame i comes, and frame i - look_ahead gets its phases."""
    p = unpack_integration(scratch, record)
    w, a, b = p.width, s * KEPT * p.width, slot * p.scratch
    before, here, after = p.state[a : a + w], p.state[a + w : a + 2 * w], p.state[a + 2 * w : a + 3 * w]
    phase, t_before = p.state[a + 3 * w : a + 4 * w], p.state[a + 4 * w : a + 5 * w]
    t, f = scratch[b : b + w], scratch[b + w : b + 2 * w]
    d, x = scratch[b + 2 * w : b + 3 * w], scratch[b + 3 * w : b + 4 * w]
    for i in range(p.first, p.last):
        enter(i, s, p, before, here, after)
        column = i - p.look_ahead
        if column < 0:
            continue
        top = max(loudest(here, p.bins), loudest(before, p.bins))
        low = max(top * p.floor, p.tiny)
        slope_in_time(here, p, low, t)
        if p.look_ahead:
            low = max(low, loudest(after, p.bins) * p.floor)
            slope_in_frequency(before if column else here, after, p, low, p.across, f)
        else:
            slope_in_frequency(before if column else here, here, p, low, 2 * p.across, f)
        limit = top * p.tolerance
        look_down(before, here, p.bins, limit, d)
        spread(before, here, t_before if column else t, t, f, d, p.bins, limit, phase)
        settle(column, p.seeds[s], here, p.bins, limit, phase)
        copy(t, int64(0), t_before, int64(0), p.width)
        write(here, phase, p, x, (s * p.columns + column - p.begin) * 2 * p.bins)
