"""From signal to spectrum: y -> D, y -> |D|, y -> log10 |D|, by the lane kernels or, for sizes they lack, by SciPy."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .framing import comfortable_scale, hamming
from .kernels import compiled, plan
from .kernels.analysis import analyse, settle
from .kernels.calls import aligned, new_board
from .kernels.frames import LINEAR, LOG
from .kernels.jit import team_size, thread_count
from .kernels.realfft import COMPLEX, POWER

Real = NDArray[np.floating]
Complex = NDArray[np.complexfloating]

STRIP_BYTES = 96 << 10  # a strip of this size shares the second-level cache with the transform
STREAM_BYTES = 8 << 20  # larger outputs are written past the caches
CHUNK = 1 << 15  # numbers a work item of `settle`
BLOCK_BYTES = 2 << 20  # frames that SciPy transforms at a time


def strip_group(n_fft: int, hop: int, dtype: np.dtype[Any]) -> int:
    """Tiles that share a strip: more of them repeat less of the signal, as long as the strip stays in the cache."""
    rows = min(hop, n_fft)
    group = 1
    while group < 16 and rows * plan.lead(n_fft, hop, 2 * group, dtype) * dtype.itemsize <= STRIP_BYTES:
        group *= 2
    return group


@lru_cache(16)
def _tables(n_fft: int, hop: int, dtype: np.dtype[Any]) -> tuple[plan.Tables, int, int]:
    group = strip_group(n_fft, hop, dtype)
    lead = plan.lead(n_fft, hop, group, dtype)
    addresses = (compiled.transform_rows(dtype).address, compiled.forward(dtype).address, 0)
    window = hamming(n_fft)
    return plan.tables(n_fft, hop, lead, window, window, dtype, addresses), group, lead


def _run(
    x: Real,
    n_fft: int,
    hop: int,
    frames: int,
    out: Real,
    *,
    op: int,
    shape: int = LINEAR,
    full: bool = False,
    mean: float = 0.0,
    scale: float = 1.0,
    floor: float = 0.0,
) -> float:
    """The kernels' way: writes `out` (frames, ...) and returns the largest power seen."""
    dtype = x.dtype
    p, group, lead = _tables(n_fft, hop, dtype)
    V, ld = plan.lanes(dtype), out.shape[1]
    bins = ld if op == POWER else ld // 2
    tile = 2 * V * max(bins, n_fft // 2 + 1)
    rows, work = min(hop, n_fft), plan.work_size(p)
    scratch = -(-(rows * lead + work * 2 * V + 2 * tile) // 16) * 16
    streamed = out.nbytes > STREAM_BYTES and out.ctypes.data % 64 == 0 and ld * dtype.itemsize % 64 == 0
    put = compiled.put_levels(dtype) if op == POWER else compiled.put_complex(dtype)
    job = plan.Job(
        put.address, op, shape, full, streamed, hop, rows, lead, group, frames, bins, ld, work, tile, scratch,
        dtype.type(mean), dtype.type(scale), dtype.type(floor),
    )  # fmt: skip
    strips = -(-frames // (group * V))
    peaks = np.zeros(-(-frames // V) * V, dtype)
    workers = team_size()
    space = aligned(scratch * workers, dtype)
    function = compiled.analysis_strip(dtype).address
    analyse(strips, workers, new_board(), function, x, p, job, out.reshape(-1), peaks, space, work=frames * n_fft * 16)
    return float(peaks[:frames].max())


def library_spectrum(
    x: Real, n_fft: int, hop: int, start: int, stop: int, *, mean: float = 0.0, scale: float = 1.0
) -> Complex:
    """Half spectra of frames start .. stop - 1 of (x - mean) scale by SciPy's transform, for sizes the kernels lack."""
    from scipy import fft

    part = np.zeros((stop - start - 1) * hop + n_fft, x.dtype)
    got = x[start * hop : start * hop + part.size]
    part[: got.size] = (got - x.dtype.type(mean)) * x.dtype.type(scale)
    framed = sliding_window_view(part, n_fft)[::hop] * hamming(n_fft).astype(x.dtype)
    return fft.rfft(framed, workers=thread_count())


def _blocks(x: Real, n_fft: int, hop: int, frames: int, mean: float, scale: float) -> Iterator[tuple[slice, Complex]]:
    """(slice of frames, their half spectra), a block at a time."""
    step = max(1, BLOCK_BYTES // (n_fft * x.itemsize))
    for first in range(0, frames, step):
        last = min(frames, first + step)
        yield slice(first, last), library_spectrum(x, n_fft, hop, first, last, mean=mean, scale=scale)


def complex_spectrum(x: Real, n_fft: int, hop: int, frames: int, *, bins: int, mean: float = 0.0) -> Complex:
    """Hamming-windowed spectrum of x - mean, zeros past its end.

    D[t, k] = sum over j of w[j] (x[t hop + j] - mean) exp(-2 pi i j k / n_fft), shape (frames, bins), where bins is
    at most n_fft // 2 + 1, or n_fft for the whole circle.
    """
    full = bins > n_fft // 2 + 1
    out = aligned(frames * bins * 2, x.dtype).reshape(frames, 2 * bins)
    if plan.supported(n_fft):
        _run(x, n_fft, hop, frames, out, op=COMPLEX, full=full, mean=mean)
        return out.view(np.result_type(x.dtype, np.complex64))
    D = out.view(np.result_type(x.dtype, np.complex64))
    half = n_fft // 2 + 1
    for part, found in _blocks(x, n_fft, hop, frames, mean, 1.0):
        D[part, :half] = found[:, :bins]
        if full:
            np.conjugate(found[:, n_fft - half : 0 : -1], out=D[part, half:])
    return D


def magnitude(x: Real, n_fft: int, hop: int, frames: int, *, mean: float = 0.0, floor: float = 0.0) -> Real:
    """max(|D|, floor) of the first n_fft // 2 bins, shape (frames, n_fft // 2)."""
    out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    if plan.supported(n_fft):
        _, scale = _levels(x, n_fft, hop, frames, out, shape=LINEAR, mean=mean, floor=floor)
        if scale != 1:
            out /= x.dtype.type(scale)
        return out
    for part, D in _blocks(x, n_fft, hop, frames, mean, 1.0):
        np.maximum(np.abs(D[:, : n_fft // 2]), x.dtype.type(floor), out=out[part])
    return out


def log_magnitude(x: Real, n_fft: int, hop: int, frames: int, *, mean: float = 0.0, thresh: float) -> Real:
    """max(log10(|D| / max |D|), -thresh) of the first n_fft // 2 bins, (frames, n_fft // 2); silence is -thresh."""
    out = aligned(frames * (n_fft // 2), x.dtype).reshape(frames, n_fft // 2)
    if plan.supported(n_fft):
        power, _ = _levels(x, n_fft, hop, frames, out, shape=LOG, mean=mean)
    else:
        for part, D in _blocks(x, n_fft, hop, frames, mean, _scale(x, mean)):
            out[part] = np.abs(D[:, : n_fft // 2])
        power = float(out.max()) ** 2
        with np.errstate(divide="ignore"):
            np.log10(out, out=out)
    if power == 0:
        out[:] = -thresh
        return out
    number = x.dtype.type
    settle(-(-out.size // CHUNK), team_size(), new_board(), out.reshape(-1), CHUNK, number(power), number(-thresh))
    return out


def _levels(
    x: Real, n_fft: int, hop: int, frames: int, out: Real, *, shape: int, mean: float, floor: float = 0.0
) -> tuple[float, float]:
    """Levels of x - mean, or of a multiple of it where powers would overflow or vanish: (largest power, multiplier)."""
    power = _run(x, n_fft, hop, frames, out, op=POWER, shape=shape, mean=mean, floor=floor)
    if np.finfo(x.dtype).tiny ** 0.5 < power < np.inf:
        return power, 1.0
    scale = _scale(x, mean)
    if scale != 1:
        power = _run(x, n_fft, hop, frames, out, op=POWER, shape=shape, mean=mean, scale=scale, floor=floor * scale)
    return power, scale


def _scale(x: Real, mean: float) -> float:
    """A power of two that keeps powers of x - mean from overflowing and from vanishing."""
    return comfortable_scale(max(float(x.max()) - mean, mean - float(x.min())), x.dtype)


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
