"""librosa.feature.spectral: mel spectrograms and their cepstrum."""

from typing import Any

import numpy as np

from ..._typing import Array
from ...features.cepstrum import cepstrum
from .. import util
from .._banks import bank
from .._names import face, find, parameter_error, warn
from .._plans import analysis, precision
from ..core._levels import power_to_db
from ..filters import EMPTY


def __getattr__(name: str) -> Any:
    return find(__name__, name)


@face
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

    From samples, neither the spectrum nor its magnitudes are ever held.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Finite floating-point samples, any number of channels.
    sr : number > 0
        Sampling rate in Hz.
    S : np.ndarray [shape=(..., 1 + n_fft // 2, n_frames)]
        A spectrogram in place of y; its bins say what n_fft is.
    n_fft, hop_length, win_length, window, center, pad_mode
        As in `stft`.
    power : float > 0
        Exponent of the magnitudes: 1 for amplitudes, 2 for powers.
    **kwargs
        For `filters.mel`: n_mels, fmin, fmax, htk, norm, dtype.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, n_frames)]
        float32 for float32 samples, else float64; the filters are float32 unless `dtype` says otherwise.

    Raises
    ------
    ParameterError
        Without y and S, and for arguments without sense.

    Warns
    -----
    UserWarning
        If n_fft is more than the samples that there are, or a filter holds no bin.
    """
    if S is not None:
        if n_fft is None or n_fft // 2 + 1 != S.shape[-2]:
            n_fft = 2 * (S.shape[-2] - 1)
        filters = _filters(sr, n_fft, kwargs)
        return np.matmul(np.asarray(filters), S)
    if n_fft is None:
        raise parameter_error()("n_fft is needed to compute a spectrogram of y, got None")
    if y is None:
        raise parameter_error()("Input signal must be provided to compute a spectrogram: y or S")
    util.valid_audio(y)
    dtype = np.promote_types(precision(util.dtype_r2c(y.dtype)), precision(np.dtype(kwargs.get("dtype", np.float32))))
    made = analysis(y, n_fft, hop_length, win_length, window, dtype, center=center, pad_mode=pad_mode)
    return made.mel(y, _filters(sr, n_fft, kwargs), power=power)


def _filters(sr: float, n_fft: int, options: dict[str, Any]) -> Any:
    """The bank, with a warning where one of its filters holds no bin."""
    found = bank(sr=sr, n_fft=n_fft, **options)
    if found.empty:
        warn(EMPTY)
    return found.filters


@face
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
    S : np.ndarray [shape=(..., n_mels, n_frames)]
        A mel spectrogram in decibels, in place of y.
    n_mfcc : int
        How many coefficients.
    dct_type : 1, 2, 3 or 4
        See `scipy.fft.dct`; with "ortho" too.
    norm : "ortho", "backward", "forward" or None
        See `scipy.fft.dct`.
    lifter : number >= 0
        Coefficient n is multiplied by 1 + lifter / 2 sin(pi (n + 1) / lifter); 0 leaves it as it is.
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
        For lifter < 0, an unknown type or norm, and what `melspectrogram` raises.
    """
    if not lifter >= 0:
        raise parameter_error()(f"MFCC lifter={lifter} must be a non-negative number")
    if S is None:
        S = power_to_db(melspectrogram(y=y, sr=sr, norm=mel_norm, **kwargs))
    return cepstrum(S, n_mfcc, dct_type=dct_type, norm=norm, lifter=lifter)
