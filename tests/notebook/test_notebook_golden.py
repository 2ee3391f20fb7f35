"""What the notebook returned, returned again: `fastspec` and its plain twins against the golden files."""

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import twins
from compare import error, golden

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]
SIGNALS = golden("signals")
BOTH = pytest.mark.parametrize("module", [fastspec, twins], ids=["fastspec", "twin"])


@pytest.mark.parametrize("name", fastspec.__all__)
def test_names_argument_order_and_defaults_are_the_notebooks(name: str) -> None:
    signatures = (inspect.signature(getattr(module, name)).parameters.values() for module in (fastspec, twins))
    # what is ours or the twin's alone goes by its name
    ours, notebooks = ([p for p in given if p.kind != p.KEYWORD_ONLY] for given in signatures)
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in notebooks]
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in ours)


@BOTH
def test_overlap_is_exact(module: ModuleType) -> None:
    for key, expected in golden("overlap").items():
        signal, window, step = key.split("|")
        frames = module.overlap(SIGNALS[signal][:4000], int(window), int(step))
        np.testing.assert_array_equal(frames, expected, strict=True, err_msg=key)


@BOTH
def test_stft_with_every_flag_is_within_1e12(module: ModuleType) -> None:
    for key, expected in golden("stft").items():
        signal, fftsize, step, flags = key.split("|")
        options = [flag == "1" for flag in flags]
        spectrum = module.stft(SIGNALS[signal][:6000], int(fftsize), int(step), *options)
        assert spectrum.dtype == np.complex128
        assert error(spectrum, expected) <= 1e-12, key


@BOTH
def test_pretty_spectrogram_is_within_1e9(module: ModuleType) -> None:
    for key, expected in golden("pretty_spectrogram").items():
        signal, scale, thresh = key.split("|")
        log = scale == "log"
        spectrogram = module.pretty_spectrogram(SIGNALS[signal], log, int(thresh), 512, 64 if log else 128)
        assert spectrogram.dtype == np.float64
        assert error(spectrogram, expected) <= 1e-9, key


INVERTED = golden("invert_pretty_spectrogram")


@BOTH
@pytest.mark.parametrize("key", [key[2:] for key in INVERTED if key.startswith("y|")])
def test_inverted_waveform_is_within_1e6(module: ModuleType, key: str) -> None:
    _, fft_size, step_size, n_iter = key.split("|")
    wave = module.invert_pretty_spectrogram(
        INVERTED[f"S|{key}"], fft_size=int(fft_size), step_size=int(step_size), n_iter=int(n_iter)
    )
    assert wave.dtype == np.float64
    assert error(wave, INVERTED[f"y|{key}"]) <= 1e-6


@BOTH
@pytest.mark.parametrize("calculate_offset", [False, True])
@pytest.mark.parametrize("zero_phase", [False, True])
def test_one_inversion_in_every_mode(module: ModuleType, zero_phase: bool, calculate_offset: bool) -> None:
    saved = golden("invert_spectrogram")
    given, mode = (saved["S"], "zero_phase") if zero_phase else (saved["D"], "complex")
    wave = module.invert_spectrogram(given, 64, calculate_offset, zero_phase)
    assert error(wave, saved[f"{mode}|{int(calculate_offset)}"]) <= 1e-9


@BOTH
def test_five_iterations_on_a_mirrored_spectrogram(module: ModuleType) -> None:
    saved = golden("invert_spectrogram")
    wave = module.iterate_invert_spectrogram(saved["S"], 512, 64, n_iter=5)
    assert error(wave, saved["iterate|5"]) <= 1e-6


@BOTH
def test_all_forty_offsets_are_identical(module: ModuleType) -> None:
    saved = golden("xcorr_offset")
    pairs = range(len(saved) // 3)
    found = [int(module.xcorr_offset(saved[f"x1|{i}"], saved[f"x2|{i}"])) for i in pairs]
    assert len(found) == 40
    assert found == [int(saved[f"offset|{i}"]) for i in pairs]


MEL = golden("mel")


@BOTH
def test_filterbanks_are_within_1e13(module: ModuleType) -> None:
    banks = {key: expected for key, expected in MEL.items() if key.startswith("bank|")}
    assert len(banks) == 3
    for key, expected in banks.items():
        nfilt, nfft, rate, low, high = (None if number == "None" else int(number) for number in key.split("|")[1:])
        bank = module.get_filterbanks(nfilt, nfft, rate, low, high)
        np.testing.assert_allclose(bank, expected, rtol=0, atol=1e-13, strict=True, err_msg=key)


@BOTH
def test_mel_filter_and_its_inversion_filter_are_within_1e13(module: ModuleType) -> None:
    mel_filter, inversion_filter = module.create_mel_filter(512, 32, 300, 8000, 16000)
    np.testing.assert_allclose(mel_filter, MEL["mel_filter"], rtol=0, atol=1e-13, strict=True)
    np.testing.assert_allclose(inversion_filter, MEL["mel_inversion_filter"], rtol=0, atol=1e-13, strict=True)


def assert_equal_but_for_float16_rounding(got: Array, expected: Array) -> None:
    """Equal, or the next float16 up or down: where the last rounding falls on a tie of the sums before it."""
    assert got.dtype == expected.dtype == np.float16
    assert got.shape == expected.shape
    one_step = np.spacing(np.maximum(np.abs(got), np.abs(expected)))
    assert np.all(np.abs(got.astype(np.float64) - expected) <= one_step)


@BOTH
@pytest.mark.parametrize("shorten_factor", [1, 4, 10])
def test_make_mel_agrees_to_float16_rounding(module: ModuleType, shorten_factor: int) -> None:
    mel = module.make_mel(MEL["S"], MEL["mel_filter"], shorten_factor)
    assert_equal_but_for_float16_rounding(mel, MEL[f"make_mel|{shorten_factor}"])


@BOTH
@pytest.mark.parametrize("shorten_factor", [1, 4, 10])
def test_mel_to_spectrogram_agrees_to_float16_rounding(module: ModuleType, shorten_factor: int) -> None:
    mel = MEL[f"make_mel|{shorten_factor}"]
    spectrogram = module.mel_to_spectrogram(mel, MEL["mel_inversion_filter"], 4, shorten_factor)
    assert_equal_but_for_float16_rounding(spectrogram, MEL[f"mel_to_spectrogram|{shorten_factor}"])


@BOTH
def test_mel_scale_there_and_back(module: ModuleType) -> None:
    np.testing.assert_allclose(module.hz2mel(MEL["hz"]), MEL["mel"], rtol=1e-13)
    np.testing.assert_allclose(module.mel2hz(MEL["mel"]), MEL["hz_back"], rtol=1e-13)
    assert module.hz2mel(700.0) == pytest.approx(2595 * np.log10(2), rel=1e-13)


@BOTH
def test_band_pass_is_within_1e13(module: ModuleType) -> None:
    b, a = module.butter_bandpass(500, 7000, 16000, order=1)
    np.testing.assert_allclose(b, MEL["butter_b"], rtol=0, atol=1e-13)
    np.testing.assert_allclose(a, MEL["butter_a"], rtol=0, atol=1e-13)
    filtered = module.butter_bandpass_filter(SIGNALS["speech"], 500, 7000, 16000, order=1)
    assert error(filtered, MEL["filtered"]) <= 1e-13
