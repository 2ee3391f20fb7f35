"""Spectra -> signals by SciPy's transform, for sizes that the kernels lack, a block of frames at a time.

Every sample adds its frames from the first to the last, so its bits do not depend on the blocks.
"""

from typing import NamedTuple

import numpy as np

from .._typing import Complex, Real
from .quiet_rows import quiet_gains
from .scipy_fft import irfft

BLOCK_NUMBERS = 1 << 18  # real numbers transformed at a time


class FrameRange(NamedTuple):
    """Frames of a signal, and the samples to be written; see `inverse.InverseTransform.run`."""

    hop: int
    window: Real  # of the dtype
    weight: Real  # (rows of weights, min(hop, n_fft))
    start: int  # the first sample of the output
    first_frame: int
    total_frames: int  # of the whole signal
    lag: int = 0  # complete columns that are kept; see `kernels.stft.inverse`


def add_frames(
    D: Complex, out: Real, frame_range: FrameRange, before: Real | None = None, after: Real | None = None
) -> None:
    """Write signals (signals, length) of spectra (signals, bins, frames).

    `before` and `after` (signals, kept, rows) are sums of earlier frames, and output for later frames.
    """
    signals, _, frames = D.shape
    n, hop, reach = len(frame_range.window), frame_range.hop, -(-len(frame_range.window) // frame_range.hop)
    block_frames, kept = max(1, BLOCK_NUMBERS // n), reach - 1 + frame_range.lag
    block_signals = max(1, BLOCK_NUMBERS // (min(block_frames, frames + 1) * n))
    out[:, : max(0, (frame_range.first_frame - frame_range.lag) * hop - frame_range.start)] = 0
    if after is None:
        out[:, max(0, (frame_range.first_frame + frames + reach - 1) * hop - frame_range.start) :] = 0
    for b in range(0, signals, block_signals):
        rows = slice(b, b + block_signals)
        sums = np.zeros((len(D[rows]), kept, min(hop, n)), out.dtype) if before is None else before[rows]
        for f in range(0, max(1, frames), block_frames):
            X = D[rows, :, f : f + block_frames]
            count, last = X.shape[2], f + block_frames >= frames
            sums = _sums(X, sums, frame_range)
            complete = count + frame_range.lag + (reach - 1 if last and after is None else 0)
            _write(sums[:, :complete], frame_range.first_frame + f - frame_range.lag, out[rows], frame_range)
            sums = sums[:, count:]
        if after is not None:
            after[rows] = sums


def _sums(D: Complex, kept: Real, frame_range: FrameRange) -> Real:
    """Columns (signals, frames + kept, rows) of the sum of frames and the kept sums of earlier frames."""
    signals, _, count = D.shape
    _, columns, rows = kept.shape
    n, hop, sums = len(frame_range.window), frame_range.hop, np.zeros((signals, count + columns, rows), kept.dtype)
    sums[:, :columns] = kept
    if not count:
        return sums
    bins = np.swapaxes(D, 1, 2)
    gains = quiet_gains(bins)
    frames = irfft(bins if gains is None else bins * gains, n)
    frames *= frame_range.window
    if gains is not None:
        frames *= 1 / gains
    reach = -(-n // hop)
    if count < reach:  # few frames: a frame at a time
        flat = sums.reshape(signals, -1)
        for f in range(count):
            at = (frame_range.lag + f) * rows
            flat[:, at : at + n] += frames[:, f]
        return sums
    for q in reversed(range(reach)):
        samples = frames[:, :, q * hop : (q + 1) * hop]
        sums[:, frame_range.lag + q : frame_range.lag + q + count, : samples.shape[2]] += samples
    return sums


def _write(sums: Real, column: int, out: Real, frame_range: FrameRange) -> None:
    """Write columns from `column` on, times their weights, as far as they are in the range of samples."""
    reach, rows = -(-len(frame_range.window) // frame_range.hop), sums.shape[2]
    columns = column + np.arange(sums.shape[1])
    end_rows = columns - frame_range.total_frames + min(frame_range.total_frames, reach)
    weight_rows = np.where(columns < frame_range.total_frames, np.minimum(columns, reach - 1), end_rows)
    weighted = sums * frame_range.weight[weight_rows]
    length = out.shape[1]
    if rows == frame_range.hop:
        columns, weighted, rows = columns[:1], weighted.reshape(len(sums), 1, -1), rows * len(columns)
    for k, first in enumerate(columns * frame_range.hop - frame_range.start):
        low, high = max(0, int(first)), min(length, int(first) + rows)
        if low < high:
            out[:, low:high] = weighted[:, k, low - first : high - first]
        out[:, max(low, high) : min(length, max(0, int(first) + frame_range.hop))] = 0
