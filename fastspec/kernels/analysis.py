"""Kernels of the forward transform: strips of tiles -> spectra, levels, or filtered levels such as mels.

A strip needs the samples from that at which its first frame starts to the last of its last frame, and nothing else: no
state goes from one strip to the next, so any range of frames can be asked for.  A new last step is a function such as
`put_levels`, entered in `compiled`.
"""

from .calls import address, call, claim, out_of_line
from .frames import (
    filtered,
    levels,
    logarithms,
    read_complex,
    write_complex,
    write_complex_across,
    write_rows,
    write_rows_across,
)
from .jit import int64, kernel, parallel_kernel, prange
from .lanes import clear, copy, fill, polyphase, upend
from .logs import log10
from .plan import Line
from .realfft import POWER
from .records import unpack_analysis_tables, unpack_job, unpack_last, unpack_signals
from .transpose import memory_fence
from .vector import lane_max, lanes, load, load_part, maximum, splat, store, store_part


# ---- last steps: what is made of the bins of a tile, and how it is written ----
@kernel
def mirror(c, bins, n):
    """Bins n - 1 .. bins of a tile: the conjugates of bins 1 .. n - bins."""
    V = lanes(c)
    minus = splat(c, c.dtype.type(-1))
    for k in range(1, n - bins + 1):
        store(c, 2 * V * (n - k), load(c, 2 * V * k))
        store(c, 2 * V * (n - k) + V, load(c, 2 * V * k + V) * minus)


def put_complex(c, job, last, out, o, ld, streamed, peaks, p0):
    """A tile of complex bins: frame f at out[o + f ld], or, across, at out[o + 2 f] with bins ld apart."""
    if job.full:
        mirror(c, job.bins, job.width)
    if job.across:
        write_complex_across(c, job.width, out, o, ld)
    else:
        write_complex(c, job.width, out, o, ld, streamed)


def put_levels(c, job, last, out, o, ld, streamed, peaks, p0):
    """A tile of powers, which become levels: the same places, a real number each."""
    levels(c, job.width, last, peaks, p0)
    if job.across:
        write_rows_across(c, int64(0), job.width, out, o, ld)
    else:
        write_rows(c, int64(0), job.width, out, o, ld, streamed)


def put_filtered(c, job, last, out, o, ld, streamed, peaks, p0):
    """A tile of powers, which become levels and then, filter by filter, weighted sums of them, or their logarithms."""
    made = lanes(c) * job.bins
    levels(c, job.bins, last, peaks, p0)
    filtered(c, last, made)
    if last.log:
        logarithms(c, made, job.width, last, peaks, p0)
    if job.across:
        write_rows_across(c, made, job.width, out, o, ld)
    else:
        write_rows(c, made, job.width, out, o, ld, streamed)


# ---- tiles and strips ----
@kernel
def line_of(signals, i):
    """Signal i."""
    beside = i * (signals.left + signals.right)
    return Line(
        signals.x,
        signals.starts[i],
        signals.edges,
        beside,
        signals.n,
        signals.left,
        signals.right,
        signals.mean,
        signals.scale,
    )


@kernel
def lay_frames(signals, first, job, t, work):
    """Frames first .. first + lanes - 1 of all signals, counted through, on their sides: t[j lanes + k]."""
    out_of_line()
    V = lanes(t)
    apart = job.rows + V // 2
    for k in range(min(V, job.signals * job.frames - first)):
        at = first + k
        line = line_of(signals, at // job.frames)
        fill(line, job.origin + at % job.frames * job.hop, work, k * apart, job.rows)
    upend(work, apart, job.rows, t, int64(0), job.lead)


@kernel
def take(D, first, frames, bins, op, c, tmp):
    """Bins of frames first .. first + lanes - 1 of D, one row a frame, to c: as they are, or their powers."""
    out_of_line()
    V, width = lanes(c), 2 * bins
    if first + V <= frames:
        read_complex(D, first * width, width, bins, c)
    else:
        count = (frames - first) * width
        copy(D, first * width, tmp, int64(0), count)
        clear(tmp, count, V * width - count)
        read_complex(tmp, int64(0), width, bins, c)
    if op == POWER:
        for k in range(bins):
            re, im = load(c, 2 * V * k), load(c, 2 * V * k + V)
            store(c, V * k, re * re + im * im)


@kernel
def hand_out(tmp, lane, count, V, job, out, o):
    """Frames `lane` .. `lane + count - 1` of a tile in tmp to their place in the output."""
    out_of_line()
    unit, width = job.unit, job.width * job.unit
    if job.across:
        for k in range(job.width):
            copy(tmp, (k * V + lane) * unit, out, o + k * job.ld, count * unit)
    else:
        for f in range(count):
            copy(tmp, (lane + f) * width, out, o + f * job.ld, width)


def strip(s, slot, record, scratch):
    """Strip s: job.group tiles of frames of one signal, or one tile of frames of any; scratch row `slot` is ours alone.

    Frame f of signal i is written at out[places[i] + f ld], or, across, at out[places[i] + f unit].  The record holds
    Signals, Tables, Job and Last.
    """
    out_of_line()
    signals, p = unpack_signals(scratch, record), unpack_analysis_tables(scratch, record)
    job, last = unpack_job(scratch, record), unpack_last(scratch, record)
    V, zero = lanes(scratch), int64(0)
    a = slot * job.scratch
    b = a + job.rows * job.lead
    c = b + job.work
    d = c + job.tile
    t, work, bins, tmp = scratch[a:b], scratch[b:c], scratch[c:d], scratch[d : d + job.tile]
    tmp_ld = V * job.unit if job.across else job.width * job.unit
    step = job.unit if job.across else job.ld
    if job.mixed:
        first, total = s * V, job.signals * job.frames
        if job.given:
            take(signals.x, first, total, job.bins, job.op, bins, tmp)
        else:
            lay_frames(signals, first, job, t, work)
            call(p.forward, (job.op, t, zero, p, work, bins))
        call(job.put, (bins, job, last, tmp, zero, tmp_ld, False, signals.peaks, first))
        at, stop = first, min(first + V, total)
        while at < stop:
            i, f = at // job.frames, at % job.frames
            count = min(stop - at, job.frames - f)
            hand_out(tmp, at - first, count, V, job, signals.out, signals.places[i] + f * step)
            at += count
        return
    i, first = s // job.strips, s % job.strips * job.group * V
    polyphase(line_of(signals, i), job.origin + first * job.hop, job.hop, job.rows, t, job.lead, work)
    tiles = (job.frames + V - 1) // V
    for g in range(min(job.group, tiles - first // V)):
        f0 = first + g * V
        p0, o = i * tiles * V + f0, signals.places[i] + f0 * step
        call(p.forward, (job.op, t, g * V, p, work, bins))
        if f0 + V <= job.frames:
            call(job.put, (bins, job, last, signals.out, o, job.ld, job.streamed, signals.peaks, p0))
        else:
            call(job.put, (bins, job, last, tmp, zero, tmp_ld, False, signals.peaks, p0))
            hand_out(tmp, zero, job.frames - f0, V, job, signals.out, o)
    if job.streamed:
        memory_fence()


@kernel
def analyse_tile(function, known, record, x, out, space):
    """The one strip of a record of which all is `known` but the samples, the output and the peaks.

    Numba needs microseconds to pass many arguments, as long as a short signal takes.  `record` is room for the whole of
    it, `space` for the peaks and the scratch, with a cache line to spare.
    """
    V, zero = lanes(x), int64(0)
    for i in range(known.size):
        record[i] = known[i]
    a = -address(space) % 64 // (64 // V)
    record[0], record[1] = address(x), x.size
    record[6], record[7] = address(out), out.size
    record[10], record[11] = address(space) + a * (64 // V), 2 * V
    call(function, (zero, zero, record, space[a + 2 * V :]))


@parallel_kernel
def cut(serial, lo, hi, record, first, frames, hop, origin, window, out):
    """Row r of `out` = window times frame first + r of all signals, counted through: for transforms by a library.

    The record holds Signals.
    """
    n = window.size
    if serial:
        for r in range(lo, hi):
            cut_frame(record, first + r, frames, hop, origin, window, out, r * n)
    else:
        for r in prange(lo, hi):
            cut_frame(record, first + r, frames, hop, origin, window, out, r * n)


@kernel
def cut_frame(record, at, frames, hop, origin, window, out, o):
    """out[o:] = window times one frame."""
    signals = unpack_signals(out, record)
    fill(line_of(signals, at // frames), origin + at % frames * hop, out, o, window.size)
    for j in range(window.size):
        out[o + j] *= window[j]


# ---- what has to wait until all frames are seen ----
@kernel
def half_log(power):
    """log10(power[0]) / 2, as the levels' logarithms are taken."""
    return lane_max(log10(splat(power, power[0]))) * power.dtype.type(0.5)


@kernel
def settle_row(out, start, stop, shift, floor, gain, add):
    """out[start:stop] = max(out - shift, floor) gain + add; NaN stays."""
    V = lanes(out)
    down, low, times, plus = splat(out, shift), splat(out, floor), splat(out, gain), splat(out, add)
    i = start
    while i + V <= stop:
        store(out, i, maximum(low, load(out, i) - down) * times + plus)  # in this order NaN stays
        i += V
    if i < stop:
        store_part(out, i, maximum(low, load_part(out, i, stop - i) - down) * times + plus, stop - i)


@kernel
def settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add):
    """Item s of `settle`: `many` rows of all signals, counted through."""
    for r in range(s * many, min((s + 1) * many, places.size * rows)):
        o = places[r // rows] + r % rows * ld
        settle_row(out, o, o + width, shift, floors[r // rows], gain, add)


@parallel_kernel
def settle(serial, lo, hi, workers, board, many, out, places, rows, ld, width, shift, floors, gain, add):
    """Row r of signal i, at out[places[i] + r ld], becomes max(row - shift, floors[i]) gain + add; `many` an item."""
    if serial:
        for s in range(lo, hi):
            settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                settle_rows(s, many, out, places, rows, ld, width, shift, floors, gain, add)
                s = claim(board, 0, hi)
