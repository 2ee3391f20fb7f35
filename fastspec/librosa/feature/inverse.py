"""librosa.feature.inverse: from mel spectrograms and their cepstrum back to magnitudes and to sound."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..._typing import Array
from ...features import cepstrum
from .._banks import bank
from .._names import face, find, parameter_error, warn
from .._plans import precision
from ..core._levels import db_to_power
from ..core.spectrum import griffinlim
from ..filters import EMPTY

__all__ = ["mel_to_audio", "mel_to_stft", "mfcc_to_audio", "mfcc_to_mel"]


def __getattr__(name: str) -> Any:
    return find(__name__, name)


@face
def mel_to_stft(M: Array, *, sr: float = 22050, n_fft: int = 2048, power: float = 2.0, **kwargs: Any) -> Array:
    """Magnitudes S >= 0 whose mel spectrogram is near M: the norm of mel S**power - M is small.

    Many S have nearly the same mels, and this is not the one that librosa finds; it is nearer to M.  See
    `fastspec.FilterBank.inverse`.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        A mel spectrogram, of finite numbers.
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
        In M's dtype; the bins of a frame are neighbours.

    Raises
    ------
    ParameterError
        For M with NaN or infinities, and for arguments without sense.

    Warns
    -----
    UserWarning
        If a filter holds no bin.
    """
    if M.ndim < 2:
        raise parameter_error()(f"M must have shape (..., n_mels, n_frames), got {M.shape}")
    wanted = M.dtype if M.dtype.kind == "f" else np.dtype(np.float64)
    exact = np.dtype(np.float64) if wanted == np.float16 else wanted
    found = bank(sr=sr, n_fft=n_fft, n_mels=M.shape[-2], dtype=exact, **kwargs)
    if found.empty:
        warn(EMPTY)
    S = found.filters.inverse(M.astype(precision(wanted), copy=False), power=power)
    return S.astype(wanted, copy=False)


@face
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
    """Sound whose mel spectrogram is near M: `mel_to_stft`, then `griffinlim`.

    Parameters
    ----------
    M, sr, n_fft, power
        As in `mel_to_stft`.
    hop_length, win_length, window, center, pad_mode, n_iter, length, dtype
        As in `griffinlim`, whose random phases are new ones at every call.
    **kwargs
        For `filters.mel`.

    Returns
    -------
    y : np.ndarray [shape=(..., n_samples)]

    Raises
    ------
    ParameterError
        What `mel_to_stft` and `griffinlim` raise.
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


@face
def mfcc_to_mel(
    mfcc: Array,
    *,
    n_mels: int = 128,
    dct_type: int = 2,
    norm: str | None = "ortho",
    ref: float = 1.0,
    lifter: float = 0,
) -> Array:
    """A mel spectrogram of powers whose cepstrum begins with these coefficients, and is zero from there on.

    Parameters
    ----------
    mfcc : np.ndarray [shape=(..., n_mfcc, n_frames)]
        What `mfcc` gives.
    n_mels : int
        How many bands.
    dct_type, norm, lifter
        As they were in `mfcc`.
    ref : float
        The power of 0 dB.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        float32 for float32.

    Raises
    ------
    ParameterError
        For lifter < 0, an unknown type or norm.

    Warns
    -----
    UserWarning
        If the lifter has taken a coefficient away.
    """
    if not lifter >= 0:
        raise parameter_error()(f"MFCC to mel lifter={lifter} must be a non-negative number")
    kind = mfcc.dtype if mfcc.dtype.kind in "fc" else np.dtype(np.float64)
    if np.any(np.abs(cepstrum.lifting(mfcc.shape[-2], lifter)) < np.finfo(kind).eps):
        warn("lifter array includes critical values that may invoke underflow.")
    levels = cepstrum.bands_of_cepstrum(mfcc, n_mels, dct_type=dct_type, norm=norm, lifter=lifter)
    M: Array = db_to_power(levels, ref=ref)
    return M


@face
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
    """Sound whose cepstrum begins about so: `mfcc_to_mel`, then `mel_to_audio`.

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
        What `mfcc_to_mel` and `mel_to_audio` raise.
    """
    M = mfcc_to_mel(mfcc, n_mels=n_mels, dct_type=dct_type, norm=norm, ref=ref, lifter=lifter)
    return mel_to_audio(M, **kwargs)
