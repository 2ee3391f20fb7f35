"""From spectrum to signal: D -> y by overlap-add, by the lane kernels or, for sizes they lack, by SciPy.

Frame f of a signal is x_f = irfft(D[:, f]) (imaginary parts of the first and, in an even transform, of the last bin do
not count), and sample t of the whole signal, not cut, is

    y[t] = sum over f of w[t - f hop] x_f[t - f hop] / sum over f of w[t - f hop]^2,

the least-squares estimate (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243, eq. 6).  Where the sum of squares is no
more than the smallest normal number of the dtype it does not divide.

The sum goes from the first frame to the last, whatever the number of frames, signals and threads, and whichever part of
the signal is asked for: a sample has the same bits in all of them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._typing import Complex, Real
from ..kernels import compiled
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size
from ..kernels.stft.inverse import Runs
from ..kernels.stft.overlap_add import PIECE
from ..kernels.stft.overlap_add import Synthesis as Synthesis_
from . import inverse_scipy
from .framing import window_sum
from .inverse_scipy import Part
from .memory import address, extent, writable

SUM_BYTES = 160 << 10  # the sum of a few tiles shares the second-level cache with the transform
ACROSS_BYTES = 1 << 20  # the sum of whole signals is passed through once
CONVERTED = 1 << 20  # numbers of spectra that are converted at a time
SHARES = 16  # runs for each thread, so that none waits long for the last
LEAST_RUN = 8  # a run is at least so many times as long as its warm-up
MOST_IN_RUN = 1 << 25  # samples in the frames of a run: some hundredths of a second, after which Ctrl-C is noticed
BLOCK = 1 << 18  # numbers held at a time where the output cannot be written directly


Memory = tuple[int, int]
"""An address, and how many real numbers are there."""


class Task(NamedTuple):
    """What the driver is to do, and what it takes."""

    record: NDArray[np.int64]  # Waves, of which only the weight is set, Tables, Synthesis
    strips: int
    scratch: int  # real numbers a thread
    tails: int  # real numbers
    job: Synthesis_
    tables: fft_tables.Tables  # whose addresses stand in the record, as do those of
    weight: Real


class Ready(NamedTuple):
    """A task for arrays of certain shapes and strides."""

    key: tuple[object, ...]
    task: Task
    given: Memory  # how far before their first element they reach, and how far in all
    wave: Memory
    work: int


def window_energy(window: NDArray[np.floating], hop: int) -> float:
    """The least of sum over f of window[r - f hop]^2, 0 <= r < hop, as a share of the largest, in the steady state.

    0: some samples cannot be had back from their frames (the NOLA condition fails).
    """
    steady = weight_columns(np.asarray(window, np.float64) ** 2, hop, len(window))[-(-len(window) // hop) - 1]
    least = float(steady.min()) if hop <= len(window) else 0.0
    return least / float(steady.max()) if least > 0 else 0.0


def weight_columns(window: NDArray[np.float64], hop: int, total: int) -> NDArray[np.float64]:
    """Sums of the windows of `total` frames, as `kernels.synthesis` lays them out: (columns, phases)."""
    size = len(window)
    reach = -(-size // hop)
    count = min(total, reach)
    columns = window_sum(window, count, hop)[: (count + reach - 1) * hop] if hop <= size else window
    return columns.reshape(count + reach - 1, -1)


def sum_size(rows: int, columns: int, dtype: np.dtype[Any]) -> int:
    """Real numbers of a sum of so many rows and columns: whole vectors can be read from any of them."""
    V = fft_tables.lanes(dtype)
    return -(-rows // V) * V * columns + V * V


def task_of(tables: fft_tables.Tables, job: Synthesis_, weight: Real, room: int = 0) -> Task:
    """The task of a job whose scratch is still to be counted; `room` real numbers of it are for something else."""
    V = fft_tables.lanes(weight.dtype)
    scratch = job.rows * job.lead + V * (2 * job.work + job.n_fft + 4 * job.bins + PIECE) + job.sums + room
    strips = -(-job.signals // V) if job.across else job.signals * job.strips
    tails = strips * (job.reach - 1) * job.step if job.strips > 1 and not job.across else 0
    job = job._replace(scratch=scratch)
    parts = np.zeros(8, np.int64), pack((weight,)), pack(tables), pack(job)
    return Task(np.concatenate(parts), strips, scratch, tails, job, tables, weight)


class Space:
    """Memory that drivers work in; who keeps one from call to call spares the system to find it anew."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.scratch = self.tails = np.empty(0, dtype)

    def fit(self, task: Task, team: int) -> None:
        """At least as much as a task needs with so many threads."""
        if self.scratch.size < task.scratch * team:
            self.scratch = aligned(task.scratch * team, self.scratch.dtype)
        if self.tails.size < task.tails:
            self.tails = np.empty(task.tails, self.tails.dtype)


def add_up(
    task: Task,
    dtype: np.dtype[Any],
    wave: Memory,
    previous: Memory,
    given: Memory,
    work: int,
    strip: int = 0,
    space: Space | None = None,
) -> None:
    """Run the driver, with the plain overlap-add or another kernel of strips."""
    record, space = task.record.copy(), space or Space(dtype)
    space.fit(task, team_size())
    record[:8] = *wave, *previous, *given, address(space.tails) if task.tails else 0, task.tails
    run_strips(task, record, strip or compiled.synthesis_strip(dtype).address, work, space)
    if task.tails:
        run_strips(task, record, compiled.synthesis_join(dtype).address, 4 * task.tails + 1, space)


def run_strips(task: Task, record: NDArray[np.int64], strip: int, work: int, space: Space) -> None:
    """strip(s, slot, record, scratch) for all strips of a task."""
    each_strip(task.strips, team_size(), new_board(), strip, record, space.scratch, work=work)


def _rounded(count: int, V: int) -> int:
    """The next multiple of V."""
    return -(-count // V) * V


class Synthesis:
    """The inverse transform for one window and hop: tables, ready to run; immutable as far as results go.

    Parameters
    ----------
    n_fft, hop : int
        Samples of a frame, and from one frame to the next; each at least 1.
    window : np.ndarray [shape=(n_fft,)]
        The window of the analysis, in float64.
    dtype : np.dtype
        float32 or float64, of the samples.
    """

    def __init__(self, n_fft: int, hop: int, window: NDArray[np.float64], dtype: DTypeLike) -> None:
        self.n_fft, self.hop, self.dtype = n_fft, hop, np.dtype(dtype)
        self.window = np.array(window, np.float64)
        self.reach = -(-n_fft // hop)
        self.in_lanes = fft_tables.supported(n_fft)
        self._weights: tuple[int, Real] = (-1, np.empty(0, self.dtype))
        self._ready: Ready | None = None  # of the arrays before, as most that follow are like them
        if self.in_lanes:
            addresses = compiled.transform_rows(self.dtype).address, 0, compiled.inverse(self.dtype).address
            self.tables = fft_tables.tables(n_fft, hop, 0, self.window, self.window, self.dtype, addresses)

    def run_any(self, D: NDArray[Any], out: Real, *, start: int) -> None:
        """`run` for D of any dtype, all frames of it: converted some at a time if it is long."""
        kind, count = np.result_type(self.dtype, np.complex64), D.shape[2]
        some = max(16, CONVERTED // (D.shape[0] * D.shape[1]))
        if D.dtype == kind or count <= some:
            self.run(D.astype(kind, copy=False), out, start=start)
            return
        for f in range(0, count, some):
            # samples before this frame's first are done, those up to the first of the next part are final
            a, b = max(0, f * self.hop - start), (f + some) * self.hop - start if f + some < count else out.shape[1]
            if a < min(b, out.shape[1]):
                low = max(0, f - self.reach + 1)
                part = D[:, :, low : f + some].astype(kind)
                self.run(part, out[:, a:b], start=start + a, first_frame=low, total_frames=count)

    def run(
        self, D: Complex, out: Real, *, start: int = 0, first_frame: int = 0, total_frames: int | None = None
    ) -> None:
        """Samples start .. start + length - 1 of the whole signals, written to out; zeros past their ends.

        Parameters
        ----------
        D : np.ndarray [shape=(signals, n_fft // 2 + 1, n_frames)]
            Complex numbers of the dtype; any strides.  It is fastest where bins of a frame or frames of a bin are
            neighbours in memory.
        out : np.ndarray [shape=(signals, length)]
            Of the dtype; any strides.  It must not share memory with D.
        start : int
            The first sample wanted of the whole signal, whose frame f starts at sample f hop: n_fft // 2 for centred
            frames.
        first_frame, total_frames : int
            D[..., 0] is frame `first_frame` of a signal that has `total_frames` (all frames: 0 and n_frames).

        Notes
        -----
        Sample t is what frames f with f hop <= t < f hop + n_fft add up to.  So of a stream, once frames up to g - 1
        are there, the samples before g hop are final, and samples from t on need, of the frames before, those from
        (t - n_fft) // hop + 1 on: to go on after a block, its last ceil(n_fft / hop) - 1 frames have to be given again.
        As long as more frames are to come, total_frames is any number that is at least g + ceil(n_fft / hop).
        A sample has the same bits whatever D's strides, the number of threads and of signals, and the range of frames
        are, as long as the frames that it needs are in it.
        """
        key = D.dtype, D.shape, D.strides, out.dtype, out.shape, out.strides, start, first_frame, total_frames
        ready, plain = self._ready, D.flags.aligned and out.flags.aligned and out.flags.writeable
        if ready is not None and plain and ready.key == (*key, team_size()):
            self._in_lanes(D, out, ready)
            return
        total = first_frame + D.shape[-1] if total_frames is None else total_frames
        self._check(D, out, start, first_frame, total)
        length = out.shape[1]
        low = max(first_frame, -((self.n_fft - 1 - start) // self.hop))
        high = min(first_frame + D.shape[2], (start + length - 1) // self.hop + 1)
        part = self.part(start, low, total)
        if not out.size or low >= high:
            out[...] = 0
        elif not self.in_lanes:
            inverse_scipy.add_up(D[:, :, low - first_frame : high - first_frame], out, part)
        elif not writable(out):
            self._in_blocks(D, out, start, first_frame, total)
        elif not D.flags.aligned:
            self.run(D.copy(), out, start=start, first_frame=first_frame, total_frames=total)
        else:
            self._ready = ready = self.make_ready((*key, team_size()), D, out, part, high - low, low - first_frame)
            self._in_lanes(D, out, ready)

    def _check(self, D: Complex, out: Real, start: int, first_frame: int, total: int) -> None:
        """What the kernels rely on."""
        if D.ndim != 3 or D.shape[1] != self.n_fft // 2 + 1 or out.ndim != 2 or out.shape[0] != D.shape[0]:
            raise ValueError(f"no signals {out.shape} of spectra {D.shape} with n_fft={self.n_fft}")
        if D.dtype != np.result_type(self.dtype, np.complex64) or out.dtype != self.dtype:
            raise TypeError(f"no signals {out.dtype} of spectra {D.dtype} with dtype {self.dtype}")
        if start < 0 or first_frame < 0 or total < first_frame + D.shape[2]:
            raise ValueError(f"no start={start}, first_frame={first_frame}, total_frames={total} of {D.shape[2]}")
        if not out.flags.writeable:
            raise ValueError("out is read-only")

    def _weight(self, total: int) -> Real:
        """1 / sum of squared windows of `total` frames; see `weight_columns`."""
        count = min(total, self.reach)
        known, weight = self._weights
        if known != count:
            energy = weight_columns(self.window**2, self.hop, count)
            weight = (1 / np.where(energy > np.finfo(self.dtype).tiny, energy, 1)).astype(self.dtype)
            self._weights = count, weight
        return weight

    def part(self, start: int, number: int, total: int, lag: int = 0) -> Part:
        """Samples from `start` on of frames from `number` on of a signal of `total` frames."""
        return Part(self.hop, self.window.astype(self.dtype), self._weight(total), start, number, total, lag)

    def make_ready(
        self, key: tuple[object, ...], D: Complex, out: Real, part: Part, frames: int, skipped: int = 0
    ) -> Ready:
        """The task of `frames` frames, D[..., skipped] the first of them, for arrays like these."""
        width = self.dtype.itemsize
        given, wave = extent(D, width), extent(out, width)
        steps = [stride // width for stride in (*D.strides, out.strides[0])]
        work = len(D) * max(frames, 1) * self.n_fft * 32
        job, run = self._job(len(D), frames, steps, part.lag)
        job = job._replace(
            number=part.number, total=part.total, start=part.start, length=out.shape[1],
            origin=given[0] + skipped * steps[2], place=wave[0],
        )  # fmt: skip
        task = task_of(self.tables, job, part.weight.reshape(-1))
        task = task._replace(record=np.concatenate([task.record, pack(run)]), tails=0)
        return Ready(key, task, given, wave, work)

    def _in_lanes(self, D: Complex, out: Real, ready: Ready) -> None:
        """By the kernels."""
        width, given, wave = self.dtype.itemsize, ready.given, ready.wave
        target = address(out) - wave[0] * width, wave[1]
        given = address(D) - given[0] * width, given[1]
        add_up(ready.task, self.dtype, target, target, given, ready.work, compiled.runs_strip(self.dtype).address)

    def _job(self, signals: int, frames: int, steps: list[int], lag: int) -> tuple[Synthesis_, Runs]:
        """The job for so many frames; steps: from one signal, bin, frame, and signal written to the next."""
        n_fft, hop, dtype, reach = self.n_fft, self.hop, self.dtype, self.reach
        V, rows, kept = fft_tables.lanes(dtype), min(hop, n_fft), reach - 1 + lag
        tiles = -(-frames // V)
        sums = sum_size((frames + kept) * rows, V, dtype)
        across = -(-signals // V) * frames * 11 < signals * tiles * 10 and sums * dtype.itemsize <= ACROSS_BYTES
        group = max(1, min(tiles, (SUM_BYTES // (rows * dtype.itemsize) // V * V - kept) // V))
        lead = _rounded(group * V + kept, V)
        lead += V if lead % (4 * V) == 0 else 0  # or rows would share places in the caches
        run = Runs(self._run_length(signals, frames), lag, kept, np.empty(0, dtype), np.empty(0, dtype))
        job = Synthesis_(
            BINS, False, across, hop, n_fft, n_fft, 0, 1, reach, signals, strips=max(1, -(-frames // run.frames)),
            frames=frames, number=0, total=0, origin=0, signal_step=steps[0], frame_step=steps[2],
            lane_step=steps[0] if across else steps[2], bin_step=steps[1], start=0, length=0, place=0,
            wave_step=steps[3], group=group, rows=0, lead=0, bins=n_fft // 2 + 1,
            work=fft_tables.work_size(self.tables), scratch=0, sum_rows=rows, sum_lead=lead,
            sums=sums if across else sum_size(rows, lead, dtype), mean=0.0, least=0.0,
        )  # fmt: skip
        return job, run

    def _run_length(self, signals: int, frames: int) -> int:
        """Frames of a run, so that there are enough of them for all threads; with its warm-up it fills whole tiles."""
        V, warm_up, team = fft_tables.lanes(self.dtype), self.reach - 1, team_size()
        shares = 1 if team == 1 else -(-SHARES * team // signals)
        most = max(-(-frames // shares), LEAST_RUN * warm_up, V)
        return _rounded(min(most, max(MOST_IN_RUN // self.n_fft, LEAST_RUN * warm_up, V)) + warm_up, V) - warm_up

    def _in_blocks(self, D: Complex, out: Real, start: int, first_frame: int, total: int) -> None:
        """By way of blocks of samples, where `out` is no place for the kernels to write to."""
        signals, length = out.shape
        many = max(BLOCK, 16 * self.n_fft)
        some = max(1, many // length)
        for b in range(0, signals, some):
            for t in range(0, length, many):
                target = out[b : b + some, t : t + many]
                block = np.empty(target.shape, self.dtype)
                self.run(D[b : b + some], block, start=start + t, first_frame=first_frame, total_frames=total)
                target[...] = block
