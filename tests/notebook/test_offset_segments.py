"""The inversion by offsets in segments: as good as the whole, and with the same bits for any number of threads."""

from typing import Any

import cases
import numpy as np
import pytest

import fastspec
from fastspec.notebook import segments as notebook_segments
from fastspec.notebook import spectra

Array = np.ndarray[Any, np.dtype[Any]]
SIZES = [(512, 64), (1024, 256), (2048, 128)]


def spectrogram(n_fft: int, hop: int, seconds: int = 12, dtype: Any = np.float32, start: int = 2000) -> Array:
    """Of speech of varying loudness."""
    y = np.resize(cases.speech_16k()[start:], 16_000 * seconds)
    y *= 10 ** (0.5 * np.sin(np.arange(len(y)) / 9000))
    return fastspec.pretty_spectrogram(y.astype(dtype), thresh=4, fft_size=n_fft, step_size=hop)


def inverted(S: Array, hop: int, segments: Any, n_iter: int = 3) -> Array:
    return fastspec.invert_pretty_spectrogram(
        S, fft_size=2 * S.shape[1], step_size=hop, n_iter=n_iter, segments=segments
    )


@pytest.mark.parametrize(("n_fft", "hop"), [*SIZES, (418, 52), (422, 53)])
@pytest.mark.parametrize("segments", [2, 3, 8, "auto"])
def test_segments_cost_at_most_a_tenth_of_a_decibel(n_fft: int, hop: int, segments: Any) -> None:
    losses = []  # single ones lie some tenths apart, as a near tie of two offsets may go either way
    for start in (2000, 2500, 3100, 3900):
        S = spectrogram(n_fft, hop, start=start)
        dB = [spectra.convergence(inverted(S, hop, s, 10), 10**S, n_fft, hop) for s in (None, segments)]
        losses.append(dB[1] - dB[0])
    assert np.mean(losses) < 0.1


@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_the_number_of_threads_changes_no_bits(n_fft: int, hop: int) -> None:
    S = spectrogram(n_fft, hop)
    results = []
    for n in (1, 2, 3):
        with fastspec.threads(n):
            results.append(inverted(S, hop, 5))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_segment_is_the_inversion_without_segments(dtype: Any) -> None:
    S = spectrogram(512, 64, 2, dtype)
    np.testing.assert_array_equal(inverted(S, 64, 1), inverted(S, 64, None))


@pytest.mark.parametrize("frames", [1, 2, 40, 200])
def test_too_many_segments_are_fewer(frames: int) -> None:
    S = spectrogram(512, 64, 3)[:frames]
    y = inverted(S, 64, 1000)
    assert y.shape == (frames * 64 + 256,)
    assert np.isfinite(y).all()


def test_the_number_of_auto_depends_on_the_frames_alone() -> None:
    counts = [notebook_segments.auto_segments(n) for n in (1, 2999, 3000, 7500, 24000, 40000, 10**6)]
    assert counts == [1, 1, 2, 4, 16, 16, 656]


@pytest.mark.parametrize("gain", [-60.0, -30.0, 25.0])
def test_loudness_does_not_matter(gain: float) -> None:
    S = spectrogram(512, 64, 3, np.float64)
    near, far = inverted(S, 64, 3), inverted(S + gain, 64, 3)
    assert far.dtype == np.float64
    got, want = (spectra.convergence(y, 10**S, 512, 64) for y in (far / 10**gain, near))
    assert abs(got - want) < 0.3


def test_all_functions_of_inversion_take_segments() -> None:
    S = 10 ** spectrogram(512, 64, 3)
    both = np.concatenate([S, S[:, ::-1]], axis=1)
    for call in (
        lambda n: fastspec.iterate_invert_spectrogram(both, 512, 64, 2, segments=n),
        lambda n: fastspec.invert_spectrogram(both, 64, segments=n),
    ):
        whole, segmented = (spectra.convergence(call(n), S, 512, 64) for n in (None, 3))
        assert segmented < whole + 0.1


def test_silence_stays_silent() -> None:
    y = fastspec.iterate_invert_spectrogram(np.zeros((900, 128)), 128, 16, 2, segments=4)
    assert not y.any()


@pytest.mark.parametrize("segments", [0, -1, 2.5, "many"])
def test_wrong_segments_are_refused(segments: Any) -> None:
    with pytest.raises(ValueError, match=r"^segments must"):
        inverted(spectrogram(512, 64, 1), 64, segments)


def test_any_number_of_concurrent_segments_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    S = spectrogram(512, 64)
    want = inverted(S, 64, 7)
    monkeypatch.setattr(notebook_segments, "MAX_CONCURRENT_SEGMENTS", 2)
    np.testing.assert_array_equal(inverted(S, 64, 7), want)


@pytest.mark.parametrize("exponent", [-700, -200, 200, 700])
@pytest.mark.parametrize("segments", [None, pytest.param(2, marks=pytest.mark.lowest)])  # NumPy 1.26 once gave NaN
def test_levels_far_beyond_those_of_float32_change_no_bits(exponent: int, segments: int | None) -> None:
    S = 10 ** spectrogram(256, 64, 1, np.float64)  # segments are computed in float32
    options: dict[str, Any] = {"fft_size": 256, "step_size": 64, "n_iter": 2, "segments": segments}
    found, wanted = (fastspec.invert_pretty_spectrogram(X, log=False, **options) for X in (S * 2.0**exponent, S))
    np.testing.assert_array_equal(found, wanted * 2.0**exponent)
    logarithms = fastspec.invert_pretty_spectrogram(np.log10(S) + exponent * np.log10(2), **options)
    assert np.isfinite(logarithms).all()
    assert logarithms.any()
