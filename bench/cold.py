"""Seconds until something happens in a fresh process: import, first STFT with an empty cache and with a full one.

python -m bench.cold
"""

import statistics
import tempfile

from . import measure

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

# One second of noise at 48 kHz; the modules are imported before, so the first call pays for Numba and the kernels.
FIRST = """
import time
import numpy as np
import fastspec
samples = np.random.default_rng(0).standard_normal(48_000).astype({dtype!r})
for size, hop in [(2048, 128), (400, 160), (1200, 300)]:
    start = time.perf_counter()
    fastspec.stft(samples, size, hop)
    print(time.perf_counter() - start)
"""


def imports(rounds: int) -> dict[str, float]:
    """Median seconds of importing each module in a process that has imported nothing else."""
    seconds: dict[str, list[float]] = {"numpy": [], "fastspec": [], "numpy, fastspec": []}
    for _ in range(rounds):
        for module, times in seconds.items():
            times += measure.child(IMPORT.format(module=module))
    return {module: statistics.median(times) for module, times in seconds.items()}


def first_calls(dtype: str, empty_rounds: int, full_rounds: int) -> dict[str, float]:
    """Median seconds of the first STFT of a process and of another size after it, the cache empty and full."""
    empty, full, other = [], [], []
    for round_ in range(empty_rounds):
        with tempfile.TemporaryDirectory() as cache:
            empty.append(measure.child(FIRST.format(dtype=dtype), FASTSPEC_CACHE_DIR=cache)[0])
            if round_ == 0:
                for _ in range(full_rounds):
                    first, *others = measure.child(FIRST.format(dtype=dtype), FASTSPEC_CACHE_DIR=cache)
                    full.append(first)
                    other += others
    return {name: statistics.median(times) for name, times in (("empty", empty), ("full", full), ("other size", other))}


def main() -> None:
    result = {
        **measure.machine(),
        "import": imports(rounds=9),
        "first stft": {dtype: first_calls(dtype, empty_rounds=3, full_rounds=7) for dtype in ("float64", "float32")},
    }
    print({key: result[key] for key in ("import", "first stft")})
    measure.save("cold", result)


if __name__ == "__main__":
    main()
