"""What needs all frames of a signal: limits relative to the largest value, means and deviations of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..features.log import clip_levels
from ..kernels.features import row_sums
from ..kernels.runtime.tasks import run_items

ChangeAll = Callable[[Callable[[Real], object]], object]
"""Calls a function for all blocks of frames (..., rows, frames) in order, which changes them in place."""


def limit_range(
    L: Real, largest: Real, dynamic_range: float | None, relative: bool, gain: float, offset: float
) -> None:
    """L = gain (max(L, top - dynamic_range) - top) + offset in place, the second top only if `relative`.

    L (..., rows, frames); top is the largest of each signal (signals,).
    """
    number = L.dtype.type
    tops = largest.reshape(-1)
    floors = np.full_like(tops, -np.inf) if dynamic_range is None else tops - number(dynamic_range)
    with np.errstate(invalid="ignore"):
        shifts = tops if relative else np.zeros_like(tops)
        if relative and gain != 1:
            clip_levels(L, floors, 1.0, -shifts)  # first the difference, which is exact near the largest
            clip_levels(L, np.full_like(tops, -np.inf), gain, np.full_like(tops, number(offset)))
        else:
            clip_levels(L, floors, gain, number(offset) - shifts)


def normalize_rows(change_all: ChangeAll, n_frames: int, floors: tuple[float, float] | None) -> None:
    """Subtract from each row its mean over all frames and, with floors, divide it by its deviation.

    The deviation is sqrt(sum of squares / (n_frames - 1) + floors[1]) + floors[0]; rows whose deviation is 0 are 0.
    The result has the same bits for any blocks of frames.
    """
    sums, squares = FrameSum(squared=False), FrameSum(squared=True)
    change_all(sums.add)
    means = sums.total() / n_frames

    def subtract_means(L: Real) -> None:
        np.subtract(L, means.astype(L.dtype), out=L)
        squares.add(L)

    change_all(subtract_means)
    if floors is None:
        return
    deviations = np.sqrt(squares.total() / max(1, n_frames - 1) + floors[1]) + floors[0]
    factors = np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations != 0)
    change_all(lambda L: np.multiply(L, factors.astype(L.dtype), out=L))


class FrameSum:
    """Sums over the frames of blocks (..., rows, frames), or of their squares, with the same bits for any blocks.

    So many frames as `kernels.features.row_sums.PART` are summed in the precision of the block, and these sums in
    float64.
    """

    def __init__(self, squared: bool) -> None:
        self._squared = squared
        self._total: NDArray[np.float64] | float = 0.0
        self._pending: Real | None = None  # frames of a part that is not complete

    def add(self, L: Real) -> None:
        """Add frames."""
        waiting = self._pending
        if waiting is not None:
            missing = row_sums.PART - waiting.shape[-1]
            waiting = np.concatenate([waiting, L[..., :missing]], axis=-1)
            L, self._pending = L[..., missing:], waiting
            if waiting.shape[-1] < row_sums.PART:
                return
            self._add_parts(waiting)
        complete = L.shape[-1] - L.shape[-1] % row_sums.PART
        self._add_parts(L[..., :complete])
        self._pending = L[..., complete:].copy() if complete < L.shape[-1] else None

    def _add_parts(self, L: Real) -> None:
        """Add parts; the last of them may be short."""
        parts, rows = -(-L.shape[-1] // row_sums.PART), np.ascontiguousarray(L)
        if not rows.size:
            return
        out = np.empty((parts, rows.size // L.shape[-1]), L.dtype)
        args = row_sums.SumArgs(
            x=checks.writable_view(rows).reshape(-1), out=out.reshape(-1), width=L.shape[-1], squared=self._squared
        )
        run_items(row_sums.sum_parts, L.dtype, out.shape[1], row_sums.LAYOUT.pack(args), work=2 * rows.size)
        for part in out:
            self._total = self._total + part.astype(np.float64).reshape((*L.shape[:-1], 1))

    def total(self) -> NDArray[np.float64]:
        """The sums (..., rows, 1); it ends the sum."""
        if self._pending is not None:
            self._add_parts(self._pending)
            self._pending = None
        return np.asarray(self._total)
