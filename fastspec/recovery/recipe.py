"""What signals are made of and how: all that the blocks of a signal, or a signal as a whole, have in common."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..compression import linear
from ..mel import FilterBank
from ..spectrum import STFT
from . import starts
from .chains import Stage
from .engines import from_frame_to_frame
from .walk import AnyRounds, rounds_of

Real = NDArray[np.floating]


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

        They may be part of a larger array; see `checks.levels`.

        Raises
        ------
        TypeError, ValueError
            If a number is not finite or negative.
        """
        levels = given if self.log is None else linear(given, self.log, self.power)
        return checks.levels(name, levels, self.rows, self.plan.dtype, where, frame)

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
        self, rounds: AnyRounds, S: Real, rng: np.random.Generator, known: starts.Known | None = None
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
