"""Kernels of phase recovery: a round goes from signal to signal, and everything between stays in the caches.

A strip of the signal is laid on its side, its frames are transformed, their bins are moved towards what is known of
them, transformed back and added up, all by one worker; strips and their tails are those of `synthesis`.  Steps between
one signal and the next are linear, so they are taken on signals, not on spectra: STFT(a x + b y) = a STFT(x) +
b STFT(y).  Only methods whose spectra are not those of signals, RELAXED, keep one complex number a bin.
"""

from typing import NamedTuple

import numpy as np

from ..features.levels import OTHER, ROOT, Rows, filtered
from ..fft.realfft import BINS, COMPLEX, PHASES, POWER
from ..framing.polyphase import Line, fill, overlap_add, polyphase
from ..runtime.calls import call, out_of_line
from ..runtime.jit import int64, kernel
from ..runtime.layout import _unpacker, places
from ..simd.vector import lanes, load, load_part, maximum, splat, sqrt, store, store_part
from ..stft.overlap_add import _AFTER, PIECE, carve, finish, unpack_synthesis, unpack_tables, unpack_waves


class Round(NamedTuple):
    """A round of phase recovery: which signals are analysed, what is made of their bins, and what is kept of signals.

    The frames analysed are those of now_gain now + before_gain before; what they add up to becomes
    kept_now previous + kept_before before + it.
    """

    kind: int  # rounds.MAGNITUDES, RELAXED or FILTERED
    shape: int  # frames.SQUARE, ROOT or OTHER: which levels powers become
    back_shape: int  # from the ratio of levels to that of magnitudes
    n: int  # samples of a signal
    left: int  # of them, in `edges`, before and after
    right: int
    tiles: int  # of a signal
    filters: int
    room: int  # real numbers of scratch beside those of `synthesis`
    now: np.ndarray
    before: np.ndarray
    edges: np.ndarray
    state: np.ndarray  # complex bins in lanes, tile by tile, of RELAXED
    peaks: np.ndarray  # `misfit` of each lane of each tile
    now_gain: float | np.floating
    before_gain: float | np.floating
    kept_now: float | np.floating
    kept_before: float | np.floating
    from_state: float | np.floating  # see `rounds.relax`
    from_found: float | np.floating
    to_set: float | np.floating
    to_state: float | np.floating
    to_found: float | np.floating
    out_set: float | np.floating
    out_state: float | np.floating
    exponent: float | np.floating  # of a power, for OTHER
    back_exponent: float | np.floating


unpack_round = _unpacker(Round, _AFTER)  # these after those of `synthesis`, for `rounds`
unpack_round_bank = _unpacker(Rows, _AFTER + places(Round))
unpack_round_back = _unpacker(Rows, _AFTER + places(Round) + places(Rows))


MAGNITUDES, RELAXED, FILTERED = 0, 1, 2
"""What is made of bins: they get their magnitudes; a mixture, see `relax`; or levels that filters give, see `fit`."""

PASSES = 2
"""Steps of `fit` in a round."""


@kernel
def add_scaled(x, i, gain, out, o, count):
    """out[o + k] += gain x[i + k] for k < count."""
    V, k = lanes(out), 0
    times = splat(out, gain)
    while k + V <= count:
        store(out, o + k, load(out, o + k) + load(x, i + k) * times)
        k += V
    if k < count:
        store_part(out, o + k, load_part(out, o + k, count - k) + load_part(x, i + k, count - k) * times, count - k)


@kernel
def lay_mixture(b, first, turn, job, laid, room, work):
    """The strip of frames `first` and on of signal b of turn.now_gain now + turn.before_gain before."""
    out_of_line()
    zero, n, one = int64(0), turn.n, laid.dtype.type(1)
    line = Line(
        turn.now, b * n, turn.edges, b * (turn.left + turn.right), n, turn.left, turn.right, one - one, turn.now_gain
    )
    s = first * job.step - job.start
    if turn.before_gain == 0:
        polyphase(line, s, job.step, job.rows, laid, job.lead, work)
        return
    count = (job.lead - 1) * job.step + job.rows
    fill(line, s, room, zero, count)
    low, high = max(s, zero), min(s + count, n)
    add_scaled(turn.before, b * n + low, turn.before_gain, room, low - s, high - low)
    mixed = Line(room, zero, room, zero, count, zero, zero, one - one, one)
    polyphase(mixed, zero, job.step, job.rows, laid, job.lead, work)


@kernel
def relax(c, bins, state, at, mag, m, turn, least):
    """A step of RAAR or ADMM on the bins of a tile, of which c holds those that were found.

    With P(z) = S z / |z|:  state <- to_set P(from_state state + from_found found) + to_state state + to_found found,
    c <- out_set P(state) + out_state state.
    """
    out_of_line()
    V = lanes(c)
    low = splat(c, least)
    for k in range(bins):
        i = 2 * V * k
        size = load(mag, m + V * k)
        qr, qi, vr, vi = load(c, i), load(c, i + V), load(state, at + i), load(state, at + i + V)
        zr, zi = vr * turn.from_state + qr * turn.from_found, vi * turn.from_state + qi * turn.from_found
        gain = size / maximum(sqrt(zr * zr + zi * zi), low) * turn.to_set
        vr = zr * gain + vr * turn.to_state + qr * turn.to_found
        vi = zi * gain + vi * turn.to_state + qi * turn.to_found
        store(state, at + i, vr)
        store(state, at + i + V, vi)
        gain = size / maximum(sqrt(vr * vr + vi * vi), low) * turn.out_set
        store(c, i, vr * gain + vr * turn.out_state)
        store(c, i + V, vi * gain + vi * turn.out_state)


@kernel
def blank(c, rows, count):
    """Lanes from `count` on become 0: they hold frames past the last."""
    V = lanes(c)
    if count < V:
        for i in range(0, V * rows, V):
            store(c, i, load_part(c, i, count))


@kernel
def raise_all(c, count, shape, exponent):
    """`count` vectors of numbers become what `shape` says: themselves, their roots, or powers."""
    V = lanes(c)
    if shape == ROOT:
        for i in range(0, V * count, V):
            store(c, i, sqrt(load(c, i)))
    elif shape == OTHER:
        for i in range(V * count):
            c[i] = c[i] ** exponent


@kernel
def levels_of(c, bins, turn, room):
    """Levels |c|**p of a tile's bins."""
    V = lanes(c)
    for k in range(bins):
        re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
        store(room, V * k, re * re + im * im)
    raise_all(room, bins, turn.shape, turn.exponent)


@kernel
def ratio(target, m, c, i, count, low):
    """c = target / c, `count` vectors from target[m] and c[i]."""
    V = lanes(c)
    for k in range(0, V * count, V):
        store(c, i + k, load(target, m + k) / maximum(load(c, i + k), low))


@kernel
def fit(c, bins, target, m, turn, bank, back, least, room):
    """Bins whose filtered levels come nearer to the target, with the phases that they have.

    PASSES times a <- a B'(target / B a) / B'1, for levels a = |c|**p and filters B, then c gets the new magnitudes.
    """
    out_of_line()
    V = lanes(c)
    levels_of(c, bins, turn, room)
    sums, gains, low = V * bins, V * (bins + turn.filters), splat(c, least)
    all_gains = gains + V * bins
    for n in range(PASSES):
        filtered(room, bank, sums)
        ratio(target, m, room, sums, turn.filters, low)
        filtered(room[sums:], back, gains - sums)
        for k in range(0, V * bins, V):
            gain = load(room, gains + k)
            store(room, k, load(room, k) * gain)
            store(room, all_gains + k, gain if n == 0 else gain * load(room, all_gains + k))
    raise_all(room[all_gains:], bins, turn.back_shape, turn.back_exponent)
    for k in range(bins):
        gain = load(room, all_gains + V * k)
        store(c, 2 * V * k, load(c, 2 * V * k) * gain)
        store(c, 2 * V * k + V, load(c, 2 * V * k + V) * gain)


@kernel
def keep(s, sound, job, turn):
    """wave += turn.kept_now previous + turn.kept_before before, where strip s has written."""
    width = job.group * lanes(sound.wave)
    b, i = s // job.strips, s % job.strips
    first, last = i * width, (i + 1) * width
    if i == job.strips - 1:
        last = job.frames + job.reach - 1
    low, high = max(0, first * job.step - job.start), min(job.length, last * job.step - job.start)
    at = b * job.wave_step + low
    if low < high:
        add_scaled(sound.previous, at, turn.kept_now, sound.wave, at, high - low)
        add_scaled(turn.before, at, turn.kept_before, sound.wave, at, high - low)


def strip(s, slot, record, scratch):
    """Strip s of all signals; scratch row `slot` is ours alone.  The record holds what `synthesis` unpacks, and Round.

    Magnitudes and mels stand tile by tile in `given`: in the order of `plan.pairs`, of bins, or of filters.
    """
    out_of_line()
    sound, t = unpack_waves(scratch, record), unpack_tables(scratch, record)
    job, turn = unpack_synthesis(scratch, record), unpack_round(scratch, record)
    V = lanes(scratch)
    laid, work, y, bins, _tmp = carve(scratch, slot, job, V)
    end = (slot + 1) * job.scratch
    piece = scratch[end - PIECE * V : end]
    o = scratch[end - PIECE * V - job.sums : end - PIECE * V]
    room = scratch[end - PIECE * V - job.sums - turn.room : end - PIECE * V - job.sums]
    o[:] = 0
    b, first = s // job.strips, s % job.strips * job.group * V
    lay_mixture(b, first, turn, job, laid, room, work)
    for f in range(0, min(job.group * V, job.frames - first), V):
        at = b * job.signal_step + (first + f) * job.frame_step
        if turn.kind == MAGNITUDES:
            call(t.inverse, (int64(PHASES), laid, f, t, work, sound.given, at, job.least, bins, y))
        else:
            call(t.forward, (int64(COMPLEX), laid, f, t, work, bins))
            blank(bins, 2 * job.bins, job.frames - first - f)
            if turn.kind == RELAXED:
                place = 2 * job.bins * (b * turn.tiles * V + first + f)
                relax(bins, job.bins, turn.state, place, sound.given, at, turn, job.least)
            else:
                bank, back = unpack_round_bank(scratch, record), unpack_round_back(scratch, record)
                fit(bins, job.bins, sound.given, at, turn, bank, back, job.least, room)
            call(t.inverse, (int64(BINS), laid, f, t, work, sound.given, at, job.least, bins, y))
        overlap_add(y, int64(0), V, job.size, o, f, job.step, job.sum_lead)
    finish(s, sound, job, o, piece)
    if turn.kept_now != 0 or turn.kept_before != 0:
        keep(s, sound, job, turn)


def misfit(s, slot, record, scratch):
    """peaks[tile lanes + lane] = sum over rows of (level - target)**2, of the frames of strip s.

    Of MAGNITUDES and RELAXED, whose targets then stand in the order of bins, |X|; of FILTERED, filtered levels.
    """
    out_of_line()
    sound, t = unpack_waves(scratch, record), unpack_tables(scratch, record)
    job, turn = unpack_synthesis(scratch, record), unpack_round(scratch, record)
    V = lanes(scratch)
    laid, work, _y, _bins, _tmp = carve(scratch, slot, job, V)
    end = (slot + 1) * job.scratch - PIECE * V - job.sums
    room = scratch[end - turn.room : end]
    b, first = s // job.strips, s % job.strips * job.group * V
    lay_mixture(b, first, turn, job, laid, room, work)
    for f in range(0, min(job.group * V, job.frames - first), V):
        call(t.forward, (int64(POWER), laid, f, t, work, room))
        raise_all(room, job.bins, turn.shape, turn.exponent)
        rows, at = job.bins, int64(0)
        if turn.kind == FILTERED:
            at, rows = V * job.bins, turn.filters
            filtered(room, unpack_round_bank(scratch, record), at)
        m = b * job.signal_step + (first + f) * job.frame_step
        total = splat(scratch, scratch.dtype.type(0))
        for k in range(0, V * rows, V):
            gap = load(room, at + k) - load(sound.given, m + k)
            total = total + gap * gap
        store(turn.peaks, b * turn.tiles * V + first + f, total)
