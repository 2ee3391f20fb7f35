"""librosa's functions swapped for ours: found everywhere, restored by identity, falling back on the originals."""

import copy
import functools
import importlib
import importlib.util
import inspect
import logging
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import librosa
import librosa.effects
import librosa.onset
import numpy as np
import pytest
from children import python
from librosa import stft as held_here  # noqa: F401 (found and replaced)

import fastspec
from fastspec.patch.references import names_of, rebind
from fastspec.patch.replacement import Replacement
from fastspec.patch.versions import adapt_to_version

RATE = 22050
Y = np.random.default_rng(3).standard_normal(RATE).astype(np.float32)
Names = dict[tuple[str, str], Any]


@pytest.fixture(autouse=True)
def _unpatched_after() -> Iterator[None]:
    assert not fastspec.is_patched("librosa")
    yield
    fastspec.unpatch("librosa")


def functions() -> Names:
    """(module, name) -> callable, of all modules outside fastspec."""
    return {
        (module, name): value
        for module, loaded in sys.modules.copy().items()
        if type(loaded) is types.ModuleType and not module.startswith("fastspec")
        for name, value in vars(loaded).copy().items()
        if callable(value)
    }


def test_all_places_of_a_function_are_replaced_and_restored_by_identity() -> None:
    for name in dir(librosa.core):
        getattr(librosa.core, name)  # now held by librosa.core, and none is looked up any more
    before = functions()
    with fastspec.patch("librosa"):
        during = functions()
        replaced = {key for key, value in before.items() if during[key] is not value}
        assert {f"{module}.{name}" for module, name in replaced} <= set(fastspec.patched("librosa"))
        for key in replaced:
            assert during[key].__wrapped__ is before[key]
        gone = [before[key] for key in replaced]
        assert not [key for key, value in during.items() if any(value is original for original in gone)]
    after = functions()
    assert not [name for name, value in before.items() if after[name] is not value]
    assert fastspec.patched("librosa") == []


USED = """
    librosa.stft librosa.core.stft librosa.core.spectrum.stft librosa.core.constantq.stft
    librosa.istft librosa.core.spectrum.istft librosa.griffinlim librosa.magphase
    librosa.power_to_db librosa.amplitude_to_db librosa.db_to_power librosa.db_to_amplitude
    librosa.feature.melspectrogram librosa.feature.spectral.melspectrogram librosa.feature.mfcc
    librosa.filters.mel librosa.filters.get_window librosa.core.spectrum.get_window librosa.util.frame
    librosa.fft_frequencies librosa.core.convert.fft_frequencies librosa.mel_frequencies librosa.frames_to_time
"""


@pytest.mark.parametrize("name", [*USED.split(), f"{__name__}.held_here"])
def test_the_places_that_people_use_are_among_them(name: str) -> None:
    with fastspec.patch("librosa") as patch:
        assert name in patch.places


def test_classes_exceptions_and_constants_stay() -> None:
    kept = librosa.ParameterError, librosa.util.exceptions.ParameterError, librosa.cache, librosa.__version__
    with fastspec.patch("librosa"):
        assert not [name for name in fastspec.patched("librosa") if inspect.isclass(attribute(name))]
        now = librosa.ParameterError, librosa.util.exceptions.ParameterError, librosa.cache, librosa.__version__
        assert all(a is b for a, b in zip(kept, now, strict=True))


def attribute(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(sys.modules[module], name)


def test_a_replacement_looks_like_the_original() -> None:
    original = librosa.feature.melspectrogram
    signature = inspect.signature(original)
    with fastspec.patch("librosa"):
        ours = librosa.feature.melspectrogram
        assert ours is not original
        assert inspect.signature(ours) == signature
        assert (ours.__name__, ours.__module__, ours.__doc__) == (
            "melspectrogram",
            "librosa.feature.spectral",
            original.__doc__,
        )
        assert ours.__fastspec__.__module__.startswith("fastspec.")  # type: ignore[attr-defined]
        assert ours.__wrapped__ is original  # type: ignore[attr-defined]


def test_a_replacement_runs_ours() -> None:
    with fastspec.patch("librosa"):
        ran = librosa.stft(Y)
        np.testing.assert_array_equal(ran, librosa.stft.__fastspec__(Y))  # type: ignore[attr-defined]
    np.testing.assert_allclose(ran, librosa.stft(Y), atol=1e-5 * np.abs(ran).max())


CHANNELS = np.stack([Y, 1e-6 * Y])  # so far apart that it matters whether they share a peak
SEED: Any = {"rng" if "rng" in inspect.signature(librosa.griffinlim).parameters else "random_state": 7}
SAME: dict[str, Callable[[], Any]] = {
    "stft": lambda: np.abs(librosa.stft(CHANNELS)),
    "istft": lambda: librosa.istft(librosa.stft(Y), length=Y.size),
    "griffinlim": lambda: librosa.griffinlim(np.abs(librosa.stft(Y)), n_iter=2, **SEED),
    "melspectrogram": lambda: librosa.feature.melspectrogram(y=CHANNELS, sr=RATE),
    "mfcc": lambda: librosa.feature.mfcc(y=Y, sr=RATE),
    "mfcc of channels": lambda: librosa.feature.mfcc(y=CHANNELS, sr=RATE),
    "power_to_db": lambda: librosa.power_to_db(librosa.feature.melspectrogram(y=CHANNELS), ref=np.max),
    "power_to_db of a number": lambda: librosa.power_to_db(2.0),
    "amplitude_to_db": lambda: librosa.amplitude_to_db(np.abs(librosa.stft(CHANNELS))),
    # and those that are librosa's own
    "chroma_stft": lambda: librosa.feature.chroma_stft(y=Y, sr=RATE),
    "spectral_centroid": lambda: librosa.feature.spectral_centroid(y=Y, sr=RATE),
    "spectral_contrast": lambda: librosa.feature.spectral_contrast(y=Y, sr=RATE),
    "rms": lambda: librosa.feature.rms(y=Y),
    "onset_strength": lambda: librosa.onset.onset_strength(y=Y, sr=RATE),
    "tempogram": lambda: librosa.feature.tempogram(y=Y, sr=RATE),
    "hpss": lambda: np.stack(librosa.effects.hpss(Y)),
    "time_stretch": lambda: librosa.effects.time_stretch(Y, rate=1.25),
    "preemphasis": lambda: librosa.effects.preemphasis(Y),
    "cqt": lambda: np.abs(librosa.cqt(Y, sr=RATE)),
    "piptrack": lambda: np.stack(librosa.piptrack(y=Y, sr=RATE)),
    "pcen": lambda: librosa.pcen(librosa.feature.melspectrogram(y=Y, sr=RATE, power=1) * 2**31),
    "trim": lambda: librosa.effects.trim(Y)[1],
}


@pytest.mark.filterwarnings("default::FutureWarning")  # librosa 1.0 announces changes of its own
@pytest.mark.parametrize("name", SAME)
def test_results_are_the_same_whether_patched_or_not(name: str) -> None:
    plain = SAME[name]()
    with fastspec.patch("librosa"):
        patched = SAME[name]()
    assert patched.shape == plain.shape
    assert patched.dtype == plain.dtype
    np.testing.assert_allclose(patched, plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max())


def test_modules_loaded_meanwhile_get_ours_and_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaded_meanwhile.py").write_text(
        "from librosa import stft\nimport librosa.feature as f\nmel = f.melspectrogram\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    originals = librosa.stft, librosa.feature.melspectrogram
    try:
        with fastspec.patch("librosa"):
            module = importlib.import_module("loaded_meanwhile")
            assert module.stft is librosa.stft is not originals[0]
            assert module.mel is librosa.feature.melspectrogram is not originals[1]
            assert "loaded_meanwhile.stft" in fastspec.patched("librosa")
        assert (module.stft, module.mel) == originals
    finally:
        sys.modules.pop("loaded_meanwhile", None)


def test_a_replacement_that_was_kept_elsewhere_runs_the_original_afterwards() -> None:
    with fastspec.patch("librosa"):
        kept = [librosa.stft]
    expected = librosa.stft(Y)
    np.testing.assert_array_equal(kept[0](Y), expected)
    with fastspec.patch("librosa"):
        assert librosa.stft is kept[0]


def test_blocks_may_be_nested_and_entered_again() -> None:
    with fastspec.patch("librosa") as outer:
        with fastspec.patch("librosa") as inner:
            assert inner is not outer
        assert fastspec.is_patched("librosa")
        with outer:
            assert fastspec.is_patched("librosa")
        assert fastspec.is_patched("librosa")
        replaced = fastspec.patched("librosa")
    assert not fastspec.is_patched("librosa")
    with inner:
        assert fastspec.patched("librosa") == replaced
    assert not fastspec.is_patched("librosa")
    assert "ended" in repr(inner)


def test_a_block_leaves_a_library_patched_that_was_so_before() -> None:
    fastspec.patch("librosa")
    fastspec.patch("librosa")  # twice is once
    with fastspec.patch("librosa"):
        pass
    assert fastspec.is_patched("librosa")
    fastspec.unpatch("librosa")
    assert not fastspec.is_patched("librosa")
    fastspec.unpatch("librosa")  # and is allowed at any time


def test_unpatching_within_a_block_ends_it() -> None:
    original = librosa.stft
    with fastspec.patch("librosa"):
        fastspec.unpatch("librosa")
        assert librosa.stft is original
        fastspec.patch("librosa")
    assert fastspec.is_patched("librosa")  # by the second call, which no block ends


def test_an_error_in_a_block_passes_and_restores() -> None:
    original = librosa.stft
    with pytest.raises(ZeroDivisionError), fastspec.patch("librosa"):
        raise ZeroDivisionError
    assert librosa.stft is original


def test_threads_may_patch_at_once() -> None:
    original, wrong = librosa.stft, []

    def many_times() -> None:
        for _ in range(10):
            with fastspec.patch("librosa"):
                if librosa.stft is original or not fastspec.is_patched("librosa"):
                    wrong.append("unpatched inside a block")
                librosa.stft(Y[:4096])

    team = [threading.Thread(target=many_times) for _ in range(4)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert not wrong
    assert librosa.stft is original
    assert not fastspec.is_patched("librosa")


@pytest.mark.parametrize("function", [fastspec.patch, fastspec.unpatch, fastspec.is_patched, fastspec.patched])
def test_an_unknown_library_is_refused_with_those_that_are_known(function: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="library must be 'kaldi' or 'librosa' or 'whisper', got 'librosaurus'"):
        function("librosaurus")


def test_an_absent_library_is_named_with_the_command_that_installs_it() -> None:
    ran = python("-c", "import sys; sys.modules['librosa'] = None; import fastspec; fastspec.patch('librosa')")
    assert "needs librosa, which is not installed: pip install" in ran.stderr.splitlines()[-1]


def test_warnings_are_given_where_the_caller_is() -> None:
    with fastspec.patch("librosa"), pytest.warns(UserWarning, match="n_fft=2048 is too large") as caught:
        librosa.stft(Y[:1000])
    assert [warning.filename for warning in caught] == [__file__]


WRONG: list[Callable[[], Any]] = [
    lambda: librosa.stft(Y, hop_length=0),
    lambda: librosa.stft(np.full(4096, np.nan, np.float32)),
    lambda: librosa.feature.melspectrogram(sr=RATE),
    lambda: librosa.power_to_db(Y, top_db=-1),
    lambda: librosa.util.frame(Y, frame_length=64, hop_length=0),
    lambda: librosa.filters.get_window([1.0], 8),
]


@pytest.mark.parametrize("call", WRONG)
def test_errors_are_of_librosas_class(call: Callable[[], Any]) -> None:
    with pytest.raises(librosa.ParameterError):
        call()
    with fastspec.patch("librosa"), pytest.raises(librosa.ParameterError):
        call()


# What a replacement does


class Refused(NotImplementedError):
    """As ours says that it does not support an argument."""


def halved(x: float, *, power: float = 1.0) -> float:
    if power == 3:
        raise Refused("power of three")
    if power < 0:
        raise ValueError("power")
    return x / 2


def original_of_halved(x: float, *, power: float = 1.0, new: int = 0) -> str:
    """The original."""
    return f"original {x} {power} {new}"


def replaced(original: Callable[..., Any] = original_of_halved) -> Callable[..., Any]:
    replacement = Replacement("library.halved", original, halved, Refused)
    replacement.active = True
    return replacement.function


def test_what_ours_refuses_runs_the_original_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    function = replaced()
    with caplog.at_level(logging.WARNING, "fastspec"):
        assert function(4.0) == 2.0
        assert not caplog.records
        for x in (4.0, 5.0):
            assert function(x, power=3) == f"original {x} 3 0"
        assert [record.getMessage() for record in caplog.records] == [
            "library.halved runs the original code: power of three"
        ]
        assert function(4.0, new=5) == "original 4.0 1.0 5"  # an argument of a newer version
        assert function(4.0, new=6) == "original 4.0 1.0 6"
        assert len(caplog.records) == 2
        assert "new" in caplog.records[1].getMessage()


def test_an_error_of_ours_is_the_callers_and_a_refusal_leaves_no_trace_in_the_originals() -> None:
    def strict(x: float, power: float = 1.0) -> None:
        raise KeyError(x)

    with pytest.raises(ValueError, match="power"):
        replaced()(4.0, power=-1)
    with pytest.raises(KeyError) as caught:
        replaced(strict)(4.0, power=3)
    assert caught.value.__context__ is None


class Cached:
    """A callable object instead of a function, as a cache creates it."""

    def __init__(self, func: Callable[..., Any]) -> None:
        functools.update_wrapper(self, func)
        self.func = func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


@pytest.mark.parametrize("original", [Cached(original_of_halved), functools.partial(original_of_halved), np.add, abs])
def test_objects_in_a_functions_place_are_replaced_and_restored_by_identity(original: Any) -> None:
    module = types.ModuleType("holds_objects")
    module.f = module.g = original  # type: ignore[attr-defined]
    sys.modules["holds_objects"] = module
    function = replaced(original)
    try:
        rebind({id(original): function})
        assert module.f is module.g is function
        assert function(4.0) == 2.0
        assert {"holds_objects.f", "holds_objects.g"} <= set(names_of({id(function)}))
        rebind({id(function): original})
        assert module.f is module.g is original
    finally:
        del sys.modules["holds_objects"]


def test_looking_for_places_loads_no_module_that_waits_for_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("LOADED = True")
    spec = importlib.util.spec_from_file_location("waits", tmp_path / "waits.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["waits"] = module
    spec.loader.exec_module(module)
    try:
        rebind({id(object()): 0})
        assert "LOADED" not in object.__getattribute__(module, "__dict__")
        assert module.LOADED
    finally:
        del sys.modules["waits"]


def test_a_reference_that_knows_no_axes_still_works_where_it_did() -> None:
    S = np.abs(librosa.stft(CHANNELS))

    def decibels() -> Any:
        try:
            return librosa.power_to_db(S, ref=lambda magnitude: magnitude.max())
        except librosa.ParameterError as error:  # since librosa 1.0
            return str(error)

    plain = decibels()
    with fastspec.patch("librosa"):
        patched = decibels()
    assert type(plain) is type(patched)
    assert isinstance(plain, str) or np.allclose(plain, patched, rtol=1e-5, atol=1e-4)


def test_cepstra_of_channels_are_those_of_each_channel() -> None:
    S = librosa.power_to_db(librosa.feature.melspectrogram(y=CHANNELS, sr=RATE))
    with fastspec.patch("librosa"):
        together = librosa.feature.mfcc(S=S)
        np.testing.assert_array_equal(together, [librosa.feature.mfcc(S=channel) for channel in S])


def test_an_older_name_of_the_seed_means_what_it_does_in_the_installed_version() -> None:
    S = np.abs(librosa.stft(Y))

    def seeded(random_state: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = librosa.griffinlim(S, n_iter=1, random_state=random_state)
        assert [w.category for w in caught] == ([FutureWarning] if "rng" in SEED else [])  # since 1.0
        return y

    seeds = 7, np.random.RandomState(7), np.random.default_rng(7)
    plain = [seeded(copy.deepcopy(seed)) for seed in seeds]
    with fastspec.patch("librosa"):
        patched = [seeded(copy.deepcopy(seed)) for seed in seeds]
    np.testing.assert_allclose(patched, plain, atol=1e-4 * np.abs(plain).max())


def test_only_decibels_and_cepstra_differ_between_versions() -> None:
    def ours() -> None:
        """A function of ours."""

    names = ("power_to_db", "amplitude_to_db", "feature.mfcc", "griffinlim", "stft")
    for version, adapted in (("0.11.0", 3), ("1.0.0", 0)):
        library = types.SimpleNamespace(__version__=version)
        assert [adapt_to_version(library, name, ours, Refused) is not ours for name in names].count(True) == adapted


# The name `patch`


@pytest.mark.parametrize(
    "first",
    [
        "import fastspec; patch = fastspec.patch",
        "import fastspec.patch; patch = fastspec.patch",
        "from fastspec import patch; import fastspec.patch",
        "import fastspec.patch as patch; import fastspec",
        "from fastspec.patch import unpatch; import fastspec; patch = fastspec.patch",
    ],
)
def test_the_name_is_the_module_and_can_be_called_however_it_was_imported(first: str) -> None:
    same = "patch is fastspec.patch is sys.modules['fastspec.patch'], callable(patch)"
    checks = f"import sys; print({same}, {{'librosa', 'numba'}} & {{*sys.modules}})"
    ran = python("-c", f"{first}; {checks}")
    assert ran.stdout.split() == ["True", "True", "set()"], ran.stderr
    assert list(inspect.signature(fastspec.patch).parameters) == ["library", "precision"]
