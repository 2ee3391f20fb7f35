"""The layout of arrays in memory: flat arrays, offsets and strides in real numbers, for the kernels.

`MemoryLayout` describes an array (..., rows, frames), once a call; `extent` and `data_address` describe an array of a
prepared call, whose strides are those of an earlier call.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .. import checks
from .._typing import Complex, Integer, Real
from ..kernels.framing.polyphase import SignalArgs


class MemoryLayout(NamedTuple):
    """The layout of an array (..., rows, frames) in memory, in real numbers."""

    flat: Real
    offsets: Integer  # of each signal in flat
    frames_contiguous: bool  # the frames of a row are neighbours, not the rows of a frame
    row_stride: int  # from a frame to the next; with frames_contiguous, from a row to the next


def flatten(a: NDArray[Any], inner: int) -> tuple[NDArray[Any], Integer]:
    """(the memory of `a` as a flat array, offsets in it of the last `inner` axes for each index of the axes before).

    All strides must be multiples of the size of an element.
    """
    outer = a.shape[: a.ndim - inner]
    for dense in (a, a.swapaxes(-1, -inner)):  # the usual orders of memory
        if dense.flags.c_contiguous:
            size = prod(a.shape[a.ndim - inner :])
            return dense.reshape(-1), np.arange(prod(outer), dtype=np.int64) * size
    strides = [s // a.itemsize for s in a.strides]
    lowest = tuple(0 if s >= 0 else n - 1 for s, n in zip(strides, a.shape, strict=True))
    reach = 1 + sum(abs(s) * (n - 1) for s, n in zip(strides, a.shape, strict=True))
    flat = as_strided(a[tuple(slice(i, i + 1) for i in lowest)].reshape(1), (reach,), (a.itemsize,))
    offsets = np.zeros(outer, np.int64)
    for axis, (s, n) in enumerate(zip(strides, a.shape, strict=True)):
        if axis < len(outer):
            offsets += (np.arange(n) * s).reshape([-1] + [1] * (len(outer) - 1 - axis))
    base = sum(-s * (n - 1) for s, n in zip(strides, a.shape, strict=True) if s < 0)
    return flat, offsets.reshape(-1) + base


def layout_of(a: NDArray[Any]) -> MemoryLayout | None:
    """The layout of an array (..., rows, frames); None if neither of the last two axes is contiguous."""
    rows, frames = a.shape[-2:]
    if not has_integer_strides(a):
        return None
    if rows == 1 or a.strides[-2] == a.itemsize:
        frames_contiguous, stride = False, a.strides[-1] // a.itemsize
    elif frames == 1 or a.strides[-1] == a.itemsize:
        frames_contiguous, stride = True, a.strides[-2] // a.itemsize
    else:
        return None
    reals = 2 if a.dtype.kind == "c" else 1
    flat, offsets = flatten(a, 2)
    return MemoryLayout(flat.view(a.real.dtype), offsets * reals, frames_contiguous, stride * reals)


def has_integer_strides(a: NDArray[Any]) -> bool:
    """Whether the array is aligned and all strides are multiples of the size of an element."""
    return a.flags.aligned and all(s % a.itemsize == 0 for s in a.strides)


def signal_args(
    x: Real,
    padding: Real | None = None,
    *,
    pad_left: int = 0,
    pad_right: int = 0,
    pads_by_index: bool = False,
    mean: float = 0.0,
    scale: float = 1.0,
) -> SignalArgs:
    """Arguments for signals x (..., n) with a contiguous last axis, and padding (signals, pad_left + pad_right).

    With pads_by_index the padding (pad_left + pad_right,) holds the samples that it repeats, -1 for a zero.
    (x - mean) scale is transformed; scale is a power of two.
    """
    flat, offsets = flatten(x, 1)
    number, empty = x.dtype.type, np.zeros(0, x.dtype)
    return SignalArgs(
        x=flat,
        offsets=offsets,
        padding=empty if padding is None else np.ascontiguousarray(padding).reshape(-1),
        out=empty,
        out_offsets=np.zeros(0, np.int64),
        peaks=empty,
        n=x.shape[-1],
        pads_by_index=pads_by_index,
        pad_left=pad_left,
        pad_right=pad_right,
        mean=number(mean * scale),  # which may be a denormal before
        scale=number(scale),
    )


def writable(out: Real) -> bool:
    """Whether kernels can write signals (..., length) to `out` directly."""
    return out.flags.aligned and (out.strides[-1] == out.itemsize or out.shape[-1] <= 1)


def extent(a: NDArray[Any], width: int) -> tuple[int, int]:
    """(memory of an array before its first element, memory in all), in units of `width` bytes."""
    ends = [(n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True)]
    low = sum(min(0, end) for end in ends)
    return -low // width, (sum(max(0, end) for end in ends) - low + a.itemsize) // width


def nonnegative_strides(S: Real) -> tuple[Real, tuple[int, ...]]:
    """(S, its strides in elements); a copy, with contiguous rows of a frame, if a stride is negative or no multiple."""
    if not has_integer_strides(S) or any(step < 0 for step in S.strides):
        S = checks.as_contiguous(S.swapaxes(1, 2)).swapaxes(1, 2)
    return S, tuple(step // S.itemsize for step in S.strides)


def pair_signals(D: Complex, y: Real) -> Iterator[tuple[Complex, Real]]:
    """Views (signals, bins, frames), (signals, length) of spectra (..., bins, frames) and signals (..., length).

    A single pair if the leading axes can be joined.
    """
    while D.ndim > 3 and _can_join(D) and _can_join(y):
        D, y = _join(D), _join(y)
    if D.ndim == 2:
        yield D[None], y[None]
    elif D.ndim == 3:
        yield D, y
    else:
        for spectra, signals in zip(D, y, strict=True):
            yield from pair_signals(spectra, signals)


def signal_rows(y: Real) -> Iterator[tuple[slice, Real]]:
    """(rows, view (signals, length) of them) of signals (..., length): one view, if the leading axes can be joined."""
    row = 0
    for _, samples in pair_signals(y[..., None, :], y):  # type: ignore[arg-type]
        yield slice(row, row + len(samples)), samples
        row += len(samples)


def _can_join(a: NDArray[Any]) -> bool:
    """Whether the first two axes can be joined without a copy."""
    return 1 in a.shape[:2] or a.strides[0] == a.shape[1] * a.strides[1]


def _join(a: NDArray[Any]) -> NDArray[Any]:
    """A view with the first two axes joined."""
    stride = a.strides[0] if a.shape[1] == 1 else a.strides[1]
    return as_strided(a, (a.shape[0] * a.shape[1], *a.shape[2:]), (stride, *a.strides[2:]))
