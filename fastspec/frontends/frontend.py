"""`FrontEnd`: signals -> the features of speech recognition and of vocoders, in one pass over the signal."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Integer, Real
from ..features.banks import BinBank, FilterBank, as_bank
from ..features.cepstrum import cepstrum_matrix
from ..forks import forks_wait
from ..immutable import Immutable, cached_attribute
from ..kernels.features.levels import ENERGY_FIRST, ENERGY_IN_CEPSTRA, ENERGY_LAST, NO_ENERGY
from ..plan import STFT, Order, as_plan
from ..transform.epilogue import Epilogue, epilogue_args, frontend_features
from ..transform.forward import ForwardTransform, Prologue
from ..transform.framing import Geometry
from ..transform.signals import SignalTransform
from .arguments import above_0, at_least_0, choice, coefficient
from .dither import dithered_features
from .normalize import ChangeAll, limit_range, normalize_rows
from .preemphasis import emphasize

if TYPE_CHECKING:
    from .stream import StreamingFeatures

LogName = Literal["ln", "log10", "log2", "db"]
LOG_GAINS = {"ln": float(np.log(10)), "log10": 1.0, "log2": float(np.log2(10)), "db": 10.0}
"""L / log10 of a level, by the name of the logarithm; "db" is 20 / power."""
ENERGIES = {None: NO_ENERGY, "first": ENERGY_FIRST, "last": ENERGY_LAST, "cepstrum": ENERGY_IN_CEPSTRA}
FIRST_SAMPLES = ("repeat", "zero")
REFERENCES = ("signal", "batch")
NORMALIZATIONS = (None, "mean", "deviation")


class FrontEnd(Immutable):
    """Features of frames: filtered levels, their logarithms, cepstra, energies.

    With x the samples of a frame of the signal scale * y,

        z = x - mean(x)                        if remove_mean
        x'[j] = z[j] - preemphasis z[j - 1]    for each sample of the frame
        P = |DFT(window x')|**2
        M = bank @ max((P + eps)**(power / 2), least)
        L = gain log(max(M + guard, floor)) + offset, between low and high
        C[r] = (1 + lifter / 2 sin(pi r / lifter)) DCT(L)[r]    if n_cepstra (DCT-II, orthonormal)

    and then, over all frames, `dynamic_range`, `relative` and `normalize`.  Nothing between y and the result is held.

    Parameters
    ----------
    plan : STFT
        Sizes, window, padding and dtype.
    bank : FilterBank or np.ndarray [shape=(n_filters, n_bins)]
        The filters; None for a row for each bin.
    power : float
        Above 0: 1 for magnitudes, 2 for energies.
    scale : float
        Factor on the samples, as 32768 for programs that expect 16-bit numbers.
    signal_preemphasis : float
        y[t] - c y[t - 1] of the whole signal, y[0] as it is, before it is padded; 0 for none.
    dither : float
        Standard deviation of Gaussian noise that is added to the samples of each frame, after `scale`.
    remove_mean : bool
        Whether each frame loses its mean.
    preemphasis : float
        The coefficient of the pre-emphasis within each frame; 0 for none.
    first_sample : "repeat" or "zero"
        The sample before the first of a frame is that one again, as in Kaldi, or 0.
    eps : float
        Added to the power of each bin.
    least : float
        Least magnitude of a bin, for power=1.
    log : "ln", "log10", "log2", "db" or None
        "db" is 20 / power log10, decibels of a magnitude or power; None is linear.
    floor, guard : float
        The argument of the logarithm is max(M + guard, floor); both also hold for log=None.
    gain, offset : float
        The map after the logarithm.
    low, high : float
        Bounds after the map.
    energy : "first", "last", "cepstrum" or None
        Where the logarithm of sum(z**2) of each frame goes: a row before or after the filters, or in place of the
        cepstrum of order 0.
    energy_floor : float
        Least energy; by default the floor.
    n_cepstra : int
        Cepstra instead of the filters' logarithms; 0 for none.
    lifter : float
        Length of the lifter; 0 for none.
    dynamic_range : float
        Values more than this below the largest are raised to that, before `gain` and `offset`; in units of the
        logarithm.
    relative : bool
        Whether the largest is subtracted, before `gain` and `offset`.
    reference : "signal" or "batch"
        The largest is that of each signal, or of all signals of a call.
    normalize : "mean", "deviation" or None
        Whether each row of the result loses its mean, and is divided by its deviation, with n - 1 for n frames.
    deviation_floor, variance_floor : float
        Added to the deviation, and to its square.
    drop_last : bool
        Whether the last frame is left out.
    append : int
        Zeros that follow the signal, before its padding.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; the error names it.

    Examples
    --------
    >>> plan = fastspec.STFT(400, hop_length=160, pad_mode="reflect")
    >>> bank = fastspec.MelBank(16000, 400, 80)
    >>> whisper = fastspec.FrontEnd(
    ...     plan, bank, log="log10", floor=1e-10, dynamic_range=8, gain=0.25, offset=1, drop_last=True
    ... )
    >>> M = whisper(y)  # (..., 80, n // 160)
    """

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
        energy_floor: float | None = None,
        n_cepstra: int = 0,
        lifter: float = 0.0,
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
        self.energy_floor = self.floor if energy_floor is None else at_least_0("energy_floor", energy_floor)
        self.n_cepstra = checks.as_int("n_cepstra", n_cepstra, 0, len(self.bank))
        self.lifter = at_least_0("lifter", lifter)
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
        if self.energy and self.log is None:
            raise ValueError(f"energy must be None without log, got {self.energy!r}")
        if self._has_range and (self.n_cepstra or self.energy or self.low > -np.inf or self.high < np.inf):
            raise ValueError("dynamic_range and relative exclude n_cepstra, energy, low and high")
        if self.least and self.power != 1:
            raise ValueError(f"least must be 0 unless power is 1, got {self.least!r}")
        if self._has_range and self.log is None:
            raise ValueError("dynamic_range and relative need log")

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"FrontEnd({self.plan!r}, {self.bank!r}{options})"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments beside plan and bank that are not their defaults."""
        defaults = {**FrontEnd.__init__.__kwdefaults__, "energy_floor": self.floor}  # type: ignore[dict-item]
        return {name: getattr(self, name) for name in defaults if getattr(self, name) != defaults[name]}

    def __getstate__(self) -> dict[str, Any]:
        """The state without objects that hold addresses of this process."""
        transforms = "forward_transform", "_signals", "_epilogue"
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

    # ---- y -> features ----
    def __call__(
        self, y: ArrayLike, *, out: Real | None = None, order: Order = "C", rng: Any = None, scale: bool = False
    ) -> Real:
        """The features of real signals.

        Parameters
        ----------
        y : np.ndarray [shape=(..., n)]
            Real samples, taken in the plan's dtype.  NaN and infinities stay in the frames that hold them.
        out : np.ndarray [shape=(..., n_rows, n_frames)]
            Array to write to, in any order of memory.
        order : "C" or "F"
            Order of the result's memory without `out`: the frames of a row are neighbours, or the rows of a frame.
        rng : np.random.Generator or seed
            Of the dither.
        scale : bool
            Whether integers are divided by the largest power of two of their dtype (int16: 32768), before `self.scale`.

        Returns
        -------
        L : np.ndarray [shape=(..., n_rows, n_frames)]
            Of the plan's dtype.

        Raises
        ------
        TypeError, ValueError
            If y is not real or is too short for a frame, or out has another shape or dtype.
        """
        if self._is_local and not self.dither:
            L = self._signals.run_prepared(y, "features", out, order)
            if L is not None:
                return L
        x = checks.as_signals("y", y)
        checks.warn_if_transposed("y", x.shape, self.plan.frame_length)
        self.geometry.check_length("y", x.shape[-1], "have", " samples")
        frames = self.n_frames(x.shape[-1])
        if frames < 1:
            raise ValueError(f"y must reach into a second frame, as the last is dropped, got {x.shape[-1]} samples")
        L = checks.output_array("out", out, (*x.shape[:-1], self.n_rows, frames), self.dtype, order, x)
        self._finish(L, self._compute(x, L, rng, scale))
        return L

    def batch(self, signals: Sequence[ArrayLike], *, rng: Any = None, fill: float = 0.0) -> tuple[Real, Integer]:
        """The features of signals of unequal lengths, padded to the longest.

        As `collate_fn` of a DataLoader it takes a list of signals.

        Parameters
        ----------
        signals : sequence of np.ndarray [shape=(n,)]
        rng : np.random.Generator or seed
            Of the dither.
        fill : float
            The value of frames past the end of a signal.

        Returns
        -------
        L : np.ndarray [shape=(len(signals), n_rows, most frames)]
            L[i, :, :n_frames[i]] has the bits of the call for signal i alone.
        n_frames : np.ndarray [shape=(len(signals),), dtype=int64]

        Raises
        ------
        TypeError, ValueError
            If there is no signal, or as the call does.
        """
        samples = [checks.as_channel(f"signals[{i}]", y) for i, y in enumerate(signals)]
        if not samples:
            raise ValueError("signals must hold at least one signal")
        rng = checks.as_generator("rng", rng) if self.dither else None
        n_frames = np.array([self.n_frames(len(y)) for y in samples], np.int64)
        L = np.full((len(samples), self.n_rows, int(n_frames.max())), fill, self.dtype)
        for y, row, frames in zip(samples, L, n_frames, strict=True):
            self(y, out=row[:, :frames], rng=rng)
        return L, n_frames

    def stream(self, *, scale: bool = False) -> StreamingFeatures:
        """A stream of these features: `push` blocks of samples, `flush` at the end; the bits are those of the call.

        Raises
        ------
        ValueError
            If the features of a frame depend on later frames (`dynamic_range`, `relative`, `normalize`) or on noise.
        """
        with forks_wait:
            from .stream import StreamingFeatures

        return StreamingFeatures(self, scale=scale)

    def inverse(self, L: ArrayLike, **options: Any) -> Real:
        """Signals whose features are near L, by `fastspec.recover_mel`; see `frontends.inverse.invert`."""
        with forks_wait:
            from .inverse import invert

        return invert(self, L, **options)

    # ---- the transform ----
    @property
    def log_gain(self) -> float:
        """The logarithm of a level over its decimal logarithm, as 10 for the decibels of a power."""
        return 1.0 if self.log is None else 20 / self.power if self.log == "db" else LOG_GAINS[self.log]

    @property
    def _has_range(self) -> bool:
        """Whether values depend on the largest of the signal."""
        return self.dynamic_range is not None or self.relative

    @property
    def _is_local(self) -> bool:
        """Whether the call is that of the kernels alone."""
        return not (self._has_range or self.normalize or self.drop_last or self.append or self.signal_preemphasis)

    @cached_attribute
    def forward_transform(self) -> ForwardTransform:
        """The transform of prepared frames and its tables; not part of the public interface."""
        plan, prologue = self.plan, None
        needs_time = self.remove_mean or self.preemphasis or self.energy
        if needs_time or plan.frame_length < plan.n_fft:
            first_gain = 1.0 - self.preemphasis if self.first_sample == "repeat" else 1.0
            prologue = Prologue(plan.frame_length, self.remove_mean, self.preemphasis, first_gain)
        return ForwardTransform(plan.n_fft, plan.hop_length, plan.window * self.scale, self.dtype, prologue=prologue)

    @cached_attribute
    def _signals(self) -> SignalTransform:
        return SignalTransform(self.geometry, self.forward_transform, lambda _: self._epilogue)

    @cached_attribute
    def _epilogue(self) -> Epilogue:
        dtype, bank, base = self.dtype, self.bank, self.log_gain
        gain, offset = (1.0, 0.0) if self._has_range else (self.gain, self.offset)
        floor = max(self.floor, float(np.finfo(dtype).tiny)) if self.log and self.floor else self.floor
        with np.errstate(divide="ignore"):
            at_floor = gain * base * float(np.log10(floor)) + offset if self.log else gain * floor + offset
        matrix = np.zeros((0, len(bank)))
        if self.n_cepstra:
            matrix = cepstrum_matrix(len(bank), self.n_cepstra, self.lifter)
        return frontend_features(
            epilogue_args(
                dtype, power=self.power, least=self.least, log=self.log is not None, floor=floor, gain=base * gain,
                weights=bank.weights.astype(dtype), first=bank.first, starts=bank.starts, eps=self.eps,
                guard=self.guard, at_floor=dtype.type(at_floor), offset=offset, low=self.low, high=self.high,
                energy=ENERGIES[self.energy], energy_gain=self.scale**2,
                energy_floor=max(self.energy_floor, float(np.finfo(dtype).tiny)), cepstra=self.n_cepstra,
                matrix=matrix.astype(dtype).reshape(-1),
            )
        )  # fmt: skip

    def _compute(self, x: NDArray[Any], L: Real, rng: Any, scale: bool) -> Real:
        """Write the features of signals x but for what needs all frames; returns the largest of each signal."""
        if self.signal_preemphasis:
            x = emphasize(checks.convert_samples(x, self.dtype, scale), self.signal_preemphasis)
        if self.dither:
            return dithered_features(self, checks.convert_samples(x, self.dtype, scale), L, rng)
        return self._signals.run(x, L, self._epilogue, scale)

    def _finish(self, L: Real, largest: Real) -> None:
        """What needs all frames, in place."""
        self.finish(lambda change: change(L), L.shape[-1], largest)

    def local(self) -> FrontEnd:
        """This front end without what needs all frames, `dynamic_range`, `relative` and `normalize`; see `finish`."""
        if not (self._has_range or self.normalize):
            return self
        undone: dict[str, Any] = {"dynamic_range": None, "relative": False, "normalize": None}
        if self._has_range:
            undone |= {"gain": 1.0, "offset": 0.0}
        return FrontEnd(self.plan, self.bank if self.has_bank else None, **{**self.options, **undone})

    def finish(self, change_all: ChangeAll, n_frames: int, largest: Real) -> None:
        """What needs all frames of features of `local`, in place, with the same bits for any blocks of frames.

        Parameters
        ----------
        change_all : callable
            change_all(change) calls change(L) for all blocks L (..., n_rows, frames) in order, which changes them.
        n_frames : int
            Frames of all blocks.
        largest : np.ndarray [shape=(signals,)]
            The largest value of each signal.
        """
        if self._has_range:
            tops = np.full_like(largest, largest.max()) if self.reference == "batch" else largest
            change_all(lambda L: limit_range(L, tops, self.dynamic_range, self.relative, self.gain, self.offset))
        if self.normalize:
            floors = (self.deviation_floor, self.variance_floor) if self.normalize == "deviation" else None
            normalize_rows(change_all, n_frames, floors)
