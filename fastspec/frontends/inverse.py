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
    `relative` subtracts is taken as 1; a last frame that was dropped is missing; energies are not used.

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
    if frontend.normalize:
        raise ValueError(f"L cannot be inverted: its rows were normalized (normalize={frontend.normalize!r})")
    values = checks.as_float_array("L", L).astype(frontend.dtype)
    if values.ndim < 2 or values.shape[-2] != frontend.n_rows:
        raise ValueError(f"L must have shape (..., {frontend.n_rows}, n_frames), got {values.shape}")
    _warn_of_bounds(frontend, values)
    if frontend.energy in ("first", "last"):
        values = values[..., 1:, :] if frontend.energy == "first" else values[..., :-1, :]
    elif frontend.n_cepstra:
        matrix = cepstrum_matrix(
            len(frontend.bank), frontend.n_cepstra, frontend.lifter, zeroth_last=frontend.zeroth_last
        )
        values = (np.linalg.pinv(matrix) @ values).astype(frontend.dtype)
    M = levels_of(frontend, values)
    y = recover_mel(M, frontend.bank, frontend.plan, power=frontend.power, **options)
    with_info = isinstance(y, tuple)
    signal = y[0] if with_info else y
    for coefficient in (frontend.preemphasis, frontend.signal_preemphasis):
        if coefficient:
            signal = deemphasize(signal, coefficient)
    signal = signal / frontend.dtype.type(frontend.scale)
    return (signal, *y[1:]) if with_info else signal


def levels_of(frontend: FrontEnd, L: Real) -> Real:
    """Filtered levels M from their logarithms."""
    gain, offset, number = frontend.gain, frontend.offset, frontend.dtype.type
    values = (L - number(offset)) / number(gain)
    if frontend.log is None:
        return np.maximum(values - number(frontend.guard), 0)
    base = frontend.log_gain
    check_exponents("L", values, base, f"log={frontend.log!r}")
    return np.maximum(from_db(values, factor=base, scale=1.0) - number(frontend.guard), 0)


def _warn_of_bounds(frontend: FrontEnd, L: Real) -> None:
    """Warn where values were cut off."""
    clipped = [name for name in ("low", "high") if np.isfinite(bound := getattr(frontend, name)) and (L == bound).any()]
    if frontend.dynamic_range is not None:
        clipped.append("dynamic_range")
    if clipped:
        warn(f"L holds values at {' and '.join(clipped)}: what was beyond is lost")
