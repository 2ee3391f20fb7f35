"""Long signals in blocks of frames, one after another: samples of earlier blocks do not change any more.

    frames    ...[ context | block                        | ahead ]            of one block,
                                              [ context | block                        | ahead ]...   of the next

A block is recovered together with the frames `ahead` of it, so that its end has a future, and with those before it, the
`context`, whose signal is final.  Its phases begin where those of the final signal end: trees of `pghi` are rotated to
fit them.  After each round the final signal is restored, and fades into the new one behind the seam, where the block
before gave an estimate of it.  So the seam is in the middle of frames that fit on both sides.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from math import prod
from typing import Any, Protocol

import numpy as np

from .. import checks
from .._typing import Real
from ..plan import STFT
from .engines import make_engine
from .phase import PhasePrefix
from .solve import Anchor, Problem, Start, Target, solve, start_from

MARGIN_OVERLAPS = 16
"""Frames of context, and frames ahead, in units of the frames that overlap at a sample."""
FADE_FRAME_LENGTHS = 4
"""Over so many times n_fft samples the final signal fades into the new one."""
BLOCK_BINS = 1 << 21
"""Bins (of all its frames) of a block by default; about thirty bytes of memory go with each."""
MAX_WHOLE_BINS = 1 << 23
"""Longer signals are recovered in blocks by default; and no more bins of several signals at once."""


def count_overlaps(plan: STFT) -> int:
    """Frames that a sample is in: ceil(n_fft / hop_length)."""
    return -(-plan.n_fft // plan.hop_length)


def margin_frames(plan: STFT) -> int:
    """Frames of context, and frames ahead."""
    return MARGIN_OVERLAPS * count_overlaps(plan)


def default_block_frames(plan: STFT) -> int:
    """Frames of a block by default."""
    return max(8 * margin_frames(plan), BLOCK_BINS // plan.n_bins)


def online_delay(problem: Problem) -> int:
    """Frames that an online stage needs beyond a block and those ahead of it before their signal is final."""
    stage = problem.online_stage
    return stage.options["look_ahead"] + count_overlaps(problem.plan) if stage else 0


def check_block(plan: STFT, block: object) -> int:
    """Frames of a block, by default for "auto".

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or smaller than the margins of a block.
    """
    if isinstance(block, str):
        if block != "auto":
            raise ValueError(f"block must be a number of frames, None or 'auto', got {block!r}")
        return default_block_frames(plan)
    frames, least = checks.as_int("block", block, 1), margin_frames(plan)
    if frames < least:
        raise ValueError(
            f"block must be at least {MARGIN_OVERLAPS} ceil(n_fft / hop_length) = {least} frames, got {block!r}"
        )
    return frames


class Solver(Protocol):
    """Recovers one signal, whose frames come in blocks of any length; its samples do not depend on these."""

    def push(self, M: Real) -> Iterable[Real]:
        """Samples (n,) that become final with the next frames, levels M (rows, m); several times any number."""

    def finish(self, length: int) -> Real:
        """The rest (n,) of a signal of `length` samples in all."""


class OnlineSolver:
    """One signal by an online method."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        assert problem.online_stage is not None
        self._to_magnitudes = problem.to_magnitudes
        self._engine = make_engine(
            problem.plan, 1, problem.online_stage, rng, problem.tolerance, limits_ends=problem.limits_ends
        )

    def push(self, M: Real) -> Iterable[Real]:
        """See `Solver`."""
        return [self._engine.push(self._to_magnitudes(M[None]))[0]]

    def finish(self, length: int) -> Real:
        """See `Solver`."""
        return self._engine.finish(length)[0]


class BlockSolver:
    """One signal, block by block.

    An online method that begins a chain takes all frames as they come, and the blocks start from its signal.

    Parameters
    ----------
    problem : Problem
        Of one signal.
    block : int
        Frames of a block; see `check_block`.
    rng : np.random.Generator
    """

    def __init__(self, problem: Problem, block: int, rng: np.random.Generator) -> None:
        plan = self._plan = problem.plan
        self._invert = problem.to_magnitudes if problem.is_cascade else None
        self._problem = problem = problem.of_magnitudes() if problem.is_cascade else problem
        self._block, self._rng, self._margin = block, rng, margin_frames(plan)
        self._delay, stage = online_delay(problem), problem.online_stage
        self._engine = None
        if stage is not None:
            limits_ends = problem.limits_ends
            self._engine = make_engine(plan, 1, stage, rng, problem.tolerance, limits_ends=limits_ends)
        # the window of frames that are kept: M[:count], of which the first is frame `first` of the signal
        self._M = np.empty((block + 2 * self._margin + self._delay, problem.n_rows), plan.dtype)
        self._first = self._count = 0
        self._seam = 0  # the first frame whose signal is not final
        # samples from frame `first` on: final ones and, behind the seam, an estimate; and those of the engine
        self._y = self._y_online = np.zeros(0, plan.dtype)

    def push(self, M: Real) -> Iterator[Real]:
        """The samples (n,) of each block that is complete with the next frames, levels M (rows, m)."""
        if self._invert is not None:
            M = self._invert(M[None])[0]
        n_taken, hop = 0, self._plan.hop_length
        while True:
            needed = self._seam - self._first + self._block + self._margin
            n_new = min(needed + self._delay - self._count, M.shape[1] - n_taken, len(self._M))
            self._append(M[:, n_taken : n_taken + n_new])
            n_taken += n_new
            if self._count < needed + self._delay:
                return
            y, seam = self._solve(self._plan.n_samples(needed), needed), (self._seam - self._first) * hop
            yield y[seam : seam + hop * self._block]
            self._shift(y)

    def finish(self, length: int) -> Real:
        """The rest (n,) of a signal of `length` samples in all."""
        hop = self._plan.hop_length
        if not self._count or length <= self._seam * hop:
            return self._y[:0]
        if self._engine is not None:
            self._y_online = np.concatenate([self._y_online, self._engine.finish(length)[0]])
        return self._solve(length - self._first * hop, self._count)[(self._seam - self._first) * hop :]

    def _append(self, M: Real) -> None:
        """Take more frames."""
        self._M[self._count : self._count + M.shape[1]] = M.T
        self._count += M.shape[1]
        if self._engine is not None:
            self._y_online = np.concatenate([self._y_online, self._engine.push(M[None])[0]])

    def _shift(self, y: Real) -> None:
        """Go on to the next block after one with the signal y; drop the frames before its context."""
        self._seam += self._block
        n_dropped = max(0, self._seam - self._margin) - self._first
        n_samples = n_dropped * self._plan.hop_length
        self._M[: self._count - n_dropped] = self._M[n_dropped : self._count].copy()
        self._first, self._count = self._first + n_dropped, self._count - n_dropped
        self._y, self._y_online = y[n_samples:].copy(), self._y_online[n_samples:].copy()

    def _solve(self, length: int, n_frames: int) -> Real:
        """The signal (length,) of the first `n_frames` frames that are kept."""
        if not length:
            return self._y[:0]
        M, problem = self._M[:n_frames].T[None], self._problem
        if not isinstance(problem.init, str):
            problem = problem._replace(init=problem.init[:, :, self._first : self._first + n_frames])
        target = Target.of(M, problem.to_magnitudes(M), length)
        seam = (self._seam - self._first) * self._plan.hop_length
        start: Start
        if self._engine is not None:
            start = start_from(self._y_online[None, :length])
        else:
            prefix = self._phase_prefix() if seam else None
            start = partial(problem.start, S=target.magnitudes, rng=self._rng, prefix=prefix)
        anchor = Anchor(self._y[:length], seam, FADE_FRAME_LENGTHS * self._plan.n_fft) if seam else None
        return solve(problem, target, start, anchor=anchor)[0]

    def _phase_prefix(self) -> PhasePrefix:
        """Phases of the frames that are kept, as far as their signal is final or, behind the seam, nearly so."""
        overlaps = count_overlaps(self._plan)
        n_frames = min(self._seam - self._first + overlaps, self._count)
        D = self._plan.forward(self._y[: self._plan.n_samples(n_frames + overlaps)])[:, :n_frames]
        phase: Real = np.angle(D).astype(self._plan.dtype, copy=False)
        return PhasePrefix(phase[None], 2 * overlaps)


def spawn_generators(seed: Any, signals: int) -> list[np.random.Generator]:
    """A generator for each signal, independent of what is drawn for the others."""
    base = int(np.random.default_rng(seed).integers(1 << 63))
    return [np.random.default_rng([base, b]) for b in range(signals)]


def make_solvers(
    problem: Problem, block: int, rng: np.random.Generator, leading: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], Solver]]:
    """(index, solver) of each signal, one after another; all but online ones draw from generators of their own."""
    if problem.is_online:
        yield from ((index, OnlineSolver(problem, rng)) for index in np.ndindex(leading))
        return
    for index, own in zip(np.ndindex(leading), spawn_generators(rng, prod(leading)), strict=True):
        yield index, BlockSolver(problem.of_signal(index), block, own)


class BlockEngine:
    """The `Engine` of signals in blocks: a `BlockSolver` for each."""

    def __init__(self, problem: Problem, block: int, seed: Any, signals: int) -> None:
        self._solvers = [BlockSolver(problem, block, rng) for rng in spawn_generators(seed, signals)]
        self._dtype, self._block_samples = problem.plan.dtype, block * problem.plan.hop_length
        self._block, self._ahead = block, margin_frames(problem.plan) + online_delay(problem)

    def n_final(self, n_frames: int) -> int:
        """See `engines.Engine`."""
        return max(0, (n_frames - self._ahead) // self._block) * self._block_samples

    def n_frames_at_latency(self) -> int:
        """See `engines.Engine`."""
        return self._block + self._ahead - 1

    def push(self, M: Real, out: Real | None = None) -> Real:
        """The samples (signals, n) that are final with the next frames, levels M (signals, rows, m)."""
        none = np.zeros(0, self._dtype)
        pairs = zip(self._solvers, M, strict=True)
        return np.stack([np.concatenate([none, *solver.push(rows)]) for solver, rows in pairs])

    def finish(self, length: int | None = None) -> Real:
        """The rest of signals of `length` samples."""
        assert length is not None
        return np.stack([solver.finish(length) for solver in self._solvers])
