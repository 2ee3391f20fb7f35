"""Where arguments are at the edge of what makes sense, results, warnings and errors are librosa's."""

import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest

import fastspec.librosa as ours

MODERN = int(librosa.__version__.partition(".")[0]) >= 1


def both(call: Callable[[Any], Any]) -> list[tuple[Any, list[type[Warning]]]]:
    """(result, warnings) of librosa and of ours."""
    results = []
    for module in (librosa, ours):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append((call(module), [w.category for w in caught]))
    return results


def assert_same(call: Callable[[Any], Any]) -> None:
    """The same result to 1e-6 of its largest, and the same shape, dtype and classes of warnings."""
    (expected, expected_warnings), (result, result_warnings) = both(call)
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert set(result_warnings) == set(expected_warnings)


NOTHING = [np.zeros(0), np.zeros(0, np.float32), np.zeros((2, 0))]
OPTIONS: list[dict[str, Any]] = [{}, {"hop_length": 1}, {"n_fft": 512, "hop_length": 3}]


@pytest.mark.parametrize("y", NOTHING, ids=lambda y: f"{y.shape} {y.dtype}")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_no_samples_have_a_frame(y: Any, options: dict[str, Any]) -> None:
    assert_same(lambda m: m.stft(y, **options))
    assert_same(lambda m: m.feature.melspectrogram(y=y, n_mels=20, **options))
    assert_same(lambda m: m.feature.mfcc(y=y, n_mels=20, **options))


def test_no_samples_are_written_to_an_output() -> None:
    out = np.ones((1025, 3), np.complex64)
    with pytest.warns(UserWarning, match="too large"):
        D = ours.stft(np.zeros(0), out=out)
    assert np.shares_memory(D, out)
    np.testing.assert_array_equal(out, np.repeat([[0, 1, 1]], 1025, axis=0))


@pytest.mark.parametrize("options", [{"n_fft": 5}, {"pad_mode": "reflect"}, {"center": False}], ids=str)
@pytest.mark.filterwarnings("ignore:n_fft")
def test_no_samples_that_have_no_frame_are_refused(options: dict[str, Any]) -> None:
    for name in ("stft", "feature.melspectrogram"):
        with pytest.raises(ours.ParameterError):
            _get(ours, name)(**({"y": np.zeros(0)} | options))
        with pytest.raises(ValueError if "pad_mode" in options else librosa.ParameterError):
            _get(librosa, name)(**({"y": np.zeros(0)} | options))


def _get(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def test_no_channels_have_no_spectra() -> None:
    for options in OPTIONS:
        with np.errstate(divide="ignore"):
            assert_shapes(lambda m, o=options: m.stft(np.zeros((0, 4096)), **o))
            assert_shapes(lambda m, o=options: m.feature.melspectrogram(y=np.zeros((0, 4096)), n_mels=20, **o))


def assert_shapes(call: Callable[[Any], Any]) -> None:
    expected, result = call(librosa), call(ours)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)


def test_no_frames_of_some_length_are_silence() -> None:
    assert_same(lambda m: m.istft(np.zeros((33, 0), complex), length=50))


def test_lists_are_arrays() -> None:
    S = np.random.default_rng(0).uniform(-80, 0, (20, 6))
    assert_same(lambda m: m.feature.mfcc(S=S.tolist(), n_mfcc=7))
    assert_same(lambda m: m.feature.inverse.mfcc_to_mel((S[:5] / 10).tolist(), n_mels=9))
    assert_same(lambda m: m.feature.mfcc(S=np.ma.masked_array(S, S < -70)))


BANK = {"sr": 8000, "n_fft": 64, "n_mels": 6}
UNUSUAL: list[dict[str, Any]] = [
    *({"fmin": 4000}, {"fmin": 4000.0, "fmax": 4000}, {"fmin": 5000}, {"fmin": 5000, "htk": True}, {"fmax": 0}),
    *({"fmin": 3000, "fmax": 2000}, {"fmax": -5}, {"fmin": -100}, {"fmin": -100, "htk": True}, {"n_mels": 0}),
    *({"fmin": 5000, "norm": None}, {"fmin": 5000, "norm": 1}, {"sr": -8000}, {"fmin": 5000, "dtype": np.float64}),
    *({"fmin": -10, "norm": 2.0}, {"fmin": 5000, "fmax": 6000}),
]


@pytest.mark.parametrize("options", UNUSUAL, ids=str)
def test_filters_of_unusual_corners_are_librosas_at_every_call(options: dict[str, Any]) -> None:
    for _ in range(2):
        (expected, expected_warnings), (M, M_warnings) = both(lambda m: m.filters.mel(**BANK | options))
        np.testing.assert_allclose(M, expected, rtol=1e-5, atol=1e-9)
        assert M.dtype == expected.dtype
        assert (UserWarning in M_warnings) == (UserWarning in expected_warnings)
        assert (RuntimeWarning in M_warnings) == (RuntimeWarning in expected_warnings)


def test_a_norm_of_filters_that_are_not_finite_is_refused() -> None:
    for module in (librosa, ours):
        with pytest.raises(librosa.ParameterError), np.errstate(all="ignore"):
            module.filters.mel(**BANK, fmin=4000, norm=None)


@pytest.mark.parametrize("options", [{"fmin": 5000}, {"fmin": 4000}, {"fmin": -100}, {"n_mels": 0}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mels_of_unusual_filters_are_librosas(options: dict[str, Any], dtype: str) -> None:
    y = np.random.default_rng(1).standard_normal(4000).astype(dtype)
    (expected, _), (M, _) = both(lambda m: m.feature.melspectrogram(y=y, hop_length=16, **BANK | options))
    np.testing.assert_allclose(M, expected, rtol=1e-4, atol=1e-5)
    assert M.dtype == expected.dtype
    S = np.abs(librosa.stft(y, n_fft=64)) ** 2
    (expected, _), (M, _) = both(lambda m: m.feature.melspectrogram(S=S, **BANK | options))
    np.testing.assert_allclose(M, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:Empty filters")
def test_filters_that_are_not_finite_have_no_inverse() -> None:
    with pytest.raises(ours.ParameterError, match="fmin"):
        ours.feature.inverse.mel_to_stft(np.ones((6, 3)), sr=8000, n_fft=64, fmin=4000)


def test_magnitudes_from_mels_lie_in_memory_as_librosas() -> None:
    M = np.random.default_rng(2).uniform(0, 1, (2, 20, 6)).astype(np.float32)
    for mels in (M, M[0], M.astype(float)):
        assert ours.feature.inverse.mel_to_stft(mels, n_fft=256).flags.c_contiguous
    assert librosa.feature.inverse.mel_to_stft(M[0], n_fft=256).flags.c_contiguous


NUMBERS = [440, 440.0, np.float32(440), np.float16(4), np.int32(1500), [440, 2000], np.nan, -3000.0, True]
ARRAYS = [np.array([440, 2000, -5], t) for t in ("f2", "f4", "f8", ">f4", "i4")] + [np.zeros((2, 0), "f4")]


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("x", [*NUMBERS, *ARRAYS, [16.0, 14.9], np.array(20.0)], ids=repr)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_mels_and_hertz_are_librosas_and_keep_float32(x: Any, htk: bool) -> None:
    for name in ("hz_to_mel", "mel_to_hz"):
        if name == "mel_to_hz" and np.asarray(x).dtype.kind == "f" and np.max(x, initial=0) > 100:
            x = np.asarray(x)[()] / np.asarray(x).dtype.type(100)
        expected, result = getattr(librosa, name)(x, htk=htk), getattr(ours, name)(x, htk=htk)
        assert type(result) is type(expected)
        assert result.dtype == expected.dtype
        exact = getattr(librosa, name)(
            np.asarray(x, np.float64), htk=htk
        )  # librosa's of float16 are off by some percent
        np.testing.assert_allclose(result, exact, rtol=2 * np.finfo(result.dtype).eps)


@pytest.mark.parametrize("name", ["hz_to_mel", "mel_to_hz"])
def test_numbers_of_the_logarithmic_part_keep_float32_too(name: str) -> None:
    for value in (np.float32(2000), np.float16(40)):
        result = getattr(ours, name)(value if name == "hz_to_mel" else value.dtype.type(20))
        assert result.dtype == value.dtype  # librosa's has float64 there, by the way in which it computes


@pytest.mark.parametrize("name", ["hz_to_mel", "mel_to_hz"])
@pytest.mark.parametrize("htk", [False, True])
def test_masked_frequencies_keep_their_masks(name: str, htk: bool) -> None:
    x = np.ma.masked_array([100.0, 20.0, -5.0, 3.0], [False, True, False, False])
    expected, result = getattr(librosa, name)(x, htk=htk), getattr(ours, name)(x, htk=htk)
    np.testing.assert_array_equal(np.ma.getmaskarray(result), np.ma.getmaskarray(expected))
    np.testing.assert_allclose(result.compressed(), expected.compressed())
    assert getattr(ours, name)(x.astype(np.float32), htk=htk).dtype == np.float32


def test_frames_of_a_number_of_samples_are_as_in_the_installed_version() -> None:
    for name in ("samples_to_frames", "time_to_frames"):
        expected, result = getattr(librosa, name)(7), getattr(ours, name)(7)
        assert type(result) is type(expected)
        assert isinstance(result, np.ndarray) != MODERN
