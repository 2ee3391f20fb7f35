"""Signals made frame by frame, each frame shifted to where it best fits what the frames before it add up to.

Of frame m only magnitudes S[k] are known: x = irfft(S) is one signal that has them, even about sample 0, and so is each
circular shift of it.  With C the sum of the windowed frames so far, E that of their squared windows, F a small part of
those of this frame and of all that are still to come, and v the window over its largest value, the frame becomes

    w[j] x[(j - o) mod n_fft],    o = argmax R,    R = irfft(rfft(v^4 z) S),    z[j] = C[j] / (E[j] + F[j]),

where R[o] is the circular correlation, sum over j of v[j]^4 z[j] x[(j - o) mod n_fft], S being real.

A group's signals have a lane each: sample j of them is tile[j lanes + lane].  Their sums lie in rows, one a signal, in
which a shifted frame is two runs.
"""

from typing import NamedTuple

from ..fft.realfft import BINS, COMPLEX
from ..fft.tables import Tables
from ..framing.polyphase import clear, copy, multiply, transpose
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import (
    lanes,
    load,
    load_partial,
    maximum,
    select_greater,
    select_not_equal,
    splat,
    store,
    store_partial,
)


class ShiftArrays(NamedTuple):
    """Memory of signals that are sums of shifted frames."""

    y: Reals  # the signals
    S: Reals  # magnitudes
    offsets: Ints  # where frame 0 of each signal stands in them
    gains: Reals  # of each signal, what brings it to about 1, in whole groups
    state: Reals  # of each group of signals, what one frame leaves for the next
    ahead: Reals  # what the frame at hand and those to come add to the sum of squares
    window: Reals


class ShiftArgs(NamedTuple):
    """Sizes and strides."""

    hop: int
    n_fft: int
    signals: int
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    frame_stride: int  # from one frame to the next in S
    bin_stride: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    row_stride: int  # of the sums: whole vectors of n_fft samples, and one more
    fft_elements: int  # complex elements of scratch for the transform
    least_energy: Number  # a sum of squares that is no larger does not divide


LAYOUT = Layout(ShiftArrays, Tables, ShiftArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers


@register_jitable
def state_sizes(args, V):
    """Real numbers of a group's state: rows of the sums, sum of squared windows, what makes z of the sums."""
    return V * args.row_stride, args.n_fft, args.n_fft


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: tile, its rows, transform, bins, magnitudes, shifts, weights."""
    bins = (args.n_fft // 2 + 1) * V
    return V * args.row_stride, V * args.row_stride, 2 * V * args.fft_elements, 2 * bins, bins, V, args.n_fft


@kernel
def load_frame(m, group, arrays, args, count, mag):
    """The magnitudes of frame m, bin k at mag[k lanes]."""
    V = lanes(mag)
    for lane in range(count):
        at = arrays.offsets[group * V + lane] + m * args.frame_stride
        for k in range(args.n_fft // 2 + 1):
            mag[k * V + lane] = arrays.S[at + k * args.bin_stride]


@kernel
def estimate(sums, table, gain, args, tile):
    """z gain, from rows to a tile."""
    noinline()
    V = lanes(tile)
    for j in range(0, args.n_fft, V):
        transpose(sums, j, args.row_stride, tile, j * V, V, V)
    for j in range(args.n_fft):
        store(tile, j * V, load(tile, j * V) * (gain * splat(tile, table[j])))


@kernel
def multiply_bins(mag, gain, bins):
    """bins mag gain."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at) * gain
        store(bins, 2 * at, load(bins, 2 * at) * level)
        store(bins, 2 * at + V, load(bins, 2 * at + V) * level)


@kernel
def zero_phase_bins(mag, bins):
    """Bins of these magnitudes and phase 0."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at)
        store(bins, 2 * at, level)
        store(bins, 2 * at + V, level - level)


@kernel
def first_largest(tile, n, shifts):
    """Where each lane is largest, the first of equal places; n // 2 if that is 0, where there is nothing to fit."""
    V, zero = lanes(tile), int64(0)
    best, place = load(tile, zero), splat(tile, tile.dtype.type(0))
    for j in range(1, n):
        value = load(tile, j * V)
        place = select_greater(value, best, splat(tile, tile.dtype.type(j)), place)
        best = maximum(value, best)
    middle, zero_lanes = splat(tile, tile.dtype.type(n // 2)), splat(tile, tile.dtype.type(0))
    store(shifts, zero, select_not_equal(best, zero_lanes, place, middle))


@kernel
def add_windowed(x, i, w, k, out, o, count):
    """out[o + j] += x[i + j] w[k + j] for j < count."""
    V, j = lanes(x), 0
    while j + V <= count:
        store(out, o + j, load(out, o + j) + load(x, i + j) * load(w, k + j))
        j += V
    if j < count:
        remaining = count - j
        samples = load_partial(x, i + j, remaining) * load_partial(w, k + j, remaining)
        store_partial(out, o + j, load_partial(out, o + j, remaining) + samples, remaining)


@kernel
def add_frames(rows, shifts, arrays, args, count, sums, energy_sums):
    """Each frame, shifted and windowed, is added to the row of its signal."""
    noinline()
    n = args.n_fft
    for lane in range(count):
        row, shift = lane * args.row_stride, int64(shifts[lane])
        add_windowed(rows, row + n - shift, arrays.window, int64(0), sums, row, shift)
        add_windowed(rows, row, arrays.window, shift, sums, row + shift, n - shift)
    for j in range(n):
        energy_sums[j] += arrays.window[j] * arrays.window[j]


@kernel
def update_weights(energy_sums, ahead, least_energy, table):
    """table = 1 / (past + ahead)."""
    for j in range(table.size):
        total = energy_sums[j] + ahead[j]
        table[j] = 1 / total if total > least_energy else table.dtype.type(1)


@kernel
def write_out(group, m, rows, arrays, args, count, sums, energy_sums, weights):
    """Samples of the first rows of the sums, to which nothing will be added, to their place in the waves."""
    noinline()
    V, begin = lanes(sums), m * args.hop
    for j in range(rows):
        weights[j] = 1 / energy_sums[j] if energy_sums[j] > args.least_energy else energy_sums.dtype.type(1)
    a, b = max(0, args.start - begin), min(rows, args.start + args.length - begin)
    if a < b:
        for lane in range(count):
            at = (group * V + lane) * args.length + begin + a - args.start
            multiply(sums, lane * args.row_stride + a, weights, a, arrays.y, at, b - a)


@kernel
def shift(args, count, sums, energy_sums):
    """The sums as the next frame sees them."""
    step = min(args.hop, args.n_fft)
    remaining = args.n_fft - step
    for lane in range(count):
        row = lane * args.row_stride
        copy(sums, row + step, sums, row, remaining)
        clear(sums, row + remaining, step)
    copy(energy_sums, step, energy_sums, int64(0), remaining)
    clear(energy_sums, remaining, step)


@task("recovery")
def run_steps(item, worker, record, scratch):
    """Steps first .. last - 1 of one group of signals, a frame each; after the last frame one more gives the rest."""
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    V, zero = lanes(scratch), int64(0)
    sums, energy_sums, table = carve(arrays.state, item, state_sizes(args, V))
    tile, rows, work, bins, mag, shifts, weights = carve(scratch, worker, scratch_sizes(args, V))
    count, gain, step = min(V, args.signals - item * V), load(arrays.gains, item * V), min(args.hop, args.n_fft)
    clear(mag, zero, mag.size)
    for m in range(args.first, min(args.last, args.total)):
        if m * step < args.n_fft:  # later on it stays as it is
            update_weights(energy_sums, arrays.ahead, args.least_energy, table)
        load_frame(m, item, arrays, args, count, mag)
        estimate(sums, table, gain, args, tile)
        call(p.forward, (int64(COMPLEX), tile, zero, p, work, bins))
        multiply_bins(mag, gain, bins)
        call(p.inverse, (int64(BINS), tile, zero, p, work, mag, zero, args.least_energy, bins, tile))
        first_largest(tile, args.n_fft, shifts)
        zero_phase_bins(mag, bins)
        call(p.inverse, (int64(BINS), tile, zero, p, work, mag, zero, args.least_energy, bins, tile))
        transpose(tile, zero, V, rows, zero, args.row_stride, args.n_fft)
        add_frames(rows, shifts, arrays, args, count, sums, energy_sums)
        write_out(item, m, step, arrays, args, count, sums, energy_sums, weights)
        shift(args, count, sums, energy_sums)
    if args.last > args.total:
        write_out(item, args.total, args.n_fft - step, arrays, args, count, sums, energy_sums, weights)
