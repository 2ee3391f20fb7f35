"""Signals made frame by frame, each from its magnitudes and what overlaps it: a group of signals in lanes.

A buffer holds frame m, the next to be committed, and the `look_ahead` frames after it.  With C the sum of the frames
committed and y_d the windowed frame m + d of the buffer, a round is

    x[t] = (C[t] + sum over d of y_d[t - d hop]) / E[t],    y_d = w irfft(A_d X_d / |X_d|),    X_d = rfft(w x[d hop :]),

after which frame m is committed, and the buffer moves on by a frame (Zhu, Beauregard & Wyse, IEEE Trans. Audio, Speech
and Language Processing 15, 2007, 1645-1653).  E is the sum of the squared windows of the frames committed and buffered,
and a small part of those that are still to come.  From the second round on the phases are taken after a step of
momentum, from x + momentum (x - x before).

Phases are those of x over the level of the signal: the largest magnitude of the frames that came, each forgotten a
little with every frame after it.  So all thresholds are relative, and signals times a power of two have the same bits.

All frames of all buffers of a group are in one tile: lane d width + s is frame m + d of signal s of the group.  Sample
j of frame m + d is sample j + (d - e) hop of frame m + e, so that with j in rows a frame's neighbours are

    row j + delta hop, `delta width` lanes further down:    y[(j + delta hop) lanes - delta width]

as one vector for all lanes; lanes that no such frame is for are masked.  No lane ever sees another signal's.
"""

from typing import NamedTuple

from ..fft.realfft import PHASES
from ..fft.tables import Tables
from ..framing.polyphase import clear, copy, transpose
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Number, Reals, carve
from ..runtime.tasks import task
from ..simd.vector import lanes, load, load_lanes, splat, store

WRITE_ROWS = 128
"""Rows of a sum that are transposed at a time."""
SUM_ROWS = 32
"""Rows of an estimate that are summed at a time: they stay in the first-level cache."""


class RtisiArrays(NamedTuple):
    """Memory of signals that are recovered frame by frame."""

    y_out: Reals  # the signals
    S: Reals  # magnitudes
    offsets: Ints  # where frame 0 of each signal stands in them, or would, were it there
    state: Reals  # of each group of signals, what one step leaves for the next
    ahead: Reals  # (look_ahead + 1, n_fft): what the frames of a full buffer add to the sum of squares at each
    energy: Reals  # squares of the window
    order: Ints  # bins in the order in which they are read


class RtisiArgs(NamedTuple):
    """Sizes, strides and numbers."""

    rounds: int
    look_ahead: int
    hop: int
    n_fft: int
    reach: int  # frames that a sample is in
    signals: int
    width: int  # signals of a group
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    frame_stride: int  # from one frame to the next in S
    bin_stride: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    peak: int  # sample at which the window is largest
    fft_elements: int  # complex elements of scratch for the transform
    bin_count: int  # numbers of `order`
    least: Number  # below this a bin has no phase
    least_energy: Number  # a sum of squares that is no larger does not divide
    momentum: Number
    pulse: Number
    fade: Number  # what is left of a level a frame later


LAYOUT = Layout(RtisiArrays, Tables, RtisiArgs)
unpack_arrays, unpack_tables, unpack_args = LAYOUT.unpackers


@register_jitable
def state_sizes(args, V):
    """Real numbers of a group's state: sum of committed frames, buffer, 1 / E, magnitudes, their squares, levels."""
    tile = args.n_fft * V
    return tile, tile, tile, args.bin_count * V, (args.n_fft + V - 1) // V * V, V


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: estimate, the one before, transform, rows of the sum, the same as columns."""
    tile = args.n_fft * V
    return tile, tile, args.fft_elements * 2 * V, WRITE_ROWS * V, WRITE_ROWS * V


@kernel
def run_rounds(column, arrays, p, args, state, scratch_arrays):
    """Phases for all frames of the buffers, the frame at `column` the first; see the head of this file."""
    committed, y, table, mag, energy_sums, level = state
    x, before, work, rows, _ = scratch_arrays
    V, zero = lanes(x), int64(0)
    buffered = min(args.look_ahead, args.total - 1 - column)
    if column < args.reach or buffered < args.look_ahead:
        update_weights(arrays, args, energy_sums, buffered, table)
    clear(before, zero, before.size)
    gain = rows[:V]
    invert_levels(args, level, gain)
    momentum = x.dtype.type(0)
    for r in range(args.rounds):
        estimate(committed, y, table, gain, args, momentum, before, x)
        momentum = args.momentum
        if r == 0:
            new = 0 if column == 0 else args.look_ahead * args.width
            for k in range(new, (args.look_ahead + 1) * args.width):
                x[args.peak * V + k] += args.pulse
        call(p.inverse, (int64(PHASES), x, zero, p, work, mag, zero, args.least, work, y))


@kernel
def push_frame(i, group, arrays, args, y, mag, level):
    """Frame i enters the buffer, without phases: no samples yet.  Past the last frame it is silence that enters."""
    noinline()
    V, kept = lanes(y), args.look_ahead * args.width
    for at in range(0, args.n_fft * V, V):
        store(y, at, load_lanes(y, at + args.width, int64(0), kept))
    for at in range(0, arrays.order.size * V, V):
        store(mag, at, load_lanes(mag, at + args.width, int64(0), kept))
    for k in range(args.width):
        level[k] *= args.fade
    if i < args.total:
        for k in range(min(args.width, args.signals - group * args.width)):
            at, loudest = arrays.offsets[group * args.width + k] + i * args.frame_stride, level[k]
            for m in range(arrays.order.size):
                value = arrays.S[at + arrays.order[m] * args.bin_stride]
                mag[m * V + kept + k] = value
                loudest = max(loudest, value)
            level[k] = loudest


@kernel
def update_weights(arrays, args, energy_sums, buffered, table):
    """1 / E of all lanes, with the frames m .. m + buffered in the buffer."""
    noinline()
    V, n = lanes(table), args.n_fft
    for d in range(buffered + 1):  # lanes of frames that are not there hold zeros
        first, last = max(0, d - args.reach + 1), min(buffered, d + args.reach - 1)
        for j in range(n):
            total = table.dtype.type(0)
            if d * args.hop + j < n:
                total += energy_sums[d * args.hop + j]
            if buffered == args.look_ahead:
                total += arrays.ahead[d * n + j]
            else:
                for e in range(first, last + 1):
                    k = j + (d - e) * args.hop
                    if 0 <= k < n:
                        total += arrays.energy[k]
            weight = 1 / total if total > args.least_energy else table.dtype.type(1)
            for k in range(d * args.width, (d + 1) * args.width):
                table[j * V + k] = weight


@kernel
def invert_levels(args, level, gain):
    """1 / level of the signal in each lane."""
    for lane in range(gain.size):
        gain[lane] = 1 / max(level[lane % args.width], args.least_energy)


@kernel
def estimate(committed, y, table, gain, args, momentum, before, x):
    """x = sum of the frames committed and buffered, times gain and table; then a step of momentum from `before`."""
    noinline()
    V, ahead, width, n = lanes(x), args.look_ahead, args.width, args.n_fft
    push, equal = splat(x, momentum), load(gain, int64(0))
    for low in range(0, n, SUM_ROWS):
        high = min(n, low + SUM_ROWS)
        copy(committed, low * V, x, low * V, (high - low) * V)
        for delta in range(-ahead, ahead + 1):
            first, last = max(0, delta) * width, (min(ahead, ahead + delta) + 1) * width
            step = delta * (args.hop * V - width)
            for j in range(max(low, -delta * args.hop), min(high, n - delta * args.hop)):
                store(x, j * V, load(x, j * V) + load_lanes(y, j * V + step, first, last))
        for at in range(low * V, high * V, V):
            value = load(x, at) * equal * load(table, at)
            store(x, at, value + push * (value - load(before, at)))
            store(before, at, value)


@kernel
def commit(arrays, args, y, committed, energy_sums):
    """The first frame of each buffer is committed: added to the sum as frame 0 sees it."""
    V = lanes(y)
    for j in range(args.n_fft):
        store(committed, j * V, load(committed, j * V) + load_lanes(y, j * V, int64(0), args.width))
        energy_sums[j] += arrays.energy[j]


@kernel
def write_out(group, column, row_count, arrays, args, committed, energy_sums, rows, columns):
    """Samples of rows < row_count of frame `column`, to which nothing will be added, to the signals."""
    noinline()
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
            for k in range(min(args.width, args.signals - group * args.width)):
                at = (group * args.width + k) * args.length + begin + a - args.start
                copy(columns, k * WRITE_ROWS + a - r, arrays.y_out, at, b - a)


@kernel
def shift(args, y, committed, energy_sums):
    """The sum as the next frames see it, and what the frame committed last has added for those ahead."""
    noinline()
    V, n, hop = lanes(y), args.n_fft, min(args.hop, args.n_fft)
    copy_down(committed, hop * V, (n - hop) * V)
    clear(committed, (n - hop) * V, hop * V)
    copy_down(energy_sums, hop, n - hop)
    clear(energy_sums, n - hop, hop)
    for d in range(1, args.look_ahead + 1):
        first = d * args.width
        for j in range(n - (d + 1) * args.hop):
            at = (j + (d + 1) * args.hop) * V - first
            store(committed, j * V, load(committed, j * V) + load_lanes(y, at, first, first + args.width))


@kernel
def copy_down(a, by, count):
    """a[: count] = a[by : by + count], from the start on."""
    for i in range(count):
        a[i] = a[i + by]


@task("recovery")
def run_steps(item, worker, record, scratch):
    """Steps first .. last - 1 of one group of signals.

    In step i frame i enters and frame i - look_ahead is committed; after the last is, one more step gives the rest.
    """
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    V = lanes(scratch)
    state = carve(arrays.state, item, state_sizes(args, V))
    scratch_arrays = carve(scratch, worker, scratch_sizes(args, V))
    committed, y, _, mag, energy_sums, level = state
    _, _, _, rows, columns = scratch_arrays
    for i in range(args.first, args.last):
        column = i - args.look_ahead
        if column < args.total:
            push_frame(i, item, arrays, args, y, mag, level)
            if column >= 0:
                run_rounds(column, arrays, p, args, state, scratch_arrays)
                commit(arrays, args, y, committed, energy_sums)
                write_out(item, column, min(args.hop, args.n_fft), arrays, args, committed, energy_sums, rows, columns)
                shift(args, y, committed, energy_sums)
        else:
            write_out(item, column, args.n_fft - args.hop, arrays, args, committed, energy_sums, rows, columns)
