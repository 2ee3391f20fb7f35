"""TODO."""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .._typing import Complex, Real
from ..kernels import compiled
from ..kernels.fft import tables as fft_tables
from ..kernels.framing.magnitudes import Arrangement
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size


class Place(NamedTuple):
    """Where an output (..., rows, frames) lies in memory, in real numbers."""

    flat: Real
    places: NDArray[np.int64]  # where each signal's begins
    across: bool  # the frames of a row are neighbours, not the rows of a frame
    ld: int


def spread(a: NDArray[Any], inner: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """(the memory of `a` as a flat array, where in it the part of its last `inner` axes begins for each of the others).

    All strides must be whole numbers of elements.
    """
    outer = a.shape[: a.ndim - inner]
    for dense in (a, a.swapaxes(-1, -inner)):  # the usual orders of memory
        if dense.flags.c_contiguous:
            each = prod(a.shape[a.ndim - inner :])
            return dense.reshape(-1), np.arange(prod(outer), dtype=np.int64) * each
    strides = [s // a.itemsize for s in a.strides]
    lowest = tuple(0 if s >= 0 else n - 1 for s, n in zip(strides, a.shape, strict=True))
    extent = 1 + sum(abs(s) * (n - 1) for s, n in zip(strides, a.shape, strict=True))
    flat = as_strided(a[tuple(slice(i, i + 1) for i in lowest)].reshape(1), (extent,), (a.itemsize,))
    starts = np.zeros(outer, np.int64)
    for axis, (s, n) in enumerate(zip(strides, a.shape, strict=True)):
        if axis < len(outer):
            starts += (np.arange(n) * s).reshape([-1] + [1] * (len(outer) - 1 - axis))
    base = sum(-s * (n - 1) for s, n in zip(strides, a.shape, strict=True) if s < 0)
    return flat, starts.reshape(-1) + base


def place_of(out: NDArray[Any]) -> Place | None:
    """How kernels write `out` (..., rows, frames); None if neither of its last two axes is contiguous."""
    rows, frames = out.shape[-2:]
    item = out.itemsize
    if not out.flags.aligned or any(s % item for s in out.strides):
        return None
    if rows == 1 or out.strides[-2] == item:
        across, ld = False, out.strides[-1] // item
    elif frames == 1 or out.strides[-1] == item:
        across, ld = True, out.strides[-2] // item
    else:
        return None
    unit = 2 if out.dtype.kind == "c" else 1
    flat, places = spread(out, 2)
    return Place(flat.view(out.real.dtype), places * unit, across, ld * unit)


def writable(out: Real) -> bool:
    """Whether kernels can write signals (..., length) where they are to go."""
    return out.flags.aligned and (out.strides[-1] == out.itemsize or out.shape[-1] <= 1)


def address(a: NDArray[Any]) -> int:
    """Where an array's first element is."""
    return int(a.__array_interface__["data"][0])


def extent(a: NDArray[Any], width: int) -> tuple[int, int]:
    """How far before its first element an array reaches in memory, and how far in all, in units of `width` bytes."""
    ends = [(n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True)]
    low = sum(min(0, end) for end in ends)
    return -low // width, (sum(max(0, end) for end in ends) - low + a.itemsize) // width


def matching(D: Complex, y: Real) -> Iterator[tuple[Complex, Real]]:
    """Spectra (..., bins, frames), signals (..., length) as (signals, bins, frames), (signals, length); no copies.

    In one piece where the leading axes can be seen as one.
    """
    while D.ndim > 3 and _joined(D) and _joined(y):
        D, y = _as_one(D), _as_one(y)
    if D.ndim == 2:
        yield D[None], y[None]
    elif D.ndim == 3:
        yield D, y
    else:
        for part, target in zip(D, y, strict=True):
            yield from matching(part, target)


def _joined(a: NDArray[Any]) -> bool:
    """Whether the first two axes can be seen as one."""
    return 1 in a.shape[:2] or a.strides[0] == a.shape[1] * a.strides[1]


def _as_one(a: NDArray[Any]) -> NDArray[Any]:
    """The first two axes, which can be seen as one, as one."""
    step = a.strides[0] if a.shape[1] == 1 else a.strides[1]
    return as_strided(a, (a.shape[0] * a.shape[1], *a.shape[2:]), (step, *a.strides[2:]))


def in_lanes(
    S: Real,
    one: NDArray[np.int64],
    other: NDArray[np.int64] | None = None,
    *,
    logarithmic: bool = False,
    scales: Real | None = None,
) -> Real:
    """Row m = (S[one[m]] + S[other[m]]) / 2 times the signal's scale, tile by tile, frames past the last 0.

    Parameters
    ----------
    S : np.ndarray [shape=(signals, rows, frames)]
        Any strides; it is fastest where rows of a frame or frames of a row are neighbours in memory.
    one, other : np.ndarray [shape=(count,)]
        Rows; `other` is `one` by default.
    logarithmic : bool
        Whether S holds decimal logarithms.
    scales : np.ndarray [shape=(signals,)]
        1 by default.

    Returns
    -------
    out : np.ndarray [shape=(signals tiles count lanes,)]
        Row m of lane f of tile i of signal b stands at ((b tiles + i) count + m) lanes + f.
    """
    place = place_of(S)
    if place is None:
        return in_lanes(np.ascontiguousarray(S), one, other, logarithmic=logarithmic, scales=scales)
    (signals, rows, frames), V, dtype = S.shape, fft_tables.lanes(S.dtype), S.dtype
    tiles = -(-frames // V)
    out = aligned(signals * tiles * len(one) * V, dtype)
    steps = (1, place.ld) if place.across else (place.ld, 1)
    each = np.ones(signals, dtype) if scales is None else scales.astype(dtype)
    job = Arrangement(
        place.flat, place.places, each, one, one if other is None else other, out, frames, tiles, rows, *steps,
        logarithmic,
    )  # fmt: skip
    team = team_size()
    each_strip(
        signals * tiles, team, new_board(), compiled.arrange_strip(dtype).address, pack(job),
        aligned(rows * V * team, dtype), work=S.size * (30 if logarithmic else 4),
    )  # fmt: skip
    return out
