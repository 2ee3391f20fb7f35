"""From magnitudes to signals, frame by frame: real-time iterative spectrogram inversion with look-ahead (RTISI-LA).

Zhu, Beauregard & Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude spectra", IEEE
Trans. Audio, Speech and Language Processing 15, 2007, 1645-1653.  The iteration stands in `kernels.rtisi`; here is
where its frames come from and its samples go to.  What one step leaves for the next is kept apart, so that a signal
may come in pieces.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from . import checks
from .kernels import compiled
from .kernels.calls import aligned, new_board
from .kernels.jit import team_size, thread_count
from .kernels.plan import lanes, pairs, supported, work_size
from .kernels.records import pack
from .kernels.rtisi import PIECE
from .kernels.streams import Recursion, Streams
from .kernels.strips import each_strip
from .synthesis import address, extent

if TYPE_CHECKING:
    from .spectrum import STFT

Real = NDArray[np.floating]

MOMENTUM = 0.8
"""Of a round; see `kernels.rtisi`."""
TO_COME = 0.03
"""How much of the squared windows of frames that are still to come counts in E: none would let the end of what is there
stand out like an edge, all would fade it out."""
PULSE = 2.0**-20
"""A pulse in the middle of a frame that enters, for the phases of bins of which nothing is known."""

STATE_BYTES = 64 << 20  # of the signals that are made side by side
SLICE = 1 << 29  # operations of one group in one call, so that Ctrl-C is noticed in between
ENDLESS = 1 << 60  # frames of a signal that may go on


def recover(plan: "STFT", S: Real, *, look_ahead: int = 3, n_iter: int = 5, length: int | None = None) -> Real:
    """Signals whose STFTs have magnitudes near S, in one pass over the frames.

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes >= 0 of the plan's dtype, the largest about 1; any strides.  It is fastest where the bins of a frame
        are neighbours.
    look_ahead : int
        Frames after the one that is committed that have a say in it, below 16 in float32 and 8 in float64.
    n_iter : int
        Rounds for each frame, at least 1.
    length : int
        Samples of each signal: zeros past the last frame.  `plan.n_samples(n_frames)` by default.

    Returns
    -------
    y : np.ndarray [shape=(signals, length)]
        The same bits for a signal alone and among others, for any number of threads, and as `Stream` gives.

    Raises
    ------
    TypeError, ValueError
        If look_ahead or n_iter is out of its range, or S is not of this shape and dtype.
    """
    look_ahead, n_iter = _checked(plan, look_ahead, n_iter)
    S = _magnitudes(plan, S)
    frames = S.shape[2]
    out = np.zeros((len(S), plan.n_samples(frames) if length is None else length), plan.dtype)
    many = max(16, STATE_BYTES // (plan.n_fft * (look_ahead + 1) * 4 * plan.dtype.itemsize))
    for b in range(0, len(S) if frames and out.size else 0, many):
        part = Part(S[b : b + many], 0, frames, -plan._geometry.start, out[b : b + many])
        buffers_of(plan, len(part.S), look_ahead, n_iter).run(0, frames + look_ahead + 1, part)
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

    def __init__(self, plan: "STFT", signals: int = 1, *, look_ahead: int = 3, n_iter: int = 5) -> None:
        self._plan, self._signals = plan, checks.whole("signals", signals, 1)
        self._look_ahead, n_iter = _checked(plan, look_ahead, n_iter)
        self._buffers = buffers_of(plan, self._signals, self._look_ahead, n_iter)
        self._frames = 0

    def push(self, S: Real) -> Real:
        """The next frames, (signals, n_bins, any number), and the samples that are certain with them."""
        S = _magnitudes(self._plan, S)
        if len(S) != self._signals:
            raise ValueError(f"S must be of {self._signals} signals, got shape {S.shape}")
        first, self._frames = self._frames, self._frames + S.shape[2]
        out = self._room(self._ready(self._frames) - self._ready(first))
        if S.shape[2]:
            self._buffers.run(first, self._frames, Part(S, first, ENDLESS, self._place(first), out))
        return out

    def finish(self) -> Real:
        """The rest of the signals, to `plan.n_samples` of all frames; nothing can be pushed after it."""
        frames = self._frames
        if not frames:
            return self._room(0)
        out = self._room(max(0, self._plan.n_samples(frames) - self._ready(frames)))
        S = np.zeros((self._signals, self._plan.n_bins, 1), self._plan.dtype)
        part = Part(S, frames, frames, self._place(frames), out)
        self._buffers.run(frames, frames + self._look_ahead + 1, part)
        return out

    def _ready(self, frames: int) -> int:
        """Samples that are certain once so many frames have come."""
        return max(0, max(0, frames - self._look_ahead) * self._plan.hop_length + self._plan._geometry.start)

    def _place(self, frames: int) -> int:
        return self._ready(frames) - self._plan._geometry.start

    def _room(self, length: int) -> Real:
        return np.zeros((self._signals, length), self._plan.dtype)


def _checked(plan: "STFT", look_ahead: int, n_iter: int) -> tuple[int, int]:
    ahead, most = checks.whole("look_ahead", look_ahead, 0), lanes(plan.dtype) - 1
    if ahead > most:
        raise ValueError(f"look_ahead must be at most {most} in {plan.dtype}, got {look_ahead!r}")
    return ahead, checks.whole("n_iter", n_iter, 1)


def _magnitudes(plan: "STFT", S: Real) -> Real:
    if S.ndim != 3 or S.shape[1] != plan.n_bins:
        raise ValueError(f"S must have the shape (signals, n_bins = {plan.n_bins}, n_frames), got {S.shape}")
    if S.dtype != plan.dtype:
        raise TypeError(f"S must be of the plan's dtype {plan.dtype}, got {S.dtype}")
    return S


class Part(NamedTuple):
    """Frames given, and the samples wanted."""

    S: Real  # (signals, n_bins, n_frames)
    number: int  # which of the signal's frames is the first of them
    total: int  # frames of the signal
    start: int  # first sample wanted, of the whole signal, whose frame f starts at sample f hop
    out: Real  # (signals, length), zeros


def _squares(plan: "STFT", look_ahead: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(squares of the window, sums of them (look_ahead + 1, n_fft) as each frame of a full buffer sees it).

    Frames before the first of the buffer are left out, those after its last have the weight TO_COME.
    """
    n, hop = plan.n_fft, plan.hop_length
    energy = plan.window**2
    sums = np.zeros((look_ahead + 1, n))
    for d in range(look_ahead + 1):
        for e in range(look_ahead + -(-n // hop)):
            weight, shift = 1.0 if e <= look_ahead else TO_COME, (e - d) * hop
            if 0 <= shift < n:
                sums[d, shift:] += weight * energy[: n - shift]
            elif -n < shift < 0:
                sums[d, :shift] += weight * energy[-shift:]
    return energy, sums


class LaneBuffers:
    """Signals side by side, each in lanes of its own; it goes on where it stopped."""

    def __init__(self, plan: "STFT", signals: int, look_ahead: int, n_iter: int) -> None:
        n, hop, dtype, V = plan.n_fft, plan.hop_length, plan.dtype, lanes(plan.dtype)
        offsets = (np.arange(n) * V).astype(np.uint32)
        self.dtype, self.tables = dtype, plan._synthesis.tables._replace(offsets=offsets)
        self.order = pairs(self.tables)
        self.energy, self.ahead = (a.astype(dtype).reshape(-1) for a in _squares(plan, look_ahead))
        width = V // (look_ahead + 1)
        self.groups = -(-signals // width)
        work, kept = work_size(self.tables), V * (3 * n + self.order.size + -(-n // V))
        tiny = float(np.finfo(dtype).tiny)
        self.state = aligned(self.groups * kept, dtype)
        self.state[:] = 0
        self.job = Recursion(
            n_iter, look_ahead, hop, n, -(-n // hop), signals, width, first=0, last=0, total=0, number=0, signal_step=0,
            frame_step=0, bin_step=0, start=0, length=0, peak=int(np.argmax(np.abs(plan.window))), work=work,
            state=kept, scratch=V * (2 * n + 2 * work + 2 * PIECE), least=tiny**0.5, none=tiny, momentum=MOMENTUM,
            pulse=PULSE,
        )  # fmt: skip

    def run(self, first: int, last: int, part: Part) -> None:
        """Steps first .. last - 1; see `kernels.rtisi.steps`."""
        S, width = part.S, self.dtype.itemsize
        if not S.flags.aligned or any(step < 0 or step % width for step in S.strides):
            S = np.ascontiguousarray(S.swapaxes(1, 2)).swapaxes(1, 2)
        signal_step, bin_step, frame_step = (step // width for step in S.strides)
        job = self.job._replace(
            total=part.total, number=part.number, signal_step=signal_step, frame_step=frame_step, bin_step=bin_step,
            start=part.start, length=part.out.shape[1],
        )  # fmt: skip
        memory = Streams(part.out.reshape(-1), self.state[:0], self.state, self.ahead, self.energy, self.order)
        known = np.concatenate([pack(memory), pack(self.tables)])
        known[2:4] = address(S), extent(S, width)[1]
        function, team = compiled.rtisi_steps(self.dtype).address, min(team_size(), self.groups)
        scratch = aligned(team * job.scratch, self.dtype)
        operations = job.rounds * lanes(self.dtype) * job.n_fft * 64
        some = max(1, SLICE // operations)
        for begin in range(first, last, some):
            end = min(last, begin + some)
            record = np.concatenate([known, pack(job._replace(first=begin, last=end))])
            work = (end - begin) * operations * self.groups
            each_strip(self.groups, team, new_board(), function, record, scratch, work=work)


class LibraryBuffers:
    """The same for sizes that the kernels lack: by SciPy's transform, all signals at once."""

    def __init__(self, plan: "STFT", signals: int, look_ahead: int, n_iter: int) -> None:
        self.n, self.hop, self.look_ahead, self.rounds = plan.n_fft, plan.hop_length, look_ahead, n_iter
        self.apart, frames = min(self.hop, self.n), look_ahead + 1  # frames that do not overlap may as well touch
        self.window, self.peak = plan.window.astype(plan.dtype), int(np.argmax(np.abs(plan.window)))
        self.none = float(np.finfo(plan.dtype).tiny)
        self.energy, self.ahead = _squares(plan, look_ahead)
        self.committed = np.zeros((signals, self.n + look_ahead * self.apart), plan.dtype)
        self.past = np.zeros(self.committed.shape[1])
        self.y = np.zeros((signals, frames, self.n), plan.dtype)
        self.S = np.zeros((signals, frames, plan.n_bins), plan.dtype)

    def run(self, first: int, last: int, part: Part) -> None:
        """Steps first .. last - 1; see `kernels.rtisi.steps`."""
        for i in range(first, last):
            column = i - self.look_ahead
            if column >= part.total:
                self._emit(column, self.n - self.apart, part)
                continue
            for kept, new in ((self.y, 0), (self.S, part.S[:, :, i - part.number] if i < part.total else 0)):
                kept[:, :-1] = kept[:, 1:]
                kept[:, -1] = new
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
        for r in range(self.rounds):
            x = self.committed.copy()
            for d in range(self.look_ahead + 1):
                x[:, d * self.apart : d * self.apart + self.n] += self.y[:, d]
            seen = self._divided(self._seen(x), total)
            x, before = seen + (MOMENTUM if r else 0) * (seen - before), seen
            if r == 0:
                x[:, 0 if column == 0 else self.look_ahead :, self.peak] += PULSE
            D = fft.rfft(x * self.window, workers=thread_count())
            D *= self.S / np.maximum(np.abs(D), self.none**0.5)
            self.y = fft.irfft(D, self.n, workers=thread_count()) * self.window

    def _emit(self, column: int, rows: int, part: Part) -> None:
        begin = column * self.hop - part.start
        a, b = max(0, begin), min(part.out.shape[1], begin + rows)
        if a < b:
            where = slice(a - begin, b - begin)
            part.out[:, a:b] = self._divided(self.committed[:, where], self.past[where])


def buffers_of(plan: "STFT", signals: int, look_ahead: int, n_iter: int) -> LaneBuffers | LibraryBuffers:
    """New ones, of the kind that the size asks for."""
    kind = LaneBuffers if supported(plan.n_fft) else LibraryBuffers
    return kind(plan, signals, look_ahead, n_iter)
