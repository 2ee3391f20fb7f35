"""What the engine's work takes at least: the transforms alone, the writing alone; and its peak memory (Linux).

These use the kernels directly and change with them.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastspec.kernels.fft import sizes
from fastspec.kernels.fft import tables as fft_tables
from fastspec.kernels.runtime.calls import aligned, call
from fastspec.kernels.runtime.jit import int64
from fastspec.kernels.runtime.layout import Layout, Reals
from fastspec.kernels.runtime.tasks import run_items, task
from fastspec.kernels.simd.transpose import memory_fence, transpose_block_streamed
from fastspec.kernels.simd.vector import lanes

from . import timing

ELEMENTS_PER_ITEM = 1 << 16  # written by a work item


# ---- writing ----
class WriteArgs(NamedTuple):
    """Arguments of `write_tiles`."""

    tile: Reals
    out: Reals


WRITE_LAYOUT = Layout(WriteArgs)
(unpack_write,) = WRITE_LAYOUT.unpackers


@task("bench")
def write_tiles(item, worker, record, scratch):  # type: ignore[no-untyped-def]
    """The tile over and over into a part of `out`, past the caches as the transform writes."""
    args = unpack_write(scratch, record)
    V, start = lanes(args.tile), item * ELEMENTS_PER_ITEM
    stop = min(args.out.size, start + ELEMENTS_PER_ITEM)
    for o in range(start, stop - V * V + 1, V * V):
        transpose_block_streamed(args.tile, 0, V, args.out, o, V)
    memory_fence()


def write(out: np.ndarray[Any, Any]) -> None:
    """Fill `out`: no call that gives an array is faster."""
    record = WRITE_LAYOUT.pack(WriteArgs(np.zeros(256, out.dtype), out))
    run_items(write_tiles, out.dtype, -(-out.size // ELEMENTS_PER_ITEM), record, work=out.size * 64)


def write_new(count: int, dtype: str) -> None:
    """Fill a new array of `count` numbers."""
    write(aligned(count, dtype))


# ---- transforms ----
class RepeatArgs(NamedTuple):
    """Arguments of `repeat_transform`."""

    tile: Reals
    count: int
    work: int  # real numbers of scratch of a transform
    width: int  # of a worker, with room for the result


REPEAT_LAYOUT = Layout(fft_tables.Tables, RepeatArgs)
unpack_tables, unpack_repeat = REPEAT_LAYOUT.unpackers


@task("bench")
def repeat_transform(item, worker, record, scratch):  # type: ignore[no-untyped-def]
    """The same tile transformed `count` times, in scratch of its own."""
    args, p = unpack_repeat(scratch, record), unpack_tables(scratch, record)
    mine = scratch[worker * args.width : (worker + 1) * args.width]
    for _ in range(args.count):
        call(p.forward, (int64(0), args.tile, int64(0), p, mine[: args.work], mine[args.work :]))


def alone(n_fft: int, hop: int, shape: tuple[int, ...], dtype: str, threads: int) -> dict[str, Callable[[], object]]:
    """Calls: as many transforms as the output of that shape needs, of a tile that stays in the cache; its writing."""
    kind = np.dtype(dtype)
    V, stride = fft_tables.lane_count(kind), fft_tables.strip_stride(n_fft, hop, 1, kind)
    addresses = sizes.addresses(n_fft, kind, backwards=False)
    p = fft_tables.transform_tables(n_fft, hop, stride, np.hanning(n_fft), np.ones(n_fft), kind, addresses)
    tile = aligned(min(hop, n_fft) * stride, kind)
    tile[:] = np.random.default_rng(0).standard_normal(tile.size)
    work = 2 * V * fft_tables.scratch_elements(n_fft)
    width = work + 2 * V * shape[-2]
    count = -(-prod(shape) // shape[-2] // (V * threads))
    record = REPEAT_LAYOUT.pack(p, RepeatArgs(tile, count, work, width))
    numbers = 2 * prod(shape)
    used = aligned(numbers, kind)
    return {
        "transforms": lambda: run_items(repeat_transform, kind, threads, record, work=1 << 20, scratch=width),
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
