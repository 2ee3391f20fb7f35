"""The notebook's aligned overlap-add: frames made in lanes and in parallel, then added one after another.

Where frame i is added depends on what frames 0 .. i - 1 have added up to: that chain is sequential by nature.  All else
is prepared ahead: a strip of frames is rebuilt in lanes, laid out frame by frame in time order, and the spectrum of the
segment to be aligned is taken.  One worker walks the chain, the others prepare strips into a ring, and the walker helps
them when it has to wait.  What is computed depends on none of this, so the bits are the same for any number of threads.
"""

from typing import NamedTuple

import numpy as np

from ..fft.realfft import PHASES
from ..fft.single import centre, mean_of, spectrum, transform
from ..runtime.calls import call, claim, give_way, increment, observe, out_of_line, publish
from ..runtime.jit import float32, int64, kernel, prange
from ..runtime.threads import parallel_kernel
from ..simd.transpose import transpose_block
from ..simd.vector import lanes, load, store
from ..stft.overlap_add import carve, lay_strip, rebuild_tile
from .xcorr_offset import best_lag

FRAMES = 3
"""The source of frames that something else has put into the ring (others: see realfft)."""

ROLE, TICKET, WALKED, BOARD = 0, 8, 16, 24
"""Places on the board where workers agree, a cache line each: how many came, next strip to prepare, strips walked."""


@kernel
def in_time_order(y, n, segments, o, ld):
    """segments[o + f ld + q] = sample n - 1 - q of lane f: the frames one after another, each time-reversed."""
    out_of_line()
    V = lanes(y)
    if n < V:
        for f in range(V):
            for q in range(n):
                segments[o + f * ld + q] = y[(n - 1 - q) * V + f]
        return
    q = 0
    while q < n:
        q = min(q, n - V)
        transpose_block(y, (n - 1 - q) * V, -V, segments, o + q, ld)
        q += V


@kernel
def describe(f, job, p, ring, work):
    """Mean, energy and spectrum of the segment of frame f that is to be aligned."""
    out_of_line()
    row = f % job.ring
    size = 32 * p.m
    flat, z, x = work[:size], work[size : 5 * size], work[5 * size : 5 * size + 2 * p.half]
    at = row * job.n_fft + job.first
    mean = mean_of(ring.segments, at, p.n2)
    ring.stats[2 * row] = mean
    ring.stats[2 * row + 1] = centre(ring.segments, at, p.n2, mean, job.scale, flat, size)
    transform(flat, p, z, x)
    spectrum(x, p, ring.spectra, row * 2 * p.half)


def prepare(s, slot, sound, t, p, job, ring):
    """Strip s: its frames rebuilt, laid out in time order, and described; scratch rows `slot` are ours alone.

    sound.given holds magnitudes in visiting order, or the complex spectrogram if job.source is BINS; if it is FRAMES,
    the frames lie in the ring already.
    """
    out_of_line()
    V = lanes(sound.wave)
    strip, work, y, bins, tmp = carve(ring.scratch, slot, job, V)
    single = ring.single[slot * job.single : (slot + 1) * job.single]
    first = s * job.group * V
    if job.source == PHASES:
        lay_strip(sound.previous, first, job, strip, work)
    for g in range(min(job.group, (job.frames - first + V - 1) // V)):
        f0 = first + g * V
        if job.source != FRAMES:
            count = min(V, job.frames - f0)
            at = (f0 - job.origin) * job.lane_step
            rebuild_tile(sound.given, at, count, g * V, t, job, strip, work, y, bins, tmp)
            in_time_order(y, job.n_fft, ring.segments, (f0 % job.ring) * job.n_fft, job.n_fft)
        if job.search:
            for f in range(f0, min(job.frames, f0 + V)):
                describe(f, job, p, ring, single)


@kernel
def add(segments, o, n, start, window, wave, at, size):
    """wave[at + k] += window[k] segment[(start + k) mod n] for k < size, the segment being segments[o : o + n]."""
    V = lanes(wave)
    k = 0
    if start >= 0 and start + size <= n:
        o += start
        while k + V <= size:
            store(wave, at + k, load(wave, at + k) + load(window, k) * load(segments, o + k))
            k += V
        while k < size:
            wave[at + k] += window[k] * segments[o + k]
            k += 1
    else:
        while k < size:
            wave[at + k] += window[k] * segments[o + (start + k) % n]
            k += 1


def chain(lo, hi, slot, sound, p, job, ring):
    """Frames lo .. hi - 1 added to the wave, each where it fits best what is there; scratch row `slot` is ours."""
    out_of_line()
    single = ring.single[slot * job.single : (slot + 1) * job.single]
    for i in range(lo, hi):
        at, row = i * job.step, i % job.ring
        o = row * job.n_fft
        offset = job.fixed if i > 0 else 0
        if job.search and i > 0:
            mean, energy = ring.stats[2 * row], float32(ring.stats[2 * row + 1])
            second, where = o + job.first, row * 2 * p.half
            wave, segments = sound.wave, ring.segments
            lag = best_lag(wave, at, segments, second, mean, energy, ring.spectra, where, job.scale, p, single)
            offset = lag + p.n2 - 1 - p.n1
        add(ring.segments, o, job.n_fft, job.first - offset, sound.window, sound.wave, at, job.size)


@kernel
def wait(tries):
    """A moment; after many tries without success, the processor is given to another thread."""
    if tries > 1000:
        give_way()
    return tries + 1


def duty(worker, turn, board, done, sound, t, p, job, ring):
    """What one worker does in a turn.

    The first to come walks the chain; a strip that is not ready yet it waits for, and prepares others meanwhile.  The
    others prepare strip after strip, as far ahead as the ring holds.  Whoever waits, waits for a worker that is at
    work: the chain's walker is running, and a strip once claimed is being prepared, as its place in the ring is free.
    """
    out_of_line()
    walks = increment(board, ROLE) == 0
    width = job.group * lanes(sound.wave)
    capacity = job.ring // width
    walked, tries = turn.first_strip, 0
    while walked < turn.last_strip:
        if walks and observe(done, walked - turn.first_strip):
            last = min(job.frames, (walked + 1) * width)
            call(turn.chain, (walked * width, last, worker, sound, p, job, ring))
            walked, tries = walked + 1, 0
            publish(board, WALKED, walked)
            continue
        if not walks:
            walked = observe(board, WALKED)
        s = claim(board, TICKET, min(turn.last_strip, walked + capacity))
        if s < 0:
            if not walks and observe(board, TICKET) >= turn.last_strip:
                break
            tries = wait(tries)
            continue
        call(turn.prepare, (s, worker, sound, t, p, job, ring))
        publish(done, s - turn.first_strip, int64(1))
        tries = 0


@parallel_kernel
def advance(serial, lo, hi, function, turn, board, done, sound, t, p, job, ring):
    """Workers lo .. hi - 1."""
    if serial:
        for worker in range(lo, hi):
            call(function, (int64(worker), turn, board, done, sound, t, p, job, ring))
    else:
        for worker in prange(lo, hi):
            call(function, (int64(worker), turn, board, done, sound, t, p, job, ring))


@kernel
def lag(x1, x2, scale, p, spectra, single):
    """The lag of the best fit of two segments, means removed."""
    size = 32 * p.m
    flat, z, x = single[:size], single[size : 5 * size], single[5 * size : 5 * size + 2 * p.half]
    mean = mean_of(x2, 0, p.n2)
    energy = centre(x2, 0, p.n2, mean, scale, flat, size)
    transform(flat, p, z, x)
    spectrum(x, p, spectra, 0)
    return best_lag(x1, 0, x2, 0, mean, energy, spectra, 0, scale, p, single)


class Alignment(NamedTuple):
    """What `alignment` is to do: sizes."""

    source: int  # realfft.PHASES, ZERO or BINS, or alignment.FRAMES
    search: bool  # for the best offset; otherwise it is `fixed`, and 0 for the first frame
    fixed: int
    step: int
    n_fft: int
    size: int  # samples of a frame that are added: half of it
    first: int  # where they start in the reversed frame, at offset 0
    frames: int
    origin: int  # the frame that stands first in what is given
    ring: int  # frames kept prepared
    group: int  # tiles in a strip
    rows: int  # phases kept in a strip, min(hop, n_fft)
    lead: int  # row length of a strip
    lane_step: int  # from what is known of one frame to the next: magnitudes in visiting order, or bins as re, im
    bin_step: int  # from one complex bin to the next
    bins: int  # bins of a complex spectrogram
    folded: bool  # they are those of a whole circle, to be folded
    work: int  # complex elements of scratch for the transform
    scratch: int  # real numbers of scratch a thread
    single: int  # float32 numbers of scratch a thread
    mean: float | np.floating
    least: float | np.floating  # below this a bin has no phase
    scale: float | np.floating


class Ring(NamedTuple):
    """What is kept of the frames prepared ahead, and scratch."""

    segments: np.ndarray  # (ring, n_fft) frames in time order
    spectra: np.ndarray  # (ring, 2 half) float32 spectra of the segments to align
    stats: np.ndarray  # (ring, 2) their means and energies
    scratch: np.ndarray
    single: np.ndarray


class Sound(NamedTuple):
    """Signals: what is being made, and what of."""

    wave: np.ndarray
    previous: np.ndarray  # the signal that gives the phases
    given: np.ndarray  # magnitudes in visiting order, or complex bins as re, im
    window: np.ndarray


class Turn(NamedTuple):
    """Work of one call of `alignment.advance`: strips, and addresses of who walks the chain and who prepares."""

    first_strip: int
    last_strip: int
    chain: int
    prepare: int
