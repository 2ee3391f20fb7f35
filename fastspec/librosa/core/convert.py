"""librosa.core.convert: frames, samples and seconds; Hz, mel and bins."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._names import find

Numbers = Any
"""A NumPy scalar for a scalar, an array for anything else."""


def __getattr__(name: str) -> Any:
    return find(__name__, name)


def _offset(n_fft: int | None) -> int:
    return 0 if n_fft is None else int(n_fft // 2)


def frames_to_samples(frames: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """frames * hop_length, plus n_fft // 2 where n_fft is given (frames not centred); whole numbers."""
    return (np.asanyarray(frames) * hop_length + _offset(n_fft)).astype(int)[()]


def samples_to_frames(samples: ArrayLike, *, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """floor((samples - offset) / hop_length), offset n_fft // 2 where n_fft is given; whole numbers."""
    return np.asarray(np.floor((np.asanyarray(samples) - _offset(n_fft)) // hop_length), dtype=int)[()]


def frames_to_time(frames: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """Seconds at which frames start, or are centred; see `frames_to_samples`."""
    return samples_to_time(frames_to_samples(frames, hop_length=hop_length, n_fft=n_fft), sr=sr)


def time_to_frames(times: ArrayLike, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None) -> Numbers:
    """The frames of these seconds; see `samples_to_frames`."""
    return samples_to_frames(time_to_samples(times, sr=sr), hop_length=hop_length, n_fft=n_fft)


def time_to_samples(times: ArrayLike, *, sr: float = 22050) -> Numbers:
    """times * sr, towards zero; whole numbers."""
    return (np.asanyarray(times) * sr).astype(int)[()]


def samples_to_time(samples: ArrayLike, *, sr: float = 22050) -> Numbers:
    """samples / sr, in seconds."""
    return np.asanyarray(samples)[()] / float(sr)


def blocks_to_frames(blocks: ArrayLike, *, block_length: int) -> Numbers:
    """blocks * block_length: the first frame of each block."""
    return block_length * np.asanyarray(blocks)[()]


def blocks_to_samples(blocks: ArrayLike, *, block_length: int, hop_length: int) -> Numbers:
    """The first sample of each block of `block_length` frames."""
    return frames_to_samples(blocks_to_frames(blocks, block_length=block_length), hop_length=hop_length)


def blocks_to_time(blocks: ArrayLike, *, block_length: int, hop_length: int, sr: float) -> Numbers:
    """Seconds at which each block of `block_length` frames starts."""
    return samples_to_time(blocks_to_samples(blocks, block_length=block_length, hop_length=hop_length), sr=sr)


def samples_like(X: Any, *, hop_length: int = 512, n_fft: int | None = None, axis: int = -1) -> NDArray[Any]:
    """The sample of each frame of X along `axis` (or of frames 0 .. X - 1, if X is a number)."""
    count: Any = X if np.isscalar(X) else X.shape[axis]
    frames = np.arange(count)
    return frames_to_samples(frames, hop_length=hop_length, n_fft=n_fft)


def times_like(
    X: Any, *, sr: float = 22050, hop_length: int = 512, n_fft: int | None = None, axis: int = -1
) -> NDArray[Any]:
    """The seconds of each frame of X along `axis`; see `samples_like`."""
    return samples_to_time(samples_like(X, hop_length=hop_length, n_fft=n_fft, axis=axis), sr=sr)


def fft_frequencies(*, sr: float = 22050, n_fft: int = 2048) -> NDArray[np.float64]:
    """k sr / n_fft in Hz for the bins k = 0 .. n_fft // 2."""
    return np.fft.rfftfreq(n=n_fft, d=1.0 / sr)


def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> Numbers:
    """Mels of frequencies in Hz, on the scale of Slaney's Auditory Toolbox or (htk) 2595 log10(1 + f / 700)."""
    from ...mel import hz_to_mel as scale

    return scale(np.asanyarray(frequencies), htk)[()]


def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> Numbers:
    """Frequencies in Hz of mels; the inverse of `hz_to_mel`."""
    from ...mel import mel_to_hz as scale

    return scale(np.asanyarray(mels), htk)[()]


def mel_frequencies(
    n_mels: int = 128, *, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """`n_mels` frequencies in Hz from fmin to fmax, evenly spaced in mel."""
    from ...mel import mel_frequencies as spaced

    return spaced(n_mels, fmin, fmax, htk)
