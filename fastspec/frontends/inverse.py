"""Features -> signals: the steps of a `FrontEnd` undone, and phases recovered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Real
from ..features.cepstrum import cepstrum_matrix
from ..features.decibels import from_db
from ..features.log import check_exponents
from ..recovery.recover_mel import recover_mel
from ..warning import warn
from .preemphasis import deemphasize

if TYPE_CHECKING:
    from .frontend import FrontEnd


def invert(frontend: FrontEnd, L: ArrayLike, **options: Any) -> Real:
    """Signals whose features are near L.

    The map, the logarithm and the guard are undone, `recover_mel` recovers a signal, and pre-emphases and the scale are
    undone.  What is lost stays lost: levels at a floor or a bound have its value; the largest of a signal that
    `relative` subtracts is taken as 1; a last frame that was dropped is taken as that before it; energies are used in
    place of cepstra alone.

    Parameters
    ----------
    frontend : FrontEnd
    L : np.ndarray [shape=(..., n_rows, n_frames)]
    **options
        Of `fastspec.recover_mel`: method, n_iter, rng, length and others.

    Returns
    -------
    y : np.ndarray [shape=(..., length)]

    Raises
    ------
    ValueError
        If rows were normalized, which cannot be undone, or L has not n_rows rows.

    Warns
    -----
    UserWarning
        If values are at a bound, `low`, `high` or `dynamic_range`: what was beyond it is lost.
    """
    M = levels_of(frontend, L)
    _warn_of_bounds(frontend, np.asarray(L))
    if frontend.drop_last:
        M = np.concatenate([M, M[..., -1:]], axis=-1)
    y: Any = recover_mel(M, frontend.bank, frontend.plan, power=frontend.power, **options)
    signal, *info = y if isinstance(y, tuple) else (y,)
    signal = SignalInverse(frontend).push(signal)
    result: Real = (signal, *info) if info else signal  # type: ignore[assignment]
    return result


def levels_of(frontend: FrontEnd, L: ArrayLike) -> Real:
    """Filtered levels M (..., n_filters, n_frames) whose features are L, but for what is lost; see `invert`."""
    if frontend.normalize:
        raise ValueError(f"L cannot be inverted: its rows were normalized (normalize={frontend.normalize!r})")
    values = checks.as_float_array("L", L).astype(frontend.dtype)
    if values.ndim < 2 or values.shape[-2] != frontend.n_rows:
        raise ValueError(f"L must have shape (..., {frontend.n_rows}, n_frames), got {values.shape}")
    if frontend.energy in ("first", "last"):
        values = values[..., 1:, :] if frontend.energy == "first" else values[..., :-1, :]
    elif frontend.n_cepstra:
        values = _undo_cepstra(frontend, values)
    number, gain = frontend.dtype.type, frontend.gain
    values = (values - number(frontend.offset)) / number(gain)
    if frontend.log is None:
        return np.maximum(values - number(frontend.guard), 0)
    base = frontend.log_gain
    check_exponents("L", values, base, f"log={frontend.log!r}")
    M: Real = np.maximum(from_db(values, factor=base, scale=1.0) - number(frontend.guard), 0)
    return M


def _undo_cepstra(frontend: FrontEnd, C: Real) -> Real:
    """Smooth logarithms of filtered levels with these cepstra; energies in place of order 0 give frames their level."""
    n_cepstra, zeroth = frontend.n_cepstra, frontend.n_cepstra - 1 if frontend.zeroth_last else 0
    rows = cepstrum_matrix(len(frontend.bank), n_cepstra, frontend.lifter, zeroth_last=frontend.zeroth_last)
    matrix = np.linalg.pinv(rows)
    if frontend.energy != "cepstrum":
        return (matrix @ C).astype(frontend.dtype)
    matrix[:, zeroth] = 0
    L, unit = matrix @ C, frontend.gain * frontend.log_gain
    plan, bank = frontend.plan, np.asarray(frontend.bank, np.float64)
    powers = 10 ** (L * (2 / (unit * frontend.power)))  # each filter's, up to a factor of the frame
    sizes, coverage = bank.sum(axis=1), bank.sum(axis=0)
    response = np.abs(1 - frontend.preemphasis * np.exp(-2j * np.pi * np.arange(plan.n_bins) / plan.n_fft)) ** 2
    shares = np.divide(1, coverage * response, out=np.zeros(plan.n_bins), where=coverage > 0)
    totals = ((bank @ shares) / sizes ** (2 / frontend.power)) @ powers  # over bins, without pre-emphasis
    expected = plan.n_fft / 2 * (plan.window**2).sum() / plan.frame_length
    levels = C[..., zeroth, :] + unit * (np.log10(expected) - np.log10(totals))
    return np.asarray(L + levels[..., None, :] * (frontend.power / 2), frontend.dtype)


class SignalInverse:
    """Undoes the pre-emphases and the scale of signals that come in blocks, with the same bits for any blocks."""

    def __init__(self, frontend: FrontEnd) -> None:
        self._scale = frontend.dtype.type(frontend.scale)
        self._coefficients = [c for c in (frontend.preemphasis, frontend.signal_preemphasis) if c]
        self._states: list[Real | None] = [None] * len(self._coefficients)

    def push(self, y: Real) -> Real:
        """The next samples (..., n)."""
        for i, coefficient in enumerate(self._coefficients):
            y, self._states[i] = deemphasize(y, coefficient, self._states[i])
        return y / self._scale


def _warn_of_bounds(frontend: FrontEnd, L: Real) -> None:
    """Warn where values were cut off."""
    clipped = [name for name in ("low", "high") if np.isfinite(bound := getattr(frontend, name)) and (bound == L).any()]
    if frontend.dynamic_range is not None:
        lowest, tops = L.min(axis=(-2, -1)), L.max(axis=(-2, -1))
        if np.isclose(tops - lowest, frontend.gain * frontend.dynamic_range, rtol=1e-5).any():
            clipped.append("dynamic_range")
    if clipped:
        warn(f"L holds values at {' and '.join(clipped)}: what was beyond is lost")
