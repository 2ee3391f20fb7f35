"""What librosa refuses and what it warns of, and the same under our names."""

import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest

import fastspec.librosa as ours


def noise(*shape: int) -> Any:
    return np.random.default_rng(1).standard_normal(shape)


Y = noise(4096)
S = np.abs(noise(33, 9))
D64 = S + 0j
REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("stft", (np.zeros(99, int),), {}),
    ("stft", ([0.0] * 99,), {}),
    ("stft", (np.zeros(()),), {}),
    ("stft", (np.array([1, np.nan] * 999),), {}),
    ("stft", (np.array([1, -np.inf] * 999),), {}),
    ("stft", (np.zeros((2, 999), complex),), {}),
    ("stft", (Y,), {"hop_length": 0}),
    ("stft", (Y,), {"hop_length": -1}),
    ("stft", (Y,), {"hop_length": 512.0}),
    ("stft", (Y,), {"win_length": 4096}),
    ("stft", (Y,), {"window": np.ones(100)}),
    ("stft", (Y,), {"window": None}),
    ("stft", (Y[:99],), {"center": False}),
    *[("stft", (Y,), {"pad_mode": mode}) for mode in ("wrap", "maximum", "mean", "median", "minimum")],
    ("stft", (Y,), {"out": np.zeros((1024, 9), complex)}),
    ("stft", (Y,), {"out": np.zeros((1025, 8), complex)}),
    ("stft", (Y,), {"out": np.zeros((1025, 9))}),
    ("istft", (D64,), {"out": np.zeros(3)}),
    ("istft", (D64,), {"win_length": 65}),
    ("istft", (D64,), {"window": np.ones(63)}),
    ("griffinlim", (S,), {"momentum": -0.1}),
    ("griffinlim", (S,), {"init": "zeros"}),
    ("power_to_db", (S,), {"amin": 0}),
    ("power_to_db", (S,), {"amin": -1}),
    ("power_to_db", (S,), {"top_db": -1}),
    ("amplitude_to_db", (S,), {"amin": 0}),
    ("amplitude_to_db", (S,), {"top_db": -1}),
    ("feature.melspectrogram", (), {}),
    ("feature.melspectrogram", (), {"y": Y, "n_fft": None}),
    ("feature.melspectrogram", (), {"y": Y, "norm": "no norm"}),
    ("feature.melspectrogram", (), {"y": Y, "norm": -3}),
    ("feature.mfcc", (), {"S": S, "lifter": -1}),
    ("feature.mfcc", (), {}),
    ("filters.mel", (), {"sr": 8000, "n_fft": 512, "norm": "no norm"}),
    ("filters.get_window", (None, 9), {}),
    ("filters.get_window", (np.ones(8), 9), {}),
    ("util.frame", (Y,), {"frame_length": 5000, "hop_length": 1}),
    ("util.frame", (Y,), {"frame_length": 50, "hop_length": 0}),
    ("util.pad_center", (Y,), {"size": 9}),
    ("util.expand_to", (S,), {"ndim": 1, "axes": (0, 1)}),
    ("util.expand_to", (S,), {"ndim": 3, "axes": 1}),
    ("util.valid_audio", (np.array([np.inf]),), {}),
    ("util.valid_int", (3,), {"cast": 1}),
    ("util.normalize", (S,), {"norm": -2}),
    ("util.normalize", (S,), {"norm": "2"}),
    ("util.normalize", (S,), {"threshold": 0}),
    ("util.normalize", (S,), {"fill": 3}),
    ("util.normalize", (S,), {"norm": 0, "fill": True}),
    ("util.normalize", (S * np.nan,), {}),
]


def found(module: Any, path: str) -> Callable[..., Any]:
    for name in path.split("."):
        module = getattr(module, name)
    return module


@pytest.mark.parametrize(("path", "args", "options"), REFUSED)
def test_what_librosa_refuses_is_refused_alike(path: str, args: Any, options: Any) -> None:
    for module in (librosa, ours):
        with pytest.raises(librosa.ParameterError):
            found(module, path)(*args, **options)


def test_what_scipy_refuses_is_a_value_error_of_either() -> None:
    for options in ({"dct_type": 5}, {"norm": "no norm"}):
        with pytest.raises((ValueError, NotImplementedError)):  # which of the two depends on SciPy's version
            librosa.feature.mfcc(S=S, **options)
        with pytest.raises(librosa.ParameterError):
            ours.feature.mfcc(S=S, **options)
    with pytest.raises(librosa.ParameterError, match="no such window"):
        ours.stft(Y, window="no such window")


def test_librosas_warnings_are_given() -> None:
    for module in (librosa, ours):
        with pytest.warns(UserWarning, match="n_fft=2048 is too large for input signal of length=1000"):
            module.stft(Y[:1000])
        with pytest.warns(UserWarning, match="Empty filters detected in mel frequency basis"):
            module.filters.mel(sr=8000, n_fft=64)
        with pytest.warns(UserWarning, match="Empty filters detected"):
            module.feature.melspectrogram(S=S, sr=8000)


def test_warnings_point_to_the_line_that_called() -> None:
    for call in (
        lambda: ours.stft(Y[:1000]),
        lambda: ours.feature.melspectrogram(y=Y[:1000]),
        lambda: ours.filters.mel(sr=8000, n_fft=64),
        lambda: ours.feature.melspectrogram(S=S, sr=8000),
        lambda: ours.power_to_db(D64),
        lambda: ours.amplitude_to_db(D64),
        lambda: ours.griffinlim(S, momentum=1.1, n_iter=0),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert caught[0].filename == __file__


@pytest.mark.parametrize("value", [0.1, 1e25, -3e30])
def test_samples_whose_squares_overflow_are_finite_all_the_same(value: float) -> None:
    assert ours.util.valid_audio(np.full(100, value, np.float32))
    assert ours.util.valid_audio(
        np.full((2, 100), value, np.float16 if value < 1 and value > 0 else np.float32)[:, ::2]
    )


@pytest.mark.parametrize("n_fft", [None, 30])
def test_masked_spectra_of_other_sizes_are_refused(n_fft: int | None) -> None:
    D = np.ma.masked_array(np.ones((8, 4), np.int16), np.eye(8, 4) > 0)
    with pytest.raises(ours.ParameterError, match="stft_matrix must not have masked values, got 4"):
        ours.istft(D, n_fft=n_fft)


@pytest.mark.parametrize("window", [np.nan, ("kaiser", np.nan)])
def test_windows_that_librosa_gives_as_nan_are_refused(window: Any) -> None:
    with pytest.raises(ours.ParameterError, match=r"window.*must be finite"):
        ours.filters.get_window(window, 9)
