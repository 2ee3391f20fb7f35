"""Recovery in blocks: as good as of whole signals, seamless, in bounded memory, however frames are pushed."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import speech_16k
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.recovery import blocks, pghi
from fastspec.recovery.methods import parse_stages
from fastspec.recovery.phase import PhasePrefix
from fastspec.recovery.solve import Problem

Array = np.ndarray[Any, np.dtype[Any]]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def chords(seconds: float, rate: int = 16_000) -> Array:
    """Some partials that begin one after another and fade, and a little noise."""
    rng, t = np.random.default_rng(3), np.arange(int(seconds * rate)) / rate
    y = 1e-3 * rng.standard_normal(len(t))
    for start in np.arange(0, seconds, 0.23):
        f, on = 110 * 2 ** (rng.integers(0, 30) / 12), t > start
        fading = np.where(on, np.exp(-3 * np.maximum(0, t - start)), 0)
        y += fading * sum(np.sin(2 * np.pi * f * k * (t - start)) / k for k in (1, 2, 3, 4))
    return (y / np.abs(y).max()).astype(np.float32)


def misfit(y: Array, S: Array, plan: fastspec.STFT) -> tuple[Array, Array]:
    """Of each frame ||levels of y - S||**2, and ||S||**2."""
    exact = fastspec.STFT(plan.n_fft, hop_length=plan.hop_length, window=plan.window, dtype="float64")
    levels = exact.power(y, power=1)
    return np.square(levels - S).sum(axis=0), np.square(S, dtype=np.float64).sum(axis=0)


def decibels(error: Array, energy: Array, where: Any = slice(None)) -> float:
    return float(10 * np.log10(error[where].sum() / energy[where].sum()))


@pytest.mark.parametrize("sound", [lambda: np.tile(speech_16k(), 4), lambda: chords(16)], ids=["speech", "chords"])
def test_blocks_are_as_good_as_the_whole_and_seams_as_good_as_the_rest(sound: Any) -> None:
    y, plan, block = sound().astype(np.float32), fastspec.STFT(512, hop_length=128), 256
    S = plan.power(y, power=1)
    whole = misfit(fastspec.recover(S, plan, rng=0, length=len(y), block=None), S, plan)
    in_blocks = misfit(fastspec.recover(S, plan, rng=0, length=len(y), block=block), S, plan)
    # of all frames alike: one loud frame in which the methods chance on another solution is worth half a decibel
    gain = 10 * np.log10(in_blocks[0] / np.maximum(whole[0], 1e-12 * whole[1]))
    assert np.median(gain[whole[1] > 1e-3 * whole[1].max()]) < 0.3
    seams = np.arange(block, S.shape[1] - blocks.margin_frames(plan), block)
    assert len(seams) > 5
    near = (seams[:, None] + np.arange(-4, 5)).reshape(-1)
    # seams fall on frames that are harder than others, or easier: those frames of the whole signal say how hard
    assert decibels(*in_blocks, near) < decibels(*whole, near) + 1


STARTS = ["pghi", "spsi", "offset", "random", "zero", "phases"]
METHODS = ["griffinlim", "fast", "accelerated", "admm", "raar"]


@pytest.mark.parametrize(
    ("method", "init"), [*((m, s) for m in METHODS for s in STARTS), ("rtisi", "auto"), ("best", "auto")]
)
def test_every_method_and_start_goes_on_from_block_to_block(method: str, init: str) -> None:
    y, plan = speech_16k()[:40_000].astype(np.float32), fastspec.STFT(256, hop_length=64)
    S = plan.power(y, power=1)
    start: Any = np.angle(plan.forward(y)) + 0.3 * noise(*S.shape) if init == "phases" else init

    def reached(block: int | None, seed: int) -> float:
        options: Any = {"method": method, "init": start, "rng": seed, "length": len(y), "block": block}
        return decibels(*misfit(fastspec.recover(S, plan, **options), S, plan))

    seeds = 8 if init == "random" else 1  # with which the result varies by 0.7 dB
    whole, in_blocks = (np.mean([reached(block, seed) for seed in range(seeds)]) for block in (None, 200))
    assert in_blocks < whole + 0.5


def test_final_samples_stay() -> None:
    """Samples of a block do not depend on frames that come after those ahead of it."""
    y, plan, block = chords(4), fastspec.STFT(512, hop_length=128), 128
    S = plan.power(y, power=1)
    changed = S.copy()
    changed[:, 2 * block + blocks.margin_frames(plan) :] *= 3
    first, second = (fastspec.recover(X, plan, rng=0, block=block) for X in (S, changed))
    final = 2 * block * plan.hop_length
    assert np.array_equal(first[:final], second[:final])
    assert not np.array_equal(first[final:], second[final:])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(st.data())
def test_blocks_of_any_length_give_the_bits_of_all_frames_at_once(data: st.DataObject) -> None:
    n_fft = data.draw(st.sampled_from([16, 33, 34, 64]))
    hop = data.draw(st.sampled_from([1 + n_fft // 5, n_fft // 4, n_fft // 2, n_fft]))
    center, dtype = data.draw(st.booleans()), data.draw(st.sampled_from(["float32", "float64"]))
    window = "boxcar" if hop == n_fft else "hann"
    plan = fastspec.STFT(n_fft, hop_length=hop, window=window, center=center, dtype=dtype)
    frames, signals = data.draw(st.integers(1, 700)), data.draw(st.integers(1, 2))
    S = np.abs(noise(signals, plan.n_bins, frames)).astype(dtype)
    block, seed = blocks.margin_frames(plan) + data.draw(st.integers(0, 100)), data.draw(st.integers(0, 9))
    method = data.draw(st.sampled_from(["accelerated", "rtisi", [("raar", 2), ("fast", 1)]]))
    count = 2 if isinstance(method, str) else "auto"
    length = plan.n_samples(frames) + data.draw(st.integers(0, hop - 1))
    wanted = fastspec.recover(S, plan, method=method, n_iter=count, rng=seed, block=block, length=length)
    stream = blocks.BlockEngine(Problem(plan, parse_stages(method, count, {})), block, seed, signals)
    blocks_of_y, a = [], 0
    while a < frames:
        b = a + data.draw(st.integers(0, 300))
        blocks_of_y.append(stream.push(S[:, :, a:b]))
        a = b
    blocks_of_y.append(stream.finish(length))
    y = np.concatenate(blocks_of_y, axis=-1)
    assert y.shape == wanted.shape == (signals, length)
    assert np.isfinite(y).all()
    assert np.array_equal(y, wanted)


def test_a_signal_has_the_same_bits_for_any_number_of_threads_and_whatever_comes_after_it_in_a_batch() -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = np.abs(noise(3, plan.n_bins, 500))
    wanted = fastspec.recover(S, plan, rng=5, block=100)
    assert np.array_equal(fastspec.recover(S[0], plan, rng=5, block=100), wanted[0])
    for threads in (1, 2, 3):
        with fastspec.threads(threads):
            assert np.array_equal(fastspec.recover(S, plan, rng=5, block=100), wanted)


def test_one_block_is_the_whole_signal() -> None:
    plan = fastspec.STFT(128, hop_length=32)
    S = np.abs(noise(plan.n_bins, 300))
    options: Any = {"init": np.zeros(S.shape), "n_iter": 3}  # nothing that is drawn
    assert np.array_equal(fastspec.recover(S, plan, block=400, **options), fastspec.recover(S, plan, **options))


def test_long_signals_are_taken_in_blocks_and_many_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fastspec.STFT(32, hop_length=8)
    S = np.abs(noise(3, plan.n_bins, 3000))
    whole, in_blocks = (fastspec.recover(S, plan, n_iter=2, rng=0, block=block) for block in (None, 1 << 10))
    from fastspec.recovery import recover

    monkeypatch.setattr(recover, "MAX_WHOLE_BINS", plan.n_bins * 3000)  # one signal at a time
    assert np.array_equal(fastspec.recover(S, plan, n_iter=2, rng=0), whole)
    monkeypatch.setattr(recover, "MAX_WHOLE_BINS", plan.n_bins * 3000 - 1)
    monkeypatch.setattr(blocks, "BLOCK_BINS", plan.n_bins << 10)
    assert np.array_equal(fastspec.recover(S, plan, n_iter=2, rng=0), in_blocks)
    assert not np.array_equal(in_blocks, whole)
    y, info = fastspec.recover(S, plan, n_iter=2, rng=0, return_info=True)  # which takes whole signals
    assert np.array_equal(y, whole)
    assert info.rounds == 2


@pytest.mark.parametrize("log", [None, "db"])
@pytest.mark.parametrize("method", ["joint", "cascade"])
def test_mels_in_blocks(method: str, log: Any) -> None:
    y, plan = np.tile(speech_16k(), 2).astype(np.float32), fastspec.STFT(512, hop_length=128)
    bank = fastspec.MelBank(16_000, 512, 60)
    M = plan.mel(y, bank, log=log)
    whole, in_blocks = (
        fastspec.recover_mel(M, bank, plan, log=log, method=method, rng=0, length=len(y), block=block)
        for block in (None, 200)
    )
    levels = plan.mel(y, bank)
    first, second = (
        20 * np.log10(np.linalg.norm(plan.mel(x, bank) - levels) / np.linalg.norm(levels)) for x in (whole, in_blocks)
    )
    assert second < first + 0.5


def test_maps_of_any_dtype_in_bounded_memory(tmp_path: Path) -> None:
    """Memory beside magnitudes and samples does not grow with them."""
    plan, peaks = fastspec.STFT(256, hop_length=64), {}
    y = chords(2)
    S_once = plan.power(y, power=1)
    for times in (4, 16):
        S = np.memmap(tmp_path / "S", np.float64, "w+", shape=(S_once.shape[1] * times, plan.n_bins)).T
        for a in range(0, S.shape[1], S_once.shape[1]):
            S[:, a : a + S_once.shape[1]] = S_once
        out = np.memmap(tmp_path / "y", np.float32, "w+", shape=(plan.n_samples(S.shape[1]),))
        tracemalloc.start()
        assert fastspec.recover(S, plan, n_iter=2, rng=1, block=500, out=out) is out
        peaks[times] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.array_equal(out, fastspec.recover(np.array(S, order="C"), plan, n_iter=2, rng=1, block=500))
    frames = 500 + 2 * blocks.margin_frames(plan)
    assert peaks[16] < 1.05 * peaks[4] + (64 << 10)
    assert peaks[16] < 60 * frames * plan.n_bins


def test_trees_of_phases_are_fitted_to_a_prefix() -> None:
    y, plan = speech_16k()[:30_000], fastspec.STFT(512, hop_length=128, dtype="float64")
    S = plan.power(y, power=1)[None]
    free = pghi.phases(plan, S, tol=1e-3, rng=np.random.default_rng(0))
    rotation = 0.7
    prefix = PhasePrefix(free[:, :, :60] + rotation, 60)
    result = pghi.phases(plan, S, tol=1e-3, rng=np.random.default_rng(0), prefix=prefix)
    # islands that reach into the prefix are rotated with it, others stay
    gap = np.angle(np.exp(1j * (result - free)))[0, 1:-1]
    loud = S[0, 1:-1] > 1e-3 * S.max()
    rotated, stayed = np.abs(gap - rotation) < 1e-9, np.abs(gap) < 1e-9
    assert (rotated | stayed)[loud].all()
    assert rotated[:, :60][loud[:, :60]].all()
    assert rotated[loud].mean() > 0.5
    assert stayed[~loud].all()


def test_silence_and_a_last_block_of_a_frame() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = np.abs(noise(plan.n_bins, 301))
    S[:, 90:250] = 0
    y = fastspec.recover(S, plan, rng=0, block=100)
    assert np.isfinite(y).all()
    assert np.abs(y[100 * 16 : 240 * 16]).max() < 1e-6 * np.abs(y).max()
    assert not fastspec.recover(0 * S, plan, rng=0, block=100).any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"block": 63}, ValueError, r"block must be at least 16 ceil\(n_fft / hop_length\) = 64 frames, got 63"),
        ({"block": 64.5}, ValueError, "block must be a whole number, got 64.5"),
        ({"block": "all"}, ValueError, "block must be a number of frames, None or 'auto', got 'all'"),
        ({"block": [64]}, TypeError, r"block must be a whole number, got \[64\]"),
        (
            {"block": 100, "tol": 0.1},
            ValueError,
            "block must be None or 'auto' with tol, callback or return_info, got 100",
        ),
    ],
)
def test_bad_arguments_are_named(options: Any, error: type[Exception], message: str) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    with pytest.raises(error, match=message):
        fastspec.recover(np.abs(noise(plan.n_bins, 300)), plan, **options)


def test_nothing_is_written_if_the_last_frame_is_bad() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S, out = np.abs(noise(plan.n_bins, 500)), np.full(plan.n_samples(500), 7, np.float32)
    S[3, -1] = np.nan
    with pytest.raises(ValueError, match=r"S\[3, 499\] is nan: every value must be finite and at least 0"):
        fastspec.recover(S, plan, rng=0, block=100, out=out)
    assert (out == 7).all()
