"""Prepared calls: the bits of the way that any arrays take, for all shapes, memory orders and outputs; their walk."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastspec
from bench.versions import walk
from fastspec.transform import prepared

Array = np.ndarray[Any, np.dtype[Any]]
SIZES = [(2, 1), (5, 2), (16, 3), (30, 7), (64, 100), (34, 8), (400, 160), (422, 100), (211, 50), (512, 128)]


def read_only(y: Array) -> Array:
    """A view that no prepared call takes."""
    view = y.view()
    view.flags.writeable = False
    return view


@given(
    size=st.sampled_from(SIZES),
    axes=st.sampled_from([(), (1,), (2,), (3, 2), (40,)]),
    frames=st.sampled_from([1, 2, 7, 8, 9, 15, 16, 17, 33, 300]),
    dtype=st.sampled_from(["float32", "float64"]),
    center=st.booleans(),
    order=st.sampled_from("FC"),
    threads=st.integers(1, 3),
)
def test_prepared_calls_have_the_bits_of_other_calls(
    size: tuple[int, int], axes: tuple[int, ...], frames: int, dtype: str, center: bool, order: Any, threads: int
) -> None:
    plan = fastspec.STFT(size[0], hop_length=size[1], center=center, dtype=dtype)
    n = max(plan.n_fft, plan.n_samples(frames))
    y = np.random.default_rng(n).standard_normal((*axes, n)).astype(dtype)
    bank = fastspec.FilterBank(np.abs(np.random.default_rng(1).standard_normal((3, plan.n_bins))))
    calls = (
        lambda y, **out: plan.forward(y, order=order, **out),
        lambda y, **out: plan.power(y, power=1.5, order=order, **out),
        lambda y, **out: plan.mel(y, bank, log="db", order=order, **out),
    )
    for call in calls:
        expected = call(read_only(y))
        assert call(y).strides == expected.strides
        with fastspec.threads(threads):
            np.testing.assert_array_equal(call(y), expected)
            out = np.full_like(expected, np.nan)  # in the same order of memory
            assert call(y, out=out) is out
            np.testing.assert_array_equal(out, expected)


def arranged(D: Array, order: str) -> Array:
    """The same spectra in memory that prepared calls take, but for "swapped", whose bytes are in the other order."""
    if order == "swapped":
        return D.astype(D.dtype.newbyteorder())
    if order == "C":
        return np.ascontiguousarray(D)
    if order == "reversed":
        return np.ascontiguousarray(D[..., ::-1, ::-1])[..., ::-1, ::-1]
    if order == "strided":
        memory = np.zeros((*D.shape[:-1], 2 * D.shape[-1]), D.dtype)
        memory[..., ::2] = D
        return memory[..., ::2]
    E = np.ascontiguousarray(D.swapaxes(-1, -2)).swapaxes(-1, -2)
    E.flags.writeable = order != "read-only"
    return E


@given(
    size=st.sampled_from(SIZES),
    axes=st.sampled_from([(), (1,), (2,), (3, 2), (40,)]),
    frames=st.sampled_from([1, 2, 7, 16, 17, 33, 300]),
    dtype=st.sampled_from(["complex64", "complex128"]),
    center=st.booleans(),
    order=st.sampled_from(["F", "C", "reversed", "strided", "read-only"]),
    more=st.sampled_from([None, -5, -1, 0, 1, 40]),
    limit_ends=st.booleans(),
    threads=st.integers(1, 3),
)
def test_prepared_inverses_have_the_bits_of_other_calls(
    size: tuple[int, int], axes: tuple[int, ...], frames: int, dtype: str, center: bool, order: str, more: int | None,
    limit_ends: bool, threads: int,
) -> None:  # fmt: skip
    real = np.empty(0, dtype).real.dtype
    plan = fastspec.STFT(size[0], hop_length=size[1], window="hamming", center=center, dtype=real)
    rng = np.random.default_rng(frames)
    shape = *axes, plan.n_bins, frames
    D = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    length = None if more is None else max(0, plan.n_samples(frames) + more)
    keywords = {"length": length, "limit_ends": limit_ends, "warn": False}
    expected, X = plan.inverse(arranged(D, "swapped"), **keywords), arranged(D, order)
    with fastspec.threads(threads):
        for _ in range(2):
            np.testing.assert_array_equal(plan.inverse(X, **keywords), expected)
        memory = np.full((*axes, expected.shape[-1] + 2), np.nan, expected.dtype)
        for out in (np.full_like(expected, np.nan), memory[..., 1:-1]):
            assert plan.inverse(X, out=out, **keywords) is out
            np.testing.assert_array_equal(out, expected)
    assert np.isnan(memory[..., [0, -1]]).all()


def test_inverses_that_need_a_check_are_checked() -> None:
    plan = fastspec.STFT(64)
    D = plan.forward(np.random.default_rng(0).standard_normal(1000).astype(np.float32))
    y = plan.inverse(D, length=1000)
    for _ in range(2):
        for wrong in (D[:-1], D[:, :0], D[0]):
            with pytest.raises(ValueError, match="D must"):
                plan.inverse(wrong, length=1000)
        for length, error in ((-1, ValueError), (1.5, ValueError), ("a", TypeError), ([1000], TypeError)):
            with pytest.raises(error, match="length must"):
                plan.inverse(D, length=length)
        for out in (np.empty(999, np.float32), np.empty(1000), np.broadcast_to(np.float32(0), 1000)):
            with pytest.raises((TypeError, ValueError), match="out"):
                plan.inverse(D, length=1000, out=out)
        inside = D.T.reshape(-1).view(np.float32)[:1000]  # the output is the memory of the input
        with pytest.raises(ValueError, match="out"):
            plan.inverse(D, length=1000, out=inside)
        np.testing.assert_array_equal(plan.inverse(D, length=1000), y)


def test_an_output_beyond_the_caches_is_the_same_on_and_off_a_cache_line() -> None:
    plan, y = fastspec.STFT(510, hop_length=64), np.random.default_rng(0).standard_normal(1_200_000).astype(np.float32)
    expected = plan.power(read_only(y))
    assert expected.nbytes > 2 * 8 << 20
    memory = np.empty(expected.size + 32, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    for shift in (0, 1):
        flat = memory[skip + shift : skip + shift + expected.size]
        flat[:] = np.nan
        out = flat.reshape(expected.shape[::-1]).T
        plan.power(y, out=out)
        np.testing.assert_array_equal(out, expected)


def test_no_more_calls_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "KEPT_CALLS", 4)
    plan, rng = fastspec.STFT(64), np.random.default_rng(0)
    for n in (*range(100, 110), *range(100, 110)):
        y = rng.standard_normal(n).astype(np.float32)
        np.testing.assert_array_equal(plan.forward(y), plan.forward(read_only(y)))
        assert len(plan._signals._calls) <= 4


@pytest.mark.parametrize("shape", [(3, 0), (0, 300), (2, 40), ()])
def test_signals_that_need_a_check_are_checked(shape: tuple[int, ...]) -> None:
    plan, y = fastspec.STFT(64, center=False), np.zeros(shape, np.float32)
    for _ in range(2):
        with pytest.raises(ValueError, match="y must"):
            plan.forward(y)


@pytest.mark.thread_unsafe(reason="profiles the calls of the process")
def test_mel_enters_eight_modules_once_it_is_prepared() -> None:
    plan, bank = fastspec.STFT(512, hop_length=128), fastspec.MelBank(16000, 512, 40)
    y = np.random.default_rng(0).standard_normal(20000).astype(np.float32)
    plan.mel(y, bank)
    entries = walk(lambda: plan.mel(y, bank))
    assert len(entries) <= 8, entries
    assert max(entries.values()) <= 2, entries
