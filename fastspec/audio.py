"""Sound files in and out: mono float64 samples in, 16-bit files out, nothing believed that a header only promises.

    file --read--> y (n,), rate          y --level--> y within ±0.95 --write--> file

Reading and writing WAV needs SciPy alone; other formats need soundfile, another sample rate needs soxr, both from
``pip install "fastspec[audio]"``.
"""

from __future__ import annotations

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import atomic, extras

PEAK = 0.95  # the largest |sample| that `level` leaves: about half a decibel below full scale
_BLOCK = 1 << 16  # frames a read: memory follows what the file holds, not what its header says


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
        Resample to this rate, in Hz (needs soxr unless the file has it already).

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
        If it is no sound file, holds no samples or fewer than its header promises, or holds NaN or infinity.
    ImportError
        If its format needs a package that is not installed.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds!r}")
    path = Path(path)
    is_wav = _check_riff(path)
    y, file_rate = _read_wav(path, seconds) if is_wav and not extras.version("soundfile") else _read_any(path, seconds)
    if y.size == 0:
        raise ValueError(f"{path}: holds no samples")
    bad = np.flatnonzero(~np.isfinite(y))
    if bad.size:
        raise ValueError(f"{path}: sample {bad[0]} is {y[bad[0]]}; samples must be finite")
    if rate is not None and rate != file_rate:
        return resample(y, file_rate, rate), rate
    return y, file_rate


def resample(y: NDArray[np.float64], rate: int, new_rate: int) -> NDArray[np.float64]:
    """`y` at `new_rate` instead of `rate` samples a second, by soxr's high-quality filter.

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
    """Scale `y` so that it can be played: as loud as `like` (equal RMS), but never above a peak of 0.95.

    Without `like` the peak becomes 0.95. Silence stays silence.
    """
    y = np.asarray(y, dtype=np.float64)
    peak = float(np.abs(y).max(initial=0.0))
    if peak == 0.0:
        return y.copy()
    unit = y / peak
    if like is None:
        return PEAK * unit
    return min(PEAK, _rms(like) / _rms(unit)) * unit


def write(path: str | os.PathLike[str], y: ArrayLike, rate: int) -> None:
    """Write mono samples as a 16-bit sound file, whole or not at all.

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
        If `y` is not one-dimensional, not finite or beyond ±1, where it would clip, or if the format is not known.
    OSError
        If the file cannot be written.
    """
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 1:
        raise ValueError(f"y must be one-dimensional, got shape {y.shape}")
    peak = float(np.abs(y).max(initial=0.0))
    if not peak <= 1.0:
        raise ValueError(f"y must be finite and within ±1 or it would clip, got a peak of {peak:.4g}; see level()")
    check_format(path)
    with atomic.replacing(path) as temporary:
        if Path(path).suffix.lower() == ".wav":
            from scipy.io import wavfile

            wavfile.write(temporary, rate, np.round(y * 32767).astype(np.int16))
        else:
            extras.load("soundfile", "audio", "this format").write(temporary, y, rate)


def check_format(path: str | os.PathLike[str]) -> None:
    """ValueError or ImportError if `write` does not know the format that the suffix of `path` names."""
    suffix = Path(path).suffix.lower()
    if suffix == ".wav":
        return
    soundfile = extras.load("soundfile", "audio", f"writing {suffix or 'a file without a suffix'}")
    if suffix[1:].upper() not in soundfile.available_formats():
        raise ValueError(f"{path}: no sound format is called {suffix!r}; .wav always works")


def _rms(y: ArrayLike) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(y, dtype=np.float64)))))


def _check_riff(path: Path) -> bool:
    """Whether `path` is a RIFF WAV file; ValueError if its data chunk is longer than the file.

    A reader that trusts such a header allocates gigabytes for a file of a hundred bytes.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if size == 0:
            raise ValueError(f"{path}: the file is empty")
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        while len(chunk := file.read(8)) == 8:
            name, promised = struct.unpack("<4sI", chunk)
            there = size - file.tell()
            if name == b"data":
                if promised > there:
                    raise ValueError(f"{path}: its header promises {promised} bytes of sound, the file holds {there}")
                return True
            file.seek(promised + promised % 2, os.SEEK_CUR)
    raise ValueError(f"{path}: a WAV file without a data chunk")


def _read_any(path: Path, seconds: float | None) -> tuple[NDArray[np.float64], int]:
    """By soundfile, block by block."""
    soundfile = extras.load("soundfile", "audio", f"reading {path.suffix or path.name}")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            wanted = file.frames if seconds is None else min(file.frames, _frames(seconds, rate))
            blocks: list[NDArray[np.float64]] = []
            missing = wanted
            while missing > 0:
                block = file.read(min(_BLOCK, missing), dtype="float64", always_2d=True)
                if len(block) == 0:
                    held = wanted - missing
                    raise ValueError(f"{path}: its header promises {file.frames} samples, the file holds {held}")
                blocks.append(block.mean(axis=1))
                missing -= len(block)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: not a sound file that can be read ({error.error_string})") from None
    return np.concatenate([np.empty(0), *blocks]), rate


def _read_wav(path: Path, seconds: float | None) -> tuple[NDArray[np.float64], int]:
    """By SciPy, where soundfile is absent: PCM and float WAV whose header `_check_riff` has seen."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that it skips
            rate, data = wavfile.read(path)
    except (ValueError, EOFError, struct.error) as error:
        raise ValueError(f"{path}: not a WAV file that SciPy can read ({error})") from None
    if seconds is not None:
        data = data[: _frames(seconds, rate)]
    y = _full_scale(data)
    return (y if y.ndim == 1 else y.mean(axis=1)), int(rate)


def _frames(seconds: float, rate: int) -> int:
    """Number of samples in `seconds`, at least one."""
    return max(1, round(seconds * rate))


def _full_scale(data: NDArray[Any]) -> NDArray[np.float64]:
    """Integer PCM to ±1 (unsigned 8-bit is centred on 128), float as it is."""
    y = data.astype(np.float64)
    if data.dtype == np.uint8:
        return (y - 128.0) / 128.0
    return y / float(1 << (8 * data.dtype.itemsize - 1)) if data.dtype.kind == "i" else y
