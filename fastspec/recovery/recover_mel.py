"""From mels to signals, M -> y: magnitudes and phases jointly, or in a cascade."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Real
from ..features.banks import FilterBank, as_bank
from ..features.log import log_scale
from ..notebook.mel import mel_to_magnitudes
from ..plan import STFT, as_plan
from .methods import Chain, Momentum, Stage, parse_stages
from .recover import Request, Seed, check_init, fraction, recover
from .solve import TOLERANCE, Callback, ConvergenceMonitor, Problem

JOINT_OPTIONS = {"alpha": 0.9, "beta": 1.1, "gamma": 1.25}
"""Of "accelerated" for "joint": for mels these converge in fewer rounds than those for magnitudes."""
METHODS = ("joint", "cascade")


def recover_mel(
    M: ArrayLike,
    bank: FilterBank | ArrayLike,
    plan: STFT,
    *,
    power: float = 2.0,
    log: str | None = None,
    method: str = "joint",
    rounds: Chain = "accelerated",
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
    """Signals y with mels near M, as `plan.mel(y, bank, power=power, log=log)` gives them.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        Mels >= 0, or the logarithms that `log` names.
    bank : MelBank, FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        The filters.
    plan : STFT
        The transform that they were taken of; its dtype is that of the result.
    power : float
        M was made of |STFT(y)|**power.
    log : str
        The logarithm of `plan.mel` ("ln", "log10", "db", "whisper"), undone by `features.log.from_log`; or
        "notebook" for mels of `make_mel`, undone by `notebook.mel.mel_to_magnitudes`: bank is then the transpose of the
        notebook's `mel_filter`, spec_thresh=4 and shorten_factor=1 are options, and method is always "cascade".
    method : "joint" or "cascade"
        "joint"    rounds as in `recover`, in which P2 leaves the phases and brings the levels a = |c|**power nearer
                   to M by two steps a <- a B'(M / B a) / B'1 (B the filters, which must not be negative), as in
                   non-negative matrix factorisation with the divergence of Kullback and Leibler and B fixed (Lee &
                   Seung, Nature 401, 1999, 788-791)
        "cascade"  `bank.inverse`, then `recover`
    rounds : str or list of tuple
        The method of `recover` for the rounds; "joint" has griffinlim, fast and accelerated (alpha=0.9, beta=1.1).
    init, n_iter, rng, length, tol, callback, return_info, out, tolerance, block, limit_ends, **options
        As in `recover`; starts are made from the magnitudes of `bank.inverse`.  The convergence of "joint" is that of
        mels, || B |STFT(y)|**power - M || / ||M|| in dB.

    Returns
    -------
    y : np.ndarray [shape=(..., length)]
        In plan.dtype.
    info : Recovered
        If return_info.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; the error names it.

    Examples
    --------
    >>> plan, bank = fastspec.STFT(1024, hop_length=256), fastspec.MelBank(22050, 1024, 80)
    >>> y = fastspec.recover_mel(plan.mel(x, bank, log="db"), bank, plan, log="db")
    """
    plan = as_plan("plan", plan)
    _check_method(method)
    if log == "notebook":
        inversion = {key: options.pop(key) for key in ("spec_thresh", "shorten_factor") if key in options}
        return recover(
            _invert_notebook_mels(M, bank, plan, **inversion), plan, method=rounds, init=init, n_iter=n_iter, rng=rng,
            length=length, tol=tol, callback=callback, return_info=return_info, out=out, tolerance=tolerance,
            block=block, limit_ends=limit_ends, **options,
        )  # fmt: skip
    mels = Mels(bank, power, log)
    problem = make_mel_problem(plan, mels, method, rounds, n_iter, options, fraction("tolerance", tolerance))
    levels = checks.as_level_array("M", M, problem.n_rows)
    monitor = ConvergenceMonitor(levels.shape[:-2], tol, callback, return_info)
    request = Request("M", plan, levels, length, out, monitor, return_info)
    start = check_init("init", init, (*levels.shape[:-2], plan.n_bins, levels.shape[-1]), problem.stages)
    return request.solve(problem._replace(init=start, limits_ends=bool(limit_ends)), rng, block)


class Mels(NamedTuple):
    """The levels M = log(B |D|**power) of spectra D, with the filters B of a bank; see `plan.mel`."""

    bank: FilterBank | ArrayLike
    power: float
    log: str | None


def make_mel_problem(
    plan: STFT,
    mels: Mels,
    method: str,
    rounds: Chain,
    n_iter: int | str,
    options: dict[str, Any],
    tolerance: float,
) -> Problem:
    """The problem of such mels, but for its start.

    Raises
    ------
    TypeError, ValueError
        As `recover_mel`.
    """
    _check_method(method)
    filters = as_bank(mels.bank)
    if filters.shape[1] != plan.n_bins:
        raise ValueError(f"bank must have n_bins = {plan.n_bins} columns, got shape {filters.shape}")
    power = checks.as_finite("power", mels.power)
    if power <= 0:
        raise ValueError(f"power must be above 0, got {mels.power!r}")
    log_scale(mels.log, power, plan.dtype)
    is_cascade = method == "cascade"
    if is_cascade:
        stages = parse_stages(rounds, n_iter, options)
    else:
        stages = _parse_joint_stages(filters, rounds, n_iter, options)
    return Problem(plan, stages, tolerance=tolerance, bank=filters, power=power, log=mels.log, is_cascade=is_cascade)


def _check_method(method: str) -> None:
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {checks.shown(method)}")


def _parse_joint_stages(filters: FilterBank, rounds: Chain, n_iter: int | str, options: dict[str, Any]) -> list[Stage]:
    """The stages of "joint".

    Raises
    ------
    TypeError, ValueError
        If "joint" does not take such filters, or has no such rounds.
    """
    if filters.weights.size and filters.weights.min() < 0:
        raise ValueError("bank must not be negative for method='joint'; method='cascade' takes any")
    stages = parse_stages(rounds, n_iter, {**JOINT_OPTIONS, **options} if rounds == "accelerated" else options)
    if not all(isinstance(stage.step, Momentum) for stage in stages):
        raise ValueError(f"rounds must be griffinlim, fast or accelerated for method='joint', got {rounds!r}")
    return stages


def _invert_notebook_mels(M: ArrayLike, bank: FilterBank | ArrayLike, plan: STFT, **inversion: float) -> Real:
    """Magnitudes (n_bins, n_frames) of the notebook's mels; the last bin, which it leaves out, is 0."""
    S = mel_to_magnitudes(M, bank, **inversion)
    if len(S) != plan.n_bins - 1:
        raise ValueError(f"bank must have n_bins - 1 = {plan.n_bins - 1} columns for log='notebook', got {len(S)}")
    return np.concatenate([S, np.zeros_like(S[:1])])
