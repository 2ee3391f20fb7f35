"""Inversion by offsets: each frame is shifted to where it best correlates with the sum of the frames before it.

A frame of n_fft samples is synthesized from its bins, reversed in time, and the half of it around its centre is added
with a symmetric Hamming window, `hop` samples after the frame before; the sum is divided by the sum of the windows +
1e-6.  That half is taken `offset` samples earlier in the frame, where offset maximises the cross-correlation of its
first n_fft / 2 - hop samples with the signal so far.  This is the notebook's method; `recover` iterates it with the
phases of the last signal (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243; offsets: Zhu, Beauregard & Wyse, IEEE
Trans. Audio, Speech and Language Processing 15, 2007, 1645-1653).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from .._typing import Array, Real
from ..kernels.fft import tables as fft_tables
from ..transform.framing import power_of_two_scale
from ..transform.magnitudes import arrange_in_lanes
from .blockwise import BlockArray, chunks, scratch_wave
from .passes import BLOCK_SAMPLES, FrameSource, Passes, correlation_offset
from .segments import FULL_PASSES, SegmentedPasses, decimation

__all__ = ["correlation_offset", "hermitian_magnitudes", "invert_complex", "invert_pretty", "recover"]
IterationCallback = Callable[[int, int, Real], None]


def hermitian_magnitudes(S: Real, n_fft: int, *, logarithmic: bool, mirrored: bool) -> Real:
    """Magnitudes H of the Hermitian half of spectra, in the order in which `Passes` reads them.

    With A the n_fft columns of the whole spectrum, H[k] = (A[k] + A[(n_fft - k) mod n_fft]) / 2 for k <= n_fft / 2.
    `mirrored`: S holds the first half, and the second is its mirror image, A = [S, S[:, ::-1]].  `logarithmic`: S are
    decimal logarithms.
    """
    k = np.arange(n_fft // 2 + 1)
    lower, upper = k, (n_fft - k) % n_fft
    if mirrored:
        lower, upper = (np.where(i < S.shape[1], i, n_fft - 1 - i) for i in (lower, upper))
    order = fft_tables.bin_order(n_fft)
    return arrange_in_lanes(S.T[None], lower[order], upper[order], logarithmic=logarithmic)


def invert_complex(D: Array, size: float, hop: int, *, search: bool = True, out: Real | None = None) -> Real:
    """The signal of the real part of irfft of a complex spectrogram D (frames, n_fft).

    `size` is about that of its values, such as their norm or the largest magnitude; it sets the scale of computation.
    Values of other dtypes than complex64 and complex128 are converted, a range of frames at a time if they are large.
    """
    frames, n_fft = D.shape
    dtype = np.dtype(np.complex64 if D.dtype.itemsize == 8 else np.complex128)
    real_dtype = np.empty(0, dtype).real.dtype
    is_native = D.dtype == dtype and D.flags.c_contiguous and D.flags.aligned
    source = FrameSource(
        (frames, 1 if is_native else n_fft),  # native values are views: keep them all
        dtype,
        lambda first, last: checks.writable_view(np.ascontiguousarray(D[first:last], dtype)),
    )
    passes = Passes(frames, n_fft, hop, real_dtype, source, size, search=search)
    y = np.empty(passes.length, real_dtype) if out is None else out
    passes.synthesize(None, y)
    return y


def recover(
    S: Real | BlockArray,
    n_fft: int,
    hop: int,
    n_iter: int,
    *,
    logarithmic: bool = False,
    mirrored: bool = False,
    search: bool = True,
    segments: int | None = None,
    on_iteration: IterationCallback | None = None,
    out: Real | None = None,
) -> Real:
    """The signal of magnitudes: one pass without phases, then n_iter passes with the phases of the last signal.

    Parameters
    ----------
    S : np.ndarray or BlockArray [shape=(frames, n_fft) or, if mirrored, (frames, n_fft // 2)]
        Magnitudes, or their decimal logarithms; see `hermitian_magnitudes`.
    segments : int or None
        Number of segments that are computed independently, in float32 (see `segments`); None and 1 for no division.
    on_iteration : callable
        Called as on_iteration(i, n_iter, y) after iteration i = 1 .. n_iter, with the signal y whose phases it took,
        which later iterations overwrite.
    out : np.ndarray [shape=(frames * hop + n_fft // 2,)]
        Output, of the dtype of S.
    """
    S = S if isinstance(S, BlockArray) else BlockArray("S", S)
    frames, is_whole = len(S), segments is None or segments == 1
    dtype = S.dtype if is_whole else np.dtype(np.float32)
    least, largest = S.range()
    peak = 10.0**largest if logarithmic else max(largest, -least)
    scale = power_of_two_scale(peak, S.dtype)

    def make_passes(factor: int) -> Passes:
        source = _magnitude_source(S, n_fft, dtype, scale, factor, logarithmic=logarithmic, mirrored=mirrored)
        return Passes(-(-frames // factor), n_fft, hop * factor, dtype, source, peak * scale, search=search)

    whole = make_passes(1)
    result = np.empty(whole.length, S.dtype) if out is None else out
    passes: list[Passes | SegmentedPasses] = [whole] * (n_iter + 1)
    if not is_whole and whole.args.searches_offset:
        passes = _segmented_passes(whole, make_passes, segments or 1, n_iter + 1)
    signals = [result if dtype == S.dtype else scratch_wave(whole.length, dtype)]
    signals += [scratch_wave(whole.length, dtype)] if n_iter else []
    previous = None
    for i, current in enumerate(passes):
        y = signals[(n_iter - i) % 2]
        current.synthesize(previous, y)
        if i and on_iteration is not None and previous is not None:
            on_iteration(i, n_iter, _unscaled(previous, scale, S.dtype))
        previous = y
    if y is not result or scale != 1:
        for first, last in chunks(whole.length, BLOCK_SAMPLES):
            result[first:last] = _unscaled(y[first:last], scale, S.dtype)
    return result


def _unscaled(y: Real, scale: float, dtype: np.dtype[Any]) -> Real:
    """y / scale in a dtype that holds the scale; segments are computed in float32."""
    return y if scale == 1 else np.divide(y, scale, dtype=dtype)


def _segmented_passes(
    whole: Passes, make_passes: Callable[[int], Passes], segments: int, total: int
) -> list[Passes | SegmentedPasses]:
    """`total` passes in segments, all but the last with decimated frames."""
    factor = decimation(whole.n_fft, whole.hop)
    last: list[Passes | SegmentedPasses] = [SegmentedPasses(whole, segments)] * min(total, FULL_PASSES)
    if total <= FULL_PASSES:
        return last
    decimated = last[0] if factor == 1 else SegmentedPasses(make_passes(factor), segments)
    return [decimated] * (total - FULL_PASSES) + last


def _magnitude_source(
    S: BlockArray, n_fft: int, dtype: np.dtype[Any], scale: float, factor: int, *, logarithmic: bool, mirrored: bool
) -> FrameSource:
    """`hermitian_magnitudes` of every `factor`-th row, times `scale`, lest squares overflow or underflow."""
    width = fft_tables.bin_order(n_fft).size

    def load(first: int, last: int) -> Real:
        rows, rows_logarithmic = S.block(first * factor, (last - 1) * factor + 1)[::factor], logarithmic
        if scale != 1:
            exponents = np.add(rows, np.log10(scale), dtype=np.float64) if logarithmic else None
            scaled = rows * scale if exponents is None else np.power(10.0, exponents)
            rows, rows_logarithmic = scaled.astype(S.dtype), False
        rows = rows.astype(dtype, copy=False)
        return hermitian_magnitudes(rows, n_fft, logarithmic=rows_logarithmic, mirrored=mirrored)

    return FrameSource((-(-len(S) // factor), width), dtype, load)


def invert_pretty(
    S: Real | BlockArray,
    *,
    log: bool = True,
    n_fft: int,
    hop: int,
    n_iter: int = 10,
    segments: int | None = None,
    on_iteration: IterationCallback | None = None,
    out: Real | None = None,
) -> Real:
    """The signal of a result of `pretty_spectrogram`: half spectra, decimal logarithms if `log`; see `recover`."""
    return recover(
        S, n_fft, hop, n_iter, logarithmic=log, mirrored=True, segments=segments, on_iteration=on_iteration, out=out
    )
