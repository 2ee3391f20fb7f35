"""Silence that fades below the smallest normal number takes no longer than noise, and counts as silence."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec import stream

DTYPES = ["float32", "float64"]
LOWEST = {"float32": -42, "float64": -310}  # decimal exponents of denormals
SAMPLES, SIZES = 200_000, [(1024, 256), (418, 100), (422, 100)]  # usual, of prime radices, by a convolution
AS_LONG = 1.5
TRIES, ROUNDS = 5, 7


def fading(n: int, dtype: str, first: float) -> Any:
    """Noise whose level falls from 10**first to 10**LOWEST."""
    exponents = np.linspace(first, LOWEST[dtype], n)
    noise = np.random.default_rng(0).standard_normal(n)
    return (noise * 10.0 ** (exponents / 2) * 10.0 ** (exponents / 2)).astype(dtype)


def sounds(dtype: str) -> dict[str, Any]:
    noise = np.random.default_rng(1).standard_normal(SAMPLES)
    low = LOWEST[dtype] + 20
    return {
        "noise": noise.astype(dtype),
        "fading": fading(SAMPLES, dtype, 0),
        "fading in quiet": fading(SAMPLES, dtype, low),
        "denormal": (noise * 10.0 ** (LOWEST[dtype] / 2) * 10.0 ** (LOWEST[dtype] / 2)).astype(dtype),
    }


def pushed(made: Any, x: Any, blocks: int = 30) -> None:
    for block in np.array_split(x, blocks, axis=-1):
        made.push(block)
    made.flush()


def stages(n_fft: int, hop: int, dtype: str) -> dict[str, Callable[[str], object]]:
    """Each stage as a function of the name of a sound."""
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
    bank = fastspec.MelBank(22050, n_fft, 40, dtype=dtype)
    y = sounds(dtype)
    D = {name: plan.forward(x) for name, x in y.items()}
    quiet = {name: x[..., :300] for name, x in D.items()}
    # magnitudes and mels that fade are those of noise, times the level of their frames
    S, M = plan.power(y["noise"][:60_000], power=1), plan.mel(y["noise"][:60_000], bank, power=1)
    levels = {name: np.abs(x[:: SAMPLES // S.shape[1]][: S.shape[1]]) for name, x in y.items()}
    S = {name: (S * level).astype(dtype) for name, level in levels.items()} | {"noise": S}
    M = {name: (M * level).astype(dtype) for name, level in levels.items()} | {"noise": M}
    step = {"fft_size": n_fft, "step_size": hop}
    return {
        "forward": lambda name: plan.forward(y[name]),
        "power": lambda name: plan.power(y[name], power=1.5),
        "mel": lambda name: plan.mel(y[name], bank, log="db"),
        "inverse": lambda name: plan.inverse(D[name]),
        "pretty_spectrogram": lambda name: fastspec.pretty_spectrogram(y[name], **step),
        "pretty_spectrogram, linear": lambda name: fastspec.pretty_spectrogram(y[name], log=False, **step),
        "recover": lambda name: fastspec.recover(S[name], plan, rng=0, n_iter=2),
        "recover, raar": lambda name: fastspec.recover(S[name], plan, method="raar", rng=0, n_iter=2),
        "recover, rtpghi": lambda name: fastspec.recover(S[name], plan, method="rtpghi", rng=0),
        "recover_mel": lambda name: fastspec.recover_mel(M[name], bank, plan, power=1, rng=0, n_iter=2),
        "StreamingMel": lambda name: pushed(stream.StreamingMel(plan, bank, log="db"), y[name]),
        "StreamingISTFT": lambda name: pushed(stream.StreamingISTFT(plan), quiet[name]),
        "StreamingRecover": lambda name: pushed(stream.StreamingRecover(plan, "pghi", rng=0), S[name]),
    }


def ratio(function: Callable[[str], object], name: str) -> float:
    """The time of a sound, in that of noise: the medians of calls in turn."""
    seconds: dict[str, list[float]] = {"noise": [], name: []}
    for _ in range(ROUNDS):
        for key, found in seconds.items():
            start = time.perf_counter()
            function(key)
            found.append(time.perf_counter() - start)
    return statistics.median(seconds[name]) / statistics.median(seconds["noise"])


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_fades_take_as_long_as_noise(n_fft: int, hop: int, dtype: str) -> None:
    slow, most = [], 0.0
    with fastspec.threads(1):
        for stage, function in stages(n_fft, hop, dtype).items():
            for name in ("fading", "fading in quiet", "denormal"):
                function(name)
                found = min(ratio(function, name) for _ in range(1))
                for _ in range(TRIES):  # a busy machine may disturb any of them
                    found = found if found <= AS_LONG else ratio(function, name)
                most = max(most, found)
                if found > AS_LONG:
                    slow.append(f"{stage}, {name}: {found:.2f}")
    print(f"stress: the slowest of fades took {most:.2f} times as long as noise, {n_fft}/{hop} {dtype}")
    assert not slow


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [64, 34])
def test_denormals_count_as_silence_and_normal_numbers_keep_their_bits(n_fft: int, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=n_fft // 4, dtype=dtype)
    y, number = np.random.default_rng(3).standard_normal(2000).astype(dtype), np.dtype(dtype).type
    D = plan.forward(y)
    for exponent in (-40, -90, 60):  # a power of two changes no bit as long as no number leaves the range
        scale = number(2.0**exponent)
        np.testing.assert_array_equal(plan.forward(y * scale), D * scale)
        np.testing.assert_array_equal(plan.inverse(D * scale), plan.inverse(D) * scale)
    tiny = np.finfo(dtype).tiny
    for few in (slice(0, 900), slice(None)):  # one tile of frames, and strips of them
        assert np.abs(plan.forward(y[few] * (tiny / 64))).max() <= 3 * n_fft * tiny
        assert np.abs(plan.inverse(D * (tiny / 2**20))).max() <= tiny
    np.testing.assert_array_equal(plan.forward(np.zeros(2000, dtype)), 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [64, 34])
def test_pictures_and_signals_of_denormals_are_those_of_sound(n_fft: int, dtype: str) -> None:
    """What is relative to the loudest, or scaled by it, loses nothing but the digits that denormals lack."""
    y = np.random.default_rng(4).integers(-(2**18), 2**18, 3000).astype(dtype)
    quiet = y * np.dtype(dtype).type(2.0 ** (-145 if dtype == "float32" else -1070))
    expected = fastspec.pretty_spectrogram(y, fft_size=n_fft, step_size=16)
    np.testing.assert_allclose(fastspec.pretty_spectrogram(quiet, fft_size=n_fft, step_size=16), expected, atol=1e-3)
    plan = fastspec.STFT(n_fft, hop_length=16, dtype=dtype)
    levels = np.round(plan.power(y, power=1))
    small = np.dtype(dtype).type(2.0 ** (-145 if dtype == "float32" else -1070))
    found = fastspec.recover(levels * small, plan, rng=0, n_iter=2)
    wanted = fastspec.recover(levels, plan, rng=0, n_iter=2)
    np.testing.assert_allclose(found / small, wanted, atol=2 * np.abs(wanted).max() / 2**16 + 1)


def test_the_mode_of_the_thread_is_as_before() -> None:
    y = np.random.default_rng(5).standard_normal(300_000).astype(np.float32)
    plan = fastspec.STFT(64, hop_length=16)
    for samples in (y, y[:100]):
        plan.forward(samples)
        fastspec.recover(plan.power(samples, power=1), plan, n_iter=1, rng=0)
        assert np.float32(1e-42) * np.float32(1) != 0
