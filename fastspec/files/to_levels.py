"""From sound to levels: spectrograms and mel spectrograms, from file to file."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, stream
from .._typing import Real
from ..features.banks import FilterBank, MelBank, as_bank
from ..features.log import Log
from ..frontends import FrontEnd, Recipe
from ..kernels.runtime.threads import thread_count, threads
from ..plan import STFT, as_plan
from . import array_writers, picture, pipeline, sound_readers
from .metadata import N_MELS, Metadata, as_features, default_plan
from .names import displayable
from .sound_readers import PathLike, Raw, Sound, open_sound

Progress = Callable[[int, int | None], object]
BLOCK_VALUES, PICTURE_BLOCK_VALUES = 1 << 22, 1 << 19
"""Levels of a block at most, unless a frame has more: of an array, and of a picture, which takes memory of its own."""


class Done(NamedTuple):
    """Summary of a finished conversion.

    Attributes
    ----------
    samples : int
        Samples of each channel, at `sr`.
    frames : int
    sr : int
        Hz.
    seconds : float
        Wall time.
    convergence : float or None
        Of recovered sound: 20 log10 (||L - S|| / ||S||) in dB for its levels L.
    gain : float
        Factor on recovered sound, below 1 where it would have clipped.
    """

    samples: int
    frames: int
    sr: int
    seconds: float
    convergence: float | None = None
    gain: float = 1.0

    @property
    def speed(self) -> float:
        """Real-time factor: seconds of sound per second of wall time."""
        return self.samples / self.sr / self.seconds


def mel(
    path: PathLike | Sound,
    out: PathLike,
    plan: STFT | None = None,
    bank: FilterBank | ArrayLike | None = None,
    *,
    recipe: str | Recipe | FrontEnd | None = None,
    sr: int | None = None,
    power: float = 2.0,
    log: Log | None = None,
    mono: bool = True,
    raw: Raw | None = None,
    db_range: float = picture.DB_RANGE,
    progress: Progress | None = None,
) -> Done:
    """The mel spectrogram of a sound of any length, from file to file: bank @ |STFT|**power, or its logarithm.

    The values are bit-identical to `plan.mel` of the whole sound.  Memory does not grow with the sound.

    Parameters
    ----------
    path : path or Sound
        A sound file, "-" for standard input, or an open sound (see `open_sound`).
    out : path
        The file to write, atomically: .npy ((n_mels, frames), or (channels, n_mels, frames), in fortran_order), .npz
        (the same, called M, with the metadata that `invert` needs), .zarr (the same, in chunks along the frames), .png
        (a picture in seconds, Hz and dB, which `invert` reads too), or "-" for standard output, as .npy.
    plan : STFT
        By default n_fft is the power of two nearest to 46 ms, hop_length a quarter of it; signals are padded with
        zeros, and reflected for log="whisper".
    bank : MelBank, FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        By default 80 mel filters up to sr / 2.
    recipe : str, Recipe or FrontEnd
        Features instead of those of plan, bank, power and log, with the bits of its call for the whole sound, which is
        resampled to the rate of the recipe; see `fastspec.recipe`.  What needs all frames, as Whisper's range and
        normalisation, is done in further passes over the levels at the end.
    sr : int
        Resample to this rate in Hz first.
    power, log
        As in `STFT.mel`.  log="whisper" takes a second pass over the levels at the end.
    mono : bool
        Whether channels are mixed down to their mean; otherwise they are kept.
    raw : Raw
        Rate, channels and type of samples without a header.
    db_range : float
        Of a picture: the darkest colour is this many dB below the peak.
    progress : callable
        progress(done, total) in samples of the file; total is None if it is unknown before the end.  An exception
        that it raises stops the conversion.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError
        If a file cannot be opened, read or written.
    TypeError, ValueError
        If it is not a sound, is shorter than a frame, or an argument is out of its range; no file is left then.
    ImportError
        If a format or another rate needs a package that is not installed.
    """
    if recipe is not None:
        excluded = {"plan": plan, "bank": bank, "log": log, "power": None if power == 2 else power}
        for name, value in excluded.items():
            if value is not None:
                raise ValueError(f"{name} must be left out with recipe, got {checks.shown(value)}")
        return _write_features(path, out, as_features(recipe), sr, mono, raw, db_range, progress)
    with as_sound(path, plan, sr, mono, raw) as sound:
        plan = default_plan(sound.rate, log) if plan is None else plan
        filters = MelBank(sound.rate, plan.n_fft, N_MELS, dtype=plan.dtype) if bank is None else as_bank(bank)
        return _write_levels(
            sound, out, Metadata(sound.rate, plan, filters, checks.as_finite("power", power), log), db_range, progress
        )


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
        1 for magnitudes, 2 for powers.
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
        raise ValueError("log must be None, 'db', 'ln' or 'log10', got 'whisper', which is for mel spectrograms")
    with as_sound(path, plan, sr, mono, raw) as sound:
        plan = default_plan(sound.rate) if plan is None else plan
        return _write_levels(
            sound, out, Metadata(sound.rate, plan, None, checks.as_finite("power", power), log), db_range, progress
        )


def _write_features(
    path: PathLike | Sound, out: PathLike, features: Recipe | FrontEnd, sr: int | None, mono: bool, raw: Raw | None,
    db_range: float, progress: Progress | None,
) -> Done:  # fmt: skip
    """The features of a recipe, at its rate, or of another front end."""
    if isinstance(features, Recipe):
        if sr not in (None, features.sr):
            raise ValueError(f"sr must be the {features.sr} Hz of recipe {features.name!r} or left out, got {sr!r}")
        sr = features.sr
    metadata = Metadata.of_features(features, 0)
    with as_sound(path, metadata.plan, sr, mono, raw) as sound:
        if isinstance(features, Recipe) and sound.rate != features.sr:
            raise ValueError(
                f"{sound.name}: is open at {sound.rate} Hz, but recipe {features.name!r} is for {features.sr} Hz: "
                f"open_sound(..., sr={features.sr})"
            )
        return _write_levels(sound, out, replace(metadata, sr=sound.rate), db_range, progress)


@contextmanager
def as_sound(path: PathLike | Sound, plan: STFT | None, sr: int | None, mono: bool, raw: Raw | None) -> Iterator[Sound]:
    """An open sound itself, or the sound of a file, in the dtype of the plan."""
    plan = None if plan is None else as_plan("plan", plan)
    if isinstance(path, Sound):
        yield path
    else:
        with open_sound(path, sr=sr, mono=mono, raw=raw, dtype=np.float32 if plan is None else plan.dtype) as sound:
            yield sound


def _write_levels(sound: Sound, out: PathLike, metadata: Metadata, db_range: float, progress: Progress | None) -> Done:
    """Read a sound, compute its levels and write them, all three at the same time."""
    start, frames = time.perf_counter(), 0
    report = ProgressReport(sound, progress)
    with _open_writer(out, metadata, sound, db_range) as writer:
        block_values = PICTURE_BLOCK_VALUES if isinstance(writer, picture.PictureWriter) else BLOCK_VALUES
        with (
            pipeline.read_ahead(sound.blocks(_block_samples(metadata, sound, block_values))) as blocks,
            pipeline.write_behind(writer.write) as write,
            threads(_kernel_threads()),
        ):
            for levels in level_blocks(sound, blocks, metadata, report):
                write(levels)
                frames += levels.shape[-1]
        writer.finish(sound.samples)
        report.finish()
    return Done(
        samples=sound.samples, frames=frames - metadata.drops_last, sr=sound.rate,
        seconds=time.perf_counter() - start,
    )  # fmt: skip


def _block_samples(metadata: Metadata, sound: Sound, block_values: int) -> int:
    """Samples of a block of sound: fewer than usual where they would become more than `block_values` levels."""
    channels = sound.channels or 1
    frames = max(1, block_values // (metadata.rows * channels))
    most = min(sound_readers.BLOCK_SAMPLES // channels, sound_readers.MIXED_SAMPLES // sound.file_channels)
    return max(1, min(most, frames * metadata.plan.hop_length))


def level_blocks(sound: Sound, blocks: Iterable[Real], metadata: Metadata, report: ProgressReport) -> Iterator[Real]:
    """Levels (..., rows, frames) of the blocks of a sound; a block is overwritten after `pipeline.LIVE_BLOCKS` more.

    Raises
    ------
    ValueError
        If the sound is shorter than a frame.
    """
    level_stream = _level_stream(metadata)
    buffers, frames = FrameBuffers(metadata, sound.channels, level_stream.latency), 0
    for block in blocks:
        samples = block if metadata.full_scale == 1 else block * block.dtype.type(metadata.full_scale)
        levels = level_stream.push(samples, out=buffers.next_buffer(block.shape[-1]))
        frames += levels.shape[-1]
        yield levels
        report.advance(block.shape[-1])
    levels = level_stream.flush()
    if not frames + levels.shape[-1]:
        least = f"a frame of n_fft = {metadata.plan.n_fft}" if metadata.frontend is None else "features need"
        raise ValueError(f"{sound.name}: holds {sound.samples} samples, fewer than {least}")
    yield levels


def _level_stream(metadata: Metadata) -> Any:
    """The stream that computes such levels."""
    if metadata.frontend is not None:
        return metadata.frontend.local().stream()
    if metadata.filters is None:
        return stream.StreamingPower(metadata.plan, power=metadata.power)
    log: Any = "log10" if metadata.log == "whisper" else metadata.log  # see `Metadata.finish`
    return stream.StreamingMel(metadata.plan, metadata.filters, power=metadata.power, log=log)


def _kernel_threads() -> int:
    """Threads of the kernels: reading and writing take longer than computing, so two cores are left for them."""
    return max(1, thread_count() - 2)


@contextmanager
def _open_writer(
    out: PathLike, metadata: Metadata, sound: Sound, db_range: float
) -> Iterator[array_writers.FrameWriter]:
    """The writer of the format that the name of `out` ends in."""
    if os.fspath(out) == array_writers.STDOUT or array_writers.suffix_of(out) != ".png":
        frames = _expected_frames(metadata, sound)
        with array_writers.open_writer(out, metadata, sound.channels, frames) as writer:
            yield writer
        return
    if metadata.frontend is not None:
        raise ValueError("recipe must be None for a picture, whose levels are in dB")
    if metadata.log:
        raise ValueError(f"log must be None for a picture, whose levels are in dB, got {metadata.log!r}")
    if sound.channels is not None:
        raise ValueError("mono must be True for a picture, which shows one channel")
    yield picture.PictureWriter(metadata, Path(out), displayable(sound.name), db_range)


def _expected_frames(metadata: Metadata, sound: Sound) -> int | None:
    """Number of frames, if it is known before the end of the sound."""
    if sound.total is None or sound.is_estimate or sound.rate != sound.file_rate:
        return None
    return metadata.n_frames(sound.total) or None


class FrameBuffers:
    """Reused memory for the levels of blocks, the values of a frame contiguous."""

    def __init__(self, metadata: Metadata, channels: int | None, latency: int) -> None:
        self._buffers = pipeline.BufferRing(metadata.plan.dtype)
        self._leading, self._rows = (() if channels is None else (channels,)), metadata.rows
        self._hop_length, self._max_pending = metadata.plan.hop_length, latency + metadata.plan.n_fft

    def next_buffer(self, samples: int) -> Real:
        """A buffer (..., rows, frames) for as many frames as `samples` more samples can complete."""
        frames = (samples + self._max_pending) // self._hop_length + 2
        shape = (*self._leading, frames, self._rows)
        return self._buffers.next_buffer(math.prod(shape)).reshape(shape).swapaxes(-1, -2)


class ProgressReport:
    """Calls progress(done, total) with the samples read of a sound, at the rate of its file."""

    def __init__(self, sound: Sound, progress: Progress | None) -> None:
        self._sound, self._progress, self._samples = sound, progress, 0

    def advance(self, samples: int) -> None:
        """Report `samples` more, at the rate of the blocks."""
        self._samples += samples
        if self._progress is not None:
            done, total = self._samples * self._sound.file_rate // self._sound.rate, self._sound.total
            self._progress(done if total is None else min(done, total), total)

    def finish(self) -> None:
        """Report all samples."""
        if self._progress is not None:
            self._progress(self._sound.read, self._sound.total)
