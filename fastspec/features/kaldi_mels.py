"""Kaldi's mel filters: triangles that are straight in mel."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import checks
from .banks import FilterBank


class KaldiMelBank(FilterBank):
    """Triangular filters that are straight in mel, of weight 1 in the middle, as Kaldi computes them.

    With m(f) = 1127 ln(1 + f / 700), corners c[0] .. c[n_mels + 1] evenly spaced from m(fmin) to m(fmax), and bin k at
    f = k sr / n_fft, filter i is max(0, min((m(f) - c[i]) / (c[i+1] - c[i]), (c[i+2] - m(f)) / (c[i+2] - c[i+1]))).
    The bin at sr / 2 has no weight.

    Parameters
    ----------
    sr : float
        Sampling rate in Hz.
    n_fft : int
    n_mels : int
    fmin, fmax : float
        Lowest and highest corner in Hz; fmax <= 0 is relative to sr / 2.
    dtype : float32 or float64

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.
    """

    def __init__(
        self, sr: float, n_fft: int, n_mels: int, fmin: float = 20.0, fmax: float = 0.0, dtype: DTypeLike = "float32"
    ) -> None:
        self.sr, self.n_fft = checks.as_finite("sr", sr), checks.as_int("n_fft", n_fft, 2)
        if self.sr <= 0:
            raise ValueError(f"sr must be above 0, got {sr!r}")
        self.n_mels, self.fmin = checks.as_int("n_mels", n_mels, 1), checks.as_finite("fmin", fmin)
        highest = checks.as_finite("fmax", fmax)
        self.fmax = highest if highest > 0 else self.sr / 2 + highest
        if not 0 <= self.fmin < self.fmax:
            raise ValueError(f"fmin and fmax must be 0 <= fmin < fmax, got {fmin!r} and {fmax!r}")
        low, high = 1127 * np.log1p(np.array([self.fmin, self.fmax]) / 700)
        corners = np.linspace(low, high, self.n_mels + 2)[:, None]
        mel = 1127 * np.log1p(np.arange(self.n_fft // 2 + 1) * (self.sr / self.n_fft) / 700)
        rising = (mel - corners[:-2]) / (corners[1:-1] - corners[:-2])
        falling = (corners[2:] - mel) / (corners[2:] - corners[1:-1])
        weights = np.maximum(0, np.minimum(rising, falling))
        if self.n_fft % 2 == 0:
            weights[:, -1] = 0
        super().__init__(weights.astype(checks.as_real_dtype("dtype", dtype)))
