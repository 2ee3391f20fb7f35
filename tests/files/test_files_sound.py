"""Sound in blocks: the samples of every format, whatever the blocks; headers and samples are checked."""

import io
import os
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastspec import files
from fastspec.files import pcm, riff, sound_writers

RATE = 8000
NOISE = np.random.default_rng(3).uniform(-1, 1, (20_011, 3))
WAV = [*sound_writers.SUBTYPES, "ULAW", "IMA_ADPCM"]


def read_all(path: Path, size: int | None = None, **keywords: object) -> np.ndarray:
    """All blocks as one array."""
    with files.open_sound(path, **keywords) as sound:  # type: ignore[arg-type]
        return np.concatenate([block.copy() for block in sound.blocks(size)], axis=-1)


def write(path: Path, channels: int, **keywords: str) -> None:
    soundfile.write(path, NOISE[:, :channels], RATE, **keywords)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("subtype", WAV)
def test_wav_is_read_as_soundfile_reads_it(tmp_path: Path, subtype: str, channels: int, dtype: str) -> None:
    if subtype == "IMA_ADPCM" and channels == 3:
        channels = 1
    write(tmp_path / "x.wav", channels, subtype=subtype)
    expected = soundfile.read(tmp_path / "x.wav", dtype=dtype, always_2d=True)[0]
    planar = read_all(tmp_path / "x.wav", 777, mono=False, dtype=dtype)
    assert planar.dtype == dtype
    np.testing.assert_array_equal(planar, expected.T)
    mixed = expected[:, 0] if channels == 1 else expected.mean(axis=1)
    np.testing.assert_array_equal(read_all(tmp_path / "x.wav", 777, dtype=dtype), mixed)


@pytest.mark.parametrize("name", ["x.flac", "x.ogg", "x.mp3", "x.aiff", "x.w64", "x.rf64", "x.caf", "x.au"])
def test_other_formats_are_read_in_blocks(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, 2, **({"format": "RF64"} if name == "x.rf64" else {}))
    expected = soundfile.read(tmp_path / name, dtype="float32")[0].mean(axis=1)
    for size in (1000, 4096, None):
        atol = 1e-6 if name == "x.mp3" else 0  # whose decoder gives other last digits each time
        np.testing.assert_allclose(read_all(tmp_path / name, size), expected, rtol=0, atol=atol)


def test_many_channels_are_mixed_as_numpy_does(tmp_path: Path) -> None:
    y = np.random.default_rng(4).uniform(-1, 1, (3000, 11)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", y, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read_all(tmp_path / "x.wav", 100), y.mean(axis=1))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 40_000), sr=st.sampled_from([None, 7000, 11_025, 22_050]), mono=st.booleans())
def test_the_size_of_blocks_does_not_matter(tmp_path: Path, size: int, sr: int | None, mono: bool) -> None:
    if not (tmp_path / "x.wav").exists():
        write(tmp_path / "x.wav", 2, subtype="PCM_16")
    size = max(size, 50)
    y = soundfile.read(tmp_path / "x.wav", dtype="float32")[0]
    y = y.mean(axis=1) if mono else y
    y = y if sr is None else soxr.resample(y, RATE, sr)
    np.testing.assert_array_equal(read_all(tmp_path / "x.wav", size, sr=sr, mono=mono), y.T)


def test_the_attributes_of_a_sound(tmp_path: Path) -> None:
    write(tmp_path / "x.wav", 2)
    with files.open_sound(tmp_path / "x.wav", sr=16_000) as sound:
        assert (sound.rate, sound.file_rate, sound.total, sound.channels) == (16_000, RATE, len(NOISE), None)
        blocks = [len(block) for block in sound.blocks(5000)]
        assert (sound.read, sound.samples) == (len(NOISE), sum(blocks))
        assert sum(blocks) == 2 * len(NOISE)


# ---- headers ----
def wav(data: bytes, promised: int, *, coding: str = "i2", head: bytes = b"") -> bytes:
    """A WAV file, with chunks before its samples."""
    header = riff.pack_header(coding, RATE, 1, 0)[12:-8]
    return (
        struct.pack("<4sI4s", b"RIFF", promised, b"WAVE")
        + head
        + header
        + struct.pack("<4sI", b"data", promised)
        + data
    )


@pytest.mark.parametrize("promised", [101, 0x7FFFF002, 0xFFFFFFF0])
def test_a_file_that_holds_less_than_it_promises_is_refused(tmp_path: Path, promised: int) -> None:
    (tmp_path / "x.wav").write_bytes(wav(bytes(100), promised))
    with pytest.raises(
        ValueError,
        match=rf"x\.wav: truncated: its header declares {promised} bytes of samples, the file holds 100; standard in",
    ):
        read_all(tmp_path / "x.wav")


@pytest.mark.parametrize("promised", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_file_without_a_length_is_read_to_its_end_with_a_warning(tmp_path: Path, promised: int) -> None:
    samples = pcm.encode(NOISE[:500, 0], "i2")
    (tmp_path / "x.wav").write_bytes(wav(samples.tobytes(), promised))
    words = rf"x\.wav: its header declares no length, but {promised:#x} bytes, .*: the 1000 bytes that follow are read"
    with ExitStack() as stack:
        with pytest.warns(UserWarning, match=words) as caught:
            sound = stack.enter_context(files.open_sound(tmp_path / "x.wav"))
        assert sound.total == 500
        np.testing.assert_array_equal(next(sound.blocks()), samples / np.float32(32768))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("size", [0, (1 << 64) - 1])
def test_rf64_without_a_length_is_read_to_its_end_too(tmp_path: Path, size: int) -> None:
    header = bytearray(riff.pack_header("i2", RATE, 1, 1 << 33))
    at = header.index(b"ds64") + 16
    header[at : at + 8] = struct.pack("<Q", size)
    (tmp_path / "x.wav").write_bytes(header + pcm.encode(NOISE[:500, 0], "i2").tobytes())
    with pytest.warns(UserWarning, match="declares no length"):
        assert len(read_all(tmp_path / "x.wav")) == 500


LATER_CHUNKS = struct.pack("<4sI5sx", b"LIST", 5, b"words") + struct.pack("<4sI4s", b"id3 ", 4, b"\0\1\2\3")


@pytest.mark.parametrize(
    "later", [b"\0", LATER_CHUNKS, LATER_CHUNKS + b"\0", LATER_CHUNKS[:-3], bytes(50), b"TAG" * 42]
)
def test_what_follows_the_samples_is_no_sound(tmp_path: Path, later: bytes) -> None:
    for n in (501, 500):  # bytes: an odd number is followed by one of padding
        data = np.random.default_rng(n).bytes(n)
        (tmp_path / "x.wav").write_bytes(wav(data + bytes(n % 2) + later, n, coding="u1"))
        np.testing.assert_array_equal(read_all(tmp_path / "x.wav") * 128 + 128, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("later", [b"", LATER_CHUNKS])
def test_a_file_without_samples_may_have_chunks_after_them(tmp_path: Path, later: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(wav(later, 0))
    with pytest.raises(ValueError, match="holds no samples"):
        read_all(tmp_path / "x.wav")


def test_chunks_are_told_from_other_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (100_000, 8), np.uint8)
    assert 10 < sum(riff.is_riff_head(row.tobytes()) for row in noise) < 60  # 100,000 (66 / 256)**4 / 16 = 27.6
    for data, expected in (
        (LATER_CHUNKS, True),
        (LATER_CHUNKS[:-2], False),
        (LATER_CHUNKS + b"data", False),
        (struct.pack("<4sI", b"bext", 0) * 1001, False),  # too many to be meant
        (struct.pack("<4sI", b"bext", 0) * 999, True),
    ):
        (tmp_path / "x").write_bytes(b"ab" + data)
        with (tmp_path / "x").open("rb") as file:
            file.seek(1)
            assert riff.holds_riff(file, 2, 2 + len(data)) == expected
            assert file.tell() == 1


@pytest.mark.parametrize("later", [b"", LATER_CHUNKS])
@pytest.mark.parametrize(("coding", "channels", "gib"), [("i2", 1, 4), ("i3", 2, 8), ("f4", 1, 12)])
def test_a_size_that_wrapped_beyond_4_gib_is_unwrapped(
    tmp_path: Path, coding: str, channels: int, gib: int, later: bytes
) -> None:
    """Sparse files: they take no space, and are read only at their start."""
    frame_bytes = channels * pcm.SAMPLE_BYTES[coding]
    frames = (gib << 30) // frame_bytes + 1000
    size = frames * frame_bytes
    data = pcm.encode(NOISE[:2000, :channels], coding).tobytes()
    assert size % 2**32 < len(data)
    with (tmp_path / "x.wav").open("wb") as file:
        head = riff.pack_header(coding, RATE, channels, 1000)[:-4] + struct.pack("<I", size % 2**32)
        file.write(head + data)
        file.seek(len(head) + size + size % 2)
        file.write(later)
        file.truncate(len(head) + size + size % 2 + len(later))
    words = rf"declares {size % 2**32} bytes of samples, the lower 32 bits of a longer size: {size} are read"
    with ExitStack() as stack:
        with pytest.warns(UserWarning, match=words):
            sound = stack.enter_context(files.open_sound(tmp_path / "x.wav", mono=False))
        assert sound.total == frames
        y = next(sound.blocks(2000))
        expected = pcm.decode(memoryview(data), coding, np.empty(2000 * channels, np.float32))
        np.testing.assert_array_equal(y, expected.reshape(2000, channels).T)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"RIFF\x04\0\0\0WAVE", "without a data chunk"),
        (struct.pack("<4sI4s4sI", b"RIFF", 99, b"WAVE", b"data", 4) + bytes(4), "without a fmt chunk"),
        (wav(b"", 0), "holds no samples"),
        (wav(b"\0", 1), "holds no samples"),
        (b"not a sound at all, but long enough", "not a readable sound file"),
        (wav(bytes(4), 4, head=struct.pack("<4sI", b"LIST", 0xFFFFFFF0)), "without a data chunk"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(ValueError, match=rf"x\.wav: .*{words}"):
        read_all(tmp_path / "x.wav")


def test_a_truncated_file_names_what_was_there(tmp_path: Path) -> None:
    for name, words in (("x.flac", "x.flac: "), ("x.rf64", "declares 40022 bytes of samples, the file holds 26")):
        write(tmp_path / name, 1, **({"format": "RF64"} if name == "x.rf64" else {}))
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(ValueError, match=words):
            read_all(tmp_path / name)


def test_a_folder_and_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        read_all(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_all(tmp_path / "absent.wav")


@pytest.mark.parametrize(("at", "value"), [(0, np.nan), (12_345, np.inf), (20_010, -np.inf)])
@pytest.mark.parametrize("name", ["x.wav", "x.caf"])
def test_samples_that_are_not_finite_are_named(tmp_path: Path, name: str, at: int, value: float) -> None:
    y = NOISE[:, :2].astype(np.float32)
    y[at, 1] = value
    soundfile.write(tmp_path / name, y, RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match=rf"{name}: sample {at} is {value}; samples must be finite"):
        read_all(tmp_path / name, 1000)


@pytest.mark.parametrize("size", [None, 0, 10, 2**32 - 100, 2**32 - 60, 2**32, 2**40])
@pytest.mark.parametrize("coding", ["u1", "i3", "f4"])
def test_headers_are_written_as_they_are_read(size: int | None, coding: str) -> None:
    data = riff.pack_header(coding, 44_100, 2, size)
    assert len(data) == len(riff.pack_header(coding, 44_100, 2, None))
    head = riff.read_header(io.BytesIO(data).read, "x")
    assert head == riff.Header(coding, 44_100, 2, riff.MAX_SIZE_BYTES if size is None else size, len(data))
    fact = data.find(b"fact")
    assert (fact > 0) == (coding == "f4")
    if fact > 0:
        assert struct.unpack("<I", data[fact + 8 : fact + 12])[0] == min((size or 0) // 8, riff.MAX_SIZE_BYTES)
    assert (data[:4] == b"RF64") == (size is not None and size + len(data) - 8 > riff.MAX_SIZE_BYTES)


def test_a_file_of_more_than_4_gb_is_rf64_that_others_read(tmp_path: Path) -> None:
    size = 2**32 + 1000
    with (tmp_path / "x.wav").open("wb") as file:  # sparse: it takes no space on the disk
        file.write(riff.pack_header("i2", RATE, 1, size))
        file.truncate(file.tell() + size)
    with soundfile.SoundFile(tmp_path / "x.wav") as file, files.open_sound(tmp_path / "x.wav") as sound:
        assert file.format == "RF64"
        assert file.frames == sound.total == size // 2


# ---- pipes and raw samples ----
def through_pipe(data: bytes, path: Path, **keywords: object) -> np.ndarray:
    """What is read from a named pipe, into which bytes trickle."""
    os.mkfifo(path)

    def feed() -> None:
        with path.open("wb", buffering=0) as pipe:
            for a in range(0, len(data), 3001):
                pipe.write(data[a : a + 3001])

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        return read_all(path, 4000, **keywords)
    finally:
        feeder.join()


@pytest.mark.parametrize("promised", [0, 40_022, 0x7FFFF000, 0xFFFFFFFF])
def test_a_pipe_is_read_to_its_end_whatever_its_header_says(tmp_path: Path, promised: int) -> None:
    samples = pcm.encode(NOISE[:, 0], "i2")
    y = through_pipe(wav(samples.tobytes(), promised, head=struct.pack("<4sI6x", b"LIST", 5)), tmp_path / "p")
    np.testing.assert_array_equal(y, samples / np.float32(32768))


def test_a_pipe_that_ends_early_is_read_with_a_warning(tmp_path: Path) -> None:
    samples = pcm.encode(NOISE[:, 0], "i2")
    with pytest.warns(UserWarning, match="truncated: its header declares 1000000 bytes of samples, 40022 were read"):
        y = through_pipe(wav(samples.tobytes(), 1_000_000), tmp_path / "p")
    np.testing.assert_array_equal(y, samples / np.float32(32768))


@pytest.mark.parametrize("coding", ["i2", "i3"])
@pytest.mark.parametrize("frames", [1, 4000, 4001, 5000])
def test_a_pipe_is_read_beyond_a_size_that_wrapped(tmp_path: Path, coding: str, frames: int) -> None:
    """The samples go on where the chunks would follow: whole ones, whatever the blocks."""
    samples = pcm.encode(NOISE[:, 0], coding)
    size = frames * pcm.SAMPLE_BYTES[coding] + (coding == "i3")  # as 2**32 is no multiple of 3
    with pytest.warns(UserWarning, match=rf"declares {size} bytes of samples, and more that are no chunk follow"):
        y = through_pipe(wav(samples.tobytes(), size, coding=coding), tmp_path / "p")
    expected = pcm.decode(memoryview(samples.tobytes()), coding, np.empty(len(NOISE), np.float32))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("later", [b"", b"\0", LATER_CHUNKS, LATER_CHUNKS[:5]])
def test_a_pipe_ends_where_chunks_follow(tmp_path: Path, later: bytes) -> None:
    for n in (4000, 4001):
        data = np.random.default_rng(n).bytes(n)
        y = through_pipe(wav(data + bytes(n % 2) + later, n, coding="u1"), tmp_path / str(n))
        np.testing.assert_array_equal(y * 128 + 128, np.frombuffer(data, np.uint8))


def test_a_pipe_that_carries_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a pipe must carry uncompressed WAV"):
        through_pipe(b"fLaC" + bytes(100), tmp_path / "p")
    with pytest.raises(ValueError, match="holds no samples"):
        through_pipe(wav(b"", 0), tmp_path / "q")


@pytest.mark.parametrize(("dtype", "scale"), [("int16", 2.0**15), ("int32", 2.0**31), ("float32", 1)])
def test_raw_samples_from_a_pipe_and_a_file(tmp_path: Path, dtype: str, scale: float) -> None:
    samples = (NOISE[:, :2] * (scale - 1 if scale > 1 else 1)).astype(f"<{np.dtype(dtype).str[1:]}")
    expected = (samples / scale).astype(np.float32)
    raw = files.Raw(RATE, 2, dtype)
    y = through_pipe(samples.tobytes() + b"\0", tmp_path / "p", raw=raw, mono=False)
    np.testing.assert_array_equal(y, expected.T)
    (tmp_path / "x.raw").write_bytes(samples.tobytes())
    np.testing.assert_array_equal(read_all(tmp_path / "x.raw", raw=raw), (expected[:, 0] + expected[:, 1]) / 2)


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    write(tmp_path / "x.wav", 1)
    for keywords, words in (
        ({"sr": 0}, "sr must be at least 1"),
        ({"dtype": "int16"}, "dtype must be float32 or float64"),
        ({"raw": files.Raw(0)}, "rate must be at least 1"),
        ({"raw": files.Raw(RATE, 0)}, "channels must be at least 1"),
        ({"raw": files.Raw(RATE, 1, "int8")}, "dtype must be one of int16, int32, float32"),
    ):
        with pytest.raises(ValueError, match=words):
            read_all(tmp_path / "x.wav", **keywords)


@pytest.mark.parametrize(("name", "sr", "package"), [("x.flac", None, "soundfile"), ("x.wav", 16_000, "soxr")])
def test_a_package_that_is_absent_is_named(tmp_path: Path, name: str, sr: int | None, package: str) -> None:
    write(tmp_path / name, 1)
    code = (
        f"import sys; sys.modules[{package!r}] = None; from fastspec import files\n"
        f"try:\n    files.mel({str(tmp_path / name)!r}, {str(tmp_path / 'm.npy')!r}, sr={sr})\n"
        "except ImportError as error:\n    print(error)"
    )
    environment = {**os.environ, "PATH": str(tmp_path)}  # where there is no ffmpeg, which would decode it
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert f'needs {package}, which is not installed: pip install "fastspec[audio]"' in ran.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("subtype", list(sound_writers.SUBTYPES))
@pytest.mark.parametrize("channels", [None, 2])
def test_what_is_written_can_be_read_by_others(tmp_path: Path, subtype: str, channels: int | None) -> None:
    y = NOISE[:, 0].astype(np.float32) if channels is None else NOISE[:, :2].T.astype(np.float32)
    with sound_writers.open_writer(tmp_path / "x.wav", RATE, channels, subtype=subtype) as file:
        file.write(y[..., :5000])
        file.write(y[..., 5000:])
        file.finish()
    with soundfile.SoundFile(tmp_path / "x.wav") as file:
        assert file.subtype == subtype
        step = {"PCM_U8": 2**-6, "PCM_16": 2**-14, "PCM_24": 2**-22}.get(subtype, 2**-23)
        np.testing.assert_allclose(file.read(dtype="float32").T, y, atol=step)


@pytest.mark.parametrize(("coding", "largest"), [("u1", 127), ("i2", 2**15 - 1), ("i3", 2**23 - 1), ("i4", 2**31 - 1)])
def test_whole_numbers_are_the_nearest_and_end_at_full_scale(coding: str, largest: int) -> None:
    y = np.concatenate([NOISE[:, 0], [1.0, -1.0, 1.5, -7.0, 0.0]])
    data = pcm.as_bytes(pcm.encode(y, coding))
    back = pcm.decode(data, coding, np.empty(len(y))) * ((largest + 1) / largest)
    np.testing.assert_allclose(back, np.clip(y, -1, 1), atol=0.5001 / largest)


def test_only_what_would_clip_is_made_softer(tmp_path: Path) -> None:
    for largest, gain in ((1.0, 1.0), (2.0, 0.475)):
        for name in ("x.wav", "x.flac"):
            with sound_writers.open_writer(tmp_path / name, RATE, None) as file:
                file.write(np.array([0.5, -largest, 0.25], np.float32))
                file.finish()
                assert file.gain == pytest.approx(gain)  # type: ignore[attr-defined]
            expected = gain * np.array([0.5, -largest, 0.25])
            np.testing.assert_allclose(soundfile.read(tmp_path / name)[0], expected, atol=2**-14)
    with sound_writers.open_writer(tmp_path / "x.wav", RATE, None, subtype="FLOAT") as file:
        file.write(np.array([2.0, -3.0], np.float32))
        file.finish()
    np.testing.assert_array_equal(soundfile.read(tmp_path / "x.wav")[0], [2.0, -3.0])
