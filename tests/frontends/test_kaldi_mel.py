"""Kaldi's filters and windows against their formulas, a bin at a time."""

import pickle
from typing import Any

import numpy as np
import pytest
import twins_kaldi

import fastspec
from fastspec.features.kaldi import KALDI_WINDOWS, kaldi_hz, kaldi_mel, kaldi_window

BANKS: list[tuple[float, int, int, dict[str, float]]] = [
    (16000, 512, 23, {}),
    (16000, 512, 80, {}),
    (16000, 512, 80, {"fmax": -400.0}),
    (16000, 512, 128, {}),
    (8000, 256, 40, {"fmin": 64.0, "fmax": 3800.0}),
    (44100, 2048, 80, {"fmin": 0.0}),
    (16000, 400, 23, {"fmin": 100.0}),
    (16000, 512, 23, {"vtln_warp": 0.8}),
    (16000, 512, 40, {"vtln_warp": 1.2, "vtln_low": 60.0, "vtln_high": 7000.0}),
]


@pytest.mark.parametrize(("rate", "n_fft", "count", "options"), BANKS)
def test_filters_are_triangles_in_mel(rate: float, n_fft: int, count: int, options: dict[str, float]) -> None:
    o = {"fmin": 20.0, "fmax": 0.0, "vtln_low": 100.0, "vtln_high": -500.0, "vtln_warp": 1.0} | options
    expected = twins_kaldi.filters(count, n_fft, rate, *o.values())
    exact = fastspec.KaldiMelBank(rate, n_fft, count, **options, dtype="float64")
    assert np.abs(np.asarray(exact) - expected).max() < 1e-11
    single = fastspec.KaldiMelBank(rate, n_fft, count, **options)
    assert single.dtype == np.float32
    assert np.abs(np.asarray(single) - expected).max() < 1e-7
    assert not np.asarray(exact)[:, -1].any()  # half the sampling rate has no weight
    assert expected.max() > 0.5


def test_a_bank_is_immutable_and_can_be_pickled() -> None:
    bank = fastspec.KaldiMelBank(16000, 512)
    copy = pickle.loads(pickle.dumps(bank))
    assert np.array_equal(np.asarray(copy), np.asarray(bank))
    assert (copy.sr, copy.n_fft, copy.n_mels, copy.fmin, copy.fmax) == (16000, 512, 23, 20, 8000)
    with pytest.raises(AttributeError):
        bank.fmin = 1.0
    with pytest.raises(ValueError, match="read-only"):
        copy.weights[0] = 1


def test_mel_and_hz_are_inverses() -> None:
    f = np.linspace(0, 24000, 97)
    assert np.abs(kaldi_hz(kaldi_mel(f)) - f).max() < 1e-9
    assert np.abs(kaldi_mel(f) - [twins_kaldi.mel(v) for v in f]).max() < 1e-9


@pytest.mark.parametrize("name", KALDI_WINDOWS)
@pytest.mark.parametrize("size", [2, 3, 200, 400, 401])
def test_windows(name: str, size: int) -> None:
    assert np.abs(kaldi_window(name, size) - twins_kaldi.window(name, size)).max() < 1e-15
    assert np.abs(kaldi_window("blackman", size, 0.4) - twins_kaldi.window("blackman", size, 0.4)).max() < 1e-15
    assert len(kaldi_window(name, 1)) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n_fft": 511}, "n_fft must be even, got 511"),
        ({"sr": 0}, "sr must be above 0, got 0"),
        ({"fmax": 9000.0}, "fmin and fmax must be 0 <= fmin < fmax <= 8000 Hz"),
        ({"fmin": 500.0, "fmax": -7500.0}, "fmin and fmax must be"),
        ({"fmin": -1.0}, "fmin and fmax must be"),
        ({"vtln_warp": 0.0}, "vtln_warp must be above 0, got 0.0"),
        ({"vtln_warp": 0.9, "vtln_low": 10.0}, "vtln_low and vtln_high must be fmin < vtln_low < vtln_high < fmax"),
        ({"vtln_warp": 0.01}, "vtln_warp must leave frequencies"),
        ({"n_mels": 0}, "n_mels must be at least 1, got 0"),
        ({"dtype": "int16"}, "dtype"),
    ],
)
def test_bad_arguments_of_a_bank_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        fastspec.KaldiMelBank(**{"sr": 16000, "n_fft": 512, **arguments})


def test_an_unknown_window_is_named() -> None:
    with pytest.raises(ValueError, match=r"window_type must be one of 'povey', .*, got 'gauss'"):
        kaldi_window("gauss", 400)
