"""librosa's names: the same signatures, modules and error classes; everything else is the real librosa's."""

import importlib
import inspect
import pickle
import subprocess
import sys
from typing import Any

import librosa
import numpy as np
import pytest

import fastspec.librosa as ours

OURS = {
    "": ["stft", "istft", "griffinlim", "magphase", "power_to_db", "db_to_power", "amplitude_to_db", "db_to_amplitude"],
    "core": ["stft", "istft", "griffinlim", "frames_to_time", "power_to_db", "hz_to_mel"],
    "core.spectrum": ["stft", "istft", "griffinlim", "magphase", "power_to_db", "amplitude_to_db"],
    "core.convert": [
        *("frames_to_samples", "samples_to_frames", "frames_to_time", "time_to_frames", "time_to_samples"),
        *("samples_to_time", "blocks_to_frames", "blocks_to_samples", "blocks_to_time", "samples_like", "times_like"),
        *("fft_frequencies", "mel_frequencies", "hz_to_mel", "mel_to_hz"),
    ],
    "feature": ["melspectrogram", "mfcc"],
    "feature.spectral": ["melspectrogram", "mfcc"],
    "feature.inverse": ["mel_to_stft", "mel_to_audio", "mfcc_to_mel", "mfcc_to_audio"],
    "filters": ["mel", "get_window"],
    "util": ["frame", "fix_length", "pad_center", "valid_audio"],
    "util.utils": [
        *("frame", "fix_length", "pad_center", "valid_audio", "valid_int", "is_positive_int", "expand_to"),
        *("normalize", "tiny", "dtype_r2c", "dtype_c2r"),
    ],
}
FUNCTIONS = [(module, name) for module, names in OURS.items() for name in names]
LATER = {"axes", "rng", "random_state"}  # parameters that came or changed between librosa 0.11 and 1.0


def of(root: str, module: str) -> Any:
    return importlib.import_module(f"{root}.{module}".rstrip("."))


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_a_function_is_called_as_librosas_is(module: str, name: str) -> None:
    mine = inspect.signature(getattr(of("fastspec.librosa", module), name)).parameters
    theirs = inspect.signature(getattr(of("librosa", module), name)).parameters
    assert [p for p in mine if p not in LATER] == [p for p in theirs if p not in LATER]
    for key, parameter in theirs.items():
        assert mine[key].kind == parameter.kind
        if key not in LATER:
            assert mine[key].default == parameter.default or mine[key].default is parameter.default


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_a_function_is_ours_and_says_what_it_does(module: str, name: str) -> None:
    function = getattr(of("fastspec.librosa", module), name)
    assert function.__module__.startswith("fastspec.librosa.")
    assert function.__doc__


def test_a_function_is_one_object_wherever_it_is_found() -> None:
    assert ours.stft is ours.core.stft is ours.core.spectrum.stft
    assert ours.feature.mfcc is ours.feature.spectral.mfcc
    assert ours.util.frame is ours.util.utils.frame


def test_any_other_name_is_librosas() -> None:
    assert ours.beat is librosa.beat
    assert ours.load is librosa.load
    assert ours.feature.chroma_stft is librosa.feature.chroma_stft
    assert ours.filters.chroma is librosa.filters.chroma
    assert ours.util.softmask is librosa.util.softmask
    assert ours.core.spectrum.pcen is librosa.pcen
    assert ours.__version__ == librosa.__version__


def test_modules_that_we_lack_are_imported_from_librosa() -> None:
    import fastspec.librosa.onset
    from fastspec.librosa.effects import trim
    from fastspec.librosa.feature.rhythm import tempo

    assert fastspec.librosa.onset is librosa.onset
    assert trim is librosa.effects.trim
    assert tempo is librosa.feature.rhythm.tempo
    assert librosa.onset.__spec__.name == "librosa.onset"


def test_a_name_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(
        AttributeError, match=r"neither 'fastspec\.librosa\.feature' nor librosa has an attribute 'melody'"
    ):
        _ = ours.feature.melody
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("fastspec.librosa.melody")
    assert not hasattr(ours, "__wrapped__")


def test_what_dir_and_star_give() -> None:
    assert {"stft", "feature", "beat"} <= set(dir(ours))
    for module in ("", "core", "feature", "util"):
        names: dict[str, object] = {}
        exec(f"from {'fastspec.librosa.' + module} import *".replace(". ", " "), names)
        assert set(OURS[module]) <= names.keys()


def test_an_error_is_librosas_and_a_value_error() -> None:
    for kind in (librosa.ParameterError, ValueError, ours.ParameterError):
        with pytest.raises(kind):
            ours.stft(np.zeros(100, int))
    with pytest.raises(librosa.ParameterError):  # raised by the engine
        ours.istft(np.zeros((5, 3), np.complex64), window="no such window")
    assert ours.util.exceptions.LibrosaError is librosa.util.exceptions.LibrosaError


def test_the_error_is_librosas_own_class_so_that_it_catches_errors_of_librosas_functions() -> None:
    assert ours.ParameterError is ours.util.exceptions.ParameterError is librosa.ParameterError
    with pytest.raises(ours.ParameterError):
        ours.effects.time_stretch(np.ones(4096), rate=-1)


def test_names_that_only_begin_as_dunders_are_librosas() -> None:
    name = "__reassign_frequencies"  # in a string, as Python mangles it in a class
    assert getattr(ours.core.spectrum, name) is getattr(librosa.core.spectrum, name)
    with pytest.raises(AttributeError):
        _ = ours.core.spectrum.__path__


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_names_imports_nothing_heavy() -> None:
    code = "import sys, fastspec.librosa as librosa; librosa.util.frame, librosa.frames_to_time, librosa.filters.mel\n"
    heavy = set(run(code + "print(*{name.partition('.')[0] for name in sys.modules})").split())
    assert not heavy & {"numba", "llvmlite", "scipy", "librosa", "soundfile", "matplotlib"}


ABSENT = "import sys; sys.modules['librosa'] = None\nimport numpy as np, fastspec.librosa as librosa\n"


def test_without_librosa_our_names_work_and_others_say_what_to_install() -> None:
    assert run(ABSENT + "print(librosa.stft(np.zeros(4096)).shape, librosa.__version__)") == "(1025, 9) 1.0.0"
    tried = {
        "librosa.beat": "AttributeError",
        "librosa.feature.tempo": "AttributeError",
        "import fastspec.librosa.beat": "ModuleNotFoundError",
        "from fastspec.librosa import beat": "ModuleNotFoundError",
    }
    raised = "try: {}\nexcept (AttributeError, ImportError) as e: print(type(e).__name__, e)\n"
    said = run(ABSENT + "".join(raised.format(statement) for statement in tried)).splitlines()
    assert [line.partition(" ")[0] for line in said] == list(tried.values())
    assert all(line.endswith("pip install librosa") for line in said)


def test_without_librosa_an_error_is_a_value_error() -> None:
    code = "try: librosa.stft(np.zeros(9, int))\nexcept librosa.ParameterError as e: print(type(e).__mro__[1].__name__)"
    assert run(ABSENT + code) == "ValueError"


def test_an_error_can_be_pickled() -> None:
    with pytest.raises(ours.ParameterError) as caught:
        ours.stft(np.zeros(100, int))
    for error in (caught.value, ours.ParameterError("why")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
