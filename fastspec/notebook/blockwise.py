"""Inputs and outputs too long for memory: taken, looked at and converted a block at a time; waves kept in files."""

import math
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array

LONG = 1 << 22
"""Numbers that are converted at once, at most: 32 MB in float64."""
FILED_BYTES = 64 << 20
"""Waves that are larger stand in a temporary file, which has no name and goes with them."""


def spans(n: int, many: int) -> Iterator[tuple[int, int]]:
    """(first, last) of the blocks of `many` that n make."""
    for first in range(0, n, many):
        yield first, min(n, first + many)


def result(out: Array | None, shape: tuple[int, ...], dtype: Any, *inputs: object) -> Array:
    """`out` as kernels write it, or a new array: C-contiguous, of this shape and dtype, apart from the inputs."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else repr(type(out))
        raise ValueError(f"out must be an array of {np.dtype(dtype)} of shape {shape}, got {got}")
    if not out.flags.writeable:
        raise ValueError("out must be writable")
    if not (out.flags.c_contiguous and out.flags.aligned):
        raise ValueError(f"out must be contiguous and aligned, got strides {out.strides}")
    if any(isinstance(x, np.ndarray) and np.may_share_memory(out, x) for x in inputs):
        raise ValueError("out must not share memory with the input")
    return np.asarray(out)


def given_back(out: Array | None, made: Array) -> Array:
    """What a function returns: the very `out` that it was given, or else what it made."""
    return made if out is None else out


def wave(n: int, dtype: np.dtype[Any]) -> Array:
    """n zeros, in a temporary file if they are many (of the folder that `tempfile.gettempdir` names)."""
    size = n * dtype.itemsize
    if size <= FILED_BYTES:
        return np.zeros(n, dtype)
    with tempfile.TemporaryFile(prefix="fastspec") as file:
        file.truncate(size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=(n,)))


def _ready(a: Array, dtype: np.dtype[Any]) -> bool:
    return a.dtype == dtype and a.flags.c_contiguous and a.flags.aligned


class Numbers:
    """Real numbers, of which blocks along the first axis are read as float32 if they are that, else as float64.

    What is in the one form that kernels take is used where it stands; what is short is converted at once, and what is
    long block by block, whenever it is read.
    """

    def __init__(self, name: str, array: ArrayLike, convert: Callable[[Array], Array] | None = None) -> None:
        a = checks.as_array(name, array)
        if a.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers, got dtype {a.dtype}")
        single = a.dtype.kind == "f" and a.dtype.itemsize == 4
        self.name, self.shape = name, a.shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if single else np.float64)
        self._own, self._raw, self._range = convert, a, (math.nan, math.nan)
        at_once = a.size <= LONG or (convert is None and _ready(a, self.dtype))
        self.whole: Array | None = self._converted(a) if at_once else None

    def __len__(self) -> int:
        return self.shape[0]

    def _converted(self, part: Array) -> Array:
        return checks.as_float_array(self.name, part) if self._own is None else self._own(part)

    @property
    def _many(self) -> int:
        """Rows of a block."""
        return max(1, LONG // max(1, math.prod(self.shape[1:])))

    def block(self, first: int, last: int) -> Array:
        """Those from `first` to `last` - 1."""
        return self._converted(self._raw[first:last]) if self.whole is None else self.whole[first:last]

    def blocks(self) -> Iterator[Array]:
        """All of them, block by block; at once if they are at hand."""
        if self.whole is not None:
            yield self.whole
            return
        for first, last in spans(len(self), self._many):
            yield self.block(first, last)

    def range(self) -> tuple[float, float]:
        """(the least, the largest)."""
        if math.isnan(self._range[0]):
            ends = [(float(part.min()), float(part.max())) for part in self.blocks()]
            self._range = min(low for low, _ in ends), max(high for _, high in ends)
        return self._range

    def finite(self, *, silence: bool = False) -> "Numbers":
        """Itself, if every number is finite; see `checks.check_finite`."""
        for number, part in enumerate(self.blocks()):
            checks.check_finite(self.name, part, silence=silence, before=number * self._many)
        return self

    def mean(self) -> float:
        """The mean of finite numbers; of those that are converted block by block, the mean of sums of blocks."""
        if self.whole is not None:
            return checks.finite_mean(self.name, self.whole)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = math.fsum(float(part.sum(dtype=np.float64)) for part in self.blocks()) / len(self)
        if not math.isfinite(mean):
            self.finite()
            mean = math.fsum(float((part / len(self)).sum(dtype=np.float64)) for part in self.blocks())
        return mean


def channel(name: str, array: ArrayLike) -> Numbers:
    """One channel of at least one real sample; whether they are finite is not looked at."""
    x = Numbers(name, array)
    if len(x.shape) != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {x.shape}; {checks.MIX_DOWN}")
    if not len(x):
        raise ValueError(f"{name} is empty: at least one sample is needed")
    return x


def rows(name: str, array: ArrayLike, convert: Callable[[Array], Array] | None = None) -> Numbers:
    """A real matrix with at least one row and one column; whether its numbers are finite is not looked at."""
    S = Numbers(name, array, convert)
    if len(S.shape) != 2 or not math.prod(S.shape):
        raise ValueError(f"{name} must be a matrix (frames, bins) with at least one of each, got shape {S.shape}")
    return S
