"""Spectra, block by block: the bits of `plan.inverse` whatever the blocks are, and what else a stream promises."""

import copy
import pickle
import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.stream import StreamingISTFT
from fastspec.stream import inverse as module
from fastspec.transform import inverse

DTYPES = ["float32", "float64"]
GUARD = 12345.0
SIZES = [(64, 16), (64, 1), (64, 64), (64, 200), (100, 70), (34, 9), (37, 50), (422, 100), (211, 70), (45, 11)]

pytestmark = pytest.mark.filterwarnings("ignore:hop_length .* is too large", "ignore:.* violate NOLA")


def spectra(plan: fastspec.STFT, lead: tuple[int, ...], frames: int, seed: int = 0) -> Any:
    """Noise (*lead, n_bins, frames), the bins of a frame neighbours in memory."""
    D = np.random.default_rng(seed).standard_normal((2, *lead, frames, plan.n_bins))
    return (D[0] + 1j * D[1]).astype(np.result_type(plan.dtype, np.complex64)).swapaxes(-1, -2)


def in_memory(D: Any, memory: str) -> Any:
    """The same spectra, otherwise in memory."""
    if memory == "C":
        return np.ascontiguousarray(D)
    if memory == "spaced":
        return np.repeat(np.repeat(D, 2, axis=-1), 3, axis=-2)[..., ::3, ::2]
    if memory == "backwards":
        return np.ascontiguousarray(D[..., ::-1, ::-1])[..., ::-1, ::-1]
    if memory == "swapped":
        return np.ascontiguousarray(D.T).T
    return D


def blocks(D: Any, sizes: list[int]) -> Iterator[Any]:
    """D in blocks of these numbers of frames, and what is left in one."""
    for m in sizes:
        yield D[..., :m]
        D = D[..., m:]
    yield D


def streamed(stream: StreamingISTFT, D: Any, sizes: list[int], length: int | None = None) -> Any:
    """All that a stream gives."""
    parts = [stream.push(block) for block in blocks(D, sizes)]
    return np.concatenate([*parts, stream.flush(length)], axis=-1)


@st.composite
def plans(draw: Any) -> fastspec.STFT:
    """Sizes with all kinds of factors, hops shorter and longer than the frame."""
    n_fft = draw(st.one_of(st.integers(2, 140), st.sampled_from([256, 512, 509])))
    return fastspec.STFT(
        n_fft,
        hop_length=draw(st.one_of(st.integers(1, n_fft), st.integers(1, 3 * n_fft))),
        win_length=draw(st.one_of(st.none(), st.integers(1, n_fft))),
        window=draw(st.sampled_from(["hann", "hamming", "boxcar"])),
        center=draw(st.booleans()),
        dtype=draw(st.sampled_from(DTYPES)),
    )


# ---- the bits ----
@given(
    plan=plans(),
    lead=st.sampled_from([(), (), (1,), (3,), (2, 2), (20,)]),
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 60)), max_size=12),
    rest=st.integers(0, 40),
    more=st.one_of(st.none(), st.integers(0, 900)),
    memory=st.sampled_from(["F", "F", "C", "spaced", "backwards", "swapped"]),
)
@settings(max_examples=250, deadline=None)
def test_blocks_of_any_sizes_give_the_bits_of_the_whole(
    plan: fastspec.STFT, lead: tuple[int, ...], sizes: list[int], rest: int, more: int | None, memory: str
) -> None:
    frames = max(1, sum(sizes) + rest)
    D = in_memory(spectra(plan, lead, frames), memory)
    before = D.copy()
    stream = StreamingISTFT(plan)
    given = sum(stream.push(block).shape[-1] for block in blocks(D, sizes))
    stream.reset()
    length = None if more is None else given + more
    got, want = streamed(stream, D, sizes, length), plan.inverse(D, length=length)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(D, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
@pytest.mark.parametrize("center", [True, False])
def test_frames_one_by_one_give_the_signal_back(n_fft: int, hop: int, center: bool, dtype: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", center=center, dtype=dtype)
    y = np.random.default_rng(1).uniform(-1, 1, (2, 1500)).astype(dtype)
    D, stream = plan.forward(y), StreamingISTFT(plan)
    got = streamed(stream, D, [1] * D.shape[-1])
    np.testing.assert_array_equal(got, plan.inverse(D))
    # hamming's least square is 0.0064: what a frame rounds by is divided by it
    if hop <= n_fft:
        assert np.abs(got - y[:, : got.shape[1]]).max() <= 24 * np.finfo(dtype).eps / 0.0064


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_however_frames_are_shared_out_large_blocks_have_the_bits_of_the_whole(
    n_fft: int, hop: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming", dtype=dtype)
    D = spectra(plan, (2,), 700)
    want = plan.inverse(D)
    monkeypatch.setattr(inverse, "STRIPS_PER_THREAD", 50)
    monkeypatch.setattr(inverse, "LEAST_STRIP_WARM_UPS", 0)  # strips that begin with frames of the block before
    monkeypatch.setattr(inverse, "SUM_BYTES", 1 << 12)
    for threads in (1, 2, 3):
        with fastspec.threads(threads):
            np.testing.assert_array_equal(streamed(StreamingISTFT(plan), D, [5, 300, 2, 130]), want)


@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("kind", ["complex128", ">c8", "float32", "unaligned", "memmap"])
def test_spectra_of_any_dtype_and_in_any_memory_are_taken(n_fft: int, kind: str, tmp_path: Any) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16)
    D = spectra(plan, (2,), 90)
    if kind == "unaligned":
        D = np.frombuffer(b"x" + D.tobytes(), D.dtype, offset=1).reshape(D.shape)
    elif kind == "memmap":
        np.save(tmp_path / "D.npy", D)
        D = np.load(tmp_path / "D.npy", mmap_mode="r")
    else:
        D = (D.real if kind == "float32" else D).astype(kind)
    np.testing.assert_array_equal(streamed(StreamingISTFT(plan), D, [3, 40, 0]), plan.inverse(D))


# ---- what is final, and when ----
@given(plan=plans(), frames=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_the_latency_is_from_what_is_final_to_the_end_of_the_newest_frame(plan: fastspec.STFT, frames: int) -> None:
    stream, D, given = StreamingISTFT(plan), spectra(plan, (), frames), 0
    assert isinstance(stream.latency, int)
    for g in range(1, frames + 1):
        given += stream.push(D[:, g - 1 : g]).size
        end = (g - 1) * plan.hop_length + plan.n_fft - (plan.n_fft // 2 if plan.center else 0)
        waits = g == 1 and plan.hop_length < plan.n_fft and plan.ends.has_weak_start
        assert given == (0 if waits else max(0, end - stream.latency))
        assert given <= plan.n_samples(g)


@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (64, 40), (34, 9)])
@pytest.mark.parametrize("center", [True, False])
def test_no_sample_is_held_back_without_need(n_fft: int, hop: int, center: bool) -> None:
    """The first that is not given changes with the next frame, or is past the end of the signal as it is."""
    plan, frames = fastspec.STFT(n_fft, hop_length=hop, window="boxcar", center=center), 12
    D = spectra(plan, (), frames)
    for g in range(n_fft // hop + 1, frames):
        given = StreamingISTFT(plan).push(D[:, :g]).size
        short, long = (plan.inverse(D[:, :count], length=given + 1) for count in (g, g + 1))
        np.testing.assert_array_equal(short[:-1], long[:-1])
        assert short[-1] != long[-1] or given == plan.n_samples(g)


@pytest.mark.parametrize("n_fft", [64, 34])
def test_the_end_is_cut_or_filled_to_the_length(n_fft: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16, window="hamming")
    D = spectra(plan, (3,), 20)
    given = StreamingISTFT(plan).push(D).shape[-1]
    for length in (given, given + 1, plan.n_samples(20), plan.n_samples(20) + 5000):
        np.testing.assert_array_equal(streamed(StreamingISTFT(plan), D, [7], length), plan.inverse(D, length=length))


# ---- outputs and memory ----
@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (2, 3)])
def test_outputs_are_written_and_nothing_beside_what_is_final(n_fft: int, dtype: str, lead: tuple[int, ...]) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16, dtype=dtype)
    D = spectra(plan, lead, 60)
    want, stream, at = plan.inverse(D), StreamingISTFT(plan), 0
    room = np.full((*lead, 3000), GUARD, dtype)
    for n, block in enumerate(blocks(D, [1, 20, 2, 0, 30])):
        room[...] = GUARD
        out = (room[..., 5:1500], room[..., 1:2999:2], room[..., 2000:100:-1])[n % 3]
        got = stream.push(block, out)
        assert np.shares_memory(got, out) or not got.size
        np.testing.assert_array_equal(got, out[..., : got.shape[-1]])
        np.testing.assert_array_equal(got, want[..., at : at + got.shape[-1]])
        assert (room != GUARD).sum() == got.size
        at += got.shape[-1]


def peak_of(call: Any) -> int:
    """Bytes that a call takes at most, beside those that are taken already."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("frames", [1, 3, 2000])
def test_the_steady_state_allocates_nothing_of_a_blocks_size(frames: int) -> None:
    plan = fastspec.STFT(512, hop_length=128)
    D, stream = spectra(plan, (2,), frames), StreamingISTFT(plan)
    out = np.empty((2, frames * 128), np.float32)
    for _ in range(4):
        stream.push(D, out)
    assert peak_of(lambda: [stream.push(D, out) for _ in range(5)]) < 8 << 10


@pytest.mark.parametrize("n_fft", [256, 251])
@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_one_huge_block_takes_little_beside_its_result(n_fft: int, kind: str) -> None:
    plan = fastspec.STFT(n_fft, hop_length=64)
    D, stream = spectra(plan, (), 40_000).astype(kind), StreamingISTFT(plan)  # 41 MB and more; 10 MB of samples
    stream.push(D[:, :9])
    out = np.empty(40_000 * 64, np.float32)
    assert peak_of(lambda: stream.push(D[:, 9:], out)) < 8 << 20


# ---- the protocol ----
def test_what_does_not_fit_is_refused_and_leaves_the_stream_as_it_was() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    D = spectra(plan, (2,), 30)
    stream, room = StreamingISTFT(plan), np.zeros((2, 1000), np.float32)
    got = [stream.push(D[..., :10])]
    shared, read_only = np.zeros((2, 33, 40), np.complex64), room[:, :500]
    read_only.flags.writeable = False
    for kind, words, call in (
        (ValueError, r"\(\.\.\., 33, frames\)", lambda: stream.push(D[:, 1:])),
        (ValueError, r"leading axes .* \(2,\)", lambda: stream.push(D[0])),
        (ValueError, r"leading axes .* \(2,\)", lambda: stream.push(D[None])),
        (ValueError, "frames", lambda: stream.push(np.zeros(33, np.complex64))),
        (TypeError, "complex numbers", lambda: stream.push(np.full((2, 33, 1), "a"))),
        (ValueError, "320 or more", lambda: stream.push(D[..., 10:], room[:, :319])),
        (ValueError, "float32", lambda: stream.push(D[..., 10:], room.astype(np.float64))),
        (ValueError, "out must be", lambda: stream.push(D[..., 10:], room[0])),
        (ValueError, "out must be", lambda: stream.push(D[..., 10:], [0.0] * 400)),
        (ValueError, "writable", lambda: stream.push(D[..., 10:], read_only)),
        (ValueError, "share", lambda: stream.push(shared, shared.view(np.float32).reshape(2, -1))),
        (ValueError, "at least 128", lambda: stream.flush(127)),
        (ValueError, "length", lambda: stream.flush(-1)),
        (TypeError, "length", lambda: stream.flush("all")),
    ):
        with pytest.raises(kind, match=words):
            call()
    got += [stream.push(D[..., 10:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(got, -1), plan.inverse(D))
    for call in (lambda: stream.push(D), stream.flush):
        with pytest.raises(ValueError, match="reset"):
            call()
    stream.reset()
    np.testing.assert_array_equal(streamed(stream, D[0], [4]), plan.inverse(D[0]))


@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_an_error_amid_a_block_leaves_the_stream_as_it_was(
    n_fft: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16)
    monkeypatch.setattr(module, "CONVERTED_VALUES", 10 * 2 * plan.n_bins + 1)  # ten frames
    D = spectra(plan, (), 60).astype(np.complex128)
    stream = StreamingISTFT(plan)
    got, broken = [stream.push(D[:, :20])], D[:, 20:].copy()
    broken[0, 10 * pieces - 1] = 1e300  # no number of complex64
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        stream.push(broken)
    got += [stream.push(D[:, 20:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(got), plan.inverse(D))


@pytest.mark.parametrize("n_fft", [64, 34])
def test_nothing_comes_of_nothing(n_fft: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16)
    stream = StreamingISTFT(plan)
    assert stream.flush().shape == (0,)
    stream.reset()
    assert stream.flush(100).shape == (0,)
    stream.reset()
    assert stream.push(spectra(plan, (2, 3), 0)).shape == (2, 3, 0)
    assert stream.flush().shape == (2, 3, 0)
    stream.reset()
    assert stream.push(spectra(plan, (0,), 40)).shape == (0, 40 * 16 - n_fft // 2)
    assert stream.flush().shape == (0, n_fft // 2 - 16)


def test_only_plans_are_taken() -> None:
    with pytest.raises(TypeError, match="plan must be"):
        StreamingISTFT(1024)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("default")
def test_a_violation_of_nola_is_warned_of_once_where_the_stream_is_created() -> None:
    plan = fastspec.STFT(64, hop_length=100)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        stream = StreamingISTFT(plan)
        streamed(stream, spectra(plan, (), 9), [2, 3])
    assert [w.filename for w in warned] == [__file__]
    assert "hop_length=100 violate NOLA" in str(warned[0].message)
    assert "below 100" in str(warned[0].message)


@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_a_copy_goes_on_from_the_same_place(n_fft: int, copied: Any) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16)
    D = spectra(plan, (2,), 50)
    want, stream = plan.inverse(D), StreamingISTFT(plan)
    first = stream.push(D[..., :20])
    other = copied(stream)
    stream.push(spectra(plan, (2,), 30, seed=2))
    rest = other.push(D[..., 20:])
    del stream
    np.testing.assert_array_equal(np.concatenate([first, rest, other.flush()], -1), want)


@pytest.mark.parametrize("n_fft", [64, 34])
def test_what_is_not_a_number_stays_where_its_frame_reaches(n_fft: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=16, window="hamming")
    D = spectra(plan, (), 60)
    clean = streamed(StreamingISTFT(plan), D, [1] * 60)
    D[3, 30] = np.nan
    got = streamed(StreamingISTFT(plan), D, [1] * 60)
    reached = np.zeros(got.shape, bool)
    reached[30 * 16 - n_fft // 2 : 30 * 16 - n_fft // 2 + n_fft] = True
    assert np.isnan(got[reached]).all()
    np.testing.assert_array_equal(got[~reached], clean[~reached])
