"""librosa.feature.inverse: from mel spectrograms and cepstra (MFCC) back to magnitudes and to signals."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..._typing import Array
from ...features import cepstrum
from ...features.banks import FilterBank
from .._banks import mel_filters
from .._names import parameter_error, raise_parameter_errors, resolve, warn
from .._plans import working_dtype
from ..core._levels import db_to_power
from ..core.spectrum import griffinlim

__all__ = ["mel_to_audio", "mel_to_stft", "mfcc_to_audio", "mfcc_to_mel"]


def __getattr__(name: str) -> Any:
    return resolve(__name__, name)


@raise_parameter_errors
def mel_to_stft(M: Array, *, sr: float = 22050, n_fft: int = 2048, power: float = 2.0, **kwargs: Any) -> Array:
    """Magnitudes S >= 0 whose mel spectrogram is close to M: non-negative least squares (NNLS) of mel S**power = M.

    The problem is underdetermined; this solution differs from librosa's, with a smaller residual.  See
    `fastspec.FilterBank.inverse`.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        A mel spectrogram of finite values.
    sr : number > 0
        Sampling rate in Hz.
    n_fft : int
        Size of the transform.
    power : float > 0
        Exponent of the magnitudes in M.
    **kwargs
        For `filters.mel`: fmin, fmax, htk, norm.

    Returns
    -------
    S : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        In M's dtype; the frames of a bin are neighbours.

    Raises
    ------
    ParameterError
        For M with NaN or infinities, and for invalid arguments.

    Warns
    -----
    UserWarning
        If a filter holds no bin, or M is so negative that it may hold logarithms.
    """
    if M.ndim < 2:
        raise parameter_error(f"M must have shape (..., n_mels, n_frames), got {M.shape}")
    dtype = M.dtype if M.dtype.kind == "f" else np.dtype(np.float64)
    filter_dtype = np.dtype(np.float64) if dtype == np.float16 else dtype
    bank = mel_filters(sr=sr, n_fft=n_fft, n_mels=M.shape[-2], dtype=filter_dtype, **kwargs)
    if not isinstance(bank, FilterBank):
        raise parameter_error(f"mel_to_stft needs filters between 0 <= fmin < fmax, got {kwargs}")
    S = bank.inverse(M.astype(working_dtype(dtype), copy=False), power=power, order="C")
    return S.astype(dtype, copy=False)


@raise_parameter_errors
def mel_to_audio(
    M: Array,
    *,
    sr: float = 22050,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = "hann",
    center: bool = True,
    pad_mode: Any = "constant",
    power: float = 2.0,
    n_iter: int = 32,
    length: int | None = None,
    dtype: DTypeLike = np.float32,
    **kwargs: Any,
) -> Array:
    """A signal whose mel spectrogram is close to M: `mel_to_stft`, then `griffinlim`.

    Parameters
    ----------
    M, sr, n_fft, power
        As in `mel_to_stft`.
    hop_length, win_length, window, center, pad_mode, n_iter, length, dtype
        As in `griffinlim`; its random initial phases differ at every call.
    **kwargs
        For `filters.mel`.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]

    Raises
    ------
    ParameterError
        As `mel_to_stft` and `griffinlim`.

    Warns
    -----
    UserWarning
        As `mel_to_stft`.
    """
    S = mel_to_stft(M, sr=sr, n_fft=n_fft, power=power, **kwargs)
    return griffinlim(
        S,
        n_iter=n_iter,
        hop_length=hop_length,
        win_length=win_length,
        n_fft=n_fft,
        window=window,
        center=center,
        dtype=dtype,
        length=length,
        pad_mode=pad_mode,
    )


@raise_parameter_errors
def mfcc_to_mel(
    mfcc: Array,
    *,
    n_mels: int = 128,
    dct_type: int = 2,
    norm: str | None = "ortho",
    ref: float = 1.0,
    lifter: float = 0,
) -> Array:
    """A mel power spectrogram from its first cepstral coefficients, the others taken as zero.

    Parameters
    ----------
    mfcc : array-like [shape=(..., n_mfcc, n_frames)]
        Coefficients as `mfcc` returns them.
    n_mels : int
        Number of mel bands.
    dct_type, norm, lifter
        As in `mfcc`.
    ref : float
        Power at 0 dB.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        float32 for float32.

    Raises
    ------
    ParameterError
        For lifter < 0 and an unknown type or norm.

    Warns
    -----
    UserWarning
        If the lifter has weighted a coefficient with zero, so that it is lost.
    """
    if not lifter >= 0:
        raise parameter_error(f"MFCC to mel lifter={lifter} must be a non-negative number")
    mfcc = np.asarray(mfcc)
    dtype = mfcc.dtype if mfcc.dtype.kind in "fc" else np.dtype(np.float64)
    if np.any(np.abs(cepstrum.lifter_weights(mfcc.shape[-2], lifter)) < np.finfo(dtype).eps):
        warn(f"lifter array includes critical values that may invoke underflow: lifter={lifter} has weights near 0")
    levels = cepstrum.inverse_cepstrum(mfcc, n_mels, dct_type=dct_type, norm=norm, lifter=lifter)
    M: Array = db_to_power(levels, ref=ref)
    return M


@raise_parameter_errors
def mfcc_to_audio(
    mfcc: Array,
    *,
    n_mels: int = 128,
    dct_type: int = 2,
    norm: str | None = "ortho",
    ref: float = 1.0,
    lifter: float = 0,
    **kwargs: Any,
) -> Array:
    """A signal whose first cepstral coefficients are close to these: `mfcc_to_mel`, then `mel_to_audio`.

    Parameters
    ----------
    mfcc, n_mels, dct_type, norm, ref, lifter
        As in `mfcc_to_mel`.
    **kwargs
        For `mel_to_audio`.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]

    Raises
    ------
    ParameterError
        As `mfcc_to_mel` and `mel_to_audio`.
    """
    M = mfcc_to_mel(mfcc, n_mels=n_mels, dct_type=dct_type, norm=norm, ref=ref, lifter=lifter)
    return mel_to_audio(M, **kwargs)
