"""Sound files of every format, odd, cut off, and with headers that lie: the right samples, or one line and exit code 2.

Not more than 300 MB of memory for the process and 10 s, whatever a header declares.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import threading
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import scipy
import soundfile
from command_server import MAX_SECONDS, Commands, Outcome, check_refused, shared_commands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from fastspec import files
from fastspec.files import riff

pytestmark = pytest.mark.thread_unsafe(reason="asks the one command server of the process, or changes its umask")

RATE = 8000
MAX_MB = 80  # beyond the 215 or so of a process that has loaded what it needs
MAX_MB_AT_10_MHZ = 150  # where the default n_fft is 2**16
Y = np.random.default_rng(0).uniform(-1, 1, (3000, 8))
FORMATS = ("WAV", "RF64", "FLAC", "OGG", "MP3", "AIFF", "W64", "AU", "CAF")


@pytest.fixture(scope="module")
def child() -> Commands:
    started = shared_commands()
    with tempfile.TemporaryDirectory() as folder:  # what a first command loads is none of a file's
        (Path(folder) / "x.wav").write_bytes(encoded("WAV"))
        assert started.run("mel", Path(folder) / "x.wav", Path(folder) / "m.npy", "-q").code == 0
    return started


def encoded(sound_format: str, channels: int = 1, subtype: str | None = None) -> bytes:
    """A sound file."""
    file = io.BytesIO()
    soundfile.write(file, Y[:, :channels], RATE, format=sound_format, subtype=subtype)
    return file.getvalue()


def read(path: Path) -> np.ndarray:
    """All samples (channels, n)."""
    with files.open_sound(path, mono=False, dtype="float64") as sound:
        return np.concatenate([block.copy() for block in sound.blocks(1000)], axis=-1)


def put(data: bytes, at: int, form: str, *values: int) -> bytes:
    """The bytes with others written over them."""
    new = struct.pack(form, *values)
    return data[:at] + new + data[at + len(new) :]


# ---- what is right ----
STEPS = {"PCM_U8": 2**-7, "PCM_S8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-31, "ALAC_20": 2**-19}
STEPS |= {"FLOAT": 2**-24, "DOUBLE": 0, "ULAW": 2**-5, "ALAW": 2**-5, "VORBIS": None, "MPEG_LAYER_III": None}


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize(
    ("sound_format", "subtype"),
    [
        *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
        *(("WAVEX", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")),
        *(("RF64", subtype) for subtype in ("PCM_U8", "PCM_16", "DOUBLE", "ULAW")),
        *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
        *(("AIFF", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_32", "ALAW", "DOUBLE")),
        *(("CAF", subtype) for subtype in ("PCM_16", "ALAC_20")),
        ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_the_samples_of_each_format_are_right(tmp_path: Path, sound_format: str, subtype: str, channels: int) -> None:
    channels = min(channels, {"MPEG_LAYER_III": 2, "ALAC_20": 1}.get(subtype, 8))
    (tmp_path / "x").write_bytes(encoded(sound_format, channels, subtype))
    y = read(tmp_path / "x")
    assert y.shape == (channels, len(Y)) or subtype == "ALAC_20"
    step = STEPS[subtype]
    if step is not None:
        np.testing.assert_allclose(y[:, : len(Y)], Y[:, :channels].T, rtol=0, atol=step)
    else:
        assert np.linalg.norm(y - Y[:, :channels].T) < 1.1 * np.linalg.norm(y)


SCIPY = sorted((Path(scipy.__file__).parent / "io" / "tests" / "data").glob("*.wav"))
REFUSED = {
    "early-eof-no-data": "a WAV file without a data chunk",
    "early-eof": "truncated: its header declares 17640 bytes of samples, the file holds 944",
    "incomplete-chunk": "a WAV file without a data chunk",
    "36bit": "not a readable sound file",
    "45bit": "not a readable sound file",
    "53bit": "not a readable sound file",
    "64bit": "not a readable sound file",
}
"""Of SciPy's files, those that are none, and integers of more than 32 bits."""


def test_scipy_brings_its_odd_files() -> None:
    assert len(SCIPY) >= 18


@pytest.mark.parametrize("path", SCIPY, ids=lambda path: path.stem)
def test_odd_files_of_scipy(path: Path) -> None:
    words = next((text for end, text in REFUSED.items() if path.stem.endswith(end)), None)
    if words is not None:
        with pytest.raises(ValueError, match=f"{path.name}: {words}"):
            read(path)
        return
    y = read(path)
    if "ulaw" in path.stem or "inconsistent" in path.stem:  # which SciPy does not read
        assert np.array_equal(y, soundfile.read(path, always_2d=True)[0].T)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        _, x = wavfile.read(path)
    if x.dtype.kind != "f":
        x = (x.astype(np.float64) - (128 if x.dtype == np.uint8 else 0)) / 2.0 ** (8 * x.dtype.itemsize - 1)
    np.testing.assert_array_equal(y, x.reshape(len(x), -1).T)


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


@pytest.mark.parametrize(
    "before", [b"", chunk(b"JUNK", bytes(28)), chunk(b"LIST", b"odd") * 500, chunk(b"\0\xff \n", b"?")]
)
@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFO"), chunk(b"id3 ", bytes(99))])
def test_other_chunks_are_passed_over(tmp_path: Path, before: bytes, after: bytes) -> None:
    body = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
    data = b"WAVE" + before + body + before + chunk(b"data", np.arange(100, dtype="<i2").tobytes()) + after
    (tmp_path / "x.wav").write_bytes(b"RIFF" + struct.pack("<I", len(data)) + data)
    np.testing.assert_array_equal(read(tmp_path / "x.wav")[0] * 32768, np.arange(100))


# ---- what is not ----
def rf64(size: int) -> bytes:
    """An RF64 file of 100 bytes that declares `size` bytes of samples."""
    header = bytearray(riff.pack_header("i2", RATE, 1, 1 << 40))
    at = header.index(b"ds64") + 8
    header[at : at + 24] = struct.pack("<QQQ", size + 72, size, size // 2)
    return bytes(header).ljust(100, b"\0")


def lying() -> dict[str, bytes]:
    """Name -> a file whose header lies."""
    wav, flac, aiff, w64 = (encoded(name) for name in ("WAV", "FLAC", "AIFF", "W64"))
    common, name_at = aiff.index(b"COMM") + 8, w64.index(b"data")
    return {
        "frames.rf64.wav": rf64(1 << 63),
        "4gb.wav": riff.pack_header("i2", RATE, 1, (1 << 32) - 200).ljust(100, b"\0"),
        "channels0.wav": put(wav, 22, "<H", 0),
        "channels65535.wav": put(wav, 22, "<H", 65535),
        "channels1000.wav": put(wav, 22, "<H", 1000),
        "rate0.wav": put(wav, 24, "<I", 0),
        "rate1e9.wav": put(wav, 24, "<I", 10**9),
        "rate4e9.wav": put(wav, 24, "<I", (1 << 32) - 1),
        "rate1e9.rf64.wav": put(encoded("RF64"), encoded("RF64").index(b"fmt ") + 12, "<I", 10**9),
        "bits64.wav": put(put(wav, 32, "<H", 8), 34, "<H", 64),
        "bits0.wav": put(wav, 34, "<H", 0),
        "frame0.wav": put(wav, 32, "<H", 0),
        "tag.wav": put(wav, 20, "<H", 0x5555),
        "fmt.wav": put(wav, 16, "<I", (1 << 32) - 1),
        "samples.flac": put(flac, 21, ">BI", flac[21] | 0x0F, (1 << 32) - 1),
        "rate0.flac": put(flac, 18, ">BBB", 0, 0, 0),
        "block.flac": put(flac, 8, ">HH", 65535, 65535),
        "frames.aiff": put(aiff, common + 2, ">I", (1 << 32) - 1),
        "channels0.aiff": put(aiff, common, ">H", 0),
        "rate.aiff": put(aiff, common + 8, ">HQ", 0x7FFE, (1 << 64) - 1),
        "size.aiff": put(aiff, aiff.index(b"SSND") + 4, ">I", (1 << 32) - 1),
        "size.w64": put(w64, name_at + 16, "<Q", 1 << 63),
        "size.au": put(encoded("AU"), 8, ">I", 1 << 31),
        "rate.au": put(encoded("AU"), 16, ">I", 10**9),
        "packets.caf": put(encoded("CAF"), encoded("CAF").index(b"data") + 4, ">Q", 1 << 62),
        "empty.wav": b"",
        "nothing.wav": wav[:44],
        "text.wav": b"This is no sound, but a text.\n" * 99,
        "text.mp3": b"This is no sound, but a text.\n" * 99,
        "zeros.flac": bytes(5000),
        "id3.mp3": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + encoded("MP3"),
        "ogg.ogg": b"OggS" + bytes(3000),
    }


LYING = lying()
READ = {"channels1000.wav", "frame0.wav", "block.flac", "frames.aiff", "size.aiff", "size.w64"}
"""Those whose samples are read nevertheless, all of them: what they declare is not needed, or passed over."""


def check_outcome(outcome: Outcome, path: Path) -> None:
    """A sound, or one line; in bounded memory and time."""
    assert outcome.code in (0, 2), outcome
    if outcome.code == 2:
        check_refused(outcome, str(path))
    assert outcome.seconds < MAX_SECONDS, outcome
    assert outcome.grown_mb <= MAX_MB_AT_10_MHZ, outcome
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_headers_that_lie(child: Commands, tmp_path: Path) -> None:
    for name, data in LYING.items():
        path = tmp_path / name
        path.write_bytes(data)
        outcome = child.run("mel", path, tmp_path / "m.npy", "-q", "--n-fft", 512)
        check_outcome(outcome, path)
        assert outcome.code == 2 * (name not in READ), (name, outcome)
        if name in READ:
            samples = len(Y) // 1000 if "1000" in name else len(Y)
            assert np.load(tmp_path / "m.npy").shape == (80, 1 + samples // 128)
        assert outcome.grown_mb <= MAX_MB, outcome
        assert outcome.code == 0 or not (tmp_path / "m.npy").exists()
        (tmp_path / "m.npy").unlink(missing_ok=True)


@pytest.mark.parametrize("sound_format", FORMATS)
def test_files_that_were_cut_off(child: Commands, tmp_path: Path, sound_format: str) -> None:
    data, path = encoded(sound_format, 2), tmp_path / f"x.{sound_format.lower()}"
    codes = set()
    for size in (1, 4, 12, 30, 44, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        outcome = child.run("mel", path, tmp_path / "m.npy", "-q", "--n-fft", 512)
        check_outcome(outcome, path)
        codes.add(outcome.code)
        assert outcome.code == 2 or size > 100, outcome
    assert 2 in codes


def test_a_sound_of_the_highest_rate(child: Commands, tmp_path: Path) -> None:
    """A tile of frames of 2**16 samples is held, and nothing else."""
    (tmp_path / "x.wav").write_bytes(riff.pack_header("i2", 10**7, 1, 32000) + bytes(32000))
    for command in ("mel", "spectrogram"):
        outcome = child.run(command, tmp_path / "x.wav", tmp_path / "m.npy", "-q")
        assert outcome.code == 0, outcome
        check_outcome(outcome, tmp_path / "x.wav")


@pytest.mark.parametrize("content", [b"", b"no sound", encoded("FLAC"), encoded("WAV")[:100]])
def test_a_named_pipe(child: Commands, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(content), daemon=True)
    writer.start()
    outcome = child.run("mel", path, tmp_path / "m.npy", "-q", "--n-fft", 512)
    writer.join(10)
    if content[:4] == b"RIFF":  # of which what there is is taken
        assert outcome.code == 0, outcome
    else:
        check_refused(outcome, str(path))


@pytest.mark.parametrize("rate", [0, 10**7 + 1, 10**20])
def test_rates_that_no_sound_has_are_refused(child: Commands, tmp_path: Path, rate: int) -> None:
    """They were refused for a hop_length that nobody had given, or not at all."""
    (tmp_path / "x.wav").write_bytes(encoded("WAV"))
    for words in (["--sr", rate], ["--raw", "--rate", rate]):
        line = check_refused(child.run("mel", tmp_path / "x.wav", tmp_path / "m.npy", *words), words[-2])
        assert "hop_length" not in line
    for call in (
        lambda: files.mel(tmp_path / "x.wav", tmp_path / "m.npy", sr=rate),
        lambda: files.resynth(tmp_path / "x.wav", tmp_path / "y.wav", sr=rate),
    ):
        with pytest.raises(ValueError, match=r"sr must be at (most 10000000|least 1), got"):
            call()


@pytest.mark.parametrize("option", ["--n-fft", "--hop", "--n-mels", "--channels"])
def test_absurd_options_are_named(child: Commands, tmp_path: Path, option: str) -> None:
    (tmp_path / "x.wav").write_bytes(encoded("WAV"))
    more = ["--raw", "--rate", RATE] if option == "--channels" else []
    check_refused(child.run("mel", tmp_path / "x.wav", tmp_path / "m.npy", option, 1 << 31, *more), option)


# ---- what is drawn ----
SEEDS = {name: encoded(name, channels) for name, channels in (("WAV", 2), ("RF64", 1), ("FLAC", 2), ("OGG", 1))}
SEEDS |= {
    name: encoded(name, channels) for name, channels in (("MP3", 1), ("AIFF", 2), ("W64", 1), ("AU", 1), ("CAF", 2))
}
SEEDS["WAVEX"] = encoded("WAVEX", 8, "PCM_24")
HEADER_BYTES = 200
NUMBERS = st.sampled_from(
    [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63)]
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("byte"), st.integers(0, HEADER_BYTES), st.integers(0, 255)),
        st.tuples(st.just("number"), st.integers(0, HEADER_BYTES), NUMBERS),
        st.tuples(st.just("remove"), st.integers(0, HEADER_BYTES), st.integers(1, 40)),
        st.tuples(st.just("insert"), st.integers(0, HEADER_BYTES), st.integers(1, 40)),
        st.tuples(st.just("cut"), st.integers(0, 5000), st.just(0)),
    ),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """Bytes of a header changed."""
    for kind, at, value in changes:
        if kind == "byte":
            data = put(data, at, "B", value)
        elif kind == "number":
            data = put(data, at, "<Q" if value >> 32 else "<I", value)
        elif kind == "remove":
            data = data[:at] + data[at + value :]
        elif kind == "insert":
            data = data[:at] + bytes(range(value)) + data[at:]
        else:
            data = data[:at]
    return data


def run_changed_headers(child: Commands, folder: Path, n: int, seed: int) -> Counter[Any]:
    """Commands on n files whose headers hypothesis changed; the number of each exit code."""
    codes: Counter[Any] = Counter()

    @hypothesis.seed(seed)
    @settings(max_examples=n, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(SEEDS)), CHANGES)
    def run(name: str, changes: list[tuple[str, int, int]]) -> None:
        path = folder / f"x.{name.lower()}"
        path.write_bytes(changed(SEEDS[name], changes))
        outcome = child.run("mel", path, folder / "m.npy", "-q")
        codes[outcome.code] += 1
        check_outcome(outcome, path)

    run()
    return codes


def test_changed_headers(child: Commands, tmp_path: Path, seed: int) -> None:
    codes = run_changed_headers(child, tmp_path, 200, seed)
    assert codes[2] > 60
    assert codes[0] > 10


@pytest.mark.long
def test_thousands_of_changed_headers(child: Commands, tmp_path: Path, seed: int) -> None:
    codes = run_changed_headers(child, tmp_path, 5000, seed + 1)
    print(f"stress: changed headers of sound files: {codes.total()}, refused: {codes[2]}, read: {codes[0]}")
