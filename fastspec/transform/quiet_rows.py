"""Quiet rows in transforms by SciPy: its arithmetic takes many times as long on denormals, see `kernels.runtime`.

A power of two brings them into the middle of what the dtype holds and back, so that no bit of a normal number changes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._typing import Real

GAINS = {4: 2.0**60, 8: 2.0**500}
"""By the bytes of a real number: rows quieter than the reciprocal of it are multiplied by it."""


def quiet_gains(x: NDArray[Any]) -> Real | None:
    """The gain (..., 1) of each row of x, along its last axis: 1 but for quiet rows; None if there is none."""
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    real, gain = parts[0].dtype, GAINS[parts[0].itemsize]
    if not x.size:
        return None
    peaks = parts[0].max(axis=-1, keepdims=True)
    for part in parts:
        np.maximum(peaks, part.max(axis=-1, keepdims=True), out=peaks)
        np.maximum(peaks, -part.min(axis=-1, keepdims=True), out=peaks)
    are_quiet = (peaks < 1 / gain) & (peaks > 0)
    return np.where(are_quiet, real.type(gain), real.type(1)) if are_quiet.any() else None
