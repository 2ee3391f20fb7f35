"""Fresh processes: seconds to import, and of the first STFT with an empty kernel cache and with a full one.

python -m bench.cold
"""

import statistics
import tempfile
from typing import Any

from . import timing
from .table import duration, machine_line, paragraphs, table

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
            times += timing.child(IMPORT.format(module=module))
    return {module: statistics.median(times) for module, times in seconds.items()}


def first_calls(dtype: str, empty_rounds: int, full_rounds: int) -> dict[str, float]:
    """Median seconds of the first STFT of a process and of another size after it, the cache empty and full."""
    empty, full, next_size = [], [], []
    for round_ in range(empty_rounds):
        with tempfile.TemporaryDirectory() as cache:
            empty.append(timing.child(FIRST.format(dtype=dtype), FASTSPEC_CACHE_DIR=cache)[0])
            if round_ == 0:
                for _ in range(full_rounds):
                    first, *rest = timing.child(FIRST.format(dtype=dtype), FASTSPEC_CACHE_DIR=cache)
                    full.append(first)
                    next_size += rest
    return {
        name: statistics.median(times) for name, times in (("empty", empty), ("full", full), ("other size", next_size))
    }


def measure() -> dict[str, Any]:
    """Imports and first calls."""
    result = {
        **timing.machine(),
        "import": imports(rounds=9),
        "first stft": {dtype: first_calls(dtype, empty_rounds=3, full_rounds=7) for dtype in ("float64", "float32")},
    }
    print({key: result[key] for key in ("import", "first stft")})
    return result


def tables(result: dict[str, Any]) -> str:
    """Imports, and a table of first calls."""
    modules = result["import"]
    rows = [
        [dtype, *(duration(seconds[key]) for key in ("empty", "full", "other size"))]
        for dtype, seconds in result["first stft"].items()
    ]
    return paragraphs(
        f"`import numpy` takes {duration(modules['numpy'])}, `import fastspec` {duration(modules['fastspec'])}, both "
        f"{duration(modules['numpy, fastspec'])}. The first `stft` of a process:",
        table(["precision", "empty kernel cache", "full cache", "another size after it"], rows),
        machine_line(result),
    )


def main() -> None:
    timing.save("cold", measure())


if __name__ == "__main__":
    main()
