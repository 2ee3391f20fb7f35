"""The arguments of a front end, checked, and the transform that follows from them."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..features.banks import BinBank, FilterBank, as_bank
from ..features.cepstrum import cepstrum_matrix
from ..immutable import Immutable, cached_attribute
from ..kernels.features.levels import ENERGY_FIRST, ENERGY_IN_CEPSTRA, ENERGY_LAST, NO_ENERGY
from ..plan import STFT, as_plan
from ..transform.epilogue import Epilogue, epilogue_args, frontend_features
from ..transform.forward import ForwardTransform, Prologue
from ..transform.framing import Geometry
from ..transform.signals import SignalTransform
from .arguments import above_0, at_least_0, choice, coefficient

LogName = Literal["ln", "log10", "log2", "db"]
LOG_GAINS = {"ln": float(np.log(10)), "log10": 1.0, "log2": float(np.log2(10)), "db": 10.0}
"""L / log10 of a level, by the name of the logarithm; "db" is 20 / power."""
ENERGIES = {None: NO_ENERGY, "first": ENERGY_FIRST, "last": ENERGY_LAST, "cepstrum": ENERGY_IN_CEPSTRA}
ENERGIES_OF = ("samples", "windowed")
FIRST_SAMPLES = ("repeat", "zero")
REFERENCES = ("signal", "batch")
NORMALIZATIONS = (None, "mean", "deviation")


class Description(Immutable):
    """The arguments of a `FrontEnd`, where they are documented, and what follows from them."""

    def __init__(
        self,
        plan: STFT,
        bank: FilterBank | ArrayLike | None = None,
        *,
        power: float = 2.0,
        scale: float = 1.0,
        signal_preemphasis: float = 0.0,
        dither: float = 0.0,
        remove_mean: bool = False,
        preemphasis: float = 0.0,
        first_sample: str = "repeat",
        eps: float = 0.0,
        least: float = 0.0,
        log: LogName | None = None,
        floor: float = 0.0,
        guard: float = 0.0,
        gain: float = 1.0,
        offset: float = 0.0,
        low: float = -np.inf,
        high: float = np.inf,
        energy: str | None = None,
        energy_of: str = "samples",
        energy_floor: float | None = None,
        n_cepstra: int = 0,
        lifter: float = 0.0,
        zeroth_last: bool = False,
        dynamic_range: float | None = None,
        relative: bool = False,
        reference: str = "signal",
        normalize: str | None = None,
        deviation_floor: float = 0.0,
        variance_floor: float = 0.0,
        drop_last: bool = False,
        append: int = 0,
    ) -> None:
        self.plan = as_plan("plan", plan)
        self.bank = BinBank(plan.n_bins, plan.dtype) if bank is None else as_bank(bank)
        if self.bank.shape[1] != plan.n_bins:
            raise ValueError(f"bank must have n_bins = {plan.n_bins} columns, got shape {self.bank.shape}")
        self.has_bank = bank is not None
        self.power, self.scale = plan._exponent(power), above_0("scale", scale)
        self.signal_preemphasis = coefficient("signal_preemphasis", signal_preemphasis)
        self.dither, self.remove_mean = at_least_0("dither", dither), bool(remove_mean)
        self.preemphasis = coefficient("preemphasis", preemphasis)
        self.first_sample = choice("first_sample", first_sample, FIRST_SAMPLES)
        self.eps, self.log = at_least_0("eps", eps), choice("log", log, (None, *LOG_GAINS))
        self.least = at_least_0("least", least)
        self.floor, self.guard = at_least_0("floor", floor), at_least_0("guard", guard)
        self.gain, self.offset = checks.as_finite("gain", gain), checks.as_finite("offset", offset)
        self.low, self.high = float(low), float(high)
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {low!r} and {high!r}")
        self.energy = choice("energy", energy, tuple(ENERGIES))
        self.energy_of = choice("energy_of", energy_of, ENERGIES_OF)
        self.energy_floor = self.floor if energy_floor is None else at_least_0("energy_floor", energy_floor)
        self.n_cepstra = checks.as_int("n_cepstra", n_cepstra, 0, len(self.bank))
        self.lifter, self.zeroth_last = at_least_0("lifter", lifter), bool(zeroth_last)
        self.dynamic_range = None if dynamic_range is None else at_least_0("dynamic_range", dynamic_range)
        self.relative, self.reference = bool(relative), choice("reference", reference, REFERENCES)
        self.normalize = choice("normalize", normalize, NORMALIZATIONS)
        self.deviation_floor = at_least_0("deviation_floor", deviation_floor)
        self.variance_floor = at_least_0("variance_floor", variance_floor)
        self.drop_last, self.append = bool(drop_last), checks.as_int("append", append, 0)
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Raise a ValueError for arguments that exclude each other."""
        in_cepstra = self.energy == "cepstrum"
        if self.energy and in_cepstra != bool(self.n_cepstra):
            raise ValueError(f"energy must be {'cepstrum' if self.n_cepstra else 'first or last'}, got {self.energy!r}")
        if self._has_range and (self.n_cepstra or self.energy or self.low > -np.inf or self.high < np.inf):
            raise ValueError("dynamic_range and relative exclude n_cepstra, energy, low and high")
        if self.least and self.power != 1:
            raise ValueError(f"least must be 0 unless power is 1, got {self.least!r}")
        if self._has_range and self.log is None:
            raise ValueError("dynamic_range and relative need log")

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({self.plan!r}, {self.bank!r}{options})"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments beside plan and bank that are not their defaults."""
        defaults = {**Description.__init__.__kwdefaults__, "energy_floor": self.floor}  # type: ignore[dict-item]
        return {name: getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]}

    def __getstate__(self) -> dict[str, Any]:
        """The state without objects that hold addresses of this process."""
        transforms = "forward_transform", "_signals", "_epilogue", "_is_local"
        return {name: value for name, value in vars(self).items() if name not in transforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    # ---- sizes ----
    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64: the plan's."""
        return self.plan.dtype

    @property
    def n_rows(self) -> int:
        """Rows of the result: filters or cepstra, and a row of energies."""
        return self._epilogue.width

    @cached_attribute
    def geometry(self) -> Geometry:
        """The framing of signals with their appended zeros; not part of the public interface."""
        geometry = copy.copy(self.plan.geometry)
        geometry.append = self.append
        return geometry

    def n_frames(self, n_samples: int) -> int:
        """Frames of the result for a signal of n_samples, which may be 0."""
        return max(0, self.geometry.count_frames(checks.as_int("n_samples", n_samples, 0)) - self.drop_last)

    # ---- the transform ----
    @property
    def log_gain(self) -> float:
        """The logarithm of a level over its decimal logarithm, as 10 for the decibels of a power."""
        return 1.0 if self.log is None else 20 / self.power if self.log == "db" else LOG_GAINS[self.log]

    @property
    def _has_range(self) -> bool:
        """Whether values depend on the largest of the signal."""
        return self.dynamic_range is not None or self.relative

    @cached_attribute
    def _is_local(self) -> bool:
        """Whether values of a frame depend on no others: a stream has them, but for dither."""
        return not (self._has_range or self.normalize)

    @cached_attribute
    def forward_transform(self) -> ForwardTransform:
        """The transform of prepared frames and its tables; not part of the public interface."""
        plan, prologue = self.plan, None
        needs_time = self.remove_mean or self.preemphasis or (self.energy and self.energy_of == "samples")
        if needs_time or plan.frame_length < plan.n_fft:
            first_gain = 1.0 - self.preemphasis if self.first_sample == "repeat" else 1.0
            prologue = Prologue(plan.frame_length, self.remove_mean, self.preemphasis, first_gain)
        return ForwardTransform(plan.n_fft, plan.hop_length, plan.window * self.scale, self.dtype, prologue=prologue)

    @cached_attribute
    def _signals(self) -> SignalTransform:
        return SignalTransform(self.geometry, self.forward_transform, lambda _: self._epilogue, self.drop_last)

    @cached_attribute
    def _epilogue(self) -> Epilogue:
        dtype, bank, base = self.dtype, self.bank, self.log_gain
        gain, offset = (1.0, 0.0) if self._has_range else (self.gain, self.offset)
        floor = max(self.floor, float(np.finfo(dtype).tiny)) if self.log and self.floor else self.floor
        with np.errstate(divide="ignore"):
            at_floor = gain * base * float(np.log10(floor)) + offset if self.log else gain * floor + offset
        matrix = np.zeros((0, len(bank)))
        if self.n_cepstra:
            matrix = cepstrum_matrix(len(bank), self.n_cepstra, self.lifter, zeroth_last=self.zeroth_last)
        return frontend_features(
            epilogue_args(
                dtype, power=self.power, least=self.least, log=self.log is not None, floor=floor, gain=base * gain,
                weights=bank.weights.astype(dtype), first=bank.first, starts=bank.starts, eps=self.eps,
                guard=self.guard, at_floor=dtype.type(at_floor), offset=offset, low=self.low, high=self.high,
                energy_floor=max(self.energy_floor, float(np.finfo(dtype).tiny)), cepstra=self.n_cepstra,
                **self._energy_args(), matrix=matrix.astype(dtype).reshape(-1),
            )
        )  # fmt: skip

    def _energy_args(self) -> dict[str, Any]:
        """Arguments of the epilogue for energies."""
        slope = LOG_GAINS["ln"] if self.log is None else self.gain * self.log_gain
        arguments = {"energy": ENERGIES[self.energy], "energy_slope": slope, "energy_gain": self.scale**2}
        arguments["energy_row"] = self.n_cepstra - 1 if self.zeroth_last else 0
        if self.energy and self.energy_of == "windowed":  # an odd n_fft has no bin at half the sampling rate
            arguments |= {"energy_gain": 1 / self.plan.n_fft, "energy_last": 1.0 + self.plan.n_fft % 2}
        return arguments
