"""The FFT of `fastspec` against those of SciPy, rocket-fft and MKL (through PyTorch) on the same frames.

    python -m bench.fft

The peers are given frames already cut out, windowed and contiguous, so they do the real FFT and nothing else;
`fastspec` starts from the samples and cuts and windows the frames as well, and so does SciPy in a turn of its own.
Whoever is not installed is left out.
"""

import argparse
import importlib
import importlib.util
import json
import random
import statistics
import subprocess
import sys
from functools import cache
from typing import Any

import cases
import numpy as np
import scipy.fft
import twins

import fastspec

from . import measure

Array = np.ndarray[Any, np.dtype[Any]]

# Powers of two, sizes of speech and music with the primes 3 and 5, and two with primes that `fastspec` leaves to SciPy.
SIZES = [128, 256, 400, 512, 1024, 1200, 2048, 4096, 1022, 2018]
SAMPLES = 480_000


def ours(samples: Array, frames: Array, hop: int, threads: int) -> measure.Call:
    def call() -> None:
        with fastspec.threads(threads):
            fastspec.stft(samples, frames.shape[1], hop, mean_normalize=False)

    return call


def with_scipy(samples: Array, frames: Array, hop: int, threads: int) -> measure.Call:
    return lambda: scipy.fft.rfft(frames, workers=threads)


def with_scipy_whole(samples: Array, frames: Array, hop: int, threads: int) -> measure.Call:
    size = frames.shape[1]
    window = twins.hamming(size).astype(frames.dtype)
    padded = np.pad(samples, (0, size - len(samples) % size))
    cut = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(frames)]
    return lambda: scipy.fft.rfft(cut * window, workers=threads)


def with_torch(samples: Array, frames: Array, hop: int, threads: int) -> measure.Call:
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(frames)

    def call() -> None:
        torch.set_num_threads(threads)
        torch.fft.rfft(tensor)

    return call


def with_rocket(samples: Array, frames: Array, hop: int, threads: int) -> measure.Call:
    rows = rocket()
    return lambda: rows(frames, threads)


@cache
def rocket() -> Any:
    """A compiled function that calls rocket-fft's real FFT on rows, given a number of threads."""
    from numba import njit

    @njit  # type: ignore[untyped-decorator]
    def rows(frames: Array, threads: int) -> Array:
        return scipy.fft.rfft(frames, None, -1, None, False, threads)

    return rows


def engines() -> dict[str, Any]:
    """Who takes part: the name and what makes its call from samples, frames, hop and threads."""
    found: dict[str, Any] = {"fastspec": ours, "scipy, frames too": with_scipy_whole, "scipy": with_scipy}
    if _installed("rocket_fft"):
        found["rocket-fft"] = with_rocket
    if _installed("torch"):
        found["torch (MKL)"] = with_torch
    return found


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def timed(make: Any, rounds: int) -> dict[str, float]:
    """Median seconds of one engine at every size, precision and number of threads, in this process.

    All work on one thread comes first: a team of OpenMP threads that is changed between calls is slow to wake.
    """
    seconds: dict[str, float] = {}
    for threads in (1, 2):
        for dtype in ("float32", "float64"):
            samples = cases.speech(SAMPLES).astype(dtype)
            calls = {}
            for size in SIZES:
                hop = size // 4
                framed = twins.overlap(samples, size, hop) * twins.hamming(size)
                call = make(samples, np.ascontiguousarray(framed, dtype), hop, threads)
                calls[f"{size}|{dtype}|{threads}"] = (call, rounds)
            seconds |= measure.medians(calls, warm=True)
    return seconds


def compare(turns: int, rounds: int) -> list[dict[str, Any]]:
    """One row a size, precision and number of threads: the median over `turns` processes of every engine.

    Each engine has processes of its own, in shuffled order: the idle threads of one engine's OpenMP would spin on the
    cores that another needs.
    """
    order = [name for name in engines() for _ in range(turns)]
    random.Random(0).shuffle(order)
    found: dict[str, dict[str, list[float]]] = {}
    for name in order:
        command = [sys.executable, "-m", "bench.fft", "--engine", name, "--rounds", str(rounds)]
        done = subprocess.run(command, cwd=measure.ROOT, check=True, stdout=subprocess.PIPE, text=True)
        for key, value in json.loads(done.stdout).items():
            found.setdefault(key, {}).setdefault(name, []).append(value)
        print(f"{name}: measured", flush=True)
    rows = []
    for key, by_name in found.items():
        size, dtype, threads = key.split("|")
        seconds = {name: statistics.median(by_name[name]) for name in engines()}
        rows.append({"size": int(size), "dtype": dtype, "threads": int(threads), "seconds": seconds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each call in a process (default 9)")
    parser.add_argument("--turns", type=int, default=3, help="processes for each engine (default 3)")
    parser.add_argument("--engine", help="measure only this one, here, and print seconds as JSON")
    asked = parser.parse_args()
    if asked.engine:
        print(json.dumps(timed(engines()[asked.engine], asked.rounds)))
        return
    rows = compare(asked.turns, asked.rounds)
    measure.save("fft", {**measure.machine("rocket-fft", "torch"), "samples": SAMPLES, "rows": rows})


if __name__ == "__main__":
    main()
