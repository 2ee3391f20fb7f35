"""Replacements for python_speech_features (0.6): fbank, logfbank, mfcc, in float64.

Its pre-emphasis is that of the whole signal, its last frame is padded with zeros, its filters are the notebook's, with
corners at whole bins (`notebook.mel.get_filterbanks`), and its energies are sums over all bins of |DFT|**2 / nfft.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import Array
from ..features.banks import FilterBank
from ..features.cepstrum import cepstrum_matrix
from ..forks import while_none_forks
from ..frontends.frontend import FrontEnd
from ..notebook.mel import get_filterbanks
from ..plan import STFT
from . import Unsupported

EPSILON = float(np.finfo(np.float64).eps)
"""In the place of levels that are 0."""


def rectangular(size: int) -> Array:
    return np.ones(size)


def fbank(
    signal: Any, samplerate: float = 16000, winlen: float = 0.025, winstep: float = 0.01, nfilt: int = 26,
    nfft: int = 512, lowfreq: float = 0, highfreq: float | None = None, preemph: float = 0.97,
    winfunc: Callable[[int], Any] = rectangular,
) -> tuple[Array, Array]:  # fmt: skip
    """(filtered powers (frames, nfilt), energies (frames,)); EPSILON in the place of 0.

    Raises
    ------
    Unsupported
        For what is no real array (n,), for frames longer than nfft, an odd nfft, and what the original refuses.
    """
    M = _levels(signal, False, samplerate, winlen, winstep, nfilt, nfft, lowfreq, highfreq, preemph, winfunc)
    M = np.where(M == 0, EPSILON, M)
    return M[:, 1:].copy(), M[:, 0].copy()


def logfbank(
    signal: Any, samplerate: float = 16000, winlen: float = 0.025, winstep: float = 0.01, nfilt: int = 26,
    nfft: int = 512, lowfreq: float = 0, highfreq: float | None = None, preemph: float = 0.97,
) -> Array:  # fmt: skip
    """Natural logarithms of the filtered powers of `fbank`; it refuses what that refuses."""
    L = _levels(signal, True, samplerate, winlen, winstep, nfilt, nfft, lowfreq, highfreq, preemph, rectangular)
    return np.where(np.isneginf(L[:, 1:]), math.log(EPSILON), L[:, 1:])


def mfcc(
    signal: Any, samplerate: float = 16000, winlen: float = 0.025, winstep: float = 0.01, numcep: int = 13,
    nfilt: int = 26, nfft: int = 512, lowfreq: float = 0, highfreq: float | None = None, preemph: float = 0.97,
    ceplifter: float = 22, appendEnergy: bool = True, winfunc: Callable[[int], Any] = rectangular,
) -> Array:  # fmt: skip
    """Cepstra (frames, numcep) of `logfbank`, liftered; the logarithm of the energy in the place of the first."""
    L = _levels(signal, True, samplerate, winlen, winstep, nfilt, nfft, lowfreq, highfreq, preemph, winfunc)
    L = np.where(np.isneginf(L), math.log(EPSILON), L)
    try:
        matrix = cepstrum_matrix(nfilt, len(range(nfilt)[:numcep]), max(0, ceplifter))
    except (TypeError, ValueError) as error:
        raise Unsupported(str(error)) from None
    with while_none_forks():
        C: Array = L[:, 1:] @ matrix.T
    if appendEnergy:
        C[:, 0] = L[:, 0]
    return C


def _levels(
    signal: Any, log: bool, samplerate: float, winlen: float, winstep: float, nfilt: int, nfft: int, lowfreq: float,
    highfreq: float | None, preemph: float, winfunc: Callable[[int], Any],
) -> Array:  # fmt: skip
    """Energies and filtered powers (frames, 1 + nfilt), or their logarithms."""
    x = signal
    if type(x) is not np.ndarray or x.ndim != 1 or not x.size or x.dtype.kind not in "fiu" or x.dtype.itemsize < 2:
        raise Unsupported("signal is no real array of shape (n,)")
    if x.dtype.kind == "f" and x.dtype not in (np.float32, np.float64):
        raise Unsupported(f"signal has dtype {x.dtype}")
    try:
        size, hop = _round_half_up(winlen * samplerate), _round_half_up(winstep * samplerate)
        if not 0 < size <= nfft or nfft % 2 or hop < 1:
            raise Unsupported(f"frames of {size} samples, {hop} apart, with nfft={nfft!r}")
        window = np.asarray(winfunc(size), np.float64)
        if window.shape != (size,):
            raise Unsupported(f"a window of shape {window.shape}")
        padding = hop - 1 if len(x) > size else size  # which makes other frames of a short signal, too
        frontend = _front_end(
            log,
            samplerate,
            size,
            hop,
            padding,
            nfilt,
            nfft,
            lowfreq,
            highfreq or samplerate / 2,
            preemph,
            window.tobytes(),
        )
    except (TypeError, ValueError) as error:
        raise Unsupported(str(error)) from None
    levels: Array = frontend(x, order="F").T
    return levels if len(x) > size else levels[:1]


@lru_cache(64)
def _front_end(
    log: bool, rate: float, size: int, hop: int, padding: int, nfilt: int, nfft: int, low: float, high: float,
    preemph: float, window: bytes,
) -> FrontEnd:  # fmt: skip
    """The powers of all bins, then the filters, all over nfft."""
    filters = np.zeros((1 + nfilt, nfft // 2 + 1))
    filters[0] = 1
    filters[1:, :-1] = get_filterbanks(nfilt, nfft, rate, low, high)
    plan = STFT(
        nfft, hop_length=hop, frame_length=size, window=np.frombuffer(window), center=False, pad=(0, padding),
        dtype=np.float64,
    )  # fmt: skip
    return FrontEnd(plan, FilterBank(filters / nfft), signal_preemphasis=preemph, log="ln" if log else None)


def _round_half_up(number: float) -> int:
    """The nearest whole number, the larger of two."""
    whole = math.floor(number)
    return whole + (number - whole >= 0.5)
