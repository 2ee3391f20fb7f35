"""librosa.util.utils: framing, padding, normalization, checks of audio, and real and complex dtypes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, DTypeLike

from ..._typing import Array
from ...forks import while_none_forks
from .._names import parameter_error, raise_parameter_errors, resolve


def __getattr__(name: str) -> Any:
    return resolve(__name__, name)


@raise_parameter_errors
def frame(
    x: ArrayLike, *, frame_length: int, hop_length: int, axis: int = -1, writeable: bool = False, subok: bool = False
) -> Array:
    """Overlapping frames of an array, as a view of its memory.

    Parameters
    ----------
    x : np.ndarray [shape=(..., n, ...)]
        The array to split into frames along `axis`.
    frame_length, hop_length : int > 0
        Length of a frame; distance between the starts of successive frames.
    axis : int
        The axis of samples.  If it is negative, the axis of frames follows it; else it precedes it.
    writeable : bool
        Whether the view can be written to (overlapping frames share memory).
    subok : bool
        Whether subclasses of np.ndarray are passed through.

    Returns
    -------
    frames : np.ndarray [shape=(..., frame_length, n_frames, ...)] or, for axis >= 0, (..., n_frames, frame_length, ...)
        n_frames = 1 + (n - frame_length) // hop_length.

    Raises
    ------
    ParameterError
        If x is shorter than a frame, or hop_length is below 1.
    """
    x = np.asanyarray(x) if subok else np.asarray(x)
    n = x.shape[axis]
    if n < frame_length:
        raise parameter_error(f"Input is too short (n={n}) for frame_length={frame_length}")
    if hop_length < 1:
        raise parameter_error(f"Invalid hop_length: {hop_length}: it must be at least 1")
    sample_axis = axis % x.ndim
    stride = x.strides[sample_axis]
    sizes, frame_strides = [frame_length, 1 + (n - frame_length) // hop_length], [stride, stride * hop_length]
    if axis >= 0:
        sizes.reverse()
        frame_strides.reverse()
    shape = (*x.shape[:sample_axis], *sizes, *x.shape[sample_axis + 1 :])
    strides = (*x.strides[:sample_axis], *frame_strides, *x.strides[sample_axis + 1 :])
    return as_strided(x, shape=shape, strides=strides, subok=subok, writeable=writeable)


@raise_parameter_errors
def valid_audio(y: object) -> bool:
    """Whether `y` is audio: an array of finite floating-point samples with at least one dimension.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not isinstance(y, np.ndarray):
        raise parameter_error(f"Audio data must be of type numpy.ndarray, got {type(y).__name__}")
    if y.dtype.kind != "f":
        raise parameter_error(
            f"Audio data must be floating-point, got dtype {y.dtype}: convert it, divide integers by their full scale"
        )
    if y.ndim == 0:
        raise parameter_error(f"Audio data must be at least one-dimensional, given y.shape={y.shape}")
    if not _all_finite(y):
        raise parameter_error("Audio buffer is not finite everywhere: it holds NaN or infinity")
    return True


@while_none_forks()
def _all_finite(y: Array) -> bool:
    """Whether every value is finite: the sum of squares, one pass by BLAS, shows it unless it overflows."""
    if y.dtype.char in "fd" and (y.flags.c_contiguous or y.flags.f_contiguous):
        flat = y.ravel(order="K")
        with np.errstate(over="ignore", invalid="ignore"):
            if math.isfinite(np.dot(flat, flat)):
                return True
    return bool(np.isfinite(y).all())


@raise_parameter_errors
def valid_int(x: float, *, cast: Callable[[float], float] | None = None) -> int:
    """`x` as an integer: `cast(x)`, or x rounded down by default."""
    if cast is not None and not callable(cast):
        raise parameter_error(f"cast parameter must be callable, got {cast!r}")
    return int((cast or math.floor)(x))


def is_positive_int(x: object) -> bool:
    """Whether `x` is a positive integer of Python or NumPy."""
    return isinstance(x, int | np.integer) and bool(x > 0)


@raise_parameter_errors
def pad_center(data: Array, *, size: int, axis: int = -1, **kwargs: Any) -> Array:
    """`data` padded on both sides of an axis to `size`; of an odd number of new values, one more is on the right.

    Other arguments go to `np.pad` (zeros by default).

    Raises
    ------
    ParameterError
        If size is less than the size of the axis.
    """
    n = data.shape[axis]
    if size < n:
        raise parameter_error(f"Target size ({size}) must be at least input size ({n})")
    left = (size - n) // 2
    widths = [(0, 0)] * data.ndim
    widths[axis] = (left, size - n - left)
    return np.pad(data, widths, **{"mode": "constant", **kwargs})


@raise_parameter_errors
def fix_length(data: Array, *, size: int, axis: int = -1, **kwargs: Any) -> Array:
    """`data` truncated or padded at the end of an axis to exactly `size`; unchanged (no copy) if it has that size.

    Other arguments go to `np.pad` (zeros by default).
    """
    n = data.shape[axis]
    if n >= size:
        index = [slice(None)] * data.ndim
        index[axis] = slice(0, size)
        return data[tuple(index)] if n > size else data
    widths = [(0, 0)] * data.ndim
    widths[axis] = (0, size - n)
    return np.pad(data, widths, **{"mode": "constant", **kwargs})


@raise_parameter_errors
def expand_to(x: Array, *, ndim: int, axes: Any) -> Array:
    """`x` with axes of length 1 inserted, so that its own axes are the axes `axes` of `ndim`.

    Raises
    ------
    ParameterError
        If `axes` has not one entry for each axis of x, or ndim is less than x.ndim.
    """
    targets = tuple(axes) if np.iterable(axes) else (axes,)
    if len(targets) != x.ndim:
        raise parameter_error(f"Shape mismatch between axes={targets} and input x.shape={x.shape}")
    if ndim < x.ndim:
        raise parameter_error(f"Cannot expand x.shape={x.shape} to fewer dimensions ndim={ndim}")
    shape = [1] * ndim
    for target, size in zip(targets, x.shape, strict=True):
        shape[target] = size
    return x.reshape(shape)


@raise_parameter_errors
def normalize(
    S: Array,
    *,
    norm: float | None = np.inf,
    axis: int | None = 0,
    threshold: float | None = None,
    fill: bool | None = None,
) -> Array:
    """`S` divided by its norm along an axis.

    Parameters
    ----------
    S : np.ndarray
        Finite values.
    norm : number > 0, np.inf, -np.inf, 0 or None
        The order p of (sum |S|**p)**(1/p); np.inf is the largest magnitude, -np.inf the smallest, 0 the number of
        nonzero values; None leaves S unchanged.
    axis : int or None
        The axis; None for one norm of the whole array.
    threshold : number > 0, optional
        Norms below it count as zero; by default the smallest normal number of the dtype.
    fill : None, False or True
        Where the norm counts as zero, S is left unchanged, set to zero, or set to a constant of norm 1.

    Raises
    ------
    ParameterError
        For any other norm, threshold or fill, for NaN and infinity, and for norm=0 with fill=True.
    """
    if threshold is not None and not threshold > 0:
        raise parameter_error(f"threshold={threshold} must be strictly positive")
    if fill not in (None, False, True):
        raise parameter_error(f"fill={fill} must be None or boolean")
    if not np.isfinite(S).all():
        raise parameter_error("Input must be finite")
    if norm is None:
        return S
    if norm == 0 and fill is True:
        raise parameter_error("Cannot normalize with norm=0 and fill=True")
    norms, constant = _norms(np.abs(S).astype(float), norm, axis)
    small = norms < (tiny(S) if threshold is None else threshold)
    norms[small] = 1.0 if fill is None else np.inf
    normalized = np.empty_like(S)
    normalized[...] = S / norms
    if fill:
        normalized[np.broadcast_to(small, normalized.shape)] = constant
    return normalized


def _norms(magnitude: Array, norm: float, axis: int | None) -> tuple[Array, float]:
    """(norms along an axis, the constant whose norm along it is 1)."""
    norms: Array
    if norm in (np.inf, -np.inf):
        norms = (np.max if norm > 0 else np.min)(magnitude, axis=axis, keepdims=True)
        return norms, 1.0
    if norm == 0:
        return np.sum(magnitude > 0, axis=axis, keepdims=True, dtype=float), 1.0
    if not np.issubdtype(type(norm), np.number) or not norm > 0:
        raise parameter_error(f"Unsupported norm: {norm!r}: must be a number above 0, np.inf, -np.inf, 0 or None")
    count = magnitude.size if axis is None else magnitude.shape[axis]
    norms = np.asarray(np.sum(magnitude**norm, axis=axis, keepdims=True) ** (1.0 / norm))
    return norms, float(count ** (-1.0 / norm))


@raise_parameter_errors
def tiny(x: ArrayLike) -> Any:
    """The smallest normal number of `x`'s dtype, or of float32 if that is not a floating-point dtype."""
    dtype = np.asarray(x).dtype
    return np.finfo(dtype if dtype.kind in "fc" else np.float32).tiny


@raise_parameter_errors
def dtype_r2c(d: DTypeLike, *, default: Any = np.complex64) -> np.dtype[Any]:
    """The complex dtype of a real dtype: float32 -> complex64, float64 -> complex128, all others -> `default`."""
    dtype = np.dtype(d)
    return (
        dtype if dtype.kind == "c" else np.dtype({"f4": np.complex64, "f8": np.complex128}.get(dtype.str[1:], default))
    )


@raise_parameter_errors
def dtype_c2r(d: DTypeLike, *, default: Any = np.float32) -> np.dtype[Any]:
    """The real dtype of a complex dtype: complex64 -> float32, complex128 -> float64, all others -> `default`."""
    dtype = np.dtype(d)
    return dtype if dtype.kind == "f" else np.dtype({"c8": np.float32, "c16": np.float64}.get(dtype.str[1:], default))
