"""Phases frame by frame: against a slow twin with a heap, alone and in a batch, and their quality."""

from typing import Any

import numpy as np
import pytest
import twins_rtpghi as twin
from recovery_cases import convergence, magnitudes, speech

import fastspec
from fastspec.recovery import rtpghi
from fastspec.recovery.phase import gaussian_constant, window_centre

DTYPES = ["float32", "float64"]
CASES: list[dict[str, Any]] = [
    {"n_fft": 64, "hop_length": 16},
    {"n_fft": 64, "hop_length": 16, "window": "blackman"},
    {"n_fft": 60, "hop_length": 25, "win_length": 40},
    {"n_fft": 512, "hop_length": 128},
    {"n_fft": 35, "hop_length": 9},
    {"n_fft": 2, "hop_length": 1, "window": "hamming"},
    {"n_fft": 3, "hop_length": 1, "window": "hamming"},
    {"n_fft": 66, "hop_length": 70},
]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
each_case = pytest.mark.parametrize("arguments", CASES)


def spectra(plan: fastspec.STFT, S: Any, *, look_ahead: int = 1, tolerance: float = 1e-3, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rtpghi.spectra(plan, S, look_ahead=look_ahead, tolerance=tolerance, rng=rng)


def twins(plan: fastspec.STFT, S: Any, seeds: Any, look_ahead: int, tolerance: float, start: int = 0) -> Any:
    arguments = (
        plan.n_fft, plan.hop_length, gaussian_constant(plan.window), window_centre(plan.window), look_ahead,
        tolerance,
    )  # fmt: skip
    tiny = float(np.finfo(plan.dtype).tiny)
    return np.stack([
        twin.spectra(s.astype(float), *arguments, int(seed), tiny, start) for s, seed in zip(S, seeds, strict=True)
    ])  # fmt: skip


def tones_and_noise(plan: fastspec.STFT, signals: int, frames: int) -> Any:
    """Magnitudes of tones and noise, no two of which are equal, so that all widest paths are unique."""
    S = magnitudes(plan, signals, frames)
    return (S + 1e-3 * np.random.default_rng(1).random(S.shape)).astype(plan.dtype)


@each_dtype
@each_case
@pytest.mark.parametrize("look_ahead", [0, 1])
@pytest.mark.parametrize("tolerance", [0.05, 0.0])
def test_it_is_the_slow_twin(arguments: dict[str, Any], look_ahead: int, tolerance: float, dtype: str) -> None:
    """Each step of a phase of some radians is rounded, and a path has as many steps as bins and frames."""
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = tones_and_noise(plan, 3, 12)
    S[1, :, :5] = 0  # silence first, where all bins are equal
    S[2, 1:3, 6] = 0
    before = S.copy()
    D = spectra(plan, S, look_ahead=look_ahead, tolerance=tolerance)
    np.testing.assert_array_equal(S, before)
    assert D.dtype == np.result_type(dtype, np.complex64)
    seeds = np.random.default_rng(0).integers(0, 1 << 32, 3, dtype=np.uint32)
    expected = twins(plan, S, seeds, look_ahead, tolerance)
    steps = (plan.hop_length / plan.n_fft * 100 + plan.n_fft / plan.hop_length * 10) * (1 if tolerance else 4)
    limit = np.finfo(dtype).eps * (12 + plan.n_bins) * steps
    assert limit < {"float32": 1e-1, "float64": 1e-9}[dtype], "the limit is too large"
    real = np.zeros(plan.n_bins, bool)
    real[[0, -1][: 2 - plan.n_fft % 2]] = True
    assert np.abs(D - expected)[:, ~real].max(initial=0) <= limit * S.max()
    if dtype == "float64":  # in float32 a phase near pi / 2 may be rounded to 0 or pi
        assert np.abs(D - expected)[:, real].max() <= limit * S.max()
    np.testing.assert_allclose(np.abs(D), S, rtol=8 * np.finfo(dtype).eps)
    assert np.abs(D[:, real].imag).max() <= 4 * np.finfo(dtype).eps * S.max()


@each_dtype
def test_the_index_of_a_frame_may_be_large(dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    S, rng = tones_and_noise(plan, 2, 6), np.random.default_rng(0)
    for start in (2**31 - 3, 2**32 - 2, 2**40):
        integrator = rtpghi.PhaseIntegrator(plan, 2, look_ahead=0, tolerance=0.3, rng=rng)
        integrator.frames = start
        expected = twins(plan, S, integrator.seeds, 0, 0.3, start)
        D = integrator.push(S)
        assert np.abs(D - expected)[:, 1:-1].max() < {"float32": 1e-3, "float64": 1e-10}[dtype] * S.max()


@each_dtype
def test_phases_stay_small_for_long(dtype: str) -> None:
    """They are wrapped sums of steps: sines and cosines of large numbers would be inexact."""
    plan = fastspec.STFT(8, hop_length=3, dtype=dtype)
    S = np.tile(tones_and_noise(plan, 1, 7), (1, 1, 10000))
    integrator = rtpghi.PhaseIntegrator(plan, 1, look_ahead=1, tolerance=1e-3, rng=np.random.default_rng(0))
    D = integrator.push(S)
    np.testing.assert_allclose(np.abs(D), S[:, :, :-1], rtol=8 * np.finfo(dtype).eps)
    phase = integrator.state[3 * integrator.args.row_stride : 4 * integrator.args.row_stride]
    assert np.abs(phase).max() <= np.pi * (1 + 1e-6)


@each_dtype
@pytest.mark.parametrize("tolerance", [1e-3, 0.0])
def test_a_power_of_two_changes_no_phase(dtype: str, tolerance: float) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    S = tones_and_noise(plan, 2, 9)
    S[1, :, 3] = 0
    D = spectra(plan, S, tolerance=tolerance)
    for power in (-66, -20, 1, 24, 66) if dtype == "float32" else (-660, -20, 1, 24, 660):
        scale = plan.dtype.type(2.0**power)
        np.testing.assert_array_equal(spectra(plan, S * scale, tolerance=tolerance), D * scale)


@each_dtype
def test_any_finite_magnitudes_give_finite_spectra(dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    limits = np.finfo(plan.dtype)
    S = tones_and_noise(plan, 5, 40)
    S[0] = 0
    S[1] *= limits.tiny
    S[2] *= limits.max / 10
    S[3, :, ::2] = 0
    S[4] = np.where(np.random.default_rng(0).random(S[4].shape) < 0.5, limits.max / 4, limits.smallest_subnormal)
    for tolerance in (1e-3, 0.0):
        for look_ahead in (0, 1):
            assert np.isfinite(spectra(plan, S, tolerance=tolerance, look_ahead=look_ahead)).all()


@each_dtype
def test_a_signal_has_the_same_bits_alone_and_in_a_batch(dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    S = tones_and_noise(plan, 19, 8)
    D = spectra(plan, S)
    np.testing.assert_array_equal(spectra(plan, S[:1]), D[:1])
    S[4:] *= 3
    np.testing.assert_array_equal(spectra(plan, S)[:4], D[:4])
    with fastspec.threads(1):
        single_threaded = spectra(plan, np.tile(S, (1, 1, 100)))
    np.testing.assert_array_equal(spectra(plan, np.tile(S, (1, 1, 100))), single_threaded)


def test_any_memory_order_and_short_calls_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = tones_and_noise(plan, 3, 10)
    D = spectra(plan, S)
    odd = np.empty(S.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(S.shape)
    odd[...] = S
    frozen = np.ascontiguousarray(S)
    frozen.flags.writeable = False
    wide = np.zeros((3, plan.n_bins, 20), np.float32)
    wide[:, :, ::2] = S
    for same in (np.asfortranarray(S), odd, frozen, wide[:, :, ::2], np.ascontiguousarray(S[::-1])[::-1]):
        np.testing.assert_array_equal(spectra(plan, same), D)
    monkeypatch.setattr(rtpghi, "CALL_BINS", 1)
    np.testing.assert_array_equal(spectra(plan, S), D)


def test_a_seed_determines_the_phases_of_small_bins() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = tones_and_noise(plan, 2, 9)
    same, reseeded = spectra(plan, S, tolerance=0.3), spectra(plan, S, tolerance=0.3, seed=1)
    np.testing.assert_array_equal(spectra(plan, S, tolerance=0.3), same)
    assert not np.array_equal(reseeded, same)


@pytest.mark.parametrize(("look_ahead", "reached"), [(0, -18.7), (1, -20.5)])
def test_convergence_on_speech(look_ahead: int, reached: float) -> None:
    plan, y = fastspec.STFT(512, hop_length=128), speech().astype(np.float32)
    S = plan.power(y, power=1.0)
    z = fastspec.recover(S, plan, method="rtpghi", look_ahead=look_ahead, length=len(y), rng=0)
    assert convergence(plan, S, z) < reached


def test_it_begins_a_chain() -> None:
    plan, y = fastspec.STFT(512, hop_length=128), speech().astype(np.float32)
    S = plan.power(y, power=1.0)
    first = fastspec.recover(S, plan, method="rtpghi", rng=0)
    then = fastspec.recover(S, plan, method=[("rtpghi", 0, {"look_ahead": 0}), ("accelerated", 5)], rng=0)
    assert convergence(plan, S, then) < convergence(plan, S, first) - 3


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"look_ahead": 2}, ValueError, "look_ahead must be 0 or 1, got 2"),
        ({"look_ahead": -1}, ValueError, "look_ahead"),
        ({"look_ahead": 0.5}, ValueError, "look_ahead"),
        ({"n_iter": 3}, ValueError, "n_iter must be left out or 0 for 'rtpghi'"),
        ({"init": "pghi"}, ValueError, "init must be left out for method='rtpghi'"),
        ({"segments": 1}, TypeError, "unknown option 'segments'"),
        ({"tolerance": 1.0}, ValueError, "tolerance"),
        ({"method": [("fast", 1), ("rtpghi", 0)]}, ValueError, "can only begin a chain"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], error: type[Exception], match: str) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    with pytest.raises(error, match=match):
        fastspec.recover(tones_and_noise(plan, 1, 5), plan, **({"method": "rtpghi"} | options))
