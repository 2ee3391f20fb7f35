"""Signals of a few frames, for which calling is the work: what a plan keeps prepared for them."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.stft.forward import forward_tile
from .forward import PreparedTile

_UNSEEN = object()
CACHED_SHAPES = 256
"""Combinations of epilogue, order of memory and length that are kept."""

Prepare = Callable[[int, Hashable, bool], PreparedTile | None]


class ShortSignals:
    """Results for signals of a tile of frames at most that kernels can take as they are.

    Parameters
    ----------
    dtype : np.dtype
        Of the samples.
    prepare : callable
        (samples, epilogue, whether the frames of a row are neighbours) -> what is to be kept, None if the signal is not
        short.
    """

    def __init__(self, dtype: np.dtype[Any], prepare: Prepare) -> None:
        self.dtype, self.prepare = dtype, prepare
        self.cache: dict[Hashable, PreparedTile | None] = {}

    def run(self, y: Any, epilogue: Hashable, out: Any, order: str) -> NDArray[Any] | None:
        """The result (rows, frames), or None where the signal is not short and simple."""
        simple = type(y) is np.ndarray and y.ndim == 1 and y.dtype == self.dtype and y.flags.carray
        if not simple or order not in ("F", "C"):
            return None
        if out is not None:
            order = "C" if type(out) is np.ndarray and out.flags.carray else "F"
        key = epilogue, order, y.size
        prepared: Any = self.cache.get(key, _UNSEEN)
        if prepared is _UNSEEN:
            prepared = self._keep(key)
        if prepared is None:
            return None
        if out is None:
            numbers = np.empty(prepared.size, self.dtype)
            result: Any = numbers.view(prepared.dtype).reshape(prepared.shape)
        else:
            result = out if order == "C" else getattr(out, "T", None)
            if not _fits(result, prepared) or np.may_share_memory(out, y):
                return None
            numbers = result.reshape(-1).view(self.dtype)
        record, space = np.empty(prepared.record.size, np.int64), np.empty(prepared.space, self.dtype)
        forward_tile(prepared.function, prepared.record, record, y, numbers, space)
        return out if out is not None else result if order == "C" else result.T

    def _keep(self, key: tuple[Hashable, str, int]) -> PreparedTile | None:
        epilogue, order, n = key
        if len(self.cache) >= CACHED_SHAPES:
            self.cache.clear()
        return self.cache.setdefault(key, self.prepare(n, epilogue, order == "C"))


def _fits(array: Any, prepared: PreparedTile) -> bool:
    return (
        type(array) is np.ndarray
        and array.shape == prepared.shape
        and array.dtype == prepared.dtype
        and array.flags.carray
    )
