"""From magnitudes to a signal: S -> y by fast Griffin-Lim, on a plan's inverse and forward transforms."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .kernels.calls import aligned, new_board
from .kernels.jit import team_size
from .kernels.projection import project

if TYPE_CHECKING:
    from .spectrum import STFT

Array = NDArray[Any]

CHUNK = 1 << 13  # bins a work item
LEAST = 64  # a buffer holds at least so many bins, that kernels always find a vector


def _by_frames(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """(a flat buffer of zeros, its view in this shape (..., bins, frames), the bins of a frame side by side)."""
    size = int(np.prod(shape))
    flat = aligned(max(LEAST, size), dtype)
    flat[:] = 0
    *leading, bins, frames = shape
    return flat, flat[:size].reshape(*leading, frames, bins).swapaxes(-1, -2)


def random_phases(S: Array, rng: np.random.Generator | np.random.RandomState) -> Array:
    """S with uniformly random phases, exp(2 pi i u) S; u is drawn in the order of S's axes."""
    (_, D), (_, angle) = _by_frames(S.shape, np.result_type(S.dtype, np.complex64)), _by_frames(S.shape, S.dtype)
    u = rng.random(size=S.shape)
    u -= u > 0.5  # half a turn to either side, as exact in float32 as can be
    np.multiply(u, 2 * np.pi, out=angle, casting="same_kind")
    np.multiply(np.cos(angle), S, out=D.real)
    np.multiply(np.sin(angle, out=angle), S, out=D.imag)
    return D


def griffin_lim(
    plan: "STFT", S: Array, start: Array, *, n_iter: int = 32, momentum: float = 0.99, length: int | None = None
) -> Array:
    """A signal whose STFT has magnitudes near S.

    Each round projects onto the spectra of signals, then onto the magnitudes: t = STFT(ISTFT(c)), c = S a / |a| for
    a = t - momentum / (1 + momentum) t_before (Griffin & Lim, IEEE Trans. ASSP-32, 1984; with momentum, Perraudin,
    Balazs & Søndergaard, WASPAA 2013).

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(..., n_bins, n_frames)]
        Magnitudes >= 0.
    start : np.ndarray [shape=(..., n_bins, n_frames)]
        The complex spectrum to begin with.
    n_iter : int >= 0
        Rounds.
    momentum : float >= 0
        0 is the algorithm of 1984.
    length : int, optional
        Samples of the result, as many as give n_frames frames again.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]
        In plan.dtype.

    Raises
    ------
    ValueError
        If `length` does not give as many frames as S has.
    """
    frames = S.shape[-1]
    samples = plan.n_samples(frames) if length is None else length
    if samples == 0:
        return np.empty((*S.shape[:-2], 0), plan.dtype)
    if n_iter > 0 and plan.n_frames(samples) != frames:
        raise ValueError(f"length={length} gives {plan.n_frames(samples)} frames, but S has {frames}")
    spectrum = np.result_type(plan.dtype, np.complex64)
    flat_c, c = _by_frames(S.shape, spectrum)
    flat_S, target = _by_frames(S.shape, plan.dtype)
    c[...], target[...] = start, S
    y = np.empty((*S.shape[:-2], samples), plan.dtype)
    (flat, found), (flat_before, before) = _by_frames(S.shape, spectrum), _by_frames(S.shape, spectrum)
    number = plan.dtype.type
    step, tiny = number(0), number(np.finfo(plan.dtype).tiny)
    items = -(-flat_S.size // CHUNK)
    for _ in range(n_iter):
        plan._inverse(c, length=length, out=y)
        plan.forward(y, out=found)
        pairs = (flat.view(plan.dtype), flat_before.view(plan.dtype), flat_S)
        project(items, team_size(), new_board(), *pairs, CHUNK, step, tiny, flat_c.view(plan.dtype))
        flat, found, flat_before, before = flat_before, before, flat, found
        step = number(momentum / (1 + momentum))
    return plan._inverse(c, length=length, out=y)
