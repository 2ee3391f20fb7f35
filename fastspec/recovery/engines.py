"""Online methods, which go frame by frame, as engines: frames -> final samples."""

from typing import Protocol

import numpy as np

from .._typing import Real
from ..plan import STFT
from . import rtisi, rtpghi
from .methods import Stage
from .rtisi import RtisiEngine
from .rtpghi import RtpghiEngine


class Engine(Protocol):
    """Recovers a fixed number of signals block by block; its samples have the same bits whatever the blocks are."""

    def n_final(self, n_frames: int) -> int:
        """Samples that are final once n_frames frames were pushed."""

    def n_frames_at_latency(self) -> int:
        """A number of frames after which the final samples lag behind the newest frame by the latency."""

    def push(self, S: Real, out: Real | None = None) -> Real:
        """Samples (signals, k) that become final with the next frames, S (signals, n_bins, m); m may be 0.

        They are written to `out` unless that is None: zeros of exactly their shape, in C order.
        """

    def finish(self, length: int | None = None) -> Real:
        """The rest of the signals, to `length` samples; nothing can be pushed after it."""


def make_engine(plan: STFT, signals: int, stage: Stage, rng: np.random.Generator, tolerance: float) -> Engine:
    """The engine of an online stage; it does not divide signals into segments."""
    options = {name: value for name, value in stage.options.items() if name != "segments"}
    if stage.name == "rtisi":
        return RtisiEngine(plan, signals, n_iter=stage.rounds, **options)
    return RtpghiEngine(plan, signals, tolerance=tolerance, rng=rng, **options)


def recover_online(plan: STFT, S: Real, stage: Stage, length: int, rng: np.random.Generator, tolerance: float) -> Real:
    """Signals (signals, length) of magnitudes S (signals, n_bins, n_frames) by an online stage."""
    if stage.name == "rtisi":
        return rtisi.recover(plan, S, length=length, n_iter=stage.rounds, **stage.options)
    D = rtpghi.spectra(plan, S, tolerance=tolerance, rng=rng, **stage.options)
    return plan.inverse(D, length=length, warn=False)
