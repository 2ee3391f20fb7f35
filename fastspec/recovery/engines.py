"""Online methods, which go frame by frame, as engines: frames -> final samples."""

from typing import Protocol

import numpy as np

from .._typing import Real
from ..plan import STFT
from ..transform.ends import EndEstimate
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


class LimitedEngine:
    """An engine whose signals are limited at the ends that few frames cover; see `transform.ends`."""

    def __init__(self, engine: Engine, plan: STFT) -> None:
        self._engine, self._ends = engine, plan.ends
        self.n_final, self.n_frames_at_latency = engine.n_final, engine.n_frames_at_latency
        self._first: EndEstimate | None = None
        self._last_frame = np.empty((0, 0), plan.dtype)  # magnitudes (signals, n_bins)
        self._n_frames = self._n_samples = 0

    def push(self, S: Real, out: Real | None = None) -> Real:
        """See `Engine`."""
        if S.shape[-1]:
            if self._first is None:
                self._first = self._ends.estimate_of_levels(S[..., 0])
                self._last_frame = np.empty_like(S[..., -1])
            self._last_frame[...] = S[..., -1]
        self._n_frames += S.shape[-1]
        y = self._engine.push(S, out)
        self._limit_start(y)
        self._n_samples += y.shape[-1]
        return y

    def finish(self, length: int | None = None) -> Real:
        """See `Engine`."""
        y = self._engine.finish(length)
        n_complete = max(0, self._ends.count_complete(self._n_frames) - self._n_samples)
        self._limit_start(y[:, :n_complete])
        if self._first is not None and y.shape[-1] > n_complete:
            estimate = self._ends.estimate_of_levels(self._last_frame)
            self._ends.limit_end(y[:, n_complete:], self._n_samples + n_complete, self._n_frames, estimate)
        return y

    def _limit_start(self, y: Real) -> None:
        if self._first is not None and self._n_samples < len(self._ends.first):
            self._ends.limit_start(y, self._n_samples, self._first)


def make_engine(
    plan: STFT, signals: int, stage: Stage, rng: np.random.Generator, tolerance: float, *, limits_ends: bool = True
) -> Engine:
    """The engine of an online stage; it does not divide signals into segments."""
    options = {name: value for name, value in stage.options.items() if name != "segments"}
    engine: Engine
    if stage.name == "rtisi":
        engine = RtisiEngine(plan, signals, n_iter=stage.rounds, **options)
    else:
        engine = RtpghiEngine(plan, signals, tolerance=tolerance, rng=rng, **options)
    return LimitedEngine(engine, plan) if limits_ends else engine


def recover_online(plan: STFT, S: Real, stage: Stage, length: int, rng: np.random.Generator, tolerance: float) -> Real:
    """Signals (signals, length) of magnitudes S (signals, n_bins, n_frames) by an online stage."""
    if stage.name == "rtisi":
        return rtisi.recover(plan, S, length=length, n_iter=stage.rounds, **stage.options)
    D = rtpghi.spectra(plan, S, tolerance=tolerance, rng=rng, **stage.options)
    return plan.inverse(D, length=length, warn=False, limit_ends=False)
