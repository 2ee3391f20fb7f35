"""One table of cases, read by the parity tests and by the benchmarks: which function, which arguments, what it takes.

The tests run every case on half a second of speech and on noise, against the twin; `bench/` times the same cases on
ten seconds at 48 kHz. Bounds say how far a result may lie from the float64 twin, relative to its largest value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import scipy.io.wavfile
import scipy.signal
import twins

Array = np.ndarray[Any, np.dtype[Any]]

RATE = 48_000

# Largest error of a spectrum, relative to its largest value.
SPECTRUM_BOUND = {"float64": 1e-12, "float32": 2e-6}
# Largest error of a log spectrogram: of its values in float64, of the magnitudes they stand for in float32.
LOG_BOUND = {"float64": 1e-9, "float32": 2e-6}
# Largest error of a waveform inverted in float64. In float32 one offset may differ, and with it all that follows:
# there the spectral convergence has to agree, in dB.
WAVEFORM_BOUND = 1e-6
CONVERGENCE_BOUND = 0.3

# Transform size and hop: the notebook's, those of speech and music, then sizes with every kind of prime factor.
SIZES = [(2048, 128), (512, 128), (512, 64), (1024, 256), (400, 160), (4096, 1024)]
UNUSUAL_SIZES = [
    (2, 1), (4, 1), (6, 5), (30, 7), (34, 9), (22, 30), (98, 98), (254, 64), (418, 100), (422, 99), (1000, 333),
]  # fmt: skip


@cache
def speech_16k() -> Array:
    """The bundled recording: 4 s of speech at 16 kHz, between -1 and 1."""
    with as_file(files("fastspec") / "data" / "arctic_a0007.wav") as path:
        _, samples = scipy.io.wavfile.read(path)
    return np.asarray(samples / 32768.0)


def speech(n: int) -> Array:
    """`n` samples of that speech resampled to 48 kHz and repeated; the silence before the first word is left out."""
    resampled = scipy.signal.resample_poly(speech_16k(), RATE // 16_000, 1)[8000:]
    return np.resize(resampled, n)


def noise(n: int) -> Array:
    return np.random.default_rng(7).standard_normal(n)


def tones(n: int) -> Array:
    """Three tones that share no period, the loudest 50 dB above the faintest."""
    t = np.arange(n)
    return np.asarray(np.sin(0.05 * t) + 0.1 * np.sin(0.7183 * t + 1) + 10**-2.5 * np.cos(2.6457 * t))


def clicks(n: int) -> Array:
    """Lone samples of either sign, far apart and next to each other, with silence between."""
    x = np.zeros(n)
    x[::701] = 1.0
    x[350::997] = -0.5
    x[-1] = 0.25
    return x


SIGNALS: dict[str, Callable[[int], Array]] = {"speech": speech, "noise": noise, "tones": tones, "clicks": clicks}


@dataclass(frozen=True)
class Case:
    """One function with its arguments; `takes` names what its first argument is made of."""

    function: str
    takes: str  # "samples", "log" or "mirrored" magnitudes, "spectrum"
    fft_size: int
    hop: int
    arguments: tuple[tuple[str, Any], ...]
    timed: bool = False  # by the benchmarks

    @property
    def name(self) -> str:
        told = ("n_iter", "log", "real", "mean_normalize")
        extra = [f"{key}={value}" for key, value in self.arguments if key in told]
        return " ".join([self.function, f"{self.fft_size}/{self.hop}", *extra])

    def input(self, samples: Array) -> Array:
        """What the function is given, worked out from the samples by the twins."""
        if self.takes == "samples":
            return samples
        # Frames that reach past the end are left out: where the segment to be aligned is all silence, rounding errors
        # decide on its offset.
        whole = 1 + (len(samples) - self.fft_size) // self.hop
        if self.takes == "spectrum":
            return twins.stft(samples, self.fft_size, self.hop, compute_onesided=False)[:whole]
        if self.takes == "log":
            return twins.pretty_spectrogram(samples, thresh=4, fft_size=self.fft_size, step_size=self.hop)[:whole]
        linear = twins.pretty_spectrogram(samples, log=False, thresh=0, fft_size=self.fft_size, step_size=self.hop)
        return np.hstack([linear, linear[:, ::-1]])[:whole]

    def run(self, module: Any, given: Array, **more: Any) -> Array:
        """The function of that name in `module` (`fastspec` or `twins`), with more arguments if there are."""
        return np.asarray(getattr(module, self.function)(given, **dict(self.arguments), **more))


def pretty_size(fft_size: int, hop: int) -> tuple[tuple[str, Any], ...]:
    return (("fft_size", fft_size), ("step_size", hop))


def analysis(fft_size: int, hop: int) -> list[Case]:
    own = (("fftsize", fft_size), ("step", hop))
    pretty = pretty_size(fft_size, hop)
    return [
        Case("overlap", "samples", fft_size, hop, (("window_size", fft_size), ("window_step", hop))),
        Case("stft", "samples", fft_size, hop, own, timed=True),
        Case("stft", "samples", fft_size, hop, (*own, ("real", True), ("compute_onesided", False))),
        Case("stft", "samples", fft_size, hop, (*own, ("mean_normalize", False), ("compute_onesided", False))),
        Case("pretty_spectrogram", "samples", fft_size, hop, (*pretty, ("thresh", 4)), timed=True),
        Case("pretty_spectrogram", "samples", fft_size, hop, (*pretty, ("log", False), ("thresh", 0.5))),
    ]


def inversion(fft_size: int, hop: int, n_iter: int) -> list[Case]:
    pretty = pretty_size(fft_size, hop)
    iterate = (("fftsize", fft_size), ("step", hop), ("n_iter", n_iter))
    once = (("step", hop), ("set_zero_phase", False))
    return [
        Case("invert_spectrogram", "spectrum", fft_size, hop, once, timed=True),
        Case("iterate_invert_spectrogram", "mirrored", fft_size, hop, iterate),
        Case("invert_pretty_spectrogram", "log", fft_size, hop, (*pretty, ("n_iter", n_iter)), timed=True),
    ]


ANALYSIS = [case for size in SIZES for case in analysis(*size)]
UNUSUAL = [case for size in UNUSUAL_SIZES for case in analysis(*size)]
INVERSION = [case for size in SIZES for case in inversion(*size, n_iter=10 if size == (2048, 128) else 3)]
TIMED = [case for case in [*ANALYSIS, *INVERSION] if case.timed]
