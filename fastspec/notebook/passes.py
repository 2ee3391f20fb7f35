"""The passes of the inversion by offsets: what they share, and how the frames of one are added to a wave."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Real
from ..immutable import cached_attribute
from ..kernels import compiled
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS, PHASES, ZERO
from ..kernels.fft.single import Correlator, correlator_scratch
from ..kernels.fft.single import correlator as correlator_
from ..kernels.notebook.align import BOARD, FRAMES, TICKET, WALKED, Alignment, Ring, Sound, Turn, advance, lag
from ..kernels.notebook.xcorr_offset import TOLERANCE
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.threads import team_size, thread_count
from ..kernels.stft.overlap_add import Synthesis
from ..transform.forward import signals_of, strip_group
from ..transform.framing import comfortable_scale, hamming, window_sum
from ..transform.inverse import add_up, sum_size, task_of, weight_columns
from ..transform.memory import address
from .blockwise import chunks
from .spectra import hamming_analysis

RING_BYTES = 2 << 20  # of frames kept prepared ahead of the chain
GROUP = 2  # tiles in a strip at most: a strip is what one thread prepares at a time
WORKERS = 4  # more would wait for the chain: a link takes about a third of the time to prepare a frame
SLICE_FRAMES = 1 << 14  # in one call, so that Ctrl-C is noticed in between
KEPT_BYTES = 256 << 20  # of magnitudes laid out for kernels: if they are more, they are laid out anew in each pass
BLOCK = 1 << 18  # samples of a wave that are touched at a time
Layout = tuple[fft_tables.Tables, Correlator, Alignment]


def segment_offset(x1: Real, x2: Real) -> int:
    """argmax - len(x1) of the full cross-correlation of x1 and x2, means removed, outer len(x2) // 2 lags left out.

    With r[l] = sum over n of (x1[n] - mean x1) (x2[n - l] - mean x2), the lag l stands at p = l + len(x2) - 1.
    """
    n1, n2 = len(x1), len(x2)
    if _blind(n1, n2):
        return -n1
    p = _correlator(n1, n2)
    scale = x1.dtype.type(comfortable_scale(max(float(abs(x1).max()), float(abs(x2).max())), x1.dtype))
    spectra, single = aligned(2 * p.half, np.float32), aligned(correlator_scratch(p), np.float32)
    return int(lag(x1, x2, scale, p, spectra, single)) + n2 - 1 - n1


def _blind(n1: int, n2: int) -> bool:
    """Whether every lag is left out, so that the argmax falls on the first (len(x2) = 1 leaves all out)."""
    return n2 == 1 or 2 * (n2 // 2) >= n1 + n2 - 1


def _correlator(n1: int, n2: int) -> Correlator:
    rows = compiled.transform_rows(np.dtype(np.float32)).address
    return correlator_(n1, n2, rows, np.float32(TOLERANCE))


@lru_cache(16)
def tables_of(n_fft: int, hop: int, lead: int, dtype: np.dtype[Any]) -> fft_tables.Tables:
    addresses = (compiled.transform_rows(dtype).address, 0, compiled.inverse(dtype).address)
    return fft_tables.tables(n_fft, hop, lead, hamming(n_fft), np.ones(n_fft), dtype, addresses)


def _layout(n_fft: int, hop: int, frames: int, dtype: np.dtype[Any], *, bins: int, search: bool) -> Layout:
    """(tables, correlator, job) of the passes over a spectrogram."""
    V, in_lanes = fft_tables.lanes(dtype), fft_tables.supported(n_fft)
    size = n_fft // 2
    n1 = size - hop if size > hop else hop
    first = max(0, size // 2 - 1)
    n2 = min(n1, n_fft - first)
    correlator = _correlator(n1, n2)
    group = min(GROUP, strip_group(n_fft, hop, dtype))
    strip = group * V
    ring = strip * min(max(4, RING_BYTES // (n_fft * dtype.itemsize * strip)), -(-frames // strip))
    lead = fft_tables.lead(n_fft, hop, group, dtype)
    tables = tables_of(n_fft if in_lanes else 2, hop, lead, dtype)
    rows, work = min(hop, n_fft), fft_tables.work_size(tables)
    scratch = rows * lead + work * 2 * V + n_fft * V + 4 * V * bins
    job = Alignment(
        source=FRAMES, search=search and not _blind(n1, n2), fixed=-n1 if search else 0, step=hop, n_fft=n_fft,
        size=size, first=first, frames=frames, origin=0, ring=ring, group=group, rows=rows, lead=lead,
        lane_step=2 * bins or fft_tables.pairs(tables).size, bin_step=2, bins=bins, folded=True,
        work=work, scratch=-(-scratch // 16) * 16,
        single=correlator_scratch(correlator), mean=dtype.type(0), least=dtype.type(0), scale=dtype.type(1),
    )  # fmt: skip
    return tables, correlator, job


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
        self.tables, self.correlator, job = _layout(n_fft, hop, frames, dtype, bins=bins, search=search)
        self.strip = job.group * fft_tables.lanes(dtype)
        self.workers = min(team_size(), WORKERS)
        number = dtype.type
        self.job = job._replace(
            least=number(max(peak / 1e8, float(np.finfo(dtype).tiny))), scale=number(comfortable_scale(peak, dtype))
        )
        self.window = hamming(job.size).astype(dtype)
        self.length = frames * hop + job.size

    @cached_attribute
    def ring(self) -> Ring:
        """Memory of the chain."""
        job, dtype = self.job, self.dtype
        return Ring(
            aligned(job.ring * self.n_fft, dtype),
            aligned(job.ring * 2 * self.correlator.half, np.float32),
            aligned(job.ring * 2, dtype),
            aligned(job.scratch * self.workers, dtype),
            aligned(job.single * self.workers, np.float32),
        )

    def source(self, previous: Real | None) -> int:
        """Where the phases of a pass come from."""
        return BINS if self.complex else ZERO if previous is None else PHASES

    def run(self, previous: Real | None, wave: Real) -> None:
        """One pass: the signal whose frames have the phases of those of `previous` (none: their own, or zero)."""
        in_lanes = fft_tables.supported(self.n_fft)
        source = self.source(previous)
        for first, last in chunks(self.length, BLOCK):
            wave[first:last] = 0
        if in_lanes and not self.search:
            self._add_in_place(source, wave, previous)
            return
        job = self.job._replace(source=source if in_lanes else FRAMES)
        if previous is not None:
            job = job._replace(mean=self.dtype.type(previous.mean()))
        share = max(1, SLICE_FRAMES // self.strip) * self.strip if in_lanes else job.ring
        for first in range(0, self.frames, share):
            last = min(self.frames, first + share)
            given = np.zeros(1, self.dtype)
            if in_lanes:
                known, origin = self.given.of(first, last)
                given, job = known.view(self.dtype).reshape(-1), job._replace(origin=origin)
            else:
                self._rebuild(previous, job, first, last)
            sound = Sound(wave, wave if previous is None else previous, given, self.window)
            self._advance(first, last, sound, job)
        divide(wave, self.frames, self.hop, job.size)

    def _advance(self, first: int, last: int, sound: Sound, job: Alignment) -> None:
        """The chain over frames first .. last - 1, prepared on the way."""
        dtype = self.dtype
        turn = Turn(
            first // self.strip, -(-last // self.strip), compiled.chain(dtype).address, compiled.prepare(dtype).address
        )
        board, done = np.zeros(BOARD, np.int64), np.zeros(turn.last_strip - turn.first_strip, np.int64)
        board[TICKET] = board[WALKED] = turn.first_strip
        workers = min(thread_count(), self.workers, len(done))
        function, work = compiled.duty(dtype).address, (last - first) * self.n_fft * 64
        advance(workers, function, turn, board, done, sound, self.tables, self.correlator, job, self.ring, work=work)

    def _add_in_place(self, source: int, wave: Real, previous: Real | None) -> None:
        """The pass without offsets: frames are added where they stand, in lanes."""
        job, dtype, n_fft, hop = self.job, self.dtype, self.n_fft, self.hop
        reach, rows, lead = -(-job.size // hop), min(hop, job.size), fft_tables.lead(job.size, hop, job.group, dtype)
        strips = -(-self.frames // self.strip)
        adding = Synthesis(
            source, True, False, hop, n_fft, job.size, n_fft - 1 - job.first, -1, reach, 1, strips, self.frames,
            number=0, total=self.frames, origin=0, signal_step=0, frame_step=job.lane_step, lane_step=job.lane_step,
            bin_step=2, start=0, length=wave.size, place=0, wave_step=0, group=job.group, rows=job.rows, lead=job.lead,
            bins=job.bins, work=job.work, scratch=0, sum_rows=rows, sum_lead=lead, sums=sum_size(rows, lead, dtype),
            mean=dtype.type(0 if previous is None else previous.mean()), least=job.least,
        )  # fmt: skip
        window = np.zeros(n_fft)
        window[n_fft - 1 - job.first - np.arange(job.size)] = hamming(job.size)
        tables = self.tables._replace(synthesis=(window / n_fft).astype(dtype))
        weight = (1 / (weight_columns(hamming(job.size), hop, self.frames) + 1e-6)).astype(dtype).reshape(-1)
        given = self.given.of(0, self.frames)[0].view(dtype).reshape(-1)
        wave_, before, known = ((address(a), a.size) for a in (wave, wave if previous is None else previous, given))
        add_up(task_of(tables, adding, weight), dtype, wave_, before, known, self.frames * n_fft * 32)

    def _rebuild(self, previous: Real | None, job: Alignment, start: int, stop: int) -> None:
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
            signals = signals_of(previous[None], mean=float(job.mean))
            blocks = hamming_analysis(n, self.hop, self.dtype).library_blocks(signals, start * self.hop, stop - start)
            bins = np.concatenate([D for _, D in blocks])
            bins *= given / np.maximum(np.abs(bins), job.least)
        frames = fft.irfft(bins, n, workers=thread_count())
        self.ring.segments.reshape(-1, n)[np.arange(start, stop) % job.ring] = frames[:, ::-1]


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
