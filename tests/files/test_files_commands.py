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
FILTER_OPTIONS += ["--window=hamming", "--norm=none"]
FILTER_PLAN = STFT(1024, hop_length=200, win_length=800, center=False, window="hamming")
FILTER_BANK = MelBank(RATE, 1024, 80, fmin=50, fmax=7000, htk=True, norm=None)
WINDOW_OPTIONS = ["--window=general_gaussian:1.5,200", "--pad-mode=edge", "--norm=1"]
WINDOW_PLAN = STFT(1024, window=("general_gaussian", 1.5, 200), pad_mode="edge")
WHISPER = ["--n-fft", 400, "--hop", 160, "--n-mels", 40, "--log", "whisper"]


@pytest.mark.parametrize(
    ("options", "plan", "bank", "keywords"),
    [
        ([], PLAN, BANK, {}),
        (WHISPER, STFT(400, hop_length=160, pad_mode="reflect"), MelBank(RATE, 400, 40), {"log": "whisper"}),
        ([*WHISPER, "--pad-mode=constant"], STFT(400, hop_length=160), MelBank(RATE, 400, 40), {"log": "whisper"}),
        (FILTER_OPTIONS, FILTER_PLAN, FILTER_BANK, {"power": 1.0, "log": "db"}),
        (WINDOW_OPTIONS, WINDOW_PLAN, MelBank(RATE, 1024, 80, norm=1), {}),
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


def test_whispers_logarithm_is_that_of_its_published_front_end(speech: Path) -> None:
    """Reflected ends, a periodic Hann window, the last frame left out, 80 filters of Slaney's, 8 decades."""
    options = ["--n-fft", "400", "--hop", "160", "--log", "whisper"]
    assert main(["mel", str(speech), str(speech.with_suffix(".npy")), *options]) == 0
    y = np.pad(samples(speech).astype(np.float64), 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.lib.stride_tricks.sliding_window_view(y, 400)[::160][:-1]
    powers = np.abs(np.fft.rfft(window * frames, axis=1).T) ** 2
    L = np.log10(np.maximum(np.asarray(MelBank(RATE, 400, 80, dtype="float64")) @ powers, 1e-10))
    expected = (np.maximum(L, L.max() - 8) + 4) / 4
    np.testing.assert_allclose(np.load(speech.with_suffix(".npy")), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["sound", "npy", "npz"])
def test_invert_takes_the_window_and_the_padding(speech: Path, kind: str) -> None:
    """All ways from a sound to another are one: from itself, from numbers with options, and from what says it all."""
    framing = ["--n-fft=512", "--win-length=400", "--window=kaiser:8", "--pad-mode=reflect", "--hop=100"]
    again, other = speech.with_name("again.wav"), speech.with_name("other.wav")
    assert main(["resynth", str(speech), str(again), *framing, "--subtype=FLOAT"]) == 0
    source, options = speech, framing
    if kind != "sound":
        source = speech.with_suffix(f".{kind}")
        options = [*framing, f"--rate={RATE}"] if kind == "npy" else []
        assert main(["spectrogram", str(speech), str(source), *framing]) == 0
    assert main(["invert", str(source), str(other), *options, "--subtype=FLOAT"]) == 0
    plan = STFT(512, hop_length=100, win_length=400, window=("kaiser", 8), pad_mode="reflect")
    S, y = plan.power(Y, power=1), samples(other)
    if kind != "npy":  # whose length is unknown
        np.testing.assert_array_equal(y, samples(again))
    S = S[:, : plan.n_frames(len(y))]
    assert np.linalg.norm(plan.power(y, power=1) - S) < 0.1 * np.linalg.norm(S)


def test_invert_takes_the_norm_of_mels(speech: Path) -> None:
    npy, wav = speech.with_suffix(".npy"), speech.with_name("y.wav")
    mel = ["--norm=none", "--htk", "--fmax=7000"]
    assert main(["mel", str(speech), str(npy), *mel]) == 0
    assert main(["invert", str(npy), str(wav), "--mel", f"--rate={RATE}", "--n-fft=1024", *mel]) == 0
    bank = MelBank(RATE, 1024, 80, htk=True, fmax=7000, norm=None)
    M, y = PLAN.mel(Y, bank), samples(wav)
    assert np.linalg.norm(PLAN.mel(y, bank) - M[:, : PLAN.n_frames(len(y))]) < 0.2 * np.linalg.norm(M)


def test_levels_of_others_in_npz_are_inverted_like_npy(speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    npz, npy = speech.with_suffix(".npz"), speech.with_suffix(".npy")
    np.savez_compressed(npz, S=PLAN.power(Y, power=1))
    np.save(npy, PLAN.power(Y, power=1))
    assert main(["invert", str(npz), str(speech.with_name("a.wav"))]) == 2
    assert "the sample rate of x.npz is unknown: add --rate HZ" in capsys.readouterr().err
    for source, name in ((npz, "a.wav"), (npy, "b.wav")):
        assert main(["invert", str(source), str(speech.with_name(name)), f"--rate={RATE}", "--hop=256"]) == 0
    assert speech.with_name("a.wav").read_bytes() == speech.with_name("b.wav").read_bytes()


# ---- options that would be ignored ----
STORED = "on m.npz, whose metadata say how it was computed, and must be left out"
IGNORED = [
    ("invert m.npz y.wav --sr 8000", f"--sr has no effect {STORED}"),
    ("invert m.npz y.wav --hop 100 --n-fft 512", f"--n-fft, --hop have no effect {STORED}"),
    ("invert m.npz y.wav --n-fft 1024", f"--n-fft has no effect {STORED}"),  # even if it is the same
    ("invert m.npz y.wav --win-length 100", f"--win-length has no effect {STORED}"),
    ("invert m.npz y.wav --window hann", f"--window has no effect {STORED}"),
    ("invert m.npz y.wav --pad-mode reflect", f"--pad-mode has no effect {STORED}"),
    ("invert m.npz y.wav --no-center", f"--center/--no-center has no effect {STORED}"),
    ("invert m.npz y.wav --mel", f"--mel has no effect {STORED}"),
    ("invert m.npz y.wav --fmin 5 --fmax 50 --htk", f"--fmin, --fmax, --htk have no effect {STORED}"),
    ("invert m.npz y.wav --norm none", f"--norm has no effect {STORED}"),
    ("invert m.npz y.wav --log none", f"--log has no effect {STORED}"),
    ("invert m.npz y.wav --threshold 3", f"--threshold has no effect {STORED}"),
    ("invert m.npy y.wav --rate 16000 --sr 8000", "--sr has no effect on levels without metadata"),
    ("invert m.npy y.wav --rate 16000 --threshold 3", "--threshold has no effect on levels without metadata"),
    ("invert m.npy y.wav --rate 16000 --fmin 5", "--fmin has no effect without --mel"),
    ("invert m.npy y.wav --rate 16000 --norm none", "--norm has no effect without --mel"),
    ("invert m.npy y.wav --rate 16000 --no-center --pad-mode edge", "--pad-mode has no effect with --no-center"),
    ("invert x.wav y.wav --rate 8000", "--rate has no effect on a sound file"),
    ("invert x.wav y.wav --mel --log db", "--mel, --log have no effect on a sound file"),
    ("invert x.wav y.wav --power 2", "--power has no effect on a sound file"),
    ("invert x.wav y.wav --no-center --pad-mode edge", "--pad-mode has no effect with --no-center"),
    ("invert x.wav y.wav --method notebook --window hann", "--window has no effect with --method notebook"),
    ("invert x.wav y.wav --method notebook --subtype FLOAT", "--subtype has no effect with --method notebook"),
    ("invert x.wav y.wav --method notebook --rate 8000", "--rate has no effect with --method notebook"),
    ("invert m.npy y.wav --method notebook --rate 8000 --sr 9000", "--sr has no effect with --method notebook"),
    ("mel x.wav m.npy --channels 2", "--channels has no effect without --raw"),
    ("mel x.wav m.npy --dtype int16", "--dtype has no effect without --raw"),
    ("mel x.wav m.npy --threshold 3", "--threshold has no effect where OUT is no picture (.png)"),
    ("mel x.wav m.npy --no-center --pad-mode reflect", "--pad-mode has no effect with --no-center"),
    ("spectrogram x.wav m.npz --threshold 3", "--threshold has no effect where OUT is no picture (.png)"),
    ("spectrogram x.wav m.npy --notebook --log db", "--log has no effect with --notebook"),
    ("spectrogram x.wav m.npy --notebook --raw --rate 8000", "--raw, --rate have no effect with --notebook"),
    ("spectrogram x.wav m.npy --dtype int16", "--dtype has no effect without --raw"),
    ("resynth x.wav y.wav --channels 1", "--channels has no effect without --raw"),
    ("resynth x.wav y.wav --no-center --pad-mode reflect", "--pad-mode has no effect with --no-center"),
]
WRONG = [
    ("mel x.wav m.npy --window magic", "window must be one that scipy.signal.get_window knows, got 'magic'"),
    ("mel x.wav m.npy --window taylor:2.5", "window must be one that scipy.signal.get_window knows"),
    ("mel x.wav m.npy --window kaiser", "window must be one that scipy.signal.get_window knows, got 'kaiser'"),
    ("mel x.wav m.npy --window kaiser:", "--window must be a name or name:number,number, got kaiser:"),
    ("mel x.wav m.npy --window kaiser:wide", "--window must be a name or name:number,number, got kaiser:wide"),
    ("mel x.wav m.npy --norm magic", "--norm must be one of slaney, none, 1, 2, got magic"),
    ("mel x.wav m.npy --pad-mode magic", "pad_mode must be a function or one of constant, edge"),
    ("resynth x.wav y.wav --pad-mode mean", "pad_mode 'mean' needs the whole signal before its first frame"),
    ("resynth x.wav y.wav --n-fft 512 --win-length 513", "win_length must be at most n_fft = 512, got 513"),
]


@pytest.mark.parametrize(("words", "message"), IGNORED + WRONG)
def test_options_that_would_be_ignored_or_are_wrong_are_refused(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    monkeypatch.chdir(speech.parent)
    files.mel(speech, "m.npz", PLAN, BANK, log="db")
    np.save("m.npy", PLAN.power(Y, power=1))
    before = {path.name: path.read_bytes() for path in speech.parent.iterdir()}
    assert main(words.split()) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in speech.parent.iterdir()} == before


def test_the_rate_and_the_power_of_metadata_may_be_replaced(speech: Path) -> None:
    npz, wav = speech.with_suffix(".npz"), speech.with_name("y.wav")
    assert main(["spectrogram", str(speech), str(npz), "--power", "2"]) == 0
    assert main(["invert", str(npz), str(wav), "--rate", "8000", "--power", "1"]) == 0
    files.invert(npz, speech.with_name("z.wav"), sr=8000, power=1.0)
    assert wav.read_bytes() == speech.with_name("z.wav").read_bytes()


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


def test_a_file_as_standard_input_is_read_as_far_as_it_goes(speech: Path) -> None:
    """Of a size that is too large, what the error's hint says; other formats as under their names."""
    out, data = speech.with_suffix(".npy"), pcm.encode(speech_16k(), "i2").tobytes()
    speech.write_bytes(piped(speech_16k(), len(data) + 2))
    ran = run("mel", speech, out)
    assert ran.returncode == 2
    assert ran.stderr.endswith(b"; standard input (-) takes what is there\n")
    soundfile.write(speech.with_suffix(".flac"), Y, RATE)
    speech.with_suffix(".pipe").write_bytes(piped(speech_16k(), 0xFFFFFFFF))
    for name, words in (
        ("x.wav", f"truncated: its header declares {len(data) + 2} bytes of samples, {len(data)} are read"),
        ("x.pipe", "its header declares no length"),
        ("x.flac", ""),
    ):
        with speech.with_name(name).open("rb") as file:
            command = [*COMMAND, "mel", "-", str(out), "-q"]
            ran = subprocess.run(command, stdin=file, capture_output=True, check=False)
        assert ran.returncode == 0
        np.testing.assert_array_equal(np.load(out), PLAN.mel(Y, BANK))
        lines = ran.stderr.decode().splitlines()
        assert len(lines) == bool(words)
        assert all(line.startswith(f"fastspec: warning: standard input: {words}") for line in lines)


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
    assert time.monotonic() - start < 10
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
    for seconds in (900, 3600):  # both with more frames than a picture has columns
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
    assert peaks[1] < 320
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
