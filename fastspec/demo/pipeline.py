"""The demo's computation: the notebook's whole pipeline on one recording, each stage timed.

    y --band-pass--> filtered --spectrogram--> S --inversion--> recovered
                                               S --mel--> M --mel back--> S' --inversion--> recovered from mel

`report` turns a `Story` into a folder with sounds, pictures and a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastspec

from .. import checks
from ..notebook import inversion, spectra
from ..transform.framing import window_size
from ..warmup import steps

Array = NDArray[np.floating[Any]]
#: Called as progress(stage, done, total) when a stage begins (done = 0) and as it goes on.
Progress = Callable[[str, int, int], None]

SHORTEST = 0.25  # seconds; below this the shortened mel spectrogram has no column left


@dataclass(frozen=True)
class Settings:
    """The notebook's parameters, fitted to a sample rate."""

    rate: int  #: Hz
    fft_size: int  #: samples; the power of two nearest to the notebook's 2048 at 44.1 kHz (46 ms)
    step_size: int  #: samples, fft_size / 16
    lowcut: float  #: Hz, lower edge of the band-pass
    highcut: float  #: Hz, upper edge of the band-pass
    start_freq: float  #: Hz, lower edge of the mel bands
    end_freq: float  #: Hz, upper edge of the mel bands
    spec_thresh: float = 4.0  #: log10 units: 80 dB
    n_mel: int = 64  #: mel bands
    shorten_factor: int = 10  #: spectrogram frames to one mel column
    n_iter: int = 10  #: rounds of an inversion

    @classmethod
    def for_rate(cls, rate: int) -> Settings:
        """The notebook's values; frequencies that do not fit below half the sample rate are lowered.

        Raises
        ------
        ValueError
            If the rate is below 4000 Hz, where 64 mel bands have no room.
        """
        if rate < 4000:
            raise ValueError(f"the demo needs a sample rate of at least 4000 Hz, got {rate}")
        nyquist = rate / 2
        fft_size = window_size(rate)
        return cls(
            rate=rate,
            fft_size=fft_size,
            step_size=fft_size // 16,
            lowcut=500.0,
            highcut=min(15000.0, 0.95 * nyquist),
            start_freq=300.0,
            end_freq=min(8000.0, nyquist),
        )


@dataclass
class Stage:
    """One line of the table of times."""

    name: str
    seconds: float = 0.0
    shape: tuple[int, ...] = ()


@dataclass
class Story:
    """What the demo computes. Spectrograms are (frames, bins) of log10 magnitudes, mel is (bands, columns)."""

    settings: Settings
    original: Array
    filtered: Array
    spectrogram: Array
    recovered: Array
    recovered_spectrogram: Array
    mel_filter: Array
    mel_inversion_filter: Array
    mel: Array
    mel_spectrogram: Array
    mel_recovered: Array
    stages: dict[str, Stage]
    #: stage → spectral convergence in dB after 0, 1, ..., n_iter iterations
    convergence: dict[str, list[float]]


@dataclass
class _Clock:
    """Times the stages and tells how they go on."""

    progress: Progress
    stages: dict[str, Stage] = field(default_factory=dict)
    convergence: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Stage]:
        """Time the block; the stage is listed when the block ends well."""
        self.progress(name, 0, total)
        entry = Stage(name)
        start = time.perf_counter()
        yield entry
        entry.seconds += time.perf_counter() - start
        self.stages[name] = entry
        self.progress(name, total, total)

    def invert(self, name: str, S: Array, settings: Settings) -> Array:
        """Invert the log spectrogram `S` and record its convergence, whose measuring is not counted as its time."""

        n_fft, hop, rounds = settings.fft_size, settings.step_size, settings.n_iter
        curve = self.convergence[name] = []
        with self.stage(name, rounds + 1) as entry:
            magnitudes = checks.as_spectrogram("10**S", np.power(S.dtype.type(10), S))
            rounded = S.dtype == np.float16  # then its powers are, too, as in the notebook

            def measure(i: int, n_iter: int, wave: Array) -> None:
                begun = time.perf_counter()
                curve.append(spectra.convergence(wave, magnitudes, n_fft, hop))
                self.progress(name, i, n_iter + 1)
                entry.seconds -= time.perf_counter() - begun

            wave: Array = inversion.invert_pretty(
                magnitudes if rounded else S,
                log=not rounded,
                n_fft=n_fft,
                hop=hop,
                n_iter=rounds,
                on_iteration=measure,
            )
            measure(rounds, rounds, wave)
            entry.shape = wave.shape
        return wave


def tell(y: Array, settings: Settings, progress: Progress = lambda stage, done, total: None) -> Story:
    """Run the notebook's pipeline on samples `y` [shape=(n,)].

    Raises
    ------
    ValueError
        If `y` is shorter than a quarter of a second.
    """
    s = settings
    if len(y) < SHORTEST * s.rate:
        raise ValueError(
            f"the demo needs at least {SHORTEST} s of sound, got {len(y) / s.rate:.4g} s ({len(y)} samples)"
        )
    clock = _Clock(progress)
    prepare(s, y.dtype, clock)
    with clock.stage("band-pass") as stage:
        filtered = fastspec.butter_bandpass_filter(y, s.lowcut, s.highcut, s.rate, order=1)
        stage.shape = filtered.shape
    with clock.stage("spectrogram") as stage:
        spectrogram = analyse(filtered, s)
        stage.shape = spectrogram.shape
    recovered = clock.invert("inversion", spectrogram, s)
    with clock.stage("mel filters") as stage:
        mel_filter, mel_inversion_filter = fastspec.create_mel_filter(
            s.fft_size, n_freq_components=s.n_mel, start_freq=s.start_freq, end_freq=s.end_freq, samplerate=s.rate
        )
        stage.shape = mel_filter.shape
    with clock.stage("mel") as stage:
        mel = fastspec.make_mel(spectrogram, mel_filter, shorten_factor=s.shorten_factor)
        stage.shape = mel.shape
    with clock.stage("mel back") as stage:
        mel_spectrogram = fastspec.mel_to_spectrogram(mel, mel_inversion_filter, s.spec_thresh, s.shorten_factor).T
        stage.shape = mel_spectrogram.shape
    return Story(
        settings=s,
        original=y,
        filtered=filtered,
        spectrogram=spectrogram,
        recovered=recovered,
        recovered_spectrogram=analyse(recovered, s),
        mel_filter=mel_filter,
        mel_inversion_filter=mel_inversion_filter,
        mel=mel,
        mel_spectrogram=mel_spectrogram,
        mel_recovered=clock.invert("mel inversion", mel_spectrogram, s),
        stages=clock.stages,
        convergence=clock.convergence,
    )


def analyse(y: Array, settings: Settings) -> Array:
    """The log spectrogram of `y`, (frames, bins), as the notebook makes it."""
    s = settings
    S: Array = fastspec.pretty_spectrogram(
        y, log=True, thresh=s.spec_thresh, fft_size=s.fft_size, step_size=s.step_size
    )
    return S


def prepare(settings: Settings, dtype: np.dtype[Any], clock: _Clock) -> None:
    """Import what the pipeline uses and compile its kernels, or load them from the disk cache.

    It ends with the pipeline on a moment of noise, so that the stages' times are those of the work alone.
    """

    s, kernels = settings, steps(dtype, needed_by="notebook")
    with clock.stage("kernels", len(kernels) + 1):
        for done, (_, compile_or_load) in enumerate(kernels, 1):
            compile_or_load()
            clock.progress("kernels", done, len(kernels) + 1)
        _rehearse(s)


def _rehearse(settings: Settings) -> None:
    """The pipeline on a moment of noise."""
    s = settings
    noise = np.random.default_rng(0).standard_normal(4 * s.fft_size)
    S = analyse(fastspec.butter_bandpass_filter(noise, s.lowcut, s.highcut, s.rate, order=1), s)
    fastspec.invert_pretty_spectrogram(S, fft_size=s.fft_size, step_size=s.step_size, n_iter=1)
    fastspec.make_mel(S, np.eye(S.shape[1], s.n_mel))
