"""The FFT of `fastspec` against those of SciPy, rocket-fft and MKL (through PyTorch) on the same frames.

    python -m bench.fft

The peers start from contiguous, windowed frames, so they do the real FFT and nothing else; `fastspec` starts from the
samples and also frames and windows them, and so does SciPy in a row of its own.  Libraries that are not installed are
left out.
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

from . import timing
from .table import bold_if, machine_line, milliseconds, paragraphs, table

Array = np.ndarray[Any, np.dtype[Any]]

# Powers of two, sizes of speech and music with the primes 3 and 5, and two with primes that `fastspec` leaves to SciPy.
SIZES = [128, 256, 400, 512, 1024, 1200, 2048, 4096, 1022, 2018]
SAMPLES = 480_000


def ours(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    def call() -> None:
        with fastspec.threads(threads):
            fastspec.stft(samples, frames.shape[1], hop, mean_normalize=False)

    return call


def with_scipy(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    return lambda: scipy.fft.rfft(frames, workers=threads)


def with_scipy_whole(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    size = frames.shape[1]
    window = twins.hamming(size).astype(frames.dtype)
    padded = np.pad(samples, (0, size - len(samples) % size))
    overlapping = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(frames)]
    return lambda: scipy.fft.rfft(overlapping * window, workers=threads)


def with_torch(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(frames)

    def call() -> None:
        torch.set_num_threads(threads)
        torch.fft.rfft(tensor)

    return call


def with_rocket(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    rows = rocket()
    return lambda: rows(frames, threads)


@cache
def rocket() -> Any:
    """A compiled function (frames, threads) that calls rocket-fft's real FFT of rows."""
    from numba import njit

    @njit  # type: ignore[untyped-decorator]
    def rows(frames: Array, threads: int) -> Array:
        return scipy.fft.rfft(frames, None, -1, None, False, threads)

    return rows


def engines() -> dict[str, Any]:
    """For each library that is installed a function of (samples, frames, hop, threads) that returns its call."""
    makers: dict[str, Any] = {"fastspec": ours, "scipy, frames too": with_scipy_whole, "scipy": with_scipy}
    if _installed("rocket_fft"):
        makers["rocket-fft"] = with_rocket
    if _installed("torch"):
        makers["torch (MKL)"] = with_torch
    return makers


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
            seconds |= timing.medians(calls, warm=True)
    return seconds


def compare(processes: int, rounds: int) -> list[dict[str, Any]]:
    """One row a size, precision and number of threads: the median over `processes` processes of each library.

    Each library has processes of its own, in shuffled order: the idle threads of one library's OpenMP would spin on the
    cores that another needs.
    """
    order = [name for name in engines() for _ in range(processes)]
    random.Random(0).shuffle(order)
    measured: dict[str, dict[str, list[float]]] = {}
    for name in order:
        command = [sys.executable, "-m", "bench.fft", "--engine", name, "--rounds", str(rounds)]
        process = subprocess.run(command, cwd=timing.ROOT, check=True, stdout=subprocess.PIPE, text=True)
        for key, value in json.loads(process.stdout).items():
            measured.setdefault(key, {}).setdefault(name, []).append(value)
        print(f"{name}: measured", flush=True)
    rows = []
    for key, by_name in measured.items():
        size, dtype, threads = key.split("|")
        seconds = {name: statistics.median(by_name[name]) for name in engines()}
        rows.append({"size": int(size), "dtype": dtype, "threads": int(threads), "seconds": seconds})
    return rows


def measure(processes: int = 3, rounds: int = 9) -> dict[str, Any]:
    """All sizes, in processes of their own."""
    return {**timing.machine("rocket-fft", "torch"), "samples": SAMPLES, "rows": compare(processes, rounds)}


def tables(result: dict[str, Any]) -> str:
    """Every library at every size, one thread / two, the fastest of each in bold."""
    by_size: dict[tuple[int, str], dict[int, dict[str, float]]] = {}
    for row in result["rows"]:
        by_size.setdefault((row["size"], row["dtype"]), {})[row["threads"]] = row["seconds"]
    names = list(result["rows"][0]["seconds"])

    def cell(name: str, by_threads: dict[int, dict[str, float]]) -> str:
        return " / ".join(
            bold_if(seconds[name] == min(seconds.values()), milliseconds(seconds[name]))
            for _, seconds in sorted(by_threads.items())
        )

    rows = [[f"{n} {dtype}", *(cell(name, each) for name in names)] for (n, dtype), each in by_size.items()]
    return paragraphs(
        f"Milliseconds for the frames of {result['samples']} samples with a hop of a quarter of the size, on one "
        "thread / on two; the fastest in bold. *fastspec* and *scipy, frames too* start from the samples and also "
        "frame and window them; the others start from contiguous, windowed frames.",
        table(["size", *names], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each call in a process (default 9)")
    parser.add_argument("--processes", type=int, default=3, help="processes for each library (default 3)")
    parser.add_argument("--engine", help="measure only this library, in this process, and print seconds as JSON")
    options = parser.parse_args()
    if options.engine:
        print(json.dumps(timed(engines()[options.engine], options.rounds)))
        return
    timing.save("fft", measure(options.processes, options.rounds))


if __name__ == "__main__":
    main()
