"""The notebook's aligned overlap-add: frames synthesized in lanes and in parallel, then added one after another.

Where frame i is added depends on the sum of frames 0 .. i - 1: that chain is sequential by nature.  All else is
prepared ahead: a strip of frames is synthesized in lanes, stored frame by frame in order of time, and the spectrum of
the segment to be aligned is computed.  One worker aligns and adds strip after strip, the others prepare strips into a
ring of frames, and the first helps them when it has to wait.  The results depend on none of this, so the bits are the
same for any number of threads.
"""

from typing import NamedTuple

from ..fft.realfft import PHASES
from ..fft.single import Correlator, centre, correlator_scratch, mean_of, spectrum, transform
from ..fft.tables import Tables
from ..runtime.calls import call, claim, fetch_add, load_acquire, noinline, store_release, yield_cpu
from ..runtime.jit import float32, int64, kernel
from ..runtime.layout import Ints, Layout, Number, Reals, Singles, carve
from ..runtime.tasks import called_from_python, task
from ..simd.transpose import transpose_block
from ..simd.vector import lanes, load, store
from ..stft.frames import frame_scratch_sizes, load_strip, synthesize_tile
from .xcorr_offset import best_lag

IN_RING = 3
"""The source of frames that are in the ring already, by SciPy's transform (other sources: see realfft)."""

ROLE, TICKET, ADDED, COUNTERS = 0, 8, 16, 24
"""Counters on which workers agree, a cache line each: how many came, next strip to prepare, strips added."""


class AlignArrays(NamedTuple):
    """Signals and frames."""

    y: Reals  # the signal that is written
    previous: Reals  # the signal that phases are taken from
    spectra: Reals  # magnitudes in the order of `tables.bin_order`, or complex bins as re, im
    window: Reals


class AlignArgs(NamedTuple):
    """Sizes and strides."""

    source: int  # realfft.PHASES, ZERO or BINS, or IN_RING
    search: bool  # for the best offset; otherwise it is `fixed_offset`, and 0 for the first frame
    fixed_offset: int
    hop: int
    n_fft: int
    size: int  # samples of a frame that are added: half of it
    skip: int  # samples of the reversed frame before them, at offset 0
    frames: int
    origin: int  # the frame that stands first in `spectra`
    ring_frames: int  # frames of the ring
    strip_tiles: int  # tiles in a strip
    rows: int  # phases of a strip, min(hop, n_fft)
    strip_stride: int  # from a row of a strip to the next
    lane_stride: int  # from the spectrum of one frame to the next
    bin_stride: int  # from one complex bin to the next
    bins: int  # bins of a complex spectrogram
    folded: bool  # they are those of a whole circle, to be folded
    fft_elements: int  # complex elements of scratch for the transform
    mean: Number
    least: Number  # below this a bin has no phase
    scale: Number  # brings segments to about 1


class RingArrays(NamedTuple):
    """The frames prepared ahead, and scratch in float32."""

    segments: Reals  # (ring_frames, n_fft) frames in order of time
    segment_spectra: Singles  # (ring_frames, 2 half) float32 spectra of the segments to align
    stats: Reals  # (ring_frames, 2) their means and energies
    singles: Singles  # scratch of each worker; see `single.correlator_scratch`


class WorkArgs(NamedTuple):
    """Strips first_strip .. last_strip - 1, and how workers share them."""

    first_strip: int
    last_strip: int
    align: int  # addresses of the kernels that align and add a strip, and prepare one
    prepare: int
    counters: Ints
    prepared: Ints  # of each strip, whether it is


LAYOUT = Layout(AlignArrays, Tables, Correlator, AlignArgs, RingArrays, WorkArgs)
unpack_arrays, unpack_tables, unpack_correlator, unpack_args, unpack_ring, unpack_work = LAYOUT.unpackers


@kernel
def in_time_order(y, n, segments, o, ld):
    """segments[o + f ld + q] = sample n - 1 - q of lane f: the frames one after another, each time-reversed."""
    noinline()
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
def segment_spectrum(f, args, correlator, ring, single):
    """Mean, energy and spectrum of the segment of frame f that is to be aligned."""
    noinline()
    row = f % args.ring_frames
    size = 32 * correlator.m
    flat, z, x = single[:size], single[size : 5 * size], single[5 * size : 5 * size + 2 * correlator.im_offset]
    at = row * args.n_fft + args.skip
    mean = mean_of(ring.segments, at, correlator.n2)
    ring.stats[2 * row] = mean
    ring.stats[2 * row + 1] = centre(ring.segments, at, correlator.n2, mean, args.scale, flat, size)
    transform(flat, correlator, z, x)
    spectrum(x, correlator, ring.segment_spectra, row * 2 * correlator.im_offset)


@task("notebook")
def prepare_strip(item, worker, record, scratch):
    """One strip: its frames synthesized, stored in order of time, and the spectra of their segments."""
    noinline()
    arrays, p, args = unpack_arrays(scratch, record), unpack_tables(scratch, record), unpack_args(scratch, record)
    correlator, ring = unpack_correlator(scratch, record), unpack_ring(scratch, record)
    V = lanes(scratch)
    strip, work, y, bins, tmp = carve(scratch, worker, frame_scratch_sizes(args, V))
    size = correlator_scratch(correlator)
    single = ring.singles[worker * size : (worker + 1) * size]
    first = item * args.strip_tiles * V
    if args.source == PHASES:
        load_strip(arrays.previous, first, args, strip, work)
    for g in range(min(args.strip_tiles, (args.frames - first + V - 1) // V)):
        f0 = first + g * V
        if args.source != IN_RING:
            count = min(V, args.frames - f0)
            at = (f0 - args.origin) * args.lane_stride
            synthesize_tile(arrays.spectra, at, count, g * V, p, args, (strip, work, bins, tmp), y)
            in_time_order(y, args.n_fft, ring.segments, (f0 % args.ring_frames) * args.n_fft, args.n_fft)
        if args.search:
            for f in range(f0, min(args.frames, f0 + V)):
                segment_spectrum(f, args, correlator, ring, single)


@kernel
def add_windowed(segments, o, n, start, window, wave, at, size):
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


@task("notebook")
def align_and_add(item, worker, record, scratch):
    """The frames of one strip added to the signal, each where it fits best what is there."""
    noinline()
    arrays, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    correlator, ring = unpack_correlator(scratch, record), unpack_ring(scratch, record)
    size, width = correlator_scratch(correlator), args.strip_tiles * lanes(scratch)
    single = ring.singles[worker * size : (worker + 1) * size]
    y, segments = arrays.y, ring.segments
    for i in range(item * width, min(args.frames, (item + 1) * width)):
        at, row = i * args.hop, i % args.ring_frames
        o = row * args.n_fft
        offset = args.fixed_offset if i > 0 else 0
        if args.search and i > 0:
            mean, energy = ring.stats[2 * row], float32(ring.stats[2 * row + 1])
            second, spectrum_at = o + args.skip, row * 2 * correlator.im_offset
            lag = best_lag(
                y, at, segments, second, mean, energy, ring.segment_spectra, spectrum_at, args.scale, correlator, single
            )
            offset = lag + correlator.n2 - 1 - correlator.n1
        add_windowed(segments, o, args.n_fft, args.skip - offset, arrays.window, y, at, args.size)


@kernel
def wait(tries):
    """A moment; after many tries without success, the processor is given to another thread."""
    if tries > 1000:
        yield_cpu()
    return tries + 1


@task("notebook")
def worker_loop(item, worker, record, scratch):
    """The work of one worker.

    The first to come aligns and adds the strips in order; while a strip is not ready it prepares others.  The others
    prepare strip after strip, as far ahead as the ring holds.  A worker that waits, waits for one that is at work: the
    first is running, and a strip once claimed is being prepared, as its frames of the ring are free.
    """
    noinline()
    args, work = unpack_args(scratch, record), unpack_work(scratch, record)
    adds = fetch_add(work.counters, ROLE) == 0
    capacity = args.ring_frames // (args.strip_tiles * lanes(scratch))
    added, tries = work.first_strip, 0
    while added < work.last_strip:
        if adds and load_acquire(work.prepared, added - work.first_strip):
            call(work.align, (added, worker, record, scratch))
            added, tries = added + 1, 0
            store_release(work.counters, ADDED, added)
            continue
        if not adds:
            added = load_acquire(work.counters, ADDED)
        strip = claim(work.counters, TICKET, min(work.last_strip, added + capacity))
        if strip < 0:
            if not adds and load_acquire(work.counters, TICKET) >= work.last_strip:
                break
            tries = wait(tries)
            continue
        call(work.prepare, (strip, worker, record, scratch))
        store_release(work.prepared, strip - work.first_strip, int64(1))
        tries = 0


@called_from_python("notebook")
def segment_lag(x1: Reals, x2: Reals, scale: Number, p: Correlator, spectra: Singles, single: Singles):
    """The lag of the best fit of two segments, means removed."""
    size = 32 * p.m
    flat, z, x = single[:size], single[size : 5 * size], single[5 * size : 5 * size + 2 * p.im_offset]
    mean = mean_of(x2, 0, p.n2)
    energy = centre(x2, 0, p.n2, mean, scale, flat, size)
    transform(flat, p, z, x)
    spectrum(x, p, spectra, 0)
    return best_lag(x1, 0, x2, 0, mean, energy, spectra, 0, scale, p, single)
