"""The notebook's inversion in segments against the exact one: time of the whole call, and convergence.

    python -m bench.segments [--rounds N]

A minute of speech and one of music, two threads, both precisions, ten iterations, in one shuffled order.
"""

import argparse
from functools import partial
from typing import Any

import numpy as np

import fastspec
from fastspec.notebook import spectra

from . import sounds, timing
from .engine import speech
from .table import duration, machine_line, paragraphs, speedup, table

SECONDS = 60
THREADS = 2
SIZES = ((2048, 128), (512, 64), (1024, 256))
RATES = {"speech": (16_000, 48_000), "music": (22_050,)}


def row_of(name: str, rate: int, n_fft: int, hop: int, dtype: str, rounds: int) -> dict[str, Any]:
    """Seconds and convergence in dB of both."""
    y = (speech if name == "speech" else sounds.music)(rate, SECONDS).astype(dtype)
    S = fastspec.pretty_spectrogram(y, thresh=4, fft_size=n_fft, step_size=hop)
    invert = partial(fastspec.invert_pretty_spectrogram, S, fft_size=n_fft, step_size=hop, n_iter=10)
    ways: dict[str, timing.Call] = {"exact": invert, "auto": partial(invert, segments="auto")}
    reached = {way: spectra.convergence(np.asarray(call()), 10**S, n_fft, hop) for way, call in ways.items()}
    seconds = timing.medians({way: (call, rounds) for way, call in ways.items()}, warm=True)
    row = {"sound": name, "rate": rate, "n_fft": n_fft, "hop": hop, "dtype": dtype, "frames": len(S)}
    return {**row, "seconds": seconds, "convergence": reached}


def measure(rounds: int = 9) -> dict[str, Any]:
    """All sounds, sizes and dtypes."""
    rows = []
    with fastspec.threads(THREADS):
        for name, rates in RATES.items():
            for rate in rates:
                for n_fft, hop in SIZES:
                    for dtype in ("float32", "float64"):
                        rows.append(row_of(name, rate, n_fft, hop, dtype, rounds))
                        print(rows[-1], flush=True)
    return {**timing.machine(), "duration": SECONDS, "threads": THREADS, "rows": rows}


def tables(result: dict[str, Any]) -> str:
    """A row for each sound, size and dtype."""
    rows = [
        [
            f"{row['sound']} {row['rate'] / 1000:g} kHz, {row['n_fft']}/{row['hop']}",
            row["dtype"],
            duration(row["seconds"]["exact"]),
            duration(row["seconds"]["auto"]),
            speedup(row["seconds"]["exact"], row["seconds"]["auto"]),
            f"{row['convergence']['exact']:.2f}",
            f"{row['convergence']['auto']:.2f}",
        ]
        for row in result["rows"]
    ]
    return paragraphs(
        f'`invert_pretty_spectrogram` with `segments="auto"` against the exact inversion: {result["duration"]} s, ten '
        f"iterations, {result['threads']} threads, medians. Spectral convergence in dB, lower is better.",
        table(["sound", "precision", "exact", "segments", "", "exact dB", "segments dB"], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each call (default 9)")
    timing.save("segments", measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
