"""Logarithms of filtered levels: which there are, with which floors, the one that needs the largest first; and back."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..transform.epilogue import clip_and_scale
from ..transform.memory import layout_of
from .decibels import from_db

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


# ---- and back ----
def linear(L: ArrayLike, log: str | None, power: float = 2.0) -> NDArray[np.floating]:
    """The filtered levels M whose logarithms `STFT.mel(log=log, power=power)` gives as L.

    What a floor has raised stays raised: 1e-5 for "ln", 1e-10 for "log10" and "whisper", -100 dB for "db".  With
    "whisper", M = 10**(4 L - 4); what was more than 80 dB below the largest has been raised to there, and the last
    frame is lost, so that M has as many frames as L.

    Parameters
    ----------
    L : np.ndarray
        Logarithms in any shape; float32 is kept, everything else becomes float64.  -inf is nothing.
    log : str
        One of `STFT.mel`; None leaves L as it is.
    power : float
        What M is made of, |D|**power; "db" needs it.

    Returns
    -------
    M : np.ndarray [shape=L.shape]

    Raises
    ------
    TypeError, ValueError
        If L is not real, holds NaN or what is too large for a logarithm, or log is unknown.
    """
    levels = checks.as_float_array("M", L)
    scale = log_scale(log, power, levels.dtype)
    if scale == LINEAR:
        return levels
    gain, factor = (0.25, 1e-4) if log == "whisper" else (scale.gain, 1.0)
    _in_range("M", levels, gain, f"log={log!r}")
    return from_db(levels, factor=gain, scale=factor)


def whisper(L: NDArray[np.floating], tops: NDArray[np.floating]) -> None:
    """L = (max(L, top - 8) + 4) / 4 in place, each signal of L (..., rows, frames) with its own top."""
    number, layout = L.dtype.type, layout_of(L)
    floors, (rows, frames) = tops.reshape(-1) - number(RANGE), L.shape[-2:]
    if layout is not None and (layout.frames_contiguous or frames == 1):
        count, width = (rows, frames) if layout.frames_contiguous else (1, rows)  # a lone frame is one row of memory
        clip_and_scale(layout, count, width, 0.0, floors, 0.25, 1.0)
        return
    np.maximum(L, floors.reshape((*L.shape[:-2], 1, 1)), out=L)
    np.multiply(L, number(0.25), out=L)
    np.add(L, number(1), out=L)


def _in_range(name: str, L: NDArray[np.floating], gain: float, instead: str) -> None:
    """Whether 10**(L / gain) are numbers of L's dtype; -inf may stand."""
    checks.check_finite(name, L, silence=True)
    limit = gain * (float(np.log10(np.finfo(L.dtype).max)) - 1)
    if L.size and float(L.max()) > limit:
        raise ValueError(
            f"{name} goes up to {float(L.max()):g}, too large for logarithms of {instead}: they are below {limit:.0f}"
        )
