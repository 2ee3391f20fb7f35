"""Every public function called once, on a second of speech: that there is none which this Python cannot run."""

import inspect
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cases import speech_16k

import fastspec
from fastspec import files, kaldi, picture, stream
from fastspec import librosa as lib

pytestmark = pytest.mark.portable

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Any]

RATE = 16_000
Y = speech_16k()[8000:24_000].astype(np.float32)
PLAN, BANK = fastspec.STFT(400, hop_length=160), fastspec.MelBank(RATE, 400, 40)
FRONTEND = fastspec.FrontEnd(PLAN, BANK, remove_mean=True, preemphasis=0.97, log="ln", floor=1e-10)
D, S, M = PLAN.forward(Y), PLAN.power(Y, power=1), PLAN.mel(Y, BANK)
BLOCKS = np.array_split(Y, 7)

LOG = fastspec.pretty_spectrogram(Y, fft_size=256, step_size=64)
FULL = fastspec.stft(Y, 256, 64, compute_onesided=False)
FORTH, BACK = fastspec.create_mel_filter(256, 20, 300, 8000, RATE)
NOTEBOOK: dict[str, Call] = {
    "butter_bandpass": lambda: np.concatenate(fastspec.butter_bandpass(500, 4000, RATE, 1)),
    "butter_bandpass_filter": lambda: fastspec.butter_bandpass_filter(Y, 500, 4000, RATE, 1),
    "overlap": lambda: fastspec.overlap(Y, 256, 64),
    "stft": lambda: fastspec.stft(Y, 256, 64),
    "pretty_spectrogram": lambda: fastspec.pretty_spectrogram(Y, fft_size=256, step_size=64),
    "invert_pretty_spectrogram": lambda: fastspec.invert_pretty_spectrogram(LOG, True, 256, 64, 2),
    "iterate_invert_spectrogram": lambda: fastspec.iterate_invert_spectrogram(np.abs(FULL), 256, 64, 2),
    "invert_spectrogram": lambda: fastspec.invert_spectrogram(FULL, 64, set_zero_phase=False),
    "xcorr_offset": lambda: fastspec.xcorr_offset(Y[:500], Y[100:600]),
    "make_mel": lambda: fastspec.make_mel(LOG, FORTH, 2),
    "mel_to_spectrogram": lambda: fastspec.mel_to_spectrogram(fastspec.make_mel(LOG, FORTH, 2), BACK, 5, 2),
    "hz2mel": lambda: fastspec.hz2mel(440.0),
    "mel2hz": lambda: fastspec.mel2hz(440.0),
    "get_filterbanks": lambda: fastspec.get_filterbanks(20, 512, RATE),
    "create_mel_filter": lambda: fastspec.create_mel_filter(512, 20, 300, 8000, RATE)[0],
}


def threads() -> Array:
    with fastspec.threads(1):
        return PLAN.forward(Y)


ENGINE: dict[str, Call] = {
    "STFT": lambda: fastspec.STFT(422, hop_length=100, dtype="float64").forward(Y),
    "STFT.forward": lambda: PLAN.forward(Y),
    "STFT.power": lambda: PLAN.power(Y),
    "STFT.mel": lambda: PLAN.mel(Y, BANK, log="whisper"),
    "STFT.inverse": lambda: PLAN.inverse(D),
    "STFT.n_frames": lambda: PLAN.n_frames(len(Y)),
    "STFT.n_samples": lambda: PLAN.n_samples(50),
    "STFT.times": lambda: PLAN.times(50, RATE),
    "STFT.frequencies": lambda: PLAN.frequencies(RATE),
    "FilterBank": lambda: np.asarray(fastspec.FilterBank(np.eye(5))),
    "FilterBank.inverse": lambda: fastspec.FilterBank(np.asarray(BANK)).inverse(M),
    "MelBank": lambda: np.asarray(fastspec.MelBank(RATE, 400, 20, htk=True)),
    "MelBank.inverse": lambda: BANK.inverse(M, method="nnls", n_iter=20),
    "FrontEnd": lambda: FRONTEND(Y),
    "FrontEnd.n_frames": lambda: FRONTEND.n_frames(len(Y)),
    "FrontEnd.batch": lambda: FRONTEND.batch([Y, Y[:4000]])[0],
    "FrontEnd.stream": lambda: pushed(FRONTEND.stream(), BLOCKS),
    "FrontEnd.inverse": lambda: FRONTEND.inverse(FRONTEND(Y), n_iter=2),
    "FrontEnd.mean_power": lambda: FRONTEND.mean_power(Y),
    "FrontEnd.mean_cross": lambda: FRONTEND.mean_cross(Y, Y[::-1])[0],
    "KaldiMelBank": lambda: np.asarray(fastspec.KaldiMelBank(RATE, 400, 20)),
    "threads": threads,
    "recover": lambda: fastspec.recover(S, PLAN, n_iter=2, rng=0),
    "recover_mel": lambda: fastspec.recover_mel(M, BANK, PLAN, n_iter=2, rng=0),
    "recipe": lambda: fastspec.recipe("whisper-80")(Y),
    "recipes": lambda: np.array([len(name) for name in fastspec.recipes()]),
}
METHODS = ["griffinlim", "fast", "accelerated", "admm", "raar", "rtisi", "rtpghi"]


def pushed(made: Any, blocks: Any) -> Array:
    """All that a stream gives for these blocks."""
    return np.concatenate([*(made.push(block) for block in blocks), made.flush()], axis=-1)


def joined(parts: Any) -> Array:
    return np.concatenate(list(parts), axis=-1)


def columns(x: Array) -> list[Array]:
    return np.array_split(x, 5, axis=-1)


STREAM: dict[str, Call] = {
    "StreamingSTFT": lambda: pushed(stream.StreamingSTFT(PLAN), BLOCKS),
    "StreamingPower": lambda: pushed(stream.StreamingPower(PLAN), BLOCKS),
    "StreamingMel": lambda: pushed(stream.StreamingMel(PLAN, BANK, log="db"), BLOCKS),
    "StreamingISTFT": lambda: pushed(stream.StreamingISTFT(PLAN), columns(D)),
    "StreamingRecover": lambda: pushed(stream.StreamingRecover(PLAN), columns(S)),
    "StreamingRecoverMel": lambda: pushed(stream.StreamingRecoverMel(PLAN, BANK, n_iter=2, rng=0), columns(M)),
    "stft": lambda: joined(stream.stft(BLOCKS, PLAN)),
    "power": lambda: joined(stream.power(BLOCKS, PLAN)),
    "mel": lambda: joined(stream.mel(BLOCKS, PLAN, BANK)),
    "istft": lambda: joined(stream.istft(columns(D), PLAN)),
    "recover": lambda: joined(stream.recover(columns(S), PLAN)),
}

MFCC = np.random.default_rng(0).standard_normal((13, 30)).astype(np.float32)
LIBROSA: dict[str, Call] = {
    "stft": lambda: lib.stft(Y, n_fft=400),
    "istft": lambda: lib.istft(D, hop_length=160),
    "griffinlim": lambda: lib.griffinlim(S, n_iter=2, hop_length=160, rng=0),
    "magphase": lambda: lib.magphase(D)[1],
    "power_to_db": lambda: lib.power_to_db(M),
    "amplitude_to_db": lambda: lib.amplitude_to_db(S),
    "db_to_power": lambda: lib.db_to_power(np.array([-20.0, 3.0])),
    "db_to_amplitude": lambda: lib.db_to_amplitude(np.array([-20.0, 3.0])),
    "blocks_to_frames": lambda: lib.blocks_to_frames(3, block_length=16),
    "blocks_to_samples": lambda: lib.blocks_to_samples(3, block_length=16, hop_length=512),
    "blocks_to_time": lambda: lib.blocks_to_time(3, block_length=16, hop_length=512, sr=RATE),
    "fft_frequencies": lambda: lib.fft_frequencies(sr=RATE, n_fft=400),
    "frames_to_samples": lambda: lib.frames_to_samples(3),
    "frames_to_time": lambda: lib.frames_to_time(3),
    "hz_to_mel": lambda: lib.hz_to_mel(440.0),
    "mel_frequencies": lambda: lib.mel_frequencies(20),
    "mel_to_hz": lambda: lib.mel_to_hz(7.0),
    "samples_like": lambda: lib.samples_like(S),
    "samples_to_frames": lambda: lib.samples_to_frames(3000),
    "samples_to_time": lambda: lib.samples_to_time(3000),
    "time_to_frames": lambda: lib.time_to_frames(0.5),
    "time_to_samples": lambda: lib.time_to_samples(0.5),
    "times_like": lambda: lib.times_like(S),
    "feature.melspectrogram": lambda: lib.feature.melspectrogram(y=Y, sr=RATE),
    "feature.mfcc": lambda: lib.feature.mfcc(y=Y, sr=RATE),
    "feature.inverse.mel_to_stft": lambda: lib.feature.inverse.mel_to_stft(M, sr=RATE, n_fft=400),
    "feature.inverse.mel_to_audio": lambda: lib.feature.inverse.mel_to_audio(M, sr=RATE, n_fft=400, n_iter=2),
    "feature.inverse.mfcc_to_mel": lambda: lib.feature.inverse.mfcc_to_mel(MFCC, n_mels=40),
    "feature.inverse.mfcc_to_audio": lambda: lib.feature.inverse.mfcc_to_audio(MFCC, n_mels=40, n_iter=2),
    "filters.mel": lambda: lib.filters.mel(sr=RATE, n_fft=400, n_mels=40),
    "filters.get_window": lambda: lib.filters.get_window("hann", 400),
    "util.frame": lambda: lib.util.frame(Y, frame_length=400, hop_length=160),
    "util.fix_length": lambda: lib.util.fix_length(Y, size=20_000),
    "util.pad_center": lambda: lib.util.pad_center(Y, size=20_000),
    "util.normalize": lambda: lib.util.normalize(Y),
    "util.valid_audio": lambda: lib.util.valid_audio(Y),
    "util.valid_int": lambda: lib.util.valid_int(3.0),
    "util.is_positive_int": lambda: lib.util.is_positive_int(3),
    "util.expand_to": lambda: lib.util.expand_to(Y, ndim=2, axes=1),
    "util.tiny": lambda: lib.util.tiny(Y),
    "util.dtype_r2c": lambda: lib.util.dtype_r2c(np.float32),
    "util.dtype_c2r": lambda: lib.util.dtype_c2r(np.complex64),
}


def frame_of(online: Any, rate: float = RATE) -> Array:
    online.accept_waveform(rate, Y)
    online.input_finished()
    return online.get_frame(50)


KALDI: dict[str, Call] = {
    "fbank": lambda: kaldi.fbank(Y),
    "mfcc": lambda: kaldi.mfcc(Y),
    "spectrogram": lambda: kaldi.spectrogram(Y),
    "KaldiMelBank": lambda: np.asarray(kaldi.KaldiMelBank(RATE, 512)),
    "OnlineFbank": lambda: frame_of(kaldi.OnlineFbank()),
    "OnlineMfcc": lambda: frame_of(kaldi.OnlineMfcc()),
    "FbankOptions": lambda: frame_of(kaldi.OnlineFbank(kaldi.FbankOptions(use_energy=True))),
    "MfccOptions": lambda: frame_of(kaldi.OnlineMfcc(kaldi.MfccOptions(num_ceps=5))),
    "FrameExtractionOptions": lambda: frame_of(
        kaldi.OnlineFbank(kaldi.FbankOptions(kaldi.FrameExtractionOptions(samp_freq=8000.0))), 8000.0
    ),
    "MelBanksOptions": lambda: frame_of(
        kaldi.OnlineFbank(kaldi.FbankOptions(mel_opts=kaldi.MelBanksOptions(num_bins=10)))
    ),
}

TABLES = {"notebook": NOTEBOOK, "engine": ENGINE, "stream": STREAM, "librosa": LIBROSA, "kaldi": KALDI}


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, calls in TABLES.items() for name in calls])
def test_it_runs(table: str, name: str) -> None:
    found = TABLES[table][name]()
    if isinstance(found, np.dtype | type):
        assert np.dtype(found).itemsize in (4, 8)
        return
    numbers = np.asarray(found)
    assert numbers.size
    assert np.isfinite(numbers).all()
    assert numbers.any()


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_recovery_runs(method: str) -> None:
    options = {} if method == "rtpghi" else {"n_iter": 2}
    found = fastspec.recover(S, PLAN, method=method, rng=0, **options)
    assert np.isfinite(found).all()
    assert found.any()


def test_every_command_from_file_to_file_runs(tmp_path: Path) -> None:
    sound, levels = tmp_path / "x.wav", tmp_path / "mel.npy"
    soundfile.write(sound, Y, RATE)
    with files.open_sound(sound) as opened:
        assert isinstance(opened, files.Sound)
    raw = tmp_path / "x.raw"
    raw.write_bytes((Y * 32767).astype(np.int16).tobytes())
    done = [
        files.mel(sound, levels, PLAN, BANK),
        files.mel(sound, tmp_path / "m.npz", recipe="whisper-80"),
        files.spectrogram(raw, tmp_path / "s.npz", PLAN, raw=files.Raw(RATE)),
        files.spectrogram(sound, tmp_path / "s.png"),
        files.spectrogram(sound, tmp_path / "s.zarr", PLAN),
        files.invert(levels, tmp_path / "y.wav", PLAN, BANK, power=2.0, sr=RATE, n_iter=2),
        files.invert(picture.to_levels(tmp_path / "s.png"), tmp_path / "p.wav", n_iter=2),
        files.invert(tmp_path / "m.npz", tmp_path / "w.wav", n_iter=2),
        files.resynth(sound, tmp_path / "z.wav", PLAN, n_iter=2),
    ]
    assert all(isinstance(one, files.Done) and one.frames for one in done)
    for name in ("y.wav", "p.wav", "w.wav", "z.wav"):
        assert soundfile.read(tmp_path / name)[0].any()


def test_librosa_is_patched_and_is_itself_again() -> None:
    import librosa

    real = librosa.stft
    fastspec.patch("librosa")
    try:
        assert fastspec.is_patched("librosa")
        assert "librosa.stft" in fastspec.patched("librosa")
        assert librosa.stft is not real
        assert np.isfinite(librosa.stft(Y)).all()
    finally:
        fastspec.unpatch("librosa")
    assert not fastspec.is_patched("librosa")
    assert librosa.stft is real


def test_the_command_line_answers() -> None:
    told = subprocess.run([sys.executable, "-m", "fastspec", "--help"], capture_output=True, text=True, check=True)
    assert "spectrogram" in told.stdout


def public(owner: Any) -> set[str]:
    """The functions of a module or class that have no underscore."""
    return {name for name in dir(owner) if name[0] != "_" and inspect.isfunction(getattr(owner, name))}


def test_no_function_is_missing_here() -> None:
    assert NOTEBOOK.keys() == set(fastspec.__all__)
    assert STREAM.keys() == set(stream.__all__)
    assert KALDI.keys() == set(kaldi.__all__)
    assert {*files.__all__} == {"Done", "Raw", "Sound", "invert", "mel", "open_sound", "resynth", "spectrogram"}
    others = fastspec._MODULE_OF.keys() - NOTEBOOK.keys() - {"is_patched", "patched", "unpatch"}
    assert others <= ENGINE.keys()
    classes = ("STFT", "FilterBank", "MelBank")
    methods = {f"{name}.{method}" for name in classes for method in public(getattr(fastspec, name))}
    assert methods <= ENGINE.keys()
    inner = {"core": "", "feature": "feature.", "filters": "filters.", "util": "util."}
    named = itertools.chain.from_iterable(
        ((prefix + name, getattr(getattr(lib, module), name)) for name in getattr(lib, module).__all__)
        for module, prefix in inner.items()
    )
    functions = {name for name, value in named if inspect.isfunction(value)}
    functions |= {f"feature.inverse.{name}" for name in lib.feature.inverse.__all__}
    assert functions == LIBROSA.keys()
