"""Decibels: librosa's numbers and errors, channel by channel; laws; what kernels take and what NumPy does."""

import warnings
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec.librosa as ours
from fastspec.features import decibels

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ["float32", "float64"]
# Largest difference in dB: the logarithm has a few roundings, and its values go up to some hundred.
BOUND = {"float32": 1e-4, "float64": 1e-11}
SHAPES = [
    (100, 90),
    (33, decibels.ITEM_VALUES // 8 + 1),
    (decibels.KERNEL_MIN_VALUES + 13,),
    (7, 9),
    (5,),
    (3, 65, 70),
    (2, 2, 65, 70),
]


def powers(shape: tuple[int, ...], dtype: str, order: Any = "C") -> Array:
    """Levels over fifteen decades."""
    return np.array(10.0 ** np.random.default_rng(5).uniform(-12, 3, shape), dtype, order=order)


def by_channel(function: Any, S: Array, **options: Any) -> Array:
    """librosa's function of each channel alone."""
    flat = S.reshape(-1, *S.shape[-2:]) if S.ndim > 2 else S[None]
    return np.stack([function(channel, **options) for channel in flat]).reshape(S.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "options",
    [{}, {"ref": 3.0}, {"ref": np.max, "top_db": 50}, {"top_db": None}, {"amin": 1e-3, "ref": -2.0}, {"top_db": 0}],
    ids=["defaults", "ref", "loudest", "no floor", "amin", "flat"],
)
def test_decibels_are_librosas(dtype: str, shape: tuple[int, ...], order: Any, options: dict[str, Any]) -> None:
    for name in ("power_to_db", "amplitude_to_db"):
        S = powers(shape, dtype, order)
        before = S.copy()
        mine, theirs = getattr(ours, name)(S, **options), by_channel(getattr(librosa, name), S, **options)
        assert mine.dtype == theirs.dtype == dtype
        assert np.abs(mine - theirs).max() <= BOUND[dtype]
        np.testing.assert_array_equal(S, before)


@pytest.mark.parametrize("shape", [(100, 90), (33, 1)])
def test_the_order_of_memory_is_kept(shape: tuple[int, ...]) -> None:
    for order in ("C", "F"):
        S = np.array(np.ones(shape), order=order)
        assert ours.power_to_db(S).strides == librosa.power_to_db(S).strides
        assert ours.db_to_power(S).strides == librosa.db_to_power(S).strides


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout_gives_the_same(dtype: str) -> None:
    S = powers((3, 80, 90), dtype)
    expected = ours.power_to_db(S, ref=np.max)
    wide = np.zeros((3, 80, 270), dtype)
    wide[:, :, ::3] = S
    read_only = S.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(S), wide[:, :, ::3], read_only, np.moveaxis(np.moveaxis(S, 0, -1).copy(), -1, 0)):
        np.testing.assert_array_equal(ours.power_to_db(other, ref=np.max), expected)
    swapped = S.astype(S.dtype.newbyteorder())
    np.testing.assert_allclose(ours.power_to_db(swapped, ref=np.max), expected, rtol=1e-6)


def test_axes_say_what_is_one_channel() -> None:
    S = powers((4, 60, 70), "float64")
    for axes in ((-2, -1), (1, 2)):
        np.testing.assert_array_equal(ours.power_to_db(S, ref=np.max, axes=axes), ours.power_to_db(S, ref=np.max))
    together = ours.power_to_db(S, ref=np.max, axes=None)
    np.testing.assert_allclose(together, librosa.power_to_db(S.reshape(-1, 70), ref=np.max).reshape(S.shape), atol=1e-9)
    columns = ours.power_to_db(S, ref=np.max, axes=1, top_db=30)
    np.testing.assert_allclose(columns.max(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(columns.min(axis=1), -30)
    for axes in ("frames", 3, (0, -4)):
        with pytest.raises(ValueError, match="axes"):
            ours.power_to_db(S, axes=axes)


def test_a_reference_of_its_own_for_every_channel_or_number() -> None:
    S = powers((4, 60, 70), "float64")
    per_channel = np.array([1.0, 2, 3, 4]).reshape(4, 1, 1)
    expected = 10 * np.log10(np.maximum(S, 1e-10)) - 10 * np.log10(per_channel)
    np.testing.assert_allclose(ours.power_to_db(S, ref=per_channel, top_db=None), expected, atol=1e-10)
    np.testing.assert_allclose(ours.power_to_db(S, ref=S, top_db=None), 0, atol=1e-12)


def test_a_function_that_knows_no_axes_will_do_for_a_single_channel_before_librosa_1() -> None:
    S = powers((60, 70), "float64")
    expected = librosa.power_to_db(S, ref=float(np.median(S)))

    def median(x: Array) -> Any:
        return np.sort(x, axis=None)[2099:2101].mean()

    if int(librosa.__version__.partition(".")[0]) < 1:
        np.testing.assert_allclose(ours.power_to_db(S, ref=median), expected)
    else:
        with pytest.raises(librosa.ParameterError, match="axis"):
            ours.power_to_db(S, ref=median)
    with pytest.raises(librosa.ParameterError, match="axis"):
        ours.power_to_db(powers((2, 60, 70), "float64"), ref=lambda x: 1.0)


@pytest.mark.parametrize("ndim", [0, 1, 2, 3])
def test_a_function_gets_the_axes_that_librosa_gives_it(ndim: int) -> None:
    seen = []

    def reference(x: Array, **options: Any) -> Any:
        seen.append(options)
        return np.max(x, **options)

    S = np.ones((3,) * ndim)
    for function in (ours.power_to_db, ours.amplitude_to_db):
        function(S, ref=reference)
    axes = {0: None, 1: (-1,)}.get(ndim, (-2, -1))
    assert seen == [{"axis": axes, "keepdims": True}] * 2


@pytest.mark.parametrize("value", [0.0, 1e-30, 2, np.float32(3), np.int16(5), [1, 2, 3], np.float64(1e300), -1.5])
def test_numbers_and_lists(value: Any) -> None:
    for name in ("power_to_db", "amplitude_to_db", "db_to_power", "db_to_amplitude"):
        if name.startswith("db") and (abs(np.max(value)) > 1e3 or isinstance(value, list)):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine, theirs = getattr(ours, name)(value), getattr(librosa, name)(value)
        if np.isfinite(theirs).all():
            np.testing.assert_allclose(mine, theirs, rtol=2e-7, atol=1e-6)
        assert isinstance(mine, np.ndarray) == isinstance(value, list)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "bool", "float16"])
def test_other_dtypes_are_computed_in_a_wider_one(dtype: str) -> None:
    S = np.arange(decibels.KERNEL_MIN_VALUES).reshape(64, -1).astype(dtype)
    mine = ours.power_to_db(S)
    assert mine.dtype == ("float16" if dtype == "float16" else "float64")
    np.testing.assert_allclose(
        mine, librosa.power_to_db(S.astype(np.float64)), rtol=1e-3 if dtype == "float16" else 1e-12
    )


def test_complex_numbers_lose_their_phases_with_a_warning() -> None:
    D = powers((60, 70), "float64") * np.exp(1j * np.arange(70))
    for name in ("power_to_db", "amplitude_to_db"):
        for module in (librosa, ours):
            with pytest.warns(UserWarning, match=f"{name} was called on complex input"):
                got = getattr(module, name)(D)
        np.testing.assert_allclose(got, getattr(ours, name)(np.abs(D)), atol=1e-11)


def test_amplitudes_have_no_sign_and_never_overflow() -> None:
    x = np.linspace(-1, 1, decibels.KERNEL_MIN_VALUES + 1).astype(np.float32)
    np.testing.assert_array_equal(ours.amplitude_to_db(x), ours.amplitude_to_db(-x))
    np.testing.assert_array_equal(ours.amplitude_to_db(x), ours.amplitude_to_db(np.abs(x)))
    huge = ours.amplitude_to_db(x * np.float32(3e38), ref=3e38)
    np.testing.assert_allclose(huge, ours.amplitude_to_db(x.astype(np.float64), amin=1e-300), atol=3e-4)  # of 770 dB


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_finite_is_as_in_librosa(bad: float, dtype: str) -> None:
    S = powers((100, 90), dtype)
    S[5, 7] = bad
    for top_db in (80, None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine, theirs = (m.power_to_db(S, top_db=top_db) for m in (ours, librosa))
            np.testing.assert_allclose(mine, theirs, atol=BOUND[dtype])
            mine, theirs = (m.db_to_power(S * 0, ref=2) for m in (ours, librosa))
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(100, 90), (decibels.ITEM_VALUES + 3,), (11,), (2, 65, 70)])
def test_decibels_back_to_levels_are_librosas(dtype: str, shape: tuple[int, ...]) -> None:
    L = np.random.default_rng(2).uniform(-100, 60, shape).astype(dtype)
    for name in ("db_to_power", "db_to_amplitude"):
        for ref in (1.0, 0.02):
            mine, theirs = getattr(ours, name)(L, ref=ref), getattr(librosa, name)(L.astype(np.float64), ref=ref)
            assert mine.dtype == dtype
            # a rounding of L / 10, up to 10, is multiplied by ln 10 in the power
            np.testing.assert_allclose(mine, theirs, rtol=32 * float(np.finfo(dtype).eps))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3 * decibels.KERNEL_MIN_VALUES), st.floats(1e-3, 1e3), st.sampled_from(DTYPES), st.integers(0, 99)
)
def test_there_and_back(n: int, ref: float, dtype: str, seed: int) -> None:
    S = np.random.default_rng(seed).uniform(1e-3, 10, n).astype(dtype)
    for there, back in ((ours.power_to_db, ours.db_to_power), (ours.amplitude_to_db, ours.db_to_amplitude)):
        again = back(there(S, ref=ref, top_db=None), ref=ref)
        np.testing.assert_allclose(again, S, rtol=64 * float(np.finfo(dtype).eps))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 2 * decibels.KERNEL_MIN_VALUES), st.floats(0, 100), st.sampled_from(DTYPES))
def test_no_value_is_further_below_the_largest_than_top_db(channels: int, n: int, top_db: float, dtype: str) -> None:
    L = ours.power_to_db(powers((channels, n, 1), dtype), top_db=top_db)
    fall = L.max(axis=(1, 2)) - L.min(axis=(1, 2))
    assert (fall <= top_db + BOUND[dtype]).all()


def test_nothing_has_no_decibels() -> None:
    for function in (ours.power_to_db, ours.amplitude_to_db, ours.db_to_power):
        assert function(np.zeros((0, 4))).shape == (0, 4)


# Zero decibels


def largest_of_a_million(shape: tuple[int, ...], dtype: str) -> Array:
    """Levels whose largest value is as random as its last bit."""
    return np.abs(RNG.standard_normal(shape)).astype(dtype) ** 2


RNG = np.random.default_rng(8)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (100, 120), (3, 90, 100), (3, 4, 5)])
@pytest.mark.parametrize("options", [{}, {"top_db": None}, {"axes": None}, {"axes": -1}], ids=str)
def test_decibels_below_the_largest_are_0_there_and_nowhere_above(
    dtype: str, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    axes = {None: None, -1: -1}.get(options.get("axes", "auto"), (-2, -1))
    for _ in range(20):
        S = largest_of_a_million(shape, dtype)
        for function in (ours.power_to_db, ours.amplitude_to_db):
            L = function(S, ref=np.max, **options)
            assert L.max() == 0
            np.testing.assert_array_equal(L[S.max(axis=axes, keepdims=True) == S], 0)
            if options.get("top_db", 80):
                assert L.min() >= -80


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [64, decibels.KERNEL_MIN_VALUES])
def test_neighbours_of_the_largest_have_no_more_than_it(dtype: str, size: int) -> None:
    """Around sqrt(2) 2**e the range reduction of logarithms changes, so that neighbours may be in the wrong order."""
    root = {"float32": 0x3F3504F3, "float64": 0x3FE6A09E667F3BCD}[dtype]
    integer, fraction = {"float32": (np.uint32, 23), "float64": (np.uint64, 52)}[dtype]
    for exponent in range(-20, 21):
        bits = (root + (exponent << fraction)) + np.arange(-size + 32, 32)
        x = bits.astype(integer).view(dtype)
        for stop in range(size - 40, size + 1):
            S = np.concatenate([x[:stop], np.full(size - stop, x[0])])
            for reference in (np.max, float(S.max())):
                L = ours.power_to_db(S, ref=reference, amin=1e-30)
                assert L.max() == 0
                assert L[stop - 1] == 0


def test_a_reference_that_float32_does_not_hold_is_taken_as_it_is() -> None:
    S = np.float32([1e-3, 1, 1e3])
    for reference, amin in ((1e60, 1e-10), (1e-50, 1e-60)):
        L = ours.power_to_db(S, ref=reference, amin=amin, top_db=None)
        assert L.dtype == np.float32
        np.testing.assert_allclose(L, 10 * np.log10(S / 1.0) - 10 * np.log10(reference), rtol=1e-6)


@pytest.mark.parametrize("name", ["db_to_power", "db_to_amplitude"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_stay(name: str, dtype: str) -> None:
    L = np.ma.masked_array([3.0, -20.0, 1e6], [False, False, True], dtype=dtype)  # what is masked would overflow
    result = getattr(ours, name)(L, ref=2.0)
    np.testing.assert_array_equal(result.mask, [False, False, True])
    assert result.dtype == dtype
    np.testing.assert_allclose(result.compressed(), getattr(librosa, name)(np.array([3.0, -20.0]), ref=2.0), rtol=1e-6)


@pytest.mark.parametrize("name", ["power_to_db", "amplitude_to_db", "db_to_power", "db_to_amplitude"])
def test_bytes_of_the_other_order_come_back_in_this_machines(name: str) -> None:
    for dtype in (">f2", ">f4", ">f8", "<f4"):
        assert getattr(ours, name)(np.ones(3, dtype)).dtype == getattr(librosa, name)(np.ones(3, dtype)).dtype
