"""How good recovered sounds are: method by method on a sentence and a chord, and against seconds on a minute of each.

    python -m bench.quality [FOLDER] [--quick]

With a folder its WAV files are judged instead, method by method, and printed; no file is written then, nor with
--quick, which takes few rounds and seeds.  Methods that draw random phases are judged by the mean of several seeds.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastspec

from . import measure, peers, sounds
from .judged import FLOOR, Judge, Verdict, convergence

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, Any]

THREADS, SEEDS, MINUTE = 2, 3, 60
REDUNDANCIES = (4, 8)
ROUNDS = (0, 5, 10, 30, 100)
AHEAD = (2, 5, 10, 25)
"""Rounds of RTISI: of each frame, and of those it looks ahead."""
STARTS = ("pghi", "spsi", "offset", "random", "zero")
METHODS = ("griffinlim", "fast", "accelerated", "admm", "raar")
MELS, MEL_FFT, MEL_ROUNDS = 80, 1024, (0, 10, 32, 100)
PEER_ROUNDS = (1, 2, 5, 10, 32, 100)
SLOW = 1.5  # seconds: a call that takes so long is timed once


class Way(NamedTuple):
    """A method with its start, and what `recover` is told for so many rounds."""

    method: str
    start: str
    rounds: tuple[int, ...]
    told: Callable[[int], dict[str, Any]]


def plain(method: str, start: str, rounds: tuple[int, ...] = ROUNDS) -> Way:
    return Way(method, start, rounds, lambda n: {"method": method, "init": start, "n_iter": n})


def chained(name: str, start: str, stages: Callable[[int], list[Any]], rounds: tuple[int, ...] = ROUNDS[1:]) -> Way:
    return Way(name, start, rounds, lambda n: {"method": stages(n)} | ({"init": start} if start else {}))


def rtisi(ahead: int) -> Way:
    given = {"method": "rtisi", "look_ahead": ahead}
    return Way(f"rtisi, {ahead} ahead", "", AHEAD, lambda n: given | {"n_iter": n})


RTISI = ("rtisi", 5, {"look_ahead": 0})


def half_raar(n: int) -> list[Any]:
    return [("raar", n // 2, {"beta": 0.98}), ("accelerated", n - n // 2)]


def after_rtisi(n: int) -> list[Any]:
    return [RTISI, ("accelerated", n)]


def rtisi_and_raar(n: int) -> list[Any]:
    return [RTISI, *half_raar(n)]


def ways() -> list[Way]:
    """All methods from all starts, and the chains that were found to be of use."""
    found = [plain("griffinlim", start, (0,)) for start in STARTS]
    found.append(plain("griffinlim", "pghi", (1,)))
    found += [plain(method, start, ROUNDS[1:]) for start in STARTS for method in METHODS]
    for start in ("pghi", "random"):
        found.append(chained("raar, then 1 griffinlim", start, lambda n: [("raar", n - 1), ("griffinlim", 1)]))
        found.append(chained("half raar 0.98, half accelerated", start, half_raar))
    found.append(chained("5 rtisi, 0 ahead, then accelerated", "", after_rtisi))
    found.append(chained("5 rtisi, 0 ahead, half raar 0.98, half accelerated", "", rtisi_and_raar))
    return [*found, rtisi(0), rtisi(3)]


def by_method(given: list[sounds.Sound], seeds: int, rounds: tuple[int, ...]) -> Iterator[Row]:
    """A row a sound, redundancy, way and number of rounds; the peers', too."""
    for sound in given:
        for redundancy in REDUNDANCIES:
            n_fft, hop, n = sound.n_fft, sound.n_fft // redundancy, len(sound.y)
            judge, plan = Judge(sound.y, n_fft, hop), fastspec.STFT(n_fft, hop_length=hop)
            S = judge.S.astype(np.float32)
            known: Row = {"sound": sound.name, "redundancy": redundancy}

            def row(method: str, start: str, count: int, made: list[Array], judge: Judge = judge) -> Row:
                mean = np.mean([judge(y) for y in made], axis=0)
                return {"method": method, "start": start, "rounds": count, **Verdict(*map(float, mean))._asdict()}

            for way in ways():
                drawn = range(seeds if way.start == "random" else 1)
                for count in (c for c in way.rounds if c in {*rounds, *AHEAD, 1}):
                    made = [fastspec.recover(S, plan, rng=k, length=n, **way.told(count)) for k in drawn]
                    name = way.method if count else ""
                    yield known | row(name, way.start, count, made)
            for name, theirs in peer_judges(sound, hop).items():
                for count in rounds[1:]:
                    calls = [peer_call(name, theirs, count, seed) for seed in range(seeds)]
                    yield known | row(name, "random", count, [call() for call in calls], theirs)


def peer_judges(sound: sounds.Sound, hop: int) -> dict[str, Judge]:
    """Each peer that is there, with a spectrogram that is padded as it takes it to be."""
    pads = {"torchaudio": "reflect", "librosa": "constant"}
    there = [name for name in pads if peers.installed(name)]
    return {name: Judge(sound.y, sound.n_fft, hop, pads[name]) for name in there}


def peer_call(name: str, judge: Judge, count: int, seed: int = 0) -> Callable[[], Array]:
    S, n = judge.S.astype(np.float32), len(judge.x)
    call = peers.griffin_lim(S, judge.plan.n_fft, judge.plan.hop_length, n, count, seed)[name]
    return lambda: peers.numpy_of(call())


def minute_calls(S: Array, plan: fastspec.STFT, n: int) -> dict[tuple[str, str, int], Callable[[], Array]]:
    """What is judged against seconds: by family, start and rounds."""
    recover = partial(fastspec.recover, S, plan, rng=0, length=n)
    some, many = (2, 5, 10, 20, 30, 60, 100), (200, 300)
    families = [
        plain("accelerated", "pghi", (0, *some, *many)),
        plain("accelerated", "spsi", (0, *some, *many)),
        plain("accelerated", "random", (0, *some, *many)),
        plain("fast", "random", (10, 32, 100)),
        plain("fast", "pghi", (10, 30, 100)),
        rtisi(0)._replace(rounds=(2, 5, 10)),
        rtisi(3),
        chained("5 rtisi, 0 ahead, then accelerated", "", after_rtisi, (5, 10, 20, 30, 100)),
        chained("half raar 0.98, half accelerated", "pghi", half_raar, (*some, *many)),
        chained("5 rtisi, 0 ahead, half raar 0.98, half accelerated", "", rtisi_and_raar, (*some[2:], *many)),
    ]
    calls = {(w.method, w.start, count): partial(recover, **w.told(count)) for w in families for count in w.rounds}
    calls["default", "", 0] = recover
    calls["best", "", 0] = partial(recover, method="best")
    return calls


def against_seconds(sound: sounds.Sound, rounds: int, quick: bool) -> Iterator[Row]:
    """A row a call on a minute of sound: what it gives, and seconds."""
    n_fft, hop, n = sound.n_fft, sound.n_fft // 4, len(sound.y)
    judge, plan = Judge(sound.y, n_fft, hop), fastspec.STFT(n_fft, hop_length=hop)
    S = judge.S.astype(np.float32)
    calls, judges = minute_calls(S, plan, n), peer_judges(sound, hop)
    for name, theirs in judges.items():
        for count in (1, 5) if quick else PEER_ROUNDS:
            calls[name, "random", count] = peer_call(name, theirs, count)
    verdicts, once = {}, {}
    for key, call in calls.items():
        start = time.perf_counter()
        y = call()
        once[key] = time.perf_counter() - start
        verdicts[key] = judges.get(key[0], judge)(y)
    names = {str(key): key for key in calls}
    turns = {name: (calls[key], rounds) for name, key in names.items() if once[key] < SLOW}
    timed = {names[name]: value for name, value in measure.medians(turns, warm=True).items()}
    for key, verdict in verdicts.items():
        method, start_name, count = key
        told = {"sound": sound.name, "method": method, "start": start_name, "rounds": count}
        yield told | {"seconds": timed.get(key, once[key]), **verdict._asdict()}


def mel_ways(M: Array, bank: Any, plan: fastspec.STFT, n: int, rate: int) -> Iterator[tuple[str, str, int, Any]]:
    """Method, start, rounds, and how to get a sound from mels of magnitudes with a seed."""
    recover = partial(fastspec.recover_mel, M, bank, plan, power=1.0, length=n)
    for method in ("joint", "cascade"):
        for start in ("pghi", "random"):
            for count in MEL_ROUNDS:
                yield method, start, count, partial(recover, method=method, init=start, n_iter=count)
    for name, call in peers.mel_to_audio(M, rate, plan.n_fft, plan.hop_length, n).items():
        yield name, "random", 32, lambda rng, call=call: peers.numpy_of(call())


def from_mels(sound: sounds.Sound, seeds: int) -> Iterator[Row]:
    """The spectral convergence of the mels of what was made from 80 mels of magnitudes."""
    plan = fastspec.STFT(MEL_FFT, hop_length=MEL_FFT // 4)
    exact = fastspec.STFT(MEL_FFT, hop_length=MEL_FFT // 4, dtype="float64")
    bank = fastspec.MelBank(sound.rate, MEL_FFT, MELS)
    wanted = exact.mel(sound.y, bank, power=1.0)
    for method, start, count, call in mel_ways(wanted.astype(np.float32), bank, plan, len(sound.y), sound.rate):
        made = [call(rng=seed) for seed in range(seeds if start == "random" else 1)]
        mels = [exact.mel(np.asarray(y, np.float64), bank, power=1.0) for y in made]
        found = {"convergence": float(np.mean([convergence(M, wanted) for M in mels]))}
        yield {"sound": sound.name, "method": method, "start": start, "rounds": count, **found}


def shown(rows: Iterator[Row], what: str) -> list[Row]:
    """The rows, each printed as it comes."""
    found = []
    for row in rows:
        found.append(row)
        print(what, *(f"{value:.3g}" if isinstance(value, float) else value for value in row.values()), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="WAV files to judge instead of the bundled sounds")
    parser.add_argument("--quick", action="store_true", help="few rounds and seeds; writes no file")
    asked = parser.parse_args()
    seeds, rounds = (1, (0, 10)) if asked.quick else (SEEDS, ROUNDS)
    peers.set_threads(1)
    with fastspec.threads(1):  # short sounds, results that do not depend on it, and nothing is timed
        if asked.folder:
            shown(by_method(sounds.files(asked.folder), seeds, rounds), "file")
            return
        clips = shown(by_method(sounds.clips(), seeds, rounds), "clip")
        mels = [row for sound in sounds.clips() for row in shown(from_mels(sound, seeds), "mels")]
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        minutes = sounds.minutes(10 if asked.quick else MINUTE)
        timed = [row for s in minutes for row in shown(against_seconds(s, 5, asked.quick), "minute")]
    if not asked.quick:
        known = {"threads": THREADS, "seeds": SEEDS, "floor": FLOOR, "rate": sounds.SR, "seconds": MINUTE}
        made = measure.machine("librosa", "torch", "torchaudio")
        measure.save("quality", {**made, **known, "clips": clips, "mels": mels, "minutes": timed})


if __name__ == "__main__":
    main()
