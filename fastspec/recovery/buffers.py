"""What RTISI-LA keeps between one frame and the next, and the steps of it: see `kernels.rtisi`.

By the lane kernels, or by SciPy's transform for the sizes that they lack; both go on where they stopped.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..kernels import compiled
from ..kernels.calls import aligned, new_board
from ..kernels.jit import team_size, thread_count
from ..kernels.plan import Tables, lanes, pairs, supported, work_size
from ..kernels.records import pack, places
from ..kernels.rtisi import PIECE
from ..kernels.streams import Recursion, Streams
from ..kernels.strips import each_strip
from ..synthesis import address, extent
from .segments import Part

if TYPE_CHECKING:
    from ..spectrum import STFT

Real = NDArray[np.floating]
Whole = NDArray[np.int64]

MOMENTUM = 0.99
"""Of a round; see `kernels.rtisi`."""
TO_COME = 0.01
"""How much of the squared windows of frames that are still to come counts in E: none would let the end of what is there
stand out like an edge, all would fade it out."""
PULSE = 2.0**-12
"""A pulse in the middle of a frame that enters, for the phases of bins of which nothing is known, over the level."""
FADED = 1 / 256
"""What is left of a level once the last frame that it came from overlaps none in the buffer."""

FIRST, STEPS = (places(Streams) + places(Tables) + places(Recursion, name) for name in ("first", "total"))
"""Where they stand in a record."""

SLICE = 1 << 29  # operations of one group in one call, so that Ctrl-C is noticed in between


def _squares(plan: "STFT", look_ahead: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _fade(plan: "STFT", look_ahead: int) -> float:
    """What is left of a level a frame later."""
    return float(FADED ** (1 / (-(-plan.n_fft // plan.hop_length) + look_ahead)))


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
        work, kept = work_size(self.tables), V * (3 * n + self.order.size + -(-n // V) + 1)
        tiny = float(np.finfo(dtype).tiny)
        self.state = aligned(self.groups * kept, dtype)
        self.state[:] = 0
        self.job = Recursion(
            n_iter, look_ahead, hop, n, -(-n // hop), signals, width, first=0, last=0, total=0, frame_step=0,
            bin_step=0, start=0, length=0, peak=int(np.argmax(np.abs(plan.window))), work=work,
            state=kept, scratch=V * (2 * n + 2 * work + 2 * PIECE), least=tiny**0.5, none=tiny, momentum=MOMENTUM,
            pulse=PULSE, fade=_fade(plan, look_ahead),
        )  # fmt: skip
        self.scratch = aligned(0, dtype)
        memory = Streams(self.scratch, self.scratch, self.order, self.state, self.ahead, self.energy, self.order)
        self.record = np.concatenate([pack(memory), pack(self.tables), pack(self.job)])

    def run(self, first: int, last: int, part: Part) -> None:
        """Steps first .. last - 1; see `kernels.rtisi.steps`."""
        S, width = part.S, self.dtype.itemsize
        if not S.flags.aligned or any(step < 0 or step % width for step in S.strides):
            S = np.ascontiguousarray(S.swapaxes(1, 2)).swapaxes(1, 2)
        signal_step, bin_step, frame_step = (step // width for step in S.strides)
        rows, record, job = part.rows * signal_step + part.firsts * frame_step, self.record, self.job
        record[:6] = address(part.out), part.out.size, address(S), extent(S, width)[1], address(rows), rows.size
        record[STEPS : STEPS + 5] = part.total, frame_step, bin_step, part.start, part.out.shape[1]
        function, team = compiled.rtisi_steps(self.dtype).address, min(team_size(), self.groups)
        if self.scratch.size < team * job.scratch:
            self.scratch = aligned(team * job.scratch, self.dtype)
        operations = job.rounds * lanes(self.dtype) * job.n_fft * 64
        some = max(1, SLICE // operations)
        for begin in range(first, last, some):
            end = min(last, begin + some)
            record[FIRST : FIRST + 2] = begin, end
            work = (end - begin) * operations * self.groups
            each_strip(self.groups, team, new_board(), function, record, self.scratch, work=work)


class LibraryBuffers:
    """The same for sizes that the kernels lack: by SciPy's transform, all signals at once."""

    def __init__(self, plan: "STFT", signals: int, look_ahead: int, n_iter: int) -> None:
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

    def run(self, first: int, last: int, part: Part) -> None:
        """Steps first .. last - 1; see `kernels.rtisi.steps`."""
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
