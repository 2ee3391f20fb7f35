"""Streams of signals: the bits of the whole signal, whatever the sizes of the blocks; nothing allocated on the way."""

import os
import subprocess
import sys
import textwrap
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from cases import speech_16k
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.stream import StreamingMel, StreamingPower, StreamingSTFT

Array = np.ndarray[Any, np.dtype[Any]]
MODES = ["constant", "edge", "linear_ramp", "reflect", "symmetric"]
SIZES = [2, 3, 16, 33, 34, 64, 45, 128]  # 34 is SciPy's, odd ones are complex transforms


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def bank_for(plan: fastspec.STFT) -> fastspec.FilterBank:
    weights = np.random.default_rng(1).random((5, plan.n_bins))
    weights[weights < 0.4] = 0
    return fastspec.FilterBank(weights)


def pushed(stream: Any, y: Array, sizes: list[int], order: str = "") -> Array:
    """All frames of a stream that gets blocks of these sizes, then the rest."""
    found, a = [], 0
    for size in [*sizes, y.shape[-1]]:
        block = y[..., a : a + size]
        if order:
            count = stream.push(block[..., :0]).shape[-1] + block.shape[-1] + 8
            shape = (*y.shape[:-1], stream._step.width, count)
            out = np.empty(shape, stream._dtype) if order == "C" else np.empty(shape[::-1], stream._dtype).T
            part = stream.push(block, out=out)
            assert np.may_share_memory(part, out) or not part.size
            found.append(part)
        else:
            found.append(stream.push(block))
        a += size
    return np.concatenate([*found, stream.flush()], axis=-1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
@given(st.data())
def test_blocks_of_any_size_give_the_bits_of_the_whole_signal(data: st.DataObject) -> None:
    n_fft = data.draw(st.sampled_from(SIZES))
    hop = data.draw(st.one_of(st.integers(1, n_fft), st.integers(n_fft, 3 * n_fft)))
    dtype, center = data.draw(st.sampled_from(["float32", "float64"])), data.draw(st.booleans())
    mode = data.draw(st.sampled_from(MODES))
    plan = fastspec.STFT(n_fft, hop_length=hop, center=center, pad_mode=mode, dtype=dtype)
    n = data.draw(st.one_of(st.integers(1, n_fft), st.integers(1, 40 * hop)))
    lead = data.draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    y = noise(*lead, n, seed=data.draw(st.integers(0, 9))).astype(data.draw(st.sampled_from([dtype, "float64", ">f4"])))
    what = data.draw(st.sampled_from(["complex", "power", "mel"]))
    sizes = data.draw(st.lists(st.integers(0, 3 * hop + 5), max_size=12))
    bank = bank_for(plan)
    stream: Any = {
        "complex": lambda: StreamingSTFT(plan),
        "power": lambda: StreamingPower(plan, power=1),
        "mel": lambda: StreamingMel(plan, bank, log="db"),
    }[what]()
    if not center and n < n_fft:
        assert pushed(stream, y, sizes).shape[-1] == 0
        return
    whole = {
        "complex": plan.forward,
        "power": lambda y: plan.power(y, power=1),
        "mel": lambda y: plan.mel(y, bank, log="db"),
    }[what](y)
    for order in (data.draw(st.sampled_from(["", "C", "F"])), ""):
        found = pushed(stream, y, sizes, order)
        assert found.shape == whole.shape
        assert found.dtype == whole.dtype
        assert np.array_equal(found, whole)
        stream.reset()  # as new, for other channels, too
    assert np.array_equal(pushed(stream, y[None], sizes), whole[None])


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32", "bool"])
def test_integers_are_scaled_as_plans_do(dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y = (100 * noise(2, 3000)).astype(dtype)
    for scale in (False, True):
        found = pushed(StreamingPower(plan, scale=scale), y, [7, 500, 0, 1])
        assert np.array_equal(found, plan.power(y, scale=scale))


def test_samples_in_any_memory() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    x = noise(6, 4000).astype(np.float32)
    read_only = x[0].copy()
    read_only.flags.writeable = False
    for y in (x[:, ::2], x[::2], x[0, ::-1], x.T.copy().T, np.broadcast_to(x[0], (3, 4000)), read_only):
        whole = plan.forward(y)
        assert np.array_equal(pushed(StreamingSTFT(plan), y, [100, 33, 1000]), whole)
    outs = (
        np.empty((3, plan.n_bins, 2, 300), np.complex64)[:, :, 0],
        np.empty((9, plan.n_bins, 300), np.complex64)[::-3],
    )
    for out in outs:
        stream = StreamingSTFT(plan)
        part = stream.push(x[:3, :3000], out=out)
        assert np.shares_memory(part, out)
        assert np.array_equal(part, plan.forward(x[:3])[:, :, : part.shape[-1]])


def test_a_list_will_do_and_input_is_not_changed() -> None:
    plan = fastspec.STFT(16, hop_length=4)
    y = noise(200).astype(np.float32)
    kept, stream = y.copy(), StreamingPower(plan)
    found = np.concatenate([stream.push(list(y[:70])), stream.push(y[70:]), stream.flush()], axis=-1)
    assert np.array_equal(found, plan.power(kept))
    assert np.array_equal(y, kept)


def test_frames_come_as_soon_as_their_last_sample() -> None:
    for mode in ("constant", "reflect"):
        plan = fastspec.STFT(64, hop_length=16, pad_mode=mode)
        stream, y, came = StreamingPower(plan), noise(400), []
        for n in range(1, 401):
            came += [n] * stream.push(y[n - 1 : n]).shape[-1]
        wanted = [f * 16 + stream.latency for f in range(len(came))]
        if mode == "reflect":
            wanted[0] += 1  # the sample that is mirrored farthest
        assert came == wanted
        assert stream.latency == 32


def test_one_huge_block_and_conversion_in_pieces() -> None:
    plan = fastspec.STFT(16, hop_length=2)
    y = noise(600_000).astype(np.float32)
    assert np.array_equal(pushed(StreamingPower(plan), y, []), plan.power(y))  # more frames than are made at a time
    stereo = np.round(1000 * noise(2, 200_000)).astype(np.int16)
    assert np.array_equal(pushed(StreamingPower(plan), stereo, []), plan.power(stereo))


def test_what_is_no_number_stays_in_its_frames() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y = noise(2000).astype(np.float32)
    bad = y.copy()
    bad[1000] = np.nan
    found, whole = pushed(StreamingPower(plan), bad, [99] * 15), plan.power(y)
    frames = np.isnan(found).any(axis=0)
    assert np.flatnonzero(frames).tolist() == [f for f in range(whole.shape[1]) if f * 16 - 32 <= 1000 < f * 16 + 32]
    assert np.array_equal(found[:, ~frames], whole[:, ~frames])


@pytest.mark.parametrize("n_fft", [256, 4096])
@pytest.mark.parametrize("block", [256, 16_000])
def test_nothing_of_a_blocks_size_is_allocated_in_the_steady_state(n_fft: int, block: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=n_fft // 4)
    streams: list[Any] = [StreamingSTFT(plan), StreamingMel(plan, bank_for(plan), log="db"), StreamingPower(plan)]
    y = noise(2, block)
    for x in (y.astype(np.float32), y, (1000 * y).astype(np.int16)):
        for stream in streams:
            stream.reset()
            shape = 2, block // plan.hop_length + 2, stream._step.width
            out = np.empty(shape, stream._dtype).swapaxes(1, 2)
            for _ in range(200):
                stream.push(x, out=out)
            tracemalloc.start()
            for _ in range(100):
                stream.push(x, out=out)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 6000, (stream, x.dtype, peak)  # views and numbers; a block is at least 2048 bytes a channel


def test_streams_on_threads_and_fewer_threads() -> None:
    plan, y = fastspec.STFT(512, hop_length=128), np.tile(speech_16k(), 3).astype(np.float32)
    whole = plan.power(y)

    def one(size: int) -> bool:
        return np.array_equal(pushed(StreamingPower(plan), y, [size] * (len(y) // size)), whole)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, [100, 5000, 16_000, 77_777]))
    for threads in (1, 2, 3):
        with fastspec.threads(threads):
            assert one(16_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_stream_goes_on_in_a_forked_child() -> None:
    script = """
        import os, numpy as np, fastspec
        plan = fastspec.STFT(512, hop_length=128)
        y = np.random.default_rng(0).standard_normal(400_000).astype(np.float32)
        whole, stream = plan.power(y), fastspec.stream.StreamingPower(plan)
        first = stream.push(y[:200_000])
        child = os.fork()
        rest = np.concatenate([stream.push(y[200_000:]), stream.flush()], axis=-1)
        right = np.array_equal(np.concatenate([first, rest], axis=-1), whole)
        if not child:
            os._exit(0 if right else 1)
        assert right and os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)


def test_errors_are_named_and_leave_the_stream_as_it_was() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y, stream = noise(3, 1000).astype(np.float32), StreamingPower(plan)
    first = stream.push(y[:, :500])
    bad: list[tuple[Any, Any, type[Exception], str]] = [
        (y[0], None, ValueError, r"block must have shape \(3, n\) as before, got \(1000,\)"),
        (y.astype(complex), None, TypeError, "block must hold real numbers, got dtype complex128"),
        (np.float32(1), None, ValueError, r"block must have shape \(3, n\) as before, got \(\)"),
        (
            y,
            np.empty((3, 33, 10), np.float32),
            ValueError,
            r"out must be .* float32 of shape \(3, 33, 62 or more\)",
        ),
        (y, np.empty((3, 33, 300)), ValueError, "out must be an array of float32"),
        (y, "out", ValueError, "out must be an array of float32"),
        (y, np.broadcast_to(np.float32(0), (3, 33, 300)), ValueError, "out must be writable"),
    ]
    for block, out, error, message in bad:
        with pytest.raises(error, match=message):
            stream.push(block, out=out)
    rest = stream.push(y[:, 500:])
    last = stream.flush()
    assert np.array_equal(np.concatenate([first, rest, last], axis=-1), plan.power(y))
    for call in (lambda: stream.push(y), stream.flush):
        with pytest.raises(ValueError, match=r"the stream has ended with flush\(\): reset\(\) it first"):
            call()
    memory = np.zeros((1, 33 * 1000), np.float32)
    with pytest.raises(ValueError, match="out must not share memory with block"):
        StreamingPower(plan).push(memory[:, :9000], out=memory.reshape(1, 33, 1000))


def test_what_a_stream_cannot_do_is_said_at_once() -> None:
    bank = fastspec.MelBank(16_000, 64, 8)
    with pytest.raises(ValueError, match="log='whisper' needs the loudest of the whole signal"):
        StreamingMel(fastspec.STFT(64), bank, log="whisper")
    with pytest.raises(ValueError, match="log must be None or one of"):
        StreamingMel(fastspec.STFT(64), bank, log="bels")  # type: ignore[arg-type]
    for mode in ("mean", "wrap", "empty", np.pad):
        with pytest.raises(ValueError, match="pad_mode of the plan must be one of constant, edge"):
            StreamingSTFT(fastspec.STFT(64, pad_mode=mode))
    StreamingSTFT(fastspec.STFT(64, pad_mode="wrap", center=False))  # which pads nothing
    with pytest.raises(TypeError, match=r"plan must be a fastspec\.STFT, got 512"):
        StreamingSTFT(512)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bank must have n_bins = 17 columns"):
        StreamingMel(fastspec.STFT(32), bank)


def test_nothing_in_nothing_out() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    stream = StreamingPower(plan)
    assert stream.flush().shape == (33, 0)
    stream.reset()
    assert stream.push(np.empty((2, 0))).shape == (2, 33, 0)
    assert stream.flush().shape == (2, 33, 0)
    stream.reset()
    assert stream.push(np.empty((0, 500))).shape == (0, 33, 30)
