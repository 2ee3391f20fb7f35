"""Phase recovery and mel inversion against peers: the same work, and the same quality.

    python -m bench.recovery [--only rounds equal sums mels starts]

Measured as in `engine`: one process, two threads, shuffled order.  A peer that takes seconds has few rounds.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec.recovery import pghi, spsi

from . import peers, timing
from .engine import SETTLE, SR, THREADS, on, speech
from .metrics import convergence
from .table import Goal, duration, machine_line, paragraphs, speedup, table

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, Any]

SECONDS, MELS = 60, 80
ROUNDS = 32  # librosa's default
SIZES = [(1024, 256), (2048, 512)]
REPEATS, LONG_REPEATS = 9, 3
LONG = 0.5  # seconds: a longer call is repeated less often, one of more than ten times as much not at all
TOLERANCES = (1e-2, 1e-3, 1e-6)

FIXED_ROUNDS = f"fast Griffin-Lim, {ROUNDS} rounds"
EQUAL_QUALITY = f"as near as librosa in {ROUNDS} rounds"
WEIGHTED_SUMS = "as near as lws"
MEL_LEVELS, MEL_SIGNALS = "mels to magnitudes", "mels to sound"
SPEEDUPS = {
    FIXED_ROUNDS: {"torchaudio": 14.0, "librosa": 30.0},
    EQUAL_QUALITY: {"librosa": 40.0},
    MEL_LEVELS: {"librosa": 100.0},
    MEL_SIGNALS: {"librosa": 100.0},
}
"""How many times faster than its peers the fastest of our calls has to be."""
PGHI_NS = 180.0
"""The most nanoseconds on one thread that PGHI may take for each bin above its tolerance."""

PEERS = ("torchaudio", "librosa", "lws")

Calls = dict[str, Callable[[], Any]]


def row_of(work: str, size: str, calls: Calls, nearness: Callable[[Any], float] | None = None, **fields: Any) -> Row:
    """Median seconds of each call, and how near its result comes."""
    repeated, once, reached = {}, {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        result = call()
        once[name] = time.perf_counter() - start
        if nearness is not None:
            reached[name] = nearness(result)
        if once[name] < 10 * LONG:
            repeated[name] = call, REPEATS if once[name] < LONG else LONG_REPEATS
    seconds = {**once, **timing.medians(repeated, settle=SETTLE)}
    text = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in seconds.items())
    print(f"{work} {size}: {text} {reached}", flush=True)
    return {"work": work, "size": size, "seconds": seconds, "convergence": reached, **fields}


def minute(n_fft: int, hop: int) -> tuple[fastspec.STFT, Array, int]:
    """A plan, magnitudes of a minute of speech, and its samples."""
    plan, y = fastspec.STFT(n_fft, hop_length=hop), speech(SR, SECONDS)
    return plan, plan.power(y, power=1), y.size


def quality(plan: fastspec.STFT, S: Array, y: Any) -> float:
    return convergence(plan.power(peers.numpy_of(y), power=1).astype(np.float64), S.astype(np.float64))


def same_rounds() -> Iterator[Row]:
    """Fast Griffin-Lim from random phases, the same number of rounds for each library."""
    for n_fft, hop in SIZES:
        plan, S, n = minute(n_fft, hop)
        calls = {"fastspec": partial(fast, S, plan, n)} | peers.griffin_lim(S, n_fft, hop, n, ROUNDS)
        nearness = partial(quality, plan, S)
        yield row_of(FIXED_ROUNDS, f"{n_fft}/{hop}", calls, nearness)


def fast(S: Array, plan: fastspec.STFT, n: int) -> Array:
    return fastspec.recover(S, plan, method="fast", init="random", n_iter=ROUNDS, rng=0, length=n)


def equal_quality() -> Iterator[Row]:
    """Seconds until we reach what librosa.griffinlim reaches by default: by our default, and in the fewest rounds."""
    for n_fft, hop in SIZES:
        plan, S, n = minute(n_fft, hop)
        theirs = {k: v for k, v in peers.griffin_lim(S, n_fft, hop, n, ROUNDS).items() if k == "librosa"}
        if not theirs:
            return
        bar = quality(plan, S, theirs["librosa"]())
        calls: Calls = {"default": partial(fastspec.recover, S, plan, rng=0, length=n)}
        for start in ("pghi", "spsi"):
            for method in ("accelerated", "fast"):
                call = partial(fastspec.recover, S, plan, method=method, init=start, rng=0, length=n)
                rounds = fewest(partial(reaches, call, plan, S, bar))
                if rounds is not None:
                    calls[f"{start}, {rounds} {method}"] = partial(call, n_iter=rounds)
        yield row_of(EQUAL_QUALITY, f"{n_fft}/{hop}", calls | theirs, partial(quality, plan, S))


def weighted_sums() -> Iterator[Row]:
    """Seconds until we reach what lws reaches by default, from its magnitudes and with its window."""
    (n_fft, hop), y = SIZES[0], speech(SR, SECONDS)
    for mode in ("speech", "music"):
        peer = peers.weighted_sums(y, n_fft, hop, mode)
        if peer is None:
            return
        window, magnitudes, run = peer
        plan = fastspec.STFT(n_fft, hop_length=hop, window=window, center=False)
        S, n = magnitudes.astype(np.float32), plan.n_samples(magnitudes.shape[1])

        def nearness(y: Any, plan: fastspec.STFT = plan, S: Array = S, n: int = n) -> float:
            y = plan.inverse(y.T.astype(np.complex64), length=n) if np.iscomplexobj(y) else y
            return quality(plan, S, y)

        theirs = row_of(WEIGHTED_SUMS, f"{n_fft}/{hop}, {mode}", {"lws": run}, nearness)
        bar = theirs["convergence"]["lws"]
        call = partial(fastspec.recover, S, plan, rng=0)
        rounds = fewest(lambda rounds: nearness(call(n_iter=rounds)) <= bar)  # noqa: B023
        if rounds is not None:
            row = row_of(WEIGHTED_SUMS, theirs["size"], {f"{rounds} rounds": partial(call, n_iter=rounds)}, nearness)
            yield row | {key: row[key] | theirs[key] for key in ("seconds", "convergence")}


def reaches(call: Callable[..., Array], plan: fastspec.STFT, S: Array, bar: float, rounds: int) -> bool:
    return quality(plan, S, call(n_iter=rounds)) <= bar


def fewest(reached: Callable[[int], bool], most: int = 64) -> int | None:
    """The fewest rounds that reach it, by halving; None if `most` do not."""
    if not reached(most):
        return None
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def from_mels() -> Iterator[Row]:
    """Mels of magnitudes back to magnitudes, and to sound at librosa's quality."""
    n_fft, hop = SIZES[0]
    plan, x = fastspec.STFT(n_fft, hop_length=hop), speech(SR, SECONDS)
    bank = fastspec.MelBank(SR, n_fft, MELS)
    M = plan.mel(x, bank, power=1.0)
    levels: Calls = {"fastspec": partial(bank.inverse, M)} | peers.mel_to_stft(M, SR, n_fft)
    size = f"{n_fft}/{hop}, {MELS}"
    yield row_of(MEL_LEVELS, size, levels, lambda S: convergence(np.asarray(bank) @ S, M))

    def nearness(y: Any) -> float:
        return convergence(plan.mel(peers.numpy_of(y), bank, power=1.0), M)

    recover = partial(fastspec.recover_mel, M, bank, plan, power=1.0, rng=0, length=x.size)
    theirs = row_of(MEL_SIGNALS, size, peers.mel_to_audio(M, SR, n_fft, hop, x.size), nearness)
    calls: Calls = {"default": recover}
    bar = theirs["convergence"].get("librosa", -np.inf)
    for method in ("joint", "cascade"):
        rounds = fewest(lambda n, method=method: nearness(recover(method=method, n_iter=n)) <= bar)
        if rounds is not None:
            calls[f"{method}, {rounds}"] = partial(recover, method=method, n_iter=rounds)
    row = row_of(MEL_SIGNALS, size, calls, nearness)
    yield row | {key: row[key] | theirs[key] for key in ("seconds", "convergence")}


def one_pass() -> Iterator[Row]:
    """Starts, RTISI and a round on one thread and on two, and PGHI's time for a bin above its tolerance."""
    n_fft, hop = SIZES[0]
    plan, S, n = minute(n_fft, hop)
    flat = S[np.newaxis]
    works: Calls = {
        f"PGHI, {tolerance:g}": partial(pghi.phases, plan, flat, tol=tolerance, rng=np.random.default_rng(0))
        for tolerance in TOLERANCES
    }
    works["SPSI"] = partial(spsi.phases, plan, flat)
    recover = partial(fastspec.recover, S, plan, rng=0, length=n)
    for ahead, rounds in ((0, 5), (3, 5)):
        works[f"RTISI, {ahead} ahead, {rounds} rounds"] = partial(
            recover, method="rtisi", look_ahead=ahead, n_iter=rounds
        )
    works["zero phases"] = partial(recover, init="zero", n_iter=0)
    works[f"zero phases and {ROUNDS} rounds of fast Griffin-Lim"] = partial(
        recover, init="zero", method="fast", n_iter=ROUNDS
    )
    loud = {tolerance: int(np.count_nonzero(S / S.max() > tolerance)) for tolerance in TOLERANCES}
    for name, call in works.items():
        bins = next((count for tolerance, count in loud.items() if name.endswith(f", {tolerance:g}")), 0)
        yield row_of(name, f"{n_fft}/{hop}", {str(k): partial(on, k, call) for k in (1, THREADS)}, bins=bins)


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "rounds": same_rounds, "equal": equal_quality, "sums": weighted_sums, "mels": from_mels, "starts": one_pass,
}  # fmt: skip


def measure(only: Sequence[str] = ()) -> dict[str, Any]:
    """The rows of these groups; of all groups by default."""
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        rows = {name: list(GROUPS[name]()) for name in only or GROUPS}
    machine = timing.machine("torch", "torchaudio", "librosa", "lws")
    return {**machine, "threads": THREADS, "rate": SR, "seconds": SECONDS, "rows": rows}


def compared(result: dict[str, Any]) -> list[tuple[Row, str]]:
    """(row, peer) of all rows that have a peer."""
    rows = [row for group in ("rounds", "equal", "sums", "mels") for row in result["rows"].get(group, [])]
    return [(row, peer) for row in rows for peer in PEERS if peer in row["seconds"]]


def ours(row: Row) -> list[str]:
    return [name for name in row["seconds"] if name not in PEERS]


def per_bin(row: Row) -> list[float]:
    """Nanoseconds a bin above the tolerance, on one thread and on two."""
    return [1e9 * value / row["bins"] for value in row["seconds"].values()] if row["bins"] else []


def goals(result: dict[str, Any]) -> list[Goal]:
    """Speedups of our fastest call, and the time of PGHI."""
    speedups = [
        Goal(
            f"{row['work']}, {row['size']}, times faster than {peer}",
            row["seconds"][peer] / min(row["seconds"][name] for name in ours(row)),
            least=SPEEDUPS[row["work"]][peer],
        )
        for row, peer in compared(result)
        if peer in SPEEDUPS.get(row["work"], {})
    ]
    starts = [row for row in result["rows"]["starts"] if row["bins"]]
    return [*speedups, *(Goal(f"{row['work']}, ns a bin", per_bin(row)[0], most=PGHI_NS) for row in starts)]


def tables(result: dict[str, Any]) -> str:
    """Our calls against each peer; then starts, frame-by-frame methods and rounds."""
    rows = [line for row, peer in compared(result) for line in lines(row, peer)]
    starts = [
        [
            row["work"],
            *(duration(value) for value in row["seconds"].values()),
            " / ".join(f"{value:.0f}" for value in per_bin(row)),
        ]
        for row in result["rows"]["starts"]
    ]
    threads = [f"{count} thread{'s' * (count != '1')}" for count in result["rows"]["starts"][0]["seconds"]]
    return paragraphs(
        f"{result['seconds']} s of speech at {result['rate'] / 1000:g} kHz, {result['threads']} threads, medians of "
        "one process, shuffled. In brackets the spectral convergence in dB that was reached (for mels, that of the "
        "mels). *As near as librosa*: as many rounds as reach the convergence of librosa's 32 rounds.",
        table(["work", "fastspec", "peer", "times faster"], rows),
        "Starts, frame-by-frame methods, and rounds, on one thread and two; for PGHI also nanoseconds for each bin "
        "above its tolerance:",
        table(["work", *threads, "ns a bin"], starts),
        machine_line(result),
    )


def lines(row: Row, peer: str) -> list[list[str]]:
    """A line for each call of ours against that peer."""

    def cell(name: str) -> str:
        reached = row["convergence"]
        return duration(row["seconds"][name]) + (f" ({reached[name]:.1f})" if name in reached else "")

    return [
        [
            f"{row['work']}, {row['size']}" + ("" if name == "fastspec" else f": {name}"),
            cell(name),
            f"{peer} {cell(peer)}",
            speedup(row["seconds"][peer], row["seconds"][name]),
        ]
        for name in ours(row)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=list(GROUPS), default=(), help="time only these, and store nothing"
    )
    options = parser.parse_args()
    result = measure(options.only)
    if not options.only:
        timing.save("recovery", result)


if __name__ == "__main__":
    main()
