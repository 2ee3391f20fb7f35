"""Methods that go from frame to frame, as what takes frames and gives samples: at once, or as frames come."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..spectrum import STFT
from ..streamed import StreamingISTFT
from . import rtisi, rtpghi
from .chains import Stage

Real = NDArray[np.floating]


class Engine(Protocol):
    """What makes a number of signals, block by block; its samples have the same bits whatever the blocks are."""

    def ready(self, frames: int) -> int:
        """Samples that it has given, or would have, once so many frames have come."""

    def slowest(self) -> int:
        """How many frames have come where it is farthest behind them."""

    def push(self, S: Real, out: Real | None = None) -> Real:
        """Samples (signals, k) that follow with the next frames, S (signals, n_bins, m); m may be 0.

        `out` is zeros of just that shape, in C order, where they may go.
        """

    def finish(self, length: int | None = None) -> Real:
        """The rest of the signals, to `length` samples; nothing can follow it."""


class _Inverse(StreamingISTFT):
    """The same, of whose gaps somebody else has told."""

    def _tell_of_gaps(self, plan: STFT) -> None:
        pass


class Gradients:
    """The engine of "rtpghi": phases by `recovery.rtpghi`, samples by `StreamingISTFT`."""

    def __init__(
        self, plan: STFT, signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self._plan, self._look_ahead = plan, look_ahead
        self._spectra = rtpghi.Spectra(plan, signals, look_ahead=look_ahead, tolerance=tolerance, rng=rng)
        self._inverse = _Inverse(plan)

    def ready(self, frames: int) -> int:
        """See `Engine`."""
        return self._inverse.final(max(0, frames - self._look_ahead))

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


def engine_of(plan: STFT, signals: int, stage: Stage, rng: np.random.Generator, tolerance: float) -> Engine:
    """The engine of a stage of `chains.STARTING`; it makes signals in one piece, whatever `segments` says."""
    options = {name: value for name, value in stage.options.items() if name != "segments"}
    if stage.name == "rtisi":
        return rtisi.Stream(plan, signals, n_iter=stage.rounds, **options)
    return Gradients(plan, signals, tolerance=tolerance, rng=rng, **options)


def from_frame_to_frame(
    plan: STFT, S: Real, stage: Stage, length: int, rng: np.random.Generator, tolerance: float
) -> Real:
    """Signals (signals, length) of magnitudes (signals, n_bins, n_frames), by such a stage."""
    if stage.name == "rtisi":
        return rtisi.recover(plan, S, length=length, n_iter=stage.rounds, **stage.options)
    D = rtpghi.spectra(plan, S, tolerance=tolerance, rng=rng, **stage.options)
    return plan._inverse(D, length=length)
