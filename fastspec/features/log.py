"""Logarithms of filtered levels: their scales and floors, Whisper's normalization, and their inverse."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Real
from ..transform.epilogue import clip_and_scale
from ..transform.memory import layout_of
from .decibels import from_db

Log = Literal["ln", "log10", "db", "whisper"]

WHISPER_RANGE_DECADES = 8
"""Dynamic range of Whisper's spectrograms in powers of ten: lower values are raised to this far below the maximum."""


def pad_mode_for(log: str | None) -> str:
    """How signals are padded before this logarithm: Whisper's front end reflects them, for others they are silent."""
    return "reflect" if log == "whisper" else "constant"


class LogScale(NamedTuple):
    """The logarithm gain log10(max(M, floor))."""

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
    """The scale called `log`, for levels |D|**power; None is linear.

    Decibels are those of the amplitude, 20 / power log10.  Floors are normal numbers of the dtype.

    Raises
    ------
    ValueError
        If there is no scale of that name.
    """
    if log is None:
        return LINEAR
    if not isinstance(log, str) or log not in LOGS:
        raise ValueError(f"log must be None or one of {', '.join(LOGS)}, got {log!r}")
    if log == "db":
        return LogScale(20 / power, max(10 ** (-5 * power), float(np.finfo(dtype).tiny)))
    return LOGS[log]


# ---- inverse ----
def from_log(L: ArrayLike, log: str | None, power: float = 2.0) -> Real:
    """Filtered levels M from their logarithms L, as from `STFT.mel(log=log, power=power)`.

    Levels below a floor are lost, and have the value of the floor: 1e-5 for "ln", 1e-10 for "log10" and "whisper",
    -100 dB for "db".  For "whisper", M = 10**(4 L - 4), levels more than 80 dB below the maximum have that value, and
    the last frame is lost, so that M has as many frames as L.

    Parameters
    ----------
    L : np.ndarray
        Logarithms in any shape; float32 stays float32, any other dtype becomes float64.  -inf is a level of 0.
    log : str
        As in `STFT.mel`; None returns L unchanged.
    power : float
        Exponent of the magnitudes in M, |D|**power; used by "db".

    Returns
    -------
    M : np.ndarray [shape=L.shape]

    Raises
    ------
    TypeError, ValueError
        If L is not real, holds NaN or values whose exponential overflows, or log is unknown.
    """
    levels = checks.as_float_array("M", L)
    scale = log_scale(log, power, levels.dtype)
    if scale == LINEAR:
        return levels
    gain, factor = (0.25, 1e-4) if log == "whisper" else (scale.gain, 1.0)
    check_exponents("M", levels, gain, f"log={log!r}")
    return from_db(levels, factor=gain, scale=factor)


def normalize_whisper(L: Real, tops: Real) -> None:
    """Whisper's normalization in place: L = (max(L, top - 8) + 4) / 4.

    L are decimal logarithms (..., rows, frames), top the maximum of each signal, in `tops` (...).
    """
    tops = tops.reshape(-1)
    clip_levels(L, tops - L.dtype.type(WHISPER_RANGE_DECADES), 0.25, np.ones_like(tops))


def clip_levels(L: Real, floors: Real, gain: float, offsets: Real) -> None:
    """L = max(L, floor) gain + offset in place, L (..., rows, frames), floors and offsets (signals,)."""
    number, layout, (rows, frames) = L.dtype.type, layout_of(L), L.shape[-2:]
    if layout is not None and rows * frames:
        if layout.frames_contiguous or frames == 1:
            count, width = (rows, frames) if layout.frames_contiguous else (1, rows)  # a lone frame is a row of memory
        else:
            count, width = frames, rows
        clip_and_scale(layout, count, width, 0.0, floors, gain, offsets)
        return
    of_signals = (*L.shape[:-2], 1, 1)
    np.maximum(L, floors.reshape(of_signals), out=L)
    np.multiply(L, number(gain), out=L)
    np.add(L, offsets.reshape(of_signals), out=L)


def check_exponents(name: str, L: Real, gain: float, log_of: str) -> None:
    """Raise a ValueError unless 10**(L / gain) is finite in L's dtype; -inf is allowed."""
    checks.check_finite(name, L, silence=True)
    limit = gain * (float(np.log10(np.finfo(L.dtype).max)) - 1)
    if L.size and float(L.max()) > limit:
        raise ValueError(
            f"{name} goes up to {float(L.max()):g}, too large for logarithms of {log_of}: must be below {limit:.0f}"
        )
