"""The ends of overlap-added signals, which few frames cover.

There the sum of squared windows E, by which the overlap-added frames are divided, goes to 0: a spectrum that is not
that of a signal has samples there that are 1 / sqrt(E) times as loud as its errors.  So where E is small, samples that
are louder than BOUND times the rms of the first or last frame are replaced by the bounded least-squares solution

    y = clip(sum over f of w x_f / max(E, E_low), -bound, bound).

How small is small depends on how inconsistent the spectrum is.  The noise-to-signal ratio r of an end is that of two
frames that should agree where they overlap (`Ends.estimate`): E is small below 300 r**2 of the largest, and E_low is
10 r**2.  The spectrum of a signal has r about 1e-7 in float32, and samples of E above 1e-11 are as they were.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Real
from .framing import window_sum
from .inverse import InverseTransform

BOUND = 2.0
"""Samples of small energy are not louder than so many times the rms of the nearest frame."""
SMALL_ENERGY = 0.4
"""Energies above it, relative to the largest, are never small: at the middle of a symmetric window they are 0.5."""
SMALL_ENERGY_OF_NOISE = 300.0
"""Energies below so many times r**2 are small."""
LOW_ENERGY_OF_NOISE = 10.0
"""E_low / r**2: samples of the energy E_low have errors of a third of the signal."""
OUTSIDE_ENERGY = 1e-10
"""Squares of the window below it, relative to the largest: a signal's frame is next to 0 there."""


class EndEstimate(NamedTuple):
    """What the frames at one end of signals tell of it."""

    level: NDArray[np.float64]  # rms of each signal in its first or last frame, the window taken off
    small_energy: NDArray[np.float64]  # samples of less energy, relative to the largest, are limited
    low_energy: NDArray[np.float64]  # E_low

    def of(self, rows: slice) -> "EndEstimate":
        """The estimate of the signals in these rows."""
        return EndEstimate(self.level[rows], self.small_energy[rows], self.low_energy[rows])


class Ends:
    """The energies at both ends of the signals of a window and hop, relative to the largest.

    Parameters
    ----------
    window : np.ndarray [shape=(n_fft,)]
    hop : int
    start : int
        Samples of the sum of frames before sample 0 of a signal.
    dtype : np.dtype
        float32 or float64, of the samples.

    Attributes
    ----------
    first : np.ndarray
        Energies of the first samples of signals, up to the last that is small.
    """

    def __init__(self, window: NDArray[np.float64], hop: int, start: int, dtype: np.dtype[Any]) -> None:
        self.window, self.hop, self.start, self.dtype = window, hop, start, dtype
        self.n_fft, self.reach = len(window), -(-len(window) // hop)
        squares, self._margin = window**2, max(0, self.n_fft - hop)
        sums = window_sum(squares, self.reach, hop) if self._margin else squares
        self._complex = np.result_type(dtype, np.complex64)
        self._rounding = float(np.finfo(dtype).eps) ** 2
        self._largest, self._rms = float(sums.max()) or 1.0, float(np.sqrt(squares.sum())) or 1.0
        first = sums[start : self._margin] / self._largest
        self.first = first[: np.flatnonzero(first < SMALL_ENERGY).max(initial=-1) + 1]
        self._last = sums[self.reach * hop :][: self._margin] / self._largest
        self._frames = InverseTransform(self.n_fft, self.n_fft, np.ones(self.n_fft), dtype)  # one after another
        early, late = window[hop:], window[: self._margin]
        scale = np.hypot(early, late)
        scale[scale == 0] = np.inf
        self._early, self._late = early / scale, late / scale
        self._outside = squares <= OUTSIDE_ENERGY * squares.max()

    @property
    def has_weak_start(self) -> bool:
        """Whether the first samples of signals have small energies."""
        return self.first.size > 0

    def last(self, frames: int) -> NDArray[np.float64]:
        """Energies of the samples from `count_complete(frames)` on, which frames after the last would cover."""
        if frames >= self.reach:
            return self._last
        energy: NDArray[np.float64] = window_sum(self.window**2, frames, self.hop)[frames * self.hop :][: self._margin]
        return energy[max(0, self.start - frames * self.hop) :] / self._largest

    # ---- limits ----
    def limit(self, y: Real, D: Complex) -> None:
        """Limit both ends of signals y (signals, length) of spectra D (signals, bins, frames) in place."""
        frames, split, n = D.shape[-1], self.count_complete(D.shape[-1]), len(D)
        at_end = [False] if self.has_weak_start else []
        if y.shape[-1] > split and (self.last(frames)[: y.shape[-1] - split] < SMALL_ENERGY).any():
            at_end.append(True)
        if not at_end:
            return
        pairs = [D[..., -2:] if is_end else D[..., :2] for is_end in at_end]
        both = pairs[0] if len(pairs) == 1 else np.concatenate(pairs)
        estimate = self.estimate(both.astype(self._complex, copy=False), np.repeat(at_end, n))
        if not at_end[0]:
            self.limit_start(y[:, :split], 0, estimate.of(slice(n)))
        if at_end[-1]:
            self.limit_end(y[:, split:], split, frames, estimate.of(slice(len(both) - n, None)))

    def are_weak(self, frames: int, length: int) -> bool:
        """Whether a signal of so many frames and samples has small energies at an end."""
        return self.has_weak_start or bool(
            (self.last(frames)[: max(0, length - self.count_complete(frames))] < SMALL_ENERGY).any()
        )

    def count_complete(self, frames: int) -> int:
        """Samples that no later frame would cover: they are at the start of a signal, the others at its end."""
        return max(0, frames * self.hop - self.start)

    def limit_start(self, y: Real, offset: int, estimate: EndEstimate) -> None:
        """Limit samples y (signals, n) from sample `offset` on, which later frames do not cover, in place."""
        energy = self.first[offset : offset + y.shape[-1]]
        limit_samples(y[:, : len(energy)], energy, estimate)

    def limit_end(self, y: Real, offset: int, frames: int, estimate: EndEstimate) -> None:
        """Limit samples y (signals, n) from sample `offset` on, which frames after the last would cover, in place."""
        energy = self.last(frames)[offset - self.count_complete(frames) :][: y.shape[-1]]
        limit_samples(y[:, : len(energy)], energy, estimate)

    # ---- estimates ----
    def estimate(self, D: Complex, at_end: NDArray[np.bool_] | bool) -> EndEstimate:
        """The estimate from the first or last two spectra D (signals, bins, 2); or one, where there is no other."""
        x = np.empty((len(D), D.shape[2] * self.n_fft), self.dtype)
        if x.size:
            self._frames.run(D, x)
        frames, largest = x.reshape(len(D), D.shape[2], self.n_fft).astype(np.float64), None
        with np.errstate(all="ignore"):  # of NaN and infinities
            if self.dtype.itemsize == 8:  # squares of float32 do not overflow
                largest = np.abs(frames).max(axis=(1, 2), initial=0)
                frames *= (1 / np.where(largest > 0, largest, 1))[:, None, None]
            levels = np.sqrt(np.einsum("sfn,sfn->sf", frames, frames)) / self._rms
            noise = self._noise(frames) / np.square(levels.max(axis=1, initial=0))
        ratio = np.maximum(np.where(np.isfinite(noise), noise, 0.0), self._rounding)
        small = np.minimum(SMALL_ENERGY_OF_NOISE * ratio, SMALL_ENERGY)
        level = np.where(at_end, levels[:, -1], levels[:, 0])
        return EndEstimate(level if largest is None else largest * level, small, LOW_ENERGY_OF_NOISE * ratio)

    def _noise(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean square of the noise of frames (signals, 1 or 2, n_fft).

        Of two that overlap, from the samples that both cover: x_0 w_1 - x_1 w_0, over the rms of the windows there.  Of
        others, from the samples where the window is next to 0; 0 if there are none.
        """
        if frames.shape[1] == 2 and self._margin:
            difference = frames[:, 0, self.hop :] * self._late - frames[:, 1, : self._margin] * self._early
        else:
            difference = frames[:, 0, self._outside]
        noise: NDArray[np.float64] = np.einsum("sn,sn->s", difference, difference) / max(1, difference.shape[1])
        return noise

    def estimate_of_levels(self, S: Real) -> EndEstimate:
        """The estimate from magnitudes S (signals, bins) alone, whose phases are not those of a signal."""
        magnitudes = np.array(S, np.float64, order="C")
        largest = magnitudes.max(axis=-1, initial=0)
        magnitudes /= np.where(largest > 0, largest, 1)[:, None]
        squares = np.square(magnitudes)
        squares[:, 1 : (self.n_fft + 1) // 2] *= 2
        level = largest * self._level(squares.sum(axis=-1) / self.n_fft)
        return EndEstimate(level, np.full(len(S), SMALL_ENERGY), np.full(len(S), self._rounding))

    def _level(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rms of frames with the energies sum over j of x_f[j]**2."""
        level: NDArray[np.float64] = np.sqrt(energy) / self._rms
        return level


def limit_samples(y: Real, energy: NDArray[np.float64], estimate: EndEstimate) -> None:
    """Limit samples y (signals, n) of these energies (n,) in place."""
    is_small = energy < estimate.small_energy[:, None]
    if not is_small.any():
        return
    bound, low = BOUND * estimate.level[:, None], estimate.low_energy[:, None]
    loud = is_small & (np.abs(y) > bound)
    if loud.any():
        limited = np.clip(y * np.minimum(1, energy / low), -bound, bound)
        np.copyto(y, limited, where=loud, casting="same_kind")
