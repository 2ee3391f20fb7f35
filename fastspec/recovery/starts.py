"""The start of phase recovery: signals whose spectrograms have first estimates of the phases."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Complex, Real
from ..plan import STFT
from ..transform.magnitudes import scale_frames
from . import pghi, shifted, spsi
from .methods import griffinlim
from .phase import PhasePrefix, polar
from .rounds import Rounds

STARTS = ("pghi", "spsi", "offset", "random", "zero")


def start(
    plan: STFT,
    rounds: Rounds,
    S: Real,
    init: str | Array,
    rng: np.random.Generator,
    tolerance: float,
    prefix: PhasePrefix | None = None,
) -> Real:
    """Signals (signals, rounds.length) to start from, multiplied by rounds.scales.

    Parameters
    ----------
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes, not yet multiplied by rounds.scales.
    init : str or np.ndarray
        "pghi", "spsi"  phases by `pghi.phases`, `spsi.phases`
        "offset"        signals by `shifted.signals`
        "random"        phases of white noise
        "zero"          all phases 0
        array like S    phases in radians, or complex numbers, of which the phases are taken
    prefix : PhasePrefix
        Phases of the first frames, in place of those that `init` gives them; "offset" and "random" ignore it.
    """
    length, dtype = rounds.length, plan.dtype
    if isinstance(init, str) and init == "random":
        noise = np.frombuffer(rng.bytes(len(S) * length), np.int8).reshape(len(S), length).astype(dtype)
        y = np.empty_like(noise)
        rounds.step(noise, noise, y, griffinlim())
        return y
    scaled = scale_frames(S, rounds.scales)
    if isinstance(init, str) and init == "offset":
        return shifted.signals(plan, scaled, length)
    return rounds.synthesize(_with_phases(plan, scaled, init, rng, tolerance, prefix))


def _with_phases(
    plan: STFT, S: Real, init: str | Array, rng: np.random.Generator, tolerance: float, prefix: PhasePrefix | None
) -> Complex:
    """S exp(i phase), the phases by `init`."""
    if isinstance(init, np.ndarray):
        phase = (np.angle(init) if init.dtype.kind == "c" else init).astype(plan.dtype)
    elif init == "pghi":
        phase = pghi.phases(plan, S, tol=tolerance, rng=rng, prefix=prefix)
    elif init == "spsi":
        phase = spsi.phases(plan, S)
    elif prefix is None:
        return S.astype(np.result_type(plan.dtype, np.complex64))
    else:
        phase = np.zeros_like(S)
    if prefix is not None:
        phase[:, :, : prefix.phase.shape[2]] = prefix.phase
    return polar(S, phase)


def random_phases(S: Real, rng: np.random.Generator | np.random.RandomState) -> NDArray[Any]:
    """S exp(2 pi i u), S (..., n_bins, n_frames), u uniform in [0, 1) and drawn in the order of S's axes."""
    *leading, bins, frames = S.shape
    u = rng.random(size=S.shape)
    u -= u > 0.5  # u - 1 is as good, and below 1/2 in size float32 is more exact
    angle = np.empty((*leading, frames, bins), S.dtype).swapaxes(-1, -2)
    np.multiply(u, 2 * np.pi, out=angle, casting="same_kind")
    return polar(S.reshape(-1, bins, frames), angle.reshape(-1, bins, frames)).reshape(S.shape)
