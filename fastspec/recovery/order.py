"""What is asked of a recovery beside its method: where the signals go, and what is to be told of them."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..spectrum import STFT
from .blocks import LONG, Blocks, checked_block, generators
from .engines import Engine, engine_of
from .recipe import Recipe
from .walk import Tell, Watch, run

Real = NDArray[np.floating]
Seed = int | np.random.Generator | np.random.SeedSequence | None


class Recovered(NamedTuple):
    """What `recover` tells beside the signal.

    Attributes
    ----------
    convergence : np.ndarray [shape=(rounds + 1, ...)]
        20 log10 (||L - S|| / ||S||) in dB for the levels L of each signal, at the start and after every round; what
        RTISI gives is a start.
    rounds : int
        How many were done.
    phase : np.ndarray [shape=(..., n_bins, n_frames)]
        Of STFT(y), in radians.
    """

    convergence: NDArray[np.float64]
    rounds: int
    phase: Real


class Order:
    """Where the signals of magnitudes (..., rows, frames) go, and what is to be told of them."""

    def __init__(
        self,
        name: str,
        plan: STFT,
        levels: NDArray[Any],
        length: int | None,
        out: Real | None,
        tol: float | None,
        callback: Tell | None,
        return_info: bool,
    ) -> None:
        self.name, self.plan, self.levels = name, plan, levels
        self.leading, frames = levels.shape[:-2], levels.shape[-1]
        self.length = plan.n_samples(frames) if length is None else checks.whole("length", length, 0)
        if self.length and plan.n_frames(self.length) != frames:
            raise ValueError(f"length={length} gives {plan.n_frames(self.length)} frames, but {name} has {frames}")
        self.out = checks.output("out", out, (*self.leading, self.length), plan.dtype, "C", levels)
        self.tol = None if tol is None else checks.finite_number("tol", tol)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be a function of (round, convergence), got {callback!r}")
        self.tell, self.return_info = callback, return_info
        self.watched = tol is not None or callback is not None or return_info
        if not plan.invertible:
            warnings.warn(
                f"hop_length {plan.hop_length} is too large for the window, so that {name} does not tell all samples",
                UserWarning,
                stacklevel=3,
            )

    def filled(self, recipe: Recipe, seed: Seed, block: int | str | None) -> Any:
        """The result; phases of `recipe.init` have the leading axes of the levels."""
        rng, frames = np.random.default_rng(seed), None if block is None else checked_block(self.plan, block)
        if block == "auto" and (self.watched or self.plan.n_bins * self.levels.shape[-1] <= LONG):
            frames = None
        if frames is not None and self.watched:
            raise ValueError(f"block must be left out where the convergence is asked for, got {block!r}")
        if self.watched:
            return self._whole(recipe, slice(None), rng)
        if frames is None:
            one = self.plan.n_bins * prod(self.levels.shape[1:-2]) * self.levels.shape[-1]
            many = max(1, LONG // max(1, one)) if self.leading else 1
            for a in range(0, self.leading[0] if self.leading else 1, many):
                self._whole(recipe, slice(a, a + many) if self.leading else slice(None), rng)
            return self.out
        if recipe.running and len(recipe.stages) == 1:
            for where in np.ndindex(self.leading):
                engine = engine_of(self.plan, 1, recipe.running, rng, recipe.tolerance)
                self._one(partial(_pushed, engine, recipe), engine, recipe, where, frames)
            return self.out
        for where, one in zip(np.ndindex(self.leading), generators(rng, prod(self.leading)), strict=True):
            init = recipe.init if isinstance(recipe.init, str) else recipe.init[where][None]
            blocks = Blocks(recipe._replace(init=init), frames, one)
            self._one(blocks.push, blocks, recipe, where, frames)
        return self.out

    def _one(
        self, push: Callable[[Real], Iterable[Real]], maker: Any, recipe: Recipe, where: tuple[int, ...], some: int
    ) -> None:
        """One signal; its frames are looked at before anything is written, and again as they are used."""
        levels, out, at = self.levels[where], self.out[where], 0
        parts = range(0, levels.shape[-1], some)
        for a in parts:
            recipe.levels(self.name, levels[..., a : a + some], where, a)
        for a in parts:
            for y in push(recipe.levels(self.name, levels[..., a : a + some])):
                out[at : at + len(y)] = y
                at += len(y)
        out[at:] = np.reshape(maker.finish(self.length), -1)

    def _whole(self, recipe: Recipe, part: slice, rng: np.random.Generator) -> Any:
        """The signals of part of the first axis, and of all what is told of them, if anybody wants to know."""
        M, out = recipe.levels(self.name, self.levels[part]), self.out[part]
        M = M.reshape(-1, *M.shape[-2:])
        if not isinstance(recipe.init, str):
            recipe = recipe._replace(init=recipe.init[part].reshape(len(M), recipe.plan.n_bins, -1))
        S = recipe.magnitudes(M)
        if not S.any() or not self.length:
            out[...] = 0
            return self._told([np.full(self.leading, -np.inf)], 0)
        rounds = recipe.rounds(M, S, self.length)
        y, stages = recipe.begin(rounds, S, rng)
        watch = Watch(rounds, self.leading, self.tol, self.tell, self.return_info)
        y = run(rounds, y, stages, watch)
        scales = (1 / rounds.scales).reshape(*out.shape[:-1], 1).astype(y.dtype)
        np.multiply(y.reshape(out.shape), scales, out=out)
        return self._told(watch.found, watch.count)

    def _told(self, found: list[NDArray[np.float64]], rounds: int) -> Any:
        if not self.return_info:
            return self.out
        frames_of = self.plan.forward(self.out) if self.length else np.zeros((*self.leading, self.plan.n_bins, 1))
        phase: Real = np.angle(frames_of).astype(self.plan.dtype, copy=False)
        return self.out, Recovered(np.array(found), rounds, phase)


def _pushed(engine: Engine, recipe: Recipe, M: Real) -> list[Real]:
    """What an engine makes of the frames M (rows, any number) of one signal."""
    return [engine.push(recipe.magnitudes(M[None]))[0]]
