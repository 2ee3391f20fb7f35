"""Imports, and first calls in fresh processes: with an empty kernel cache and with a full one.

    python -m bench.first_calls [--rounds N] [--only NAME]

Compiling takes as long as the machine takes: so the seconds stand beside those of a unit, what Numba takes in the same
minute for twelve pairs of small functions and one parallel loop.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import timing
from .table import duration, machine_line, paragraphs, table

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

UNIT = """
import time
import numba, numpy as np
start = time.perf_counter()
for k in range(12):
    names = {"numba": numba}
    exec(f\"\"\"
@numba.njit
def inner(x, i):
    return x[i] * {k + 1} + i

@numba.njit
def outer(x):
    total = 0.0
    for i in range(x.size):
        total += inner(x, i)
    return total
\"\"\", names)
    names["outer"](np.ones(4))

@numba.njit(parallel=True)
def fill(x):
    for i in numba.prange(x.size):
        x[i] = i

fill(np.ones(4))
print(time.perf_counter() - start)
"""

# Modules are imported before, so that the call pays for Numba and the kernels.
CALL = """
import time
import numpy as np
import fastspec
y = np.random.default_rng(0).standard_normal(60 * 22050).astype(np.float32)
S = np.ones((513, 200), np.float32)
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
STATEMENTS = {
    "`STFT.forward`": "fastspec.STFT(1024, hop_length=256).forward(y)",
    "`STFT.mel`": "fastspec.STFT(1024, hop_length=256).mel(y, fastspec.MelBank(22050, 1024, 80), log='db')",
    "`STFT.inverse`": "fastspec.STFT(1024, hop_length=256).inverse(S.astype(np.complex64))",
    "the notebook's `stft`": "fastspec.stft(y[:48000], 2048, 128)",
    "the notebook's inversion": "fastspec.invert_pretty_spectrogram(y[:102400].reshape(400, 256), fft_size=512,"
    " step_size=128)",
    "`recover`": "fastspec.recover(S, fastspec.STFT(1024, hop_length=256), rng=0)",
    "`fastspec.librosa.feature.melspectrogram`": "fastspec.librosa.feature.melspectrogram(y=y, sr=22050)",
    '`recipe("kaldi-23")`': "fastspec.recipe('kaldi-23')(32768 * y)",
    "`patch`, then librosa's `stft`": "fastspec.patch('librosa'); import librosa; librosa.stft(y)",
}
COMMANDS = {
    "`fastspec --help`": ["--help"],
    "`fastspec mel` of a clip": ["mel", "{sound}", "{folder}/mels.npy", "--quiet"],
    "`fastspec demo`": ["demo", "--out", "{folder}/demo"],
}
SOUND = timing.ROOT / "fastspec" / "data" / "arctic_a0007.wav"


def unit() -> float:
    """Seconds of the unit in a fresh process."""
    return timing.child(UNIT)[0]


def imports(rounds: int) -> dict[str, float]:
    """Median seconds of importing each module in a process that has imported nothing else."""
    seconds: dict[str, list[float]] = {"numpy": [], "fastspec": [], "numpy, fastspec": [], "numba": []}
    for _ in range(rounds):
        for module, times in seconds.items():
            times += timing.child(IMPORT.format(module=module))
    return {module: statistics.median(times) for module, times in seconds.items()}


def run_command(words: list[str], cache: str, folder: str) -> float:
    """Seconds of a command as a whole process."""
    words = [word.format(sound=SOUND, folder=folder) for word in words]
    environment = {**os.environ, "FASTSPEC_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join([str(timing.ROOT)])}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fastspec", *words], env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def first_call(name: str, rounds: int) -> dict[str, float]:
    """Medians: seconds with an empty cache, in units, and with a full one."""
    empty, units, full = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
            Path(cache, "made").touch()
            units.append(unit())
            for times, count in (empty, 1), (full, 3):
                for _ in range(count):
                    if name in STATEMENTS:
                        times += timing.child(CALL.format(statement=STATEMENTS[name]), FASTSPEC_CACHE_DIR=cache)
                    else:
                        times.append(run_command(COMMANDS[name], cache, folder))
    one = statistics.median(units)
    return {"empty": statistics.median(empty), "full": statistics.median(full), "unit": one}


def measure(rounds: int = 3, only: str = "") -> dict[str, Any]:
    """Imports and first calls."""
    result: dict[str, Any] = {**timing.machine(), "import": imports(3 * rounds), "rows": {}}
    print(result["import"], flush=True)
    for name in [*STATEMENTS, *COMMANDS]:
        if only in name:
            found = result["rows"][name] = first_call(name, rounds)
            in_units = {key: round(found[key] / found["unit"], 2) for key in ("empty", "full")}
            print(name, {key: round(value, 2) for key, value in found.items()}, "in units", in_units, flush=True)
    return result


def tables(result: dict[str, Any]) -> str:
    """Imports, and a table of first calls."""
    modules = result["import"]
    rows = [
        [name, *(text for key in ("empty", "full") for text in (duration(row[key]), f"{row[key] / row['unit']:.2f}"))]
        for name, row in result["rows"].items()
    ]
    seconds = statistics.median(row["unit"] for row in result["rows"].values())
    return paragraphs(
        f"`import numpy` takes {duration(modules['numpy'])}, `import fastspec` {duration(modules['fastspec'])}, both "
        f"{duration(modules['numpy, fastspec'])}; the first call also imports Numba ({duration(modules['numba'])}). "
        "First calls of a process in seconds, and in units of what Numba takes for twelve pairs of small functions and "
        f"one parallel loop ({duration(seconds)} here). Commands are whole processes.",
        table(["first call", "empty cache", "in units", "full cache", "in units"], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.first_calls", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only the calls whose names hold this text")
    chosen = parser.parse_args()
    result = measure(chosen.rounds, chosen.only)
    if not chosen.only:
        timing.save("first_calls", result)


if __name__ == "__main__":
    main()
