"""What more threads will do, from what one thread does: the share of each call that is serial, and its items.

    python -m bench.cores [--only forward inverse ...]

Each call is made with a team of `MOST` threads in which one thread does all the work: every item is timed alone, by
the clock of the thread, and what is left of the call is serial (Amdahl, AFIPS 30, 1967, 483-485).  N threads then take
the serial part, and for each parallel step as long as the last of them, where a thread that is free takes the next
item (Graham, Bell Syst. Tech. J. 45, 1966, 1563-1581), and `STEP_SECONDS`.  The prediction for two threads stands
beside two threads as they are.  Memory is not predicted: the bandwidth that `MOST` threads would need stands beside.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastspec
from fastspec import files
from fastspec.kernels.runtime import threads
from fastspec.kernels.runtime.team import work_alone

from . import timing
from .engine import SR, speech
from .long_sound import recording
from .table import Goal, machine_line, paragraphs, table

MOST = 16
COUNTS = (2, 4, 8, MOST)
LEAST_SPEEDUP = 12.0
MEASURED = 2
"""Threads whose time is measured, too."""
STEP_SECONDS = 5e-6
"""To call the helpers and to wait for the last of them, in a call that follows another one at once."""
LONG = "1 h"
INPUTS = ("60 s", LONG, "64 × 10 s")
ROUNDS = {"60 s": 9, LONG: 1, "64 × 10 s": 3}
"""Of each input; twice as many are measured."""

N_FFT, HOP, MELS = 1024, 256, 80


class Work(NamedTuple):
    """A call, and the bytes of its input and output."""

    call: Callable[[], object]
    traffic: int
    chain: bool = False
    """Whether one thread does what depends on what came before, or reads and writes, while others compute."""


class Step(NamedTuple):
    """A parallel step: the seconds of each item."""

    items: list[float]


class OneThread:
    """In place of the team of a process: does all items itself, and keeps the time of each."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.seconds = 0.0  # in steps, with what it takes to time their items

    def join(self, helpers: int) -> bool:
        return True

    def leave(self) -> None:
        pass

    def work_once(self, items: int, helpers: int, work: int, *arguments: int) -> bool:
        self.work(0, items, helpers, work, *arguments)
        return True

    def work(self, first: int, last: int, helpers: int, work: int, *arguments: int) -> None:
        begin = time.thread_time()
        nothing = min(self._seconds(first, first, arguments) for _ in range(3))
        seconds = [max(0.0, self._seconds(item, item + 1, arguments) - nothing) for item in range(first, last)]
        self.steps.append(Step(seconds))
        self.seconds += time.thread_time() - begin

    @staticmethod
    def _seconds(first: int, last: int, arguments: tuple[int, ...]) -> float:
        begin = time.thread_time()
        work_alone(first, last, *arguments)
        return time.thread_time() - begin


def step_seconds(items: list[float], count: int) -> float:
    """When the last of `count` threads is done, if each takes the next item when it is free."""
    busy = [0.0] * min(count, len(items))
    for seconds in items:
        heapq.heapreplace(busy, busy[0] + seconds)
    return max(busy, default=0.0) + (STEP_SECONDS if count > 1 else 0.0)


# ---- work ----
def signals(name: str) -> Any:
    """The sound of an input, float32."""
    if name == LONG:
        return np.tile(speech(SR, 60), 60)
    return speech(SR, 60) if name == "60 s" else speech(SR, 640).reshape(64, -1)


def works(name: str, folder: Path) -> Iterator[tuple[str, Callable[[], Work]]]:
    """The work of an input, each prepared when it is asked for."""
    plan, bank = fastspec.STFT(N_FFT, hop_length=HOP), fastspec.MelBank(SR, N_FFT, MELS)
    y = signals(name)

    def forward() -> Work:
        D = plan.forward(y)
        return Work(lambda: plan.forward(y, out=D), y.nbytes + D.nbytes)

    def inverse() -> Work:
        D = plan.forward(y)
        out = np.empty_like(y)
        return Work(lambda: plan.inverse(D, length=y.shape[-1], out=out), D.nbytes + y.nbytes)

    def mel() -> Work:
        M = plan.mel(y, bank)
        return Work(lambda: plan.mel(y, bank, out=M), y.nbytes + M.nbytes)

    def recovery(rounds: int, **options: Any) -> Callable[[], Work]:
        def recover() -> Work:
            S = plan.power(y, power=1)
            # a round reads and writes a signal; the levels are read in each
            traffic = (rounds + 1) * (S.nbytes + 2 * y.nbytes)
            return Work(lambda: fastspec.recover(S, plan, rng=0, **options), traffic)

        return recover

    yield "STFT", forward
    yield "inverse STFT", inverse
    yield f"mel, {MELS} bands", mel
    if name != LONG:  # whose frames are recovered in blocks, each as those of a minute
        yield "Griffin-Lim, 32 rounds", recovery(32, method="griffinlim", init="random", n_iter=32)
        yield "recover, default", recovery(8)
        yield "PGHI alone", recovery(1, init="pghi", n_iter=0)
    if y.ndim == 1:
        path = folder / f"{name}.wav"
        recording(path, SR, y.size // SR)

        def mel_file() -> Work:
            return Work(lambda: files.mel(path, folder / "mels.npy", plan, bank), 0, chain=True)

        yield "files.mel", mel_file
    if name == "60 s":

        def notebook(segments: int | None) -> Work:
            S = fastspec.pretty_spectrogram(y, fft_size=N_FFT, step_size=HOP)
            options: dict[str, Any] = {"fft_size": N_FFT, "step_size": HOP, "n_iter": 5, "segments": segments}
            return Work(lambda: fastspec.invert_pretty_spectrogram(S, **options), 0, chain=segments is None)

        yield "the notebook's inversion, 5 rounds", lambda: notebook(None)
        yield f"the same in {MOST} segments", lambda: notebook(MOST)


# ---- measure ----
def steps_of(call: Callable[[], object], rounds: int) -> tuple[float, list[Step]]:
    """(seconds outside of parallel steps, those steps) of a call on one thread: those of the least time in all."""
    found = []
    for _ in range(rounds):
        one = threads._team = OneThread()  # type: ignore[assignment]
        begin = time.thread_time()
        call()
        seconds = time.thread_time() - begin
        found.append((seconds, seconds - one.seconds, one.steps))
    _, serial, steps = min(found, key=lambda each: each[0])
    return serial, steps


def modelled(only: list[str]) -> Iterator[dict[str, Any]]:
    """A row for each work of each input, in a process whose team would have `MOST` threads."""
    with tempfile.TemporaryDirectory() as folder:
        for name in INPUTS:
            for work_name, prepare in works(name, Path(folder)):
                if only and not any(part in work_name for part in only):
                    continue
                work = prepare()
                work.call()
                serial, steps = steps_of(work.call, ROUNDS[name])
                items = [item for step in steps for item in step.items]
                yield {
                    "work": work_name, "input": name, "serial": serial, "parallel": sum(items), "steps": len(steps),
                    "items": len(items), "chain": work.chain, "traffic": work.traffic,
                    "predicted": {
                        str(count): serial + sum(step_seconds(step.items, count) for step in steps)
                        for count in (1, *COUNTS)
                    },
                }  # fmt: skip


def measured(only: list[str]) -> Iterator[dict[str, Any]]:
    """Seconds of each work of each input on one thread and on `MEASURED`."""
    with tempfile.TemporaryDirectory() as folder:
        for name in INPUTS:
            for work_name, prepare in works(name, Path(folder)):
                if only and not any(part in work_name for part in only):
                    continue
                call = prepare().call

                def on(count: int, call: Callable[[], object] = call) -> Callable[[], object]:
                    def limited() -> None:
                        with fastspec.threads(count):
                            call()

                    return limited

                rounds = 2 * ROUNDS[name]
                seconds = timing.medians({str(count): (on(count), rounds) for count in (1, MEASURED)})
                yield {"work": work_name, "input": name, "measured": seconds}


def rows_of_child(part: str, only: list[str], **environment: str) -> list[dict[str, Any]]:
    """The rows of a part, from a process of its own."""
    command = [sys.executable, "-m", "bench.cores", "--part", part, *(["--only", *only] if only else [])]
    done = subprocess.run(
        command, cwd=timing.ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(only: list[str]) -> dict[str, Any]:
    """Both parts, joined."""
    predicted = rows_of_child("modelled", only, NUMBA_NUM_THREADS=str(MOST))
    found = rows_of_child("measured", only, NUMBA_NUM_THREADS=str(MEASURED))
    rows = [{**a, **b} for a, b in zip(predicted, found, strict=True)]
    for row in rows:
        print(describe(row), flush=True)
    return {**timing.machine(), "rows": rows}


def share(row: dict[str, Any]) -> float:
    """The serial part of a call, of 1."""
    return float(row["serial"] / (row["serial"] + row["parallel"]))


def gain(row: dict[str, Any], count: int) -> float:
    """How many times faster `count` threads are by the prediction; where one thread is a chain, as two are."""
    if row["chain"]:
        return real_gain(row)
    return float(row["predicted"]["1"] / row["predicted"][str(count)])


def real_gain(row: dict[str, Any]) -> float:
    return float(row["measured"]["1"] / row["measured"][str(MEASURED)])


def bandwidth(row: dict[str, Any]) -> float:
    """GB/s that `MOST` threads would move."""
    return float(row["traffic"] / row["measured"]["1"] * gain(row, MOST) / 1e9)


def describe(row: dict[str, Any]) -> str:
    gains = ", ".join(f"{count}: {gain(row, count):.1f}×" for count in COUNTS)
    return (
        f"{row['work']}, {row['input']}: {1e3 * row['measured']['1']:.2f} ms, serial {100 * share(row):.2f} %, "
        f"{row['steps']} steps, {row['items']} items; {gains}; measured {real_gain(row):.2f}×"
    )


def goals(result: dict[str, Any]) -> list[Goal]:
    """What `MOST` threads should gain."""
    return [
        Goal(f"{row['work']}, {row['input']}: times faster on {MOST} threads", gain(row, MOST), least=LEAST_SPEEDUP)
        for row in result["rows"]
        if not row["chain"]
    ]


def tables(result: dict[str, Any]) -> str:
    """A row for each work of each input."""
    rows = [
        [
            row["work"],
            row["input"],
            f"{1e3 * row['measured']['1']:.1f}",
            "a chain" if row["chain"] else f"{100 * share(row):.2f}",
            f"{row['items']} in {row['steps']}",
            f"{real_gain(row):.2f}×",
            *(f"{gain(row, count):.1f}×" for count in COUNTS),
            "" if row["chain"] else f"{bandwidth(row):.0f}",
        ]
        for row in result["rows"]
    ]
    return paragraphs(
        f"{N_FFT}/{HOP}, float32, 22.05 kHz. A prediction, not a measurement, but for the columns of one thread and of "
        f"{MEASURED} measured: each parallel item of a call is timed on one thread, and {MOST} threads share them. *A "
        "chain*: one thread does what depends on what came before, or reads and writes files, while others compute; "
        f"more threads than {MEASURED} are taken to gain nothing.",
        table(
            [
                "work", "input", "1 thread, ms", "serial, %", "items in steps", f"{MEASURED} threads, measured",
                *(f"{count}" for count in COUNTS), f"GB/s of {MOST}",
            ],
            rows,
        ),
        machine_line(result),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="works whose names hold one of these")
    parser.add_argument("--part", choices=["modelled", "measured"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        for row in {"modelled": modelled, "measured": measured}[options.part](options.only):
            print(json.dumps(row), flush=True)
        return
    result = measure(options.only)
    if not options.only:
        timing.save("cores", result)


if __name__ == "__main__":
    main()
