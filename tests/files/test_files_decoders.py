"""MP3 files without their length, and the formats of ffmpeg: every sample comes in, and a line says who decoded it."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from fastspec import STFT, MelBank, files
from fastspec.__main__ import main
from fastspec.files import audio, mpeg, riff

RATE = 22_050
FRAME = 576  # samples of an MPEG frame below 32 kHz
DELAY = 1105  # samples that LAME's encoder and mpg123's decoder put before the first one
RNG = np.random.default_rng(11)
LOUD = RNG.uniform(-0.5, 0.5, 4 * RATE)
TONE = 0.5 * np.sin(2 * np.pi * 440 / RATE * np.arange(4 * RATE))
FADING = np.concatenate([LOUD, TONE])  # of a variable bit rate: high, then low
RISING = np.concatenate([TONE, LOUD])
ID3 = b"ID3\x04\0\0" + bytes([0, 0, 3, 16]) + bytes(400)


def mp3(path: Path, y: np.ndarray, mode: str = "CONSTANT") -> Path:
    """An MP3 file whose first frame says how many there are."""
    with soundfile.SoundFile(path, "w", RATE, 1, bitrate_mode=mode, compression_level=0.5) as file:
        file.write(y)
    return path


def frame_sizes(data: bytes) -> list[int]:
    """Bytes of each MPEG frame of layer III and version 2 (ISO/IEC 13818-3, 2.4.2.3)."""
    kbits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    sizes, at = [], 0
    while at < len(data):
        assert data[at : at + 2] == b"\xff\xf3"
        sizes.append(72 * 1000 * kbits[data[at + 2] >> 4] // RATE + (data[at + 2] >> 1 & 1))
        at += sizes[-1]
    return sizes


def without_length(path: Path, before: bytes = b"") -> tuple[Path, int]:
    """(the file without its first frame, samples in the others), `before` them."""
    data = path.read_bytes()
    sizes = frame_sizes(data)
    path.write_bytes(before + data[sizes[0] :])
    return path, FRAME * (len(sizes) - 1)


@pytest.mark.parametrize("before", [b"", ID3, ID3 * 3])
@pytest.mark.parametrize(
    ("y", "tone", "mode"),
    [(TONE, 0, "CONSTANT"), (FADING, len(LOUD), "VARIABLE"), (RISING, 0, "VARIABLE")],
)
def test_mp3_without_its_length_is_decoded_to_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, y: np.ndarray, tone: int, mode: str, before: bytes
) -> None:
    """Also behind what the bit rate of the first frame promises; `tone` is where the tone starts."""
    path, total = without_length(mp3(tmp_path / "x.mp3", y, mode), before)
    estimate = soundfile.info(path).frames
    assert estimate != total
    with caplog.at_level(logging.INFO, "fastspec"), files.open_sound(path, dtype="float64") as sound:
        assert (sound.total, sound.is_estimate) == (estimate, True)
        decoded = np.concatenate([block.copy() for block in sound.blocks(10_000)])
        assert (sound.total, sound.is_estimate) == (total, False)
    assert len(decoded) == total
    middle = slice(tone + 2000, tone + len(TONE) - 2000)
    np.testing.assert_allclose(decoded[DELAY:][middle], y[middle], atol=0.03)  # one sample further it would be 0.06
    said = [record.getMessage() for record in caplog.records]
    far = abs(estimate - total) > estimate / 100
    assert said == [f"{path}: {total} samples decoded, of {estimate} estimated from its bit rate"] * far
    assert far or mode == "CONSTANT"


def test_mp3_with_its_length_is_read_as_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = mp3(tmp_path / "x.mp3", FADING, "VARIABLE")
    path.write_bytes(ID3 + path.read_bytes())
    with files.open_sound(path) as sound:
        assert (sound.total, sound.is_estimate) == (len(FADING), False)
    np.testing.assert_allclose(audio.read(path)[0], soundfile.read(path)[0], atol=1e-6)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=rf"truncated: its header declares {len(FADING)} samples, the file holds \d+"):
        audio.read(path)
    assert not caplog.records


@pytest.mark.parametrize("kind", ["npy", "npz", "png"])
def test_mp3_without_its_length_becomes_levels_of_all_frames(tmp_path: Path, kind: str) -> None:
    path, total = without_length(mp3(tmp_path / "x.mp3", FADING, "VARIABLE"))
    plan, reports = STFT(1024, hop_length=256), []
    out = tmp_path / f"m.{kind}"
    done = files.mel(path, out, plan, MelBank(RATE, 1024, 80), progress=lambda *at: reports.append(at))
    assert (done.samples, done.frames, reports[-1]) == (total, plan.n_frames(total), (total, total))
    if kind != "png":
        M = np.load(out) if kind == "npy" else np.load(out)["M"]
        assert M.shape == (80, done.frames)


def test_mp3_without_its_length_is_resampled_read_in_part_and_from_standard_input(tmp_path: Path) -> None:
    path, total = without_length(mp3(tmp_path / "x.mp3", TONE), ID3)
    y, rate = audio.read(path, seconds=0.5)
    assert (len(y), rate) == (RATE // 2, RATE)
    assert not [t for t in threading.enumerate() if t.name.startswith("fastspec ")]
    with files.open_sound(path, sr=RATE // 2) as sound:
        assert sum(block.size for block in sound.blocks()) == total // 2
    with path.open("rb") as file:
        command = [sys.executable, "-m", "fastspec", "mel", "-", str(tmp_path / "m.npy")]
        ran = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert np.load(tmp_path / "m.npy").shape == (80, 1 + total // 256)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"Xing\0\0\0\x0f", True),
        (b"Info\0\0\0\x01", True),
        (b"Info\0\0\0\x0e", False),  # the other entries, but not the number of frames
        (b"VBRI\0\1", True),
        (b"LAME", False),
        (b"Info\0", False),
        (b"", False),
    ],
)
def test_the_first_frame_says_how_many_there_are(tmp_path: Path, first: bytes, expected: bool) -> None:
    for tags in (b"", ID3, ID3 + ID3):
        (tmp_path / "x").write_bytes(tags + b"\xff\xf3\x80\xc0" + bytes(9) + first)
        with (tmp_path / "x").open("rb") as file:
            assert mpeg.first_frame(file) == len(tags)
            assert mpeg.declares_length(file) == expected


# ---- ffmpeg ----
ENCODED = b"\0\0\0\x20ftypM4A not a format of libsndfile" * 9
STAND_IN = """#!{python}
import os, sys, time
path = {path!r}
expected = ["-v", "error", "-i", "file:" + path, "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "-"]
if sys.argv[1:] != expected:
    sys.exit("arguments: " + str(sys.argv[1:]))
if path == "/dev/stdin":
    assert sys.stdin.buffer.read() == {encoded!r}
with open({pid!r}, "w") as file:
    file.write(str(os.getpid()))
with open({wav!r}, "rb") as file:
    sys.stdout.buffer.write(file.read())
sys.stdout.buffer.flush()
time.sleep({pause})
print("[aac @ 0x1] first\\n{text}", file=sys.stderr) if {text!r} else None
sys.exit({code})
"""


def stand_in(folder: Path, path: object, *, text: str = "", code: int = 0, pause: float = 0, data: bytes = b"") -> Path:
    """A program called ffmpeg that decodes to the samples `DECODED`, or to `data`."""
    (folder / "bin").mkdir(exist_ok=True)
    header = riff.pack_header("f4", RATE, 2, None)
    (folder / "bin" / "decoded").write_bytes(data or header + DECODED.tobytes())
    program = folder / "bin" / "ffmpeg"
    words = {"python": sys.executable, "path": str(path), "wav": str(folder / "bin" / "decoded"), "encoded": ENCODED}
    words |= {"pid": str(folder / "bin" / "pid"), "pause": pause, "text": text, "code": code}
    program.write_text(STAND_IN.format(**words))
    program.chmod(0o755)
    return program.parent


DECODED = RNG.uniform(-1, 1, (30_000, 2)).astype("<f4")


@pytest.fixture
def m4a(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that libsndfile does not open, where no ffmpeg is installed."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "x.m4a").write_bytes(ENCODED)
    return tmp_path / "x.m4a"


def test_other_formats_are_decoded_by_ffmpeg(m4a: Path, caplog: pytest.LogCaptureFixture) -> None:
    stand_in(m4a.parent, m4a)
    with caplog.at_level(logging.INFO, "fastspec"), files.open_sound(m4a, mono=False) as sound:
        assert (sound.name, sound.rate, sound.channels, sound.total) == (str(m4a), RATE, 2, None)
        np.testing.assert_array_equal(np.concatenate([b.copy() for b in sound.blocks(999)], axis=1), DECODED.T)
    assert [record.getMessage() for record in caplog.records] == [f"{m4a}: decoded by ffmpeg"]
    y, rate = audio.read(m4a)
    np.testing.assert_array_equal(y, DECODED.astype(float).mean(axis=1))
    assert rate == RATE


def test_the_command_says_who_decodes(m4a: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = m4a.with_suffix(".npy")
    stand_in(m4a.parent, m4a)
    assert main(["spectrogram", str(m4a), str(out), "--n-fft", "512"]) == 0
    assert f"fastspec: {m4a}: decoded by ffmpeg" in capsys.readouterr().err.splitlines()
    np.testing.assert_array_equal(np.load(out), STFT(512).power(DECODED.mean(axis=1), power=1))
    assert main(["spectrogram", str(m4a), str(out), "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    level = logging.getLogger("fastspec").level
    assert (level, logging.getLogger("fastspec").handlers) == (logging.NOTSET, [])


def test_standard_input_that_is_a_file_is_decoded_too(m4a: Path) -> None:
    stand_in(m4a.parent, "/dev/stdin")
    with m4a.open("rb") as file:
        command = [sys.executable, "-m", "fastspec", "resynth", "-", str(m4a.with_suffix(".wav")), "--n-iter", "0"]
        ran = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "fastspec: standard input: decoded by ffmpeg" in ran.stderr.splitlines()
    assert soundfile.info(m4a.with_suffix(".wav")).frames == len(DECODED)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"data": b"R", "code": 1, "text": "no audio"}, r"not a readable sound file \(.+; ffmpeg: no audio\)"),
        ({"data": b"R"}, r"not a readable sound file \(.+; ffmpeg: no sound\)"),
        ({"data": b"RIFF\4\0\0\0WAVE"}, r"not a readable sound file \(.+; ffmpeg: no sound\)"),
        ({"code": 1, "text": "disk  error"}, r"ffmpeg could not decode it to its end \(disk error\)"),
        ({"code": 7}, r"ffmpeg could not decode it to its end \(code 7\)"),
    ],
)
def test_an_error_of_ffmpeg_is_ours(m4a: Path, keywords: dict, words: str) -> None:
    stand_in(m4a.parent, m4a, **keywords)
    with pytest.raises(ValueError, match=rf"x\.m4a: {words}"):
        files.mel(m4a, m4a.with_suffix(".npy"))
    assert sorted(path.name for path in m4a.parent.iterdir()) == ["bin", "x.m4a"]


def test_a_warning_of_ffmpeg_is_ours(m4a: Path) -> None:
    stand_in(m4a.parent, m4a, text="File ended prematurely")
    with pytest.warns(UserWarning, match=r"x\.m4a: ffmpeg went on after an error \(File ended prematurely\)"):
        assert len(audio.read(m4a)[0]) == len(DECODED)


def test_ffmpeg_ends_when_it_is_not_needed_any_more(m4a: Path) -> None:
    stand_in(m4a.parent, m4a, pause=60)
    start = time.monotonic()
    assert len(audio.read(m4a, seconds=0.5)[0]) == RATE // 2
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((m4a.parent / "bin" / "pid").read_text()), 0)


@pytest.mark.parametrize(("name", "target"), [("x.m4a", "x.wav"), ("a b.webm", "a b.wav"), ("x.wav", "x.flac")])
def test_without_ffmpeg_the_command_is_named(
    m4a: Path, capsys: pytest.CaptureFixture[str], name: str, target: str
) -> None:
    path = m4a.rename(m4a.with_name(name))
    assert main(["mel", str(path), str(path.with_name("m.npy"))]) == 2
    out, error = capsys.readouterr()
    quote = "'" if " " in str(path) else ""
    command = f"ffmpeg -i {quote}{path}{quote} {quote}{path.with_name(target)}{quote}"
    assert error.startswith(f"fastspec: {path}: not a readable sound file (")
    assert error.endswith(f": ffmpeg, which is not installed, may decode it; where it is: {command}\n")
    assert (out, error.count("\n")) == ("", 1)


def test_ffmpeg_decodes_everything_where_soundfile_is_absent(m4a: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(m4a.parent, m4a)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert len(audio.read(m4a)[0]) == len(DECODED)
    stand_in(m4a.parent, m4a, data=b"R", code=1)
    with pytest.raises(ValueError, match=r"not a readable sound file \(reading \.m4a needs soundfile, .* no sound\)"):
        audio.read(m4a)


@pytest.fixture
def _real_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the system or, where it has none, of imageio-ffmpeg."""
    if shutil.which("ffmpeg") is None:
        (tmp_path / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("_real_ffmpeg")
@pytest.mark.parametrize("options", [["x.m4a"], ["x.webm"], ["x.mp4", "-c:a", "alac"]])
def test_real_files_are_decoded_by_the_real_ffmpeg(tmp_path: Path, options: list[str]) -> None:
    soundfile.write(tmp_path / "x.wav", np.stack([TONE, 0.5 * TONE], axis=1), RATE)
    name, *codec = options
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "x.wav"), *codec, str(tmp_path / name)]
    subprocess.run(command, check=True)
    y, rate = audio.read(tmp_path / name)
    seconds = len(y) / rate
    assert seconds == pytest.approx(4, abs=0.1)
    t = np.arange(rate, 3 * rate) / rate
    waves = np.stack([np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)], axis=1)
    weights, misfit, *_ = np.linalg.lstsq(waves, y[rate : 3 * rate], rcond=None)
    assert np.hypot(*weights) == pytest.approx(0.375, rel=0.02)
    assert misfit[0] / len(t) < 1e-4
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
    with pytest.raises(ValueError, match=rf"{name}: not a readable sound file \(.*; ffmpeg: "):
        audio.read(tmp_path / name)
