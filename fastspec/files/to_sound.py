"""From levels to sound: files in, files out."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks, stream
from ..features.banks import FilterBank, as_bank
from ..plan import STFT
from ..recovery.methods import Chain
from . import array_readers, pipeline, sound_writers
from .metadata import About, default_plan
from .sound_readers import PathLike, Raw, Sound, open_sound
from .to_levels import Done, Frames, Progress, Teller, check_frames, stream_of

Real = NDArray[np.floating[Any]]


def invert(
    path: PathLike,
    out: PathLike,
    plan: STFT | None = None,
    bank: FilterBank | ArrayLike | None = None,
    *,
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
    """Sound from a stored spectrogram or mel spectrogram of any length, from file to file.

    Magnitudes become sound by `stream.StreamingRecover`, mels by `stream.StreamingRecoverMel`: magnitudes and phases
    together where the method can do that ("joint"), else one after the other.

    Parameters
    ----------
    path : path
        .npz or .zarr as `mel` and `spectrogram` write them, or .npy: levels (rows, frames) or (channels, rows, frames).
    out : path
        A sound file (.wav always, others where soundfile is installed) or "-" for standard output.
    plan, bank, sr, power, log
        What the levels are of and what was made of them, see `mel`; needed for .npy (power=1 and log=None unless
        given), known from .npz and .zarr.
    method, init, n_iter, **options
        As in `fastspec.recover`; rng is 0.
    subtype : str
        What soundfile calls the kind of samples; PCM_16 by default for .wav, FLOAT for standard output.  In whole
        numbers a sound that would clip is written softer, with a peak of 0.95.
    raw : bool
        Whether standard output gets samples alone, without a header.
    progress : callable
        progress(done, total) in frames.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError, TypeError, ValueError, ImportError
        As in `mel`; if the file does not hold what its name, its header or the arguments say.
    """
    start = time.perf_counter()
    sound_writers.check(out, subtype)
    with array_readers.opened(path) as levels:
        about = _about(levels, plan, bank, sr, power, log)
        plan, frames = about.plan, levels.shape[-1]
        known = about.samples is not None and about.samples > 0 and plan.n_frames(about.samples) == frames
        length = about.samples if known else plan.n_samples(frames)
        recovery = Recovery(plan, about.bank, about.power, method=method, init=init, n_iter=n_iter, **options)
        with sound_writers.opened(out, about.sr, levels.channels, subtype=subtype, raw=raw) as sink:
            with pipeline.ahead(levels.windows()) as windows, pipeline.behind(sink.write) as write:
                done = 0
                for window in windows:
                    write(recovery.push(levels.levels(window, about, done)))
                    done += window.shape[-1]
                    if progress is not None:
                        progress(done, frames)
                write(recovery.flush(length))
            sink.finish()
        convergence = recovery.convergence
    took = time.perf_counter() - start
    return Done(recovery.samples, frames, about.sr, took, convergence, getattr(sink, "gain", 1.0))


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
    """A sound of any length without its phases, and with others that fit: what its spectrogram alone sounds like.

    Parameters
    ----------
    path, plan, sr, mono, raw, progress
        As in `mel`.
    out, method, init, n_iter, subtype, **options
        As in `invert`.
    raw_out : bool
        Whether standard output gets samples alone, without a header.

    Returns
    -------
    done : Done

    Raises
    ------
    OSError, TypeError, ValueError, ImportError
        As in `mel`.
    """
    if not isinstance(path, Sound):
        sound_writers.check(out, subtype)
        dtype = np.float32 if plan is None else plan.dtype
        how: dict[str, Any] = {"method": method, "init": init, "n_iter": n_iter, **options}
        with open_sound(path, sr=sr, mono=mono, raw=raw, dtype=dtype) as sound:
            return resynth(sound, out, plan, raw_out=raw_out, subtype=subtype, progress=progress, **how)
    start, plan = time.perf_counter(), default_plan(path.rate) if plan is None else plan
    about = About(path.rate, plan, None, 1.0, None)
    forward, tell = stream_of(about), Teller(path, progress)
    memory, frames = Frames(about, path.channels, forward.latency), 0
    recovery = Recovery(plan, method=method, init=init, n_iter=n_iter, **options)
    with sound_writers.opened(out, path.rate, path.channels, subtype=subtype, raw=raw_out) as sink:
        with pipeline.ahead(path.blocks(_block(plan, path))) as blocks, pipeline.behind(sink.write) as write:
            for block in blocks:
                S = forward.push(block, out=memory.take(block.shape[-1]))
                frames += S.shape[-1]
                write(recovery.push(S))
                tell.more(block.shape[-1])
            S = forward.flush()
            frames += S.shape[-1]
            check_frames(frames, plan, path)
            write(recovery.push(S))
            write(recovery.flush(path.samples))
        sink.finish()
        tell.end()
    took = time.perf_counter() - start
    return Done(path.samples, frames, path.rate, took, recovery.convergence, getattr(sink, "gain", 1.0))


def _block(plan: STFT, sound: Sound) -> int:
    """Samples read at a time, for as many magnitudes as a window of stored ones has."""
    return max(1, array_readers.WINDOW // (plan.n_bins * (sound.channels or 1))) * plan.hop_length


def _about(
    levels: array_readers.Stored,
    plan: STFT | None,
    bank: FilterBank | ArrayLike | None,
    sr: int | None,
    power: float | None,
    log: str | None,
) -> About:
    """What the levels are, by the file and by the arguments, which are stronger."""
    if levels.facts:
        about = About.of_facts(levels.facts, levels.dtype, levels.name)
        filters = about.bank if bank is None else as_bank(bank)
        given = about.power if power is None else power
        about = About(sr or about.sr, plan or about.plan, filters, given, log or about.log, about.samples)
    elif plan is None or sr is None:
        raise ValueError(
            f"{levels.name}: does not say what it is of: plan and sr are needed, and bank if it is of mels"
        )
    else:
        filters = None if bank is None else as_bank(bank)
        about = About(checks.as_int("sr", sr, 1), plan, filters, 1.0 if power is None else power, log)
    if levels.shape[-2] != about.rows:
        whose = "bins of n_fft" if about.bank is None else "filters"
        raise ValueError(f"{levels.name}: has {levels.shape[-2]} rows, but there are {about.rows} {whose}")
    return about


class Recovery:
    """Magnitudes or mels to sound, and how near those of the sound come to them."""

    def __init__(
        self,
        plan: STFT,
        bank: FilterBank | None = None,
        power: float = 1.0,
        *,
        method: Chain = "accelerated",
        **how: Any,
    ) -> None:
        given: dict[str, Any] = {"rng": 0, **how}
        self._stream: stream.StreamingRecover
        self._power: stream.StreamingPower | stream.StreamingMel
        if bank is None:
            self._stream = stream.StreamingRecover(plan, method, **given)
            self._power = stream.StreamingPower(plan, power=1.0)
        else:
            way = "joint" if _together(method) and bank.weights.min(initial=0) >= 0 else "cascade"
            self._stream = stream.StreamingRecoverMel(plan, bank, power=power, method=way, rounds=method, **given)
            self._power = stream.StreamingMel(plan, bank, power=power)
        self._wanted: deque[Real] = deque()
        self._misfit = self._size = 0.0
        self.samples = 0

    def push(self, S: Real) -> Real:
        """What has become final."""
        if not S.shape[-1]:
            return np.empty((*S.shape[:-2], 0), S.dtype)
        self.wanted(S)
        return self._heard(self._stream.push(S))

    def wanted(self, S: Real) -> None:
        """Magnitudes that the sound should have."""
        self._wanted.append(S.copy(order="K"))

    def flush(self, length: int | None) -> Real:
        """The rest of a sound of so many samples."""
        y = self._heard(self._stream.flush(length))
        if self.samples:
            self.compare(self._power.flush())
        return y

    @property
    def convergence(self) -> float:
        """20 log10 (||L - S|| / ||S||) in dB, L the magnitudes of the sound; -inf for silence."""
        with np.errstate(divide="ignore"):
            return float(10 * np.log10(self._misfit / self._size)) if self._size else -np.inf

    def _heard(self, y: Real) -> Real:
        if y.shape[-1]:
            self.samples += y.shape[-1]
            self.compare(self._power.push(y))
        return y

    def compare(self, L: Real) -> None:
        """The magnitudes that the sound has: those that wait are what they should be."""
        while L.shape[-1] and self._wanted:
            S = self._wanted.popleft()
            count = min(S.shape[-1], L.shape[-1])
            self._size += _squares(S[..., :count])
            self._misfit += _squares(S[..., :count] - L[..., :count])
            if count < S.shape[-1]:
                self._wanted.appendleft(S[..., count:])
            L = L[..., count:]


def _together(method: Chain) -> bool:
    """Whether all of a chain's methods can find magnitudes and phases of mels together."""
    names = [method] if isinstance(method, str) else [entry[0] for entry in method if entry]
    return all(name in ("griffinlim", "fast", "accelerated") for name in names)


def _squares(S: Real) -> float:
    flat = S.ravel(order="K")
    return float(np.dot(flat, flat))
