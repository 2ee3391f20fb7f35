"""Features of recipes and of front ends from file to file: the bits of the call, and what their files say of them."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cases import noise, speech_16k
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastspec
from fastspec import STFT, FrontEnd, MelBank, files
from fastspec.__main__ import main
from fastspec.files import array_readers, array_writers, riff, sound_readers
from fastspec.files.metadata import Metadata
from fastspec.frontends.inverse import SignalInverse
from fastspec.frontends.normalize import FrameSum, normalize_rows
from fastspec.kernels.features.row_sums import PART

RATE = 16_000
NAMES = fastspec.recipes()
NORMALIZED = {"nemo-64", "nemo-80", "nemo-128", "wespeaker-80", "seamless-80"}
FORMATS = ["npy", "npz", "zarr"]
Array = np.ndarray


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few seconds are many blocks."""
    monkeypatch.setattr(sound_readers, "BLOCK_SAMPLES", 7001)
    monkeypatch.setattr(array_writers, "BLOCK_VALUES", 40 * 70)
    monkeypatch.setattr(array_writers, "_CHUNK_VALUES", 40 * 33)
    monkeypatch.setattr(array_readers, "BLOCK_VALUES", 40 * 50)


def write_sound(path: Path, rate: int, channels: int = 2, seconds: float = 2.5) -> Array:
    """Write speech and noise, and return them (channels, n)."""
    y = speech_16k()[: int(seconds * RATE)].astype(np.float32)
    y = np.stack([y, 0.1 * noise(len(y)).astype(np.float32)])[:channels]
    soundfile.write(path, y.T, rate, subtype="FLOAT")
    return y


def loaded(path: Path) -> Array:
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return archive["M"]
    import zarr

    return np.asarray(zarr.open_array(str(path), mode="r")[...])


def called(recipe: fastspec.frontends.Recipe, y: Array) -> Array:
    return recipe(y.astype(recipe.dtype) * recipe.dtype.type(recipe.full_scale))


# ---- bits ----
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_has_the_bits_of_the_call(tmp_path: Path, name: str, kind: str) -> None:
    recipe, out = fastspec.recipe(name), tmp_path / f"m.{kind}"
    y = write_sound(tmp_path / "x.wav", recipe.sr)
    for mono in (True, False):
        done = files.mel(tmp_path / "x.wav", out, recipe=name, mono=mono)
        expected = called(recipe, y.mean(axis=0) if mono else y)
        np.testing.assert_array_equal(loaded(out), expected)
        assert loaded(out).dtype == np.float32
        assert done[:3] == (y.shape[1], expected.shape[-1], recipe.sr)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["x.wav", out.name])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["whisper-80", "nemo-80", "kaldi-mfcc-13", "hifigan-22k"])
def test_float64_is_kept(tmp_path: Path, name: str) -> None:
    recipe = fastspec.recipe(name, dtype="float64")
    y = write_sound(tmp_path / "x.wav", recipe.sr, channels=1)[0]
    files.mel(tmp_path / "x.wav", tmp_path / "m.npy", recipe=recipe)
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), called(recipe, y))


FRONT_ENDS = {
    "relative": {"log": "db", "floor": 1e-9, "dynamic_range": 60, "relative": True, "gain": 0.5, "offset": 1},
    "batch": {"log": "log10", "floor": 1e-9, "dynamic_range": 3, "reference": "batch"},
    "both": {"log": "ln", "floor": 1e-9, "dynamic_range": 5, "normalize": "deviation", "variance_floor": 1e-3},
    "energy": {"log": "ln", "floor": 1e-9, "energy": "first", "normalize": "mean"},
    "append": {"log": "ln", "floor": 1e-9, "append": 777, "low": -10.0, "high": 2.0},
    "linear": {"power": 0.7, "preemphasis": 0.9, "first_sample": "zero", "remove_mean": True},
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("options", FRONT_ENDS)
def test_any_front_end_is_taken_and_stored(tmp_path: Path, kind: str, options: str) -> None:
    plan = STFT(512, hop_length=160, frame_length=400, window=np.hamming, pad=(100, 300), pad_mode="reflect")
    frontend = FrontEnd(plan, MelBank(8000, 512, 30, htk=True, norm=None), **FRONT_ENDS[options])
    y, out = write_sound(tmp_path / "x.wav", RATE), tmp_path / f"m.{kind}"
    files.mel(tmp_path / "x.wav", out, recipe=frontend, mono=False)
    np.testing.assert_array_equal(loaded(out), frontend(y))
    if kind == "npy":
        return
    with array_readers.open_levels(out) as levels:
        stored = Metadata.from_dict(levels.entries, levels.dtype, "x")
    assert stored.frontend is not None
    assert repr(stored.frontend.plan).replace("array", "") == repr(plan).replace("array", "")
    assert stored.frontend.options == frontend.options
    assert (stored.sr, stored.samples) == (RATE, y.shape[1])
    np.testing.assert_array_equal(stored.frontend(y), frontend(y))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(60, 70_000), n=st.integers(1, 9000),
    name=st.sampled_from(["whisper-80", "nemo-80", "hifigan-22k", "lhotse-80", "seamless-80"]),
)  # fmt: skip
def test_neither_blocks_nor_lengths_matter(tmp_path: Path, size: int, n: int, name: str) -> None:
    recipe, y = fastspec.recipe(name), speech_16k()[8000 : 8000 + n].astype(np.float32)
    soundfile.write(tmp_path / "x.wav", y, recipe.sr, subtype="FLOAT")
    out, before = tmp_path / "m.npy", sound_readers.BLOCK_SAMPLES
    try:
        sound_readers.BLOCK_SAMPLES = size
        if recipe.n_frames(n) < 1:
            with pytest.raises(ValueError, match=f"holds {n} samples, fewer than features need"):
                files.mel(tmp_path / "x.wav", out, recipe=name)
            return
        files.mel(tmp_path / "x.wav", out, recipe=name)
    finally:
        sound_readers.BLOCK_SAMPLES = before
    np.testing.assert_array_equal(np.load(out), called(recipe, y))


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    write_sound(tmp_path / "x.wav", 44_100, channels=1)
    done = files.mel(tmp_path / "x.wav", tmp_path / "m.npy", recipe="whisper-80")
    with files.open_sound(tmp_path / "x.wav", sr=16_000) as sound:
        y = np.concatenate([block.copy() for block in sound.blocks()])
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), fastspec.recipe("whisper-80")(y))
    assert (done.sr, done.samples) == (16_000, len(y))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process its peak")
def test_memory_does_not_grow_with_the_sound(tmp_path: Path) -> None:
    """Features that take further passes over an hour, which are 115 MB, and those that are streamed."""
    code = (  # getrusage would count the process that this one was forked from
        "import re, sys\nfrom fastspec import files\n"
        "for name in ('whisper-80', 'nemo-80', 'lhotse-80'):\n"
        "    for out in sys.argv[2:]:\n        files.mel(sys.argv[1], out, recipe=name)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    peaks = []
    for seconds in (900, 3600):
        size = 2 * seconds * RATE
        with (tmp_path / "x.wav").open("wb") as file:  # sparse: it takes no space on the disk
            file.write(riff.pack_header("i2", RATE, 1, size))
            file.truncate(file.tell() + size)
        outs = [str(tmp_path / f"m.{kind}") for kind in ("npy", "npz")]
        words = [sys.executable, "-c", code, str(tmp_path / "x.wav"), *outs]
        peaks.append(int(subprocess.run(words, capture_output=True, check=True).stdout) / 1024)
    assert np.load(outs[0], mmap_mode="r").shape == (80, 3600 * 100)
    assert peaks[1] < 320
    assert peaks[1] - peaks[0] < 40, peaks


# ---- sums ----
@given(sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=6))
@settings(deadline=None, max_examples=30)
def test_sums_of_frames_do_not_depend_on_blocks(sizes: list[int]) -> None:
    n = sum(sizes)
    L = np.random.default_rng(n).standard_normal((2, 3, n)).astype(np.float32)
    whole, parts = FrameSum(squared=False), FrameSum(squared=False)
    whole.add(L)
    for block in np.split(L, np.cumsum(sizes)[:-1], axis=-1):
        parts.add(np.asfortranarray(block))
    np.testing.assert_array_equal(np.broadcast_to(whole.total(), (2, 3, 1)), np.broadcast_to(parts.total(), (2, 3, 1)))
    np.testing.assert_allclose(whole.total()[..., 0] if n else 0.0, L.sum(axis=-1, dtype=np.float64), atol=1e-3)
    assert PART < 3000


@pytest.mark.parametrize("floors", [None, (0.0, 0.0), (1e-5, 0.0), (0.0, 1e-3)])
@pytest.mark.parametrize("n", [1, 2, 5000])
def test_rows_are_normalized(floors: tuple[float, float] | None, n: int) -> None:
    L = 3 + 5 * np.random.default_rng(0).standard_normal((4, n))
    expected = L - L.mean(axis=1, keepdims=True)
    if floors is not None:
        variance = (expected**2).sum(axis=1, keepdims=True) / max(1, n - 1)
        deviation = np.sqrt(variance + floors[1]) + floors[0]
        expected = np.divide(expected, deviation, out=np.zeros_like(L), where=deviation != 0)
    normalize_rows(lambda change: change(L), n, floors)
    np.testing.assert_allclose(L, expected, rtol=1e-9, atol=1e-12)


# ---- back to sound ----
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_inverted_by_what_it_says(tmp_path: Path, name: str) -> None:
    recipe, out = fastspec.recipe(name), tmp_path / "y.wav"
    y = write_sound(tmp_path / "x.wav", recipe.sr, channels=1)[0]
    files.mel(tmp_path / "x.wav", tmp_path / "m.npz", recipe=name)
    if name in NORMALIZED:
        with pytest.raises(ValueError, match="rows were normalized"):
            files.invert(tmp_path / "m.npz", out)
        assert not out.exists()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bounds
        done = files.invert(tmp_path / "m.npz", out, subtype="FLOAT")
    x, rate = soundfile.read(out, dtype="float32")
    assert rate == recipe.sr
    assert (x.shape, done.samples) == (y.shape, len(y))
    assert done.convergence is not None
    assert done.convergence < -15
    assert 0.8 < np.linalg.norm(x) / np.linalg.norm(y) < 1.25
    L, reached = called(recipe, y), called(recipe, x)
    assert np.abs(reached - L).mean() < 0.35 * L.std()


@pytest.mark.parametrize("name", ["tacotron-20k", "kaldi-23", "funasr-80", "whisper-80"])
def test_what_is_undone_does_not_depend_on_blocks(name: str) -> None:
    """Pre-emphases and scales: x[t] = y[t] / scale + c x[t - 1]."""
    frontend = fastspec.recipe(name).frontend
    y = noise(2000).astype(np.float32).reshape(2, 1000)
    blocks, inverse = np.split(y, [0, 1, 300, 300, 777], axis=-1), SignalInverse(frontend)
    whole = SignalInverse(frontend).push(y)
    np.testing.assert_array_equal(np.concatenate([inverse.push(block) for block in blocks], axis=-1), whole)
    expected, c = y.astype(np.float64) / frontend.scale, frontend.preemphasis + frontend.signal_preemphasis
    for t in range(1, 1000):
        expected[:, t] += c * expected[:, t - 1]
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-6 / frontend.scale)


def test_an_array_without_metadata_is_inverted_by_a_recipe(tmp_path: Path) -> None:
    recipe = fastspec.recipe("hifigan-22k")
    y = write_sound(tmp_path / "x.wav", recipe.sr, channels=1)[0]
    np.save(tmp_path / "m.npy", recipe(y))
    files.invert(tmp_path / "m.npy", tmp_path / "a.wav", recipe="hifigan-22k")
    files.invert(tmp_path / "m.npy", tmp_path / "b.wav", recipe=recipe.frontend, sr=recipe.sr)
    a, b = (soundfile.read(tmp_path / name, dtype="float32")[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_array_equal(a, b)
    assert len(a) == len(y) // 256 * 256
    assert np.abs(recipe(a) - recipe(y[: len(a)])).mean() < 0.2


# ---- errors ----
def test_bad_arguments_are_named_and_leave_nothing(tmp_path: Path) -> None:
    sound, out = tmp_path / "x.wav", tmp_path / "m.npz"
    write_sound(sound, RATE)
    plan = STFT(400)
    cases = [
        (lambda: files.mel(sound, out, plan, recipe="whisper-80"), "plan must be left out"),
        (lambda: files.mel(sound, out, bank=np.eye(3), recipe="whisper-80"), "bank must be left out"),
        (lambda: files.mel(sound, out, log="ln", recipe="whisper-80"), "log must be left out"),
        (lambda: files.mel(sound, out, power=1, recipe="whisper-80"), "power must be left out"),
        (lambda: files.mel(sound, out, recipe="whisper"), "near it are whisper-80"),
        (lambda: files.mel(sound, out, recipe=80), "recipe must be the name"),  # type: ignore[arg-type]
        (lambda: files.mel(sound, out, recipe="whisper-80", sr=8000), "sr must be the 16000 Hz of recipe 'whisper-80'"),
        (lambda: files.mel(sound, tmp_path / "m.png", recipe="whisper-80"), "recipe must be None for a picture"),
        (lambda: files.mel(sound, out, recipe=FrontEnd(plan, dither=1.0)), "dither must be 0"),
    ]
    for call, words in cases:
        with pytest.raises((ValueError, TypeError), match=words):
            call()
    with files.open_sound(sound) as opened, pytest.raises(ValueError, match=r"open_sound\(..., sr=22050\)"):
        files.mel(opened, out, recipe="hifigan-22k")
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


def test_bad_files_of_features_are_named(tmp_path: Path) -> None:
    sound, npz, npy = tmp_path / "x.wav", tmp_path / "m.npz", tmp_path / "m.npy"
    write_sound(sound, RATE)
    files.mel(sound, npz, recipe="espnet-asr-16k")
    np.save(npy, loaded(npz))
    out = tmp_path / "y.wav"
    cases = [
        (lambda: files.invert(npz, out, log="ln"), "log must be None for the features of a recipe"),
        (lambda: files.invert(npz, out, STFT(512)), "plan must be None for the features of a recipe"),
        (lambda: files.invert(npz, out, recipe="whisper-80"), "has metadata, so recipe must be None"),
        (lambda: files.invert(npy, out, recipe="whisper-128"), "has 80 rows, but there are 128 rows"),
        (lambda: files.invert(npy, out, recipe=FrontEnd(STFT(512))), "sr is needed"),
    ]
    entries = dict(np.load(npz))
    for key, value, words in (
        ("recipe", "wisper-80", "near it are whisper-80"),
        ("recipe", "whisper-128", "there are 128 rows"),
        ("samples", -1, "samples must be at least 0"),
    ):
        np.savez(tmp_path / f"{value}.npz", **{**entries, key: value})
        cases.append((lambda path=tmp_path / f"{value}.npz": files.invert(path, out), words))  # type: ignore[misc]
    for call, words in cases:
        with pytest.raises(ValueError, match=words):
            call()
    assert not out.exists()


# ---- commands ----
def test_commands_take_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, npy, npz = tmp_path / "x.wav", tmp_path / "m.npy", tmp_path / "m.npz"
    y = write_sound(sound, RATE, channels=1)[0]
    assert main(["mel", "--recipe", "whisper-80", str(sound), str(npy)]) == 0
    np.testing.assert_array_equal(np.load(npy), fastspec.recipe("whisper-80")(y))
    assert "m.npy: 250 frames × 80 rows of whisper-80, 2.50 s at 16000 Hz" in capsys.readouterr().out
    assert main(["mel", "--recipe", "vocos-24k", str(sound), str(npz), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["mel", "--recipe", "vocos-24k", str(sound), str(npz)]) == 0
    assert "2.50 s at 24000 Hz" in (told := capsys.readouterr().out)
    assert told.rstrip().endswith("resampled from 16000 Hz")
    for source, options in ((npz, []), (npy, ["--recipe", "whisper-80"])):
        assert main(["invert", str(source), str(tmp_path / "y.wav"), "--n-iter=2", *options]) == 0
    assert soundfile.info(tmp_path / "y.wav").frames == len(y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mel", "--recipe", "hifigan"], "got 'hifigan': near it are hifigan-22k"),
        (["mel", "--recipe", "vocos-24k", "--n-fft=512", "--hop=8"], "--n-fft, --hop have no effect with --recipe"),
        (["mel", "--recipe", "vocos-24k", "--sr=8000"], "--sr has no effect with --recipe"),
        (["invert", "--recipe", "vocos-24k", "--log=ln"], "--log has no effect with --recipe"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    write_sound(tmp_path / "x.wav", RATE)
    np.save(tmp_path / "m.npy", np.zeros((100, 9), np.float32))
    source = "x.wav" if arguments[0] == "mel" else "m.npy"
    target = "m.npz" if arguments[0] == "mel" else "y.wav"
    assert main([*arguments, str(tmp_path / source), str(tmp_path / target)]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / target).exists()


def test_the_command_lists_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *NAMES]
    assert lines[1].split("  ")[0] == "whisper-80"
    assert all(part in lines[1] for part in ("16000 Hz", "80 rows, hop 160", "samples within ±1", "openai/whisper"))
    assert "samples of 16 bits" in next(line for line in lines if line.startswith("kaldi-23"))
