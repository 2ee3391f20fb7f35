"""librosa.core.spectrum: the transform, its inverse, Griffin-Lim, magnitudes and phases; decibels are in `_levels`."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..._typing import Array
from ...recovery import recover, starts
from .. import util
from .._names import face, find, parameter_error, warn
from .._plans import analysis, plan, precision
from ._levels import amplitude_to_db, db_to_amplitude, db_to_power, power_to_db

__all__ = [
    "amplitude_to_db",
    "db_to_amplitude",
    "db_to_power",
    "griffinlim",
    "istft",
    "magphase",
    "power_to_db",
    "stft",
]


def __getattr__(name: str) -> Any:
    return find(__name__, name)


def _room(out: Array, shape: tuple[int, ...]) -> Array:
    """The part of `out` that a spectrum of this shape goes to."""
    if out.shape[:-1] != shape[:-1] or out.shape[-1] < shape[-1]:
        raise parameter_error()(
            f"Shape mismatch for provided output array out.shape={out.shape} and target shape={shape}"
        )
    if out.dtype.kind != "c":
        raise parameter_error()(f"output with dtype={out.dtype} is not of complex type")
    return out if out.shape == shape else out[..., : shape[-1]]


@face
def stft(
    y: Array,
    *,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    pad_mode: Any = "constant",
    out: Array | None = None,
) -> Array:
    """Short-time Fourier transform.

    D[..., k, t] = sum over j of w[j] y[..., t hop_length + j] exp(-2 pi i j k / n_fft), y padded by n_fft // 2 on both
    sides if `center`.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Finite floating-point samples, any number of channels.
    n_fft : int >= 2
        Size of the transform.
    hop_length : int > 0, optional
        Samples from one frame to the next; win_length // 4 by default.
    win_length : int, optional
        Length of the window, which is padded with zeros to n_fft; n_fft by default.
    window : str, tuple, number, callable or array-like
        See `filters.get_window`.
    center : bool
        Whether frame t is centred on sample t * hop_length, or begins there.
    dtype : np.dtype, optional
        Of the result.  By default complex64 for float32 and complex128 for float64.  The work is done in the precision
        of the result.
    pad_mode : str or callable
        What `np.pad` takes, but "wrap", "maximum", "mean", "median" and "minimum".  The signal is padded as a whole
        (where librosa reflects a part of its end, which for hops from n_fft / 2 up can be too short for it).
    out : np.ndarray [shape=(..., 1 + n_fft // 2, >= n_frames)], optional
        Where the result goes: any complex dtype and order of memory.

    Returns
    -------
    D : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        `out`, or the part of it that was filled, or a new array in which the bins of a frame are neighbours and, unlike
        librosa's, each channel is one run of memory.

    Raises
    ------
    ParameterError
        For a signal that is not finite, not floating-point or, uncentred, shorter than n_fft; for other arguments
        without sense.

    Warns
    -----
    UserWarning
        If n_fft is more than the samples that there are.
    """
    util.valid_audio(y)
    wanted = np.dtype(util.dtype_r2c(y.dtype) if dtype is None else dtype) if out is None else out.dtype
    made = analysis(y, n_fft, hop_length, win_length, window, precision(wanted), center=center, pad_mode=pad_mode)
    direct = np.result_type(made.dtype, np.complex64)
    if not y.shape[-1] and made.center and pad_mode == "constant":
        y = np.zeros((*y.shape[:-1], 1), y.dtype)  # padded, a sample of silence is the one frame that none is
    if out is None:
        D = made.forward(y)
        return D if wanted == direct else D.astype(wanted)
    room = _room(out, (*y.shape[:-1], made.n_bins, made.n_frames(y.shape[-1])))
    if wanted == direct:
        made.forward(y, out=room)
    else:
        room[...] = made.forward(y)
    return room


def _with_bins(D: Array, n_bins: int) -> Array:
    """D with as many bins as an inverse of another size needs: cut off, or zeros put in, at the high end."""
    return D if D.shape[-2] == n_bins else util.fix_length(D, size=n_bins, axis=-2)


def _size_of(S: Array, n_fft: int | None) -> int:
    """The size of the transform that a spectrogram is of; even, unless it is said."""
    return 2 * (S.shape[-2] - 1) if n_fft is None else n_fft


@face
def istft(
    stft_matrix: Array,
    *,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: Any = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    length: int | None = None,
    out: Array | None = None,
) -> Array:
    """Inverse of `stft`, of least squares: the overlapping windowed frames, divided by the sum of squared windows.

    Griffin & Lim, IEEE Trans. ASSP-32 (1984), eq. 6.

    Parameters
    ----------
    stft_matrix : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        The spectrum, in any order of memory.
    hop_length, win_length, window, center
        As in `stft`.
    n_fft : int, optional
        Size of the transform: 2 (n_bins - 1) by default, so an odd one has to be said.
    dtype : np.dtype, optional
        Of the result; float32 for complex64 and float64 for complex128 by default.
    length : int, optional
        Samples of the result, cut off or padded with zeros.
    out : np.ndarray [shape=(..., n_samples)], optional
        Where the result goes.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]
        `out` or a new array.

    Raises
    ------
    ParameterError
        For an `out` of another shape, and for arguments without sense.

    Notes
    -----
    As with librosa, nobody is warned if this window and hop leave samples that no frame tells of; `STFT.inverse` does.
    """
    size = _size_of(stft_matrix, n_fft)
    wanted = np.dtype(util.dtype_c2r(stft_matrix.dtype) if dtype is None else dtype) if out is None else out.dtype
    made = plan(size, hop_length, win_length, window, precision(wanted), center=center)
    D = _with_bins(stft_matrix, made.n_bins)
    samples = length or made.n_samples(D.shape[-1])
    if out is None:
        return made.inverse(D, length=samples, warn=False).astype(wanted, copy=False)
    shape = (*D.shape[:-2], samples)
    if out.shape != shape:
        raise parameter_error()(f"Shape mismatch for provided output array out.shape={out.shape} != {shape}")
    if wanted == made.dtype:
        return made.inverse(D, length=samples, out=out, warn=False)
    out[...] = made.inverse(D, length=samples, warn=False)
    return out


def _generator(rng: Any, random_state: Any) -> np.random.Generator | np.random.RandomState:
    """Who draws: `rng` seeds a Generator, `random_state` a RandomState; either may be one of these already."""
    if random_state is None:
        return rng if isinstance(rng, np.random.RandomState) else np.random.default_rng(rng)
    if rng is not None:
        raise parameter_error()(f"Both random_state={random_state!r} and rng={rng!r} were provided: one is enough")
    if isinstance(random_state, int | np.integer):
        return np.random.RandomState(random_state)
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    raise parameter_error()(f"Unsupported random_state={random_state!r}: an int, a RandomState or a Generator")


@face
def griffinlim(
    S: Array,
    *,
    n_iter: int = 32,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: Any = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    length: int | None = None,
    pad_mode: Any = "constant",
    momentum: float = 0.99,
    init: str | None = "random",
    rng: Any = None,
    random_state: Any = None,
) -> Array:
    """A signal whose `stft` has about these magnitudes, by fast Griffin-Lim (see `fastspec.recover`).

    Parameters
    ----------
    S : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        Magnitudes.  A complex S stands for its magnitudes and, with init=None, for the phases to begin with (where
        librosa multiplies by the complex S in every round, so that phases add up).
    n_iter : int
        Rounds of inverse and forward transform.
    hop_length, win_length, n_fft, window, center, dtype, length
        As in `istft`.
    pad_mode : str or callable
        As in `stft`.
    momentum : float >= 0
        0 is the algorithm of Griffin & Lim; 0.99 that of Perraudin, Balazs & Søndergaard (WASPAA 2013).
    init : "random" or None
        Random phases to begin with, or those of S, zero where it is real.
    rng : int, np.random.Generator, np.random.RandomState or what np.random.default_rng takes
        Who draws the random phases, or the seed of a Generator (librosa 1.0).
    random_state : int, np.random.Generator or np.random.RandomState
        The same under its older name; an int seeds a RandomState (librosa 0.11).

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]

    Raises
    ------
    ParameterError
        For momentum < 0, an unknown init, both rng and random_state, a length that does not fit the frames.

    Warns
    -----
    UserWarning
        If momentum is above 1.
    """
    draw = _generator(rng, random_state)
    if momentum > 1:
        warn(f"momentum={momentum} > 1: Griffin-Lim may become louder with every round")
    elif momentum < 0:
        raise parameter_error()(f"griffinlim() called with momentum={momentum} < 0")
    if init not in ("random", None):
        raise parameter_error()(f"init={init!r} must be 'random' or None")
    real = precision(util.dtype_r2c(S.dtype))
    made = plan(_size_of(S, n_fft), hop_length, win_length, window, real, center=center, pad_mode=pad_mode)
    magnitude = (np.abs(S) if S.dtype.kind == "c" else S).astype(real, copy=False)
    start = starts.random_phases(magnitude, draw) if init else S
    y = recover.griffin_lim(made, magnitude, start, n_iter=n_iter, momentum=momentum, length=length or None)
    return y if dtype is None else y.astype(dtype, copy=False)


def magphase(D: Array, *, power: float = 1) -> tuple[Array, Array]:
    """Magnitudes and phases: D = |D| P.

    Parameters
    ----------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
        A complex (or real) spectrogram.
    power : float > 0
        The magnitudes' exponent.

    Returns
    -------
    magnitude, phase : np.ndarray [shape=D.shape]
        |D|**power, real; and exp(i arg D), complex, 1 where D is 0.
    """
    magnitude = np.abs(D)
    zero = magnitude == 0
    phase = np.empty_like(D, dtype=util.dtype_r2c(D.dtype))
    divisor = magnitude + zero
    np.divide(D.real, divisor, out=phase.real, casting="same_kind")  # by parts: complex numbers are divided by way of
    np.divide(D.imag, divisor, out=phase.imag, casting="same_kind")  # the reciprocal, too large for a subnormal one
    phase.real += zero
    if power != 1:
        magnitude **= power
    return magnitude, phase
