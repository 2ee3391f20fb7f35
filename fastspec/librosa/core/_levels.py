"""Decibels of powers and amplitudes, and back."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..._typing import Array
from ...features import decibels
from .._names import face, parameter_error, warn

Axes = Literal["auto"] | int | tuple[int, ...] | None
Reference = float | Callable[..., Any]


def _axes(axes: Axes, ndim: int) -> tuple[int, ...]:
    """The axes that references and largest values are taken over, from 0 up."""
    if isinstance(axes, str):
        if axes != "auto":
            raise ValueError(f"axes must be 'auto', an int, a tuple of them or None, got {axes!r}")
        return tuple(range(max(0, ndim - 2), ndim))
    if axes is None:
        return tuple(range(ndim))
    given = axes if isinstance(axes, tuple) else (axes,)
    if any(not -ndim <= a < ndim for a in given):
        raise np.exceptions.AxisError(f"axes={axes!r} are out of bounds for an array of {ndim} dimensions")
    return tuple(sorted({a % ndim for a in given}))


def _reference(ref: Reference, S: Array, axes: tuple[int, ...]) -> Any:
    """The level of 0 dB; a function is asked for one a channel, or for one of all where there is but one channel."""
    if not callable(ref):
        return np.abs(ref)
    try:
        return ref(S, axis=axes, keepdims=True)
    except TypeError as error:
        if len(axes) == S.ndim:
            return ref(S)
        raise parameter_error()(
            "The provided reference function must support 'axis' and 'keepdims' arguments for proper multichannel "
            "processing."
        ) from error


def _to_db(
    S: ArrayLike, name: str, ref: Reference, amin: float, top_db: float | None, axes: Axes, *, amplitude: bool
) -> Any:
    levels = np.asarray(S)
    if amin <= 0:
        raise parameter_error()(f"amin must be strictly positive, got {amin!r}")
    if top_db is not None and top_db < 0:
        raise parameter_error()(f"top_db must be non-negative, got {top_db!r}")
    if levels.dtype.kind == "c":
        instead = "np.abs(D)" if amplitude else "np.abs(D)**2"
        warn(
            f"{name} was called on complex input so phase information will be discarded. To suppress this warning, "
            f"call {name}({instead}) instead."
        )
        levels = np.abs(levels)
    over = _axes(axes, levels.ndim)
    reference = _reference(ref, np.abs(levels) if amplitude and callable(ref) else levels, over)
    return decibels.to_db(
        levels,
        np.abs(reference) if amplitude else reference,
        factor=20.0 if amplitude else 10.0,
        amin=amin,
        top_db=top_db,
        axes=over,
        magnitude=amplitude,
    )[()]


@face
def power_to_db(
    S: ArrayLike, *, ref: Reference = 1.0, amin: float = 1e-10, top_db: float | None = 80.0, axes: Axes = "auto"
) -> Any:
    """Decibels of powers, 10 log10(S / ref), no more than top_db below the largest.

    Parameters
    ----------
    S : number or np.ndarray [shape=(..., n_bins, n_frames)]
        Powers; of complex numbers the magnitudes, with a warning.
    ref : number or callable
        The power of 0 dB; or a function of (S, axis=, keepdims=) that finds it, such as np.max (a function of S alone
        will do where `axes` are all axes).
    amin : float > 0
        The least S and the least reference.
    top_db : float >= 0 or None
        The floor, below the largest value over `axes`; None for no floor.
    axes : "auto", int, tuple of int or None
        Over which references and largest values are taken: the last two, so that every channel has its own; None for
        all of them at once.

    Returns
    -------
    S_db : np.ndarray [shape=S.shape], or a NumPy scalar for a number
        float32 for float32.

    Raises
    ------
    ParameterError
        For amin <= 0, top_db < 0, and functions that know no axes where they need to.
    """
    return _to_db(S, "power_to_db", ref, amin, top_db, axes, amplitude=False)


@face
def amplitude_to_db(
    S: ArrayLike, *, ref: Reference = 1.0, amin: float = 1e-5, top_db: float | None = 80.0, axes: Axes = "auto"
) -> Any:
    """Decibels of amplitudes, 20 log10(|S| / ref), no more than top_db below the largest.

    The arguments are those of `power_to_db`, as amplitudes.  Nothing is squared on the way, so that in float32 no
    amplitude overflows.
    """
    return _to_db(S, "amplitude_to_db", ref, amin, top_db, axes, amplitude=True)


@face
def db_to_power(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Powers of decibels, ref 10**(S_db / 10); the inverse of `power_to_db` down to its floor."""
    return _from_db(S_db, 10.0, ref)


@face
def db_to_amplitude(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Amplitudes of decibels, |ref| 10**(S_db / 20); the inverse of `amplitude_to_db` down to its floor."""
    return _from_db(S_db, 20.0, np.abs(ref))


def _from_db(S_db: ArrayLike, factor: float, ref: Any) -> Any:
    """ref 10**(S_db / factor), where `ref` may be a number for each of S_db."""
    levels = decibels.from_db(np.asarray(S_db), factor=factor, scale=float(ref) if np.ndim(ref) == 0 else 1.0)
    return (levels if np.ndim(ref) == 0 else levels * ref)[()]
