"""The notebook's spectra: y -> D, |D|, log10 |D|, with a symmetric Hamming window and zeros past the end."""

from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import Array, Complex, Real
from ..kernels.features.levels import LOG, ROOT, half_log10
from ..kernels.runtime.calls import aligned
from ..transform.epilogue import Epilogue, clip_and_scale, complex_bins, epilogue_args, levels_of_bins
from ..transform.forward import ForwardTransform
from ..transform.framing import hamming, power_of_two_scale
from ..transform.memory import MemoryLayout, signal_args
from .blockwise import BLOCK_VALUES, BlockArray, chunks

BLOCK = 1 << 23  # numbers of frames that are analysed in one call


@lru_cache(16)
def hamming_analysis(n_fft: int, hop: int, dtype: np.dtype[Any]) -> ForwardTransform:
    """The tables of the notebook's transform."""
    return ForwardTransform(n_fft, hop, hamming(n_fft), dtype)


def _numbers(x: Real | BlockArray) -> BlockArray:
    return x if isinstance(x, BlockArray) else BlockArray("y", x)


def _analysed(
    x: BlockArray, n_fft: int, hop: int, frames: int, out: Array, epilogue: Epilogue, mean: float, scale: float
) -> float:
    """Frames of (x - mean) scale, a block at a time, to out (frames, width); returns the largest of their peaks."""
    many, largest = max(1, BLOCK // n_fft), 0.0
    analysis = hamming_analysis(n_fft, hop, x.dtype)
    if x.whole is None:
        many = max(1, min(many, BLOCK_VALUES // hop))
    elif frames <= many:
        signals = signal_args(x.whole[None], mean=mean, scale=scale)
        return float(analysis.run(signals, 0, frames, out.T[None], epilogue).max())
    for first, last in chunks(frames, many):
        samples, origin = x.whole, first * hop
        if samples is None:
            samples, origin = x.block(origin, origin + (last - first - 1) * hop + n_fft), 0
        signals = signal_args(samples[None], mean=mean, scale=scale)
        largest = max(
            largest, float(analysis.run(signals, origin, last - first, out[first:last].T[None], epilogue).max())
        )
    return largest


def complex_spectrum(
    x: Real | BlockArray, n_fft: int, hop: int, frames: int, *, bins: int, mean: float = 0.0, out: Complex | None = None
) -> Complex:
    """Hamming-windowed spectrum of x - mean, zeros past its end.

    D[t, k] = sum over j of w[j] (x[t hop + j] - mean) exp(-2 pi i j k / n_fft), shape (frames, bins), where bins is
    at most n_fft // 2 + 1, or n_fft for the whole circle.
    """
    x = _numbers(x)
    if out is None:
        out = aligned(frames * bins * 2, x.dtype).view(np.result_type(x.dtype, np.complex64)).reshape(frames, bins)
    epilogue = complex_bins(x.dtype, bins, full=bins > n_fft // 2 + 1)
    _analysed(x, n_fft, hop, frames, out, epilogue, mean, 1.0)
    return out


def magnitude(
    x: Real | BlockArray,
    n_fft: int,
    hop: int,
    frames: int,
    *,
    mean: float = 0.0,
    floor: float = 0.0,
    out: Real | None = None,
) -> Real:
    """max(|D|, floor) of the first n_fft // 2 bins, shape (frames, n_fft // 2)."""
    x = _numbers(x)
    if out is None:
        out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    _, scale = _levels(x, n_fft, hop, frames, out, shape=ROOT, mean=mean, floor=floor)
    if scale != 1:
        out /= x.dtype.type(scale)
    return out


def log_magnitude(
    x: Real | BlockArray,
    n_fft: int,
    hop: int,
    frames: int,
    *,
    mean: float = 0.0,
    thresh: float,
    out: Real | None = None,
) -> Real:
    """max(log10(|D| / max |D|), -thresh) of the first n_fft // 2 bins, (frames, n_fft // 2); silence is -thresh."""
    x = _numbers(x)
    if out is None:
        out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    power, _ = _levels(x, n_fft, hop, frames, out, shape=LOG, mean=mean)
    if power == 0:
        out[:] = -thresh
        return out
    shift = float(half_log10(np.array([power], x.dtype)))
    place = MemoryLayout(out.reshape(-1), np.zeros(1, np.int64), False, n_fft // 2)
    clip_and_scale(place, frames, n_fft // 2, shift, np.array([-thresh], x.dtype))
    return out


def _levels(
    x: BlockArray, n_fft: int, hop: int, frames: int, out: Real, *, shape: int, mean: float, floor: float = 0.0
) -> tuple[float, float]:
    """Levels of x - mean, or of a multiple of it where powers would overflow or vanish: (largest power, multiplier)."""

    def run(scale: float) -> float:
        epilogue = levels_of_bins(n_fft // 2, epilogue_args(x.dtype, shape=shape, least=floor * scale))
        return _analysed(x, n_fft, hop, frames, out, epilogue, mean, scale)

    power = run(1.0)
    if np.finfo(x.dtype).tiny ** 0.5 < power < np.inf:
        return power, 1.0
    least, largest = x.range()
    scale = power_of_two_scale(max(largest - mean, mean - least), x.dtype)
    return (power, scale) if scale == 1 else (run(scale), scale)


def convergence(y: Real, S: Real | BlockArray, n_fft: int, hop: int) -> float:
    """Spectral convergence in dB: 20 log10(|| |STFT(y)| - S || / || S ||), Frobenius norms; lower is better.

    S are linear magnitudes (frames, at least n_fft // 2), of which the first n_fft // 2 bins count; the STFT has their
    frames, a symmetric Hamming window, and y's mean removed.  Griffin & Lim, IEEE Trans. ASSP-32 (1984), eq. 7,
    relative to S.
    """
    mean, missing, norms, first = float(y.mean()), [], [], 0
    for part in S.blocks() if isinstance(S, BlockArray) else (S,):
        samples = y[first * hop : (first + len(part) - 1) * hop + n_fft] if len(part) < len(S) else y
        half = part[:, : n_fft // 2]
        found = magnitude(samples, n_fft, hop, len(part), mean=mean)
        norms.append(float(np.linalg.norm(half)))
        missing.append(float(np.linalg.norm(np.subtract(found, half, out=found))))
        first += len(part)
    norm, miss = float(np.linalg.norm(norms)), float(np.linalg.norm(missing))
    if miss == 0 or norm == 0:
        return -np.inf if miss == 0 else np.inf
    return 20 * np.log10(miss / norm)
