"""Arrays larger than memory: read, checked and converted a block at a time; scratch signals in temporary files."""

import math
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array

BLOCK_VALUES = 1 << 22
"""Values of a block that is converted at once, at most: 32 MB in float64."""
SCRATCH_MEMORY_BYTES = 64 << 20
"""A scratch signal larger than this is a memory map of a temporary file, which has no name and is deleted with it."""


def chunks(n: int, size: int) -> Iterator[tuple[int, int]]:
    """(first, last) of the blocks of `size` that cover range(n); the last block may be shorter."""
    for first in range(0, n, size):
        yield first, min(n, first + size)


def allocate_output(out: Array | None, shape: tuple[int, ...], dtype: Any, *inputs: object) -> Array:
    """`out` as an array that kernels can write to, or a new array of this shape and dtype.

    Raises
    ------
    ValueError
        If out has another shape or dtype, is read-only, not C-contiguous, or shares memory with one of the inputs.
    """
    if out is None:
        return np.empty(shape, dtype)
    fits = isinstance(out, np.ndarray) and out.shape == shape
    for source in [x for x in inputs if isinstance(x, np.ndarray)] or [np.empty(0)]:
        checks.check_out("out", out, shape, np.dtype(dtype), source, fits=fits)
    if not (out.flags.c_contiguous and out.flags.aligned):
        raise ValueError(f"out must be C-contiguous and aligned, got strides {out.strides}")
    return np.asarray(out)


def scratch_wave(n: int, dtype: np.dtype[Any]) -> Array:
    """n zeros: in memory, or in a temporary file if they exceed SCRATCH_MEMORY_BYTES (see `tempfile.gettempdir`)."""
    size = n * dtype.itemsize
    if size <= SCRATCH_MEMORY_BYTES:
        return np.zeros(n, dtype)
    with tempfile.TemporaryFile(prefix="fastspec") as file:
        file.truncate(size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=(n,)))


class BlockArray:
    """A real array of which blocks along the first axis are read as float32 if it is that, else as float64.

    An array that kernels can read (native byte order, C-contiguous, aligned) is used without a copy.  Any other is
    converted: at once if it has at most BLOCK_VALUES values, else a block at a time, each time it is read.

    Parameters
    ----------
    name : str
        Name of the argument, for errors.
    array : np.ndarray [shape=(n, ...)]
        Real values of any dtype and memory order.
    convert : callable, optional
        Conversion of a block, by default to float32 or float64.

    Attributes
    ----------
    shape : tuple
    dtype : float32 or float64
        Of the blocks.
    whole : np.ndarray or None
        The whole array as float32 or float64; None if it is converted block by block.
    """

    def __init__(self, name: str, array: ArrayLike, convert: Callable[[Array], Array] | None = None) -> None:
        a = checks.as_array(name, array)
        if a.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers, got dtype {a.dtype}")
        single = a.dtype.kind == "f" and a.dtype.itemsize == 4
        self.name, self.shape = name, a.shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if single else np.float64)
        self._custom_convert, self._raw, self._range = convert, a, (math.nan, math.nan)
        kernels_can_read = convert is None and a.dtype == self.dtype and a.flags.c_contiguous and a.flags.aligned
        self.whole: Array | None = self._convert(a) if kernels_can_read or a.size <= BLOCK_VALUES else None

    def __len__(self) -> int:
        return self.shape[0]

    def _convert(self, block: Array) -> Array:
        return checks.as_float_array(self.name, block) if self._custom_convert is None else self._custom_convert(block)

    @property
    def _block_rows(self) -> int:
        return max(1, BLOCK_VALUES // max(1, math.prod(self.shape[1:])))

    def block(self, first: int, last: int) -> Array:
        """Rows first .. last - 1."""
        return self._convert(self._raw[first:last]) if self.whole is None else self.whole[first:last]

    def blocks(self) -> Iterator[Array]:
        """All rows, block by block; the whole array as one block if it need not be converted."""
        if self.whole is not None:
            yield self.whole
            return
        for first, last in chunks(len(self), self._block_rows):
            yield self.block(first, last)

    def range(self) -> tuple[float, float]:
        """(minimum, maximum) of all values."""
        if math.isnan(self._range[0]):
            extremes = [(float(block.min()), float(block.max())) for block in self.blocks()]
            self._range = min(low for low, _ in extremes), max(high for _, high in extremes)
        return self._range

    def check_finite(self, *, silence: bool = False) -> "BlockArray":
        """Itself, or an error if a value is not finite; see `checks.check_finite`."""
        for i, block in enumerate(self.blocks()):
            checks.check_finite(self.name, block, silence=silence, before=i * self._block_rows)
        return self

    def mean(self) -> float:
        """The mean of finite values; if the array is converted block by block, from the sums of blocks."""
        if self.whole is not None:
            return checks.finite_mean(self.name, self.whole)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = math.fsum(float(block.sum(dtype=np.float64)) for block in self.blocks()) / len(self)
        if not math.isfinite(mean):
            self.check_finite()
            mean = math.fsum(float((block / len(self)).sum(dtype=np.float64)) for block in self.blocks())
        return mean


def as_channel(name: str, array: ArrayLike) -> BlockArray:
    """One channel (n,) of at least one real sample; whether the samples are finite is not checked."""
    x = BlockArray(name, array)
    if len(x.shape) != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {x.shape}; {checks.MIX_DOWN}")
    if not len(x):
        raise ValueError(f"{name} is empty: at least one sample is needed")
    return x


def as_matrix(name: str, array: ArrayLike, convert: Callable[[Array], Array] | None = None) -> BlockArray:
    """A real matrix with at least one row and one column; whether its values are finite is not checked."""
    S = BlockArray(name, array, convert)
    if len(S.shape) != 2 or not math.prod(S.shape):
        raise ValueError(f"{name} must be a matrix (frames, bins) with at least one of each, got shape {S.shape}")
    return S
