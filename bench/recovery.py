"""Phase recovery and mel inversion against peers: the same work, and the same quality.

    python -m bench.recovery [--only rounds sooner mels starts]

In the manner of `engine`: one process, two threads, shuffled order.  A peer that takes seconds has few turns.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec.recovery import pghi, spsi

from . import measure, peers
from .engine import SETTLE, SR, THREADS, on, speech
from .judged import convergence

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, Any]

SECONDS, MELS = 60, 80
ROUNDS = 32  # librosa's default
SIZES = [(1024, 256), (2048, 512)]
TURNS, LONG_TURNS = 9, 3
LONG = 0.5  # seconds: a call that takes longer has fewer turns, one of more than ten times as much a single one
TOLERANCES = (1e-2, 1e-3, 1e-6)

MUST = {"torchaudio": (14.0, 20.0), "librosa": (30.0, 45.0)}
SOONER = {"librosa": (40.0, 100.0)}
MEL_SOUND = {"librosa": (100.0, 300.0)}
MEL_LEVELS = {"librosa": (100.0, None)}
"""How many times faster we must be, and should be."""

Calls = dict[str, Callable[[], Any]]


def row(
    work: str,
    size: str,
    calls: Calls,
    must: Mapping[str, Any] | None = None,
    nearness: Callable[[Any], float] | None = None,
    **known: Any,
) -> Row:
    """Median seconds of each, how near each comes, and how many times faster we must and should be."""
    turns, once, reached = {}, {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        result = call()
        once[name] = time.perf_counter() - start
        if nearness is not None:
            reached[name] = nearness(result)
        if once[name] < 10 * LONG:
            turns[name] = call, TURNS if once[name] < LONG else LONG_TURNS
    seconds = {**once, **measure.medians(turns, settle=SETTLE)}
    told = ", ".join(f"{name} {1e3 * value:.1f} ms" for name, value in seconds.items())
    print(f"{work} {size}: {told} {reached}", flush=True)
    return {"work": work, "size": size, "seconds": seconds, "must": dict(must or {}), "convergence": reached, **known}


def given(n_fft: int, hop: int) -> tuple[fastspec.STFT, Array, int]:
    """A plan, magnitudes of a minute of speech, and its samples."""
    plan, y = fastspec.STFT(n_fft, hop_length=hop), speech(SR, SECONDS)
    return plan, plan.power(y, power=1), y.size


def quality(plan: fastspec.STFT, S: Array, y: Any) -> float:
    return convergence(plan.power(peers.numpy_of(y), power=1).astype(np.float64), S.astype(np.float64))


def same_rounds() -> Iterator[Row]:
    """Fast Griffin-Lim from random phases, as many rounds for all."""
    for n_fft, hop in SIZES:
        plan, S, n = given(n_fft, hop)
        calls = {"fastspec": partial(fast, S, plan, n)} | peers.griffin_lim(S, n_fft, hop, n, ROUNDS)
        nearness = partial(quality, plan, S)
        yield row(f"fast Griffin-Lim, {ROUNDS} rounds", f"{n_fft}/{hop}", calls, MUST, nearness)


def fast(S: Array, plan: fastspec.STFT, n: int) -> Array:
    return fastspec.recover(S, plan, method="fast", init="random", n_iter=ROUNDS, rng=0, length=n)


def sooner() -> Iterator[Row]:
    """How soon we reach what librosa.griffinlim reaches by default: by our default, and in the fewest rounds."""
    for n_fft, hop in SIZES:
        plan, S, n = given(n_fft, hop)
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
        work = f"as near as librosa in {ROUNDS} rounds"
        yield row(work, f"{n_fft}/{hop}", calls | theirs, SOONER, partial(quality, plan, S))


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
    plan, y = fastspec.STFT(n_fft, hop_length=hop), speech(SR, SECONDS)
    bank = fastspec.MelBank(SR, n_fft, MELS)
    M = plan.mel(y, bank, power=1.0)
    levels: Calls = {"fastspec": partial(bank.inverse, M)} | peers.mel_to_stft(M, SR, n_fft)
    size = f"{n_fft}/{hop}, {MELS}"
    yield row("mels to magnitudes", size, levels, MEL_LEVELS, lambda S: convergence(np.asarray(bank) @ S, M))

    def nearness(sound: Any) -> float:
        return convergence(plan.mel(peers.numpy_of(sound), bank, power=1.0), M)

    recover = partial(fastspec.recover_mel, M, bank, plan, power=1.0, rng=0, length=y.size)
    theirs = row("mels to sound", size, peers.mel_to_audio(M, SR, n_fft, hop, y.size), MEL_SOUND, nearness)
    sound: Calls = {"default": recover}
    bar = theirs["convergence"].get("librosa", -np.inf)
    for method in ("joint", "cascade"):
        rounds = fewest(lambda n, method=method: nearness(recover(method=method, n_iter=n)) <= bar)
        if rounds is not None:
            sound[f"{method}, {rounds}"] = partial(recover, method=method, n_iter=rounds)
    ours = row("mels to sound", size, sound, MEL_SOUND, nearness)
    yield ours | {key: ours[key] | theirs[key] for key in ("seconds", "convergence")}


def one_pass() -> Iterator[Row]:
    """Starts, RTISI and a round on one thread and on two, and PGHI's time for a bin above its tolerance."""
    n_fft, hop = SIZES[0]
    plan, S, n = given(n_fft, hop)
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
    works["start of nothing"] = partial(recover, init="zero", n_iter=0)
    works[f"the same and {ROUNDS} rounds of fast Griffin-Lim"] = partial(
        recover, init="zero", method="fast", n_iter=ROUNDS
    )
    loud = {tolerance: int(np.count_nonzero(S / S.max() > tolerance)) for tolerance in TOLERANCES}
    for name, call in works.items():
        bins = next((count for tolerance, count in loud.items() if name.endswith(f", {tolerance:g}")), 0)
        yield row(name, f"{n_fft}/{hop}", {str(k): partial(on, k, call) for k in (1, THREADS)}, bins=bins)


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "rounds": same_rounds, "sooner": sooner, "mels": from_mels, "starts": one_pass,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), help="time only these, and write no file")
    asked = parser.parse_args()
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        rows = {name: list(GROUPS[name]()) for name in asked.only or GROUPS}
    if not asked.only:
        made = measure.machine("torch", "torchaudio", "librosa")
        measure.save("recovery", {**made, "threads": THREADS, "rate": SR, "seconds": SECONDS, "rows": rows})


if __name__ == "__main__":
    main()
