"""How near a recovered signal is to the original: spectral convergence, log-spectral distance, signal-to-noise ratio.

All in float64, on the spectrogram of the recovered samples.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]

FLOOR = -80.0  # dB below the loudest bin: the least level in the log-spectral distance
GAUSS = (2048, 128)
"""Channels and hop of the Gaussian transform, which give its window exp(-pi n^2 / (hop channels))."""


class Scores(NamedTuple):
    """Of the functions of these names."""

    convergence: float
    distance: float
    snr: float


def convergence(L: Array, S: Array) -> float:
    """Spectral convergence 20 log10 (||L - S|| / ||S||) in dB of magnitudes L beside S; lower is better."""
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(np.linalg.norm(L - S) / np.linalg.norm(S)))


def distance(L: Array, S: Array) -> float:
    """Log-spectral distance in dB of magnitudes (bins, frames): mean over frames of the root mean square over bins.

    Levels below the largest of S by more than -FLOOR dB count as that level.  Gray & Markel, IEEE Trans. ASSP-24, 1976,
    380-391.
    """
    least = S.max() * 10 ** (FLOOR / 20)
    difference = 20 * np.log10(np.maximum(L, least) / np.maximum(S, least))
    return float(np.sqrt(np.square(difference).mean(axis=0)).mean())


def snr(G: Array, G_of_x: Array) -> float:
    """20 log10 (||Gx|| / ||Gy - Gx||) in dB for the magnitudes by `gaussian` of y and of the original x.

    Higher is better.  It is the measure SNR_MS of Marafioti, Holighaus & Majdak, IEEE Trans. Signal Processing 69, 2021
    (arXiv 2106.05148): the transform is none of those inverted, so that no hop or window is favoured.
    """
    return -convergence(G, G_of_x)


@cache
def gaussian() -> fastspec.STFT:
    """The transform of `snr`, 2048 channels with a hop of 128 as in the paper."""
    channels, hop = GAUSS
    n = np.arange(channels) - channels // 2
    return fastspec.STFT(channels, hop_length=hop, window=np.exp(-np.pi * n**2 / (hop * channels)), dtype="float64")


class Judge:
    """Scores of signals that were recovered from the magnitudes of `x`."""

    def __init__(self, x: Array, n_fft: int, hop: int, pad_mode: str = "constant") -> None:
        self.x = x.astype(np.float64)
        self.plan = fastspec.STFT(n_fft, hop_length=hop, pad_mode=pad_mode, dtype="float64")
        self.S, self.G = self.plan.power(self.x, power=1), gaussian().power(self.x, power=1)

    def __call__(self, y: Array) -> Scores:
        y = np.asarray(y, np.float64)
        L, G = self.plan.power(y, power=1), gaussian().power(y, power=1)
        return Scores(convergence(L, self.S), distance(L, self.S), snr(G, self.G))
