"""Levels to decibels and back: 10 log10 of power, 20 log10 of amplitude, above a floor.

NumPy computes the maximum; a kernel does the rest in one pass, in float32 or float64.  Arrays that the kernel does not
support (with NaN or infinities, with references that vary within a channel, or small) are computed in NumPy.
"""

from typing import Any

import numpy as np

from .._typing import Array
from ..checks import writable_view
from ..kernels.features import decibels
from ..kernels.runtime.tasks import run_items

Axes = tuple[int, ...]

ITEM_VALUES = 1 << 15  # of an item of `run_items`
KERNEL_MIN_VALUES = 1 << 13  # smaller arrays are computed in NumPy
KERNEL_MIN_CHANNEL_VALUES = 64  # and so are arrays of smaller channels


def to_db(
    S: Array, reference: Any, *, factor: float, amin: float, top_db: float | None, axes: Axes, magnitude: bool
) -> Array:
    """max(L, max L - top_db), where L = factor log10(max(S, amin)) - factor log10(max(reference, amin)).

    Parameters
    ----------
    S : np.ndarray
        Levels of a real dtype.
    reference : number or np.ndarray
        Level at 0 dB; broadcasts to S.
    factor : float
        10 for power, 20 for amplitude.
    amin : float > 0
        Lower bound of levels and references.
    top_db : float or None
        Distance of the floor below the maximum over `axes` (each from 0 up); None for no floor.
    magnitude : bool
        Whether S is replaced by |S|.

    Returns
    -------
    L : np.ndarray
        In S's shape; float32 and float16 keep their dtype, any other becomes float64.
    """
    work = _working_dtype(S.dtype)
    if S.dtype != work:
        L = to_db(S.astype(work), reference, factor=factor, amin=amin, top_db=top_db, axes=axes, magnitude=magnitude)
        return L.astype(S.dtype) if S.dtype.kind == "f" and S.dtype.itemsize < 8 else L
    shift = factor * np.log10(np.maximum(amin, np.asarray(reference, np.float64)))
    channels = _channels(S, axes, shift) if amin >= np.finfo(work).tiny else None
    if channels is not None:
        x, order, shifts = channels
        peaks = np.maximum(x.max(axis=1), -x.min(axis=1)) if magnitude else x.max(axis=1)
        if np.isfinite(peaks).all():
            floors = np.full(len(x), -np.inf, work)
            if top_db is not None:
                floors[:] = factor * np.log10(np.maximum(amin, peaks.astype(np.float64))) - shifts - top_db
            out = _convert_channels(x, factor, amin, magnitude, shifts.astype(work), floors)
            return out.reshape([S.shape[a] for a in order]).transpose(np.argsort(order))
    L = factor * np.log10(np.maximum(work.type(amin), np.abs(S) if magnitude else S))
    L = np.asarray(L - shift.astype(work))
    if top_db is not None and S.size:
        L = np.maximum(L, L.max(axis=axes, keepdims=True) - work.type(top_db))
    return L


def from_db(L: Array, *, factor: float, scale: float) -> Array:
    """scale 10**(L / factor), in L's shape and memory order.

    float32 and float16 keep their dtype, any other becomes float64.
    """
    work = _working_dtype(L.dtype)
    if L.dtype != work:
        S = from_db(L.astype(work), factor=factor, scale=scale)
        return S.astype(L.dtype) if L.dtype.kind == "f" and L.dtype.itemsize < 8 else S
    channels = _channels(L, tuple(range(L.ndim)), np.zeros(()))
    if channels is None or np.isnan(channels[0].max()):
        return np.asarray(work.type(scale) * np.power(work.type(10), L / work.type(factor)))
    x, order, _ = channels
    out = np.empty_like(x)
    args = decibels.LevelArgs(
        x=writable_view(x.reshape(-1)), out=out.reshape(-1), item_numbers=ITEM_VALUES, factor=1 / factor, scale=scale
    )
    items = -(-x.size // ITEM_VALUES)
    run_items(decibels.from_decibels, work, items, decibels.LEVEL_LAYOUT.pack(args), work=128 * x.size)
    return out.reshape([L.shape[a] for a in order]).transpose(np.argsort(order))


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to compute in: float32 for float16 and float32, else float64."""
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def _channels(S: Array, axes: Axes, shift: Array) -> tuple[Array, list[int], Array] | None:
    """(S [shape=(channels, values)], its axes from slowest to fastest, the shift of each channel); None to use NumPy.

    `axes` are the axes of a channel.  S is copied if its channels are not contiguous.
    """
    outer_axes = [a for a in range(S.ndim) if a not in axes]
    channels = int(np.prod([S.shape[a] for a in outer_axes]))
    too_small = S.size < max(KERNEL_MIN_VALUES, KERNEL_MIN_CHANNEL_VALUES * channels)
    if too_small or outer_axes != list(range(len(outer_axes))):
        return None
    order = sorted(range(S.ndim), key=lambda a: -abs(S.strides[a]))
    ordered = S.transpose(order)
    if not ordered.flags.c_contiguous or sorted(order[: len(outer_axes)]) != outer_axes:
        order, ordered = list(range(S.ndim)), np.ascontiguousarray(S)
    try:
        shifts = np.broadcast_to(shift, [1 if a in axes else S.shape[a] for a in range(S.ndim)])
    except ValueError:
        return None
    return ordered.reshape(channels, -1), order, shifts.transpose(order).reshape(-1)


def _convert_channels(x: Array, factor: float, amin: float, magnitude: bool, shifts: Array, floors: Array) -> Array:
    """max(factor log10(max(x, amin)) - shift, floor) by the kernel, x (channels, values) or, if `magnitude`, |x|."""
    out = np.empty_like(x)
    args = decibels.DecibelArgs(
        x=writable_view(x.reshape(-1)),
        shifts=shifts,
        floors=floors,
        out=out.reshape(-1),
        size=x.shape[1],
        item_numbers=ITEM_VALUES,
        factor=factor,
        amin=amin,
        sign=-1 if magnitude else 1,
    )
    items = len(x) * -(-x.shape[1] // ITEM_VALUES)
    run_items(decibels.to_decibels, x.dtype, items, decibels.DECIBEL_LAYOUT.pack(args), work=128 * x.size)
    return out
