"""The measures by which `bench.quality` judges sounds, against the formulas in plain NumPy."""

import numpy as np
import pytest

from bench import judged

RNG = np.random.default_rng(3)


def magnitudes(y: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """|STFT| of centred frames, padded with zeros."""
    n = len(window)
    padded = np.pad(y, n // 2)
    frames = [padded[k : k + n] * window for k in range(0, len(padded) - n + 1, hop)]
    return np.abs(np.fft.rfft(frames, axis=1)).T


def test_judge_is_the_formulas() -> None:
    x = RNG.standard_normal(6000)
    y = x + 0.1 * RNG.standard_normal(6000)
    found = judged.Judge(x, 256, 64)(y)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    S, L = (magnitudes(z, hann, 64) for z in (x, y))
    assert found.convergence == pytest.approx(20 * np.log10(np.sqrt(((L - S) ** 2).sum() / (S**2).sum())), abs=1e-9)
    least = S.max() * 1e-4
    apart = 20 * np.log10(np.maximum(L, least)) - 20 * np.log10(np.maximum(S, least))
    assert found.distance == pytest.approx(np.mean([np.sqrt(np.mean(column**2)) for column in apart.T]), abs=1e-9)
    gauss = np.exp(-np.pi * np.arange(-1024, 1024) ** 2 / (128 * 2048))
    G, H = (magnitudes(z, gauss, 128) for z in (x, y))
    assert found.snr == pytest.approx(10 * np.log10((G**2).sum() / ((H - G) ** 2).sum()), abs=1e-9)


def test_known_cases() -> None:
    x = RNG.standard_normal(5000)
    judge = judged.Judge(x, 256, 64)
    half = judge(0.5 * x)  # all levels halved
    assert half.convergence == pytest.approx(20 * np.log10(0.5), abs=1e-9)
    assert half.snr == pytest.approx(20 * np.log10(2), abs=1e-9)
    assert half.distance == pytest.approx(20 * np.log10(2), rel=1e-3)  # but for bins at the floor
    same = judge(-x)
    assert same.convergence < -250
    assert same.distance < 1e-9


def test_levels_below_the_floor_count_as_the_floor() -> None:
    S, L = np.array([[1.0, 1.0], [1e-9, 1e-5]]), np.array([[1.0, 1.0], [0.0, 1e-3]])
    assert judged.distance(L, S) == pytest.approx((0 + 20 / np.sqrt(2)) / 2)
