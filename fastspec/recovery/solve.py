"""What signals are made of and how: all that the blocks of a signal, or a signal as a whole, have in common."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..features.banks import FilterBank
from ..features.log import from_log
from ..plan import STFT
from . import starts
from .engines import from_frame_to_frame
from .methods import BEGUN, RESULT, Momentum, Relaxation, Stage
from .phase import Known
from .rounds_scipy import AnyRounds, rounds_of


class Recipe(NamedTuple):
    """How signals are made of magnitudes, or of levels that a bank has filtered."""

    plan: STFT
    stages: list[Stage]
    init: str | NDArray[Any]  # a start's name, or phases (signals, n_bins, n_frames)
    tolerance: float
    bank: FilterBank | None = None
    power: float = 1.0
    log: str | None = None
    cascade: bool = False  # rounds are about the magnitudes that `bank.inverse` gives

    @property
    def rows(self) -> int:
        """Of what is given."""
        return self.plan.n_bins if self.bank is None else len(self.bank)

    def levels(self, name: str, given: NDArray[Any], where: tuple[int, ...] = (), frame: int = 0) -> Real:
        """Levels (..., rows, frames) as they were given, which may be logarithms, checked and converted.

        They may be part of a larger array; see `checks.as_levels`.

        Raises
        ------
        TypeError, ValueError
            If a number is not finite or negative.
        """
        levels = given if self.log is None else from_log(given, self.log, self.power)
        return checks.as_levels(name, levels, self.rows, self.plan.dtype, where, frame)

    def magnitudes(self, M: Real) -> Real:
        """What starts are made from."""
        if self.bank is None:
            return M
        if not M.shape[-1]:
            return np.zeros((*M.shape[:-2], self.plan.n_bins, 0), M.dtype)
        return self.bank.inverse(M, power=self.power)

    def rounds(self, M: Real, S: Real, length: int) -> AnyRounds:
        """For levels M and their magnitudes S, (signals, rows, frames) both."""
        if self.bank is None or self.cascade:
            return rounds_of(self.plan, S, length, scales=near_one(S))
        return rounds_of(self.plan, M, length, scales=near_one(S), bank=self.bank, power=self.power)

    def begin(
        self, rounds: AnyRounds, S: Real, rng: np.random.Generator, known: Known | None = None
    ) -> tuple[Real, list[Stage]]:
        """(the signals to begin with, the stages that are left)."""
        first = self.running
        if first is None:
            return starts.start(rounds, S, self.init, rng, self.tolerance, known), self.stages
        scaled = S * rounds.scales[:, None, None].astype(self.plan.dtype)
        y = from_frame_to_frame(self.plan, scaled, first, rounds.length, rng, self.tolerance)
        return y, self.stages[1:]

    @property
    def running(self) -> Stage | None:
        """What goes from frame to frame, if the stages begin with such a method."""
        return self.stages[0] if self.stages and self.stages[0].step is None else None


def near_one(S: Real) -> NDArray[np.float64]:
    """For each signal of S (signals, rows, frames) the power of two that brings its largest to between 1/2 and 1."""
    limit = np.finfo(S.dtype).maxexp - 2
    largest = S.max(axis=(1, 2))
    exponents = np.frexp(np.where(np.isfinite(largest), largest, 0))[1]  # 0 of 0
    return np.ldexp(1.0, -np.clip(exponents, -limit, limit))


Tell = Callable[[int, Any], object]


class Watch:
    """Measures the convergence after each round, where somebody wants to know it, and says whether to go on."""

    def __init__(
        self, rounds: AnyRounds, shape: tuple[int, ...], tol: float | None, tell: Tell | None, keep: bool
    ) -> None:
        self.rounds, self.shape, self.tol, self.tell = rounds, shape, tol, tell
        self.looking = keep or tell is not None or tol is not None
        self.found: list[NDArray[np.float64]] = []
        self.count, self.stopped = -1, False

    def look(self, y: Real) -> bool:
        """Whether to do another round after the one that gave y."""
        self.count += 1
        if self.looking:
            self.found.append(self.rounds.convergence(y).reshape(self.shape))
            last = self.found[-1]
            told = self.count and self.tell is not None and self.tell(self.count, last if self.shape else float(last))
            with np.errstate(invalid="ignore"):  # silence is -inf each time
                idle = self.count and self.tol is not None and not (self.found[-2] - last >= self.tol).any()
            self.stopped = bool(told or idle)
        return not self.stopped


def run(rounds: AnyRounds, y: Real, stages: list[Stage], watch: Watch) -> Real:
    """The signals after all rounds of all stages, beginning with y, which is overwritten."""
    free = [np.empty_like(y), np.empty_like(y)]
    watch.look(y)
    for stage in stages:
        if watch.stopped:
            break
        if isinstance(stage.step, Momentum):
            y = _momentum(rounds, y, free, stage.step, stage.rounds, watch)
        elif stage.step is not None:
            y = _relaxation(rounds, y, free, stage.step, stage.rounds, watch)
    return y


def _momentum(rounds: AnyRounds, now: Real, free: list[Real], step: Momentum, count: int, watch: Watch) -> Real:
    """Rounds that go from signal to signal."""
    before = now
    for _ in range(count):
        out = free.pop()
        rounds.step(now, before, out, step)
        if before is not now:
            free.append(before)
        now, before = out, now
        if not watch.look(now):
            break
    if before is not now:
        free.append(before)
    return now


def _relaxation(rounds: AnyRounds, now: Real, free: list[Real], step: Relaxation, count: int, watch: Watch) -> Real:
    """Rounds that keep a spectrum; between them there may be no result, which is then taken for whoever looks."""
    direct = step.ending() == step
    for k in range(count):
        this = step if k else BEGUN
        if k == count - 1 and not watch.looking:
            this = this.ending()
        out = free.pop()
        rounds.step(now, now, out, this)
        free.append(now)
        now = out
        if watch.looking and not (direct or k == 0):
            shown = free.pop()
            rounds.step(now, now, shown, RESULT)
            go_on = watch.look(shown)
            if not go_on or k == count - 1:
                free.append(now)
                return shown
            free.append(shown)
        elif not watch.look(now):
            break
    return now
