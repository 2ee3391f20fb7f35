"""What needs all frames of a signal: limits relative to the largest value, means and deviations of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._typing import Real
from ..features.log import clip_levels

ChangeAll = Callable[[Callable[[Real], None]], object]
"""Calls a function for all blocks of frames (..., rows, frames) in order, which changes them in place."""
SUMMED_FRAMES = 1024
"""Frames that are added up before their sum is added to that of those before."""


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

    The deviation is sqrt(sum of squares / (n_frames - 1) + floors[1]) + floors[0]; that of a single frame is 0 but for
    the floors.  Sums are in float64, and have the same bits for any blocks of frames.
    """
    sums, squares = FrameSum(), FrameSum()
    change_all(sums.add)
    means = sums.total() / n_frames

    def subtract_means(L: Real) -> None:
        L -= means.astype(L.dtype)
        squares.add(L, lambda x: x * x)

    change_all(subtract_means)
    if floors is None:
        return
    deviations = np.sqrt(squares.total() / max(1, n_frames - 1) + floors[1]) + floors[0]

    def divide(L: Real) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            L /= deviations.astype(L.dtype)

    change_all(divide)


class FrameSum:
    """Sums over the frames of blocks (..., rows, frames) in float64, with the same bits for any blocks."""

    def __init__(self) -> None:
        self._total: Real | float = 0.0
        self._pending: Real | None = None  # frames of a part that is not complete

    def add(self, L: Real, function: Callable[[Real], Real] | None = None) -> None:
        """Add frames, or a function of them."""
        waiting = 0 if self._pending is None else self._pending.shape[-1]
        first = min(SUMMED_FRAMES - waiting, L.shape[-1]) if waiting else 0
        if waiting:
            self._add_part(np.concatenate([self._pending, _as_float64(L[..., :first], function)], axis=-1))
        for a in range(first, L.shape[-1], SUMMED_FRAMES):
            self._add_part(_as_float64(L[..., a : a + SUMMED_FRAMES], function))

    def _add_part(self, part: Real) -> None:
        """Add a part (..., rows, frames) if it is complete, or else keep it."""
        is_complete = part.shape[-1] == SUMMED_FRAMES
        self._pending = None if is_complete else part
        if is_complete:
            self._total = self._total + part.sum(axis=-1, keepdims=True)

    def total(self) -> Real:
        """The sums (..., rows, 1)."""
        total = self._total if self._pending is None else self._total + self._pending.sum(axis=-1, keepdims=True)
        return np.asarray(total)


def _as_float64(L: Real, function: Callable[[Real], Real] | None) -> Real:
    """A C-contiguous copy in float64, so that sums along its last axis have one order."""
    x = np.array(L, np.float64, order="C")
    return x if function is None else function(x)
