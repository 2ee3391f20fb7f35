"""librosa.feature.spectral: mel spectrograms and their cepstra (MFCC)."""

from typing import Any

import numpy as np

from ..._typing import Array
from ...features.cepstrum import cepstrum
from ...forks import while_none_forks
from .. import util
from .._banks import mel_filters
from .._names import parameter_error, raise_parameter_errors, resolve
from .._plans import Transform, count_frames_of_zeros, plan_for_signal, transform_dtype, working_dtype
from ..core._levels import power_to_db


def __getattr__(name: str) -> Any:
    return resolve(__name__, name)


@raise_parameter_errors
def melspectrogram(
    *,
    y: Array | None = None,
    sr: float = 22050,
    S: Array | None = None,
    n_fft: int = 2048,
    hop_length: int = 512,
    win_length: int | None = None,
    window: Any = "hann",
    center: bool = True,
    pad_mode: Any = "constant",
    power: float = 2.0,
    **kwargs: Any,
) -> Array:
    """Mel spectrogram: M = mel |STFT(y)|**power, or mel S.

    From y it is computed frame by frame, without an array of the spectrum or of its magnitudes.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Finite floating-point samples, any number of channels.
    sr : number > 0
        Sampling rate in Hz.
    S : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        A spectrogram in place of y; n_fft follows from its number of bins.
    n_fft, hop_length, win_length, window, center, pad_mode
        As in `stft`.
    power : float > 0
        Exponent of the magnitudes: 1 for amplitude, 2 for power.
    **kwargs
        For `filters.mel`: n_mels, fmin, fmax, htk, norm, dtype.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        float32 for float32 samples, else float64; the filters are float32 unless `dtype` says otherwise.

    Raises
    ------
    ParameterError
        Without both y and S, and for invalid arguments.

    Warns
    -----
    UserWarning
        If y is shorter than n_fft, or a filter holds no bin.
    """
    if S is not None:
        if n_fft is None or n_fft // 2 + 1 != S.shape[-2]:
            n_fft = 2 * (S.shape[-2] - 1)
        return _product(np.asarray(mel_filters(sr=sr, n_fft=n_fft, **kwargs)), S)
    if n_fft is None:
        raise parameter_error("n_fft is needed to compute a spectrogram of y, got None")
    if y is None:
        raise parameter_error("Input signal must be provided to compute a spectrogram: y or S")
    util.valid_audio(y)
    filter_dtype = np.dtype(kwargs.get("dtype", np.float32))
    dtype = np.promote_types(working_dtype(util.dtype_r2c(y.dtype)), working_dtype(filter_dtype))
    transform = Transform(
        n_fft=n_fft, hop_length=hop_length, win_length=win_length, window=window, center=center, pad_mode=pad_mode
    )
    plan = plan_for_signal(y, transform, transform_dtype(dtype))
    frames_of_zeros = count_frames_of_zeros(y, plan)
    filters = mel_filters(sr=sr, n_fft=n_fft, **kwargs)
    if frames_of_zeros is not None:
        return _product(np.asarray(filters, dtype), np.zeros((*y.shape[:-1], plan.n_bins, frames_of_zeros), dtype))
    if isinstance(filters, np.ndarray):
        return _product(filters.astype(dtype), plan.power(y, power=power).astype(dtype, copy=False))
    return plan.mel(y, filters, power=power).astype(dtype, copy=False)


@while_none_forks()
def _product(filters: Array, S: Array) -> Array:
    return np.matmul(filters, S)


@raise_parameter_errors
def mfcc(
    *,
    y: Array | None = None,
    sr: float = 22050,
    S: Array | None = None,
    n_mfcc: int = 20,
    dct_type: int = 2,
    norm: str | None = "ortho",
    lifter: float = 0,
    mel_norm: Any = "slaney",
    **kwargs: Any,
) -> Array:
    """Mel-frequency cepstral coefficients: the DCT of a mel spectrogram in decibels.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Finite floating-point samples, any number of channels.
    sr : number > 0
        Sampling rate in Hz.
    S : array-like [shape=(..., n_mels, n_frames)]
        A mel spectrogram in decibels, in place of y.
    n_mfcc : int
        Number of coefficients.
    dct_type : 1, 2, 3 or 4
        Type of the DCT; see `scipy.fft.dct`.
    norm : "ortho", "backward", "forward" or None
        Normalization of the DCT; see `scipy.fft.dct`.
    lifter : number >= 0
        Coefficient n is multiplied by 1 + lifter / 2 sin(pi (n + 1) / lifter); 0 is no liftering.
    mel_norm : "slaney", number or None
        The `norm` of `filters.mel`.
    **kwargs
        For `melspectrogram`.

    Returns
    -------
    C : np.ndarray [shape=(..., n_mfcc, n_frames)]

    Raises
    ------
    ParameterError
        For lifter < 0 and an unknown type or norm; and as `melspectrogram`.
    """
    if not lifter >= 0:
        raise parameter_error(f"MFCC lifter={lifter} must be a non-negative number")
    if S is None:
        S = power_to_db(melspectrogram(y=y, sr=sr, norm=mel_norm, **kwargs))
    return cepstrum(np.asarray(S), n_mfcc, dct_type=dct_type, norm=norm, lifter=lifter)
