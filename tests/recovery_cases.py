"""Magnitudes to recover phases from, and how close a recovered signal comes to them."""

from importlib.resources import as_file, files
from typing import Any

import numpy as np
import scipy.io.wavfile

import fastspec


def magnitudes(plan: fastspec.STFT, signals: int, frames: int, seed: int = 0) -> Any:
    """Of decaying tones and a little noise, the largest 1."""
    rng = np.random.default_rng(seed)
    n = plan.hop_length * frames + plan.n_fft
    t = np.arange(n) / plan.n_fft
    y = np.zeros((signals, n))
    for row in y:
        for f in rng.uniform(0.5, plan.n_fft / 2, 4):
            row += rng.uniform(0.2, 1) * np.exp(-0.1 * t) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
    y += 0.1 * rng.standard_normal(y.shape)
    S = plan.power(y.astype(plan.dtype), power=1.0)[:, :, :frames]
    return S / S.max()


def speech() -> Any:
    """0.3 to 1.9 s of the bundled recording, at 16 kHz."""
    with as_file(files("fastspec") / "data" / "arctic_a0007.wav") as path:
        _, samples = scipy.io.wavfile.read(path)
    return samples[4800:30400] / 32768


def convergence(plan: fastspec.STFT, S: Any, y: Any) -> float:
    """20 log10 of || |STFT y| - S || / || S ||."""
    return float(20 * np.log10(np.linalg.norm(plan.power(y, power=1.0) - S) / np.linalg.norm(S)))
