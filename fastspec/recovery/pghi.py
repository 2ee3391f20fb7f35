"""Phases from magnitudes in one pass: phase gradient heap integration, without the heap."""

import math

import numpy as np

from .._typing import Array
from ..kernels.fft.tables import lane_count
from ..kernels.recovery import pghi as kernels
from ..kernels.recovery.pghi import PghiArgs, PghiArrays
from ..kernels.recovery.watershed import N_KEYS
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..transform.magnitudes import range_of
from .phase import PhasePrefix, centre_phase, flatten_by_frames, gaussian_constant

BLOCK_BINS = 1 << 14
"""Bins of a block of frames: all its arrays stay in the second-level cache."""


def phases(plan: STFT, S: Array, *, tol: float, rng: np.random.Generator, prefix: PhasePrefix | None = None) -> Array:
    """Estimates of the phases of `plan.forward` from its magnitudes.

    With L = ln S, hop a, n_fft N and the window near exp(-pi t**2 / gamma) about its centre c, the phase about that
    centre has the derivatives

        d/df = 2 pi a k / N + (a N / gamma) dL/dk  per frame,    d/dk = -(gamma / (a N)) dL/df  per bin,

    taken by central differences and integrated by the trapezoid rule along the maximum spanning tree of
    `kernels.recovery.watershed`; phi[k, f] is that minus 2 pi c k / N.  Průša, Balazs & Søndergaard, IEEE/ACM TASLP 25
    (2017), 1154-1164, whose heap yields such a tree as well.  One bin of each connected component of bins that count
    has phase 0 about the window's centre; DC and Nyquist are 0 or pi.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 in the plan's dtype, in any order of memory.
    tol : float
        Bins up to tol times the largest of their signal do not count: they get a random phase.
    rng : np.random.Generator
        Draws one seed a signal.
    prefix : PhasePrefix
        Phases of the first frames, to which the components are rotated.

    Returns
    -------
    phase : np.ndarray [shape=(signals, n_bins, n_frames)]
        From -pi to pi, of the plan's dtype, the bins of a frame contiguous.
    """
    signals, bins, frames = S.shape
    out, dtype = np.empty((signals, frames, bins), plan.dtype), plan.dtype
    seeds = np.asarray(rng.integers(0, 1 << 32, signals, dtype=np.uint32))
    if out.size == 0:
        return out.swapaxes(1, 2)
    args = _args(plan, frames)
    items, scratch = signals * args.blocks, scratch_size(kernels.scratch_sizes(args, lane_count(dtype)))
    arrays = _allocate(plan, args, S, tol, seeds, out)
    record = kernels.LAYOUT.pack(arrays, args)
    run_items(kernels.integrate_block, dtype, items, record, work=2500 * out.size, scratch=scratch)
    arrays = _allocate_trees(arrays, args)
    record = kernels.LAYOUT.pack(arrays, args)
    run_items(kernels.join_blocks, dtype, signals, record, work=2000 * arrays.saddle_steps.size)
    if prefix is not None:
        _align_to_prefix(plan, S, prefix, args.rows, arrays, out)
    run_items(kernels.finish_block, dtype, items, record, work=80 * out.size)
    return out.swapaxes(1, 2)


def _allocate(plan: STFT, args: PghiArgs, S: Array, tol: float, seeds: Array, out: Array) -> PghiArrays:
    """The arrays of `integrate_block`; those of trees, whose sizes depend on its results, are unset."""
    signals, dtype, V, workers = len(out), plan.dtype, lane_count(plan.dtype), team_size()
    items, unset_ints, unset_reals = signals * args.blocks, np.zeros(0, np.int64), np.zeros(0, dtype)
    k = np.arange(args.width)
    half_advance = (np.pi * (k * (plan.hop_length % plan.n_fft) % plan.n_fft) / plan.n_fft).astype(dtype)
    return PghiArrays(
        S=flatten_by_frames(S),
        level_ranges=_level_ranges(range_of(S)[1], tol),
        half_advance=half_advance,
        int_scratch=np.empty(workers * kernels.int_scratch_size(args, V), np.int32),
        counts=np.zeros(2 * items, np.int64),
        boundary_keys=np.empty(items * args.bins, np.int32),
        boundary_steps=np.empty(items * args.bins, dtype),
        edges=np.empty(2 * items * args.max_saddles, np.int32),
        keys=np.empty(items * args.max_saddles, np.int32),
        steps=np.empty(items * args.max_saddles, dtype),
        components=np.empty(out.size, np.int32),
        phase=out.reshape(-1),
        starts=unset_ints,
        first_components=unset_ints,
        bucket_starts=np.empty(workers * (N_KEYS + 2), np.int64),
        saddle_components=np.zeros(0, np.int32),
        saddle_steps=unset_reals,
        roots=np.zeros(0, np.int32),
        tree_offsets=np.zeros(0, np.float64),
        phase_offsets=unset_reals,
        seeds=seeds,
        centre_phase=centre_phase(plan),
    )


def _allocate_trees(arrays: PghiArrays, args: PghiArgs) -> PghiArrays:
    """The same arrays, with those of trees for the components and saddles that `integrate_block` has counted."""
    signals, dtype = len(arrays.seeds), arrays.phase.dtype
    counts = arrays.counts.reshape(signals, args.blocks, 2)
    first_components = np.cumsum(counts[..., 0], axis=1) - counts[..., 0]
    totals = counts.sum(axis=1)
    totals[:, 1] += (arrays.boundary_keys.reshape(signals, -1) >= 0).sum(axis=1)
    starts = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(totals, axis=0)]).reshape(-1)
    n_components, n_saddles = int(starts[-2]), int(starts[-1])
    return arrays._replace(
        starts=starts,
        first_components=first_components.reshape(-1),
        saddle_components=np.empty(2 * n_saddles, np.int32),
        saddle_steps=np.empty(n_saddles, dtype),
        roots=np.empty(n_components, np.int32),
        tree_offsets=np.empty(n_components),
        phase_offsets=np.empty(n_components + 1, dtype),
    )


def _align_to_prefix(plan: STFT, S: Array, prefix: PhasePrefix, rows: int, arrays: PghiArrays, phase: Array) -> None:
    """Rotate the phases of each tree so that in the last frames of the prefix they fit its phases, weighted by S**2.

    The rotation of a tree is arg(sum of S**2 exp(i difference of phases)), and is added to the phase_offsets of its
    components.  `phase` is (signals, n_frames, n_bins), in blocks of `rows` frames.
    """
    count, components = prefix.phase.shape[2], arrays.components.reshape(phase.shape)
    frames = np.arange(max(0, count - prefix.n_fitted), count)
    begins, first_components = arrays.starts[:-2:2], arrays.first_components.reshape(len(phase), -1)
    counts = components[:, frames] >= 0
    counts[..., 0] = False  # DC and Nyquist are real
    if plan.n_fft % 2 == 0:
        counts[..., -1] = False
    indices = (components[:, frames] + (begins[:, None] + first_components[:, frames // rows])[..., None])[counts]
    roots = arrays.roots + np.repeat(begins, np.diff(arrays.starts[::2]))
    centre, offsets = np.broadcast_to(arrays.centre_phase, counts.shape), arrays.phase_offsets
    target = prefix.phase[:, :, frames].swapaxes(1, 2)[counts] + centre[counts]
    difference = target.astype(np.float64) - phase[:, frames][counts] - offsets[indices]
    weight = np.square(S[:, :, frames].swapaxes(1, 2)[counts], dtype=np.float64)
    n_components = len(arrays.roots)
    cosines, sines = (np.bincount(roots[indices], weight * f(difference), n_components) for f in (np.cos, np.sin))
    offsets[:n_components] += np.arctan2(sines, cosines)[roots].astype(offsets.dtype)


def _args(plan: STFT, frames: int) -> PghiArgs:
    """Sizes and factors for signals of `frames` frames."""
    bins, V = plan.n_bins, lane_count(plan.dtype)
    rows = min(frames, max(4, BLOCK_BINS // bins))
    factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
    return PghiArgs(
        bins=bins,
        frames=frames,
        blocks=-(-frames // rows),
        rows=rows,
        width=-(-bins // V) * V + 2,
        max_saddles=rows * bins // 2 + 1,
        odd=plan.n_fft % 2,
        frequency_factor=math.log(10) * factor / 4,
        time_factor=-math.log(10) / factor / 4,
    )


def _level_ranges(peaks: Array, tol: float) -> Array:
    """(signals, 4), flat: log10 of maximum and of the least magnitude that counts, keys a decade, least magnitude."""
    tiny = float(np.finfo(peaks.dtype).tiny)
    top = np.maximum(peaks.astype(np.float64), 100 * tiny)
    least = np.clip(tol * top, 10 * tiny, top)
    high, low = np.log10(top), np.log10(least)
    # silence: no bin counts
    low = np.where(peaks > 0, low, high + 1)
    scale = (N_KEYS - 1) / np.maximum(high - low, 1e-3)
    return np.stack([high, low, scale, 0.1 * least], axis=1).astype(peaks.dtype).reshape(-1)
