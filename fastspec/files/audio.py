"""Whole sound files in memory: read as mono float64 samples, written as 16-bit files.

    file --read--> y (n,), rate          y --level--> y within ±0.95 --write--> file

`open_sound` reads sounds of any length in blocks.  Other formats than WAV need soundfile, another sample rate needs
soxr, both from ``pip install "fastspec[audio]"``.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import extras
from . import sound_readers, sound_writers

PEAK = sound_writers.PEAK
"""Peak after `level`: about half a decibel below full scale."""


def read(
    path: str | os.PathLike[str], *, seconds: float | None = None, rate: int | None = None
) -> tuple[NDArray[np.float64], int]:
    """Read a sound file as one channel.

    Parameters
    ----------
    path : path
        WAV always; FLAC, OGG, AIFF, MP3, ... where soundfile is installed.
    seconds : float, optional
        Read at most this much from the start, in seconds.
    rate : int, optional
        Resample to this rate, in Hz (needs soxr unless it is the rate of the file).

    Returns
    -------
    y : np.ndarray [shape=(n,), float64], n >= 1
        Samples, full scale ±1: the mean of the channels.
    rate : int
        Sample rate in Hz.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a sound file, holds no samples or fewer than its header declares, or NaN or infinity.
    ImportError
        If its format needs a package that is not installed.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds!r}")
    with sound_readers.open_sound(path, dtype="float64") as file:
        file_rate = file.rate
        n_samples = None if seconds is None else max(1, round(seconds * file_rate))
        y = np.concatenate([block.copy() for block in file.blocks(most=n_samples)])
    if rate is not None and rate != file_rate:
        return resample(y, file_rate, rate), rate
    return y, file_rate


def resample(y: NDArray[np.float64], rate: int, new_rate: int) -> NDArray[np.float64]:
    """Resample `y` from `rate` to `new_rate`, both in Hz, with soxr's high-quality filter.

    Raises
    ------
    ValueError
        If a rate is below 1.
    ImportError
        If soxr is not installed.
    """
    if min(rate, new_rate) < 1:
        raise ValueError(f"sample rates must be at least 1 Hz, got {rate} and {new_rate}")
    soxr = extras.load("soxr", "audio", "another sample rate")
    return np.asarray(soxr.resample(y, rate, new_rate), dtype=np.float64)


def level(y: ArrayLike, *, like: ArrayLike | None = None) -> NDArray[np.float64]:
    """Scale `y` to the RMS level of `like`, or less if its peak would exceed 0.95; silence stays silence.

    Without `like` the peak becomes 0.95.
    """
    y = np.asarray(y, dtype=np.float64)
    peak = float(np.abs(y).max(initial=0.0))
    if peak == 0.0:
        return y.copy()
    normalized = y / peak
    if like is None:
        return PEAK * normalized
    return min(PEAK, _rms(like) / _rms(normalized)) * normalized


def write(path: str | os.PathLike[str], y: ArrayLike, rate: int) -> None:
    """Write mono samples as a 16-bit sound file, atomically.

    Parameters
    ----------
    path : path
        The suffix names the format: ``.wav`` always; ``.flac``, ``.ogg``, ... where soundfile is installed.
    y : array_like [shape=(n,)]
        Samples within ±1 (see `level`).
    rate : int
        Sample rate in Hz.

    Raises
    ------
    ValueError
        If `y` is not one-dimensional, not finite or beyond ±1, where it would clip, or if the format is unknown.
    OSError
        If the file cannot be written.
    """
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 1:
        raise ValueError(f"y must be one-dimensional, got shape {y.shape}")
    peak = float(np.abs(y).max(initial=0.0))
    if not peak <= 1.0:
        raise ValueError(
            f"y must be finite and within ±1, or it would clip: its peak is {peak:.4g}; audio.level() scales it"
        )
    with sound_writers.open_writer(path, rate, None) as file:
        file.write(y)
        file.finish()


def check_format(path: str | os.PathLike[str]) -> None:
    """ValueError or ImportError if `write` does not support the format that the suffix of `path` names."""
    sound_writers.check_format(path)


def _rms(y: ArrayLike) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(y, dtype=np.float64)))))
