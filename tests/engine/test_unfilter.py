"""Filters undone: S >= 0 from M, against NumPy, SciPy and a plain loop, and what holds of it whatever the numbers."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.features import log as features_log
from fastspec.notebook import functions, mel
from fastspec.notebook.mel import mel_to_magnitudes

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ["float32", "float64"]
METHODS = ["fista", "pinv", "nnls"]
BANK = fastspec.MelBank(22050, 512, 40, dtype="float64")


def mels(*shape: int, bank: Any = BANK, dtype: str = "float64", seed: int = 1) -> Array:
    """Filtered levels of noise, of any leading axes and a number of frames."""
    levels = np.random.default_rng(seed).standard_normal((*shape[:-1], np.shape(bank)[1], shape[-1])) ** 2
    return (np.asarray(bank, np.float64) @ levels).astype(dtype)


# ---- slow twins ----
def steps_of(B: Array) -> Array:
    """The step of each bin: 1 / (|B|^T |B| 1), times what makes the largest eigenvalue of B T B^T 1."""
    reach = np.abs(B).T @ (np.abs(B) @ np.ones(B.shape[1]))
    T = np.array([1 / r if r else 0.0 for r in reach])
    return T / np.linalg.norm((B * T) @ B.T, 2)


def fista(B: Array, M: Array, rounds: int) -> Array:
    T = steps_of(B)[:, None]
    x = z = np.maximum(0, T * (B.T @ (np.linalg.pinv((B * T.T) @ B.T, hermitian=True) @ M)))
    t = 1.0
    for _ in range(rounds):
        new = np.maximum(0, z - T * (B.T @ (B @ z - M)))
        pace = (1 + np.sqrt(1 + 4 * t * t)) / 2
        z, x, t = new + (t - 1) / pace * (new - x), new, pace
    return x


def assert_near(got: Array, want: Array, B: Array, M: Array) -> None:
    """Products of three matrices err by an epsilon for each sum, relative to the same product of absolute values."""
    T = steps_of(B)
    ways = [np.abs(np.linalg.pinv((B * t) @ B.T, hermitian=True)) for t in (T, np.ones_like(T))]
    sizes = [np.abs(B * t).T @ (way @ np.abs(M)) for t, way in zip((T, np.ones_like(T)), ways, strict=True)]
    bound = (len(B) + B.shape[1]) * float(np.finfo(got.dtype).eps) * max(float(size.max()) for size in sizes)
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@st.composite
def banks(draw: st.DrawFn) -> Array:
    """Bands of random numbers, wide or narrow, some empty, some signed; their rows far from dependent."""
    rows, bins = draw(st.integers(1, 7)), draw(st.integers(8, 40))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    B = np.zeros((rows, bins))
    for i in range(rows):
        if draw(st.integers(0, 5)):
            first = int(rng.integers(0, bins - 1))
            width = draw(st.integers(1, bins))
            B[i, first : first + width] = rng.random(len(B[i, first : first + width])) - draw(st.sampled_from([0, 0.3]))
            B[i, first] += 2
    return B


@settings(max_examples=50, deadline=None)
@given(banks(), st.integers(1, 40), st.integers(0, 12), st.sampled_from(DTYPES), st.integers(0, 99))
def test_any_bank_is_inverted_as_by_the_twin(B: Array, frames: int, rounds: int, dtype: str, seed: int) -> None:
    B = B.astype(dtype).astype(np.float64)
    M = (B @ np.random.default_rng(seed).random((B.shape[1], frames))).astype(dtype)
    got = fastspec.FilterBank(B).inverse(M, n_iter=rounds)
    assert got.dtype == dtype
    assert (got >= 0).all()
    assert not got[~B.any(axis=0)].any()  # bins in no filter
    if B.any() and np.linalg.cond(B[B.any(axis=1)]) < 30:
        assert_near(got, fista(B, M.astype(np.float64), rounds), B, M)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rounds", [0, 1, 2, 20])
def test_mels_are_inverted_as_by_the_twin(dtype: str, rounds: int) -> None:
    M = mels(2, 37, dtype=dtype)
    B = np.asarray(BANK).astype(dtype).astype(np.float64)
    for got, one in zip(BANK.inverse(M, n_iter=rounds), M.astype(np.float64), strict=True):
        assert_near(got, fista(B, one, rounds), B, one)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_pseudo_inverse_is_numpys(dtype: str) -> None:
    M = mels(33, dtype=dtype)
    B = np.asarray(BANK).astype(dtype).astype(np.float64)
    assert_near(BANK.inverse(M, method="pinv"), np.maximum(0, np.linalg.pinv(B) @ M), B, M)


@pytest.mark.filterwarnings("ignore:.* levels are not negative:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_nnls_are_the_least_squares_of_scipy(dtype: str, noise: float) -> None:
    rng = np.random.default_rng(2)
    M = mels(21, dtype=dtype)
    M += (noise * np.abs(M).max() * rng.standard_normal(M.shape)).astype(dtype)  # some become negative
    S = BANK.inverse(M, method="nnls").astype(np.float64)
    B = np.asarray(BANK)
    best = np.array([scipy.optimize.nnls(B, m.astype(np.float64))[1] for m in M.T])
    misses, sizes = np.linalg.norm(B @ S - M, axis=0), np.linalg.norm(M, axis=0)
    within = 1e-4 if dtype == "float32" else 1e-7  # 100 times the tolerance
    assert (misses <= best + within * sizes).all()
    slope = steps_of(B)[:, None] * (B.T @ (B @ S - M))  # Karush, Kuhn and Tucker: >= 0, and 0 where S > 0
    assert (np.abs(np.minimum(slope, S)).max(axis=0) <= within * S.max(axis=0)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_frame_that_is_near_enough_is_left_alone(dtype: str) -> None:
    M = mels(40, dtype=dtype)
    found = [BANK.inverse(M, method="nnls", n_iter=n) for n in (5000, 20000)]
    np.testing.assert_array_equal(found[0], found[1])
    soon = BANK.inverse(M, method="nnls", n_iter=60)
    same = (soon == found[0]).all(axis=0)
    assert same.any()  # some frames were done by then
    assert not same.all()


@pytest.mark.parametrize("method", METHODS)
def test_what_filters_span_comes_back(method: Any) -> None:
    B = np.asarray(BANK)
    T = np.ones(B.shape[1]) if method == "pinv" else steps_of(B)
    S = T[:, None] * (B.T @ np.random.default_rng(3).random((40, 19)))  # >= 0, and nothing smoother fits
    got = BANK.inverse(B @ S, method=method)
    np.testing.assert_allclose(got, S, atol=1e-9 * S.max())


def test_more_rounds_come_nearer() -> None:
    M = mels(50)
    M[:, ::3] *= np.linspace(0, 1, 40)[:, None] ** 4
    misses = [np.linalg.norm(BANK @ BANK.inverse(M, n_iter=n) - M) for n in (0, 10, 40, 160)]
    assert misses == sorted(misses, reverse=True)
    assert misses[-1] < 1e-3 * misses[0]


# ---- laws ----
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1,), (16,), (3, 5), (2, 3, 17), (40, 1)])
def test_a_frame_does_not_depend_on_the_others(dtype: str, method: Any, shape: tuple[int, ...]) -> None:
    M = mels(*shape, dtype=dtype)
    S = BANK.inverse(M, method=method)
    assert S.shape == (*shape[:-1], 257, shape[-1])
    for index in np.ndindex(*shape[:-1]):
        np.testing.assert_array_equal(BANK.inverse(M[index], method=method), S[index])
    np.testing.assert_array_equal(BANK.inverse(M[..., -1:], method=method), S[..., -1:])


@pytest.mark.parametrize("method", METHODS)
def test_the_bits_do_not_depend_on_threads(method: Any) -> None:
    M = mels(3, 700, dtype="float32")
    found = []
    for n in (1, 2, 4):
        with fastspec.threads(n):
            found.append(BANK.inverse(M, method=method))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(23,), (2, 5), (3, 19)])
def test_any_order_of_memory_holds_the_same_numbers(dtype: str, shape: tuple[int, ...]) -> None:
    M = mels(*shape, dtype=dtype)
    expected = BANK.inverse(M)
    assert expected.swapaxes(-1, -2).flags.c_contiguous
    rows = BANK.inverse(M, order="C")
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, expected)
    room = np.full((*shape[:-1], 2 * 257, 3 * shape[-1]), 7, dtype)
    for out in (np.empty_like(expected), np.empty_like(rows), room[..., ::2, ::3], room[..., ::2, : shape[-1]]):
        room[...] = 7
        assert BANK.inverse(M, out=out) is out
        np.testing.assert_array_equal(out, expected)
        out[...] = 7
        assert (room == 7).all()  # and nothing beside it
    for given_ in (np.asfortranarray(M), M[..., ::-1][..., ::-1], M.astype(M.dtype.newbyteorder()), M.tolist()):
        wanted = BANK.inverse(M.astype(np.float64)) if isinstance(given_, list) else expected
        np.testing.assert_array_equal(BANK.inverse(given_), wanted)


def test_the_input_stays_as_it_is_and_may_be_read_only() -> None:
    M = mels(20)
    M.flags.writeable = False
    before = M.copy()
    BANK.inverse(M)
    np.testing.assert_array_equal(M, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_a_power_of_two_only_changes_the_scale(dtype: str, method: Any) -> None:
    M = mels(9, dtype=dtype)
    expected = BANK.inverse(M, method=method)
    for n in (-60, 7, 100):
        np.testing.assert_array_equal(BANK.inverse(np.ldexp(M, n), method=method), np.ldexp(expected, n))


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_become_magnitudes(dtype: str) -> None:
    M = mels(20, dtype=dtype)
    S = BANK.inverse(M)
    np.testing.assert_allclose(BANK.inverse(M, power=2), np.sqrt(S), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(BANK.inverse(M, power=0.7), S ** (1 / 0.7), rtol=64 * np.finfo(dtype).eps)


@pytest.mark.filterwarnings("ignore:.* levels are not negative:UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_silence_stays_silence_and_the_largest_numbers_stay_finite(method: Any) -> None:
    assert not BANK.inverse(np.zeros((40, 3)), method=method).any()
    assert not BANK.inverse(-mels(3), method=method, n_iter=200).any() or method == "pinv"
    largest = np.full((2, 3), np.finfo(np.float32).max, np.float32)
    S = fastspec.FilterBank(np.eye(2)).inverse(largest, method=method)
    np.testing.assert_allclose(S, largest, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_one_filter_no_filter_and_all_bins(method: Any) -> None:
    row = fastspec.FilterBank([[0, 1, 2, 0]])
    np.testing.assert_allclose(row.inverse([[10.0]], method=method).T @ [0, 1, 2, 0], [10.0], rtol=1e-9)
    assert not fastspec.FilterBank(np.zeros((3, 4))).inverse(np.ones((3, 2)), method=method).any()
    S = np.abs(np.random.default_rng(1).standard_normal((5, 6)))
    np.testing.assert_allclose(fastspec.FilterBank(np.eye(5)).inverse(S, method=method), S, rtol=1e-9)
    assert BANK.inverse(np.zeros((2, 40, 0)), method=method).shape == (2, 257, 0)


def test_a_bank_can_be_copied_after_it_was_inverted() -> None:
    M = mels(4)
    S = BANK.inverse(M)
    for bank in (copy.deepcopy(BANK), pickle.loads(pickle.dumps(BANK))):
        np.testing.assert_array_equal(bank.inverse(M), S)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"M": np.zeros((39, 3))}, ValueError, r"M must have shape \(\.\.\., 40, n_frames\).*got \(39, 3\)"),
        ({"M": np.zeros(40)}, ValueError, "M must have shape"),
        ({"M": np.full((2, 40, 3), np.nan)}, ValueError, r"M\[0, 0, 0\] is nan: every value must be finite"),
        ({"M": np.full((40, 3), -np.inf)}, ValueError, r"M\[0, 0\] is -inf"),
        ({"M": np.zeros((40, 3), complex)}, TypeError, "M must hold real numbers"),
        ({"method": "lbfgs"}, ValueError, "method must be 'fista', 'pinv' or 'nnls', got 'lbfgs'"),
        ({"n_iter": -1}, ValueError, "n_iter must be at least 0, got -1"),
        ({"n_iter": "many"}, ValueError, "n_iter must be a whole number or 'auto', got 'many'"),
        ({"power": 0}, ValueError, "power must be above 0, got 0"),
        ({"order": "A"}, ValueError, "order must be 'F'"),
        ({"out": np.zeros((257, 3), "float32")}, ValueError, "out must be an array of float64 of shape"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        BANK.inverse(**({"M": mels(3)} | change))


def test_out_must_be_other_memory() -> None:
    square = fastspec.FilterBank(np.eye(4))
    M = np.ones((4, 4))
    with pytest.raises(ValueError, match="out must not share memory"):
        square.inverse(M, out=M)


# ---- logarithms undone ----
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("log", ["ln", "log10", "db", "whisper"])
@pytest.mark.parametrize("samples", [2000, 90000])
def test_logarithms_of_mels_are_undone(dtype: Any, power: float, log: Any, samples: int) -> None:
    y = np.random.default_rng(1).standard_normal(samples).astype(dtype)
    y[: samples // 2] *= 1e-4
    plan = fastspec.STFT(512, hop_length=128, dtype=dtype)
    L, M = plan.mel(y, BANK, power=power, log=log), plan.mel(y, BANK, power=power)
    floor = {"ln": 1e-5, "log10": 1e-10, "db": 1e-5**power, "whisper": max(1e-10, 1e-8 * M[:, :-1].max())}[log]
    M = np.maximum(M[:, : L.shape[1]], floor)
    largest = np.abs(L).max() * (4 if log == "whisper" else np.log(10))
    np.testing.assert_allclose(features_log.from_log(L, log, power), M, rtol=8 * largest * np.finfo(dtype).eps)


def test_levels_without_a_logarithm_are_left_alone_and_nothing_is_zero() -> None:
    M = mels(3)
    assert features_log.from_log(M, None) is M
    np.testing.assert_array_equal(features_log.from_log(np.array([-np.inf, 0.0, 1.0]), "log10"), [0, 1, 10])
    np.testing.assert_array_equal(features_log.from_log(np.array([0, 20], np.int16), "db", 1.0), [1, 10])


@pytest.mark.parametrize(
    ("L", "log", "says"),
    [
        ([np.nan], "db", r"M\[0\] is nan"),
        ([np.inf], "db", r"M\[0\] is inf"),
        (
            np.array([[400.0]], np.float32),
            "db",
            r"M goes up to 400, too large for logarithms of log='db': .* below 375",
        ),
        ([1.0], "mu-law", "log must be None or one of ln, log10, db, whisper, got 'mu-law'"),
    ],
)
def test_what_is_no_logarithm_is_an_error(L: Any, log: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        features_log.from_log(L, log)


@pytest.mark.parametrize("shorten", [1, 3])
def test_the_notebooks_mels_become_magnitudes(shorten: int) -> None:
    t = np.arange(30000) / 22050
    y = np.sin(2 * np.pi * (800 + 900 * t) * t) * np.hanning(len(t))
    S = functions.pretty_spectrogram(y, fft_size=512, step_size=128, thresh=4)
    forward, backward = mel.create_mel_filter(512, 64, 300, 8000, 22050)
    M = mel.make_mel(S, forward, shorten)
    got = mel_to_magnitudes(M, forward.T, spec_thresh=4, shorten_factor=shorten)
    assert got.shape == (256, round(M.shape[1] * shorten))
    assert got.dtype == np.float32
    assert got.min() >= 0.999e-4
    columns = np.linspace(0, len(S) - 1, M.shape[1] + 2)[1:-1]  # resampled, the first and the last stay where they are
    expected = S[np.round(np.linspace(columns[0], columns[-1], got.shape[1])).astype(int)].T
    inside = forward.any(axis=1)
    spread = mel.mel_to_spectrogram(M, backward, 4, shorten).astype(np.float64)
    misses = [float(np.linalg.norm((found - expected)[inside])) for found in (np.log10(got), spread)]
    assert misses[0] < misses[1]
    if shorten == 1:  # filtered again, what was given, to float16's eleven bits
        again = forward.T @ (np.log10(got) + 4)
        np.testing.assert_allclose(again[forward.any(axis=0)], M[forward.any(axis=0)] + 4.0, atol=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mel_spec": np.full((40, 2), np.nan)}, r"mel_spec\[0, 0\] is nan"),
        ({"mel_spec": np.zeros((39, 2))}, "M must have shape"),
        ({"shorten_factor": 0}, "shorten_factor must be above 0"),
        ({"spec_thresh": np.inf}, "spec_thresh must be finite"),
        ({"mel_spec": np.full((40, 2), 1e30, "float32")}, "too large for logarithms of magnitudes"),
    ],
)
def test_errors_about_the_notebooks_mels_name_the_argument(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mel_to_magnitudes(**({"mel_spec": np.zeros((40, 2)), "bank": BANK} | change))
