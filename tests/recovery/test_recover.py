"""`recover` against its slow twins, and its laws for all magnitudes."""

import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
import twins_recover as twins
from cases import speech
from engine_cases import PAD_MODES
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]
METHODS = ["griffinlim", "fast", "accelerated", "admm", "raar"]
STARTS = ["pghi", "spsi", "offset", "random", "zero"]
EPS = {"float32": 1e-4, "float64": 1e-11}
"""Roundings grow where a bin is small beside its magnitude: some rounds of random bins make 100 or so of them."""


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def magnitudes(p: twins.Plan, signals: int = 1, seed: int = 0) -> Array:
    return np.abs(p.forward(noise(signals, p.length, seed=seed)))


def distance(result: Array, wanted: Array) -> float:
    return float(np.linalg.norm(result - wanted) / np.linalg.norm(wanted))


def convergence(y: Array, S: Array, plan: fastspec.STFT) -> float:
    same = fastspec.STFT(
        plan.n_fft, hop_length=plan.hop_length, window=plan.window, center=plan.center, dtype="float64"
    )
    return float(20 * np.log10(np.linalg.norm(np.abs(same.forward(y)) - S) / np.linalg.norm(S)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("n_fft", "hop", "options"),
    [
        (64, 16, {}),
        (62, 11, {"window": "hamming"}),  # 31 is no product of small primes
        (60, 7, {"win_length": 50}),
        (33, 8, {}),
        (32, 40, {"window": "boxcar"}),  # gaps
        (48, 12, {"center": False, "window": "hamming"}),
    ],
)
@pytest.mark.parametrize("n_iter", [0, 1, 4])
def test_rounds_are_the_formulas_of_the_papers(
    n_fft: int, hop: int, options: Any, method: str, n_iter: int, dtype: str
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype, **options)
    length = plan.n_samples(40)
    p = twins.Plan(n_fft, hop, length, **options)
    S = magnitudes(p, 2)
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, S.shape)
    start = p.consistent(S * np.exp(1j * phases))
    wanted = getattr(twins, method)(p, lambda c: twins.with_magnitudes(c, S), start, n_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gaps
        result = fastspec.recover(S, plan, method=method, n_iter=n_iter, init=phases, limit_ends=False)
    assert result.dtype == dtype
    assert distance(result, wanted) <= EPS[dtype]


@pytest.mark.parametrize("pad_mode", [mode for mode in PAD_MODES if mode != "constant"])
def test_padding_is_renewed_in_every_round(pad_mode: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype="float64", pad_mode=pad_mode)
    p = twins.Plan(64, 16, plan.n_samples(30), pad_mode=pad_mode)
    S = magnitudes(p)
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, S.shape)
    start = p.consistent(S * np.exp(1j * phases))
    linear = pad_mode not in ("maximum", "median", "minimum")  # else signals are not mixed as their spectra are
    for method in ("fast", "raar", "accelerated") if linear else ("fast", "raar"):
        wanted = getattr(twins, method)(p, lambda c: twins.with_magnitudes(c, S), start, 3)
        assert distance(fastspec.recover(S, plan, method=method, n_iter=3, init=phases), wanted) <= EPS["float64"]


@given(
    st.integers(2, 130), st.integers(1, 60), st.integers(1, 60), st.sampled_from(METHODS), st.booleans(), st.booleans()
)
@example(n_fft=2, hop=1, frames=11, method="griffinlim", center=False, across=False)  # a bin that cancels to nothing
@example(n_fft=2, hop=1, frames=10, method="griffinlim", center=True, across=False)
@settings(max_examples=60, deadline=None)
def test_any_size(n_fft: int, hop: int, frames: int, method: str, center: bool, across: bool) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", center=center, dtype="float64")
    length = plan.n_samples(frames)
    if not length:
        return
    p = twins.Plan(n_fft, hop, length, window="hamming", center=center)
    S = magnitudes(p, 3)
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, S.shape)

    def slowly(S: Array) -> Array:
        start = p.consistent(S * np.exp(1j * phases))
        return np.asarray(getattr(twins, method)(p, lambda c: twins.with_magnitudes(c, S), start, 2))

    wanted = slowly(S)
    same = np.asfortranarray(S) if across else S
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = fastspec.recover(same, plan, method=method, n_iter=2, init=phases, limit_ends=False)
    # A bin that cancels to next to nothing has the phase of its rounding error, and with it what follows: how well a
    # signal is determined is how far the twin itself goes when each magnitude is moved by the last digit.
    eps = 2.0**-52
    moves = (S * (1 + eps * np.random.default_rng(seed).choice([-1, 1], S.shape)) for seed in range(8))
    moved = [[distance(y, x) for y, x in zip(slowly(near), wanted, strict=True)] for near in moves]
    for y, x, reach in zip(result, wanted, np.max(moved, axis=0), strict=True):
        assert distance(y, x) <= 10 * (eps + reach)


def test_parameters_of_the_methods() -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype="float64")
    p = twins.Plan(64, 16, plan.n_samples(30))
    S = magnitudes(p)
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, S.shape)
    start = p.consistent(S * np.exp(1j * phases))
    for method, options in (
        ("fast", {"momentum": 0.3}),
        ("accelerated", {"alpha": 0.2, "beta": 0.4, "gamma": 1.1}),
        ("raar", {"beta": 0.9}),
    ):
        wanted = getattr(twins, method)(p, lambda c: twins.with_magnitudes(c, S), start, 3, **options)
        assert distance(fastspec.recover(S, plan, method=method, n_iter=3, init=phases, **options), wanted) < 1e-11
        chain = [(method, 3, options)]
        assert distance(fastspec.recover(S, plan, method=chain, init=phases), wanted) < 1e-11


def test_a_chain_goes_on_from_signal_to_signal() -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype="float64")
    p = twins.Plan(64, 16, plan.n_samples(30))
    S = magnitudes(p)
    phases = np.random.default_rng(1).uniform(-np.pi, np.pi, S.shape)

    def P2(c: Array) -> Array:
        return twins.with_magnitudes(c, S)

    c = p.consistent(S * np.exp(1j * phases))
    c = p.forward(twins.raar(p, P2, c, 3))
    c = p.forward(twins.accelerated(p, P2, c, 2))
    wanted = twins.admm(p, P2, c, 2)
    chain = [("raar", 3), ("accelerated", 2), ("admm", 2)]
    result, info = fastspec.recover(S, plan, method=chain, init=phases, return_info=True)
    assert distance(result, wanted) < 1e-11
    assert info.rounds == 7
    assert np.array_equal(result, fastspec.recover(S, plan, method=chain, init=phases))


@pytest.mark.parametrize("method", METHODS)
def test_info_is_measured_on_what_is_returned(method: str) -> None:
    plan = fastspec.STFT(128, hop_length=32, dtype="float64")
    S = plan.power(noise(2, 3, 3000), power=1)
    y, info = fastspec.recover(S, plan, method=method, n_iter=6, init="random", rng=3, return_info=True)
    assert y.shape == (2, 3, plan.n_samples(S.shape[-1]))
    assert info.convergence.shape == (7, 2, 3)
    assert info.rounds == 6
    for i in np.ndindex(2, 3):
        assert abs(info.convergence[(-1, *i)] - convergence(y[i], S[i], plan)) < 1e-9
    for k in (0, 3):
        earlier = fastspec.recover(S, plan, method=method, n_iter=k, init="random", rng=3)
        assert abs(info.convergence[k, 1, 2] - convergence(earlier[1, 2], S[1, 2], plan)) < 1e-9
    assert info.phase.shape == S.shape
    assert np.allclose(np.abs(plan.forward(y)) * np.exp(1j * info.phase), plan.forward(y))


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_may_stop(method: str) -> None:
    plan = fastspec.STFT(128, hop_length=32, dtype="float64")
    S = plan.power(noise(3000), power=1)
    calls: list[tuple[int, float]] = []

    def on_round(count: int, reached: float) -> bool:
        calls.append((count, reached))
        return count == 3

    y, info = fastspec.recover(
        S, plan, method=method, n_iter=9, init="random", rng=0, callback=on_round, return_info=True
    )
    assert [count for count, _ in calls] == [1, 2, 3]
    assert info.rounds == 3
    assert calls[-1][1] == info.convergence[-1]
    assert np.array_equal(y, fastspec.recover(S, plan, method=method, n_iter=3, init="random", rng=0))


def test_tol_stops_where_a_round_gains_less() -> None:
    plan = fastspec.STFT(128, hop_length=32, dtype="float64")
    S = plan.power(noise(2, 3000), power=1)
    _, info = fastspec.recover(
        S, plan, method="griffinlim", n_iter=500, init="random", rng=0, tol=0.1, return_info=True
    )
    gains = -np.diff(info.convergence, axis=0).T
    assert 1 < info.rounds < 500
    assert (gains[:, :-1].max(axis=0) >= 0.1).all()
    assert (gains[:, -1] < 0.1).all()


@pytest.mark.parametrize("init", STARTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads_on_the_batch_or_on_memory(init: str, dtype: str) -> None:
    plan = fastspec.STFT(256, hop_length=64, dtype=dtype)
    S = plan.power(np.stack([speech(20000), noise(20000)]), power=1)
    before = S.copy()
    results = []
    for threads in (1, 2, 3):
        with fastspec.threads(threads):
            results.append(fastspec.recover(S, plan, init=init, n_iter=3, rng=5))
    assert all(np.array_equal(results[0], result) for result in results[1:])
    assert np.array_equal(S, before)
    for memory in (np.ascontiguousarray(S), np.asfortranarray(S), np.repeat(S, 2, axis=-2)[:, ::2]):
        assert np.array_equal(fastspec.recover(memory, plan, init=init, n_iter=3, rng=5), results[0])
    alone = fastspec.recover(S[0], plan, init=init, n_iter=3, rng=5)
    assert np.array_equal(alone, results[0][0])


@pytest.mark.parametrize("init", STARTS)
@pytest.mark.parametrize("n_fft", [256, 255])
def test_every_start_makes_the_rounds_better_than_silence(init: str, n_fft: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=64)
    S = plan.power(speech(16000), power=1)
    y, info = fastspec.recover(S, plan, init=init, rng=0, n_iter=10, return_info=True)
    assert np.isfinite(y).all()
    assert info.convergence[-1] < min(-10, info.convergence[0])


def test_phases_of_a_caller_are_a_start() -> None:
    plan = fastspec.STFT(256, hop_length=64, dtype="float64")
    y = speech(16000).astype(np.float64)
    D = plan.forward(y)
    for init in (np.angle(D), D, D * 3):
        result = fastspec.recover(np.abs(D), plan, init=init, n_iter=0)
        assert distance(result, y[: result.size]) < 1e-12
        assert convergence(fastspec.recover(np.abs(D), plan, init=init, n_iter=5), np.abs(D), plan) < -200


@pytest.mark.parametrize("scale", [1e-36, 1e-10, 1e10, 1e36])
@pytest.mark.parametrize("method", ["accelerated", "raar", "rtisi"])
def test_loudness_does_not_matter(scale: float, method: str) -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = plan.power(noise(4000), power=1)
    quiet = float(2.0 ** np.round(np.log2(scale)))  # a power of two keeps the digits
    y = fastspec.recover(S, plan, method=method, n_iter=3, rng=0)
    assert distance(fastspec.recover(S * np.float32(quiet), plan, method=method, n_iter=3, rng=0) / quiet, y) < 1e-5


def test_silence_and_next_to_nothing() -> None:
    plan = fastspec.STFT(128, hop_length=32)
    for frames in (1, 2, 20):
        y, info = fastspec.recover(np.zeros((65, frames)), plan, return_info=True)
        assert y.shape == (plan.n_samples(frames),)
        assert not y.any()
        assert info.rounds == 0
        assert info.phase.shape == (65, frames)
    half = plan.power(np.stack([np.zeros(3000), noise(3000)]), power=1)
    y, info = fastspec.recover(half, plan, n_iter=2, rng=0, return_info=True)
    assert not y[0].any()
    assert (info.convergence[:, 0] == -np.inf).all()
    assert y[1].any()


@pytest.mark.parametrize("method", ["accelerated", "raar", "rtisi"])
def test_any_array_of_magnitudes_will_do(method: str) -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = np.round(100 * plan.power(noise(3000), power=1)).astype(np.int16)
    wanted = fastspec.recover(S.astype(np.float32), plan, method=method, rng=0)
    read_only = np.repeat(S, 2, axis=1)[:, ::2]
    read_only.flags.writeable = False
    for same in (S, S.tolist(), read_only, S.astype(">f8")):
        assert np.array_equal(fastspec.recover(same, plan, method=method, rng=0), wanted)
    short = fastspec.recover(S[:, :1], plan, method=method, rng=0, length=1)  # one sample
    assert short.shape == (1,)
    assert np.isfinite(short).all()


def test_lengths_and_outputs() -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = plan.power(noise(3000), power=1)
    frames = S.shape[-1]
    buffer = np.full(3010, 7, np.float32)
    y = fastspec.recover(S, plan, n_iter=2, rng=0, length=3001, out=buffer[:3001])
    assert y.base is buffer or np.shares_memory(y, buffer)
    assert (buffer[3001:] == 7).all()
    assert np.array_equal(y, fastspec.recover(S, plan, n_iter=2, rng=0, length=3001))
    with pytest.raises(ValueError, match=rf"length=9999 .* S has {frames}"):
        fastspec.recover(S, plan, length=9999)
    with pytest.raises(ValueError, match="out must be an array of float32"):
        fastspec.recover(S, plan, out=np.zeros(5, np.float32))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "magic"}, ValueError, "method must be one of griffinlim.*'magic'"),
        ({"method": []}, ValueError, "method must be one of"),
        ({"method": [("fast",)]}, ValueError, "method must be one of"),
        ({"method": [("fast", 3), ("rtisi", 1)]}, ValueError, "only begin"),
        ({"method": [("fast", 3)], "n_iter": 3}, ValueError, "n_iter"),
        ({"method": [("fast", -3)]}, ValueError, "n_iter"),
        ({"n_iter": -1}, ValueError, "n_iter"),
        ({"n_iter": 2.5}, ValueError, "n_iter"),
        ({"momentum": 1.0}, TypeError, "unknown option 'momentum'.*alpha, beta, gamma"),
        ({"method": "rtisi", "init": "pghi"}, ValueError, "init"),
        ({"init": "nothing"}, ValueError, "init must be .*'nothing'"),
        ({"init": np.zeros((65, 3))}, ValueError, "init must be"),
        ({"init": np.full((65, 94), np.nan)}, ValueError, "init must be finite"),
        ({"tol": np.nan}, ValueError, "tol"),
        ({"tolerance": "much"}, TypeError, "tolerance"),
        ({"tolerance": 2.0}, ValueError, "tolerance"),
        ({"callback": 3}, TypeError, "callback"),
    ],
)
def test_bad_arguments_are_named(options: Any, error: type[Exception], message: str) -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = plan.power(noise(3000), power=1)
    assert S.shape == (65, 94)
    with pytest.raises(error, match=message):
        fastspec.recover(S, plan, **options)


def test_bad_magnitudes_are_named() -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = plan.power(noise(3000), power=1)
    for value, message in ((np.nan, r"S\[3, 7\] is nan"), (np.inf, r"S\[3, 7\] is inf"), (-1, r"S\[3, 7\] is -1")):
        bad = S.copy()
        bad[3, 7] = value
        with pytest.raises(ValueError, match=message):
            fastspec.recover(bad, plan)
    with pytest.raises(TypeError, match="S must hold real numbers, got dtype complex64"):
        fastspec.recover(S.astype(np.complex64), plan)
    with pytest.raises(ValueError, match=r"S must have shape \(..., 65, frames\)"):
        fastspec.recover(S.T, plan)
    gaps = fastspec.STFT(16, hop_length=32)
    with pytest.warns(
        UserWarning, match="win_length=16 and hop_length=32 violate NOLA: some samples cannot be reconstructed from S"
    ) as caught:
        fastspec.recover(gaps.power(noise(300), power=1), gaps)
    assert [warning.filename for warning in caught] == [__file__]


def test_no_more_than_a_complex_array_is_alive() -> None:
    plan = fastspec.STFT(512, hop_length=128)
    S = plan.power(noise(1 << 20).astype(np.float32), power=1)
    spectrum = 2 * S.nbytes
    # magnitudes in lanes are half a spectrum, a signal is a quarter; RAAR has magnitudes in two orders, and a spectrum
    bounds = {"accelerated": 1.7, "raar": 3.2, "rtisi": 1.7}
    for method, bound in bounds.items():
        start = {} if method == "rtisi" else {"init": "random"}
        fastspec.recover(S, plan, method=method, n_iter=2, rng=0, **start)
        tracemalloc.start()
        fastspec.recover(S, plan, method=method, n_iter=2, rng=0, **start)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < bound * spectrum, (method, peak / spectrum)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_control_c_stops_within_a_second() -> None:
    script = """
        import numpy as np, fastspec, sys, time
        plan = fastspec.STFT(512, hop_length=128)
        S = plan.power(np.random.default_rng(0).standard_normal(1 << 21), power=1)
        fastspec.recover(S[:, :100], plan, n_iter=1)
        print("ready", flush=True)
        try:
            fastspec.recover(S, plan, n_iter=100000, init="random")
        except KeyboardInterrupt:
            print("stopped", time.time(), flush=True)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    import time

    time.sleep(0.7)
    sent = time.time()
    os.kill(child.pid, signal.SIGINT)
    word, when = child.communicate(timeout=20)[0].split()
    assert word == "stopped"
    assert float(when) - sent < 1
