"""Seconds of every case on ten seconds of speech at 48 kHz: the notebook's way in NumPy, and `fastspec`, two threads.

    python -m bench.speed [--rounds N]

Everything runs in one process in one shuffled order; the twins, which are slow, take fewer rounds.
"""

import argparse
from functools import partial
from typing import Any

import cases
import numpy as np
import twins

import fastspec
from fastspec.kernels.runtime.calls import aligned

from . import measure
from .writing import write, write_new

SECONDS = 10
THREADS = 2
TWIN_ROUNDS = 3


def ten_seconds(rounds: int) -> list[dict[str, Any]]:
    """One row a case of the table: seconds by the twin and by `fastspec` in both precisions."""
    speech = cases.speech(SECONDS * cases.RATE)
    rows = []
    for case in cases.TIMED:
        double = case.input(speech)
        single = double.astype(np.complex64 if np.iscomplexobj(double) else np.float32)
        calls: dict[str, tuple[measure.Call, int]] = {
            "float64": (partial(case.run, fastspec, double), rounds),
            "float32": (partial(case.run, fastspec, single), rounds),
        }
        for call, _ in calls.values():
            call()
        calls["twin"] = (partial(case.run, twins, double), TWIN_ROUNDS)
        rows.append({"case": case.name, **measure.medians(calls)})
        print(_told(rows[-1]), flush=True)
    return rows


def small_calls(rounds: int) -> list[dict[str, Any]]:
    """What is not worth a thread: short sounds, single offsets, filters, mel."""
    speech = cases.speech(SECONDS * cases.RATE)
    log = twins.pretty_spectrogram(speech, thresh=4, fft_size=2048, step_size=128)
    forth, back = twins.create_mel_filter(2048)
    mel = twins.make_mel(log, forth, 10)

    def calls(module: Any) -> dict[str, measure.Call]:
        return {
            "stft 512/128 of 100 samples": lambda: module.stft(speech[:100], 512, 128),
            "stft 512/128 of 0.1 s": lambda: module.stft(speech[:4800], 512, 128),
            "pretty_spectrogram 512/64 of 0.1 s": lambda: module.pretty_spectrogram(speech[:4800]),
            "xcorr_offset of 896 samples": lambda: module.xcorr_offset(speech[9000:9896], speech[9100:9996]),
            "xcorr_offset of 96 samples": lambda: module.xcorr_offset(speech[9000:9096], speech[9010:9106]),
            "create_mel_filter 2048": lambda: module.create_mel_filter(2048),
            "make_mel of 10 s": lambda: module.make_mel(log, forth, 10),
            "mel_to_spectrogram of 10 s": lambda: module.mel_to_spectrogram(mel, back, 4, 10),
            "butter_bandpass_filter of 10 s": lambda: module.butter_bandpass_filter(speech, 500, 15000, 48000, 1),
        }

    ours, theirs = calls(fastspec), calls(twins)
    rows = []
    for name in ours:
        ours[name]()
        theirs[name]()
        seconds = measure.medians({"float64": (ours[name], rounds), "twin": (theirs[name], rounds)})
        rows.append({"case": name, **seconds})
        print(_told(rows[-1]), flush=True)
    return rows


def thread_scaling(rounds: int) -> list[dict[str, Any]]:
    """Seconds of the STFT and of the whole inversion on one thread and on two."""
    speech = cases.speech(SECONDS * cases.RATE)
    log = twins.pretty_spectrogram(speech, thresh=4, fft_size=2048, step_size=128)
    rows = []
    for dtype in ("float64", "float32"):
        samples, magnitudes = speech.astype(dtype), log.astype(dtype)
        size = {"fft_size": 2048, "step_size": 128}
        work = {
            "stft 2048/128": partial(fastspec.stft, samples, 2048, 128),
            "pretty_spectrogram 2048/128": partial(fastspec.pretty_spectrogram, samples, **size),
            "invert_pretty_spectrogram 2048/128": partial(fastspec.invert_pretty_spectrogram, magnitudes, **size),
        }
        numbers = 2 * twins.stft(speech, 2048, 128).size
        used = aligned(numbers, dtype)
        work["stft 2048/128: result only written, new memory"] = partial(write_new, numbers, dtype)
        work["stft 2048/128: result only written, used memory"] = partial(write, used)
        for name, call in work.items():
            call()
            seconds = measure.medians({str(count): (partial(_on, count, call), rounds) for count in (1, THREADS)})
            rows.append({"case": name, "dtype": dtype, **seconds})
            print(rows[-1], flush=True)
    return rows


def _on(count: int, call: measure.Call) -> None:
    with fastspec.threads(count):
        call()


def _told(row: dict[str, Any]) -> str:
    times = ", ".join(f"{key} {1e3 * value:.2f} ms" for key, value in row.items() if key != "case")
    return f"{row['case']}: {times}, {row['twin'] / row['float64']:.1f} times as fast"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each fast call (default 15)")
    rounds = parser.parse_args().rounds
    with fastspec.threads(THREADS):
        rows, small = ten_seconds(rounds), small_calls(rounds)
    result = {**measure.machine(), "seconds": SECONDS, "rate": cases.RATE, "threads": THREADS}
    measure.save("speed", {**result, "cases": rows, "small": small, "scaling": thread_scaling(rounds)})


if __name__ == "__main__":
    main()
