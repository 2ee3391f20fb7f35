"""The overlap-add of `synthesis` by SciPy's transform, for sizes that the kernels lack, a block of frames at a time.

Here, too, every sample adds up its frames from the first to the last, so that its bits do not depend on the blocks.
"""

from typing import NamedTuple

import numpy as np

from .._typing import Complex, Real
from ..kernels.runtime.threads import thread_count

BLOCK = 1 << 18  # numbers that are transformed at a time


class Part(NamedTuple):
    """Which samples of which frames; see `synthesis.Synthesis` and `kernels.runs`."""

    hop: int
    window: Real  # of the dtype
    weight: Real  # (rows of weights, min(hop, n_fft))
    start: int  # the first sample written
    number: int  # of the first frame
    total: int  # frames of the whole signal
    lag: int = 0


def add_up(D: Complex, out: Real, part: Part, before: Real | None = None, after: Real | None = None) -> None:
    """Signals (signals, length) of frames (signals, bins, frames): on from the sums `before`, leaving those `after`."""
    signals, _, frames = D.shape
    n, hop, reach = len(part.window), part.hop, -(-len(part.window) // part.hop)
    some, kept = max(1, BLOCK // n), reach - 1 + part.lag
    many = max(1, BLOCK // (min(some, frames + 1) * n))
    out[:, : max(0, (part.number - part.lag) * hop - part.start)] = 0
    if after is None:
        out[:, max(0, (part.number + frames + reach - 1) * hop - part.start) :] = 0
    for b in range(0, signals, many):
        here = slice(b, b + many)
        sums = np.zeros((len(D[here]), kept, min(hop, n)), out.dtype) if before is None else before[here]
        for f in range(0, max(1, frames), some):
            X = D[here, :, f : f + some]
            count, last = X.shape[2], f + some >= frames
            sums = _sums(X, sums, part)
            ready = count + part.lag + (reach - 1 if last and after is None else 0)
            _write(sums[:, :ready], part.number + f - part.lag, out[here], part)
            sums = sums[:, count:]
        if after is not None:
            after[here] = sums


def _sums(D: Complex, kept: Real, part: Part) -> Real:
    """The columns (signals, frames + kept, rows) that frames and what is kept of those before them add up to."""
    from scipy import fft

    signals, _, count = D.shape
    _, columns, rows = kept.shape
    n, hop, sums = len(part.window), part.hop, np.zeros((signals, count + columns, rows), kept.dtype)
    sums[:, :columns] = kept
    if not count:
        return sums
    frames = fft.irfft(np.swapaxes(D, 1, 2), n, workers=thread_count())
    frames *= part.window
    reach = -(-n // hop)
    if count < reach:  # so few that they are taken one by one
        flat = sums.reshape(signals, -1)
        for f in range(count):
            at = (part.lag + f) * rows
            flat[:, at : at + n] += frames[:, f]
        return sums
    for q in reversed(range(reach)):
        piece = frames[:, :, q * hop : (q + 1) * hop]
        sums[:, part.lag + q : part.lag + q + count, : piece.shape[2]] += piece
    return sums


def _write(sums: Real, column: int, out: Real, part: Part) -> None:
    """Write the columns from `column` on, weighted, as far as they are wanted."""
    reach, rows = -(-len(part.window) // part.hop), sums.shape[2]
    columns = column + np.arange(sums.shape[1])
    behind = columns - part.total + min(part.total, reach)
    weighted = sums * part.weight[np.where(columns < part.total, np.minimum(columns, reach - 1), behind)]
    length = out.shape[1]
    if rows == part.hop:
        columns, weighted, rows = columns[:1], weighted.reshape(len(sums), 1, -1), rows * len(columns)
    for k, first in enumerate(columns * part.hop - part.start):
        low, high = max(0, int(first)), min(length, int(first) + rows)
        if low < high:
            out[:, low:high] = weighted[:, k, low - first : high - first]
        out[:, max(low, high) : min(length, max(0, int(first) + part.hop))] = 0
