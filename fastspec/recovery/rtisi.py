"""From magnitudes to signals, frame by frame: real-time iterative spectrogram inversion with look-ahead (RTISI-LA).

Zhu, Beauregard & Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude spectra", IEEE
Trans. Audio, Speech and Language Processing 15, 2007, 1645-1653.  The iteration stands in `kernels.rtisi`, what one
step leaves for the next in `buffers`; here is where frames come from and samples go to.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..kernels.plan import lanes
from .buffers import buffers_of
from .segments import Cuts, Part, made_of_parts

if TYPE_CHECKING:
    from ..spectrum import STFT

Real = NDArray[np.floating]

ENDLESS = 1 << 60  # frames of a signal that may go on


def recover(
    plan: "STFT",
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
        In how many pieces at most each signal is made side by side; see `segments.Cuts`.  1: each frame hears of all
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
    cuts = Cuts.of(plan, frames, look_ahead, segments)
    state = plan.n_fft * (look_ahead + 1) * 4 * plan.dtype.itemsize

    def run(plan: "STFT", part: Part) -> None:
        buffers_of(plan, len(part.rows), look_ahead, n_iter).run(0, part.total + look_ahead + 1, part)

    made_of_parts(plan, S, cuts, out, run, state)
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

    def push(self, S: Real, out: Real | None = None) -> Real:
        """The next frames, (signals, n_bins, any number), and the samples that are certain with them.

        They are written to `out`, if that is given: zeros of just this shape, in C order.
        """
        S = _magnitudes(self._plan, S)
        if len(S) != self._signals:
            raise ValueError(f"S must be of {self._signals} signals, got shape {S.shape}")
        first, self._frames = self._frames, self._frames + S.shape[2]
        room = self._room(self.ready(self._frames) - self.ready(first)) if out is None else out
        if S.shape[2]:
            self._buffers.run(first, self._frames, self._part(S, first, ENDLESS, room))
        return room

    def finish(self, length: int | None = None) -> Real:
        """The rest of the signals, to `length` samples (`plan.n_samples` of all frames); nothing can follow it."""
        frames = self._frames
        if not frames:
            return self._room(0)
        end = self._plan.n_samples(frames) if length is None else length
        out = self._room(max(0, end - self.ready(frames)))
        S = np.zeros((self._signals, self._plan.n_bins, 1), self._plan.dtype)
        self._buffers.run(frames, frames + self._look_ahead + 1, self._part(S, frames, frames, out))
        return out

    def ready(self, frames: int) -> int:
        """Samples that are certain once so many frames have come."""
        return max(0, max(0, frames - self._look_ahead) * self._plan.hop_length + self._plan._geometry.start)

    def slowest(self) -> int:
        """How many frames have come where this is farthest behind them."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def _part(self, S: Real, first: int, total: int, out: Real) -> Part:
        place = self.ready(first) - self._plan._geometry.start
        return Part(S, np.arange(self._signals), np.full(self._signals, -first), total, place, out)

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
