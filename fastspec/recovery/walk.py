"""Round after round, through the stages of a chain, under the eyes of whoever wants to know how near it comes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import plan as sizes
from ..spectrum import STFT
from .chains import Stage
from .library_rounds import LibraryRounds
from .methods import BEGUN, RESULT, Momentum, Relaxation
from .rounds import Rounds

Real = NDArray[np.floating]
AnyRounds = Rounds | LibraryRounds
Tell = Callable[[int, Any], object]


def rounds_of(plan: STFT, S: Real, length: int, **known: Any) -> AnyRounds:
    """Fused rounds, where the kernels have the size of the transform."""
    return (Rounds if sizes.supported(plan.n_fft) else LibraryRounds)(plan, S, length, **known)


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
