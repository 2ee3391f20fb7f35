"""Signals from magnitudes by offsets: each frame is shifted to where it best correlates with the frames before it.

x = irfft(S) of the magnitudes S of frame m is one signal that has them, even about sample 0; all its circular shifts
have them, too.  With C the sum of the windowed frames so far, E that of their squared windows, F a small fraction of
those of frame m and of all later frames, and v the window over its largest value, frame m becomes

    w[j] x[(j - o) mod n_fft],    o = argmax R,    R = irfft(rfft(v^4 z) S),    z[j] = C[j] / (E[j] + F[j]),

where R[o] is the circular correlation, sum over j of v[j]^4 z[j] x[(j - o) mod n_fft], as S is real.

A tile holds one frame of each of its signals: sample j is tile[j lanes + lane].  The sums C lie in rows, one a signal,
in which a shifted frame is two contiguous ranges of samples.
"""

from typing import NamedTuple

from ..fft.realfft import BINS, COMPLEX, synthesize
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
    """Signals, magnitudes, window, and the sums of the frames so far."""

    y: Reals  # the signals
    S: Reals  # magnitudes
    offsets: Ints  # of each signal, index of frame 0 in S
    gains: Reals  # of each signal, the factor that brings it to about 1; padded to whole tiles
    state: Reals  # of each tile of signals, kept from frame to frame; see `state_sizes`
    energy_ahead: Reals  # F
    window: Reals


class ShiftArgs(NamedTuple):
    """Sizes and strides."""

    hop: int
    n_fft: int
    signals: int
    first: int  # steps first .. last - 1 are computed
    last: int
    total: int  # frames of a signal
    frame_stride: int  # from one frame to the next in S
    bin_stride: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    row_stride: int  # of the sums: n_fft samples rounded up to vectors, and one more vector
    fft_elements: int  # complex elements of scratch for the transform
    least_energy: Number  # sums of squares up to this do not divide


LAYOUT = Layout(ShiftArrays, Tables, ShiftArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers


@register_jitable
def state_sizes(args, V):
    """Real numbers of a tile's state: rows of the sums C, sum of squared windows E, 1 / (E + F)."""
    return V * args.row_stride, args.n_fft, args.n_fft


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: tile, its rows, transform, bins, magnitudes, shifts, 1 / E."""
    bins = (args.n_fft // 2 + 1) * V
    return V * args.row_stride, V * args.row_stride, 2 * V * args.fft_elements, 2 * bins, bins, V, args.n_fft


@kernel
def load_frame(m, item, arrays, args, count, mag):
    """mag[k lanes + lane] = magnitude of bin k of frame m."""
    V = lanes(mag)
    for lane in range(count):
        at = arrays.offsets[item * V + lane] + m * args.frame_stride
        for k in range(args.n_fft // 2 + 1):
            mag[k * V + lane] = arrays.S[at + k * args.bin_stride]


@kernel
def estimate(sums, z_weights, gain, args, tile):
    """tile = gain z, transposed from rows."""
    noinline()
    V = lanes(tile)
    for j in range(0, args.n_fft, V):
        transpose(sums, j, args.row_stride, tile, j * V, V, V)
    for j in range(args.n_fft):
        store(tile, j * V, load(tile, j * V) * (gain * splat(tile, z_weights[j])))


@kernel
def multiply_bins(mag, gain, bins):
    """bins *= mag gain."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at) * gain
        store(bins, 2 * at, load(bins, 2 * at) * level)
        store(bins, 2 * at + V, load(bins, 2 * at + V) * level)


@kernel
def zero_phase_bins(mag, bins):
    """bins = mag, with phase 0."""
    V = lanes(mag)
    for at in range(0, mag.size, V):
        level = load(mag, at)
        store(bins, 2 * at, level)
        store(bins, 2 * at + V, level - level)


@kernel
def find_argmax(tile, n, shifts):
    """shifts = the first argmax of each lane; n // 2 where the maximum is 0, as after silence."""
    V, zero = lanes(tile), int64(0)
    best, best_sample = load(tile, zero), splat(tile, tile.dtype.type(0))
    for j in range(1, n):
        value = load(tile, j * V)
        best_sample = select_greater(value, best, splat(tile, tile.dtype.type(j)), best_sample)
        best = maximum(value, best)
    half_frame, zero_lanes = splat(tile, tile.dtype.type(n // 2)), splat(tile, tile.dtype.type(0))
    store(shifts, zero, select_not_equal(best, zero_lanes, best_sample, half_frame))


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
    """Add each frame, shifted and windowed, to the row of its signal, and the squared window to energy_sums."""
    noinline()
    n = args.n_fft
    for lane in range(count):
        row, shift = lane * args.row_stride, int64(shifts[lane])
        add_windowed(rows, row + n - shift, arrays.window, int64(0), sums, row, shift)
        add_windowed(rows, row, arrays.window, shift, sums, row + shift, n - shift)
    for j in range(n):
        energy_sums[j] += arrays.window[j] * arrays.window[j]


@kernel
def update_weights(energy_sums, energy_ahead, least_energy, z_weights):
    """z_weights = 1 / (energy_sums + energy_ahead)."""
    for j in range(z_weights.size):
        total = energy_sums[j] + energy_ahead[j]
        z_weights[j] = 1 / total if total > least_energy else z_weights.dtype.type(1)


@kernel
def write_out(item, m, n_final, arrays, args, state, weights):
    """Write the first samples of the sums, which are final, over their sums of squared windows, to the signals."""
    noinline()
    sums, energy_sums, _z_weights = state
    V, begin = lanes(sums), m * args.hop
    for j in range(n_final):
        weights[j] = 1 / energy_sums[j] if energy_sums[j] > args.least_energy else energy_sums.dtype.type(1)
    a, b = max(0, args.start - begin), min(n_final, args.start + args.length - begin)
    if a < b:
        for lane in range(min(V, args.signals - item * V)):
            at = (item * V + lane) * args.length + begin + a - args.start
            multiply(sums, lane * args.row_stride + a, weights, a, arrays.y, at, b - a)


@kernel
def shift(args, count, sums, energy_sums):
    """Shift the sums by hop samples."""
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
    """Steps first .. last - 1 of one tile of signals, one a frame; the step after the last frame writes the rest."""
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    V, zero = lanes(scratch), int64(0)
    state = carve(arrays.state, item, state_sizes(args, V))
    sums, energy_sums, z_weights = state
    tile, rows, work, bins, mag, shifts, weights = carve(scratch, worker, scratch_sizes(args, V))
    count, gain, step = min(V, args.signals - item * V), load(arrays.gains, item * V), min(args.hop, args.n_fft)
    clear(mag, zero, mag.size)
    for m in range(args.first, min(args.last, args.total)):
        if m * step < args.n_fft:  # afterwards it does not change
            update_weights(energy_sums, arrays.energy_ahead, args.least_energy, z_weights)
        load_frame(m, item, arrays, args, count, mag)
        estimate(sums, z_weights, gain, args, tile)
        call(p.forward, (int64(COMPLEX), tile, zero, p, work, bins))
        multiply_bins(mag, gain, bins)
        synthesize(int64(BINS), tile, zero, p, work, mag, zero, args.least_energy, bins, tile)
        find_argmax(tile, args.n_fft, shifts)
        zero_phase_bins(mag, bins)
        synthesize(int64(BINS), tile, zero, p, work, mag, zero, args.least_energy, bins, tile)
        transpose(tile, zero, V, rows, zero, args.row_stride, args.n_fft)
        add_frames(rows, shifts, arrays, args, count, sums, energy_sums)
        write_out(item, m, step, arrays, args, state, weights)
        shift(args, count, sums, energy_sums)
    if args.last > args.total:
        write_out(item, args.total, args.n_fft - step, arrays, args, state, weights)
