"""A round of iterative phase recovery, Griffin-Lim and its kin, from signal to signal; spectra stay in the caches.

A worker transforms the frames of a strip, gives their bins the target's magnitudes (or brings them nearer to its
filtered levels), transforms back and overlap-adds; strips and tails are those of `stft.overlap_add`.  Momentum steps
are linear, so they are taken on signals, not on spectra: STFT(a x + b y) = a STFT(x) + b STFT(y).  Only RELAXED
methods, whose iterates are not spectra of signals, keep a complex number a bin from round to round.
"""

from typing import NamedTuple

from ..features.levels import EXPONENT, ROOT, Bands, apply_filters
from ..fft.realfft import BINS, COMPLEX, PHASES, POWER, synthesize
from ..fft.tables import Tables
from ..framing.polyphase import Signal, overlap_add, polyphase, read_padded
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel
from ..runtime.layout import Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_partial, maximum, splat, sqrt, store, store_partial
from ..stft.overlap_add import OverlapAddArgs, OverlapAddArrays, scratch_sizes, write_strip

MAGNITUDES, RELAXED, FILTERED = 0, 1, 2
"""`RoundArgs.kind`: bins get the target's magnitudes, are relaxed (`relax`), or fit filtered levels (`fit_levels`)."""

FIT_STEPS = 2
"""Multiplicative updates of `fit_levels` in a round."""


class RoundArgs(NamedTuple):
    """A round: y = kept_now previous + kept_before before + ISTFT(P2(STFT(now_gain now + before_gain before))).

    P2 changes the bins as `kind` says; the coefficients of each method: see `recovery.methods`.
    """

    kind: int  # MAGNITUDES, RELAXED or FILTERED
    shape: int  # levels.SQUARE, ROOT or EXPONENT: powers -> levels
    inverse_shape: int  # ratios of levels -> ratios of magnitudes
    n: int  # samples of a signal
    left: int  # samples of padding before each signal, in `edges`
    right: int  # and after it
    tiles: int  # of a signal
    filters: int
    now: Reals  # signals of this round
    before: Reals  # signals of the round before
    edges: Reals  # padding of now_gain now + before_gain before, left + right samples a signal
    state: Reals  # of RELAXED: complex bins in lanes, tile by tile
    squared_errors: Reals  # of each frame, see `measure_strip`
    now_gain: Number
    before_gain: Number
    kept_now: Number
    kept_before: Number
    from_state: Number  # this and the six below: see `relax`
    from_consistent: Number
    to_set: Number
    to_state: Number
    to_consistent: Number
    out_set: Number
    out_state: Number
    exponent: Number  # of a power, if shape is EXPONENT
    inverse_exponent: Number  # of a ratio of levels, if inverse_shape is EXPONENT


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs, RoundArgs, Bands, Bands)
unpack_arrays, unpack_tables, unpack_args, unpack_round, unpack_filters, unpack_adjoint = LAYOUT.unpackers


@kernel
def add_scaled(x, i, gain, out, o, count):
    """out[o + k] += gain x[i + k] for k < count."""
    V, k = lanes(out), 0
    factor = splat(out, gain)
    while k + V <= count:
        store(out, o + k, load(out, o + k) + load(x, i + k) * factor)
        k += V
    if k < count:
        store_partial(
            out, o + k, load_partial(out, o + k, count - k) + load_partial(x, i + k, count - k) * factor, count - k
        )


@kernel
def load_mixture(b, first, args, round_args, strip, extra, work):
    """The strip that begins with frame `first` of signal b of now_gain now + before_gain before."""
    noinline()
    zero, n, unit = int64(0), round_args.n, strip.dtype.type(1)
    left, right = round_args.left, round_args.right
    now = Signal(
        round_args.now, b * n, round_args.edges, b * (left + right), n, left, right, unit - unit, round_args.now_gain,
        False,
    )  # fmt: skip
    s = first * args.hop - args.start
    if round_args.before_gain == 0:
        polyphase(now, s, args.hop, args.rows, strip, args.strip_stride, work)
        return
    count = (args.strip_stride - 1) * args.hop + args.rows
    read_padded(now, s, extra, zero, count)
    low, high = max(s, zero), min(s + count, n)
    add_scaled(round_args.before, b * n + low, round_args.before_gain, extra, low - s, high - low)
    mixed = Signal(extra, zero, extra, zero, count, zero, zero, unit - unit, unit, False)
    polyphase(mixed, zero, args.hop, args.rows, strip, args.strip_stride, work)


@kernel
def relax(c, state, at, mag, m, args, round_args):
    """A step of RAAR or ADMM on the bins c of a tile of the signal's frames: state[at:], magnitudes mag[m:].

    With P2(z) = S z / |z|:

        state <- to_set P2(from_state state + from_consistent c) + to_state state + to_consistent c
        c     <- out_set P2(state) + out_state state
    """
    noinline()
    V = lanes(c)
    low = splat(c, args.least)
    for k in range(args.bins):
        i = 2 * V * k
        magnitude = load(mag, m + V * k)
        qr, qi, vr, vi = load(c, i), load(c, i + V), load(state, at + i), load(state, at + i + V)
        zr = vr * round_args.from_state + qr * round_args.from_consistent
        zi = vi * round_args.from_state + qi * round_args.from_consistent
        gain = magnitude / maximum(sqrt(zr * zr + zi * zi), low) * round_args.to_set
        vr = zr * gain + vr * round_args.to_state + qr * round_args.to_consistent
        vi = zi * gain + vi * round_args.to_state + qi * round_args.to_consistent
        store(state, at + i, vr)
        store(state, at + i + V, vi)
        gain = magnitude / maximum(sqrt(vr * vr + vi * vi), low) * round_args.out_set
        store(c, i, vr * gain + vr * round_args.out_state)
        store(c, i + V, vi * gain + vi * round_args.out_state)


@kernel
def clear_lanes(c, rows, count):
    """Set lanes from `count` on, which hold frames past the last, to 0."""
    V = lanes(c)
    if count < V:
        for i in range(0, V * rows, V):
            store(c, i, load_partial(c, i, count))


@kernel
def apply_shape(c, count, shape, exponent):
    """`count` vectors, in place: x, sqrt x or x**exponent for the shapes SQUARE, ROOT and EXPONENT."""
    V = lanes(c)
    if shape == ROOT:
        for i in range(0, V * count, V):
            store(c, i, sqrt(load(c, i)))
    elif shape == EXPONENT:
        for i in range(V * count):
            c[i] = c[i] ** exponent


@kernel
def compute_levels(c, bins, round_args, levels):
    """levels = |c|**p of a tile's bins."""
    V = lanes(c)
    for k in range(bins):
        re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
        store(levels, V * k, re * re + im * im)
    apply_shape(levels, bins, round_args.shape, round_args.exponent)


@kernel
def divide_target(target, c, i, count, low):
    """c[i + k] = target[k] / max(c[i + k], low) for `count` vectors."""
    V = lanes(c)
    for k in range(0, V * count, V):
        store(c, i + k, load(target, k) / maximum(load(c, i + k), low))


@kernel
def fit_levels(c, target, args, round_args, filters, adjoint, levels):
    """Bring the filtered levels of bins nearer to those of the target; the phases of the bins stay.

    FIT_STEPS times a <- a B'(target / B a) / B'1, for levels a = |c|**p and filters B; then c gets the new magnitudes.
    This is the multiplicative update of the Kullback-Leibler divergence (Lee & Seung, NIPS 13, 2001).
    """
    noinline()
    V, bins = lanes(c), args.bins
    compute_levels(c, bins, round_args, levels)
    sums, gains, low = V * bins, V * (bins + round_args.filters), splat(c, args.least)
    total_gains = gains + V * bins
    for n in range(FIT_STEPS):
        apply_filters(levels, filters, sums)
        divide_target(target, levels, sums, round_args.filters, low)
        apply_filters(levels[sums:], adjoint, gains - sums)
        for k in range(0, V * bins, V):
            gain = load(levels, gains + k)
            store(levels, k, load(levels, k) * gain)
            store(levels, total_gains + k, gain if n == 0 else gain * load(levels, total_gains + k))
    apply_shape(levels[total_gains:], bins, round_args.inverse_shape, round_args.inverse_exponent)
    for k in range(bins):
        gain = load(levels, total_gains + V * k)
        store(c, 2 * V * k, load(c, 2 * V * k) * gain)
        store(c, 2 * V * k + V, load(c, 2 * V * k + V) * gain)


@kernel
def add_linear_terms(item, arrays, args, round_args):
    """y += kept_now previous + kept_before before for the samples of the strip."""
    width = args.strip_tiles * lanes(arrays.y)
    b, i = item // args.strips, item % args.strips
    first, stop = i * width, (i + 1) * width
    if i == args.strips - 1:
        stop = args.frames + args.reach - 1
    low, high = max(0, first * args.hop - args.start), min(args.length, stop * args.hop - args.start)
    at = b * args.y_stride + low
    if low < high:
        add_scaled(arrays.previous, at, round_args.kept_now, arrays.y, at, high - low)
        add_scaled(round_args.before, at, round_args.kept_before, arrays.y, at, high - low)


@task("recovery")
def round_strip(item, worker, record, scratch):
    """One strip of a round.

    `spectra` holds the targets tile by tile: magnitudes in the order of `tables.bin_order` for MAGNITUDES, in that of
    bins for RELAXED; levels in the order of filters for FILTERED.
    """
    noinline()
    arrays, p = unpack_arrays(scratch, record), unpack_tables(scratch, record)
    args, round_args = unpack_args(scratch, record), unpack_round(scratch, record)
    V = lanes(scratch)
    strip, work, y, bins, _tmp, extra, o, rows = carve(scratch, worker, scratch_sizes(args, V))
    o[:] = 0
    b, first = item // args.strips, item % args.strips * args.strip_tiles * V
    load_mixture(b, first, args, round_args, strip, extra, work)
    for f in range(0, min(args.strip_tiles * V, args.frames - first), V):
        at = b * args.signal_stride + (first + f) * args.frame_stride
        if round_args.kind == MAGNITUDES:
            synthesize(int64(PHASES), strip, f, p, work, arrays.spectra, at, args.least, bins, y)
        else:
            call(p.forward, (int64(COMPLEX), strip, f, p, work, bins))
            clear_lanes(bins, 2 * args.bins, args.frames - first - f)
            if round_args.kind == RELAXED:
                state_at = 2 * args.bins * (b * round_args.tiles * V + first + f)
                relax(bins, round_args.state, state_at, arrays.spectra, at, args, round_args)
            else:
                filters, adjoint = unpack_filters(scratch, record), unpack_adjoint(scratch, record)
                fit_levels(bins, arrays.spectra[at:], args, round_args, filters, adjoint, extra)
            synthesize(int64(BINS), strip, f, p, work, arrays.spectra, at, args.least, bins, y)
        overlap_add(y, int64(0), V, args.size, o, f, args.hop, args.sum_stride)
    write_strip(item, arrays, args, o, rows)
    if round_args.kept_now != 0 or round_args.kept_before != 0:
        add_linear_terms(item, arrays, args, round_args)


@task("recovery")
def measure_strip(item, worker, record, scratch):
    """squared_errors[tile lanes + lane] = sum over rows of (level - target)**2, for the frames of one strip.

    Levels are those of bins, in their order, or for FILTERED those of filters.
    """
    noinline()
    arrays, p = unpack_arrays(scratch, record), unpack_tables(scratch, record)
    args, round_args = unpack_args(scratch, record), unpack_round(scratch, record)
    V = lanes(scratch)
    strip, work, _y, _bins, _tmp, levels, _o, _rows = carve(scratch, worker, scratch_sizes(args, V))
    b, first = item // args.strips, item % args.strips * args.strip_tiles * V
    load_mixture(b, first, args, round_args, strip, levels, work)
    for f in range(0, min(args.strip_tiles * V, args.frames - first), V):
        call(p.forward, (int64(POWER), strip, f, p, work, levels))
        apply_shape(levels, args.bins, round_args.shape, round_args.exponent)
        rows, at = args.bins, int64(0)
        if round_args.kind == FILTERED:
            at, rows = V * args.bins, round_args.filters
            apply_filters(levels, unpack_filters(scratch, record), at)
        m = b * args.signal_stride + (first + f) * args.frame_stride
        total = splat(scratch, scratch.dtype.type(0))
        for k in range(0, V * rows, V):
            error = load(levels, at + k) - load(arrays.spectra, m + k)
            total = total + error * error
        store(round_args.squared_errors, b * round_args.tiles * V + first + f, total)
