"""librosa.core.convert: frames, samples and seconds; Hz, mel and bins.

Each takes a number or an array-like of any shape and gives a NumPy scalar or an array of that shape.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._names import find

Numbers = Any
"""A NumPy scalar for a number, an array for anything else."""


def __getattr__(name: str) -> Any:
    return find(__name__, name)


def _offset(n_fft: int | None) -> int:
    return 0 if n_fft is None else int(n_fft // 2)


def frames_to_samples(frames: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """Samples of frames: frames * hop_length + offset.

    Parameters
    ----------
    frames : int or array-like of int
        Numbers of frames, from 0.
    hop_length : int > 0
        Samples from one frame to the next.
    n_fft : int, optional
        Size of frames that are not centred: the offset is then n_fft // 2, where their middle is, else 0.

    Returns
    -------
    samples : int
    """
    return (np.asanyarray(frames) * hop_length + _offset(n_fft)).astype(int)[()]


def samples_to_frames(samples: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """Frames of samples: floor((samples - offset) / hop_length).

    Parameters
    ----------
    samples : int or array-like of int
        Numbers of samples, from 0.
    hop_length, n_fft
        As in `frames_to_samples`.

    Returns
    -------
    frames : int
        Below 0 for what lies ahead of the offset.
    """
    return np.asarray(np.floor((np.asanyarray(samples) - _offset(n_fft)) // hop_length), dtype=int)[()]


def frames_to_time(frames: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """Seconds of frames: (frames * hop_length + offset) / sr.

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


def time_to_frames(times: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """Frames of seconds: floor((times * sr - offset) / hop_length).

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


def time_to_samples(times: ArrayLike, *, sr: float = 22050) -> Numbers:
    """Samples of seconds: times * sr, rounded towards zero.

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
    return (np.asanyarray(times) * sr).astype(int)[()]


def samples_to_time(samples: ArrayLike, *, sr: float = 22050) -> Numbers:
    """Seconds of samples: samples / sr.

    Parameters
    ----------
    samples : int or array-like of int
        Numbers of samples, from 0.
    sr : number > 0
        Sampling rate in Hz.

    Returns
    -------
    times : float
        In seconds.
    """
    return np.asanyarray(samples)[()] / float(sr)


def blocks_to_frames(blocks: ArrayLike, *, block_length: int) -> Numbers:
    """The first frame of each block: blocks * block_length.

    Parameters
    ----------
    blocks : int or array-like of int
        Numbers of blocks, from 0.
    block_length : int > 0
        Frames of a block.

    Returns
    -------
    frames : int
    """
    return block_length * np.asanyarray(blocks)[()]


def blocks_to_samples(blocks: ArrayLike, *, block_length: int, hop_length: int) -> Numbers:
    """The first sample of each block: blocks * block_length * hop_length.

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


def blocks_to_time(blocks: ArrayLike, *, block_length: int, hop_length: int, sr: float) -> Numbers:
    """Seconds at which each block starts: blocks * block_length * hop_length / sr.

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


def samples_like(X: Any, *, hop_length: int = 512, n_fft: int | None = None, axis: int = -1) -> NDArray[Any]:
    """The sample of each frame of a spectrogram; see `frames_to_samples`.

    Parameters
    ----------
    X : np.ndarray or int
        A spectrogram, or how many frames it has.
    hop_length, n_fft
        As in `frames_to_samples`.
    axis : int
        The axis of X along which its frames are.

    Returns
    -------
    samples : np.ndarray [shape=(n_frames,)] of int
    """
    count: Any = X if np.isscalar(X) else X.shape[axis]
    return frames_to_samples(np.arange(count), hop_length=hop_length, n_fft=n_fft)


def times_like(
    X: Any, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None, axis: int = -1
) -> NDArray[Any]:
    """The seconds of each frame of a spectrogram; see `frames_to_time`.

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


def fft_frequencies(*, sr: float = 22050, n_fft: int = 2048) -> NDArray[np.float64]:
    """Frequencies of the bins of a transform: k sr / n_fft.

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
    frequencies: Any = np.fft.rfftfreq(n=n_fft, d=1.0 / sr)
    return frequencies


def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> Numbers:
    """Mels of frequencies; the scales are those of `fastspec.mel.hz_to_mel`.

    Parameters
    ----------
    frequencies : float or array-like of float
        In Hz.
    htk : bool
        2595 log10(1 + f / 700) in place of Slaney's scale.

    Returns
    -------
    mels : float
    """
    from ...features.scales import hz_to_mel as scale

    return scale(np.asanyarray(frequencies), htk)[()]


def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> Numbers:
    """Frequencies of mels: the inverse of `hz_to_mel`.

    Parameters
    ----------
    mels : float or array-like of float
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    frequencies : float
        In Hz.
    """
    from ...features.scales import mel_to_hz as scale

    return scale(np.asanyarray(mels), htk)[()]


def mel_frequencies(
    n_mels: int = 128, *, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """Frequencies evenly spaced in mel.

    Parameters
    ----------
    n_mels : int > 0
        How many.
    fmin, fmax : float
        The first and the last, in Hz.
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    frequencies : np.ndarray [shape=(n_mels,)]
        In Hz.
    """
    from ...features.scales import mel_frequencies as spaced

    return spaced(n_mels, fmin, fmax, htk)
