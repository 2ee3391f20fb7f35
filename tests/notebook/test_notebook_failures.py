"""Where the notebook fails and `fastspec` does not: types, layouts, silence, short sounds, steps, frame counts."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import cases
import numpy as np
import pytest
import twins

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]

X = cases.speech(3000)
LOG = twins.pretty_spectrogram(X, thresh=4, fft_size=64, step_size=16)
FULL = twins.stft(X, 64, 16, compute_onesided=False)
MIRRORED = np.hstack([10**LOG, 10 ** LOG[:, ::-1]])
BANK = twins.create_mel_filter(64, 8, 300, 8000, 48000)
MEL = twins.make_mel(LOG, BANK[0], 2)
FOLLOWED = twins.offset_like(fastspec.xcorr_offset)

# Every function that takes an array: the name of its first argument, an array it accepts, and the call.
TAKES: dict[str, tuple[str, Array, Callable[[Any], Any]]] = {
    "butter_bandpass_filter": ("data", X, lambda a: fastspec.butter_bandpass_filter(a, 500, 15000, 48000, order=1)),
    "overlap": ("X", X, lambda a: fastspec.overlap(a, 64, 16)),
    "stft": ("X", X, lambda a: fastspec.stft(a, 64, 16)),
    "pretty_spectrogram": ("d", X, lambda a: fastspec.pretty_spectrogram(a, fft_size=64, step_size=16)),
    "invert_pretty_spectrogram": ("X_s", LOG, lambda a: fastspec.invert_pretty_spectrogram(a, True, 64, 16, 2)),
    "iterate_invert_spectrogram": ("X_s", MIRRORED, lambda a: fastspec.iterate_invert_spectrogram(a, 64, 16, 2)),
    "invert_spectrogram": ("X_s", FULL, lambda a: fastspec.invert_spectrogram(a, 16, set_zero_phase=False)),
    "xcorr_offset": ("x1", X[:300], lambda a: fastspec.xcorr_offset(a, X[20:320])),
    "make_mel": ("spectrogram", LOG, lambda a: fastspec.make_mel(a, BANK[0], 2)),
    "mel_to_spectrogram": ("mel_spec", MEL, lambda a: fastspec.mel_to_spectrogram(a, BANK[1], 4, 2)),
}
OF_SAMPLES = ["butter_bandpass_filter", "overlap", "stft", "pretty_spectrogram"]
OF_REAL_SAMPLES = ["butter_bandpass_filter", "stft", "pretty_spectrogram"]
OF_SPECTROGRAMS = ["invert_pretty_spectrogram", "iterate_invert_spectrogram", "invert_spectrogram"]


def with_a_hole(array: Array, index: tuple[int, ...], value: float) -> Array:
    holed = array.copy()
    holed[index] = value
    return holed


def test_input_is_never_changed() -> None:
    for name, (_, given, call) in TAKES.items():
        mine = given.copy()
        call(mine)
        np.testing.assert_array_equal(mine, given, err_msg=name)


@pytest.mark.parametrize("name", TAKES)
def test_layout_byte_order_and_read_only_flag_do_not_matter(name: str) -> None:
    _, given, call = TAKES[name]
    frozen = given.copy()
    frozen.flags.writeable = False
    gapped = np.repeat(given, 2, axis=-1)[..., ::2]
    backwards = given[::-1].copy()[::-1]
    swapped = given.astype(given.dtype.newbyteorder())
    assert not gapped.flags.c_contiguous
    expected = call(given)
    for variant in (frozen, gapped, backwards, np.asfortranarray(given), swapped):
        np.testing.assert_array_equal(call(variant), expected, strict=True)


@pytest.mark.parametrize("name", [*OF_SAMPLES, "xcorr_offset"])
def test_lists_are_accepted(name: str) -> None:
    _, given, call = TAKES[name]
    np.testing.assert_array_equal(call(given[:300].tolist()), call(given[:300]))


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "i4", "u4", "i8", "f2", "g"])
@pytest.mark.parametrize("name", OF_REAL_SAMPLES)
def test_other_real_samples_are_worked_on_in_float64(name: str, dtype: str) -> None:
    call = TAKES[name][2]
    samples = np.abs(np.round(100 * X)).astype(dtype)
    result = call(samples)
    assert result.dtype in (np.float64, np.complex128)
    np.testing.assert_array_equal(result, call(samples.astype(np.float64)))


@pytest.mark.parametrize("dtype", ["i2", "u1", "i8"])
def test_frames_of_integers_keep_their_values(dtype: str) -> None:
    samples = np.abs(np.round(100 * X)).astype(dtype)
    np.testing.assert_array_equal(fastspec.overlap(samples, 64, 16), twins.overlap(samples.astype(np.float64), 64, 16))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("name", [*OF_SAMPLES, *OF_SPECTROGRAMS])
def test_float32_stays_float32_and_float64_stays_float64(name: str, dtype: str) -> None:
    _, given, call = TAKES[name]
    order, width = dtype[0], int(dtype[2])
    kind = f"{order}c{2 * width}" if np.iscomplexobj(given) else dtype
    result = call(given.astype(kind))
    assert result.real.dtype == np.dtype(f"f{width}")
    assert result.dtype.isnative


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_overlap_keeps_complex_samples(dtype: type[np.generic]) -> None:
    samples = np.asarray(X + 1j * X[::-1], dtype)
    frames = fastspec.overlap(samples, 64, 16)
    assert frames.dtype == dtype
    np.testing.assert_array_equal(frames, twins.overlap(samples, 64, 16))


@pytest.mark.parametrize("name", OF_REAL_SAMPLES)
def test_complex_samples_are_a_type_error(name: str) -> None:
    argument, given, call = TAKES[name]
    with pytest.raises(TypeError, match=argument):
        call(given + 0j)


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_stereo_is_refused_with_the_way_to_mix_it_down(name: str) -> None:
    argument, given, call = TAKES[name]
    with pytest.raises(ValueError, match=rf"(?is){argument}.*(mix|mean)"):
        call(np.stack([given, given], axis=1))


@pytest.mark.parametrize("name", OF_SPECTROGRAMS)
@pytest.mark.parametrize("shape", [(64,), (2, 3, 64)])
def test_a_spectrogram_has_two_dimensions(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="X_s"):
        TAKES[name][2](np.ones(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*OF_REAL_SAMPLES, "xcorr_offset"])
def test_the_first_sample_that_is_not_finite_is_named(name: str, value: float) -> None:
    argument, given, call = TAKES[name]
    holed = with_a_hole(with_a_hole(given, (200,), np.nan), (17,), value)
    with pytest.raises(ValueError, match=re.escape(f"{argument}[17] is {value}")):
        call(holed)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", OF_SPECTROGRAMS)
def test_the_first_magnitude_that_is_not_finite_is_named(name: str, value: float) -> None:
    _, given, call = TAKES[name]
    holed = with_a_hole(with_a_hole(given, (90, 1), np.nan), (3, 5), value)
    with pytest.raises(ValueError, match=re.escape("X_s[3, 5] is ") + f".*{value}"):
        call(holed)


@pytest.mark.parametrize("name", [*OF_SAMPLES, "xcorr_offset"])
def test_no_samples_at_all_is_an_error(name: str) -> None:
    argument, _, call = TAKES[name]
    with pytest.raises(ValueError, match=argument):
        call(np.zeros(0))


@pytest.mark.parametrize("n", [1, 2, 127])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fewer_samples_than_a_window_make_one_padded_frame(n: int, dtype: type[np.generic]) -> None:
    samples = np.asarray(X[:n], dtype)
    frames = fastspec.overlap(samples, 128, 32)
    np.testing.assert_array_equal(frames, np.pad(samples, (0, 128 - n))[None], strict=True)
    spectrum = fastspec.stft(samples, 128, 32, mean_normalize=False)
    assert spectrum.shape == (1, 64)
    expected = np.fft.rfft(frames.astype(np.float64) * np.hamming(128))[:, :64]
    np.testing.assert_allclose(spectrum, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert fastspec.pretty_spectrogram(samples, fft_size=128, step_size=32).shape == (1, 64)


def test_a_step_longer_than_the_samples_still_gives_a_frame() -> None:
    np.testing.assert_array_equal(fastspec.overlap(X[:129], 128, 500), X[None, :128])


@pytest.mark.parametrize("level", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_silence_lies_on_the_threshold_and_warns_of_nothing(dtype: type[np.generic], level: float) -> None:
    silence = np.asarray(np.full(4096, level), dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log = fastspec.pretty_spectrogram(silence, thresh=4)
        linear = fastspec.pretty_spectrogram(silence, log=False, thresh=3)
        inverted = fastspec.invert_pretty_spectrogram(log, n_iter=2, step_size=64)
    np.testing.assert_array_equal(log, np.full((64, 256), -4.0))
    np.testing.assert_array_equal(linear, np.full((64, 256), 3.0))
    assert np.isfinite(inverted).all()


def test_a_single_sample_is_silence_once_its_mean_is_removed() -> None:
    np.testing.assert_array_equal(fastspec.pretty_spectrogram([0.7], thresh=4), np.full((1, 256), -4.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_magnitudes_of_zero_invert_to_silence(dtype: type[np.generic]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wave = fastspec.invert_pretty_spectrogram(np.zeros((20, 32), dtype), log=False, fft_size=64, step_size=16)
    np.testing.assert_array_equal(wave, np.zeros(20 * 16 + 32, dtype), strict=True)


@pytest.mark.parametrize("name", ["overlap", "stft", "pretty_spectrogram"])
def test_an_odd_window_is_the_notebooks_error(name: str) -> None:
    with pytest.raises(ValueError, match="Window size must be even!"):
        {
            "overlap": lambda: fastspec.overlap(X, 65, 16),
            "stft": lambda: fastspec.stft(X, 65, 16),
            "pretty_spectrogram": lambda: fastspec.pretty_spectrogram(X, fft_size=65, step_size=16),
        }[name]()


# Every function that takes a step: the argument's name and the call.
STEPS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "overlap": ("window_step", lambda step: fastspec.overlap(X, 64, step)),
    "stft": ("step", lambda step: fastspec.stft(X, 64, step)),
    "pretty_spectrogram": ("step_size", lambda step: fastspec.pretty_spectrogram(X, fft_size=64, step_size=step)),
    "invert_pretty_spectrogram": (
        "step_size",
        lambda step: fastspec.invert_pretty_spectrogram(LOG, fft_size=64, step_size=step, n_iter=1),
    ),
    "iterate_invert_spectrogram": ("step", lambda step: fastspec.iterate_invert_spectrogram(MIRRORED, 64, step, 1)),
    "invert_spectrogram": ("step", lambda step: fastspec.invert_spectrogram(FULL, step)),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("step", [64 / 4, np.float64(16), np.float32(16), np.int32(16)], ids=lambda s: type(s).__name__)
def test_a_whole_step_of_any_type_is_that_step(name: str, step: Any) -> None:
    call = STEPS[name][1]
    np.testing.assert_array_equal(call(step), call(16))


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("step", [16.5, 0, -16, 0.0, np.nan, np.inf])
def test_a_step_that_is_not_a_whole_positive_number_is_named(name: str, step: float) -> None:
    argument, call = STEPS[name]
    with pytest.raises(ValueError, match=rf"{argument}.*{re.escape(str(step))}"):
        call(step)


@pytest.mark.parametrize("size", [0, -2])
def test_a_window_without_samples_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match="window_size"):
        fastspec.overlap(X, size, 16)
    with pytest.raises(ValueError, match="fftsize"):
        fastspec.stft(X, size, 16)
    with pytest.raises(ValueError, match="fft_size"):
        fastspec.pretty_spectrogram(X, fft_size=size, step_size=16)


def test_fft_size_must_be_that_of_the_spectrogram() -> None:
    with pytest.raises(ValueError, match=r"fft_size.*512"):
        fastspec.invert_pretty_spectrogram(LOG, fft_size=512, step_size=16, n_iter=1)
    with pytest.raises(ValueError, match=r"fftsize.*512"):
        fastspec.iterate_invert_spectrogram(MIRRORED, 512, 16, n_iter=1)


def test_a_negative_number_of_iterations_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"n_iter.*-1"):
        fastspec.invert_pretty_spectrogram(LOG, fft_size=64, step_size=16, n_iter=-1)
    with pytest.raises(ValueError, match=r"n_iter.*-1"):
        fastspec.iterate_invert_spectrogram(MIRRORED, 64, 16, n_iter=-1)


def test_no_iterations_is_one_pass_without_phase_whatever_the_fft_size() -> None:
    once = fastspec.invert_spectrogram(MIRRORED, 16)
    for fft_size in (64, 512):
        wave = fastspec.invert_pretty_spectrogram(LOG, fft_size=fft_size, step_size=16, n_iter=0)
        np.testing.assert_allclose(wave, once, rtol=0, atol=1e-9 * np.abs(once).max())


# Frame counts of which the notebook's re-analysis makes too few frames: "operands could not be broadcast".
TOO_FEW = [(512, 128, frames) for frames in (1, 5, 9, 141, 145, 149, 153)]
TOO_FEW += [(512, 32, frames) for frames in (2, 23, 145, 151)] + [(400, 100, 29), (34, 9, 4), (64, 48, 19)]


@pytest.mark.filterwarnings("ignore:.*[Ss]tep")
@pytest.mark.parametrize(("fft_size", "step", "frames"), TOO_FEW)
def test_every_frame_is_analysed_again(fft_size: int, step: int, frames: int) -> None:
    length = frames * step + fft_size // 2
    padded = (length // fft_size + 1) * fft_size
    assert (padded - fft_size) // step < frames, "the notebook can run this one"
    rng = np.random.default_rng(frames)
    log = rng.uniform(-3, 0, (frames, fft_size // 2))
    wave = fastspec.invert_pretty_spectrogram(log, fft_size=fft_size, step_size=step, n_iter=2)
    expected = twins.invert_pretty_spectrogram(log, fft_size=fft_size, step_size=step, n_iter=2, offset=FOLLOWED)
    assert wave.shape == (length,)
    np.testing.assert_allclose(wave, expected, rtol=0, atol=cases.WAVEFORM_BOUND * np.abs(expected).max())


@pytest.mark.parametrize("step", [32, 33, 34, 40, 64, 100])
def test_a_step_without_overlap_warns_and_inverts(step: int) -> None:
    with pytest.warns(UserWarning, match=r"(?i)step") as caught:
        wave = fastspec.invert_spectrogram(FULL[:30], step)
    assert len(caught) == 1
    expected = twins.invert_spectrogram(FULL[:30], step, offset=FOLLOWED)
    np.testing.assert_allclose(wave, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("step", [1, 16, 31])
def test_a_step_with_overlap_warns_of_nothing(step: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wave = fastspec.invert_spectrogram(FULL[:30], step)
    expected = twins.invert_spectrogram(FULL[:30], step, offset=FOLLOWED)
    np.testing.assert_allclose(wave, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_empty_mel_filters_are_zero_columns_and_counted() -> None:
    bank = twins.get_filterbanks(64, 256, 16000, 20, 8000)
    empty = int((bank.sum(axis=1) == 0).sum())
    assert 0 < empty < 64
    with pytest.warns(UserWarning, match=rf"\b{empty}\b") as caught:
        mel_filter, inversion_filter = fastspec.create_mel_filter(256, 64, 20, 8000, 16000)
    assert len(caught) == 1
    np.testing.assert_allclose(mel_filter, twins.create_mel_filter(256, 64, 20, 8000, 16000)[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(inversion_filter, bank, rtol=0, atol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastspec.create_mel_filter(2048, 64, 300, 8000)


def test_a_mel_filter_above_half_the_rate_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"highfreq.*9000"):
        fastspec.get_filterbanks(20, 512, 16000, 0, 9000)


@pytest.mark.parametrize("thresh", [3, 4, 5.5])
def test_mel_to_spectrogram_subtracts_the_threshold_it_added(thresh: float) -> None:
    given = fastspec.mel_to_spectrogram(MEL, BANK[1], thresh, 2)
    np.testing.assert_array_equal(given, twins.mel_to_spectrogram(MEL, BANK[1], thresh, 2), strict=True)
    unreached = np.flatnonzero(BANK[1].sum(axis=0) == 0)
    assert len(unreached) > 0
    np.testing.assert_array_equal(given[unreached], np.float16(-thresh))


def test_a_float16_spectrogram_inverts_in_float64() -> None:
    half = LOG.astype(np.float16)
    wave = fastspec.invert_pretty_spectrogram(half, fft_size=64, step_size=16, n_iter=3)
    expected = twins.invert_pretty_spectrogram(half, fft_size=64, step_size=16, n_iter=3, offset=FOLLOWED)
    assert wave.dtype == np.float64
    np.testing.assert_allclose(wave, expected, rtol=0, atol=cases.WAVEFORM_BOUND * np.abs(expected).max())


ZEROS, FIVES = np.zeros(40), np.full(40, 5.0)


@pytest.mark.parametrize(
    ("x1", "x2"),
    [
        *((X[:m], X[50 : 50 + n]) for m, n in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (1, 40), (40, 1), (7, 40)]),
        *((X[:m], X[50 : 50 + n]) for m, n in [(40, 7), (2, 3), (3, 2), (100, 101), (101, 100), (500, 33)]),
        *[(ZEROS, ZEROS), (FIVES, FIVES), (ZEROS, X[:40]), (X[:40], ZEROS), (FIVES, X[:40]), (ZEROS, X[:41])],
    ],
    ids=lambda x: f"{len(x)}{'' if x.any() else ' zeros'}{' fives' if x[0] == 5 else ''}",
)
def test_offset_of_segments_of_any_length_is_the_notebooks(x1: Array, x2: Array) -> None:
    assert fastspec.xcorr_offset(x1, x2) in twins.allowed(x1, x2)


def test_offset_where_every_lag_is_masked() -> None:
    assert fastspec.xcorr_offset([1.0, 2.0, 3.0], [4.0]) == -3


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in re.split(r"[\r\n]+", capsys.readouterr().out) if line.strip()]


def test_verbose_tells_the_spectral_convergence_of_each_iteration(capsys: pytest.CaptureFixture[str]) -> None:
    fastspec.iterate_invert_spectrogram(MIRRORED, 64, 16, n_iter=3, verbose=True)
    lines = shown(capsys)
    assert len(lines) == 3
    wanted = MIRRORED[:, :32]
    for done, line in enumerate(lines):
        told = re.search(rf"{done + 1}/3[^-\d]*(-?\d+\.\d+) dB", line)
        assert told is not None, line
        wave = twins.iterate_invert_spectrogram(MIRRORED, 64, 16, n_iter=done, offset=FOLLOWED)
        reached = np.abs(twins.reanalyse(wave, 64, 16, len(wanted)))[:, :32]
        convergence = 20 * np.log10(np.linalg.norm(reached - wanted) / np.linalg.norm(wanted))
        assert float(told[1]) == pytest.approx(convergence, abs=0.011)


def test_nothing_is_printed_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    fastspec.iterate_invert_spectrogram(MIRRORED, 64, 16, n_iter=3)
    assert shown(capsys) == []


@pytest.mark.parametrize(("dtype", "value"), [(np.float32, 50.0), (np.float64, 500.0)])
def test_magnitudes_taken_for_logarithms_are_named(dtype: type[np.floating], value: float) -> None:
    S = np.zeros((4, 32), dtype)
    S[2, 3] = value
    with pytest.raises(ValueError, match=f"X_s goes up to {value:g}.*log=False"):
        fastspec.invert_pretty_spectrogram(S, fft_size=64, step_size=8)
    assert np.isfinite(fastspec.invert_pretty_spectrogram(S, log=False, fft_size=64, step_size=8)).all()


def test_read_only_and_unaligned_samples_compile_nothing_new() -> None:
    from fastspec.kernels.runtime import jit
    from fastspec.kernels.runtime.tasks import registry

    def compiled() -> int:
        dispatchers = [entry.dispatcher for entry in registry if hasattr(entry, "dispatcher")]
        return len(jit._entries) + sum(len(dispatcher.signatures) for dispatcher in dispatchers)

    want = fastspec.stft(X, 64, 16)
    before = compiled()
    shifted = np.frombuffer(b"0" + X.tobytes(), X.dtype, offset=1)
    assert not shifted.flags.aligned
    for samples in (np.frombuffer(X.tobytes(), X.dtype), shifted):
        assert not samples.flags.writeable
        np.testing.assert_array_equal(fastspec.stft(samples, 64, 16), want)
        assert not samples.flags.writeable
    assert compiled() == before
