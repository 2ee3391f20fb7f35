"""What needs all frames of a signal: limits relative to the largest value, means and deviations of rows."""

from __future__ import annotations

import numpy as np

from .._typing import Real
from ..features.log import clip_levels
from ..kernels.features import normalize as kernels
from ..kernels.runtime.tasks import run_items
from ..transform.memory import layout_of


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


def normalize_rows(L: Real, by_deviation: bool, deviation_floor: float) -> None:
    """Subtract from each row of L (..., rows, frames) its mean, and divide it by its deviation + deviation_floor.

    The deviation is sqrt(sum of squares / (frames - 1)); rows without any become 0.  The frames of a row are
    neighbours.
    """
    layout, (rows, frames) = layout_of(L), L.shape[-2:]
    assert layout is not None
    row_stride = layout.row_stride if layout.frames_contiguous else 1  # a lone frame
    args = kernels.NormalizeArgs(
        out=layout.flat,
        offsets=layout.offsets,
        rows=rows,
        row_stride=row_stride,
        width=frames,
        by_deviation=by_deviation,
        least=deviation_floor,
    )
    items = len(layout.offsets) * rows
    run_items(kernels.normalize_row, L.dtype, items, kernels.LAYOUT.pack(args), work=L.size * 8)
