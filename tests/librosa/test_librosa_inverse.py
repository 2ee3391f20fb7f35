"""librosa.feature.inverse by its names: cepstra undone to its numbers, mels undone as near as by librosa or nearer."""

import warnings
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.io.wavfile
from compare import error

import fastspec
import fastspec.librosa as ours

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ["float32", "float64"]
EXACT = {"float32": 1e-5, "float64": 1e-10}  # of the largest, as all numbers of the faces


def recording(dtype: str = "float32") -> tuple[Array, int]:
    """0.4 s of speech."""
    rate, samples = scipy.io.wavfile.read(Path(fastspec.__file__).parent / "data" / "arctic_a0007.wav")
    part = samples[int(0.5 * rate) : int(0.9 * rate)]
    return (part / 2**15).astype(dtype), rate


def noise(*shape: int, dtype: str = "float64", seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def spectrogram(y: Array, **options: Any) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty filters
        return ours.feature.melspectrogram(y=y, **options)


# ---- mels ----
@pytest.mark.parametrize(
    ("dtype", "power", "n_fft", "n_mels"),
    [("float32", 1.0, 1024, 80), ("float64", 2.0, 1024, 80), ("float32", 2.0, 2048, 128), ("float64", 1.0, 2048, 80)],
)
def test_magnitudes_are_at_least_as_near_to_the_mels_as_librosas(
    dtype: str, power: float, n_fft: int, n_mels: int
) -> None:
    y, sr = recording(dtype)
    M = spectrogram(y, sr=sr, n_fft=n_fft, n_mels=n_mels, power=power)
    B = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    mine, theirs = (m.feature.inverse.mel_to_stft(M, sr=sr, n_fft=n_fft, power=power) for m in (ours, librosa))
    assert mine.dtype == theirs.dtype == dtype
    assert mine.shape == theirs.shape
    assert (mine >= 0).all()
    misses = [float(np.linalg.norm(B @ S.astype(np.float64) ** power - M)) for S in (mine, theirs)]
    assert misses[0] < misses[1]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("options", [{}, {"fmin": 100, "fmax": 7000, "htk": True, "norm": None}, {"norm": 1}])
def test_any_channels_and_banks_are_undone(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    B = ours.filters.mel(sr=16000, n_fft=512, n_mels=20, dtype=np.float64, **options)
    M = B @ np.abs(noise(*shape[:-1], 257, shape[-1]))
    S = ours.feature.inverse.mel_to_stft(M, sr=16000, n_fft=512, power=1.5, **options)
    assert S.shape == (*shape[:-1], 257, shape[-1])
    np.testing.assert_allclose(B @ S**1.5, M, atol=1e-3 * M.max())


@pytest.mark.parametrize("dtype", ["float16", "longdouble", ">f4", ">f8"])
def test_other_floating_dtypes_stay_as_they_are(dtype: str) -> None:
    M = np.abs(noise(20, 3)).astype(dtype)
    S = ours.feature.inverse.mel_to_stft(M, sr=16000, n_fft=512)
    assert S.dtype == np.dtype(dtype)
    np.testing.assert_allclose(
        S.astype(float), ours.feature.inverse.mel_to_stft(M.astype(float), sr=16000, n_fft=512), rtol=1e-2, atol=1e-3
    )


def test_empty_filters_are_warned_of() -> None:
    for library in (ours, librosa):
        with pytest.warns(UserWarning, match="Empty filters"):
            library.feature.inverse.mel_to_stft(np.ones((128, 2)), sr=22050, n_fft=256)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"M": np.full((20, 2), np.nan)}, r"M\[0, 0\] is nan"),
        ({"M": np.ones(20)}, "M must have shape"),
        ({"power": 0}, "power must be above 0"),
        ({"norm": "other"}, "Unsupported norm='other'"),
    ],
)
def test_errors_are_librosas_class(change: dict[str, Any], says: str) -> None:
    with pytest.raises(librosa.ParameterError, match=says):
        ours.feature.inverse.mel_to_stft(**({"M": np.ones((20, 2)), "sr": 16000, "n_fft": 512} | change))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [None, 5000])
def test_sound_has_about_the_mels_it_was_made_from(dtype: str, length: int | None) -> None:
    y, sr = recording(dtype)
    options = {"sr": sr, "n_fft": 1024, "hop_length": 256}
    M = spectrogram(y, n_mels=80, **options)
    z = ours.feature.inverse.mel_to_audio(M, dtype=dtype, **options)
    assert z.dtype == dtype
    again = spectrogram(z, n_mels=80, **options)
    miss = np.linalg.norm(np.sqrt(again) - np.sqrt(M)) / np.linalg.norm(np.sqrt(M))
    theirs = librosa.feature.inverse.mel_to_audio(M, **options)
    assert len(z) == len(theirs)
    other = np.sqrt(spectrogram(theirs, n_mels=80, **options))
    assert miss < 1.1 * np.linalg.norm(other - np.sqrt(M)) / np.linalg.norm(np.sqrt(M))  # whatever phases are drawn
    if length:
        frames = 1 + length // 256
        assert ours.feature.inverse.mel_to_audio(M[:, :frames], length=length, **options).shape == (length,)


# ---- cepstra ----
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dct_type", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", ["ortho", None, "backward", "forward"])
@pytest.mark.parametrize("lifter", [0, 22.5])
def test_mels_of_a_cepstrum_are_librosas(dtype: str, dct_type: int, norm: str | None, lifter: float) -> None:
    for shape, n_mels in (((13, 5), 40), ((2, 20, 40), 128), ((1, 3, 20, 33), 12)):
        C = noise(*shape, dtype=dtype)
        options = {"n_mels": n_mels, "dct_type": dct_type, "norm": norm, "lifter": lifter, "ref": 0.3}
        mine, theirs = (m.feature.inverse.mfcc_to_mel(C, **options) for m in (ours, librosa))
        assert mine.dtype == theirs.dtype
        assert error(mine, theirs) <= EXACT[dtype]


def test_mels_of_whole_numbers_and_halves_are_librosas() -> None:
    C = (10 * noise(13, 50)).astype(np.int64)
    mine, theirs = (m.feature.inverse.mfcc_to_mel(C) for m in (ours, librosa))
    assert mine.dtype == theirs.dtype
    assert error(mine, theirs) <= 1e-10
    half = noise(13, 50).astype(np.float16)
    mine, theirs = (m.feature.inverse.mfcc_to_mel(half) for m in (ours, librosa))
    assert mine.dtype == theirs.dtype
    assert error(mine, theirs) <= 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lifter", [0, 22])
@pytest.mark.parametrize("dct_type", [1, 2, 3, 4])
def test_all_coefficients_give_the_mels_again(dtype: str, lifter: float, dct_type: int) -> None:
    y, sr = recording(dtype)
    M = spectrogram(y, sr=sr, n_mels=40)
    options: dict[str, Any] = {"lifter": lifter, "dct_type": dct_type}
    C = ours.feature.mfcc(S=ours.power_to_db(M, top_db=None), n_mfcc=40, **options)
    again = ours.feature.inverse.mfcc_to_mel(C, n_mels=40, **options)
    bound = 1e-3 if dtype == "float32" else 1e-9  # an epsilon of 100 dB, times the 40 terms and the lifter's range
    np.testing.assert_allclose(again, np.maximum(M, 1e-10), rtol=bound)


def test_a_lifter_that_takes_coefficients_away_is_warned_of() -> None:
    lifter = 2 / 3 * 3.0000000000000004  # 1 + lifter / 2 sin(pi n / lifter) is near nothing at n = 3
    C = noise(5, 3)
    for library in (ours, librosa):
        with pytest.warns(UserWarning, match="critical values"), np.errstate(all="ignore"):
            library.feature.inverse.mfcc_to_mel(C, n_mels=8, lifter=lifter)
    for library in (ours, librosa):
        with pytest.raises(librosa.ParameterError, match="non-negative"):
            library.feature.inverse.mfcc_to_mel(C, lifter=-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_cepstrum_becomes_sound(dtype: str) -> None:
    y, sr = recording(dtype)
    options = {"sr": sr, "n_fft": 1024, "hop_length": 256}
    C = ours.feature.mfcc(y=y, n_mfcc=40, n_mels=80, **options)
    z = ours.feature.inverse.mfcc_to_audio(C, n_mels=80, dtype=dtype, n_iter=8, **options)
    assert z.dtype == dtype
    assert z.shape == (256 * (C.shape[1] - 1),)
    again = ours.feature.mfcc(y=z, n_mfcc=40, n_mels=80, **options)
    assert error(again[:13], C[:13]) < 0.25


# ---- in librosa's place ----
def test_patched_librosa_inverts_with_ours() -> None:
    M = np.abs(noise(40, 6))
    expected = ours.feature.inverse.mel_to_stft(M, sr=16000, n_fft=512)
    original = librosa.feature.inverse.mel_to_stft
    with fastspec.patch("librosa"):
        found = fastspec.patched("librosa")
        for name in ("mel_to_stft", "mel_to_audio", "mfcc_to_mel", "mfcc_to_audio"):
            assert f"librosa.feature.inverse.{name}" in found
        np.testing.assert_array_equal(librosa.feature.inverse.mel_to_stft(M, sr=16000, n_fft=512), expected)
    assert librosa.feature.inverse.mel_to_stft is original
