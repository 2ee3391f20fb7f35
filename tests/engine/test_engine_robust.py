"""The engine under arguments that a careless or hostile caller may give: nothing else is written, nothing is hidden."""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from fastspec import STFT, FilterBank, MelBank
from fastspec.kernels.runtime import calls, tasks
from fastspec.transform import prepared
from fastspec.transform import signals as signal_transforms

Array = np.ndarray[Any, np.dtype[Any]]
SIZES = [*range(2, 81), 96, 100, 120, 127, 128, 200, 211, 256, 400, 422, 441, 512, 1024]
WAYS = [64, 400, 45, 34, 422, 211]
"""Even and odd sizes, with prime radices, and by a convolution."""


def noise(shape: int | tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> Array:
    """Seeded normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def bank_for(plan: STFT, filters: int, seed: int = 0) -> FilterBank:
    """Filters half of whose weights are 0, the first all of them; the last one ends at the last bin."""
    rng = np.random.default_rng(seed)
    weights = rng.random((filters, plan.n_bins)) * (rng.random((filters, plan.n_bins)) < 0.5)
    weights[0] = 0
    weights[-1, -1] = 1
    return FilterBank(weights)


def framed(plan: STFT, y: Array) -> Array:
    """Windowed frames (..., frames, n_fft), in float64."""
    edge = plan.n_fft // 2 if plan.center else 0
    padded = np.pad(y.astype(np.float64), [*[(0, 0)] * (y.ndim - 1), (edge, edge)])
    return sliding_window_view(padded, plan.n_fft, axis=-1)[..., :: plan.hop_length, :] * plan.window


# ---- memory ----
@pytest.fixture
def fences(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Scratch with a fence on either side; what is given back checks them."""
    made: list[tuple[Array, int]] = []

    def fenced(count: int, dtype: Any) -> Array:
        whole = calls.aligned(count + 512, dtype)
        whole.view(np.uint8)[:] = 0xAB
        made.append((whole, count))
        return whole[256 : 256 + count]

    def check() -> None:
        for whole, count in made:
            assert (whole[:256].view(np.uint8) == 0xAB).all()
            assert (whole[256 + count :].view(np.uint8) == 0xAB).all()
        made.clear()

    monkeypatch.setattr(tasks, "aligned", fenced)
    monkeypatch.setattr(prepared, "aligned", fenced)
    monkeypatch.setattr(prepared, "new_workspace", fenced)
    return check


def places(shape: tuple[int, ...], dtype: Any) -> Iterator[tuple[Array, Array]]:
    """(memory full of NaN, an array of that shape in it): in both orders, strided, turned round, not aligned."""
    *lead, rows, frames = shape
    for size, part in (
        ((*lead, rows + 5, frames + 7), np.s_[..., 2 : rows + 2, 3 : frames + 3]),
        ((*lead, rows + 1, frames + 1), np.s_[..., :rows, :frames][:1] + np.s_[rows - 1 :: -1, :frames]),
        ((*lead, 2 * rows, 2 * frames), np.s_[..., ::2, ::2]),
        ((*lead, rows, frames), np.s_[..., ::-1]),
    ):
        for turned in False, True:
            memory = np.full((*size[:-2], size[-1], size[-2]) if turned else size, np.nan, dtype)
            yield memory, (memory.swapaxes(-1, -2) if turned else memory)[part]
    memory = np.full((rows, *lead, frames), np.nan, dtype)
    yield memory, np.moveaxis(memory, 0, -2)
    raw = np.full(int(np.prod(shape)) * np.dtype(dtype).itemsize + 9, 255, np.uint8)  # bytes 255 make NaN
    yield raw[1:-8].view(dtype), raw[1:-8].view(dtype).reshape(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size_is_right_and_writes_nothing_else(dtype: Any, fences: Callable[[], None]) -> None:
    rng, eps = np.random.default_rng(5), np.finfo(dtype).eps
    turn = 0
    for n_fft in SIZES:
        hop, signals = int(rng.integers(1, 2 * n_fft + 1)), int(rng.choice([1, 2, 7, 40]))
        plan = STFT(n_fft, hop_length=hop, center=bool(rng.integers(2)), dtype=dtype)
        n = max(1, plan.n_samples(int(rng.integers(1, 41))) + int(rng.integers(0, hop)))
        y = noise((signals, n) if signals > 1 else n, dtype, n_fft)
        kept, frames = y.copy(), framed(plan, y)
        D = np.fft.rfft(frames).swapaxes(-1, -2)
        # each of about 4 log2 n sums and products rounds by eps / 2 at most what is no larger than sum |w y|
        far = eps * (4 + 4 * np.log2(n_fft)) * np.abs(frames).sum(-1).max()
        power_far = (2 * np.abs(D).max() + far) * far + 4 * eps * np.abs(D).max() ** 2
        bank = bank_for(plan, int(rng.choice([1, 3, plan.n_bins, n_fft + 40])), n_fft)
        weight = max(1.0, float(np.asarray(bank).sum(axis=1).max()))
        X = np.ascontiguousarray(D.astype(np.result_type(dtype, np.complex64)))
        with np.errstate(all="ignore"):
            cases: list[tuple[Callable[..., Array], Array, float]] = [
                (lambda **k: plan.forward(y, **k), D, far),  # noqa: B023
                (lambda **k: plan.power(y, **k), np.abs(D) ** 2, power_far),  # noqa: B023
                (lambda **k: plan.mel(y, bank, **k), bank @ np.abs(D) ** 2, weight * power_far * (1 + n_fft * eps)),  # noqa: B023
            ]
        for function, expected, tolerance in cases:
            got = function()
            assert np.abs(got - expected).max() <= tolerance, (n_fft, hop, n)
            for k, (memory, out) in enumerate(places(got.shape, got.dtype)):
                if k % 5 == turn % 5:
                    assert function(out=out) is out
                    np.testing.assert_array_equal(out, got)
                    out[...] = np.nan
                    assert np.isnan(memory).all(), (n_fft, hop, n, k)
            fences()
            turn += 1
        if plan.invertible:
            back = plan.inverse(X, length=n)
            out = np.full((*back.shape[:-1], 2 * n + 2), np.nan, dtype)
            for part in out[..., 1 : n + 1], out[..., 2 : 2 * n + 2 : 2], out[..., n:0:-1]:
                np.testing.assert_array_equal(plan.inverse(X, length=n, out=part), back)
                part[...] = np.nan
                assert np.isnan(out).all()
            fences()
        np.testing.assert_array_equal(y, kept)


def test_results_past_the_caches_stay_in_their_place() -> None:
    plan = STFT(1024, hop_length=16)
    y = noise(70_000)
    memory = np.full((plan.n_frames(70_000) + 2, 1024), np.nan, np.float32)
    flat = calls.aligned(memory.size, np.float32)
    memory = flat.reshape(memory.shape)
    memory[:] = np.nan
    out = memory[1:-1, 16:529].T
    assert out.nbytes > 8 << 20
    np.testing.assert_array_equal(plan.power(y, out=out), plan.power(y))
    out[...] = np.nan
    assert np.isnan(memory).all()


def test_memory_longer_than_32_bit_indices(tmp_path: Path) -> None:
    n, hop = (1 << 31) + 4096, 1 << 28
    plan = STFT(256, hop_length=hop, center=False)
    y = np.memmap(tmp_path / "y", np.float32, "w+", shape=(n,))  # holes: a few pages of disk
    for f in range(9):
        y[f * hop : f * hop + 256] = noise(256, seed=f)
    D = plan.forward(y)
    out = np.memmap(tmp_path / "out", np.complex64, "w+", shape=(8 << 28) + 129)
    far = as_strided(out, (129, 9), (8, 8 << 28))
    np.testing.assert_array_equal(plan.forward(y, out=far), D)
    many = as_strided(y, (2, n - 1000), (4000, 4))
    for f in range(9):
        np.testing.assert_array_equal(D[:, f], plan.forward(noise(256, seed=f))[:, 0])
    np.testing.assert_array_equal(plan.forward(many)[0], D)
    endless = np.broadcast_to(np.int16(3), (2, 1 << 40))  # must be converted: so, in blocks
    for pad_mode in "constant", "reflect":
        S = STFT(256, hop_length=1 << 37, pad_mode=pad_mode).power(endless, scale=True)
        assert S.shape == (2, 129, 9)
        np.testing.assert_array_equal(S[:, :, 1:-1], np.broadcast_to(S[:1, :, 1:2], (2, 129, 7)))


# ---- signals of any kind ----
@pytest.mark.parametrize(
    "dtype", ["f2", ">f4", "f4", ">f8", "f8", "i1", "i2", ">i2", "i4", "i8", "u1", "u2", "u8", "?"]
)
def test_samples_of_any_dtype(dtype: str) -> None:
    plan = STFT(64)
    x = (20 * noise((3, 500))).astype(np.int8).astype(dtype) if dtype != "?" else noise((3, 500)) > 0
    plain = x.astype(np.float32)
    np.testing.assert_array_equal(plan.forward(x), plan.forward(plain))
    if x.dtype.kind in "iu":
        half = 2.0 ** (8 * x.dtype.itemsize - 1)
        plain = ((plain - np.float32(half if x.dtype.kind == "u" else 0)) / np.float32(half)).astype(np.float32)
    np.testing.assert_array_equal(plan.forward(x, scale=True), plan.forward(plain))


def test_signals_in_any_memory() -> None:
    plan, x = STFT(64), noise((4, 500))
    read_only = np.frombuffer(x.tobytes(), np.float32).reshape(x.shape)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    views = [x[:, ::-1], x[:, ::2], x[::-1], x[::2, 3:], x.copy("F"), x[:, :, None].swapaxes(1, 2), read_only]
    views += [unaligned, np.broadcast_to(x[0], (6, 500)), np.broadcast_to(x[:, :1], (4, 500)), x.view(np.memmap)]
    for view in [*views, x.tolist(), np.ma.masked_array(x)]:
        plain = np.array(view, np.float32)
        np.testing.assert_array_equal(plan.forward(view), plan.forward(plain))
        np.testing.assert_array_equal(plan.mel(view, np.eye(3, 33)), plan.mel(plain, np.eye(3, 33)))


MODES = ["constant", "edge", "linear_ramp", "reflect", "symmetric", "wrap", "mean", "median", "maximum", "minimum"]


@pytest.mark.parametrize("n_fft", [16, 33])
def test_padding_is_numpys_whole_or_in_blocks(n_fft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bare, pad = STFT(n_fft, hop_length=5, center=False), n_fft // 2
    bank = bank_for(bare, 3)
    for mode in MODES:
        plan = STFT(n_fft, hop_length=5, pad_mode=mode)
        for n in 1, 2, pad - 1, pad, pad + 1, 3 * n_fft, 300:
            y = noise((2, n), seed=n)
            expected = bare.forward(np.pad(y, [(0, 0), (pad, pad)], mode=mode))
            np.testing.assert_array_equal(plan.forward(y), expected)
            whisper = plan.mel(y, bank, log="whisper") if n > 5 else None
            for block in 1, 500:
                with monkeypatch.context() as patch:
                    patch.setattr(signal_transforms, "CONVERTED_SAMPLES", block)
                    patch.setattr(signal_transforms, "BUFFERED_NUMBERS", block)
                    np.testing.assert_array_equal(plan.forward(y.astype(">f4")), expected)
                    out = np.empty((2, 2 * expected.shape[1], 2 * expected.shape[2]), np.complex64)[:, ::2, ::2]
                    np.testing.assert_array_equal(plan.forward(y, out=out), expected)
                    if whisper is not None:
                        np.testing.assert_array_equal(plan.mel(y.astype(">f4"), bank, log="whisper"), whisper)


def test_a_function_pads_each_signal_alone() -> None:
    def extend(vector: Array, width: tuple[int, int], axis: int, options: dict[str, Any]) -> None:
        assert vector.shape == (116,)
        assert tuple(width) == (8, 8)
        vector[: width[0]], vector[-width[1] :] = vector[width[0]], 7

    y = noise((2, 100))
    padded = np.stack([np.pad(x, 8, extend) for x in y])
    expected = STFT(16, center=False).forward(padded)
    np.testing.assert_array_equal(STFT(16, pad_mode=extend).forward(y), expected)


# ---- the same bits ----
@pytest.mark.parametrize("n_fft", WAYS)
def test_a_frame_has_the_same_bits_wherever_it_stands(n_fft: int) -> None:
    hop = n_fft // 4
    plan, flush = STFT(n_fft, hop_length=hop), STFT(n_fft, hop_length=hop, center=False)
    bank = bank_for(plan, 7)
    both: list[Callable[[Array], Array]] = [
        plan.forward,
        *(lambda y, p=p: plan.power(y, power=p) for p in (1, 2, 3)),
        *(lambda y, log=log: plan.mel(y, bank, log=log) for log in (None, "ln", "db", "whisper")),
    ]
    y = noise((2, 5, 3 * n_fft))
    for function in both:
        batch = function(y)
        for i, j in np.ndindex(2, 5):
            np.testing.assert_array_equal(batch[i, j], function(y[i, j]))
    long = noise(60 * n_fft)
    D = flush.forward(long)
    for first, count in (0, 1), (1, 2), (3, 16), (17, 17), (50, 100):
        part = long[first * hop : (first + count - 1) * hop + n_fft]  # up to 16 frames: short signals
        np.testing.assert_array_equal(flush.forward(part), D[:, first : first + count])
        np.testing.assert_array_equal(flush.forward(part, order="C"), D[:, first : first + count])


CHILD = """
import multiprocessing, threading, hashlib
import numpy as np
import fastspec
from test_engine_robust import noise, bank_for

def work(plan, y):
    bank = bank_for(plan, 7)
    parts = [plan.forward(y), plan.power(y, power=1), plan.mel(y, bank, log="db"), plan.mel(y, bank, log="whisper")]
    digest = hashlib.sha256()
    for part in [*parts, plan.inverse(parts[0])]:
        digest.update(part.tobytes())
    return digest.hexdigest()

def put(queue, plan, y):
    queue.put(work(plan, y))

if __name__ == "__main__":
    for n_fft in 64, 512, 135, 1009:
        plan, y = fastspec.STFT(n_fft, hop_length=n_fft // 4), noise((3, 300_000))
        found = set()
        for n in 1, 2, 4:
            with fastspec.threads(n):
                found.add(work(plan, y))
        for method in "fork", "spawn":
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            child = context.Process(target=put, args=(queue, plan, y))
            child.start()
            found.add(queue.get(timeout=60))
            child.join()
        assert len(found) == 1, (n_fft, found)
    print("same")
"""


def child(program: Path, code: str) -> "subprocess.Popen[str]":
    """A process that runs this code with four threads."""
    program.write_text(code)
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2]), *sys.path])
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": paths}
    environment.pop("FASTSPEC_NUM_THREADS", None)
    return subprocess.Popen(
        [sys.executable, program], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.thread_unsafe(reason="starts a process")
def test_threads_forks_and_spawned_processes_give_the_same_bits(tmp_path: Path) -> None:
    out, err = child(tmp_path / "child.py", CHILD).communicate(timeout=120)
    assert out.strip() == "same", err


@pytest.mark.parametrize("n_fft", [64, 45, 34])
def test_many_threads_share_a_plan_from_its_first_call_on(n_fft: int) -> None:
    plan, other = STFT(n_fft), STFT(n_fft)
    bank = bank_for(plan, 5)
    sounds = [noise(n) for n in (*range(40, 340), 20_000)]
    alone = [plan.mel(y, bank, log="ln") for y in sounds]
    with ThreadPoolExecutor(8) as pool:  # more lengths than are kept prepared
        together = list(pool.map(lambda k: other.mel(sounds[k % 301], bank, log="ln"), range(1200)))
    for k, M in enumerate(together):
        np.testing.assert_array_equal(M, alone[k % 301])


def test_copies_are_as_good_and_as_read_only() -> None:
    plan, y = STFT(128), noise(5000)
    bank = bank_for(plan, 4)
    plan.mel(y[:300], bank)  # has addresses of this process by now
    for again in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
        twin, filters = again(plan), again(bank)
        for part in y, y[:300]:
            np.testing.assert_array_equal(twin.mel(part, filters, log="db"), plan.mel(part, bank, log="db"))
            np.testing.assert_array_equal(twin.inverse(twin.forward(part)), plan.inverse(plan.forward(part)))
        assert not twin.window.flags.writeable
        assert not filters.weights.flags.writeable
    for owner, name in (plan, "n_fft"), (plan, "window"), (bank, "first"):
        with pytest.raises(AttributeError, match=name):
            setattr(owner, name, getattr(owner, name))


def test_two_thousand_calls_keep_no_memory() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    plans = [STFT(n_fft, hop_length=n_fft // 4) for n_fft in (64, 34)]
    banks, sounds = [bank_for(plan, 5) for plan in plans], [noise(n) for n in (100, 5000)]

    def calls_of(count: int) -> None:
        for k in range(count):
            plan, bank, y = plans[k % 2], banks[k % 2], sounds[k // 2 % 2]
            plan.mel(y[: len(y) - k % 50], bank, log="whisper")
            plan.power(y[: 40 + k % 60])
            plan.inverse(plan.forward(y))

    calls_of(500)
    before = resident()
    calls_of(2000)
    assert resident() - before < 4 << 20


# ---- values ----
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_fft", [64, 45, 34])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_stays_in_its_frames_and_is_not_hidden(n_fft: int, dtype: Any, bad: float) -> None:
    plan, good = STFT(n_fft, hop_length=16, dtype=dtype), noise(2000, dtype)
    y = good.copy()
    y[777] = bad
    first = np.arange(plan.n_frames(2000)) * 16 - n_fft // 2
    hit = (first <= 777) & (first + n_fft > 777)
    bank = FilterBank(np.ones((3, plan.n_bins)))
    for results in (
        [plan.forward(x) for x in (good, y)],
        *([plan.power(x, power=p) for x in (good, y)] for p in (1, 2, 3)),
        *([plan.mel(x, bank, log=log) for x in (good, y)] for log in (None, "ln", "log10", "db")),
    ):
        np.testing.assert_array_equal(results[0][:, ~hit], results[1][:, ~hit])
        assert not np.isfinite(results[1][:, hit]).any()
    if np.isnan(bad):
        W, hit = plan.mel(y, bank, log="whisper"), hit[:-1]
        assert np.isnan(W[:, hit]).all()
        assert np.isfinite(W[:, ~hit]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_fft", [64, 45, 34])
def test_logarithms_are_numpys_to_a_few_units_in_the_last_place(n_fft: int, dtype: Any) -> None:
    plan, eps = STFT(n_fft, dtype=dtype), np.finfo(dtype).eps
    bank = FilterBank(np.random.default_rng(4).random((5, plan.n_bins)))
    y = noise((3, 1000), dtype) * np.array([[1], [1e-3], [0]], dtype)
    y[0, 500:] *= dtype(1e-7)
    tiny = float(np.finfo(dtype).tiny)
    for power in 0.5, 1.0, 1.5, 2.0, 4.0, 8.0, 20.0:
        M = plan.mel(y, bank, power=power).astype(np.float64)
        floor = max(10 ** (-5 * power), tiny)
        for log, expected in (
            ("ln", np.log(np.maximum(M, 1e-5))),
            ("log10", np.log10(np.maximum(M, 1e-10))),
            ("db", 20 / power * np.log10(np.maximum(M, floor))),
        ):
            got = plan.mel(y, bank, power=power, log=log)  # type: ignore[arg-type]
            assert np.abs(got - expected).max() <= 4 * eps * np.abs(expected).max(), (power, log)
    L = np.log10(np.maximum(M := plan.mel(y, bank).astype(np.float64), 1e-10))[..., :-1]
    expected = (np.maximum(L, L.max(axis=(-2, -1), keepdims=True) - 8) + 4) / 4
    assert np.abs(plan.mel(y, bank, log="whisper") - expected).max() <= 4 * eps * np.abs(L).max()
    assert np.isinf(plan.mel(np.full(1000, 1e30, np.float32), np.ones((1, plan.n_bins)), log="db")).all() == (
        dtype == np.float32
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [0.3, 0.5, 1, 1.5, 2, 3, 4])
def test_powers_are_those_of_the_spectrum(power: float, dtype: Any) -> None:
    plan, y = STFT(64, dtype=dtype), noise(2000, dtype)
    size = np.abs(plan.forward(y).astype(np.complex128))
    # a square's four roundings, to half the power; a power of its own; and NumPy's in float64
    np.testing.assert_allclose(plan.power(y, power=power), size**power, rtol=(2 * power + 4) * np.finfo(dtype).eps)
    for scale in 1e-20, 1e-42, 1e-310, 1e30:
        small = plan.power(y * dtype(scale), power=power)
        assert not np.isnan(small).any()


# ---- errors ----
Y, PLAN = noise(100), STFT(64, hop_length=16)
OUT = np.full((33, 7), 5, np.complex64)
WRONG: list[tuple[str, Callable[[], object]]] = [
    *((name, lambda y=y: PLAN.forward(y, out=OUT)) for name, y in [
        ("y", Y[:0]), ("y", np.zeros(0)), ("y", 3.0), ("y", np.zeros((0, 9))), ("y", Y * 1j), ("y", "abc"), ("y", None),
        ("y", [[1, 2], [3]]), ("y", np.zeros(4, "M8[s]")),
    ]),
    *(("power", lambda y=y, p=p: PLAN.power(y, power=p)) for y in (Y, [Y]) for p in (
        [2], "x", None, 0, -1, np.nan, np.inf, 10**400, 2 + 0j
    )),
    *(("log", lambda y=y, log=log: PLAN.mel(y, np.eye(2, 33), log=log)) for y in (Y, [Y])
      for log in ([], "x", 1, b"db")),
    *(("order", lambda y=y, order=order: PLAN.forward(y, order=order, out=OUT)) for y in (Y, Y.astype(float))
      for order in ([], "A", None)),
    *(("bank", lambda bank=bank: PLAN.mel(Y, bank)) for bank in (
        None, "x", np.ones(33), np.ones((2, 32)), np.ones((0, 33)), np.full((2, 33), np.nan), np.ones((2, 33)) * 1j,
        FilterBank(np.ones((2, 65))),
    )),
    *(("out", lambda out=out: PLAN.forward(Y, out=out)) for out in (
        3, np.empty((33, 8), np.complex64), np.empty((33, 7)), np.empty((33, 7), ">c8"),
        np.broadcast_to(OUT[:, :1], (33, 7)),
    )),
    ("out", lambda: STFT(2, hop_length=1, center=False).power(Y, out=as_strided(Y, (2, 99), (4, 4)))),
    ("second frame", lambda: PLAN.mel(Y[:10], np.eye(2, 33), log="whisper")),
    ("y", lambda: STFT(128, center=False).forward(Y)),
    *((name, lambda name=name, value=value: STFT(**{"n_fft": 64, name: value})) for name, value in [
        ("n_fft", 1), ("n_fft", 2.5), ("n_fft", None), ("hop_length", 0), ("hop_length", 2**62), ("hop_length", 2**70),
        ("win_length", 0), ("win_length", 65), ("window", "nope"), ("window", ("kaiser", "x")), ("window", ()),
        ("window", np.ones(3)), ("window", np.full(64, np.nan)), ("window", None), ("window", lambda n: np.ones(n - 1)),
        ("pad_mode", "nope"), ("pad_mode", []), ("pad_mode", np.zeros(2)), ("dtype", "int16"), ("dtype", None),
    ]),
    *(("D", lambda D=D: PLAN.inverse(D)) for D in (
        None, np.ones(33), np.ones((32, 3)), np.ones((33, 0)), [[1], [2, 3]],
    )),
    *(("length", lambda n=n: PLAN.inverse(OUT, length=n)) for n in (-1, 2.5, "a")),
    ("out", lambda: PLAN.inverse(OUT, out=np.empty(5, np.float32))),
    ("sr", lambda: PLAN.times(3, 0)), ("sr", lambda: PLAN.frequencies("a")), ("n_frames", lambda: PLAN.times(-1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_is_wrong_is_named_before_anything_is_written(case: int) -> None:
    name, function = WRONG[case]
    with pytest.raises((TypeError, ValueError), match=name):
        function()
    assert (OUT == 5).all()


# ---- interruption ----
SLOW = """
import os, signal, threading, time
import numpy as np
from numpy.lib.stride_tricks import as_strided
import fastspec
from test_engine_robust import noise

signal.signal(signal.SIGINT, signal.default_int_handler)
x = noise(200_000)
y = as_strided(x, (50_000, 100_000), (4, 4))
for n_fft in 1024, 1009:
    plan, bank = fastspec.STFT(n_fft, hop_length=256), np.ones((1, n_fft // 2 + 1))
    before = plan.mel(y[:2], bank)
    sent = []
    def stop():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.5, stop).start()
    try:
        plan.mel(y, bank)
    except KeyboardInterrupt:
        assert time.monotonic() - sent[0] < 5  # 0.1 s on an idle machine; the whole call takes many more
        print("stopped", np.array_equal(plan.mel(y[:2], bank), before))
"""


@pytest.mark.thread_unsafe(reason="starts a process")
def test_ctrl_c_stops_a_long_transform(tmp_path: Path) -> None:
    out, err = child(tmp_path / "child.py", SLOW).communicate(timeout=120)
    assert out.split() == ["stopped", "True"] * 2, err


@pytest.mark.parametrize("signals", [1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_whispers_logarithm_of_a_lone_frame_stays_in_its_memory(signals: int, order: str) -> None:
    plan, bank = STFT(400, hop_length=160), MelBank(16000, 400, 40)
    y = np.random.default_rng(0).standard_normal((signals, 160)).astype(np.float32)
    L = plan.mel(y, bank, log="log10")[..., :1]
    expected = (np.maximum(L, L.max(axis=(-2, -1), keepdims=True) - 8) + 4) / 4
    around = np.full((signals + 2, 41, 1 if order == "C" else 40), np.float32(7))
    out = around[1:-1, :40, :1] if order == "C" else around[1:-1, :1].swapaxes(-1, -2)
    np.testing.assert_allclose(plan.mel(y, bank, log="whisper", out=out), expected, rtol=1e-6)
    out[...] = 7
    assert (around == 7).all()
