"""Small calls under librosa's names on one thread, librosa's time and ours: what a call costs beside its numbers.

    FASTSPEC_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m bench.librosa_calls

Both make their calls by turns in one process, many at a time; the smallest time of all rounds counts, by the clock of
the thread, which other work disturbs least.  The exit code is 1 if a call takes more than 1.2 of librosa's time, or
twice that of a lone number.
"""

import random
import sys
import time
import timeit
import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np

import fastspec.librosa as ours

ROUNDS, ROUND_SECONDS = 30, 0.01
LIMIT, LIMIT_OF_A_NUMBER = 1.2, 2.0
RNG = np.random.default_rng(0)
POWER = (RNG.standard_normal((128, 431)) ** 2).astype(np.float32)
SMALL, FOUR = POWER[:3, :4].copy(), np.abs(RNG.standard_normal(4))
DECIBELS, FREQUENCIES = librosa.power_to_db(POWER), np.linspace(0, 11025, 1025)
Y, SPECTRUM = RNG.standard_normal(22050).astype(np.float32), librosa.stft(RNG.standard_normal(22050).astype(np.float32))
CALLS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "power_to_db (128, 431)": (LIMIT, lambda m: m.power_to_db(POWER)),
    "power_to_db (128, 431), ref=np.max": (LIMIT, lambda m: m.power_to_db(POWER, ref=np.max)),
    "power_to_db (128, 431), top_db=None": (LIMIT, lambda m: m.power_to_db(POWER, top_db=None)),
    "power_to_db (3, 4)": (LIMIT, lambda m: m.power_to_db(SMALL)),
    "power_to_db (3, 4), ref=np.max": (LIMIT, lambda m: m.power_to_db(SMALL, ref=np.max)),
    "power_to_db of a number": (LIMIT_OF_A_NUMBER, lambda m: m.power_to_db(2.0)),
    "amplitude_to_db (128, 431)": (LIMIT, lambda m: m.amplitude_to_db(POWER)),
    "amplitude_to_db (4,)": (LIMIT, lambda m: m.amplitude_to_db(FOUR)),
    "amplitude_to_db of a number": (LIMIT_OF_A_NUMBER, lambda m: m.amplitude_to_db(2.0)),
    "db_to_power (128, 431)": (LIMIT, lambda m: m.db_to_power(DECIBELS)),
    "db_to_power (4,)": (LIMIT, lambda m: m.db_to_power(FOUR)),
    "db_to_power of a number": (LIMIT_OF_A_NUMBER, lambda m: m.db_to_power(2.0)),
    "db_to_amplitude (4,)": (LIMIT, lambda m: m.db_to_amplitude(FOUR)),
    "hz_to_mel(440.0)": (LIMIT_OF_A_NUMBER, lambda m: m.hz_to_mel(440.0)),
    "hz_to_mel(4400.0)": (LIMIT_OF_A_NUMBER, lambda m: m.hz_to_mel(4400.0)),
    "hz_to_mel(440.0, htk=True)": (LIMIT_OF_A_NUMBER, lambda m: m.hz_to_mel(440.0, htk=True)),
    "mel_to_hz(40.0)": (LIMIT_OF_A_NUMBER, lambda m: m.mel_to_hz(40.0)),
    "hz_to_mel (1025,)": (LIMIT, lambda m: m.hz_to_mel(FREQUENCIES)),
    "mel_frequencies": (LIMIT, lambda m: m.mel_frequencies()),
    "fft_frequencies": (LIMIT, lambda m: m.fft_frequencies()),
    "frames_to_time of a number": (LIMIT_OF_A_NUMBER, lambda m: m.frames_to_time(7)),
    "time_to_frames of a number": (LIMIT_OF_A_NUMBER, lambda m: m.time_to_frames(0.7)),
    "magphase (1025, 44)": (LIMIT, lambda m: m.magphase(SPECTRUM)),
    "stft of 1 s": (LIMIT, lambda m: m.stft(Y)),
    "filters.mel": (LIMIT, lambda m: m.filters.mel(sr=22050, n_fft=2048)),
    "feature.mfcc of decibels": (LIMIT, lambda m: m.feature.mfcc(S=DECIBELS)),
    "util.frame": (LIMIT, lambda m: m.util.frame(Y, frame_length=2048, hop_length=512)),
    "util.fix_length": (LIMIT, lambda m: m.util.fix_length(Y, size=22000)),
    "util.valid_audio": (LIMIT, lambda m: m.util.valid_audio(Y)),
}


def least_times(call: Callable[[Any], Any]) -> dict[str, float]:
    """The least seconds of a call of either, the rounds of both in shuffled order."""
    timers = {m.__name__: timeit.Timer(lambda m=m: call(m), timer=time.thread_time) for m in (librosa, ours)}
    counts = {name: max(1, int(ROUND_SECONDS / (timer.timeit(3) / 3))) for name, timer in timers.items()}
    order = list(timers) * ROUNDS
    random.Random(0).shuffle(order)
    least = dict.fromkeys(timers, float("inf"))
    for name in order:
        least[name] = min(least[name], timers[name].timeit(counts[name]) / counts[name])
    return least


def main() -> int:
    """Measure all calls and print them."""
    warnings.simplefilter("ignore")
    missed = 0
    print(f"{'':38}{'librosa':>10}{'ours':>10}{'ratio':>8}{'limit':>8}   (microseconds)")
    for name, (limit, call) in CALLS.items():
        call(ours)
        theirs, mine = least_times(call).values()
        missed += mine > limit * theirs
        mark = " <" if mine > limit * theirs else ""
        print(f"{name:38}{1e6 * theirs:10.2f}{1e6 * mine:10.2f}{mine / theirs:8.2f}{limit:8.1f}{mark}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
