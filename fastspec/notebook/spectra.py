"""The notebook's spectra: y -> D, |D|, log10 |D|, with a symmetric Hamming window and zeros past the end."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import Array, Complex, Real
from ..forks import while_none_forks
from ..kernels.features.levels import LOG, ROOT, half_log10
from ..kernels.runtime.calls import aligned
from ..transform.epilogue import Epilogue, clip_and_scale, complex_bins, epilogue_args, levels_of_bins
from ..transform.forward import ForwardTransform
from ..transform.framing import hamming, power_of_two_scale
from ..transform.memory import MemoryLayout, signal_args
from ..transform.prepared import ArrayCall
from .blockwise import BLOCK_VALUES, BlockArray, chunks

CALL_VALUES = 1 << 23  # samples of the frames that are analysed in one call
SHORT_SAMPLES = 1 << 14
"""Of a signal whose call is prepared once for its length, and from which the mean is subtracted before."""


@lru_cache(16)
def hamming_analysis(n_fft: int, hop: int, dtype: np.dtype[Any]) -> ForwardTransform:
    """The notebook's transform: a symmetric Hamming window."""
    return ForwardTransform(n_fft, hop, hamming(n_fft), dtype)


@lru_cache(256)
def _short_call(n: int, n_fft: int, hop: int, frames: int, bins: int, dtype: np.dtype[Any]) -> ArrayCall:
    """The call for the complex spectra of a signal of n samples, see `complex_spectrum`."""
    epilogue = complex_bins(dtype, bins, full=bins > n_fft // 2 + 1)
    return hamming_analysis(n_fft, hop, dtype).prepare_signals(1, n, 0, frames, epilogue, frames_contiguous=False)


class FrameGrid(NamedTuple):
    """`n_frames` frames of n_fft samples, hop apart, the first at sample 0."""

    n_fft: int
    hop: int
    n_frames: int


def _as_block_array(x: Real | BlockArray) -> BlockArray:
    """x as a `BlockArray`."""
    return x if isinstance(x, BlockArray) else BlockArray("y", x)


def _analyse(x: BlockArray, grid: FrameGrid, out: Array, epilogue: Epilogue, mean: float, scale: float) -> float:
    """The epilogue of all frames of (x - mean) scale to out (frames, width); returns the largest power."""
    n_fft, hop, frames = grid
    call_frames, largest = max(1, CALL_VALUES // n_fft), 0.0
    analysis = hamming_analysis(n_fft, hop, x.dtype)
    if x.whole is None:
        call_frames = max(1, min(call_frames, BLOCK_VALUES // hop))
    elif frames <= call_frames:
        signals = signal_args(x.whole[None], mean=mean, scale=scale)
        return float(analysis.run(signals, 0, frames, out.T[None], epilogue).max())
    for first, last in chunks(frames, call_frames):
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
    x = _as_block_array(x)
    if out is None:
        out = aligned(frames * bins * 2, x.dtype).view(np.result_type(x.dtype, np.complex64)).reshape(frames, bins)
    if x.whole is not None and len(x) <= SHORT_SAMPLES:
        call = _short_call(len(x), n_fft, hop, frames, bins, x.dtype)
        call.run(x.whole - x.dtype.type(mean), out.reshape(-1).view(x.dtype))
        return out
    epilogue = complex_bins(x.dtype, bins, full=bins > n_fft // 2 + 1)
    _analyse(x, FrameGrid(n_fft, hop, frames), out, epilogue, mean, 1.0)
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
    x = _as_block_array(x)
    if out is None:
        out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    _, scale = _levels(x, FrameGrid(n_fft, hop, frames), out, shape=ROOT, mean=mean, floor=floor)
    if scale != 1:
        out[out < scale * float(np.finfo(x.dtype).tiny)] = 0  # denormals would take long
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
    x = _as_block_array(x)
    if out is None:
        out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    power, _ = _levels(x, FrameGrid(n_fft, hop, frames), out, shape=LOG, mean=mean)
    if power == 0:
        out[:] = -thresh
        return out
    shift = float(half_log10(np.array([power], x.dtype)))
    layout = MemoryLayout(out.reshape(-1), np.zeros(1, np.int64), False, n_fft // 2)
    clip_and_scale(layout, frames, n_fft // 2, shift, np.array([-thresh], x.dtype))
    return out


def _levels(
    x: BlockArray, grid: FrameGrid, out: Real, *, shape: int, mean: float, floor: float = 0.0
) -> tuple[float, float]:
    """(largest power, scale): levels of (x - mean) scale; scale is 1 unless powers would overflow or underflow."""

    def analyse(scale: float) -> float:
        epilogue = levels_of_bins(grid.n_fft // 2, epilogue_args(x.dtype, shape=shape, least=floor * scale))
        return _analyse(x, grid, out, epilogue, mean, scale)

    least_power = float(np.finfo(x.dtype).tiny) ** 0.5
    if not _is_quiet(x, mean, least_power**0.5 / (2 * grid.n_fft)):
        power = analyse(1.0)
        if least_power < power < np.inf:
            return power, 1.0
    scale = power_of_two_scale(_peak(x, mean), x.dtype)
    return analyse(scale), scale


def _peak(x: BlockArray, mean: float) -> float:
    least, largest = x.range()
    return max(largest - mean, mean - least)


def _is_quiet(x: BlockArray, mean: float, peak: float) -> bool:
    """Whether no sample differs from the mean by more than `peak`; mostly a few samples show that one does."""
    step = max(1, len(x) // 64)
    few = [x.block(i, i + 1)[0] for i in range(0, len(x), step)] if x.whole is None else x.whole[::step]
    return bool(np.abs(np.subtract(few, mean, dtype=np.float64)).max() <= peak) and _peak(x, mean) <= peak


def convergence(y: Real, S: Real | BlockArray, n_fft: int, hop: int) -> float:
    """Spectral convergence in dB: 20 log10(|| |STFT(y)| - S || / || S ||), Frobenius norms; lower is better.

    S are linear magnitudes (frames, at least n_fft // 2), whose first n_fft // 2 bins count; the STFT has their frames,
    a symmetric Hamming window, and the mean of y removed.  Griffin & Lim, IEEE Trans. ASSP-32 (1984), eq. 7, relative
    to S.
    """
    mean, errors, norms, first = float(y.mean()), [], [], 0
    for block in S.blocks() if isinstance(S, BlockArray) else (S,):
        samples = y[first * hop : (first + len(block) - 1) * hop + n_fft] if len(block) < len(S) else y
        target = block[:, : n_fft // 2]
        measured = magnitude(samples, n_fft, hop, len(block), mean=mean)
        with while_none_forks():
            norms.append(float(np.linalg.norm(target)))
            errors.append(float(np.linalg.norm(np.subtract(measured, target, out=measured))))
        first += len(block)
    norm, error = float(np.linalg.norm(norms)), float(np.linalg.norm(errors))
    if error == 0 or norm == 0:
        return -np.inf if error == 0 else np.inf
    return 20 * np.log10(error / norm)
