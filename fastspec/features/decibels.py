"""Levels to decibels and back: 10 log10 of power, 20 log10 of amplitude, above a floor.

NumPy computes the maximum; a kernel does the rest in one pass, in float32 or float64.  Arrays that the kernel does not
support (with NaN or infinities, with references that vary within a channel, or small) are computed in NumPy.
"""

import math
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
ROUNDING_DB = 1e-3  # more than a few roundings of a logarithm times 20

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NUMBERS = float, int
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_TINY = {dtype: float(np.finfo(dtype).tiny) for dtype in (_FLOAT32, _FLOAT64)}


def to_db(
    S: Array, reference: Any, *, factor: float, amin: float, top_db: float | None, axes: Axes, magnitude: bool
) -> Any:
    """max(L, max L - top_db), where L = factor (log10(max(S, amin)) - log10(max(reference, amin))).

    Both logarithms are of the dtype that is computed in, so that L is exactly 0 where S is the reference, and nowhere
    above 0 if that is the maximum.

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
    axes : tuple of int
    magnitude : bool
        Whether S is replaced by |S|.

    Returns
    -------
    L : np.ndarray or NumPy scalar
        In S's shape; float32 and float16 keep their precision, any other dtype becomes float64.
    """
    work = _working_dtype(S.dtype)
    if not isinstance(reference, _NUMBERS):
        reference = np.asarray(reference)
        if reference.size == 1 and reference.ndim <= S.ndim:
            reference = reference.item()
    if isinstance(reference, _NUMBERS):
        base: Any = max(reference, amin)
    else:
        base = np.maximum(reference.astype(np.float64), amin)
    if work == _FLOAT32 and not _in_range(base):
        work = _FLOAT64
    if S.dtype != work:
        L = to_db(S.astype(work), reference, factor=factor, amin=amin, top_db=top_db, axes=axes, magnitude=magnitude)
        return L.astype(S.dtype.newbyteorder("=")) if S.dtype.kind == "f" and S.dtype.itemsize <= 4 else L
    if S.size >= KERNEL_MIN_VALUES and amin >= _TINY[work]:
        L = _run_kernel(S, np.asarray(base, work), factor, amin, top_db, axes, magnitude)
        if L is not None:
            return L
    return _run_numpy(S, base, factor, amin, top_db, axes, magnitude)


def _in_range(base: Any) -> bool:
    """Whether normal numbers of float32 hold a reference, or all of an array."""
    least, most = (base, base) if isinstance(base, _NUMBERS) or not base.size else (base.min(), base.max())
    return bool(least >= _TINY[_FLOAT32] and most <= _FLOAT32_MAX)


def _run_numpy(
    S: Array, base: Any, factor: float, amin: float, top_db: float | None, axes: Axes, magnitude: bool
) -> Any:
    """`to_db` in NumPy, in S's dtype; `base` is max(reference, amin)."""
    number = S.dtype.type
    levels = np.abs(S) if magnitude else S
    L = np.log10(np.maximum(levels, number(amin)))
    is_relative = not isinstance(base, _NUMBERS) or base != 1
    if is_relative:
        L = L - np.log10(number(base) if isinstance(base, _NUMBERS) else base.astype(S.dtype))
    L *= number(factor)
    if not L.size:
        return L
    peak = np.maximum.reduce(L, axis=axes, keepdims=True)
    if is_relative and 0 < (peak.item() if peak.size == 1 else peak.max()) < ROUNDING_DB:
        # logarithms of neighbouring numbers may be in the wrong order
        L = np.where(levels <= base, np.minimum(L, 0), L)
        peak = np.maximum.reduce(L, axis=axes, keepdims=True)
    return L if top_db is None else np.maximum(L, peak - number(top_db))


def _run_kernel(
    S: Array, base: Array, factor: float, amin: float, top_db: float | None, axes: Axes, magnitude: bool
) -> Array | None:
    """`to_db` by the kernel, in S's dtype; None for arrays and references that it does not support."""
    channels = _channels(S, axes, base)
    if channels is None:
        return None
    x, order, references = channels
    peaks = np.maximum(x.max(axis=1), -x.min(axis=1)) if magnitude else x.max(axis=1)
    if not (np.isfinite(peaks).all() and np.isfinite(references).all()):
        return None
    out = np.empty_like(x)
    args = decibels.DecibelArgs(
        x=writable_view(x.reshape(-1)),
        references=references,
        peaks=peaks,
        out=out.reshape(-1),
        size=x.shape[1],
        item_numbers=ITEM_VALUES,
        factor=factor,
        amin=amin,
        sign=-1 if magnitude else 1,
        top_db=np.inf if top_db is None else top_db,
    )
    items = len(x) * -(-x.shape[1] // ITEM_VALUES)
    run_items(decibels.to_decibels, x.dtype, items, decibels.DECIBEL_LAYOUT.pack(args), work=128 * x.size)
    return _restore_axes(out, S.shape, order)


def from_db(L: Array, *, factor: float, scale: float) -> Any:
    """scale 10**(L / factor), in L's shape and memory order.

    float32 and float16 keep their dtype, any other becomes float64.
    """
    work = _working_dtype(L.dtype)
    if L.dtype != work:
        S = from_db(L.astype(work), factor=factor, scale=scale)
        return S.astype(L.dtype.newbyteorder("=")) if L.dtype.kind == "f" and L.dtype.itemsize < 8 else S
    channels = _channels(L, tuple(range(L.ndim)), np.zeros(())) if L.size >= KERNEL_MIN_VALUES else None
    if channels is None or np.isnan(channels[0].max()):
        S = np.power(10.0, L / factor)
        return S if scale == 1 else S * scale
    x, order, _ = channels
    out = np.empty_like(x)
    args = decibels.LevelArgs(
        x=writable_view(x.reshape(-1)), out=out.reshape(-1), item_numbers=ITEM_VALUES, factor=1 / factor, scale=scale
    )
    items = -(-x.size // ITEM_VALUES)
    run_items(decibels.from_decibels, work, items, decibels.LEVEL_LAYOUT.pack(args), work=128 * x.size)
    return _restore_axes(out, L.shape, order)


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype to compute in: float32 for float16 and float32, else float64."""
    return _FLOAT32 if dtype.kind == "f" and dtype.itemsize <= 4 else _FLOAT64


def _channels(S: Array, axes: Axes, base: Array) -> tuple[Array, list[int], Array] | None:
    """(S [shape=(channels, values)], its axes from slowest to fastest, the base of each channel); None to use NumPy.

    `axes` are the axes of a channel.  S is copied if its channels are not contiguous.
    """
    outer_axes = [a for a in range(S.ndim) if a not in axes]
    channels = math.prod(S.shape[a] for a in outer_axes)
    too_small = S.size < max(KERNEL_MIN_VALUES, KERNEL_MIN_CHANNEL_VALUES * channels)
    if too_small or outer_axes != list(range(len(outer_axes))):
        return None
    order, ordered = list(range(S.ndim)), S
    if not S.flags.c_contiguous:
        order = sorted(order, key=lambda a: -abs(S.strides[a]))
        ordered = S.transpose(order)
        if not ordered.flags.c_contiguous or sorted(order[: len(outer_axes)]) != outer_axes:
            order, ordered = list(range(S.ndim)), np.ascontiguousarray(S)
    if not outer_axes and base.size == 1:
        return ordered.reshape(1, -1), order, base.reshape(1)
    try:
        bases = np.broadcast_to(base, [1 if a in axes else S.shape[a] for a in range(S.ndim)])
    except ValueError:
        return None
    return ordered.reshape(channels, -1), order, np.ascontiguousarray(bases.transpose(order).reshape(-1))


def _restore_axes(out: Array, shape: tuple[int, ...], order: list[int]) -> Array:
    """The values of `_channels` as an array of `shape`, in the same order of memory."""
    if order == sorted(order):
        return out.reshape(shape)
    return out.reshape([shape[a] for a in order]).transpose(np.argsort(order))
