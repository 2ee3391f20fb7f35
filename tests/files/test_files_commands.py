"""The commands for files of any length: pipes, signals, full disks, memory; no incomplete file is left."""

import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cases import speech_16k

from fastspec import STFT, MelBank, files
from fastspec.__main__ import main
from fastspec.files import pcm, riff

RATE = 16_000
COMMAND = [sys.executable, "-m", "fastspec"]
PLAN, BANK = STFT(1024, hop_length=256), MelBank(RATE, 1024, 80)
Y = pcm.encode(speech_16k(), "i2") / np.float32(32768)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "x.wav", pcm.encode(speech_16k(), "i2"), RATE)
    return tmp_path / "x.wav"


def samples(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def run(*arguments: object, data: bytes = b"", **options: object) -> "subprocess.CompletedProcess[bytes]":
    words = [str(argument) for argument in arguments]
    return subprocess.run([*COMMAND, *words], input=data, capture_output=True, check=False, **options)  # type: ignore[call-overload]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- results ----
FILTER_OPTIONS = ["--win-length=800", "--fmin=50", "--fmax=7000", "--htk", "--power=1", "--log=db", "--no-center"]
FILTER_PLAN = STFT(1024, hop_length=200, win_length=800, center=False)
FILTER_BANK = MelBank(RATE, 1024, 80, fmin=50, fmax=7000, htk=True)
WHISPER = ["--n-fft", 400, "--hop", 160, "--n-mels", 40, "--log", "whisper"]


@pytest.mark.parametrize(
    ("options", "plan", "bank", "keywords"),
    [
        ([], PLAN, BANK, {}),
        (WHISPER, STFT(400, hop_length=160), MelBank(RATE, 400, 40), {"log": "whisper"}),
        (FILTER_OPTIONS, FILTER_PLAN, FILTER_BANK, {"power": 1.0, "log": "db"}),
    ],
)
def test_mel_takes_its_options(
    speech: Path, capsys: pytest.CaptureFixture[str], options: list[object], plan: STFT, bank: MelBank, keywords: dict
) -> None:
    assert main(["mel", str(speech), str(speech.with_suffix(".npy")), *map(str, options)]) == 0
    expected = plan.mel(samples(speech), bank, **keywords)
    np.testing.assert_array_equal(np.load(speech.with_suffix(".npy")), expected)
    out, bar = capsys.readouterr()
    assert f"{expected.shape[1]} frames × {len(bank)} mel bands" in out
    assert "4.00 s at 16000 Hz" in out
    assert "100%" in bar
    assert "real time" in bar


def test_quiet_says_nothing(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["mel", ".npy"], ["spectrogram", ".npz"], ["resynth", ".flac"]):
        assert main([command[0], str(speech), str(speech.with_suffix(command[1])), "--quiet"]) == 0
    assert main(["invert", str(speech.with_suffix(".npz")), str(speech.with_suffix(".ogg")), "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_channels_and_another_rate(speech: Path) -> None:
    soundfile.write(speech, np.stack([Y, Y[::-1]], axis=1), RATE)
    out = speech.with_suffix(".npy")
    assert (
        main(["spectrogram", str(speech), str(out), "--all-channels", "--sr", "8000", "--log", "ln", "--power", "2"])
        == 0
    )
    assert np.load(out).shape == (2, 257, 251)


def test_from_sound_to_mels_to_sound(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The metadata are in .npz; for .npy they are options."""
    npz, npy, wav = (speech.with_name(f"m.{kind}") for kind in ("npz", "npy", "wav"))
    for name, options in ((npz, []), (npy, ["--rate", str(RATE), "--mel", "--n-fft", "1024", "--log", "db"])):
        assert main(["mel", str(speech), str(name), "--log", "db"]) == 0
        assert main(["invert", str(name), str(wav), *options]) == 0
        y = samples(wav)
        M, recovered = PLAN.mel(Y, BANK), PLAN.mel(y, BANK)
        assert abs(len(y) - len(Y)) < 256
        assert np.linalg.norm(recovered[:, :250] - M[:, :250]) < 0.5 * np.linalg.norm(M)
        assert capsys.readouterr().out.splitlines()[-1].endswith(" dB")


def test_an_attenuation_is_reported(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(speech.with_suffix(".npy"), 100 * PLAN.power(Y, power=1))
    assert main(["invert", str(speech.with_suffix(".npy")), str(speech), "--rate", str(RATE)]) == 0
    assert "dB to avoid clipping" in capsys.readouterr().out
    assert np.abs(samples(speech)).max() == pytest.approx(0.95, abs=1e-3)


def test_usage_is_explained(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = speech.with_suffix(".npy")
    for arguments, words in (
        (["mel", speech, out, "--log", "magic"], "magic"),
        (["mel", speech, out, "--raw"], "--raw needs --rate"),
        (["mel", speech, out, "--rate", 8000], "use --sr to resample"),
        (["mel", speech, out, "--raw", "--rate", 8000, "--dtype", "int8"], "int8"),
        (["mel", speech, speech.with_suffix(".wav")], "OUT must end in"),
        (["mel", speech.with_name("absent.wav"), out], "absent.wav does not exist"),
        (["mel", speech, speech.parent / "absent" / "m.npy"], "absent does not exist"),
        (["mel", speech.parent, out], "Is a directory"),
        (["spectrogram", speech, speech.with_suffix(".npz"), "--notebook"], "--notebook"),
        (["resynth", speech, speech.with_name("y.wav"), "--subtype", "MAGIC"], "MAGIC"),
    ):
        assert main([str(argument) for argument in arguments]) in (1, 2)
        output, error = capsys.readouterr()
        assert output == ""
        assert error.count("\n") == 1
        assert words in error
    assert names_in(speech.parent) == ["x.wav"]


# ---- pipes ----
def piped(y: np.ndarray, size: int) -> bytes:
    """A WAV file as programs write it to a pipe."""
    head = riff.pack_header("i2", RATE, 1, None)
    return head[:-4] + size.to_bytes(4, "little") + pcm.encode(y, "i2").tobytes()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_wav_comes_and_arrays_go_through_pipes(size: int) -> None:
    ran = run("mel", "-", "-", data=piped(speech_16k(), size))
    assert ran.returncode == 0
    np.testing.assert_array_equal(np.load(io.BytesIO(ran.stdout)), PLAN.mel(Y, BANK))
    assert b"251 frames" in ran.stderr


def test_sound_goes_through_pipes(speech: Path) -> None:
    ran = run("resynth", "-", "-", "--quiet", data=piped(speech_16k(), 0))
    assert (ran.returncode, ran.stderr) == (0, b"")
    head = riff.read_header(io.BytesIO(ran.stdout).read, "stdout")
    assert head is not None
    assert (head.coding, head.rate, head.channels, head.size) == ("f4", RATE, 1, riff.MAX_SIZE_BYTES)
    assert main(["resynth", str(speech), str(speech.with_name("y.wav")), "--subtype", "FLOAT"]) == 0
    y = samples(speech.with_name("y.wav"))
    np.testing.assert_array_equal(np.frombuffer(ran.stdout[head.offset :], np.float32), y)
    again = run("mel", "-", "-", "-q", data=ran.stdout)
    np.testing.assert_array_equal(np.load(io.BytesIO(again.stdout)), PLAN.mel(y, BANK))


def test_raw_samples_go_through_pipes(tmp_path: Path) -> None:
    raw = ["--raw", "--rate", RATE, "--channels", 2]
    two = np.stack([Y, 0.5 * Y], axis=1)
    ran = run("mel", *raw, "--dtype", "float32", "-", tmp_path / "m.npz", data=two.astype("<f4").tobytes())
    assert ran.returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "m.npz")["M"], PLAN.mel(two.mean(axis=1), BANK))
    ran = run("resynth", *raw, "--all-channels", "-", "-", data=pcm.encode(two, "i2").tobytes())
    assert len(ran.stdout) == two.size * 2
    recovered = np.frombuffer(ran.stdout, "<i2").reshape(-1, 2).T / np.float32(32768)
    S = PLAN.power(two.T.copy(), power=1)
    assert np.linalg.norm(PLAN.power(recovered, power=1) - S) < 0.1 * np.linalg.norm(S)


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with subprocess.Popen([*COMMAND, "resynth", "-", "-"], stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.close()
        _, error = process.communicate(piped(np.tile(speech_16k(), 5), 0), timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in error


# ---- interrupted ----
@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> "Iterator[subprocess.Popen[bytes]]":
    """A command in the middle of its work, waiting for more of a pipe."""
    command, name, options = request.param
    (tmp_path / name).write_bytes(b"old")
    words = [*COMMAND, command, "-", str(tmp_path / name), *options]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=-1, stderr=-1) as process:
        assert process.stdin
        process.stdin.write(piped(np.tile(speech_16k(), 40), 0))
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 4096 for path in tmp_path.iterdir()):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


CASES = [
    ("mel", "m.npy", []),
    ("mel", "m.npy", ["--log", "whisper"]),
    ("resynth", "y.wav", ["--subtype", "FLOAT", "--method", "rtisi"]),
]


@pytest.mark.parametrize("running", CASES[:2], indirect=True)
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_leaves_the_old_file(
    running: "subprocess.Popen[bytes]", tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    before = names_in(tmp_path)
    assert len(before) == 2  # the old one, and the one that is written
    start = time.monotonic()
    running.send_signal(sent)
    _, error = running.communicate(timeout=30)
    assert running.returncode == code
    assert time.monotonic() - start < 3
    assert error.decode().splitlines()[-1] in ("fastspec: interrupted", "fastspec: terminated")
    assert b"Traceback" not in error
    (name,) = names_in(tmp_path)
    assert (tmp_path / name).read_bytes() == b"old"


# ---- a full disk ----
@pytest.mark.parametrize(
    "arguments",
    [["mel", "m.npy"], ["mel", "m.npz"], ["mel", "m.npz", "--log", "whisper"], ["resynth", "y.wav"],
     ["resynth", "y.wav", "--subtype", "FLOAT"], ["resynth", "y.caf", "--subtype", "FLOAT"], ["resynth", "y.flac"]],
)  # fmt: skip
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    soundfile.write(tmp_path / "x.wav", np.tile(speech_16k(), 8), RATE)
    (tmp_path / arguments[1]).write_bytes(b"old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    command, target, *options = arguments
    ran = run(command, tmp_path / "x.wav", tmp_path / target, *options, preexec_fn=limit)
    assert ran.returncode == 1, ran.stderr
    assert b"Traceback" not in ran.stderr
    assert any(words in ran.stderr.splitlines()[-1] for words in (b"File too large", b"could not be written"))
    assert names_in(tmp_path) == sorted(["x.wav", target])
    assert (tmp_path / target).read_bytes() == b"old"


# ---- memory ----
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process its peak")
def test_memory_does_not_grow_with_the_sound(tmp_path: Path) -> None:
    code = (  # getrusage would count the process that this one was forked from
        "import re, sys\nfrom fastspec import STFT, MelBank, files\n"
        "plan = STFT(512, hop_length=800)\nbank = MelBank(16000, 512, 20)\n"
        "for out in sys.argv[2:]:\n    files.mel(sys.argv[1], out, plan, bank)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    peaks = []
    for seconds in (100, 3600):
        size = 2 * seconds * RATE
        with (tmp_path / "x.wav").open("wb") as file:  # sparse: it takes no space on the disk
            file.write(riff.pack_header("i2", RATE, 1, size))
            file.truncate(file.tell() + size)
        outs = [str(tmp_path / f"m.{kind}") for kind in ("npy", "npz", "png")]
        ran = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "x.wav"), *outs], capture_output=True, check=True
        )
        peaks.append(int(ran.stdout) / 1024)
    assert np.load(outs[0], mmap_mode="r").shape == (20, 1 + 3600 * 20)
    assert peaks[1] < 400
    assert peaks[1] - peaks[0] < 40, peaks


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process its peak")
@pytest.mark.parametrize("options", [["--n-fft=22050"], ["--n-fft=65536"], ["--n-fft=32768", "--hop=512"]])
def test_a_picture_takes_little_memory_whatever_n_fft(tmp_path: Path, options: list[str]) -> None:
    """Enough frames for the columns to be full; all Python, NumPy, Numba's kernels and matplotlib included."""
    size = 2 * (600 if "512" in options[-1] else 3600) * 22_050
    with (tmp_path / "x.wav").open("wb") as file:  # sparse: it takes no space on the disk
        file.write(riff.pack_header("i2", 22_050, 1, size))
        file.truncate(file.tell() + size)
    code = (
        "import re, sys\nfrom fastspec.__main__ import main\nassert main(sys.argv[1:]) == 0\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    words = ["spectrogram", str(tmp_path / "x.wav"), str(tmp_path / "x.png"), "--quiet", *options]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=True)
    assert int(ran.stdout) / 1024 < 300
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_day_of_sound_is_many_megabytes_that_no_header_allocates(tmp_path: Path) -> None:
    """Also beyond 4 GB: the first block is read, and the work stopped."""
    size = 86_400 * 48_000 * 2
    with (tmp_path / "x.wav").open("wb") as file:
        file.write(riff.pack_header("i2", 48_000, 1, size))
        file.truncate(file.tell() + size)

    def stop(done: int, total: int | None) -> None:
        assert total == size // 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.mel(tmp_path / "x.wav", tmp_path / "m.npy", progress=stop)
    assert names_in(tmp_path) == ["x.wav"]
    os.remove(tmp_path / "x.wav")
