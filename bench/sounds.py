"""The sounds that phase recovery is measured on: a sentence and a chord, and a minute of each kind."""

from functools import cache
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import cases
import numpy as np
import scipy.io.wavfile
import scipy.signal

from .engine import SR, speech

Array = np.ndarray[Any, np.dtype[Any]]

HERE = Path(__file__).parent
LONGEST = 10  # seconds of a file that are measured

TUNES = ((1, 1), (4, 3), (3, 2), (5, 6), (9, 8), (2, 3), (5, 4), (3, 4), (8, 9), (1, 2), (5, 3), (15, 16))
"""How much higher each chord of the minute of music is played than the recorded one, as fractions."""


class Sound(NamedTuple):
    """Samples between -1 and 1, and the size of the transform that they are measured with."""

    name: str
    y: Array
    rate: int
    n_fft: int


def clips() -> list[Sound]:
    """Part of a spoken sentence, and a chord on a guitar."""
    sentence = cases.speech_16k()[int(0.3 * 16_000) : int(1.9 * 16_000)]
    return [Sound("speech", sentence, 16_000, 512), Sound("music", *chord(), 2048)]


@cache
def chord() -> tuple[Array, int]:
    """A guitar, and its sampling rate."""
    return read(HERE / "guitar_chord1.wav")


def read(path: Path) -> tuple[Array, int]:
    """The first channel of a WAV file, between -1 and 1, and its sampling rate."""
    rate, samples = scipy.io.wavfile.read(path)
    y = samples if samples.ndim == 1 else samples[:, 0]
    if y.dtype.kind == "u":
        y = y.astype(np.float64) - 128
    scale = 1.0 if y.dtype.kind == "f" else np.abs(y.astype(np.float64)).max() or 1.0
    return y[: LONGEST * rate] / scale, int(rate)


def files(folder: Path) -> list[Sound]:
    """The WAV files of a folder, with transforms of 32 ms at 16 kHz, of 64 ms at 32 kHz."""
    listed = []
    for path in sorted(folder.glob("*.wav")):
        y, rate = read(path)
        listed.append(Sound(path.stem, y, rate, 512 if rate <= 16_000 else 1024 if rate < 32_000 else 2048))
    return listed


def minutes(seconds: int) -> list[Sound]:
    """Speech and music of that length at 22.05 kHz."""
    return [Sound("speech", speech(SR, seconds), SR, 1024), Sound("music", music(SR, seconds), SR, 1024)]


def music(rate: int, seconds: int) -> Array:
    """The chord at other pitches and gains, one every second while the last ones still ring; a little noise."""
    once, recorded_rate = chord()
    y = 1e-4 * np.random.default_rng(7).standard_normal(rate * seconds)
    for beat in range(seconds):
        up, down = TUNES[beat * 5 % len(TUNES)]
        up, down = rate * down, recorded_rate * up
        played = scipy.signal.resample_poly(once, up // gcd(up, down), down // gcd(up, down))
        start = int(rate * (beat + 0.11 * (beat % 3)))
        ringing = y[start : start + len(played)]
        ringing += (0.4 + 0.15 * (beat % 5)) * played[: len(ringing)]
    return (y / np.abs(y).max()).astype(np.float32)
