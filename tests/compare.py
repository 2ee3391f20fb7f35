"""What the tests compare with and how: the golden files, the largest error, the spectral convergence."""

from pathlib import Path
from typing import Any

import numpy as np
import twins

Array = np.ndarray[Any, np.dtype[Any]]
GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> dict[str, Array]:
    """The arrays of one golden file by key."""
    with np.load(GOLDEN / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def error(got: Array, expected: Array, scale: float = 0.0) -> float:
    """Largest difference relative to the largest value expected (or to `scale` where that is larger)."""
    assert got.shape == expected.shape
    largest = max(float(np.abs(expected).max()), scale)
    return float(np.abs(got - expected).max()) / largest if largest else float(np.abs(got).max())


def log_error(got: Array, expected: Array, dtype: str) -> float:
    """Largest error of a log spectrogram: of its values, or in float32 of the magnitudes, whose largest is 1.

    The log of a magnitude near the threshold is less certain in float32 than the magnitude itself.
    """
    if dtype == "float64":
        return float(np.abs(got - expected).max())
    return error(10.0 ** got.astype(np.float64), 10.0**expected)


def convergence(wave: Array, magnitude: Array, fft_size: int, hop: int) -> float:
    """Spectral convergence in dB of a waveform against the magnitudes (frames, bins) it was inverted from."""
    reached = np.abs(twins.reanalyse(wave.astype(np.float64), fft_size, hop, len(magnitude)))[:, : magnitude.shape[1]]
    return float(20 * np.log10(np.linalg.norm(reached - magnitude) / np.linalg.norm(magnitude)))
