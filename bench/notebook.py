"""The notebook's functions on ten seconds of speech at 48 kHz: its algorithm in NumPy, and fastspec on two threads.

    python -m bench.notebook [--rounds N]

Everything runs in one process in one shuffled order; the twins in NumPy, which are slow, take fewer rounds.
"""

import argparse
from functools import partial
from typing import Any

import cases
import numpy as np
import twins

import fastspec
from fastspec.kernels.runtime.calls import aligned

from . import timing
from .limits import write, write_new
from .table import duration, machine_line, paragraphs, speedup, table

SECONDS = 10
THREADS = 2
TWIN_ROUNDS = 3


def ten_seconds(rounds: int) -> list[dict[str, Any]]:
    """A row for each case: seconds of the twin, and of fastspec in both precisions."""
    speech = cases.speech(SECONDS * cases.RATE)
    rows = []
    for case in cases.TIMED:
        double = case.input(speech)
        single = double.astype(np.complex64 if np.iscomplexobj(double) else np.float32)
        calls: dict[str, tuple[timing.Call, int]] = {
            "float64": (partial(case.run, fastspec, double), rounds),
            "float32": (partial(case.run, fastspec, single), rounds),
        }
        for call, _ in calls.values():
            call()
        calls["twin"] = (partial(case.run, twins, double), TWIN_ROUNDS)
        rows.append({"case": case.name, **timing.medians(calls)})
        print(describe(rows[-1]), flush=True)
    return rows


def small_calls(rounds: int) -> list[dict[str, Any]]:
    """Calls too small for threads: short signals, single offsets, filters, mels."""
    speech = cases.speech(SECONDS * cases.RATE)
    log = twins.pretty_spectrogram(speech, thresh=4, fft_size=2048, step_size=128)
    to_mel, from_mel = twins.create_mel_filter(2048)
    mel = twins.make_mel(log, to_mel, 10)

    def calls(module: Any) -> dict[str, timing.Call]:
        return {
            "stft 512/128 of 100 samples": lambda: module.stft(speech[:100], 512, 128),
            "stft 512/128 of 0.1 s": lambda: module.stft(speech[:4800], 512, 128),
            "pretty_spectrogram 512/64 of 0.1 s": lambda: module.pretty_spectrogram(speech[:4800]),
            "xcorr_offset of 896 samples": lambda: module.xcorr_offset(speech[9000:9896], speech[9100:9996]),
            "xcorr_offset of 96 samples": lambda: module.xcorr_offset(speech[9000:9096], speech[9010:9106]),
            "create_mel_filter 2048": lambda: module.create_mel_filter(2048),
            "make_mel of 10 s": lambda: module.make_mel(log, to_mel, 10),
            "mel_to_spectrogram of 10 s": lambda: module.mel_to_spectrogram(mel, from_mel, 4, 10),
            "butter_bandpass_filter of 10 s": lambda: module.butter_bandpass_filter(speech, 500, 15000, 48000, 1),
        }

    ours, theirs = calls(fastspec), calls(twins)
    rows = []
    for name in ours:
        ours[name]()
        theirs[name]()
        seconds = timing.medians({"float64": (ours[name], rounds), "twin": (theirs[name], rounds)})
        rows.append({"case": name, **seconds})
        print(describe(rows[-1]), flush=True)
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
            seconds = timing.medians({str(count): (partial(on, count, call), rounds) for count in (1, THREADS)})
            rows.append({"case": name, "dtype": dtype, **seconds})
            print(rows[-1], flush=True)
    return rows


def on(count: int, call: timing.Call) -> None:
    with fastspec.threads(count):
        call()


def describe(row: dict[str, Any]) -> str:
    times = ", ".join(f"{key} {1e3 * value:.2f} ms" for key, value in row.items() if key != "case")
    return f"{row['case']}: {times}, {row['twin'] / row['float64']:.1f} times as fast"


def measure(rounds: int = 15) -> dict[str, Any]:
    """All cases, small calls, and threads."""
    with fastspec.threads(THREADS):
        rows, small = ten_seconds(rounds), small_calls(rounds)
    result = {**timing.machine(), "seconds": SECONDS, "rate": cases.RATE, "threads": THREADS}
    return {**result, "cases": rows, "small": small, "scaling": thread_scaling(rounds)}


def tables(result: dict[str, Any]) -> str:
    """Ten seconds of speech; small calls; one thread and two."""
    rows = [
        [
            f"`{row['case']}`",
            duration(row["twin"]),
            duration(row["float64"]),
            speedup(row["twin"], row["float64"]),
            duration(row["float32"]),
            speedup(row["twin"], row["float32"]),
        ]
        for row in result["cases"]
    ]
    small = [
        [f"`{row['case']}`", duration(row["twin"]), duration(row["float64"]), speedup(row["twin"], row["float64"])]
        for row in result["small"]
    ]
    threads = [
        [f"`{row['case']}`", row["dtype"], duration(row["1"]), duration(row["2"]), speedup(row["1"], row["2"])]
        for row in result["scaling"]
    ]
    return paragraphs(
        f"{result['seconds']} s of speech at {result['rate'] // 1000} kHz, {result['threads']} threads, medians in one "
        "process, shuffled. *Notebook* is its algorithm in plain NumPy on Python 3, on one core. Below one (bold) is a "
        "loss.",
        table(["work", "notebook", "float64", "", "float32", ""], rows),
        "Small calls, and functions that are not kernels, float64:",
        table(["work", "notebook", "fastspec", ""], small),
        "One thread and two:",
        table(["work", "precision", "1 thread", "2 threads", ""], threads),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each fast call (default 15)")
    timing.save("notebook", measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
