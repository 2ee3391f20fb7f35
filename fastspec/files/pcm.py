"""Samples as files code them ⇄ floating-point samples at a full scale of ±1."""

from __future__ import annotations

import numpy as np

from .._typing import Array, Real

SAMPLE_BYTES = {"u1": 1, "i2": 2, "i3": 3, "i4": 4, "f4": 4, "f8": 8}
"""Coding -> bytes of a sample, little-endian: unsigned 8-bit centred on 128, signed integer, floating-point."""
CODING_OF_DTYPE = {"int16": "i2", "int32": "i4", "float32": "f4"}
"""NumPy's name of the type of raw samples -> coding."""


def decode(data: memoryview, coding: str, out: Real) -> Real:
    """The samples in `data`, written to the start of `out` (float32 or float64) and returned as a view of it.

    Integers of b bits become integer / 2**(b - 1).
    """
    count = len(data) // SAMPLE_BYTES[coding]
    y, to_dtype = out[:count], out.dtype.type
    raw = np.frombuffer(data, np.uint8, count * SAMPLE_BYTES[coding])
    if coding == "i3":
        padded = np.zeros((count, 4), np.uint8)
        padded[:, 1:] = raw.reshape(count, 3)
        return np.multiply(padded.view("<i4").reshape(-1), to_dtype(2.0**-31), out=y, casting="unsafe")
    if coding == "u1":
        return np.multiply(raw.astype(np.int16) - 128, to_dtype(2.0**-7), out=y, casting="unsafe")
    samples = raw.view(f"<{coding}")
    if coding[0] == "f":
        y[...] = samples
        return y
    return np.multiply(samples, to_dtype(2.0 ** (1 - 8 * SAMPLE_BYTES[coding])), out=y, casting="unsafe")


def encode(y: Real, coding: str) -> Array:
    """Samples as files code them: round((2**(b - 1) - 1) y) for integers of b bits, clipped at ±(2**(b - 1) - 1)."""
    if coding[0] == "f":
        return np.ascontiguousarray(y, f"<{coding}")
    largest = 2.0 ** (8 * SAMPLE_BYTES[coding] - 1) - 1
    exact = np.float32 if coding in ("u1", "i2") and y.dtype == np.float32 else np.float64
    integers = np.multiply(y, exact(largest), dtype=exact)
    np.clip(np.rint(integers, out=integers), -largest, largest, out=integers)
    if coding == "u1":
        return (integers + 128).astype(np.uint8)
    if coding == "i3":
        return np.ascontiguousarray(integers.astype("<i4")[..., None].view(np.uint8)[..., :3])
    return integers.astype(f"<{coding}")


def as_bytes(array: Array) -> memoryview:
    """The memory of an array in C order; a copy only of an array in another order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
