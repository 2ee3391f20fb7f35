"""Long signals in blocks of frames, one after the other: what came of the blocks before stays as it is.

    frames    ...[ context | block                        | ahead ]            of one block,
                                              [ context | block                        | ahead ]...   of the next

A block is recovered together with frames `ahead` of it, so that its end has a future, and with those before it, the
`context`, whose signal is known.  Phases begin where those of the known signal end: trees of `pghi` are turned so that
they fit them.  After each round the known signal is put back, and fades into the new one behind the seam, where what
was made of the frames ahead is an estimate of it.  So the seam is in the middle of frames that fit on both sides.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import checks
from .._typing import Real
from ..plan import STFT
from .engines import engine_of
from .phase import Known
from .rounds_scipy import AnyRounds
from .solve import Recipe, Watch, run

MARGIN = 16
"""Frames of context and frames ahead, as many times as overlap at a sample."""
FADE = 4
"""Frames' lengths over which the known signal fades."""
NUMBERS = 1 << 21
"""Magnitudes of a block, if their number is ours to choose; about thirty bytes of memory go with each."""
LONG = 1 << 23
"""Signals of more magnitudes are taken in blocks, if that is ours to choose; and no more of them at once."""


def reach_of(plan: STFT) -> int:
    """Frames that a sample is in."""
    return -(-plan.n_fft // plan.hop_length)


def margin_of(plan: STFT) -> int:
    """Frames of context, and frames ahead."""
    return MARGIN * reach_of(plan)


def block_of(plan: STFT) -> int:
    """Frames of a block, if their number is ours to choose."""
    return max(8 * margin_of(plan), NUMBERS // plan.n_bins)


def late_of(recipe: Recipe) -> int:
    """Frames beyond a block and those ahead of it that have to be there for a method that goes from frame to frame."""
    return recipe.running.options["look_ahead"] + reach_of(recipe.plan) if recipe.running else 0


def checked_block(plan: STFT, block: object) -> int:
    """Frames of a block, or what is to be used for "auto".

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or smaller than the margins of a block.
    """
    if isinstance(block, str):
        if block != "auto":
            raise ValueError(f"block must be a number of frames, None or 'auto', got {block!r}")
        return block_of(plan)
    frames, least = checks.as_int("block", block, 1), margin_of(plan)
    if frames < least:
        raise ValueError(f"block must be at least {MARGIN} ceil(n_fft / hop_length) = {least} frames, got {block!r}")
    return frames


class Held:
    """Rounds of a signal whose beginning is known."""

    def __init__(self, rounds: AnyRounds, known: Real, seam: int) -> None:
        """known : (samples,), of which those from `seam` on are an estimate."""
        self._rounds, number = rounds, rounds.plan.dtype.type
        self._known = known * number(rounds.scales[0])
        self._seam, size = seam, min(FADE * rounds.plan.n_fft, len(known) - seam, rounds.length - seam)
        self._fade = (np.cos(np.linspace(0, np.pi / 2, max(0, size))) ** 2).astype(known.dtype)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rounds, name)

    def hold(self, y: Real) -> None:
        """Put the known signal back, in y (1, samples)."""
        a, b = self._seam, self._seam + len(self._fade)
        y[0, :a] = self._known[:a]
        y[0, a:b] += self._fade * (self._known[a:b] - y[0, a:b])

    def step(self, now: Real, before: Real, out: Real, method: Any) -> None:
        """As of rounds."""
        self._rounds.step(now, before, out, method)
        self.hold(out)


class Blocks:
    """One signal, whose frames come in runs of any length: what is made does not depend on them.

    A method that goes from frame to frame, where a chain begins with one, goes through all of them as they come, and
    blocks begin with what it gives.

    Parameters
    ----------
    recipe : Recipe
    block : int
        Frames of a block; see `checked_block`.
    rng : np.random.Generator
    """

    def __init__(self, recipe: Recipe, block: int, rng: np.random.Generator) -> None:
        plan = recipe.plan
        rows = plan.n_bins if recipe.bank is None or recipe.cascade else len(recipe.bank)
        self._recipe, self._block, self._rng, self._margin = recipe, block, rng, margin_of(plan)
        self._late, self._engine = late_of(recipe), None
        if recipe.running is not None:
            self._engine = engine_of(plan, 1, recipe.running, rng, recipe.tolerance)
        self._frames = np.empty((block + 2 * self._margin + self._late, rows), plan.dtype)  # those that are held
        self._first = self._count = self._seam = 0  # number of the first, how many, the first whose signal is not known
        self._known = self._begun = np.zeros(0, plan.dtype)  # from where the first held stands; what the engine gives

    def push(self, M: Real) -> Iterator[Real]:
        """Takes frames (rows, any number); the samples (n,) of each block that is complete with them."""
        taken, plan, room = 0, self._recipe.plan, len(self._frames)
        if self._recipe.cascade:
            M = self._recipe.magnitudes(M[None])[0]
        while True:
            wanted = self._seam - self._first + self._block + self._margin
            some = min(wanted + self._late - self._count, M.shape[1] - taken, room)
            self._take(M[:, taken : taken + some])
            taken += some
            if self._count < wanted + self._late:
                return
            y, seam = self._made(plan.n_samples(wanted), wanted), (self._seam - self._first) * plan.hop_length
            yield y[seam : seam + plan.hop_length * self._block]
            self._advance(y)

    def finish(self, length: int) -> Real:
        """The rest (n,) of a signal of so many samples in all."""
        hop = self._recipe.plan.hop_length
        if not self._count or length <= self._seam * hop:
            return self._known[:0]
        if self._engine is not None:
            self._begun = np.concatenate([self._begun, self._engine.finish(length)[0]])
        return self._made(length - self._first * hop, self._count)[(self._seam - self._first) * hop :]

    def _take(self, M: Real) -> None:
        """More frames."""
        self._frames[self._count : self._count + M.shape[1]] = M.T
        self._count += M.shape[1]
        if self._engine is not None:
            self._begun = np.concatenate([self._begun, self._engine.push(M[None])[0]])

    def _advance(self, y: Real) -> None:
        """The next block, with y what was made of this one."""
        self._seam += self._block
        kept = max(0, self._seam - self._margin) - self._first
        samples = kept * self._recipe.plan.hop_length
        self._frames[: self._count - kept] = self._frames[kept : self._count].copy()
        self._first, self._count = self._first + kept, self._count - kept
        self._known, self._begun = y[samples:].copy(), self._begun[samples:].copy()

    def _made(self, length: int, count: int) -> Real:
        """The signal (length,) of the first `count` frames that are held."""
        M, recipe = self._frames[:count].T[None], self._recipe
        if not length:
            return self._known[:0]
        if not isinstance(recipe.init, str):
            recipe = recipe._replace(init=recipe.init[:, :, self._first : self._first + count])
        S = M if recipe.cascade else recipe.magnitudes(M)
        rounds: Any = recipe.rounds(M, S, length)
        scale, seam = M.dtype.type(rounds.scales[0]), (self._seam - self._first) * recipe.plan.hop_length
        if self._engine is None:
            y, stages = recipe.begin(rounds, S, self._rng, self._phases() if seam else None)
        else:
            y, stages = self._begun[None, :length] * scale, recipe.stages[1:]
        if seam:
            rounds = Held(rounds, self._known[:length], seam)
            rounds.hold(y)
        y = run(rounds, y, stages, Watch(rounds, (), None, None, False))
        made: Real = y[0] * (1 / scale)
        return made

    def _phases(self) -> Known:
        """Of the frames that are held, as far as the signal is known and, behind the seam, nearly final."""
        plan = self._recipe.plan
        reach = reach_of(plan)
        count = min(self._seam - self._first + reach, self._count)
        D = plan.forward(self._known[: plan.n_samples(count + reach)])[:, :count]
        phase: Real = np.angle(D).astype(plan.dtype, copy=False)
        return Known(phase[None], 2 * reach)


def generators(seed: Any, signals: int) -> list[np.random.Generator]:
    """One for each signal, whatever the others take from theirs."""
    base = int(np.random.default_rng(seed).integers(1 << 63))
    return [np.random.default_rng([base, b]) for b in range(signals)]


class Signals:
    """Signals side by side, each in `Blocks` of its own, which have the same arguments."""

    def __init__(self, recipe: Recipe, block: int, seed: Any, signals: int) -> None:
        self._each = [Blocks(recipe, block, rng) for rng in generators(seed, signals)]
        self._dtype, self._step = recipe.plan.dtype, block * recipe.plan.hop_length
        self._block, self._ahead = block, margin_of(recipe.plan) + late_of(recipe)

    def ready(self, frames: int) -> int:
        """See `engines.Engine`."""
        return max(0, (frames - self._ahead) // self._block) * self._step

    def slowest(self) -> int:
        """See `engines.Engine`."""
        return self._block + self._ahead - 1

    def push(self, M: Real, out: Real | None = None) -> Real:
        """The next frames (signals, rows, any number), and the samples (signals, n) that are final with them."""
        none = np.zeros(0, self._dtype)
        return np.stack([np.concatenate([none, *one.push(part)]) for one, part in zip(self._each, M, strict=True)])

    def finish(self, length: int | None = None) -> Real:
        """The rest of signals of so many samples."""
        assert length is not None
        return np.stack([one.finish(length) for one in self._each])
