"""From magnitudes to signals: S -> y."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Real
from ..plan import STFT
from . import starts
from .blocks import LONG, Blocks, checked_block, generators
from .engines import Engine, engine_of
from .methods import Chain, Stage, fast, stages_of
from .rounds_scipy import rounds_of
from .solve import Recipe, Tell, Watch, near_one, run

TOLERANCE = 1e-3
"""Of PGHI by default; see `pghi.phases`."""


Seed = int | np.random.Generator | np.random.SeedSequence | None


def recover(
    S: ArrayLike,
    plan: STFT,
    *,
    method: Chain = "accelerated",
    init: str | ArrayLike = "auto",
    n_iter: int | str = "auto",
    rng: Seed = None,
    length: int | None = None,
    tol: float | None = None,
    callback: Tell | None = None,
    return_info: bool = False,
    out: Real | None = None,
    tolerance: float = TOLERANCE,
    block: int | str | None = "auto",
    **options: Any,
) -> Any:
    """Signals whose spectrograms have given magnitudes: y with |STFT(y)| near S.

    A round is one projection onto the spectra of signals, P1(c) = STFT(ISTFT(c)), and one onto those with magnitudes S,
    P2(c) = S c / |c|.

    Parameters
    ----------
    S : np.ndarray [shape=(..., n_bins, n_frames)]
        Magnitudes >= 0, as `plan.power(y, power=1)` gives them.
    plan : STFT
        The transform that they are of; its dtype is that of the result.
    method : str or list of tuple
        "griffinlim"   t' = P1(P2(t)) (Griffin & Lim 1984)
        "fast"         the same from t + momentum (t - t_before), momentum=0.99 (Perraudin et al. 2013)
        "accelerated"  with two such steps, alpha=1.05, beta=1.35, gamma=1.25 (Nenov et al. 2023)
        "admm"         alternating directions (Masuyama et al. 2019)
        "raar"         relaxed averaged reflections, beta=0.75 (Luke 2005; Peer et al. 2022)
        "rtisi"        frame by frame, with look_ahead=3 frames (Zhu et al. 2007); has no start
        "rtpghi"       frame by frame, by the phase's gradient, with look_ahead=1 frame or 0 (Průša & Søndergaard 2016);
                       has neither start nor rounds
        "best"         the best that takes about a second for a minute of sound
        a chain        such as [("raar", 10), ("accelerated", 5, {"alpha": 1.1})]: one after another
        The formulas are those of `recovery.methods`, `recovery.rtisi` and `recovery.rtpghi`.
    init : str or np.ndarray
        Phases to begin with: "pghi" ("auto"; see `recovery.pghi`; as long as about eight rounds), "spsi"
        (`recovery.spsi`), "offset" (`recovery.offset_start`), "random" (those of white noise), "zero", or an array like
        S of phases in radians or of complex numbers, whose phases are taken.
    n_iter : int
        Rounds; by default as many as take a tenth of a second for a minute of sound with the default method.
    rng : int, np.random.Generator or what np.random.default_rng takes
        Who draws the phases of "random", and those of "pghi" and "rtpghi" below the tolerance.
    length : int
        Samples of the result, as many as give n_frames frames; plan.n_samples(n_frames) by default.
    tol : float
        Stop where a round gains less than so many dB of convergence.  Whoever wants to know the convergence (tol,
        callback, return_info) waits about half a round longer for each round.
    callback : callable
        callback(round, convergence) after each round, with dB (an array for several signals); stops if it says True.
    return_info : bool
        Whether a `Recovered` is returned, too.
    out : np.ndarray [shape=(..., length)]
        Where to write the result.
    tolerance : float
        Of "pghi" and "rtpghi": bins so far below the loudest (of all frames, of two) have phases of no importance;
        smaller is slower and better.
    block : int, "auto" or None
        Frames that are recovered at a time, each run of them upon what is known of the ones before (see
        `recovery.blocks`); None: all.  "auto" takes long signals, of more than 2**23 magnitudes, in blocks of 2**21,
        so that the memory needed beside S and y does not grow with them (60 MB).  S and `out` may then be
        memory maps; S is converted block by block.  Where the convergence is asked for, "auto" takes all.
    **options
        Parameters of the method.

    Returns
    -------
    y : np.ndarray [shape=(..., length)]
        In plan.dtype; the same bits for any number of threads.
    info : Recovered
        If return_info.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; the error names it.

    Warns
    -----
    UserWarning
        If the window and the hop of the plan leave samples that no frame tells of.

    Examples
    --------
    >>> plan = fastspec.STFT(1024, hop_length=256)
    >>> y = fastspec.recover(plan.power(x, power=1), plan)
    >>> y, info = fastspec.recover(S, plan, method="best", rng=0, return_info=True)
    """
    stages = stages_of(method, n_iter, options)
    magnitudes = checks.as_level_array("S", S, plan.n_bins)
    order = Order("S", plan, magnitudes, length, out, tol, callback, return_info)
    start = begin("init", init, magnitudes.shape, stages)
    return order.filled(Recipe(plan, stages, start, share("tolerance", tolerance)), rng, block)


def griffin_lim(
    plan: STFT, S: Real, start: NDArray[Any], *, n_iter: int, momentum: float, length: int | None = None
) -> Real:
    """Signals after n_iter rounds of (fast) Griffin-Lim from complex spectra `start`, all (..., n_bins, n_frames).

    Raises
    ------
    ValueError
        If `length` does not give as many frames as S has.
    """
    size = plan.n_samples(S.shape[-1]) if length is None else length
    if not size:
        return np.empty((*S.shape[:-2], 0), plan.dtype)
    if n_iter > 0 and plan.n_frames(size) != S.shape[-1]:
        raise ValueError(f"length={size} gives {plan.n_frames(size)} frames, but S has {S.shape[-1]}")
    y = plan.inverse(start, length=size, warn=False)
    if n_iter == 0 or not S.size:
        return y
    flat, signals = S.reshape(-1, *S.shape[-2:]), y.reshape(-1, size)
    scales = near_one(flat)
    signals *= scales[:, None].astype(plan.dtype)
    rounds = rounds_of(plan, flat, size, scales=scales)
    signals = run(rounds, signals, [Stage("fast", n_iter, fast(momentum))], Watch(rounds, (), None, None, False))
    signals *= (1 / scales)[:, None].astype(plan.dtype)
    return signals.reshape(y.shape)


def share(name: str, value: object) -> float:
    """A number from 0 to below 1."""
    number = checks.as_finite(name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")
    return number


def begin(name: str, init: str | ArrayLike, shape: tuple[int, ...], stages: list[Stage]) -> str | NDArray[Any]:
    """What to begin with, where it is a start's name or an array of this shape."""
    named = isinstance(init, str)
    if stages and stages[0].step is None and not (named and init == "auto"):
        raise ValueError(f"{name} must be left out for method={stages[0].name!r}, which has no start, got {init!r}")
    if named and init == "auto":
        return "pghi"
    if named and init not in starts.STARTS:
        raise ValueError(f"{name} must be an array of phases or one of {', '.join(starts.STARTS)}, got {init!r}")
    if named:
        return str(init)
    phases = checks.as_array(name, init)
    if phases.dtype.kind not in "fciu" or phases.shape != shape:
        raise ValueError(f"{name} must be real or complex like S, of shape {shape}, got {phases.dtype} {phases.shape}")
    for a in range(0, shape[-1], 1 << 12):
        if not np.isfinite(phases[..., a : a + (1 << 12)]).all():
            raise ValueError(f"{name} must be finite")
    return phases


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
        self.length = plan.n_samples(frames) if length is None else checks.as_int("length", length, 0)
        if self.length and plan.n_frames(self.length) != frames:
            raise ValueError(f"length={length} gives {plan.n_frames(self.length)} frames, but {name} has {frames}")
        self.out = checks.output_array("out", out, (*self.leading, self.length), plan.dtype, "C", levels)
        self.tol = None if tol is None else checks.as_finite("tol", tol)
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
