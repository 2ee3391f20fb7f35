"""What no program that gives a new array can be faster than: memory of the same size, written and nothing else."""

from typing import Any

import numpy as np

from fastspec.kernels.runtime.calls import aligned
from fastspec.kernels.runtime.jit import kernel, prange
from fastspec.kernels.runtime.threads import parallel_kernel
from fastspec.kernels.simd.transpose import memory_fence, transpose_block_streamed
from fastspec.kernels.simd.vector import lanes

CHUNK = 1 << 16


@kernel
def blank(tile, out, start, stop):  # type: ignore[no-untyped-def]
    """out[start:stop] = the tile over and over, past the caches as the transform writes."""
    V = lanes(tile)
    for o in range(start, stop - V * V + 1, V * V):
        transpose_block_streamed(tile, 0, V, out, o, V)
    memory_fence()


@parallel_kernel
def blank_all(serial, lo, hi, tile, out):  # type: ignore[no-untyped-def]
    """Chunks lo .. hi - 1."""
    if serial:
        for i in range(lo, hi):
            blank(tile, out, i * CHUNK, min(out.size, (i + 1) * CHUNK))
    else:
        for i in prange(lo, hi):
            blank(tile, out, i * CHUNK, min(out.size, (i + 1) * CHUNK))


def write(out: np.ndarray[Any, Any]) -> None:
    """Fill `out`."""
    blank_all(-(-out.size // CHUNK), np.zeros(256, out.dtype), out, work=out.size * 64)


def write_new(count: int, dtype: str) -> None:
    """Fill a new array of `count` numbers."""
    write(aligned(count, dtype))
