"""Two threads beside other processes on the same cores: the mean time of a call over that on one thread.

    python -m bench.busy [--seconds N]

Beside the calls run two processes a core that only count, or one in all; and none, for comparison.  Calls on all
threads and on one take turns of a third of a second; of each the mean counts, as a median hides the calls that wait.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastspec

from . import timing
from .table import duration, machine_line, paragraphs, table

RATE = 16_000
TURN_SECONDS = 1 / 3
ALL_BUSY = "two a core"
LOADS = {"none": lambda: 0, "one": lambda: 1, ALL_BUSY: lambda: 2 * (os.cpu_count() or 1)}
"""How many busy processes, by name."""


def calls() -> Iterator[tuple[str, timing.Call]]:
    """Mels, eight rounds of Griffin-Lim, and the notebook's inversion."""
    rng, plan, bank = np.random.default_rng(0), fastspec.STFT(512, hop_length=128), fastspec.MelBank(RATE, 512, 80)
    for seconds in (1, 10, 60):
        y = rng.standard_normal(seconds * RATE).astype(np.float32)
        S = plan.power(y, power=1)
        yield f"mel of {seconds} s", lambda y=y: plan.mel(y, bank)
        options = {"method": "griffinlim", "n_iter": 8, "rng": 0}
        yield f"Griffin-Lim, 8 rounds, of {seconds} s", lambda S=S, o=options: fastspec.recover(S, plan, **o)
    log = fastspec.pretty_spectrogram(rng.standard_normal(3 * 48_000), fft_size=2048, step_size=128)
    yield (
        "the notebook's inversion, 5 rounds, of 3 s at 48 kHz",
        lambda: fastspec.invert_pretty_spectrogram(log, fft_size=2048, step_size=128, n_iter=5),
    )


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that count beside what runs inside."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    time.sleep(0.3)
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def means(call: timing.Call, seconds: float) -> dict[str, float]:
    """Mean seconds of a call on all threads and on one."""
    times: dict[str, list[float]] = {"all": [], "one": []}
    limits = {"all": os.cpu_count() or 1, "one": 1}
    end = time.perf_counter() + seconds
    for way in itertools.cycle(times):
        with fastspec.threads(limits[way]):
            call()
            stop = time.perf_counter() + TURN_SECONDS
            while (begin := time.perf_counter()) < stop:
                call()
                times[way].append(time.perf_counter() - begin)
        if time.perf_counter() > end and min(map(len, times.values())) > 3:
            return {way: statistics.fmean(found) for way, found in times.items()}
    raise AssertionError


def measure(seconds: float = 10.0) -> dict[str, Any]:
    """All calls beside each load."""
    rows = []
    for name, call in calls():
        call()
        found = {}
        for load, count in LOADS.items():
            with busy(count()):
                found[load] = means(call, seconds)
        rows.append({"call": name, "seconds": found})
        ratios = {load: round(both["all"] / both["one"], 2) for load, both in found.items()}
        print(f"{name}: {ratios}, alone on one thread {duration(found['none']['one'])}", flush=True)
    return {**timing.machine(), "rows": rows}


def tables(result: dict[str, Any]) -> str:
    """Ratios, in bold where all threads are slower than one."""
    rows = []
    for row in result["rows"]:
        ratios = [both["all"] / both["one"] for both in row["seconds"].values()]
        shown = [f"**{ratio:.2f}**" if ratio > 1.005 else f"{ratio:.2f}" for ratio in ratios]
        rows.append([row["call"], *shown, *(duration(both["one"]) for both in row["seconds"].values())])
    heads = [f"beside {load}" for load in LOADS]
    return paragraphs(
        "Mean time on all threads over that on one, beside no, one, and two processes a core that only count; then the "
        "mean time on one thread beside each.",
        table(["call", *heads, *(f"one thread, {load}" for load in LOADS)], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.busy", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each call beside each load")
    timing.save("busy", measure(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
