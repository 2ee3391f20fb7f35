"""Pictures read back: the formula of each pixel, its frequency and its time; and our own, which say it themselves."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import soundfile
from cases import speech_16k
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import fastspec
from fastspec import STFT, FilterBank, MelBank, files
from fastspec.__main__ import main
from fastspec.cli.options import FrameOptions
from fastspec.cli.plans import plan_for_sound
from fastspec.features.scales import hz_to_mel, mel_frequencies
from fastspec.files import picture as drawing
from fastspec.files import riff
from fastspec.picture import colours, pixels, sampling, to_levels
from fastspec.picture.legend import KEY, VERSION
from fastspec.plot import canvas

RATE = 16_000
PLAN = STFT(256, hop_length=64)
Y = speech_16k()[8000:24_000].astype(np.float32)
V = np.random.default_rng(0).integers(0, 256, (129, 40)).astype(np.uint8)
"""A picture whose rows are the bins of `PLAN`, the top row first."""


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "x.wav", Y, RATE, subtype="FLOAT")
    return tmp_path / "x.wav"


def levels_of(v: np.ndarray, range_db: float = 80.0, plan: STFT = PLAN) -> np.ndarray:
    """The formula of `to_levels` for positions v, the top row first."""
    v = v[::-1].astype(np.float64)
    return np.where(v == 0, 0, plan.window.sum() / 2 * 10 ** (range_db * (v - 1) / 20))


def rounded(L: np.ndarray, power: float, range_db: float) -> np.ndarray:
    """Levels |D|**power, rounded to the colours of a picture and cut off at its range."""
    steps = canvas.N_COLOURS - 1
    with np.errstate(divide="ignore"):
        dB = 20 / power * np.log10(L.astype(np.float64) / L.max())
    dB = np.rint(np.clip(dB / range_db + 1, 0, 1) * steps) / steps * range_db - range_db
    return L.max() * 10 ** (dB * power / 20)


def convergence(y: np.ndarray, plan: STFT, S: np.ndarray) -> float:
    return 20 * np.log10(np.linalg.norm(plan.power(y, power=1) - S) / np.linalg.norm(S))


def imread(path: Path) -> np.ndarray:
    """The colours of a picture (height, width, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def legend_of(path: Path) -> dict:
    """What one of our pictures says of itself."""
    with Image.open(path) as image:
        return json.loads(image.info[KEY])


def saved(path: Path, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values).save(path, **options)
    return path


# ---- our own ----
@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
@pytest.mark.parametrize(("db_range", "center"), [(80.0, True), (25.0, False)])
def test_our_pictures_hold_the_levels_that_they_were_drawn_from(
    speech: Path, power: float, db_range: float, center: bool
) -> None:
    plan, out = STFT(512, hop_length=100, window="hamming", center=center), speech.with_suffix(".png")
    files.spectrogram(speech, out, plan, power=power, db_range=db_range)
    p = to_levels(out)
    np.testing.assert_allclose(p.levels, rounded(plan.power(Y, power=power), power, db_range), rtol=1e-5)
    np.testing.assert_allclose(p.S, p.levels.astype(float) ** (1 / power), rtol=1e-5)
    assert (p.sr, p.length, p.power, p.bank, p.range_db, p.colormap) == (RATE, len(Y), power, None, db_range, "magma")
    np.testing.assert_array_equal(p.plan.window, plan.window)
    assert (p.plan.n_fft, p.plan.hop_length, p.plan.center) == (512, 100, center)


@pytest.mark.parametrize("bank", [MelBank(RATE, 512, 40, fmin=60, htk=True, norm=None), FilterBank(np.eye(9, 257))])
def test_our_pictures_of_filters_hold_theirs(speech: Path, bank: FilterBank) -> None:
    plan, out = STFT(512, hop_length=128), speech.with_suffix(".png")
    files.mel(speech, out, plan, bank)
    p = to_levels(out)
    np.testing.assert_allclose(p.levels, rounded(plan.mel(Y, bank), 2.0, 80.0), rtol=1e-5)
    assert p.bank is not None
    np.testing.assert_array_equal(np.asarray(p.bank), np.asarray(bank))
    np.testing.assert_array_equal(p.S, bank.inverse(p.levels, power=2.0))


@pytest.mark.parametrize("options", [[], ["--threshold", "1.5"], ["--n-fft", "512", "--hop", "128", "--no-center"]])
def test_a_picture_gives_the_sound_back_as_near_as_its_levels_do(speech: Path, options: list[str]) -> None:
    png, wav = speech.with_suffix(".png"), speech.with_name("y.wav")
    assert main(["spectrogram", str(speech), str(png), *options, "-q"]) == 0
    assert main(["invert", str(png), str(wav), "--subtype", "FLOAT", "-q"]) == 0
    plan = to_levels(png).plan
    S = plan.power(Y, power=1)
    R = rounded(S, 1.0, 30.0 if "--threshold" in options else 80.0).astype(np.float32)
    y, rate = soundfile.read(wav, dtype="float32")
    reference = fastspec.recover(R, plan, rng=0, length=len(Y))
    assert rate == RATE
    assert len(y) == len(Y)
    for target in (S, R):
        assert convergence(y, plan, target) <= convergence(reference, plan, target) + 1


def test_a_picture_of_mels_gives_the_sound_back_as_near_as_its_levels_do(speech: Path) -> None:
    png, wav = speech.with_suffix(".png"), speech.with_name("y.wav")
    assert main(["mel", str(speech), str(png), "-q"]) == 0
    assert main(["invert", str(png), str(wav), "--subtype", "FLOAT", "-q"]) == 0
    plan, bank = STFT(1024, hop_length=256), MelBank(RATE, 1024, 80)
    M = plan.mel(Y, bank)
    R = rounded(M, 2.0, 80.0).astype(np.float32)
    reference = fastspec.recover_mel(R, bank, plan, method="joint", rng=0, length=len(Y))
    reached = [
        20 * np.log10(np.linalg.norm(plan.mel(y, bank) - M) / np.linalg.norm(M))
        for y in (soundfile.read(wav, dtype="float32")[0], reference)
    ]
    assert reached[0] <= reached[1] + 1


def test_silence_and_a_frame_come_back(tmp_path: Path) -> None:
    wav, png, back = tmp_path / "x.wav", tmp_path / "x.png", tmp_path / "y.wav"
    for y in (np.zeros(5000), np.zeros(1), 0.5 * np.ones(1)):
        soundfile.write(wav, y, RATE, subtype="FLOAT")
        files.spectrogram(wav, png)
        p = to_levels(png)
        assert p.levels.shape == (p.plan.n_bins, p.plan.n_frames(len(y)))
        np.testing.assert_allclose(
            p.S, rounded(p.plan.power(np.float32(y), power=1), 1, 80) if y.any() else 0, rtol=1e-5
        )
        done = files.invert(png, back)
        assert done.samples == len(y)
        assert soundfile.read(back)[0].any() == y.any()


@pytest.mark.parametrize(("values", "rows"), [(129 * 60, 4097), (129 * 250, 50), (65 * 60, 70)])
def test_long_sounds_come_back_by_their_maxima(
    speech: Path, monkeypatch: pytest.MonkeyPatch, values: int, rows: int
) -> None:
    monkeypatch.setattr(drawing, "MAX_VALUES", values)
    monkeypatch.setattr(drawing, "MAX_ROWS", rows)
    out, S = speech.with_suffix(".png"), PLAN.power(Y, power=1)
    files.spectrogram(speech, out, PLAN)
    with pytest.warns(UserWarning, match=r"x\.png: each pixel is the maximum of \d+ frames and \d rows"):
        p = to_levels(out)
    legend = legend_of(out)
    across, down = legend["frames_per_column"], legend["bins_per_row"]
    assert across > 1 or down > 1
    for frame in (0, 77, 249, 250):
        for k in (0, 31, 128):
            first, low = frame // across * across, k // down * down
            expected = S[low : low + down, first : first + across].max()
            assert p.S[k, frame] == pytest.approx(max(expected, 1e-4 * S.max()), rel=0.023)
    with pytest.warns(UserWarning, match="maximum"):
        assert files.invert(out, speech.with_name("y.wav"), n_iter=2).samples == len(Y)


def test_what_was_painted_into_our_picture_is_heard(speech: Path) -> None:
    """A picture saved by another program, in other colours, with the same text."""
    out = speech.with_suffix(".png")
    files.spectrogram(speech, out, PLAN)
    before, legend, text = to_levels(out), legend_of(out), PngInfo()
    rgb = imread(out)
    text.add_text(KEY, json.dumps(legend))
    bottom = legend["top"] + 129 * legend["cell_height"]
    rgb[bottom - 10 * legend["cell_height"] : bottom, legend["left"] :] = (0, 0, 4)  # magma's first
    Image.fromarray(rgb).save(out, pnginfo=text)
    after = to_levels(out)
    np.testing.assert_array_equal(after.levels[10:], before.levels[10:])
    np.testing.assert_allclose(after.levels[:10], 1e-4 * PLAN.power(Y, power=1).max(), rtol=1e-5)


def test_the_palette_of_our_pictures_is_their_colour_map() -> None:
    assert canvas.palette()[: 3 * canvas.N_COLOURS] == colours.palette("magma", canvas.N_COLOURS).tobytes()
    assert len(np.unique(colours.palette("magma", canvas.N_COLOURS), axis=0)) == canvas.N_COLOURS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, f"must be of version {VERSION}, got version 2"),
        ({"version": None}, "must be of version 1, got version None"),
        ({"peak": None}, "peak must be a real number, got None"),
        ({"peak": -1}, "peak must be at least 0, got -1"),
        ({"range_db": 0}, "range_db must be above 0, got 0"),
        ({"rows": 10_000}, "must lie in"),
        ({"rows": 100}, "has 100 rows, but there are 129 bins of n_fft"),
        ({"rows": 130}, "130 rows of 1 must hold 129"),
        ({"n_frames": 7}, "columns of 1 frames must hold n_frames, got 7"),
        ({"cell_width": 0}, "cell_width must be at least 1, got 0"),
        ({"n_colours": 1}, "n_colours must be at least 2, got 1"),
        ({"levels": []}, "levels must be a dictionary"),
        ({"levels": {"sr": 8000}}, "its metadata lack n_fft"),
        ({"levels": None}, "is a figure whose pixels are not levels"),
        ({"width": 1}, "must lie in 1 ×"),
        ({"height": 5000}, "must be 1495 × 5000 pixels, as it was drawn, got 1495 × 651"),
        ({"colormap": "magmar"}, "such as magma"),
        ({"colormap": "Greens"}, "its colours must be those of its colormap='Greens'"),
    ],
)
def test_metadata_that_do_not_fit_are_named(speech: Path, change: dict[str, object], words: str) -> None:
    out, text = speech.with_suffix(".png"), PngInfo()
    files.spectrogram(speech, out, PLAN)
    text.add_text(KEY, json.dumps(legend_of(out) | change))
    Image.fromarray(imread(out)).save(out, pnginfo=text)
    with pytest.raises((ValueError, TypeError), match=words):
        to_levels(out)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "[" * 100_000, '{"version": 1, "levels": {}}'])
def test_text_that_is_no_legend_is_named(tmp_path: Path, text: str) -> None:
    info = PngInfo()
    info.add_text(KEY, text)
    with pytest.raises(ValueError, match=r'x\.png: its metadata ("fastspec" are not readable|lack width)'):
        to_levels(saved(tmp_path / "x.png", V, pnginfo=info))


def test_figures_that_hold_no_levels_say_so(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spectrogram", str(speech), str(speech.with_suffix(".png")), "--notebook"]) == 0
    assert main(["invert", str(speech.with_suffix(".png")), str(speech.with_name("y.wav"))]) == 2
    assert "x.png: is a figure whose pixels are not levels" in capsys.readouterr().err
    assert not speech.with_name("y.wav").exists()


# ---- levels ----
@pytest.mark.parametrize("range_db", [None, 40.0, 96.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_grey_is_decibels(tmp_path: Path, range_db: float | None, bits: int) -> None:
    values = V if bits == 8 else np.random.default_rng(1).integers(0, 1 << 16, V.shape).astype(np.uint16)
    p = to_levels(saved(tmp_path / "x.png", values), sr=RATE, range_db=range_db)
    expected = levels_of(values / (2**bits - 1), range_db or 80.0)
    np.testing.assert_allclose(p.S, expected, rtol=2e-5)
    assert (p.plan.n_fft, p.plan.hop_length, p.sr, p.length, p.colormap) == (256, 64, RATE, 39 * 64, "gray")


def test_a_white_row_is_a_tone_of_amplitude_1() -> None:
    v = np.zeros((129, 100))
    v[128 - 16] = 1
    p = to_levels(v, sr=RATE)
    tone = np.sin(2 * np.pi * 1000 / RATE * np.arange(p.length))
    S = PLAN.power(np.float32(tone), power=1)
    np.testing.assert_allclose(p.S[16, 5:-5], S[16, 5:-5], rtol=1e-5)


KINDS: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "grey": Image.fromarray,
    "grey and alpha": lambda v: Image.fromarray(v).convert("LA"),
    "RGB": lambda v: Image.fromarray(v).convert("RGB"),
    "RGBA": lambda v: Image.fromarray(v).convert("RGBA"),
    "palette": lambda v: Image.fromarray(v).convert("P"),
    "16 bits": lambda v: Image.fromarray(v.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colormap", [None, "gray", "gray_r", "binary"])
def test_grey_may_be_stored_in_any_way(tmp_path: Path, kind: str, suffix: str, colormap: str | None) -> None:
    path = tmp_path / f"x{suffix}"
    KINDS[kind](V).save(path)
    v = V / 255 if colormap in (None, "gray") else 1 - V / 255
    np.testing.assert_allclose(to_levels(path, sr=RATE, colormap=colormap).S, levels_of(v), rtol=2e-5)


def test_a_palette_in_any_order_and_a_picture_of_two_colours(tmp_path: Path) -> None:
    image = Image.fromarray(V).convert("P")
    image.putpalette([255 - i // 3 for i in range(768)])
    image.save(tmp_path / "x.gif")
    np.testing.assert_allclose(to_levels(tmp_path / "x.gif", sr=RATE).S, levels_of(1 - V / 255), rtol=2e-5)
    Image.fromarray(V > 99).save(tmp_path / "x.png")
    np.testing.assert_allclose(to_levels(tmp_path / "x.png", sr=RATE).S, levels_of(1.0 * (V > 99)), rtol=2e-5)


def test_images_and_arrays_are_pictures_too() -> None:
    expected = to_levels(V, sr=RATE).S
    rgb = np.repeat(V[..., None], 3, axis=2)
    for source in (Image.fromarray(V), rgb, rgb / 255, V.astype(np.uint16) * 257, np.float32(V) / np.float32(255)):
        before = np.array(source)
        np.testing.assert_allclose(to_levels(source, sr=RATE).S, expected, rtol=1e-3)
        np.testing.assert_array_equal(np.asarray(source), before)


def test_what_is_transparent_is_silent(tmp_path: Path) -> None:
    for name in ("gray", "viridis"):
        rgba = matplotlib.colormaps[name](V, bytes=True)
        rgba[:50, :, 3] = 0
        S = to_levels(saved(tmp_path / "x.png", rgba), sr=RATE).S
        assert not S[::-1][:50].any()
        np.testing.assert_allclose(S[::-1][50:], levels_of(V / 255)[::-1][50:], rtol=0.05)
    rgba[3, 4, 3] = 100
    with pytest.raises(ValueError, match="must be opaque, got pixels that are partly transparent"):
        to_levels(saved(tmp_path / "x.png", rgba))


# ---- colours ----
MAPS = ["viridis", "magma", "inferno", "plasma", "cividis", "turbo", "jet", "hot", "coolwarm", "Blues", "cubehelix"]


@pytest.mark.parametrize("name", MAPS)
def test_colours_are_read_through_the_map_that_they_are_nearest_to(tmp_path: Path, name: str) -> None:
    v = np.random.default_rng(2).uniform(0.02, 0.98, V.shape)
    shared = np.unique(colours.table(name), axis=0, return_counts=True)[1].max()  # neighbours of one colour in 8 bits
    rtol = 1.0001 * 10 ** (shared / 255 * 80 / 20) - 1  # matplotlib draws 0 to 1 in 256 steps, of which v is an end
    path = saved(tmp_path / "x.png", matplotlib.colormaps[name](v, bytes=True)[..., :3])
    for colormap in (None, name):
        p = to_levels(path, sr=RATE, colormap=colormap)
        assert p.colormap == name
        np.testing.assert_allclose(p.S, levels_of(v), rtol=rtol)
    reverse = to_levels(path, sr=RATE, colormap=f"{name}_r").S
    np.testing.assert_allclose(reverse, levels_of(1 - v), rtol=rtol)


@pytest.mark.parametrize("name", ["viridis", "magma", "inferno", "gray", "Greys"])
def test_colours_survive_jpeg(tmp_path: Path, name: str) -> None:
    y, x = np.mgrid[:129, :200]
    v = 0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 13)  # smooth, as pictures are that are larger than their spectrogram
    rgb = matplotlib.colormaps[name](v, bytes=True)[..., :3]
    Image.fromarray(rgb).save(tmp_path / "x.jpg", quality=90)
    p = to_levels(tmp_path / "x.jpg", sr=RATE, colormap="Greys" if name == "Greys" else None)
    assert p.colormap == name
    error = 20 * np.log10(p.S / levels_of(v))
    assert np.sqrt(np.mean(error**2)) < 1


def test_noise_and_photographs_are_no_spectrograms(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    f = np.hypot(np.fft.fftfreq(300)[:, None], np.fft.rfftfreq(400))
    f[0, 0] = 1
    shape = (3, *f.shape)
    pink = np.fft.irfft2((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / f, (300, 400))
    photo = np.clip(128 + 50 * pink / pink.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    for values in (rng.integers(0, 256, (90, 80, 3)).astype(np.uint8), photo):
        path = saved(tmp_path / "x.png", values)
        with pytest.raises(
            ValueError, match=r"x\.png: its colours are near those of no colour map: \w+ is the nearest"
        ):
            to_levels(path)
        with pytest.raises(ValueError, match=r"must be near those of colormap='viridis', got \d+ of 255 away"):
            to_levels(path, colormap="viridis")


def test_maps_that_are_looked_at_have_one_position_for_a_colour() -> None:
    names = colours._invertible()
    assert set(MAPS) <= set(names)
    assert not {"hsv", "twilight", "flag", "prism", "tab10", "gray", "Greys", "viridis_r"} & set(names)
    for name in names:
        table = colours.table(name)
        v, distance = colours.positions(table, table)
        assert distance == 0
        assert np.abs(v - np.linspace(0, 1, len(table))).max() < 0.06, name


# ---- frequencies and times ----
def drawn(axis: str, f: float, start: float, end: float, seconds: float) -> np.ndarray:
    """A picture of a tone, drawn from its spectrogram: dB as grey, in 8 bits, the top row first."""
    n, t = STFT(2048, hop_length=128), np.arange(round(seconds * RATE)) / RATE
    y = np.float32(np.sin(2 * np.pi * f * t) * ((t >= start) & (t < end)))
    S = n.power(y, power=1)
    if axis == "mel":
        S = n.mel(y, MelBank(RATE, 2048, 96, fmin=50, fmax=7000), power=1)
    elif axis == "log":
        S = S[np.rint(np.geomspace(50, 7000, 900) * 2048 / RATE).astype(int)]
    elif axis == "linear":
        S = S[np.rint(np.linspace(50, 7000, 400) * 2048 / RATE).astype(int)]
    v = np.clip(20 * np.log10(S / S.max() + 1e-9) / 80 + 1, 0, 1)
    return np.rint(255 * v[::-1]).astype(np.uint8)


@pytest.mark.parametrize("axis", ["linear", "mel", "log"])
@pytest.mark.parametrize("colormap", ["gray", "gray_r", "viridis", "magma"])
@pytest.mark.parametrize("f", [440.0, 2500.0])
def test_a_tone_comes_back_at_its_frequency_and_time(tmp_path: Path, axis: str, colormap: str, f: float) -> None:
    path, wav = tmp_path / "x.png", tmp_path / "y.wav"
    v = drawn(axis, f, 0.5, 1.1, 2.0)
    Image.fromarray(matplotlib.colormaps[colormap](v, bytes=True)).save(path)
    options = ["--scale", axis, "--fmin", "50", "--fmax", "7000", "--duration", "2", "--sr", str(RATE), "-q"]
    options += ["--colormap", colormap] if colormap == "gray_r" else []
    assert main(["invert", str(path), str(wav), *options]) == 0
    y, rate = soundfile.read(wav, dtype="float32")
    assert (rate, len(y)) == (RATE, 2 * RATE)
    plan = STFT(1024, hop_length=256)
    S = plan.power(y)
    assert abs(S.sum(axis=1).argmax() - f * 1024 / RATE) <= 1
    energy = S[S.sum(axis=1).argmax()]
    is_on = plan.times(S.shape[1], RATE)[energy > energy.max() / 4]
    assert is_on[0] == pytest.approx(0.5, abs=256 / RATE)
    assert is_on[-1] == pytest.approx(1.1, abs=256 / RATE)


@pytest.mark.parametrize("scale", sampling.SCALES)
def test_rows_lie_on_their_scale(scale: str) -> None:
    axis, n = sampling.Axis(scale, 100.0, 6000.0), 30
    centres = {
        "linear": np.linspace(100, 6000, n),
        "log": np.geomspace(100, 6000, n),
        "mel": mel_frequencies(n + 2, 100, 6000)[1:-1],
    }[scale]
    np.testing.assert_allclose(axis.rows_of(centres, n), np.arange(n), atol=1e-9)
    assert hz_to_mel(1000.0, True) == pytest.approx(1000, abs=0.1)
    htk = sampling.Axis("mel", 100.0, 6000.0, True)
    np.testing.assert_allclose(htk.rows_of(mel_frequencies(n + 2, 100, 6000, True)[1:-1], n), np.arange(n), atol=1e-9)


@pytest.mark.parametrize("scale", sampling.SCALES)
@pytest.mark.parametrize("n_rows", [2, 17, 129, 900])
def test_bins_are_means_of_the_rows_around_them(scale: str, n_rows: int) -> None:
    axis = sampling.Axis(scale, 100.0, 6000.0)
    matrix = sampling.bins_from_rows(axis, n_rows, PLAN, RATE).toarray()
    rows = axis.rows_of(PLAN.frequencies(RATE), n_rows)
    reach = np.maximum(1, np.gradient(rows))
    for k, weights in enumerate(matrix):
        expected = np.zeros(n_rows)
        if -0.5 <= rows[k] <= n_rows - 0.5:
            at = min(max(rows[k], 0), n_rows - 1)
            expected = np.array([max(0, 1 - abs(r - at) / reach[k]) for r in range(n_rows)])
            expected /= expected.sum()
        np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_rows_that_are_bins_and_columns_that_are_frames_stay() -> None:
    matrix = sampling.bins_from_rows(sampling.Axis("linear", 0.0, RATE / 2), 129, PLAN, RATE)
    np.testing.assert_allclose(matrix.toarray(), np.eye(129), atol=1e-5)
    seconds = 41 * 64 / RATE
    frames = sampling.frames_from_columns(41, 42, seconds, PLAN, RATE).toarray()
    np.testing.assert_allclose(frames.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(frames[1, :2], 0.5, rtol=1e-6)  # frame 1 is centred between columns 0 and 1
    assert frames[0, 0] == frames[-1, -1] == 1


def test_the_band_of_a_picture_is_all_that_sounds() -> None:
    S = to_levels(np.ones((40, 10)), sr=RATE, fmin=1000, fmax=3000, n_fft=1600).S
    hz = np.arange(801) * 10.0
    half_row = 2000 / 39 / 2
    np.testing.assert_array_equal(S.any(axis=1), (hz >= 1000 - half_row) & (hz <= 3000 + half_row))
    one = to_levels(np.ones((1, 10)), sr=RATE, fmin=1000, fmax=3000, n_fft=1600).S
    np.testing.assert_array_equal(one.any(axis=1), (hz >= 1000) & (hz <= 3000))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_the_smallest_pictures_sound(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = saved(tmp_path / "x.png", np.full(shape, 255, np.uint8))
    p = to_levels(path, sr=RATE, duration=0.25)
    assert p.S.shape == (p.plan.n_bins, p.plan.n_frames(4000))
    np.testing.assert_allclose(p.S, p.plan.window.sum() / 2, rtol=1e-5)
    assert files.invert(p, tmp_path / "y.wav", n_iter=2).samples == 4000
    assert to_levels(path).S.shape[1] == shape[1]


def test_a_black_picture_is_silent(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", np.zeros((65, 30), np.uint8))
    assert not to_levels(path).S.any()
    files.invert(path, tmp_path / "y.wav")
    assert not soundfile.read(tmp_path / "y.wav")[0].any()
    dark = saved(tmp_path / "dark.png", np.tile(np.uint8([68, 1, 84]), (65, 30, 1)))  # viridis' first
    p = to_levels(dark)
    assert p.colormap == "viridis"
    assert not p.S.any()


# ---- plans ----
def test_the_plan_fits_the_picture() -> None:
    assert to_levels(np.ones((513, 3))).plan.n_fft == 1024
    assert to_levels(np.ones((513, 3)), scale="mel").plan.n_fft == 1024  # nearest to 46 ms at 22050 Hz
    assert to_levels(np.ones((500, 3)), sr=48000).plan.n_fft == 2048
    assert to_levels(np.ones((65, 3)), fmax=5000).plan.n_fft == 1024
    p = to_levels(np.ones((500, 3)), n_fft=600, hop_length=77)
    assert (p.plan.n_fft, p.plan.hop_length, p.length) == (600, 77, 154)
    own = STFT(300, hop_length=50, center=False, dtype="float64")
    p = to_levels(np.ones((500, 3)), plan=own, duration=0.1)
    assert p.plan is own
    assert p.S.dtype == np.float64
    assert p.S.shape == (151, own.n_frames(2205))
    assert p.length == 2205


def test_files_take_the_plan_and_the_rate(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", V)
    done = files.invert(path, tmp_path / "y.wav", STFT(512, hop_length=128), sr=8000, n_iter=2)
    assert (done.sr, done.frames, done.samples) == (8000, 40, 39 * 128)
    with pytest.raises(ValueError, match=r"bank must be None for a picture"):
        files.invert(path, tmp_path / "y.wav", bank=MelBank(22050, 256, 20))
    with pytest.raises(ValueError, match=r"log must be None for a picture, got 'db'"):
        files.invert(path, tmp_path / "y.wav", log="db")
    with pytest.raises(ValueError, match="sr must be None for a picture, got 8000"):
        files.invert(to_levels(path), tmp_path / "y.wav", sr=8000)


# ---- errors ----
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"range_db": 0}, "range_db must be above 0 and at most 600, got 0"),
        ({"range_db": np.nan}, "range_db must be finite, got nan"),
        ({"range_db": 1000}, "range_db must be above 0 and at most 600, got 1000"),
        ({"scale": "bark"}, "scale must be 'linear', 'mel' or 'log', got 'bark'"),
        ({"scale": "log"}, r"fmin must be above 0 on a logarithmic scale, got 0\.0"),
        ({"fmin": 500, "fmax": 400}, "fmin and fmax must be 0 <= fmin < fmax, got 500 and 400"),
        ({"fmin": -1}, "fmin and fmax must be 0 <= fmin < fmax, got -1"),
        ({"fmax": 12000}, "fmax must be at most sr / 2 = 11025, got 12000"),
        ({"duration": 0}, "duration must be at least"),
        ({"duration": "long"}, "duration must be a real number, got 'long'"),
        ({"sr": 0}, "sr must be at least 1, got 0"),
        ({"n_fft": 1}, "n_fft must be at least 2, got 1"),
        ({"plan": 1024}, "plan must be a fastspec.STFT, got 1024"),
        ({"plan": PLAN, "n_fft": 256}, "n_fft must be left out with plan, got 256"),
        ({"plan": STFT(4096, center=False), "duration": 0.1}, "duration must be at least 0.185"),
        ({"colormap": "virids"}, "such as viridis, .*got 'virids'"),
        ({"colormap": 7}, "colormap must be the name of a map of matplotlib, got 7"),
        ({"colormap": "hsv"}, "colormap must be one whose colours tell the level, got 'hsv'"),
        ({"colormap": "magma"}, "its colours must be near those of colormap='magma'"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        to_levels(V, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 4, 5)), r"must have shape \(rows, columns\) or \(rows, columns, 3 or 4\), got \(3, 4, 5\)"),
        (np.zeros((0, 4)), r"got \(0, 4\)"),
        (np.full((3, 4), 1.5), r"must be from 0 to 1, got values from 1\.5 to 1\.5"),
        (np.full((3, 4), np.nan), "must be finite"),
        (np.zeros((3, 4), np.int32), "must be of dtype uint8, uint16 or floating point, got int32"),
        (np.zeros((3, 4, 3), np.uint16), "must be of dtype uint8 or floating point, got uint16"),
        ([[1, 2], [3]], "picture must be an array"),
    ],
)
def test_arrays_that_are_no_pictures_are_named(values: object, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        to_levels(values)  # type: ignore[arg-type]


def test_files_that_are_no_pictures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)).save(whole, "png")
    for content, words in (
        (b"", "is no picture of a format that Pillow reads"),
        (b"RIFF and not a picture", "is no picture of a format that Pillow reads"),
        (whole.getvalue()[:20_000], "not a readable picture"),
        (whole.getvalue()[:30], "not a readable picture|is no picture"),
    ):
        (tmp_path / "x.png").write_bytes(content)
        with pytest.raises(ValueError, match=rf"x\.png: ({words})"):
            to_levels(tmp_path / "x.png")
        with pytest.raises(ValueError, match=words):
            files.invert(tmp_path / "x.png", tmp_path / "y.wav")
    with pytest.raises(FileNotFoundError):
        to_levels(tmp_path / "absent.png")
    Image.fromarray(np.zeros((3, 4), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(ValueError, match="must have pixels of 8 or 16 bits, got those of Pillow's mode F"):
        to_levels(tmp_path / "x.tif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (tmp_path / "x.png").write_bytes(whole.getvalue())
    with pytest.raises(ValueError, match=r"x\.png: Image size \(90000 pixels\) exceeds limit"):
        to_levels(tmp_path / "x.png")
    assert not (tmp_path / "y.wav").exists()


def test_pillow_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "x.png", V)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r'a picture needs PIL, .*pip install "fastspec\[plot\]"'):
        to_levels(path)


def test_usage_is_explained(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, any_picture, wav = speech.with_suffix(".png"), saved(speech.with_name("v.png"), V), speech.with_name("y.wav")
    npz = speech.with_suffix(".npz")
    files.spectrogram(speech, own, PLAN)
    files.spectrogram(speech, npz, PLAN)
    for source, options, words in (
        (own, ["--scale", "mel"], "carries scale and all else in its metadata, so scale must be left out, got 'mel'"),
        (own, ["--n-fft", "512"], "n_fft must be left out, got 512"),
        (own, ["--hop", "32"], "hop_length must be left out, got 32"),
        (own, ["--sr", "8000"], "sr must be left out, got 8000"),
        (own, ["--colormap", "magma"], "colormap must be left out, got 'magma'"),
        (own, ["--duration", "3"], "duration must be left out, got 3.0"),
        (any_picture, ["--rate", "8000"], "--rate has no effect on v.png, a picture, and must be left out"),
        (any_picture, ["--mel"], "--mel has no effect on v.png, a picture"),
        (any_picture, ["--power", "2"], "--power has no effect on v.png, a picture"),
        (any_picture, ["--log", "db"], "--log has no effect on v.png, a picture"),
        (any_picture, ["--no-center"], "--center/--no-center has no effect on v.png, a picture"),
        (any_picture, ["--threshold", "3"], "--threshold has no effect on v.png, a picture"),
        (any_picture, ["--method", "notebook"], "--method notebook is not for pictures"),
        (any_picture, ["--method", "magic"], "magic"),
        (any_picture, ["--scale", "bark"], "bark"),
        (any_picture, ["--subtype", "MAGIC"], "MAGIC"),
        (npz, ["--range-db", "60"], "--range-db has no effect on x.npz, whose metadata"),
        (speech, ["--scale", "mel"], "--scale has no effect on a sound file"),
        (speech, ["--colormap", "magma"], "--colormap has no effect on a sound file"),
        (speech, ["--duration", "1"], "--duration has no effect on a sound file"),
    ):
        assert main(["invert", str(source), str(wav), *options]) in (1, 2)
        output, error = capsys.readouterr()
        assert output == ""
        assert error.count("\n") == 1
        assert words in error
    assert not wav.exists()


def test_the_summary_and_the_bar_are_those_of_other_levels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "x.png", V)
    assert main(["invert", str(path), str(tmp_path / "y.wav"), "--sr", "16000", "--n-iter", "2"]) == 0
    out, bar = capsys.readouterr()
    assert "y.wav: 0.16 s at 16000 Hz" in out
    assert "spectral convergence" in out
    assert "100%" in bar


def test_names_of_pictures() -> None:
    assert pixels.is_picture("a.PNG")
    assert pixels.is_picture(Path("b.jpeg"))
    assert not pixels.is_picture("a.npz")
    assert not pixels.is_picture(V)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("seconds", [1, 10, 14, 25, 28, 50])
def test_by_default_25_seconds_have_a_pixel_for_each_frame(tmp_path: Path, rate: int, seconds: int) -> None:
    """A hop of n_fft / 16 only where its frames fit."""
    size = 2 * rate * seconds
    with (tmp_path / "x.wav").open("wb") as file:  # sparse
        file.write(riff.pack_header("i2", rate, 1, size))
        file.truncate(file.tell() + size)
    with files.open_sound(tmp_path / "x.wav") as sound:
        plan = plan_for_sound(sound, FrameOptions(None, None), is_picture=True)
    fits = plan.n_frames(rate * seconds) <= drawing.max_columns(plan.n_bins)
    assert fits or seconds > 25
    finer = STFT(plan.n_fft, hop_length=plan.n_fft // 16).n_frames(rate * seconds)
    assert (plan.hop_length == plan.n_fft // 16) == (finer <= min(9600, drawing.max_columns(plan.n_bins)))


@pytest.mark.parametrize("colormap", [None, "viridis"])
def test_a_picture_that_is_all_transparent_is_refused(colormap: str | None) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., 0] = 255
    with pytest.raises(ValueError, match="must have pixels that are not transparent, got 64 that are"):
        to_levels(clear, sr=8000, n_fft=64, hop_length=16, duration=1, colormap=colormap)
