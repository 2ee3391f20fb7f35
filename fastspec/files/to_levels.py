"""From sound to levels: files in, files out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import stream
from ..features.banks import FilterBank, MelBank, as_bank
from ..features.log import Log
from ..kernels.runtime.threads import thread_count, threads
from ..plan import STFT
from . import array_writers, picture, pipeline
from .metadata import N_MELS, About, default_plan
from .sound_readers import PathLike, Raw, Sound, open_sound

Progress = Callable[[int, int | None], object]


class Done(NamedTuple):
    """What has been done.

    Attributes
    ----------
    samples : int
        Of each channel, at `sr`.
    frames : int
    sr : int
        Hz.
    seconds : float
        It took.
    convergence : float or None
        Of recovered sound: 20 log10 (||L - S|| / ||S||) in dB for its levels L.
    gain : float
        What recovered sound was multiplied by so as not to clip.
    """

    samples: int
    frames: int
    sr: int
    seconds: float
    convergence: float | None = None
    gain: float = 1.0

    @property
    def speed(self) -> float:
        """Seconds of sound a second of work."""
        return self.samples / self.sr / self.seconds


def mel(
    path: PathLike | Sound,
    out: PathLike,
    plan: STFT | None = None,
    bank: FilterBank | ArrayLike | None = None,
    *,
    sr: int | None = None,
    power: float = 2.0,
    log: Log | None = None,
    mono: bool = True,
    raw: Raw | None = None,
    db_range: float = picture.DB_RANGE,
    progress: Progress | None = None,
) -> Done:
    """The mel spectrogram of a sound of any length, from file to file: bank @ |STFT|**power, or its logarithm.

    The numbers are those of `plan.mel` of the whole sound, bit for bit.  Memory does not grow with the sound.

    Parameters
    ----------
    path : path or Sound
        A sound file, "-" for standard input, or what `open_sound` yields.
    out : path
        What to write, whole or not at all: .npy (mels (n_mels, frames), or (channels, n_mels, frames); a frame's
        numbers are neighbours), .npz (the same, called M, with all that `invert` has to know), .zarr (the same, in
        chunks along the frames), .png (a picture in seconds, Hz and dB), or "-" for standard output, as .npy.
    plan : STFT
        By default one of about 46 ms, a power of two, a quarter of it from frame to frame.
    bank : MelBank, FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        By default 80 mel filters up to sr / 2.
    sr : int
        Resample to this rate in Hz first.
    power, log
        As in `STFT.mel`.  With log="whisper" what is written is gone through once more at the end.
    mono : bool
        Whether channels are mixed to their mean; otherwise they are kept.
    raw : Raw
        What the samples are, where no header says so.
    db_range : float
        Of a picture: levels so many dB below the loudest are the darkest colour.
    progress : callable
        progress(done, total) in samples of the file; total is None where only the end will tell.  What it raises
        ends the work.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError
        If a file cannot be opened, read or written.
    TypeError, ValueError
        If it is no sound, is too short for a frame, or an argument is out of its range; no file is left then.
    ImportError
        If a format or another rate needs a package that is not installed.
    """
    if not isinstance(path, Sound):
        dtype = np.float32 if plan is None else plan.dtype
        with open_sound(path, sr=sr, mono=mono, raw=raw, dtype=dtype) as sound:
            return mel(sound, out, plan, bank, power=power, log=log, db_range=db_range, progress=progress)
    plan = default_plan(path.rate) if plan is None else plan
    filters = MelBank(path.rate, plan.n_fft, N_MELS, dtype=plan.dtype) if bank is None else as_bank(bank)
    return _levels(path, out, About(path.rate, plan, filters, float(power), log), db_range, progress)


def spectrogram(
    path: PathLike | Sound,
    out: PathLike,
    plan: STFT | None = None,
    *,
    sr: int | None = None,
    power: float = 1.0,
    log: str | None = None,
    mono: bool = True,
    raw: Raw | None = None,
    db_range: float = picture.DB_RANGE,
    progress: Progress | None = None,
) -> Done:
    """The spectrogram of a sound of any length, from file to file: |STFT|**power, or its logarithm.

    Parameters
    ----------
    path, out, plan, sr, mono, raw, db_range, progress
        As in `mel`; the array is (n_bins, frames), called S.
    power : float
        1 for magnitudes, 2 for energies.
    log : str
        None, "db", "ln" or "log10", with the floors of `STFT.mel`.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError, TypeError, ValueError, ImportError
        As in `mel`.
    """
    if log == "whisper":
        raise ValueError("log must be None, 'db', 'ln' or 'log10', got 'whisper', which is for mels")
    if not isinstance(path, Sound):
        dtype = np.float32 if plan is None else plan.dtype
        with open_sound(path, sr=sr, mono=mono, raw=raw, dtype=dtype) as sound:
            return spectrogram(sound, out, plan, power=power, log=log, db_range=db_range, progress=progress)
    plan = default_plan(path.rate) if plan is None else plan
    return _levels(path, out, About(path.rate, plan, None, float(power), log), db_range, progress)


def _levels(sound: Sound, out: PathLike, about: About, db_range: float, progress: Progress | None) -> Done:
    """Reads, computes and writes at once."""
    start, forward = time.perf_counter(), stream_of(about)
    tell = Teller(sound, progress)
    memory, frames = Frames(about, sound.channels, forward.latency), 0
    with _opened(out, about, sound, db_range) as sink:
        with pipeline.ahead(sound.blocks()) as blocks, pipeline.behind(sink.write) as write, threads(_computing()):
            for block in blocks:
                levels = forward.push(block, out=memory.take(block.shape[-1]))
                frames += levels.shape[-1]
                write(levels)
                tell.more(block.shape[-1])
            levels = forward.flush()
            frames += levels.shape[-1]
            check_frames(frames, about.plan, sound)
            write(levels)
        sink.finish(sound.samples)
        tell.end()
    return Done(sound.samples, frames - (about.log == "whisper"), sound.rate, time.perf_counter() - start)


def _computing() -> int:
    """Threads for kernels: reading and writing take longer than they, and threads that wait for work need cores."""
    return max(1, thread_count() - 2)


@contextmanager
def _opened(out: PathLike, about: About, sound: Sound, db_range: float) -> Iterator[array_writers.Sink]:
    """What writes a file of this name."""
    if os.fspath(out) == array_writers.STDOUT or array_writers.suffix_of(out) != ".png":
        with array_writers.opened(out, about, sound.channels, _frames(about.plan, sound)) as sink:
            yield sink
        return
    if about.log:
        raise ValueError(f"log must be left out for a picture, which is in dB, got {about.log!r}")
    if sound.channels is not None:
        raise ValueError("mono must be True for a picture, which shows one channel")
    with picture.opened(out, about, Path(sound.name).name, db_range) as drawn:
        yield drawn


def _frames(plan: STFT, sound: Sound) -> int | None:
    """How many there will be, if that is known."""
    if sound.total is None or sound.rate != sound.file_rate:
        return None
    return plan.n_frames(sound.total) if (plan.center and sound.total) or sound.total >= plan.n_fft else None


def stream_of(about: About) -> Any:
    """The stream that makes such levels."""
    if about.filters is None:
        return stream.StreamingPower(about.plan, power=about.power)
    log: Any = "log10" if about.log == "whisper" else about.log  # see `arrays.Whisper`
    return stream.StreamingMel(about.plan, about.filters, power=about.power, log=log)


def check_frames(frames: int, plan: STFT, sound: Sound) -> None:
    """ValueError if there is none at all."""
    if not frames:
        raise ValueError(f"{sound.name}: holds {sound.samples} samples, fewer than a frame of n_fft = {plan.n_fft}")


class Frames:
    """Memory for the levels of blocks, the numbers of a frame beside each other, used again and again."""

    def __init__(self, about: About, channels: int | None, latency: int) -> None:
        self._ring = pipeline.Ring(about.plan.dtype)
        self._leading, self._rows = (() if channels is None else (channels,)), about.rows
        self._hop, self._more = about.plan.hop_length, latency + about.plan.n_fft

    def take(self, samples: int) -> NDArray[np.floating]:
        """Room for the frames (..., rows, any number) that so many samples may bring."""
        count = (samples + self._more) // self._hop + 2
        shape = (*self._leading, count, self._rows)
        return self._ring.take(math.prod(shape)).reshape(shape).swapaxes(-1, -2)


class Teller:
    """Tells how far a sound has been read, at the rate of its file."""

    def __init__(self, sound: Sound, progress: Progress | None) -> None:
        self._sound, self._progress, self._done = sound, progress, 0

    def more(self, samples: int) -> None:
        self._done += samples
        if self._progress is not None:
            done, total = self._done * self._sound.file_rate // self._sound.rate, self._sound.total
            self._progress(done if total is None else min(done, total), total)

    def end(self) -> None:
        if self._progress is not None:
            self._progress(self._sound.read, self._sound.total)
