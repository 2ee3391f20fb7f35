"""Means over frames against spectra that are held, and against `scipy.signal`."""

from typing import Any

import numpy as np
import pytest
import scipy.signal
import twins_frontend as twins
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec import STFT, FrontEnd

RNG = np.random.default_rng(17)
X, Y = RNG.standard_normal((2, 3, 30_000)) + 3
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}


def spectra(y: Any, n_fft: int, hop_length: int, window: Any, remove_mean: bool) -> Any:
    """(frames, bins)."""
    frames = twins.padded_frames(y, len(window), hop_length, (0, 0))
    x, _ = twins.prepared(frames, remove_mean, 0.0, "repeat")
    return np.fft.rfft(x * window, n_fft)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(n=st.integers(64, 30_000), hop_length=st.integers(1, 300), extra=st.integers(0, 30), remove_mean=st.booleans())
def test_means_are_those_of_the_spectra(dtype: str, n: int, hop_length: int, extra: int, remove_mean: bool) -> None:
    hop_length = max(hop_length, n // 2000)  # the twin holds its spectra
    window, n_fft = scipy.signal.get_window("hann", 64), 64 + extra
    plan = STFT(n_fft, hop_length=hop_length, frame_length=64, window=window, center=False, dtype=dtype)
    frontend = FrontEnd(plan, remove_mean=remove_mean)
    x, y = X[0, :n].astype(dtype), Y[0, :n].astype(dtype)
    A, B = (spectra(v, n_fft, hop_length, window, remove_mean) for v in (x, y))
    expected = (np.abs(A) ** 2).mean(axis=0)
    tolerance = TOLERANCE[dtype] * expected.max()
    np.testing.assert_allclose(frontend.mean_power(x), expected, rtol=0, atol=tolerance)
    cross, power_of_x, power_of_y = frontend.mean_cross(x, y)
    np.testing.assert_allclose(power_of_x, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(power_of_y, (np.abs(B) ** 2).mean(axis=0), rtol=0, atol=3 * tolerance)
    np.testing.assert_allclose(cross, (A.conj() * B).mean(axis=0), rtol=0, atol=3 * tolerance)


def test_welch_and_coherence() -> None:
    plan = STFT(256, hop_length=128, center=False, dtype="float64")
    frontend, window = FrontEnd(plan, remove_mean=True), plan.window
    _, expected = scipy.signal.welch(X, nperseg=256)
    density = frontend.mean_power(X) / (window**2).sum()
    density[..., 1:-1] *= 2
    np.testing.assert_allclose(density, expected, rtol=0, atol=1e-12 * expected.max())
    cross, a, b = frontend.mean_cross(X, Y)
    _, coherence = scipy.signal.coherence(X, Y, nperseg=256)
    np.testing.assert_allclose(np.abs(cross) ** 2 / (a * b), coherence, rtol=0, atol=1e-10)


def test_one_order_of_every_sum() -> None:
    plan = STFT(256, hop_length=64)
    frontend, results = FrontEnd(plan, remove_mean=True), []
    for n in (1, 2):
        with fastspec.threads(n):
            results.append(frontend.mean_cross(X, Y))
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)
    alone = frontend.mean_cross(X[1], Y[1])
    assert all(np.array_equal(a, b[1]) for a, b in zip(alone, results[0], strict=True))
    np.testing.assert_allclose(frontend.mean_power(X), results[0][1], rtol=3e-6)


def test_shapes_that_differ_and_short_signals() -> None:
    frontend = FrontEnd(STFT(256, hop_length=64, center=False))
    with pytest.raises(ValueError, match=r"x and y must have one shape, got \(3, 30000\) and \(30000,\)"):
        frontend.mean_cross(X, Y[0])
    with pytest.raises(ValueError, match="y must have at least n_fft = 256 samples without centring, got 255"):
        frontend.mean_power(X[0, :255])
