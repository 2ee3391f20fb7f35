"""Every public function with clean arguments, and what each of its arrays holds: what `input_cases` makes dirty."""

import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import input_frontends
import numpy as np

import fastspec
from fastspec import files, picture, stream
from fastspec import librosa as lib
from fastspec.plan import as_plan

Array = np.ndarray[Any, np.dtype[Any]]
RATE, BINS, MELS = 8000, 9, 5
PLANS = [
    fastspec.STFT(16, hop_length=4),
    fastspec.STFT(16, hop_length=5, center=False, dtype="float64"),
    fastspec.STFT(17, hop_length=6, pad_mode="reflect"),
    fastspec.STFT(17, hop_length=3, window="hamming", dtype="float64"),
]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    BANK = fastspec.MelBank(RATE, 16, MELS)
    FORTH, BACK = fastspec.create_mel_filter(16, MELS, 100, 4000, RATE)
FULL = fastspec.STFT(16, hop_length=4, window="hamming")


class Row(NamedTuple):
    """A function, its clean arguments, and the kinds of those that are arrays."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    arrays: dict[str, str] = {}  # noqa: RUF012  by name: a kind of `input_cases.CLEAN`
    also: tuple[str, ...] = ()  # other names under which errors may tell of an array
    keeps_masks: bool = False  # or ignores them, as librosa does
    loops: tuple[str, ...] = ()  # arguments that say how much is to be computed or allocated
    changes: bool = False  # is another function of the same values: random, or a moment of time


def rows_of(**rows: Row) -> dict[str, Row]:
    return rows


def pushed(made: Any, block: Any) -> Array:
    return np.concatenate([made.push(block), made.flush()], axis=-1)


def joined(parts: Any) -> Array:
    return np.concatenate([np.zeros(0), *(np.asarray(part).reshape(-1) for part in parts)])


P, NO_PLAN = PLANS[0], "plan of the row"
Y = np.random.default_rng(0).standard_normal(90).astype(np.float32)
D, S = P.forward(Y), P.power(Y, power=1)
M = P.mel(Y, BANK)
LOG = np.maximum(np.log10(S[:8].T / S.max()), -4)
ITERATIONS = {"n_iter": 1}

NOTEBOOK = rows_of(
    butter_bandpass=Row(fastspec.butter_bandpass, {"lowcut": 500, "highcut": 2000, "fs": RATE, "order": 1}),
    butter_bandpass_filter=Row(
        fastspec.butter_bandpass_filter,
        {"data": Y, "lowcut": 500, "highcut": 2000, "fs": RATE, "order": 1},
        {"data": "channel"},
    ),
    overlap=Row(fastspec.overlap, {"X": Y, "window_size": 16, "window_step": 4}, {"X": "any channel"}),
    stft=Row(fastspec.stft, {"X": Y, "fftsize": 16, "step": 4}, {"X": "channel"}),
    pretty_spectrogram=Row(
        fastspec.pretty_spectrogram, {"d": Y, "thresh": 4, "fft_size": 16, "step_size": 4}, {"d": "channel"}
    ),
    invert_pretty_spectrogram=Row(
        fastspec.invert_pretty_spectrogram,
        {"X_s": LOG, "fft_size": 16, "step_size": 4, "n_iter": 1, "segments": 2},
        {"X_s": "log rows"},
        loops=("n_iter",),
    ),
    iterate_invert_spectrogram=Row(
        fastspec.iterate_invert_spectrogram,
        {"X_s": np.hstack([S[:8].T, S[:8].T[:, ::-1]]), "fftsize": 16, "step": 4, "n_iter": 1},
        {"X_s": "rows"},
        loops=("n_iter",),
    ),
    invert_spectrogram=Row(
        fastspec.invert_spectrogram,
        {"X_s": np.hstack([S[:8].T, S[:8].T[:, ::-1]]), "step": 4, "set_zero_phase": False},
        {"X_s": "complex rows"},
    ),
    xcorr_offset=Row(fastspec.xcorr_offset, {"x1": Y, "x2": Y[10:60]}, {"x1": "channel", "x2": "channel"}),
    make_mel=Row(
        fastspec.make_mel,
        {"spectrogram": LOG, "mel_filter": FORTH, "shorten_factor": 2},
        {"spectrogram": "log rows of 8", "mel_filter": "filters down"},
        loops=("shorten_factor",),
    ),
    mel_to_spectrogram=Row(
        fastspec.mel_to_spectrogram,
        {"mel_spec": LOG[:20, :MELS].T, "mel_inversion_filter": BACK, "spec_thresh": 5, "shorten_factor": 2},
        {"mel_spec": "log columns of mels", "mel_inversion_filter": "filters across"},
        loops=("shorten_factor",),
    ),
    hz2mel=Row(fastspec.hz2mel, {"hz": 440.0}, {"hz": "numbers"}, keeps_masks=True),
    mel2hz=Row(fastspec.mel2hz, {"mel": 440.0}, {"mel": "numbers"}, keeps_masks=True),
    get_filterbanks=Row(
        fastspec.get_filterbanks,
        {"nfilt": 5, "nfft": 64, "samplerate": RATE, "lowfreq": 100, "highfreq": 4000},
        loops=("nfilt", "nfft"),
    ),
    create_mel_filter=Row(
        lambda **a: np.concatenate([bank.reshape(-1) for bank in fastspec.create_mel_filter(**a)]),
        {"fft_size": 64, "n_freq_components": 5, "start_freq": 100, "end_freq": 4000, "samplerate": RATE},
        also=("nfft", "nfilt", "lowfreq", "highfreq", "samplerate"),
        loops=("fft_size", "n_freq_components"),
    ),
)


def with_threads(n: Any) -> Array:
    with fastspec.threads(n):
        return P.forward(Y)


def recovered(kind: str) -> Row:
    """`recover` by a method, or from a start."""
    options: dict[str, Any] = {"rng": 0, "n_iter": 1}
    if kind in ("pghi", "spsi", "offset", "random", "zero"):
        options |= {"init": kind}
    else:
        options |= {"method": kind}
    if kind == "rtpghi":
        del options["n_iter"]
    return Row(fastspec.recover, {"S": S, "plan": NO_PLAN, **options}, {"S": "levels"}, loops=("n_iter",))


def method(name: str) -> Callable[..., Any]:
    """A method of the plan."""
    return lambda plan, **arguments: getattr(as_plan("plan", plan), name)(**arguments)


def bank_of(weights: Any, name: str = "weights") -> Array:
    return np.asarray(fastspec.FilterBank(weights, name=name))


def mel_bank(**arguments: Any) -> Array:
    return np.asarray(fastspec.MelBank(**arguments))


ENGINE = rows_of(
    STFT=Row(
        lambda **sizes: fastspec.STFT(**sizes).forward(Y),
        {"n_fft": 16, "hop_length": 4, "win_length": 12, "window": np.hanning(12), "pad_mode": "edge",
         "dtype": "float32"},
        {"window": "window"},
    ),
    **{
        "STFT.forward": Row(method("forward"), {"plan": NO_PLAN, "y": Y}, {"y": "samples"}),
        "STFT.power": Row(
            method("power"), {"plan": NO_PLAN, "y": Y, "power": 1.5}, {"y": "samples"}
        ),
        "STFT.mel": Row(
            method("mel"),
            {"plan": NO_PLAN, "y": Y, "bank": np.asarray(BANK), "log": "db", "power": 2.0},
            {"y": "samples", "bank": "filters"},
        ),
        "STFT.inverse": Row(
            method("inverse"), {"plan": NO_PLAN, "D": D}, {"D": "spectra"}
        ),
        "STFT.n_frames": Row(P.n_frames, {"n_samples": 100}),
        "STFT.n_samples": Row(P.n_samples, {"n_frames": 10}),
        "STFT.times": Row(P.times, {"n_frames": 10, "sr": RATE}, loops=("n_frames",)),
        "STFT.frequencies": Row(P.frequencies, {"sr": RATE}),
        "FilterBank": Row(bank_of, {"weights": np.asarray(BANK)}, {"weights": "filters"}),
        "FilterBank @": Row(lambda S: BANK @ S, {"S": S}, {"S": "spectra"}),
        "FilterBank.inverse": Row(
            fastspec.FilterBank(np.asarray(BANK)).inverse,
            {"M": M, "power": 2.0, "n_iter": 2}, {"M": "mels"}, loops=("n_iter",),
        ),
        "MelBank": Row(
            mel_bank, {"sr": RATE, "n_fft": 64, "n_mels": 5, "fmin": 0.0, "fmax": 4000.0, "norm": 2.0,
                       "dtype": "float32"}, loops=("n_fft", "n_mels"),
        ),
        "MelBank.inverse": Row(BANK.inverse, {"M": M, "method": "pinv"}, {"M": "mels"}, loops=("n_iter",)),
    },
    **input_frontends.rows(Row, Y, np.asarray(BANK), pushed),
    threads=Row(with_threads, {"n": 1}),
    recover=Row(
        fastspec.recover,
        {"S": S, "plan": NO_PLAN, "init": np.zeros_like(S), "n_iter": 1, "rng": 0, "tolerance": 1e-3, "length": None},
        {"S": "levels", "init": "phases"}, loops=("n_iter",),
    ),
    **{f"recover {kind}": recovered(kind) for kind in (
        "pghi", "spsi", "offset", "random", "zero", "fast", "admm", "raar", "rtisi", "rtpghi")},
    recover_mel=Row(
        fastspec.recover_mel,
        {"M": M, "bank": np.asarray(BANK), "plan": NO_PLAN, "n_iter": 1, "rng": 0, "power": 2.0, "tolerance": 1e-3},
        {"M": "mels", "bank": "filters"}, loops=("n_iter",),
    ),
    **{"recover_mel cascade": Row(
        fastspec.recover_mel,
        {"M": M, "bank": BANK, "plan": NO_PLAN, "n_iter": 1, "rng": 0, "method": "cascade"},
        {"M": "mels"}, loops=("n_iter",),
    )},
)  # fmt: skip

STREAM = rows_of(
    StreamingSTFT=Row(
        lambda plan, block: pushed(stream.StreamingSTFT(plan), block), {"plan": NO_PLAN, "block": Y},
        {"block": "samples"},
    ),
    StreamingPower=Row(
        lambda plan, block, power: pushed(stream.StreamingPower(plan, power=power), block),
        {"plan": NO_PLAN, "block": Y, "power": 2.0}, {"block": "samples"},
    ),
    StreamingMel=Row(
        lambda plan, block, bank, log: pushed(stream.StreamingMel(plan, bank, log=log), block),
        {"plan": NO_PLAN, "block": Y, "bank": np.asarray(BANK), "log": "db"}, {"block": "samples", "bank": "filters"},
    ),
    StreamingISTFT=Row(
        lambda plan, block: pushed(stream.StreamingISTFT(plan, warn=False), block), {"plan": NO_PLAN, "block": D},
        {"block": "spectra"},
    ),
    StreamingRecover=Row(
        lambda plan, S, **o: pushed(stream.StreamingRecover(plan, **o), S),
        {"plan": NO_PLAN, "S": S, "method": "rtisi", "n_iter": 1, "tolerance": 1e-3, "rng": 0}, {"S": "levels"},
        loops=("n_iter",),
    ),
    StreamingRecoverMel=Row(
        lambda plan, M, bank, **o: pushed(stream.StreamingRecoverMel(plan, bank, **o), M),
        {"plan": NO_PLAN, "M": M, "bank": np.asarray(BANK), "n_iter": 1, "rng": 0}, {"M": "mels", "bank": "filters"},
        loops=("n_iter",),
    ),
    stft=Row(
        lambda block, plan: joined(stream.stft([block], plan)), {"block": Y, "plan": NO_PLAN}, {"block": "samples"}
    ),
    power=Row(
        lambda block, plan, power: joined(stream.power([block], plan, power=power)),
        {"block": Y, "plan": NO_PLAN, "power": 1.0}, {"block": "samples"},
    ),
    mel=Row(
        lambda block, plan, bank: joined(stream.mel([block], plan, bank)),
        {"block": Y, "plan": NO_PLAN, "bank": np.asarray(BANK)}, {"block": "samples", "bank": "filters"},
    ),
    istft=Row(
        lambda block, plan: joined(stream.istft([block], plan)), {"block": D, "plan": NO_PLAN}, {"block": "spectra"}
    ),
    recover=Row(
        lambda S, plan: joined(stream.recover([S], plan, n_iter=1, rng=0)), {"S": S, "plan": NO_PLAN}, {"S": "levels"}
    ),
)  # fmt: skip

L = 10 * np.log10(np.maximum(M, 1e-10))
C = np.asarray(lib.feature.mfcc(S=L, n_mfcc=4))
SIZES = {"n_fft": 16, "hop_length": 4}
LIBROSA = rows_of(
    stft=Row(lib.stft, {"y": Y, "window": np.hanning(16), "win_length": 16, "pad_mode": "edge", **SIZES},
             {"y": "audio", "window": "window 16"}),
    istft=Row(lib.istft, {"stft_matrix": D, **SIZES}, {"stft_matrix": "spectra"}),
    griffinlim=Row(
        lib.griffinlim, {"S": S, "n_iter": 1, "rng": 0, "momentum": 0.9, **SIZES}, {"S": "levels"}, loops=("n_iter",)
    ),
    magphase=Row(lambda **a: np.asarray(lib.magphase(**a)), {"D": D, "power": 2}, {"D": "spectra"}, keeps_masks=True),
    power_to_db=Row(
        lib.power_to_db, {"S": M, "ref": 1.0, "amin": 1e-10, "top_db": 80.0}, {"S": "numbers"}, keeps_masks=True
    ),
    amplitude_to_db=Row(
        lib.amplitude_to_db, {"S": S, "ref": 1.0, "amin": 1e-5, "top_db": 80.0}, {"S": "numbers"}, keeps_masks=True
    ),
    db_to_power=Row(lib.db_to_power, {"S_db": L, "ref": 1.0}, {"S_db": "numbers"}, keeps_masks=True),
    db_to_amplitude=Row(lib.db_to_amplitude, {"S_db": L, "ref": 1.0}, {"S_db": "numbers"}, keeps_masks=True),
    blocks_to_frames=Row(
        lib.blocks_to_frames, {"blocks": 3, "block_length": 16}, {"blocks": "numbers"}, keeps_masks=True
    ),
    blocks_to_samples=Row(
        lib.blocks_to_samples, {"blocks": 3, "block_length": 16, "hop_length": 512}, {"blocks": "numbers"},
        keeps_masks=True,
    ),
    blocks_to_time=Row(
        lib.blocks_to_time, {"blocks": 3, "block_length": 16, "hop_length": 512, "sr": RATE}, {"blocks": "numbers"},
        keeps_masks=True,
    ),
    fft_frequencies=Row(lib.fft_frequencies, {"sr": RATE, "n_fft": 64}, loops=("n_fft",)),
    frames_to_samples=Row(
        lib.frames_to_samples, {"frames": 3, "hop_length": 512, "n_fft": 64}, {"frames": "numbers"}, keeps_masks=True
    ),
    frames_to_time=Row(
        lib.frames_to_time, {"frames": 3, "sr": RATE, "hop_length": 512, "n_fft": 64}, {"frames": "numbers"},
        keeps_masks=True,
    ),
    hz_to_mel=Row(lib.hz_to_mel, {"frequencies": 440.0}, {"frequencies": "numbers"}, keeps_masks=True),
    mel_frequencies=Row(lib.mel_frequencies, {"n_mels": 5, "fmin": 0.0, "fmax": 4000.0}, loops=("n_mels",)),
    mel_to_hz=Row(lib.mel_to_hz, {"mels": 7.0}, {"mels": "numbers"}, keeps_masks=True),
    samples_like=Row(lib.samples_like, {"X": S, "hop_length": 512, "n_fft": 64, "axis": -1}, {}, loops=("X",)),
    samples_to_frames=Row(
        lib.samples_to_frames, {"samples": 3000, "hop_length": 512, "n_fft": 64}, {"samples": "numbers"},
        keeps_masks=True,
    ),
    samples_to_time=Row(
        lib.samples_to_time, {"samples": 3000, "sr": RATE}, {"samples": "numbers"}, keeps_masks=True
    ),
    time_to_frames=Row(
        lib.time_to_frames, {"times": 0.5, "sr": RATE, "hop_length": 512, "n_fft": 64}, {"times": "numbers"},
        keeps_masks=True,
    ),
    time_to_samples=Row(lib.time_to_samples, {"times": 0.5, "sr": RATE}, {"times": "numbers"}, keeps_masks=True),
    times_like=Row(
        lib.times_like, {"X": S, "sr": RATE, "hop_length": 512, "n_fft": 64, "axis": -1}, {}, loops=("X",)
    ),
    **{
        "feature.melspectrogram": Row(
            lib.feature.melspectrogram,
            {"y": Y, "sr": RATE, "n_mels": 5, "power": 2.0, "fmin": 0.0, "fmax": 4000.0, **SIZES}, {"y": "audio"},
            loops=("n_mels",),
        ),
        "feature.melspectrogram S": Row(
            lib.feature.melspectrogram, {"S": S, "sr": RATE, "n_mels": 5, "n_fft": 16}, {"S": "levels"},
            loops=("n_mels",),
        ),
        "feature.mfcc": Row(
            lib.feature.mfcc, {"y": Y, "sr": RATE, "n_mels": 5, "n_mfcc": 4, "lifter": 0, **SIZES}, {"y": "audio"},
            loops=("n_mels",),
        ),
        "feature.mfcc S": Row(
            lib.feature.mfcc, {"S": L, "n_mfcc": 4, "dct_type": 2, "norm": "ortho"}, {"S": "mels"}, keeps_masks=True
        ),
        "feature.inverse.mel_to_stft": Row(
            lib.feature.inverse.mel_to_stft, {"M": M, "sr": RATE, "n_fft": 16, "power": 2.0}, {"M": "mels"}
        ),
        "feature.inverse.mel_to_audio": Row(
            lib.feature.inverse.mel_to_audio, {"M": M, "sr": RATE, "n_iter": 1, **SIZES}, {"M": "mels"},
            loops=("n_iter",), changes=True,
        ),
        "feature.inverse.mfcc_to_mel": Row(
            lib.feature.inverse.mfcc_to_mel, {"mfcc": C, "n_mels": 5, "dct_type": 2, "norm": "ortho", "ref": 1.0},
            {"mfcc": "cepstra"}, loops=("n_mels",), keeps_masks=True,
        ),
        "feature.inverse.mfcc_to_audio": Row(
            lib.feature.inverse.mfcc_to_audio, {"mfcc": C, "n_mels": 5, "sr": RATE, "n_iter": 1, **SIZES},
            {"mfcc": "cepstra"}, also=("M",), loops=("n_iter", "n_mels"), changes=True, keeps_masks=True,
        ),
        "filters.mel": Row(
            lib.filters.mel, {"sr": RATE, "n_fft": 64, "n_mels": 5, "fmin": 0.0, "fmax": 4000.0, "dtype": "float32"},
            loops=("n_fft", "n_mels"),
        ),
        "filters.get_window": Row(
            lib.filters.get_window, {"window": "hann", "Nx": 16}, {}, loops=("Nx",)
        ),
        "util.frame": Row(lib.util.frame, {"x": Y, "frame_length": 16, "hop_length": 4}, {"x": "any samples"},
                          keeps_masks=True),
        "util.fix_length": Row(lib.util.fix_length, {"data": Y, "size": 100}, {"data": "any samples"},
                               loops=("size",), keeps_masks=True),
        "util.pad_center": Row(lib.util.pad_center, {"data": Y, "size": 200}, {"data": "any samples"},
                               loops=("size",), keeps_masks=True),
        "util.normalize": Row(
            lib.util.normalize, {"S": S, "norm": 2.0, "axis": -1, "threshold": 1e-3, "fill": None},
            {"S": "any samples"}, keeps_masks=True,
        ),
        "util.valid_audio": Row(lib.util.valid_audio, {"y": Y}, {"y": "audio"}, keeps_masks=True),
        "util.valid_int": Row(lib.util.valid_int, {"x": 3.5}),
        "util.is_positive_int": Row(lib.util.is_positive_int, {"x": 3}),
        "util.expand_to": Row(lib.util.expand_to, {"x": Y, "ndim": 2, "axes": 1}, {}),
        "util.tiny": Row(lib.util.tiny, {"x": Y}, {}),
        "util.dtype_r2c": Row(lambda d: np.dtype(lib.util.dtype_r2c(d)).itemsize, {"d": "float32"}),
        "util.dtype_c2r": Row(lambda d: np.dtype(lib.util.dtype_c2r(d)).itemsize, {"d": "complex64"}),
    },
)  # fmt: skip


@cache
def folder() -> Path:
    """A folder with a sound, of which files are made; gone when Python ends."""
    kept = tempfile.TemporaryDirectory()
    folder.kept = kept  # type: ignore[attr-defined]
    import scipy.io.wavfile

    path = Path(kept.name)
    scipy.io.wavfile.write(path / "y.wav", RATE, Y)
    np.save(path / "mel.npy", M)
    return path


def file_of_mels(bank: Any, plan: Any, power: Any = 2.0) -> Array:
    files.mel(folder() / "y.wav", folder() / "out.npy", plan, bank, power=power)
    return np.load(folder() / "out.npy")


def file_of_sound(bank: Any, plan: Any, power: Any = 2.0) -> int:
    return files.invert(
        folder() / "mel.npy", folder() / "z.wav", plan, bank, power=power, sr=RATE, n_iter=1, method="griffinlim"
    ).samples


FILES = rows_of(
    mel=Row(file_of_mels, {"bank": np.asarray(BANK), "plan": P, "power": 2.0}, {"bank": "filters"}),
    invert=Row(
        file_of_sound, {"bank": np.asarray(BANK), "plan": P, "power": 2.0}, {"bank": "filters"}, also=("bins",)
    ),
    spectrogram=Row(
        lambda plan, power: files.spectrogram(folder() / "y.wav", folder() / "s.npy", plan, power=power).frames,
        {"plan": P, "power": 1.0},
    ),
    resynth=Row(lambda plan: files.resynth(folder() / "y.wav", folder() / "r.wav", plan, n_iter=1).frames, {"plan": P}),
    to_levels=Row(
        lambda picture_of, **o: picture.to_levels(picture_of, **o).S,
        {"picture_of": np.arange(200, dtype=np.uint8).reshape(20, 10), "range_db": 80.0, "sr": RATE, "fmax": 4000.0,
         "fmin": 0.0, "duration": 1.0, "n_fft": 64, "hop_length": 16}, {"picture_of": "pixels"}, also=("picture",),
        loops=("duration", "n_fft", "sr"),
    ),
)  # fmt: skip

TABLES = {"notebook": NOTEBOOK, "engine": ENGINE, "stream": STREAM, "librosa": LIBROSA, "files": FILES}
ALL = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}
