"""Libraries of the table: functions, methods and classes replaced where they are, or when they are imported."""

import importlib
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from children import python

import fastspec
import fastspec.patch
from fastspec.patch.states import argument_refusal, version_numbers
from fastspec.patch.table import LIBRARIES, Entry, Library

LIBRARY = """
class Extractor:
    scale = 2.0

    def __call__(self, x, pad=0):
        self.called = pad
        return "original", x, pad

    extract = __call__

    @staticmethod
    def levels(x):
        return "original", x

    @classmethod
    def create(cls, n=1):
        return "original", cls, n

class Other(Extractor):
    levels = vars(Extractor)["levels"]
    own = Extractor.__call__

    def __call__(self, x, pad=0):
        return "heir", super().__call__(x, pad)

class Online:
    kind = "original"

    def __init__(self, rate, dither=0.0):
        self.rate = rate

def features(x, n_mels=80, new=None):
    "Features of x."
    return "original", x, n_mels

def changed(signal, rate):
    return "original", signal, rate
"""
FACE = """
from fastspec.faces import Unsupported

def call(self, x, pad=0):
    if pad < 0:
        raise Unsupported(f"pad={pad}")
    self.called = pad
    return "ours", x, pad

def levels(x):
    return "ours", x

def create(cls, n=1):
    return "ours", cls, n

def features(x, n_mels=80):
    if n_mels == 13:
        raise Unsupported("13 filters")
    return "ours", x, n_mels

def changed(y, rate):
    return "ours", y, rate

class Online:
    kind = "ours"

    def __init__(self, rate, dither=0.0):
        if dither:
            raise Unsupported("dither")
        self.rate = rate
"""
NAMES = {
    "Extractor.__call__": "call",
    "Extractor.levels": "levels",
    "Extractor.create": "create",
    "features": "features",
    "Online": "Online",
    "changed": "changed",
    "Extractor.absent": "call",
    "absent": "call",
    "features.of_a_function": "call",
}
ENTRIES = tuple(Entry("soundlib.extract", name, f"soundface:{ours}") for name, ours in NAMES.items())


@pytest.fixture
def entries() -> tuple[Entry, ...]:
    return ENTRIES


@pytest.fixture(autouse=True)
def _library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: tuple[Entry, ...]) -> Iterator[None]:
    """A library, our functions for it, and the word "soundlib" of `fastspec.patch`."""
    package = tmp_path / "soundlib"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '1.2.3'\n")
    (package / "extract.py").write_text(LIBRARY)
    (package / "user.py").write_text("from soundlib.extract import Extractor, Online, features\nheld = features\n")
    (tmp_path / "soundface.py").write_text(FACE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(LIBRARIES, "soundlib", Library(entries))
    finders = sys.meta_path.copy()
    yield
    fastspec.unpatch("soundlib")
    assert sys.meta_path == finders
    fastspec.patch._STATES.pop("soundlib")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("soundlib", "soundface")]:
        del sys.modules[name]


def library() -> Any:
    return importlib.import_module("soundlib.extract")


def snapshot(*owners: Any) -> list[list[tuple[str, int]]]:
    """The names of modules and classes, in their order, and the identities of their objects."""
    return [[(name, id(value)) for name, value in vars(owner).items()] for owner in owners]


def test_methods_functions_and_classes_are_replaced_everywhere_and_restored_to_the_bit() -> None:
    lib, user = library(), importlib.import_module("soundlib.user")
    owners = lib, user, lib.Extractor, lib.Other, lib.Online
    before = snapshot(*owners)
    online, features = lib.Online, lib.features
    with fastspec.patch("soundlib") as patch:
        extractor = lib.Extractor()
        assert extractor(1, pad=2) == ("ours", 1, 2)
        assert extractor.called == 2
        assert extractor.extract(3) == ("ours", 3, 0)
        assert lib.Extractor.levels(4) == extractor.levels(4) == ("ours", 4)
        assert lib.Extractor.create(5) == ("ours", lib.Extractor, 5)
        assert lib.Other.create() == ("ours", lib.Other, 1)
        assert lib.Other()(6) == ("heir", ("ours", 6, 0))
        assert lib.Other().own(7) == ("ours", 7, 0)
        assert lib.Other.levels(8) == ("ours", 8)
        assert user.held is user.features is lib.features is not features
        assert user.features(9) == ("ours", 9, 80)
        assert lib.features.__wrapped__ is features
        assert (lib.features.__doc__, lib.features.__module__) == ("Features of x.", "soundlib.extract")
        assert user.Online is lib.Online is not online
        assert {"soundlib.user.held", "soundlib.extract.Extractor.__call__", "soundlib.extract.Other.own"} <= {
            *patch.places
        }
    assert snapshot(*owners) == before
    assert fastspec.patched("soundlib") == []
    assert extractor(1) == ("original", 1, 0)


def test_a_library_is_patched_when_it_is_imported_and_never_imported_by_us() -> None:
    finders = sys.meta_path.copy()
    with fastspec.patch("soundlib") as patch:
        assert len(sys.meta_path) == len(finders) + 1
        assert not {"soundlib", "soundlib.extract"} & sys.modules.keys()
        assert patch.places == []
        import soundlib.user  # type: ignore[import-not-found]

        lib = library()
        assert soundlib.user.held(1) == ("ours", 1, 80)
        assert lib.Extractor()(1) == ("ours", 1, 0)
        assert type(lib.__loader__).__name__ == type(lib.__spec__.loader).__name__ == "SourceFileLoader"
        assert "soundlib.user.held" in patch.places
    assert sys.meta_path == finders
    assert soundlib.user.held(1) == lib.features(1) == ("original", 1, 80)
    del sys.modules["soundlib.extract"]
    assert library().features(1) == ("original", 1, 80)


def test_looking_for_a_module_does_not_patch_it_nor_keep_it_from_being_patched() -> None:
    with fastspec.patch("soundlib"):
        spec = importlib.util.find_spec("soundlib.extract")
        assert spec is not None
        assert spec.loader.get_source("soundlib.extract") == LIBRARY  # type: ignore[union-attr]
        assert library().features(1) == ("ours", 1, 80)


def test_a_module_that_is_executed_again_is_patched_again_and_restored() -> None:
    lib = library()
    with fastspec.patch("soundlib"):
        first = lib.Extractor
        importlib.reload(lib)
        assert lib.Extractor is not first
        assert lib.Extractor()(1) == first()(1) == ("ours", 1, 0)
        assert lib.features(1) == ("ours", 1, 80)
    assert lib.Extractor()(1) == first()(1) == ("original", 1, 0)
    assert lib.features(1) == ("original", 1, 80)


def test_an_error_of_the_import_is_the_programs_and_the_next_import_is_patched(tmp_path: Path) -> None:
    path = tmp_path / "soundlib" / "extract.py"
    path.write_text("1 / 0")
    with fastspec.patch("soundlib"):
        with pytest.raises(ZeroDivisionError):
            library()
        path.write_text(LIBRARY + "\n# another size, so that the bytecode is not taken")
        importlib.invalidate_caches()
        assert library().features(1) == ("ours", 1, 80)


def test_two_words_may_wait_for_the_same_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "other", Library((Entry("soundlib.extract", "changed", "soundface:call"),)))
    with fastspec.patch("other"), fastspec.patch("soundlib"):
        assert library().features(1) == ("ours", 1, 80)
    fastspec.patch._STATES.pop("other")


def test_what_ours_refuses_runs_the_original_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    lib = library()
    with caplog.at_level(logging.WARNING, "fastspec"), fastspec.patch("soundlib"):
        caplog.clear()
        for _ in range(2):
            assert lib.Extractor()(1, pad=-1) == ("original", 1, -1)
            assert lib.features(1, 13) == ("original", 1, 13)
            assert lib.features(1, new=3) == lib.features(1, 80, 3) == ("original", 1, 80)
            assert type(lib.Online(8000, dither=1.0)) is lib.Online.__wrapped__
    assert [record.getMessage() for record in caplog.records] == [
        "soundlib.extract.Extractor.__call__ runs the original code: pad=-1",
        "soundlib.extract.features runs the original code: 13 filters",
        "soundlib.extract.features runs the original code: fastspec does not support the argument new",
        "soundlib.extract.features runs the original code: fastspec does not support 3 arguments without a name",
        "soundlib.extract.Online runs the original code: dither",
    ]


def test_calls_of_ours_are_counted() -> None:
    lib = library()
    with fastspec.patch("soundlib"):
        lib.features(1)
        lib.features(1, n_mels=40)
        lib.features(1, n_mels=13)
        lib.Online(8000)
        lib.Online(8000, 1.0)
    lib.features(1)
    counts = fastspec.patch.calls("soundlib")
    assert {name: count for name, count in counts.items() if count} == {
        "soundlib.extract.features": 2,
        "soundlib.extract.Online": 1,
    }
    assert "soundlib.extract.Extractor.__call__" in counts


def test_a_class_creates_objects_of_ours_or_of_its_own_and_stays_a_class() -> None:
    lib = library()
    original = lib.Online
    with fastspec.patch("soundlib"):
        import soundface  # type: ignore[import-not-found]

        stand_in = lib.Online
        ours, theirs = stand_in(8000), stand_in(8000, dither=1.0)
        assert (type(ours), type(theirs)) == (soundface.Online, original)
        assert isinstance(ours, stand_in)
        assert isinstance(theirs, stand_in)
        assert not isinstance(1, stand_in)
        assert issubclass(original, stand_in)
        assert (stand_in.kind, stand_in.__name__, stand_in.__module__) == ("ours", "Online", "soundlib.extract")
        assert "kind" in dir(stand_in)
        assert pickle.loads(pickle.dumps(stand_in)) is stand_in
        assert pickle.loads(pickle.dumps(ours)).rate == 8000

        class Heir(stand_in):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                super().__init__(16000)

        assert Heir.__bases__ == (original,)
        assert Heir().rate == 16000
    assert lib.Online is original
    assert type(stand_in(8000)) is original
    assert stand_in.kind == "original"


def test_names_that_a_version_does_not_have_are_passed_over_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    library()
    with caplog.at_level(logging.INFO, "fastspec"), fastspec.patch("soundlib"):
        pass
    assert not [record for record in caplog.records if "absent" in record.getMessage()]


def test_a_function_whose_arguments_are_others_stays_and_that_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    lib = library()
    for _ in range(2):
        with fastspec.patch("soundlib"):
            assert lib.changed(1, 2) == ("original", 1, 2)
    assert [record.getMessage() for record in caplog.records] == [
        "soundlib.extract.changed is not patched: it takes the arguments signal, rate, not y, rate"
    ]
    assert argument_refusal(lambda x: x, lambda x, y=0: x) == ""
    assert argument_refusal(max, lambda x: x) == ""  # it has no signature


@pytest.mark.parametrize(
    ("since", "before", "reason"),
    [
        ("", "", ""),
        ("1.2.3", "2", ""),
        ("1.3", "", "version 1.2.3 is older than 1.3"),
        ("", "1.2", "version 1.2.3 is not older than 1.2"),
    ],
)
def test_entries_are_for_a_window_of_versions(
    since: str, before: str, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entry = Entry("soundlib.extract", "features", "soundface:features", since, before)
    monkeypatch.setitem(LIBRARIES, "soundlib", Library((entry,)))
    lib = library()
    with fastspec.patch("soundlib"):
        assert (lib.features(1)[0] == "ours") == (not reason)
    expected = [f"soundlib.extract.features is not patched: {reason}"] if reason else []
    assert [record.getMessage() for record in caplog.records] == expected


def test_versions_are_compared_by_their_numbers() -> None:
    assert [version_numbers(version) for version in ("1.10", "20250625", "2.0rc1", "5.1.dev0", "", "git")] == [
        (1, 10),
        (20250625,),
        (2, 0),
        (5, 1),
        (),
        (),
    ]


def test_patches_of_several_libraries_are_apart() -> None:
    lib = library()
    with fastspec.patch("soundlib"), fastspec.patch("soundlib"):
        with fastspec.patch("whisper"):
            assert lib.features(1) == ("ours", 1, 80)
        assert not fastspec.is_patched("whisper")
        assert lib.features(1) == ("ours", 1, 80)
    with pytest.raises(ValueError, match="precision must be None for 'soundlib', got 'double'"):
        fastspec.patch("soundlib", precision="double")


def test_a_module_that_waits_for_its_first_use_is_not_loaded() -> None:
    spec = importlib.util.find_spec("soundlib.extract")
    assert spec is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)  # type: ignore[arg-type]
    module = importlib.util.module_from_spec(spec)
    sys.modules["soundlib.extract"] = module
    spec.loader.exec_module(module)
    with fastspec.patch("soundlib"):
        assert "features" not in ModuleType.__dict__["__dict__"].__get__(module)


RUN = """
import multiprocessing, sys
from importlib.util import find_spec

def is_patched(_=0):
    from faster_whisper import FeatureExtractor
    return hasattr(FeatureExtractor.__call__, "__fastspec__")

if __name__ == "__main__":
    assert find_spec("faster_whisper") is not None  # which imports nothing
    print({"numpy", "fastspec"} & {*sys.modules}, is_patched())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(is_patched, [0]))
"""


def test_the_runner_takes_the_name_of_a_library(tmp_path: Path) -> None:
    package = tmp_path / "faster_whisper"
    package.mkdir()
    (package / "__init__.py").write_text("from .feature_extractor import FeatureExtractor\n__version__ = '1.1.0'\n")
    (package / "feature_extractor.py").write_text(
        "class FeatureExtractor:\n    def __call__(self, waveform, padding=160, chunk_length=None):\n        pass\n"
    )
    (tmp_path / "run.py").write_text(RUN)
    runner = "-m", "fastspec.patch", "--library", "whisper"
    ran = python(*runner, "run.py", cwd=tmp_path)
    assert ran.stdout.splitlines() == ["set() True", "[True]"], ran.stderr
    code = "import importlib.util as u; u.find_spec('librosa')\n"  # which does not use up the patch
    code += "import faster_whisper as f, librosa; print([hasattr(x, '__fastspec__') for x in "
    code += "(f.FeatureExtractor.__call__, librosa.stft)])"
    for names, expected in ((["whisper"], [True, False]), (["whisper", "librosa"], [True, True])):
        options = [word for name in names for word in ("--library", name)]
        assert python("-m", "fastspec.patch", *options, "-c", code, cwd=tmp_path).stdout == f"{expected}\n"
    code = "import fastspec; fastspec.patch('whisper'); import faster_whisper as f; fastspec.unpatch('whisper')\n"
    code += "print(hasattr(f.FeatureExtractor.__call__, '__fastspec__'), fastspec.is_patched('whisper'))"
    ran = python("-m", "fastspec.patch", "--library", "whisper", "-c", code, cwd=tmp_path)
    assert ran.stdout == "False False\n", ran.stderr
    wrong = python("-m", "fastspec.patch", "--library", "whisperer", "-c", "")
    assert (wrong.returncode, "--library must be kaldi or librosa or whisper" in wrong.stderr) == (2, True)
    code = "import faster_whisper; from fastspec.faces.whisper import _Setting; print(_Setting.is_double)"
    ran = python("-m", "fastspec.patch", "--precision", "double", "--library", "whisper", "-c", code, cwd=tmp_path)
    assert ran.stdout == "True\n", ran.stderr
