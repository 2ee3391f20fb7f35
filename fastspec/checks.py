"""Checks and conversions of arguments, and the text of every error: it names the argument, the rule and the value."""

import math
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .forks import while_none_forks
from .warning import warn

TRANSPOSED_RATIO = 100
"""Of the longest leading axis to the last one, from which signals shorter than a frame are taken for transposed."""

SHOWN_CHARACTERS = 200
"""Of a value in the text of an error."""

MIX_DOWN = "mix channels down first, as with samples.mean(axis=1)"


def shown(value: object) -> str:
    """A value as errors show it: of an array its dtype and shape, of a long text the beginning."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype} of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def as_int(name: str, value: object, least: int, most: int | None = None) -> int:
    """An integer >= least, and <= most; integral floats such as 128.0 are accepted."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        if not isinstance(value, (float, np.floating)):
            raise TypeError(f"{name} must be a whole number, got {shown(value)}") from None
        if not math.isfinite(value) or value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}") from None
        number = int(value)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {shown(value)}")
    if most is not None and number > most:
        raise ValueError(f"{name} must be at most {most}, got {shown(value)}")
    return number


def as_finite(name: str, value: object) -> float:
    """A finite real number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {shown(value)}") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {shown(value)}")
    return number


def as_generator(name: str, seed: Any) -> np.random.Generator:
    """The random generator that np.random.default_rng makes of a seed, or is given."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be None, a whole number from 0 up, a np.random.Generator or another seed that "
            f"np.random.default_rng takes, got {shown(seed)}: {error}"
        ) from None


def as_real_dtype(name: str, value: DTypeLike) -> np.dtype[Any]:
    """The dtype float32 or float64, in native byte order."""
    try:
        dtype = np.dtype("" if value is None else value)  # None would be float64
    except TypeError:
        raise TypeError(f"{name} must be float32 or float64, got {value!r}") from None
    if dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise ValueError(f"{name} must be float32 or float64, got {dtype}")
    return dtype.newbyteorder("=")


def as_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value as an array of any dtype; no mask may be lost."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{name} must be an array: {error}") from None
    check_mask(name, value)
    return array


def is_masked_array(value: object) -> TypeGuard[np.ma.MaskedArray[Any, Any]]:
    """Whether it is one of `numpy.ma`, which NumPy imports at its first use, and then anybody who makes one has.

    A fork amid that import would leave the child with its lock.
    """
    return isinstance(value, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ()))


def check_mask(name: str, value: object) -> None:
    """No value is masked."""
    if is_masked_array(value) and value.dtype.names is None and np.ma.is_masked(value):
        raise ValueError(
            f"{name} must not have masked values, got {np.ma.count_masked(value)} of them: fill them first, as with "
            f"{name}.filled(0)"
        )


def as_contiguous(array: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
    """The array C-contiguous and aligned, copied only if needed; `np.ascontiguousarray` leaves what is not aligned."""
    a = np.ascontiguousarray(array, dtype)
    return a if a.flags.aligned else a.copy()


def as_float_array(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real array in float32 if it is that, else float64; C-contiguous, native byte order, copied only if needed."""
    a = _as_real(name, array, "fiub")
    single = a.dtype.kind == "f" and a.dtype.itemsize == 4
    return writable_view(np.ascontiguousarray(a, dtype=np.float32 if single else np.float64))


class _Memory:
    """The memory of an array as writable; keeps the array alive."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def writable_view(a: NDArray[Any]) -> NDArray[Any]:
    """A writable, aligned view, or a copy of an unaligned array: the only type that kernels are compiled for.

    Numba compiles anew for read-only and for unaligned arrays.  Kernels do not write to their inputs.
    """
    if not a.flags.aligned:
        return a.copy()
    return a if a.flags.writeable else np.asarray(_Memory(a))


def finite_mean(name: str, x: NDArray[np.floating]) -> float:
    """The mean of finite numbers, without overflow; raises if a number is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(x.mean(dtype=np.float64))
        if not math.isfinite(mean):
            check_finite(name, x)
            mean = float((x / x.size).sum(dtype=np.float64))
    return mean


def finite_peak(name: str, x: NDArray[np.floating]) -> float:
    """max |x| of finite numbers; raises if a number is not finite."""
    peak = float(np.abs(x).max())
    if not math.isfinite(peak):
        check_finite(name, x)
    return peak


def check_finite(name: str, array: NDArray[np.floating], *, silence: bool = False, before: int = 0) -> None:
    """All numbers are finite or, with `silence`, -inf = log 0; the error counts `before` rows before the array."""
    if array.size and np.isfinite(array.max()) and (silence or np.isfinite(array.min())):
        return
    invalid = np.isnan(array) | (array == np.inf) if silence else ~np.isfinite(array)
    if invalid.any():
        first = np.unravel_index(int(invalid.argmax()), array.shape)
        raise invalid_value(name, (first[0] + before, *first[1:]) if first else (), array[first])


def invalid_value(name: str, index: tuple[Any, ...], value: object, rule: str = "finite") -> ValueError:
    """The error of a number of an array that breaks a rule."""
    return ValueError(f"{name}[{', '.join(str(int(i)) for i in index)}] is {value}: every value must be {rule}")


def as_samples(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A channel of finite real samples, at least one."""
    x = as_channel(name, array)
    check_finite(name, x)
    return x


def as_channel(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A channel of real samples, at least one; they need not be finite."""
    x = as_float_array(name, array)
    if x.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {x.shape}; {MIX_DOWN}")
    if not x.size:
        raise ValueError(f"{name} is empty: at least one sample is needed")
    return x


def as_matrix(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real matrix (frames, bins) with at least one of each; its numbers need not be finite."""
    S = as_float_array(name, array)
    _check_matrix(name, S)
    return S


def _check_matrix(name: str, S: NDArray[Any], rows: str = "frames") -> None:
    if S.ndim != 2 or not S.size:
        raise ValueError(f"{name} must be a matrix ({rows}, bins) with at least one of each, got shape {S.shape}")


def check_log_range(name: str, largest: float, dtype: np.dtype[Any]) -> None:
    """10**largest, for the largest of decimal logarithms, does not overflow the dtype."""
    limit = float(np.log10(np.finfo(dtype).max)) - 1
    if largest > limit:
        raise ValueError(
            f"{name} goes up to {largest:g}, whose power of ten is no {dtype}: logarithms must be below {limit:.0f} "
            "(for magnitudes: log=False)"
        )


def as_spectrogram(name: str, array: ArrayLike, *, silence: bool = False) -> NDArray[np.floating]:
    """A real matrix (frames, bins) of finite numbers, or -inf with `silence`, with at least one of each."""
    S = as_matrix(name, array)
    check_finite(name, S, silence=silence)
    return S


def as_filters(name: str, array: ArrayLike) -> NDArray[np.floating]:
    """A real matrix (filters, bins) of finite numbers, with at least one of each."""
    weights = as_float_array(name, array)
    _check_matrix(name, weights, "filters")
    check_finite(name, weights)
    return weights


def complex_norm(name: str, D: NDArray[Any]) -> float:
    """The norm of a finite complex matrix (frames, bins); if that is 0 or overflows, the largest |re| or |im|."""
    _check_matrix(name, D)
    kind = np.complex64 if D.dtype.itemsize == 8 else np.complex128
    needs_no_copy = D.dtype == kind and D.flags.c_contiguous
    rows = len(D) if needs_no_copy else max(1, (1 << 22) // D.shape[1])

    def blocks() -> Iterator[NDArray[Any]]:
        for first in range(0, len(D), rows):
            yield np.ascontiguousarray(D[first : first + rows], kind)

    with np.errstate(over="ignore", invalid="ignore"), while_none_forks():
        energy = sum(float(np.vdot(block, block).real) for block in blocks())  # finite only if every number is
    if math.isfinite(energy) and energy > 0:
        return math.sqrt(energy)
    largest = 0.0
    for block in blocks():
        numbers = block.view(block.real.dtype)
        largest = max(largest, float(numbers.max()), -float(numbers.min()))
        if not (np.isfinite(numbers.max()) and np.isfinite(numbers.min())):
            index = np.unravel_index(int((~np.isfinite(D)).argmax()), D.shape)
            raise invalid_value(name, index, D[index])
    return largest


def as_signals(name: str, array: ArrayLike) -> NDArray[Any]:
    """Real signals along the last axis, at least one sample, in their own dtype."""
    x = _as_real(name, array, "fiub")
    if x.ndim == 0 or not x.size:
        raise ValueError(f"{name} must hold at least one sample, got shape {x.shape}")
    return x


def as_spectra(name: str, array: ArrayLike, bins: int) -> NDArray[Any]:
    """Spectra (..., bins, frames) of at least one frame, in their own dtype."""
    D = as_array(name, array)
    if D.dtype.kind not in "fciu":
        raise TypeError(f"{name} must hold complex numbers, got dtype {D.dtype}")
    _check_frames(name, D, bins, 0 in D.shape[-1:])
    return D


def _check_frames(name: str, S: NDArray[Any], rows: int, is_empty: bool) -> None:
    if S.ndim < 2 or S.shape[-2] != rows or is_empty:
        raise ValueError(f"{name} must have shape (..., {rows}, frames) with a frame at least, got {S.shape}")


def _as_real(name: str, array: ArrayLike, kinds: str) -> NDArray[Any]:
    """An array of real numbers whose dtypes are of these kinds."""
    a = as_array(name, array)
    if a.dtype.kind not in kinds:
        raise TypeError(f"{name} must hold real numbers, got dtype {a.dtype}")
    return a


def as_level_array(name: str, array: ArrayLike, rows: int) -> NDArray[Any]:
    """Real numbers (..., rows, frames) of at least one frame, of any value."""
    S = _as_real(name, array, "fiu")
    _check_frames(name, S, rows, not S.size)
    return S


def least_and_most(S: NDArray[Any]) -> tuple[float, float]:
    """The smallest and the largest number; NaN if one is NaN."""
    return float(S.min()), float(S.max())


def as_levels(
    name: str,
    array: ArrayLike,
    rows: int,
    dtype: np.dtype[Any],
    index: tuple[int, ...] = (),
    frame: int = 0,
    measure: Callable[[NDArray[Any]], tuple[float, float]] = least_and_most,
) -> NDArray[np.floating]:
    """Finite numbers >= 0 (..., rows, frames) of at least one frame, in `dtype`; copied only if needed.

    The error names an element of a larger array, of which this is [(*index, ..., frame:)].  `measure` is a function
    such as `least_and_most`.
    """
    S = as_level_array(name, array, rows).astype(dtype, copy=False)
    S = S if S.flags.aligned else S.copy()
    least, most = measure(S)
    if not (least >= 0 and most < math.inf):
        at = np.unravel_index(int((~((S >= 0) & (math.inf > S))).argmax()), S.shape)
        rule = "finite and at least 0" + (f"; {_undo_logarithms(name)}" if -math.inf < S[at] < 0 else "")
        raise invalid_value(name, (*index, *at[:-1], at[-1] + frame), S[at], rule)
    return S


def warn_of_logarithms(name: str, levels: NDArray[Any], share: float = 0.0) -> None:
    """Warn of finite levels below -share of the largest, which may be logarithms."""
    if not levels.size or not -math.inf < float(levels.min()) < -share * max(0.0, float(levels.max())):
        return
    at = np.unravel_index(int(levels.argmin()), levels.shape)
    warn(f"{name}[{', '.join(map(str, at))}] is {levels[at]}, but levels are not negative; {_undo_logarithms(name)}")


def _undo_logarithms(name: str) -> str:
    return f"if these are logarithms, undo them first (10**({name} / 10) for decibels of powers)"


def warn_if_transposed(name: str, shape: tuple[int, ...], n_fft: int) -> None:
    """Warn of signals shorter than a frame beside an axis TRANSPOSED_RATIO times as long, which may be that of time."""
    n = shape[-1]
    longest = max(shape[:-1], default=0)
    if 0 < n < n_fft and longest >= TRANSPOSED_RATIO * n:
        axis = shape.index(longest)
        warn(
            f"{name} of shape {shape} is {math.prod(shape[:-1])} signals of {n} samples, as the last axis is time; "
            f"if axis {axis} is time: np.moveaxis({name}, {axis}, -1)"
        )


def convert_samples(x: NDArray[Any], dtype: np.dtype[Any], scale: bool) -> NDArray[np.floating]:
    """Samples in `dtype`, the last axis contiguous; with `scale`, integers of b bits are divided by 2**(b - 1).

    Unsigned integers are first shifted by -2**(b - 1).
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
    """`out` is a writable array of this dtype and shape (`fits`) that shares no memory with the source."""
    if not isinstance(out, np.ndarray) or out.dtype != dtype or not fits:
        got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else repr(type(out))
        expected = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        raise ValueError(f"{name} must be an array of {dtype} of shape {expected}, got {got}")
    if not out.flags.writeable:
        raise ValueError(f"{name} must be writable")
    if _overlaps_itself(out):
        raise ValueError(f"{name} must hold each element at an address of its own, got strides {out.strides}")
    if np.may_share_memory(out, source):
        raise ValueError(f"{name} must not share memory with the input")


def _overlaps_itself(a: NDArray[Any]) -> bool:
    """Whether elements of an array share memory, as where a stride is 0."""
    if a.flags.c_contiguous or a.flags.f_contiguous or not a.size:
        return False
    reach, is_nested = a.itemsize, True
    axes = sorted((abs(stride), n) for stride, n in zip(a.strides, a.shape, strict=True) if n > 1)
    for stride, n in axes:
        is_nested = is_nested and stride >= reach
        reach += (n - 1) * stride
    if is_nested:
        return False
    if reach < a.size * a.itemsize or axes[0][0] == 0:
        return True
    used = np.zeros(reach, np.uint8)  # strides that interlock: count
    elements = np.zeros(1, np.int64)
    for stride, n in axes:
        elements = (elements[:, None] + stride * np.arange(n)).reshape(-1)
    for byte in range(a.itemsize):
        np.add.at(used, elements + byte, 1)
    return bool(used.max() > 1)


def stream_out(
    name: str, out: NDArray[Any] | None, axes: tuple[int, ...], count: int, dtype: np.dtype[Any], block: NDArray[Any]
) -> NDArray[Any]:
    """The array (*axes, count) for the result of a block: new zeros, or the first `count` columns of `out`."""
    if out is None:
        return np.zeros((*axes, count), dtype)
    fits = isinstance(out, np.ndarray) and out.shape[:-1] == axes and out.ndim == len(axes) + 1
    fits = fits and out.shape[-1] >= count
    check_out(name, out, (*axes, f"{count} or more"), dtype, block, fits=fits)
    return out[..., :count]


def output_array(
    name: str, out: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any], order: str, x: NDArray[Any]
) -> NDArray[Any]:
    """The array for a result (..., rows, frames): a new array in this order, or `out` after `check_out`."""
    if order not in ("F", "C"):
        raise ValueError(f"order must be 'F' (the rows of a frame are neighbours) or 'C', got {order!r}")
    if out is None:
        if order == "C":
            return np.empty(shape, dtype)
        return np.empty((*shape[:-2], shape[-1], shape[-2]), dtype).swapaxes(-1, -2)
    check_out(name, out, shape, dtype, x, fits=getattr(out, "shape", None) == shape)
    return out


def warn_nola(name: str, win_length: int, hop_length: int) -> None:
    """Warn that window and hop violate NOLA (nonzero overlap-add)."""
    warn(
        f"window of win_length={win_length} and hop_length={hop_length} violate NOLA: some samples cannot be "
        f"reconstructed from {name}; use a hop_length below {hop_length}"
    )
