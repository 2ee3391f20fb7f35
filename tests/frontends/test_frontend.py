"""`FrontEnd` against its slow twin: framing, prologue, logarithms, energies, cepstra, ranges, batches, streams."""

import pickle
from typing import Any

import numpy as np
import pytest
import twins_frontend as twins
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec import STFT, FilterBank, FrontEnd, MelBank
from fastspec.picture.levels import _length

Array = np.ndarray[Any, np.dtype[Any]]

SR = 16_000
RNG = np.random.default_rng(16)
NOISE = 0.1 * RNG.standard_normal(SR)
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
"""Largest difference of a natural logarithm that is within 60 dB of the loudest of its signal."""


def hamming(n: int) -> Array:
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def kaldi_plan(dtype: str, **framing: Any) -> STFT:
    return STFT(512, hop_length=160, frame_length=400, window=hamming(400), dtype=dtype, **{"center": False} | framing)


def bank_of(dtype: str, n_fft: int = 512, n_mels: int = 23) -> MelBank:
    return MelBank(SR, n_fft, n_mels, fmin=20, htk=True, norm=None, dtype=dtype)


SPEECH = {"log": "ln", "floor": 1.1920929e-07, "scale": 32768.0, "remove_mean": True, "preemphasis": 0.97}
OPTIONS: dict[str, dict[str, Any]] = {
    "levels": {},
    "magnitudes": {"power": 1.0},
    "eps": {"power": 1.0, "eps": 1e-3, "log": "ln", "floor": 1e-5},
    "any power": {"power": 1.3, "eps": 1e-4},
    "guard": {"log": "log2", "guard": 2.0**-24},
    "db": {"log": "db", "floor": 1e-10},
    "db of magnitudes": {
        "log": "db",
        "floor": 1e-5,
        "power": 1.0,
        "gain": 0.05,
        "offset": 1.0,
        "low": 0.3,
        "high": 0.9,
    },
    "map of levels": {"gain": 3.0, "offset": 1.0, "floor": 0.5, "guard": 0.25},
    "speech": SPEECH,
    "first sample": SPEECH | {"first_sample": "zero"},
    "energy first": SPEECH | {"energy": "first", "energy_floor": 1.0},
    "energy last": SPEECH | {"energy": "last"},
    "cepstra": SPEECH | {"n_cepstra": 13, "lifter": 22.0},
    "energy in cepstra": SPEECH | {"n_cepstra": 13, "energy": "cepstrum"},
    "mean only": {"remove_mean": True, "log": "log10", "floor": 1e-10},
}


def assert_near(got: Array, expected: Array, dtype: str, what: str = "") -> None:
    """Relative to the range of the values, as levels are, or 1 as logarithms."""
    assert got.shape == expected.shape
    assert got.dtype == dtype
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(got - expected).max() <= TOLERANCE[dtype] * scale, what


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIONS)
def test_features_are_those_of_the_formulas(name: str, dtype: str) -> None:
    options, bank = OPTIONS[name], bank_of(dtype)
    y = (NOISE + 0.3).astype(dtype)
    frames = twins.padded_frames(y, 400, 160, (0, 0))
    expected = twins.features(frames, hamming(400), 512, np.asarray(bank, "f8"), **options)
    frontend = FrontEnd(kaldi_plan(dtype), bank, **options)
    L = frontend(y)
    assert_near(L, expected, dtype, name)
    assert frontend.n_rows == len(L)
    assert frontend.n_frames(len(y)) == L.shape[-1]
    assert np.array_equal(frontend(y, order="F"), L)
    assert np.array_equal(pickle.loads(pickle.dumps(frontend))(y), L)


def test_spectrograms_without_a_bank() -> None:
    plan = STFT(256, hop_length=64)
    L = FrontEnd(plan, power=1, log="db", floor=1e-5)(NOISE)
    S = np.abs(np.fft.rfft(twins.padded_frames(NOISE, 256, 64, (128, 128)) * plan.window)).T
    np.testing.assert_allclose(L, 20 * np.log10(np.maximum(S, 1e-5)), atol=2e-4)


@settings(max_examples=60, deadline=None)
@given(
    frame_length=st.integers(2, 90),
    extra=st.integers(0, 40),
    hop_length=st.integers(1, 100),
    pad=st.one_of(st.just("same"), st.tuples(st.integers(0, 70), st.integers(0, 70))),
    pad_mode=st.sampled_from(["constant", "reflect", "symmetric", "edge"]),
    append=st.integers(0, 60),
    n=st.integers(1, 400),
    prologue=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_any_framing_and_its_streams(
    frame_length: int, extra: int, hop_length: int, pad: Any, pad_mode: str, append: int, n: int, prologue: bool,
    cuts: list[int],
) -> None:  # fmt: skip
    n_fft = max(2, frame_length + extra)
    y, window = RNG.standard_normal(n), 0.5 + RNG.random(frame_length)
    plan = STFT(
        n_fft, hop_length=hop_length, frame_length=frame_length, window=window, pad=pad, pad_mode=pad_mode,
        dtype="float64",
    )  # fmt: skip
    bank = np.eye(plan.n_bins)
    options: dict[str, Any] = {"remove_mean": True, "preemphasis": 0.5} if prologue else {}
    frontend = FrontEnd(plan, bank, append=append, **options)
    if not frontend.n_frames(n):
        with pytest.raises(ValueError, match="y must have at least"):
            frontend(y)
        return
    expected = twins.features(
        twins.padded_frames(y, frame_length, hop_length, pad, pad_mode, append), window, n_fft, bank, **options
    )
    L = frontend(y)
    assert L.shape == expected.shape == (plan.n_bins, frontend.n_frames(n))
    np.testing.assert_allclose(L, expected, atol=1e-10 * max(1, expected.max()))
    stream = frontend.stream()
    blocks = np.split(y, sorted(c for c in cuts if c <= n))
    streamed = np.concatenate([*(stream.push(block) for block in blocks), stream.flush()], axis=-1)
    assert np.array_equal(streamed, L)
    if not (append or prologue) and frame_length == n_fft:
        assert_the_plan_is_the_same(plan, y, expected)


def assert_the_plan_is_the_same(plan: STFT, y: Array, powers: Array) -> None:
    """The plan's own transform of these frames."""
    np.testing.assert_allclose(np.abs(plan.forward(y)) ** 2, powers, atol=1e-10 * max(1, powers.max()))


@pytest.mark.parametrize("pad", [(384, 384), (10, 300), (0, 0), "same"])
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_plans_of_any_padding_invert(pad: Any, pad_mode: str) -> None:
    plan = STFT(1024, hop_length=256, pad=pad, pad_mode=pad_mode, dtype="float64")
    z = plan.inverse(plan.forward(NOISE), length=len(NOISE))
    covered = slice(1024, (plan.n_frames(len(NOISE)) - 3) * 256)
    np.testing.assert_allclose(z[covered], NOISE[covered], atol=1e-12)
    assert plan.n_samples(plan.n_frames(len(NOISE))) <= len(NOISE) + 128
    assert len(plan.inverse(plan.forward(NOISE))) == plan.n_samples(plan.n_frames(len(NOISE)))


def test_times_of_frames() -> None:
    for pad, first in ((None, 0.0), ((384, 384), 128.0), ("same", 128.0), ((0, 0), 512.0)):
        plan = STFT(1024, hop_length=256, pad=pad)
        np.testing.assert_array_equal(plan.times(3, 1.0), first + 256 * np.arange(3))


def test_pictures_know_the_padding_of_a_plan() -> None:
    plan = STFT(64, hop_length=16, pad=(24, 24))
    assert _length(16 / 8000, 3, plan, 8000) == (16, 1)
    with pytest.raises(ValueError, match=r"duration must be at least 0\.002 s, 16 samples at 8000 Hz"):
        _length(15 / 8000, 3, plan, 8000)


def test_signal_preemphasis_and_streams_of_it() -> None:
    y = NOISE.astype(np.float32)
    plan, bank = STFT(512, hop_length=160, win_length=400), bank_of("float32")
    frontend = FrontEnd(plan, bank, signal_preemphasis=0.97, log="ln", guard=2.0**-24)
    emphasized = FrontEnd(plan, bank, log="ln", guard=2.0**-24)(twins.emphasized(y, np.float32(0.97)).astype("f4"))
    L = frontend(y)
    np.testing.assert_allclose(L, emphasized, atol=2e-5)
    stream = frontend.stream()
    parts = [stream.push(b) for b in np.split(y, [0, 1, 2, 700, 9000])] + [stream.flush()]
    assert np.array_equal(np.concatenate(parts, axis=-1), L)
    assert np.array_equal(frontend(np.stack([y, 2 * y]))[0], L)


@pytest.mark.parametrize("reference", ["signal", "batch"])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_ranges_below_the_largest(reference: str, relative: bool, order: Any) -> None:
    y = np.stack([NOISE, 0.01 * NOISE]).astype(np.float32)
    plan, bank = STFT(400, hop_length=160, pad_mode="reflect"), bank_of("float32", 400, 40)
    tail = {"dynamic_range": 1.5, "relative": relative, "gain": 0.25, "offset": 1.0}
    frontend = FrontEnd(plan, bank, log="log10", floor=1e-10, reference=reference, drop_last=True, **tail)
    L = frontend(y, order=order)
    raw = np.stack(
        [
            twins.features(
                twins.padded_frames(x, 400, 160, (200, 200), "reflect")[:-1], plan.window, 400,
                np.asarray(bank, "f8"), log="log10", floor=1e-10,
            )
            for x in y
        ]
    )  # fmt: skip
    top = raw.max(axis=(1, 2), keepdims=True) if reference == "signal" else raw.max()
    np.testing.assert_allclose(L, twins.in_range(raw, top, **tail), atol=5e-6)
    assert (np.diff(np.sort(L[1], axis=None)) == 0).any()  # some values are at the limit


@pytest.mark.parametrize("n", [4000, 80_000])  # a prepared call, and one whose kernels keep the largest
def test_a_signal_of_nan_leaves_the_range_of_a_batch(n: int) -> None:
    plan, bank = STFT(400, hop_length=160, pad_mode="reflect"), bank_of("float32", 400, 40)
    frontend = FrontEnd(plan, bank, log="log10", floor=1e-10, reference="batch", dynamic_range=1.5)
    y = np.resize(NOISE, n).astype(np.float32)
    L = frontend(np.stack([y, np.full(n, np.nan, np.float32)]))
    assert np.array_equal(L[0], frontend(y))
    assert np.isnan(L[1]).all()


def test_whisper_is_that_of_the_plan() -> None:
    plan, bank = STFT(400, hop_length=160, pad_mode="reflect"), MelBank(SR, 400, 80)
    frontend = FrontEnd(plan, bank, log="log10", floor=1e-10, dynamic_range=8, gain=0.25, offset=1.0, drop_last=True)
    y = NOISE.astype("f4")
    assert np.array_equal(frontend(y), plan.mel(y, bank, log="whisper"))
    click = np.r_[np.zeros(4000), 1, np.zeros(4000)].astype("f4")
    np.testing.assert_allclose(frontend(click), plan.mel(click, bank, log="whisper"), atol=3e-7)
    assert (frontend(np.zeros(4000, "f4")) == np.float32(-1.5)).all()  # (-10 + 4) / 4: the floor's logarithm is exact


@pytest.mark.parametrize("kind", ["mean", "deviation"])
def test_rows_are_normalized(kind: str) -> None:
    plan, bank = STFT(512, hop_length=160), bank_of("float32")
    options: dict[str, Any] = {"log": "ln", "guard": 2.0**-24}
    L = FrontEnd(plan, bank, **options)(NOISE)
    got = FrontEnd(plan, bank, normalize=kind, deviation_floor=1e-5, **options)(NOISE)
    np.testing.assert_allclose(got, twins.normalized(L.astype("f8"), kind == "deviation", 1e-5), atol=2e-5)
    lone = FrontEnd(plan, bank, normalize=kind, deviation_floor=1e-5, **options)(NOISE[:100])
    assert lone.shape[-1] == 1
    assert not lone.any()


def test_constants_and_silence_are_the_floor_exactly() -> None:
    frontend = FrontEnd(kaldi_plan("float32"), bank_of("float32"), **SPEECH)
    for value in (0.0, 1.0, 0.1, -0.7, 1e-3, 12345.678 / 32768):
        L = frontend(np.full(4000, value, np.float32))
        assert np.unique(L) == np.float32(np.log(1.1920929e-07)), value


def test_nan_and_infinity_stay_in_their_frames() -> None:
    y = NOISE.astype(np.float32)
    frontend = FrontEnd(kaldi_plan("float32"), bank_of("float32"), **SPEECH | {"energy": "first"})
    L = frontend(y)
    for bad in (np.nan, np.inf):
        z = y.copy()
        z[5000] = bad
        holds = (np.arange(L.shape[1]) * 160 <= 5000) & (np.arange(L.shape[1]) * 160 + 400 > 5000)
        M = frontend(z)
        assert np.isnan(M[:, holds]).all()
        assert np.array_equal(M[:, ~holds], L[:, ~holds])


def test_batches_of_unequal_lengths() -> None:
    frontend = FrontEnd(kaldi_plan("float32"), bank_of("float32"), normalize="deviation", **SPEECH)
    signals = [NOISE[:n].astype("f4") for n in (4000, 16000, 401, 7777)]
    L, n_frames = frontend.batch(signals, fill=-1.0)
    assert L.shape == (4, 23, frontend.n_frames(16000))
    for y, row, n in zip(signals, L, n_frames, strict=True):
        assert np.array_equal(row[:, :n], frontend(y))
        assert (row[:, n:] == -1).all()
    with pytest.raises(ValueError, match="at least one signal"):
        frontend.batch([])


def test_dither_is_noise_of_each_frame() -> None:
    plan, bank = kaldi_plan("float32"), bank_of("float32")
    silent, seed = np.zeros((2, 16000), "f4"), 7
    frontend = FrontEnd(plan, bank, dither=1.0, **SPEECH)
    L = frontend(silent, rng=seed)
    assert np.array_equal(L, frontend(silent, rng=seed))
    assert not np.array_equal(L[0], L[1])
    noise = np.random.default_rng(seed).standard_normal((98, 400), np.float32)
    options = {**SPEECH, "scale": 1.0}
    expected = twins.features(noise.astype("f8"), hamming(400), 512, np.asarray(bank, "f8"), **options)
    np.testing.assert_allclose(L[0], expected, atol=1e-4)
    with pytest.raises(ValueError, match="dither must be 0 for a stream"):
        frontend.stream()


@pytest.mark.parametrize("view", ["reversed", "strided", "int16", "list", "read-only", "float64"])
def test_any_array_of_samples(view: str) -> None:
    y = np.round(NOISE * 3000)
    frontend = FrontEnd(kaldi_plan("float32"), bank_of("float32"), **SPEECH | {"scale": 1.0})
    expected = frontend(y.astype("f4"))
    twice = np.repeat(y, 2).astype("f4")
    arrays: dict[str, Any] = {
        "reversed": np.ascontiguousarray(y[::-1]).astype("f4")[::-1], "strided": twice[::2], "list": y.tolist(),
        "int16": y.astype(np.int16), "float64": y, "read-only": y.astype("f4"),
    }  # fmt: skip
    if view == "read-only":
        arrays[view].flags.writeable = False
    assert np.array_equal(frontend(arrays[view]), expected)


def test_threads_do_not_change_bits() -> None:
    y = np.tile(NOISE, 20).astype("f4")
    frontend = FrontEnd(kaldi_plan("float32"), bank_of("float32"), **SPEECH | {"energy": "last"})
    results = []
    for n in (1, 2):
        with fastspec.threads(n):
            results.append(frontend(y))
    assert np.array_equal(*results)
    assert np.array_equal(frontend(np.stack([y[:900]] * 40))[7], frontend(y[:900]))


def test_features_come_back_as_sound() -> None:
    plan = STFT(1024, hop_length=256, pad=384, pad_mode="reflect")
    bank = MelBank(22050, 1024, 80, fmax=8000)
    frontend = FrontEnd(plan, bank, power=1, eps=1e-9, log="ln", floor=1e-5, signal_preemphasis=0.5, scale=2.0)
    y = np.sin(2 * np.pi * 300 * np.arange(22050) / 22050 * (1 + np.arange(22050) / 44100)).astype("f4") * 0.3
    L = frontend(y)
    z = frontend.inverse(L, n_iter=40)
    assert len(z) == plan.n_samples(L.shape[1])
    again = frontend(z)[:, : L.shape[1]]
    loud = L.max() - L < 4
    assert np.abs(again - L[:, : again.shape[1]])[loud[:, : again.shape[1]]].mean() < 0.3
    with pytest.raises(ValueError, match="rows were normalized"):
        FrontEnd(plan, bank, log="ln", normalize="mean").inverse(L)
    with pytest.raises(ValueError, match=r"L must have shape \(..., 80, n_frames\)"):
        frontend.inverse(L[:70])
    with pytest.warns(UserWarning, match="values at high"):
        FrontEnd(plan, bank, log="ln", floor=1e-5, high=float(L.max())).inverse(L, n_iter=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log": "log3"}, "log must be one of None, 'ln', 'log10', 'log2', 'db', got 'log3'"),
        ({"eps": -1}, "eps must be at least 0"),
        ({"scale": 0}, "scale must be above 0"),
        ({"preemphasis": 2}, "preemphasis must be from 0 to 1"),
        ({"energy": "cepstrum", "log": "ln"}, "energy must be first or last"),
        ({"energy": "last", "log": "ln", "n_cepstra": 5}, "energy must be cepstrum"),
        ({"n_cepstra": 24}, "n_cepstra must be"),
        ({"low": 2, "high": 1}, "low must be below high"),
        ({"dynamic_range": 8}, "dynamic_range and relative need log"),
        ({"dynamic_range": 8, "log": "ln", "low": 0}, "dynamic_range and relative exclude"),
        ({"normalize": "deviations"}, "normalize must be one of"),
        ({"append": -1}, "append must be"),
        ({"reference": None}, "reference must be one of"),
    ],
)
def test_arguments_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrontEnd(kaldi_plan("float32"), bank_of("float32"), **options)


def test_banks_of_other_sizes_and_short_signals() -> None:
    with pytest.raises(ValueError, match="bank must have n_bins = 257 columns"):
        FrontEnd(kaldi_plan("float32"), FilterBank(np.ones((3, 5))))
    with pytest.raises(ValueError, match="y must have at least 400 samples with this padding, got 399"):
        FrontEnd(kaldi_plan("float32", pad=0), bank_of("float32"))(NOISE[:399])
    for name in ("dynamic_range", "relative", "normalize"):
        options = {"dynamic_range": 8.0, "relative": True, "normalize": "mean"}
        with pytest.raises(ValueError, match=f"{name} needs the whole signal"):
            FrontEnd(kaldi_plan("float32"), bank_of("float32"), log="ln", **{name: options[name]}).stream()  # type: ignore[arg-type]
