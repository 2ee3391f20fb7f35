"""RTISI-LA: signals recovered frame by frame from their magnitudes and the frames that overlap; signals in lanes.

A buffer holds frame m, the next to be committed, and the `look_ahead` frames after it.  With C the sum of the committed
frames and y_d the windowed frame m + d of the buffer, a round is

    x[t] = (C[t] + sum over d of y_d[t - d hop]) / E[t],    y_d = w irfft(A_d X_d / |X_d|),    X_d = rfft(w x[d hop :]).

After the rounds frame m is committed, and the buffer shifts by a frame (Zhu, Beauregard & Wyse, IEEE Trans. Audio,
Speech and Language Processing 15, 2007, 1645-1653).  E is the sum of the squared windows of the committed and buffered
frames, and a small fraction of those of later frames.  From the second round on the phases are those after a step of
momentum, x + momentum (x - x of the round before).

Phases are computed from x divided by the level of the signal: the largest magnitude of the frames so far, each decayed
by `level_decay` a frame.  So all thresholds are relative, and signals times a power of two have the same bits.

A tile holds the buffers of `tile_signals` signals: lane d tile_signals + s is frame m + d of signal s.  Sample j of
frame m + d is sample j + (d - e) hop of frame m + e.  With sample j in row j, the samples of the frames `delta` before
those of the lanes, at the same time, are therefore one vector for all lanes,

    y[(j + delta hop) lanes - delta tile_signals],

with the lanes masked that have no such frame in the buffer.  Lanes of different signals never mix.
"""

from typing import NamedTuple

from ..fft.realfft import PHASES, synthesize
from ..fft.tables import Tables
from ..framing.polyphase import clear, copy, transpose
from ..runtime.calls import noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_lanes, splat, store

WRITE_ROWS = 128
"""Rows of a sum that are transposed at once."""
SUM_ROWS = 32
"""Rows of an estimate that are summed at once: they stay in the first-level cache."""


class RtisiArrays(NamedTuple):
    """Signals, magnitudes, and the state of the recovery."""

    y_out: Reals  # the signals
    S: Reals  # magnitudes
    offsets: Ints  # of each signal, index of frame 0 in S, negative if S begins with a later frame
    state: Reals  # of each tile of signals, kept from step to step; see `state_sizes`
    buffer_energy: Reals  # (look_ahead + 1, n_fft): part of E from a full buffer and later frames, at each frame of it
    energy: Reals  # squared window
    order: Ints  # bins in the order in which the inverse transform reads them


class RtisiArgs(NamedTuple):
    """Sizes, strides and numbers."""

    rounds: int
    look_ahead: int
    hop: int
    n_fft: int
    reach: int  # frames that overlap at a sample
    signals: int
    tile_signals: int  # signals in a tile
    first: int  # steps first .. last - 1 are computed
    last: int
    total: int  # frames of a signal
    frame_stride: int  # from one frame to the next in S
    bin_stride: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    peak: int  # argmax of the window
    fft_elements: int  # complex elements of scratch for the transform
    bin_count: int  # size of `order`
    least: Number  # magnitudes below this have no phase
    least_energy: Number  # values of E up to this do not divide
    momentum: Number
    pulse: Number  # added at the peak of the window to frames without phases, relative to the level
    level_decay: Number  # factor of a level from frame to frame


LAYOUT = Layout(RtisiArrays, Tables, RtisiArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers


@register_jitable
def state_sizes(args, V):
    """Real numbers of a tile's state: C, buffer, 1 / E, magnitudes, sum of squared windows of C, levels."""
    tile = args.n_fft * V
    return tile, tile, tile, args.bin_count * V, (args.n_fft + V - 1) // V * V, V


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: estimate, that of the round before, transform, rows of the sum, these transposed."""
    tile = args.n_fft * V
    return tile, tile, args.fft_elements * 2 * V, WRITE_ROWS * V, WRITE_ROWS * V


@kernel
def run_rounds(column, arrays, p, args, state, scratch_arrays):
    """All rounds for the frames in the buffers, of which the first is frame `column`; see the head of this file."""
    _committed, y, weights, mag, energy_sums, level = state
    x, before, work, rows, _ = scratch_arrays
    V, zero = lanes(x), int64(0)
    buffered = min(args.look_ahead, args.total - 1 - column)
    if column < args.reach or buffered < args.look_ahead:
        update_weights(arrays, args, energy_sums, buffered, weights)
    clear(before, zero, before.size)
    gain = rows[:V]
    invert_levels(args, level, gain)
    momentum = x.dtype.type(0)
    for r in range(args.rounds):
        estimate(args, state, gain, momentum, before, x)
        momentum = args.momentum
        if r == 0:
            first = 0 if column == 0 else args.look_ahead * args.tile_signals
            for k in range(first, (args.look_ahead + 1) * args.tile_signals):
                x[args.peak * V + k] += args.pulse
        synthesize(int64(PHASES), x, zero, p, work, mag, zero, args.least, work, y)


@kernel
def push_frame(i, item, arrays, args, y, mag, level):
    """Append frame i to the buffers: its magnitudes, and no samples yet; past the last frame, silence."""
    noinline()
    V, old_lanes = lanes(y), args.look_ahead * args.tile_signals
    for at in range(0, args.n_fft * V, V):
        store(y, at, load_lanes(y, at + args.tile_signals, int64(0), old_lanes))
    for at in range(0, arrays.order.size * V, V):
        store(mag, at, load_lanes(mag, at + args.tile_signals, int64(0), old_lanes))
    for k in range(args.tile_signals):
        level[k] *= args.level_decay
    if i < args.total:
        for k in range(min(args.tile_signals, args.signals - item * args.tile_signals)):
            at, largest = arrays.offsets[item * args.tile_signals + k] + i * args.frame_stride, level[k]
            for m in range(arrays.order.size):
                value = arrays.S[at + arrays.order[m] * args.bin_stride]
                mag[m * V + old_lanes + k] = value
                largest = max(largest, value)
            level[k] = largest


@kernel
def update_weights(arrays, args, energy_sums, buffered, weights):
    """weights = 1 / E of all lanes, with frames m .. m + buffered in the buffer."""
    noinline()
    V, n = lanes(weights), args.n_fft
    for d in range(buffered + 1):  # other lanes hold zeros
        first, last = max(0, d - args.reach + 1), min(buffered, d + args.reach - 1)
        for j in range(n):
            total = weights.dtype.type(0)
            if d * args.hop + j < n:
                total += energy_sums[d * args.hop + j]
            if buffered == args.look_ahead:
                total += arrays.buffer_energy[d * n + j]
            else:
                for e in range(first, last + 1):
                    k = j + (d - e) * args.hop
                    if 0 <= k < n:
                        total += arrays.energy[k]
            weight = 1 / total if total > args.least_energy else weights.dtype.type(1)
            for k in range(d * args.tile_signals, (d + 1) * args.tile_signals):
                weights[j * V + k] = weight


@kernel
def invert_levels(args, level, gain):
    """gain = 1 / level of the signal in each lane."""
    for lane in range(gain.size):
        gain[lane] = 1 / max(level[lane % args.tile_signals], args.least_energy)


@kernel
def estimate(args, state, gain, momentum, before, x):
    """x = gain weights (sum of committed and buffered frames), then x + momentum (x - before); `before` becomes x."""
    noinline()
    committed, y, weights, _mag, _energy_sums, _level = state
    V, look_ahead, width, n = lanes(x), args.look_ahead, args.tile_signals, args.n_fft
    momentum_step, level_gain = splat(x, momentum), load(gain, int64(0))
    for low in range(0, n, SUM_ROWS):
        high = min(n, low + SUM_ROWS)
        copy(committed, low * V, x, low * V, (high - low) * V)
        for delta in range(-look_ahead, look_ahead + 1):
            first, last = max(0, delta) * width, (min(look_ahead, look_ahead + delta) + 1) * width
            step = delta * (args.hop * V - width)
            for j in range(max(low, -delta * args.hop), min(high, n - delta * args.hop)):
                store(x, j * V, load(x, j * V) + load_lanes(y, j * V + step, first, last))
        for at in range(low * V, high * V, V):
            value = load(x, at) * level_gain * load(weights, at)
            store(x, at, value + momentum_step * (value - load(before, at)))
            store(before, at, value)


@kernel
def commit(arrays, args, y, committed, energy_sums):
    """Add the first frame of each buffer to the sums of committed frames and squared windows."""
    V = lanes(y)
    for j in range(args.n_fft):
        store(committed, j * V, load(committed, j * V) + load_lanes(y, j * V, int64(0), args.tile_signals))
        energy_sums[j] += arrays.energy[j]


@kernel
def write_out(item, column, row_count, arrays, args, state, scratch_arrays):
    """Write the first row_count samples from frame `column` on, which are final, to the signals."""
    noinline()
    committed, _y, _weights, _mag, energy_sums, _level = state
    _x, _before, _work, rows, columns = scratch_arrays
    V = lanes(rows)
    begin = column * args.hop
    for r in range(0, row_count, WRITE_ROWS):
        count = min(WRITE_ROWS, row_count - r)
        for j in range(count):
            weight = 1 / energy_sums[r + j] if energy_sums[r + j] > args.least_energy else rows.dtype.type(1)
            store(rows, j * V, load(committed, (r + j) * V) * splat(rows, weight))
        transpose(rows, int64(0), V, columns, int64(0), WRITE_ROWS, count)
        a, b = max(r, args.start - begin), min(r + count, args.start + args.length - begin)
        if a < b:
            for k in range(min(args.tile_signals, args.signals - item * args.tile_signals)):
                at = (item * args.tile_signals + k) * args.length + begin + a - args.start
                copy(columns, k * WRITE_ROWS + a - r, arrays.y_out, at, b - a)


@kernel
def shift(args, y, committed, energy_sums):
    """Shift the sums by hop samples; lanes of later frames get their samples of the frame committed last."""
    noinline()
    V, n, hop = lanes(y), args.n_fft, min(args.hop, args.n_fft)
    copy_down(committed, hop * V, (n - hop) * V)
    clear(committed, (n - hop) * V, hop * V)
    copy_down(energy_sums, hop, n - hop)
    clear(energy_sums, n - hop, hop)
    for d in range(1, args.look_ahead + 1):
        first = d * args.tile_signals
        for j in range(n - (d + 1) * args.hop):
            at = (j + (d + 1) * args.hop) * V - first
            store(committed, j * V, load(committed, j * V) + load_lanes(y, at, first, first + args.tile_signals))


@kernel
def copy_down(a, by, count):
    """a[: count] = a[by : by + count], in ascending order."""
    for i in range(count):
        a[i] = a[i + by]


@task("recovery")
def run_steps(item, worker, record, scratch):
    """Steps first .. last - 1 of one tile of signals.

    Step i pushes frame i and commits frame i - look_ahead; the step after the last commit writes the remaining samples.
    """
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    V = lanes(scratch)
    state = carve(arrays.state, item, state_sizes(args, V))
    scratch_arrays = carve(scratch, worker, scratch_sizes(args, V))
    committed, y, _, mag, energy_sums, level = state
    for i in range(args.first, args.last):
        column = i - args.look_ahead
        if column < args.total:
            push_frame(i, item, arrays, args, y, mag, level)
            if column >= 0:
                run_rounds(column, arrays, p, args, state, scratch_arrays)
                commit(arrays, args, y, committed, energy_sums)
                write_out(item, column, min(args.hop, args.n_fft), arrays, args, state, scratch_arrays)
                shift(args, y, committed, energy_sums)
        else:
            write_out(item, column, args.n_fft - args.hop, arrays, args, state, scratch_arrays)
