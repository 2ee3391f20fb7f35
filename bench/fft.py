"""The FFT of `fastspec` against those of SciPy, rocket-fft, ducc0, FFTW, MKL and JAX on the same frames.

    python -m bench.fft

The peers start from contiguous, windowed frames, so they do the real FFT and nothing else; `fastspec` starts from the
samples and also frames and windows them, and so does SciPy in a row of its own.  Every process holds to as many
processors as it has threads.  MKL is measured through PyTorch and through mkl_fft, FFTW with measured plans through
pyFFTW.  Libraries that are not installed are left out.
"""

import argparse
import importlib
import importlib.util
import json
import os
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

# Powers of two, sizes of speech and music with the primes 3 and 5, sizes with prime radices, and larger primes.
SIZES = [128, 256, 400, 512, 1024, 1200, 2048, 4096, 1022, 1100, 1102, 2018, 2039, 4093]
SAMPLES = 480_000


def ours(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    size = frames.shape[1]
    plan = fastspec.STFT(size, hop_length=hop, window=twins.hamming(size), center=False, dtype=samples.dtype)
    padded = np.pad(samples, (0, size + hop))[: (len(frames) - 1) * hop + size]
    assert plan.n_frames(len(padded)) == len(frames)

    def call() -> None:
        with fastspec.threads(threads):
            plan.forward(padded, order="F")

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


def with_ducc(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    r2c = importlib.import_module("ducc0").fft.r2c
    return lambda: r2c(frames, axes=(-1,), nthreads=threads)


def with_fftw(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    builders = importlib.import_module("pyfftw").builders
    transform = builders.rfft(frames, axis=-1, threads=threads, planner_effort="FFTW_MEASURE")
    return lambda: transform(output_array=np.empty((len(frames), frames.shape[1] // 2 + 1), transform.output_dtype))


def with_mkl(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    rfft = importlib.import_module("mkl_fft").rfft
    return lambda: rfft(frames)


def with_jax(samples: Array, frames: Array, hop: int, threads: int) -> timing.Call:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    rfft, array = jax.jit(jax.numpy.fft.rfft), jax.numpy.asarray(frames)
    return lambda: rfft(array).block_until_ready()


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


PEERS = (
    ("torch", "torch (MKL)", with_torch),
    ("mkl_fft", "mkl_fft", with_mkl),
    ("ducc0", "ducc0", with_ducc),
    ("pyfftw", "FFTW", with_fftw),
    ("jax", "JAX", with_jax),
)


def engines() -> dict[str, Any]:
    """For each library that is installed a function of (samples, frames, hop, threads) that returns its call."""
    makers: dict[str, Any] = {"fastspec": ours, "scipy, frames too": with_scipy_whole, "scipy": with_scipy}
    if _installed("rocket_fft"):
        makers["rocket-fft"] = with_rocket
    makers |= {name: make for module, name, make in PEERS if _installed(module)}
    return makers


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def timed(make: Any, threads: int, rounds: int) -> dict[str, float]:
    """Median seconds of one engine at every size and precision, in this process."""
    seconds: dict[str, float] = {}
    for dtype in ("float32", "float64"):
        samples = cases.speech(SAMPLES).astype(dtype)
        calls = {}
        for size in SIZES:
            hop = size // 4
            framed = twins.overlap(samples, size + size % 2, hop)[:, :size] * twins.hamming(size)
            call = make(samples, np.ascontiguousarray(framed, dtype), hop, threads)
            calls[f"{size}|{dtype}|{threads}"] = (call, rounds)
        seconds |= timing.medians(calls, warm=True)
    return seconds


def compare(processes: int, rounds: int) -> list[dict[str, Any]]:
    """One row a size, precision and number of threads: the median over `processes` processes of each library.

    Each library has processes of its own, in shuffled order: the idle threads of one library's OpenMP would spin on the
    cores that another needs.
    """
    order = [(name, threads) for name in engines() for threads in (1, 2) for _ in range(processes)]
    random.Random(0).shuffle(order)
    measured: dict[str, dict[str, list[float]]] = {}
    for name, threads in order:
        command = [sys.executable, "-m", "bench.fft", "--engine", name, str(threads), "--rounds", str(rounds)]
        environment = {**os.environ, "MKL_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        process = subprocess.run(
            command, cwd=timing.ROOT, check=True, stdout=subprocess.PIPE, text=True, env=environment
        )
        for key, value in json.loads(process.stdout).items():
            measured.setdefault(key, {}).setdefault(name, []).append(value)
        print(f"{name}, {threads}: measured", flush=True)
    rows = []
    for key, by_name in sorted(measured.items(), key=lambda item: _place(item[0])):
        size, dtype, threads = key.split("|")
        seconds = {name: statistics.median(by_name[name]) for name in engines()}
        rows.append({"size": int(size), "dtype": dtype, "threads": int(threads), "seconds": seconds})
    return rows


def _place(key: str) -> tuple[int, str, str]:
    size, dtype, threads = key.split("|")
    return SIZES.index(int(size)), dtype, threads


def measure(processes: int = 3, rounds: int = 9) -> dict[str, Any]:
    """All sizes, in processes of their own."""
    return {
        **timing.machine("rocket-fft", "torch", "mkl_fft", "ducc0", "pyFFTW", "jax"),
        "samples": SAMPLES,
        "rows": compare(processes, rounds),
    }


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
    parser.add_argument(
        "--engine", nargs=2, metavar=("NAME", "THREADS"), help="measure only this library, here, and print JSON"
    )
    options = parser.parse_args()
    if options.engine:
        name, threads = options.engine[0], int(options.engine[1])
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        print(json.dumps(timed(engines()[name], threads, options.rounds)))
        return
    timing.save("fft", measure(options.processes, options.rounds))


if __name__ == "__main__":
    main()
