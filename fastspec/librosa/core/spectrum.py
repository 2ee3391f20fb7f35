"""librosa.core.spectrum: STFT, inverse STFT, Griffin-Lim, magnitudes and phases; decibels are in `_levels`."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ... import checks
from ..._typing import Array
from ...recovery import recover, starts
from .. import util
from .._names import is_before_1, parameter_error, raise_parameter_errors, resolve, warn
from .._plans import Transform, build_plan, count_frames_of_zeros, plan_for_signal, transform_dtype, working_dtype
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
    return resolve(__name__, name)


def _view_output(out: Array, shape: tuple[int, ...]) -> Array:
    """The first frames of `out`, as a view of `shape`."""
    if out.shape[:-1] != shape[:-1] or out.shape[-1] < shape[-1]:
        raise parameter_error(
            f"Shape mismatch for provided output array out.shape={out.shape} and target shape={shape}"
        )
    if out.dtype.kind != "c":
        raise parameter_error(f"output with dtype={out.dtype} is not of complex type")
    return out if out.shape == shape else out[..., : shape[-1]]


@raise_parameter_errors
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
        Length of a frame and of the transform.
    hop_length : int > 0, optional
        Samples from one frame to the next; win_length // 4 by default.
    win_length : int, optional
        Length of the window, which is padded with zeros to n_fft; by default n_fft.
    window : str, tuple, number, callable or array-like
        See `filters.get_window`.
    center : bool
        Whether frame t is centred on sample t * hop_length, or starts there.
    dtype : np.dtype, optional
        Of the result, by default complex64 for float32 and complex128 for float64.  It is computed in the precision of
        the result, or in double precision (`set_precision`).
    pad_mode : str or callable
        A mode of `np.pad`, except "wrap", "maximum", "mean", "median" and "minimum".  Reflection is that of the whole
        signal (librosa reflects only its last frames, too few samples if hop_length is n_fft / 2 or more).
    out : np.ndarray [shape=(..., 1 + n_fft // 2, >= n_frames)], optional
        Array for the result, of any complex dtype and memory order.

    Returns
    -------
    D : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        `out`, or a view of its first n_frames frames; else a new array in which the bins of a frame are contiguous
        and, unlike librosa's, each channel is contiguous.

    Raises
    ------
    ParameterError
        For a signal that is not finite, not floating-point or, uncentred, shorter than n_fft; for other invalid
        arguments.

    Warns
    -----
    UserWarning
        If y is shorter than n_fft.
    """
    util.valid_audio(y)
    result_dtype = np.dtype(util.dtype_r2c(y.dtype) if dtype is None else dtype) if out is None else out.dtype
    transform = Transform(
        n_fft=n_fft, hop_length=hop_length, win_length=win_length, window=window, center=center, pad_mode=pad_mode
    )
    plan = plan_for_signal(y, transform, transform_dtype(result_dtype))
    is_native = result_dtype == np.result_type(plan.dtype, np.complex64)
    frames_of_zeros = count_frames_of_zeros(y, plan)
    if out is None:
        if frames_of_zeros is not None:
            return np.zeros((*y.shape[:-1], plan.n_bins, frames_of_zeros), result_dtype)
        D = plan.forward(y)
        return D if is_native else D.astype(result_dtype)
    D = _view_output(out, (*y.shape[:-1], plan.n_bins, frames_of_zeros or plan.n_frames(y.shape[-1])))
    if frames_of_zeros is not None:
        D[...] = 0
    elif is_native:
        plan.forward(y, out=D)
    else:
        D[...] = plan.forward(y)
    return D


def _fix_bins(D: Array, n_bins: int) -> Array:
    """D with n_bins bins: truncated, or padded with zeros, at the highest frequencies."""
    return D if D.shape[-2] == n_bins else util.fix_length(D, size=n_bins, axis=-2)


def _transform_size(S: Array, n_fft: int | None) -> int:
    """n_fft, by default the even size of a spectrogram's number of bins."""
    return 2 * (S.shape[-2] - 1) if n_fft is None else n_fft


@raise_parameter_errors
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
    """Least-squares inverse of `stft`: overlap-add of windowed frames, divided by the sum of squared windows.

    Griffin & Lim, IEEE Trans. ASSP-32 (1984), eq. 6.

    Parameters
    ----------
    stft_matrix : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        The spectrum, in any memory order.
    hop_length, win_length, window, center
        As in `stft`.
    n_fft : int, optional
        Size of the transform, 2 (n_bins - 1) by default; needed if it is odd.
    dtype : np.dtype, optional
        Of the result, by default float32 for complex64 and float64 for complex128.
    length : int, optional
        Length of the result, truncated or padded with zeros.
    out : np.ndarray [shape=(..., n_samples)], optional
        Array for the result.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]
        `out` or a new array.

    Raises
    ------
    ParameterError
        For an `out` of another shape, and for invalid arguments.

    Notes
    -----
    As in librosa, there is no warning if window and hop_length violate NOLA, so that some samples cannot be
    reconstructed; `STFT.inverse` has one.  The division is librosa's, too: at ends that few frames cover (center=False)
    errors of a spectrum become loud, which `STFT.inverse` limits.
    """
    checks.check_mask("stft_matrix", stft_matrix)  # which other bins than those of n_fft would lose
    result_dtype = np.dtype(util.dtype_c2r(stft_matrix.dtype) if dtype is None else dtype) if out is None else out.dtype
    transform = Transform(
        n_fft=_transform_size(stft_matrix, n_fft),
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        center=center,
    )
    plan = build_plan(transform, transform_dtype(result_dtype))
    D = _fix_bins(stft_matrix, plan.n_bins)
    if not D.shape[-1] and length:
        D = np.zeros((*D.shape[:-1], 1), D.dtype)  # no frame and one of zeros have the same samples
    n_samples = length or plan.n_samples(D.shape[-1])
    if out is None:
        return plan.inverse(D, length=n_samples, warn=False, limit_ends=False).astype(result_dtype, copy=False)
    shape = (*D.shape[:-2], n_samples)
    if out.shape != shape:
        raise parameter_error(f"Shape mismatch for provided output array out.shape={out.shape} != {shape}")
    if result_dtype == plan.dtype:
        return plan.inverse(D, length=n_samples, out=out, warn=False, limit_ends=False)
    out[...] = plan.inverse(D, length=n_samples, warn=False, limit_ends=False)
    return out


def _generator(rng: Any, random_state: Any) -> np.random.Generator | np.random.RandomState:
    """The random generator: `rng` is one, or seeds a Generator; before librosa 1.0, `random_state` a RandomState."""
    if random_state is not None:
        if rng is not None:
            raise parameter_error(f"Both random_state={random_state!r} and rng={rng!r} were provided: use only one")
        if is_before_1():
            return _older_generator(random_state)
        warn(f"griffinlim(random_state={random_state!r}) is the older name, renamed to 'rng' in 1.0", FutureWarning)
        rng = random_state
    return rng if isinstance(rng, np.random.RandomState) else checks.as_generator("rng", rng)


def _older_generator(random_state: Any) -> np.random.Generator | np.random.RandomState:
    """The generator of a `random_state` as librosa 0.11 has it: an int seeds a RandomState."""
    if isinstance(random_state, int | np.integer):
        return np.random.RandomState(random_state)
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    raise parameter_error(f"Unsupported random_state={random_state!r}: must be an int, a RandomState or a Generator")


@raise_parameter_errors
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
    """A signal whose `stft` has magnitudes close to S, by the fast Griffin-Lim algorithm (see `fastspec.recover`).

    Parameters
    ----------
    S : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        Magnitudes.  Of a complex S the magnitudes are used and, with init=None, the phases as the initial ones
        (librosa multiplies by the complex S in every iteration, so that its phases accumulate).
    n_iter : int
        Iterations of inverse and forward transform.
    hop_length, win_length, n_fft, window, center, dtype, length
        As in `istft`.
    pad_mode : str or callable
        As in `stft`.
    momentum : float >= 0
        0 is the algorithm of Griffin & Lim (1984), 0.99 that of Perraudin, Balazs & Søndergaard (WASPAA 2013).
    init : "random" or None
        Initial phases: random, or those of S (zero for a real S).
    rng : int, np.random.Generator, np.random.RandomState or another argument of np.random.default_rng
        Generator of the random phases, or the seed of a Generator (librosa 1.0).
    random_state : int, np.random.Generator or np.random.RandomState
        The older name of `rng`.  Where the installed librosa is older than 1.0 an int seeds a RandomState.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]

    Raises
    ------
    ParameterError
        For NaN and infinities in S, momentum < 0, an unknown init, both rng and random_state, and a length that does
        not fit the frames.

    Warns
    -----
    UserWarning
        If momentum is above 1, or magnitudes are negative, as logarithms are.
    FutureWarning
        If random_state is set, unless the installed librosa is older than 1.0.

    Notes
    -----
    As in `istft`, and in librosa, samples that few frames cover are not limited; `fastspec.recover` does so.
    """
    generator = _generator(rng, random_state)
    if momentum > 1:
        warn(f"griffinlim() called with momentum={momentum} > 1: the iteration may diverge")
    elif not momentum >= 0:
        raise parameter_error(f"griffinlim() called with momentum={momentum} < 0")
    if init not in ("random", None):
        raise parameter_error(f"init={init!r} must be 'random' or None")
    real_dtype = working_dtype(util.dtype_r2c(S.dtype))
    transform = Transform(
        n_fft=_transform_size(S, n_fft),
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
    )
    plan = build_plan(transform, transform_dtype(real_dtype))
    checks.check_mask("S", S)
    if S.dtype.kind != "c":
        checks.warn_of_logarithms("S", S)
    magnitude = (np.abs(S) if S.dtype.kind == "c" else S).astype(plan.dtype, copy=False)
    checks.check_finite("S", magnitude)
    start = starts.random_phases(magnitude, generator) if init else S
    y = recover.griffin_lim(plan, magnitude, start, n_iter=n_iter, momentum=momentum, length=length or None)
    return y.astype(real_dtype if dtype is None else dtype, copy=False)


@raise_parameter_errors
def magphase(D: Array, *, power: float = 1) -> tuple[Array, Array]:
    """Magnitude and phase of a spectrogram: D = |D| P.

    Parameters
    ----------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
        A complex (or real) spectrogram.
    power : float > 0
        Exponent of the magnitude.

    Returns
    -------
    magnitude, phase : np.ndarray [shape=D.shape]
        |D|**power, real; and P = exp(i arg D), complex, 1 where D is 0.
    """
    power = checks.as_finite("power", power)
    magnitude = np.abs(D)
    is_zero = magnitude == 0
    phase = np.empty_like(D, dtype=util.dtype_r2c(D.dtype))
    divisor = magnitude + is_zero
    # real and imaginary parts apart: complex division takes the reciprocal, which overflows for subnormal magnitudes
    np.divide(D.real, divisor, out=phase.real, casting="same_kind")
    np.divide(D.imag, divisor, out=phase.imag, casting="same_kind")
    phase.real += is_zero
    if power != 1:
        magnitude **= power
    return magnitude, phase
