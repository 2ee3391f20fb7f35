"""Phases from magnitudes in one pass: phase gradient heap integration, without the heap."""

import math

import numpy as np

from .._typing import Array
from ..kernels.recovery import pghi as kernels
from ..kernels.recovery.watershed import KEYS
from ..kernels.runtime.calls import new_board
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from .phase import PhasePrefix, by_frames, gaussian_constant, turn_of_middle

BLOCK = 1 << 14
"""Bins of a block of frames: what is known of them stays in the second-level cache."""


def phases(plan: "STFT", S: Array, *, tol: float, rng: np.random.Generator, prefix: PhasePrefix | None = None) -> Array:
    """Phases that go with magnitudes, as `plan.forward` would give them.

    With L = ln S, hop a, n_fft N and the window near exp(-pi t**2 / gamma) about its middle c, the phase about that
    middle has the derivatives

        d/df = 2 pi a k / N + (a N / gamma) dL/dk  per frame,    d/dk = -(gamma / (a N)) dL/df  per bin,

    taken by central differences and added up by the trapezoid rule along the tree of `kernels.hills`, which has the way
    that keeps loudest to each bin; phi[k, f] is that minus 2 pi c k / N.  Průša, Balazs & Søndergaard, IEEE/ACM TASLP
    25 (2017), 1154-1164, whose heap finds such a tree as well.  One bin of each island of bins that count has phase 0
    about the window's middle; DC and Nyquist are 0 or pi.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 in the plan's dtype, in any order of memory.
    tol : float
        Bins of no more than tol times the largest of their signal get a random phase.
    rng : np.random.Generator
        Gives one seed a signal.
    prefix : PhasePrefix
        Phases of the first frames, to which the islands are turned.

    Returns
    -------
    phase : np.ndarray [shape=(signals, n_bins, n_frames)]
        From -pi to pi, of the plan's dtype, the bins of a frame side by side.
    """
    signals, bins, frames = S.shape
    flat, dtype = by_frames(S), plan.dtype
    out = np.empty((signals, frames, bins), dtype)
    seeds = rng.integers(0, 1 << 32, signals, dtype=np.uint32)
    if out.size == 0:
        return out.swapaxes(1, 2)
    p = _blocks(plan, frames)
    items, workers = signals * p.blocks, team_size()
    k = np.arange(p.width)
    advance = (np.pi * (k * (plan.hop_length % plan.n_fft) % plan.n_fft) / plan.n_fft).astype(dtype)
    size = (p.rows + 2) * p.width + 2 * (64 // dtype.itemsize)
    real, whole = np.empty((workers, 6 * size), dtype), np.empty((workers, 5 * size + KEYS + 1), np.int32)
    counts = np.zeros(2 * items, np.int64)
    seams, seam_steps = np.empty(items * bins, np.int32), np.empty(items * bins, dtype)
    edges, keys = np.empty(2 * items * p.most, np.int32), np.empty(items * p.most, np.int32)
    steps, ranges, phase = np.empty(items * p.most, dtype), np.empty(out.size, np.int32), out.reshape(-1)
    found = counts, seams, seam_steps, edges, keys, steps, ranges, phase
    kernels.each_block(
        items, workers, new_board(), p, flat, _levels(flat.reshape(signals, -1), tol), advance, real, whole,
        *found, work=200 * flat.size,
    )  # fmt: skip
    per_signal = counts.reshape(signals, p.blocks, 2).copy()
    bases = np.cumsum(per_signal[..., 0], axis=1) - per_signal[..., 0]
    totals = per_signal.sum(axis=1)
    totals[:, 1] += (seams.reshape(signals, -1) >= 0).sum(axis=1)
    starts = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(totals, axis=0)]).reshape(-1)
    count, passes = int(starts[-2]), int(starts[-1])
    lifts, trees = np.empty(count + 1, dtype), np.empty(count, np.int32)
    kernels.each_tree(
        signals, workers, new_board(), p, starts, counts, bases.reshape(-1), *found[1:],
        np.empty((workers, KEYS + 2), np.int64), np.empty(2 * passes, np.int32), np.empty(passes, dtype),
        trees, np.empty(count), lifts, work=100 * passes,
    )  # fmt: skip
    if prefix is not None:
        _fit(plan, S, prefix, p.rows, bases, starts, trees, ranges.reshape(out.shape), out, lifts)
    kernels.each_finish(
        items, workers, new_board(), p, starts, bases.reshape(-1), seeds, turn_of_middle(plan), ranges, lifts, phase,
        work=20 * out.size,
    )  # fmt: skip
    return out.swapaxes(1, 2)


def _fit(
    plan: "STFT", S: Array, prefix: PhasePrefix, rows: int, bases: Array, starts: Array, trees: Array, ranges: Array,
    phase: Array, lifts: Array,
) -> None:  # fmt: skip
    """Turns each tree so that its bins in the last frames of the prefix fit their phases, loud ones above all.

    Of signal i block b's ranges begin at starts[2 i] + bases[i, b] in trees, the first of whose tree each names, and in
    lifts; `ranges` and `phase` are (signals, n_frames, n_bins).
    """
    count = prefix.phase.shape[2]
    seen = np.arange(max(0, count - prefix.n_fitted), count)
    begins = starts[:-2:2]
    counts = ranges[:, seen] >= 0
    counts[..., 0] = False  # DC and Nyquist are real
    if plan.n_fft % 2 == 0:
        counts[..., -1] = False
    places = (ranges[:, seen] + (begins[:, None] + bases[:, seen // rows])[..., None])[counts]
    first_of = trees + np.repeat(begins, np.diff(starts[::2]))
    middle = np.broadcast_to(turn_of_middle(plan), counts.shape)
    ahead = prefix.phase[:, :, seen].swapaxes(1, 2)[counts] + middle[counts]
    gap = ahead.astype(np.float64) - phase[:, seen][counts] - lifts[places]
    weight = np.square(S[:, :, seen].swapaxes(1, 2)[counts], dtype=np.float64)
    cosines, sines = (np.bincount(first_of[places], weight * f(gap), len(trees)) for f in (np.cos, np.sin))
    lifts[: len(trees)] += np.arctan2(sines, cosines)[first_of].astype(lifts.dtype)


def _blocks(plan: "STFT", frames: int) -> kernels.Blocks:
    bins, lanes = plan.n_bins, 64 // plan.dtype.itemsize
    rows = min(frames, max(4, BLOCK // bins))
    factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
    number = plan.dtype.type
    return kernels.Blocks(
        bins=bins,
        frames=frames,
        blocks=-(-frames // rows),
        rows=rows,
        width=-(-bins // lanes) * lanes + 2,
        most=rows * bins // 2 + 1,
        odd=plan.n_fft % 2,
        along=number(math.log(10) * factor / 4),
        across=number(-math.log(10) / factor / 4),
    )


def _levels(S: Array, tol: float) -> Array:
    """Of each signal: log10 of the largest number, and of the least that counts; keys a decade; the least of all."""
    tiny = float(np.finfo(S.dtype).tiny)
    top = np.maximum(S.max(axis=1).astype(np.float64), 100 * tiny)
    least = np.clip(tol * top, 10 * tiny, top)
    high, low = np.log10(top), np.log10(least)
    # the largest is softer than what counts where all is silent
    low = np.where(S.max(axis=1) > 0, low, high + 1)
    scale = (KEYS - 1) / np.maximum(high - low, 1e-3)
    return np.stack([high, low, scale, 0.1 * least], axis=1).astype(S.dtype).reshape(-1)
