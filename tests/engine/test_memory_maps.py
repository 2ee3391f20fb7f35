"""The engine on arrays that live in files: any dtype in, a map out, and memory that does not grow with their length."""

import contextlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec.transform import signals as signal_transforms
from fastspec.transform.inverse import InverseTransform

pytestmark = pytest.mark.thread_unsafe(reason="measures the memory of the process")

Array = np.ndarray[Any, np.dtype[Any]]
PLAN = fastspec.STFT(512, hop_length=128)
BANK = fastspec.MelBank(16_000, 512, 40)
SHORT, LONG = 1 << 21, 1 << 23  # samples


def samples(n: int) -> Array:
    """Noise that repeats, loud enough for integers."""
    return np.resize(1000 * np.random.default_rng(0).standard_normal(50_021), n)


class Maps:
    """Arrays in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def __call__(self, shape: tuple[int, ...], dtype: Any, order: Any = "C") -> Array:
        self.count += 1
        path = self.folder / f"{self.count}"
        a = np.memmap(path, dtype, "w+", shape=shape, order=order)
        with contextlib.suppress(OSError):  # where files can be removed while they are in use, they leave nothing
            path.unlink()
        return a

    def of(self, values: Array, dtype: Any, order: Any = "C") -> Array:
        """The same numbers in a file, in another dtype and order of memory."""
        a = self(values.shape, dtype, order)
        a[...] = values
        return a


def peak(function: Callable[[], object]) -> int:
    """Bytes that NumPy has held at once."""
    tracemalloc.start()
    function()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


FORWARD: dict[str, Any] = {
    "forward": lambda y, out: PLAN.forward(y, out=out),
    "forward, frames of a bin side by side": lambda y, out: PLAN.forward(y, out=out),
    "power": lambda y, out: PLAN.power(y, power=1, out=out),
    "mel": lambda y, out: PLAN.mel(y, BANK, log="db", out=out),
    "whisper": lambda y, out: PLAN.mel(y, BANK, log="whisper", out=out),
}


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2"])
@pytest.mark.parametrize("what", FORWARD)
def test_signals(what: str, dtype: str, tmp_path: Path) -> None:
    maps, call, peaks = Maps(tmp_path), FORWARD[what], []
    for n in (SHORT, LONG):
        y, frames = maps.of(samples(n), dtype), PLAN.n_frames(n) - (what == "whisper")
        rows, kind = (PLAN.n_bins, np.complex64) if "forward" in what else (PLAN.n_bins, np.float32)
        rows = len(BANK) if what in ("mel", "whisper") else rows
        out = maps((rows, frames), kind, "C" if "side" in what or rows == len(BANK) else "F")
        peaks.append(peak(lambda y=y, out=out: call(y, out)))
    assert np.array_equal(out, call(np.array(y).astype(np.float32), None))
    # conversion takes blocks of 2**22 samples, and the next is made while the last is still there
    assert peaks[1] < 45e6
    if dtype == "<f4":
        assert peaks[1] < 4e6


@pytest.mark.parametrize("dtype", ["<c8", ">c8", "<c16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_spectra(dtype: str, order: str, tmp_path: Path) -> None:
    maps, peaks = Maps(tmp_path), []
    for n in (SHORT, LONG):
        D = maps.of(PLAN.forward(samples(n).astype(np.float32)), dtype, order)
        out = maps((n,), np.float32)
        peaks.append(peak(lambda D=D, out=out, n=n: PLAN.inverse(D, length=n, out=out)))
    assert np.array_equal(out, PLAN.inverse(np.array(D).astype(np.complex64), length=n))
    assert peaks[1] < 45e6
    if dtype == "<c8":
        assert peaks[1] < 4e6


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_mels(dtype: str, tmp_path: Path) -> None:
    maps, peaks = Maps(tmp_path), []
    for n in (SHORT, LONG):
        M = maps.of(PLAN.mel(samples(n).astype(np.float32), BANK), dtype)
        out = maps((PLAN.n_bins, M.shape[1]), np.float64 if dtype == "<f8" else np.float32, "F")
        peaks.append(peak(lambda M=M, out=out: BANK.inverse(M, power=2, out=out)))
    assert np.array_equal(out, BANK.inverse(np.array(M), power=2))
    assert peaks[1] < 1.05 * peaks[0] + (1 << 16)


@pytest.mark.parametrize("n_fft", [512, 514])
def test_samples_beyond_32_bits(n_fft: int) -> None:
    """Frames whose samples have numbers from 2**31 on add up to what they do at the beginning."""
    hop = n_fft // 4
    plan = fastspec.STFT(n_fft, hop_length=hop)
    D = plan.forward(samples(60_000).astype(np.float32))[None]
    frames, sums = D.shape[2], InverseTransform(n_fft, hop, plan.window, np.float32)
    first = -(-((1 << 31) // hop) // 4096) * 4096
    assert first * hop >= 1 << 31
    near, far = (np.empty((1, (frames - 8) * hop), np.float32) for _ in range(2))
    # frame 8 has as many before it as reach into it, in both places
    total = first + frames + 100
    sums.run(D, near, start=4 * hop, total_frames=total)
    sums.run(D, far, start=(first + 4) * hop, first_frame=first, total_frames=total)
    assert np.array_equal(near, far)


@pytest.mark.parametrize("log", ["db", "whisper"])
def test_so_many_frames_that_they_are_taken_in_parts(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    y = samples(60_000).astype(np.float32).reshape(2, -1)
    D, M = PLAN.forward(y), PLAN.mel(y, BANK, log=log)
    monkeypatch.setattr(signal_transforms, "CALL_FRAMES", 100)
    assert np.array_equal(PLAN.forward(y), D)
    assert np.array_equal(PLAN.mel(y, BANK, log=log), M)
