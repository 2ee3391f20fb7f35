"""Every fast function against its plain twin, on the table of cases and on sizes and sounds drawn by Hypothesis."""

import warnings
from typing import Any

import numpy as np
import pytest
import twins
from cases import (
    ANALYSIS,
    CONVERGENCE_BOUND,
    INVERSION,
    LOG_BOUND,
    SIGNALS,
    SPECTRUM_BOUND,
    UNUSUAL,
    WAVEFORM_BOUND,
    Case,
)
from compare import convergence, error, log_error
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ("float64", "float32")
drawn_often = settings(deadline=None, max_examples=80)
drawn_seldom = settings(deadline=None, max_examples=30)
FOLLOWED = twins.offset_like(fastspec.xcorr_offset)
"""How the twin finds offsets where another answer than ours would be as right, see `twins.allowed`."""

TINY = [2, 4, 6, 8, 10, 12, 14]
SMOOTH = [16, 18, 20, 24, 30, 32, 48, 60, 64, 80, 90, 96, 120, 128, 150, 200, 250, 256, 320, 360, 400, 480, 486, 512]
LARGE = [768, 1000, 1024, 1200, 1536, 2048, 2250, 4096]
OTHER_PRIMES = [22, 26, 28, 34, 38, 42, 46, 58, 70, 74, 98, 110, 126, 154, 182, 202, 242, 286, 254, 418, 502, 1018]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("case", [*ANALYSIS, *UNUSUAL], ids=lambda case: case.name)
def test_analysis_gives_the_twins_numbers(case: Case, signal: str, dtype: str) -> None:
    samples = SIGNALS[signal](24_000 if case.hop > 50 else 1500).astype(dtype)
    result, expected = case.run(fastspec, samples), case.run(twins, samples.astype(np.float64))
    assert result.real.dtype == dtype
    if case.function == "overlap":
        np.testing.assert_array_equal(result, expected)
    elif case.name.startswith("pretty") and "log=False" not in case.name:
        assert log_error(result, expected, dtype) <= LOG_BOUND[dtype]
    else:
        assert error(result, expected) <= SPECTRUM_BOUND[dtype]


@pytest.mark.parametrize("case", INVERSION, ids=lambda case: case.name)
def test_inversion_gives_the_twins_waveform(case: Case) -> None:
    source = case.input(SIGNALS["speech"](24_000))
    assert error(case.run(fastspec, source), case.run(twins, source, offset=FOLLOWED)) <= WAVEFORM_BOUND


@pytest.mark.parametrize("case", [c for c in INVERSION if c.takes == "log"], ids=lambda case: case.name)
def test_inversion_in_float32_converges_as_far_as_the_twin(case: Case) -> None:
    source = case.input(SIGNALS["speech"](24_000))
    single, expected = case.run(fastspec, source.astype(np.float32)), case.run(twins, source, offset=FOLLOWED)
    assert single.dtype == np.float32
    assert single.shape == expected.shape
    reached, wanted = (convergence(wave, 10**source, case.fft_size, case.hop) for wave in (single, expected))
    assert reached == pytest.approx(wanted, abs=CONVERGENCE_BOUND)


def sizes(smallest: int = 2) -> st.SearchStrategy[int]:
    groups = (TINY, SMOOTH, LARGE, OTHER_PRIMES)
    return st.one_of(
        [st.sampled_from([n for n in group if n >= smallest]) for group in groups if group[-1] >= smallest]
    )


def hops(size: int) -> st.SearchStrategy[int]:
    """One sample, a common fraction of the window, one that divides nothing, longer than the window."""
    common = st.sampled_from([1, max(1, size // 4), max(1, size // 8), size // 2, size, size // 3 | 1])
    return st.one_of(common, st.integers(1, 2 * size))


@st.composite
def sounds(draw: st.DrawFn, size: int, hop: int) -> Array:
    """Up to some 70 frames: shorter than the window, a multiple of it, one off a multiple, or anything."""
    windows = draw(st.integers(1, 1 + 64 * hop // size))
    length = draw(st.one_of(st.integers(1, size), st.just(size * windows), st.integers(1, size * windows + 1)))
    length = max(1, length + draw(st.sampled_from([-1, 0, 1])))
    start = draw(st.integers(0, 3000))
    samples = SIGNALS[draw(st.sampled_from(list(SIGNALS)))](start + length)[start:]
    return samples * 10.0 ** draw(st.integers(-3, 4)) * draw(st.sampled_from([1, -1]))


@st.composite
def analyses(draw: st.DrawFn) -> tuple[int, int, Array]:
    size = draw(sizes())
    hop = draw(hops(size))
    return size, hop, draw(sounds(size, hop))


@pytest.mark.parametrize("dtype", DTYPES)
@drawn_often
@given(drawn=analyses(), flags=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_stft_of_drawn_sizes_hops_and_sounds(
    dtype: str, drawn: tuple[int, int, Array], flags: tuple[bool, ...]
) -> None:
    size, hop, samples = drawn
    samples = samples.astype(dtype)
    got = fastspec.stft(samples, size, hop, *flags)
    expected = twins.stft(samples.astype(np.float64), size, hop, *flags)
    assert got.real.dtype == dtype
    assert error(got, expected, scale=float(np.abs(samples).max())) <= SPECTRUM_BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@drawn_often
@given(drawn=analyses(), thresh=st.sampled_from([1, 3.5, 5]), log=st.booleans())
def test_pretty_spectrogram_of_drawn_sizes_hops_and_sounds(
    dtype: str, drawn: tuple[int, int, Array], thresh: float, log: bool
) -> None:
    size, hop, samples = drawn
    samples = (samples - samples.mean()).astype(dtype)
    if np.abs(samples).max() < 1e-9 or len(samples) < 3:
        samples = np.resize(np.array([1, -1, 0.5, 0.25], dtype), 2 * size)
    got = fastspec.pretty_spectrogram(samples, log, thresh, size, hop)
    expected = twins.pretty_spectrogram(samples.astype(np.float64), log, thresh, size, hop)
    if log:
        assert log_error(got, expected, dtype) <= LOG_BOUND[dtype]
    else:
        assert error(got, expected, scale=float(np.abs(samples).max())) <= SPECTRUM_BOUND[dtype]


@drawn_often
@given(drawn=analyses())
def test_overlap_of_drawn_sizes_hops_and_sounds_is_exact(drawn: tuple[int, int, Array]) -> None:
    size, hop, samples = drawn
    np.testing.assert_array_equal(fastspec.overlap(samples, size, hop), twins.overlap(samples, size, hop), strict=True)


@st.composite
def magnitudes(draw: st.DrawFn) -> tuple[int, int, Array]:
    """Magnitudes (frames, bins) of speech or noise, or such as no sound has, and the size and hop they belong to."""
    size = draw(sizes(smallest=16))
    hop = draw(st.one_of(st.sampled_from([size // 4, size // 8, size // 16]), st.integers(1, size // 2)))
    frames = draw(st.integers(1, 60))
    if draw(st.booleans()):
        seed = draw(st.integers(0, 2**20))
        return size, hop, np.random.default_rng(seed).uniform(0.001, 1, (frames, size // 2))
    samples = SIGNALS[draw(st.sampled_from(["speech", "noise"]))](4000 + frames * hop + size)[4000:]
    return size, hop, np.maximum(np.abs(twins.stft(samples, size, hop)), 1e-4)


@drawn_often
@given(drawn=magnitudes(), align=st.booleans(), zero_phase=st.booleans())
def test_one_inversion_of_drawn_spectra(drawn: tuple[int, int, Array], align: bool, zero_phase: bool) -> None:
    _, hop, magnitude = drawn
    turns = np.asarray(np.random.default_rng(len(magnitude)).uniform(-np.pi, np.pi, magnitude.shape))
    turns = np.hstack([turns, -turns[:, ::-1]])
    spectrum = np.hstack([magnitude, magnitude[:, ::-1]]) * np.exp(1j * turns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        got = fastspec.invert_spectrogram(spectrum, hop, align, zero_phase)
    assert error(got, twins.invert_spectrogram(spectrum, hop, align, zero_phase, offset=FOLLOWED)) <= 1e-9


@drawn_seldom
@given(drawn=magnitudes(), n_iter=st.integers(0, 3))
def test_iterated_inversion_of_drawn_magnitudes(drawn: tuple[int, int, Array], n_iter: int) -> None:
    size, hop, magnitude = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        got = fastspec.invert_pretty_spectrogram(magnitude, False, size, hop, n_iter)
    expected = twins.invert_pretty_spectrogram(magnitude, False, size, hop, n_iter, offset=FOLLOWED)
    assert error(got, expected) <= WAVEFORM_BOUND


@drawn_often
@given(
    seed=st.integers(0, 2**20),
    first=st.integers(1, 700),
    second=st.one_of(st.none(), st.integers(1, 700)),
    dtype=st.sampled_from(DTYPES),
)
def test_offset_of_drawn_segments_is_the_twins(seed: int, first: int, second: int | None, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    x1, x2 = (rng.standard_normal(n).astype(dtype) for n in (first, first if second is None else second))
    assert fastspec.xcorr_offset(x1, x2) in twins.allowed(x1, x2)


def test_a_lag_is_allowed_only_where_float32_sums_cannot_tell_it_from_the_best() -> None:
    x1, x2 = np.random.default_rng(5).standard_normal((2, 300))
    best = twins.xcorr_offset(x1, x2)
    assert twins.allowed(x1, x2) == {best}
    assert twins.offset_like(lambda *_: best + 1)(x1, x2) == best
    click = np.zeros(300)
    click[150] = 1
    for gap, ties in ((0.0, {-21, 19}), (1e-8, {-21, 19}), (1e-5, {19})):  # 1e-8 is less than float32 resolves
        clicks = np.zeros(300)
        clicks[[130, 170]] = 1 - gap, 1
        assert twins.allowed(clicks, click) == ties


@drawn_often
@given(
    seed=st.integers(0, 2**20), length=st.integers(100, 1500), place=st.floats(-0.4, 0.4), dtype=st.sampled_from(DTYPES)
)
def test_a_planted_offset_is_found(seed: int, length: int, place: float, dtype: str) -> None:
    lag = int(place * length)
    sound = np.random.default_rng(seed).standard_normal(3 * length).astype(dtype)
    x1, x2 = sound[length : 2 * length], sound[length + lag : 2 * length + lag]
    assert fastspec.xcorr_offset(x1, x2) == lag - 1


@drawn_often
@given(
    nfft=st.sampled_from([256, 400, 512, 1024, 2048]),
    count=st.integers(1, 40),
    rate=st.sampled_from([8000, 16000, 44100]),
    low=st.integers(0, 1000),
    high=st.one_of(st.none(), st.integers(2000, 4000)),
)
def test_filterbanks_of_drawn_sizes_are_the_twins(nfft: int, count: int, rate: int, low: int, high: int | None) -> None:
    got = fastspec.get_filterbanks(count, nfft, rate, low, high)
    np.testing.assert_allclose(
        got, twins.get_filterbanks(count, nfft, rate, low, high), rtol=0, atol=1e-13, strict=True
    )


@drawn_seldom
@given(factor=st.sampled_from([1, 2, 3, 4.5, 10]), frames=st.integers(31, 90), thresh=st.sampled_from([3, 4, 5]))
def test_mel_there_and_back_is_the_twins(factor: float, frames: int, thresh: float) -> None:
    forth, back = twins.create_mel_filter(512, 20, 300, 8000, 48000)
    log = np.random.default_rng(frames).uniform(-thresh, 0, (frames, 256))
    mel, expected = fastspec.make_mel(log, forth, factor), twins.make_mel(log, forth, factor)
    np.testing.assert_allclose(mel, expected, rtol=1e-3, atol=1e-3, strict=True)
    spread = fastspec.mel_to_spectrogram(expected, back, thresh, factor)
    wanted = twins.mel_to_spectrogram(expected, back, thresh, factor)
    np.testing.assert_allclose(spread, wanted, rtol=2e-3, atol=2e-3 * thresh, strict=True)
