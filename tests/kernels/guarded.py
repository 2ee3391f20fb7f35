"""Run as a program by `test_memory_bounds.py`, on a copy of the package that has guards between parts of scratch.

Geometries are drawn; every array that kernels read or write stands in the middle of poison, NaN of one bit pattern.
Prints a digest of each result: if anything outside were read, it would be another than without guards.
"""

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fastspec
from fastspec import librosa, stream
from fastspec.kernels.runtime import tasks

Array = np.ndarray[Any, np.dtype[Any]]
PATTERN = {4: np.uint32(0x7FC5A5A5), 8: np.uint64(0x7FF8A5A5A5A5A5A5)}
MARGIN = 96  # numbers of poison on both sides
ODD, PRIME, CHIRP = [45, 63, 333], [22, 66, 101, 418], [211, 422, 446]
"""Sizes of complex transforms of real samples, with prime radices, and by a convolution with a chirp."""


class Poisoned:
    """Arrays in poison, whose surroundings are looked at again."""

    def __init__(self) -> None:
        self.surroundings: list[tuple[Array, int]] = []

    def array(self, values: Array) -> Array:
        """A copy of the values, contiguous, in poison."""
        real = values.real.dtype.itemsize
        count = values.nbytes // real
        memory = np.full(count + 2 * MARGIN, PATTERN[real])
        self.surroundings.append((memory, count))
        inner = memory[MARGIN : MARGIN + count].view(values.dtype).reshape(values.shape)
        inner[...] = values
        return inner

    def check(self) -> None:
        """Nothing around the arrays has been written."""
        for memory, count in self.surroundings:
            margins = np.concatenate([memory[:MARGIN], memory[MARGIN + count :]])
            assert (margins == PATTERN[memory.itemsize]).all(), "written outside of an array"


def calls(
    rng: np.random.Generator, dtype: str, poison: Poisoned, is_wide: bool
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of one drawn geometry; all kernels are among them only if `is_wide`."""
    n_fft = int(rng.choice([2, 4, 6, 16, 30, 48, 64, 98, 100, 126, 200, 256, 400, 512, 1024, *ODD, *PRIME, *CHIRP]))
    hop = int(rng.integers(1, n_fft + n_fft // 2 + 1))
    signals, n = int(rng.integers(1, 4)), n_fft + int(rng.integers(0, 40 * hop + 3))
    name = f"{n_fft}/{hop} {signals} x {n} {dtype}"
    center = bool(rng.integers(2))
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype, center=center)
    y = poison.array(rng.standard_normal((signals, n)).astype(dtype))
    frames, kind = plan.n_frames(n), np.result_type(dtype, np.complex64)
    order = str(rng.choice(["F", "C"]))

    def out(rows: int, dtype: Any = dtype) -> Array:
        shape = (signals, frames, rows) if order == "F" else (signals, rows, frames)
        array = poison.array(np.zeros(shape, dtype))
        return array.swapaxes(1, 2) if order == "F" else array

    yield f"forward {name}", lambda: plan.forward(y, out=out(plan.n_bins, kind))
    yield f"power {name}", lambda: plan.power(y, power=1.5, out=out(plan.n_bins))
    bank = fastspec.MelBank(16000, n_fft, int(rng.integers(1, 30)), dtype=dtype)
    yield f"mel {name}", lambda: plan.mel(y, bank, log="db", out=out(len(bank)))
    yield f"mel of one {name}", lambda: plan.mel(y[0], bank)
    yield from frontends(rng, bank, y, poison, name, is_wide)
    if is_wide:
        yield from streams(rng, plan, bank, y, poison, name)
        yield from levels(plan.power(y), poison, name)
    if is_wide and frames > 1:
        yield f"whisper {name}", lambda: plan.mel(y, bank, log="whisper")
    D, S = poison.array(plan.forward(y)), poison.array(plan.power(y, power=1))
    size = plan.n_samples(frames)
    yield f"inverse {name}", lambda: plan.inverse(D, length=size, out=poison.array(np.zeros((signals, size), dtype)))
    yield f"bank.inverse {name}", lambda: bank.inverse(poison.array(bank @ S), power=2)
    if not size:
        return
    if is_wide:
        yield f"recover measured {name}", lambda: fastspec.recover(S, plan, n_iter=1, rng=0, return_info=True)[0]
    for method in ("accelerated", "raar", *["admm"] * is_wide, "rtpghi", "rtisi"):
        options = {} if method == "rtpghi" else {"n_iter": 2}
        yield f"recover {method} {name}", lambda m=method, o=options: fastspec.recover(S, plan, method=m, rng=0, **o)
    for init in ("spsi", "offset", *["random"] * is_wide):
        yield f"recover {init} {name}", lambda i=init: fastspec.recover(S, plan, init=i, n_iter=1, rng=0)
    yield (
        f"recover_mel {name}",
        lambda: fastspec.recover_mel(poison.array(bank @ S), bank, plan, power=1, n_iter=2, rng=0),
    )
    if n_fft >= 16 and n_fft % 2 == 0 and hop < n_fft:
        step = {"fft_size": n_fft, "step_size": hop}
        linear = fastspec.pretty_spectrogram(y[0], log=False, thresh=0, **step)
        if not is_wide:
            yield f"notebook {name}", lambda: fastspec.invert_pretty_spectrogram(linear, log=False, n_iter=2, **step)
            return
        yield from notebook(y[0], poison.array(linear), poison, step, name)


def frontends(
    rng: np.random.Generator, bank: Any, y: Array, poison: Poisoned, name: str, is_wide: bool
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Front ends: frames of any length before the window, any padding, energies and cepstra, sums over frames."""
    n_fft, dtype = bank.n_fft, str(y.dtype)
    frame_length, hop = int(rng.integers(2, n_fft + 1)), int(rng.integers(1, n_fft + n_fft // 2 + 1))
    pad = "same" if rng.integers(2) else (int(rng.integers(n_fft)), int(rng.integers(n_fft)))
    pad_mode = str(rng.choice(["constant", "reflect", "edge"]))
    framing = {"hop_length": hop, "frame_length": frame_length, "pad": pad, "pad_mode": pad_mode, "dtype": dtype}
    plan = fastspec.STFT(n_fft, **framing)
    options = {"remove_mean": True, "preemphasis": 0.9, "eps": 1e-3, "log": "ln", "floor": 1e-5}
    n_cepstra, energy = int(rng.integers(len(bank) + 1)), str(rng.choice(["first", "last"]))
    energy = "cepstrum" if n_cepstra else energy
    frontend = fastspec.FrontEnd(plan, bank, n_cepstra=n_cepstra, energy=energy, **options)
    if not frontend.n_frames(y.shape[-1]):
        return
    yield f"FrontEnd {name}", lambda: frontend(y)
    yield f"FrontEnd of one {name}", lambda: frontend(y[0], order="F")
    if is_wide:
        normalized = {"normalize": "deviation", "deviation_floor": 1e-5, "signal_preemphasis": 0.5}
        yield f"normalized {name}", lambda: fastspec.FrontEnd(plan, bank, log="ln", floor=1e-5, **normalized)(y)
        yield f"mean power {name}", lambda: frontend.mean_power(y)
        yield f"mean cross {name}", lambda: np.stack(frontend.mean_cross(y, poison.array(y[::-1])))


def streams(
    rng: np.random.Generator, plan: fastspec.STFT, bank: Any, y: Array, poison: Poisoned, name: str
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The same, block by block, and blocks lie in poison."""
    bounds = np.sort(rng.integers(0, y.shape[-1] + 1, 3))

    def pushed(made: Any, x: Array, at: Array) -> Array:
        parts = [made.push(poison.array(np.ascontiguousarray(part))) for part in np.split(x, at, axis=-1)]
        return np.concatenate([*parts, made.flush()], axis=-1)

    yield f"StreamingSTFT {name}", lambda: pushed(stream.StreamingSTFT(plan), y, bounds)
    yield f"StreamingMel {name}", lambda: pushed(stream.StreamingMel(plan, bank, log="ln"), y, bounds)
    D, S = plan.forward(y), plan.power(y, power=1)
    cuts = np.sort(rng.integers(0, D.shape[-1] + 1, 2))
    yield f"StreamingISTFT {name}", lambda: pushed(stream.StreamingISTFT(plan), D, cuts)
    for method in ("rtisi", "pghi"):
        yield (
            f"StreamingRecover {method} {name}",
            lambda m=method: pushed(stream.StreamingRecover(plan, m, rng=0), S, cuts),
        )


def levels(S: Array, poison: Poisoned, name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Decibels and cepstra of enough levels for the kernels."""
    many = poison.array(np.resize(S, (-(-8192 // (31 * 40)), 31, 40)))
    dB = librosa.power_to_db(many)
    yield f"decibels {name}", lambda: librosa.power_to_db(many, ref=np.max)
    yield f"levels {name}", lambda: librosa.db_to_power(poison.array(dB))
    yield f"cepstra {name}", lambda: librosa.feature.mfcc(S=poison.array(dB), n_mfcc=7)


def notebook(
    y: Array, linear: Array, poison: Poisoned, step: dict[str, int], name: str
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The notebook's functions that run kernels."""
    n_fft, hop = step["fft_size"], step["step_size"]
    yield f"notebook {name}", lambda: fastspec.invert_pretty_spectrogram(linear, log=False, n_iter=2, **step)
    yield f"notebook stft {name}", lambda: fastspec.stft(y, n_fft, hop, compute_onesided=False)
    out = poison.array(np.zeros_like(linear))
    yield f"notebook pretty {name}", lambda: fastspec.pretty_spectrogram(y, out=out, **step)
    D = poison.array(fastspec.stft(y, n_fft, hop, compute_onesided=False))
    for search in (False, True):
        yield (
            f"notebook once {search} {name}",
            lambda s=search: fastspec.invert_spectrogram(D, hop, calculate_offset=s, set_zero_phase=False),
        )
    long = poison.array(np.resize(linear, (max(300, 30 * -(-n_fft // 2 // hop)), n_fft // 2))) if n_fft <= 256 else None
    if long is not None and hop >= n_fft // 16:
        options = {"log": False, "n_iter": 1, "segments": 3, **step}
        yield f"notebook segments {name}", lambda: fastspec.invert_pretty_spectrogram(long, **options)
    yield f"notebook offset {name}", lambda: np.array(fastspec.xcorr_offset(y, poison.array(y[: len(y) // 2 + 1])))


def main(dtype: str, geometries: int, only: str = "", seed: str = "11", width: str = "narrow") -> None:
    """Digests of the results of drawn geometries, of the calls whose names hold the text `only`."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(int(seed))
    for _ in range(geometries):
        poison = Poisoned()
        for name, call in calls(rng, dtype, poison, width == "wide"):
            if only not in name:
                continue
            result = np.ascontiguousarray(call())
            poison.check()
            print(hashlib.sha256(result.tobytes()).hexdigest()[:16], name, flush=True)
    print("tasks:", *sorted(getattr(tasks, "ran", ())), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
