"""From sound files to levels: the bits of the call on the whole signal, in every format, or no file at all."""

import contextlib
import json
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cases import speech_16k
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastspec import STFT, FilterBank, MelBank, files
from fastspec.features.banks import BinBank
from fastspec.files import array_readers, array_writers, metadata, picture, pipeline, sound_readers

RATE = 16_000
FORMATS = ["npy", "npz", "zarr"]
PLAN, BANK = STFT(400, hop_length=160, pad_mode="constant"), MelBank(RATE, 400, 40)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    y = speech_16k()
    soundfile.write(tmp_path / "x.wav", np.stack([y, 0.5 * y[::-1]], axis=1), RATE, subtype="PCM_16")
    return tmp_path / "x.wav"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few seconds are many blocks."""
    monkeypatch.setattr(sound_readers, "BLOCK_SAMPLES", 7001)
    monkeypatch.setattr(array_writers, "BLOCK_VALUES", 40 * 70)
    monkeypatch.setattr(array_writers, "_CHUNK_VALUES", 40 * 33)
    monkeypatch.setattr(array_readers, "BLOCK_VALUES", 40 * 50)


def samples(path: Path, *, mono: bool = True, dtype: str = "float32") -> np.ndarray:
    y = soundfile.read(path, dtype=dtype)[0]
    return y.mean(axis=1) if mono else np.ascontiguousarray(y.T)


def loaded(path: Path) -> np.ndarray:
    """The array in a file, read by NumPy or zarr."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return archive["M" if "M" in archive else "S"]
    import zarr

    return np.asarray(zarr.open_array(str(path), mode="r")[...])


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mono", [True, False])
@pytest.mark.parametrize("log", [None, "ln", "db", "whisper"])
def test_mels_have_the_bits_of_the_whole_signals(speech: Path, kind: str, mono: bool, log: str | None) -> None:
    out = speech.with_suffix(f".{kind}")
    done = files.mel(speech, out, PLAN, BANK, log=log, mono=mono)  # type: ignore[arg-type]
    expected = PLAN.mel(samples(speech, mono=mono), BANK, log=log)  # type: ignore[arg-type]
    result = loaded(out)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)
    assert done[:3] == (len(speech_16k()), expected.shape[-1], RATE)
    assert done.seconds > 0
    assert names_in(speech.parent) == sorted(["x.wav", out.name])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("power", "log"), [(1.0, None), (2.0, None), (0.7, None), (1.0, "db"), (2.0, "db"), (1.0, "ln")]
)
def test_spectrograms_have_the_bits_of_the_whole_signals(
    speech: Path, kind: str, power: float, log: str | None
) -> None:
    plan = STFT(256, hop_length=100, win_length=200, center=False, dtype="float64")
    out = speech.with_suffix(f".{kind}")
    files.spectrogram(speech, out, plan, power=power, log=log)
    y, result = samples(speech, dtype="float64"), loaded(out)
    expected = plan.power(y, power=power) if log is None else plan.mel(y, BinBank(129, "float64"), power=power, log=log)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


def test_a_bin_bank_takes_each_bin_alone() -> None:
    np.testing.assert_array_equal(np.asarray(BinBank(5)), np.eye(5, dtype=np.float32))
    levels = PLAN.power(speech_16k())
    for log in (None, "log10"):
        expected = levels if log is None else np.log10(np.maximum(levels, np.float32(1e-10)))
        result = PLAN.mel(speech_16k(), BinBank(PLAN.n_bins), log=log)  # type: ignore[arg-type]
        np.testing.assert_allclose(result, expected, rtol=3e-7, atol=1e-6)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(60, 70_000), n=st.integers(1, 9000), center=st.booleans(), log=st.sampled_from([None, "whisper"])
)
def test_neither_blocks_nor_lengths_matter(tmp_path: Path, size: int, n: int, center: bool, log: str | None) -> None:
    y = speech_16k()[8000 : 8000 + n].astype(np.float32)
    soundfile.write(tmp_path / "x.wav", y, RATE, subtype="FLOAT")
    plan = STFT(400, hop_length=160, center=center)
    expected, out, before = None, tmp_path / "m.npy", sound_readers.BLOCK_SAMPLES
    with contextlib.suppress(ValueError):  # too short for a frame, or for a second one
        expected = plan.mel(y, BANK, log=log)  # type: ignore[arg-type]
    try:
        sound_readers.BLOCK_SAMPLES = size
        files.mel(tmp_path / "x.wav", out, plan, BANK, log=log)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.load(out), expected)
    except ValueError:
        assert expected is None
    finally:
        sound_readers.BLOCK_SAMPLES = before


@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=8), loudest=st.integers(0, 40))
def test_whispers_largest_is_that_of_all_frames_but_the_last(sizes: list[int], loudest: int) -> None:
    n = sum(sizes)
    L = np.random.default_rng(n).uniform(-10, 0, (2, 3, n)).astype(np.float32)
    L[:, :, loudest % max(n, 1) :][..., :1] = 5
    with tempfile.TemporaryFile() as file:
        frames = array_writers.NpyWriter(file, array_writers.LevelsShape(3, 2, L.dtype))
        finish = metadata.Metadata(RATE, PLAN, BANK, 2.0, "whisper").finish
        assert finish is not None
        sink = array_writers.Finisher(frames, frames, finish, drops_last=True)
        for block in np.split(L, np.cumsum(sizes)[:-1], axis=-1):
            sink.write(block)
        if n < 2:
            with pytest.raises(ValueError, match="at least two frames"):
                sink.finish(0)
            return
        sink.finish(0)
        file.seek(0)
        result = np.load(file)
    without_last = L[..., :-1]
    expected = (np.maximum(without_last, without_last.max(axis=(1, 2), keepdims=True) - 8) + 4) / 4
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_defaults_fit_the_rate(speech: Path) -> None:
    done = files.mel(speech, speech.with_suffix(".npy"))
    plan = STFT(1024, hop_length=256)
    np.testing.assert_array_equal(
        loaded(speech.with_suffix(".npy")), plan.mel(samples(speech), MelBank(RATE, 1024, 80))
    )
    assert done.frames == plan.n_frames(done.samples)
    done = files.spectrogram(speech, speech.with_suffix(".npy"), sr=8000)
    assert done.sr == 8000
    assert loaded(speech.with_suffix(".npy")).shape == (257, 1 + done.samples // 128)


@pytest.mark.parametrize("log", [None, "db", "whisper"])
def test_the_default_padding_is_that_of_the_logarithm(speech: Path, log: str | None) -> None:
    files.mel(speech, speech.with_suffix(".npz"), log=log)  # type: ignore[arg-type]
    plan = STFT(1024, hop_length=256, pad_mode="reflect" if log == "whisper" else "constant")
    expected = plan.mel(samples(speech), MelBank(RATE, 1024, 80), log=log)  # type: ignore[arg-type]
    np.testing.assert_array_equal(loaded(speech.with_suffix(".npz")), expected)
    with np.load(speech.with_suffix(".npz")) as archive:
        assert archive["pad_mode"] == plan.pad_mode


def test_an_open_sound_is_taken_too(speech: Path) -> None:
    with files.open_sound(speech, mono=False) as sound:
        files.mel(sound, speech.with_suffix(".npy"), PLAN, BANK)
    assert loaded(speech.with_suffix(".npy")).shape[:2] == (2, 40)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_mapped_or_read_in_part_by_others(speech: Path, kind: str) -> None:
    out = speech.with_suffix(f".{kind}")
    files.mel(speech, out, PLAN, BANK)
    if kind == "npy":
        M = np.load(out, mmap_mode="r")
        assert isinstance(M, np.memmap)
        assert M.flags.f_contiguous
        assert M.shape == (40, 401)


@pytest.mark.parametrize("kind", ["npz", "zarr"])
@pytest.mark.parametrize("window", ["hamming", ("kaiser", 8.0)])
@pytest.mark.parametrize("filters", ["mel", "own", "none"])
def test_metadata_are_stored(speech: Path, kind: str, window: object, filters: str) -> None:
    plan = STFT(400, hop_length=160, win_length=320, window=window, center=False)  # type: ignore[arg-type]
    out, own = speech.with_suffix(f".{kind}"), np.random.default_rng(0).uniform(0, 1, (7, 201))
    if filters == "none":
        files.spectrogram(speech, out, plan, power=0.5, log="db")
    else:
        bank = MelBank(RATE, 400, 30, fmin=50, fmax=7000, htk=True, norm=None) if filters == "mel" else FilterBank(own)
        files.mel(speech, out, plan, bank, power=0.5, log="db")
    with array_readers.open_levels(out) as levels:
        stored = metadata.Metadata.from_dict(levels.entries, levels.dtype, "x")
    assert (stored.sr, stored.power, stored.log, stored.samples) == (RATE, 0.5, "db", len(speech_16k()))
    np.testing.assert_array_equal(stored.plan.window, plan.window)
    assert (stored.plan.n_fft, stored.plan.hop_length, stored.plan.center) == (400, 160, False)
    if filters == "none":
        assert stored.bank is None
    else:
        np.testing.assert_allclose(np.asarray(stored.bank), np.asarray(bank), rtol=1e-6)
    if kind == "zarr":
        assert json.loads((out / "zarr.json").read_text())["attributes"]["hop_length"] == 160


# ---- pictures ----
@settings(deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(0, 90), max_size=30), columns=st.sampled_from([2, 6, 32]))
def test_columns_are_the_largest_of_their_frames(sizes: list[int], columns: int) -> None:
    frames = np.random.default_rng(sum(sizes)).uniform(0, 1, (3, sum(sizes))).astype(np.float32)
    pooled = picture.PooledColumns(3, columns)
    for block in np.split(frames, np.cumsum(sizes)[:-1], axis=1) if sizes else []:
        pooled.write(block)
    assert pooled.frames == sum(sizes)
    assert pooled.factor == 1 or pooled.frames * 2 > columns * pooled.factor
    assert pooled.maxima.shape[1] <= columns
    expected = [frames[:, a : a + pooled.factor].max(axis=1) for a in range(0, frames.shape[1], pooled.factor)]
    np.testing.assert_array_equal(pooled.maxima, np.array(expected, np.float32).reshape(-1, 3).T)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 30), sizes=st.lists(st.integers(0, 9), max_size=9))
def test_rows_are_the_largest_of_neighbouring_bins(
    monkeypatch: pytest.MonkeyPatch, rows: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(picture, "MAX_ROWS", 10)
    frames = np.random.default_rng(rows).uniform(0, 1, (rows, sum(sizes))).astype(np.float32)
    pooled = picture.PooledColumns(rows, 100)
    for block in np.split(frames, np.cumsum(sizes)[:-1], axis=1) if sizes else []:
        pooled.write(block)
    assert pooled.row_factor == -(-rows // 10)
    assert len(pooled.maxima) <= 10
    expected = [frames[a : a + pooled.row_factor].max(axis=0) for a in range(0, rows, pooled.row_factor)]
    np.testing.assert_array_equal(pooled.maxima, expected)


@pytest.mark.parametrize("filters", ["bins", "mel", "own"])
def test_many_rows_are_drawn_where_they_belong(filters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edges of the axes are those of all bins or filters, whatever the number of them in a row of pixels."""
    monkeypatch.setattr(picture, "MAX_ROWS", 513)
    plan, bank = STFT(4096), None
    if filters == "mel":
        bank = MelBank(RATE, 1 << 14, 1100)
        plan = STFT(1 << 14)
    elif filters == "own":
        bank = FilterBank(np.ones((1100, plan.n_bins), np.float32))
    meta = metadata.Metadata(RATE, plan, bank, 1.0, None)
    writer = picture.PictureWriter(meta, Path("x.png"), "x")
    levels = np.zeros((meta.rows, 3), np.float32)
    levels[700] = 1
    writer.write(levels)
    drawn = writer.draw(1.0)
    bottom, top = drawn.figure.axes[0].get_ylim()
    assert len(drawn.indices) == -(-meta.rows // writer.row_factor) <= 513
    unit = RATE / 4096 if filters == "bins" else 1
    (row,) = np.flatnonzero(drawn.indices[:, 0])
    height = (top - bottom) / len(drawn.indices)
    assert bottom + row * height < 700 * unit < bottom + (row + 1) * height
    assert (bottom, height) == pytest.approx((-unit / 2, writer.row_factor * unit))


@pytest.mark.parametrize("content", ["mel", "own", "bins", "silence", "sample"])
def test_pictures_are_drawn(speech: Path, content: str) -> None:
    out = speech.with_suffix(".png")
    if content in ("silence", "sample"):
        soundfile.write(speech, np.zeros(5000 if content == "silence" else 1), RATE)
    if content == "own":
        files.mel(speech, out, PLAN, np.ones((3, 201)))
    elif content == "bins":
        files.spectrogram(speech, out, PLAN, db_range=60)
    else:
        files.mel(speech, out, PLAN, BANK)
    assert out.read_bytes().startswith(b"\x89PNG")
    assert names_in(speech.parent) == ["x.png", "x.wav"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "time (s)"),
        (4, "time (s)"),
        (119, "time (s)"),
        (300, "time (m:ss)"),
        (86_400, "time (h:mm)"),
        (1e7, "time (h:mm)"),
    ],
)
def test_the_time_axis_of_any_length_has_a_few_round_ticks(seconds: float, words: str) -> None:
    plan = STFT(1024, hop_length=256)
    writer = picture.PictureWriter(metadata.Metadata(RATE, plan, None, 1.0, None), Path("x.png"), "x", 80)
    writer.write(np.ones((513, 5), np.float32))
    (axes, _) = writer.draw(seconds).figure.axes
    assert axes.get_xlabel() == words
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert 2 <= len(labels) <= 11
    assert len(set(labels)) == len(labels)
    if seconds == 86_400:
        assert labels[:3] == ["0:00", "3:00", "6:00"]


# ---- errors ----
@pytest.mark.parametrize("kind", [*FORMATS, "png"])
def test_an_error_leaves_the_old_file_and_no_other(speech: Path, kind: str) -> None:
    out = speech.with_suffix(f".{kind}")
    files.mel(speech, out, PLAN, BANK)
    before = loaded(out) if kind != "png" else out.read_bytes()
    y = speech_16k().astype(np.float32)
    y[-7] = np.nan
    soundfile.write(speech, y, RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match="samples must be finite"):
        files.mel(speech, out, PLAN, BANK)
    np.testing.assert_array_equal(loaded(out) if kind != "png" else out.read_bytes(), before)
    assert names_in(speech.parent) == sorted(["x.wav", out.name])
    assert not [t for t in threading.enumerate() if t.name.startswith("fastspec ")]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", [*FORMATS, "png"])
@pytest.mark.parametrize("log", [None, "whisper"])
def test_progress_is_reported_and_may_stop_the_work(speech: Path, kind: str, log: str | None) -> None:
    out, reports = speech.with_suffix(f".{kind}"), []

    class StopError(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        if done > 20_000:
            raise StopError

    if kind == "png":
        log = None
    with pytest.raises(StopError):
        files.mel(speech, out, PLAN, BANK, log=log, progress=stop)  # type: ignore[arg-type]
    assert names_in(speech.parent) == ["x.wav"]
    files.mel(speech, out, PLAN, BANK, log=log, progress=lambda *at: reports.append(at))  # type: ignore[arg-type]
    n = len(speech_16k())
    assert [total for _, total in reports] == [n] * len(reports)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert reports[-1] == (n, n)


@pytest.mark.parametrize("end", ["ahead", "behind"])
def test_an_error_of_either_thread_ends_the_work(end: str) -> None:
    def failing(at: int) -> int:
        if at == 5:
            raise OSError("full")
        return at

    seen: list[int] = []

    def work() -> None:
        if end == "ahead":
            with pipeline.read_ahead(failing(at) for at in range(9)) as blocks:
                seen.extend(blocks)
        else:
            with pipeline.write_behind(lambda at: seen.append(failing(at))) as put:
                for at in range(9):
                    put(at)

    with pytest.raises(OSError, match="full"):
        work()
    assert seen == [0, 1, 2, 3, 4]


def test_what_waits_is_bounded_and_all_is_written_in_order() -> None:
    produced, seen = [], []

    def blocks() -> "Callable[[], int]":
        for at in range(50):
            produced.append(at)
            yield at

    with pipeline.read_ahead(blocks()) as ahead, pipeline.write_behind(seen.append) as put:
        for at in ahead:
            assert len(produced) <= at + pipeline.LIVE_BLOCKS
            put(at)
    assert seen == list(range(50))


def test_a_folder_that_is_no_store_is_not_replaced(speech: Path) -> None:
    out = speech.with_suffix(".zarr")
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"x\.zarr: not a folder with a file zarr\.json"):
        files.mel(speech, out, PLAN, BANK)
    assert (out / "mine.txt").read_text() == "mine"
    assert names_in(speech.parent) == ["x.wav", "x.zarr"]


def test_zarr_that_is_absent_is_named_before_the_work(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'\.zarr file needs zarr.*pip install "fastspec\[zarr\]"'):
        files.mel(speech, speech.with_suffix(".zarr"), PLAN, BANK)
    assert names_in(speech.parent) == ["x.wav"]


def test_bad_arguments_are_named_and_leave_nothing(speech: Path) -> None:
    out = speech.with_suffix(".npy")
    for call, words in (
        (lambda: files.mel(speech, speech.with_suffix(".xyz")), "OUT must end in .npy, .npz, .zarr or .png, got x.xyz"),
        (lambda: files.mel(speech, out, PLAN, MelBank(8000, 400, 20)), "bank must be for the sound's 16000 Hz"),
        (lambda: files.mel(speech, out, PLAN, np.ones((3, 5))), "bank must have n_bins = 201 columns"),
        (lambda: files.mel(speech, out, PLAN, BANK, power=0), "power must be above 0"),
        (lambda: files.mel(speech, out, PLAN, BANK, log="magic"), "log must be None or one of"),  # type: ignore[arg-type]
        (lambda: files.spectrogram(speech, out, log="whisper"), "log must be None, 'db'"),
        (lambda: files.mel(speech, speech.with_suffix(".png"), log="db"), "log must be None for a picture"),
        (lambda: files.mel(speech, speech.with_suffix(".png"), mono=False), "mono must be True for a picture"),
        (lambda: files.mel(speech, speech.parent / "absent" / "m.npy"), "absent: no such folder"),
        (lambda: files.mel(speech, out, STFT(1 << 17, center=False)), "fewer than a frame of n_fft = 131072"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=words.replace("(", r"\(")):
            call()
        assert names_in(speech.parent) == ["x.wav"]
