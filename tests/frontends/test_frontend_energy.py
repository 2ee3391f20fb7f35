"""Energies of frames, before and after the window, and the order of cepstra, against their formulas in float64."""

from typing import Any

import numpy as np
import pytest
import scipy.fft

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]

NOISE = np.random.default_rng(4).standard_normal(3000).astype(np.float32).astype(np.float64)  # samples of both dtypes
BOUND = {"float32": 2e-6, "float64": 1e-12}
"""Of logarithms near 1: a few roundings of the dtype."""


def frames_of(n_fft: int, size: int, hop: int, preemphasis: float, window: Array) -> tuple[Array, Array, Array]:
    """(frames without mean, windowed frames, powers), a row for each frame."""
    starts = range(0, len(NOISE) - size + 1, hop)
    z = np.stack([NOISE[a : a + size] for a in starts])
    z = z - z.mean(axis=1, keepdims=True)
    y = (z - preemphasis * np.concatenate([z[:, :1], z[:, :-1]], axis=1)) * window
    return z, y, np.abs(np.fft.rfft(y, n_fft)) ** 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n_fft", "size"), [(512, 400), (400, 400), (401, 401), (405, 300), (4, 3), (3, 3), (2, 2)])
@pytest.mark.parametrize("preemphasis", [0.0, 0.97])
def test_energies_of_windowed_frames(n_fft: int, size: int, preemphasis: float, dtype: str) -> None:
    window = np.hamming(size) if size > 2 else np.array([0.7, 0.9])
    hop, scale = max(1, size // 3), 3.0
    z, y, P = frames_of(n_fft, size, hop, preemphasis, window)
    plan = fastspec.STFT(n_fft, hop_length=hop, frame_length=size, window=window, center=False, dtype=dtype)
    options: Any = {"scale": scale, "remove_mean": True, "preemphasis": preemphasis, "eps": 1e-3, "log": "ln"}
    for energy in ("first", "last"):
        row = 0 if energy == "first" else -1
        for of, squares in (("samples", z), ("windowed", y)):
            L = fastspec.FrontEnd(plan, power=1.0, energy=energy, energy_of=of, energy_floor=1e-9, **options)(NOISE)
            expected = np.log(np.maximum(9 * np.sum(squares**2, axis=1), 1e-9))
            assert np.abs(L[row] - expected).max() < BOUND[dtype] * max(1, np.abs(expected).max())
            others = np.delete(L, row % len(L), 0)
            assert np.abs(others - np.log(np.sqrt(9 * P.T + 1e-3))).max() < 1e3 * BOUND[dtype]


def test_an_energy_without_logarithms_has_the_natural_one() -> None:
    z, _, P = frames_of(512, 400, 160, 0.0, np.ones(400))
    plan = fastspec.STFT(512, hop_length=160, frame_length=400, window="boxcar", center=False, dtype="float64")
    L = fastspec.FrontEnd(plan, remove_mean=True, energy="first", energy_floor=1e-9)(NOISE)
    assert np.abs(L[0] - np.log(np.sum(z**2, axis=1))).max() < 1e-12
    assert np.abs(L[1:] - P.T).max() < 1e-12 * P.max()


@pytest.mark.parametrize("energy", [None, "cepstrum"])
def test_the_cepstrum_of_order_0_can_come_last(energy: str | None) -> None:
    plan = fastspec.STFT(512, hop_length=160, frame_length=400, center=False, dtype="float64")
    bank = fastspec.MelBank(16000, 512, 26, dtype="float64")
    options: Any = {"log": "ln", "floor": 1e-9, "n_cepstra": 13, "lifter": 22.0, "energy": energy}
    first = fastspec.FrontEnd(plan, bank, **options)(NOISE)
    last = fastspec.FrontEnd(plan, bank, **options, zeroth_last=True)(NOISE)
    assert np.array_equal(last[:-1], first[1:])
    assert np.abs(last[-1] - first[0] * (1 if energy else np.sqrt(2))).max() < 1e-12 * np.abs(first[0]).max()
    if energy is None:
        L = fastspec.FrontEnd(plan, bank, log="ln", floor=1e-9)(NOISE)
        assert np.abs(first[0] - scipy.fft.dct(L, axis=0, norm="ortho")[0]).max() < 1e-11


def test_cepstra_in_either_order_are_inverted_to_the_same_signal() -> None:
    plan = fastspec.STFT(256, hop_length=64, dtype="float64")
    bank = fastspec.MelBank(8000, 256, 20, dtype="float64")
    signals = []
    for zeroth_last in (False, True):
        frontend = fastspec.FrontEnd(plan, bank, log="ln", floor=1e-9, n_cepstra=20, zeroth_last=zeroth_last)
        signals.append(frontend.inverse(frontend(NOISE), n_iter=2, length=len(NOISE)))
    assert np.abs(signals[0] - signals[1]).max() < 1e-6


def test_bad_options_are_named() -> None:
    plan = fastspec.STFT(512)
    with pytest.raises(ValueError, match="energy_of must be one of 'samples', 'windowed', got 'bins'"):
        fastspec.FrontEnd(plan, log="ln", energy="first", energy_of="bins")


@pytest.mark.parametrize("pad_mode", ["symmetric", "reflect", "constant"])
@pytest.mark.parametrize("hop", [60, 100, 101, 150, 333])
def test_streams_of_frames_apart_have_the_bits_of_the_call(hop: int, pad_mode: str) -> None:
    """Where hops are longer than frames, the first frame starts after the first sample."""
    plan = fastspec.STFT(128, hop_length=hop, frame_length=100, center=False, pad="same", pad_mode=pad_mode)
    frontend = fastspec.FrontEnd(plan, log="ln", floor=1e-9, remove_mean=True)
    for n in (40, 99, 100, 101, 160, 1000, 3000):
        if not frontend.n_frames(n):
            continue
        x = NOISE[:n].astype(np.float32)
        for block in (1, 37, 100, 5000):
            stream = frontend.stream()
            parts = [stream.push(x[a : a + block]) for a in range(0, n, block)] + [stream.flush()]
            assert np.array_equal(np.concatenate(parts, axis=-1), frontend(x)), (n, block)
