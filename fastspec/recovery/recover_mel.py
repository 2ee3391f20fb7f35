"""From mels to signals, M -> y: magnitudes and phases together, or one after the other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Real
from ..features.banks import FilterBank, as_bank
from ..features.log import log_scale
from ..notebook.mel import mel_to_magnitudes
from ..plan import STFT
from .methods import Chain, Momentum, Stage, stages_of
from .recover import TOLERANCE, Order, Seed, begin, recover, share
from .solve import Recipe, Tell

JOINT = {"alpha": 0.9, "beta": 1.1, "gamma": 1.25}
"""Of accelerated steps: for mels these come nearer in fewer rounds than those for magnitudes."""
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
    callback: Tell | None = None,
    return_info: bool = False,
    out: Real | None = None,
    tolerance: float = TOLERANCE,
    block: int | str | None = "auto",
    **options: Any,
) -> Any:
    """Signals whose mels are near M, as `plan.mel(y, bank, power=power, log=log)` gives them.

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
        What `plan.mel` made of mels ("ln", "log10", "db", "whisper"), undone by `log.from_log`; or "notebook" for
        what `make_mel` gives, undone by `notebook.mel.mel_to_magnitudes`: bank is then the transpose of the notebook's
        `mel_filter`, spec_thresh=4 and shorten_factor=1 are options, and the way is always "cascade".
    method : "joint" or "cascade"
        "joint"    rounds as in `recover`, in which P2 leaves the phases and brings the levels a = |c|**power nearer
                   to M by two steps a <- a B'(M / B a) / B'1 (B the filters, which must not be negative), as in
                   non-negative matrix factorisation with the divergence of Kullback and Leibler and one factor known
                   (Lee & Seung, Nature 401, 1999, 788-791)
        "cascade"  `bank.inverse`, then `recover`
    rounds : str or list of tuple
        The method of `recover` for the rounds; "joint" has griffinlim, fast and accelerated (alpha=0.9, beta=1.1).
    init, n_iter, rng, length, tol, callback, return_info, out, tolerance, block, **options
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
    _check_method(method)
    if log == "notebook":
        about = {key: options.pop(key) for key in ("spec_thresh", "shorten_factor") if key in options}
        return recover(
            _of_notebook(M, bank, plan, **about), plan, method=rounds, init=init, n_iter=n_iter, rng=rng, length=length,
            tol=tol, callback=callback, return_info=return_info, out=out, tolerance=tolerance, block=block, **options,
        )  # fmt: skip
    recipe = recipe_of(plan, bank, power, log, method, rounds, n_iter, options, share("tolerance", tolerance))
    mels = checks.as_level_array("M", M, recipe.rows)
    order = Order("M", plan, mels, length, out, tol, callback, return_info)
    start = begin("init", init, (*mels.shape[:-2], plan.n_bins, mels.shape[-1]), recipe.stages)
    return order.filled(recipe._replace(init=start), rng, block)


def recipe_of(
    plan: STFT,
    bank: FilterBank | ArrayLike,
    power: float,
    log: str | None,
    method: str,
    rounds: Chain,
    n_iter: int | str,
    options: dict[str, Any],
    tolerance: float,
) -> Recipe:
    """How signals are made of such mels; what they begin with is still to be said.

    Raises
    ------
    TypeError, ValueError
        As `recover_mel`.
    """
    _check_method(method)
    filters = as_bank(bank)
    if filters.shape[1] != plan.n_bins:
        raise ValueError(f"bank must have n_bins = {plan.n_bins} columns, got shape {filters.shape}")
    exponent = checks.as_finite("power", power)
    if exponent <= 0:
        raise ValueError(f"power must be above 0, got {power!r}")
    log_scale(log, exponent, plan.dtype)
    cascade = method == "cascade"
    stages = stages_of(rounds, n_iter, options) if cascade else _joint_stages(filters, rounds, n_iter, options)
    return Recipe(plan, stages, "", tolerance, filters, exponent, log, cascade)


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def _joint_stages(filters: FilterBank, rounds: Chain, n_iter: int | str, options: dict[str, Any]) -> list[Stage]:
    """The stages of "joint", where they are possible."""
    if filters.weights.size and filters.weights.min() < 0:
        raise ValueError("bank must not be negative for method='joint'; method='cascade' takes any")
    stages = stages_of(rounds, n_iter, {**JOINT, **options} if rounds == "accelerated" else options)
    if not all(isinstance(stage.step, Momentum) for stage in stages):
        raise ValueError(f"rounds must be griffinlim, fast or accelerated for method='joint', got {rounds!r}")
    return stages


def _of_notebook(M: ArrayLike, bank: FilterBank | ArrayLike, plan: STFT, **about: float) -> Real:
    """The magnitudes of the notebook's mels, with the last bin, which it leaves out."""
    S = mel_to_magnitudes(M, bank, **about)
    if len(S) != plan.n_bins - 1:
        raise ValueError(f"bank must have n_bins - 1 = {plan.n_bins - 1} columns for log='notebook', got {len(S)}")
    return np.concatenate([S, np.zeros_like(S[:1])])
