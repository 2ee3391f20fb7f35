"""Logarithms of filtered levels: which there are, with which floors, and the one that needs the largest first."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .analysis import place_of, settled

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
    "db": LogScale(10.0, 1e-10),  # of powers
    "whisper": LogScale(1.0, 1e-10),
}


def log_scale(log: str | None, power: float, dtype: np.dtype[Any]) -> LogScale:
    """The scale of that name for levels |D|**power; decibels are those of an amplitude, 20 / power log10.

    Floors are normal numbers of the dtype.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if log is None:
        return LINEAR
    if not isinstance(log, str) or log not in LOGS:
        raise ValueError(f"log must be None or one of {', '.join(LOGS)}, got {log!r}")
    if log == "db":
        return LogScale(20 / power, max(10 ** (-5 * power), float(np.finfo(dtype).tiny)))
    return LOGS[log]


def whisper(L: NDArray[np.floating], tops: NDArray[np.floating]) -> None:
    """L = (max(L, top - 8) + 4) / 4 in place, each signal of L (..., rows, frames) with its own top."""
    number, place = L.dtype.type, place_of(L)
    floors, (rows, frames) = tops.reshape(-1) - number(RANGE), L.shape[-2:]
    if place is not None and (place.across or frames == 1):
        settled(place, rows, frames, 0.0, floors, 0.25, 1.0)
        return
    np.maximum(L, floors.reshape((*L.shape[:-2], 1, 1)), out=L)
    np.multiply(L, number(0.25), out=L)
    np.add(L, number(1), out=L)
