"""The notebook's aligned overlap-add: frames synthesized in lanes and in parallel, then added one after another.

Frame i is added with the offset at which its excerpt x2, n2 samples, correlates best with n1 samples x1 of the sum of
frames 0 .. i - 1 (`xcorr_offset`).  This recursion over frames is sequential.  All else is prepared ahead: a strip of
frames is synthesized in lanes and stored frame by frame, each reversed in time, and the spectra of their excerpts are
computed.  One worker aligns and adds strip after strip; the others prepare strips in a ring buffer of frames, and the
first prepares strips, too, while it has to wait.  Each frame is computed alike by any worker, so the bits are the same
for any number of threads.
"""

from typing import NamedTuple

from ..fft.realfft import PHASES
from ..fft.single_frame import Correlator, centre, correlator_scratch, mean_of, spectrum, transform
from ..fft.tables import Tables
from ..runtime.calls import call, claim, fetch_add, load_acquire, noinline, store_release, yield_cpu
from ..runtime.jit import float32, int64, kernel
from ..runtime.layout import Ints, Layout, Number, Reals, Singles, carve
from ..runtime.tasks import called_from_python, task
from ..simd.transpose import transpose_block
from ..simd.vector import lanes, load, store
from ..stft.frames import frame_scratch_sizes, load_strip, synthesize_tile
from .xcorr_offset import PreparedExcerpt, best_lag

ARRIVALS, NEXT_STRIP, STRIPS_ADDED, N_COUNTERS = 0, 8, 16, 24
"""Indices in `WorkArgs.counters`, a cache line apart: workers that have begun, next strip to prepare, strips added."""


class AlignArrays(NamedTuple):
    """Signals, spectra, window."""

    y: Reals  # output
    previous: Reals  # the signal of the previous iteration, whose phases the frames get
    spectra: Reals  # magnitudes in the order of `tables.bin_order`, or complex bins as re, im
    window: Reals


class AlignArgs(NamedTuple):
    """Sizes and strides."""

    source: int  # realfft.PHASES, ZERO or BINS
    searches_offset: bool
    fixed_offset: int  # of all frames but the first, if it does not
    hop: int
    n_fft: int
    size: int  # samples of a frame that are added: n_fft // 2
    skip: int  # samples of the reversed frame before these, at offset 0
    frames: int
    origin: int  # index of the first frame in `spectra`
    ring_frames: int  # frames in the ring buffer
    strip_tiles: int
    rows: int  # rows of a strip: min(hop, n_fft) polyphase components
    strip_stride: int  # from one row of a strip to the next
    lane_stride: int  # from the spectrum of one frame to the next
    bin_stride: int  # from one complex bin to the next
    bins: int  # of a complex spectrogram
    folded: bool  # bins are those of a whole circle, to be folded
    fft_elements: int  # complex elements of scratch for the transform
    mean: Number  # of `previous`
    least: Number  # magnitudes below this have no phase
    scale: Number  # brings excerpts to about 1


class RingArrays(NamedTuple):
    """The ring buffer of frames prepared ahead, and scratch in float32."""

    frames_reversed: Reals  # (ring_frames, n_fft)
    excerpt_spectra: Singles  # (ring_frames, 2 im_offset)
    excerpt_stats: Reals  # (ring_frames, 2): mean of an excerpt, energy without it
    singles: Singles  # scratch of each worker; see `single_frame.correlator_scratch`


class WorkArgs(NamedTuple):
    """Strips first_strip .. last_strip - 1, and the counters by which workers share them."""

    first_strip: int
    last_strip: int
    align: int  # address of `align_and_add`
    prepare: int  # address of `prepare_strip`
    counters: Ints  # (N_COUNTERS,)
    prepared: Ints  # 1 for each strip that is ready to be added


LAYOUT = Layout(AlignArrays, Tables, Correlator, AlignArgs, RingArrays, WorkArgs)
unpack_arrays, unpack_tables, unpack_correlator, unpack_args, unpack_ring, unpack_work = LAYOUT.unpackers


@kernel
def store_reversed(y, n, frames_reversed, o, row_stride):
    """frames_reversed[o + f row_stride + q] = sample n - 1 - q of lane f."""
    noinline()
    V = lanes(y)
    if n < V:
        for f in range(V):
            for q in range(n):
                frames_reversed[o + f * row_stride + q] = y[(n - 1 - q) * V + f]
        return
    q = 0
    while q < n:
        q = min(q, n - V)
        transpose_block(y, (n - 1 - q) * V, -V, frames_reversed, o + q, row_stride)
        q += V


@kernel
def excerpt_spectrum(f, args, correlator, ring, single):
    """Mean, energy and spectrum of the excerpt of frame f, for `best_lag`."""
    noinline()
    row = f % args.ring_frames
    size = 32 * correlator.m
    flat, z, x = single[:size], single[size : 5 * size], single[5 * size : 5 * size + 2 * correlator.im_offset]
    at = row * args.n_fft + args.skip
    mean = mean_of(ring.frames_reversed, at, correlator.n2)
    ring.excerpt_stats[2 * row] = mean
    ring.excerpt_stats[2 * row + 1] = centre(ring.frames_reversed, at, correlator.n2, mean, args.scale, flat, size)
    transform(flat, correlator, z, x)
    spectrum(x, correlator, ring.excerpt_spectra, row * 2 * correlator.im_offset)


@task("notebook")
def prepare_strip(item, worker, record, scratch):
    """Synthesize the frames of one strip, store each reversed in time, and compute the spectra of their excerpts."""
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
        count = min(V, args.frames - f0)
        at = (f0 - args.origin) * args.lane_stride
        synthesize_tile(arrays.spectra, at, count, g * V, p, args, (strip, work, bins, tmp), y)
        store_reversed(y, args.n_fft, ring.frames_reversed, (f0 % args.ring_frames) * args.n_fft, args.n_fft)
        if args.searches_offset:
            for f in range(f0, min(args.frames, f0 + V)):
                excerpt_spectrum(f, args, correlator, ring, single)


@kernel
def add_windowed(x, start, window, y, at, size):
    """y[at + k] += window[k] x[(start + k) mod n] for k < size, with a frame x of n samples."""
    V, n = lanes(y), x.size
    k = 0
    if start >= 0 and start + size <= n:
        while k + V <= size:
            store(y, at + k, load(y, at + k) + load(window, k) * load(x, start + k))
            k += V
        while k < size:
            y[at + k] += window[k] * x[start + k]
            k += 1
    else:
        while k < size:
            y[at + k] += window[k] * x[(start + k) % n]
            k += 1


@task("notebook")
def align_and_add(item, worker, record, scratch):
    """Add the frames of one strip to the signal, each with the offset that maximises the correlation."""
    noinline()
    arrays, args = unpack_arrays(scratch, record), unpack_args(scratch, record)
    correlator, ring = unpack_correlator(scratch, record), unpack_ring(scratch, record)
    size, width = correlator_scratch(correlator), args.strip_tiles * lanes(scratch)
    single = ring.singles[worker * size : (worker + 1) * size]
    y, frames_reversed = arrays.y, ring.frames_reversed
    for i in range(item * width, min(args.frames, (item + 1) * width)):
        at, row = i * args.hop, i % args.ring_frames
        o = row * args.n_fft
        offset = args.fixed_offset if i > 0 else 0
        if args.searches_offset and i > 0:
            mean, energy = ring.excerpt_stats[2 * row], float32(ring.excerpt_stats[2 * row + 1])
            excerpt_at, spectrum_at = o + args.skip, row * 2 * correlator.im_offset
            second = PreparedExcerpt(frames_reversed, excerpt_at, mean, energy, ring.excerpt_spectra, spectrum_at)
            lag = best_lag(y, at, second, args.scale, correlator, single)
            offset = lag + correlator.n2 - 1 - correlator.n1
        add_windowed(frames_reversed[o : o + args.n_fft], args.skip - offset, arrays.window, y, at, args.size)


@kernel
def wait(tries):
    """Wait once more: return tries + 1, and yield the processor from the 1000th try on."""
    if tries > 1000:
        yield_cpu()
    return tries + 1


@task("notebook")
def worker_loop(item, worker, record, scratch):
    """All of one worker's strips.

    The worker that begins first aligns and adds the strips in order, and prepares strips while the next is not ready.
    The others prepare strips, as far ahead as the ring buffer holds.  No deadlock is possible: a claimed strip has free
    frames in the ring buffer, so its worker finishes it, and the adding worker needs claimed strips only.
    """
    noinline()
    args, work = unpack_args(scratch, record), unpack_work(scratch, record)
    is_adding = fetch_add(work.counters, ARRIVALS, 1) == 0
    capacity = args.ring_frames // (args.strip_tiles * lanes(scratch))
    added, tries = work.first_strip, 0
    while added < work.last_strip:
        if is_adding and load_acquire(work.prepared, added - work.first_strip):
            call(work.align, (added, worker, record, scratch))
            added, tries = added + 1, 0
            store_release(work.counters, STRIPS_ADDED, added)
            continue
        if not is_adding:
            added = load_acquire(work.counters, STRIPS_ADDED)
        strip = claim(work.counters, NEXT_STRIP, min(work.last_strip, added + capacity))
        if strip < 0:
            if not is_adding and load_acquire(work.counters, NEXT_STRIP) >= work.last_strip:
                break
            tries = wait(tries)
            continue
        call(work.prepare, (strip, worker, record, scratch))
        store_release(work.prepared, strip - work.first_strip, int64(1))
        tries = 0


@called_from_python("notebook")
def excerpt_lag(x1: Reals, x2: Reals, scale: Number, p: Correlator, spectra: Singles, single: Singles):
    """`best_lag` of two whole arrays."""
    size = 32 * p.m
    flat, z, x = single[:size], single[size : 5 * size], single[5 * size : 5 * size + 2 * p.im_offset]
    mean = mean_of(x2, 0, p.n2)
    energy = centre(x2, 0, p.n2, mean, scale, flat, size)
    transform(flat, p, z, x)
    spectrum(x, p, spectra, 0)
    return best_lag(x1, 0, PreparedExcerpt(x2, 0, mean, energy, spectra, 0), scale, p, single)
