"""The ends of signals, which few frames cover: spectra of signals keep their samples, others do not click.

The twin divides sample by sample and judges by the same rule, in plain NumPy over whole frames.
"""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastspec
from fastspec.stream import inverse as stream_inverse

Array = np.ndarray[Any, np.dtype[Any]]

WINDOWS = [
    "hann", "hamming", "blackman", "boxcar", "flattop", "parzen", "bohman", "triang", "cosine", ("kaiser", 8.0),
    ("exponential", None, 40.0), ("dpss", 1.5),
]  # fmt: skip
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def noise(*shape: int, seed: int = 0, dtype: str = "float32") -> Array:
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def with_random_phases(D: Array, seed: int = 1) -> Array:
    phases = np.random.default_rng(seed).uniform(-np.pi, np.pi, D.shape)
    return (np.abs(D) * np.exp(1j * phases)).astype(D.dtype)


def peaks(y: Array, n_fft: int) -> tuple[float, float]:
    """The largest sample at the ends, and inside."""
    a = np.abs(y)
    return float(max(a[..., :n_fft].max(), a[..., -n_fft:].max())), float(a[..., n_fft:-n_fft].max())


def energies(plan: fastspec.STFT, frames: int, length: int) -> Array:
    """The sum of squared windows of each sample, relative to the largest of many frames."""
    hop, n, start = plan.hop_length, plan.n_fft, plan.n_fft // 2 if plan.center else 0
    total, many = np.zeros(hop * frames + n + length + start), np.zeros(hop * 3 * n + n)
    for f in range(frames):
        total[f * hop : f * hop + n] += plan.window**2
    for f in range(3 * n):
        many[f * hop : f * hop + n] += plan.window**2
    return total[start : start + length] / many.max()


# ---- the twin ----
def slowly(plan: fastspec.STFT, D: Array, length: int) -> Array:
    """`plan.inverse` of one spectrum: overlap-add, division, and limits, sample by sample."""
    n, hop, w, frames = plan.n_fft, plan.hop_length, plan.window, D.shape[1]
    start = n // 2 if plan.center else 0
    x = np.fft.irfft(D.T.astype(np.complex128), n)
    total = np.zeros(start + length + hop * frames + n)
    for f in range(frames):
        total[f * hop : f * hop + n] += w * x[f]
    total, energy = total[start : start + length], energies(plan, frames, length)
    E = energy * max((w[r::hop] ** 2).sum() for r in range(min(hop, n)))
    y = total / np.where(np.finfo(plan.dtype).tiny < E, E, 1)
    split = max(0, frames * hop - start)
    for t in range(length):
        first = t < split
        if (first and t + start >= n - hop) or (not first and t - split >= max(0, n - hop)):
            continue  # every frame that could cover it does, or none
        level, ratio = judged(plan, x[:2] if first else x[-2:], 0 if first else -1)
        bound = 2 * level
        if energy[t] < min(0.4, 300 * ratio) and abs(y[t]) > bound:
            y[t] = np.clip(y[t] * min(1, energy[t] / (10 * ratio)), -bound, bound)
    return y


def judged(plan: fastspec.STFT, x: Array, index: int) -> tuple[float, float]:
    """(rms of the frame at the end, squared noise-to-signal ratio) from one or two frames."""
    w, hop, squares = plan.window, plan.hop_length, plan.window**2
    largest = np.abs(x).max() or 1.0
    x = x / largest
    level = largest * np.sqrt((x[index] ** 2).sum() / squares.sum())
    noise = []
    if len(x) == 2 and hop < plan.n_fft:
        for j in range(plan.n_fft - hop):
            a, b = w[j + hop], w[j]
            noise.append((x[0, j + hop] * b - x[1, j] * a) ** 2 / (a * a + b * b) if a or b else 0.0)
    else:
        noise = [x[0, j] ** 2 for j in range(plan.n_fft) if squares[j] <= 1e-10 * squares.max()] or [0.0]
    signal = max((frame**2).sum() for frame in x) / squares.sum()
    ratio = np.mean(noise) / signal if signal else 0.0
    return float(level), max(float(ratio), EPS[str(plan.dtype)] ** 2)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(
    ("n_fft", "hop", "window"), [(64, 16, "hann"), (33, 8, "hamming"), (48, 24, "blackman"), (22, 5, "flattop")]
)
@pytest.mark.parametrize("frames", [1, 2, 3, 30])
def test_inverse_is_the_twins(n_fft: int, hop: int, window: str, center: bool, frames: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window=window, center=center, dtype="float64")
    length = plan.n_samples(frames) + (hop - 1 if center else 0)
    D = np.random.default_rng(3).standard_normal((2, plan.n_bins, frames)) * (1 + 1j)
    for spectrum in (with_random_phases(D[0]), D[1], 1e200 * D[0], 0 * D[0]):
        wanted = slowly(plan, spectrum, length)
        scale = np.abs(wanted).max(initial=0)
        np.testing.assert_allclose(plan.inverse(spectrum, length=length), wanted, rtol=0, atol=1e-12 * scale)


# ---- spectra of signals ----
@given(
    n_fft=st.integers(6, 90), redundancy=st.integers(1, 9), window=st.sampled_from(WINDOWS), center=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]), frames=st.integers(1, 30), beyond=st.integers(0, 90),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_spectra_of_signals_keep_every_sample_that_the_window_determines(
    n_fft: int, redundancy: int, window: Any, center: bool, dtype: str, frames: int, beyond: int, seed: int
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=max(1, n_fft // redundancy), window=window, center=center, dtype=dtype)
    n = plan.n_samples(frames) + min(beyond, plan.hop_length - 1)
    if n < 1:
        return
    y = noise(n, seed=seed, dtype=dtype)
    y[np.random.default_rng(seed).integers(0, n, 3)] *= 100  # peaks, which may lie at an end
    D = plan.forward(y)
    kept = plan.inverse(D, length=n, warn=False)
    plain = plan.inverse(D, length=n, warn=False, limit_ends=False)
    determined = energies(plan, D.shape[1], n) > 1e-6
    np.testing.assert_array_equal(kept[determined], plain[determined])


def test_a_window_of_rounding_errors_determines_no_sample() -> None:
    plan = fastspec.STFT(400, hop_length=100, window="blackman", center=False)  # window[0] is -1.4e-17
    y = noise(48_000)
    result = plan.inverse(plan.forward(y))
    assert np.abs(result).max() < 1.01 * np.abs(y).max()
    assert np.abs(result - y[: result.size])[3:-3].max() < 1e-3


# ---- other spectra ----
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("redundancy", [2, 4, 8])
@pytest.mark.parametrize("center", [True, False])
def test_other_spectra_are_no_louder_at_the_ends_than_inside(window: Any, redundancy: int, center: bool) -> None:
    plan = fastspec.STFT(256, hop_length=256 // redundancy, window=window, center=center)
    y = noise(8000 // plan.hop_length * plan.hop_length + plan.hop_length - 1)
    for n_iter in (0, 2):
        result = fastspec.recover(plan.power(y, power=1), plan, init="random", rng=0, n_iter=n_iter, length=y.size)
        ends, inside = peaks(result, 256)
        assert ends <= 1.5 * inside
    result = plan.inverse(with_random_phases(plan.forward(y)), length=y.size, warn=False)
    ends, inside = peaks(result, 256)
    assert ends <= 1.5 * inside


def test_recovered_signals_do_not_click() -> None:
    y = noise(48_000)
    plan = fastspec.STFT(1024, hop_length=256, center=False)
    assert np.abs(fastspec.recover(plan.power(y, power=1), plan, rng=0)).max() < 0.5
    plan = fastspec.STFT(2048, hop_length=1024)
    x = y[: 45 * 1024 + 1023]
    assert np.abs(fastspec.recover(plan.power(x, power=1), plan, rng=0, length=x.size)).max() < 0.6


@pytest.mark.parametrize("redundancy", [2, 4])
@pytest.mark.parametrize("method", ["accelerated", "raar", "griffinlim"])
def test_limits_cost_little(method: str, redundancy: int) -> None:
    plan = fastspec.STFT(512, hop_length=512 // redundancy, center=False)
    y = noise(24_000)
    S = plan.power(y, power=1)
    dB = []
    for limit_ends in (True, False):
        result = fastspec.recover(S, plan, method=method, rng=0, n_iter=10, limit_ends=limit_ends)
        error = plan.power(result, power=1).astype(np.float64) - S
        dB.append(20 * np.log10(np.linalg.norm(error) / np.linalg.norm(S)))
    assert dB[0] < dB[1] + (0.3 if redundancy == 4 else 1.0)


def test_mels_do_not_click() -> None:
    plan, bank = fastspec.STFT(512, hop_length=128, center=False), fastspec.MelBank(16_000, 512, 40)
    y = noise(16_000)
    for method in ("joint", "cascade"):
        ends, inside = peaks(fastspec.recover_mel(plan.mel(y, bank), bank, plan, method=method, rng=0), 512)
        assert ends <= 1.5 * inside


# ---- the same bits ----
@given(
    blocks=st.lists(st.integers(0, 9), min_size=1, max_size=12), window=st.sampled_from(WINDOWS[:7]),
    n_fft=st.sampled_from([32, 33]), hop=st.integers(1, 40), center=st.booleans(), beyond=st.integers(0, 50),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_streams_have_the_bits_of_the_call(
    blocks: list[int], window: Any, n_fft: int, hop: int, center: bool, beyond: int
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window=window, center=center)
    frames = sum(blocks)
    if not frames:
        return
    D = with_random_phases(plan.forward(noise(2, hop * (frames - 1) + n_fft)))[..., :frames]
    D[1] = plan.forward(noise(hop * (frames - 1) + n_fft))[..., :frames]
    length = plan.n_samples(frames) + beyond
    stream, pieces, a = fastspec.stream.StreamingISTFT(plan, warn=False), [], 0
    for m in blocks:
        pieces.append(stream.push(D[..., a : a + m]))
        a += m
    pieces.append(stream.flush(length))
    whole = plan.inverse(D, length=length, warn=False)
    np.testing.assert_array_equal(np.concatenate(pieces, axis=-1), whole)
    for row, alone in zip(whole, D, strict=True):
        np.testing.assert_array_equal(row, plan.inverse(alone, length=length, warn=False))


@pytest.mark.parametrize("n_fft", [64, 66])
def test_streams_that_convert_a_frame_at_a_time_have_them_too(n_fft: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_inverse, "CONVERTED_VALUES", 1)
    plan = fastspec.STFT(n_fft, hop_length=16, center=False)
    D = with_random_phases(plan.forward(noise(2, 600))).astype(np.complex128)
    for blocks in ([9, 500], [1, 9, 500]):
        stream, a, pieces = fastspec.stream.StreamingISTFT(plan), 0, []
        for m in blocks:
            pieces.append(stream.push(D[..., a : a + m]))
            a += m
        np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()], axis=-1), plan.inverse(D))


@pytest.mark.parametrize(
    ("method", "options"), [("rtisi", {"segments": 1}), ("rtpghi", {}), ("accelerated", {"block": 64})]
)
def test_recovering_streams_have_the_bits_of_the_call(method: str, options: dict[str, Any]) -> None:
    plan = fastspec.STFT(256, hop_length=64, center=False)
    S = plan.power(noise(2, 20_000), power=1)
    whole = fastspec.recover(S, plan, method=method, rng=0, **options)
    stream_options = {name: value for name, value in options.items() if name != "segments"}
    stream = fastspec.stream.StreamingRecover(plan, method, rng=0, **stream_options)
    pieces = [stream.push(S[..., a:b]) for a, b in ((0, 1), (1, 1), (1, 90), (90, S.shape[-1]))]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()], axis=-1), whole)
    plain = fastspec.recover(S, plan, method=method, rng=0, limit_ends=False, **options)
    assert np.abs(plain).max() > 10 * np.abs(whole).max()


# ---- what has no ends to limit ----
@pytest.mark.parametrize("n_fft", [64, 63, 66])
@pytest.mark.parametrize("redundancy", [2, 3, 4, 8, 16])
def test_centred_signals_of_the_usual_length_are_as_without_limits(n_fft: int, redundancy: int) -> None:
    for window in ("hann", "hamming", "blackman", "boxcar", "cosine", ("kaiser", 8.0)):
        plan = fastspec.STFT(n_fft, hop_length=max(1, n_fft // redundancy), window=window)
        D = with_random_phases(plan.forward(noise(2000)))
        np.testing.assert_array_equal(plan.inverse(D, warn=False), plan.inverse(D, warn=False, limit_ends=False))


def test_librosas_face_divides_as_librosa_does() -> None:
    plan = fastspec.STFT(256, hop_length=64, center=False)
    D = with_random_phases(plan.forward(noise(4000)))
    plain = fastspec.librosa.istft(D, hop_length=64, center=False)
    np.testing.assert_array_equal(plain, plan.inverse(D, limit_ends=False))
    assert np.abs(plain).max() > 100 * np.abs(plan.inverse(D)).max()


@pytest.mark.parametrize("hop", [64, 100, 1 << 40])
def test_frames_that_do_not_overlap_have_no_ends(hop: int) -> None:
    plan = fastspec.STFT(64, hop_length=hop, window="boxcar", center=False)
    D = plan.forward(noise(64))
    np.testing.assert_array_equal(plan.inverse(D, warn=False), plan.inverse(D, warn=False, limit_ends=False))
    stream = fastspec.stream.StreamingISTFT(plan, warn=False)
    assert np.concatenate([stream.push(D), stream.flush()]).shape == (64,)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_stay_where_they_are(value: float) -> None:
    plan = fastspec.STFT(64, hop_length=16, center=False)
    D = with_random_phases(plan.forward(noise(2, 2000)))
    D[0, 3, 0] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = plan.inverse(D)
    assert np.isnan(result[0, 1:16]).all()
    np.testing.assert_array_equal(result[1], plan.inverse(D[1]))
    assert np.isfinite(result[0, 200:]).all()
