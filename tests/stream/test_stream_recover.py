"""Signals from magnitudes that come block by block: the bits of `recover`, whatever the blocks are."""

import copy
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recovery_cases import magnitudes

import fastspec
from fastspec.stream import StreamingRecover, StreamingRecoverMel

pytestmark = pytest.mark.filterwarnings("ignore:.* violate NOLA:UserWarning")
METHODS: dict[str, dict[str, Any]] = {
    "rtisi": {"method": "rtisi", "segments": 1},
    "pghi": {"method": "rtpghi"},
}
each_method = pytest.mark.parametrize("method", METHODS)
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
each_size = pytest.mark.parametrize("n_fft", [64, 66, 35])


def whole(plan: fastspec.STFT, S: Any, method: str, *, length: int | None = None, **options: Any) -> Any:
    return fastspec.recover(S, plan, length=length, **METHODS[method], **options)


def joined(stream: StreamingRecover, S: Any, cuts: list[int], length: int | None = None) -> Any:
    """Block by block; what the cuts leave comes at the end."""
    blocks, at = [], 0
    for count in [*cuts, S.shape[-1]]:
        blocks.append(stream.push(S[..., at : at + count]))
        at += count
    return np.concatenate([*blocks, stream.flush(length)], axis=-1)


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(list(METHODS)), n_fft=st.sampled_from([64, 60, 66, 35, 2]), share=st.floats(0.02, 1.3),
    center=st.booleans(), dtype=st.sampled_from(["float32", "float64"]), look_ahead=st.integers(0, 1),
    lead=st.sampled_from([(), (1,), (3,), (2, 1, 2)]), frames=st.integers(1, 14), more=st.integers(0, 100),
    cuts=st.lists(st.integers(0, 6), max_size=8),
)  # fmt: skip
def test_blocks_do_not_change_bits(
    method: str, n_fft: int, share: float, center: bool, dtype: str, look_ahead: int, lead: tuple[int, ...],
    frames: int, more: int, cuts: list[int],
) -> None:  # fmt: skip
    hop = max(1, round(share * n_fft))
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", center=center, dtype=dtype)
    S = magnitudes(plan, int(np.prod(lead)), frames).reshape(*lead, plan.n_bins, frames)
    length = plan.n_samples(frames) + more % hop
    if not length:
        return
    stream = StreamingRecover(plan, method, look_ahead=look_ahead, rng=5)
    y = joined(stream, S, cuts, length)
    expected = whole(plan, S, method, length=length, look_ahead=look_ahead, rng=5)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)
    stream.reset()
    np.testing.assert_array_equal(joined(stream, S, [1] * frames, length), expected)


@each_method
@each_dtype
@each_size
@pytest.mark.parametrize("hop", [9, 32, 50])
@pytest.mark.parametrize("center", [True, False])
def test_latency_is_what_it_says(method: str, n_fft: int, hop: int, center: bool, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", center=center, dtype=dtype)
    stream = StreamingRecover(plan, method)
    if hop <= (n_fft // 2 if center else n_fft):
        assert stream.latency == n_fft - hop + {"rtisi": 3, "pghi": 1}[method] * hop
    S, n_samples = magnitudes(plan, 1, 20)[0], 0
    for frame in range(20):
        n_samples += stream.push(S[:, frame : frame + 1]).size
        end = frame * hop + n_fft - (n_fft // 2 if center else 0)
        assert n_samples == max(0, end - stream.latency)


@each_method
@each_dtype
@each_size
def test_any_level_gives_the_bits_of_the_whole(method: str, n_fft: int, dtype: str) -> None:
    """`recover` sees the loudest magnitude before it begins, a stream does not."""
    plan = fastspec.STFT(n_fft, hop_length=16, dtype=dtype)
    S = magnitudes(plan, 2, 24)
    S[1, :, :12] = 0  # sound begins late
    powers = (-66, -40, -1, 13, 40, 66) if dtype == "float32" else (-660, -40, 24, 40, 660)
    base = whole(plan, S, method, rng=0)
    for power in powers:
        scale = plan.dtype.type(2.0**power)
        np.testing.assert_array_equal(whole(plan, S * scale, method, rng=0), base * scale)
        y = joined(StreamingRecover(plan, method, rng=0), S * scale, [3] * 8)
        np.testing.assert_array_equal(y, base * scale)


@each_method
@each_dtype
@each_size
def test_levels_may_change(method: str, n_fft: int, dtype: str) -> None:
    """From the largest numbers to the smallest, silence between."""
    plan = fastspec.STFT(n_fft, hop_length=16, dtype=dtype)
    limits = np.finfo(plan.dtype)
    S = np.concatenate([magnitudes(plan, 1, 15)[0]] * 6, axis=-1)
    levels = np.repeat(np.array([1e7, limits.tiny * 8, 1e15, 0, limits.smallest_subnormal, 1e-20], S.dtype), 15)
    y = joined(StreamingRecover(plan, method, rng=0), S * levels, [1] * 40)
    assert np.isfinite(y).all()
    loud = slice(0, 8 * 16)
    assert np.abs(y[loud]).max() > 1e7 / n_fft / 10


@each_method
@pytest.mark.parametrize("n_fft", [64, 66])
def test_a_long_silence_leaves_no_trace(method: str, n_fft: int) -> None:
    """Sound after a minute of digital silence comes out as it does after a little."""
    plan = fastspec.STFT(n_fft, hop_length=16)
    S, results = magnitudes(plan, 1, 30)[0], []
    for silent in (12, 4000):
        stream = StreamingRecover(plan, method, tolerance=0.0, rng=0)
        stream.push(S)
        quiet = [stream.push(np.zeros((plan.n_bins, silent), np.float32)) for _ in range(2)]
        assert not quiet[1][5 * 16 :].any()
        results.append(np.concatenate([stream.push(S), stream.flush()]))
    if method == "rtisi":
        np.testing.assert_array_equal(results[1], results[0])
    assert np.abs(results[1]).max() > 0.5 * np.abs(results[0]).max()


@each_method
def test_reset_makes_it_new_and_flush_ends_it(method: str) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = magnitudes(plan, 2, 10)
    stream = StreamingRecover(plan, method, rng=1)
    assert stream.flush().shape == (0,)
    with pytest.raises(ValueError, match="ended"):
        stream.push(S)
    stream.reset()
    first = joined(stream, S, [4])
    for call in (stream.flush, lambda: stream.push(S)):
        with pytest.raises(ValueError, match="ended"):
            call()
    stream.reset()
    alone = joined(stream, S[0], [1, 1])
    np.testing.assert_array_equal(alone, whole(plan, S[0], method, rng=1))
    stream.reset()
    np.testing.assert_array_equal(joined(stream, S, []), first)
    stream.reset()
    assert stream.push(S[..., :0]).shape == (2, 0)
    assert stream.flush().shape == (2, 0)


@each_method
@each_dtype
def test_samples_are_written_to_out(method: str, dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    S = magnitudes(plan, 2, 12)
    expected = joined(StreamingRecover(plan, method, rng=0), S, [1] * 12)
    stream, at = StreamingRecover(plan, method, rng=0), 0
    buffer = np.full((2, 300), np.nan, dtype)[:, ::2]
    for frame in range(12):
        y = stream.push(S[..., frame : frame + 1], out=buffer)
        assert y.size == 0 or np.shares_memory(y, buffer)
        np.testing.assert_array_equal(y, expected[:, at : at + y.shape[1]])
        at += y.shape[1]
    np.testing.assert_array_equal(stream.flush(), expected[:, at:])


@each_method
def test_errors_leave_the_stream_as_it_was(method: str) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = np.ascontiguousarray(magnitudes(plan, 2, 12))
    stream = StreamingRecover(plan, method, rng=0)
    blocks = [stream.push(S[..., :6])]
    bad = S[..., 6:].copy()
    bad[1, 3, 2] = np.nan
    frozen = np.zeros((2, 500), np.float32)
    frozen.flags.writeable = False
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (S[0], {}, ValueError, "leading axes"),
        (S[:, 1:], {}, ValueError, "S must have shape"),
        (S[0, :, 0], {}, ValueError, "S must have shape"),
        (S.astype(complex), {}, TypeError, "S must hold real numbers"),
        (bad, {}, ValueError, r"S\[1, 3, 2\] is nan"),
        (-S, {}, ValueError, "at least 0"),
        (S[..., 6:], {"out": np.zeros((2, 3), np.float32)}, ValueError, "96 or more"),
        (S[..., 6:], {"out": np.zeros((2, 500))}, ValueError, "out must be an array of float32"),
        (S[..., 6:], {"out": np.zeros(500, np.float32)}, ValueError, "out must be an array"),
        (S[..., 6:], {"out": [1]}, ValueError, "out must be an array"),
        (S[..., 6:], {"out": frozen}, ValueError, "out must be writable"),
        (S[..., 6:], {"out": S.reshape(2, -1)}, ValueError, "share memory"),
    ]
    for block, options, error, match in cases:
        with pytest.raises(error, match=match):
            stream.push(block, **options)
    blocks.append(stream.push(S[..., 6:]))
    for length, error in ((5, ValueError), (10**6, ValueError), (1.5, ValueError), ("3", TypeError)):
        with pytest.raises(error, match="length"):
            stream.flush(length)  # type: ignore[arg-type]
    blocks.append(stream.flush())
    np.testing.assert_array_equal(np.concatenate(blocks, axis=-1), whole(plan, S, method, rng=0))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"method": "griffin"}, ValueError, "method must be one of griffinlim, fast"),
        ({"method": "pghi", "n_iter": 3}, ValueError, "n_iter must be left out or 0"),
        ({"segments": 4}, ValueError, "segments must be 1 for a stream"),
        ({"look_ahead": 16}, ValueError, "look_ahead must be at most 15"),
        ({"method": "pghi", "look_ahead": 2}, ValueError, "look_ahead must be 0 or 1"),
        ({"n_iter": 0}, ValueError, "n_iter"),
        ({"method": "pghi", "tolerance": 1}, ValueError, "tolerance"),
        ({"rng": "x"}, TypeError, "x"),
        ({"plan": 3}, TypeError, "plan must be a fastspec.STFT"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        StreamingRecover(**({"plan": fastspec.STFT(64)} | options))


@each_method
def test_it_warns_of_gaps_once_and_cannot_be_copied(method: str) -> None:
    with pytest.warns(UserWarning, match="win_length=64 and hop_length=80 violate NOLA") as caught:
        stream = StreamingRecover(fastspec.STFT(64, hop_length=80), method)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for copied in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="make another"):
            copied(stream)
    assert method in repr(stream)


@each_method
@pytest.mark.parametrize("signals", [1, 2])
def test_nothing_of_a_blocks_size_is_allocated(method: str, signals: int) -> None:
    """With `out`, once the first blocks have come."""
    plan = fastspec.STFT(2048, hop_length=512)
    S = magnitudes(plan, signals, 64)
    stream, out = StreamingRecover(plan, method, n_iter=1 if method == "rtisi" else "auto"), np.zeros(
        (signals, 16 * 512), np.float32
    )  # fmt: skip
    for at in (0, 16):
        stream.push(S[..., at : at + 16], out=out)
    tracemalloc.start()
    try:
        for at in (32, 48):
            stream.push(S[..., at : at + 16], out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 512 * 4 / 2


@each_dtype
@pytest.mark.parametrize(
    ("method", "rounds"), [("joint", "accelerated"), ("joint", "fast"), ("cascade", "raar"), ("cascade", "rtisi")]
)
@pytest.mark.parametrize("log", [None, "db"])
def test_mels_give_the_bits_of_the_whole(method: str, rounds: str, log: Any, dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    bank = fastspec.MelBank(8000, 64, 12, dtype=dtype)
    y = np.random.default_rng(0).standard_normal((2, 5000))
    M = plan.mel(y, bank, log=log)
    options: Any = {"log": log, "method": method, "rounds": rounds, "n_iter": 2, "rng": 3, "block": 100}
    expected = fastspec.recover_mel(M, bank, plan, length=5000, **options)
    stream = StreamingRecoverMel(plan, bank, **options)
    for cuts in ([1, 90, 0, 200], [5] * 70):
        np.testing.assert_array_equal(joined(stream, M, cuts, 5000), expected)
        stream.reset()


def test_wrong_arguments_of_mels_are_named() -> None:
    plan, bank = fastspec.STFT(64), fastspec.MelBank(8000, 64, 12)
    for options, error, match in (
        ({"method": "both"}, ValueError, "method must be one of joint, cascade"),
        ({"rounds": "raar"}, ValueError, "rounds must be griffinlim, fast or accelerated"),
        ({"power": 0}, ValueError, "power must be above 0"),
        ({"log": "bels"}, ValueError, "log must be None or one of"),
        ({"bank": fastspec.MelBank(8000, 128, 12)}, ValueError, "bank must have n_bins = 33 columns"),
        ({"init": np.zeros(3)}, TypeError, "init must be the name of a start"),
        ({"block": 3}, ValueError, "block must be at least"),
    ):
        with pytest.raises(error, match=match):
            StreamingRecoverMel(plan, **{"bank": bank, **options})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"M must have shape \(..., 12, frames\), got \(33, 5\)"):
        StreamingRecoverMel(plan, bank).push(np.ones((33, 5)))
