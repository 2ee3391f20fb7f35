"""Forward streams: the bits of the call on the whole signal for any blocks; bounded memory; errors change nothing."""

import itertools
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec import stream

Array = np.ndarray[Any, np.dtype[Any]]

LOCAL = ["constant", "edge", "linear_ramp", "reflect", "symmetric"]
SIZES = [
    (2, 1),
    (4, 7),
    (5, 2),
    (16, 3),
    (22, 30),
    (30, 7),
    (64, 16),
    (101, 40),
    (127, 127),
    (400, 160),
    (422, 100),
    (211, 70),
    (1024, 256),
]
MAKERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "stft": (lambda plan, bank: stream.StreamingSTFT(plan), lambda plan, bank, y: plan.forward(y)),
    "power": (lambda plan, bank: stream.StreamingPower(plan, power=1.5), lambda p, bank, y: p.power(y, power=1.5)),
    "mel": (lambda plan, bank: stream.StreamingMel(plan, bank), lambda plan, bank, y: plan.mel(y, bank)),
    "db": (
        lambda plan, bank: stream.StreamingMel(plan, bank, power=1.0, log="db"),
        lambda plan, bank, y: plan.mel(y, bank, power=1.0, log="db"),
    ),
}


def bank_for(plan: Any) -> Array:
    """Five random filters."""
    return np.abs(np.random.default_rng(5).standard_normal((5, plan.n_bins)))


def noise(n: int, axes: tuple[int, ...] = (), dtype: str = "float32") -> Array:
    return np.random.default_rng(n).standard_normal((*axes, n)).astype(dtype)


def cut(y: Array, sizes: list[int]) -> list[Array]:
    """y in blocks of these sizes, repeated; 0 is a size, too."""
    blocks, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= y.shape[-1]:
            return blocks
        blocks.append(y[..., at : at + size])
        at += size
    return blocks


def push_all(streaming: Any, blocks: list[Array]) -> Array:
    """All frames of a stream of these blocks."""
    return np.concatenate([*(streaming.push(block) for block in blocks), streaming.flush()], axis=-1)


def assert_same_bits(a: Array, b: Array) -> None:
    """Assert that a and b have the same bits, NaN included."""
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    kind = a.real.dtype
    np.testing.assert_array_equal(
        np.ascontiguousarray(a).view(kind).view(f"u{kind.itemsize}"),
        np.ascontiguousarray(b).view(kind).view(f"u{kind.itemsize}"),
    )


block_sizes = st.lists(st.one_of(st.sampled_from([0, 1, 2, 7, 64, 256]), st.integers(0, 3000)), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    mode=st.sampled_from(LOCAL),
    center=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    axes=st.sampled_from([(), (1,), (3,), (2, 2)]),
    n=st.one_of(st.integers(1, 40), st.integers(1, 6000)),
    sizes=block_sizes.filter(any),
    kind=st.sampled_from(sorted(MAKERS)),
)
def test_any_blocks_give_the_bits_of_the_whole_signal(
    size: tuple[int, int],
    mode: str,
    center: bool,
    dtype: str,
    axes: tuple[int, ...],
    n: int,
    sizes: list[int],
    kind: str,
) -> None:
    if max(sizes) < 8:
        n = min(n, 300)
    plan = fastspec.STFT(size[0], hop_length=size[1], center=center, pad_mode=mode, dtype=dtype)
    bank, y = bank_for(plan), noise(n, axes, dtype)
    make, whole = MAKERS[kind]
    got = push_all(make(plan, bank), cut(y, sizes))
    if not center and n < size[0]:
        assert got.shape[-1] == 0
    else:
        assert_same_bits(got, whole(plan, bank, y))


@pytest.mark.parametrize("mode", LOCAL)
@pytest.mark.parametrize("n_fft", [8, 9, 64])
def test_signals_shorter_than_their_padding_and_about_as_long(n_fft: int, mode: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=3, pad_mode=mode)
    for n in range(1, n_fft + 3):
        y = noise(n)
        for step in (1, 2, n):
            assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(y, [step])), plan.forward(y))


@pytest.mark.parametrize("mode", LOCAL)
@pytest.mark.parametrize(("n_fft", "hop"), [(8, 8), (9, 7), (8, 20), (400, 400)])
def test_the_end_is_padded_with_samples_that_no_frame_waits_for(n_fft: int, hop: int, mode: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, pad_mode=mode)
    for n in range(2 * n_fft, 2 * n_fft + 2 * hop, max(1, n_fft // 20)):
        y = noise(n)
        for step in (1 + n_fft // 10, n_fft + 3):
            assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(y, [step])), plan.forward(y))


def test_more_frames_than_a_call_takes_come_out_of_one_block() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y = noise(16 * 9000 + 5, (2,))
    assert_same_bits(push_all(stream.StreamingMel(plan, bank_for(plan)), [y]), plan.mel(y, bank_for(plan)))


def test_short_channels_share_tiles() -> None:
    plan = fastspec.STFT(400, hop_length=160)
    y = noise(3000, (20,))
    assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(y, [160, 500])), plan.forward(y))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bits_do_not_depend_on_threads(threads: int) -> None:
    plan = fastspec.STFT(1024, hop_length=256)
    y = noise(100_000)
    whole = plan.forward(y)
    with fastspec.threads(threads):
        assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(y, [22_050, 999, 256])), whole)


def test_streams_in_several_threads_are_independent() -> None:
    plan, results = fastspec.STFT(400, hop_length=160), {}
    signals = [noise(50_000 + k) for k in range(4)]

    def work(k: int) -> None:
        results[k] = push_all(stream.StreamingSTFT(plan), cut(signals[k], [16_000, 77]))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for k, y in enumerate(signals):
        assert_same_bits(results[k], plan.forward(y))


FORK = """
import os, sys
import numpy as np
import fastspec
from fastspec import stream

plan, y = fastspec.STFT(1024, hop_length=256), np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
whole, streaming = plan.forward(y), stream.StreamingSTFT(plan)
head = streaming.push(y[:100_000])  # starts the thread pool, whose threads the child does not have
child = os.fork()
is_same = np.array_equal(np.concatenate([head, streaming.push(y[100_000:]), streaming.flush()], axis=-1), whole)
if not child:
    os._exit(0 if is_same else 1)
sys.exit(0 if is_same and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_stream_goes_on_in_a_forked_child_and_in_its_parent() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("dtype", ["int16", "uint8", "int32", "float64", ">f4", "bool"])
@pytest.mark.parametrize("scale", [False, True])
def test_samples_of_any_dtype_are_converted_as_by_the_whole_call(dtype: str, scale: bool) -> None:
    y = (noise(250_000) * 40 + 100).astype(dtype)
    plan = fastspec.STFT(400, hop_length=160, pad_mode="reflect")
    got = push_all(stream.StreamingSTFT(plan, scale=scale), cut(y, [220_000, 1, 300]))
    assert_same_bits(got, plan.forward(y, scale=scale))


def test_blocks_in_any_memory_order() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y = noise(2000, (3,))
    read_only = y.copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + y.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, -1)
    for x in (np.asfortranarray(y), y[:, ::-1][:, ::-1], np.repeat(y, 2, axis=1)[:, ::2], read_only, unaligned):
        before = x.copy()
        assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(x, [300, 17])), plan.forward(y))
        np.testing.assert_array_equal(x, before)
    flipped = np.ascontiguousarray(y[::-1])[::-1]
    assert_same_bits(push_all(stream.StreamingSTFT(plan), cut(flipped, [300, 17])), plan.forward(y))


def test_lists_are_blocks() -> None:
    plan = fastspec.STFT(4, hop_length=1)
    blocks: list[Any] = [[1.0, 2.0], [], [3.0, 4.0, 5.0]]
    assert_same_bits(push_all(stream.StreamingSTFT(plan), blocks), plan.forward([1.0, 2, 3, 4, 5]))


def test_nan_stays_in_the_frames_that_hold_it() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y = noise(3000)
    y[1000] = np.nan
    bad = np.isnan(push_all(stream.StreamingPower(plan), cut(y, [100]))).any(axis=0)
    assert np.flatnonzero(bad).tolist() == [f for f in range(bad.size) if 16 * f - 32 <= 1000 < 16 * f + 32]


@pytest.mark.parametrize("order", ["C", "F", "slices", "strided"])
@pytest.mark.parametrize("axes", [(), (2,)])
def test_results_are_written_to_out(order: str, axes: tuple[int, ...]) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y, streaming = noise(3000, axes), stream.StreamingSTFT(plan)
    whole, at = plan.forward(y), 0
    array = np.zeros((*axes, 33, 400), np.complex64)
    if order == "F":
        array = np.zeros((*axes, 400, 33), np.complex64).swapaxes(-1, -2)
    if order == "strided":
        array = np.zeros((*axes, 66, 800), np.complex64)[..., ::2, ::2]
    for block in [*cut(y, [500, 3, 0]), None]:
        out = array[..., at:] if order == "slices" else array
        got = streaming.push(block, out=out) if block is not None else streaming.flush(out=out)
        assert np.shares_memory(got, array) or not got.size
        assert_same_bits(got, whole[..., at : at + got.shape[-1]])
        at += got.shape[-1]
    assert at == whole.shape[-1]


@pytest.mark.parametrize("mode", LOCAL)
def test_the_documented_number_of_columns_is_enough(mode: str) -> None:
    for n_fft, hop in SIZES:
        plan = fastspec.STFT(n_fft, hop_length=hop, pad_mode=mode)
        for n, size in [(3 * n_fft, 1), (3 * n_fft, hop), (5 * n_fft, n_fft + 1), (n_fft // 2, 1)]:
            streaming = stream.StreamingPower(plan)
            for block in cut(noise(max(1, n)), [size]):
                assert streaming.push(block).shape[-1] <= 1 + size // hop
            assert streaming.flush().shape[-1] <= 1 + n_fft // hop


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("n_fft", [16, 17])
def test_frames_come_with_the_documented_latency(n_fft: int, center: bool, mode: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=5, center=center, pad_mode=mode)
    streaming, n_frames, delays = stream.StreamingSTFT(plan), 0, []
    for t in range(200):
        for _ in range(streaming.push(np.ones(1, np.float32)).shape[-1]):
            centre = n_frames * 5 + (0 if center else n_fft // 2)
            delays.append(t + 1 - centre)
            n_frames += 1
    assert max(delays) == streaming.latency


def test_reset_gives_a_new_stream_and_a_flushed_one_takes_no_samples() -> None:
    plan = fastspec.STFT(64, hop_length=16, pad_mode="reflect")
    streaming, y = stream.StreamingSTFT(plan), noise(500, (2,))
    streaming.push(noise(100))
    streaming.reset()
    assert_same_bits(push_all(streaming, cut(y, [33])), plan.forward(y))
    for call in (partial(streaming.push, y), streaming.flush):
        with pytest.raises(ValueError, match="flushed"):
            call()
    streaming.reset()
    assert_same_bits(push_all(streaming, cut(y[0], [33])), plan.forward(y[0]))


def test_a_stream_without_samples_has_no_frames() -> None:
    for mode in ("constant", "reflect"):
        streaming = stream.StreamingSTFT(fastspec.STFT(8, pad_mode=mode))
        assert streaming.flush().shape == (5, 0)
        streaming.reset()
        assert streaming.push(np.zeros((2, 0), np.float32)).shape == streaming.flush().shape == (2, 5, 0)


@pytest.mark.parametrize("mode", ["mean", "maximum", "median", "minimum", "wrap", lambda *a: None])
def test_padding_that_needs_the_whole_signal_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match=r"whole signal.*center=False"):
        stream.StreamingSTFT(fastspec.STFT(64, pad_mode=mode))
    stream.StreamingSTFT(fastspec.STFT(64, pad_mode=mode, center=False))


def test_whispers_logarithm_is_refused_and_alternatives_are_named() -> None:
    plan = fastspec.STFT(64)
    with pytest.raises(ValueError, match=r"log10.*L\[\.\.\., :-1\].*plan\.mel"):
        stream.StreamingMel(plan, bank_for(plan), log="whisper")


def test_whispers_logarithm_is_that_of_the_recipe() -> None:
    """Where the last frame, which is left out before the largest is taken, is the loudest."""
    plan, y = fastspec.STFT(64, hop_length=16, pad_mode="reflect"), noise(500, (2,)) / 1e6
    y[:, -3:] = 1
    bank = bank_for(plan)
    streaming = stream.StreamingMel(plan, bank, log="log10")
    L = np.concatenate([streaming.push(y[:, :200]), streaming.push(y[:, 200:]), streaming.flush()], axis=-1)
    assert (L[..., -1].max(axis=-1) > L[..., :-1].max(axis=(-2, -1)) + 0.5).all()
    L = L[..., :-1]
    L = (np.maximum(L, L.max(axis=(-2, -1), keepdims=True) - 8) + 4) / 4
    np.testing.assert_allclose(L, plan.mel(y, bank, log="whisper"), rtol=1e-6)


def test_errors_leave_the_stream_unchanged() -> None:
    plan = fastspec.STFT(64, hop_length=16, pad_mode="reflect")
    streaming, y = stream.StreamingSTFT(plan), noise(500)
    with pytest.raises(ValueError, match="or more"):
        streaming.push(noise(400, (3,)), out=np.empty((3, 33, 1), np.complex64))
    got = [streaming.push(y[:200])]
    wrong: list[tuple[type[Exception], Any, Any]] = [
        (ValueError, noise(100, (2,)), None),
        (ValueError, np.float32(1), None),
        (TypeError, np.ones(100, complex), None),
        (TypeError, np.array(["a"]), None),
        (ValueError, y[200:], np.empty((33, 3), np.complex64)),
        (ValueError, y[200:], np.empty((33, 30), np.complex128)),
        (ValueError, y[200:], np.empty((32, 30), np.complex64)),
        (ValueError, y[200:], [1, 2]),
    ]
    for error, block, out in wrong:
        with pytest.raises(error):
            streaming.push(block, out=out)
    shared = np.zeros(33 * 30, np.complex64)
    with pytest.raises(ValueError, match="share"):
        streaming.push(shared.view(np.float32)[:300], out=shared.reshape(33, 30))
    frozen = np.zeros((33, 30), np.complex64)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        streaming.push(y[200:], out=frozen)
    with pytest.raises(ValueError, match="hold a signal"):
        stream.StreamingSTFT(plan).push(np.zeros((0, 5), np.float32))
    got.append(streaming.push(y[200:]))
    with pytest.raises(ValueError, match="or more"):
        streaming.flush(out=np.empty((33, 0), np.complex64))
    assert_same_bits(np.concatenate([*got, streaming.flush()], axis=-1), plan.forward(y))


def test_a_stream_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="pickle its plan"):
        pickle.dumps(stream.StreamingSTFT(fastspec.STFT(64)))


@pytest.mark.parametrize("n_fft", [64, 2048])
@pytest.mark.parametrize(("n", "dtype"), [(1, "float32"), (256, "float32"), (48_000, "float32"), (200_000, "int16")])
def test_a_steady_state_allocates_no_memory(n_fft: int, n: int, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=n_fft // 4)
    streaming, block = stream.StreamingMel(plan, bank_for(plan), log="db"), np.ones(n, dtype)
    out = np.empty((5, 1 + n // plan.hop_length), np.float32)
    for _ in range(max(3, 3 * n_fft // n)):
        streaming.push(block, out=out)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            streaming.push(block, out=out)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 8192


# ---- iterators ----
def test_generators_give_the_frames_of_the_whole() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    y, bank = noise(5000, (2,)), bank_for(plan)
    blocks = list(stream.stft(cut(y, [300, 1, 0]), plan))
    assert all(block.shape[-1] for block in blocks)
    assert_same_bits(np.concatenate(blocks, axis=-1), plan.forward(y))
    blocks = list(stream.mel(iter(cut(y, [700])), plan, bank, power=1.0, log="ln"))
    assert_same_bits(np.concatenate(blocks, axis=-1), plan.mel(y, bank, power=1.0, log="ln"))
    assert list(stream.stft([], plan)) == []


def test_generators_say_at_once_what_is_wrong_with_a_plan() -> None:
    with pytest.raises(ValueError, match="pad_mode"):
        stream.stft([], fastspec.STFT(64, pad_mode="wrap"))
    with pytest.raises(ValueError, match="columns"):
        stream.mel([], fastspec.STFT(64), np.ones((2, 3)))


def test_blocks_are_taken_one_by_one() -> None:
    def endless() -> Any:
        while True:
            yield np.ones(100, np.float32)

    first = next(stream.stft(endless(), fastspec.STFT(64, hop_length=16)))
    assert first.shape == (33, 5)
