"""The demo's computation: the notebook's pipeline on one recording, each stage timed.

    y --band-pass--> filtered --spectrogram--> S --inversion--> recovered
                                               S --mel--> M --mel inverse--> S' --inversion--> recovered from mel

`report` writes the `Results` to a folder of sounds, figures and a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import fastspec

from .. import checks
from .._typing import Real
from ..notebook import inversion, spectra
from ..transform.framing import window_size
from ..warmup import start_helpers, steps

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total) when a stage begins (done = 0) and as it proceeds."""

MIN_SECONDS = 0.25
"""Duration of the shortest recording whose mel spectrogram has a column."""
MIN_RATE_HZ = 4000
"""The lowest sample rate with enough bins for 64 mel bands."""


@dataclass(frozen=True)
class Settings:
    """The notebook's parameters, adapted to a sample rate."""

    rate: int  #: Hz
    fft_size: int  #: samples; the power of two nearest to the notebook's 2048 at 44.1 kHz (46 ms)
    step_size: int  #: samples, fft_size / 16
    lowcut: float  #: Hz, lower cutoff of the band-pass
    highcut: float  #: Hz, upper cutoff of the band-pass
    start_freq: float  #: Hz, lower edge of the mel bands
    end_freq: float  #: Hz, upper edge of the mel bands
    spec_thresh: float = 4.0  #: log10 units: 80 dB
    n_mel: int = 64  #: mel bands
    shorten_factor: int = 10  #: spectrogram frames per mel column
    n_iter: int = 10  #: iterations of an inversion

    @classmethod
    def for_rate(cls, rate: int) -> Settings:
        """The notebook's values for sample rate `rate` in Hz; frequencies above rate / 2 are lowered.

        Raises
        ------
        ValueError
            If the rate is below MIN_RATE_HZ.
        """
        if rate < MIN_RATE_HZ:
            raise ValueError(f"the demo needs a sample rate of at least {MIN_RATE_HZ} Hz, got {rate}")
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
    """A stage of the pipeline: its duration, and the shape of its result."""

    name: str
    seconds: float = 0.0
    shape: tuple[int, ...] = ()


@dataclass
class Results:
    """The signals and spectrograms of the demo.

    Signals are (n,), spectrograms (frames, bins) of log10 magnitudes, the mel spectrogram (bands, columns), mel_filter
    (bins, bands) and mel_inversion_filter (bands, bins).
    """

    settings: Settings
    original: Real
    filtered: Real
    spectrogram: Real
    recovered: Real
    recovered_spectrogram: Real
    mel_filter: Real
    mel_inversion_filter: Real
    mel: Real
    mel_spectrogram: Real
    mel_recovered: Real
    stages: dict[str, Stage]
    convergence: dict[str, list[float]]  #: stage → spectral convergence in dB after 0, 1, ..., n_iter iterations


@dataclass
class _Monitor:
    """Times the stages, records the convergence of inversions, and reports progress."""

    progress: Progress
    stages: dict[str, Stage] = field(default_factory=dict)
    convergence: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Stage]:
        """Time a with block; a block that raises is not recorded."""
        self.progress(name, 0, total)
        entry = Stage(name)
        start = time.perf_counter()
        yield entry
        entry.seconds += time.perf_counter() - start
        self.stages[name] = entry
        self.progress(name, total, total)

    def invert(self, name: str, S: Real, settings: Settings) -> Real:
        """The signal of a log spectrogram `S`, (frames, bins); measuring convergence does not count in its time."""
        n_fft, hop, n_iter = settings.fft_size, settings.step_size, settings.n_iter
        curve = self.convergence[name] = []
        with self.stage(name, n_iter + 1) as entry:
            magnitudes = checks.as_spectrogram("10**S", np.power(S.dtype.type(10), S))
            is_float16 = S.dtype == np.float16  # so that the magnitudes are rounded to float16, as in the notebook

            def measure(i: int, n_iter: int, y: Real) -> None:
                start = time.perf_counter()
                curve.append(spectra.convergence(y, magnitudes, n_fft, hop))
                self.progress(name, i, n_iter + 1)
                entry.seconds -= time.perf_counter() - start

            y: Real = inversion.invert_pretty(
                magnitudes if is_float16 else S,
                log=not is_float16,
                n_fft=n_fft,
                hop=hop,
                n_iter=n_iter,
                on_iteration=measure,
            )
            measure(n_iter, n_iter, y)
            entry.shape = y.shape
        return y


def run(y: Real, settings: Settings, progress: Progress = lambda stage, done, total: None) -> Results:
    """The notebook's pipeline on samples `y` [shape=(n,)].

    Raises
    ------
    ValueError
        If `y` is shorter than MIN_SECONDS.
    """
    s = settings
    if len(y) < MIN_SECONDS * s.rate:
        raise ValueError(
            f"the demo needs at least {MIN_SECONDS} s of sound, got {len(y) / s.rate:.4g} s ({len(y)} samples)"
        )
    monitor = _Monitor(progress)
    load_kernels(s, y.dtype, monitor)
    with monitor.stage("band-pass") as stage:
        filtered = fastspec.butter_bandpass_filter(y, s.lowcut, s.highcut, s.rate, order=1)
        stage.shape = filtered.shape
    with monitor.stage("spectrogram") as stage:
        spectrogram = compute_spectrogram(filtered, s)
        stage.shape = spectrogram.shape
    recovered = monitor.invert("inversion", spectrogram, s)
    with monitor.stage("mel filters") as stage:
        mel_filter, mel_inversion_filter = fastspec.create_mel_filter(
            s.fft_size, n_freq_components=s.n_mel, start_freq=s.start_freq, end_freq=s.end_freq, samplerate=s.rate
        )
        stage.shape = mel_filter.shape
    with monitor.stage("mel") as stage:
        mel = fastspec.make_mel(spectrogram, mel_filter, shorten_factor=s.shorten_factor)
        stage.shape = mel.shape
    with monitor.stage("mel inverse") as stage:
        mel_spectrogram = fastspec.mel_to_spectrogram(mel, mel_inversion_filter, s.spec_thresh, s.shorten_factor).T
        stage.shape = mel_spectrogram.shape
    return Results(
        settings=s,
        original=y,
        filtered=filtered,
        spectrogram=spectrogram,
        recovered=recovered,
        recovered_spectrogram=compute_spectrogram(recovered, s),
        mel_filter=mel_filter,
        mel_inversion_filter=mel_inversion_filter,
        mel=mel,
        mel_spectrogram=mel_spectrogram,
        mel_recovered=monitor.invert("mel inversion", mel_spectrogram, s),
        stages=monitor.stages,
        convergence=monitor.convergence,
    )


def compute_spectrogram(y: Real, settings: Settings) -> Real:
    """The notebook's log spectrogram of `y` [shape=(frames, bins)]."""
    s = settings
    S: Real = fastspec.pretty_spectrogram(y, log=True, thresh=s.spec_thresh, fft_size=s.fft_size, step_size=s.step_size)
    return S


def load_kernels(settings: Settings, dtype: np.dtype[Any], monitor: _Monitor) -> None:
    """Compile the pipeline's kernels, or load them from the disk cache.

    Afterwards the pipeline is run on noise once, so that the times of the stages include no imports.
    """
    s, kernels = settings, steps(dtype, needed_by=["notebook"])
    start_helpers(dtype, needed_by=["notebook"])
    with monitor.stage("kernels", len(kernels) + 1):
        for done, (_, compile_or_load) in enumerate(kernels, 1):
            compile_or_load()
            monitor.progress("kernels", done, len(kernels) + 1)
        _run_on_noise(s)


def _run_on_noise(settings: Settings) -> None:
    """The stages of the pipeline on four frames of noise."""
    s = settings
    noise = np.random.default_rng(0).standard_normal(4 * s.fft_size)
    S = compute_spectrogram(fastspec.butter_bandpass_filter(noise, s.lowcut, s.highcut, s.rate, order=1), s)
    fastspec.invert_pretty_spectrogram(S, fft_size=s.fft_size, step_size=s.step_size, n_iter=1)
    fastspec.make_mel(S, np.eye(S.shape[1], s.n_mel))
