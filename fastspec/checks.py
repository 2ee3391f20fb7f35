"""What every public function asks of its arguments, and the errors that say so.

Errors name the argument, the value and what would be right.
"""

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

MIX_DOWN = "mix channels down first, as with samples.mean(axis=1)"


def as_int(name: str, value: object, least: int) -> int:
    """A whole number of at least `least`; a float such as 128.0 will do."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        if not isinstance(value, (float, np.floating)):
            raise TypeError(f"{name} must be a whole number, got {value!r}") from None
        if not math.isfinite(value) or value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}") from None
        number = int(value)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return number


def as_finite(name: str, value: object) -> float:
    """A real number that is neither NaN nor infinite."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def as_real_dtype(name: str, value: DTypeLike) -> np.dtype[Any]:
    """float32 or float64."""
    try:
        dtype = np.dtype("" if value is None else value)  # None would be float64
    except TypeError:
        raise TypeError(f"{name} must be float32 or float64, got {value!r}") from None
    if dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise ValueError(f"{name} must be float32 or float64, got {dtype}")
    return dtype.newbyteorder("=")


def as_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value as an array of any kind."""
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{name} must be an array: {error}") from None


def as_float_array(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real array as float32 if it is that, else float64; C-contiguous, native byte order, copied only if need be."""
    a = as_array(name, array)
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {a.dtype}")
    single = a.dtype.kind == "f" and a.dtype.itemsize == 4
    return writable_view(np.ascontiguousarray(a, dtype=np.float32 if single else np.float64))


class _Memory:
    """The memory of an array, said to be writable; keeps the array alive."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def writable_view(a: NDArray[Any]) -> NDArray[Any]:
    """The same numbers as an array of the one type that kernels are compiled for, without a copy if it is aligned.

    Numba compiles anew for read-only and for unaligned arrays.  Kernels never write to what a caller gave.
    """
    if not a.flags.aligned:
        return a.copy()
    return a if a.flags.writeable else np.asarray(_Memory(a))


def finite_mean(name: str, x: NDArray[np.floating]) -> float:
    """The mean, which is finite only if every number is (a sum that overflows is looked at number by number)."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(x.mean(dtype=np.float64))
        if not math.isfinite(mean):
            check_finite(name, x)
            mean = float((x / x.size).sum(dtype=np.float64))
    return mean


def check_finite(name: str, array: NDArray[np.floating], *, silence: bool = False, before: int = 0) -> None:
    """No NaN, no infinity; with `silence`, -inf may stand (the logarithm of nothing); `before` rows stand before it."""
    if array.size and np.isfinite(array.max()) and (silence or np.isfinite(array.min())):
        return
    bad = np.isnan(array) | (array == np.inf) if silence else ~np.isfinite(array)
    if not bad.any():
        return
    first = np.unravel_index(int(bad.argmax()), array.shape)
    place = ", ".join(str(int(i) + (before if axis == 0 else 0)) for axis, i in enumerate(first))
    raise ValueError(f"{name}[{place}] is {array[first]}: every value must be finite")


def as_samples(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """One channel of at least one finite real sample."""
    x = as_channel(name, array)
    check_finite(name, x)
    return x


def as_channel(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """One channel of at least one real sample; whether they are finite is not looked at."""
    x = as_float_array(name, array)
    if x.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {x.shape}; {MIX_DOWN}")
    if not x.size:
        raise ValueError(f"{name} is empty: at least one sample is needed")
    return x


def as_matrix(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real matrix with at least one row and one column; whether its numbers are finite is not looked at."""
    S = as_float_array(name, array)
    if S.ndim != 2 or not S.size:
        raise ValueError(f"{name} must be a matrix (frames, bins) with at least one of each, got shape {S.shape}")
    return S


def check_log_range(name: str, largest: float, dtype: np.dtype[Any]) -> None:
    """Decimal logarithms up to `largest` whose powers of ten are numbers of their dtype."""
    limit = float(np.log10(np.finfo(dtype).max)) - 1
    if largest > limit:
        raise ValueError(
            f"{name} goes up to {largest:g}, whose power of ten is no {dtype}: logarithms must be below {limit:.0f} "
            "(for magnitudes: log=False)"
        )


def as_spectrogram(name: str, array: ArrayLike, *, silence: bool = False) -> NDArray[np.floating]:
    """A real matrix (frames, bins) of finite numbers, with at least one of each."""
    S = as_matrix(name, array)
    check_finite(name, S, silence=silence)
    return S


def as_filters(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real matrix (filters, bins) of finite numbers, with at least one of each."""
    weights = as_float_array(name, array)
    if weights.ndim != 2 or not weights.size:
        raise ValueError(f"{name} must be a matrix (filters, bins), at least one of each, got shape {weights.shape}")
    check_finite(name, weights)
    return weights


def complex_norm(name: str, D: NDArray[Any]) -> float:
    """Of a complex matrix (frames, bins) of finite numbers its norm, or their largest part if that is no number."""
    if D.ndim != 2 or not D.size:
        raise ValueError(f"{name} must be a matrix (frames, bins) with at least one of each, got shape {D.shape}")
    kind, many = np.complex64 if D.dtype.itemsize == 8 else np.complex128, max(1, (1 << 22) // D.shape[1])
    ready = D.dtype == kind and D.flags.c_contiguous

    def blocks() -> Iterator[NDArray[Any]]:
        for first in range(0, len(D), len(D) if ready else many):
            yield np.ascontiguousarray(D[first : first + (len(D) if ready else many)], kind)

    with np.errstate(over="ignore", invalid="ignore"):
        energy = sum(float(np.vdot(part, part).real) for part in blocks())  # finite only if every number is
    if math.isfinite(energy) and energy > 0:
        return math.sqrt(energy)
    largest = 0.0
    for part in blocks():
        numbers = part.view(part.real.dtype)
        largest = max(largest, float(numbers.max()), -float(numbers.min()))
        if not (np.isfinite(numbers.max()) and np.isfinite(numbers.min())):
            i, k = np.unravel_index(int((~np.isfinite(D)).argmax()), D.shape)
            raise ValueError(f"{name}[{i}, {k}] is {D[i, k]}: every value must be finite")
    return largest


def as_signals(name: str, array: ArrayLike) -> NDArray[Any]:
    """Real signals along the last axis, at least one of at least one sample, in whatever dtype they have."""
    x = as_array(name, array)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {x.dtype}")
    if x.ndim == 0 or not x.size:
        raise ValueError(f"{name} must hold at least one sample, got shape {x.shape}")
    return x


def as_spectra(name: str, array: ArrayLike, bins: int) -> NDArray[Any]:
    """Spectrograms (..., bins, frames) of at least one frame, in whatever dtype they have."""
    D = as_array(name, array)
    if D.dtype.kind not in "fciu":
        raise TypeError(f"{name} must hold complex numbers, got dtype {D.dtype}")
    if D.ndim < 2 or D.shape[-2] != bins or not D.shape[-1]:
        raise ValueError(f"{name} must have shape (..., {bins}, frames) with a frame at least, got {D.shape}")
    return D


def as_level_array(name: str, array: ArrayLike, rows: int) -> NDArray[Any]:
    """Real numbers of shape (..., rows, frames), a frame at least; which they are is not looked at."""
    S = as_array(name, array)
    if S.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {S.dtype}")
    if S.ndim < 2 or S.shape[-2] != rows or not S.size:
        raise ValueError(f"{name} must have shape (..., {rows}, frames) with a frame at least, got {S.shape}")
    return S


def as_levels(
    name: str, array: ArrayLike, rows: int, dtype: np.dtype[Any], where: tuple[int, ...] = (), frame: int = 0
) -> NDArray[np.floating]:
    """Finite numbers >= 0 of shape (..., rows, frames), a frame at least, in `dtype`; copied only if need be.

    The array may be part of a larger one, whose index `where` it is, from a frame on.
    """
    S = as_level_array(name, array, rows).astype(dtype, copy=False)
    least, most = float(S.min()), float(S.max())
    if not (least >= 0 and most < math.inf):
        at = np.unravel_index(int((~((S >= 0) & (math.inf > S))).argmax()), S.shape)
        place = ", ".join(map(str, (*where, *at[:-1], at[-1] + frame)))
        raise ValueError(f"{name}[{place}] is {S[at]}: every value must be finite and at least 0")
    return S


def convert_samples(x: NDArray[Any], dtype: np.dtype[Any], scale: bool) -> NDArray[np.floating]:
    """Samples in `dtype`, the last axis contiguous; with `scale` integers of b bits are divided by 2**(b - 1).

    Unsigned integers have their middle taken off first.
    """
    integer = x.dtype.kind in "iu"
    if (
        x.dtype == dtype
        and x.flags.aligned
        and x.strides[-1] == x.itemsize
        and not any(s % x.itemsize for s in x.strides)
    ):
        return x
    y = np.require(x, dtype, ["C", "ALIGNED"])
    if scale and integer:
        half = 2.0 ** (8 * x.dtype.itemsize - 1)
        if x.dtype.kind == "u":
            y -= dtype.type(half)
        y *= dtype.type(1 / half)
    return y


def check_out(
    name: str, out: object, shape: tuple[int | str, ...], dtype: np.dtype[Any], source: NDArray[Any], *, fits: bool
) -> None:
    """An array of this dtype and shape (`fits`) that can be written and shares no memory with the source."""
    if not isinstance(out, np.ndarray) or out.dtype != dtype or not fits:
        got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else repr(type(out))
        wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        raise ValueError(f"{name} must be an array of {dtype} of shape {wanted}, got {got}")
    if not out.flags.writeable:
        raise ValueError(f"{name} must be writable")
    if np.may_share_memory(out, source):
        raise ValueError(f"{name} must not share memory with the input")


def stream_out(
    name: str, out: NDArray[Any] | None, axes: tuple[int, ...], count: int, dtype: np.dtype[Any], block: NDArray[Any]
) -> NDArray[Any]:
    """The array (*axes, count) for the result of a block: new and zero, or the first `count` columns of `out`."""
    if out is None:
        return np.zeros((*axes, count), dtype)
    fits = isinstance(out, np.ndarray) and out.shape[:-1] == axes and out.ndim == len(axes) + 1
    fits = fits and out.shape[-1] >= count
    check_out(name, out, (*axes, f"{count} or more"), dtype, block, fits=fits)
    return out[..., :count]


def output_array(
    name: str, out: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any], order: str, x: NDArray[Any]
) -> NDArray[Any]:
    """The array for a result (..., rows, frames): a new one, or `out` if it is one that can be written."""
    if order not in ("F", "C"):
        raise ValueError(f"order must be 'F' (the rows of a frame are neighbours) or 'C', got {order!r}")
    if out is None:
        if order == "C":
            return np.empty(shape, dtype)
        return np.empty((*shape[:-2], shape[-1], shape[-2]), dtype).swapaxes(-1, -2)
    check_out(name, out, shape, dtype, x, fits=getattr(out, "shape", None) == shape)
    return out
