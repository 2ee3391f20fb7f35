"""`OnlineFbank` and `OnlineMfcc`: for any blocks the bits of the call, as many frames ready as are complete."""

import itertools
from typing import Any

import numpy as np
import pytest
import twins_kaldi
from hypothesis import given
from hypothesis import strategies as st

import fastspec
from fastspec import kaldi

Array = np.ndarray[Any, np.dtype[Any]]

RATE = 16000
NOISE = (np.random.default_rng(3).standard_normal(40000) * 1000).astype(np.float32)


def options(kind: str, frame: dict[str, Any], mel: dict[str, Any], **own: Any) -> Any:
    opts = kaldi.FbankOptions(**own) if kind == "fbank" else kaldi.MfccOptions(**own)
    for target, values in ((opts.frame_opts, frame), (opts.mel_opts, mel)):
        for name, value in values.items():
            setattr(target, name, value)
    return opts


def extractor(opts: Any) -> Any:
    return kaldi.OnlineFbank(opts) if isinstance(opts, kaldi.FbankOptions) else kaldi.OnlineMfcc(opts)


def frames_of(online: Any, first: int = 0) -> Array:
    rows = [online.get_frame(i) for i in range(first, online.num_frames_ready)]
    return np.array(rows, np.float32).reshape(-1, online.dim)


CASES: list[tuple[Any, str, dict[str, Any]]] = [
    (options("fbank", {}, {}), "fbank", {}),
    (
        options("fbank", {"snip_edges": False, "window_type": "hamming"}, {"num_bins": 80, "high_freq": -400.0}),
        "fbank",
        {"snip_edges": False, "window_type": "hamming", "num_mel_bins": 80, "high_freq": -400.0},
    ),
    (
        options("fbank", {"frame_shift_ms": 30.0, "snip_edges": False}, {}),
        "fbank",
        {"frame_shift": 30.0, "snip_edges": False},
    ),
    (
        options("fbank", {"samp_freq": 8e3}, {}, use_energy=True, energy_floor=1.0, raw_energy=False, htk_compat=True),
        "fbank",
        {"sample_frequency": 8000.0, "use_energy": True, "raw_energy": False, "htk_compat": True},
    ),
    (
        options("fbank", {}, {}, use_power=False, use_log_fbank=False),
        "fbank",
        {"use_power": False, "use_log_fbank": False},
    ),
    (options("mfcc", {}, {}), "mfcc", {"use_energy": True, "energy_floor": 0.0}),
    (
        options("mfcc", {"snip_edges": False}, {"num_bins": 40}, num_ceps=20, use_energy=False, htk_compat=True),
        "mfcc",
        {"snip_edges": False, "num_mel_bins": 40, "num_ceps": 20, "htk_compat": True},
    ),
]


@pytest.mark.parametrize(("opts", "kind", "same"), CASES)
@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 8000))
def test_any_blocks_give_the_bits_of_the_call(
    opts: Any, kind: str, same: dict[str, Any], sizes: list[int], n: int
) -> None:
    x, rate = NOISE[:n], opts.frame_opts.samp_freq
    online, whole = extractor(opts), getattr(kaldi, kind)(x, **same)
    bounds = [0, *np.minimum(np.cumsum(sizes, dtype=int), n), n]
    size, shift = int(rate * 0.025), int(rate * same.get("frame_shift", 10.0) / 1000)
    for a, b in itertools.pairwise(bounds):
        online.accept_waveform(rate, x[a:b])
        ends = [start_of(f, size, shift, same) + size for f in range(len(whole))]
        assert online.num_frames_ready == sum(end <= b for end in ends)
        assert not online.is_last_frame(online.num_frames_ready - 1)
    online.input_finished()
    assert online.num_frames_ready == len(whole)
    assert np.array_equal(frames_of(online), whole)
    if len(whole):
        assert online.is_last_frame(len(whole) - 1)
        assert not online.is_last_frame(len(whole) - 2)


def start_of(f: int, size: int, shift: int, same: dict[str, Any]) -> int:
    """The first sample of frame f."""
    return f * shift + shift // 2 - size // 2 if same.get("snip_edges") is False else f * shift


@pytest.mark.parametrize("window", ["hann", "sine"])
def test_windows_and_guards_that_only_streams_have(window: str) -> None:
    online = kaldi.OnlineFbank(options("fbank", {"window_type": window}, {}, use_log_floor=False, eps=0.5))
    online.accept_waveform(RATE, NOISE[:4000])
    P, _, n_fft = twins_kaldi.spectra(NOISE[:4000], {"window_type": window})
    M = P @ twins_kaldi.filters(23, n_fft, RATE, 20.0, 0.0).T
    assert np.abs(frames_of(online) - np.log(M + 0.5)).max() < 1e-4


def test_samples_of_any_kind() -> None:
    integers = np.round(NOISE[:4000]).astype(np.int16)
    expected = kaldi.fbank(integers)
    for x in (integers, list(map(float, integers)), np.repeat(integers, 2)[::2], integers.astype(np.float64)):
        online = kaldi.OnlineFbank()
        online.accept_waveform(16000.0, x)
        assert np.array_equal(frames_of(online), expected)


def test_frames_that_are_held_keep_their_contents() -> None:
    online = kaldi.OnlineFbank()
    whole, held = kaldi.fbank(NOISE), []
    for a in range(0, len(NOISE), 1600):
        online.accept_waveform(RATE, NOISE[a : a + 1600])
        while len(held) < online.num_frames_ready:
            held.append(online.get_frame(len(held)))
        online.pop(7)
    assert np.array_equal(np.stack(held), whole)


def test_dropped_frames_free_their_memory_and_numbers_stay() -> None:
    online = kaldi.OnlineFbank()
    whole, seen = kaldi.fbank(NOISE), 0
    for a in range(0, len(NOISE), 160):
        online.accept_waveform(RATE, NOISE[a : a + 160])
        assert np.array_equal(frames_of(online, seen), whole[seen : online.num_frames_ready])
        online.pop(online.num_frames_ready - seen)
        seen = online.num_frames_ready
    assert len(online._frames) == 64  # rows: nothing grew
    with pytest.raises(RuntimeError, match=f"frame must be at least {seen}, as earlier ones were dropped, got 5"):
        online.get_frame(5)
    online.pop(1000)
    assert online.num_frames_ready == seen


def test_preparing_changes_nothing() -> None:
    online = kaldi.OnlineFbank()
    online.prepare()
    online.accept_waveform(RATE, NOISE[:1000])
    online.prepare()
    online.accept_waveform(RATE, NOISE[1000:3000])
    assert np.array_equal(frames_of(online), kaldi.fbank(NOISE[:3000]))


def test_attributes() -> None:
    online = kaldi.OnlineMfcc(kaldi.MfccOptions(num_ceps=10))
    assert online.dim == 10
    assert online.frame_shift_in_seconds == pytest.approx(0.01)
    assert online.num_frames_ready == 0
    assert kaldi.OnlineFbank(kaldi.FbankOptions(use_energy=True)).dim == 24
    online.accept_waveform(RATE, NOISE[:400])
    frame = online.get_frame(0)
    assert (frame.shape, frame.dtype, frame.flags.c_contiguous) == ((10,), np.float32, True)


def test_errors_and_what_may_follow() -> None:
    online = kaldi.OnlineFbank()
    with pytest.raises(ValueError, match="sampling_rate must be 16000 as in the options, got 8000"):
        online.accept_waveform(8000, NOISE)
    with pytest.raises(
        ValueError, match=r"waveform must be real numbers of shape \(n,\), got float32 of shape \(2, 20000"
    ):
        online.accept_waveform(RATE, NOISE.reshape(2, -1))
    with pytest.raises(IndexError, match="frame must be below num_frames_ready = 0, got 0"):
        online.get_frame(0)
    with pytest.raises(RuntimeError, match="frame must be at least 0"):
        online.get_frame(-1)
    online.accept_waveform(RATE, NOISE[:1000])
    online.input_finished()
    online.input_finished()
    online.accept_waveform(RATE, [])
    with pytest.raises(RuntimeError, match=r"waveform must not follow input_finished\(\)"):
        online.accept_waveform(RATE, NOISE[:1])
    assert np.array_equal(frames_of(online), kaldi.fbank(NOISE[:1000]))


@pytest.mark.parametrize(
    ("opts", "text"),
    [
        (options("fbank", {"dither": 3e-5}, {}), "frame_opts.dither must be 0, .* got 3e-05"),
        (options("fbank", {"window_type": "gauss"}, {}), "frame_opts.window_type must be one of 'povey'"),
        (options("fbank", {"preemph_coeff": 2.0}, {}), "frame_opts.preemph_coeff must be from 0 to 1, got 2.0"),
        (options("fbank", {"samp_freq": 0.0}, {}), "frame_opts.frame_length_ms must be at least 2"),
        (options("fbank", {}, {"num_bins": 0}), "mel_opts.num_bins must be at least 1"),
        (options("fbank", {}, {"is_librosa": True}), "mel_opts.is_librosa must be False"),
        (options("fbank", {}, {"low_freq": 9000.0}), "mel_opts.low_freq and mel_opts.high_freq must be"),
        (options("fbank", {}, {}, eps=-1.0), "eps must be at least 0, got -1.0"),
        (options("mfcc", {}, {}, num_ceps=24), "num_ceps must be at most mel_opts.num_bins = 23, got 24"),
    ],
)
def test_bad_options_are_named(opts: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        extractor(opts)


def test_options_to_dictionaries_and_back() -> None:
    opts = options("fbank", {"snip_edges": False}, {"num_bins": 80}, use_energy=True)
    values = opts.as_dict()
    assert values["mel_opts"]["num_bins"] == 80
    assert kaldi.FbankOptions.from_dict(values) == opts
    assert kaldi.MfccOptions.from_dict({"num_ceps": 5, "mel_opts": {"low_freq": 0.0}}).mel_opts.low_freq == 0
    assert kaldi.FbankOptions().mel_opts.num_bins == 23
    assert kaldi.MelBanksOptions().num_bins == 25
    with pytest.raises(TypeError, match="unknown"):
        kaldi.FrameExtractionOptions.from_dict({"unknown": 1})


def test_the_package_offers_them() -> None:
    assert fastspec.kaldi is kaldi
    assert {"fbank", "mfcc", "spectrogram", "OnlineFbank", "OnlineMfcc"} <= set(kaldi.__all__)
