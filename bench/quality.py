"""How near recovered signals are: method by method on a sentence and a chord, and against seconds on a minute of each.

    python -m bench.quality [FOLDER] [--quick]

With a folder, its WAV files are measured instead, method by method, and the scores are printed.  Nothing is stored
then, nor with --quick, which takes few rounds and seeds.  With random phases the scores are means of several seeds.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastspec

from . import peers, sounds, timing
from .metrics import FLOOR, Judge, Scores, convergence
from .table import Goal, duration, machine_line, paragraphs, table

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, Any]

THREADS, SEEDS, MINUTE = 2, 3, 60
REDUNDANCIES = (4, 8)
ROUNDS = (0, 5, 10, 30, 100)
AHEAD = (2, 5, 10, 25)
"""Rounds of RTISI."""
STARTS = ("pghi", "spsi", "offset", "random", "zero")
METHODS = ("griffinlim", "fast", "accelerated", "admm", "raar")
MELS, MEL_FFT, MEL_ROUNDS = 80, 1024, (0, 10, 32, 100)
PEER_ROUNDS = (1, 2, 5, 10, 32, 100)
SLOW = 1.5  # seconds: a call that takes so long is timed once


class Way(NamedTuple):
    """A method with its start, and the arguments of `recover` for a number of rounds."""

    method: str
    start: str
    rounds: tuple[int, ...]
    arguments: Callable[[int], dict[str, Any]]


def plain(method: str, start: str, rounds: tuple[int, ...] = ROUNDS) -> Way:
    return Way(method, start, rounds, lambda n: {"method": method, "init": start, "n_iter": n})


def chained(name: str, start: str, stages: Callable[[int], list[Any]], rounds: tuple[int, ...] = ROUNDS[1:]) -> Way:
    return Way(name, start, rounds, lambda n: {"method": stages(n)} | ({"init": start} if start else {}))


def rtisi(ahead: int) -> Way:
    method = {"method": "rtisi", "look_ahead": ahead}
    return Way(f"rtisi, {ahead} ahead", "", AHEAD, lambda n: method | {"n_iter": n})


RTISI = ("rtisi", 5, {"look_ahead": 0})


def half_raar(n: int) -> list[Any]:
    return [("raar", n // 2, {"beta": 0.98}), ("accelerated", n - n // 2)]


def after_rtisi(n: int) -> list[Any]:
    return [RTISI, ("accelerated", n)]


def rtisi_and_raar(n: int) -> list[Any]:
    return [RTISI, *half_raar(n)]


def ways() -> list[Way]:
    """All methods from all starts, and a few chains."""
    listed = [plain("griffinlim", start, (0,)) for start in STARTS]
    listed.append(plain("griffinlim", "pghi", (1,)))
    listed += [plain(method, start, ROUNDS[1:]) for start in STARTS for method in METHODS]
    for start in ("pghi", "random"):
        listed.append(chained("raar, then 1 griffinlim", start, lambda n: [("raar", n - 1), ("griffinlim", 1)]))
        listed.append(chained("half raar 0.98, half accelerated", start, half_raar))
    listed.append(chained("5 rtisi, 0 ahead, then accelerated", "", after_rtisi))
    listed.append(chained("5 rtisi, 0 ahead, half raar 0.98, half accelerated", "", rtisi_and_raar))
    return [*listed, rtisi(0), rtisi(3)]


def by_method(clips: list[sounds.Sound], seeds: int, rounds: tuple[int, ...]) -> Iterator[Row]:
    """A row a sound, redundancy, way and number of rounds; the peers', too."""
    for sound in clips:
        for redundancy in REDUNDANCIES:
            n_fft, hop, n = sound.n_fft, sound.n_fft // redundancy, len(sound.y)
            judge, plan = Judge(sound.y, n_fft, hop), fastspec.STFT(n_fft, hop_length=hop)
            S = judge.S.astype(np.float32)
            labels: Row = {"sound": sound.name, "redundancy": redundancy}

            def row(method: str, start: str, count: int, signals: list[Array], judge: Judge = judge) -> Row:
                mean = np.mean([judge(y) for y in signals], axis=0)
                return {"method": method, "start": start, "rounds": count, **Scores(*map(float, mean))._asdict()}

            for way in ways():
                drawn = range(seeds if way.start == "random" else 1)
                for count in (c for c in way.rounds if c in {*rounds, *AHEAD, 1}):
                    signals = [fastspec.recover(S, plan, rng=k, length=n, **way.arguments(count)) for k in drawn]
                    name = way.method if count else ""
                    yield labels | row(name, way.start, count, signals)
            for name, theirs in peer_judges(sound, hop).items():
                for count in rounds[1:]:
                    calls = [peer_call(name, theirs, count, seed) for seed in range(seeds)]
                    yield labels | row(name, "random", count, [call() for call in calls], theirs)


def peer_judges(sound: sounds.Sound, hop: int) -> dict[str, Judge]:
    """Each peer that is installed, with a spectrogram that is padded as the peer expects."""
    pads = {"torchaudio": "reflect", "librosa": "constant"}
    return {name: Judge(sound.y, sound.n_fft, hop, pads[name]) for name in pads if peers.installed(name)}


def peer_call(name: str, judge: Judge, count: int, seed: int = 0) -> Callable[[], Array]:
    S, n = judge.S.astype(np.float32), len(judge.x)
    call = peers.griffin_lim(S, judge.plan.n_fft, judge.plan.hop_length, n, count, seed)[name]
    return lambda: peers.numpy_of(call())


def minute_calls(S: Array, plan: fastspec.STFT, n: int) -> dict[tuple[str, str, int], Callable[[], Array]]:
    """The calls measured against seconds: by family, start and rounds."""
    recover = partial(fastspec.recover, S, plan, rng=0, length=n)
    counts, more = (2, 5, 10, 20, 30, 60, 100), (200, 300)
    families = [
        plain("accelerated", "pghi", (0, *counts, *more)),
        plain("accelerated", "spsi", (0, *counts, *more)),
        plain("accelerated", "random", (0, *counts, *more)),
        plain("fast", "random", (10, 32, 100)),
        plain("fast", "pghi", (10, 30, 100)),
        rtisi(0)._replace(rounds=(2, 5, 10)),
        rtisi(3),
        chained("5 rtisi, 0 ahead, then accelerated", "", after_rtisi, (5, 10, 20, 30, 100)),
        chained("half raar 0.98, half accelerated", "pghi", half_raar, (*counts, *more)),
        chained("5 rtisi, 0 ahead, half raar 0.98, half accelerated", "", rtisi_and_raar, (*counts[2:], *more)),
    ]
    calls = {(w.method, w.start, count): partial(recover, **w.arguments(count)) for w in families for count in w.rounds}
    calls["default", "", 0] = recover
    calls["best", "", 0] = partial(recover, method="best")
    return calls


def against_seconds(sound: sounds.Sound, rounds: int, quick: bool) -> Iterator[Row]:
    """A row a call on a minute of sound: scores and seconds."""
    n_fft, hop, n = sound.n_fft, sound.n_fft // 4, len(sound.y)
    judge, plan = Judge(sound.y, n_fft, hop), fastspec.STFT(n_fft, hop_length=hop)
    S = judge.S.astype(np.float32)
    calls, judges = minute_calls(S, plan, n), peer_judges(sound, hop)
    for name, theirs in judges.items():
        for count in (1, 5) if quick else PEER_ROUNDS:
            calls[name, "random", count] = peer_call(name, theirs, count)
    scores, once = {}, {}
    for key, call in calls.items():
        start = time.perf_counter()
        y = call()
        once[key] = time.perf_counter() - start
        scores[key] = judges.get(key[0], judge)(y)
    names = {str(key): key for key in calls}
    calls_by_name = {name: (calls[key], rounds) for name, key in names.items() if once[key] < SLOW}
    timed = {names[name]: value for name, value in timing.medians(calls_by_name, warm=True).items()}
    for key, values in scores.items():
        method, start_name, count = key
        labels = {"sound": sound.name, "method": method, "start": start_name, "rounds": count}
        yield labels | {"seconds": timed.get(key, once[key]), **values._asdict()}


def mel_ways(M: Array, bank: Any, plan: fastspec.STFT, n: int, rate: int) -> Iterator[tuple[str, str, int, Any]]:
    """Method, start, rounds, and a function of a seed that recovers a signal from mels of magnitudes."""
    recover = partial(fastspec.recover_mel, M, bank, plan, power=1.0, length=n)
    for method in ("joint", "cascade"):
        for start in ("pghi", "random"):
            for count in MEL_ROUNDS:
                yield method, start, count, partial(recover, method=method, init=start, n_iter=count)
    for name, call in peers.mel_to_audio(M, rate, plan.n_fft, plan.hop_length, n).items():
        yield name, "random", 32, lambda rng, call=call: peers.numpy_of(call())


def from_mels(sound: sounds.Sound, seeds: int) -> Iterator[Row]:
    """The spectral convergence, in mels, of signals recovered from 80 mels of magnitudes."""
    plan = fastspec.STFT(MEL_FFT, hop_length=MEL_FFT // 4)
    exact = fastspec.STFT(MEL_FFT, hop_length=MEL_FFT // 4, dtype="float64")
    bank = fastspec.MelBank(sound.rate, MEL_FFT, MELS)
    target = exact.mel(sound.y, bank, power=1.0)
    for method, start, count, call in mel_ways(target.astype(np.float32), bank, plan, len(sound.y), sound.rate):
        signals = [call(rng=seed) for seed in range(seeds if start == "random" else 1)]
        mels = [exact.mel(np.asarray(y, np.float64), bank, power=1.0) for y in signals]
        mean = {"convergence": float(np.mean([convergence(M, target) for M in mels]))}
        yield {"sound": sound.name, "method": method, "start": start, "rounds": count, **mean}


def printed(rows: Iterator[Row], label: str) -> list[Row]:
    """The rows, each printed as it comes."""
    collected = []
    for row in rows:
        collected.append(row)
        print(label, *(f"{value:.3g}" if isinstance(value, float) else value for value in row.values()), flush=True)
    return collected


def measure(quick: bool = False) -> Row:
    """Clips by method and rounds, mels, and minutes against seconds."""
    seeds, rounds = (1, (0, 10)) if quick else (SEEDS, ROUNDS)
    peers.set_threads(1)
    with fastspec.threads(1):  # short signals, results that do not depend on threads, and nothing is timed
        clips = printed(by_method(sounds.clips(), seeds, rounds), "clip")
        mels = [row for sound in sounds.clips() for row in printed(from_mels(sound, seeds), "mels")]
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        signals = sounds.minutes(10 if quick else MINUTE)
        minutes = [row for sound in signals for row in printed(against_seconds(sound, 5, quick), "minute")]
    settings = {"threads": THREADS, "seeds": SEEDS, "floor": FLOOR, "rate": sounds.SR, "seconds": MINUTE}
    machine = timing.machine("librosa", "torch", "torchaudio")
    return {**machine, **settings, "clips": clips, "mels": mels, "minutes": minutes}


# ---- goals and tables ----
SOUNDS = ("speech", "music")
PEERS = ("librosa", "torchaudio")

MOST: tuple[tuple[str, Row, tuple[float, ...]], ...] = (
    ("PGHI alone", {"start": "pghi", "rounds": 0}, (-20.0, -14.5)),
    ("PGHI, 10 rounds of accelerated", {"method": "accelerated", "start": "pghi", "rounds": 10}, (-26.5, -22.0)),
    ("RTISI, 3 ahead, 5 rounds", {"method": "rtisi, 3 ahead", "rounds": 5}, (-25.0, -20.5)),
    ("the best method in 100 rounds", {"rounds": 100}, (-31.0, -27.0)),
)
"""The highest convergence in dB that each may have at redundancy 4, of speech and music."""
MOST_OF_MELS = ("80 mels, joint, PGHI, 32 rounds", {"method": "joint", "start": "pghi", "rounds": 32}, (-30.0,))


def goals(result: Row) -> list[Goal]:
    """Convergence at redundancy 4, and of mels."""
    ours = [row for row in result["clips"] if row["redundancy"] == 4 and row["method"] not in PEERS]
    reached = []
    for (name, labels, bounds), rows in [*((bound, ours) for bound in MOST), (MOST_OF_MELS, result["mels"])]:
        for sound, bound in zip(SOUNDS, bounds, strict=False):
            values = [row["convergence"] for row in rows if row["sound"] == sound and row.items() >= labels.items()]
            reached.append(Goal(f"{name}, {sound}, dB", min(values), most=bound))
    return reached


def tables(result: Row) -> str:
    """All methods by rounds; other measures; mels; a minute against seconds."""
    clips, count = result["clips"], result["seeds"]
    return paragraphs(
        "Spectral convergence in dB, lower is better: 20 log10 (‖|STFT(y)| − S‖ / ‖S‖), where y is the recovered "
        "signal, analysed again in float64. *speech* is 1.6 s of the bundled sentence (16 kHz, Hann 512), *music* a "
        f"guitar chord (32 kHz, Hann 2048); with random phases the mean of {count} seeds.",
        *(part for r in (4, 8) for part in (f"Redundancy {r}, speech / music, by rounds:", by_rounds(clips, r))),
        "Two other measures at redundancy 4, as LSD / SNR: the log-spectral distance in dB (lower is better; root "
        "mean square over the bins of a frame, mean over frames, levels no lower than "
        f"{-result['floor']:.0f} dB below the loudest), and the signal-to-noise ratio 20 log10 (‖Gx‖ / ‖Gy − Gx‖) in "
        "dB (higher is better) of the magnitudes G of a Gaussian STFT that is none of those inverted (Marafioti, "
        "Holighaus & Majdak 2021: 2048 channels, hop 128):",
        other_measures(clips),
        "From 80 mels of magnitudes (n_fft 1024, hop 256): spectral convergence of the mel spectrogram, by rounds:",
        mel_table(result["mels"]),
        f"Against seconds: a minute of each at {result['rate'] / 1000:g} kHz, Hann 1024/256, {result['threads']} "
        "threads; time of the whole call, then speech / music:",
        minute_table(result["minutes"]),
        machine_line(result),
    )


def label(row: Row) -> str:
    start = f"from {row['start']}" if row["start"] else ""
    return " ".join(part for part in (row["method"], start) if part) or "default"


def by_label(rows: Iterable[Row]) -> dict[str, dict[int, dict[str, Row]]]:
    """Rows by label, rounds and sound."""
    nested: dict[str, dict[int, dict[str, Row]]] = {}
    for row in rows:
        nested.setdefault(label(row), {}).setdefault(row["rounds"], {})[row["sound"]] = row
    return nested


def both(rows: dict[str, Row], key: str = "convergence") -> str:
    return " / ".join(f"{rows[sound][key]:.1f}" for sound in SOUNDS if sound in rows)


def columns(nested: dict[str, dict[int, Any]], counts: tuple[int, ...]) -> list[list[str]]:
    return [
        [name, *(both(rows[count]) if count in rows else "" for count in counts)]
        for name, rows in nested.items()
        if any(count in rows for count in counts)
    ]


def by_rounds(clips: list[Row], redundancy: int) -> str:
    """A row a method; RTISI has numbers of rounds of its own."""
    rows = [row for row in clips if row["redundancy"] == redundancy]
    frame_by_frame = by_label(row for row in rows if row["method"].startswith("rtisi"))
    iterative = by_label(row for row in rows if not row["method"].startswith("rtisi"))
    return paragraphs(
        table(["rounds", *map(str, ROUNDS)], columns(iterative, ROUNDS)),
        table(["rounds", *map(str, AHEAD)], columns(frame_by_frame, AHEAD)),
    )


def other_measures(clips: list[Row]) -> str:
    """LSD / SNR of the starts, of the default method, and of the peers."""
    methods = ("", "accelerated", "5 rtisi, 0 ahead, then accelerated", "rtisi, 3 ahead", *PEERS)
    lines = []
    for name, rows in by_label(r for r in clips if r["redundancy"] == 4 and r["method"] in methods).items():
        for sound in SOUNDS:
            cells = [
                f"{rows[count][sound]['distance']:.1f} / {rows[count][sound]['snr']:.1f}" if count in rows else ""
                for count in ROUNDS
            ]
            if any(cells):
                lines.append([f"{name}, {sound}", *cells])
    return table(["rounds", *map(str, ROUNDS)], lines)


def mel_table(mels: list[Row]) -> str:
    counts = tuple(sorted({row["rounds"] for row in mels}))
    return table(["rounds", *map(str, counts)], columns(by_label(mels), counts))


def minute_table(minutes: list[Row]) -> str:
    """A row a call, by time."""
    lines = []
    for name, by_count in by_label(minutes).items():
        for count, rows in by_count.items():
            seconds = max(row["seconds"] for row in rows.values())
            title = f"**{name}**" if name in ("default", "best") else f"{name}, {count}"
            scores = (both(rows), both(rows, "distance"), both(rows, "snr"))
            lines.append((seconds, [title, duration(seconds), *scores]))
    ordered = [cells for _, cells in sorted(lines, key=lambda line: line[0])]
    return table(["method, rounds", "time", "convergence", "LSD", "SNR"], ordered)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="WAV files to measure instead of the bundled sounds")
    parser.add_argument("--quick", action="store_true", help="few rounds and seeds; stores nothing")
    options = parser.parse_args()
    if options.folder:
        seeds, rounds = (1, (0, 10)) if options.quick else (SEEDS, ROUNDS)
        peers.set_threads(1)
        with fastspec.threads(1):
            printed(by_method(sounds.files(options.folder), seeds, rounds), "file")
        return
    result = measure(options.quick)
    if not options.quick:
        timing.save("quality", result)


if __name__ == "__main__":
    main()
