"""librosa.core.convert: conversions between frames, samples and seconds, and between Hz and mel.

Each takes a number or an array-like of any shape and returns a NumPy scalar or an array of that shape.
"""

import math
from typing import Any

import numpy as np
from numpy.fft import rfftfreq
from numpy.typing import ArrayLike, NDArray

from ... import checks
from ...forks import forks_wait
from .._names import is_before_1, raise_parameter_errors, resolve

ScalarOrArray = Any
"""A NumPy scalar for a number, an array for an array-like."""


def __getattr__(name: str) -> Any:
    return resolve(__name__, name)


def _offset(n_fft: int | None) -> int:
    """Samples from the start of an uncentred frame to its centre."""
    return 0 if n_fft is None else int(n_fft // 2)


def _indices(x: ArrayLike) -> Any:
    """An array whose integers may be multiplied: small ones in 64 bits."""
    array = np.asanyarray(x)
    return array.astype(np.int64) if array.dtype.kind in "iub" and array.dtype.itemsize < 4 else array


def _rate(sr: float) -> float:
    """The sampling rate as it is given.

    Raises
    ------
    ValueError
        If it is not finite or not above 0.
    """
    if not 0 < sr < math.inf:
        raise ValueError(f"sr must be a finite number above 0, got {sr!r}")
    return sr


def _keep_precision(x: ArrayLike, result: Any) -> ScalarOrArray:
    """The float64 `result` of x, in x's dtype if that is float32 or float16."""
    dtype = getattr(x, "dtype", None)
    return result if dtype is None or dtype.kind != "f" or dtype.itemsize > 4 else result.astype(dtype.type)


@raise_parameter_errors
def frames_to_samples(frames: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> ScalarOrArray:
    """Frame indices to sample indices: frames * hop_length + offset.

    Parameters
    ----------
    frames : int or array-like of int
        Frame indices, from 0.
    hop_length : int > 0
        Samples from one frame to the next.
    n_fft : int, optional
        Length of uncentred frames: the offset is then n_fft // 2, the centre of a frame; without it, 0.

    Returns
    -------
    samples : int
    """
    return (_indices(frames) * hop_length + _offset(n_fft)).astype(int)[()]


@raise_parameter_errors
def samples_to_frames(samples: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> ScalarOrArray:
    """Sample indices to frame indices: floor((samples - offset) / hop_length).

    Parameters
    ----------
    samples : int or array-like of int
        Sample indices, from 0.
    hop_length, n_fft
        As in `frames_to_samples`.

    Returns
    -------
    frames : int
        Negative for samples before the offset.  Of a number, an array without dimensions where the installed librosa is
        older than 1.0.
    """
    frames = np.asarray(np.floor((_indices(samples) - _offset(n_fft)) // hop_length), dtype=int)
    return frames if frames.ndim or is_before_1() else frames[()]


@raise_parameter_errors
def frames_to_time(
    frames: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None
) -> ScalarOrArray:
    """Frame indices to seconds: (frames * hop_length + offset) / sr.

    Parameters
    ----------
    frames, hop_length, n_fft
        As in `frames_to_samples`.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    times : float
        In seconds.
    """
    return samples_to_time(frames_to_samples(frames, hop_length=hop_length, n_fft=n_fft), sr=sr)


@raise_parameter_errors
def time_to_frames(
    times: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None
) -> ScalarOrArray:
    """Seconds to frame indices: floor((times * sr - offset) / hop_length).

    Parameters
    ----------
    times : float or array-like of float
        In seconds.
    sr : number > 0
        Sampling rate in Hz.
    hop_length, n_fft
        As in `frames_to_samples`.

    Returns
    -------
    frames : int
    """
    return samples_to_frames(time_to_samples(times, sr=sr), hop_length=hop_length, n_fft=n_fft)


@raise_parameter_errors
def time_to_samples(times: ArrayLike, *, sr: float = 22050) -> ScalarOrArray:
    """Seconds to sample indices: times * sr, rounded towards zero.

    Parameters
    ----------
    times : float or array-like of float
        In seconds.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    samples : int
    """
    return (_indices(times) * _rate(sr)).astype(int)[()]


@raise_parameter_errors
def samples_to_time(samples: ArrayLike, *, sr: float = 22050) -> ScalarOrArray:
    """Sample indices to seconds: samples / sr.

    Parameters
    ----------
    samples : int or array-like of int
        Sample indices, from 0.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    times : float
        In seconds.
    """
    return np.asanyarray(samples)[()] / float(_rate(sr))


@raise_parameter_errors
def blocks_to_frames(blocks: ArrayLike, *, block_length: int) -> ScalarOrArray:
    """Block indices to the index of their first frame: blocks * block_length.

    Parameters
    ----------
    blocks : int or array-like of int
        Block indices, from 0.
    block_length : int > 0
        Frames of a block.

    Returns
    -------
    frames : int
    """
    if block_length != block_length:
        raise ValueError(f"block_length must be a whole number above 0, got {block_length!r}")
    return block_length * _indices(blocks)[()]


@raise_parameter_errors
def blocks_to_samples(blocks: ArrayLike, *, block_length: int, hop_length: int) -> ScalarOrArray:
    """Block indices to the index of their first sample: blocks * block_length * hop_length.

    Parameters
    ----------
    blocks, block_length
        As in `blocks_to_frames`.
    hop_length : int > 0
        Samples from one frame to the next.

    Returns
    -------
    samples : int
    """
    return frames_to_samples(blocks_to_frames(blocks, block_length=block_length), hop_length=hop_length)


@raise_parameter_errors
def blocks_to_time(blocks: ArrayLike, *, block_length: int, hop_length: int, sr: float) -> ScalarOrArray:
    """Block indices to the time of their first sample in seconds: blocks * block_length * hop_length / sr.

    Parameters
    ----------
    blocks, block_length, hop_length
        As in `blocks_to_samples`.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    times : float
        In seconds.
    """
    return samples_to_time(blocks_to_samples(blocks, block_length=block_length, hop_length=hop_length), sr=sr)


@raise_parameter_errors
def samples_like(X: Any, *, hop_length: int = 512, n_fft: int | None = None, axis: int = -1) -> NDArray[Any]:
    """The sample index of each frame of a spectrogram; see `frames_to_samples`.

    Parameters
    ----------
    X : np.ndarray or int
        A spectrogram, or its number of frames.
    hop_length, n_fft
        As in `frames_to_samples`.
    axis : int
        The axis of frames in X.

    Returns
    -------
    samples : np.ndarray [shape=(n_frames,)] of int
    """
    n_frames: Any = X if np.isscalar(X) else X.shape[axis]
    return frames_to_samples(np.arange(n_frames), hop_length=hop_length, n_fft=n_fft)


@raise_parameter_errors
def times_like(
    X: Any, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None, axis: int = -1
) -> NDArray[Any]:
    """The time of each frame of a spectrogram in seconds; see `frames_to_time`.

    Parameters
    ----------
    X, hop_length, n_fft, axis
        As in `samples_like`.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    times : np.ndarray [shape=(n_frames,)]
        In seconds.
    """
    return samples_to_time(samples_like(X, hop_length=hop_length, n_fft=n_fft, axis=axis), sr=sr)


@raise_parameter_errors
def fft_frequencies(*, sr: float = 22050, n_fft: int = 2048) -> NDArray[np.float64]:
    """Frequencies of the bins of an FFT: k sr / n_fft.

    Parameters
    ----------
    sr : number > 0
        Sampling rate in Hz.
    n_fft : int > 0
        Size of the transform.

    Returns
    -------
    frequencies : np.ndarray [shape=(1 + n_fft // 2,)]
        In Hz.
    """
    frequencies: Any = rfftfreq(n=n_fft, d=1.0 / _rate(sr))
    return frequencies


@raise_parameter_errors
def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> ScalarOrArray:
    """Hz to mel: Slaney's scale, linear below 1000 Hz and logarithmic above, or HTK's.

    Parameters
    ----------
    frequencies : float or array-like of float
        In Hz.
    htk : bool
        HTK's scale, 2595 log10(1 + f / 700), instead of Slaney's.

    Returns
    -------
    mels : float
        Computed in float64; float32 and float16 keep their dtype, and masked arrays their masks.
    """
    with forks_wait:
        from ...features import scales

    return _keep_precision(frequencies, scales.hz_to_mel(frequencies, htk))


@raise_parameter_errors
def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> ScalarOrArray:
    """Mel to Hz: the inverse of `hz_to_mel`.

    Parameters
    ----------
    mels : float or array-like of float
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    frequencies : float
        In Hz, of the dtype that `hz_to_mel` has.
    """
    with forks_wait:
        from ...features import scales

    return _keep_precision(mels, scales.mel_to_hz(mels, htk))


@raise_parameter_errors
def mel_frequencies(
    n_mels: int = 128, *, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """Frequencies evenly spaced in mel.

    Parameters
    ----------
    n_mels : int > 0
        Number of frequencies.
    fmin, fmax : float
        The first and the last frequency, in Hz.
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    frequencies : np.ndarray [shape=(n_mels,)]
        In Hz.
    """
    with forks_wait:
        from ...features import scales

    corners = checks.as_finite("fmin", fmin), checks.as_finite("fmax", fmax)
    return scales.mel_frequencies(n_mels, *corners, htk)
