"""Whisper's features in plain NumPy and float64, by the paper's formula, and the signals that faces are compared on."""

from pathlib import Path

import numpy as np
import scipy.io.wavfile
from numpy.typing import NDArray

RATE = 16000
SPEECH = Path(__file__).parents[2] / "fastspec" / "data" / "arctic_a0007.wav"


def whisper_twin(
    x: NDArray, weights: NDArray, *, n_fft: int = 400, hop: int = 160, append: int = 0, batch: bool = False
) -> NDArray[np.float64]:
    """log10 of filtered powers, at most 8 below the largest of the signal (or of all), plus 4, over 4."""
    signals = np.atleast_2d(np.asarray(x, np.float32)).astype(np.float64)
    padded = np.pad(np.pad(signals, ((0, 0), (0, append))), ((0, 0), (n_fft // 2, n_fft // 2)), mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    starts = range(0, padded.shape[-1] - n_fft + 1, hop)
    frames = np.stack([padded[:, a : a + n_fft] * window for a in starts], axis=1)[:, :-1]
    powers = np.abs(np.fft.rfft(frames)) ** 2
    levels = np.log10(np.maximum(powers @ np.asarray(weights, np.float64).T, 1e-10)).swapaxes(-1, -2)
    largest = levels.max() if batch else levels.max(axis=(-1, -2), keepdims=True)
    result = (np.maximum(levels, largest - 8) + 4) / 4
    return result if np.ndim(x) == 2 else result[0]


def whisper_weights(n_mels: int, n_fft: int = 400, rate: int = RATE) -> NDArray[np.float64]:
    """Slaney's mel filters, of equal areas, from 0 to 8000 Hz (Slaney, Auditory Toolbox, 1998): (n_mels, bins)."""
    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, n_mels + 2)
    corners = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    f = np.arange(n_fft // 2 + 1) * rate / n_fft
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles = np.maximum(0, np.minimum((f - low) / (middle - low), (high - f) / (high - middle)))
    return triangles * 2 / (high - low)


def whisper_signals() -> dict[str, NDArray[np.float32]]:
    """Signals at 16 kHz: speech, noises, constants, sines, a click, what is denormal."""
    rng, n = np.random.default_rng(16), 2 * RATE
    t = np.arange(n) / RATE
    click = np.zeros(n)
    click[n // 3] = 1
    rate, speech = scipy.io.wavfile.read(SPEECH)
    assert rate == RATE
    signals = {
        "speech": speech[:n] / 32768,
        "noise": 0.1 * rng.standard_normal(n),
        "noise of one bit": rng.integers(-1, 2, n) / 32768,
        "offset and noise": (1000 + 10 * rng.standard_normal(n)) / 32768,
        "constant": np.full(n, 0.5),
        "zeros": np.zeros(n),
        "sine at a bin": np.sin(2 * np.pi * 1000 * t),
        "sine between bins": np.sin(2 * np.pi * 1017 * t),
        "click": click,
        "denormal": np.full(n, 1e-39),
        "16 bits": speech[:n],
    }
    return {name: y.astype(np.float32) for name, y in signals.items()}


def assert_features(ours: NDArray, theirs: NDArray, twin: NDArray[np.float64], *, single: bool = True) -> None:
    """Ours are the library's: shape, dtype, and values.

    In float64 ours is within 5e-6 of the formula everywhere, and so of the library's, beside the error of those that
    compute in float32.  In float32 (`single`) an error of a bin is some 1e-7 of the loudest one of its frame: ours
    is within 5e-6 of the formula where a level is within 50 dB of the loudest, and within 5e-5 everywhere.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.shape == twin.shape
    error, their_error = np.abs(ours - twin), np.abs(theirs - twin)
    difference = np.abs(ours.astype(np.float64) - theirs)
    near = (twin >= twin.max(axis=-2, keepdims=True) - 50 / 10 / 4) if single else np.ones(twin.shape, bool)
    assert error[near].max() <= 5e-6
    assert (difference[near] <= 5e-6 + their_error[near]).all()
    assert error.max() <= 5e-5
