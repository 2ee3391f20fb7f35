"""The engine against its slow twin, and the laws of the transform, over all that can be asked of it."""

import warnings
from typing import Any

import numpy as np
import pytest
import twins_forward as twin
from engine_cases import DTYPES, PAD_MODES, ROUNDINGS, close, enough, noise, ones_at_the_ends, plans, signals
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec


# ---- against the twin ----
@given(plans(), signals(), st.sampled_from(DTYPES), st.sampled_from("FC"))
@settings(max_examples=150, deadline=None)
def test_forward_is_the_twin(arguments: dict[str, Any], y: Any, dtype: str, order: str) -> None:
    y = enough(arguments, y)
    before = y.copy()
    D = fastspec.STFT(**arguments, dtype=dtype).forward(y, order=order)
    want = twin.stft(y.astype(dtype), **arguments)
    assert D.dtype == np.result_type(dtype, np.complex64)
    assert D.flags.c_contiguous if order == "C" else D.swapaxes(-1, -2).flags.c_contiguous
    close(D, want, dtype)
    np.testing.assert_array_equal(y, before)


@given(plans(), signals(), st.sampled_from(DTYPES), st.sampled_from("FC"), st.sampled_from([0.5, 1, 2, 3, 1.7]))
@settings(max_examples=60, deadline=None)
def test_power_is_a_power_of_the_magnitude(
    arguments: dict[str, Any], y: Any, dtype: str, order: str, power: float
) -> None:
    y = enough(arguments, y)
    S = fastspec.STFT(**arguments, dtype=dtype).power(y, power=power, order=order)
    want = np.abs(twin.stft(y.astype(dtype), **arguments))
    assert S.dtype == dtype
    assert S.flags.c_contiguous if order == "C" else S.swapaxes(-1, -2).flags.c_contiguous
    close(S.astype(np.float64) ** (1 / power), want, dtype, times=2)  # the power and its root round as well


@given(
    plans(), signals(least=2), st.sampled_from(DTYPES), st.sampled_from([1, 2]),
    st.sampled_from([None, "ln", "log10", "db", "whisper"]), st.integers(1, 20),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_mel_is_the_bank_times_the_power(
    arguments: dict[str, Any], y: Any, dtype: str, power: float, log: Any, filters: int
) -> None:
    arguments["hop_length"] = min(arguments["hop_length"], y.shape[-1] - 1)
    if not arguments["center"]:
        y = enough(arguments, np.concatenate([y, np.resize(y, (*y.shape[:-1], arguments["n_fft"]))], axis=-1))
    bank = np.maximum(0, noise((filters, arguments["n_fft"] // 2 + 1), 5)).astype(dtype)
    S = np.abs(twin.stft(y.astype(dtype), **arguments)) ** power
    want, scale = bank @ S, float(bank.sum(axis=1).max() * S.max())
    M = fastspec.STFT(**arguments, dtype=dtype).mel(y, bank, power=power, log=log)
    assert M.dtype == dtype
    assert M.flags.c_contiguous
    if log is None:
        close(M, want, dtype, scale, times=2)
        return
    level = twin.floored(want, log, power)
    L = M.astype(np.float64)
    if log == "whisper":
        floor = L.max(axis=(-2, -1), keepdims=True) - 2
        assert (L - floor).min() >= -1e-6
        L, level = np.where(floor < L, 4 * L - 4, -np.inf), level[..., :-1]
        level = np.where(level <= 1.0001 * 10 ** (4 * floor - 4), 10.0**L, level)
    gain = {"ln": np.log(10), "db": 20 / power}.get(log, 1.0)
    # a logarithm of ten digits has as many epsilons of relative error as it is large
    close(10 ** (L / gain), level, dtype, scale, times=4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mel_bank_is_the_matrix_it_looks_like(dtype: str) -> None:
    bank = fastspec.MelBank(8000, 128, 12, fmin=100, dtype=dtype)
    dense = np.asarray(bank)
    assert dense.shape == bank.shape == (12, 65)
    assert dense.dtype == bank.dtype == dtype
    S = noise((3, 65, 7), 16).astype(dtype)
    np.testing.assert_array_equal(bank @ S, dense @ S)
    plan, y = fastspec.STFT(128, dtype=dtype), noise(1000, 17)
    np.testing.assert_array_equal(plan.mel(y, bank), plan.mel(y, dense))
    close(plan.mel(y, bank), dense @ plan.power(y), dtype)


@pytest.mark.parametrize("pad_mode", [*PAD_MODES, ones_at_the_ends])
@pytest.mark.parametrize("n", [1, 2, 7, 40, 41, 100])
def test_every_padding_of_signals_shorter_and_longer_than_the_pad(pad_mode: Any, n: int) -> None:
    y = noise((2, n), 3)
    for n_fft in (80, 81):
        D = fastspec.STFT(n_fft, hop_length=9, pad_mode=pad_mode, dtype="float64").forward(y)
        close(D, twin.stft(y, n_fft, hop_length=9, win_length=n_fft, pad_mode=pad_mode), "float64")


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint8"])
def test_integers_are_scaled_when_asked(kind: str) -> None:
    info, rng = np.iinfo(kind), np.random.default_rng(4)
    y = rng.integers(info.min, info.max, 500, kind, endpoint=True)
    half = 2.0 ** (info.bits - 1)
    plan = fastspec.STFT(64, dtype="float64")
    np.testing.assert_array_equal(plan.forward(y), plan.forward(y.astype(np.float64)))
    scaled = (y - (half if kind == "uint8" else 0.0)) / half
    np.testing.assert_array_equal(plan.forward(y, scale=True), plan.forward(scaled))
    np.testing.assert_array_equal(plan.power(y, scale=True), plan.power(scaled))
    bank = fastspec.MelBank(8000, 64, 5)
    np.testing.assert_array_equal(plan.mel(y, bank, scale=True), plan.mel(scaled, bank))
    np.testing.assert_array_equal(plan.forward(scaled, scale=True), plan.forward(scaled))  # real numbers are not


# ---- laws ----
SIZES = [2, 3, 4, 5, 8, 9, 16, 22, 30, 37, 64, 98, 100, 127, 128, 211, 422, 441, 480, 512]


def one_frame(n_fft: int, dtype: str) -> fastspec.STFT:
    """A plan whose frames are the plain transforms of n_fft samples each."""
    return fastspec.STFT(n_fft, hop_length=n_fft, window="boxcar", center=False, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", SIZES)
def test_parseval(n_fft: int, dtype: str) -> None:
    y = noise(n_fft * 40, n_fft).astype(dtype)
    S = np.abs(one_frame(n_fft, dtype).forward(y).astype(complex)) ** 2
    twice = np.full(n_fft // 2 + 1, 2.0)
    twice[0] = 1
    if n_fft % 2 == 0:
        twice[-1] = 1
    energy = (y.reshape(40, n_fft).astype(float) ** 2).sum(axis=1)
    np.testing.assert_allclose(twice @ S / n_fft, energy, rtol=ROUNDINGS * np.finfo(dtype).eps)


@given(plans(), st.integers(1, 300), st.sampled_from(DTYPES), st.floats(-4, 4), st.floats(-4, 4))
@settings(max_examples=40, deadline=None)
def test_linearity(arguments: dict[str, Any], n: int, dtype: str, a: float, b: float) -> None:
    x, y = enough(arguments, noise((2, n), 1))
    arguments["pad_mode"] = "reflect"
    plan = fastspec.STFT(**arguments, dtype=dtype)
    X, Y = plan.forward(x).astype(complex), plan.forward(y).astype(complex)
    size = (abs(a) + 1) * np.abs(X).max() + (abs(b) + 1) * np.abs(Y).max()
    close(plan.forward(a * x + b * y), a * X + b * Y, dtype, scale=float(size))


@given(plans(), signals(least=260, most=600), st.sampled_from(DTYPES), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_a_shift_by_hops_moves_the_frames_and_changes_no_bit(
    arguments: dict[str, Any], y: Any, dtype: str, hops: int
) -> None:
    arguments |= {"center": False, "hop_length": min(arguments["hop_length"], 130)}
    hops = min(hops, (y.shape[-1] - arguments["n_fft"]) // arguments["hop_length"])
    plan = fastspec.STFT(**arguments, dtype=dtype)
    later = plan.forward(y[..., hops * arguments["hop_length"] :])
    np.testing.assert_array_equal(later, plan.forward(y)[..., hops:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", SIZES)
def test_a_shift_inside_the_frame_turns_the_bins(n_fft: int, dtype: str) -> None:
    framed = noise((20, n_fft), n_fft).astype(dtype)
    plan = one_frame(n_fft, dtype)
    D = plan.forward(framed.ravel())
    for shift in {1, n_fft // 3, n_fft - 1}:
        turned = D * np.exp(-2j * np.pi * (np.arange(plan.n_bins) * shift % n_fft) / n_fft)[:, None]
        close(plan.forward(np.roll(framed, shift, axis=1).ravel()), turned, dtype, times=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", SIZES)
def test_the_bins_are_those_of_a_conjugate_symmetric_spectrum(n_fft: int, dtype: str) -> None:
    framed = noise((20, n_fft), n_fft).astype(dtype)
    plan = one_frame(n_fft, dtype)
    D = plan.forward(framed.ravel()).T
    full = np.fft.fft(framed.astype(np.float64))
    close(D, full[:, : plan.n_bins], dtype)
    close(D.conj()[:, 1:], full[:, : n_fft - plan.n_bins : -1][:, : plan.n_bins - 1], dtype)
    assert not D[:, 0].imag.any()
    if n_fft % 2 == 0:
        assert not D[:, -1].imag.any()
    mirrored = plan.forward(np.roll(framed[:, ::-1], 1, axis=1).ravel()).T
    close(mirrored, D.conj(), dtype, times=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [16, 37, 100, 128])
def test_an_impulse_has_the_same_magnitude_everywhere_and_a_sine_has_one_bin(n_fft: int, dtype: str) -> None:
    plan = one_frame(n_fft, dtype)
    impulses = np.eye(n_fft, dtype=dtype)
    np.testing.assert_allclose(np.abs(plan.forward(impulses.ravel())), 1, rtol=ROUNDINGS * np.finfo(dtype).eps)
    for k in {1, n_fft // 3}:
        D = plan.forward(np.cos(2 * np.pi * k * np.arange(n_fft) / n_fft))[:, 0]
        close(D, np.where(np.arange(plan.n_bins) == k, n_fft / 2, 0.0), dtype)


# ---- there and back ----
RECONSTRUCTION = {"float32": 1e-6, "float64": 1e-13}


def weights(plan: fastspec.STFT, frames: int, n: int) -> Any:
    """The sum of squared windows at each of n samples."""
    total = np.zeros(n + plan.hop_length * frames + 2 * plan.n_fft)
    for f in range(frames):
        total[f * plan.hop_length : f * plan.hop_length + plan.n_fft] += plan.window**2
    return total[plan.n_fft // 2 if plan.center else 0 :][:n]


@given(plans(), signals(), st.sampled_from(DTYPES), st.sampled_from("FC"))
@settings(max_examples=200, deadline=None)
def test_the_inverse_gives_back_every_sample_that_a_window_tells_of(
    arguments: dict[str, Any], y: Any, dtype: str, order: str
) -> None:
    y, plan = enough(arguments, y), fastspec.STFT(**arguments, dtype=dtype)
    n, D = y.shape[-1], plan.forward(y, order=order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        back = plan.inverse(D, length=n)
    assert back.dtype == dtype
    assert back.shape == y.shape
    weight = weights(plan, D.shape[-1], n)
    told = weight > np.finfo(dtype).tiny
    # the errors of a frame go by its largest values; where windows weigh little, they are divided by that little
    amplified = np.sqrt(np.maximum((plan.window**2).sum(), weight) / np.where(told, weight, 1))
    inside = twin.frames_of(y, plan.n_fft, plan.hop_length, plan.center, arguments["pad_mode"])
    limit = RECONSTRUCTION[dtype] * np.abs(inside).max() * amplified
    assert (np.abs(back - y.astype(dtype)) <= limit)[..., told].all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (1024, 256), (400, 160), (1200, 300), (441, 147), (254, 63)])
def test_usual_geometries_are_inverted_to_the_end(n_fft: int, hop: int, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
    y = np.random.default_rng(14).uniform(-1, 1, (2, 5 * n_fft + hop // 2)).astype(dtype)
    back = plan.inverse(plan.forward(y), length=y.shape[-1])
    assert np.abs(back - y).max() < RECONSTRUCTION[dtype]
    np.testing.assert_array_equal(plan.inverse(plan.forward(y)), back[:, : plan.n_samples(plan.n_frames(y.shape[-1]))])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [256, 251])
@pytest.mark.parametrize("shape", [(3, 5, 900), (2, 30_000)])
def test_the_inverse_has_the_same_bits_on_any_number_of_threads_and_the_same_signal_alone(
    n_fft: int, dtype: str, shape: tuple[int, ...]
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=60, dtype=dtype)
    D = plan.forward(noise(shape, 15))
    whole = plan.inverse(D)
    for threads in (1, 2, 4):
        with fastspec.threads(threads):
            np.testing.assert_array_equal(plan.inverse(D), whole)
            np.testing.assert_array_equal(plan.inverse(np.ascontiguousarray(D)), whole)
    for index in np.ndindex(shape[:-1]):
        close(plan.inverse(D[index]), whole[index], dtype)  # strips meet elsewhere, and sums there in another order
    for out in (
        np.full(whole.shape, np.nan, dtype),
        np.full((*shape[:-1], 2 * whole.shape[-1]), np.nan, dtype)[..., ::2],
    ):
        assert plan.inverse(D, out=out) is out
        np.testing.assert_array_equal(out, whole)


def test_the_inverse_tells_of_windows_that_cannot_be_undone() -> None:
    with pytest.warns(UserWarning, match="hop_length"):
        fastspec.STFT(64, hop_length=65).inverse(np.zeros((33, 4), np.complex64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastspec.STFT(64, hop_length=16).inverse(np.zeros((33, 4), np.complex64))
