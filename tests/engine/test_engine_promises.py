"""What the engine promises beside its numbers: batches, threads, outputs, memory, counts; and its errors."""

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from engine_cases import ALL, DTYPES, enough, noise, plans, run
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec


# ---- many signals, threads, memory ----
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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (100, 90), (51, 20)])
@pytest.mark.parametrize("frames", [3, 40, 300])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_spectrogram_of_a_batch_gives_the_bits_it_gives_alone(
    dtype: str, n_fft: int, hop: int, frames: int, threads: int
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", dtype=dtype)
    D = plan.forward(noise((3, 7, plan.n_samples(frames)), 13))
    batch = plan.inverse(D)
    with fastspec.threads(threads):
        np.testing.assert_array_equal(plan.inverse(np.repeat(D, 2, axis=-2)[..., ::2, :]), batch)
        for i in range(3):
            for j in range(7):
                np.testing.assert_array_equal(plan.inverse(D[i, j]), batch[i, j])


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


@pytest.mark.thread_unsafe(reason="measures the memory of the process")
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
@settings(max_examples=60, deadline=None)
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
