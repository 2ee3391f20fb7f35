"""How exact the transform is: errors of `fastspec` and of `scipy.fft` in epsilons, for a table of sizes.

    python -m bench.accuracy

Both transform the same seeded frames: noise, lone samples, sines.  The exact transform is one in a wider type: float64
for float32, long double for float64.
"""

from typing import Any

import exact
import numpy as np
import scipy.fft

from . import timing
from .table import bold_if, machine_line, paragraphs, table

SAMPLES = 1 << 19  # of each kind at each size, and at least 16 frames
KINDS = ("noise", "impulses", "sines")


def row_of(n: int, dtype: str) -> dict[str, Any]:
    """Errors at one size: for each kind, (norm, largest) of both."""
    row: dict[str, Any] = {"size": n, "dtype": dtype}
    for kind in KINDS:
        x = exact.frames(kind, n, int(np.clip(SAMPLES // n, 16, 4096)), dtype)
        row[kind] = {"fastspec": exact.errors(exact.ours(x), x), "scipy": exact.errors(scipy.fft.rfft(x), x)}
    return row


def measure() -> dict[str, Any]:
    """Errors at all sizes of the table, for both dtypes."""
    rows = [row_of(n, dtype) for dtype in ("float32", "float64") if exact.judged(dtype) for n in exact.SIZES]
    for row in rows:
        ours, theirs = norms(row)
        print(f"{row['dtype']} {row['size']:6d}: {ours:.3f}, scipy {theirs:.3f}{'  more' * (ours > theirs)}")
    return {**timing.machine(), "rows": rows}


def norms(row: dict[str, Any]) -> tuple[float, float]:
    """Our error on noise, and SciPy's."""
    return row["noise"]["fastspec"][0], row["noise"]["scipy"][0]


def tables(result: dict[str, Any]) -> str:
    """Errors on noise at each size, ours in bold where they are above SciPy's."""
    rows = result["rows"]
    errors = {(row["size"], row["dtype"]): norms(row) for row in rows}
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    sizes = sorted(row["size"] for row in rows if row["dtype"] == dtypes[0])

    def cells(n: int, dtype: str) -> list[str]:
        ours, theirs = errors[n, dtype]
        return [bold_if(ours > theirs, f"{ours:.3f}"), f"{theirs:.3f}"]

    losses = sum(ours > theirs for ours, theirs in errors.values())
    worst = max(ours / theirs for ours, theirs in errors.values())
    return paragraphs(
        "Norm of the error relative to the norm of the spectrum, in epsilons of the precision, for frames of noise, "
        "against a transform in a wider type (float64; long double). Bold: more than SciPy's, as in "
        f"{losses} of {len(rows)} cases, by {100 * (worst - 1):.0f} percent at most. Prime factors from 11 to 199 are "
        "radices, larger ones take a convolution with a chirp.",
        table(
            ["size", *(f"{name}, {dtype}" for dtype in dtypes for name in ("fastspec", "scipy"))],
            [[str(n), *(cell for dtype in dtypes for cell in cells(n, dtype))] for n in sizes],
        ),
        machine_line(result),
    )


def main() -> None:
    timing.save("accuracy", measure())


if __name__ == "__main__":
    main()
