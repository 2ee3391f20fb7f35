"""Stored arrays that are damaged, or whose headers and metadata lie: one line that names the file, and no memory."""

from __future__ import annotations

import json
import random
import shutil
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import zarr
from command_server import Commands, check_refused, shared_commands
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import fastspec
from fastspec import STFT, MelBank, files
from fastspec.files import array_readers
from fastspec.picture.legend import KEY

pytestmark = pytest.mark.thread_unsafe(reason="asks the one command server of the process, or changes its umask")

RATE = 8000
PLAN = STFT(256)
BANK = MelBank(RATE, 256, 8)
NAMES = ("m.npy", "m.npz", "m.zarr", "m.png", "s.npy", "s.npz", "s.zarr", "s.png", "c.npz")
ROUNDS = ("--n-iter", "1", "-q")


@pytest.fixture(scope="module")
def child() -> Commands:
    return shared_commands()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mels m and magnitudes s in each format, and c.npz, which is compressed."""
    folder = tmp_path_factory.mktemp("stored")
    soundfile.write(folder / "x.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 6000), RATE)
    for suffix in ("npy", "npz", "zarr", "png"):
        files.mel(folder / "x.wav", folder / f"m.{suffix}", PLAN, BANK)
        files.spectrogram(folder / "x.wav", folder / f"s.{suffix}", PLAN)
    with np.load(folder / "m.npz") as entries:
        np.savez_compressed(folder / "c.npz", **entries)
    return folder


def arguments_for(path: Path, kind: str) -> list[object]:
    """The command that inverts a file of one of `NAMES`."""
    options = ["--rate", RATE] if path.suffix == ".npy" else []
    return [
        "invert",
        path,
        path.with_name("y.wav"),
        *ROUNDS,
        *options,
        *(["--mel", "--n-fft", 256] * (kind == "m.npy")),
    ]


# ---- damaged ----
def damage(data: bytes, rng: random.Random) -> bytes:
    """Bytes changed, flipped, cut off, inserted or removed, mostly in headers at either end."""
    b = bytearray(data)
    size, ends = len(b), rng.random() < 0.7

    def position() -> int:
        if not ends:
            return rng.randrange(size)
        return rng.randrange(min(size, 400)) if rng.random() < 0.5 else size - 1 - rng.randrange(min(size, 2500))

    kind = rng.randrange(5)
    if kind == 0:
        for _ in range(rng.randint(1, 4)):
            b[position()] = rng.randrange(256)
    elif kind == 1:
        b[position()] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del b[rng.randrange(size) :]
    else:
        at, n = position(), rng.randint(1, 8)
        b[at : at + n * (kind == 4)] = b"" if kind == 4 else rng.randbytes(n)
    return bytes(b)


def damaged_copy(source: Path, target: Path, rng: random.Random) -> None:
    """A copy of a file, or of a folder, of which a file is damaged."""
    if target.is_dir():
        shutil.rmtree(target)
    if not source.is_dir():
        target.write_bytes(damage(source.read_bytes(), rng))
        return
    shutil.copytree(source, target)
    file = rng.choice(sorted(path for path in target.rglob("*") if path.is_file() and path.stat().st_size))
    file.write_bytes(damage(file.read_bytes(), rng))


def check_damaged(child: Commands, stored: Path, folder: Path, seed: int, count: int) -> Counter[object]:
    """Invert damaged files: a sound, or one line with the name of the file; the number of each exit code."""
    rng, codes = random.Random(seed), Counter()
    for i in range(count):
        name = NAMES[i % len(NAMES)]
        path = folder / f"x{Path(name).suffix}"
        damaged_copy(stored / name, path, rng)
        outcome = child.run(*arguments_for(path, name))
        codes[outcome.code] += 1
        if outcome.code != 0:
            check_refused(outcome, str(path), path.name)
        assert sorted(p.name for p in folder.iterdir() if p.name.startswith(".")) == []
        (folder / "y.wav").unlink(missing_ok=True)
    return codes


def test_undamaged_arrays_are_inverted(child: Commands, stored: Path) -> None:
    for name in NAMES:
        outcome = child.run(*arguments_for(stored / name, name))
        assert outcome.code == 0, outcome
        assert soundfile.info(stored / "y.wav").frames > 5000


def test_damaged_arrays_are_named_in_one_line(child: Commands, stored: Path, tmp_path: Path, seed: int) -> None:
    codes = check_damaged(child, stored, tmp_path, seed, 198)
    assert codes[2] > 100
    assert codes[0] > 5


@pytest.mark.long
def test_thousands_of_damaged_arrays(child: Commands, stored: Path, tmp_path: Path, seed: int) -> None:
    codes = check_damaged(child, stored, tmp_path, seed + 1, 4500)
    print(f"stress: damaged stored arrays: {codes.total()}, of which refused: {codes[2]}, still read: {codes[0]}")


# ---- lying ----
def with_entry(stored: Path, target: Path, name: str, value: object) -> Path:
    """A copy of m.npz with another entry."""
    with np.load(stored / "m.npz") as entries:
        np.savez(target / "x.npz", **{**entries, name: np.asarray(value)})
    return target / "x.npz"


@pytest.mark.parametrize("name", ["n_fft", "n_mels", "hop_length", "win_length", "sr"])
@pytest.mark.parametrize("value", [1 << 31, 1 << 62, 1e300, -1, 0, "x", float("nan"), [1, 2], 1.5])
def test_absurd_metadata_are_refused(tmp_path: Path, stored: Path, name: str, value: object) -> None:
    path = with_entry(stored, tmp_path, name, value)
    with pytest.raises(ValueError, match=r"x\.npz: ") as error:
        files.invert(path, tmp_path / "y.wav")
    assert name in str(error.value) or "8 rows" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("samples", "x"), ("power", "x"), ("power", 0), ("power", [2]), ("log", "x"), ("window", "x"), ("window", [1.0])],
)
def test_other_metadata_that_are_wrong_are_named(tmp_path: Path, stored: Path, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"x\.npz: .*{name}"):
        files.invert(with_entry(stored, tmp_path, name, value), tmp_path / "y.wav")


def npy(path: Path, **fields: object) -> Path:
    """A .npy file with such a header and 1000 bytes of values."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (8, 20), **fields})
        file.write(bytes(1000))
    return path


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": (80, 1 << 40)}, "truncated: its header declares 351843720888320 bytes"),
        ({"shape": (1 << 62, 1 << 62)}, "truncated: its header declares"),
        ({"shape": (-8, -20)}, r"not a readable .npy array \(its shape is \(-8, -20\)\)"),
        ({"shape": (8, 0)}, r"got shape \(8, 0\)"),
        ({"shape": ()}, r"got shape \(\)"),
        ({"shape": (1, 1, 2, 5)}, r"got shape \(1, 1, 2, 5\)"),
        ({"descr": "|O"}, "must hold real numbers"),
        ({"descr": "<c8", "shape": (2, 2)}, "must hold real numbers"),
        ({"descr": "|S0"}, "must hold real numbers"),
        ({"descr": [("a", "<f4"), ("b", "<f4")], "shape": (2, 2)}, "must hold real numbers"),
    ],
)
def test_headers_of_npy_that_lie_are_refused(tmp_path: Path, fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.npy: .*{words}"):
        files.invert(npy(tmp_path / "x.npy", **fields), tmp_path / "y.wav", PLAN, sr=RATE)


def test_a_header_of_4_gb_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\2\0\xff\xff\xff\xff{'descr': '<f4'")
    with pytest.raises(ValueError, match=r"x\.npy: not a readable \.npy array"):
        files.invert(tmp_path / "x.npy", tmp_path / "y.wav", PLAN, sr=RATE)


def test_an_archive_that_inflates_without_end_is_refused(tmp_path: Path, stored: Path) -> None:
    """A central directory that declares terabytes, and one whose array has more values than the entry has bytes."""
    with zipfile.ZipFile(stored / "c.npz") as archive:
        (entry,) = (info for info in archive.infolist() if info.filename == "M.npy")
    data, declared = (stored / "c.npz").read_bytes(), struct.pack("<I", entry.file_size)
    at = data.rindex(b"PK\1\2", 0, data.rindex(b"M.npy"))
    assert data[at + 24 : at + 28] == declared
    (tmp_path / "x.npz").write_bytes(data[: at + 24] + struct.pack("<I", 0xFFFFFFF0) + data[at + 28 :])
    with pytest.raises(
        ValueError, match=r"x\.npz: its header declares 4294967280 bytes of values, more than \d+ bytes"
    ):
        files.invert(tmp_path / "x.npz", tmp_path / "y.wav")
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("M.npy", npy(tmp_path / "m.npy", shape=(80, 1 << 40)).read_bytes())
    with pytest.raises(ValueError, match=r"x\.npz: truncated: its header declares 351843720888320 bytes"):
        files.invert(tmp_path / "x.npz", tmp_path / "y.wav")


@pytest.mark.parametrize(
    ("shape", "chunks", "words"),
    [
        ((8, 1 << 40), (8, 1024), r"declares 35184372088832 bytes of values, more than \d+ bytes can hold"),
        ((8, 1 << 26), (8, 1 << 26), r"declares 2147483648 bytes of values in a chunk, more than \d+ bytes can hold"),
    ],
)
def test_zarr_of_more_values_than_it_can_hold_is_refused(
    tmp_path: Path, stored: Path, shape: tuple[int, int], chunks: tuple[int, int], words: str
) -> None:
    array = zarr.create_array(store=str(tmp_path / "x.zarr"), shape=shape, chunks=chunks, dtype="f4")
    with array_readers.open_levels(stored / "m.zarr") as levels:
        array.attrs.update(levels.entries)
    with pytest.raises(ValueError, match=rf"x\.zarr: its header {words}"):
        files.invert(tmp_path / "x.zarr", tmp_path / "y.wav")


def test_silence_whose_chunks_are_not_stored_is_read(tmp_path: Path, stored: Path) -> None:
    array = zarr.create_array(store=str(tmp_path / "x.zarr"), shape=(8, 20), chunks=(8, 20), dtype="f4")
    with array_readers.open_levels(stored / "m.zarr") as levels:
        array.attrs.update({**levels.entries, "samples": 19 * 64})
    done = files.invert(tmp_path / "x.zarr", tmp_path / "y.wav", n_iter=1)
    assert done.samples == 19 * 64
    assert not soundfile.read(tmp_path / "y.wav")[0].any()


def png(path: Path, width: int, height: int) -> Path:
    """A PNG file of 8 bits of grey, with 1000 bytes of pixels."""

    def packed(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = packed(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels, end = packed(b"IDAT", zlib.compress(bytes(1000))), packed(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + pixels + end)
    return path


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        ((1 << 31) - 1, (1 << 31) - 1, "exceeds limit"),
        (9000, 9000, r"declares 10125000 bytes of pixels, more than \d+ bytes can hold"),
        (1 << 26, 1, r"declares 8388608 bytes of pixels, more than \d+ bytes can hold"),
    ],
)
def test_pictures_of_more_pixels_than_they_can_hold_are_refused(
    tmp_path: Path, width: int, height: int, words: str
) -> None:
    with pytest.raises(ValueError, match=rf"x\.png: .*{words}"):
        files.invert(png(tmp_path / "x.png", width, height), tmp_path / "y.wav")


@pytest.mark.parametrize("name", ["frames_per_column", "bins_per_row", "n_colours", "n_fft", "hop_length", "sr"])
def test_legends_of_pictures_that_lie_are_refused(tmp_path: Path, stored: Path, name: str) -> None:
    with Image.open(stored / "s.png") as image:
        legend, pixels, info = json.loads(image.text[KEY]), image.copy(), PngInfo()
    (legend if name in legend else legend["levels"])[name] = 1 << 31
    if name == "frames_per_column":
        legend["n_frames"] = legend["columns"] << 31
    info.add_text(KEY, json.dumps(legend))
    pixels.save(tmp_path / "x.png", pnginfo=info)
    with pytest.raises(ValueError, match=rf"x\.png: .*{name} must be"):
        files.invert(tmp_path / "x.png", tmp_path / "y.wav")


@pytest.mark.parametrize("method", ["accelerated", "admm"])
def test_levels_whose_magnitudes_overflow_are_refused(tmp_path: Path, method: str) -> None:
    """They were infinite in the kernels, and the process crashed."""
    M = np.full((8, 40), 1e-3, np.float32)
    M[5, 7] = 3e38
    np.save(tmp_path / "x.npy", M)
    with pytest.raises(
        ValueError, match=r"x\.npy: M goes up to 3e\+38, where filters are inverted to magnitudes beyond"
    ):
        files.invert(tmp_path / "x.npy", tmp_path / "y.wav", PLAN, BANK, sr=RATE, method=method, n_iter=1)
    with pytest.raises(ValueError, match=r"M goes up to 3e\+38"):
        fastspec.recover_mel(M, BANK, PLAN, method="cascade", n_iter=1)
    np.save(tmp_path / "x.npy", np.full((129, 5), 2, np.float32))
    with pytest.raises(ValueError, match=r"x\.npy: power = 0\.001 makes levels of magnitudes beyond float32"):
        files.invert(tmp_path / "x.npy", tmp_path / "y.wav", PLAN, sr=RATE, power=1e-3)


@pytest.mark.parametrize("suffix", ["npy", "npz", "png", "wav", "zarr"])
def test_a_folder_is_no_input(child: Commands, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.mkdir()
    rate = ["--rate", RATE] if suffix == "npy" else []
    check_refused(child.run("invert", path, tmp_path / "y.wav", *rate), str(path))
    check_refused(child.run("mel", path, tmp_path / "m.npy"), str(path))
