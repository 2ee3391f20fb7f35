"""From levels to sound: spectrograms and mel spectrograms inverted, and sounds resynthesized, from file to file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks, stream
from .._typing import Real
from ..features.banks import FilterBank, as_bank
from ..forks import while_none_forks
from ..frontends import FrontEnd, Recipe
from ..frontends.inverse import SignalInverse
from ..picture import pixels
from ..picture.levels import PictureLevels, to_levels
from ..plan import STFT, as_plan
from ..recovery.methods import Chain
from . import array_readers, limits, pipeline, sound_readers, sound_writers
from .metadata import Metadata, as_features, default_plan
from .sound_readers import PathLike, Raw, Sound
from .to_levels import Done, Progress, ProgressReport, as_sound, level_blocks


def invert(
    path: PathLike | PictureLevels,
    out: PathLike,
    plan: STFT | None = None,
    bank: FilterBank | ArrayLike | None = None,
    *,
    recipe: str | Recipe | FrontEnd | None = None,
    sr: int | None = None,
    power: float | None = None,
    log: str | None = None,
    method: Chain = "accelerated",
    init: str = "auto",
    n_iter: int | str = "auto",
    subtype: str | None = None,
    raw: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Done:
    """Invert a stored spectrogram or mel spectrogram of any length, from file to file.

    Magnitudes are inverted by `stream.StreamingRecover`, mel levels by `stream.StreamingRecoverMel`, for magnitudes and
    phases together ("joint") if the method allows that, else one after the other ("cascade").

    Parameters
    ----------
    path : path or PictureLevels
        .npz or .zarr as `mel` and `spectrogram` write them, or .npy: levels (rows, frames) or (channels, rows, frames);
        or a picture: `picture.to_levels` says how it is read, and takes the arguments that say otherwise.
    out : path
        A sound file (.wav always, others where soundfile is installed) or "-" for standard output.
    plan, bank, sr, power, log
        How the levels were computed, see `mel`: required for .npy (but power=1 and log=None by default), taken from
        the metadata of .npz and .zarr by default.  Pictures take plan and sr alone, and our own none.
    recipe : str, Recipe or FrontEnd
        Of features in .npy, instead of plan, bank, power and log.  What cannot come back is as in `Recipe.inverse`,
        without its warning.
    method, init, n_iter, **options
        As in `fastspec.recover`; rng is 0 by default.
    subtype : str
        soundfile's name of the sample format; PCM_16 by default for .wav, FLOAT for standard output.  In an integer
        format a sound that would clip is scaled down to a peak of 0.95.
    raw : bool
        Whether standard output gets samples without a header.
    progress : callable
        progress(done, total) in frames.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError, TypeError, ValueError, ImportError
        As in `mel`; if the file disagrees with its name, its header or the arguments.
    """
    start, done, plan = time.perf_counter(), 0, None if plan is None else as_plan("plan", plan)
    sound_writers.check_format(out, subtype)
    if pixels.is_picture(path) or isinstance(path, PictureLevels):
        superfluous: dict[str, object] = {"bank": bank, "recipe": recipe, "power": power, "log": log}
        path, plan, sr = _read_picture(path, plan, sr, superfluous), None, None
    with array_readers.open_levels(path) as levels:
        metadata = _resolve_metadata(levels, plan, bank, sr, power, log, recipe)
        plan, frames = metadata.plan, levels.shape[-1]
        recovery = MonitoredRecovery(
            plan, metadata.bank, metadata.power, method=method, init=init, n_iter=n_iter, **options
        )
        signals = _RecoveredSignals(metadata)
        with sound_writers.open_writer(out, metadata.sr, levels.channels, subtype=subtype, raw=raw) as writer:
            with (
                pipeline.read_ahead(levels.blocks(_least_values(plan))) as blocks,
                pipeline.write_behind(writer.write) as write,
            ):
                for block in blocks:
                    S = levels.to_linear(block, metadata, done)
                    done += block.shape[-1]
                    if done == frames and metadata.frontend is not None and metadata.frontend.drop_last:
                        S = np.concatenate([S, S[..., -1:]], axis=-1)
                    with _named(levels.name):
                        y = recovery.push(S)
                    write(signals.push(y))
                    if progress is not None:
                        progress(done, frames)
                with _named(levels.name):
                    y = recovery.flush(_length(metadata, frames))
                write(signals.push(y))
            writer.finish()
    return Done(
        samples=recovery.samples, frames=frames, sr=metadata.sr, seconds=time.perf_counter() - start,
        convergence=recovery.convergence, gain=getattr(writer, "gain", 1.0),
    )  # fmt: skip


def resynth(
    path: PathLike | Sound,
    out: PathLike,
    plan: STFT | None = None,
    *,
    sr: int | None = None,
    mono: bool = True,
    raw: Raw | None = None,
    raw_out: bool = False,
    method: Chain = "accelerated",
    init: str = "auto",
    n_iter: int | str = "auto",
    subtype: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Done:
    """Discard the phases of a sound of any length and recover others from its magnitudes, from file to file.

    Parameters
    ----------
    path, plan, sr, mono, raw, progress
        As in `mel`.
    out, method, init, n_iter, subtype, **options
        As in `invert`.
    raw_out : bool
        Whether standard output gets samples without a header.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError, TypeError, ValueError, ImportError
        As in `mel`.
    """
    start, frames = time.perf_counter(), 0
    sound_writers.check_format(out, subtype)
    with as_sound(path, plan, sr, mono, raw) as sound:
        plan = default_plan(sound.rate) if plan is None else plan
        metadata, report = Metadata(sound.rate, plan, None, 1.0, None), ProgressReport(sound, progress)
        recovery = MonitoredRecovery(plan, method=method, init=init, n_iter=n_iter, **options)
        block_samples = _block_samples(plan, sound)
        with sound_writers.open_writer(out, sound.rate, sound.channels, subtype=subtype, raw=raw_out) as writer:
            with (
                pipeline.read_ahead(sound.blocks(block_samples)) as blocks,
                pipeline.write_behind(writer.write) as write,
            ):
                for S in level_blocks(sound, blocks, metadata, report):
                    write(recovery.push(S))
                    frames += S.shape[-1]
                write(recovery.flush(sound.samples))
            writer.finish()
            report.finish()
    return Done(
        samples=sound.samples, frames=frames, sr=sound.rate, seconds=time.perf_counter() - start,
        convergence=recovery.convergence, gain=getattr(writer, "gain", 1.0),
    )  # fmt: skip


def _read_picture(
    path: PathLike | PictureLevels, plan: STFT | None, sr: int | None, superfluous: dict[str, object]
) -> PictureLevels:
    """The levels of a picture; ValueError for arguments that it takes no part of."""
    if isinstance(path, PictureLevels):
        superfluous = {"plan": plan, "sr": sr, **superfluous}
    for name, value in superfluous.items():
        if value is not None:
            raise ValueError(f"{name} must be None for a picture, got {value!r}")
    return path if isinstance(path, PictureLevels) else to_levels(path, plan=plan, sr=sr)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Name the file in the error of what it holds."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _least_values(plan: STFT) -> int:
    """What a frame counts for in a block, which has fewer frames where bins or the hop are many more than rows."""
    return max(plan.n_bins, plan.hop_length) // 16


def _block_samples(plan: STFT, sound: Sound) -> int:
    """Samples of a block of sound with as many magnitudes as a block of stored levels has values."""
    samples = max(1, array_readers.BLOCK_VALUES // (plan.n_bins * (sound.channels or 1))) * plan.hop_length
    return max(1, min(samples, sound_readers.MIXED_SAMPLES // sound.file_channels))


def _length(metadata: Metadata, frames: int) -> int:
    """Samples of the sound: as in the metadata if these fit the number of frames, else all that the frames cover."""
    plan, samples, frontend = metadata.plan, metadata.samples, metadata.frontend
    stored = frontend or plan  # of Whisper's logarithm, the last frame is missing
    if samples is not None and samples > 0 and stored.n_frames(samples) == frames:
        return samples
    return plan.n_samples(frames + (frontend is not None and frontend.drop_last))


class _RecoveredSignals:
    """Signals from those that phase recovery returns: pre-emphases and scales of a front end are undone."""

    def __init__(self, metadata: Metadata) -> None:
        self._inverse = None if metadata.frontend is None else SignalInverse(metadata.frontend)
        self._full_scale = metadata.full_scale

    def push(self, y: Real) -> Real:
        """The next samples (..., n), within 1."""
        if self._inverse is None:
            return y
        return self._inverse.push(y) / y.dtype.type(self._full_scale)


def _resolve_metadata(
    levels: array_readers.StoredLevels,
    plan: STFT | None,
    bank: FilterBank | ArrayLike | None,
    sr: int | None,
    power: float | None,
    log: str | None,
    recipe: str | Recipe | FrontEnd | None,
) -> Metadata:
    """The metadata of stored levels; arguments take precedence over the file."""
    if recipe is not None or "recipe" in levels.entries or "frontend" in levels.entries:
        return _metadata_of_features(levels, recipe, sr, {"plan": plan, "bank": bank, "power": power, "log": log})
    filters = None if bank is None else as_bank(bank)
    if levels.entries:
        rows = levels.shape[-2] if plan is None and filters is None else limits.MAX_ROWS
        stored = Metadata.from_dict(levels.entries, levels.dtype, levels.name, rows)
        metadata = Metadata(
            sr=stored.sr if sr is None else limits.as_rate("sr", sr),
            plan=plan or stored.plan,
            bank=stored.bank if filters is None else filters,
            power=stored.power if power is None else power,
            log=log or stored.log,
            samples=stored.samples,
        )
    elif plan is None or sr is None:
        raise ValueError(f"{levels.name}: holds no metadata: plan and sr are needed, and bank for a mel spectrogram")
    else:
        metadata = Metadata(limits.as_rate("sr", sr), plan, filters, 1.0 if power is None else power, log)
    _check_rows(levels, metadata)
    return metadata


def _metadata_of_features(
    levels: array_readers.StoredLevels, recipe: str | Recipe | FrontEnd | None, sr: int | None, excluded: dict[str, Any]
) -> Metadata:
    """The metadata of the features of a front end: that of the argument, or else of the file."""
    for name, value in excluded.items():
        if value is not None:
            raise ValueError(f"{name} must be None for the features of a recipe, got {checks.shown(value)}")
    if recipe is None:
        metadata = Metadata.from_dict(levels.entries, levels.dtype, levels.name)
    elif levels.entries:
        raise ValueError(f"{levels.name}: has metadata, so recipe must be None, got {recipe!r}")
    else:
        features = as_features(recipe)
        if sr is None and isinstance(features, FrontEnd):
            raise ValueError(f"{levels.name}: holds no metadata: sr is needed for the features of a FrontEnd")
        metadata = Metadata.of_features(features, sr or 0)
    _check_rows(levels, metadata)
    if metadata.frontend is not None and metadata.frontend.normalize:
        raise ValueError(f"{levels.name}: cannot be inverted: its rows were normalized, and their levels are lost")
    return metadata if sr is None else replace(metadata, sr=limits.as_rate("sr", sr))


def _check_rows(levels: array_readers.StoredLevels, metadata: Metadata) -> None:
    """Raise a ValueError if the array has other rows than its metadata."""
    if levels.shape[-2] != metadata.rows:
        kind = "bins of n_fft" if metadata.bank is None else "filters of the bank"
        kind = kind if metadata.frontend is None else "rows of the front end"
        raise ValueError(f"{levels.name}: has {levels.shape[-2]} rows, but there are {metadata.rows} {kind}")


class MonitoredRecovery:
    """Streaming recovery of sound from magnitudes or mel levels S, and its spectral convergence."""

    def __init__(
        self,
        plan: STFT,
        bank: FilterBank | None = None,
        power: float = 1.0,
        *,
        method: Chain = "accelerated",
        **options: Any,
    ) -> None:
        options = {"rng": 0, **options}
        self._recovery: stream.StreamingRecover
        self._analysis: stream.StreamingPower | stream.StreamingMel
        if bank is None:
            self._recovery = stream.StreamingRecover(plan, method, **options)
            self._analysis = stream.StreamingPower(plan, power=1.0)
        else:
            strategy = "joint" if _supports_joint(method) and bank.weights.min(initial=0) >= 0 else "cascade"
            self._recovery = stream.StreamingRecoverMel(
                plan, bank, power=power, method=strategy, rounds=method, **options
            )
            self._analysis = stream.StreamingMel(plan, bank, power=power)
        self._targets: deque[Real] = deque()  # levels S whose counterparts L are not yet computed
        self._error_energy = self._target_energy = 0.0
        self.samples = 0

    def push(self, S: Real) -> Real:
        """The samples that become final with the next levels S (..., rows, frames)."""
        if not S.shape[-1]:
            return np.empty((*S.shape[:-2], 0), S.dtype)
        self.add_target(S)
        return self._analyse(self._recovery.push(S))

    def flush(self, length: int | None) -> Real:
        """The remaining samples of a sound of `length` samples."""
        y = self._analyse(self._recovery.flush(length))
        if self.samples:
            self.compare(self._analysis.flush())
        return y

    @property
    def convergence(self) -> float:
        """20 log10 (||L - S|| / ||S||) in dB for the levels L of the sound; -inf for silence."""
        with np.errstate(divide="ignore"):
            return float(10 * np.log10(self._error_energy / self._target_energy)) if self._target_energy else -np.inf

    def _analyse(self, y: Real) -> Real:
        """Compare the levels of recovered samples with their targets; returns the samples."""
        if y.shape[-1]:
            self.samples += y.shape[-1]
            self.compare(self._analysis.push(y))
        return y

    def add_target(self, S: Real) -> None:
        """Append levels that the sound should have."""
        self._targets.append(S.copy(order="K"))

    def compare(self, L: Real) -> None:
        """Add ||L - S||² and ||S||² for the next levels L of the sound and their targets S."""
        while L.shape[-1] and self._targets:
            S = self._targets.popleft()
            frames = min(S.shape[-1], L.shape[-1])
            self._target_energy += _energy(S[..., :frames])
            self._error_energy += _energy(S[..., :frames] - L[..., :frames])
            if frames < S.shape[-1]:
                self._targets.appendleft(S[..., frames:])
            L = L[..., frames:]


def _supports_joint(method: Chain) -> bool:
    """Whether all methods of a chain can recover magnitudes and phases of mel levels together."""
    names = [method] if isinstance(method, str) else [entry[0] for entry in method if entry]
    return all(name in ("griffinlim", "fast", "accelerated") for name in names)


@while_none_forks()
def _energy(S: Real) -> float:
    """||S||²."""
    flat = S.ravel(order="K")
    return float(np.dot(flat, flat))
