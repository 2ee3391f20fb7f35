"""Kernels of the forward transform: strips of tiles -> spectra, levels, or filtered levels such as mels.

A strip needs the samples from that at which its first frame starts to the last of its last frame, and nothing else: no
state goes from one strip to the next, so any range of frames can be asked for.  A new last step is a function such as
`put_levels`, entered in `compiled`.
"""

from typing import NamedTuple

import numpy as np

from ..features.levels import filtered, levels, logarithms
from ..fft.realfft import POWER
from ..fft.tables import Tables
from ..framing.memory import hand_out, read_complex, write_complex, write_complex_across, write_rows, write_rows_across
from ..framing.polyphase import Line, Signals, clear, copy, fill, polyphase, upend
from ..runtime.calls import address, call, out_of_line
from ..runtime.jit import int64, kernel, prange
from ..runtime.layout import _unpacker, places
from ..runtime.threads import parallel_kernel
from ..simd.transpose import memory_fence
from ..simd.vector import lanes, load, splat, store


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


class Job(NamedTuple):
    """What `analysis` is to do: where frames lie, in memory and in tiles, and who writes their tiles."""

    put: int  # address of the kernel that writes a tile
    op: int  # realfft.COMPLEX or POWER
    given: bool  # what is given is bins, frame by frame, and no signal
    mixed: bool  # tiles are filled with frames of any signals; otherwise strips of one signal are
    full: bool  # all n_fft bins, not only the first half
    across: bool  # in the output the frames of a bin are neighbours, not the bins of a frame
    streamed: bool  # output past the caches
    hop: int
    origin: int  # the sample at which frame 0 starts
    signals: int
    frames: int  # of a signal
    rows: int  # row r of a strip holds samples r, r + hop ...; of a mixed tile, sample r of each frame
    lead: int  # row length of a strip
    group: int  # tiles in a strip
    strips: int  # of a signal
    bins: int  # of the transform
    width: int  # written a frame: bins or filters
    unit: int  # real numbers in each: 2 if complex
    ld: int  # from a frame of the output to the next, or, across, from a bin to the next, in real numbers
    work: int  # real numbers of scratch for the transform
    tile: int  # for the bins of a tile and what is made of them
    scratch: int  # for all that a thread needs


class Last(NamedTuple):
    """The last step for powers: the level of each, filters over them, a logarithm."""

    shape: int  # frames.SQUARE, ROOT, LOG or OTHER
    log: bool  # of what the filters give
    exponent: float | np.floating  # of a power, for OTHER
    least: float | np.floating  # level, for ROOT
    floor: float | np.floating  # the least number that a logarithm is taken of
    gain: float | np.floating  # of a decimal logarithm
    weights: np.ndarray  # of all filters, one after another, from their first bin to their last
    first: np.ndarray  # first bin of each filter
    starts: np.ndarray  # where its weights begin, and one more: where the last ends


unpack_signals = _unpacker(Signals, 0)  # these four for `analysis`
unpack_analysis_tables = _unpacker(Tables, places(Signals))
unpack_job = _unpacker(Job, places(Signals) + places(Tables))
unpack_last = _unpacker(Last, places(Signals) + places(Tables) + places(Job))
