"""Inversion by offsets: each frame is shifted to where it best correlates with what the frames before it add up to.

A frame of n_fft samples is rebuilt from its bins, reversed in time, and the half of it around its middle is added with
a symmetric Hamming window, `hop` samples after the frame before; the sum is divided by the sum of the windows + 1e-6.
That half is taken `offset` samples earlier in the frame, where offset maximises the cross-correlation of its first
n_fft / 2 - hop samples with the signal so far.  This is what the notebook does; `recover` iterates it with the phases
of the signal it gave (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243; offsets: Zhu, Beauregard & Wyse, IEEE Trans.
Audio, Speech and Language Processing 15, 2007, 1645-1653).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import arrange
from .analysis import signals_of, strip_group
from .framing import comfortable_scale, hamming, window_sum
from .kernels import compiled, plan
from .kernels.alignment import BOARD, FRAMES, TICKET, WALKED, advance, lag
from .kernels.calls import aligned
from .kernels.jit import team_size, thread_count
from .kernels.offsets import TOLERANCE
from .kernels.realfft import BINS, PHASES, ZERO
from .levels import hamming_analysis
from .synthesis import add_up, address, sum_size, task_of, weight_columns

RING_BYTES = 2 << 20  # of frames kept prepared ahead of the chain
GROUP = 2  # tiles in a strip at most: a strip is what one thread prepares at a time
WORKERS = 4  # more would wait for the chain: a link takes about a third of the time to prepare a frame
SLICE_FRAMES = 1 << 14  # in one call, so that Ctrl-C is noticed in between

Real = NDArray[np.floating]
Layout = tuple[plan.Tables, plan.Correlator, plan.Alignment]
OnIteration = Callable[[int, int, Real], None]


def segment_offset(x1: Real, x2: Real) -> int:
    """argmax - len(x1) of the full cross-correlation of x1 and x2, means removed, outer len(x2) // 2 lags left out.

    With r[l] = sum over n of (x1[n] - mean x1) (x2[n - l] - mean x2), the lag l stands at p = l + len(x2) - 1.
    """
    n1, n2 = len(x1), len(x2)
    if _blind(n1, n2):
        return -n1
    p = _correlator(n1, n2)
    scale = x1.dtype.type(comfortable_scale(max(float(abs(x1).max()), float(abs(x2).max())), x1.dtype))
    spectra, single = aligned(2 * p.half, np.float32), aligned(plan.correlator_scratch(p), np.float32)
    return int(lag(x1, x2, scale, p, spectra, single)) + n2 - 1 - n1


def _blind(n1: int, n2: int) -> bool:
    """Whether every lag is left out, so that the argmax falls on the first (len(x2) = 1 leaves all out)."""
    return n2 == 1 or 2 * (n2 // 2) >= n1 + n2 - 1


def _correlator(n1: int, n2: int) -> plan.Correlator:
    rows = compiled.transform_rows(np.dtype(np.float32)).address
    return plan.correlator(n1, n2, rows, np.float32(TOLERANCE))


@lru_cache(16)
def _tables(n_fft: int, hop: int, lead: int, dtype: np.dtype[Any]) -> plan.Tables:
    addresses = (compiled.transform_rows(dtype).address, 0, compiled.inverse(dtype).address)
    return plan.tables(n_fft, hop, lead, hamming(n_fft), np.ones(n_fft), dtype, addresses)


def _layout(n_fft: int, hop: int, frames: int, dtype: np.dtype[Any], *, bins: int, search: bool) -> Layout:
    """(tables, correlator, job) of the passes over a spectrogram."""
    V, in_lanes = plan.lanes(dtype), plan.supported(n_fft)
    size = n_fft // 2
    n1 = size - hop if size > hop else hop
    first = max(0, size // 2 - 1)
    n2 = min(n1, n_fft - first)
    correlator = _correlator(n1, n2)
    group = min(GROUP, strip_group(n_fft, hop, dtype))
    strip = group * V
    ring = strip * min(max(4, RING_BYTES // (n_fft * dtype.itemsize * strip)), -(-frames // strip))
    lead = plan.lead(n_fft, hop, group, dtype)
    tables = _tables(n_fft if in_lanes else 2, hop, lead, dtype)
    rows, work = min(hop, n_fft), plan.work_size(tables)
    scratch = rows * lead + work * 2 * V + n_fft * V + 4 * V * bins
    job = plan.Alignment(
        source=FRAMES, search=search and not _blind(n1, n2), fixed=-n1 if search else 0, step=hop, n_fft=n_fft,
        size=size, first=first, frames=frames, ring=ring, group=group, rows=rows, lead=lead,
        lane_step=2 * bins or plan.pairs(tables).size, bin_step=2, bins=bins, folded=True,
        work=work, scratch=-(-scratch // 16) * 16,
        single=plan.correlator_scratch(correlator), mean=dtype.type(0), least=dtype.type(0), scale=dtype.type(1),
    )  # fmt: skip
    return tables, correlator, job


class Passes:
    """What the passes over one spectrogram share: sizes, tables, buffers.

    Parameters
    ----------
    frames, n_fft, hop : int
        Number of frames, their length (the columns of the whole spectrogram) and their distance.
    dtype : np.dtype
        float32 or float64, of the signal.
    given : np.ndarray
        Magnitudes as `known` lays them out, or complex bins (frames, n_fft).
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
        given: NDArray[np.inexact],
        peak: float,
        *,
        search: bool = True,
    ) -> None:
        self.frames, self.n_fft, self.hop, self.dtype, self.given = frames, n_fft, hop, dtype, given
        self.complex, self.search = given.dtype.kind == "c", search
        bins = n_fft if self.complex else 0
        self.tables, self.correlator, job = _layout(n_fft, hop, frames, dtype, bins=bins, search=search)
        self.strip = job.group * plan.lanes(dtype)
        self.workers = min(team_size(), WORKERS)
        number = dtype.type
        self.job = job._replace(
            least=number(max(peak / 1e8, float(np.finfo(dtype).tiny))), scale=number(comfortable_scale(peak, dtype))
        )
        self.window = hamming(job.size).astype(dtype)
        self.weight = (1 / (window_sum(hamming(job.size), frames, hop) + 1e-6)).astype(dtype)
        self.ring = plan.Ring(
            aligned(job.ring * n_fft, dtype),
            aligned(job.ring * 2 * self.correlator.half, np.float32),
            aligned(job.ring * 2, dtype),
            aligned(job.scratch * self.workers, dtype),
            aligned(job.single * self.workers, np.float32),
        )

    def run(self, previous: Real | None) -> Real:
        """One pass: the signal whose frames have the phases of those of `previous` (none: their own, or zero)."""
        in_lanes = plan.supported(self.n_fft)
        source = BINS if self.complex else ZERO if previous is None else PHASES
        wave = np.zeros(self.frames * self.hop + self.job.size, self.dtype)
        if in_lanes and not self.search:
            return self._add_in_place(source, wave, previous)
        job = self.job._replace(source=source if in_lanes else FRAMES)
        if previous is not None:
            job = job._replace(mean=self.dtype.type(previous.mean()))
        given = self.given.view(self.dtype).reshape(-1) if in_lanes else np.zeros(1, self.dtype)
        sound = plan.Sound(wave, wave if previous is None else previous, given, self.window)
        share = max(1, SLICE_FRAMES // self.strip) * self.strip if in_lanes else job.ring
        for first in range(0, self.frames, share):
            last = min(self.frames, first + share)
            if not in_lanes:
                self._rebuild(previous, job, first, last)
            self._advance(first, last, sound, job)
        wave *= self.weight
        return wave

    def _advance(self, first: int, last: int, sound: plan.Sound, job: plan.Alignment) -> None:
        """The chain over frames first .. last - 1, prepared on the way."""
        dtype = self.dtype
        turn = plan.Turn(
            first // self.strip, -(-last // self.strip), compiled.chain(dtype).address, compiled.prepare(dtype).address
        )
        board, done = np.zeros(BOARD, np.int64), np.zeros(turn.last_strip - turn.first_strip, np.int64)
        board[TICKET] = board[WALKED] = turn.first_strip
        workers = min(thread_count(), self.workers, len(done))
        function, work = compiled.duty(dtype).address, (last - first) * self.n_fft * 64
        advance(workers, function, turn, board, done, sound, self.tables, self.correlator, job, self.ring, work=work)

    def _add_in_place(self, source: int, wave: Real, previous: Real | None) -> Real:
        """The pass without offsets: frames are added where they stand, in lanes."""
        job, dtype, n_fft, hop = self.job, self.dtype, self.n_fft, self.hop
        reach, rows, lead = -(-job.size // hop), min(hop, job.size), plan.lead(job.size, hop, job.group, dtype)
        strips = -(-self.frames // self.strip)
        adding = plan.Synthesis(
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
        given = self.given.view(dtype).reshape(-1)
        wave_, before, known = ((address(a), a.size) for a in (wave, wave if previous is None else previous, given))
        add_up(task_of(tables, adding, weight), dtype, wave_, before, known, self.frames * n_fft * 32)
        return wave

    def _rebuild(self, previous: Real | None, job: plan.Alignment, start: int, stop: int) -> None:
        """Frames start .. stop - 1 into the ring by SciPy's transform, for sizes the kernels lack."""
        from scipy import fft

        if start >= stop:
            return
        n, half = self.n_fft, self.n_fft // 2 + 1
        given: NDArray[Any] = self.given[start:stop]
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


def known(S: Real, n_fft: int, *, logarithmic: bool, mirrored: bool) -> Real:
    """Magnitudes of the Hermitian half of a spectrum, laid out for `Passes`.

    With A the n_fft columns of the whole spectrum, H[k] = (A[k] + A[(n_fft - k) mod n_fft]) / 2 for k <= n_fft / 2.
    `mirrored`: S holds the first half, and the second is its mirror image, A = [S, S[:, ::-1]].  `logarithmic`: S are
    decimal logarithms.
    """
    k = np.arange(n_fft // 2 + 1)
    one, other = k, (n_fft - k) % n_fft
    if mirrored:
        one, other = (np.where(i < S.shape[1], i, n_fft - 1 - i) for i in (one, other))
    if not plan.supported(n_fft):
        A = np.power(10, S) if logarithmic else S
        return (A[:, one] + A[:, other]) / 2
    order = plan.pairs(_tables(n_fft, 1, plan.lead(n_fft, 1, 1, S.dtype), S.dtype))
    return arrange.in_lanes(S.T[None], one[order], other[order], logarithmic=logarithmic)


def invert_complex(D: NDArray[np.complexfloating], size: float, hop: int, *, search: bool = True) -> Real:
    """The signal of a complex spectrogram (frames, n_fft), of which the real part is taken.

    `size` is about the size of its numbers, their norm or the largest of them: it decides how they are scaled.
    """
    frames, n_fft = D.shape
    return Passes(frames, n_fft, hop, D.real.dtype, D, size, search=search).run(None)


def recover(
    S: Real,
    n_fft: int,
    hop: int,
    n_iter: int,
    *,
    logarithmic: bool = False,
    mirrored: bool = False,
    search: bool = True,
    on_iteration: OnIteration | None = None,
) -> Real:
    """The signal of magnitudes: one pass without phases, then n_iter with the phases of the signal before.

    Parameters
    ----------
    S : np.ndarray [shape=(frames, n_fft) or, if mirrored, (frames, n_fft // 2)]
        Magnitudes, or their decimal logarithms; see `known`.
    on_iteration : callable
        Called with (i, n_iter, y) after iteration i = 1 .. n_iter, y the signal whose phases it took.
    """
    largest = float(S.max())
    peak = 10.0**largest if logarithmic else max(largest, float(-S.min()))
    scale = comfortable_scale(peak, S.dtype)
    if scale != 1:  # or the squares of what is analysed would overflow or vanish
        powers = np.power(10.0, S + np.log10(scale), dtype=np.float64) if logarithmic else S * scale
        S, peak, logarithmic = powers.astype(S.dtype), peak * scale, False
    given = known(S, n_fft, logarithmic=logarithmic, mirrored=mirrored)
    passes = Passes(len(S), n_fft, hop, S.dtype, given, peak, search=search)
    y = passes.run(None)
    for i in range(n_iter):
        before, y = y, passes.run(y)
        if on_iteration is not None:
            on_iteration(i + 1, n_iter, before if scale == 1 else before / S.dtype.type(scale))
    return y if scale == 1 else y / S.dtype.type(scale)


def invert_pretty(
    S: Real,
    *,
    log: bool = True,
    n_fft: int,
    hop: int,
    n_iter: int = 10,
    on_iteration: OnIteration | None = None,
) -> Real:
    """The signal of what `pretty_spectrogram` gives: half spectra, decimal logarithms if `log`; see `recover`."""
    return recover(S, n_fft, hop, n_iter, logarithmic=log, mirrored=True, on_iteration=on_iteration)
