"""The passes of the inversion by offsets: what they share, and how the frames of one are added to a wave."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Real
from ..immutable import cached_attribute
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS, PHASES, ZERO, addresses
from ..kernels.fft.single import Correlator, correlator, correlator_scratch
from ..kernels.notebook import align
from ..kernels.notebook.align import AlignArgs, AlignArrays, RingArrays, WorkArgs, segment_lag
from ..kernels.notebook.xcorr_offset import TOLERANCE
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size, thread_count
from ..kernels.stft.frames import frame_scratch_sizes
from ..kernels.stft.overlap_add import OverlapAddArgs, overlap_add_strip
from ..transform.forward import tiles_of_strip
from ..transform.framing import hamming, power_of_two_scale, window_sum
from ..transform.inverse import Workspace, prepare_overlap_add, run_overlap_add, sum_size, weight_columns
from ..transform.memory import address, signal_args
from .blockwise import chunks
from .spectra import hamming_analysis

RING_BYTES = 2 << 20  # of frames kept prepared ahead of the chain
STRIP_TILES = 2  # tiles in a strip at most: a strip is what one thread prepares at a time
WORKERS = 4  # more would wait for the chain: a link takes about a third of the time to prepare a frame
CALL_FRAMES = 1 << 14  # in one call, so that Ctrl-C is noticed in between
KEPT_BYTES = 256 << 20  # of magnitudes in lanes: if they are more, they are arranged anew in each pass
BLOCK = 1 << 18  # samples of a wave that are touched at a time


class PassLayout(NamedTuple):
    """Tables and sizes of the passes over a spectrogram."""

    tables: fft_tables.Tables
    correlator: Correlator
    args: AlignArgs


def segment_offset(x1: Real, x2: Real) -> int:
    """argmax - len(x1) of the full cross-correlation of x1 and x2, means removed, outer len(x2) // 2 lags left out.

    With r[l] = sum over n of (x1[n] - mean x1) (x2[n - l] - mean x2), the lag l stands at p = l + len(x2) - 1.
    """
    n1, n2 = len(x1), len(x2)
    if _leaves_no_lag(n1, n2):
        return -n1
    p = correlator(n1, n2, np.float32(TOLERANCE))
    scale = x1.dtype.type(power_of_two_scale(max(float(abs(x1).max()), float(abs(x2).max())), x1.dtype))
    spectra, single = aligned(2 * p.im_offset, np.float32), aligned(correlator_scratch(p), np.float32)
    return int(segment_lag(x1, x2, scale, p, spectra, single)) + n2 - 1 - n1


def _leaves_no_lag(n1: int, n2: int) -> bool:
    """Whether every lag is left out, so that the argmax falls on the first (len(x2) = 1 leaves all out)."""
    return n2 == 1 or 2 * (n2 // 2) >= n1 + n2 - 1


@lru_cache(16)
def tables_of(n_fft: int, hop: int, stride: int, dtype: np.dtype[Any]) -> fft_tables.Tables:
    """Of the notebook's transform, over strips with `stride` from row to row."""
    kernels = addresses(n_fft, dtype, forwards=False)
    return fft_tables.transform_tables(n_fft, hop, stride, hamming(n_fft), np.ones(n_fft), dtype, kernels)


def _pass_layout(n_fft: int, hop: int, frames: int, dtype: np.dtype[Any], *, bins: int, search: bool) -> PassLayout:
    V, in_lanes = fft_tables.lane_count(dtype), fft_tables.has_inverse(n_fft)
    size = n_fft // 2
    n1 = size - hop if size > hop else hop
    skip = max(0, size // 2 - 1)
    n2 = min(n1, n_fft - skip)
    tiles = min(STRIP_TILES, tiles_of_strip(n_fft, hop, dtype))
    strip = tiles * V
    ring = strip * min(max(4, RING_BYTES // (n_fft * dtype.itemsize * strip)), -(-frames // strip))
    stride = fft_tables.strip_stride(n_fft, hop, tiles, dtype)
    n = n_fft if in_lanes else 2  # other sizes are synthesized by SciPy
    args = AlignArgs(
        source=align.IN_RING,
        search=search and not _leaves_no_lag(n1, n2),
        fixed_offset=-n1 if search else 0,
        hop=hop,
        n_fft=n_fft,
        size=size,
        skip=skip,
        frames=frames,
        origin=0,
        ring_frames=ring,
        strip_tiles=tiles,
        rows=min(hop, n_fft),
        strip_stride=stride,
        lane_stride=2 * bins or fft_tables.bin_order(n).size,
        bin_stride=2,
        bins=bins,
        folded=True,
        fft_elements=fft_tables.scratch_elements(n),
        mean=0.0,
        least=0.0,
        scale=1.0,
    )
    return PassLayout(tables_of(n, hop, stride, dtype), correlator(n1, n2, np.float32(TOLERANCE)), args)


class Given:
    """What is known of frames, laid out for kernels: magnitudes as `known` makes them, or complex bins (frames, n_fft).

    It is kept if it is no larger than KEPT_BYTES, and else made again whenever it is asked for, a share at a time.

    Parameters
    ----------
    shape : tuple
        (frames, numbers of each as they are laid out).
    dtype : np.dtype
    make : callable
        make(first, last) lays out frames first .. last - 1; `first` is a whole number of tiles.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any], make: Callable[[int, int], Array]) -> None:
        self.complex, self._make = dtype.kind == "c", make
        self._whole = make(0, shape[0]) if math.prod(shape) * dtype.itemsize <= KEPT_BYTES else None

    def of(self, first: int, last: int) -> tuple[Array, int]:
        """(what is known of those frames and maybe others, the first of them)."""
        return (self._make(first, last), first) if self._whole is None else (self._whole, 0)

    def rows(self, first: int, last: int) -> Array:
        """The same, of just those frames, where they are laid out as rows."""
        return self._make(first, last) if self._whole is None else self._whole[first:last]


class Passes:
    """What the passes over one spectrogram share: sizes, tables, buffers.

    Parameters
    ----------
    frames, n_fft, hop : int
        Number of frames, their length (the columns of the whole spectrogram) and their distance.
    dtype : np.dtype
        float32 or float64, of the signal.
    given : Given
        Magnitudes or complex bins.
    peak : float
        The largest magnitude: what is below a 1e8th of it does not count as a phase.
    search : bool
        Whether offsets are searched.
    """

    def __init__(
        self,
        frames: int,
        n_fft: int,
        hop: int,
        dtype: np.dtype[Any],
        given: Given,
        peak: float,
        *,
        search: bool = True,
    ) -> None:
        self.frames, self.n_fft, self.hop, self.dtype, self.given = frames, n_fft, hop, dtype, given
        self.complex, self.search = given.complex, search
        bins = n_fft if self.complex else 0
        self.tables, self.correlator, args = _pass_layout(n_fft, hop, frames, dtype, bins=bins, search=search)
        self.strip = args.strip_tiles * fft_tables.lane_count(dtype)
        self.workers = min(team_size(), WORKERS)
        number = dtype.type
        self.args = args._replace(
            least=number(max(peak / 1e8, float(np.finfo(dtype).tiny))), scale=number(power_of_two_scale(peak, dtype))
        )
        self.window = hamming(args.size).astype(dtype)
        self.length = frames * hop + args.size

    @cached_attribute
    def ring(self) -> RingArrays:
        """Memory of the chain."""
        args, dtype = self.args, self.dtype
        return RingArrays(
            segments=aligned(args.ring_frames * self.n_fft, dtype),
            segment_spectra=aligned(args.ring_frames * 2 * self.correlator.im_offset, np.float32),
            stats=aligned(args.ring_frames * 2, dtype),
            singles=aligned(correlator_scratch(self.correlator) * self.workers, np.float32),
        )

    @cached_attribute
    def scratch(self) -> Real:
        """Of all workers."""
        size = scratch_size(frame_scratch_sizes(self.args, fft_tables.lane_count(self.dtype)))
        return aligned(size * self.workers, self.dtype)

    def source(self, previous: Real | None) -> int:
        """Where the phases of a pass come from."""
        return BINS if self.complex else ZERO if previous is None else PHASES

    def run(self, previous: Real | None, wave: Real) -> None:
        """One pass: the signal whose frames have the phases of those of `previous` (none: their own, or zero)."""
        in_lanes = fft_tables.has_inverse(self.n_fft)
        source = self.source(previous)
        for first, last in chunks(self.length, BLOCK):
            wave[first:last] = 0
        if in_lanes and not self.search:
            self._add_in_place(source, wave, previous)
            return
        args = self.args._replace(source=source if in_lanes else align.IN_RING)
        if previous is not None:
            args = args._replace(mean=self.dtype.type(previous.mean()))
        share = max(1, CALL_FRAMES // self.strip) * self.strip if in_lanes else args.ring_frames
        for first in range(0, self.frames, share):
            last = min(self.frames, first + share)
            spectra = np.zeros(1, self.dtype)
            if in_lanes:
                source_array, origin = self.given.of(first, last)
                spectra, args = source_array.view(self.dtype).reshape(-1), args._replace(origin=origin)
            else:
                self._synthesize_scipy(previous, args, first, last)
            arrays = AlignArrays(wave, wave if previous is None else previous, spectra, self.window)
            self._align(first, last, arrays, args)
        divide(wave, self.frames, self.hop, args.size)

    def _align(self, first: int, last: int, arrays: AlignArrays, args: AlignArgs) -> None:
        """The chain over frames first .. last - 1, prepared on the way."""
        dtype, first_strip, last_strip = self.dtype, first // self.strip, -(-last // self.strip)
        work_args = WorkArgs(
            first_strip=first_strip,
            last_strip=last_strip,
            align=align.align_and_add.address(dtype),
            prepare=align.prepare_strip.address(dtype),
            counters=np.zeros(align.COUNTERS, np.int64),
            prepared=np.zeros(last_strip - first_strip, np.int64),
        )
        work_args.counters[align.TICKET] = work_args.counters[align.ADDED] = first_strip
        workers = min(thread_count(), self.workers, len(work_args.prepared))
        record = align.LAYOUT.pack(arrays, self.tables, self.correlator, args, self.ring, work_args)
        work = (last - first) * self.n_fft * 64
        run_items(align.worker_loop, dtype, workers, record, work=work, memory=self.scratch)

    def _add_in_place(self, source: int, wave: Real, previous: Real | None) -> None:
        """The pass without offsets: frames are added where they stand, in lanes."""
        args, dtype, n_fft, hop = self.args, self.dtype, self.n_fft, self.hop
        reach, rows = -(-args.size // hop), min(hop, args.size)
        stride = fft_tables.strip_stride(args.size, hop, args.strip_tiles, dtype)
        adding = OverlapAddArgs(
            source=source,
            folded=True,
            signals_in_lanes=False,
            hop=hop,
            n_fft=n_fft,
            size=args.size,
            skip=n_fft - 1 - args.skip,
            direction=-1,
            reach=reach,
            signals=1,
            strips=-(-self.frames // self.strip),
            frames=self.frames,
            first_frame=0,
            total_frames=self.frames,
            origin=0,
            signal_stride=0,
            frame_stride=args.lane_stride,
            lane_stride=args.lane_stride,
            bin_stride=2,
            start=0,
            length=wave.size,
            y_offset=0,
            y_stride=0,
            strip_tiles=args.strip_tiles,
            rows=args.rows,
            strip_stride=args.strip_stride,
            bins=args.bins,
            fft_elements=args.fft_elements,
            extra=0,
            sum_rows=rows,
            sum_stride=stride,
            sum_size=sum_size(rows, stride, dtype),
            mean=0.0 if previous is None else previous.mean(),
            least=args.least,
        )
        window = np.zeros(n_fft)
        window[n_fft - 1 - args.skip - np.arange(args.size)] = hamming(args.size)
        tables = self.tables._replace(synthesis=(window / n_fft).astype(dtype))
        weight = (1 / (weight_columns(hamming(args.size), hop, self.frames) + 1e-6)).astype(dtype).reshape(-1)
        spectra = self.given.of(0, self.frames)[0].view(dtype).reshape(-1)
        memory = {"y": wave, "previous": wave if previous is None else previous, "spectra": spectra}
        arrays = {name: (address(a), a.size) for name, a in memory.items()}
        prepared, work = prepare_overlap_add(tables, adding, weight), self.frames * n_fft * 32
        run_overlap_add(prepared, overlap_add_strip, arrays, work, Workspace(dtype))

    def _synthesize_scipy(self, previous: Real | None, args: AlignArgs, start: int, stop: int) -> None:
        """Frames start .. stop - 1 into the ring by SciPy's transform, for sizes the kernels lack."""
        from scipy import fft

        if start >= stop:
            return
        n, half = self.n_fft, self.n_fft // 2 + 1
        given: NDArray[Any] = self.given.rows(start, stop)
        if self.complex:
            bins: NDArray[Any] = 0.5 * (given[:, :half] + given[:, -np.arange(half) % n].conj())
        elif previous is None:
            bins = given
        else:
            signals = signal_args(previous[None], mean=float(args.mean))
            blocks = hamming_analysis(n, self.hop, self.dtype).scipy_blocks(signals, start * self.hop, stop - start)
            bins = np.concatenate([D for _, D in blocks])
            bins *= given / np.maximum(np.abs(bins), args.least)
        frames = fft.irfft(bins, n, workers=thread_count())
        self.ring.segments.reshape(-1, n)[np.arange(start, stop) % args.ring_frames] = frames[:, ::-1]


def divide(wave: Real, frames: int, hop: int, size: int) -> None:
    """A sum of frames, hop apart, over the sum of their windows + 1e-6; in place, as far as the frames reach."""
    reach = -(-size // hop)
    weight = (1 / (window_sum(hamming(size), min(frames, reach), hop) + 1e-6)).astype(wave.dtype)
    if frames <= reach:
        wave[: len(weight)] *= weight
        return
    full = np.tile(weight[(reach - 1) * hop : reach * hop], max(1, BLOCK // 8 // hop))
    wave[: reach * hop] *= weight[: reach * hop]
    for first, last in chunks((frames - reach) * hop, len(full)):
        wave[reach * hop + first : reach * hop + last] *= full[: last - first]
    wave[frames * hop : frames * hop + size] *= weight[reach * hop :]
