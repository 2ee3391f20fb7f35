"""The tables of a transform: factors, twiddles, where samples lie, in which order bins are met.  Plain NumPy.

Sizes are run-time numbers: a plan is data, nothing is compiled for it.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from . import codelets, factors
from .roots import roots

LARGEST = 1 << 16
"""Larger transforms leave the second-level cache in lanes; a library's, one frame at a time, is faster there."""
BLOCK = 48
"""Rows of n2 points are taken `block` at a time, block * n2 <= BLOCK: two such blocks stay in the first-level cache."""


class Tables(NamedTuple):
    """What the kernels get."""

    rows: int  # addresses of compiled kernels
    forward: int
    inverse: int
    n1: int
    n2: int
    block: int
    radices: np.ndarray
    column_tw: np.ndarray
    row_tw: np.ndarray
    split_tw: np.ndarray
    offsets: np.ndarray  # where sample j of a tile lies in its strip
    window: np.ndarray  # analysis window, halved: the 1/2 of the split; see `tables` for odd sizes
    synthesis: np.ndarray  # synthesis window / n_fft


class Signals(NamedTuple):
    """What is analysed, signals of one length and what stands beside them, and where what is made of them goes."""

    x: np.ndarray  # their memory
    starts: np.ndarray  # where each begins in it
    edges: np.ndarray  # of each signal, `left` samples to go before it and `right` to go after it
    out: np.ndarray
    places: np.ndarray  # where each signal's part of the output begins
    peaks: np.ndarray  # for each lane of each tile, what the last step keeps
    n: int  # samples of a signal
    left: int
    right: int
    mean: float | np.floating  # what is analysed is (x - mean) scale
    scale: float | np.floating


class Line(NamedTuple):
    """One of the Signals: sample s at x[at + s], its edges at edges[edge:]."""

    x: np.ndarray
    at: int
    edges: np.ndarray
    edge: int
    n: int
    left: int
    right: int
    mean: float | np.floating
    scale: float | np.floating


class Job(NamedTuple):
    """What `analysis` is to do: where frames lie, in memory and in tiles, and who writes their tiles."""

    put: int  # address of the kernel that writes a tile
    op: int  # realfft.COMPLEX or POWER
    given: bool  # what is given is bins, frame by frame, and no signal
    mixed: bool  # tiles are filled with frames of any signals; otherwise strips of one signal are
    full: bool  # all n_fft bins, not only the first half
    across: bool  # in the output the frames of a bin are neighbours, not the bins of a frame
    streamed: bool  # output past the caches
    hop: int
    origin: int  # the sample at which frame 0 starts
    signals: int
    frames: int  # of a signal
    rows: int  # row r of a strip holds samples r, r + hop ...; of a mixed tile, sample r of each frame
    lead: int  # row length of a strip
    group: int  # tiles in a strip
    strips: int  # of a signal
    bins: int  # of the transform
    width: int  # written a frame: bins or filters
    unit: int  # real numbers in each: 2 if complex
    ld: int  # from a frame of the output to the next, or, across, from a bin to the next, in real numbers
    work: int  # real numbers of scratch for the transform
    tile: int  # for the bins of a tile and what is made of them
    scratch: int  # for all that a thread needs


class Last(NamedTuple):
    """The last step for powers: the level of each, filters over them, a logarithm."""

    shape: int  # frames.SQUARE, ROOT, LOG or OTHER
    log: bool  # of what the filters give
    exponent: float | np.floating  # of a power, for OTHER
    least: float | np.floating  # level, for ROOT
    floor: float | np.floating  # the least number that a logarithm is taken of
    gain: float | np.floating  # of a decimal logarithm
    weights: np.ndarray  # of all filters, one after another, from their first bin to their last
    first: np.ndarray  # first bin of each filter
    starts: np.ndarray  # where its weights begin, and one more: where the last ends


class Correlator(NamedTuple):
    """What `oneframe` and `offsets` get: a float32 transform of 32 m samples, and which lags count."""

    rows: int  # address of the compiled float32 row transform
    zero: int  # 0 and 1, which as literals would compile copies of their own
    one: int
    m: int
    h: int  # 16 m
    half: int  # from re to im of a spectrum
    quarter: int  # from re to im of split_tw
    n1: int  # length of the first segment
    n2: int
    low: int  # first and last lag that count
    high: int
    tolerance: float | np.floating
    radices: np.ndarray
    row_tw: np.ndarray
    lane_tw: np.ndarray
    split_tw: np.ndarray


class Alignment(NamedTuple):
    """What `alignment` is to do: sizes."""

    source: int  # realfft.PHASES, ZERO or BINS, or alignment.FRAMES
    search: bool  # for the best offset; otherwise it is `fixed`, and 0 for the first frame
    fixed: int
    step: int
    n_fft: int
    size: int  # samples of a frame that are added: half of it
    first: int  # where they start in the reversed frame, at offset 0
    frames: int
    origin: int  # the frame that stands first in what is given
    ring: int  # frames kept prepared
    group: int  # tiles in a strip
    rows: int  # phases kept in a strip, min(hop, n_fft)
    lead: int  # row length of a strip
    lane_step: int  # from what is known of one frame to the next: magnitudes in visiting order, or bins as re, im
    bin_step: int  # from one complex bin to the next
    bins: int  # bins of a complex spectrogram
    folded: bool  # they are those of a whole circle, to be folded
    work: int  # complex elements of scratch for the transform
    scratch: int  # real numbers of scratch a thread
    single: int  # float32 numbers of scratch a thread
    mean: float | np.floating
    least: float | np.floating  # below this a bin has no phase
    scale: float | np.floating


class Synthesis(NamedTuple):
    """What `synthesis` and `runs` are to do.  Where they have the names of those of Alignment, fields mean the same."""

    source: int
    folded: bool
    across: bool  # lanes are signals, not frames
    step: int
    n_fft: int
    size: int  # samples of a frame that are added
    first: int  # where they start in the rebuilt frame
    turn: int  # 1, or -1 where the frame is reversed in time
    reach: int  # columns of `step` samples that a frame reaches into
    signals: int
    strips: int  # of one signal
    frames: int  # of a signal, those that are added
    number: int  # which of the whole signal's frames the first of them is
    total: int  # frames of the whole signal
    origin: int  # where the first frame stands in `given`
    signal_step: int  # from one signal to the next there
    frame_step: int  # from one frame to the next
    lane_step: int  # the one of the two that lanes are apart
    bin_step: int
    start: int  # samples start .. start + length - 1 of the sum are written
    length: int
    place: int  # where to, in the wave
    wave_step: int  # from one signal to the next there
    group: int
    rows: int
    lead: int
    bins: int
    work: int
    scratch: int
    sum_rows: int  # phases of a sum, min(step, size)
    sum_lead: int  # its row length
    sums: int  # real numbers of scratch for sums
    mean: float | np.floating
    least: float | np.floating


class Waves(NamedTuple):
    """What `synthesis` adds up, and where to."""

    wave: np.ndarray
    previous: np.ndarray  # the signal that gives the phases
    given: np.ndarray  # magnitudes in visiting order, or complex bins as re, im
    tails: np.ndarray  # of strips: reach - 1 columns each
    weight: np.ndarray  # see `synthesis`


class Ring(NamedTuple):
    """What is kept of the frames prepared ahead, and scratch."""

    segments: np.ndarray  # (ring, n_fft) frames in time order
    spectra: np.ndarray  # (ring, 2 half) float32 spectra of the segments to align
    stats: np.ndarray  # (ring, 2) their means and energies
    scratch: np.ndarray
    single: np.ndarray


class Sound(NamedTuple):
    """Signals: what is being made, and what of."""

    wave: np.ndarray
    previous: np.ndarray  # the signal that gives the phases
    given: np.ndarray  # magnitudes in visiting order, or complex bins as re, im
    window: np.ndarray


class Turn(NamedTuple):
    """Work of one call of `alignment.advance`: strips, and addresses of who walks the chain and who prepares."""

    first_strip: int
    last_strip: int
    chain: int
    prepare: int


@cache
def row_radices(n):
    """Radices of a row of n points, one last codelet after the middle passes; () if there is no such product."""
    if n in factors.ROWS:
        return factors.ROWS[n]
    if n in codelets.LAST:
        return (n,)
    best = ()
    for r in codelets.MIDDLE:
        rest = row_radices(n // r) if n % r == 0 else ()
        if rest and rest != (1,) and (not best or (len(rest), -rest[-1]) < (len(best) - 1, -best[-1])):
            best = (r, *rest)
    return best


@cache
def ruled(half):
    """(n1, n2, radices of n2) by rule: the fewest passes, then columns and radices of one size, 8 at best."""

    def cost(n1):
        radices = row_radices(half // n1)
        return len(radices), sum(abs(np.log2(r / 8)) for r in (n1, *radices))

    options = [n1 for n1 in codelets.COLUMN if half % n1 == 0 and row_radices(half // n1)]
    n1 = min(options, key=cost, default=0)
    return (n1, half // n1, row_radices(half // n1)) if n1 else None


def factorised(half):
    """(n1, n2, radices of n2) for `half` = n1 n2 complex points, or None where the codelets do not reach."""
    if half in factors.PLANS:
        n1, radices = factors.PLANS[half]
        return n1, half // n1, radices
    return ruled(half)


def supported(n_fft):
    """Whether the kernels transform this size both ways: even, not too large, a product of the codelets' primes."""
    return n_fft >= 2 and n_fft % 2 == 0 and n_fft <= LARGEST and factorised(n_fft // 2) is not None


def analysed(n_fft):
    """Whether they transform it forwards: so they do odd sizes, too, as complex ones."""
    odd = n_fft >= 3 and n_fft % 2 == 1 and n_fft <= LARGEST // 2
    return supported(n_fft) or (odd and factorised(n_fft) is not None)


def lanes(dtype):
    """Frames in a tile: as many as fill a 64-byte vector."""
    return 64 // np.dtype(dtype).itemsize


def interleaved(z, dtype):
    """Complex numbers as re, im, re, im ..."""
    return np.stack([z.real, z.imag], -1).ravel().astype(dtype)


def pass_twiddles(n, radices, dtype):
    """Twiddles of all middle passes of a row, one after another (at least one number, for the sake of the type)."""
    out = [np.zeros(1, np.complex128)]
    for r in radices[:-1]:
        m = n // r
        out.append(roots(np.outer(np.arange(m), np.arange(1, r)), n).ravel())
        n = m
    return interleaved(np.concatenate(out[1:] or out), dtype)


def column_twiddles(n1, n2, dtype):
    """exp(-2 pi i p k / (n1 n2)) for column p and 0 < k < n1."""
    table = roots(np.outer(np.arange(n2), np.arange(1, n1)), n1 * n2).ravel()
    return interleaved(table if table.size else np.zeros(1, np.complex128), dtype)


def split_twiddles(n_fft, dtype):
    """exp(-2 pi i k / n_fft) for 0 <= k <= n_fft / 2."""
    return interleaved(roots(np.arange(n_fft // 2 + 1), n_fft), dtype)


def lead(n_fft, hop, group, dtype):
    """Row length of a strip of `group` tiles: every sample of its last frame, in whole vectors."""
    V = lanes(dtype)
    return (group * V + (n_fft + hop - 1) // hop - 1 + V - 1) // V * V


def sample_order(n_fft):
    """Samples as real and imaginary parts of what is transformed: pairs of an even size, each twice of an odd one."""
    return np.arange(n_fft) if n_fft % 2 == 0 else np.repeat(np.arange(n_fft), 2)


def _weights(window):
    """The window for what is transformed: halved, or, of an odd size, with zeros for the imaginary parts."""
    return window * 0.5 if len(window) % 2 == 0 else np.stack([window, np.zeros(len(window))], -1).ravel()


def tables(n_fft, hop, row_length, window, synthesis, dtype, addresses, factored=None):
    """The Tables of a transform of `n_fft` samples over strips with rows of `row_length`."""
    n1, n2, radices = factored or factorised(n_fft // 2 if n_fft % 2 == 0 else n_fft)
    j = sample_order(n_fft)
    return Tables(
        *addresses,
        n1,
        n2,
        max(1, min(BLOCK // n2, (n1 - 1) // 2)),
        np.array(radices, np.int64),
        column_twiddles(n1, n2, dtype),
        pass_twiddles(n2, radices, dtype),
        split_twiddles(n_fft, dtype),
        (j % hop * row_length + j // hop).astype(np.uint32),
        _weights(window).astype(dtype),
        (synthesis / n_fft).astype(dtype),
    )


def work_size(p):
    """Scratch of a transform, in complex elements."""
    return p.n1 * p.n2 + 4 * p.block * p.n2


def pairs(p):
    """Bins in the order in which `realfft.rebuild` meets them, two a pair (some twice)."""
    h, order = p.n1 * p.n2, []

    def run(k0, outer, inner, step):
        k = (k0 + np.arange(outer)[:, None] * p.n1 + np.arange(inner) * step).ravel()
        order.append(np.stack([k, h - k], -1).ravel())

    run(0, 1, 1, 1)
    run(p.n1, 1, p.n2 // 2, p.n1)
    if p.n1 % 2 == 0:
        run(p.n1 // 2, 1, (p.n2 + 1) // 2, p.n1)
    k1, last = 1, (p.n1 - 1) // 2
    while k1 <= last:
        w = min(p.block, last - k1 + 1)
        run(k1, *((1, p.n2, p.n1) if w == 1 else (p.n2, w, 1)))
        k1 += w
    return np.concatenate(order)


def _row_cost(m):
    """Relative time of a single row of m vectors: a third pass costs a quarter (measured at 40 to 64)."""
    return m * (3 + max(2, len(row_radices(m))))


@lru_cache(64)
def correlator(n1, n2, rows_address, tolerance):
    """The Correlator of segments of n1 and n2 samples.

    Of the lags p - (n2 - 1), 0 <= p < n1 + n2 - 1, the first and the last n2 // 2 do not count, so a circular
    correlation of n1 + n2 - 1 - n2 // 2 points is enough: what wraps around falls on lags that do not count.
    """
    needed = max(n1, n2, n1 + n2 - 1 - n2 // 2)
    least = max(16, -(-needed // 32))
    m = min((m for m in range(least, 2 * least) if row_radices(m)), key=_row_cost)
    h, radices = 16 * m, row_radices(m)
    quarter = h // 2 + 16
    turn = roots(np.outer(np.arange(m), np.arange(16)), h)
    split = roots(np.arange(quarter), 2 * h)
    return Correlator(
        rows_address,
        0,
        1,
        m,
        h,
        h + 16,
        quarter,
        n1,
        n2,
        n2 // 2 - n2 + 1,
        n1 - 1 - n2 // 2,
        tolerance,
        np.array(radices, np.int64),
        pass_twiddles(m, radices, np.float32),
        np.stack([turn.real, turn.imag], 1).ravel().astype(np.float32),
        np.concatenate([split.real, split.imag]).astype(np.float32),
    )


def correlator_scratch(p):
    """Scratch of `offsets.best_lag`, in float32 numbers."""
    return 5 * 32 * p.m + 4 * p.half
