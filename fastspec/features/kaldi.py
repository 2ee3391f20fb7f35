"""Kaldi's mel filters and windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import checks
from .._typing import Array
from .band_matrix import to_bands
from .banks import FilterBank

KALDI_WINDOWS = ("povey", "hanning", "hamming", "blackman", "rectangular", "hann", "sine")
"""Names of `kaldi_window`."""


def kaldi_mel(hz: ArrayLike) -> Any:
    """Hz to mel, 1127 ln(1 + hz / 700)."""
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


def kaldi_hz(mel: ArrayLike) -> Any:
    """Mel to Hz: the inverse of `kaldi_mel`."""
    return 700.0 * np.expm1(np.asarray(mel, np.float64) / 1127.0)


def kaldi_window(name: str, size: int, blackman_coeff: float = 0.42) -> Array:
    """A window of Kaldi, of kaldi-native-fbank; float64 [shape=(size,)].

    With N = size and a = 2 pi / (N - 1), w[n] is

        "hanning"      0.5 - 0.5 cos(a n)
        "povey"        (0.5 - 0.5 cos(a n))**0.85
        "hamming"      0.54 - 0.46 cos(a n)
        "blackman"     c - 0.5 cos(a n) + (0.5 - c) cos(2 a n), c = blackman_coeff
        "rectangular"  1
        "hann"         0.5 - 0.5 cos(2 pi n / N)
        "sine"         sin(a n / 2)

    Raises
    ------
    TypeError, ValueError
        For another name, or a size below 1.
    """
    if name not in KALDI_WINDOWS:
        raise ValueError(f"window_type must be one of {', '.join(map(repr, KALDI_WINDOWS))}, got {name!r}")
    n, coefficient = checks.as_int("size", size, 1), checks.as_finite("blackman_coeff", blackman_coeff)
    t = 2 * np.pi * np.arange(n) / max(1, n if name == "hann" else n - 1)
    if name in ("hanning", "hann", "povey"):
        w = 0.5 - 0.5 * np.cos(t)
        return w**0.85 if name == "povey" else w
    if name == "hamming":
        return 0.54 - 0.46 * np.cos(t)
    if name == "blackman":
        return coefficient - 0.5 * np.cos(t) + (0.5 - coefficient) * np.cos(2 * t)
    return np.sin(t / 2) if name == "sine" else np.ones(n)


class KaldiMelBank(FilterBank):
    """Kaldi's triangular filters, evenly spaced in mel and linear in mel, with a peak of 1.

    With mel(f) = 1127 ln(1 + f / 700) and corners m[0] .. m[n_mels + 1], evenly spaced from mel(fmin) to mel(fmax), bin
    k < n_fft / 2 at x = mel(k sr / n_fft) has the weight

        max(0, min((x - m[i]) / (m[i+1] - m[i]), (m[i+2] - x) / (m[i+2] - m[i+1])))

    in filter i; the bin at half the sampling rate has none.  With `vtln_warp` (vocal tract length normalization) the
    corners become mel(F(hz(m))), where F is piecewise linear from fmin to fmax, with F(f) = f / vtln_warp in between.

    Kaldi (Povey et al., ASRU 2011), feat/mel-computations.cc.

    Parameters
    ----------
    sr : float
        Sampling rate in Hz.
    n_fft : int
        Length of the transform, even.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Lowest and highest corner in Hz; fmax <= 0 is relative to half the sampling rate.
    vtln_low, vtln_high : float
        Where F changes its slope, in Hz; a negative vtln_high is relative to half the sampling rate.
    vtln_warp : float
        Above 0; 1 for none.
    dtype : float32 or float64

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    """

    def __init__(
        self,
        sr: float,
        n_fft: int,
        n_mels: int = 23,
        fmin: float = 20.0,
        fmax: float = 0.0,
        *,
        vtln_low: float = 100.0,
        vtln_high: float = -500.0,
        vtln_warp: float = 1.0,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.sr, self.n_fft = checks.as_finite("sr", sr), checks.as_int("n_fft", n_fft, 2)
        if self.sr <= 0:
            raise ValueError(f"sr must be above 0, got {sr!r}")
        if self.n_fft % 2:
            raise ValueError(f"n_fft must be even, got {n_fft!r}")
        self.n_mels, half_rate = checks.as_int("n_mels", n_mels, 1), self.sr / 2
        self.fmin = checks.as_finite("fmin", fmin)
        highest = checks.as_finite("fmax", fmax)
        self.fmax = highest if highest > 0 else half_rate + highest
        if not 0 <= self.fmin < self.fmax <= half_rate:
            raise ValueError(
                f"fmin and fmax must be 0 <= fmin < fmax <= {half_rate:g} Hz, half the sampling rate, to which "
                f"fmax <= 0 is relative, got {fmin!r} and {fmax!r}"
            )
        self.vtln_low, self.vtln_high = checks.as_finite("vtln_low", vtln_low), checks.as_finite("vtln_high", vtln_high)
        self.vtln_warp = checks.as_finite("vtln_warp", vtln_warp)
        self.shape, self.dtype = (self.n_mels, self.n_fft // 2 + 1), checks.as_real_dtype("dtype", dtype)
        corners = np.linspace(kaldi_mel(self.fmin), kaldi_mel(self.fmax), self.n_mels + 2)
        if self.vtln_warp != 1:
            corners = kaldi_mel(self._warp(kaldi_hz(corners)))
        self.first, self.starts, self.weights = to_bands(self._triangles(corners).astype(self.dtype))
        self.__setstate__({})

    def _triangles(self, corners: Array) -> Array:
        """The filters (n_mels, n_bins)."""
        x = kaldi_mel(np.arange(self.n_fft // 2) * (self.sr / self.n_fft))
        low, middle, high = (corners[i : len(corners) - 2 + i, None] for i in range(3))
        bank = np.zeros(self.shape)
        bank[:, :-1] = np.maximum(0, np.minimum((x - low) / (middle - low), (high - x) / (high - middle)))
        return bank

    def _warp(self, hz: Array) -> Array:
        """F(hz): linear from fmin to l = max(1, warp) low, hz / warp to h = min(1, warp) high, linear to fmax."""
        warp, low = self.vtln_warp, self.vtln_low
        high = self.vtln_high + (self.sr / 2 if self.vtln_high < 0 else 0)
        if warp <= 0:
            raise ValueError(f"vtln_warp must be above 0, got {warp!r}")
        if not self.fmin < low < high < self.fmax:
            raise ValueError(
                f"vtln_low and vtln_high must be fmin < vtln_low < vtln_high < fmax, where a negative vtln_high is "
                f"relative to half the sampling rate, got {low:g} and {high:g} with {self.fmin:g} and {self.fmax:g}"
            )
        first, last = low * max(1.0, warp), high * min(1.0, warp)
        if not self.fmin < first < last < self.fmax:
            raise ValueError(f"vtln_warp must leave frequencies between vtln_low and vtln_high, got {warp!r}")
        knots = [self.fmin, first, last, self.fmax]
        inside = (hz >= self.fmin) & (hz <= self.fmax)
        warped: Array = np.where(inside, np.interp(hz, knots, [self.fmin, first / warp, last / warp, self.fmax]), hz)
        return warped
