"""Signals of shifted frames: against a slow twin, by laws of simple signals, and on recordings."""

from typing import Any

import numpy as np
import pytest
import twins_offset as twin
from cases import speech_16k
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.recovery import segments, shifted

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ["float32", "float64"]
CASES: list[dict[str, Any]] = [
    {"n_fft": 64, "hop_length": 16},
    {"n_fft": 64, "hop_length": 16, "center": False},
    {"n_fft": 64, "hop_length": 16, "win_length": 50},
    {"n_fft": 60, "hop_length": 7, "window": "hamming"},
    {"n_fft": 60, "hop_length": 25, "window": "boxcar", "center": False},
    {"n_fft": 512, "hop_length": 128},
    {"n_fft": 64, "hop_length": 50},
    {"n_fft": 64, "hop_length": 64, "window": "hamming"},
    {"n_fft": 64, "hop_length": 81, "window": "hamming"},
    {"n_fft": 64, "hop_length": 1},
    {"n_fft": 2, "hop_length": 1, "window": "boxcar"},
    {"n_fft": 10, "hop_length": 3},
    {"n_fft": 66, "hop_length": 16},  # from here on sizes that the kernels lack
    {"n_fft": 66, "hop_length": 20, "center": False},
    {"n_fft": 66, "hop_length": 70, "window": "hamming"},
    {"n_fft": 35, "hop_length": 9, "win_length": 20},
]
LANES, SCIPY = CASES[0], CASES[12]
each_case = pytest.mark.parametrize("arguments", CASES)
each_kind = pytest.mark.parametrize("arguments", [LANES, SCIPY], ids=["lanes", "scipy"])
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def magnitudes(plan: fastspec.STFT, signals: int, frames: int, seed: int = 0) -> Array:
    """Of noise, the largest 1; signal b is the same in any batch."""
    n = plan.hop_length * frames + plan.n_fft
    y = np.stack([np.random.default_rng([seed, b]).standard_normal(n) for b in range(signals)])
    S = plan.power(y.astype(plan.dtype), power=1.0)[:, :, :frames]
    return S / S.max()


def signals(plan: fastspec.STFT, S: Array, length: int | None = None) -> Array:
    return shifted.signals(plan, S, plan.n_samples(S.shape[2]) if length is None else length)


def rounding(plan: fastspec.STFT) -> float:
    """The error of three transforms of n samples, each of about log2 n roundings of its largest number."""
    return float(3 * (2 + np.log2(plan.n_fft)) * np.finfo(plan.dtype).eps)


def assert_is_the_twin(plan: fastspec.STFT, S: Array, y: Array) -> bool:
    """Assert that y is the twin's signal, and return True, if no rounding can change the twin's offsets; else False.

    The sums before their division by squared windows are compared, as small divisors magnify rounding errors.
    """
    reference = twin.recover(S.astype(np.float64), plan.window, plan.hop_length)
    if reference.clear < 100 * rounding(plan):
        return False
    start, length = plan.n_fft // 2 if plan.center else 0, len(y)
    expected, energy = (np.append(a, np.zeros(length))[start : start + length] for a in (reference.y, reference.energy))
    reach = -(-plan.n_fft // plan.hop_length)
    largest = 2 * S.sum(axis=0).max() / plan.n_fft * np.abs(plan.window).max()
    assert np.abs((y - expected) * energy).max(initial=0) <= 2 * reach * rounding(plan) * largest
    return True


@each_dtype
@each_case
def test_it_is_the_slow_twin(arguments: dict[str, Any], dtype: str) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    frames, compared = 9, 0
    for seed in range(6):
        S = magnitudes(plan, 3, frames, seed)
        before = S.copy()
        y = signals(plan, S)
        np.testing.assert_array_equal(S, before)
        assert y.dtype == dtype
        assert y.shape == (3, plan.n_samples(frames))
        compared += sum(assert_is_the_twin(plan, *each) for each in zip(S, y, strict=True))
    assert compared >= 3, "hardly any offsets were clear"


@given(
    n_fft=st.integers(2, 130), hop=st.integers(1, 140), frames=st.integers(1, 12), centred=st.booleans(),
    window=st.sampled_from(["hann", "hamming", "boxcar"]), seed=st.integers(0, 1000),
)  # fmt: skip
@example(n_fft=34, hop=3, frames=12, centred=True, window="hann", seed=0)
@settings(max_examples=150, deadline=None)
def test_any_size_is_the_twins(n_fft: int, hop: int, frames: int, centred: bool, window: str, seed: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window=window, center=centred, dtype="float64")
    S = magnitudes(plan, 1, frames, seed)
    assume(np.isfinite(S).all())
    assume(assert_is_the_twin(plan, S[0], signals(plan, S)[0]))


@each_kind
def test_offsets_where_no_correlation_is_above_0(arguments: dict[str, Any]) -> None:
    """A frame that is positive throughout, where the frames before it have left a trough."""
    plan = fastspec.STFT(**arguments, dtype="float64")
    S = np.zeros((1, plan.n_bins, 3))
    S[0, 2, 0] = 1
    S[0, :2, 1] = 1, 0.1
    offsets = twin.recover(S[0], plan.window, plan.hop_length).offsets
    assert offsets[1] != plan.n_fft // 2
    assert assert_is_the_twin(plan, S[0], signals(plan, S)[0])


@each_dtype
@each_kind
def test_a_signal_has_the_same_bits_alone_and_in_a_batch(arguments: dict[str, Any], dtype: str) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 19, 8)
    S[5] *= 1e-15
    S[[7, 17]] *= 1e25
    y = signals(plan, S)
    for b in (0, 1, 5, 7, 17, 18):
        np.testing.assert_array_equal(signals(plan, S[b : b + 1]), y[b : b + 1])
    changed = S.copy()
    changed[np.arange(19) != 7] *= 0.5
    np.testing.assert_array_equal(signals(plan, changed)[7], y[7])


@each_kind
def test_infinity_in_one_signal_changes_no_other(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 9, 8)
    y = signals(plan, S)
    S[4, 10, 3] = np.inf
    with np.errstate(invalid="ignore"):
        spoiled = signals(plan, S)
    rest = np.arange(9) != 4
    np.testing.assert_array_equal(spoiled[rest], y[rest])


@each_dtype
@each_kind
def test_threads_and_short_calls_and_batches_change_no_bits(
    arguments: dict[str, Any], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 40, 1000)
    results = []
    for count in (1, 2):
        with fastspec.threads(count):
            results.append(signals(plan, S))
    monkeypatch.setattr(shifted, "CALL_OPERATIONS", 1 << 20)
    monkeypatch.setattr(segments, "BATCH_BYTES", 1)
    results.append(signals(plan, S))
    for y in results[1:]:
        np.testing.assert_array_equal(y, results[0])


@each_kind
def test_any_memory_gives_the_same_bits(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 3, 10)
    y = signals(plan, S)
    wide = np.zeros((3, plan.n_bins, 20), np.float32)
    wide[:, :, ::2] = S
    odd = np.empty(S.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(S.shape)
    odd[...] = S
    backwards = np.ascontiguousarray(S[:, ::-1])[:, ::-1]
    frozen = np.ascontiguousarray(S)
    frozen.flags.writeable = False
    for same in (wide[:, :, ::2], odd, backwards, frozen, np.asfortranarray(S)):
        np.testing.assert_array_equal(signals(plan, same), y)


@each_kind
def test_any_length_can_be_asked_for(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 5, 9)
    y = signals(plan, S, 400)  # 9 frames reach as far as 8 * 16 + n_fft / 2
    end = 128 + plan.n_fft // 2
    assert y[:, end - 10 : end].any()
    assert not y[:, end:].any()
    for length in (0, 1, 50, plan.n_samples(9)):
        np.testing.assert_array_equal(signals(plan, S, length), y[:, :length])
    assert signals(plan, S[:, :, :0], 7).shape == (5, 7)
    assert signals(plan, S[:0], 7).shape == (0, 7)


@each_dtype
@each_kind
@pytest.mark.parametrize("power", [-60, 60, 100])
def test_powers_of_two_change_no_digit(arguments: dict[str, Any], power: int, dtype: str) -> None:
    """Correlations are squares, which overflow float32 at 2**128, so magnitudes are scaled to about 1."""
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 2, 12)
    gain = plan.dtype.type(2.0**power)
    np.testing.assert_array_equal(signals(plan, S * gain), signals(plan, S) * gain)


@each_dtype
@each_kind
def test_silence_is_silent_and_signals_after_it_begin_as_at_the_start(arguments: dict[str, Any], dtype: str) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 2, 40)
    S[0] = 0
    S[1, :, :20] = 0
    y = signals(plan, S)
    assert not y[0].any()
    edge = 20 * plan.hop_length - plan.n_fft // 2
    assert not y[1, :edge].any()
    alone = signals(plan, S[1:, :, 20:])[0]
    begin = plan.n_fft  # from here on all frames of a sample are in both
    np.testing.assert_array_equal(y[1, 20 * plan.hop_length + begin :], alone[begin:])


@each_dtype
@pytest.mark.parametrize("n_fft", [64, 66, 35])
def test_one_frame_is_the_even_signal_about_its_middle(n_fft: int, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16, window="hamming", center=False, dtype=dtype)
    S = magnitudes(plan, 1, 1)
    expected = np.roll(np.fft.irfft(S[0, :, 0].astype(np.float64), n_fft), n_fft // 2) / plan.window
    np.testing.assert_allclose(signals(plan, S)[0], expected, rtol=0, atol=rounding(plan) * np.abs(expected).max())


def harmonic(period: int, n: int) -> Array:
    """Cosines of all harmonics of a period, of falling loudness, largest at sample 0."""
    t = np.arange(n)
    y: Array = sum(np.cos(2 * np.pi * k * t / period) / k for k in range(1, period // 2))  # type: ignore[assignment]
    return y


def inner_convergence(plan: fastspec.STFT, y: Array, z: Array) -> float:
    """|STFT(z)| against |STFT(y)| in dB, edges left out."""
    S, result = (plan.power(x, power=1.0)[:, 8:-8] for x in (y, z))
    return float(20 * np.log10(np.linalg.norm(result - S) / np.linalg.norm(S)))


@each_dtype
@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (528, 132), (576, 64), (544, 136)])
def test_a_stationary_tone_is_recovered(n_fft: int, hop: int, dtype: str) -> None:
    """Its zero-phase frames are all equal: with the right offsets they add up, with others they cancel."""
    period = 32
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
    y = harmonic(period, hop * 60).astype(dtype)
    z = signals(plan, plan.power(y, power=1.0)[None], len(y))[0]
    unshifted = plan.inverse(plan.power(y, power=1.0).astype(np.complex128 if dtype == "float64" else np.complex64))
    assert inner_convergence(plan, y, z) < -25
    if hop % period:
        assert inner_convergence(plan, y, unshifted) > -6


def convergence(plan: fastspec.STFT, S: Array, y: Array) -> float:
    """20 log10 of || |STFT y| - S || / || S ||."""
    return float(20 * np.log10(np.linalg.norm(plan.power(y, power=1.0) - S) / np.linalg.norm(S)))


@each_dtype
def test_speech_is_nearer_than_with_a_plain_correlation(dtype: str) -> None:
    """-11.4 dB is what a plain prototype reached on these 1.6 s, Hann, 512/128."""
    y = speech_16k()[4800:30400].astype(dtype)
    plan = fastspec.STFT(512, hop_length=128, dtype=dtype)
    S = plan.power(y, power=1.0)
    assert convergence(plan, S, signals(plan, S[None], len(y))[0]) < -12.5


def test_segments_cost_half_a_decibel_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.tile(speech_16k(), 3).astype(np.float32)
    plan = fastspec.STFT(512, hop_length=128)
    S = plan.power(y, power=1.0)
    assert segments.Segmentation.split(plan, S.shape[1], 0, "auto").n_segments == 4
    segmented = convergence(plan, S, signals(plan, S[None], len(y))[0])
    monkeypatch.setattr(segments, "MIN_SEGMENT_FRAMES", 1 << 20)
    assert segmented < convergence(plan, S, signals(plan, S[None], len(y))[0]) + 0.5


def test_rounds_go_on_from_it() -> None:
    y = speech_16k()[4800:30400].astype(np.float32)
    plan = fastspec.STFT(512, hop_length=128)
    S = plan.power(y, power=1.0)
    begin = fastspec.recover(S, plan, init="offset", n_iter=0, length=len(y))
    np.testing.assert_array_equal(begin, signals(plan, S[None], len(y))[0])
    five = fastspec.recover(S, plan, init="offset", n_iter=5, length=len(y))
    assert convergence(plan, S, five) < convergence(plan, S, begin) - 3
