"""`STFT`, the plan of a short-time Fourier transform: y -> D, y -> |D|**p, y -> mels, D -> y."""

from collections.abc import Callable, Hashable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import checks
from ._typing import Complex, Real
from .features.banks import FilterBank, as_bank
from .features.log import LINEAR, Log, LogScale, log_scale, normalize_whisper
from .immutable import Immutable, cached_attribute
from .kernels.fft.realfft import COMPLEX
from .transform.ends import Ends
from .transform.epilogue import Epilogue, complex_bins, epilogue_args, filtered_levels, levels_of_bins
from .transform.forward import ForwardTransform, Prologue
from .transform.framing import Geometry, Pad, PadMode, Window
from .transform.inverse import InverseTransform, window_energy
from .transform.signals import SignalTransform
from .transform.spectra import SpectraTransform

Order = Literal["F", "C"]


class STFT(Immutable):
    """The plan of a short-time Fourier transform and its inverse.

    D[k, f] = sum over j < L of w[j] y[start + f hop_length + j] exp(-2 pi i j k / n_fft), 0 <= k <= n_fft // 2,

    where L is frame_length, w the window, win_length samples in the middle of L, and start is -(L // 2) if centred
    (frame f is then around sample f hop_length, and the signal is padded), -pad[0] with a pad, else 0.  Allen &
    Rabiner, Proc. IEEE 65 (1977), 1558-1564.

    A plan is created once and used for any number of signals, from any number of threads.

    Parameters
    ----------
    n_fft : int
        Length of the transform, at least 2.
    hop_length : int
        Samples from one frame to the next; a quarter of win_length by default.
    win_length : int
        Length of the window, frame_length by default.
    window : str, tuple, number, callable or np.ndarray
        An argument of `scipy.signal.get_window` (periodic), a function of win_length, or the win_length numbers.
    center : bool
        Whether frames are centred.
    pad_mode : str or callable
        How signals are padded if they are: a mode of `numpy.pad` but "empty", or a function for it.
    dtype : float32 or float64
        Of the samples; spectra have the complex dtype of the same precision.
    frame_length : int
        Samples of a frame, which n_fft - frame_length zeros follow; n_fft by default.
    pad : int, (int, int) or "same"
        Samples of padding, or before and after the signal, instead of those of `center`.  "same": frame f is centred
        on its hop, around sample (f + 1/2) hop_length, and there are (n + hop_length // 2) // hop_length frames.

    Attributes
    ----------
    n_fft, hop_length, win_length, center, pad_mode, dtype, frame_length, pad
        The arguments; in place of None, the default.
    window : np.ndarray [shape=(n_fft,), dtype=float64]
    n_bins : int
        n_fft // 2 + 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; the error names it.

    Examples
    --------
    >>> plan = fastspec.STFT(1024, hop_length=256)
    >>> D = plan.forward(y)  # (..., 513, frames)
    >>> y = plan.inverse(D, length=y.shape[-1])
    >>> M = plan.mel(y, fastspec.MelBank(22050, 1024, 80), log="db")
    """

    _warns_of_axes = True  # of signals that seem to lie along another axis than the last

    def __init__(
        self,
        n_fft: int = 2048,
        *,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window = "hann",
        center: bool = True,
        pad_mode: PadMode = "constant",
        dtype: DTypeLike = "float32",
        frame_length: int | None = None,
        pad: Pad | None = None,
    ) -> None:
        self.geometry = g = Geometry(n_fft, hop_length, win_length, window, center, pad_mode, frame_length, pad)
        self.n_fft, self.hop_length, self.win_length = g.n_fft, g.hop_length, g.win_length
        self.frame_length, self.pad = g.frame_length, g.pad
        self.window, self.center, self.pad_mode = g.window, g.center, pad_mode
        self.dtype = checks.as_real_dtype("dtype", dtype)
        self.n_bins = self.n_fft // 2 + 1
        self._name = window if isinstance(window, str | tuple | int | float) else None

    def __repr__(self) -> str:
        window = "array" if self._name is None else repr(self._name)
        return (
            f"STFT(n_fft={self.n_fft}, hop_length={self.hop_length}, win_length={self.win_length}, window={window}, "
            f"center={self.center}, pad_mode={self.pad_mode!r}, dtype={self.dtype}{self._framing_text()})"
        )

    def _framing_text(self) -> str:
        """The arguments frame_length and pad, where they are not those of most plans."""
        frame = "" if self.frame_length == self.n_fft else f", frame_length={self.frame_length}"
        return frame if self.pad is None else f"{frame}, pad={self.pad!r}"

    def __getstate__(self) -> dict[str, Any]:
        """The state without objects that hold addresses of this process."""
        transforms = "forward_transform", "inverse_transform", "ends", "_signals", "_spectra"
        return {name: value for name, value in vars(self).items() if name not in transforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_geometry" in state:  # pickled by version 0.4
            state = {**state, "geometry": state["_geometry"]}
        vars(self).update({"frame_length": state["n_fft"], "pad": None} | state)  # 0.4 had none
        self.window.flags.writeable = False  # copies are writable

    @cached_attribute
    def forward_transform(self) -> ForwardTransform:
        """The forward transform and its tables; not part of the public interface."""
        prologue = Prologue(self.frame_length) if self.frame_length < self.n_fft else None
        return ForwardTransform(self.n_fft, self.hop_length, self.window, self.dtype, prologue=prologue)

    @cached_attribute
    def _signals(self) -> SignalTransform:
        return SignalTransform(self.geometry, self.forward_transform, self._make_epilogue)

    @cached_attribute
    def complex_dtype(self) -> np.dtype[Any]:
        """The dtype of spectra: complex64 or complex128."""
        return np.result_type(self.dtype, np.complex64)

    # ---- counts ----
    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal: 1 + n_samples // hop_length if centred (of even n_fft); those that fit if not.

        Raises
        ------
        ValueError
            If none fits.
        """
        return self.geometry.n_frames(n_samples)

    def n_samples(self, n_frames: int) -> int:
        """Samples covered by n_frames frames: hop_length (n_frames - 1) if centred (of even n_fft), else + n_fft."""
        return self.geometry.n_samples(n_frames)

    def times(self, n_frames: int, sr: float) -> NDArray[np.float64]:
        """Seconds at the middle of each frame, shape (n_frames,), at `sr` samples a second."""
        middle = 0.0 if self.center and self.pad is None else self.geometry.start + self.frame_length / 2
        samples = np.arange(checks.as_int("n_frames", n_frames, 0), dtype=np.float64) * self.hop_length
        return (samples + middle) / self._sampling_rate(sr)

    def frequencies(self, sr: float) -> NDArray[np.float64]:
        """Hz of each bin, k sr / n_fft, shape (n_bins,)."""
        return np.arange(self.n_bins, dtype=np.float64) * (self._sampling_rate(sr) / self.n_fft)

    @staticmethod
    def _sampling_rate(sr: float) -> float:
        rate = checks.as_finite("sr", sr)
        if rate <= 0:
            raise ValueError(f"sr must be above 0, got {sr!r}")
        return rate

    # ---- y -> D, |D|**p, mels ----
    def forward(self, y: ArrayLike, *, out: Complex | None = None, order: Order = "F", scale: bool = False) -> Complex:
        """The spectrogram of real signals.

        Parameters
        ----------
        y : np.ndarray [shape=(..., n)]
            Real samples, taken in the plan's dtype.  NaN and infinities stay in the frames that hold them.
        out : np.ndarray [shape=(..., n_bins, n_frames)]
            Complex array to write to, in any order of memory.
        order : "F" or "C"
            Order of the result's memory without `out`: the bins of a frame are neighbours, or the frames of a bin.
        scale : bool
            Whether integers are divided by the largest power of two of their dtype (int16: 32768).

        Returns
        -------
        D : np.ndarray [shape=(..., n_bins, n_frames)]
            complex64 or complex128; `out` if that is not None.

        Raises
        ------
        TypeError, ValueError
            If y is not real, is empty or too short for a frame, or out has another shape or dtype.

        Warns
        -----
        UserWarning
            If the signals are shorter than n_fft and another axis is a hundred times as long: it may be that of time.
        """
        D = self._signals.run_prepared(y, "complex", out, order)
        return D if D is not None else self._run(y, self._complex_epilogue(), out, order, scale)[0]

    def power(
        self, y: ArrayLike, *, power: float = 2.0, out: Real | None = None, order: Order = "F", scale: bool = False
    ) -> Real:
        """|D|**power of `forward`, without holding D.

        Parameters
        ----------
        y, out, order, scale
            As in `forward`; out is real.
        power : float
            Above 0: 1 for magnitudes, 2 for energies.  It is computed from |D|**2, which may overflow or underflow: in
            float32, magnitudes from 1e-19 to 1e19 keep their digits.

        Returns
        -------
        S : np.ndarray [shape=(..., n_bins, n_frames)]
            Of the plan's dtype.
        """
        exponent = self._exponent(power)
        S = self._signals.run_prepared(y, ("power", exponent), out, order)
        return S if S is not None else self._run(y, self._level_epilogue(exponent), out, order, scale)[0]

    def mel(
        self,
        y: ArrayLike,
        bank: FilterBank | ArrayLike,
        *,
        power: float = 2.0,
        log: Log | None = None,
        out: Real | None = None,
        order: Order = "C",
        scale: bool = False,
    ) -> Real:
        """Filters over |D|**power, M = bank @ S, or their logarithms, holding neither D nor S.

        Parameters
        ----------
        y, out, order, scale
            As in `forward`; out is real, and the frames of a filter are neighbours by default.
        bank : MelBank, or np.ndarray [shape=(n_mels, n_bins)]
            The filters.
        power : float
            See `power`.
        log : str
            None       M
            "ln"       ln max(M, 1e-5)
            "log10"    log10 max(M, 1e-10)
            "db"       (20 / power) log10 max(M, 1e-5**power): decibels of a magnitude or a power, from -100 up
            "whisper"  L = log10 max(M, 1e-10) without the last frame, then (max(L, max L - 8) + 4) / 4, where max L is
                       the largest of the signal (Radford et al., Proc. ICML 2023, their published front end, whose plan
                       has pad_mode="reflect")

        Returns
        -------
        M : np.ndarray [shape=(..., n_mels, n_frames)]
            Of the plan's dtype; with log="whisper" one frame fewer.

        Raises
        ------
        TypeError, ValueError
            As in `forward`; or if bank has not n_bins columns, or log is none of these.
        """
        exponent = self._exponent(power)
        scaling = log_scale(log, exponent, self.dtype)
        if isinstance(bank, FilterBank) and log != "whisper":
            M = self._signals.run_prepared(y, ("mel", bank, exponent, scaling), out, order)
            if M is not None:
                return M
        epilogue = self._filter_epilogue(bank, exponent, scaling)
        M, largest = self._run(y, epilogue, out, order, scale, drop=int(log == "whisper"))
        if log == "whisper":
            normalize_whisper(M, largest)
        return M

    # ---- D -> y ----
    def inverse(
        self, D: ArrayLike, *, length: int | None = None, out: Real | None = None, warn: bool = True,
        limit_ends: bool = True,
    ) -> Real:  # fmt: skip
        """The signals whose spectrograms are nearest to D.

        y[t] = sum over f of w[j] x_f[j] / sum over f of w[j]**2 with j = t - start - f hop_length and x_f the inverse
        transform of D[:, f] (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243, eq. 6); it is not divided where the
        sum of squares is no larger than the smallest normal number of the dtype.

        Parameters
        ----------
        D : np.ndarray [shape=(..., n_bins, n_frames)]
            Complex, in any order of memory.
        length : int
            Samples of the result: zeros past the last frame.  `n_samples(n_frames)` by default.
        out : np.ndarray [shape=(..., length)]
            Real array to write to.
        warn : bool
            Whether a window and hop that violate NOLA are warned of.
        limit_ends : bool
            Whether samples at the ends, where few frames overlap and errors of D become loud, are limited to twice the
            rms of the first or last frame (see `transform.ends`).  The spectrum of a signal keeps every sample whose
            sum of squares is above 1e-11 of the largest.  False is the plain formula, as in librosa and torch.

        Returns
        -------
        y : np.ndarray [shape=(..., length)]
            Of the plan's dtype; `out` if that is not None.

        Raises
        ------
        TypeError, ValueError
            If D has not n_bins rows or no frame, or out has another shape or dtype.

        Warns
        -----
        UserWarning
            If window and hop_length violate NOLA: some samples cannot be reconstructed.

        Notes
        -----
        Frames are added up from the first to the last, so that a signal has the same bits alone and in a batch, for any
        order of D's memory and any number of threads, and block by block (`stream.StreamingISTFT`).
        """
        if warn and not self.invertible:
            checks.warn_nola("D", self.win_length, self.hop_length)
        prepared = self._spectra.run_prepared(D, length, out, limit_ends)
        if prepared is not None:
            return prepared
        X = checks.as_spectra("D", D, self.n_bins)
        size = self.n_samples(X.shape[-1]) if length is None else checks.as_int("length", length, 0)
        y = checks.output_array("out", out, (*X.shape[:-2], size), self.dtype, "C", X)
        if y.size:
            self._spectra.run(X, y, limit_ends)
        return y

    @cached_attribute
    def _spectra(self) -> SpectraTransform:
        return SpectraTransform(self.geometry, self.inverse_transform, self.ends)

    @cached_attribute
    def ends(self) -> Ends:
        """The ends of signals; not part of the public interface."""
        return Ends(self.window, self.hop_length, -self.geometry.start, self.dtype)

    @cached_attribute
    def invertible(self) -> bool:
        """Whether window and hop_length satisfy NOLA: sum over f of w[j - f hop_length]**2 is never near 0.

        As `scipy.signal.check_NOLA` has it, near 0 is up to 1e-10 for windows whose largest value is in (1/2, 1];
        others are scaled to that by a power of two.
        """
        return window_energy(self.window, self.hop_length) > 1e-10

    @cached_attribute
    def inverse_transform(self) -> InverseTransform:
        """The inverse transform and its tables; not part of the public interface."""
        return InverseTransform(self.n_fft, self.hop_length, self.window, self.dtype)

    # ---- epilogues ----
    def _complex_epilogue(self) -> Epilogue:
        return complex_bins(self.dtype, self.n_bins)

    def _level_epilogue(self, exponent: float) -> Epilogue:
        return levels_of_bins(self.n_bins, epilogue_args(self.dtype, power=exponent))

    def _filter_epilogue(self, bank: FilterBank | ArrayLike, exponent: float, scaling: LogScale) -> Epilogue:
        filters = as_bank(bank)
        if filters.shape[1] != self.n_bins:
            raise ValueError(f"bank must have n_bins = {self.n_bins} columns, got shape {filters.shape}")
        args = epilogue_args(
            self.dtype,
            power=exponent,
            log=scaling != LINEAR,
            floor=scaling.floor,
            gain=scaling.gain,
            weights=filters.weights.astype(self.dtype),
            first=filters.first,
            starts=filters.starts,
        )
        return filtered_levels(args)

    @staticmethod
    def _exponent(power: float) -> float:
        exponent = checks.as_finite("power", power)
        if exponent <= 0:
            raise ValueError(f"power must be above 0, got {power!r}")
        return exponent

    # ---- forward, power and mel ----
    def _run(
        self, y: ArrayLike, epilogue: Epilogue, out: NDArray[Any] | None, order: Order, scale: bool, drop: int = 0
    ) -> tuple[NDArray[Any], Real]:
        """(result, largest peak of each signal): check, allocate, transform."""
        x = checks.as_signals("y", y)
        if self._warns_of_axes:
            checks.warn_if_transposed("y", x.shape, self.n_fft)
        n = x.shape[-1]
        self.geometry.check_length("y", n, "have", " samples")
        frames = self.geometry.n_frames(n) - drop
        if frames < 1:
            raise ValueError(
                f"y must reach into a second frame, hop_length = {self.hop_length} samples on, got {n} samples"
            )
        dtype = self.complex_dtype if epilogue.op == COMPLEX else self.dtype
        out = checks.output_array("out", out, (*x.shape[:-1], epilogue.width, frames), dtype, order, x)
        return out, self._signals.run(x, out, epilogue, scale)

    def _make_epilogue(self, description: Hashable) -> Epilogue:
        """The epilogue of the arguments of `SignalTransform.run_prepared`."""
        epilogues: dict[str, Callable[..., Epilogue]] = {
            "complex": self._complex_epilogue,
            "power": self._level_epilogue,
            "mel": self._filter_epilogue,
        }
        name, *arguments = description if isinstance(description, tuple) else (description,)
        return epilogues[name](*arguments)


def as_plan(name: str, value: object) -> STFT:
    """A plan unchanged.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, STFT):
        raise TypeError(f"{name} must be a fastspec.STFT, got {checks.shown(value)}")
    return value
