"""The transform of a single frame, the lag of the largest correlation, and the inversion by these offsets."""

import numpy as np
import pytest

import fastspec
from fastspec.kernels.fft import single_frame
from fastspec.kernels.fft.single_frame import correlator
from fastspec.kernels.notebook.xcorr_offset import TOLERANCE
from fastspec.kernels.runtime.calls import aligned
from fastspec.notebook import inversion, passes

LENGTHS = [2, 3, 16, 31, 97, 200, 384, 896, 1500]


def tables_and_scratch(n1, n2):
    """(correlator, flat, z, x, spectrum, swapped)."""
    p = correlator(n1, n2, np.float32(TOLERANCE))
    return p, *(
        aligned(n, np.float32) for n in (32 * p.m, 128 * p.m, 2 * p.im_offset, 2 * p.im_offset, 2 * p.im_offset)
    )


@pytest.mark.parametrize("n", LENGTHS)
def test_single_frame_transform_is_the_real_transform(n):
    p, flat, z, x, bins, _ = tables_and_scratch(n, n)
    signal = np.random.default_rng(n).standard_normal(n)
    single_frame.centre(signal, 0, n, 0.25, 2.0, flat, 32 * p.m)
    np.testing.assert_allclose(flat[:n], (signal - 0.25) * 2, atol=1e-6)
    assert not flat[n:].any()
    want = np.fft.rfft(flat.astype(np.float64))
    single_frame.transform(flat, p, z, x)
    single_frame.spectrum(x, p, bins, 0)
    got = (bins[: p.h + 1] + 1j * bins[p.im_offset : p.im_offset + p.h + 1]) * 4 * p.h
    assert np.abs(got - want).max() < 1e-6 * np.abs(want).max()


def correlation(x1, x2, p):
    """(by the kernels, in float64): circular correlations of two float64 arrays, all lags, relative to |x1| |x2|."""
    _, flat, z, x, bins, swapped = tables_and_scratch(p.n1, p.n2)
    centred = [s - s.mean() for s in (x1, x2)]
    norm = np.prod([np.linalg.norm(c) for c in centred])
    single_frame.centre(x2, 0, p.n2, x2.mean(), 1.0, flat, 32 * p.m)
    single_frame.transform(flat, p, z, x)
    single_frame.spectrum(x, p, bins, 0)
    single_frame.centre(x1, 0, p.n1, x1.mean(), 1.0, flat, 32 * p.m)
    single_frame.transform(flat, p, z, x)
    single_frame.correlate(x, bins, 0, p, z, swapped, flat)
    a, b = (np.fft.rfft(c, 32 * p.m) for c in centred)
    return flat / norm, np.fft.irfft(a * b.conj(), 32 * p.m) / norm


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("kind", ["noise", "tone", "impulse", "drift"])
def test_error_of_the_correlation_is_a_quarter_of_the_tolerance_at_most(n, kind):
    rng = np.random.default_rng(n)
    t = np.arange(n)
    make = {
        "noise": lambda: rng.standard_normal(n),
        "tone": lambda: np.sin(0.3 * t + rng.random()) + 1e-3 * rng.standard_normal(n),
        "impulse": lambda: np.eye(1, n, int(rng.integers(n)))[0] + 1e-4 * rng.standard_normal(n),
        "drift": lambda: np.cumsum(rng.standard_normal(n)) + 100,
    }[kind]
    x1, x2 = make(), make()
    got, want = correlation(x1, x2, tables_and_scratch(n, n)[0])
    assert np.abs(got - want).max() < TOLERANCE / 4


def slow_offset(x1, x2):
    """argmax of the full correlation in float64 minus len(x1), the outer lags excluded."""
    c = np.correlate(x1 - x1.mean(), x2 - x2.mean(), "full")
    half = len(x2) // 2
    c[:half] = -np.inf
    c[len(c) - half :] = -np.inf
    return int(c.argmax()) - len(x1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lags_that_float32_correlations_do_not_distinguish_are_decided_in_float64(dtype):
    rng, n = np.random.default_rng(11), 6000
    decided = 0
    for _ in range(12):
        # a bump so slow that the correlation at neighbouring lags differs in the seventh digit
        bumps = (np.exp(-(((np.arange(n) - n / 2 - 200 * rng.random()) / 900) ** 2)) for _ in range(2))
        x1, x2 = ((b + 1e-5 * rng.standard_normal(n)).astype(dtype) for b in bumps)
        assert inversion.correlation_offset(x1, x2) == slow_offset(x1.astype(float), x2.astype(float))
        got, _ = correlation(x1.astype(float), x2.astype(float), tables_and_scratch(n, n)[0])
        decided += np.count_nonzero(got >= got.max() - TOLERANCE) > 1
    assert decided > 6  # the test is about ties, so there must be some


def test_of_equal_correlations_the_first_counts():
    x1, x2 = np.zeros((2, 100))
    x1[[20, 60, 61, 21]] = 1, 1, -1, -1
    x2[[40, 41]] = 1, -1
    assert inversion.correlation_offset(x1, x2) == slow_offset(x1, x2) == -20 - 1


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_offsets_do_not_depend_on_loudness(scale):
    rng = np.random.default_rng(12)
    x1, x2 = rng.standard_normal((2, 300))
    assert fastspec.xcorr_offset(x1 * scale, x2 * scale) == fastspec.xcorr_offset(x1, x2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_fft", [64, 100, 34, 512])
def test_the_inversion_has_the_same_bits_for_any_number_of_workers(dtype, n_fft):
    S = np.random.default_rng(13).random((300, n_fft)).astype(dtype)
    results = []
    for n in (1, 2, 4):
        with fastspec.threads(n):
            results.append(fastspec.iterate_invert_spectrogram(S, n_fft, n_fft // 8, n_iter=2))
    for result in results[1:]:
        np.testing.assert_array_equal(results[0], result)


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("frames", [1, 5, 16, 37])
def test_logarithms_are_inverted_like_their_magnitudes(search, frames):
    S = np.random.default_rng(frames).uniform(-3, 0, (frames, 32))
    options = {"n_fft": 64, "hop": 8, "n_iter": 1, "search": search}
    from_logs = inversion.recover(S, **options, logarithmic=True, mirrored=True)
    both = np.concatenate([10**S, 10 ** S[:, ::-1]], axis=1)
    np.testing.assert_allclose(from_logs, inversion.recover(both, **options), atol=1e-12 * np.abs(from_logs).max())


@pytest.mark.parametrize(
    ("dtype", "decades"), [(np.float32, -30), (np.float32, 30), (np.float64, -250), (np.float64, 250)]
)
@pytest.mark.parametrize("logarithmic", [True, False])
def test_magnitudes_near_the_ends_of_their_dtype_are_inverted_like_those_of_about_1(dtype, decades, logarithmic):
    S = np.random.default_rng(15).uniform(-2, 0, (40, 32)).astype(dtype)
    options = {"n_fft": 64, "hop": 8, "n_iter": 2, "mirrored": True}
    far = S.astype(np.float64) + decades
    far, gain = far if logarithmic else 10**far, 10.0**decades
    got = inversion.recover(far.astype(dtype), **options, logarithmic=logarithmic).astype(np.float64) / gain
    want = inversion.recover(
        (far - decades if logarithmic else far / gain).astype(dtype), **options, logarithmic=logarithmic
    )
    # a logarithm of 30 has six decimals in float32, so the magnitudes themselves are that much apart
    tolerance = 1e-3 if dtype == np.float32 else 1e-9
    assert np.linalg.norm(got - want) < tolerance * np.linalg.norm(want)


def test_short_calls_and_small_ring_buffers_change_no_bits(monkeypatch):
    S = np.random.default_rng(14).random((200, 64))
    whole = fastspec.iterate_invert_spectrogram(S, 64, 8, n_iter=1)
    monkeypatch.setattr(passes, "CALL_FRAMES", 32)
    monkeypatch.setattr(passes, "RING_BYTES", 0)
    np.testing.assert_array_equal(fastspec.iterate_invert_spectrogram(S, 64, 8, n_iter=1), whole)
