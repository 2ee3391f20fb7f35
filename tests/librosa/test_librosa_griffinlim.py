"""Griffin-Lim under librosa's name: its numbers for the same seed and arguments; where it is wrong, what is right."""

import subprocess
import sys
import warnings
from typing import Any

import librosa
import numpy as np
import pytest
from compare import error

import fastspec.librosa as ours

Array = np.ndarray[Any, np.dtype[Any]]
MODERN = int(librosa.__version__.partition(".")[0]) >= 1
BOUND = {"float32": 1e-5, "float64": 1e-10}
SIZES: list[dict[str, Any]] = [
    {"n_fft": 512},
    {"n_fft": 401, "hop_length": 100},
    {"n_fft": 256, "win_length": 200, "hop_length": 50, "window": "hamming"},
    {"n_fft": 64, "hop_length": 16, "center": False},
]


def noise(*shape: int) -> Array:
    return np.random.default_rng(1).standard_normal(shape)


def magnitudes(dtype: str = "float64", shape: tuple[int, ...] = (6000,), **size: Any) -> Array:
    return np.abs(librosa.stft(noise(*shape), **size)).astype(dtype)


def slow(S: Array, start: Array, n_iter: int, momentum: float, **size: Any) -> Array:
    """The algorithm in a few lines, on librosa's transforms: t = STFT(ISTFT(c)), c = S a/|a|, a = t - b t_before."""
    inverse = {key: value for key, value in size.items() if key != "pad_mode"}
    c, before = start, np.zeros(S.shape, complex)
    for k in range(n_iter):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few frames
            t = librosa.stft(librosa.istft(c, **inverse), **size)
        a = t - (momentum / (1 + momentum) if k else 0) * before
        c, before = S * np.exp(1j * np.angle(a)) * (a != 0), t
    return librosa.istft(c, **inverse)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("momentum", [0.0, 0.99])
@pytest.mark.parametrize("n_iter", [0, 1, 3])
def test_it_is_librosas_from_the_same_random_numbers(dtype: str, size: Any, momentum: float, n_iter: int) -> None:
    S = magnitudes(dtype, **size)
    options = {**size, "n_iter": n_iter, "momentum": momentum}
    key = "rng" if MODERN else "random_state"
    for seeded in (np.random.default_rng, np.random.RandomState):
        mine = ours.griffinlim(S, **options, **{key: seeded(3)})
        theirs = librosa.griffinlim(S, **options, **{key: seeded(3)})
        assert mine.dtype == theirs.dtype == dtype
        if size.get("center", True):
            assert error(mine, theirs) <= BOUND[dtype]
        else:  # the ends are divided by next to nothing
            assert error(mine[100:-100], theirs[100:-100]) <= BOUND[dtype]


def drawn(**options: Any) -> Array:
    return ours.griffinlim(magnitudes(n_fft=64), n_iter=1, **options)


def test_seeds() -> None:
    np.testing.assert_array_equal(drawn(rng=7), drawn(rng=np.random.default_rng(7)))
    assert np.abs(drawn() - drawn()).max() > 1e-3
    seed = {"rng": 7} if MODERN else {"random_state": 7}
    assert error(drawn(**seed), librosa.griffinlim(magnitudes(n_fft=64), n_iter=1, **seed)) < 1e-10
    with pytest.raises(librosa.ParameterError, match="use only one"):
        drawn(rng=1, random_state=1)


def test_random_state_is_as_in_the_installed_version() -> None:
    if MODERN:
        with pytest.warns(FutureWarning, match="renamed to 'rng'"):
            np.testing.assert_array_equal(drawn(random_state=7), drawn(rng=7))
        return
    np.testing.assert_array_equal(drawn(random_state=7), drawn(random_state=np.random.RandomState(7)))
    np.testing.assert_array_equal(drawn(random_state=np.random.default_rng(7)), drawn(rng=7))
    with pytest.raises(librosa.ParameterError, match="random_state"):
        drawn(random_state="seed")


def test_since_1_and_without_librosa_random_state_is_an_older_name_of_which_is_warned() -> None:
    code = """
import sys, warnings
sys.modules["librosa"] = None
import numpy as np, fastspec.librosa as librosa
S = np.ones((9, 5))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    y = librosa.griffinlim(S, n_iter=1, random_state=7)
print(*[(w.category.__name__, w.filename, "renamed to 'rng'" in str(w.message)) for w in caught])
print(np.array_equal(y, librosa.griffinlim(S, n_iter=1, rng=7)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["('FutureWarning', '<string>', True)", "True"]


@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, np.nan), complex(1, np.inf)])
def test_numbers_that_are_not_finite_are_refused(value: complex) -> None:
    for n_iter in (0, 2):
        with pytest.raises(librosa.ParameterError, match=r"S\[1, 2\] is (nan|inf)"):
            ours.griffinlim(np.where(np.arange(36).reshape(9, 4) == 6, value, 1), n_iter=n_iter)


@pytest.mark.parametrize("dtype", ["float32", "float64", None])
@pytest.mark.parametrize("length", [None, 6000, 5990])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
def test_dtype_length_and_padding(dtype: Any, length: int | None, pad_mode: str) -> None:
    S = magnitudes(n_fft=256, hop_length=64)
    options = {"n_iter": 2, "hop_length": 64, "init": None, "dtype": dtype, "length": length, "pad_mode": pad_mode}
    mine, theirs = (m.griffinlim(S, **options) for m in (ours, librosa))
    assert mine.dtype == theirs.dtype
    assert error(mine, theirs) <= BOUND[dtype or "float64"]


def test_channels_are_recovered_each_as_if_alone() -> None:
    S = magnitudes("float32", (2, 3, 2000), n_fft=128)
    together = ours.griffinlim(S, n_iter=3, init=None)
    assert together.shape[:2] == (2, 3)
    for i, j in np.ndindex(2, 3):
        assert error(together[i, j], ours.griffinlim(S[i, j], n_iter=3, init=None)) < BOUND["float32"]


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_phases_to_begin_with_do_not_add_up(momentum: float) -> None:
    """librosa multiplies by the complex S in every round (see its docstring here)."""
    y = noise(4000)
    D = librosa.stft(y, n_fft=256)
    rounds = ours.griffinlim(D, n_iter=4, init=None, momentum=momentum, length=4000)
    assert error(rounds, y) < 1e-10  # an exact start stays exact
    turned = D * np.exp(0.3j * noise(*D.shape))
    mine = ours.griffinlim(turned, n_iter=3, init=None, momentum=momentum, n_fft=256)
    assert error(mine, slow(np.abs(D), turned, 3, momentum, n_fft=256)) < 1e-10


def test_random_phases_of_a_complex_spectrogram_are_those_of_its_magnitudes() -> None:
    D = librosa.stft(noise(2000), n_fft=128)
    np.testing.assert_allclose(
        ours.griffinlim(D, n_iter=2, rng=1), ours.griffinlim(np.abs(D), n_iter=2, rng=1), atol=1e-12
    )


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_very_small_and_very_large_magnitudes(scale: float) -> None:
    S = magnitudes("float32", n_fft=128)
    expected = ours.griffinlim(S, n_iter=2, init=None).astype(np.float64) * scale
    mine = ours.griffinlim(S * np.float32(scale), n_iter=2, init=None)
    assert error(mine, expected) < 1e-4


def test_a_single_centred_frame_tells_of_no_sample() -> None:
    S = magnitudes(n_fft=16)[:, :1]
    assert ours.griffinlim(S).shape == librosa.griffinlim(S, n_iter=0).shape == (0,)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_silence_and_a_few_frames(frames: int) -> None:
    S = np.zeros((5, frames + 1), np.float32)
    np.testing.assert_array_equal(ours.griffinlim(S, n_iter=2, rng=1), 0)
    S = magnitudes(n_fft=16)[:, 100 : 101 + frames]
    assert error(ours.griffinlim(S, n_iter=3, init=None), slow(S, S + 0j, 3, 0.99, n_fft=16)) < 1e-10


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_spectrogram_is_not_changed_and_may_lie_in_any_order(order: Any) -> None:
    S = np.array(magnitudes(n_fft=128), order=order)
    S.flags.writeable = False
    np.testing.assert_array_equal(ours.griffinlim(S, rng=1, n_iter=2), ours.griffinlim(S.copy(), rng=1, n_iter=2))


def test_rounds_bring_the_magnitudes_nearer() -> None:
    S = magnitudes(n_fft=256)

    def miss(n_iter: int) -> float:
        y = ours.griffinlim(S, n_iter=n_iter, rng=5)
        return float(np.linalg.norm(np.abs(librosa.stft(y, n_fft=256)) - S))

    assert miss(30) < miss(10) < miss(3) < miss(0)


def test_lengths_that_do_not_fit_are_refused_and_momentum_above_one_is_warned_of() -> None:
    S = magnitudes(n_fft=128)
    with pytest.raises(librosa.ParameterError, match="length=100 gives 4 frames"):
        ours.griffinlim(S, length=100)
    with pytest.warns(UserWarning, match=r"momentum=1\.3 > 1"):
        ours.griffinlim(S, n_iter=1, momentum=1.3)
    for refused in ({"momentum": -1}, {"init": "zeros"}):
        with pytest.raises(librosa.ParameterError):
            ours.griffinlim(S, **refused)
