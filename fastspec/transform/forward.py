"""From signals to what is made of their spectra: one geometry, any batch, any last step, in lanes.

`Analysis` knows the sizes and the window and holds their tables; `run` takes signals and a range of frames and writes
the output of one of the `Step`s.  Sizes that the kernels lack are transformed by SciPy, a block of frames at a time,
and go through the same last steps.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Real
from ..immutable import cached_attribute
from ..kernels import compiled
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import COMPLEX
from ..kernels.framing.polyphase import Signals
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size, thread_count
from ..kernels.stft.forward import Job, cut
from .epilogue import _ZERO, Step
from .memory import Place, place_of, spread

STRIP_BYTES = 96 << 10  # a strip of this size shares the second-level cache with the transform
STREAM_BYTES = 8 << 20  # larger outputs are written past the caches
BLOCK_BYTES = 2 << 20  # frames that SciPy transforms at a time
MIXING = 1.4  # what laying out a tile frame by frame costs, relative to a tile of a strip


class Ready(NamedTuple):
    """All that `analyse_tile` needs but samples and memory."""

    function: int  # address of the compiled strip
    known: NDArray[np.int64]  # the record without what changes from call to call
    space: int  # of scratch, in real numbers
    size: int  # of the output, in real numbers
    dtype: np.dtype[Any]
    shape: tuple[int, int]  # of the output in memory
    kept: tuple[Any, ...]  # whose addresses stand in `known`


def signals_of(
    x: Real, edges: Real | None = None, *, left: int = 0, right: int = 0, mean: float = 0.0, scale: float = 1.0
) -> Signals:
    """The signals x (..., n), whose last axis is contiguous; `edges` (signals, left + right) stands beside them."""
    flat, starts = spread(x, 1)
    number = x.dtype.type
    beside = np.zeros(0, x.dtype) if edges is None else np.ascontiguousarray(edges).reshape(-1)
    none = np.zeros(0, x.dtype)
    return Signals(
        flat, starts, beside, none, none, none, x.shape[-1], left, right, number(mean), number(scale)
    )  # fmt: skip


class Analysis:
    """Ready tables: frames of n_fft samples, hop apart, times a window (n_fft,), in one dtype.

    D[k, f] = sum over j of window[j] x[origin + f hop + j] exp(-2 pi i j k / n_fft), k <= n_fft / 2.
    """

    def __init__(
        self, n_fft: int, hop: int, window: NDArray[np.float64], dtype: np.dtype[Any], group: int | None = None
    ) -> None:
        self.n_fft, self.hop, self.window, self.dtype = n_fft, hop, window, dtype
        self.bins = n_fft // 2 + 1
        self.lanes, self.in_lanes = fft_tables.lanes(dtype), fft_tables.analysed(n_fft)
        self.group = strip_group(n_fft, hop, dtype) if group is None else group
        self.lead = fft_tables.lead(n_fft, hop, self.group, dtype)

    @cached_attribute
    def tables(self) -> fft_tables.Tables:
        """Of strips."""
        size, window = (self.n_fft, self.window) if self.in_lanes else (2, np.ones(2))
        forward = compiled.forward_of(size, self.dtype)
        addresses = (compiled.transform_rows(self.dtype).address, forward.address, 0)
        return fft_tables.tables(size, self.hop, self.lead, window, np.ones(size), self.dtype, addresses)

    @cached_attribute
    def mixed_tables(self) -> fft_tables.Tables:
        """Of tiles in which each lane is a frame of its own."""
        return self.tables._replace(
            offsets=(fft_tables.sample_order(self.n_fft) * fft_tables.lanes(self.dtype)).astype(np.uint32)
        )

    @cached_attribute
    def _packed(self) -> dict[bool, NDArray[np.int64]]:
        """The tables as kernels unpack them, by whether tiles are mixed."""
        return {mixed: pack(self.mixed_tables if mixed else self.tables) for mixed in (False, True)}

    def record(self, signals: Signals, job: Job, step: Step) -> NDArray[np.int64]:
        """All that kernels need, as one array; whose arrays are in it must be kept alive."""
        mixed = job.mixed and not job.given
        return np.concatenate([pack(signals), self._packed[mixed], np.array(job, np.int64), step.record])

    def run(
        self, signals: Signals, origin: int, frames: int, out: NDArray[Any], step: Step, place: Place | None = None
    ) -> Real:
        """Writes frames 0 .. frames - 1 of all signals to `out` (..., step.width, frames); returns their peaks.

        Frame 0 starts at sample `origin`, which may be negative: signals begin with their edges, and with zeros beyond.
        Peaks are what the last step keeps of each frame, (signals, frames).
        """
        place = place or place_of(out)
        assert place is not None
        if not self.in_lanes:
            return self._by_library(signals, origin, frames, place, step)
        count = len(signals.starts)
        mixed, items = self.layout(count, frames)
        job = self.job(count, frames, place, step, mixed=mixed)._replace(origin=origin)
        kept = self._analyse(items, signals, job, step, place)
        if mixed:
            return kept[: count * frames].reshape(count, frames)
        padded = -(-frames // self.lanes) * self.lanes
        return kept[: count * padded].reshape(count, padded)[:, :frames]

    def layout(self, count: int, frames: int) -> tuple[bool, int]:
        """(whether tiles are mixed, work items) for `count` signals of so many frames."""
        tiles, mixed = -(-frames // self.lanes), -(-count * frames // self.lanes)
        if count > 1 and mixed * MIXING < count * tiles:
            return True, mixed
        return False, count * -(-tiles // min(self.group, tiles))

    def job(self, count: int, frames: int, place: Place, step: Step, *, mixed: bool, given: bool = False) -> Job:
        V, dtype = fft_tables.lanes(self.dtype), self.dtype
        group = min(self.group, -(-frames // V))
        rows, lead = (self.n_fft, V) if mixed else (min(self.hop, self.n_fft), self.lead)
        unit = 2 if step.op == COMPLEX else 1
        tile = V * max(2 * self.bins, step.width * unit, self.bins + step.width)
        work = 0 if given else 2 * V * fft_tables.work_size(self.tables)
        laid = 0 if given else rows * lead
        nbytes = count * frames * step.width * unit * dtype.itemsize
        streamed = (
            not place.across
            and nbytes > STREAM_BYTES
            and place.ld * dtype.itemsize % 64 == 0
            and place.flat.ctypes.data % 64 == 0
            and not (place.places * dtype.itemsize % 64).any()
        )
        return Job(
            step.put(dtype).address, step.op, given, mixed, step.full, place.across, streamed, self.hop, 0,
            count, frames, 0 if given else rows, 0 if given else lead, group, -(-frames // (group * V)), self.bins,
            step.width, unit, place.ld, work, tile, -(-(laid + work + 2 * tile) // 16) * 16,
        )  # fmt: skip

    def ready(self, n: int, origin: int, frames: int, step: Step, *, across: bool) -> Ready | None:
        """For signals of n samples of which `frames` frames are taken, if those are a tile at most; see `run`."""
        V, dtype = fft_tables.lanes(self.dtype), self.dtype
        if not self.in_lanes or frames > V:
            return None
        unit = 2 if step.op == COMPLEX else 1
        none = np.zeros(0, dtype)
        place = Place(none, _ZERO, across, (frames if across else step.width) * unit)
        job = self.job(1, frames, place, step, mixed=True)._replace(origin=origin)
        signals = Signals(none, _ZERO, none, none, _ZERO, none, n, 0, 0, dtype.type(0), dtype.type(1))
        known = self.record(signals, job, step)
        kind = np.result_type(dtype, np.complex64) if unit == 2 else dtype
        shape = (step.width, frames) if across else (frames, step.width)
        return Ready(
            compiled.analysis_strip(dtype).address, known, job.scratch + 2 * V + 16, frames * step.width * unit, kind,
            shape, (self.mixed_tables, step.last),
        )  # fmt: skip

    def _analyse(self, items: int, signals: Signals, job: Job, step: Step, place: Place) -> Real:
        dtype, workers = self.dtype, min(team_size(), items)
        peaks = np.empty(items * job.group * fft_tables.lanes(dtype), dtype)
        signals = signals._replace(out=place.flat, places=place.places, peaks=peaks)
        function, record = compiled.analysis_strip(dtype).address, self.record(signals, job, step)
        work = self.work(job.signals, job.frames, step)
        each_strip(items, workers, new_board(), function, record, aligned(job.scratch * workers, dtype), work=work)
        return peaks

    def work(self, signals: int, frames: int, step: Step) -> int:
        """Operations, roughly."""
        return signals * frames * (self.n_fft * 16 + step.last.weights.size * 2)

    def library_blocks(self, signals: Signals, origin: int, frames: int) -> Iterator[tuple[slice, Complex]]:
        """(slice of the frames of all signals, counted through, their spectra by SciPy), a block at a time."""
        from scipy import fft

        total, window = len(signals.starts) * frames, self.window.astype(self.dtype)
        block = max(1, BLOCK_BYTES // (self.n_fft * self.dtype.itemsize))
        buffer, record = np.empty((min(block, total), self.n_fft), self.dtype), pack(signals)
        for first in range(0, total, block):
            count = min(block, total - first)
            work = count * self.n_fft * 4
            cut(count, record, first, frames, self.hop, origin, window, buffer.reshape(-1), work=work)
            yield slice(first, first + count), fft.rfft(buffer[:count], workers=thread_count())

    def _by_library(self, signals: Signals, origin: int, frames: int, place: Place, step: Step) -> Real:
        count = len(signals.starts)
        peaks = np.empty(count * frames, self.dtype)
        between = (2 if step.op == COMPLEX else 1) if place.across else place.ld
        where = (place.places[:, None] + np.arange(frames) * between).reshape(-1)
        for part, D in self.library_blocks(signals, origin, frames):
            given = signals._replace(x=D.view(self.dtype).reshape(-1))
            here = place._replace(places=where[part])
            job = self.job(len(D), 1, here, step, mixed=True, given=True)
            tiles = -(-len(D) // fft_tables.lanes(self.dtype))
            peaks[part] = self._analyse(tiles, given, job, step, here)[: len(D)]
        return peaks.reshape(count, frames)


def strip_group(n_fft: int, hop: int, dtype: np.dtype[Any]) -> int:
    """Tiles that share a strip: more of them repeat less of the signal, as long as the strip stays in the cache."""
    rows = min(hop, n_fft)
    group = 1
    while group < 16 and rows * fft_tables.lead(n_fft, hop, 2 * group, dtype) * dtype.itemsize <= STRIP_BYTES:
        group *= 2
    return group
