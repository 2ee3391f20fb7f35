"""`fastspec.kaldi.fbank`, `mfcc` and `spectrogram` against their formulas in float64, a frame at a time.

float32 features have to lie within 1e-4 of the logarithms where those are within 60 dB of the loudest of the utterance:
single precision leaves errors of 1e-7 of the loudest bin of a frame, 1e-4 of what is 60 dB below it in power.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
import twins_kaldi
from cases import speech_16k

import fastspec
from fastspec import kaldi

Array = np.ndarray[Any, np.dtype[Any]]

AT_FLOOR = np.float32(np.log(1.1920929e-7))
BOUND_32 = 1e-4
CEPSTRA_BOUND_32 = 5e-4  # of sums of all logarithms, also of quiet bands, times the lifter, up to 12
BOUND_64 = 1e-9
SIGNALS = twins_kaldi.cases(speech_16k())
RATES = [("8 kHz", {"sample_frequency": 8000.0}), ("44.1 kHz", {"sample_frequency": 44100.0, "num_mel_bins": 40})]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"window_type": "hamming"},
    {"window_type": "hanning"},
    {"window_type": "blackman", "blackman_coeff": 0.4},
    {"window_type": "rectangular"},
    {"snip_edges": False, "window_type": "hamming"},
    {"remove_dc_offset": False},
    {"preemphasis_coefficient": 0.0},
    {"preemphasis_coefficient": 0.0, "remove_dc_offset": False, "window_type": "rectangular"},
    {"round_to_power_of_two": False, "snip_edges": False},
    {"frame_length": 20.0, "frame_shift": 7.5, "snip_edges": False},
    {"frame_length": 20.0, "frame_shift": 30.0, "snip_edges": False},
    {"subtract_mean": True},
    {"raw_energy": False},
    {"energy_floor": 0.0},
    {"energy_floor": 1e9},
]
MEL_OPTIONS: list[dict[str, Any]] = [
    {"num_mel_bins": 80, "high_freq": -400.0},
    {"low_freq": 100.0, "high_freq": 3800.0},
    {"vtln_warp": 0.9},
    {"vtln_warp": 1.1},
    *(options for _, options in RATES),
]
ENERGY_OPTIONS: list[dict[str, Any]] = [
    {"use_energy": True},
    {"use_energy": True, "raw_energy": False},
    {"use_energy": True, "raw_energy": False, "window_type": "hamming", "snip_edges": False},
    {"use_energy": True, "raw_energy": False, "round_to_power_of_two": False},
    {"use_energy": True, "htk_compat": True},
    {"htk_compat": True},
    {"use_energy": True, "energy_floor": 1e9},
    {"use_energy": True, "energy_floor": 0.0},
]
FBANK_OPTIONS = [
    *(OPTIONS + MEL_OPTIONS + ENERGY_OPTIONS),
    {"use_power": False},
    {"use_power": False, "use_energy": True, "raw_energy": False},
    {"use_log_fbank": False},
    {"use_log_fbank": False, "use_energy": True},
    {"use_log_fbank": False, "use_energy": True, "raw_energy": False, "htk_compat": True},
]
MFCC_OPTIONS = [
    *(OPTIONS + MEL_OPTIONS + ENERGY_OPTIONS),
    {"num_ceps": 23, "cepstral_lifter": 0.0},
    {"num_ceps": 1},
    {"num_ceps": 5, "cepstral_lifter": 10.0, "use_energy": True, "htk_compat": True, "subtract_mean": True},
]
CALLS = [
    *(("fbank", options) for options in FBANK_OPTIONS),
    *(("mfcc", options) for options in MFCC_OPTIONS),
    *(("spectrogram", options) for options in OPTIONS),
]


@cache
def noise(n: int = 6000) -> Array:
    x = (np.random.default_rng(n).standard_normal(n) * 1000).astype(np.float32)
    x.flags.writeable = False
    return x


def of(kind: str) -> Any:
    return getattr(kaldi, kind)


@pytest.mark.parametrize(("kind", "options"), CALLS)
def test_every_option_in_both_precisions(kind: str, options: dict[str, Any]) -> None:
    x = noise()
    expected = twins_kaldi.FEATURES[kind](x, **options)
    largest = max(1.0, np.abs(expected).max()) if options.get("use_log_fbank") is False else 1.0
    exact = of(kind)(x.astype(np.float64), **options)
    assert exact.dtype == np.float64
    assert exact.shape == expected.shape
    assert np.abs(exact - expected).max() < BOUND_64 * largest
    single = of(kind)(x, **options)
    assert single.dtype == np.float32
    assert single.flags.c_contiguous
    near: Any = slice(None)
    if kind != "mfcc" and largest == 1:
        near = twins_kaldi.near_the_loudest(twins_kaldi.FEATURES[kind](x, **{**options, "subtract_mean": False}))
    assert np.abs(single - expected)[near].max() < (CEPSTRA_BOUND_32 if kind == "mfcc" else BOUND_32) * largest


@pytest.mark.parametrize("window", ["povey", "hamming"])
@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_within_60_decibels(name: str, snip_edges: bool, window: str) -> None:
    options: Any = {"num_mel_bins": 80, "window_type": window, "snip_edges": snip_edges}
    expected = twins_kaldi.fbank(SIGNALS[name], **options)
    single = kaldi.fbank(SIGNALS[name], **options)
    assert np.abs(single - expected)[twins_kaldi.near_the_loudest(expected)].max() < BOUND_32
    if name == "speech":
        assert np.abs(single - expected).max() < 5e-4
    assert np.abs(kaldi.fbank(SIGNALS[name].astype(np.float64), **options) - expected).max() < 1e-6


@pytest.mark.parametrize("name", ["constant", "zeros", "denormals"])
@pytest.mark.parametrize("options", [{}, {"snip_edges": False}, {"window_type": "hamming", "num_mel_bins": 80}])
def test_constants_are_exactly_the_floor(name: str, options: dict[str, Any]) -> None:
    for x in (SIGNALS[name], SIGNALS[name] * np.float32(-26.5)):
        assert (kaldi.fbank(x, **options) == AT_FLOOR).all()
        assert (kaldi.fbank(x.astype(np.float64), **options).astype(np.float32) == AT_FLOOR).all()
    options = {key: value for key, value in options.items() if key != "num_mel_bins"}
    assert (kaldi.spectrogram(SIGNALS[name], **options)[:, 1:] == AT_FLOOR).all()


def test_the_first_sample_of_a_frame_counts_as_that_before_it() -> None:
    """Seen only with a window that does not begin with 0: with povey and hanning the rule has no effect."""
    x = np.zeros(400)
    x[0] = 1000
    options: Any = {"remove_dc_offset": False, "window_type": "hamming"}
    L = kaldi.spectrogram(x, **options)[0, 1:]
    w = twins_kaldi.window("hamming", 400)
    k = np.arange(1, 257)
    P = np.abs(1000 * (0.03 * w[0] - 0.97 * w[1] * np.exp(-2j * np.pi * k / 512))) ** 2
    assert np.abs(L - np.log(P)).max() < 1e-9


@pytest.mark.parametrize("snip_edges", [True, False])
def test_frame_counts(snip_edges: bool) -> None:
    x = noise(2000)
    for n in range(2001):
        count = twins_kaldi.frame_count(n, 400, 160, snip_edges)
        assert kaldi.fbank(x[:n], snip_edges=snip_edges).shape == (count, 23), n
        if n % 40 in (0, 39):
            assert kaldi.mfcc(x[:n], snip_edges=snip_edges).shape == (count, 13), n
            assert kaldi.spectrogram(x[:n], snip_edges=snip_edges).shape == (count, 257), n
    assert kaldi.fbank(x[:0].astype(np.float64), use_energy=True).dtype == np.float64


@pytest.mark.parametrize("n", [80, 81, 119, 120, 121, 159, 240, 279, 280, 281, 399, 400, 401])
def test_short_signals_are_reflected_often_enough(n: int) -> None:
    options: Any = {"snip_edges": False, "window_type": "hamming"}
    x = noise()[:n].astype(np.float64)
    assert np.abs(kaldi.fbank(x, **options) - twins_kaldi.fbank(x, **options)).max() < BOUND_64


def test_a_signal_shorter_than_the_least_duration_has_no_frames() -> None:
    assert kaldi.fbank(noise(), min_duration=0.5).shape == (0, 23)
    assert kaldi.fbank(noise(), min_duration=0.375).shape == (36, 23)


def test_nan_stays_in_its_frames() -> None:
    x = noise().copy()
    x[2000] = np.nan
    L, clean = kaldi.fbank(x), kaldi.fbank(noise())
    holds = [f * 160 <= 2000 < f * 160 + 400 for f in range(len(L))]
    assert np.isnan(L[holds]).all()
    assert np.array_equal(np.delete(L, np.flatnonzero(holds), 0), np.delete(clean, np.flatnonzero(holds), 0))


def test_every_array_of_samples_is_taken_and_none_is_changed() -> None:
    integers = np.round(noise()).astype(np.int16)
    expected = kaldi.fbank(integers.astype(np.float32))
    for x in (integers, integers.astype(np.int32), integers.astype(">i2"), list(map(int, integers))):
        assert np.array_equal(kaldi.fbank(x), expected)
    assert kaldi.fbank(integers).dtype == np.float32
    long = np.repeat(integers.astype(np.float32), 3)
    assert np.array_equal(kaldi.fbank(long[::3]), expected)
    assert np.array_equal(kaldi.fbank(integers.astype(np.float32)[::-1]), kaldi.fbank(integers[::-1].copy()))
    stereo = np.stack([integers[::-1], integers]).astype(np.float32)
    before = stereo.copy()
    assert np.array_equal(kaldi.fbank(stereo, channel=1), expected)
    assert np.array_equal(kaldi.fbank(stereo), kaldi.fbank(stereo[0]))
    assert np.array_equal(kaldi.fbank(np.asfortranarray(stereo), channel=1), expected)
    assert np.array_equal(stereo, before)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    x = np.tile(noise(), 20)
    with fastspec.threads(1):
        expected = kaldi.mfcc(x, use_energy=True)
    for count in (2, 3):
        with fastspec.threads(count):
            assert np.array_equal(kaldi.mfcc(x, use_energy=True), expected)


def test_dither_is_noise_of_that_deviation_in_each_frame() -> None:
    silence = np.zeros(160 * 2000 + 240, np.float32)
    options: Any = {"dither": 3.0, "preemphasis_coefficient": 0.0, "remove_dc_offset": False}
    options |= {"window_type": "rectangular", "use_energy": True, "energy_floor": 0.0}
    L = kaldi.fbank(silence, **options, rng=1)
    assert np.array_equal(L, kaldi.fbank(silence, **options, rng=1))
    assert not np.array_equal(L, kaldi.fbank(silence, **options, rng=2))
    energies = np.exp(L[:, 0].astype(np.float64))  # chi-squared with 400 degrees of freedom, times 9
    assert abs(energies.mean() / 3600 - 1) < 5 * np.sqrt(2 / 400 / 2000)
    assert abs(energies.std() / 9 / np.sqrt(800) - 1) < 0.1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"waveform": np.zeros((2, 3, 4))}, r"waveform must have shape \(channels, n\) or \(n,\), got \(2, 3, 4\)"),
        ({"waveform": np.zeros(9, complex)}, "waveform must hold real numbers, got dtype complex128"),
        ({"channel": 1, "waveform": np.zeros((1, 500))}, "channel must be below 1, the channels of waveform, got 1"),
        ({"frame_length": 0.1}, "frame_length must be at least 2 samples, got 0.1 ms at 16000.0 Hz"),
        ({"frame_shift": 0.0}, "frame_shift must be at least 1 samples, got 0.0 ms"),
        ({"frame_length": float("nan")}, "frame_length must be finite"),
        (
            {"frame_length": 25.07, "round_to_power_of_two": False},
            "frame_length must be even samples if round_to_power",
        ),
        ({"sample_frequency": 0.0}, "sample_frequency must be above 0"),
        ({"preemphasis_coefficient": 1.5}, "preemphasis_coefficient must be from 0 to 1, got 1.5"),
        ({"window_type": "gauss"}, "window_type must be one of 'povey'"),
        ({"num_mel_bins": 0}, "num_mel_bins must be at least 1, got 0"),
        ({"low_freq": -5.0}, "low_freq and high_freq must be 0 <= low_freq < high_freq"),
        ({"high_freq": 8001.0}, "low_freq and high_freq must be 0 <= low_freq < high_freq"),
        ({"energy_floor": -1.0}, "energy_floor must be at least 0, got -1.0"),
        ({"dither": -1.0}, "dither must be at least 0, got -1.0"),
        ({"vtln_warp": 0.9, "vtln_low": 5.0}, "vtln_low and vtln_high must be"),
        ({"num_ceps": 24}, "num_ceps must be at most num_mel_bins = 23, got 24"),
        ({"num_ceps": 0}, "num_ceps must be at least 1, got 0"),
        ({"cepstral_lifter": -1.0}, "cepstral_lifter must be at least 0, got -1.0"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        kaldi.mfcc(**{"waveform": np.zeros(1000), **arguments})
