"""Inversion by offsets: each frame is shifted to where it best correlates with what the frames before it add up to.

A frame of n_fft samples is rebuilt from its bins, reversed in time, and the half of it around its middle is added with
a symmetric Hamming window, `hop` samples after the frame before; the sum is divided by the sum of the windows + 1e-6.
That half is taken `offset` samples earlier in the frame, where offset maximises the cross-correlation of its first
n_fft / 2 - hop samples with the signal so far.  This is what the notebook does; `recover` iterates it with the phases
of the signal it gave (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243; offsets: Zhu, Beauregard & Wyse, IEEE Trans.
Audio, Speech and Language Processing 15, 2007, 1645-1653).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from .._typing import Array, Real
from ..kernels.fft import tables as fft_tables
from ..transform import memory
from ..transform.framing import power_of_two_scale
from .blockwise import BlockArray, chunks, scratch_wave
from .passes import BLOCK, Given, Passes, segment_offset
from .segments import LAST, Runs, thinning

__all__ = ["invert_complex", "invert_pretty", "known", "recover", "segment_offset"]
OnIteration = Callable[[int, int, Real], None]


def known(S: Real, n_fft: int, *, logarithmic: bool, mirrored: bool) -> Real:
    """Magnitudes of the Hermitian half of a spectrum, laid out for `Passes`.

    With A the n_fft columns of the whole spectrum, H[k] = (A[k] + A[(n_fft - k) mod n_fft]) / 2 for k <= n_fft / 2.
    `mirrored`: S holds the first half, and the second is its mirror image, A = [S, S[:, ::-1]].  `logarithmic`: S are
    decimal logarithms.
    """
    k = np.arange(n_fft // 2 + 1)
    one, other = k, (n_fft - k) % n_fft
    if mirrored:
        one, other = (np.where(i < S.shape[1], i, n_fft - 1 - i) for i in (one, other))
    if not fft_tables.has_inverse(n_fft):
        A = np.power(10, S) if logarithmic else S
        return (A[:, one] + A[:, other]) / 2
    order = fft_tables.bin_order(n_fft)
    return memory.arrange_in_lanes(S.T[None], one[order], other[order], logarithmic=logarithmic)


def invert_complex(D: Array, size: float, hop: int, *, search: bool = True, out: Real | None = None) -> Real:
    """The signal of a complex spectrogram (frames, n_fft), of which the real part is taken.

    `size` is about the size of its numbers, their norm or the largest of them: it decides how they are scaled.  Numbers
    of another dtype than complex64 or complex128 become one of them, a block of frames at a time if they are many.
    """
    frames, n_fft = D.shape
    kind = np.dtype(np.complex64 if D.dtype.itemsize == 8 else np.complex128)
    real = np.empty(0, kind).real.dtype
    ready = D.dtype == kind and D.flags.c_contiguous and D.flags.aligned
    given = Given(
        (frames, 1 if ready else n_fft),
        kind,
        lambda first, last: checks.writable_view(np.ascontiguousarray(D[first:last], kind)),
    )
    passes = Passes(frames, n_fft, hop, real, given, size, search=search)
    y = np.empty(passes.length, real) if out is None else out
    passes.run(None, y)
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
    on_iteration: OnIteration | None = None,
    out: Real | None = None,
) -> Real:
    """The signal of magnitudes: one pass without phases, then n_iter with the phases of the signal before.

    Parameters
    ----------
    S : np.ndarray or BlockArray [shape=(frames, n_fft) or, if mirrored, (frames, n_fft // 2)]
        Magnitudes, or their decimal logarithms; see `known`.
    segments : int or None
        Runs of frames that are chains of their own, in float32; None and 1 for one chain; see `offset_runs`.
    on_iteration : callable
        Called with (i, n_iter, y) after iteration i = 1 .. n_iter, y the signal whose phases it took; y changes later.
    out : np.ndarray [shape=(frames * hop + n_fft // 2,)]
        Where the signal goes; of the dtype of S.
    """
    S = S if isinstance(S, BlockArray) else BlockArray("S", S)
    frames, exact = len(S), segments is None or segments == 1 or not fft_tables.has_inverse(n_fft)
    dtype = S.dtype if exact else np.dtype(np.float32)
    least, largest = S.range()
    peak = 10.0**largest if logarithmic else max(largest, -least)
    scale = power_of_two_scale(peak, S.dtype)

    def passes(step: int) -> Passes:
        given = _given(S, n_fft, dtype, scale, step, logarithmic=logarithmic, mirrored=mirrored)
        return Passes(-(-frames // step), n_fft, hop * step, dtype, given, peak * scale, search=search)

    every = passes(1)
    result = np.empty(every.length, S.dtype) if out is None else out
    kinds: list[Passes | Runs] = [every] * (n_iter + 1)
    if not exact and every.args.search:
        kinds = _in_runs(every, passes, segments or 1, n_iter + 1)
    waves = [result if dtype == S.dtype else scratch_wave(every.length, dtype)]
    waves += [scratch_wave(every.length, dtype)] if n_iter else []
    before = None
    for i, kind in enumerate(kinds):
        y = waves[(n_iter - i) % 2]
        kind.run(before, y)
        if i and on_iteration is not None and before is not None:
            on_iteration(i, n_iter, before if scale == 1 else before / S.dtype.type(scale))
        before = y
    if y is not result or scale != 1:
        for first, last in chunks(every.length, BLOCK):
            result[first:last] = y[first:last] if scale == 1 else y[first:last] / S.dtype.type(scale)
    return result


def _in_runs(every: Passes, passes: Callable[[int], Passes], segments: int, total: int) -> list[Passes | Runs]:
    """The passes in runs, of which those before the last take fewer frames."""
    step = thinning(every.n_fft, every.hop)
    last: list[Passes | Runs] = [Runs(every, segments)] * min(total, LAST)
    if total <= LAST:
        return last
    fewer = last[0] if step == 1 else Runs(passes(step), segments)
    return [fewer] * (total - LAST) + last


def _given(
    S: BlockArray, n_fft: int, dtype: np.dtype[Any], scale: float, step: int, *, logarithmic: bool, mirrored: bool
) -> Given:
    """`known` of every `step`-th row times `scale` (or the squares of what is analysed would overflow or vanish)."""
    order = fft_tables.bin_order(n_fft) if fft_tables.has_inverse(n_fft) else None
    width = n_fft // 2 + 1 if order is None else order.size

    def make(first: int, last: int) -> Real:
        part, powers = S.block(first * step, (last - 1) * step + 1)[::step], logarithmic
        if scale != 1:
            raised = np.power(10.0, part + np.log10(scale), dtype=np.float64) if logarithmic else part * scale
            part, powers = raised.astype(S.dtype), False
        return known(part.astype(dtype, copy=False), n_fft, logarithmic=powers, mirrored=mirrored)

    return Given((-(-len(S) // step), width), dtype, make)


def invert_pretty(
    S: Real | BlockArray,
    *,
    log: bool = True,
    n_fft: int,
    hop: int,
    n_iter: int = 10,
    segments: int | None = None,
    on_iteration: OnIteration | None = None,
    out: Real | None = None,
) -> Real:
    """The signal of what `pretty_spectrogram` gives: half spectra, decimal logarithms if `log`; see `recover`."""
    return recover(
        S, n_fft, hop, n_iter, logarithmic=log, mirrored=True, segments=segments, on_iteration=on_iteration, out=out
    )
