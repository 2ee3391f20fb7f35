"""fbank, logfbank and mfcc of python_speech_features, in float64."""

from typing import Any

import numpy as np
import pytest
import python_speech_features as original

from fastspec.faces import Unsupported, speech_features

LENGTHS = [1, 2, 100, 399, 400, 401, 559, 560, 561, 16000, 16001]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"nfilt": 40, "nfft": 1024, "winfunc": np.hamming},
    {"nfilt": 80, "lowfreq": 100, "highfreq": 4000},
    {"samplerate": 44100, "nfft": 2048, "winlen": 0.025, "winstep": 0.0101, "preemph": 0.0},
    {"winlen": 0.032, "winstep": 0.04, "preemph": 1},
]
BOUND = 1e-10


def noise(n: int) -> Any:
    return np.random.default_rng(n).standard_normal(n) * 1000


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("n", LENGTHS)
def test_every_function(n: int, options: dict[str, Any]) -> None:
    x = noise(n)
    (levels, energies), (expected, sums) = speech_features.fbank(x, **options), original.fbank(x, **options)
    assert (levels.shape, levels.dtype, energies.shape) == (expected.shape, expected.dtype, sums.shape)
    assert np.abs(levels - expected).max() < BOUND * max(1e-9, np.abs(expected).max())
    assert np.abs(energies / sums - 1).max() < BOUND
    assert levels.flags.c_contiguous
    for more in ({}, {"appendEnergy": False, "ceplifter": 0}, {"numcep": 40}):
        C, theirs = speech_features.mfcc(x, **options, **more), original.mfcc(x, **options, **more)
        assert C.shape == theirs.shape
        assert np.abs(C - theirs).max() < 1e3 * BOUND
    without = {key: value for key, value in options.items() if key != "winfunc"}
    assert np.abs(speech_features.logfbank(x, **without) - original.logfbank(x, **without)).max() < 1e2 * BOUND


def test_silence_and_a_silent_half() -> None:
    x = noise(8000)
    x[4000:] = 0
    for signal in (np.zeros(5000), x):
        for name in ("mfcc", "logfbank"):
            assert np.abs(getattr(speech_features, name)(signal) - getattr(original, name)(signal)).max() < 1e-9
        for ours, theirs in zip(speech_features.fbank(signal), original.fbank(signal), strict=True):
            assert np.array_equal(ours == np.finfo(float).eps, theirs == np.finfo(float).eps)


def test_samples_of_other_dtypes() -> None:
    integers = noise(16000).astype(np.int16)
    assert np.abs(speech_features.mfcc(integers) - original.mfcc(integers)).max() < 1e-9
    single = integers.astype(np.float32)
    exact = original.mfcc(integers)
    ours, theirs = (np.abs(f(single) - exact).max() for f in (speech_features.mfcc, original.mfcc))
    assert ours < 1e-9 < theirs  # its pre-emphasis is in float32
    assert np.array_equal(speech_features.mfcc(np.repeat(integers, 2)[::2]), speech_features.mfcc(integers))


@pytest.mark.parametrize(
    ("signal", "options"),
    [
        (list(range(1000)), {}),
        (np.zeros((2, 1000)), {}),
        (np.zeros(0), {}),
        (np.zeros(1000, complex), {}),
        (np.zeros(1000, np.float16), {}),
        (np.zeros(1000), {"nfft": 256}),
        (np.zeros(1000), {"nfft": 513}),
        (np.zeros(1000), {"highfreq": 9000}),
        (np.zeros(1000), {"winstep": 0.0}),
        (np.zeros(1000), {"preemph": 1.5}),
        (np.zeros(1000), {"winfunc": lambda n: 2.0}),
    ],
)
def test_what_the_original_has_to_do_is_refused(signal: Any, options: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        speech_features.fbank(signal, **options)
