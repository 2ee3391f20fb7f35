"""Sound files: every sample that is there comes in, none that is only promised, and nothing is left half-written."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from fastspec import atomic, extras
from fastspec.files import audio

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 / RATE * np.arange(RATE))


@pytest.fixture
def without_soundfile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.setenv("PATH", "")  # no ffmpeg either
    monkeypatch.setattr(extras, "version", lambda name: None)


def pcm(y: np.ndarray, dtype: type) -> np.ndarray:
    """`y` as integer PCM; unsigned 8-bit is centred on 128."""
    if dtype is np.uint8:
        return np.round(y * 127 + 128).astype(np.uint8)
    return np.round(y * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize(("dtype", "error"), [(np.uint8, 1 / 127), (np.int16, 1e-4), (np.int32, 1e-9)])
def test_integer_pcm_is_read_to_within_a_step_of_its_scale(tmp_path: Path, dtype: type, error: float) -> None:
    wavfile.write(tmp_path / "x.wav", RATE, pcm(TONE, dtype))
    y, rate = audio.read(tmp_path / "x.wav")
    assert rate == RATE
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, TONE, atol=error)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_samples_are_read_as_they_are(tmp_path: Path, dtype: type) -> None:
    wavfile.write(tmp_path / "x.wav", RATE, TONE.astype(dtype))
    np.testing.assert_array_equal(audio.read(tmp_path / "x.wav")[0], TONE.astype(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_scipy_reads_the_same_samples_where_soundfile_is_absent(
    tmp_path: Path, dtype: type, request: pytest.FixtureRequest
) -> None:
    stereo = np.stack([TONE, 0.5 * TONE[::-1]], axis=1)
    wavfile.write(tmp_path / "x.wav", RATE, stereo.astype(dtype) if dtype is np.float32 else pcm(stereo, dtype))
    expected = audio.read(tmp_path / "x.wav", seconds=0.3)
    request.getfixturevalue("without_soundfile")
    y, rate = audio.read(tmp_path / "x.wav", seconds=0.3)
    assert rate == expected[1]
    np.testing.assert_array_equal(y, expected[0])


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.stack([TONE, -0.5 * TONE, 0 * TONE], axis=1), RATE, subtype="DOUBLE")
    np.testing.assert_allclose(audio.read(tmp_path / "x.wav")[0], TONE / 6, atol=1e-16)


def test_only_the_first_seconds_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", TONE, RATE)
    y, _ = audio.read(tmp_path / "x.flac", seconds=0.25)
    assert len(y) == RATE // 4
    with pytest.raises(ValueError, match="seconds must be above 0, got 0"):
        audio.read(tmp_path / "x.flac", seconds=0)


def test_a_file_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    long = np.random.default_rng(1).uniform(-1, 1, 200_001)
    soundfile.write(tmp_path / "x.wav", long, RATE, subtype="DOUBLE")
    np.testing.assert_array_equal(audio.read(tmp_path / "x.wav")[0], long)


def test_one_sample_and_silence_are_sounds(tmp_path: Path) -> None:
    for y in (np.array([0.25]), np.zeros(100)):
        audio.write(tmp_path / "x.wav", y, RATE)
        np.testing.assert_allclose(audio.read(tmp_path / "x.wav")[0], y, atol=1 / 32767)


def test_no_samples_is_an_error(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "x.wav", RATE, np.empty(0, np.int16))
    with pytest.raises(ValueError, match=r"x\.wav: holds no samples"):
        audio.read(tmp_path / "x.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match=r"empty\.wav: the file is empty"):
        audio.read(tmp_path / "empty.wav")


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "nan"), (np.inf, "inf")])
def test_samples_that_are_not_finite_are_refused_by_index(tmp_path: Path, bad: float, word: str) -> None:
    y = TONE.astype(np.float32)
    y[[17, 99]] = bad
    wavfile.write(tmp_path / "x.wav", RATE, y)
    with pytest.raises(ValueError, match=rf"x\.wav: sample 17 is {word}; samples must be finite"):
        audio.read(tmp_path / "x.wav")


@pytest.mark.parametrize("promised", [101, 0xFFFFFFF0])
def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path: Path, promised: int) -> None:
    body = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16) + struct.pack("<4sI", b"data", promised)
    riff = struct.pack("<4sI4s", b"RIFF", 4 + len(body) + 100, b"WAVE")
    (tmp_path / "x.wav").write_bytes(riff + body + bytes(100))
    with pytest.raises(ValueError, match=rf"declares {promised} bytes of samples, the file holds 100"):
        audio.read(tmp_path / "x.wav")


def test_a_truncated_flac_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.flac", np.random.default_rng(2).uniform(-1, 1, 50_000), RATE)
    data = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"x\.flac"):
        audio.read(tmp_path / "x.flac")


def test_what_is_no_sound_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("not a sound")
    with pytest.raises(ValueError, match=r"x\.wav: not a readable sound file"):
        audio.read(tmp_path / "x.wav")
    (tmp_path / "y.wav").write_bytes(b"RIFF\x04\0\0\0WAVE")
    with pytest.raises(ValueError, match=r"y\.wav: a WAV file without a data chunk"):
        audio.read(tmp_path / "y.wav")
    with pytest.raises(FileNotFoundError):
        audio.read(tmp_path / "absent.wav")


@pytest.mark.usefixtures("without_soundfile")
def test_other_formats_without_soundfile_name_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "x.flac").write_bytes(b"fLaC")
    with pytest.raises(ImportError, match=r'reading \.flac needs soundfile.*pip install "fastspec\[audio\]"'):
        audio.read(tmp_path / "x.flac")
    with pytest.raises(ImportError, match=r'writing \.flac needs soundfile.*pip install "fastspec\[audio\]"'):
        audio.write(tmp_path / "y.flac", TONE, RATE)


def test_resampling_keeps_the_duration_and_the_pitch(tmp_path: Path) -> None:
    audio.write(tmp_path / "x.wav", TONE, RATE)
    y, rate = audio.read(tmp_path / "x.wav", rate=12_000)
    assert rate == 12_000
    assert len(y) == 12_000
    assert np.abs(np.fft.rfft(y)).argmax() == 440
    with pytest.raises(ValueError, match="at least 1 Hz, got 8000 and 0"):
        audio.resample(y, RATE, 0)


def test_level_makes_equally_loud_and_never_clips() -> None:
    quiet = TONE / 100
    np.testing.assert_allclose(audio.level(quiet, like=TONE), TONE)
    assert np.abs(audio.level(quiet)).max() == pytest.approx(audio.PEAK)
    click = np.zeros(1000)
    click[3] = 1e-6
    assert np.abs(audio.level(click, like=TONE)).max() == pytest.approx(audio.PEAK)
    np.testing.assert_array_equal(audio.level(np.zeros(9), like=TONE), np.zeros(9))


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_what_is_written_is_read_back_to_within_16_bits(tmp_path: Path, suffix: str) -> None:
    audio.write(tmp_path / f"x{suffix}", TONE, RATE)
    y, rate = audio.read(tmp_path / f"x{suffix}")
    assert rate == RATE
    np.testing.assert_allclose(y, TONE, atol=1 / 32767)


@pytest.mark.parametrize("y", [[0.0, 1.01], [np.nan, 0.0], [[0.0], [0.0]]])
def test_what_would_clip_or_is_no_sound_is_not_written(tmp_path: Path, y: list[float]) -> None:
    with pytest.raises(ValueError, match="y must be"):
        audio.write(tmp_path / "x.wav", y, RATE)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.xyz' is not the suffix of a sound format"):
        audio.write(tmp_path / "x.xyz", TONE, RATE)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("old")

    def interrupted() -> None:
        with atomic.replace_file(tmp_path / "x.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.txt", "old")]


def test_a_file_is_replaced_through_its_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    atomic.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_neither_a_device_nor_a_folder_is_replaced(tmp_path: Path) -> None:
    for path in (os.devnull, tmp_path):
        with pytest.raises(ValueError, match="not a regular file"):
            atomic.write_text(path, "")
    with pytest.raises(FileNotFoundError, match="absent: no such folder"):
        atomic.write_text(tmp_path / "absent" / "x.txt", "")
