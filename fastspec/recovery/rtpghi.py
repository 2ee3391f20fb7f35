"""Phases from magnitudes, frame by frame: real-time phase gradient heap integration; see `kernels.rtpghi`."""

import math

import numpy as np

from .. import checks
from .._typing import Complex, Real
from ..kernels import compiled
from ..kernels.fft.tables import lanes
from ..kernels.recovery.rtpghi import KEPT, NEEDED, Integration
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack, places
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..stream.inverse import StreamingISTFT
from ..transform.memory import address, extent
from .phase import gaussian_constant, turn_of_middle


class _Inverse(StreamingISTFT):
    """The same, of whose gaps somebody else has told."""

    def _warn_if_not_invertible(self, plan: STFT) -> None:
        pass


class Gradients:
    """The engine of "rtpghi": phases by `recovery.rtpghi`, samples by `StreamingISTFT`."""

    def __init__(
        self, plan: STFT, signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self._plan, self._look_ahead = plan, look_ahead
        self._spectra = Spectra(plan, signals, look_ahead=look_ahead, tolerance=tolerance, rng=rng)
        self._inverse = _Inverse(plan)

    def ready(self, frames: int) -> int:
        """See `Engine`."""
        return self._inverse.count_final(max(0, frames - self._look_ahead))

    def slowest(self) -> int:
        """See `Engine`."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def push(self, S: Real, out: Real | None = None) -> Real:
        """See `Engine`."""
        made = self._inverse.push(self._spectra.push(S), out)
        return made if out is None else out

    def finish(self, length: int | None = None) -> Real:
        """See `Engine`."""
        rest = self._inverse.push(self._spectra.finish())
        return np.concatenate([rest, self._inverse.flush(length)], axis=1)


ENDLESS = 1 << 60  # frames of a signal that may go on
FLOOR = 2.0**-50  # of the loudest: softer levels are taken to be so loud, as ratios must be numbers of the dtype
SLICE = 1 << 18  # bins of one signal in one call, so that Ctrl-C is noticed in between
FIRST, BEGIN = (places(Integration, name) for name in ("first", "begin"))
"""Where they stand in a record."""


def spectra(plan: "STFT", S: Real, *, look_ahead: int = 1, tolerance: float, rng: np.random.Generator) -> Complex:
    """Magnitudes with phases that go with them, as `plan.forward` would give them, each from what came before.

    The slopes of the phase are those of `pghi.phases`.  In frequency its slope takes the change of levels in time:
    the difference of frames n + 1 and n - 1 with look_ahead=1, of n and n - 1 with look_ahead=0.  Beyond both ends
    frames repeat.  Průša & Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration", Proc.
    DAFx-16, 2016.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 of the plan's dtype; any strides.
    look_ahead : int
        0 or 1: frames after the one whose phases are sought.
    tolerance : float
        Bins of no more than tolerance times the largest of their frame and the one before get a random phase.
    rng : np.random.Generator
        Gives one seed a signal; the phases drawn depend on that, the frame's number and the bin alone.

    Returns
    -------
    D : np.ndarray [shape=(signals, n_bins, n_frames)]
        Complex, the bins of a frame side by side.  DC and Nyquist are real.  S times a power of two gives D times that
        power, bit for bit, as long as magnitudes (other than 0) and results are normal numbers of the dtype 2**50 and
        more above the smallest and as far below the largest.

    Raises
    ------
    TypeError, ValueError
        If look_ahead is neither 0 nor 1.
    """
    made = Spectra(plan, len(S), look_ahead=look_ahead, tolerance=tolerance, rng=rng)
    frames = S.shape[2]
    D = np.empty((len(S), frames, plan.n_bins), plan._complex)
    if D.size:
        made.run(S, 0, frames + made.look_ahead, total=frames, begin=0, D=D)
    return D.swapaxes(1, 2)


class Spectra:
    """The same for signals whose frames come block by block: frame n once frame n + look_ahead is there.

    Parameters
    ----------
    plan : STFT
    signals : int
    look_ahead, tolerance, rng
        As in `spectra`.
    """

    def __init__(
        self, plan: "STFT", signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self.plan, self.signals, self.look_ahead = plan, signals, checked(look_ahead)
        self.frames = 0
        dtype, bins, V = plan.dtype, plan.n_bins, lanes(plan.dtype)
        room = -(-bins // V) * V
        self.width = room + V
        factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
        turns = np.arange(bins) * (plan.hop_length % plan.n_fft) % plan.n_fft
        self.advance, self.middle = np.zeros(room, dtype), np.zeros(room, dtype)
        self.advance[:bins], self.middle[:bins] = np.pi * turns / plan.n_fft, turn_of_middle(plan)
        self.state = np.zeros(signals * KEPT * self.width, dtype)
        self.seeds = rng.integers(0, 1 << 32, signals, dtype=np.uint32)
        self.scratch = none = np.empty(0, dtype)
        self.record = pack(
            Integration(
                none, none, self.state, self.advance, self.middle, self.seeds, bins, plan.n_fft % 2, self.look_ahead,
                self.width, first=0, last=0, total=0, origin=0, signal_step=0, bin_step=0, frame_step=0, begin=0,
                columns=0, scratch=NEEDED * self.width, tolerance=float(tolerance),
                floor=max(0.1 * tolerance, FLOOR), tiny=float(np.finfo(dtype).tiny),
                along=math.log(10) * factor / 4, across=-math.log(10) / factor / 4,
            )
        )  # fmt: skip
        self.room = np.empty((signals, 0, bins), plan._complex)

    def push(self, S: Real) -> Complex:
        """The spectra (signals, n_bins, any number) that are certain with the next frames; good until the next call."""
        first, self.frames = self.frames, self.frames + S.shape[2]
        begin = max(0, first - self.look_ahead)
        D = self._room(max(0, self.frames - self.look_ahead) - begin)
        if S.size:
            self.run(S, first, self.frames, total=ENDLESS, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def finish(self) -> Complex:
        """The spectra of the last frames; nothing can be pushed after it."""
        begin = max(0, self.frames - self.look_ahead)
        D = self._room(self.frames - begin)
        if D.size:
            S = np.zeros((self.signals, self.plan.n_bins, 1), self.plan.dtype)
            self.run(S, self.frames, self.frames + self.look_ahead, total=self.frames, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def run(self, S: Real, first: int, last: int, *, total: int, begin: int, D: Complex) -> None:
        """Steps first .. last - 1, of which S[:, :, 0] is frame `first`; D (signals, columns, n_bins) from `begin`."""
        dtype, width = self.plan.dtype, self.plan.dtype.itemsize
        if not S.flags.aligned or any(step < 0 or step % width for step in S.strides):
            S = np.ascontiguousarray(S.swapaxes(1, 2)).swapaxes(1, 2)
        signal_step, bin_step, frame_step = (step // width for step in S.strides)
        record, team = self.record, min(team_size(), self.signals)
        if self.scratch.size < team * NEEDED * self.width:
            self.scratch = aligned(team * NEEDED * self.width, dtype)
        record[:4] = address(D), 2 * D.size, address(S), extent(S, width)[1]
        record[FIRST + 2 : FIRST + 7] = total, -first * frame_step, signal_step, bin_step, frame_step
        record[BEGIN : BEGIN + 2] = begin, D.shape[1]
        some = max(1, SLICE // self.plan.n_bins)
        for a in range(first, last, some):
            record[FIRST : FIRST + 2] = a, min(last, a + some)
            work = self.signals * min(some, last - a) * self.plan.n_bins * 60
            function = compiled.rtpghi_steps(dtype).address
            each_strip(self.signals, team, new_board(), function, record, self.scratch, work=work)

    def _room(self, columns: int) -> Complex:
        """(signals, columns, n_bins), the same memory each time."""
        size = self.signals * columns * self.plan.n_bins
        if self.room.size < size:
            self.room = np.empty(size, self.plan._complex)
        return self.room.reshape(-1)[:size].reshape(self.signals, columns, self.plan.n_bins)


def checked(look_ahead: int) -> int:
    """0 or 1."""
    ahead = checks.as_int("look_ahead", look_ahead, 0)
    if ahead > 1:
        raise ValueError(f"look_ahead must be 0 or 1, got {look_ahead!r}")
    return ahead
