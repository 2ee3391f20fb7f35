"""`FrontEnd`: signals -> the features of speech recognition and of vocoders, in one pass over the signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Complex, Integer, Real
from ..forks import forks_wait
from ..plan import Order
from .description import Description
from .dither import dithered_features
from .normalize import ChangeAll, limit_range, normalize_rows
from .preemphasis import emphasize

if TYPE_CHECKING:
    from .stream import StreamingFeatures

CLIP_SAMPLES = 1 << 16
"""Up to so many, the largest value is looked up in the result, which is in the cache; else kernels keep it."""


class FrontEnd(Description):
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
        Where the logarithm of the energy of each frame goes (the natural one for log=None): a row before or after the
        filters, or in place of the cepstrum of order 0.
    energy_of : "samples" or "windowed"
        The energy of a frame is sum(z**2), or sum((window x')**2), from P by Parseval's theorem.
    energy_floor : float
        Least energy; by default the floor.
    n_cepstra : int
        Cepstra instead of the filters' logarithms; 0 for none.
    lifter : float
        Length of the lifter; 0 for none.
    zeroth_last : bool
        Whether the cepstrum of order 0, times sqrt 2, or the energy in its place, comes after the others, as in HTK.
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
        if not (self.dither or self.signal_preemphasis) and (self._is_local or np.size(y) <= CLIP_SAMPLES):
            L = self._signals.run_prepared(y, "features", out, order)
            if L is not None:
                if not self._is_local:
                    self._finish(L, np.fmax.reduce(L, axis=(-2, -1)).reshape(-1))
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

    # ---- sums over frames ----
    def mean_power(self, y: ArrayLike, *, scale: bool = False) -> Real:
        """The mean of P over all frames, of each bin: Welch's estimate of a spectrum, before its scale.

        Welch, IEEE Trans. Audio Electroacoust. AU-15 (1967), 70-73.  Spectra are not held; `bank`, `power`, `eps` and
        what follows them are not applied, nor is `dither`.

        Parameters
        ----------
        y : np.ndarray [shape=(..., n)]
            Real signals.
        scale : bool
            As in the call.

        Returns
        -------
        P : np.ndarray [shape=(..., n_bins)]
            Of the plan's dtype; summed in it over 256 frames at most, and in float64 over these.

        Raises
        ------
        TypeError, ValueError
            If y is not real or is too short for a frame.
        """
        return self._means(y, None, scale)[..., 0, :].astype(self.dtype)

    def mean_cross(self, x: ArrayLike, y: ArrayLike, *, scale: bool = False) -> tuple[Complex, Real, Real]:
        """The means over all frames of conj(X) Y, |X|**2 and |Y|**2 of two signals, of each bin.

        Their coherence is |mean of conj(X) Y|**2 / (mean of |X|**2 times mean of |Y|**2).

        Parameters
        ----------
        x, y : np.ndarray [shape=(..., n)]
            Real signals of one shape.
        scale : bool
            As in the call.

        Returns
        -------
        Pxy : np.ndarray [shape=(..., n_bins)]
            Complex, of the plan's precision.
        Pxx, Pyy : np.ndarray [shape=(..., n_bins)]

        Raises
        ------
        TypeError, ValueError
            As `mean_power`, or if the shapes differ.
        """
        means = self._means(x, y, scale)
        cross = (means[..., 0, :] + 1j * means[..., 1, :]).astype(self.plan.complex_dtype)
        return cross, means[..., 2, :].astype(self.dtype), means[..., 3, :].astype(self.dtype)

    def _means(self, x: ArrayLike, y: ArrayLike | None, scale: bool) -> NDArray[np.float64]:
        """Means over frames of the sums of `SignalTransform.sums`."""
        signals = [checks.as_signals("y" if y is None else "x", x)]
        if y is not None:
            signals.append(checks.as_signals("y", y))
            if signals[0].shape != signals[1].shape:
                raise ValueError(f"x and y must have one shape, got {signals[0].shape} and {signals[1].shape}")
        n = signals[0].shape[-1]
        self.geometry.check_length("y" if y is None else "x", n, "have", " samples")
        if self.signal_preemphasis:
            converted = (checks.convert_samples(v, self.dtype, scale) for v in signals)
            signals = [emphasize(v, self.signal_preemphasis) for v in converted]
        total = self._signals.sums(signals[0], signals[1] if y is not None else None, scale)
        return total / self.geometry.count_frames(n)

    # ---- what needs all frames ----
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
            tops = np.full_like(largest, np.fmax.reduce(largest)) if self.reference == "batch" else largest
            change_all(lambda L: limit_range(L, tops, self.dynamic_range, self.relative, self.gain, self.offset))
        if self.normalize:
            floors = (self.deviation_floor, self.variance_floor) if self.normalize == "deviation" else None
            normalize_rows(change_all, n_frames, floors)
