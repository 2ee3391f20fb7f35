"""How loud signals are at their ends, which few frames cover, and what limiting them costs.

    python -m bench.ends [--quick]

Noise, speech and a tone; windows of SciPy at redundancy 2, 4 and 8, centred or not, with a length beyond the last
centre; signals recovered by several methods and starts, and inverse transforms of spectra with random phases.  Each is
compared with the same without limits, see `transform.ends`.
"""

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastspec

from . import sounds, timing
from .table import machine_line, paragraphs, table

Array = np.ndarray[Any, np.dtype[Any]]
Row = dict[str, Any]

N_FFT = 512
REDUNDANCIES = (2, 4, 8)
WINDOWS: tuple[Any, ...] = (
    "hann", "hamming", "blackman", "boxcar", "triang", "bartlett", "flattop", "parzen", "bohman", "blackmanharris",
    "nuttall", "barthann", "cosine", "tukey", "taylor", "lanczos", ("kaiser", 8.0),
    ("gaussian", 150.0), ("general_gaussian", 1.5, 200.0), ("general_hamming", 0.6),
    ("general_cosine", [0.5, 0.4, 0.1]), ("chebwin", 80), ("exponential", None, 200.0), ("dpss", 3.0),
)  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "1 round of griffinlim": {"method": "griffinlim", "n_iter": 1},
    "fast, random start": {"method": "fast", "init": "random", "n_iter": 8},
    "admm, spsi": {"method": "admm", "init": "spsi", "n_iter": 8},
    "raar, zero phases": {"method": "raar", "init": "zero", "n_iter": 8},
    "offset start alone": {"init": "offset", "n_iter": 0},
    "rtpghi": {"method": "rtpghi"},
    "rtisi": {"method": "rtisi"},
}
INVERSE = "inverse, random phases"
LOSSES = {"loss": 2, "inner loss": 2, "mean loss": 3}
"""Digits of each."""


def signals() -> dict[str, Array]:
    """12,000 samples of each kind."""
    tone = 0.3 * np.sin(2 * np.pi * 0.031 * np.arange(12_000))
    noise = 0.1 * np.random.default_rng(0).standard_normal(12_000)
    return {"noise": noise, "speech": sounds.clips()[0].y[:12_000], "tone": tone}


def peak_ratio(y: Array) -> float:
    """The largest sample of the first and last N_FFT over the largest of the others."""
    inside = np.abs(y[N_FFT:-N_FFT]).max()
    return float(max(np.abs(y[:N_FFT]).max(), np.abs(y[-N_FFT:]).max()) / inside) if inside else 0.0


def convergence(y: Array, S: Array, plan: fastspec.STFT, margin: int = 0) -> float:
    """20 log10 (||L - S|| / ||S||) in dB, without `margin` frames at each end."""
    levels, frames = plan.power(y, power=1).astype(np.float64), slice(margin, S.shape[1] - margin)
    return float(20 * np.log10(np.linalg.norm((levels - S)[:, frames]) / np.linalg.norm(S[:, frames])))


def plans(quick: bool) -> Iterator[tuple[Any, int, bool, fastspec.STFT]]:
    """(window, redundancy, whether centred, plan) of those that satisfy NOLA."""
    for window in WINDOWS[:3] if quick else WINDOWS:
        for redundancy in REDUNDANCIES:
            for center in (False, True):
                plan = fastspec.STFT(N_FFT, hop_length=N_FFT // redundancy, window=window, center=center)
                if plan.invertible:
                    yield window, redundancy, center, plan


def rows_of(name: str, y: Array, window: Any, redundancy: int, center: bool, plan: fastspec.STFT) -> Iterator[Row]:
    """The figures of one signal and plan, for each way."""
    hop, margin = plan.hop_length, redundancy
    x = y[: (len(y) // hop - 2) * hop + hop - 1].astype(np.float32)  # as long as it can be beyond the last centre
    S = plan.power(x, power=1)
    head = {"signal": name, "window": str(window), "redundancy": redundancy, "center": center}
    for way, options in WAYS.items():
        limited, plain = (
            fastspec.recover(S, plan, rng=0, length=x.size, limit_ends=limit, **options) for limit in (True, False)
        )
        yield head | {
            "way": way,
            "peak": peak_ratio(limited),
            "plain peak": peak_ratio(plain),
            "loss": convergence(limited, S, plan) - convergence(plain, S, plan),
            "inner loss": convergence(limited, S, plan, margin) - convergence(plain, S, plan, margin),
            "convergence": convergence(limited, S, plan),
        }
    phases = np.exp(2j * np.pi * np.random.default_rng(1).random(S.shape))
    both = [plan.inverse(S * phases, length=x.size, limit_ends=limit) for limit in (True, False)]
    yield head | {"way": INVERSE, "peak": peak_ratio(both[0]), "plain peak": peak_ratio(both[1])}


def measure(quick: bool = False) -> dict[str, Any]:
    """All rows."""
    warnings.simplefilter("ignore")
    rows = [
        row
        for name, y in signals().items()
        for window, redundancy, center, plan in plans(quick)
        for row in rows_of(name, y, window, redundancy, center, plan)
    ]
    return {**timing.machine(), **summarize(rows)}


def summarize(rows: list[Row]) -> dict[str, list[Row]]:
    """The figures of each way and redundancy, and the loudest and the dearest rows."""
    summary = []
    for way in [*WAYS, INVERSE]:
        for redundancy in REDUNDANCIES:
            those = [row for row in rows if row["way"] == way and row["redundancy"] == redundancy]
            peaks, losses = [row["peak"] for row in those], [row["loss"] for row in those if "loss" in row]
            line = {"way": way, "redundancy": redundancy, "peak": max(peaks), "median": float(np.median(peaks))}
            line["plain peak"] = max(row["plain peak"] for row in those)
            if losses:
                line |= {"loss": max(losses), "mean loss": float(np.mean(losses))}
                line["inner loss"] = max(row["inner loss"] for row in those)
            summary.append(line)
    loudest = sorted(rows, key=lambda row: -row["peak"])[:12]
    dearest = sorted((row for row in rows if "loss" in row), key=lambda row: -row["loss"])[:12]
    return {"summary": summary, "loudest": loudest, "dearest": dearest}


def tables(result: dict[str, Any]) -> str:
    """For each way and redundancy: the loudest ends with and without limits, and the largest losses."""
    lines = []
    for row in result["summary"]:
        cells = [row["way"], str(row["redundancy"]), f"{row['peak']:.2f}", f"{row['median']:.2f}"]
        losses = [f"{row[key]:.{digits}f}" for key, digits in LOSSES.items() if key in row]
        lines.append([*cells, f"{row['plain peak']:.3g}", *(losses or [""] * len(LOSSES))])
    heads = [
        "way", "redundancy", "peak at the ends, worst", "median", "worst without limits",
        "dB lost, most", "frames inside, most", "mean",
    ]  # fmt: skip
    return paragraphs(
        f"The largest sample among the first and last {N_FFT}, relative to the largest of the others, over noise, "
        f"speech and a tone, {len(WINDOWS)} windows, centred or not; and the convergence that the limits cost.",
        table(heads, lines),
        machine_line(result),
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.ends", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three windows; nothing is stored")
    quick = parser.parse_args().quick
    result = measure(quick)
    print(tables(result))
    for title in ("loudest", "dearest"):
        cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in result[title]]
        print(title, *map(", ".join, cells), sep="\n")
    if not quick:
        timing.save("ends", result)


if __name__ == "__main__":
    main()
