"""Measures the factors of transforms and writes fastspec/kernels/fft/factors.py: python -m bench.plans [--write].

For each half size the time of a forward transform to complex bins plus one with phases and back is taken for every
order of factors the codelets offer; where the best is more than 4 percent faster than the rule in
`fastspec.kernels.fft.tables`, it goes into the table.  Rows of a single frame, for correlations, are measured alone.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from fastspec.kernels.fft import codelets, factors, realfft
from fastspec.kernels.fft import tables as fft_tables
from fastspec.kernels.fft.rows import transform_rows
from fastspec.kernels.runtime.calls import aligned, call
from fastspec.kernels.runtime.jit import int64, kernel

GAIN = 1.04
REPEAT = 9
DTYPE = np.dtype(np.float32)


@kernel
def transform_there_and_back(function, tile, p, work, out, mag, y, least, times):
    for _ in range(times):
        call(p.forward, (int64(0), tile, int64(0), p, work, out))
        realfft.synthesize(int64(0), tile, int64(0), p, work, mag, int64(0), least, out, y)


@kernel
def transform_row(function, z, m, radices, tw, times):
    for _ in range(times):
        call(function, (z, int64(0), int64(1), m, int64(1), 2 * m, int64(1), m, radices, tw))


def rows_of(n, depth):
    """Every order of at most `depth` radices for a row of n points, middle passes first."""
    if n in codelets.LAST_RADICES:
        yield (n,)
    if depth > 1:
        for r in codelets.MIDDLE_RADICES:
            if n % r == 0:
                for rest in rows_of(n // r, depth - 1):
                    if rest != (1,):
                        yield (r, *rest)


def candidates(half):
    """(n1, radices) that are worth a measurement."""
    depth = len(fft_tables.factorise_by_rule(half)[2]) + 1
    columns = [n1 for n1 in codelets.COLUMN_SIZES if half % n1 == 0 and (n1 > 2 or half < 16)]
    options = [(n1, rows) for n1 in columns for rows in rows_of(half // n1, depth)]
    return options or [fft_tables.factorise_by_rule(half)[::2]]


def fastest(function):
    function()
    best = float("inf")
    for _ in range(REPEAT):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def time_plan(half, n1, rows):
    """Seconds a tile."""
    n_fft, V = 2 * half, fft_tables.lane_count(DTYPE)
    hop = max(1, n_fft // 4)
    stride = fft_tables.strip_stride(n_fft, hop, 1, DTYPE)
    kernels = transform_rows, realfft.forward, realfft.inverse, realfft.inverse_columns
    addresses = tuple(f.address(DTYPE) for f in kernels)
    ones, split = np.ones(n_fft), (n1, half // n1, rows)
    p = fft_tables.transform_tables(n_fft, hop, stride, ones, ones, DTYPE, addresses, split)
    rng = np.random.default_rng(0)
    tile = aligned(hop * stride, DTYPE)
    tile[:] = rng.standard_normal(tile.size)
    work, out, y = (
        aligned(n, DTYPE)
        for n in (fft_tables.scratch_elements(n_fft, (n1, half // n1, rows)) * 2 * V, (n_fft + 2) * V, n_fft * V)
    )
    mag = aligned(fft_tables.bin_order(n_fft, (n1, half // n1, rows)).size * V, DTYPE)
    mag[:] = 1
    times = max(1, 40000 // n_fft)
    arguments = tile, p, work, out, mag, y, DTYPE.type(1e-20), times
    return fastest(lambda: transform_there_and_back(0, *arguments)) / times


def time_row(m, rows):
    """Seconds a row of m vectors."""
    z = aligned(4 * m * 32, DTYPE)
    z[:] = 0
    address = transform_rows.address(DTYPE)
    arguments = address, z, m, np.array(rows, np.int64), fft_tables.pass_twiddles(m, rows, DTYPE), 200
    return fastest(lambda: transform_row(*arguments)) / 200


def smooth(limit, primes):
    numbers = [1]
    for p in primes:
        numbers += [n * p**e for n in numbers for e in range(1, 20) if n * p**e <= limit]
    return sorted(numbers)


def best_options(sizes, options, rule, measure, label):
    """{size: best option} where the best beats the rule."""
    better = {}
    for size in sizes:
        timed = sorted((measure(size, option), option) for option in options(size))
        ruled = measure(size, rule(size))
        if ruled > GAIN * timed[0][0]:
            better[size] = timed[0][1]
        print(
            f"{label} {size}: {timed[0][1]} {timed[0][0] * 1e6:.2f} us; rule {rule(size)} {ruled * 1e6:.2f} us",
            flush=True,
        )
    return better


def literal(name, table):
    lines = "".join(f"    {size}: {option},\n" for size, option in table.items())
    return f"{name} = {{\n{lines}}}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=4096, help="largest half size")
    parser.add_argument("--write", action="store_true", help="write fastspec/kernels/fft/factors.py")
    arguments = parser.parse_args()
    halves = [h for h in smooth(arguments.limit, (2, 3, 5, 7)) if h >= 8 and fft_tables.factorise_by_rule(h)]
    plans = best_options(
        halves, candidates, lambda h: fft_tables.factorise_by_rule(h)[::2], lambda h, o: time_plan(h, *o), "transform"
    )
    lengths = [m for m in smooth(512, (2, 3, 5, 7)) if m >= 16 and fft_tables.row_radices(m)]
    rows = best_options(
        lengths, lambda m: list(rows_of(m, len(fft_tables.row_radices(m)) + 1)), fft_tables.row_radices, time_row, "row"
    )
    if arguments.write:
        target = Path(factors.__file__)
        head = target.read_text().split("PLANS = {")[0]
        target.write_text(
            head
            + literal("PLANS", plans)
            + '"""half size: (points of a column n1, radices of the rows)."""\n\n'
            + literal("ROWS", rows)
            + '"""points of a row: its radices."""\n'
        )


if __name__ == "__main__":
    main()
