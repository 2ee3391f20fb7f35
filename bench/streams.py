"""Streams: seconds of a push in real time, and the speed of blocks relative to the whole signal.

    python -m bench.streams [--seconds N] [--rounds N] [--only NAME ...]

Real time: ten minutes of speech at 48 kHz, pushed in blocks of 256 samples without waiting, each push timed.
Blocks: one second at a time to the same output, against the call on the whole array, of a minute and of an hour, in one
process.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec import stream

from . import timing
from .engine import MELS, SETTLE, THREADS, speech
from .table import Goal, duration, machine_line, milliseconds, paragraphs, table

Array = np.ndarray[Any, np.dtype[Any]]
Push = Callable[[Array], object]

RATE, BLOCK = 48_000, 256
SECONDS = 600
LIVE = [(2048, 512), (1024, 256)]
BLOCKS = [(16_000, 400, 160), (22_050, 1024, 256), (48_000, 2048, 512)]
LENGTHS = {"a minute": 60, "an hour": 3600}
LEAST_SPEED = 0.7  # of blocks, relative to the call on the whole array
WARM = 2000  # pushes before those that are timed


# ---- real time ----
def mel_push(n_fft: int, hop: int) -> Push:
    """Pushes of mels in decibels to the same output."""
    plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(RATE, n_fft, MELS)
    mels = stream.StreamingMel(plan, bank, log="db")
    return partial(mels.push, out=np.empty((MELS, 1 + BLOCK // hop), np.float32))


def recover_push(n_fft: int, hop: int, method: str) -> Push:
    """Samples to magnitudes, and those to samples again."""
    plan = fastspec.STFT(n_fft, hop_length=hop)
    forward, back = stream.StreamingPower(plan, power=1), stream.StreamingRecover(plan, method, rng=0)
    levels = np.empty((1 + BLOCK // hop, plan.n_bins), np.float32).T
    samples = np.empty((2 + BLOCK // hop) * hop, np.float32)

    def push(block: Array) -> None:
        back.push(forward.push(block, out=levels), out=samples)

    return push


PUSHES: list[tuple[str, Callable[[], Push]]] = [
    *((f"StreamingMel {n_fft}/{hop}", partial(mel_push, n_fft, hop)) for n_fft, hop in LIVE),
    *(
        (f"StreamingPower and StreamingRecover, {method}, 1024/256", partial(recover_push, 1024, 256, method))
        for method in ("rtisi", "pghi")
    ),
]
"""Names, and functions that return a push of a block of samples."""


def real_time(name: str, make_push: Callable[[], Push], y: Array) -> dict[str, Any]:
    """Seconds of a push: the median, the 99th percentile and the longest."""
    push = make_push()
    blocks = [y[a : a + BLOCK] for a in range(0, y.size - BLOCK + 1, BLOCK)]
    for block in blocks[:WARM]:
        push(block)
    elapsed, clock = np.empty(len(blocks), np.int64), time.perf_counter_ns
    for i, block in enumerate(blocks):
        start = clock()
        push(block)
        elapsed[i] = clock() - start
    p50, p99 = np.percentile(elapsed, [50, 99]) * 1e-9
    row = {"stream": name, "p50": float(p50), "p99": float(p99), "worst": float(elapsed.max() * 1e-9)}
    print(f"{name}, {len(blocks)} pushes: " + ", ".join(f"{k} {duration(row[k])}" for k in ("p50", "p99", "worst")))
    return row


# ---- blocks of a second ----
def in_blocks(mels: stream.StreamingMel, blocks: list[Array], out: Array) -> None:
    for block in blocks:
        mels.push(block, out=out)


def against_whole(rate: int, n_fft: int, hop: int, length: int, rounds: int) -> dict[str, float]:
    """Seconds of computing for a second of sound, of the whole array and in blocks; results are compared first."""
    plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(rate, n_fft, MELS)
    y = np.resize(speech(rate, 60), rate * length)
    whole, mels = plan.mel(y, bank, log="db"), stream.StreamingMel(plan, bank, log="db")
    out, at = np.empty((MELS, 1 + rate // hop), np.float32), 0
    blocks = [y[a : a + rate] for a in range(0, y.size, rate)]
    for block in blocks:
        M = mels.push(block, out=out)
        if not np.array_equal(M, whole[:, at : at + M.shape[1]]):
            raise AssertionError(f"{n_fft}/{hop}: the stream's mels are not those of the whole array")
        at += M.shape[1]
    calls = {
        "whole": (partial(plan.mel, y, bank, log="db", out=whole), rounds),
        "blocks": (partial(in_blocks, mels, blocks, out), rounds),
    }
    return {name: seconds / length for name, seconds in timing.medians(calls, settle=SETTLE).items()}


def block_rows(rounds: int) -> list[dict[str, Any]]:
    """All sizes, a minute and an hour of each."""
    rows = []
    for rate, n_fft, hop in BLOCKS:
        for label, length in LENGTHS.items():
            seconds = against_whole(rate, n_fft, hop, length, rounds if length < 600 else max(3, rounds // 3))
            rows.append({"size": f"{n_fft}/{hop}", "rate": rate, "input": label, "seconds": seconds})
            text = ", ".join(f"{name} {duration(value)}" for name, value in seconds.items())
            print(f"{n_fft}/{hop}, {label}: {text}", flush=True)
    return rows


def measure(seconds: int = SECONDS, rounds: int = 21, only: Sequence[str] = ()) -> dict[str, Any]:
    """Pushes in real time, and blocks beside whole arrays; only the parts named, if any are."""
    result: dict[str, Any] = {**timing.machine(), "threads": THREADS, "rate": RATE, "block": BLOCK, "seconds": seconds}
    with fastspec.threads(THREADS):
        if not only or "pushes" in only:
            y = np.resize(speech(RATE, 60), RATE * seconds)
            result["pushes"] = [real_time(name, make_push, y) for name, make_push in PUSHES]
        if not only or "rows" in only:
            result["rows"] = block_rows(rounds)
    return result


def relative(row: dict[str, Any]) -> float:
    """The speed of blocks relative to the whole array."""
    return float(row["seconds"]["whole"] / row["seconds"]["blocks"])


def goals(result: dict[str, Any]) -> list[Goal]:
    """The speed of blocks of a second."""
    return [
        Goal(f"mel {row['size']} in blocks, {row['input']}, speed relative to the whole", relative(row), LEAST_SPEED)
        for row in result["rows"]
    ]


def tables(result: dict[str, Any]) -> str:
    """Pushes in real time, and blocks beside whole arrays."""
    pushes = [[row["stream"], *(milliseconds(row[k], 3) for k in ("p50", "p99", "worst"))] for row in result["pushes"]]
    rows = [
        [
            f"mel {row['size']}, {row['rate'] / 1000:g} kHz",
            row["input"],
            *(duration(row["seconds"][name]) for name in ("whole", "blocks")),
            f"{relative(row):.2f}×",
        ]
        for row in result["rows"]
    ]
    return paragraphs(
        f"Milliseconds of a push of {result['block']} samples at {result['rate'] / 1000:g} kHz, which last "
        f"{1e3 * result['block'] / result['rate']:.2f} ms, over {result['seconds'] / 60:g} minutes of speech:",
        table(["stream", "p50", "p99", "worst"], pushes),
        f"Time for a second of sound on {result['threads']} threads, of a call on the whole array and in blocks of a "
        "second, both with *out=*, and the speed of the blocks relative to the whole:",
        table(["work", "input", "whole", "blocks", "relative speed"], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of sound in real time (default {SECONDS})")
    parser.add_argument("--rounds", type=int, default=21, help="rounds of each call (default 21)")
    parser.add_argument("--only", nargs="+", choices=["pushes", "rows"], default=(), help="only these; stores nothing")
    options = parser.parse_args()
    result = measure(options.seconds, options.rounds, options.only)
    if not options.only:
        timing.save("streams", result)


if __name__ == "__main__":
    main()
