"""A data loader of torch with four workers, each of which computes mels of clips: clips a second, by way of start.

    python -m bench.loaders [--rounds N]

Nothing is set for the first column; in the second each worker computes inside `fastspec.threads(1)`.  Both loaders stay
alive and take turns; medians of rounds, each an epoch.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

import fastspec

from . import timing
from .table import Goal, machine_line, paragraphs, table

RATE, N_FFT, HOP, SECONDS = 16_000, 512, 128, (0.5, 1, 3)
WORKERS, ITEMS, CLIPS = 4, 64, 200
STARTS = ("fork", "spawn", "forkserver")


class Mels:
    """A dataset: item i is the mean of the mels of CLIPS clips; `is_limited`: on one thread."""

    def __init__(self, seconds: float, is_limited: bool) -> None:
        self.n, self.is_limited = int(seconds * RATE), is_limited
        self.plan, self.bank = fastspec.STFT(N_FFT, hop_length=HOP), fastspec.MelBank(RATE, N_FFT, 80)

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, i: int) -> float:
        if i >= ITEMS:
            raise IndexError(i)
        clips = np.random.default_rng(i).standard_normal((CLIPS // 10, self.n), np.float32)
        with fastspec.threads(1) if self.is_limited else contextlib.nullcontext():
            return sum(float(self.plan.mel(y, self.bank)[0, 0]) for _ in range(10) for y in clips) / CLIPS


def epoch(loader: Iterable[Any]) -> tuple[float, float]:
    """(seconds of an epoch, the sum of its items)."""
    start = time.perf_counter()
    total = sum(float(item) for item in loader)
    return time.perf_counter() - start, total


def measure(rounds: int = 9) -> dict[str, Any]:
    """Clips a second of each way to start workers and each length, as it is and on one thread."""
    from torch.utils.data import DataLoader

    rows = []
    for start in STARTS:
        for seconds in SECONDS:
            ways = {"as it is": False, "one thread": True}
            options = {"num_workers": WORKERS, "batch_size": None, "persistent_workers": True}
            loaders = {
                way: DataLoader(Mels(seconds, limited), multiprocessing_context=start, **options)
                for way, limited in ways.items()
            }
            sums = {way: epoch(loader)[1] for way, loader in loaders.items()}  # starts, and compiles or loads
            assert len(set(sums.values())) == 1, sums
            times: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, loader in loaders.items():
                    times[way].append(epoch(loader)[0])
            speeds = {way: ITEMS * CLIPS / statistics.median(found) for way, found in times.items()}
            rows.append({"start": start, "seconds": seconds, "clips a second": speeds})
            print(f"{start}, {seconds} s: {speeds}", flush=True)
            del loaders
    return {**timing.machine("torch"), "rows": rows}


def tables(result: dict[str, Any]) -> str:
    """Clips a second, and their ratio."""
    rows = []
    for row in result["rows"]:
        as_it_is, one = row["clips a second"].values()
        rows.append([f"{row['start']}, {row['seconds']:g} s", f"{as_it_is:.0f}", f"{one:.0f}", f"{as_it_is / one:.2f}"])
    return paragraphs(
        f"Mels of clips by a data loader of torch with {WORKERS} workers, clips a second: with nothing set, and with "
        "`fastspec.threads(1)` in each worker.",
        table(["workers by, clips of", "nothing set", "one thread", "ratio"], rows),
        machine_line(result),
    )


def goals(result: dict[str, Any]) -> list[Goal]:
    """What the table has to reach."""
    return [
        Goal(f"{row['start']}, clips of {row['seconds']:g} s", np.divide(*row["clips a second"].values()), least=0.95)
        for row in result["rows"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.loaders", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    result = measure(parser.parse_args().rounds)
    timing.save("loaders", result)
    print(*goals(result), sep="\n")


if __name__ == "__main__":
    main()
