"""From magnitudes to signals: S -> y."""

from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Array, Complex, Real
from ..kernels.fft.sizes import names_instead
from ..kernels.runtime.ahead import announce
from ..plan import STFT, as_plan
from . import starts
from .blocks import MAX_WHOLE_BINS, check_block, make_solvers
from .methods import Chain, Stage, fast, parse_stages
from .solve import (
    TOLERANCE,
    Callback,
    ConvergenceMonitor,
    Problem,
    Target,
    least_and_most,
    solve,
    start_from,
    warn_unless_invertible,
)

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
    callback: Callback | None = None,
    return_info: bool = False,
    out: Real | None = None,
    tolerance: float = TOLERANCE,
    block: int | str | None = "auto",
    limit_ends: bool = True,
    **options: Any,
) -> Any:
    """Phase recovery: signals y with |STFT(y)| near S.

    A round is one projection onto the consistent spectra, which are spectra of signals, P1(c) = STFT(ISTFT(c)), and one
    onto those with magnitudes S, P2(c) = S c / |c|.

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
        a chain        such as [("raar", 10), ("accelerated", 5, {"alpha": 1.1})]: methods in succession
        The formulas are those of `recovery.methods`, `recovery.rtisi` and `recovery.rtpghi`.
    init : str or np.ndarray
        Phases to begin with: "pghi" ("auto"; see `recovery.pghi`; as long as about eight rounds), "spsi"
        (`recovery.spsi`), "offset" (`recovery.shifted`), "random" (those of white noise), "zero", or an array like
        S of phases in radians or of complex numbers, whose phases are taken.
    n_iter : int
        Rounds; by default as many as take a tenth of a second for a minute of sound with the default method.
    rng : int, np.random.Generator or anything that np.random.default_rng takes
        Draws the phases of "random", and those of "pghi" and "rtpghi" below the tolerance.
    length : int
        Samples of the result, as many as give n_frames frames; plan.n_samples(n_frames) by default.
    tol : float
        Stop where a round gains less than so many dB of convergence.  Measuring the convergence (for tol, callback or
        return_info) takes about half a round for each round.
    callback : callable
        callback(round, convergence) after each round, with dB (an array for several signals); stops if it returns True.
    return_info : bool
        Whether a `Recovered` is returned, too.
    out : np.ndarray [shape=(..., length)]
        Where to write the result.
    tolerance : float
        Of "pghi" and "rtpghi": bins below so many times the loudest (of all frames, of two) get random phases; smaller
        is slower and better.
    block : int, "auto" or None
        Frames that are recovered at a time, each block going on from the signal of the one before (see
        `recovery.blocks`); None: all.  "auto" takes long signals, of more than 2**23 magnitudes, in blocks of 2**21,
        so that the memory needed beside S and y does not grow with them (60 MB).  S and `out` may then be
        memory maps; S is converted block by block.  Where the convergence is measured, "auto" takes all.
    limit_ends : bool
        Whether samples at the ends, where few frames overlap, are limited in each round to twice the rms of the first
        or last frame; else they may be thousands of times as loud as the signal.  See `transform.ends`.
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
        If the window and the hop of the plan violate NOLA: some samples cannot be reconstructed.

    Examples
    --------
    >>> plan = fastspec.STFT(1024, hop_length=256)
    >>> y = fastspec.recover(plan.power(x, power=1), plan)
    >>> y, info = fastspec.recover(S, plan, method="best", rng=0, return_info=True)
    """
    plan, stages = as_plan("plan", plan), parse_stages(method, n_iter, options)
    magnitudes = checks.as_level_array("S", S, plan.n_bins)
    monitor = ConvergenceMonitor(magnitudes.shape[:-2], tol, callback, return_info)
    request = Request("S", plan, magnitudes, length, out, monitor, return_info)
    start = check_init("init", init, magnitudes.shape, stages)
    problem = Problem(plan, stages, start, fraction("tolerance", tolerance), limits_ends=bool(limit_ends))
    way = stages[0].name if problem.is_online else start if isinstance(start, str) else "random"
    announce(f"recover {way}", plan.dtype, instead=names_instead(plan.n_fft))
    return request.solve(problem, rng, block)


def griffin_lim(
    plan: STFT, S: Real, D: Real | Complex, *, n_iter: int, momentum: float, length: int | None = None
) -> Real:
    """Signals after n_iter rounds of (fast) Griffin-Lim for magnitudes S from spectra D, both (..., n_bins, n_frames).

    As in librosa, samples that few frames cover are not limited.

    Raises
    ------
    ValueError
        If `length` does not give as many frames as S has.
    """
    n_samples = plan.n_samples(S.shape[-1]) if length is None else length
    if not n_samples:
        return np.empty((*S.shape[:-2], 0), plan.dtype)
    if n_iter > 0 and plan.n_frames(n_samples) != S.shape[-1]:
        raise ValueError(f"length={n_samples} gives {plan.n_frames(n_samples)} frames, but S has {S.shape[-1]}")
    y = plan.inverse(D, length=n_samples, warn=False, limit_ends=False)
    if n_iter == 0 or not S.size:
        return y
    flat = S.reshape(-1, *S.shape[-2:])
    problem = Problem(plan, [Stage("fast", n_iter, fast(momentum))], limits_ends=False)
    return solve(problem, Target.of(flat, flat, n_samples), start_from(y.reshape(-1, n_samples))).reshape(y.shape)


def fraction(name: str, value: object) -> float:
    """A number from 0 to below 1."""
    number = checks.as_finite(name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")
    return number


def check_init(name: str, init: str | ArrayLike, shape: tuple[int, ...], stages: list[Stage]) -> str | Array:
    """The name of a start, or phases (or complex numbers) of this shape.

    Raises
    ------
    TypeError, ValueError
        If it is neither, or if the stages have no start.
    """
    is_name = isinstance(init, str)
    if stages and stages[0].is_online and not (is_name and init == "auto"):
        raise ValueError(f"{name} must be left out for method={stages[0].name!r}, which has no start, got {init!r}")
    if is_name and init == "auto":
        return "pghi"
    if is_name and init not in starts.STARTS:
        raise ValueError(f"{name} must be an array of phases or one of {', '.join(starts.STARTS)}, got {init!r}")
    if is_name:
        return str(init)
    phases = checks.as_array(name, init)
    if phases.dtype.kind not in "fciu" or phases.shape != shape:
        raise ValueError(f"{name} must be real or complex like S, of shape {shape}, got {phases.dtype} {phases.shape}")
    for a in range(0, shape[-1], 1 << 12):
        if not np.isfinite(phases[..., a : a + (1 << 12)]).all():
            raise ValueError(f"{name} must be finite")
    return phases


class Recovered(NamedTuple):
    """How `recover` reached a signal.

    Attributes
    ----------
    convergence : np.ndarray [shape=(rounds + 1, ...)]
        20 log10 (||L - S|| / ||S||) in dB for the levels L of each signal, at the start and after every round; the
        signal of an online method is a start.
    rounds : int
        Rounds that were done.
    phase : np.ndarray [shape=(..., n_bins, n_frames)]
        Of STFT(y), in radians.
    """

    convergence: NDArray[np.float64]
    rounds: int
    phase: Real


class Request:
    """Signals to be recovered from levels (..., rows, n_frames), as a whole, in batches or in blocks, and their output.

    Warns
    -----
    UserWarning
        As `recover`.
    """

    def __init__(
        self,
        name: str,
        plan: STFT,
        levels: Array,
        length: int | None,
        out: Real | None,
        monitor: ConvergenceMonitor,
        return_info: bool,
    ) -> None:
        self.name, self.plan, self.levels = name, plan, levels
        self.leading, n_frames = levels.shape[:-2], levels.shape[-1]
        self.length = plan.n_samples(n_frames) if length is None else checks.as_int("length", length, 0)
        if self.length and plan.n_frames(self.length) != n_frames:
            raise ValueError(f"length={length} gives {plan.n_frames(self.length)} frames, but {name} has {n_frames}")
        self.out = checks.output_array("out", out, (*self.leading, self.length), plan.dtype, "C", levels)
        self.monitor, self.return_info = monitor, return_info
        warn_unless_invertible(name, plan)

    def solve(self, problem: Problem, seed: Seed, block: int | str | None) -> Any:
        """The result of `recover`; phases of `problem.init` have the leading axes of the levels."""
        rng, n_block_frames = checks.as_generator("rng", seed), self._block_frames(block)
        if self.monitor.is_measuring:
            self._solve_whole(problem, slice(None), rng)
        elif n_block_frames is None:
            self._solve_batches(problem, rng)
        else:
            self._solve_blocks(problem, n_block_frames, rng)
        return self.with_info() if self.return_info else self.out

    def with_info(self) -> tuple[Real, Recovered]:
        """The signals, and how they were reached."""
        D = self.plan.forward(self.out) if self.length else np.zeros((*self.leading, self.plan.n_bins, 1))
        phase: Real = np.angle(D).astype(self.plan.dtype, copy=False)
        return self.out, Recovered(np.array(self.monitor.convergence), self.monitor.n_rounds, phase)

    def _block_frames(self, block: int | str | None) -> int | None:
        """Frames of a block; None: all frames at once."""
        n_block_frames = None if block is None else check_block(self.plan, block)
        n_bins = self.plan.n_bins * self.levels.shape[-1]
        if block == "auto" and (self.monitor.is_measuring or n_bins <= MAX_WHOLE_BINS):
            return None
        if n_block_frames is not None and self.monitor.is_measuring:
            raise ValueError(f"block must be None or 'auto' with tol, callback or return_info, got {block!r}")
        return n_block_frames

    def _solve_batches(self, problem: Problem, rng: np.random.Generator) -> None:
        """Integer signals, along the first axis as many at once as have MAX_WHOLE_BINS."""
        if not self.leading:
            self._solve_whole(problem, slice(None), rng)
            return
        n_bins = self.plan.n_bins * prod(self.levels.shape[1:-2]) * self.levels.shape[-1]
        n_batch = max(1, MAX_WHOLE_BINS // max(1, n_bins))
        for a in range(0, self.leading[0], n_batch):
            self._solve_whole(problem, slice(a, a + n_batch), rng)

    def _solve_whole(self, problem: Problem, batch: slice, rng: np.random.Generator) -> None:
        """The signals of a slice of the first axis."""
        M, out = problem.to_levels(self.name, self.levels[batch], measure=least_and_most), self.out[batch]
        M = M.reshape(-1, *M.shape[-2:])
        if not isinstance(problem.init, str):
            problem = problem._replace(init=problem.init[batch].reshape(len(M), self.plan.n_bins, -1))
        S = problem.to_magnitudes(M)
        if problem.is_cascade:
            M, problem = S, problem.of_magnitudes()
        target = Target.of(M, S, self.length)
        if not target.peaks.any() or not self.length:
            out[...] = 0
            self.monitor.observe_silence()
            return
        start = partial(problem.start, S=S, rng=rng)
        rows = out.reshape(len(S), self.length) if out.flags.c_contiguous else None
        y = solve(problem, target, start, monitor=self.monitor, out=rows)
        if rows is None:
            out[...] = y.reshape(out.shape)

    def _solve_blocks(self, problem: Problem, n_block_frames: int, rng: np.random.Generator) -> None:
        """One signal after another; all its frames are checked before any sample is written."""
        blocks = [(a, a + n_block_frames) for a in range(0, self.levels.shape[-1], n_block_frames)]
        for index, solver in make_solvers(problem, n_block_frames, rng, self.leading):
            levels, out, n_written = self.levels[index], self.out[index], 0
            for a, b in blocks:
                problem.to_levels(self.name, levels[..., a:b], index, a)
            for a, b in blocks:
                for y in solver.push(problem.to_levels(self.name, levels[..., a:b])):
                    out[n_written : n_written + len(y)] = y
                    n_written += len(y)
            out[n_written:] = solver.finish(self.length)
