"""How exact the transform is: errors of `fastspec` and of `scipy.fft` in epsilons, for a table of sizes.

    python -m bench.accuracy

Both transform the same seeded frames: noise, lone samples, sines.  The exact transform is one in a wider type: float64
for float32, long double for float64.
"""

from typing import Any

import exact
import numpy as np
import scipy.fft

from fastspec.kernels.fft import tables as fft_tables

from . import measure

SAMPLES = 1 << 19  # of each kind at each size, and at least 16 frames
KINDS = ("noise", "impulses", "sines")


def row(n: int, dtype: str) -> dict[str, Any]:
    """Errors at one size: for each kind, (norm, largest) of both."""
    found: dict[str, Any] = {"size": n, "dtype": dtype, "in lanes": fft_tables.has_forward(n)}
    for kind in KINDS:
        x = exact.frames(kind, n, int(np.clip(SAMPLES // n, 16, 4096)), dtype)
        found[kind] = {"fastspec": exact.errors(exact.ours(x), x), "scipy": exact.errors(scipy.fft.rfft(x), x)}
    return found


def main() -> None:
    rows = [row(n, dtype) for dtype in ("float32", "float64") if exact.judged(dtype) for n in exact.SIZES]
    for r in rows:
        (ours, _), (theirs, _) = r["noise"]["fastspec"], r["noise"]["scipy"]
        print(f"{r['dtype']} {r['size']:6d}: {ours:.3f} of scipy's {theirs:.3f}{'  more' * (ours > theirs)}")
    measure.save("accuracy", {**measure.machine(), "rows": rows})


if __name__ == "__main__":
    main()
