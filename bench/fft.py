"""The FFT of `fastspec` against those of SciPy, rocket-fft and MKL (through PyTorch) on the same frames.

    python -m bench.fft [--rounds N]

The peers are given frames already cut out, windowed and contiguous, so they do the real FFT and nothing else;
`fastspec` starts from the samples and cuts and windows the frames as well, and so does SciPy in a turn of its own.
Whoever is not installed is left out.
"""

import argparse
import importlib
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


def rocket() -> Any:
    """A compiled function that calls rocket-fft's real FFT on rows, given a number of threads."""
    from numba import njit

    @njit
    def rows(frames: Array, threads: int) -> Array:
        return scipy.fft.rfft(frames, None, -1, None, False, threads)

    return rows


def engines() -> dict[str, Any]:
    """Who takes part: the name and what makes its call from samples, frames, hop and threads."""
    found: dict[str, Any] = {"fastspec": ours, "scipy, frames too": with_scipy_whole, "scipy": with_scipy}
    if _installed("rocket_fft"):
        rows = rocket()
        found["rocket-fft"] = lambda samples, frames, hop, threads: lambda: rows(frames, threads)
    if _installed("torch"):
        found["torch (MKL)"] = with_torch
    return found


def _installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def compare(size: int, dtype: str, rounds: int, made: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a number of threads: median seconds of every engine on the same frames, in one shuffled order."""
    hop = size // 4
    samples = cases.speech(SAMPLES).astype(dtype)
    frames = np.ascontiguousarray((twins.overlap(samples, size, hop) * twins.hamming(size)).astype(dtype))
    calls = {
        f"{name}|{threads}": (make(samples, frames, hop, threads), rounds)
        for name, make in made.items()
        for threads in (1, 2)
    }
    seconds = measure.medians(calls, warm=True)
    rows = []
    for threads in (1, 2):
        each = {name: seconds[f"{name}|{threads}"] for name in made}
        rows.append({"size": size, "dtype": dtype, "threads": threads, "frames": len(frames), "seconds": each})
        told = ", ".join(f"{name} {1e3 * value:.2f} ms" for name, value in each.items())
        print(f"{size} {dtype}, {threads} threads: {told}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each call (default 15)")
    rounds = parser.parse_args().rounds
    made = engines()
    rows = [row for dtype in ("float32", "float64") for size in SIZES for row in compare(size, dtype, rounds, made)]
    measure.save("fft", {**measure.machine("rocket-fft", "torch"), "samples": SAMPLES, "rows": rows})


if __name__ == "__main__":
    main()
