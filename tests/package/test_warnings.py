"""Every warning of the library points at the line of the program that called it, through any face."""

import ast
import importlib
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import fastspec
import fastspec.librosa as fl
from fastspec.warning import warn

ROOT = Path(fastspec.__file__).parent
Y = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
S = np.abs(np.random.default_rng(1).standard_normal((33, 20))).astype(np.float32)
GAPS = fastspec.STFT(64, hop_length=64)  # a Hann window that does not overlap: NOLA is violated
PLAN = fastspec.STFT(64)
BANK = fastspec.MelBank(8000, 64, 8)
LEVELS = np.ones((5, 64))
CLIPPED = fastspec.recipe("tacotron-20k-linear")
PAIRS = np.zeros((6400, 2), np.float32)


def last_of(stream: Iterator[object]) -> object:
    """The last item of a generator."""
    return list(stream)[-1]


def unpickle_from(module: str) -> object:
    """A class that an old version pickled by the path `module`."""
    sys.modules.pop(module, None)
    return pickle.loads(f"c{module}\nMelBank\n.".encode())


def import_old(module: str) -> object:
    """Import an old path."""
    sys.modules.pop(module, None)
    return importlib.import_module(module)


# Site of a warning -> calls that raise it, each on a line of its own.
CASES: dict[str, dict[str, Callable[[], object]]] = {
    "checks.warn_nola": {
        "inverse": lambda: GAPS.inverse(S.astype(np.complex64)),
        "recover": lambda: fastspec.recover(S, GAPS, n_iter=1),
        "recover_mel": lambda: fastspec.recover_mel(S[:8], BANK, GAPS, n_iter=1),
        "cascade": lambda: fastspec.recover_mel(S[:8], BANK, GAPS, method="cascade", n_iter=1),
        "stream": lambda: fastspec.stream.StreamingISTFT(GAPS),
        "generator": lambda: [*fastspec.stream.istft([S.astype(np.complex64)], GAPS)],
        "stream of recovery": lambda: fastspec.stream.StreamingRecover(GAPS),
        "stream of mels": lambda: fastspec.stream.StreamingRecoverMel(GAPS, BANK),
    },
    "checks.warn_of_logarithms": {
        "bank": lambda: BANK.inverse(-S[:8]),
        "filters": lambda: fastspec.FilterBank(np.eye(8)).inverse(-S[:8]),
        "mel_to_stft": lambda: fl.feature.inverse.mel_to_stft(-S[:8], sr=8000, n_fft=64),
        "mel_to_audio": lambda: fl.feature.inverse.mel_to_audio(-S[:8], sr=8000, n_fft=64, n_iter=1),
        "griffinlim": lambda: fl.griffinlim(-S, n_iter=1),
    },
    "checks.warn_if_transposed": {
        "forward": lambda: PLAN.forward(PAIRS),
        "power": lambda: PLAN.power(PAIRS),
        "mel": lambda: PLAN.mel(PAIRS, BANK),
        "stream": lambda: fastspec.stream.StreamingPower(PLAN).push(PAIRS),
        "generator": lambda: [*fastspec.stream.power([PAIRS], PLAN)],
    },
    "features.banks.MelBank._warn_of_empty_filters": {
        "narrow": lambda: fastspec.MelBank(8000, 64, 80),
        "above": lambda: fastspec.MelBank(8000, 1024, 40, fmax=8000),
    },
    "frontends.recipes.Recipe.check_level": {
        "call": lambda: fastspec.recipe("hifigan-22k")(1000 * Y),
        "batch": lambda: fastspec.recipe("hifigan-22k").batch([1000 * Y]),
        "stream": lambda: fastspec.recipe("hifigan-22k").stream().push(1000 * Y),
        "16 bits": lambda: fastspec.recipe("kaldi-23")(0.1 * np.tanh(Y)),
    },
    "frontends.inverse._warn_of_bounds": {
        "inverse": lambda: CLIPPED.inverse(np.ones((1025, 20), np.float32), n_iter=1),
        "front end": lambda: CLIPPED.frontend.inverse(np.zeros((1025, 20), np.float32), n_iter=1),
    },
    "notebook.functions._warn_of_little_overlap": {
        "invert_spectrogram": lambda: fastspec.invert_spectrogram(LEVELS, 64, 64),
        "iterate_invert_spectrogram": lambda: fastspec.iterate_invert_spectrogram(LEVELS, 64, 64, n_iter=1),
        "invert_pretty_spectrogram": lambda: fastspec.invert_pretty_spectrogram(LEVELS[:, :32], 1, 64, 64, n_iter=1),
    },
    "notebook.mel.normalize_filters": {"create_mel_filter": lambda: fastspec.create_mel_filter(64, 64)},
    "moved.Finder.exec_module": {
        "import_module": lambda: import_old("fastspec.mel"),
        "pickle": lambda: unpickle_from("fastspec.mel"),
    },
    "librosa._banks.mel_filters": {
        "mel": lambda: fl.filters.mel(sr=8000, n_fft=64, n_mels=80),
        "melspectrogram": lambda: fl.feature.melspectrogram(y=Y, sr=8000, n_fft=64, n_mels=80),
        "mfcc": lambda: fl.feature.mfcc(y=Y, sr=8000, n_fft=64, n_mels=80),
    },
    "librosa.feature.inverse.mfcc_to_mel": {
        "lifter": lambda: fl.feature.inverse.mfcc_to_mel(np.zeros((20, 5)), lifter=2)
    },
    "librosa.core.spectrum.griffinlim": {"momentum": lambda: fl.griffinlim(S, n_iter=1, momentum=1.5)},
    "librosa.core._levels._to_db": {
        "power_to_db": lambda: fl.power_to_db(S.astype(np.complex64)),
        "amplitude_to_db": lambda: fl.amplitude_to_db(S.astype(np.complex64)),
    },
    "librosa._plans.plan_for_signal": {
        "stft": lambda: fl.stft(Y[:100], n_fft=256),
        "melspectrogram": lambda: fl.feature.melspectrogram(y=Y[:500], sr=8000, n_fft=1024, n_mels=8),
    },
}
NOT_HERE = {
    "kernels.runtime.cache.show_warnings",  # in child processes, tests/runtime/test_runtime_switches.py
    "librosa.core.spectrum._generator",  # with librosa 1.0, tests/librosa/test_librosa_griffinlim.py
    "files.wav_reader._file_bytes",  # of files and pipes, tests/files/test_files_sound.py
    "files.wav_reader._WavReader._read_into",
    "files.wav_reader._WavReader._look_ahead",
    "files.ffmpeg._check_end",
    "picture.levels._read_own",  # tests/files/test_pictures.py
}
"""Sites whose warnings are tested elsewhere."""


def warning_sites() -> set[str]:
    """module.function of each call of `warn` in the package; nothing else may warn."""

    def visit(node: ast.AST, path: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            inner = getattr(child, "name", None) if isinstance(child, ast.FunctionDef | ast.ClassDef) else None
            if isinstance(child, ast.Call) and ast.unparse(child.func) in ("warn", "warnings.warn"):
                yield path
            yield from visit(child, f"{path}.{inner}" if inner else path)

    sites: set[str] = set()
    for file in ROOT.rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        sites |= set(visit(ast.parse(file.read_text(encoding="utf-8")), module))
    return sites


def test_each_site_that_warns_has_a_case() -> None:
    assert warning_sites() == CASES.keys() | NOT_HERE


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=f"{site}-{name}") for site, calls in CASES.items() for name, call in calls.items()]
)
def test_a_warning_points_at_the_callers_line(call: Callable[[], object]) -> None:
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        call()
    line = call.__code__.co_firstlineno
    helpers = {f.__code__.co_firstlineno + 3 for f in (import_old, unpickle_from)}
    assert record
    assert [Path(w.filename) for w in record] == [Path(__file__)] * len(record)
    assert {w.lineno for w in record} == {line} or {w.lineno for w in record} <= helpers


def test_a_patched_library_warns_at_the_callers_line() -> None:
    import librosa

    with fastspec.patch("librosa"), warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        librosa.stft(Y[:100], n_fft=256)
        line = sys._getframe().f_lineno - 1
    assert [(Path(w.filename), w.lineno) for w in record] == [(Path(__file__), line)]


def test_filters_by_module_and_once_per_line_hold() -> None:
    with warnings.catch_warnings(record=True) as record:
        warnings.resetwarnings()
        warnings.filterwarnings("default", module=__name__)
        for _ in range(3):
            warn("the same line")
        warn("another line")
        warnings.filterwarnings("ignore", module=__name__)
        warn("ignored")
    assert [str(w.message) for w in record] == ["the same line", "another line"]


def test_a_warning_that_may_not_raise_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="may raise"):
            warn("may raise")
        warnings.showwarning = lambda message, *_: print(message)
        warn("may not", may_raise=False)
    assert capsys.readouterr().out == "may not\n"
