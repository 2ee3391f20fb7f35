"""librosa.util.utils: frames as views, lengths, checks of audio, dtypes of the other kind."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, DTypeLike

from ..._typing import Array
from .._names import face, find, parameter_error


def __getattr__(name: str) -> Any:
    return find(__name__, name)


@face
def frame(
    x: ArrayLike, *, frame_length: int, hop_length: int, axis: int = -1, writeable: bool = False, subok: bool = False
) -> Array:
    """Overlapping frames of an array, as a view of its memory.

    Parameters
    ----------
    x : np.ndarray [shape=(..., n, ...)]
        The array to be cut along `axis`.
    frame_length, hop_length : int > 0
        Length of a frame; steps from the start of one to the start of the next.
    axis : int
        The axis to cut.  Counted from the end, frames become the axis after it; from the start, the axis before it.
    writeable : bool
        Whether the view may be written to (elements that overlap are the same memory).
    subok : bool
        Whether subclasses of np.ndarray are kept.

    Returns
    -------
    frames : np.ndarray [shape=(..., frame_length, n_frames, ...)] or, for axis >= 0, (..., n_frames, frame_length, ...)
        n_frames = 1 + (n - frame_length) // hop_length.

    Raises
    ------
    ParameterError
        If x is shorter than a frame, or the hop is below 1.
    """
    x = np.asanyarray(x) if subok else np.asarray(x)
    n = x.shape[axis]
    if n < frame_length:
        raise parameter_error()(f"Input is too short (n={n}) for frame_length={frame_length}")
    if hop_length < 1:
        raise parameter_error()(f"Invalid hop_length: {hop_length}: it must be at least 1")
    place = axis % x.ndim
    count = 1 + (n - frame_length) // hop_length
    step = x.strides[place]
    first, second = ((frame_length, step), (count, step * hop_length))
    if axis >= 0:
        first, second = second, first
    shape = (*x.shape[:place], first[0], second[0], *x.shape[place + 1 :])
    strides = (*x.strides[:place], first[1], second[1], *x.strides[place + 1 :])
    return as_strided(x, shape=shape, strides=strides, subok=subok, writeable=writeable)


@face
def valid_audio(y: object) -> bool:
    """Whether `y` is audio: an array of finite floating-point samples, of one dimension at least.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not isinstance(y, np.ndarray):
        raise parameter_error()(f"Audio data must be of type numpy.ndarray, got {type(y).__name__}")
    if y.dtype.kind != "f":
        raise parameter_error()(
            f"Audio data must be floating-point, got dtype {y.dtype}: convert it, integers divided by their full scale"
        )
    if y.ndim == 0:
        raise parameter_error()(f"Audio data must be at least one-dimensional, given y.shape={y.shape}")
    if not _all_finite(y):
        raise parameter_error()("Audio buffer is not finite everywhere: it holds NaN or infinity")
    return True


def _all_finite(y: Array) -> bool:
    """Whether every number is finite; one pass by BLAS says so, unless the squares overflow."""
    if y.dtype.char in "fd" and (y.flags.c_contiguous or y.flags.f_contiguous):
        flat = y.ravel(order="K")
        with np.errstate(over="ignore", invalid="ignore"):
            if math.isfinite(np.dot(flat, flat)):
                return True
    return bool(np.isfinite(y).all())


def valid_int(x: float, *, cast: Callable[[float], float] | None = None) -> int:
    """`x` as a whole number, by `cast` (rounding down if none is given)."""
    if cast is not None and not callable(cast):
        raise parameter_error()(f"cast parameter must be callable, got {cast!r}")
    return int((cast or math.floor)(x))


def is_positive_int(x: object) -> bool:
    """Whether `x` is an int of Python or NumPy above zero."""
    return isinstance(x, int | np.integer) and bool(x > 0)


@face
def pad_center(data: Array, *, size: int, axis: int = -1, **kwargs: Any) -> Array:
    """`data` in the middle of an axis of `size`; of an odd number of new places, the right side gets one more.

    Other arguments go to `np.pad` (zeros by default).

    Raises
    ------
    ParameterError
        If size is less than what is there.
    """
    n = data.shape[axis]
    if size < n:
        raise parameter_error()(f"Target size ({size}) must be at least input size ({n})")
    left = (size - n) // 2
    widths = [(0, 0)] * data.ndim
    widths[axis] = (left, size - n - left)
    return np.pad(data, widths, **{"mode": "constant", **kwargs})


def fix_length(data: Array, *, size: int, axis: int = -1, **kwargs: Any) -> Array:
    """`data` cut off or padded at the end of an axis to exactly `size`; as it is (no copy) if it has that size.

    Other arguments go to `np.pad` (zeros by default).
    """
    n = data.shape[axis]
    if n >= size:
        place = [slice(None)] * data.ndim
        place[axis] = slice(0, size)
        return data[tuple(place)] if n > size else data
    widths = [(0, 0)] * data.ndim
    widths[axis] = (0, size - n)
    return np.pad(data, widths, **{"mode": "constant", **kwargs})


@face
def expand_to(x: Array, *, ndim: int, axes: Any) -> Array:
    """`x` with axes of length 1 put in, so that its own axes stand at `axes` of `ndim`.

    Raises
    ------
    ParameterError
        If there is not one place an axis, or fewer dimensions than x has.
    """
    places = tuple(axes) if np.iterable(axes) else (axes,)
    if len(places) != x.ndim:
        raise parameter_error()(f"Shape mismatch between axes={places} and input x.shape={x.shape}")
    if ndim < x.ndim:
        raise parameter_error()(f"Cannot expand x.shape={x.shape} to fewer dimensions ndim={ndim}")
    shape = [1] * ndim
    for place, size in zip(places, x.shape, strict=True):
        shape[place] = size
    return x.reshape(shape)


@face
def normalize(
    S: Array,
    *,
    norm: float | None = np.inf,
    axis: int | None = 0,
    threshold: float | None = None,
    fill: bool | None = None,
) -> Array:
    """`S` divided along an axis by its norm there.

    Parameters
    ----------
    S : np.ndarray
        Finite numbers.
    norm : number > 0, np.inf, -np.inf, 0 or None
        The order p of (sum |S|**p)**(1/p); the largest magnitude, the smallest, how many are not zero, or no change.
    axis : int or None
        The axis; None for the whole array.
    threshold : number > 0, optional
        Norms below it are small; the smallest normal number of the dtype.
    fill : None, False or True
        Where the norm is small S is left as it is, becomes zero, or becomes constant with norm 1.

    Raises
    ------
    ParameterError
        For any other norm, threshold or fill, for NaN and infinity, and for norm=0 with fill=True.
    """
    error = parameter_error()
    if threshold is not None and not threshold > 0:
        raise error(f"threshold={threshold} must be strictly positive")
    if fill not in (None, False, True):
        raise error(f"fill={fill} must be None or boolean")
    if not np.isfinite(S).all():
        raise error("Input must be finite")
    if norm is None:
        return S
    if norm == 0 and fill is True:
        raise error("Cannot normalize with norm=0 and fill=True")
    length, uniform = _length(np.abs(S).astype(float), norm, axis)
    small = length < (tiny(S) if threshold is None else threshold)
    length[small] = 1.0 if fill is None else np.inf
    out = np.empty_like(S)
    out[...] = S / length
    if fill:
        out[np.broadcast_to(small, out.shape)] = uniform
    return out


def _length(magnitude: Array, norm: float, axis: int | None) -> tuple[Array, float]:
    """(norms along an axis, the constant whose norm along it is 1)."""
    length: Array
    if norm in (np.inf, -np.inf):
        length = (np.max if norm > 0 else np.min)(magnitude, axis=axis, keepdims=True)
        return length, 1.0
    if norm == 0:
        return np.sum(magnitude > 0, axis=axis, keepdims=True, dtype=float), 1.0
    if not np.issubdtype(type(norm), np.number) or not norm > 0:
        raise parameter_error()(f"Unsupported norm: {norm!r}: a number above 0, np.inf, -np.inf, 0 or None")
    count = magnitude.size if axis is None else magnitude.shape[axis]
    length = np.asarray(np.sum(magnitude**norm, axis=axis, keepdims=True) ** (1.0 / norm))
    return length, float(count ** (-1.0 / norm))


def tiny(x: ArrayLike) -> Any:
    """The smallest normal number of `x`'s dtype; of float32 if that is not a floating-point one."""
    dtype = np.asarray(x).dtype
    return np.finfo(dtype if dtype.kind in "fc" else np.float32).tiny


def dtype_r2c(d: DTypeLike, *, default: Any = np.complex64) -> np.dtype[Any]:
    """The complex dtype of a real one's precision: float32 -> complex64, float64 -> complex128, any other `default`."""
    dtype = np.dtype(d)
    return (
        dtype if dtype.kind == "c" else np.dtype({"f4": np.complex64, "f8": np.complex128}.get(dtype.str[1:], default))
    )


def dtype_c2r(d: DTypeLike, *, default: Any = np.float32) -> np.dtype[Any]:
    """The real dtype of a complex one's precision: complex64 -> float32, complex128 -> float64, any other `default`."""
    dtype = np.dtype(d)
    return dtype if dtype.kind == "f" else np.dtype({"c8": np.float32, "c16": np.float64}.get(dtype.str[1:], default))
