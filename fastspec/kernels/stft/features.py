"""The epilogue of front ends: levels, filters, logarithms of any kind, energies, cepstra.

Vectors of a tile, in this order: the powers of its bins, the energies of its frames, the filtered levels, a vector for
energies that come last, the cepstra.
"""

from ..features.levels import (
    ENERGY_FIRST,
    ENERGY_IN_CEPSTRA,
    ENERGY_LAST,
    Epilogue,
    apply_filters,
    powers_to_levels,
)
from ..framing.memory import scatter_rows, scatter_rows_frames_contiguous
from ..runtime.calls import noinline
from ..runtime.jit import kernel
from ..runtime.layout import Reals
from ..runtime.tasks import callee
from ..simd.log import log10
from ..simd.vector import lanes, load, load_splat, maximum, minimum, select_greater_equal, splat, store
from .forward import ForwardArgs


@kernel
def add_to_powers(c, bins, eps):
    """c += eps for the powers of a tile."""
    V, added = lanes(c), splat(c, eps)
    for at in range(0, V * bins, V):
        store(c, at, load(c, at) + added)


@kernel
def sum_powers(c, bins, last):
    """P[0] + 2 (P[1] + ... + P[bins - 2]) + last P[bins - 1] for the powers P of a tile."""
    noinline()
    V = lanes(c)
    zero = splat(c, c.dtype.type(0))
    p, q, at, end = zero, zero, V, V * (bins - 1)
    while at + V < end:
        p, q = p + load(c, at), q + load(c, at + V)
        at += 2 * V
    if at < end:
        p = p + load(c, at)
    ends, inner = load(c, 0) + load(c, end) * splat(c, last), p + q
    return ends + (inner + inner)


@kernel
def scale_levels(c, i, count, epilogue, peaks, peaks_offset):
    """c = L, see `Epilogue`, for `count` vectors of filtered levels from c[i], or without the logarithm.

    peaks[peaks_offset + lane] = the largest L of a frame.  NaN stays NaN and is no peak.
    """
    noinline()
    V = lanes(c)
    guard, floor, at_floor = splat(c, epilogue.guard), splat(c, epilogue.floor), splat(c, epilogue.at_floor)
    gain, offset = splat(c, epilogue.gain), splat(c, epilogue.offset)
    low, high = splat(c, epilogue.low), splat(c, epilogue.high)
    peak = minimum(high, maximum(low, at_floor))
    for at in range(i, i + V * count, V):
        level = load(c, at) + guard
        value = log10(level) * gain + offset if epilogue.log else level * gain + offset
        value = select_greater_equal(floor, level, at_floor, value)  # not where the level is NaN
        value = minimum(high, maximum(low, value))  # in this order NaN stays
        peak = maximum(value, peak)
        store(c, at, value)
    store(peaks, peaks_offset, peak)


@kernel
def take_cepstra(c, i, count, epilogue, o):
    """c[o + lanes r :] = sum over k < count of matrix[r, k] c[i + lanes k :], for every row r of the matrix."""
    noinline()
    V = lanes(c)
    zero, w = splat(c, c.dtype.type(0)), 0
    for r in range(epilogue.cepstra):
        p, q, k = zero, zero, 0
        while k + 2 <= count:
            p = p + load(c, i + V * k) * load_splat(epilogue.matrix, w + k)
            q = q + load(c, i + V * (k + 1)) * load_splat(epilogue.matrix, w + k + 1)
            k += 2
        if k < count:
            p = p + load(c, i + V * k) * load_splat(epilogue.matrix, w + k)
        store(c, o + V * r, p + q)
        w += count


@callee("frontends")
def write_features(
    c: Reals, args: ForwardArgs, epilogue: Epilogue, out: Reals, o: int, row_stride: int, streamed: bool,
    peaks: Reals, peaks_offset: int,
):  # fmt: skip
    """Write the features of a tile of powers, in the order of `forward.write_complex`."""
    noinline()
    V, filters = lanes(c), epilogue.first.size
    energies = V * args.bins
    levels = energies + V
    rows = levels
    if epilogue.energy_last != 0:
        store(c, energies, sum_powers(c, args.bins, epilogue.energy_last))
    if epilogue.eps != 0:
        add_to_powers(c, args.bins, epilogue.eps)
    powers_to_levels(c, args.bins, epilogue, peaks, peaks_offset)
    apply_filters(c, epilogue, levels)
    scale_levels(c, levels, filters, epilogue, peaks, peaks_offset)
    if epilogue.energy:
        energy = load(c, energies) * splat(c, epilogue.energy_gain)
        logarithm = log10(maximum(splat(c, epilogue.energy_floor), energy))
        store(c, energies, logarithm * splat(c, epilogue.energy_slope))
        if epilogue.energy == ENERGY_FIRST:
            rows = energies
        elif epilogue.energy == ENERGY_LAST:
            store(c, levels + V * filters, load(c, energies))
    if epilogue.cepstra:
        rows = levels + V * (filters + 1)
        take_cepstra(c, levels, filters, epilogue, rows)
        if epilogue.energy == ENERGY_IN_CEPSTRA:
            store(c, rows + V * epilogue.energy_row, load(c, energies))
    if args.frames_contiguous:
        scatter_rows_frames_contiguous(c, rows, args.width, out, o, row_stride)
    else:
        scatter_rows(c, rows, args.width, out, o, row_stride, streamed)
