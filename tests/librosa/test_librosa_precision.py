"""Precision: float32 transformed in float32, or in float64 and rounded, as it is set for the face or by a patch."""

from collections.abc import Callable, Iterator
from typing import Any

import librosa
import numpy as np
import pytest

import fastspec
import fastspec.librosa as ours

RNG = np.random.default_rng(4)
T = np.arange(22050) / 22050
Y = (0.5 * np.sin(2 * np.pi * 440 * T) + 1e-7 * RNG.standard_normal(T.size)).astype(np.float32)
"""A loud tone above noise that is 134 dB below it."""


@pytest.fixture(autouse=True)
def _single_after() -> Iterator[None]:
    yield
    fastspec.unpatch("librosa")
    ours.set_precision("single")


def errors() -> Any:
    """Of each frame's bins, relative to its largest."""
    D, exact = ours.stft(Y), librosa.stft(Y.astype(np.float64))
    assert D.dtype == np.complex64
    return (np.abs(D - exact) / np.abs(exact).max(axis=0)).max()


def test_double_precision_has_the_error_of_librosas() -> None:
    assert ours.set_precision("double") == "single"
    rounding = np.abs(librosa.stft(Y) - librosa.stft(Y.astype(np.float64)))
    assert errors() <= 1.01 * (rounding / np.abs(librosa.stft(Y)).max(axis=0)).max()
    assert errors() < 6e-8  # the rounding to complex64
    assert ours.set_precision("single") == "double"
    assert errors() > 6e-8


def test_quiet_bins_keep_their_digits() -> None:
    exact = np.abs(librosa.stft(Y.astype(np.float64)))
    quiet = exact < 1e-4 * exact.max(axis=0)

    def worst() -> float:
        return float((np.abs(np.abs(ours.stft(Y)) - exact) / exact)[quiet].max())

    assert worst() > 1
    ours.set_precision("double")
    assert worst() < 1e-5


CALLS: dict[str, Callable[[], Any]] = {
    "stft": lambda: ours.stft(Y),
    "stft to an output": lambda: ours.stft(Y, out=np.zeros((1025, 44), np.complex64)),
    "istft": lambda: ours.istft(librosa.stft(Y)),
    "istft to an output": lambda: ours.istft(librosa.stft(Y), out=np.zeros(43 * 512, np.float32)),
    "griffinlim": lambda: ours.griffinlim(np.abs(librosa.stft(Y)), n_iter=2, rng=1),
    "melspectrogram": lambda: ours.feature.melspectrogram(y=Y),
    "mfcc": lambda: ours.feature.mfcc(y=Y),
    "mel_to_audio": lambda: ours.feature.inverse.mel_to_audio(librosa.feature.melspectrogram(y=Y), n_iter=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_are_float32_all_the_same(name: str) -> None:
    single = CALLS[name]()
    ours.set_precision("double")
    double = CALLS[name]()
    assert double.dtype == single.dtype
    assert double.dtype.itemsize == (8 if double.dtype.kind == "c" else 4)
    assert double.shape == single.shape
    if name != "mel_to_audio":  # which draws its phases
        np.testing.assert_allclose(double, single, rtol=1e-3, atol=1e-4 * np.abs(single).max())


def test_float64_is_the_same_in_both() -> None:
    single = ours.stft(Y.astype(np.float64))
    ours.set_precision("double")
    np.testing.assert_array_equal(ours.stft(Y.astype(np.float64)), single)


def test_a_patch_has_a_precision_as_long_as_it_lasts() -> None:
    single, double = ours.stft(Y), _double()
    assert not np.array_equal(single, double)
    with fastspec.patch("librosa", precision="double"):
        np.testing.assert_array_equal(librosa.stft(Y), double)
        with fastspec.patch("librosa"):  # leaves it
            np.testing.assert_array_equal(librosa.stft(Y), double)
        with fastspec.patch("librosa", precision="single"):
            np.testing.assert_array_equal(librosa.stft(Y), single)
        np.testing.assert_array_equal(librosa.stft(Y), double)
    np.testing.assert_array_equal(ours.stft(Y), single)
    ours.set_precision("double")
    with fastspec.patch("librosa", precision="single"):
        np.testing.assert_array_equal(librosa.stft(Y), single)
    np.testing.assert_array_equal(ours.stft(Y), double)
    fastspec.patch("librosa", precision="single")
    fastspec.unpatch("librosa")
    np.testing.assert_array_equal(ours.stft(Y), double)


def _double() -> Any:
    ours.set_precision("double")
    D = ours.stft(Y)
    ours.set_precision("single")
    return D


@pytest.mark.parametrize("function", [ours.set_precision, lambda p: fastspec.patch("librosa", precision=p)])
def test_any_other_precision_is_refused(function: Callable[[Any], object]) -> None:
    for precision in ("half", "", 64):
        with pytest.raises(ValueError, match="precision must be 'single' or 'double', got"):
            function(precision)
    assert not fastspec.is_patched("librosa")
