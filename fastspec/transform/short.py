"""Signals of a few frames, where calling is the work: what a plan keeps prepared for them."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.stft.forward import analyse_tile
from .forward import Ready

_UNKNOWN = object()
KEPT = 256
"""Combinations of last step, order of memory and length that are kept."""

Make = Callable[[int, Hashable, bool], Ready | None]


class ShortSignals:
    """Results for signals of a tile of frames at most that kernels can take as they are.

    Parameters
    ----------
    dtype : np.dtype
        Of the samples.
    make : callable
        (samples, last step, whether the frames of a row are neighbours) -> what is to be kept, None if the signal is
        not short.
    """

    def __init__(self, dtype: np.dtype[Any], make: Make) -> None:
        self.dtype, self.make = dtype, make
        self.kept: dict[Hashable, Any] = {}  # Ready or None

    def run(self, y: Any, what: Hashable, out: Any, order: str) -> NDArray[Any] | None:
        """The result (rows, frames), or None where the long way has to be taken."""
        plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype == self.dtype and y.flags.carray
        if not plain or order not in ("F", "C"):
            return None
        if out is not None:
            order = "C" if type(out) is np.ndarray and out.flags.carray else "F"
        key = what, order, y.size
        ready = self.kept.get(key, _UNKNOWN)
        if ready is _UNKNOWN:
            ready = self._keep(key)
        if ready is None:
            return None
        if out is None:
            made = np.empty(ready.size, self.dtype)
            result: Any = made.view(ready.dtype).reshape(ready.shape)
        else:
            result = out if order == "C" else getattr(out, "T", None)
            if not _fits(result, ready) or np.may_share_memory(out, y):
                return None
            made = result.reshape(-1).view(self.dtype)
        record, space = np.empty(ready.known.size, np.int64), np.empty(ready.space, self.dtype)
        analyse_tile(ready.function, ready.known, record, y, made, space)
        return out if out is not None else result if order == "C" else result.T

    def _keep(self, key: tuple[Hashable, str, int]) -> Ready | None:
        what, order, n = key
        if len(self.kept) >= KEPT:
            self.kept.clear()
        return self.kept.setdefault(key, self.make(n, what, order == "C"))


def _fits(array: Any, ready: Ready) -> bool:
    return (
        type(array) is np.ndarray and array.shape == ready.shape and array.dtype == ready.dtype and array.flags.carray
    )
