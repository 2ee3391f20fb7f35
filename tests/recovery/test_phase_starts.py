"""Phases in one pass: against slow twins, by laws of simple signals, and by their convergence on recordings."""

import heapq
from typing import Any

import numpy as np
import pytest
from cases import speech_16k
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

import fastspec
from fastspec.kernels.recovery.watershed import N_KEYS
from fastspec.kernels.runtime.jit import kernel
from fastspec.kernels.simd.trig import sine_cosine
from fastspec.kernels.simd.vector import lanes, load, store
from fastspec.recovery import pghi, spsi
from fastspec.recovery import phase as recovery_phase
from fastspec.recovery.phase import gaussian_constant

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES = ["float32", "float64"]
TOL = 1e-3
EPS = {dtype: float(np.finfo(dtype).eps) for dtype in DTYPES}


def wrap(x: Array) -> Array:
    """x - 2 pi round(x / 2 pi)."""
    return x - 2 * np.pi * np.round(x / (2 * np.pi))


def gradient_phases(plan: fastspec.STFT, S: Array, tol: float = TOL, seed: int = 0) -> Array:
    """Phases by their gradient, of one signal or several."""
    batch = S.reshape(-1, *S.shape[-2:]).astype(plan.dtype)
    return pghi.phases(plan, batch, tol=tol, rng=np.random.default_rng(seed)).reshape(S.shape)


def peak_phases(plan: fastspec.STFT, S: Array) -> Array:
    """Phases by peaks."""
    return spsi.phases(plan, S.reshape(-1, *S.shape[-2:]).astype(plan.dtype)).reshape(S.shape)


def about_centre(plan: fastspec.STFT, phase: Array) -> Array:
    """Phases about the centre of the window's energy."""
    centre = np.average(np.arange(plan.n_fft), weights=plan.window**2)
    return phase + 2 * np.pi * centre * np.arange(plan.n_bins)[:, None] / plan.n_fft


def slopes(plan: fastspec.STFT, S: Array, tol: float) -> tuple[Array, Array]:
    """Derivatives of the phase about the window's centre, a frame and a bin, by central differences."""
    factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
    L = np.log(np.maximum(S, 0.1 * tol * S.max()))
    last = L[-2:-1] if plan.n_fft % 2 == 0 else L[-1:]
    around = np.concatenate([L[1:2], L, last])
    before_after = np.pad(L, ((0, 0), (1, 1)), "edge")
    advance = 2 * np.pi * plan.hop_length * np.arange(plan.n_bins)[:, None] / plan.n_fft
    return (
        advance + factor * (around[2:] - around[:-2]) / 2,
        -(before_after[:, 2:] - before_after[:, :-2]) / 2 / factor,
    )


def heap_twin(plan: fastspec.STFT, S: Array, tol: float) -> Array:
    """Phases about the window's centre by the algorithm of 2017, over a heap; NaN for bins that do not count."""
    in_time, in_frequency = slopes(plan, S, tol)
    phase = np.full(S.shape, np.nan)
    for k, f in np.dstack(np.unravel_index(np.argsort(-S, axis=None), S.shape))[0]:
        if not np.isnan(phase[k, f]) or S[k, f] <= tol * S.max():
            continue
        phase[k, f] = 0.0
        heap = [(-S[k, f], k, f)]
        while heap:
            _, i, j = heapq.heappop(heap)
            for a, b in ((i, j - 1), (i, j + 1), (i - 1, j), (i + 1, j)):
                if not (0 <= a < S.shape[0] and 0 <= b < S.shape[1]) or S[a, b] <= tol * S.max():
                    continue
                if np.isnan(phase[a, b]):
                    mean = (in_time[i, j] + in_time[a, b]) / 2 * (b - j)
                    phase[a, b] = phase[i, j] + mean + (in_frequency[i, j] + in_frequency[a, b]) / 2 * (a - i)
                    heapq.heappush(heap, (-S[a, b], a, b))
    return phase


def peak_twin(plan: fastspec.STFT, S: Array) -> Array:
    """Phases about the window's centre by peaks, frame by frame."""
    bins, frames = S.shape
    L = np.log10(np.maximum(S, 1e-20))
    phase, before = np.empty(S.shape), np.zeros(bins)
    for f in range(frames):
        k = 0
        while k < bins:
            start = k
            while k + 1 < bins and L[k + 1, f] > L[k, f]:
                k += 1
            peak, shift = k, 0.0
            if 0 < peak < bins - 1:
                a, b, c = L[peak - 1 : peak + 2, f]
                shift = (a - c) / 2 / (a - 2 * b + c) if a - 2 * b + c else 0.0
            while k + 1 < bins and L[k + 1, f] <= L[k, f]:
                k += 1
            k = k if k + 1 < bins else bins
            phase[start:k, f] = before[peak] + 2 * np.pi * plan.hop_length * (peak + shift) / plan.n_fft
        before = wrap(phase[:, f])
    return phase


def convergence(plan: fastspec.STFT, S: Array, phase: Array) -> float:
    """Spectral convergence in dB of a magnitude with a phase, after resynthesis and analysis."""
    y = plan.inverse(S * np.exp(1j * phase.astype(np.float64)))
    return float(20 * np.log10(np.linalg.norm(np.abs(plan.forward(y)) - S) / np.linalg.norm(S)))


def sentence(redundancy: int = 4, dtype: str = "float64") -> tuple[fastspec.STFT, Array]:
    """The setting in which methods are compared: (plan, magnitudes), the largest 1."""
    plan = fastspec.STFT(512, hop_length=512 // redundancy, dtype=dtype)
    S = np.abs(plan.forward(speech_16k()[4800:30400]))
    return plan, S / S.max()


def swelling_noise(plan: fastspec.STFT, frames: int) -> Array:
    """Magnitudes of noise that swells a hundredfold."""
    n = plan.n_fft + plan.hop_length * frames
    S = np.abs(plan.forward(np.random.default_rng(3).standard_normal(n) * np.geomspace(0.01, 1, n)))[:, :frames]
    return S / S.max()


# ---- the tree ----
PLANS: list[tuple[dict[str, Any], int]] = [
    ({"n_fft": 64, "hop_length": 16}, 1100),
    ({"n_fft": 63, "hop_length": 7, "win_length": 40, "window": "hamming"}, 90),
    ({"n_fft": 1024, "hop_length": 256}, 70),
    ({"n_fft": 8192, "hop_length": 2048, "center": False}, 11),
    ({"n_fft": 30, "hop_length": 1, "window": "blackman"}, 200),
    ({"n_fft": 5, "hop_length": 9}, 300),
    ({"n_fft": 3, "hop_length": 1, "window": "boxcar"}, 50),
    ({"n_fft": 2, "hop_length": 1, "window": "boxcar"}, 50),
]
"""Plans and numbers of frames: one block and several, even and odd sizes, windows of several lengths."""


def edges_of(plan: fastspec.STFT, S: Array, tol: float) -> tuple[Array, Array, Array, Array]:
    """(bin, bin, key of the smaller one, phase step) for all pairs of neighbours that count, frame by frame."""
    in_time, in_frequency = slopes(plan, S, tol)
    number = np.arange(S.size).reshape(S.T.shape).T
    L, low = np.log10(S / S.max()), np.log10(tol)
    key = np.floor(-L * (N_KEYS - 1) / -low)
    pairs = []
    for a, b, d in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None)), in_time),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None)), in_frequency),
    ):
        counts = (L[a] > low) & (L[b] > low)
        columns = number[a], number[b], np.maximum(key[a], key[b]), (d[a] + d[b]) / 2
        pairs.append([column[counts] for column in columns])
    first, second, keys, steps = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    return first, second, keys, steps


def weight(n: int, first: Array, second: Array, keys: Array) -> tuple[float, int]:
    """(sum of the keys of a minimum spanning forest, number of its edges)."""
    forest = minimum_spanning_tree(coo_array((keys + 1, (first, second)), (n, n)).tocsr())
    return float(forest.sum()), int(forest.nnz)


@pytest.mark.parametrize(("options", "frames"), PLANS)
def test_phases_are_integrated_along_a_maximum_spanning_tree(options: dict[str, Any], frames: int) -> None:
    plan = fastspec.STFT(dtype="float64", **options)
    S, tol = swelling_noise(plan, frames), 3e-3
    phase = gradient_phases(plan, S, tol)
    free = np.arange(1, plan.n_bins - 1 + plan.n_fft % 2)  # the phases of DC and Nyquist are rounded to 0 or pi
    about = about_centre(plan, phase)
    first, second, keys, steps = edges_of(plan, S, tol)
    flat = about.T.reshape(-1)
    is_free = np.isin(first % plan.n_bins, free) & np.isin(second % plan.n_bins, free)
    followed = np.abs(wrap(flat[second] - flat[first] - steps)) < 1e-9
    if not np.all(is_free):  # an edge to a real bin may have been followed
        followed |= ~is_free
    chosen = first[followed], second[followed], keys[followed]
    assert weight(S.size, *chosen) == weight(S.size, first, second, keys)


def test_the_tree_is_at_least_as_good_as_the_heap() -> None:
    for redundancy in (4, 8):
        plan, S = sentence(redundancy)
        about = heap_twin(plan, S, TOL)
        centre = np.pi * np.arange(plan.n_bins)[:, None]
        heap = np.where(np.isnan(about), gradient_phases(plan, S), about - centre)
        assert convergence(plan, S, gradient_phases(plan, S)) < convergence(plan, S, heap)


@pytest.mark.parametrize("dtype", DTYPES)
def test_convergence_on_speech(dtype: str) -> None:
    plan, S = sentence(dtype=dtype)
    assert convergence(plan, S, gradient_phases(plan, S)) < -21
    assert convergence(plan, S, gradient_phases(plan, S, 1e-6)) < -21
    assert convergence(plan, S, peak_phases(plan, S)) < -16.5


# ---- laws of simple signals ----
N = 4000


def tone(t: Array) -> Array:
    return np.cos(2 * np.pi * 0.2217 * t + 1)


def click(t: Array) -> Array:
    return 1.0 * (t == 2003)


def chirp(t: Array) -> Array:
    return np.cos(2 * np.pi * (0.1 * t + 0.12 / N * t * t))


@pytest.mark.parametrize("signal", [tone, click, chirp])
@pytest.mark.parametrize(
    "options",
    [
        {"n_fft": 256, "hop_length": 32},
        {"n_fft": 255, "hop_length": 25},
        {"n_fft": 256, "hop_length": 30, "win_length": 221},
        {"n_fft": 257, "hop_length": 16, "win_length": 220, "center": False},
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_phases_of_a_gaussian_window_are_the_true_ones(signal: Any, options: dict[str, Any], dtype: str) -> None:
    plan = fastspec.STFT(window=("gaussian", 26), dtype=dtype, **options)
    D = plan.forward(signal(np.arange(N)))
    S = np.abs(D)
    phase = gradient_phases(plan, S, 1e-2)
    inside = slice(1, plan.n_bins - 1), slice(6, -12)  # frames without the edges of the signal
    counts = S[inside] > 0.05 * S.max()
    difference = (np.exp(1j * phase) / np.exp(1j * np.angle(D)))[inside][counts]
    assert np.abs(np.angle(difference / difference[0])).max() < 0.05


def test_phases_of_a_tone_advance_at_its_frequency() -> None:
    plan = fastspec.STFT(512, hop_length=128, dtype="float64")
    S = np.abs(plan.forward(tone(np.arange(20000))))[:, 4:-4]
    phase, k = peak_phases(plan, S), S[:, 5].argmax()
    advance = wrap(np.diff(phase[k]) - 2 * np.pi * 0.2217 * 128)
    # a parabola locates a Hann window's peak to 1/50 of a bin
    assert np.abs(advance).max() < 2 * np.pi * 128 / 512 * 0.02
    assert np.abs(wrap(np.diff(about_centre(plan, phase)[k - 1 : k + 2], axis=0))).max() < 1e-9


@pytest.mark.parametrize(
    ("window", "paper"),
    [("hann", 0.25645), ("hamming", 0.29794), ("blackman", 0.17954), ("cosine", 0.41532)],
)
def test_the_constant_of_a_window_is_near_that_of_the_paper(window: str, paper: float) -> None:
    assert gaussian_constant(fastspec.STFT(1024, window=window).window) / 1024**2 == pytest.approx(paper, rel=0.031)


@pytest.mark.parametrize(("n", "deviation"), [(1024, 100), (1023, 80), (64, 7.3)])
def test_the_constant_of_a_gaussian_is_its_own(n: int, deviation: float) -> None:
    window = fastspec.STFT(2 * n, win_length=n, window=("gaussian", deviation)).window
    assert gaussian_constant(window) == pytest.approx(2 * np.pi * deviation**2, rel=1e-4)


# ---- peaks ----
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("options", "frames"), PLANS)
def test_phases_by_peaks_are_the_slow_twins(options: dict[str, Any], frames: int, dtype: str) -> None:
    plan = fastspec.STFT(dtype=dtype, **options)
    S = swelling_noise(plan, frames)
    result = np.exp(1j * about_centre(plan, peak_phases(plan, S)))[1:-1]
    expected = np.exp(1j * peak_twin(plan, S.astype(dtype)))[1:-1]
    L = np.log10(np.maximum(S, 1e-20))
    curvature = 2 * L[1:-1] - L[:-2] - L[2:]
    least = curvature[(L[1:-1] >= L[:-2]) & (L[1:-1] >= L[2:])].min(initial=1)
    # logarithms up to 4, with errors of 2 eps, are subtracted and divided by the curvature, and sums of phases rounded
    advance = 2 * np.pi * plan.hop_length / plan.n_fft
    bound = (20 * advance / least + 20) * EPS[dtype] + 2 * advance * plan.n_bins * EPS["float64"]
    assert np.abs(result - expected).max(initial=0) < bound * frames


# ---- promises ----
METHODS = {"gradient": gradient_phases, "peaks": peak_phases}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_threads_gives_the_same_bits(method: str, dtype: str) -> None:
    plan, S = sentence(dtype=dtype)
    results = []
    for n in (1, 2, 4):
        with fastspec.threads(n):
            results.append(METHODS[method](plan, np.stack([S, S[::-1]])))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_seeds_determine_only_the_bins_that_do_not_count() -> None:
    plan, S = sentence()
    first, same, second = (gradient_phases(plan, S, 1e-2, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, same)
    is_random = ~(1e-2 * S.max() < S)
    np.testing.assert_array_equal(first[~is_random], second[~is_random])
    assert np.mean(first[is_random] == second[is_random]) < 0.01
    # resultants of n uniform phases are about sqrt(n) long
    inner = np.exp(1j * about_centre(plan, first))[1:-1][is_random[1:-1]]
    for power in (1, 2, 3):
        assert abs((inner**power).sum()) < 5 * np.sqrt(inner.size)
    assert abs((inner[1:] / inner[:-1]).sum()) < 5 * np.sqrt(inner.size)


@pytest.mark.parametrize("method", METHODS)
def test_signals_of_a_batch_are_independent(method: str) -> None:
    plan, S = sentence(dtype="float32")
    batch = np.stack([S, 1e-3 * S[:, ::-1], np.zeros_like(S), S[::-1]])
    together = METHODS[method](plan, batch)
    for signal, phase in zip(batch, together, strict=True):
        counts = signal > TOL * signal.max()
        np.testing.assert_array_equal(METHODS[method](plan, signal)[counts], phase[counts])


@pytest.mark.parametrize("method", METHODS)
def test_any_memory_order_gives_the_same_bits_and_input_is_unchanged(method: str) -> None:
    plan, S = sentence(dtype="float32")
    batch = np.stack([S, S[::-1]]).astype(np.float32)
    expected = METHODS[method](plan, batch)
    wide = np.zeros((2, 2 * S.shape[0], 3 * S.shape[1]), np.float32)
    wide[:, ::2, ::3] = batch
    for same in (np.asfortranarray(batch), batch.swapaxes(1, 2).copy().swapaxes(1, 2), wide[:, ::2, ::3]):
        before = same.copy()
        same.flags.writeable = False
        result = METHODS[method](plan, same)
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(same, before)
    raw = spsi.phases(plan, batch)
    assert raw.dtype == np.float32
    assert raw.shape == batch.shape
    assert raw.strides[1] == raw.itemsize


KINDS = ["zeros", "ones", "steps", "one bin", "noise", "tiny"]


@st.composite
def sizes(draw: Any) -> tuple[int, int, int]:
    """(n_fft, hop, win_length)."""
    n_fft = draw(st.integers(2, 70))
    return n_fft, draw(st.integers(1, 2 * n_fft)), draw(st.integers(1, n_fft))


@settings(max_examples=60, deadline=None)
@given(
    size=sizes(),
    frames=st.integers(1, 40),
    tol=st.sampled_from([0.0, 1e-6, 1e-2, 1.0]),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(DTYPES),
)
@example(size=(31, 8, 1), frames=17, tol=0.0, kind="steps", dtype="float32")  # sums of thousands of radians
def test_phases_are_between_minus_pi_and_pi_and_real_where_bins_are(
    size: tuple[int, int, int], frames: int, tol: float, kind: str, dtype: str
) -> None:
    n_fft, hop, win_length = size
    plan = fastspec.STFT(n_fft, hop_length=hop, win_length=win_length, window="hamming", dtype=dtype)
    shape = plan.n_bins, frames
    S = {
        "zeros": np.zeros(shape),
        "ones": np.ones(shape),
        "steps": np.floor(np.random.default_rng(0).uniform(0, 3, shape)) / 3,
        "one bin": np.eye(1, plan.n_bins * frames, plan.n_bins * frames // 2).reshape(shape),
        "noise": np.random.default_rng(1).uniform(size=shape),
        "tiny": np.random.default_rng(1).uniform(size=shape) * float(np.finfo(dtype).tiny) * 50,
    }[kind]
    for phase in (gradient_phases(plan, S, tol), peak_phases(plan, S)):
        assert np.abs(phase).max() <= np.array(np.pi, dtype)
        real = phase[[0, -1]] if n_fft % 2 == 0 else phase[:1]
        assert np.isin(real, np.array([0, np.pi], dtype)).all()


# ---- magnitude and phase ----
@kernel
def store_sine_cosine(x: Array, sine: Array, cosine: Array) -> None:
    for i in range(0, x.size, lanes(x)):
        s, c = sine_cosine(load(x, i))
        store(sine, i, s)
        store(cosine, i, c)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sine_and_cosine(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-r, r, 1 << 12) for r in (1e-3, 1, 4, 100, 1e5)]).astype(dtype)
    x[:8] = 0, np.pi / 4, -np.pi / 4, np.pi / 2, np.pi, 3 * np.pi / 2, -np.pi, 1e-30
    sine, cosine = np.empty_like(x), np.empty_like(x)
    store_sine_cosine(x, sine, cosine)
    exact = x.astype(np.longdouble)
    assert np.abs(sine - np.sin(exact)).max() < EPS[dtype]
    assert np.abs(cosine - np.cos(exact)).max() < EPS[dtype]
    small = (np.abs(x) < 1e-3) & (x != 0)
    assert np.abs(sine[small] / np.sin(exact[small]) - 1).max() < 2.5 * EPS[dtype]
    x[:] = np.nan
    x[1] = np.inf
    store_sine_cosine(x, sine, cosine)
    assert np.isnan(sine).all()
    assert np.isnan(cosine).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 5), (2, 257, 40), (1, 1), (2, 3, 4, 9), (1, 513, 65), (4, 0)])
def test_magnitudes_and_phases_become_complex(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(1)
    S, phase = rng.uniform(0, 9, shape).astype(dtype), rng.uniform(-4, 4, shape).astype(dtype)
    D = recovery_phase.polar(S, np.asfortranarray(phase))
    assert D.shape == shape
    assert D.dtype == np.result_type(dtype, np.complex64)
    assert np.abs(D - S * np.exp(1j * phase.astype(np.float64))).max(initial=0) < 9 * 2 * EPS[dtype]
    if D.size > 1:
        assert D.strides[-2] == D.itemsize
