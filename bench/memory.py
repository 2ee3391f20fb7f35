"""Peak memory of the whole inversion, relative to the spectrogram it is given (Linux).

    python -m bench.memory

A fresh process compiles on a small spectrogram, makes a large one, resets the kernel's high-water mark of resident
memory, inverts, and compares the mark with what was resident before.
"""

import statistics

from . import measure

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


def main() -> None:
    ratios = {
        dtype: statistics.median(measure.child(PEAK.format(dtype=dtype, frames=FRAMES))[0] for _ in range(3))
        for dtype in ("float64", "float32")
    }
    print(ratios)
    measure.save("memory", {**measure.machine(), "frames": FRAMES, "ratio": ratios})


if __name__ == "__main__":
    main()
