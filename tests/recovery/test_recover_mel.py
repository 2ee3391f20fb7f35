"""`recover_mel` against its slow twin, and its laws."""

from typing import Any

import numpy as np
import pytest
import twins_recover as twins
from cases import speech

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]


def noise(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape)


def distance(result: Array, wanted: Array) -> float:
    return float(np.linalg.norm(result - wanted) / np.linalg.norm(wanted))


def decibels(result: Array, wanted: Array) -> float:
    return 20 * float(np.log10(distance(result.astype(np.float64), wanted.astype(np.float64))))


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-4), ("float64", 1e-11)])
@pytest.mark.parametrize("power", [1.0, 2.0, 1.5])
@pytest.mark.parametrize("n_fft", [64, 62, 33])
@pytest.mark.parametrize("rounds", ["griffinlim", "fast", "accelerated"])
def test_rounds_are_the_formula(rounds: str, n_fft: int, power: float, dtype: str, bound: float) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16, dtype=dtype)
    bank = fastspec.MelBank(8000, n_fft, 6, fmin=200, fmax=3000)  # which leaves bins without a filter
    filters = np.asarray(bank, np.float64)
    p = twins.Plan(n_fft, 16, plan.n_samples(40))
    M = filters @ np.abs(p.forward(noise(2, p.length))) ** power
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, (2, plan.n_bins, 40))
    start = p.consistent(bank.inverse(M, power=power) * np.exp(1j * phases))
    options = {"alpha": 0.9, "beta": 1.1, "gamma": 1.25} if rounds == "accelerated" else {}
    wanted = getattr(twins, rounds)(p, lambda c: twins.nearer(c, M, filters, power), start, 3, **options)
    result, info = fastspec.recover_mel(
        M.astype(dtype), bank, plan, power=power, rounds=rounds, init=phases, n_iter=3, return_info=True
    )
    assert result.dtype == dtype
    assert distance(result, wanted) < bound
    levels = filters @ np.abs(p.forward(result)) ** power
    for i in range(2):
        assert abs(info.convergence[-1, i] - decibels(levels[i], M[i])) < 1e-3


@pytest.mark.parametrize(("power", "least"), [(1.0, -30), (2.0, -27)])  # errors of powers are twice those of magnitudes
def test_joint_comes_nearer_to_the_mels_of_speech_than_cascade(power: float, least: float) -> None:
    plan, bank = fastspec.STFT(1024, hop_length=256), fastspec.MelBank(16000, 1024, 80)
    M = plan.mel(speech(30000), bank, power=power)
    reached = {}
    for method in ("joint", "cascade"):
        y = fastspec.recover_mel(M, bank, plan, power=power, method=method, n_iter=32, rng=0)
        reached[method] = decibels(plan.mel(y, bank, power=power), M)
    assert reached["joint"] < least
    assert reached["joint"] < reached["cascade"] - 6


@pytest.mark.parametrize("log", ["ln", "log10", "db", "whisper"])
def test_logarithms_are_undone(log: Any) -> None:
    plan, bank = fastspec.STFT(512, hop_length=128, dtype="float64"), fastspec.MelBank(16000, 512, 40, dtype="float64")
    y = 100 * speech(16000).astype(np.float64)  # so loud that no floor is met
    M = plan.mel(y, bank)
    kept = M[:, :-1] if log == "whisper" else M
    options = {"rng": 0, "n_iter": 20}
    linear = plan.mel(fastspec.recover_mel(kept, bank, plan, **options), bank)
    levels = plan.mel(fastspec.recover_mel(plan.mel(y, bank, log=log), bank, plan, log=log, **options), bank)
    assert decibels(levels, kept) < max(-15, decibels(linear, kept) + 0.5)


def test_the_notebooks_mels() -> None:
    y = speech(16000).astype(np.float64)
    S = fastspec.pretty_spectrogram(y, fft_size=512, step_size=64, thresh=4)
    to_mel, _ = fastspec.create_mel_filter(512, 64, start_freq=50, end_freq=8000, samplerate=16000)
    M = fastspec.make_mel(S, to_mel, shorten_factor=2)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(512) / 511)
    plan = fastspec.STFT(512, hop_length=64, window=window, center=False)
    result = fastspec.recover_mel(M, to_mel.T, plan, log="notebook", shorten_factor=2, rng=0)
    again = fastspec.pretty_spectrogram(result, fft_size=512, step_size=64, thresh=4)[: len(S)]
    assert np.corrcoef(again.ravel(), S[: len(again)].ravel())[0, 1] > 0.9
    with pytest.raises(ValueError, match="n_bins - 1 = 128 columns"):
        fastspec.recover_mel(M, to_mel.T, fastspec.STFT(256), log="notebook")


def test_batches_threads_and_silence() -> None:
    plan, bank = fastspec.STFT(256, hop_length=64), fastspec.MelBank(16000, 256, 30)
    M = plan.mel(np.stack([speech(9000), 0.01 * noise(9000), np.zeros(9000)]), bank)
    y = fastspec.recover_mel(M, bank, plan, rng=3)
    assert y.shape == (3, plan.n_samples(M.shape[-1]))
    assert not y[2].any()
    with fastspec.threads(1):
        assert np.array_equal(fastspec.recover_mel(M, bank, plan, rng=3), y)
        assert np.array_equal(fastspec.recover_mel(M[0], bank, plan, rng=3), y[0])
    assert not fastspec.recover_mel(M[2], bank, plan).any()
    assert np.array_equal(fastspec.recover_mel(np.asfortranarray(M), np.asarray(bank), plan, rng=3), y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "both"}, ValueError, "method must be one of joint, cascade, got 'both'"),
        ({"rounds": "raar"}, ValueError, "rounds must be griffinlim, fast or accelerated"),
        ({"rounds": "rtisi"}, ValueError, "rounds must be griffinlim, fast or accelerated"),
        ({"power": 0}, ValueError, "power must be above 0"),
        ({"log": "dB"}, ValueError, "log"),
        ({"n_iter": -1}, ValueError, "n_iter"),
        ({"beta": 1.0, "rounds": "fast"}, TypeError, "unknown option 'beta'"),
        ({"bank": np.ones((3, 9))}, ValueError, "bank must have n_bins = 129 columns"),
        ({"bank": -np.ones((30, 129))}, ValueError, "bank must not be negative"),
        ({"M": np.ones((29, 5))}, ValueError, "M must have shape"),
        ({"M": -np.ones((30, 5))}, ValueError, r"M\[0, 0\] is -1"),
        ({"M": np.full((30, 5), np.nan)}, ValueError, "M"),
        ({"M": np.zeros((30, 5)), "tolerance": 2}, ValueError, "tolerance"),
        ({"method": "both", "log": "notebook"}, ValueError, "method must be one of"),
    ],
)
def test_bad_arguments_are_named(options: Any, error: type[Exception], message: str) -> None:
    plan, bank = fastspec.STFT(256, hop_length=64), fastspec.MelBank(16000, 256, 30)
    arguments = {"M": plan.mel(noise(3000), bank), "bank": bank, **options}
    with pytest.raises(error, match=message):
        fastspec.recover_mel(arguments.pop("M"), arguments.pop("bank"), plan, **arguments)
