"""Rounds of phase recovery for sizes that the kernels lack, by SciPy's transforms of whole signals; see `rounds`."""

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Real
from ..features.banks import FilterBank
from ..forks import while_none_forks
from ..kernels.fft import tables as fft_tables
from ..kernels.recovery.griffin_lim import FIT_STEPS
from ..plan import STFT
from .methods import Method, Momentum
from .rounds import LEAST_MAGNITUDE, Rounds, normalize_adjoint


class ScipyRounds:
    """`rounds.Rounds`, with its arguments and methods, by a plan's forward and inverse transforms."""

    def __init__(
        self,
        plan: STFT,
        S: Real,
        length: int,
        *,
        scales: NDArray[np.float64],
        bank: FilterBank | None = None,
        power: float = 1.0,
    ) -> None:
        self.plan, self.length, self.scales, self.bank, self.power = plan, length, scales, bank, power
        self.S = S * (scales**power)[:, None, None].astype(plan.dtype)
        self.state: Complex | None = None  # of relaxations
        self.norms = np.sqrt(np.square(self.S, dtype=np.float64).sum(axis=(1, 2)))
        if bank is not None:
            self.B = np.asarray(bank, plan.dtype)
            self.adjoint = normalize_adjoint(bank).astype(plan.dtype)

    def synthesize(self, D: Complex) -> Real:
        """The signals (signals, length) of spectra D (signals, n_bins, n_frames)."""
        return self.plan.inverse(D, length=self.length, warn=False, limit_ends=False)

    def step(self, now: Real, before: Real, out: Real, method: Method) -> None:
        """out = the signals (signals, length) of the round after `now`, which came after `before`."""
        number = self.plan.dtype.type
        if isinstance(method, Momentum):
            c = self._project(self.plan.forward(number(method.now) * now + number(method.before) * before))
            self.plan.inverse(c, length=self.length, out=out, warn=False, limit_ends=False)
            out *= number(method.gain)
            out += number(method.kept_now) * now + number(method.kept_before) * before
            return
        q = self.plan.forward(now)
        c = np.zeros_like(q) if self.state is None else self.state
        self.state = (
            number(method.to_set) * self._project(number(method.from_state) * c + number(method.from_consistent) * q)
            + number(method.to_state) * c + number(method.to_consistent) * q
        )  # fmt: skip
        c = number(method.out_set) * self._project(self.state) + number(method.out_state) * self.state
        self.plan.inverse(c, length=self.length, out=out, warn=False, limit_ends=False)

    @while_none_forks()
    def _project(self, z: Complex) -> Complex:
        """P2(z): z with the magnitudes S, or with levels B |z|**power nearer to S by multiplicative updates (NMF)."""
        magnitudes = np.abs(z)
        least = self.plan.dtype.type(LEAST_MAGNITUDE)
        if self.bank is None:
            return z * (self.S / np.maximum(magnitudes, least))
        levels: Real = magnitudes**self.power
        gains = np.ones_like(levels)
        for _ in range(FIT_STEPS):
            gains *= self.adjoint @ (self.S / np.maximum(self.B @ (levels * gains), least))
        result: Complex = z * gains ** (1 / self.power)
        return result

    def convergence(self, y: Real) -> NDArray[np.float64]:
        """20 log10 (||levels of y - S|| / ||S||) of each signal, in dB, over all rows and frames."""
        levels: Real = self.plan.power(y, power=self.power)
        if self.bank is not None:
            with while_none_forks():
                levels = self.B @ levels
        squared_errors = np.square(levels - self.S, dtype=np.float64).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.norms > 0, 10 * np.log10(squared_errors) - 20 * np.log10(self.norms), -np.inf)


AnyRounds = Rounds | ScipyRounds


def make_rounds(
    plan: STFT,
    S: Real,
    length: int,
    *,
    scales: NDArray[np.float64],
    bank: FilterBank | None = None,
    power: float = 1.0,
) -> AnyRounds:
    """`Rounds`, if the kernels have the size of the transform, else `ScipyRounds`."""
    kind = Rounds if fft_tables.has_inverse(plan.n_fft) else ScipyRounds
    return kind(plan, S, length, scales=scales, bank=bank, power=power)
