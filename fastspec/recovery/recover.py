"""From magnitudes to signals: S -> y."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..spectrum import STFT
from . import starts
from .chains import Chain, Stage, stages_of
from .methods import fast
from .order import Order, Real, Seed
from .recipe import Recipe, near_one
from .walk import Tell, Watch, rounds_of, run

TOLERANCE = 1e-3
"""Of PGHI by default; see `pghi.phases`."""


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
    magnitudes = checks.level_array("S", S, plan.n_bins)
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
    y = plan._inverse(start, length=size)
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
    number = checks.finite_number(name, value)
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
    phases = checks.an_array(name, init)
    if phases.dtype.kind not in "fciu" or phases.shape != shape:
        raise ValueError(f"{name} must be real or complex like S, of shape {shape}, got {phases.dtype} {phases.shape}")
    for a in range(0, shape[-1], 1 << 12):
        if not np.isfinite(phases[..., a : a + (1 << 12)]).all():
            raise ValueError(f"{name} must be finite")
    return phases
