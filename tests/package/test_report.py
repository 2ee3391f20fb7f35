"""The demo: its parameters fit the file, its folder is complete, and its page needs nothing but itself."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from fastspec.demo import pipeline, report
from fastspec.demo.page import STAGES
from fastspec.files import audio
from fastspec.plot import canvas, figures

RATE = 16000
VOID = {"meta", "img", "br", "hr", "link", "input"}


def sweep(seconds: float) -> np.ndarray:
    """A rising tone with harmonics that comes and goes, and a little noise."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * k * (200 + 100 * t) * t) / k for k in range(1, 6))
    noise = np.random.default_rng(3).standard_normal(len(t))
    return 0.2 * tone * np.sin(8 * t) ** 2 + 1e-3 * noise


@pytest.fixture(scope="module")
def results() -> pipeline.Results:
    return pipeline.run(sweep(1.0), pipeline.Settings.for_rate(RATE))


@pytest.fixture(scope="module")
def folder(results: pipeline.Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    report.write(results, folder, "<my> & 'sound'.wav")
    return folder


class Tags(HTMLParser):
    """Collects what a page loads, and fails where an end tag does not close the last open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_at_the_notebooks_rate_the_parameters_are_the_notebooks() -> None:
    s = pipeline.Settings.for_rate(44100)
    assert (s.fft_size, s.step_size, s.spec_thresh) == (2048, 128, 4)
    assert (s.lowcut, s.highcut, s.start_freq, s.end_freq) == (500, 15000, 300, 8000)
    assert (s.n_mel, s.shorten_factor, s.n_iter) == (64, 10, 10)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 32000, 48000, 96000, 192000])
def test_the_parameters_fit_every_rate(rate: int) -> None:
    s = pipeline.Settings.for_rate(rate)
    assert 0 < s.lowcut < s.highcut < rate / 2
    assert 0 < s.start_freq < s.end_freq <= rate / 2
    assert s.fft_size == 16 * s.step_size
    assert 1 / 2 < s.fft_size / rate / (2048 / 44100) < 2


def test_a_rate_too_low_for_the_mel_bands_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4000 Hz, got 3999"):
        pipeline.Settings.for_rate(3999)


def test_a_sound_too_short_for_a_mel_column_is_refused() -> None:
    s = pipeline.Settings.for_rate(RATE)
    with pytest.raises(ValueError, match=r"at least 0\.25 s of sound, got 6\.25e-05 s \(1 samples\)"):
        pipeline.run(np.ones(1), s)
    assert pipeline.run(sweep(0.25), s).mel.shape[1] >= 1


def test_the_results_are_those_of_the_notebooks_functions(results: pipeline.Results) -> None:
    import fastspec

    s = results.settings
    sizes = {"fft_size": s.fft_size, "step_size": s.step_size}
    filtered = fastspec.butter_bandpass_filter(results.original, s.lowcut, s.highcut, s.rate, order=1)
    S = fastspec.pretty_spectrogram(filtered, thresh=4, **sizes)
    np.testing.assert_array_equal(results.spectrogram, S)
    recovered = fastspec.invert_pretty_spectrogram(S, **sizes, n_iter=10)
    np.testing.assert_array_equal(results.recovered, recovered)
    bank, spread = fastspec.create_mel_filter(s.fft_size, 64, 300, 8000, RATE)
    mel = fastspec.make_mel(S, bank, 10)
    np.testing.assert_array_equal(results.mel, mel)
    back = fastspec.mel_to_spectrogram(mel, spread, 4, 10)
    np.testing.assert_array_equal(results.mel_spectrogram, back.T)
    from_mel = fastspec.invert_pretty_spectrogram(back.T, **sizes, n_iter=10)
    np.testing.assert_array_equal(results.mel_recovered, from_mel)


def test_every_round_has_its_convergence_and_the_rounds_help(results: pipeline.Results) -> None:
    for curve in results.convergence.values():
        assert len(curve) == results.settings.n_iter + 1
        assert curve[-1] < curve[0] - 1


def test_progress_runs_through_every_stage_to_its_end(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    audio.write(tmp_path / "x.wav", audio.level(sweep(0.5)), RATE)
    report.demo(tmp_path / "x.wav", tmp_path / "out", progress=lambda *call: calls.append(call))
    assert list(dict.fromkeys(name for name, *_ in calls)) == [*STAGES, "figures"]
    for name in (*STAGES, "figures"):
        steps = [done for stage, done, _ in calls if stage == name]
        assert steps == sorted(steps)
        assert steps[0] == 0
        assert [done == total for stage, done, total in calls if stage == name][-1]
    assert max(done for stage, done, _ in calls if stage == "inversion") == 11


def test_silence_makes_a_page_too(tmp_path: Path) -> None:
    audio.write(tmp_path / "x.wav", np.zeros(RATE // 2), RATE)
    page = report.demo(tmp_path / "x.wav", tmp_path / "out")
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"base64,[^\"]*", "", page.read_text(encoding="utf-8")))
    assert not audio.read(tmp_path / "out" / "original.wav")[0].any()


def test_the_folder_holds_the_sounds_the_pictures_and_the_page(folder: Path, results: pipeline.Results) -> None:
    sounds = {f"{stem}.wav" for stem in report.sounds(results)}
    pictures = {f"{stem}.png" for stem in report.figures(results)}
    assert {path.name for path in folder.iterdir()} == sounds | pictures | {"report.html"}


def test_the_sounds_are_equally_loud_and_do_not_clip(folder: Path, results: pipeline.Results) -> None:
    loudness = []
    for stem, expected in (("filtered", results.filtered), ("recovered", results.recovered)):
        y, rate = audio.read(folder / f"{stem}.wav")
        assert rate == RATE
        assert len(y) == len(expected)
        assert np.abs(y).max() <= audio.PEAK + 1e-4
        loudness.append(np.sqrt(np.mean(y**2)))
    assert loudness[1] == pytest.approx(loudness[0], rel=0.01)


def test_every_picture_is_drawn(folder: Path, results: pipeline.Results) -> None:
    for stem in report.figures(results):
        picture = np.asarray(Image.open(folder / f"{stem}.png").convert("RGB"))
        assert picture.shape[1] == round(canvas.WIDTH_INCHES * canvas.DPI)
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {"script", "link", "iframe", "object"} & set(tags.names)
    assert tags.loads
    assert all(load.startswith("data:") for load in tags.loads)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_holds_every_sound_and_picture(page: str, results: pipeline.Results) -> None:
    assert page.count("data:image/png;base64,") == len(report.figures(results))
    assert page.count("<audio") >= len(report.sounds(results))


def test_the_page_shows_shapes_times_and_convergence(page: str, results: pipeline.Results) -> None:
    for stage in results.stages.values():
        assert " × ".join(f"{n:,}" for n in stage.shape) in page
    for curve in results.convergence.values():
        for value in curve:
            assert f"{value:.1f}".replace("-", "−") in page
    assert "fastspec 0." in page
    assert "numba 0." in page


def test_a_file_name_cannot_smuggle_tags_into_the_page(page: str) -> None:
    assert "<my>" not in page
    assert "&lt;my&gt; &amp; &#x27;sound&#x27;.wav" in page


def test_the_bundled_recording_comes_with_its_terms(tmp_path: Path) -> None:
    page = report.demo(None, tmp_path, seconds=0.5).read_text(encoding="utf-8")
    assert "Carnegie Mellon University" in page
    assert "CMU ARCTIC" in page


def test_a_spectrogram_puts_a_tone_at_its_frequency_and_time() -> None:
    S = np.full((100, 128), -4.0)
    S[60:70, 64] = 0.0  # 2000 Hz of 4000, frames 60 to 69 of 100 at 32 samples: 0.26 s to 0.29 s
    figure = figures.spectrogram(S, rate=8000, n_fft=256, hop=32)
    axes = figure.axes[0]
    image = axes.images[0]
    left, right, bottom, top = image.get_extent()
    rows, columns = np.nonzero(image.get_array() == 0)
    hz = bottom + (rows + 0.5) * (top - bottom) / 128
    seconds = left + (columns + 0.5) * (right - left) / 100
    np.testing.assert_allclose(hz, 2000)
    np.testing.assert_allclose(seconds, (np.arange(60, 70) * 32 + 128) / 8000)
    assert axes.get_xlabel() == "time (s)"
    assert axes.get_ylabel() == "frequency (Hz)"
    assert figure.axes[1].get_ylabel() == "level (dB)"


def test_compared_spectrograms_share_their_loudest_point() -> None:
    loud, soft = np.zeros((30, 16)), np.full((30, 16), -1.0)
    figure = figures.spectrograms({"loud": loud, "soft": soft}, rate=8000, n_fft=32, hop=8)
    assert [float(axes.images[0].get_array().max()) for axes in figure.axes[:2]] == [0.0, -20.0]
    assert len({axes.images[0].get_clim() for axes in figure.axes[:2]}) == 1


def test_mel_bands_are_labelled_by_their_centre_frequency() -> None:
    import fastspec

    low, high, bands = 300.0, 8000.0, 64
    figure = figures.mel_spectrogram(np.zeros((bands, 10)), rate=RATE, hop=640, low=low, high=high)
    centres = fastspec.mel2hz(np.linspace(fastspec.hz2mel(low), fastspec.hz2mel(high), bands + 2))[1:-1]
    axes = figure.axes[0]
    for position, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        hz = float(label.get_text().replace(",", ""))
        np.testing.assert_allclose(np.interp(position, np.arange(bands), centres), hz, rtol=2e-3)


def test_pooling_keeps_every_peak_and_bounds_the_columns() -> None:
    values = np.random.default_rng(4).standard_normal((3, 1001))
    pooled, factor = canvas.pool_columns(values, 100)
    assert pooled.shape == (3, 91)
    assert factor == 11
    np.testing.assert_array_equal(pooled[:, 5], values[:, 55:66].max(axis=1))
    np.testing.assert_array_equal(pooled[:, -1], values[:, 990:].max(axis=1))
    assert canvas.pool_columns(values, 1001)[1] == 1


def test_a_long_spectrogram_ends_where_its_sound_ends() -> None:
    frames = 10_001
    figure = figures.spectrogram(np.zeros((frames, 16)), rate=8000, n_fft=32, hop=8)
    assert figure.axes[0].get_xlim() == (0, ((frames - 1) * 8 + 32) / 8000)


@pytest.mark.parametrize("S", [np.zeros(5), np.zeros((0, 5)), np.zeros((5, 0))])
def test_what_is_no_spectrogram_is_not_drawn(S: np.ndarray) -> None:
    with pytest.raises(ValueError, match="S must be a two-dimensional array with at least one element"):
        figures.spectrogram(S, rate=8000, n_fft=32, hop=8)


def test_a_picture_is_saved_in_the_colours_it_was_drawn_in(tmp_path: Path) -> None:
    figures.save(figures.spectrogram(np.zeros((50, 64)), rate=8000, n_fft=128, hop=8), tmp_path / "x.png")
    picture = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"), dtype=float)
    brightest = np.array([252, 253, 191])  # the last colour of magma
    assert np.abs(picture[picture.shape[0] // 2, picture.shape[1] // 2] - brightest).max() <= 2
    assert np.abs(picture[2, 2] / 255 - to_rgb("#14161c")).max() < 0.01
