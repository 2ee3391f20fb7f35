"""Methods that go from frame to frame, as what takes frames and gives samples: at once, or as frames come."""

from typing import Protocol

import numpy as np

from .._typing import Real
from ..plan import STFT
from . import rtisi, rtpghi
from .methods import Stage
from .rtpghi import Gradients


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
    return plan.inverse(D, length=length, warn=False)
