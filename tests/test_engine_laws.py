"""The engine against its slow twin, and the laws of the transform, over all that can be asked of it."""

import pickle
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
import twins_forward as twin
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec

DTYPES = ["float32", "float64"]
ROUNDINGS = 24
"""Errors of a transform are below this many epsilons of its largest value: a few a pass, and twice as many where a
prime size goes through longer transforms."""

PAD_MODES = ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]


def ones_at_the_ends(row: Any, width: tuple[int, int], axis: int, kwargs: Any) -> None:
    row[: width[0]] = 1.0
    row[len(row) - width[1] :] = 1.0


def bump(size: int) -> Any:
    return 0.25 + np.arange(size) / size


WINDOWS = ["hann", "boxcar", "hamming", ("tukey", 0.25), ("kaiser", 4.0), 8.0, bump]


@st.composite
def plans(draw: Any, largest: int = 130) -> dict[str, Any]:
    """Arguments of an STFT: sizes with all kinds of factors, hops shorter and longer than the frame."""
    n_fft = draw(st.integers(2, largest))
    win_length = draw(st.one_of(st.just(n_fft), st.integers(1, n_fft)))
    window = draw(st.sampled_from([*WINDOWS, None]))
    return {
        "n_fft": n_fft,
        "hop_length": draw(st.one_of(st.integers(1, n_fft), st.integers(1, 3 * n_fft))),
        "win_length": win_length,
        "window": draw(st.integers(0, 9).map(lambda s: noise(win_length, s))) if window is None else window,
        "center": draw(st.booleans()),
        "pad_mode": draw(st.sampled_from([*PAD_MODES, ones_at_the_ends])),
    }


def noise(*shape: int | tuple[int, ...], **options: Any) -> Any:
    *size, seed = shape
    return np.random.default_rng(seed).standard_normal(size[0])


@st.composite
def signals(draw: Any, least: int = 1, most: int = 400) -> Any:
    """Signals with any leading axes, in any memory: whole, every other sample, backwards, axes swapped, read-only."""
    n, lead = draw(st.integers(least, max(least, most))), draw(st.sampled_from([(), (), (1,), (3,), (2, 2)]))
    dtype, seed = draw(st.sampled_from(DTYPES)), draw(st.integers(0, 99))
    y = noise((*lead, n), seed).astype(dtype)
    memory = draw(st.sampled_from(["whole", "every other", "backwards", "swapped", "read-only", "big-endian"]))
    if memory == "every other":
        y = np.repeat(y, 2, axis=-1)[..., ::2]
    elif memory == "backwards":
        y = y[..., ::-1]
    elif memory == "swapped":
        y = np.ascontiguousarray(y.T).T
    elif memory == "read-only":
        y.flags.writeable = False
    elif memory == "big-endian":
        y = y.astype(y.dtype.newbyteorder(">"))
    return y


def close(got: Any, want: Any, dtype: str, scale: float = 0.0, times: float = 1.0) -> None:
    """Equal within rounding, relative to the largest value wanted."""
    assert got.shape == want.shape
    limit = times * ROUNDINGS * np.finfo(dtype).eps * max(float(np.abs(want).max(initial=0)), scale)
    assert np.abs(got - want).max(initial=0) <= limit


def enough(arguments: dict[str, Any], y: Any) -> Any:
    """y, repeated until a frame fits where it has to."""
    least = 1 if arguments["center"] else arguments["n_fft"]
    return y if y.shape[-1] >= least else np.resize(y, (*y.shape[:-1], least)).astype(y.dtype)


# ---- against the twin ----
@given(plans(), signals(), st.sampled_from(DTYPES), st.sampled_from("FC"))
@settings(max_examples=150, deadline=None, derandomize=True)
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
@settings(max_examples=60, deadline=None, derandomize=True)
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
@settings(max_examples=100, deadline=None, derandomize=True)
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
SIZES = [2, 3, 4, 5, 8, 9, 16, 22, 30, 37, 64, 98, 100, 127, 128, 441, 480, 512]


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
@settings(max_examples=40, deadline=None, derandomize=True)
def test_linearity(arguments: dict[str, Any], n: int, dtype: str, a: float, b: float) -> None:
    x, y = enough(arguments, noise((2, n), 1))
    arguments["pad_mode"] = "reflect"
    plan = fastspec.STFT(**arguments, dtype=dtype)
    X, Y = plan.forward(x).astype(complex), plan.forward(y).astype(complex)
    size = (abs(a) + 1) * np.abs(X).max() + (abs(b) + 1) * np.abs(Y).max()
    close(plan.forward(a * x + b * y), a * X + b * Y, dtype, scale=float(size))


@given(plans(), signals(least=260, most=600), st.sampled_from(DTYPES), st.integers(1, 40))
@settings(max_examples=60, deadline=None, derandomize=True)
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
@settings(max_examples=200, deadline=None, derandomize=True)
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


# ---- many signals, threads, memory ----
ALL = ["forward", "power", "mel"]


def run(plan: fastspec.STFT, what: str, y: Any, **options: Any) -> Any:
    """One of the three, the mel one with logarithms and maxima over the signal."""
    if what == "mel":
        return plan.mel(y, fastspec.MelBank(8000, plan.n_fft, 7), log="whisper", **options)
    return getattr(plan, what)(y, **options)


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (100, 130), (51, 20)])
@pytest.mark.parametrize("n", [200, 2000, 9000])
def test_each_signal_of_a_batch_has_the_bits_it_has_alone(what: str, dtype: str, n_fft: int, hop: int, n: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, pad_mode="reflect", dtype=dtype)
    y = noise((3, 5, n), 6).astype(dtype)
    batch = run(plan, what, y)
    for i in range(3):
        for j in range(5):
            np.testing.assert_array_equal(batch[i, j], run(plan, what, y[i, j]))


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(60_000,), (40, 900)])
@pytest.mark.parametrize("n_fft", [256, 251])
def test_the_number_of_threads_changes_no_bit(what: str, dtype: str, shape: Any, n_fft: int) -> None:
    plan, y = fastspec.STFT(n_fft, hop_length=50, dtype=dtype), noise(shape, 7).astype(dtype)
    results = []
    for threads in (1, 2, 4):
        with fastspec.threads(threads):
            results += [run(plan, what, y), run(plan, what, y, order="C")]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def outputs(shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
    """Arrays of that shape in different orders of memory, full of NaN."""
    wide = np.full((*shape[:-2], 2 * shape[-2], 3 * shape[-1]), np.nan, dtype)
    return {
        "C": np.full(shape, np.nan, dtype),
        "F": np.full((*shape[:-2], shape[-1], shape[-2]), np.nan, dtype).swapaxes(-1, -2),
        "Fortran": np.full(shape, np.nan, dtype, order="F"),
        "strided": wide[..., ::2, ::3],
        "part": wide[..., : shape[-2], : shape[-1]],
        "backwards": np.full(shape, np.nan, dtype)[..., ::-1, ::-1],
    }


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
def test_any_output_is_filled_and_returned(what: str, dtype: str, lead: tuple[int, ...]) -> None:
    for n_fft, hop, n in ((64, 16, 700), (33, 40, 700), (64, 16, 40)):
        plan, y = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype), noise((*lead, n), 8)
        want = run(plan, what, y)
        for memory, out in outputs(want.shape, want.dtype).items():
            assert run(plan, what, y, out=out) is out
            np.testing.assert_array_equal(out, want, err_msg=memory)


def test_a_part_of_an_output_is_written_and_nothing_beside_it() -> None:
    plan, y = fastspec.STFT(64, hop_length=16), noise(700, 9)
    want = plan.forward(y)
    for across in (False, True):
        whole = np.full((want.shape[0] + 4, want.shape[1] + 4), np.nan, want.dtype, order="C" if across else "F")
        plan.forward(y, out=whole[2:-2, 2:-2])
        np.testing.assert_array_equal(whole[2:-2, 2:-2], want)
        whole[2:-2, 2:-2] = np.nan
        assert np.isnan(whole).all()


SCRATCH = 8 << 20
"""Bytes the engine may take beside an output, whatever its size; those below have 20 and 41 MB."""


@pytest.mark.parametrize("what", ["forward", "power"])
@pytest.mark.parametrize("memory", ["F", "C", "strided"])
@pytest.mark.parametrize("n_fft", [256, 251])
def test_nothing_as_large_as_the_output_is_allocated_beside_it(what: str, memory: str, n_fft: int) -> None:
    plan, y = fastspec.STFT(n_fft, hop_length=5), noise(200_000, 10).astype(np.float32)
    like = run(plan, what, y)
    out = outputs(like.shape, like.dtype)[memory]
    run(plan, what, y[:2000])
    tracemalloc.start()
    try:
        run(plan, what, y, out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < SCRATCH


# ---- what is not a number ----
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [64, 37])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(1500,), (3, 300)])
def test_what_is_not_finite_stays_in_its_frames(dtype: str, n_fft: int, bad: float, shape: tuple[int, ...]) -> None:
    y = noise(shape, 11).astype(dtype)
    broken = y.copy()
    broken[..., 211] = bad
    plan = fastspec.STFT(n_fft, hop_length=20, window="boxcar", dtype=dtype)
    frames = np.arange(plan.n_frames(shape[-1]))
    touched = (frames * 20 - n_fft // 2 <= 211) & (frames * 20 - n_fft // 2 + n_fft > 211)
    for what in ("forward", "power"):
        got, clean = run(plan, what, broken), run(plan, what, y)
        np.testing.assert_array_equal(got[..., ~touched], clean[..., ~touched])
        assert not np.isfinite(got[..., touched]).any()
    bank = fastspec.MelBank(8000, n_fft, 7)
    for log in (None, "db"):
        got, clean = plan.mel(broken, bank, log=log), plan.mel(y, bank, log=log)
        np.testing.assert_array_equal(got[..., ~touched], clean[..., ~touched])
        assert not np.isfinite(got[..., touched]).any()


# ---- counts, and the plan itself ----
@given(plans(), st.integers(1, 2000))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_counts_agree_with_what_comes_out(arguments: dict[str, Any], n: int) -> None:
    plan = fastspec.STFT(**arguments)
    y = enough(arguments, noise(n, 12))
    frames = plan.n_frames(y.shape[-1])
    assert plan.forward(y).shape == (plan.n_bins, frames)
    told = plan.n_samples(frames)
    assert told <= y.shape[-1] + (plan.center and plan.n_fft % 2)
    assert told + plan.hop_length > y.shape[-1]
    np.testing.assert_allclose(plan.frequencies(8000), np.fft.rfftfreq(plan.n_fft, 1 / 8000), rtol=1e-15)
    times = plan.times(frames, 8000)
    np.testing.assert_allclose(np.diff(times), plan.hop_length / 8000, rtol=1e-9)
    assert times[0] == (0 if plan.center else plan.n_fft / 2 / 8000)


def test_a_plan_goes_into_sets_and_through_pickle() -> None:
    plan = fastspec.STFT(100, hop_length=30, window=("kaiser", 5.0), pad_mode="edge", dtype="float64")
    y = noise(500, 13)
    want = plan.forward(y)
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again.forward(y), want)
    assert len({plan, plan, again}) == 2
    with pytest.raises(ValueError, match="read-only"):
        plan.window[0] = 3


# ---- errors ----
def raises(kind: Any, name: str, call: Any) -> None:
    with pytest.raises(kind, match=rf"\b{name}\b"):
        call()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("n_fft", 1, ValueError),
        ("n_fft", 0, ValueError),
        ("n_fft", -8, ValueError),
        ("n_fft", 8.5, ValueError),
        ("n_fft", "64", TypeError),
        ("n_fft", None, TypeError),
        ("hop_length", 0, ValueError),
        ("hop_length", -3, ValueError),
        ("hop_length", 2.5, ValueError),
        ("hop_length", "a", TypeError),
        ("win_length", 0, ValueError),
        ("win_length", 65, ValueError),
        ("win_length", 3.5, ValueError),
        ("window", "no such window", ValueError),
        ("window", np.ones(63), ValueError),
        ("window", np.ones((8, 8)), ValueError),
        ("window", np.full(64, np.nan), ValueError),
        ("window", np.ones(64, complex), (TypeError, ValueError)),
        ("window", lambda size: np.ones(size + 1), ValueError),
        ("pad_mode", "no such mode", ValueError),
        ("pad_mode", None, (TypeError, ValueError)),
        ("dtype", "int16", (TypeError, ValueError)),
        ("dtype", "complex64", (TypeError, ValueError)),
        ("dtype", "no such dtype", (TypeError, ValueError)),
    ],
)
def test_a_bad_plan_is_refused_by_name(name: str, value: Any, kind: Any) -> None:
    arguments = {"n_fft": 64, name: value}
    raises(kind, name, lambda: fastspec.STFT(**arguments))


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.zeros(0), ValueError),
        (np.zeros((3, 0)), ValueError),
        (np.zeros((0, 300)), ValueError),
        (np.float64(3), ValueError),
        (np.zeros(300, complex), TypeError),
        (np.array(["a"] * 300), TypeError),
        (None, TypeError),
    ],
)
def test_a_bad_signal_is_refused_by_name(what: str, y: Any, kind: Any) -> None:
    raises(kind, "y", lambda: run(fastspec.STFT(64), what, y))


@pytest.mark.parametrize("what", ALL)
def test_a_signal_too_short_for_a_frame_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match="64"):
        run(fastspec.STFT(64, center=False), what, np.zeros(63))
    assert run(fastspec.STFT(64, hop_length=16, center=False), what, np.zeros(80)).shape[-1] in (1, 2)


@pytest.mark.parametrize("what", ALL)
def test_a_bad_output_is_refused_by_name(what: str) -> None:
    plan, y = fastspec.STFT(64), np.zeros(300, np.float32)
    good = run(plan, what, y)
    frozen = np.zeros_like(good)
    frozen.flags.writeable = False
    bad: list[Any] = [
        np.zeros((good.shape[0], good.shape[1] + 1), good.dtype),
        np.zeros(good.shape[::-1], good.dtype),
        np.zeros((1, *good.shape), good.dtype),
        np.zeros(good.shape, np.complex128 if what == "forward" else np.float64),
        np.zeros(good.shape, np.int32),
        frozen,
        good.tolist(),
    ]
    for out in bad:
        raises((TypeError, ValueError), "out", lambda out=out: run(plan, what, y, out=out))
    raises(ValueError, "order", lambda: run(plan, what, y, order="A"))


def test_an_output_that_is_the_input_is_refused() -> None:
    plan = fastspec.STFT(2, hop_length=1, dtype="float64")
    memory = np.zeros(1000)
    raises(ValueError, "out", lambda: plan.power(memory[:300], out=memory[:602].reshape(2, 301)))


def test_a_bad_bank_power_or_logarithm_is_refused_by_name() -> None:
    plan, y = fastspec.STFT(64), np.zeros(300)
    for bank in (np.ones((5, 32)), np.ones((5, 34)), np.ones(33), np.ones((2, 5, 33)), np.ones((5, 33), complex),
                 np.full((5, 33), np.nan), fastspec.MelBank(8000, 128, 5)):  # fmt: skip
        raises((TypeError, ValueError), "bank", lambda bank=bank: plan.mel(y, bank))
    for power in (0, -1, np.nan, np.inf, "two", None):
        raises((TypeError, ValueError), "power", lambda power=power: plan.power(y, power=power))
        raises((TypeError, ValueError), "power", lambda power=power: plan.mel(y, np.ones((5, 33)), power=power))
    for log in ("log2", 10, True):
        raises((TypeError, ValueError), "log", lambda log=log: plan.mel(y, np.ones((5, 33)), log=log))
    for call in (plan.times, plan.frequencies):
        arguments = (3,) if call == plan.times else ()
        for sr in (0, -1, np.nan):
            raises(ValueError, "sr", lambda call=call, arguments=arguments, sr=sr: call(*arguments, sr))


def test_a_bad_spectrogram_length_or_output_of_the_inverse_is_refused_by_name() -> None:
    plan, D = fastspec.STFT(64), np.zeros((33, 5), np.complex64)
    for bad in (D[:-1], D[0], np.zeros((33, 0), complex), np.array([["a"] * 5] * 33), None):
        raises((TypeError, ValueError), "D", lambda bad=bad: plan.inverse(bad))
    for length in (-1, 2.5, "a"):
        raises((TypeError, ValueError), "length", lambda length=length: plan.inverse(D, length=length))
    frozen = np.zeros(50, np.float32)
    frozen.flags.writeable = False
    for out in (np.zeros(49, np.float32), np.zeros(50), np.zeros((1, 50), np.float32), frozen, [0.0] * 50):
        raises((TypeError, ValueError), "out", lambda out=out: plan.inverse(D, length=50, out=out))
