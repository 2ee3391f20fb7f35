"""Peak memory of the notebook's inversion, relative to its input, the spectrogram (Linux).

    python -m bench.memory

A fresh process compiles on a small spectrogram, makes a large one, resets the system's high-water mark of resident
memory, inverts, and compares the mark with the memory that was resident before.
"""

import statistics
from typing import Any

from . import timing
from .table import machine_line, paragraphs

PEAK = """
import re
from pathlib import Path
import numpy as np
import fastspec

def resident(kind):
    return 1024 * int(re.search(rf"{{kind}}:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

def invert(frames):
    spectrogram = np.random.default_rng(0).uniform(-4, 0, (frames, 1024)).astype({dtype!r})
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    fastspec.invert_pretty_spectrogram(spectrogram, fft_size=2048, step_size=128, n_iter=10)
    return (resident("VmHWM") - before) / spectrogram.nbytes

invert(40)
print(invert({frames}))
"""

FRAMES = 3742  # ten seconds at 48 kHz, 2048/128


def measure() -> dict[str, Any]:
    """The median ratio of three processes, for both dtypes."""
    ratios = {
        dtype: statistics.median(timing.child(PEAK.format(dtype=dtype, frames=FRAMES))[0] for _ in range(3))
        for dtype in ("float64", "float32")
    }
    print(ratios)
    return {**timing.machine(), "frames": FRAMES, "ratio": ratios}


def tables(result: dict[str, Any]) -> str:
    """One sentence."""
    ratios = " and ".join(f"{ratio:.1f} times ({dtype})" for dtype, ratio in result["ratio"].items())
    return paragraphs(
        f"Peak memory of `invert_pretty_spectrogram` (ten seconds at 48 kHz, 2048/128) beyond its input: {ratios} the "
        "size of the spectrogram.",
        machine_line(result),
    )


def main() -> None:
    timing.save("memory", measure())


if __name__ == "__main__":
    main()
