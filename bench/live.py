"""Streams: what a push takes in real time, and what blocks cost beside the whole signal.

    python -m bench.live [--seconds N] [--rounds N] [--only NAME ...]

Real time: ten minutes of speech at 48 kHz, pushed in blocks of 256 samples without waiting, each push timed.
Blocks: one second at a time to the same output, against the call on the whole array, of a minute and of an hour, in one
process.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec import stream

from . import measure
from .engine import MELS, SETTLE, THREADS, speech
from .markdown import made_on, seconds, table

Array = np.ndarray[Any, np.dtype[Any]]
Push = Callable[[Array], object]

RATE, BLOCK = 48_000, 256
SECONDS = 600
LIVE = [(2048, 512), (1024, 256)]
BLOCKS = [(16_000, 400, 160), (22_050, 1024, 256), (48_000, 2048, 512)]
LENGTHS = {"a minute": 60, "an hour": 3600}
MUST = 0.7  # of the speed of the whole-array call
WARM = 2000  # pushes before those that are timed


# ---- real time ----
def mel_push(n_fft: int, hop: int) -> Push:
    """Pushes of mels in decibels to the same output."""
    plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(RATE, n_fft, MELS)
    made = stream.StreamingMel(plan, bank, log="db")
    return partial(made.push, out=np.empty((MELS, 1 + BLOCK // hop), np.float32))


def recover_push(n_fft: int, hop: int, method: str) -> Push:
    """Samples to magnitudes, and those to samples again."""
    plan = fastspec.STFT(n_fft, hop_length=hop)
    forward, back = stream.StreamingPower(plan, power=1), stream.StreamingRecover(plan, method, rng=0)
    levels = np.empty((1 + BLOCK // hop, plan.n_bins), np.float32).T
    room = np.empty((2 + BLOCK // hop) * hop, np.float32)

    def push(block: Array) -> None:
        back.push(forward.push(block, out=levels), out=room)

    return push


PUSHES: list[tuple[str, Callable[[], Push]]] = [
    *((f"StreamingMel {n_fft}/{hop}", partial(mel_push, n_fft, hop)) for n_fft, hop in LIVE),
    *(
        (f"StreamingPower and StreamingRecover, {method}, 1024/256", partial(recover_push, 1024, 256, method))
        for method in ("rtisi", "pghi")
    ),
]
"""Names, and what makes a push of a block of samples."""


def real_time(name: str, make_push: Callable[[], Push], y: Array) -> dict[str, Any]:
    """Seconds of a push: the median, the 99th percentile and the longest."""
    push = make_push()
    blocks = [y[a : a + BLOCK] for a in range(0, y.size - BLOCK + 1, BLOCK)]
    for block in blocks[:WARM]:
        push(block)
    took, clock = np.empty(len(blocks), np.int64), time.perf_counter_ns
    for i, block in enumerate(blocks):
        start = clock()
        push(block)
        took[i] = clock() - start
    p50, p99 = np.percentile(took, [50, 99]) * 1e-9
    row = {"stream": name, "p50": float(p50), "p99": float(p99), "worst": float(took.max() * 1e-9)}
    print(f"{name}, {len(blocks)} pushes: " + ", ".join(f"{k} {seconds(row[k])}" for k in ("p50", "p99", "worst")))
    return row


# ---- blocks of a second ----
def in_blocks(made: stream.StreamingMel, blocks: list[Array], out: Array) -> None:
    for block in blocks:
        made.push(block, out=out)


def against_whole(rate: int, n_fft: int, hop: int, length: int, rounds: int) -> dict[str, float]:
    """Seconds a second of sound takes of the whole array, and in blocks; compared first."""
    plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(rate, n_fft, MELS)
    y = np.resize(speech(rate, 60), rate * length)
    whole, made = plan.mel(y, bank, log="db"), stream.StreamingMel(plan, bank, log="db")
    out, at = np.empty((MELS, 1 + rate // hop), np.float32), 0
    blocks = [y[a : a + rate] for a in range(0, y.size, rate)]
    for block in blocks:
        part = made.push(block, out=out)
        if not np.array_equal(part, whole[:, at : at + part.shape[1]]):
            raise AssertionError(f"{n_fft}/{hop}: the stream's mels are not those of the whole array")
        at += part.shape[1]
    calls = {
        "whole": (partial(plan.mel, y, bank, log="db", out=whole), rounds),
        "blocks": (partial(in_blocks, made, blocks, out), rounds),
    }
    return {name: took / length for name, took in measure.medians(calls, settle=SETTLE).items()}


def rows(rounds: int) -> list[dict[str, Any]]:
    """All sizes, a minute and an hour of each."""
    found = []
    for rate, n_fft, hop in BLOCKS:
        for told, length in LENGTHS.items():
            took = against_whole(rate, n_fft, hop, length, rounds if length < 600 else max(3, rounds // 3))
            found.append({"size": f"{n_fft}/{hop}", "rate": rate, "input": told, "seconds": took, "must": MUST})
            print(
                f"{n_fft}/{hop}, {told}: " + ", ".join(f"{name} {seconds(v)}" for name, v in took.items()), flush=True
            )
    return found


# ---- the README's table ----
def tables(live: dict[str, Any]) -> str:
    """Pushes in real time, and blocks beside whole arrays."""
    pushes = [[row["stream"], *(f"{1e3 * row[k]:.3f}" for k in ("p50", "p99", "worst"))] for row in live["pushes"]]

    def cells(row: dict[str, Any]) -> list[str]:
        whole, blocks, least = row["seconds"]["whole"], row["seconds"]["blocks"], row["must"]
        reached = f"≥ {least:g}" if whole / blocks >= least else f"**< {least:g}**"
        name = f"mel {row['size']}, {row['rate'] / 1000:g} kHz"
        return [name, row["input"], seconds(whole), seconds(blocks), f"{whole / blocks:.2f}× {reached}"]

    return "\n\n".join(
        [
            f"Milliseconds of a push of {live['block']} samples at {live['rate'] / 1000:g} kHz, which last "
            f"{1e3 * live['block'] / live['rate']:.2f} ms, over {live['seconds'] / 60:g} minutes of speech:",
            table(["stream", "p50", "p99", "worst"], pushes),
            f"A second of sound on {live['threads']} threads, of a call on the whole array and in blocks of a second, "
            "both with *out=*; the speed of the second relative to the first, and what it has to be (bold: missed):",
            table(["work", "of", "whole", "blocks", "speed"], [cells(row) for row in live["rows"]]),
            f"Measured on: {made_on(live)}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of sound in real time (default {SECONDS})")
    parser.add_argument("--rounds", type=int, default=21, help="rounds of each call (default 21)")
    parser.add_argument("--only", nargs="+", choices=["pushes", "rows"], help="measure only these, and write no file")
    asked = parser.parse_args()
    result: dict[str, Any] = {"threads": THREADS, "rate": RATE, "block": BLOCK, "seconds": asked.seconds}
    with fastspec.threads(THREADS):
        if not asked.only or "pushes" in asked.only:
            y = np.resize(speech(RATE, 60), RATE * asked.seconds)
            result["pushes"] = [real_time(name, make_push, y) for name, make_push in PUSHES]
        if not asked.only or "rows" in asked.only:
            result["rows"] = rows(asked.rounds)
    if not asked.only:
        measure.save("live", {**measure.machine(), **result})


if __name__ == "__main__":
    main()
