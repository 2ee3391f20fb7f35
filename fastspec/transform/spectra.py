"""Arrays of spectra -> their signals: by a prepared call, or after a conversion of what needs one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Real
from ..kernels.runtime.threads import team_size
from .ends import Ends
from .framing import Geometry
from .inverse import InverseTransform
from .memory import pair_signals
from .prepared import ArrayCall, Kept

_MISSING: Any = object()


class SpectraTransform:
    """The inverse transform of whole signals, whose ends are limited.

    Parameters
    ----------
    geometry : Geometry
    transform : InverseTransform
    ends : Ends
    """

    def __init__(self, geometry: Geometry, transform: InverseTransform, ends: Ends) -> None:
        self.geometry, self.transform, self.ends, self.dtype = geometry, transform, ends, transform.dtype
        self.start = -geometry.start  # of signals in the sum of their frames
        self._kind = np.result_type(self.dtype, np.complex64)
        self._calls: Kept[tuple[ArrayCall, tuple[int, ...], bool] | None] = Kept()

    def run(self, D: NDArray[Any], y: Real, limit_ends: bool) -> None:
        """Write the signals of spectra (..., bins, frames) to y (..., length), which is not empty."""
        for spectra, signals in pair_signals(D, y):
            self.transform.run_any(spectra, signals, start=self.start)
            if limit_ends:
                self.ends.limit(signals, spectra)

    def run_prepared(self, D: Any, length: Any, out: Any, limit_ends: bool) -> Real | None:
        """The signals by a prepared call, or None if the arrays need a conversion or a check.

        A length of None is that of the frames.
        """
        if type(D) is not np.ndarray or D.dtype != self._kind or not D.flags.aligned:
            return None
        if length is not None and type(length) is not int:
            return None
        key = D.shape, D.strides, length, bool(limit_ends), team_size()
        kept = self._calls.get(key, _MISSING)
        if kept is _MISSING:
            kept = self._calls.keep(key, self._prepare(D, length, limit_ends))
        if kept is None:
            return None
        call, shape, has_weak_ends = kept
        if out is None:
            y = np.empty(shape, self.dtype)
        elif type(out) is np.ndarray and out.flags.carray and out.dtype == self.dtype and out.shape == shape:
            if np.may_share_memory(out, D):
                return None
            y = out
        else:
            return None
        call.run(D.swapaxes(-1, -2), y)  # contiguous if the bins of a frame are neighbours
        if has_weak_ends:
            for spectra, signals in pair_signals(D, y):
                self.ends.limit(signals, spectra)
        return y

    def _prepare(
        self, D: Complex, length: int | None, limit_ends: bool
    ) -> tuple[ArrayCall, tuple[int, ...], bool] | None:
        """The call for spectra of this shape and these strides, the shape of its output, and whether to limit ends."""
        if D.ndim < 2 or D.shape[-2] != self.transform.n_fft // 2 + 1 or not D.size:
            return None
        size = self.geometry.n_samples(D.shape[-1]) if length is None else length
        if size < 1:
            return None
        shape = *D.shape[:-2], size
        pairs = list(pair_signals(D, np.empty(shape, self.dtype)))
        call = self.transform.prepare_call(*pairs[0], self.start) if len(pairs) == 1 else None
        return None if call is None else (call, shape, limit_ends and self.ends.are_weak(D.shape[-1], size))
