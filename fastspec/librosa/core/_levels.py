"""Decibels of power and amplitude spectrograms, and the inverses."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ... import checks
from ..._typing import Array
from ...features import decibels
from .._names import is_before_1, parameter_error, raise_parameter_errors, warn

Axes = Literal["auto"] | int | tuple[int, ...] | None
Reference = float | Callable[..., Any]


_NUMBERS = float, int
_FEW_AXES = (), (0,), (0, 1)


def _channel_axes(axes: Axes, ndim: int) -> tuple[int, ...]:
    """The axes of one channel, as numbers from 0 up: those over which a reference and a maximum are taken."""
    if isinstance(axes, str):
        if axes != "auto":
            raise ValueError(f"axes must be 'auto', an int, a tuple of them or None, got {axes!r}")
        return _FEW_AXES[ndim] if ndim < 3 else (ndim - 2, ndim - 1)
    if axes is None:
        return tuple(range(ndim))
    numbers = axes if isinstance(axes, tuple) else (axes,)
    if any(not -ndim <= a < ndim for a in numbers):
        raise np.exceptions.AxisError(f"axes={axes!r} are out of bounds for an array of {ndim} dimensions")
    return tuple(sorted({a % ndim for a in numbers}))


def _reference(ref: Callable[..., Any], S: Array, axes: Axes) -> Any:
    """The level at 0 dB by a function, for each channel.

    Where the installed librosa is older than 1.0, a function may take S alone if there is only one channel.
    """
    if isinstance(axes, str):
        axes = (-2, -1) if S.ndim > 1 else (-1,) if S.ndim else None  # as librosa says it
    if (ref is np.max or ref is np.amax) and S.size:
        return np.maximum.reduce(S, axis=axes, keepdims=True)  # the same in half the time
    try:
        return ref(S, axis=axes, keepdims=True)
    except TypeError as error:
        if is_before_1() and len(_channel_axes(axes, S.ndim)) == S.ndim:
            return ref(S)
        raise parameter_error(
            "The provided reference function must support 'axis' and 'keepdims' arguments for proper multichannel "
            "processing."
        ) from error


def _check_reference(ref: Any) -> None:
    """A number that is a reference is not NaN."""
    if isinstance(ref, float) and np.isnan(ref):
        raise ValueError(f"ref must be a number, an array or, of decibels, a function, got {ref!r}")


def _to_db(
    S: ArrayLike, name: str, ref: Reference, amin: float, top_db: float | None, axes: Axes, *, amplitude: bool
) -> Any:
    """Levels in dB, 20 log10 for amplitudes, else 10 log10; `name` is the public function, for its warning."""
    if checks.is_masked_array(S):  # what is masked counts as silence, and stays masked
        dB = _to_db(S.filled(0), name, ref, amin, top_db, axes, amplitude=amplitude)
        return np.ma.masked_array(dB, np.ma.getmaskarray(S))
    levels = np.asarray(S)
    _check_reference(ref)
    if not amin > 0:
        raise parameter_error(f"amin must be strictly positive, got {amin!r}")
    if top_db is not None and not top_db >= 0:
        raise parameter_error(f"top_db must be non-negative, got {top_db!r}")
    if levels.dtype.kind == "c":
        real_levels = "np.abs(D)" if amplitude else "np.abs(D)**2"
        warn(
            f"{name} was called on complex input so phase information will be discarded. To suppress this warning, "
            f"call {name}({real_levels}) instead."
        )
        levels = np.abs(levels)
    channel_axes = _channel_axes(axes, levels.ndim)
    reference: Any = ref
    if callable(ref):
        reference = _reference(ref, np.abs(levels) if amplitude else levels, axes)
    if amplitude or not callable(ref):
        reference = abs(reference) if isinstance(reference, _NUMBERS) else np.abs(reference)
    return decibels.to_db(
        levels,
        reference,
        factor=20.0 if amplitude else 10.0,
        amin=amin,
        top_db=top_db,
        axes=channel_axes,
        magnitude=amplitude,
    )[()]


@raise_parameter_errors
def power_to_db(
    S: ArrayLike, *, ref: Reference = 1.0, amin: float = 1e-10, top_db: float | None = 80.0, axes: Axes = "auto"
) -> Any:
    """Power to decibels: 10 log10(S / ref), limited to top_db below the maximum.

    Parameters
    ----------
    S : number or np.ndarray [shape=(..., n_bins, n_frames)]
        Power; of complex values the magnitude, with a warning.
    ref : number or callable
        Power at 0 dB; or a function of (S, axis=, keepdims=) that computes it, such as np.max.  Where the installed
        librosa is older than 1.0, a function of S alone is enough if `axes` are all axes.
    amin : float > 0
        Lower bound of S and of the reference.
    top_db : float >= 0 or None
        Dynamic range: values are at least the maximum over `axes` minus top_db; None for no such floor.
    axes : "auto", int, tuple of int or None
        Axes over which the reference and the maximum are taken: "auto" is the last two, so that each channel has its
        own; None is all axes.

    Returns
    -------
    S_db : np.ndarray [shape=S.shape], or a NumPy scalar for a number
        float32 for float32.

    Raises
    ------
    ParameterError
        For amin <= 0, top_db < 0, and a function `ref` without axis and keepdims where they are needed.
    """
    return _to_db(S, "power_to_db", ref, amin, top_db, axes, amplitude=False)


@raise_parameter_errors
def amplitude_to_db(
    S: ArrayLike, *, ref: Reference = 1.0, amin: float = 1e-5, top_db: float | None = 80.0, axes: Axes = "auto"
) -> Any:
    """Amplitude to decibels: 20 log10(|S| / ref), limited to top_db below the maximum.

    The arguments are those of `power_to_db`, as amplitudes.  No square is taken, so that no float32 amplitude
    overflows.
    """
    return _to_db(S, "amplitude_to_db", ref, amin, top_db, axes, amplitude=True)


@raise_parameter_errors
def db_to_power(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Decibels to power: ref 10**(S_db / 10), the inverse of `power_to_db` above its floor; masks stay."""
    return _from_db(S_db, 10.0, ref)


@raise_parameter_errors
def db_to_amplitude(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Decibels to amplitude: |ref| 10**(S_db / 20), the inverse of `amplitude_to_db` above its floor; masks stay."""
    return _from_db(S_db, 20.0, abs(ref) if isinstance(ref, _NUMBERS) else np.abs(ref))


def _from_db(S_db: ArrayLike, factor: float, ref: Any) -> Any:
    """ref 10**(S_db / factor), where `ref` is a number or an array that broadcasts to S_db."""
    _check_reference(ref)
    if isinstance(S_db, float) and isinstance(ref, float):
        return np.power(10.0, S_db / factor) * ref
    if checks.is_masked_array(S_db):  # what is masked may overflow
        return np.ma.masked_array(_from_db(S_db.filled(0), factor, ref), np.ma.getmaskarray(S_db))
    if isinstance(ref, _NUMBERS) or np.ndim(ref) == 0:
        return decibels.from_db(np.asarray(S_db), factor=factor, scale=float(ref))[()]
    return (decibels.from_db(np.asarray(S_db), factor=factor, scale=1.0) * ref)[()]
