"""Signals for the rounds of phase recovery to begin with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..plan import STFT
from . import pghi, shifted, spsi
from .methods import griffinlim
from .phase import Known, polar
from .rounds_scipy import AnyRounds

STARTS = ("pghi", "spsi", "offset", "random", "zero")


def start(
    rounds: "AnyRounds",
    S: Real,
    init: str | NDArray[Any],
    rng: np.random.Generator,
    tolerance: float,
    known: Known | None = None,
) -> Real:
    """Signals for these rounds, whose spectrograms have the phases that `init` says.

    "pghi", "spsi"  the phases that these methods find
    "offset"        see `offset_start`
    "random"        the phases of white noise
    "zero"          none
    phases, or complex numbers, of which the phases are taken

    Parameters
    ----------
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes, to be multiplied by rounds.scales.
    known : Known
        What is known of the first frames, in place of what `init` says of them; "offset" and "random" do without.
    """
    made, length, kind = rounds.plan, rounds.length, rounds.plan.dtype
    if isinstance(init, str) and init == "random":
        noise = np.frombuffer(rng.bytes(len(S) * length), np.int8).reshape(len(S), length).astype(kind)
        y = np.empty_like(noise)
        rounds.step(noise, noise, y, griffinlim())
        return y
    scaled = S * rounds.scales[:, None, None].astype(kind)
    if isinstance(init, str) and init == "offset":
        return shifted.signals(made, scaled, length)
    return rounds.signals_of(_spectrum(made, scaled, init, rng, tolerance, known))


def _spectrum(
    made: "STFT",
    S: Real,
    init: str | NDArray[Any],
    rng: np.random.Generator,
    tolerance: float,
    known: Known | None,
) -> NDArray[Any]:
    """S with phases."""
    if isinstance(init, np.ndarray):
        phase = (np.angle(init) if init.dtype.kind == "c" else init).astype(made.dtype)
    elif init == "pghi":
        phase = pghi.phases(made, S, tol=tolerance, rng=rng, known=known)
    elif init == "spsi":
        phase = spsi.phases(made, S)
    elif known is None:
        return S.astype(np.result_type(made.dtype, np.complex64))
    else:
        phase = np.zeros_like(S)
    if known is not None:
        phase[:, :, : known.phase.shape[2]] = known.phase
    return polar(S, phase)


def random_phases(S: Real, rng: np.random.Generator | np.random.RandomState) -> NDArray[Any]:
    """S (..., bins, frames) with uniformly random phases, exp(2 pi i u) S; u is drawn in the order of S's axes."""
    *leading, bins, frames = S.shape
    u = rng.random(size=S.shape)
    u -= u > 0.5  # half a turn to either side, as exact in float32 as can be
    angle = np.empty((*leading, frames, bins), S.dtype).swapaxes(-1, -2)
    np.multiply(u, 2 * np.pi, out=angle, casting="same_kind")
    return polar(S.reshape(-1, bins, frames), angle.reshape(-1, bins, frames)).reshape(S.shape)
