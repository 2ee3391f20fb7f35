"""Logarithms of filtered levels: which there are, with which floors, and the one that needs the largest first."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .analysis import place_of
from .kernels.analysis import settle

Log = Literal["ln", "log10", "db", "whisper"]

RANGE = 8
"""Whisper's: what lies so many powers of ten below the largest is raised to there."""


class LogScale(NamedTuple):
    """gain log10(max(M, floor))."""

    gain: float
    floor: float


LINEAR = LogScale(1.0, 0.0)
LOGS = {
    "ln": LogScale(float(np.log(10)), 1e-5),
    "log10": LogScale(1.0, 1e-10),
    "db": LogScale(10.0, 1e-10),
    "whisper": LogScale(1.0, 1e-10),
}


def log_scale(log: str | None, power: float) -> LogScale:
    """The scale of that name for levels |D|**power; decibels are those of an amplitude, 20 / power log10.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if log is None:
        return LINEAR
    if not isinstance(log, str) or log not in LOGS:
        raise ValueError(f"log must be None or one of {', '.join(LOGS)}, got {log!r}")
    return LogScale(20 / power, 10 ** (-5 * power)) if log == "db" else LOGS[log]


def whisper(L: NDArray[np.floating], tops: NDArray[np.floating]) -> None:
    """L = (max(L, top - 8) + 4) / 4 in place, each signal of L (..., rows, frames) with its own top."""
    number, place = L.dtype.type, place_of(L)
    floors, (rows, frames) = tops.reshape(-1) - number(RANGE), L.shape[-2:]
    if place is not None and (place.across or frames == 1):
        shared = place.flat, place.places, rows, place.ld, frames, number(0), floors, number(0.25), number(1)
        settle(len(floors) * rows, *shared, work=8 * L.size)
        return
    np.maximum(L, floors.reshape((*L.shape[:-2], 1, 1)), out=L)
    np.multiply(L, number(0.25), out=L)
    np.add(L, number(1), out=L)
