"""Run as a program by `test_memory_bounds.py`, on a copy of the package that has guards between parts of scratch.

Geometries are drawn; every array that kernels read or write stands in the middle of poison, NaN of one bit pattern.
Prints a digest of each result: if anything outside were read, it would be another than without guards.
"""

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]
PATTERN = {4: np.uint32(0x7FC5A5A5), 8: np.uint64(0x7FF8A5A5A5A5A5A5)}
MARGIN = 96  # numbers of poison on both sides


class Poisoned:
    """Arrays in poison, whose surroundings are looked at again."""

    def __init__(self) -> None:
        self.surroundings: list[tuple[Array, int]] = []

    def array(self, values: Array) -> Array:
        """A copy of the values, contiguous, in poison."""
        real = values.real.dtype.itemsize
        count = values.nbytes // real
        memory = np.full(count + 2 * MARGIN, PATTERN[real])
        self.surroundings.append((memory, count))
        inner = memory[MARGIN : MARGIN + count].view(values.dtype).reshape(values.shape)
        inner[...] = values
        return inner

    def check(self) -> None:
        """Nothing around the arrays has been written."""
        for memory, count in self.surroundings:
            margins = np.concatenate([memory[:MARGIN], memory[MARGIN + count :]])
            assert (margins == PATTERN[memory.itemsize]).all(), "written outside of an array"


def calls(rng: np.random.Generator, dtype: str, poison: Poisoned) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of one drawn geometry."""
    n_fft = int(rng.choice([2, 4, 6, 16, 30, 48, 63, 64, 98, 100, 126, 200, 256, 333, 400, 512, 1024]))
    hop = int(rng.integers(1, n_fft + n_fft // 2 + 1))
    signals, n = int(rng.integers(1, 4)), n_fft + int(rng.integers(0, 40 * hop + 3))
    name = f"{n_fft}/{hop} {signals} x {n} {dtype}"
    center = bool(rng.integers(2))
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype, center=center)
    y = poison.array(rng.standard_normal((signals, n)).astype(dtype))
    frames, kind = plan.n_frames(n), np.result_type(dtype, np.complex64)
    order = str(rng.choice(["F", "C"]))

    def out(rows: int, dtype: Any = dtype) -> Array:
        shape = (signals, frames, rows) if order == "F" else (signals, rows, frames)
        array = poison.array(np.zeros(shape, dtype))
        return array.swapaxes(1, 2) if order == "F" else array

    yield f"forward {name}", lambda: plan.forward(y, out=out(plan.n_bins, kind))
    yield f"power {name}", lambda: plan.power(y, power=1.5, out=out(plan.n_bins))
    bank = fastspec.MelBank(16000, n_fft, int(rng.integers(1, 30)), dtype=dtype)
    yield f"mel {name}", lambda: plan.mel(y, bank, log="db", out=out(len(bank)))
    yield f"mel of one {name}", lambda: plan.mel(y[0], bank)
    D, S = poison.array(plan.forward(y)), poison.array(plan.power(y, power=1))
    size = plan.n_samples(frames)
    yield f"inverse {name}", lambda: plan.inverse(D, length=size, out=poison.array(np.zeros((signals, size), dtype)))
    yield f"bank.inverse {name}", lambda: bank.inverse(poison.array(bank @ S), power=2)
    if not size:
        return
    for method in ("accelerated", "raar", "rtpghi", "rtisi"):
        options = {} if method == "rtpghi" else {"n_iter": 2}
        yield f"recover {method} {name}", lambda m=method, o=options: fastspec.recover(S, plan, method=m, rng=0, **o)
    for init in ("spsi", "offset"):
        yield f"recover {init} {name}", lambda i=init: fastspec.recover(S, plan, init=i, n_iter=1, rng=0)
    yield (
        f"recover_mel {name}",
        lambda: fastspec.recover_mel(poison.array(bank @ S), bank, plan, power=1, n_iter=2, rng=0),
    )
    if n_fft >= 16 and n_fft % 2 == 0 and hop < n_fft:
        step = {"fft_size": n_fft, "step_size": hop}
        linear = fastspec.pretty_spectrogram(y[0], log=False, thresh=0, **step)
        yield f"notebook {name}", lambda: fastspec.invert_pretty_spectrogram(linear, log=False, n_iter=2, **step)


def main(dtype: str, geometries: int, only: str = "") -> None:
    """Digests of the results of drawn geometries, of the calls whose names hold the text `only`."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(11)
    for _ in range(geometries):
        poison = Poisoned()
        for name, call in calls(rng, dtype, poison):
            if only not in name:
                continue
            result = np.ascontiguousarray(call())
            poison.check()
            print(hashlib.sha256(result.tobytes()).hexdigest()[:16], name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
