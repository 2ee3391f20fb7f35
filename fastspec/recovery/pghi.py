"""Phases from magnitudes in one pass: phase gradient heap integration, without the heap."""

import math

import numpy as np

from .._typing import Array
from ..kernels.fft.tables import lane_count
from ..kernels.recovery import pghi as kernels
from ..kernels.recovery.pghi import PghiArgs, PghiArrays
from ..kernels.recovery.watershed import KEYS
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from .phase import PhasePrefix, by_frames, gaussian_constant, turn_of_middle

BLOCK_BINS = 1 << 14
"""Bins of a block of frames: what is known of them stays in the second-level cache."""


def phases(plan: STFT, S: Array, *, tol: float, rng: np.random.Generator, prefix: PhasePrefix | None = None) -> Array:
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
    seeds = np.asarray(rng.integers(0, 1 << 32, signals, dtype=np.uint32))
    if out.size == 0:
        return out.swapaxes(1, 2)
    args, V, workers = _args(plan, frames), lane_count(dtype), team_size()
    items, bases, none = signals * args.blocks, np.zeros(0, np.int64), np.zeros(0, dtype)
    k = np.arange(args.width)
    advance = (np.pi * (k * (plan.hop_length % plan.n_fft) % plan.n_fft) / plan.n_fft).astype(dtype)
    arrays = PghiArrays(
        S=flat,
        tops=_levels(flat.reshape(signals, -1), tol),
        advance=advance,
        ints=np.empty(workers * kernels.int_scratch_size(args, V), np.int32),
        counts=np.zeros(2 * items, np.int64),
        seams=np.empty(items * bins, np.int32),
        seam_steps=np.empty(items * bins, dtype),
        edges=np.empty(2 * items * args.most, np.int32),
        keys=np.empty(items * args.most, np.int32),
        steps=np.empty(items * args.most, dtype),
        components=np.empty(out.size, np.int32),
        phase=out.reshape(-1),
        starts=bases,
        bases=bases,
        heads=np.empty(workers * (KEYS + 2), np.int64),
        ends=np.zeros(0, np.int32),
        tree_steps=none,
        trees=np.zeros(0, np.int32),
        tree_offsets=np.zeros(0, np.float64),
        phase_offsets=none,
        seeds=seeds,
        middle=turn_of_middle(plan),
    )
    scratch, record = scratch_size(kernels.scratch_sizes(args, V)), kernels.LAYOUT.pack(arrays, args)
    run_items(kernels.grow_block, dtype, items, record, work=200 * flat.size, scratch=scratch)
    counts = arrays.counts.reshape(signals, args.blocks, 2)
    bases = np.cumsum(counts[..., 0], axis=1) - counts[..., 0]
    totals = counts.sum(axis=1)
    totals[:, 1] += (arrays.seams.reshape(signals, -1) >= 0).sum(axis=1)
    starts = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(totals, axis=0)]).reshape(-1)
    count, saddles = int(starts[-2]), int(starts[-1])
    arrays = arrays._replace(
        starts=starts,
        bases=bases.reshape(-1),
        ends=np.empty(2 * saddles, np.int32),
        tree_steps=np.empty(saddles, dtype),
        trees=np.empty(count, np.int32),
        tree_offsets=np.empty(count),
        phase_offsets=np.empty(count + 1, dtype),
    )
    record = kernels.LAYOUT.pack(arrays, args)
    run_items(kernels.grow_tree, dtype, signals, record, work=100 * saddles)
    if prefix is not None:
        _fit(plan, S, prefix, args.rows, bases, arrays, out)
    run_items(kernels.finish_block, dtype, items, record, work=20 * out.size)
    return out.swapaxes(1, 2)


def _fit(plan: STFT, S: Array, prefix: PhasePrefix, rows: int, bases: Array, arrays: PghiArrays, phase: Array) -> None:
    """Shifts the phase of each tree so that its bins in the last frames of the prefix fit theirs, loud ones above all.

    Of signal i block b's components begin at starts[2 i] + bases[i, b] in trees, the first of whose tree each names,
    and in phase_offsets; `phase` is (signals, n_frames, n_bins).
    """
    count, components = prefix.phase.shape[2], arrays.components.reshape(phase.shape)
    frames = np.arange(max(0, count - prefix.n_fitted), count)
    begins = arrays.starts[:-2:2]
    counts = components[:, frames] >= 0
    counts[..., 0] = False  # DC and Nyquist are real
    if plan.n_fft % 2 == 0:
        counts[..., -1] = False
    indices = (components[:, frames] + (begins[:, None] + bases[:, frames // rows])[..., None])[counts]
    first_of = arrays.trees + np.repeat(begins, np.diff(arrays.starts[::2]))
    middle, offsets = np.broadcast_to(arrays.middle, counts.shape), arrays.phase_offsets
    ahead = prefix.phase[:, :, frames].swapaxes(1, 2)[counts] + middle[counts]
    gap = ahead.astype(np.float64) - phase[:, frames][counts] - offsets[indices]
    weight = np.square(S[:, :, frames].swapaxes(1, 2)[counts], dtype=np.float64)
    trees = len(arrays.trees)
    cosines, sines = (np.bincount(first_of[indices], weight * f(gap), trees) for f in (np.cos, np.sin))
    offsets[:trees] += np.arctan2(sines, cosines)[first_of].astype(offsets.dtype)


def _args(plan: STFT, frames: int) -> PghiArgs:
    bins, V = plan.n_bins, lane_count(plan.dtype)
    rows = min(frames, max(4, BLOCK_BINS // bins))
    factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
    return PghiArgs(
        bins=bins,
        frames=frames,
        blocks=-(-frames // rows),
        rows=rows,
        width=-(-bins // V) * V + 2,
        most=rows * bins // 2 + 1,
        odd=plan.n_fft % 2,
        frequency_factor=math.log(10) * factor / 4,
        time_factor=-math.log(10) / factor / 4,
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
