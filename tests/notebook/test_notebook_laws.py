"""What must hold of the fifteen functions whatever the numbers: laws of transforms, scale, time and threads."""

from collections.abc import Callable
from typing import Any

import cases
import numpy as np
import pytest
import twins

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]

SIZES = [(8, 3), (64, 16), (400, 160), (512, 128), (34, 9), (1022, 300), (2048, 128)]
sized = pytest.mark.parametrize(("size", "hop"), SIZES)
typed = pytest.mark.parametrize("dtype", ["float64", "float32"])


def sound(dtype: str = "float64", n: int = 9000) -> Array:
    return np.asarray(cases.speech(n) + 0.01 * cases.noise(n), dtype)


def spectrum(samples: Array, size: int, hop: int) -> Array:
    """All bins, mean and all."""
    return np.asarray(fastspec.stft(samples, size, hop, mean_normalize=False, compute_onesided=False))


def assert_close(got: Array, expected: Array, dtype: str) -> None:
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= cases.SPECTRUM_BOUND[dtype] * np.abs(expected).max()


@sized
@typed
def test_energy_of_every_frame_is_kept(size: int, hop: int, dtype: str) -> None:
    samples = sound(dtype)
    frames = fastspec.overlap(samples, size, hop).astype(np.float64) * np.hamming(size)
    energy = (np.abs(spectrum(samples, size, hop).astype(np.complex128)) ** 2).sum(axis=1) / size
    np.testing.assert_allclose(energy, (frames**2).sum(axis=1), rtol={"float64": 1e-12, "float32": 2e-6}[dtype])


@sized
@typed
def test_transform_is_linear(size: int, hop: int, dtype: str) -> None:
    x, y = sound(dtype), cases.noise(9000).astype(dtype)
    both = spectrum(2 * x - y / 4, size, hop)
    assert_close(both, 2 * spectrum(x, size, hop) - spectrum(y, size, hop) / 4, dtype)


@sized
@typed
def test_a_step_later_the_frames_are_one_earlier(size: int, hop: int, dtype: str) -> None:
    samples = sound(dtype, n=4 * size + 3 * hop)
    later = spectrum(samples[hop:], size, hop)
    kept = (len(samples) - size) // hop - 1
    assert_close(later[:kept], spectrum(samples, size, hop)[1 : kept + 1], dtype)


@sized
@typed
def test_what_follows_does_not_change_the_frames_before(size: int, hop: int, dtype: str) -> None:
    samples = sound(dtype)
    short, whole = spectrum(samples[:5000], size, hop), spectrum(samples, size, hop)
    kept = (5000 - size) // hop
    np.testing.assert_array_equal(short[:kept], whole[:kept])


@sized
@typed
def test_spectrum_of_real_samples_mirrors_itself(size: int, hop: int, dtype: str) -> None:
    full = spectrum(sound(dtype), size, hop)
    assert_close(full[:, :0:-1], full[:, 1:].conj(), dtype)
    half = fastspec.stft(sound(dtype), size, hop, mean_normalize=False)
    np.testing.assert_array_equal(half, full[:, : size // 2])


@sized
@typed
def test_a_click_turns_with_its_place_in_the_window(size: int, hop: int, dtype: str) -> None:
    place = size // 3
    samples = np.zeros(size, dtype)
    samples[place] = 1
    expected = np.hamming(size)[place] * np.exp(-2j * np.pi * place * np.arange(size) / size)
    assert_close(spectrum(samples, size, hop)[0], expected, dtype)


@sized
@typed
def test_mean_is_that_of_all_samples(size: int, hop: int, dtype: str) -> None:
    samples = sound(dtype) + np.dtype(dtype).type(0.05)
    centred = (samples.astype(np.float64) - samples.mean(dtype=np.float64)).astype(dtype)
    assert_close(fastspec.stft(samples, size, hop), fastspec.stft(centred, size, hop, mean_normalize=False), dtype)


@sized
@pytest.mark.parametrize("gain", [3.7, 1e-100, 1e100, -1.0])
def test_log_spectrogram_does_not_depend_on_loudness(size: int, hop: int, gain: float) -> None:
    samples = sound()
    loud = fastspec.pretty_spectrogram(gain * samples, fft_size=size, step_size=hop)
    quiet = fastspec.pretty_spectrogram(samples, fft_size=size, step_size=hop)
    np.testing.assert_allclose(loud, quiet, rtol=0, atol=1e-9)
    assert quiet.max() == 0
    assert quiet.min() >= -5


@sized
def test_inversion_is_as_loud_as_its_spectrogram(size: int, hop: int) -> None:
    magnitude = fastspec.pretty_spectrogram(sound(), log=False, thresh=1e-3, fft_size=size, step_size=hop)[:60]
    call = {"log": False, "fft_size": size, "step_size": hop, "n_iter": 2}
    wave = fastspec.invert_pretty_spectrogram(magnitude, **call)
    louder = fastspec.invert_pretty_spectrogram(1024 * magnitude, **call)
    np.testing.assert_allclose(louder, 1024 * wave, rtol=0, atol=1e-9 * np.abs(louder).max())


def test_log_and_linear_spectrograms_invert_to_the_same_sound() -> None:
    log = fastspec.pretty_spectrogram(sound(), thresh=4, fft_size=512, step_size=128)
    from_log = fastspec.invert_pretty_spectrogram(log, fft_size=512, step_size=128, n_iter=3)
    from_linear = fastspec.invert_pretty_spectrogram(10**log, log=False, fft_size=512, step_size=128, n_iter=3)
    np.testing.assert_allclose(from_log, from_linear, rtol=0, atol=cases.WAVEFORM_BOUND * np.abs(from_linear).max())


def test_inversion_brings_back_the_magnitudes_better_with_offsets_than_without() -> None:
    full = np.abs(twins.stft(sound(), 512, 64, compute_onesided=False))

    def miss(calculate_offset: bool) -> float:
        wave = fastspec.invert_spectrogram(full, 64, calculate_offset)
        reached = np.abs(twins.reanalyse(wave, 512, 64, len(full)))
        scale = (reached * full).sum() / (reached**2).sum()
        return float(np.linalg.norm(scale * reached - full) / np.linalg.norm(full))

    assert miss(True) < 0.9 * miss(False)


def pipeline(dtype: str) -> dict[str, Callable[[], Array]]:
    """One call of every function that runs in parallel, on enough sound for many blocks of frames."""
    samples = sound(dtype, n=60_000)
    log = twins.pretty_spectrogram(samples[:30_000], thresh=4, fft_size=512, step_size=64).astype(dtype)
    full = twins.stft(samples[:20_000], 512, 128, compute_onesided=False)
    full = full.astype(np.complex64 if dtype == "float32" else np.complex128)
    return {
        "overlap": lambda: fastspec.overlap(samples, 400, 160),
        "stft": lambda: fastspec.stft(samples, 2048, 128),
        "stft of another size": lambda: fastspec.stft(samples, 34, 9),
        "pretty_spectrogram": lambda: fastspec.pretty_spectrogram(samples, fft_size=1024, step_size=64),
        "invert_spectrogram": lambda: fastspec.invert_spectrogram(full, 128, set_zero_phase=False),
        "invert_pretty_spectrogram": lambda: fastspec.invert_pretty_spectrogram(log, step_size=64, n_iter=3),
    }


@typed
def test_any_number_of_threads_gives_the_same_bits(dtype: str) -> None:
    for name, call in pipeline(dtype).items():
        with fastspec.threads(1):
            alone = call()
        for count in (2, 4):
            with fastspec.threads(count):
                np.testing.assert_array_equal(call(), alone, strict=True, err_msg=f"{name}, {count} threads")


@typed
def test_the_same_call_twice_gives_the_same_bits(dtype: str) -> None:
    for name, call in pipeline(dtype).items():
        np.testing.assert_array_equal(call(), call(), strict=True, err_msg=name)
