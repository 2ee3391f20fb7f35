"""The overlap-add by SciPy's transform, for sizes that the kernels lack, a block of frames at a time.

Here, too, every sample adds up its frames from the first to the last, so that its bits do not depend on the blocks.
"""

from typing import NamedTuple

import numpy as np

from .._typing import Complex, Real
from ..kernels.runtime.threads import thread_count

BLOCK_NUMBERS = 1 << 18  # transformed at a time


class FrameRange(NamedTuple):
    """Frames of a signal, and the samples to be written; see `inverse.InverseTransform.run`."""

    hop: int
    window: Real  # of the dtype
    weight: Real  # (rows of weights, min(hop, n_fft))
    start: int  # the first sample written
    first_frame: int
    total_frames: int  # of the whole signal
    lag: int = 0  # columns that are complete, yet kept; see `kernels.stft.inverse`


def add_frames(
    D: Complex, out: Real, wanted: FrameRange, before: Real | None = None, after: Real | None = None
) -> None:
    """Signals (signals, length) of frames (signals, bins, frames): on from the sums `before`, leaving those `after`."""
    signals, _, frames = D.shape
    n, hop, reach = len(wanted.window), wanted.hop, -(-len(wanted.window) // wanted.hop)
    block_frames, kept = max(1, BLOCK_NUMBERS // n), reach - 1 + wanted.lag
    block_signals = max(1, BLOCK_NUMBERS // (min(block_frames, frames + 1) * n))
    out[:, : max(0, (wanted.first_frame - wanted.lag) * hop - wanted.start)] = 0
    if after is None:
        out[:, max(0, (wanted.first_frame + frames + reach - 1) * hop - wanted.start) :] = 0
    for b in range(0, signals, block_signals):
        rows = slice(b, b + block_signals)
        sums = np.zeros((len(D[rows]), kept, min(hop, n)), out.dtype) if before is None else before[rows]
        for f in range(0, max(1, frames), block_frames):
            X = D[rows, :, f : f + block_frames]
            count, last = X.shape[2], f + block_frames >= frames
            sums = _sums(X, sums, wanted)
            complete = count + wanted.lag + (reach - 1 if last and after is None else 0)
            _write(sums[:, :complete], wanted.first_frame + f - wanted.lag, out[rows], wanted)
            sums = sums[:, count:]
        if after is not None:
            after[rows] = sums


def _sums(D: Complex, kept: Real, wanted: FrameRange) -> Real:
    """The columns (signals, frames + kept, rows) that frames and what is kept of those before them add up to."""
    from scipy import fft

    signals, _, count = D.shape
    _, columns, rows = kept.shape
    n, hop, sums = len(wanted.window), wanted.hop, np.zeros((signals, count + columns, rows), kept.dtype)
    sums[:, :columns] = kept
    if not count:
        return sums
    frames = fft.irfft(np.swapaxes(D, 1, 2), n, workers=thread_count())
    frames *= wanted.window
    reach = -(-n // hop)
    if count < reach:  # so few that they are taken one by one
        flat = sums.reshape(signals, -1)
        for f in range(count):
            at = (wanted.lag + f) * rows
            flat[:, at : at + n] += frames[:, f]
        return sums
    for q in reversed(range(reach)):
        samples = frames[:, :, q * hop : (q + 1) * hop]
        sums[:, wanted.lag + q : wanted.lag + q + count, : samples.shape[2]] += samples
    return sums


def _write(sums: Real, column: int, out: Real, wanted: FrameRange) -> None:
    """Write the columns from `column` on, weighted, as far as they are wanted."""
    reach, rows = -(-len(wanted.window) // wanted.hop), sums.shape[2]
    columns = column + np.arange(sums.shape[1])
    behind = columns - wanted.total_frames + min(wanted.total_frames, reach)
    weighted = sums * wanted.weight[np.where(columns < wanted.total_frames, np.minimum(columns, reach - 1), behind)]
    length = out.shape[1]
    if rows == wanted.hop:
        columns, weighted, rows = columns[:1], weighted.reshape(len(sums), 1, -1), rows * len(columns)
    for k, first in enumerate(columns * wanted.hop - wanted.start):
        low, high = max(0, int(first)), min(length, int(first) + rows)
        if low < high:
            out[:, low:high] = weighted[:, k, low - first : high - first]
        out[:, max(low, high) : min(length, max(0, int(first) + wanted.hop))] = 0
