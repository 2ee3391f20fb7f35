"""Magnitudes, or other rows of frames, laid out in lanes for the kernels that meet them in every round."""

import numpy as np
from numpy.typing import NDArray

from .analysis import place_of
from .kernels import compiled, plan
from .kernels.calls import aligned, new_board
from .kernels.jit import team_size
from .kernels.jobs import Arrangement
from .kernels.records import pack
from .kernels.strips import each_strip

Real = NDArray[np.floating]


def in_lanes(
    S: Real,
    one: NDArray[np.int64],
    other: NDArray[np.int64] | None = None,
    *,
    logarithmic: bool = False,
    scales: Real | None = None,
) -> Real:
    """Row m = (S[one[m]] + S[other[m]]) / 2 times the signal's scale, tile by tile, frames past the last 0.

    Parameters
    ----------
    S : np.ndarray [shape=(signals, rows, frames)]
        Any strides; it is fastest where rows of a frame or frames of a row are neighbours in memory.
    one, other : np.ndarray [shape=(count,)]
        Rows; `other` is `one` by default.
    logarithmic : bool
        Whether S holds decimal logarithms.
    scales : np.ndarray [shape=(signals,)]
        1 by default.

    Returns
    -------
    out : np.ndarray [shape=(signals tiles count lanes,)]
        Row m of lane f of tile i of signal b stands at ((b tiles + i) count + m) lanes + f.
    """
    place = place_of(S)
    if place is None:
        return in_lanes(np.ascontiguousarray(S), one, other, logarithmic=logarithmic, scales=scales)
    (signals, rows, frames), V, dtype = S.shape, plan.lanes(S.dtype), S.dtype
    tiles = -(-frames // V)
    out = aligned(signals * tiles * len(one) * V, dtype)
    steps = (1, place.ld) if place.across else (place.ld, 1)
    each = np.ones(signals, dtype) if scales is None else scales.astype(dtype)
    job = Arrangement(
        place.flat, place.places, each, one, one if other is None else other, out, frames, tiles, rows, *steps,
        logarithmic,
    )  # fmt: skip
    team = team_size()
    each_strip(
        signals * tiles, team, new_board(), compiled.arrange_strip(dtype).address, pack(job),
        aligned(rows * V * team, dtype), work=S.size * (30 if logarithmic else 4),
    )  # fmt: skip
    return out
