"""Kernels of phase recovery: a round goes from signal to signal, and everything between stays in the caches.

A strip of the signal is laid on its side, its frames are transformed, their bins are moved towards what is known of
them, transformed back and added up, all by one worker; strips and their tails are those of `synthesis`.  Steps between
one signal and the next are linear, so they are taken on signals, not on spectra: STFT(a x + b y) = a STFT(x) +
b STFT(y).  Only methods whose spectra are not those of signals, RELAXED, keep one complex number a bin.
"""

from typing import NamedTuple

from ..features.levels import EXPONENT, ROOT, Bands, apply_filters
from ..fft.realfft import BINS, COMPLEX, PHASES, POWER
from ..fft.tables import Tables
from ..framing.polyphase import Signal, overlap_add, polyphase, read_padded
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel
from ..runtime.layout import Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_partial, maximum, splat, sqrt, store, store_partial
from ..stft.overlap_add import OverlapAddArgs, OverlapAddArrays, scratch_sizes, write_strip

MAGNITUDES, RELAXED, FILTERED = 0, 1, 2
"""What happens to bins: they get their magnitudes; a mixture, see `relax`; or levels that filters give, see `fit`."""

FIT_STEPS = 2
"""Steps of `fit` in a round."""


class RoundArgs(NamedTuple):
    """A round of phase recovery: which signals are transformed, what happens to their bins, what is kept of signals.

    The frames transformed are those of now_gain now + before_gain before; their sum becomes
    kept_now previous + kept_before before + it.
    """

    kind: int  # MAGNITUDES, RELAXED or FILTERED
    shape: int  # levels.SQUARE, ROOT or EXPONENT: which levels powers become
    inverse_shape: int  # from the ratio of levels to that of magnitudes
    n: int  # samples of a signal
    left: int  # of them, in `edges`, before and after
    right: int
    tiles: int  # of a signal
    filters: int
    now: Reals
    before: Reals
    edges: Reals
    state: Reals  # complex bins in lanes, tile by tile, of RELAXED
    misfits: Reals  # sum of squares of each lane of each tile
    now_gain: Number
    before_gain: Number
    kept_now: Number
    kept_before: Number
    from_state: Number  # see `relax`
    from_consistent: Number
    to_set: Number
    to_state: Number
    to_consistent: Number
    out_set: Number
    out_state: Number
    exponent: Number  # of a power, for EXPONENT
    inverse_exponent: Number


LAYOUT = Layout(OverlapAddArrays, Tables, OverlapAddArgs, RoundArgs, Bands, Bands)
unpack_arrays, unpack_tables, unpack_args, unpack_round, unpack_filters, unpack_adjoint = LAYOUT.unpackers


@kernel
def add_scaled(x, i, gain, out, o, count):
    """out[o + k] += gain x[i + k] for k < count."""
    V, k = lanes(out), 0
    times = splat(out, gain)
    while k + V <= count:
        store(out, o + k, load(out, o + k) + load(x, i + k) * times)
        k += V
    if k < count:
        store_partial(
            out, o + k, load_partial(out, o + k, count - k) + load_partial(x, i + k, count - k) * times, count - k
        )


@kernel
def load_mixture(b, first, args, round_args, strip, extra, work):
    """The strip of frames `first` and on of signal b of now_gain now + before_gain before."""
    noinline()
    zero, n, one = int64(0), round_args.n, strip.dtype.type(1)
    left, right = round_args.left, round_args.right
    now = Signal(
        round_args.now, b * n, round_args.edges, b * (left + right), n, left, right, one - one, round_args.now_gain
    )
    s = first * args.hop - args.start
    if round_args.before_gain == 0:
        polyphase(now, s, args.hop, args.rows, strip, args.strip_stride, work)
        return
    count = (args.strip_stride - 1) * args.hop + args.rows
    read_padded(now, s, extra, zero, count)
    low, high = max(s, zero), min(s + count, n)
    add_scaled(round_args.before, b * n + low, round_args.before_gain, extra, low - s, high - low)
    mixed = Signal(extra, zero, extra, zero, count, zero, zero, one - one, one)
    polyphase(mixed, zero, args.hop, args.rows, strip, args.strip_stride, work)


@kernel
def relax(c, bins, state, at, mag, m, round_args, least):
    """A step of RAAR or ADMM on the bins of a tile, of which c holds those of the signal.

    With P(z) = S z / |z|:  state <- to_set P(from_state state + from_consistent c) + to_state state + to_consistent c,
    c <- out_set P(state) + out_state state.
    """
    noinline()
    V = lanes(c)
    low = splat(c, least)
    for k in range(bins):
        i = 2 * V * k
        size = load(mag, m + V * k)
        qr, qi, vr, vi = load(c, i), load(c, i + V), load(state, at + i), load(state, at + i + V)
        zr = vr * round_args.from_state + qr * round_args.from_consistent
        zi = vi * round_args.from_state + qi * round_args.from_consistent
        gain = size / maximum(sqrt(zr * zr + zi * zi), low) * round_args.to_set
        vr = zr * gain + vr * round_args.to_state + qr * round_args.to_consistent
        vi = zi * gain + vi * round_args.to_state + qi * round_args.to_consistent
        store(state, at + i, vr)
        store(state, at + i + V, vi)
        gain = size / maximum(sqrt(vr * vr + vi * vi), low) * round_args.out_set
        store(c, i, vr * gain + vr * round_args.out_state)
        store(c, i + V, vi * gain + vi * round_args.out_state)


@kernel
def clear_lanes(c, rows, count):
    """Lanes from `count` on become 0: they hold frames past the last."""
    V = lanes(c)
    if count < V:
        for i in range(0, V * rows, V):
            store(c, i, load_partial(c, i, count))


@kernel
def raise_to(c, count, shape, exponent):
    """`count` vectors of numbers become what `shape` says: themselves, their roots, or powers."""
    V = lanes(c)
    if shape == ROOT:
        for i in range(0, V * count, V):
            store(c, i, sqrt(load(c, i)))
    elif shape == EXPONENT:
        for i in range(V * count):
            c[i] = c[i] ** exponent


@kernel
def levels_of(c, bins, round_args, levels):
    """Levels |c|**p of a tile's bins."""
    V = lanes(c)
    for k in range(bins):
        re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
        store(levels, V * k, re * re + im * im)
    raise_to(levels, bins, round_args.shape, round_args.exponent)


@kernel
def ratio(target, m, c, i, count, low):
    """c = target / c, `count` vectors from target[m] and c[i]."""
    V = lanes(c)
    for k in range(0, V * count, V):
        store(c, i + k, load(target, m + k) / maximum(load(c, i + k), low))


@kernel
def fit(c, bins, target, m, round_args, filters, adjoint, least, levels):
    """Bins whose filtered levels come nearer to the target, with the phases that they have.

    FIT_STEPS times a <- a B'(target / B a) / B'1, for levels a = |c|**p and filters B, then c gets the new magnitudes.
    """
    noinline()
    V = lanes(c)
    levels_of(c, bins, round_args, levels)
    sums, gains, low = V * bins, V * (bins + round_args.filters), splat(c, least)
    total_gains = gains + V * bins
    for n in range(FIT_STEPS):
        apply_filters(levels, filters, sums)
        ratio(target, m, levels, sums, round_args.filters, low)
        apply_filters(levels[sums:], adjoint, gains - sums)
        for k in range(0, V * bins, V):
            gain = load(levels, gains + k)
            store(levels, k, load(levels, k) * gain)
            store(levels, total_gains + k, gain if n == 0 else gain * load(levels, total_gains + k))
    raise_to(levels[total_gains:], bins, round_args.inverse_shape, round_args.inverse_exponent)
    for k in range(bins):
        gain = load(levels, total_gains + V * k)
        store(c, 2 * V * k, load(c, 2 * V * k) * gain)
        store(c, 2 * V * k + V, load(c, 2 * V * k + V) * gain)


@kernel
def add_kept(item, arrays, args, round_args):
    """y += kept_now previous + kept_before before, where the strip has been written."""
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

    Magnitudes and mels stand tile by tile in `spectra`: in the order of `tables.bin_order`, of bins, or of filters.
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
            call(p.inverse, (int64(PHASES), strip, f, p, work, arrays.spectra, at, args.least, bins, y))
        else:
            call(p.forward, (int64(COMPLEX), strip, f, p, work, bins))
            clear_lanes(bins, 2 * args.bins, args.frames - first - f)
            if round_args.kind == RELAXED:
                state_at = 2 * args.bins * (b * round_args.tiles * V + first + f)
                relax(bins, args.bins, round_args.state, state_at, arrays.spectra, at, round_args, args.least)
            else:
                filters, adjoint = unpack_filters(scratch, record), unpack_adjoint(scratch, record)
                fit(bins, args.bins, arrays.spectra, at, round_args, filters, adjoint, args.least, extra)
            call(p.inverse, (int64(BINS), strip, f, p, work, arrays.spectra, at, args.least, bins, y))
        overlap_add(y, int64(0), V, args.size, o, f, args.hop, args.sum_stride)
    write_strip(item, arrays, args, o, rows)
    if round_args.kept_now != 0 or round_args.kept_before != 0:
        add_kept(item, arrays, args, round_args)


@task("recovery")
def misfit_strip(item, worker, record, scratch):
    """misfits[tile lanes + lane] = sum over rows of (level - target)**2, of the frames of one strip.

    Of MAGNITUDES and RELAXED, whose targets then stand in the order of bins, |X|; of FILTERED, filtered levels.
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
        raise_to(levels, args.bins, round_args.shape, round_args.exponent)
        rows, at = args.bins, int64(0)
        if round_args.kind == FILTERED:
            at, rows = V * args.bins, round_args.filters
            apply_filters(levels, unpack_filters(scratch, record), at)
        m = b * args.signal_stride + (first + f) * args.frame_stride
        total = splat(scratch, scratch.dtype.type(0))
        for k in range(0, V * rows, V):
            gap = load(levels, at + k) - load(arrays.spectra, m + k)
            total = total + gap * gap
        store(round_args.misfits, b * round_args.tiles * V + first + f, total)
