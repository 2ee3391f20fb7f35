"""The notebook's spectra: y -> D, |D|, log10 |D|, with a symmetric Hamming window and zeros past the end."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .analysis import Analysis, Place, complex_step, last_step, level_step, settled, signals_of
from .framing import comfortable_scale, hamming
from .kernels.analysis import half_log
from .kernels.calls import aligned
from .kernels.frames import LOG, ROOT

Real = NDArray[np.floating]
Complex = NDArray[np.complexfloating]


@lru_cache(16)
def hamming_analysis(n_fft: int, hop: int, dtype: np.dtype[Any]) -> Analysis:
    """The tables of the notebook's transform."""
    return Analysis(n_fft, hop, hamming(n_fft), dtype)


def complex_spectrum(x: Real, n_fft: int, hop: int, frames: int, *, bins: int, mean: float = 0.0) -> Complex:
    """Hamming-windowed spectrum of x - mean, zeros past its end.

    D[t, k] = sum over j of w[j] (x[t hop + j] - mean) exp(-2 pi i j k / n_fft), shape (frames, bins), where bins is
    at most n_fft // 2 + 1, or n_fft for the whole circle.
    """
    D = aligned(frames * bins * 2, x.dtype).view(np.result_type(x.dtype, np.complex64)).reshape(frames, bins)
    step = complex_step(x.dtype, bins, full=bins > n_fft // 2 + 1)
    hamming_analysis(n_fft, hop, x.dtype).run(signals_of(x[None], mean=mean), 0, frames, D.T[None], step)
    return D


def magnitude(x: Real, n_fft: int, hop: int, frames: int, *, mean: float = 0.0, floor: float = 0.0) -> Real:
    """max(|D|, floor) of the first n_fft // 2 bins, shape (frames, n_fft // 2)."""
    out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    _, scale = _levels(x, n_fft, hop, frames, out, shape=ROOT, mean=mean, floor=floor)
    if scale != 1:
        out /= x.dtype.type(scale)
    return out


def log_magnitude(x: Real, n_fft: int, hop: int, frames: int, *, mean: float = 0.0, thresh: float) -> Real:
    """max(log10(|D| / max |D|), -thresh) of the first n_fft // 2 bins, (frames, n_fft // 2); silence is -thresh."""
    out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    power, _ = _levels(x, n_fft, hop, frames, out, shape=LOG, mean=mean)
    if power == 0:
        out[:] = -thresh
        return out
    shift = float(half_log(np.array([power], x.dtype)))
    place = Place(out.reshape(-1), np.zeros(1, np.int64), False, n_fft // 2)
    settled(place, frames, n_fft // 2, shift, np.array([-thresh], x.dtype))
    return out


def _levels(
    x: Real, n_fft: int, hop: int, frames: int, out: Real, *, shape: int, mean: float, floor: float = 0.0
) -> tuple[float, float]:
    """Levels of x - mean, or of a multiple of it where powers would overflow or vanish: (largest power, multiplier)."""

    def run(scale: float) -> float:
        step = level_step(n_fft // 2, last_step(x.dtype, shape=shape, least=floor * scale))
        signals = signals_of(x[None], mean=mean, scale=scale)
        return float(hamming_analysis(n_fft, hop, x.dtype).run(signals, 0, frames, out.T[None], step).max())

    power = run(1.0)
    if np.finfo(x.dtype).tiny ** 0.5 < power < np.inf:
        return power, 1.0
    scale = comfortable_scale(max(float(x.max()) - mean, mean - float(x.min())), x.dtype)
    return (power, scale) if scale == 1 else (run(scale), scale)


def convergence(y: Real, S: Real, n_fft: int, hop: int) -> float:
    """Spectral convergence in dB: 20 log10(|| |STFT(y)| - S || / || S ||), Frobenius norms; lower is better.

    S are linear magnitudes (frames, n_fft // 2); the STFT has their frames, a symmetric Hamming window, and y's mean
    removed.  Griffin & Lim, IEEE Trans. ASSP-32 (1984), eq. 7, relative to S.
    """
    found = magnitude(y, n_fft, hop, len(S), mean=float(y.mean()))
    norm = float(np.linalg.norm(S))
    miss = float(np.linalg.norm(np.subtract(found, S, out=found)))
    if miss == 0 or norm == 0:
        return -np.inf if miss == 0 else np.inf
    return 20 * np.log10(miss / norm)
