"""From stored levels, and from sound, to sound: arguments take precedence over metadata, values are checked."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cases import speech_16k
from hypothesis import given, settings
from hypothesis import strategies as st

from fastspec import STFT, FilterBank, MelBank, files, stream
from fastspec.files import array_readers, array_writers, sound_readers, to_sound

RATE = 16_000
PLAN, BANK = STFT(512, hop_length=128), MelBank(RATE, 512, 60)
Y = speech_16k()[8000:40_000].astype(np.float32)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "x.wav", Y, RATE, subtype="FLOAT")
    return tmp_path / "x.wav"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_readers, "BLOCK_SAMPLES", 7001)
    monkeypatch.setattr(array_writers, "BLOCK_VALUES", 257 * 70)
    monkeypatch.setattr(array_readers, "BLOCK_VALUES", 257 * 50)


def recovered(S: np.ndarray, length: int | None = None, plan: STFT = PLAN, **keywords: Any) -> np.ndarray:
    """By the stream, of all magnitudes at once."""
    recovery = stream.StreamingRecover(plan, **{"method": "accelerated", "rng": 0, **keywords})
    blocks = recovery.push(S), recovery.flush(length)
    return np.concatenate(blocks, axis=-1)


def recovered_mel(
    M: np.ndarray, length: int, plan: STFT = PLAN, bank: FilterBank = BANK, **keywords: Any
) -> np.ndarray:
    """The same of mels."""
    recovery = stream.StreamingRecoverMel(plan, bank, rng=0, **keywords)
    return np.concatenate([recovery.push(M), recovery.flush(length)], axis=-1)


def samples(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0].T


@pytest.mark.parametrize("keywords", [{}, {"method": "rtisi"}, {"method": "griffinlim", "init": "spsi", "n_iter": 3}])
def test_resynthesis_is_the_streams(speech: Path, keywords: dict[str, Any]) -> None:
    out = speech.with_name("y.wav")
    done = files.resynth(speech, out, PLAN, subtype="FLOAT", **keywords)
    S = PLAN.power(Y, power=1)
    y = samples(out)
    np.testing.assert_array_equal(y, recovered(S, len(Y), **keywords))
    misfit = np.linalg.norm(PLAN.power(y, power=1) - S) / np.linalg.norm(S)
    assert done.convergence == pytest.approx(20 * np.log10(misfit), abs=0.01)
    assert (done.samples, done.frames, done.sr, done.gain) == (len(Y), S.shape[1], RATE, 1.0)


def test_channels_stay_apart(tmp_path: Path) -> None:
    two = np.stack([Y, Y[::-1]])
    soundfile.write(tmp_path / "x.wav", two.T, RATE, subtype="FLOAT")
    files.resynth(tmp_path / "x.wav", tmp_path / "y.wav", PLAN, mono=False, subtype="FLOAT")
    np.testing.assert_array_equal(samples(tmp_path / "y.wav"), recovered(PLAN.power(two, power=1), len(Y)))


@pytest.mark.parametrize("kind", ["npy", "npz", "zarr"])
@pytest.mark.parametrize(("power", "log"), [(1.0, None), (2.0, None), (1.0, "db"), (2.0, "log10"), (0.5, "ln")])
def test_a_stored_spectrogram_is_inverted(speech: Path, kind: str, power: float, log: str | None) -> None:
    levels, out = speech.with_suffix(f".{kind}"), speech.with_name("y.wav")
    files.spectrogram(speech, levels, PLAN, power=power, log=log)
    arguments = {"plan": PLAN, "sr": RATE, "power": power, "log": log} if kind == "npy" else {}
    done = files.invert(levels, out, subtype="FLOAT", **arguments)  # type: ignore[arg-type]
    assert done.convergence is not None
    assert done.convergence < -20
    y = samples(out)
    assert len(y) == (len(Y) if kind != "npy" else PLAN.n_samples(done.frames))
    if log is None and power == 1:
        np.testing.assert_array_equal(y, recovered(PLAN.power(Y, power=1), len(y)))
    S = PLAN.power(Y, power=1)[:, : PLAN.n_frames(len(y))]  # whatever it went through, it is that of the speech
    assert np.linalg.norm(PLAN.power(y, power=1) - S) < 0.1 * np.linalg.norm(S)


@pytest.mark.parametrize("kind", ["npy", "npz", "zarr"])
@pytest.mark.parametrize("log", [None, "db", "whisper"])
def test_stored_mels_are_inverted(speech: Path, kind: str, log: str | None) -> None:
    levels, out = speech.with_suffix(f".{kind}"), speech.with_name("y.wav")
    files.mel(speech, levels, PLAN, BANK, log=log)  # type: ignore[arg-type]
    arguments = {"plan": PLAN, "bank": BANK, "sr": RATE, "power": 2.0, "log": log} if kind == "npy" else {}
    done = files.invert(levels, out, subtype="FLOAT", **arguments)  # type: ignore[arg-type]
    M = PLAN.mel(Y, BANK)
    y = samples(out)
    assert len(y) == PLAN.n_samples(done.frames) if kind == "npy" or log == "whisper" else len(Y)
    if log is None:
        np.testing.assert_array_equal(y, recovered_mel(M, len(y)))
    levels_of_y = PLAN.mel(y, BANK)
    misfit = np.linalg.norm(levels_of_y - M[:, : levels_of_y.shape[1]]) / np.linalg.norm(M)
    assert misfit < 0.1
    if log is None:
        assert done.convergence == pytest.approx(20 * np.log10(misfit), abs=0.05)


@pytest.mark.parametrize("method", ["raar", [("rtisi", 2), ("fast", 3)]])
def test_methods_that_take_magnitudes_get_those_of_the_mels(speech: Path, method: Any) -> None:
    levels, out = speech.with_suffix(".npz"), speech.with_name("y.wav")
    files.mel(speech, levels, PLAN, BANK)
    files.invert(levels, out, subtype="FLOAT", method=method)
    expected = recovered_mel(PLAN.mel(Y, BANK), len(Y), method="cascade", rounds=method)
    np.testing.assert_array_equal(samples(out), expected)


def test_channels_filters_of_ones_own_and_float64(tmp_path: Path) -> None:
    two, plan = np.stack([Y, Y[::-1]]).astype(np.float64), STFT(512, hop_length=128, dtype="float64")
    bank = FilterBank(np.random.default_rng(1).uniform(0, 1, (300, 257)))
    soundfile.write(tmp_path / "x.wav", two.T, RATE, subtype="DOUBLE")
    files.mel(tmp_path / "x.wav", tmp_path / "m.npz", plan, bank, mono=False)
    files.invert(tmp_path / "m.npz", tmp_path / "y.wav", subtype="DOUBLE")
    expected = recovered_mel(plan.mel(two, bank), len(Y), plan, bank)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "y.wav")[0].T, expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["npy", "npz", "compressed"])
def test_arrays_of_others_are_read_in_either_order(tmp_path: Path, kind: str, order: Any) -> None:
    S = np.asarray(PLAN.power(Y, power=1), order=order)
    path = tmp_path / f"S.{'npy' if kind == 'npy' else 'npz'}"
    if kind == "npy":
        np.save(path, S)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(path, S=S)
    done = files.invert(path, tmp_path / "y.wav", PLAN, sr=RATE, subtype="FLOAT")
    np.testing.assert_array_equal(samples(tmp_path / "y.wav"), recovered(S, done.samples))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "y.wav"])


def test_the_arguments_are_stronger_than_the_file(speech: Path) -> None:
    files.spectrogram(speech, speech.with_suffix(".npz"), PLAN)
    files.invert(speech.with_suffix(".npz"), speech.with_name("y.wav"), sr=8000)
    assert soundfile.info(speech.with_name("y.wav")).samplerate == 8000


def test_a_loud_sound_is_made_softer_in_whole_numbers_alone(speech: Path) -> None:
    files.spectrogram(speech, speech.with_suffix(".npy"), PLAN)
    S, out = np.load(speech.with_suffix(".npy")), speech.with_name("y.wav")
    np.save(speech.with_suffix(".npy"), 40 * S)
    done = files.invert(speech.with_suffix(".npy"), out, PLAN, sr=RATE)
    assert done.gain < 1
    assert np.abs(samples(out)).max() == pytest.approx(0.95, abs=1e-3)
    loud = files.invert(speech.with_suffix(".npy"), out, PLAN, sr=RATE, subtype="FLOAT")
    assert loud.gain == 1
    assert np.abs(samples(out)).max() == pytest.approx(0.95 / done.gain, rel=1e-3)


@pytest.mark.parametrize("keywords", [{}, {"method": "rtisi"}, {"method": "rtpghi"}, {"init": "random", "n_iter": 2}])
def test_resynthesis_without_centring_does_not_click(speech: Path, keywords: dict[str, Any]) -> None:
    done = files.resynth(speech, speech.with_name("y.wav"), STFT(512, hop_length=128, center=False), **keywords)
    assert done.gain == 1
    y = np.abs(samples(speech.with_name("y.wav")))
    assert max(y[:512].max(), y[-512:].max()) <= 1.5 * y[512:-512].max()


@settings(deadline=None, max_examples=30)
@given(ahead=st.lists(st.integers(0, 40), max_size=12), behind=st.lists(st.integers(0, 40), max_size=12))
def test_the_convergence_does_not_depend_on_the_blocks(ahead: list[int], behind: list[int]) -> None:
    target, recovered = np.random.default_rng(5).uniform(0, 1, (2, 257, 300)).astype(np.float32)
    recovery = to_sound.MonitoredRecovery(PLAN)
    for S in np.split(target, np.minimum(np.cumsum(ahead, dtype=int), 300), axis=1):
        recovery.add_target(S)
    for L in np.split(recovered, np.minimum(np.cumsum(behind, dtype=int), 300), axis=1):
        recovery.compare(L)
    misfit = np.linalg.norm(recovered - target) / np.linalg.norm(target)
    assert recovery.convergence == pytest.approx(20 * np.log10(misfit), abs=1e-3)


def test_silence_and_a_single_sample(tmp_path: Path) -> None:
    for n in (1, 5000):
        soundfile.write(tmp_path / "x.wav", np.zeros(n), RATE)
        done = files.resynth(tmp_path / "x.wav", tmp_path / "y.wav", PLAN)
        assert done.convergence == -np.inf
        assert not samples(tmp_path / "y.wav").any()
        assert len(samples(tmp_path / "y.wav")) == n


def test_progress_is_reported_in_frames_and_may_stop_it(speech: Path) -> None:
    files.spectrogram(speech, speech.with_suffix(".npz"), PLAN)
    reports: list[Any] = []
    done = files.invert(speech.with_suffix(".npz"), speech.with_name("y.wav"), progress=lambda *at: reports.append(at))
    assert reports == [(min(at, done.frames), done.frames) for at in range(50, done.frames + 50, 50)]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    speech.with_name("y.wav").unlink()
    for call in (files.invert, files.resynth):
        with pytest.raises(KeyboardInterrupt):
            call(
                speech.with_suffix(".npz" if call is files.invert else ".wav"), speech.with_name("y.wav"), progress=stop
            )
    assert sorted(path.name for path in speech.parent.iterdir()) == ["x.npz", "x.wav"]


# ---- errors ----
def test_files_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    good = np.ones((257, 9), np.float32)
    bad = good.copy()
    bad[3, 7] = np.nan
    negative = good.copy()
    negative[3, 7] = -1
    for name, array in (
        ("line", np.zeros(5)), ("four", np.zeros((1, 1, 257, 2))), ("none", np.zeros((257, 0))), ("bad", bad),
        ("negative", negative), ("words", np.array([["a"]])), ("rows", good[1:]), ("complex", good * 1j),
    ):  # fmt: skip
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.savez(tmp_path / "other.npz", X=good)
    np.savez(tmp_path / "half.npz", S=good, sr=RATE)
    (tmp_path / "text.npy").write_text("not an array")
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "empty.zarr").mkdir()
    data = (tmp_path / "rows.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(data[:-8])
    (tmp_path / "huge.npy").write_bytes(data.replace(b"(256, 9)", b"(256, 9" + b"0" * 11 + b")"[:1])[: len(data)])
    before = sorted(path.name for path in tmp_path.iterdir())
    for name, words in (
        ("line.npy", r"got shape \(5,\)"),
        ("four.npy", r"got shape \(1, 1, 257, 2\)"),
        ("none.npy", r"got shape \(257, 0\)"),
        ("bad.npy", r"in the block of frames 0 to 8, M\[3, 7\] is nan"),
        ("negative.npy", r"M\[3, 7\] is -1"),
        ("words.npy", "real numbers, got dtype <U1"),
        ("objects.npy", "real numbers, got dtype object"),
        ("complex.npy", "real numbers, got dtype complex64"),
        ("rows.npy", "has 256 rows, but there are 257 bins of n_fft"),
        ("other.npz", "holds no array called M or S"),
        ("half.npz", "its metadata lack n_fft"),
        ("text.npy", "not a readable .npy array"),
        ("text.npz", "not a readable .npz file"),
        ("empty.npy", "not a readable .npy array"),
        ("empty.zarr", "not a readable .zarr array"),
        ("short.npy", "declares 9216 bytes of values, the file holds 9208"),
        ("huge.npy", r"not a readable|declares \d+ bytes"),
    ):
        with pytest.raises(ValueError, match=rf"{name}: .*{words}"):
            files.invert(tmp_path / name, tmp_path / "y.wav", PLAN if name != "half.npz" else None, sr=RATE)
    with pytest.raises(ValueError, match="plan and sr are needed"):
        files.invert(tmp_path / "rows.npy", tmp_path / "y.wav")
    with pytest.raises(FileNotFoundError):
        files.invert(tmp_path / "absent.npy", tmp_path / "y.wav", PLAN, sr=RATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_header_that_promises_too_much_allocates_nothing(tmp_path: Path) -> None:
    text = repr({"descr": "<f4", "fortran_order": True, "shape": (257, 1 << 50)}).encode().ljust(117) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(100))
    with pytest.raises(ValueError, match="declares 1157425104234217472 bytes of values, the file holds 100"):
        files.invert(tmp_path / "x.npy", tmp_path / "y.wav", PLAN, sr=RATE)


def test_bad_arguments_are_named_before_the_work(speech: Path) -> None:
    for call, words in (
        (lambda: files.resynth(speech, speech.with_name("y.xyz")), "'.xyz' is not the suffix of a sound format"),
        (lambda: files.resynth(speech, speech.with_name("y.wav"), subtype="MAGIC"), "subtype must be one of"),
        (lambda: files.resynth(speech, speech.with_name("y.flac"), subtype="FLOAT"), "subtype must be one of"),
        (lambda: files.resynth(speech, speech.with_name("y.wav"), method="magic"), "magic"),
        (lambda: files.resynth(speech, speech.with_name("y.wav"), init="magic"), "magic"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert [path.name for path in speech.parent.iterdir()] == ["x.wav"]
