"""Prepared calls for signals of a few frames, whose transform takes less time than a call."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.stft.forward import forward_tile
from .forward import PreparedTile

_MISSING = object()
CACHED_SHAPES = 256
"""Combinations of epilogue, order of memory and length in the cache."""

Prepare = Callable[[int, Hashable, bool], PreparedTile | None]


class ShortSignals:
    """Results for signals of at most a tile of frames that need no conversion.

    Parameters
    ----------
    dtype : np.dtype
        Of the samples.
    prepare : callable
        (samples, epilogue, whether the frames of a row are neighbours) -> the prepared transform, None if the signal is
        not short.
    """

    def __init__(self, dtype: np.dtype[Any], prepare: Prepare) -> None:
        self.dtype, self.prepare = dtype, prepare
        self.cache: dict[Hashable, PreparedTile | None] = {}

    def run(self, y: Any, epilogue: Hashable, out: Any, order: str) -> NDArray[Any] | None:
        """The result (rows, frames); None if the signal is not short, or needs a conversion."""
        is_plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype == self.dtype and y.flags.carray
        if not is_plain or order not in ("F", "C"):
            return None
        if out is not None:
            order = "C" if type(out) is np.ndarray and out.flags.carray else "F"
        key = epilogue, order, y.size
        prepared: Any = self.cache.get(key, _MISSING)
        if prepared is _MISSING:
            prepared = self._prepare_cached(key)
        if prepared is None:
            return None
        if out is None:
            flat = np.empty(prepared.size, self.dtype)
            result: Any = flat.view(prepared.dtype).reshape(prepared.shape)
        else:
            result = out if order == "C" else getattr(out, "T", None)
            if not _matches(result, prepared) or np.may_share_memory(out, y):
                return None
            flat = result.reshape(-1).view(self.dtype)
        record = np.empty(prepared.record.size, np.int64)
        workspace = np.empty(prepared.workspace_size, self.dtype)
        forward_tile(prepared.function, prepared.record, record, y, flat, workspace)
        return out if out is not None else result if order == "C" else result.T

    def _prepare_cached(self, key: tuple[Hashable, str, int]) -> PreparedTile | None:
        epilogue, order, n = key
        if len(self.cache) >= CACHED_SHAPES:
            self.cache.clear()
        return self.cache.setdefault(key, self.prepare(n, epilogue, order == "C"))


def _matches(array: Any, prepared: PreparedTile) -> bool:
    """Whether the output can be written to the array directly."""
    return (
        type(array) is np.ndarray
        and array.shape == prepared.shape
        and array.dtype == prepared.dtype
        and array.flags.carray
    )
