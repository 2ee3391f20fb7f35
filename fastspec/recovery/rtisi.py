"""From magnitudes to signals, frame by frame: real-time iterative spectrogram inversion with look-ahead (RTISI-LA).

Zhu, Beauregard & Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude spectra", IEEE
Trans. Audio, Speech and Language Processing 15, 2007, 1645-1653.  The iteration is in `kernels.recovery.rtisi`; here is
where frames come from and samples go to, and the state between one step and the next.
"""

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..kernels.fft.tables import bin_order, has_inverse, lane_count, scratch_elements
from ..kernels.recovery import rtisi as kernels
from ..kernels.recovery.rtisi import RtisiArgs, RtisiArrays
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size, thread_count
from ..plan import STFT
from ..transform.memory import address, extent, nonnegative_strides
from .segments import Segmentation, SegmentBatch, recover_segments

ENDLESS = 1 << 60  # frames of a signal that may go on


def recover(
    plan: STFT,
    S: Real,
    *,
    look_ahead: int = 3,
    n_iter: int = 5,
    length: int | None = None,
    segments: int | Literal["auto"] = 1,
) -> Real:
    """Signals whose STFTs have magnitudes near S, in one pass over the frames.

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes >= 0 of the plan's dtype; any strides.  It is fastest where the bins of a frame are neighbours.
    look_ahead : int
        Frames after the one that is committed that have a say in it, below 16 in float32 and 8 in float64.
    n_iter : int
        Rounds for each frame, at least 1.
    length : int
        Samples of each signal: zeros past the last frame.  `plan.n_samples(n_frames)` by default.
    segments : int or "auto"
        In how many pieces at most each signal is made side by side; see `segments`.  1: each frame hears of all
        before it.  "auto": pieces of 320 frames or more, which fill lanes and threads, for some tenths of a decibel.

    Returns
    -------
    y : np.ndarray [shape=(signals, length)]
        The same bits for a signal alone and among others, for any number of threads, and as `Stream` gives.  S times a
        power of two gives y times that power, bit for bit, as long as the largest magnitude stays between 1e-20 and
        1e20 (float64: 1e-200 and 1e200) and none but 0 is below 1e-10 (1e-100) of it.

    Raises
    ------
    TypeError, ValueError
        If look_ahead or n_iter is out of its range, or S is not of this shape and dtype.
    """
    look_ahead, n_iter = _checked(plan, look_ahead, n_iter)
    S = _magnitudes(plan, S)
    frames = S.shape[2]
    out = np.zeros((len(S), plan.n_samples(frames) if length is None else length), plan.dtype)
    if not frames or not out.size:
        return out
    cuts = Segmentation.split(plan, frames, look_ahead, segments)
    state = plan.n_fft * (look_ahead + 1) * 4 * plan.dtype.itemsize

    def run(plan: STFT, part: SegmentBatch) -> None:
        buffers_of(plan, len(part.rows), look_ahead, n_iter).run(0, part.total + look_ahead + 1, part)

    recover_segments(plan, S, cuts, out, run, state)
    return out


class Stream:
    """Signals made as their frames come: the samples that `recover` gives, each as soon as it is certain.

    Frame m is committed when frame m + look_ahead has come, and with it hop_length samples of each signal.

    Parameters
    ----------
    plan : STFT
    signals : int
        How many signals, of which frames come at once.
    look_ahead, n_iter : int
        As in `recover`.
    """

    def __init__(self, plan: STFT, signals: int = 1, *, look_ahead: int = 3, n_iter: int = 5) -> None:
        self._plan, self._signals = plan, checks.as_int("signals", signals, 1)
        self._look_ahead, n_iter = _checked(plan, look_ahead, n_iter)
        self._buffers = buffers_of(plan, self._signals, self._look_ahead, n_iter)
        self._frames = 0

    def push(self, S: Real, out: Real | None = None) -> Real:
        """The next frames, (signals, n_bins, any number), and the samples that are certain with them.

        They are written to `out`, if that is given: zeros of just this shape, in C order.
        """
        S = _magnitudes(self._plan, S)
        if len(S) != self._signals:
            raise ValueError(f"S must be of {self._signals} signals, got shape {S.shape}")
        first, self._frames = self._frames, self._frames + S.shape[2]
        room = self._room(self.n_final(self._frames) - self.n_final(first)) if out is None else out
        if S.shape[2]:
            self._buffers.run(first, self._frames, self._part(S, first, ENDLESS, room))
        return room

    def finish(self, length: int | None = None) -> Real:
        """The rest of the signals, to `length` samples (`plan.n_samples` of all frames); nothing can follow it."""
        frames = self._frames
        if not frames:
            return self._room(0)
        end = self._plan.n_samples(frames) if length is None else length
        out = self._room(max(0, end - self.n_final(frames)))
        S = np.zeros((self._signals, self._plan.n_bins, 1), self._plan.dtype)
        self._buffers.run(frames, frames + self._look_ahead + 1, self._part(S, frames, frames, out))
        return out

    def n_final(self, frames: int) -> int:
        """Samples that are certain once so many frames have come."""
        return max(0, max(0, frames - self._look_ahead) * self._plan.hop_length + self._plan.geometry.start)

    def n_frames_at_latency(self) -> int:
        """How many frames have come where this is farthest behind them."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def _part(self, S: Real, first: int, total: int, out: Real) -> SegmentBatch:
        place = self.n_final(first) - self._plan.geometry.start
        return SegmentBatch(S, np.arange(self._signals), np.full(self._signals, -first), total, place, out)

    def _room(self, length: int) -> Real:
        return np.zeros((self._signals, length), self._plan.dtype)


def _checked(plan: STFT, look_ahead: int, n_iter: int) -> tuple[int, int]:
    ahead, most = checks.as_int("look_ahead", look_ahead, 0), lane_count(plan.dtype) - 1
    if ahead > most:
        raise ValueError(f"look_ahead must be at most {most} in {plan.dtype}, got {look_ahead!r}")
    return ahead, checks.as_int("n_iter", n_iter, 1)


def _magnitudes(plan: STFT, S: Real) -> Real:
    if S.ndim != 3 or S.shape[1] != plan.n_bins:
        raise ValueError(f"S must have the shape (signals, n_bins = {plan.n_bins}, n_frames), got {S.shape}")
    if S.dtype != plan.dtype:
        raise TypeError(f"S must be of the plan's dtype {plan.dtype}, got {S.dtype}")
    return S


MOMENTUM = 0.99
"""Of a round; see `kernels.recovery.rtisi`."""
TO_COME = 0.01
"""How much of the squared windows of frames that are still to come counts in E: none would let the end of what is there
stand out like an edge, all would fade it out."""
PULSE = 2.0**-12
"""A pulse in the middle of a frame that enters, for the phases of bins of which nothing is known, over the level."""
FADED = 1 / 256
"""What is left of a level once the last frame that it came from overlaps none in the buffer."""

CALL_OPERATIONS = 1 << 29  # of one group in one call, so that Ctrl-C is noticed in between


def _squares(plan: STFT, look_ahead: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(squares of the window, sums of them (look_ahead + 1, n_fft) as each frame of a full buffer sees it).

    Frames before the first of the buffer are left out, those after its last have the weight TO_COME.
    """
    n, hop, energy = plan.n_fft, min(plan.hop_length, plan.n_fft), plan.window**2
    columns = np.zeros((-(-n // hop), hop))
    columns.reshape(-1)[:n] = energy
    on = np.cumsum(columns, axis=0).reshape(-1)[:n]  # of a frame and all frames after it
    sums = np.zeros((look_ahead + 1, n))
    for d in range(look_ahead + 1):
        for e in range(look_ahead + 1):
            shift = (e - d) * hop
            if 0 <= shift < n:
                sums[d, shift:] += energy[: n - shift]
            elif -n < shift < 0:
                sums[d, :shift] += energy[-shift:]
        shift = (look_ahead + 1 - d) * hop
        if shift < n:
            sums[d, shift:] += TO_COME * on[: n - shift]
    return energy, sums


def _fade(plan: STFT, look_ahead: int) -> float:
    """What is left of a level a frame later."""
    return float(FADED ** (1 / (-(-plan.n_fft // plan.hop_length) + look_ahead)))


class LaneBuffers:
    """Signals side by side, each in lanes of its own; it goes on where it stopped."""

    def __init__(self, plan: STFT, signals: int, look_ahead: int, n_iter: int) -> None:
        n, hop, dtype, V = plan.n_fft, plan.hop_length, plan.dtype, lane_count(plan.dtype)
        offsets = (np.arange(n) * V).astype(np.uint32)
        self.dtype, self.tables = dtype, plan.inverse_transform.tables._replace(sample_offsets=offsets)
        self.order = bin_order(n)
        self.energy, self.ahead = (a.astype(dtype).reshape(-1) for a in _squares(plan, look_ahead))
        width = V // (look_ahead + 1)
        self.groups = -(-signals // width)
        tiny = float(np.finfo(dtype).tiny)
        self.args = RtisiArgs(
            rounds=n_iter,
            look_ahead=look_ahead,
            hop=hop,
            n_fft=n,
            reach=-(-n // hop),
            signals=signals,
            width=width,
            first=0,
            last=0,
            total=0,
            frame_stride=0,
            bin_stride=0,
            start=0,
            length=0,
            peak=int(np.argmax(np.abs(plan.window))),
            fft_elements=scratch_elements(n),
            bin_count=self.order.size,
            least=tiny**0.5,
            least_energy=tiny,
            momentum=MOMENTUM,
            pulse=PULSE,
            fade=_fade(plan, look_ahead),
        )
        self.state = aligned(self.groups * scratch_size(kernels.state_sizes(self.args, V)), dtype)
        self.state[:] = 0
        self.scratch = aligned(0, dtype)
        arrays = RtisiArrays(
            y_out=self.scratch,
            S=self.scratch,
            offsets=self.order,
            state=self.state,
            ahead=self.ahead,
            energy=self.energy,
            order=self.order,
        )
        self.record = kernels.LAYOUT.pack(arrays, self.tables, self.args)

    def run(self, first: int, last: int, part: SegmentBatch) -> None:
        """Steps first .. last - 1; see `kernels.recovery.rtisi.run_steps`."""
        args, record, layout, V = self.args, self.record, kernels.LAYOUT, lane_count(self.dtype)
        S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(part.S)
        offsets = part.rows * signal_stride + part.firsts * frame_stride
        layout.set_memory(
            record,
            y_out=(address(part.out), part.out.size),
            S=(address(S), extent(S, S.itemsize)[1]),
            offsets=(address(offsets), offsets.size),
        )
        layout.set_numbers(
            record,
            total=part.total,
            frame_stride=frame_stride,
            bin_stride=bin_stride,
            start=part.start,
            length=part.out.shape[1],
        )
        size = min(team_size(), self.groups) * scratch_size(kernels.scratch_sizes(args, V))
        if self.scratch.size < size:
            self.scratch = aligned(size, self.dtype)
        operations = args.rounds * V * args.n_fft * 64
        steps = max(1, CALL_OPERATIONS // operations)
        for begin in range(first, last, steps):
            end = min(last, begin + steps)
            layout.set_numbers(record, first=begin, last=end)
            work = (end - begin) * operations * self.groups
            run_items(kernels.run_steps, self.dtype, self.groups, record, work=work, memory=self.scratch)


class LibraryBuffers:
    """The same for sizes that the kernels lack: by SciPy's transform, all signals at once."""

    def __init__(self, plan: STFT, signals: int, look_ahead: int, n_iter: int) -> None:
        self.n, self.hop, self.look_ahead, self.rounds = plan.n_fft, plan.hop_length, look_ahead, n_iter
        self.apart, frames = min(self.hop, self.n), look_ahead + 1  # frames that do not overlap may as well touch
        self.window, self.peak = plan.window.astype(plan.dtype), int(np.argmax(np.abs(plan.window)))
        self.none, self.fade = float(np.finfo(plan.dtype).tiny), plan.dtype.type(_fade(plan, look_ahead))
        self.level = np.zeros(signals, plan.dtype)
        self.energy, self.ahead = _squares(plan, look_ahead)
        self.committed = np.zeros((signals, self.n + look_ahead * self.apart), plan.dtype)
        self.past = np.zeros(self.committed.shape[1])
        self.y = np.zeros((signals, frames, self.n), plan.dtype)
        self.S = np.zeros((signals, frames, plan.n_bins), plan.dtype)

    def run(self, first: int, last: int, part: SegmentBatch) -> None:
        """Steps first .. last - 1; see `kernels.recovery.rtisi.run_steps`."""
        for i in range(first, last):
            column = i - self.look_ahead
            if column >= part.total:
                self._emit(column, self.n - self.apart, part)
                continue
            for kept, new in ((self.y, 0), (self.S, part.S[part.rows, :, part.firsts + i] if i < part.total else 0)):
                kept[:, :-1] = kept[:, 1:]
                kept[:, -1] = new
            self.level = np.maximum(self.level * self.fade, self.S[:, -1].max(axis=1))
            if column >= 0:
                self._rounds(column, min(self.look_ahead, part.total - 1 - column))
                self.committed[:, : self.n] += self.y[:, 0]
                self.past[: self.n] += self.energy
                self._emit(column, self.apart, part)
                for kept in (self.committed, self.past):
                    kept[..., : -self.apart] = kept[..., self.apart :].copy()
                    kept[..., -self.apart :] = 0

    def _seen(self, x: Real) -> Real:
        """What each frame of the buffer sees of x, whose last axis is time."""
        return sliding_window_view(x, self.n, axis=-1)[..., :: self.apart, :]

    def _divided(self, x: Real, energy: Real) -> Real:
        return (x / np.where(energy > self.none, energy, 1)).astype(self.window.dtype)

    def _rounds(self, column: int, buffered: int) -> None:
        from scipy import fft

        total = np.zeros_like(self.past)
        for d in range(buffered + 1):
            total[d * self.apart : d * self.apart + self.n] += self.energy
        whole = self.ahead if buffered == self.look_ahead else self._seen(total)
        total, before = self._seen(self.past) + whole, np.zeros_like(self.y)
        gain = 1 / np.maximum(self.level, self.none)[:, None]
        for r in range(self.rounds):
            x = self.committed.copy()
            for d in range(self.look_ahead + 1):
                x[:, d * self.apart : d * self.apart + self.n] += self.y[:, d]
            seen = self._divided(self._seen(x * gain), total)
            x, before = seen + (MOMENTUM if r else 0) * (seen - before), seen
            if r == 0:
                x[:, 0 if column == 0 else self.look_ahead :, self.peak] += PULSE
            D = fft.rfft(x * self.window, workers=thread_count())
            D *= self.S / np.maximum(np.abs(D), self.none**0.5)
            self.y = fft.irfft(D, self.n, workers=thread_count()) * self.window

    def _emit(self, column: int, rows: int, part: SegmentBatch) -> None:
        begin = column * self.hop - part.start
        a, b = max(0, begin), min(part.out.shape[1], begin + rows)
        if a < b:
            where = slice(a - begin, b - begin)
            part.out[:, a:b] = self._divided(self.committed[:, where], self.past[where])


def buffers_of(plan: STFT, signals: int, look_ahead: int, n_iter: int) -> LaneBuffers | LibraryBuffers:
    """New ones, of the kind that the size asks for."""
    kind = LaneBuffers if has_inverse(plan.n_fft) else LibraryBuffers
    return kind(plan, signals, look_ahead, n_iter)
