"""The one way from levels to signals: scale, start, iterate, unscale.

    y = solve(problem, target, start)

A `Problem` is what all signals, and all blocks of a signal, have in common; a `Target` the levels of those at hand; a
`Start` makes the signals to begin with.  Integer signals (`recover`), blocks of frames (`blocks`) and rounds from given
spectra (`recover.griffin_lim`) differ in these alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Array, Real
from ..features.banks import FilterBank
from ..features.log import from_log
from ..plan import STFT
from ..transform.magnitudes import range_of, scale_frames
from . import starts
from .engines import recover_online
from .methods import FIRST_ROUND, RESULT, Momentum, Relaxation, Stage
from .phase import PhasePrefix
from .rounds import Rounds

TOLERANCE = 1e-3
"""Of "pghi" and "rtpghi" by default; see `pghi.phases`."""

FEW_LEVELS = 1 << 14
"""Whose range NumPy finds sooner than the kernel is called."""

Callback = Callable[[int, Any], object]
"""callback(round, convergence): stops if it returns something true."""

Start = Callable[[Rounds], Real]
"""start(rounds): signals (signals, rounds.length) to begin with, multiplied by rounds.scales; they are overwritten."""


class Target(NamedTuple):
    """Levels that signals of `length` samples should have, and the magnitudes that they start from."""

    levels: Real  # (signals, rows, n_frames)
    magnitudes: Real  # (signals, n_bins, n_frames), the levels themselves where no bank has filtered them
    length: int
    peaks: Real  # (signals,): the largest of the magnitudes

    @classmethod
    def of(cls, levels: Real, magnitudes: Real, length: int) -> "Target":
        """The target with the peaks of its magnitudes."""
        return cls(levels, magnitudes, length, range_of(magnitudes)[1])


class Problem(NamedTuple):
    """How signals are recovered from levels: magnitudes, or M = log(B |D|**power) with the filters B of a bank."""

    plan: STFT
    stages: list[Stage]
    init: str | Array = "pghi"  # a start's name, or phases (..., n_bins, n_frames)
    tolerance: float = TOLERANCE
    bank: FilterBank | None = None
    power: float = 1.0
    log: str | None = None
    is_cascade: bool = False  # magnitudes first, by `bank.inverse`, then signals of these
    limits_ends: bool = True  # see `transform.ends`

    @property
    def n_rows(self) -> int:
        """Rows of the levels."""
        return self.plan.n_bins if self.bank is None else len(self.bank)

    @property
    def online_stage(self) -> Stage | None:
        """The first stage, if its method goes frame by frame."""
        return self.stages[0] if self.stages and self.stages[0].is_online else None

    @property
    def is_online(self) -> bool:
        """Whether all of it goes frame by frame."""
        return self.online_stage is not None and len(self.stages) == 1

    def to_levels(
        self,
        name: str,
        M: Array,
        index: tuple[int, ...] = (),
        first_frame: int = 0,
        measure: Callable[[Real], tuple[float, float]] = checks.least_and_most,
    ) -> Real:
        """Levels (..., rows, frames) as users pass them, which may be logarithms: checked, linear, in the plan's dtype.

        In messages they are the item `index` of a larger array, from a frame on; see `checks.as_levels`, also of
        `measure`.

        Raises
        ------
        TypeError, ValueError
            If a number is not finite or negative.
        """
        levels = M if self.log is None else from_log(M, self.log, self.power)
        return checks.as_levels(name, levels, self.n_rows, self.plan.dtype, index, first_frame, measure)

    def to_magnitudes(self, M: Real) -> Real:
        """Magnitudes (..., n_bins, frames) of linear levels M (..., rows, frames), by `bank.inverse`.

        Raises
        ------
        ValueError
            If they are not finite.
        """
        if self.bank is None:
            return M
        if not M.shape[-1]:
            return np.zeros((*M.shape[:-2], self.plan.n_bins, 0), M.dtype)
        S = self.bank.inverse(M, power=self.power)
        if not np.isfinite(least_and_most(S)[1]):  # kernels that sort bins take finite ones; NaN is its own maximum
            raise ValueError(
                f"M goes up to {M.max():g}, where filters are inverted to magnitudes beyond {S.dtype} with "
                f"power={self.power:g}: M must be smaller, or power larger"
            )
        return S

    def of_magnitudes(self) -> "Problem":
        """The second half of a cascade: the problem whose levels are magnitudes."""
        return self._replace(bank=None, power=1.0, log=None, is_cascade=False)

    def of_signal(self, index: tuple[int, ...]) -> "Problem":
        """The problem of one signal, where phases of `init` have leading axes."""
        return self if isinstance(self.init, str) else self._replace(init=self.init[index][None])

    def start(self, rounds: Rounds, S: Real, rng: np.random.Generator, prefix: PhasePrefix | None = None) -> Real:
        """Signals by the first stage, if it goes frame by frame, or with the phases of `init`; see `Start`."""
        if self.online_stage is None:
            return starts.start(self.plan, rounds, S, self.init, rng, self.tolerance, prefix)
        scaled = scale_frames(S, rounds.scales)
        return recover_online(self.plan, scaled, self.online_stage, rounds.length, rng, self.tolerance)


class Anchor(NamedTuple):
    """Samples that rounds do not change."""

    y: Real  # (samples,), from the signal's first on
    seam: int  # the first sample of y that is an estimate
    fade: int  # samples behind the seam over which the anchor fades into the signal of the rounds


class LimitedRounds:
    """Rounds whose signals are limited at the ends that few frames cover, so that phases fit what is kept of them."""

    def __init__(self, rounds: Rounds, magnitudes: Real) -> None:
        self._rounds, self._ends, self._frames = rounds, rounds.plan.ends, magnitudes.shape[-1]
        scales = rounds.scales[:, None].astype(magnitudes.dtype)
        self._first = self._ends.estimate_of_levels(scales * magnitudes[..., 0])
        self._last = self._ends.estimate_of_levels(scales * magnitudes[..., -1])

    def limit(self, y: Real) -> None:
        """Limit both ends of signals y (signals, length)."""
        split = self._ends.count_complete(self._frames)
        self._ends.limit_start(y[:, :split], 0, self._first)
        self._ends.limit_end(y[:, split:], split, self._frames, self._last)

    def step(self, now: Real, before: Real, out: Real, method: Any) -> None:
        """See `rounds.Rounds.step`."""
        self._rounds.step(now, before, out, method)
        self.limit(out)

    def convergence(self, y: Real) -> NDArray[np.float64]:
        """See `rounds.Rounds.convergence`."""
        return self._rounds.convergence(y)


class AnchoredRounds:
    """Rounds of one signal whose first samples are restored after each round."""

    def __init__(self, rounds: "Rounds | LimitedRounds", anchor: Anchor, scale: float, length: int) -> None:
        self._rounds, self._seam = rounds, anchor.seam
        self._y = anchor.y * anchor.y.dtype.type(scale)
        fade = max(0, min(anchor.fade, len(anchor.y) - anchor.seam, length - anchor.seam))
        self._weight = (np.cos(np.linspace(0, np.pi / 2, fade)) ** 2).astype(anchor.y.dtype)

    def restore(self, y: Real) -> None:
        """y[:, t] = the anchor's sample before the seam, and its mixture with y[:, t] behind it; y is (1, samples)."""
        a, b = self._seam, self._seam + len(self._weight)
        y[0, :a] = self._y[:a]
        y[0, a:b] += self._weight * (self._y[a:b] - y[0, a:b])

    def step(self, now: Real, before: Real, out: Real, method: Any) -> None:
        """See `rounds.Rounds.step`."""
        self._rounds.step(now, before, out, method)
        self.restore(out)

    def convergence(self, y: Real) -> NDArray[np.float64]:
        """See `rounds.Rounds.convergence`."""
        return self._rounds.convergence(y)


Iterated = Rounds | LimitedRounds | AnchoredRounds


def solve(
    problem: Problem,
    target: Target,
    start: Start,
    *,
    anchor: Anchor | None = None,
    monitor: "ConvergenceMonitor | None" = None,
    out: Real | None = None,
) -> Real:
    """Signals (signals, length) of a target after all rounds of the problem's stages.

    Parameters
    ----------
    start : callable
        See `Start`.  Online stages are left to it.
    anchor : Anchor
        First samples of the only signal, which stay as they are.
    monitor : ConvergenceMonitor
        Observes the start and every round, and may stop them.
    out : np.ndarray [shape=(signals, length)]
        Memory for the result; None: its own.
    """
    scales = unit_scales(target.peaks)
    plan, length = problem.plan, target.length
    unlimited = Rounds(plan, target.levels, length, scales=scales, bank=problem.bank, power=problem.power)
    limited: Rounds | LimitedRounds = unlimited
    y = start(unlimited)
    if problem.limits_ends and plan.ends.are_weak(target.magnitudes.shape[-1], length):
        limited = LimitedRounds(unlimited, target.magnitudes)
        limited.limit(y)
    rounds: Iterated = limited
    if anchor is not None:
        rounds = AnchoredRounds(limited, anchor, scales[0], length)
        rounds.restore(y)
    y = iterate(rounds, y, problem.stages, monitor or ConvergenceMonitor())
    return np.multiply(y, (1 / scales)[:, None].astype(y.dtype), out=y if out is None else out)


def start_from(y: Real) -> Start:
    """The start with the signals y (signals, length), not yet scaled."""
    return lambda rounds: y * rounds.scales[:, None].astype(y.dtype)


def least_and_most(S: Real) -> tuple[float, float]:
    """The smallest and the largest of levels (..., rows, frames), or 0; NaN if one is NaN."""
    if S.size < FEW_LEVELS:
        return checks.least_and_most(S)
    least, most = range_of(S.reshape(-1, *S.shape[-2:]))
    return float(least.min()), float(most.max())


def unit_scales(peaks: Real) -> NDArray[np.float64]:
    """For each signal the power of two that brings its largest magnitude to 1/2 .. 1."""
    limit = np.finfo(peaks.dtype).maxexp - 2
    exponents = np.frexp(np.where(np.isfinite(peaks), peaks, 0))[1]  # 0 of 0
    return np.ldexp(1.0, -np.clip(exponents, -limit, limit))


class ConvergenceMonitor:
    """Measures the convergence of signals after each round, where it is of use, and decides whether to go on.

    Parameters
    ----------
    shape : tuple of int
        Leading axes of the signals.
    tol : float
        Stop where no signal's convergence falls by so many dB in a round.
    callback : callable
        See `Callback`.
    records : bool
        Whether to measure even without `tol` and `callback`.
    """

    def __init__(
        self,
        shape: tuple[int, ...] = (),
        tol: float | None = None,
        callback: Callback | None = None,
        records: bool = False,
    ) -> None:
        self.tol = None if tol is None else checks.as_finite("tol", tol)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be a function of (round, convergence), got {callback!r}")
        self.shape, self.callback = shape, callback
        self.is_measuring = records or callback is not None or tol is not None
        self.convergence: list[NDArray[np.float64]] = []  # in dB, at the start and after every round
        self.n_rounds, self.has_stopped = -1, False

    def observe(self, rounds: Iterated, y: Real) -> bool:
        """Whether to do another round after the one that gave y, or after the start."""
        self.n_rounds += 1
        if self.is_measuring:
            self.convergence.append(rounds.convergence(y).reshape(self.shape))
            self.has_stopped = self.n_rounds > 0 and (self._callback_stops() or self._gains_too_little())
        return not self.has_stopped

    def observe_silence(self) -> None:
        """Record the convergence of silence, which needs no rounds."""
        self.n_rounds = 0
        self.convergence.append(np.full(self.shape, -np.inf))

    def _callback_stops(self) -> bool:
        last = self.convergence[-1]
        return self.callback is not None and bool(self.callback(self.n_rounds, last if self.shape else float(last)))

    def _gains_too_little(self) -> bool:
        if self.tol is None:
            return False
        with np.errstate(invalid="ignore"):  # silence is -inf each time
            return not (self.convergence[-2] - self.convergence[-1] >= self.tol).any()


def iterate(rounds: Iterated, y: Real, stages: list[Stage], monitor: ConvergenceMonitor) -> Real:
    """The signals after all rounds of all stages but online ones, beginning with y, which is overwritten."""
    spare = [np.empty_like(y), np.empty_like(y)]
    monitor.observe(rounds, y)
    for stage in stages:
        if monitor.has_stopped:
            break
        if isinstance(stage.step, Momentum):
            y = _iterate_momentum(rounds, y, spare, stage.step, stage.rounds, monitor)
        elif stage.step is not None:
            y = _iterate_relaxation(rounds, y, spare, stage.step, stage.rounds, monitor)
    return y


def _iterate_momentum(
    rounds: Iterated,
    now: Real,
    spare: list[Real],
    step: Momentum,
    n_rounds: int,
    monitor: ConvergenceMonitor,
) -> Real:
    """Rounds that go from signal to signal."""
    before = now
    for _ in range(n_rounds):
        out = spare.pop()
        rounds.step(now, before, out, step)
        if before is not now:
            spare.append(before)
        now, before = out, now
        if not monitor.observe(rounds, now):
            break
    if before is not now:
        spare.append(before)
    return now


def _iterate_relaxation(
    rounds: Iterated,
    now: Real,
    spare: list[Real],
    step: Relaxation,
    n_rounds: int,
    monitor: ConvergenceMonitor,
) -> Real:
    """Rounds that keep a spectrum; a monitor measures the signal of P2(c), where the round's is not the result."""
    gives_results = step.with_result() == step
    for k in range(n_rounds):
        current = step if k else FIRST_ROUND
        if k == n_rounds - 1 and not monitor.is_measuring:
            current = current.with_result()
        out = spare.pop()
        rounds.step(now, now, out, current)
        spare.append(now)
        now = out
        if monitor.is_measuring and not (gives_results or k == 0):
            result = spare.pop()
            rounds.step(now, now, result, RESULT)
            goes_on = monitor.observe(rounds, result)
            if not goes_on or k == n_rounds - 1:
                spare.append(now)
                return result
            spare.append(result)
        elif not monitor.observe(rounds, now):
            break
    return now


def warn_unless_invertible(name: str, plan: STFT) -> None:
    """Warn of samples that levels `name` cannot determine."""
    if not plan.invertible:
        checks.warn_nola(name, plan.win_length, plan.hop_length)
