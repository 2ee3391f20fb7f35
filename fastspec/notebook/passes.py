"""Passes of the inversion by offsets: all frames synthesized with the phases of a signal, aligned and added."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import Array, Real
from ..immutable import cached_attribute
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS, PHASES, ZERO
from ..kernels.fft.single_frame import Correlator, correlator, correlator_scratch
from ..kernels.fft.sizes import addresses, names_instead
from ..kernels.notebook import align
from ..kernels.notebook.align import AlignArgs, AlignArrays, RingArrays, WorkArgs, excerpt_lag
from ..kernels.notebook.xcorr_offset import TOLERANCE
from ..kernels.runtime.ahead import announce
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import data_address, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size, thread_count
from ..kernels.stft.frames import frame_scratch_sizes
from ..kernels.stft.overlap_add import OverlapAddArgs, overlap_add_strip
from ..transform.forward import tiles_of_strip
from ..transform.framing import hamming, power_of_two_scale, window_sum
from ..transform.inverse import prepare_overlap_add, run_overlap_add, sum_size, weight_columns
from ..transform.prepared import Workspace
from .blockwise import chunks

RING_BYTES = 2 << 20  # of frames that are prepared ahead
MAX_STRIP_TILES = 2  # of the strips that a thread prepares
MAX_WORKERS = 4  # more would wait: to align and add a frame takes about a third of the time to prepare it
CALL_FRAMES = 1 << 14  # of a call of the kernels: between calls Ctrl-C acts
KEPT_BYTES = 256 << 20  # larger frame sources are loaded anew in each pass
BLOCK_SAMPLES = 1 << 18  # of a signal that are cleared or scaled at once


class PassTables(NamedTuple):
    """Tables and sizes of the passes over a spectrogram."""

    tables: fft_tables.Tables
    correlator: Correlator
    args: AlignArgs


def correlation_offset(x1: Real, x2: Real, largest: float | None = None) -> int:
    """argmax r - len(x1), with the full cross-correlation r of x1 and x2, means removed; the first of equal values.

    r[l + len(x2) - 1] = sum over n of (x1[n] - mean x1) (x2[n - l] - mean x2) at lag l; the first and the last
    len(x2) // 2 lags are excluded.  `largest` is that of |x1| and |x2|.
    """
    n1, n2 = len(x1), len(x2)
    if _excludes_all_lags(n1, n2):
        return -n1
    p = correlator(n1, n2, np.float32(TOLERANCE))
    if largest is None:
        largest = max(float(abs(x1).max()), float(abs(x2).max()))
    scale = x1.dtype.type(power_of_two_scale(largest, x1.dtype))
    spectra, single = aligned(2 * p.im_offset, np.float32), aligned(correlator_scratch(p), np.float32)
    return int(excerpt_lag(x1, x2, scale, p, spectra, single)) + n2 - 1 - n1


def _excludes_all_lags(n1: int, n2: int) -> bool:
    """Whether `correlation_offset` excludes every lag, and so returns the first (len(x2) = 1 counts as such)."""
    return n2 == 1 or 2 * (n2 // 2) >= n1 + n2 - 1


@lru_cache(16)
def synthesis_tables(n_fft: int, hop: int, stride: int, dtype: np.dtype[Any]) -> fft_tables.Tables:
    """The tables of the notebook's transform, for strips with `stride` from row to row."""
    kernels = addresses(n_fft, dtype, forwards=False)
    return fft_tables.transform_tables(n_fft, hop, stride, hamming(n_fft), np.ones(n_fft), dtype, kernels)


def _pass_tables(n_fft: int, hop: int, frames: int, dtype: np.dtype[Any], *, bins: int, search: bool) -> PassTables:
    """Tables and arguments for `frames` frames; `bins` of a complex spectrogram, or 0."""
    V = fft_tables.lane_count(dtype)
    size = n_fft // 2  # samples of a frame that are added
    n1 = size - hop if size > hop else hop
    skip = max(0, size // 2 - 1)
    n2 = min(n1, n_fft - skip)
    tiles = min(MAX_STRIP_TILES, tiles_of_strip(n_fft, hop, dtype))
    strip = tiles * V
    ring = strip * min(max(4, RING_BYTES // (n_fft * dtype.itemsize * strip)), -(-frames // strip))
    stride = fft_tables.strip_stride(n_fft, hop, tiles, dtype)
    args = AlignArgs(
        source=ZERO,
        searches_offset=search and not _excludes_all_lags(n1, n2),
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
        lane_stride=2 * bins or fft_tables.bin_order(n_fft).size,
        bin_stride=2,
        bins=bins,
        folded=True,
        fft_elements=fft_tables.scratch_elements(n_fft),
        mean=0.0,
        least=0.0,
        scale=1.0,
    )
    return PassTables(synthesis_tables(n_fft, hop, stride, dtype), correlator(n1, n2, np.float32(TOLERANCE)), args)


class FrameSource:
    """The frames of a spectrogram as kernels read them: magnitudes (`hermitian_magnitudes`) or bins (frames, n_fft).

    They are all kept in memory up to KEPT_BYTES, else a range of frames is loaded whenever it is needed.

    Parameters
    ----------
    shape : tuple
        (frames, values a frame).
    dtype : np.dtype
        Of the values.
    load : callable
        load(first, last) returns frames first .. last - 1; `first` is a whole number of tiles.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any], load: Callable[[int, int], Array]) -> None:
        self.is_complex, self._load = dtype.kind == "c", load
        self._all = load(0, shape[0]) if math.prod(shape) * dtype.itemsize <= KEPT_BYTES else None

    def load_range(self, first: int, last: int) -> tuple[Array, int]:
        """(values of frames that include first .. last - 1, index of the first of them)."""
        return (self._load(first, last), first) if self._all is None else (self._all, 0)


class Passes:
    """Passes over one spectrogram; they share sizes, tables and buffers.

    Parameters
    ----------
    frames, n_fft, hop : int
        Number of frames, samples of a frame, samples from a frame to the next.
    dtype : np.dtype
        float32 or float64, of the signal.
    source : FrameSource
        Magnitudes or complex bins.
    peak : float
        The largest magnitude.  Bins of the previous signal below 1e-8 peak have no phase.
    search : bool
        Whether frames are aligned; without it their offset is 0.
    """

    def __init__(
        self,
        frames: int,
        n_fft: int,
        hop: int,
        dtype: np.dtype[Any],
        source: FrameSource,
        peak: float,
        *,
        search: bool = True,
    ) -> None:
        self.frames, self.n_fft, self.hop, self.dtype, self.source = frames, n_fft, hop, dtype, source
        self.search = search
        announce("notebook", dtype, instead=names_instead(n_fft))
        bins = n_fft if source.is_complex else 0
        self.tables, self.correlator, args = _pass_tables(n_fft, hop, frames, dtype, bins=bins, search=search)
        self.strip_frames = args.strip_tiles * fft_tables.lane_count(dtype)
        self.workers = min(team_size(), MAX_WORKERS)
        number = dtype.type
        self.args = args._replace(
            least=number(max(peak / 1e8, float(np.finfo(dtype).tiny))), scale=number(power_of_two_scale(peak, dtype))
        )
        self.window = hamming(args.size).astype(dtype)
        self.length = frames * hop + args.size

    @cached_attribute
    def ring(self) -> RingArrays:
        """The ring buffer of frames prepared ahead."""
        args, dtype = self.args, self.dtype
        return RingArrays(
            frames_reversed=aligned(args.ring_frames * self.n_fft, dtype),
            excerpt_spectra=aligned(args.ring_frames * 2 * self.correlator.im_offset, np.float32),
            excerpt_stats=aligned(args.ring_frames * 2, dtype),
            singles=aligned(correlator_scratch(self.correlator) * self.workers, np.float32),
        )

    @cached_attribute
    def scratch(self) -> Real:
        """Scratch of all workers."""
        size = scratch_size(frame_scratch_sizes(self.args, fft_tables.lane_count(self.dtype)))
        return aligned(size * self.workers, self.dtype)

    def kernel_source(self, previous: Real | None) -> int:
        """The source of the kernels' frames (`AlignArgs.source`)."""
        return BINS if self.source.is_complex else ZERO if previous is None else PHASES

    def synthesize(self, previous: Real | None, y: Real) -> None:
        """One pass: y = the signal of frames with the phases of those of `previous`; without it their own, or 0."""
        source = self.kernel_source(previous)
        for first, last in chunks(self.length, BLOCK_SAMPLES):
            y[first:last] = 0
        if not self.search:
            self._overlap_add(source, y, previous)
            return
        args = self.args._replace(source=source)
        if previous is not None:
            args = args._replace(mean=self.dtype.type(previous.mean()))
        strip_frames = self.strip_frames
        call_frames = max(1, CALL_FRAMES // strip_frames) * strip_frames
        for first in range(0, self.frames, call_frames):
            last = min(self.frames, first + call_frames)
            values, origin = self.source.load_range(first, last)
            spectra, args = values.view(self.dtype).reshape(-1), args._replace(origin=origin)
            arrays = AlignArrays(y, y if previous is None else previous, spectra, self.window)
            self._align(first, last, arrays, args)
        divide_by_windows(y, self.frames, self.hop, args.size)

    def _align(self, first: int, last: int, arrays: AlignArrays, args: AlignArgs) -> None:
        """Prepare, align and add frames first .. last - 1."""
        dtype, first_strip, last_strip = self.dtype, first // self.strip_frames, -(-last // self.strip_frames)
        work_args = WorkArgs(
            first_strip=first_strip,
            last_strip=last_strip,
            align=align.align_and_add.address(dtype),
            prepare=align.prepare_strip.address(dtype),
            counters=np.zeros(align.N_COUNTERS, np.int64),
            prepared=np.zeros(last_strip - first_strip, np.int64),
        )
        work_args.counters[align.NEXT_STRIP] = work_args.counters[align.STRIPS_ADDED] = first_strip
        workers = min(thread_count(), self.workers, len(work_args.prepared))
        record = align.LAYOUT.pack(arrays, self.tables, self.correlator, args, self.ring, work_args)
        work = (last - first) * self.n_fft * 64
        run_items(align.worker_loop, dtype, workers, record, work=work, memory=self.scratch)

    def _overlap_add(self, source: int, y: Real, previous: Real | None) -> None:
        """The pass without offsets: a plain overlap-add, in lanes."""
        args, dtype, n_fft, hop = self.args, self.dtype, self.n_fft, self.hop
        add_args = self._overlap_add_args(source, y.size, 0.0 if previous is None else previous.mean())
        window = np.zeros(n_fft)
        window[n_fft - 1 - args.skip - np.arange(args.size)] = hamming(args.size)
        tables = self.tables._replace(synthesis=fft_tables.synthesis_weights(window, dtype))
        weight = (1 / (weight_columns(hamming(args.size), hop, self.frames) + 1e-6)).astype(dtype).reshape(-1)
        spectra = self.source.load_range(0, self.frames)[0].view(dtype).reshape(-1)
        memory = {"y": y, "previous": y if previous is None else previous, "spectra": spectra}
        arrays = {name: (data_address(a), a.size) for name, a in memory.items()}
        prepared = prepare_overlap_add(tables, add_args, weight, self.frames * n_fft * 32)
        run_overlap_add(prepared, overlap_add_strip, arrays, Workspace(dtype))

    def _overlap_add_args(self, source: int, length: int, mean: float) -> OverlapAddArgs:
        """The arguments of the plain overlap-add to a signal of `length` samples."""
        args, dtype, n_fft, hop = self.args, self.dtype, self.n_fft, self.hop
        reach, rows = -(-args.size // hop), min(hop, args.size)
        stride = fft_tables.strip_stride(args.size, hop, args.strip_tiles, dtype)
        return OverlapAddArgs(
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
            strips=-(-self.frames // self.strip_frames),
            frames=self.frames,
            first_frame=0,
            total_frames=self.frames,
            origin=0,
            signal_stride=0,
            frame_stride=args.lane_stride,
            lane_stride=args.lane_stride,
            bin_stride=2,
            start=0,
            length=length,
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
            mean=mean,
            least=args.least,
        )


def divide_by_windows(y: Real, frames: int, hop: int, size: int) -> None:
    """y /= sum of the windows of `frames` frames + 1e-6, in place, as far as these reach."""
    reach = -(-size // hop)
    weight = (1 / (window_sum(hamming(size), min(frames, reach), hop) + 1e-6)).astype(y.dtype)
    if frames <= reach:
        y[: len(weight)] *= weight
        return
    full = np.tile(weight[(reach - 1) * hop : reach * hop], max(1, BLOCK_SAMPLES // 8 // hop))
    y[: reach * hop] *= weight[: reach * hop]
    for first, last in chunks((frames - reach) * hop, len(full)):
        y[reach * hop + first : reach * hop + last] *= full[: last - first]
    y[frames * hop : frames * hop + size] *= weight[reach * hop :]
