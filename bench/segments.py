"""The offset chain in runs against the chain itself: time of the whole call, and what it does to the convergence.

    python -m bench.segments [--rounds N]

A minute of speech and one of music, two threads, both precisions, ten iterations, in one shuffled order.
"""

import argparse
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec.notebook import spectra

from . import measure, sounds
from .engine import speech
from .markdown import made_on, seconds, table, times

SECONDS = 60
THREADS = 2
SIZES = ((2048, 128), (512, 64), (1024, 256))
RATES = {"speech": (16_000, 48_000), "music": (22_050,)}


def one(name: str, rate: int, n_fft: int, hop: int, dtype: str, rounds: int) -> dict[str, Any]:
    """A row: seconds and decibels of both."""
    y = (speech if name == "speech" else sounds.music)(rate, SECONDS).astype(dtype)
    S = fastspec.pretty_spectrogram(y, thresh=4, fft_size=n_fft, step_size=hop)
    invert = partial(fastspec.invert_pretty_spectrogram, S, fft_size=n_fft, step_size=hop, n_iter=10)
    ways: dict[str, measure.Call] = {"exact": invert, "auto": partial(invert, segments="auto")}
    found = {way: spectra.convergence(np.asarray(call()), 10**S, n_fft, hop) for way, call in ways.items()}
    taken = measure.medians({way: (call, rounds) for way, call in ways.items()}, warm=True)
    row = {"sound": name, "rate": rate, "n_fft": n_fft, "hop": hop, "dtype": dtype, "frames": len(S)}
    return {**row, "seconds": taken, "convergence": found}


def segments_table(result: dict[str, Any]) -> str:
    """The README's table."""
    rows = [
        [
            f"{row['sound']} {row['rate'] / 1000:g} kHz, {row['n_fft']}/{row['hop']}",
            row["dtype"],
            seconds(row["seconds"]["exact"]),
            seconds(row["seconds"]["auto"]),
            times(row["seconds"]["exact"], row["seconds"]["auto"]),
            f"{row['convergence']['exact']:.2f}",
            f"{row['convergence']['auto']:.2f}",
        ]
        for row in result["rows"]
    ]
    return "\n\n".join(
        [
            f'`invert_pretty_spectrogram` with `segments="auto"` against the exact chain: {result["duration"]} s, ten '
            f"iterations, {result['threads']} threads, medians. Spectral convergence in dB, lower is better.",
            table(["sound", "precision", "exact", "segments", "", "exact dB", "segments dB"], rows),
            f"Measured on: {made_on(result)}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each call (default 9)")
    rounds, rows = parser.parse_args().rounds, []
    with fastspec.threads(THREADS):
        for name, rates in RATES.items():
            for rate in rates:
                for n_fft, hop in SIZES:
                    for dtype in ("float32", "float64"):
                        rows.append(one(name, rate, n_fft, hop, dtype, rounds))
                        print(rows[-1], flush=True)
    measure.save("segments", {**measure.machine(), "duration": SECONDS, "threads": THREADS, "rows": rows})


if __name__ == "__main__":
    main()
