"""librosa's functions under its names: its numbers, shapes, dtypes and memory, against the real librosa.

Bounds are relative to the largest value expected: float32 results have a few roundings of 6e-8 in each of the log2(n)
steps of a transform, float64 ones of 1e-16 (see `cases.SPECTRUM_BOUND`).
"""

import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest
from cases import SPECTRUM_BOUND
from compare import error
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import fastspec.librosa as ours

Array = np.ndarray[Any, np.dtype[Any]]
PADDING = ["constant", "edge", "reflect", "symmetric", "linear_ramp"]
WINDOWS = ["hann", "hamming", "boxcar", ("kaiser", 4.0), 8.6, np.bartlett]
DTYPES = ["float32", "float64"]


def noise(*shape: int, dtype: str = "float64", seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def agree(mine: Array, theirs: Array, bound: float | None = None, scale: float = 0.0) -> None:
    assert mine.dtype == theirs.dtype
    assert error(mine, theirs, scale) <= (bound or SPECTRUM_BOUND[str(np.empty(0, mine.dtype).real.dtype)])


class Geometry(dict[str, Any]):
    """n_fft, hop_length, win_length, window and center of one case, as keywords."""


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    n_fft = draw(st.one_of(st.integers(2, 200), st.sampled_from([256, 400, 512, 1024])))
    return Geometry(
        n_fft=n_fft,
        hop_length=draw(st.integers(1, n_fft + 3)),
        win_length=draw(st.one_of(st.none(), st.integers(1, n_fft))),
        window=draw(st.sampled_from(WINDOWS)),
        center=draw(st.booleans()),
    )


shapes = st.tuples(st.integers(1, 3), st.integers(1, 2)).flatmap(lambda s: st.sampled_from([(), s[:1], s]))


# ---- stft ----
@settings(max_examples=150, deadline=None)
@given(geometries(), shapes, st.integers(1, 2500), st.sampled_from(PADDING), st.sampled_from(DTYPES))
def test_stft_is_librosas(g: Geometry, shape: tuple[int, ...], n: int, pad_mode: str, dtype: str) -> None:
    assume(g["center"] or n >= g["n_fft"])
    y = noise(*shape, n, dtype=dtype)
    mine = quiet(ours.stft, y, pad_mode=pad_mode, **g)
    wide = y.astype(np.float64)
    if g["hop_length"] < g["n_fft"] // 2 or not g["center"]:
        agree(mine, quiet(librosa.stft, wide, pad_mode=pad_mode, **g).astype(mine.dtype))
    else:  # librosa reflects within a part of the signal that may be too short for it: padded here, as np.pad does it
        sides = [(0, 0)] * len(shape) + [(g["n_fft"] // 2,) * 2]
        agree(mine, librosa.stft(np.pad(wide, sides, pad_mode), **g | {"center": False}).astype(mine.dtype))
    assert mine.dtype == librosa.util.dtype_r2c(y.dtype)
    assert mine.swapaxes(-1, -2).flags.c_contiguous  # the bins of a frame are neighbours


@pytest.mark.parametrize("dtype", ["complex64", "complex128", np.clongdouble, None])
@pytest.mark.parametrize("given", ["float16", *DTYPES])
def test_stft_gives_the_dtype_that_is_asked_for(dtype: Any, given: str) -> None:
    y = noise(2000, dtype=given)
    mine = ours.stft(y, n_fft=256, dtype=dtype)
    theirs = librosa.stft(y, n_fft=256, dtype=dtype)
    assert mine.strides == theirs.strides
    agree(mine, theirs, 2e-6 if "float64" not in (given,) or dtype == "complex64" else 1e-12)


def test_a_window_function_of_ones_own_and_padding_of_ones_own() -> None:
    def ramp(vector: Array, width: tuple[int, int], axis: int, kwargs: dict[str, Any]) -> None:
        vector[: width[0]], vector[len(vector) - width[1] :] = 0.5, -0.5

    y = noise(2000)
    for options in ({"window": lambda n: np.arange(n) / n}, {"window": [1.0, 2.0] * 32}, {"pad_mode": ramp}):
        agree(ours.stft(y, n_fft=64, **options), librosa.stft(y, n_fft=64, **options))


def test_a_window_that_changes_is_worked_out_anew() -> None:
    window = np.hanning(64)
    y = noise(500)
    first = ours.stft(y, n_fft=64, window=window)
    window *= 2
    np.testing.assert_array_equal(ours.stft(y, n_fft=64, window=window), 2 * first)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("extra", [0, 3])
def test_out_is_filled_sliced_and_returned(dtype: str, order: Any, extra: int) -> None:
    y = noise(2, 1000, dtype="float32")
    shape = (2, 33, 63 + extra)
    mine, theirs = np.full(shape, 7, dtype, order), np.full(shape, 7, dtype, order)
    D = ours.stft(y, n_fft=64, out=mine)
    assert np.shares_memory(D, mine)
    assert D is mine or extra
    agree(D, librosa.stft(y, n_fft=64, out=theirs), 2e-6)
    agree(mine, theirs, 2e-6)


def test_the_input_is_never_changed_and_may_be_read_only_and_strided() -> None:
    y = noise(4000, 2, dtype="float32")
    before = y.copy()
    y.flags.writeable = False
    agree(ours.stft(y.T), librosa.stft(y.T))
    agree(ours.stft(y[::2, 0], n_fft=512), librosa.stft(y[::2, 0], n_fft=512))
    np.testing.assert_array_equal(y, before)


# ---- istft ----
@settings(max_examples=150, deadline=None)
@given(
    geometries(),
    shapes,
    st.integers(1, 30),
    st.sampled_from(["complex64", "complex128"]),
    st.one_of(st.none(), st.floats(0.2, 1.5)),
)
def test_istft_is_librosas(g: Geometry, shape: tuple[int, ...], frames: int, dtype: str, part: float | None) -> None:
    bins = g["n_fft"] // 2 + 1
    D = (noise(*shape, bins, frames) + 1j * noise(*shape, bins, frames, seed=2)).astype(dtype)
    full = g["n_fft"] + g["hop_length"] * (frames - 1) - (2 * (g["n_fft"] // 2) if g["center"] else 0)
    length = None if part is None else max(1, int(full * part))
    assume(length or full > 0)
    mine = quiet(ours.istft, D, length=length, **g)
    theirs = quiet(librosa.istft, D.astype(np.complex128), length=length, **g)
    # where windows hardly reach, both divide rounding errors by next to nothing: weighted with what they divide by
    seen = np.zeros(full + 2 * g["n_fft"] + (length or 0))
    w = librosa.util.pad_center(librosa.filters.get_window(g["window"], g["win_length"] or g["n_fft"]), size=g["n_fft"])
    for t in range(frames):
        seen[t * g["hop_length"] : t * g["hop_length"] + g["n_fft"]] += w**2
    start = g["n_fft"] // 2 if g["center"] else 0
    seen = np.minimum(seen[start : start + mine.shape[-1]] / ((w**2).max() or 1), 1)
    assert mine.dtype == np.empty(0, dtype).real.dtype
    loudest = float(np.abs(np.fft.irfft(D, g["n_fft"], axis=-2)).max())
    agree(mine * seen.astype(mine.dtype), (theirs * seen).astype(mine.dtype), scale=loudest)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_istft_undoes_stft(dtype: str, order: Any) -> None:
    y = noise(2, 5001, dtype=dtype)
    D = ours.stft(y, n_fft=401, hop_length=100)
    back = ours.istft(np.array(D, order=order), n_fft=401, hop_length=100, length=5001)
    agree(back, y)
    out = np.empty_like(y)
    assert ours.istft(D, n_fft=401, hop_length=100, length=5001, out=out) is out
    agree(out, y)


def test_istft_gives_the_dtype_that_is_asked_for_and_fills_any_out() -> None:
    D = ours.stft(noise(2000), n_fft=64)
    truth = librosa.istft(D)
    for dtype in ("float16", "float32", "float64", np.longdouble):
        bound = 4 * float(np.finfo(dtype).eps) + 1e-12
        agree(ours.istft(D, dtype=dtype), truth.astype(dtype), bound)
        agree(ours.istft(D, out=np.empty(truth.shape, dtype)), truth.astype(dtype), bound)


def test_istft_takes_bins_off_and_puts_zeros_in() -> None:
    D = ours.stft(noise(1000), n_fft=64)
    for n_fft in (32, 63, 65, 100):
        agree(ours.istft(D, n_fft=n_fft, hop_length=16), librosa.istft(D, n_fft=n_fft, hop_length=16))


def test_istft_of_real_numbers_and_of_a_single_frame() -> None:
    S = np.abs(ours.stft(noise(1000), n_fft=64))
    agree(ours.istft(S), librosa.istft(S))
    for length in (None, 20):
        mine, theirs = (m.istft(S[:, :1], length=length) for m in (ours, librosa))
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_a_hop_that_leaves_gaps_is_nothing_to_be_warned_of_as_with_librosa() -> None:
    D = ours.stft(noise(1000), n_fft=64, hop_length=80)
    assert np.isfinite(ours.istft(D, hop_length=80)).all()  # a warning would be an error here


# ---- mel, cepstrum ----
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([8000, 16000, 22050, 44100.5]),
    st.integers(16, 2048),
    st.integers(1, 128),
    st.floats(0, 2000),
    st.one_of(st.none(), st.floats(2500, 9000)),
    st.booleans(),
    st.sampled_from(["slaney", None, 1, 2, 3.5, 0, np.inf, -np.inf]),
    st.sampled_from(["float16", *DTYPES]),
)
# a filter whose one bin lies so near its edge that its norm is below the least normal float16: librosa leaves it so
@example(sr=22050, n_fft=91, n_mels=103, fmin=1643.96, fmax=None, htk=True, norm=1, dtype="float16")
def test_a_mel_bank_is_librosas(
    sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float | None, htk: bool, norm: Any, dtype: str
) -> None:
    options = {"sr": sr, "n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "htk": htk, "norm": norm}
    mine, theirs = (quiet(m.filters.mel, dtype=dtype, **options) for m in (ours, librosa))
    agree(mine, theirs, 4 * float(np.finfo(dtype).eps))
    assert mine.flags.writeable
    assert not np.shares_memory(mine, quiet(ours.filters.mel, dtype=dtype, **options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(22050,), (2, 9000), (2, 1, 5000)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_fft": 512, "hop_length": 128, "n_mels": 40, "power": 1.0, "fmax": 8000},
        {"n_fft": 400, "hop_length": 160, "n_mels": 64, "power": 1.7, "pad_mode": "reflect", "htk": True},
        {"n_fft": 1024, "win_length": 800, "hop_length": None, "norm": None, "center": False, "dtype": np.float64},
        {"n_fft": 441, "window": "hamming", "n_mels": 20, "norm": 1},
    ],
    ids=["defaults", "amplitudes", "htk", "double", "odd"],
)
def test_melspectrogram_is_librosas(dtype: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    y = noise(*shape, dtype=dtype)
    mine, theirs = (m.feature.melspectrogram(y=y, sr=22050, **options) for m in (ours, librosa))
    agree(mine, theirs, 4e-6 if dtype == "float32" else 1e-12)  # twice the error of |D|, for |D|**2
    assert mine.flags.c_contiguous


@pytest.mark.parametrize("order", ["C", "F"])
def test_melspectrogram_of_a_spectrogram(order: Any) -> None:
    for dtype in DTYPES:
        S = np.array(np.abs(noise(2, 513, 30)), dtype, order=order)
        for options in ({"n_fft": 1024}, {"n_fft": 99}, {"n_fft": None, "n_mels": 40}):
            mine, theirs = (m.feature.melspectrogram(S=S, sr=16000, **options) for m in (ours, librosa))
            agree(mine, theirs, 2e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dct_type", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", ["ortho", None, "backward", "forward"])
@pytest.mark.parametrize("lifter", [0, 22.5])
def test_mfcc_of_a_mel_spectrogram_is_librosas(dct_type: int, norm: str | None, lifter: float) -> None:
    for dtype in DTYPES:
        S = noise(2, 40, 25, dtype=dtype)
        options = {"n_mfcc": 13, "dct_type": dct_type, "norm": norm, "lifter": lifter}
        mine, theirs = (m.feature.mfcc(S=S, **options) for m in (ours, librosa))
        agree(mine, theirs, 2e-6 if dtype == "float32" else 1e-12)
        assert mine.flags.c_contiguous


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, {"n_mfcc": 13, "n_mels": 40, "n_fft": 512, "hop_length": 160, "lifter": 22}])
def test_mfcc_of_samples_is_librosas(dtype: str, options: dict[str, Any]) -> None:
    y = noise(22050, dtype=dtype)
    mine, theirs = (m.feature.mfcc(y=y, sr=16000, **options) for m in (ours, librosa))
    agree(mine, theirs, 1e-5 if dtype == "float32" else 1e-10)


def test_mfcc_gives_no_more_coefficients_than_bands() -> None:
    S = noise(10, 5)
    agree(ours.feature.mfcc(S=S, n_mfcc=20), librosa.feature.mfcc(S=S, n_mfcc=20), 1e-12)
    assert ours.feature.mfcc(S=S, n_mfcc=20, lifter=5).shape == (10, 5)


# ---- small kin ----
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.sampled_from([0, 1, 2, -1, -2, -3]),
    st.sampled_from(["C", "F"]),
)
def test_frames_are_librosas_views(frame_length: int, hop_length: int, axis: int, order: Any) -> None:
    x = np.array(noise(40, 41, 42), order=order)[:, ::-1]
    mine, theirs = (
        m.util.frame(x, frame_length=frame_length, hop_length=hop_length, axis=axis) for m in (ours, librosa)
    )
    np.testing.assert_array_equal(mine, theirs)
    assert mine.strides == theirs.strides
    assert np.shares_memory(mine, x)
    assert not mine.flags.writeable


def test_a_frame_may_be_written_to_if_asked_for() -> None:
    x = np.zeros(10)
    ours.util.frame(x, frame_length=3, hop_length=3, writeable=True)[0, :] = 1
    np.testing.assert_array_equal(x, [1, 0, 0, 1, 0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize("size", [5, 8, 9, 20])
@pytest.mark.parametrize("axis", [0, -1])
def test_lengths_are_librosas(size: int, axis: int) -> None:
    x = noise(8, 8)
    for options in ({}, {"mode": "edge"}):
        mine, theirs = (m.util.fix_length(x, size=size, axis=axis, **options) for m in (ours, librosa))
        np.testing.assert_array_equal(mine, theirs)
        if size >= 8:
            mine, theirs = (m.util.pad_center(x, size=size, axis=axis, **options) for m in (ours, librosa))
            np.testing.assert_array_equal(mine, theirs)
    assert ours.util.fix_length(x, size=8) is x


@pytest.mark.parametrize("norm", [np.inf, -np.inf, 0, 1, 2.5, None])
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("fill", [None, False, True])
def test_norms_are_librosas(norm: Any, axis: Any, fill: Any) -> None:
    S = noise(5, 6)
    S[:, 2] = S[3] = 0
    if norm == 0 and fill:
        return
    mine, theirs = (m.util.normalize(S, norm=norm, axis=axis, fill=fill) for m in (ours, librosa))
    agree(mine, theirs, 1e-14)


def test_conversions_are_librosas() -> None:
    for value in (0, 7, [0, 5, 1000], np.arange(12).reshape(3, 4), np.array([1.5, 2500.0])):
        for name in ("frames_to_samples", "samples_to_frames", "frames_to_time", "time_to_frames", "time_to_samples"):
            for options in ({}, {"hop_length": 100, "n_fft": 301}):
                options = {} if name == "time_to_samples" else options
                mine, theirs = (getattr(m, name)(value, **options) for m in (ours, librosa))
                np.testing.assert_array_equal(mine, theirs)
                assert np.asarray(mine).dtype == np.asarray(theirs).dtype
                assert type(mine) is type(theirs)  # a number of samples gives an array before 1.0
        for name in ("hz_to_mel", "mel_to_hz"):
            for htk in (False, True):
                mine, theirs = (getattr(m, name)(value, htk=htk) for m in (ours, librosa))
                np.testing.assert_allclose(mine, theirs, rtol=1e-15)
        np.testing.assert_array_equal(ours.samples_to_time(value), librosa.samples_to_time(value))
        blocks = {"block_length": 16, "hop_length": 100, "sr": 8000}
        np.testing.assert_array_equal(ours.blocks_to_time(value, **blocks), librosa.blocks_to_time(value, **blocks))
    for X in (9, noise(3, 9)):
        np.testing.assert_array_equal(ours.times_like(X, n_fft=512), librosa.times_like(X, n_fft=512))
    np.testing.assert_array_equal(ours.fft_frequencies(sr=8000, n_fft=301), librosa.fft_frequencies(sr=8000, n_fft=301))
    np.testing.assert_array_equal(ours.mel_frequencies(40, fmin=10), librosa.mel_frequencies(40, fmin=10))


@pytest.mark.parametrize("dtype", ["float16", *DTYPES, "complex64", "complex128", "int16"])
def test_dtypes_are_librosas(dtype: str) -> None:
    for name in ("dtype_r2c", "dtype_c2r"):
        assert getattr(ours.util, name)(dtype) == getattr(librosa.util, name)(dtype)
    assert ours.util.tiny(np.zeros(3, dtype)) == librosa.util.tiny(np.zeros(3, dtype))
    assert np.dtype(ours.util.dtype_r2c(">f8")) == np.complex128  # of any byte order


@pytest.mark.parametrize("window", ["hann", ("kaiser", 4.0), 8.6, np.bartlett, [1.0] * 16])
@pytest.mark.parametrize("fftbins", [False, True])
def test_windows_are_librosas(window: Any, fftbins: bool) -> None:
    mine, theirs = (m.filters.get_window(window, 16, fftbins=fftbins) for m in (ours, librosa))
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", [*DTYPES, "complex64", "complex128"])
@pytest.mark.parametrize("power", [1, 2, 0.5])
def test_magnitudes_and_phases_are_librosas(dtype: str, power: float) -> None:
    D = np.asfortranarray(noise(20, 30) + 1j * noise(20, 30, seed=2))
    D[3:5] = 0
    D = D.astype(dtype) if "complex" in dtype else D.real.astype(dtype)
    for mine, theirs in zip(ours.magphase(D, power=power), librosa.magphase(D, power=power), strict=True):
        agree(mine, theirs)
        assert mine.strides == theirs.strides
    magnitude, phase = ours.magphase(D)
    agree(magnitude * phase, (D + 0j).astype(phase.dtype))


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_no_samples_are_a_frame_of_zeros(shape: tuple[int, ...]) -> None:
    mine, theirs = (quiet(library.stft, np.zeros(shape, np.float32), n_fft=64) for library in (ours, librosa))
    assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(mine, theirs)
