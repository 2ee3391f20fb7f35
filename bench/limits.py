"""What the engine's work takes at least: the transforms alone, the writing alone; and its peak memory (Linux).

These use the kernels directly and change with them.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from fastspec.kernels.fft import realfft
from fastspec.kernels.fft import tables as fft_tables
from fastspec.kernels.runtime.calls import aligned, call
from fastspec.kernels.runtime.jit import int64, kernel, prange
from fastspec.kernels.runtime.threads import parallel_kernel
from fastspec.kernels.simd.transpose import memory_fence, transpose_block_streamed
from fastspec.kernels.simd.vector import lanes

from . import timing

ELEMENTS_PER_ITEM = 1 << 16  # written by a work item


# ---- writing ----
@kernel
def write_tiles(tile, out, start, stop):  # type: ignore[no-untyped-def]
    """out[start:stop] = the tile over and over, past the caches as the transform writes."""
    V = lanes(tile)
    for o in range(start, stop - V * V + 1, V * V):
        transpose_block_streamed(tile, 0, V, out, o, V)
    memory_fence()


@parallel_kernel
def write_items(serial, lo, hi, tile, out):  # type: ignore[no-untyped-def]
    """Items lo .. hi - 1."""
    if serial:
        for i in range(lo, hi):
            write_tiles(tile, out, i * ELEMENTS_PER_ITEM, min(out.size, (i + 1) * ELEMENTS_PER_ITEM))
    else:
        for i in prange(lo, hi):
            write_tiles(tile, out, i * ELEMENTS_PER_ITEM, min(out.size, (i + 1) * ELEMENTS_PER_ITEM))


def write(out: np.ndarray[Any, Any]) -> None:
    """Fill `out`: no call that gives an array is faster."""
    write_items(-(-out.size // ELEMENTS_PER_ITEM), np.zeros(256, out.dtype), out, work=out.size * 64)


def write_new(count: int, dtype: str) -> None:
    """Fill a new array of `count` numbers."""
    write(aligned(count, dtype))


# ---- transforms ----
@kernel
def repeat(i, count, tile, p, scratch, work, width):  # type: ignore[no-untyped-def]
    """The same tile transformed `count` times, in scratch of its own."""
    worker_scratch = scratch[i * width : (i + 1) * width]
    for _ in range(count):
        call(p.forward, (int64(0), tile, int64(0), p, worker_scratch[:work], worker_scratch[work:]))


@parallel_kernel
def transforms(serial, lo, hi, count, tile, p, scratch, work, width):  # type: ignore[no-untyped-def]
    """Threads lo .. hi - 1."""
    if serial:
        for i in range(lo, hi):
            repeat(i, count, tile, p, scratch, work, width)
    else:
        for i in prange(lo, hi):
            repeat(i, count, tile, p, scratch, work, width)


def alone(n_fft: int, hop: int, shape: tuple[int, ...], dtype: str, threads: int) -> dict[str, Callable[[], object]]:
    """Calls: as many transforms as the output of that shape needs, of a tile that stays in the cache; its writing."""
    kind = np.dtype(dtype)
    V, stride = fft_tables.lane_count(kind), fft_tables.strip_stride(n_fft, hop, 1, kind)
    addresses = realfft.addresses(n_fft, kind, backwards=False)
    p = fft_tables.transform_tables(n_fft, hop, stride, np.hanning(n_fft), np.ones(n_fft), kind, addresses)
    tile = aligned(min(hop, n_fft) * stride, kind)
    tile[:] = np.random.default_rng(0).standard_normal(tile.size)
    work = 2 * V * fft_tables.scratch_elements(n_fft)
    width = work + 2 * V * shape[-2]
    scratch = aligned(width * threads, kind)
    count = -(-prod(shape) // shape[-2] // (V * threads))
    numbers = 2 * prod(shape)
    used = aligned(numbers, kind)
    return {
        "transforms": lambda: transforms(threads, count, tile, p, scratch, work, width, work=1 << 40),
        "writing": partial(write, used),
        "writing, new memory": partial(write_new, numbers, kind),
    }


MEMORY = """
import re
from pathlib import Path
import numpy as np
import fastspec

def resident(kind):
    return 1024 * int(re.search(rf"{{kind}}:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

plan, bank = fastspec.STFT({n_fft}, hop_length={hop}), fastspec.MelBank({rate}, {n_fft}, {mels})
plan.mel(np.zeros({rate}, np.float32), bank)
y = np.random.default_rng(0).standard_normal({rate} * 3600, np.float32)
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
M = plan.mel(y, bank)
print((resident("VmHWM") - before - M.nbytes) / 1e6, y.nbytes / 1e6, M.nbytes / 1e6)
"""


def memory_of_mel(n_fft: int = 2048, hop: int = 512, rate: int = 22_050, mels: int = 80) -> dict[str, float]:
    """Peak of the mel spectrogram of an hour beyond its input and output, and those, in megabytes."""
    extra, y_size, M_size = timing.child(MEMORY.format(n_fft=n_fft, hop=hop, rate=rate, mels=mels))
    print(f"mel of an hour: {extra:.1f} MB beyond its input ({y_size:.0f} MB) and output ({M_size:.0f} MB)")
    return {"beyond": extra, "input": y_size, "output": M_size}
