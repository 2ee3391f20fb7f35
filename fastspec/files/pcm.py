"""Samples as files have them, to ±1 and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating[Any]]

SIZES = {"u1": 1, "i2": 2, "i3": 3, "i4": 4, "f4": 4, "f8": 8}
"""Bytes of a sample, little-endian, by coding: unsigned with its middle at 128, signed, floating."""
BY_DTYPE = {"int16": "i2", "int32": "i4", "float32": "f4"}
"""The codings of raw samples, by the names that NumPy has for them."""


def decoded(data: memoryview, coding: str, out: Real) -> Real:
    """Samples as numbers of `out` (float32 or float64), which is filled and cut to their number: full scale is ±1."""
    count = len(data) // SIZES[coding]
    y, number = out[:count], out.dtype.type
    raw = np.frombuffer(data, np.uint8, count * SIZES[coding])
    if coding == "i3":
        wide = np.zeros((count, 4), np.uint8)
        wide[:, 1:] = raw.reshape(count, 3)
        return np.multiply(wide.view("<i4").reshape(-1), number(2.0**-31), out=y, casting="unsafe")
    if coding == "u1":
        return np.multiply(raw.astype(np.int16) - 128, number(2.0**-7), out=y, casting="unsafe")
    samples = raw.view(f"<{coding}")
    if coding[0] == "f":
        y[...] = samples
        return y
    return np.multiply(samples, number(2.0 ** (1 - 8 * SIZES[coding])), out=y, casting="unsafe")


def bytes_of(array: NDArray[Any]) -> memoryview:
    """The memory of an array, in C order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def encoded(y: Real, coding: str) -> NDArray[Any]:
    """Samples as a file has them: y times the largest whole number, rounded; what is beyond ±1 becomes that number."""
    if coding[0] == "f":
        return np.ascontiguousarray(y, f"<{coding}")
    largest = 2.0 ** (8 * SIZES[coding] - 1) - 1
    wide = np.float32 if coding in ("u1", "i2") and y.dtype == np.float32 else np.float64
    levels = np.multiply(y, wide(largest), dtype=wide)
    np.clip(np.rint(levels, out=levels), -largest, largest, out=levels)
    if coding == "u1":
        return (levels + 128).astype(np.uint8)
    if coding == "i3":
        return np.ascontiguousarray(levels.astype("<i4")[..., None].view(np.uint8)[..., :3])
    return levels.astype(f"<{coding}")
