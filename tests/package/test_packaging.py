"""The package as it is installed: light to import, typed, complete, and with the dependencies it says."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module, resources
from pathlib import Path

import pytest

import fastspec

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FIFTEEN = {
    *(
        "butter_bandpass",
        "butter_bandpass_filter",
        "overlap",
        "stft",
        "pretty_spectrogram",
        "invert_pretty_spectrogram",
    ),
    *("iterate_invert_spectrogram", "invert_spectrogram", "xcorr_offset", "make_mel", "mel_to_spectrogram"),
    *("hz2mel", "mel2hz", "get_filterbanks", "create_mel_filter"),
}


def loaded_by(statement: str) -> set[str]:
    """Top-level packages that a fresh interpreter has after `statement`."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not {"numba", "llvmlite", "scipy", "matplotlib", "soundfile", "typer"} & loaded_by("import fastspec")


@pytest.mark.parametrize("module", ["audio", "display", "story", "report", "extras", "atomic"])
def test_a_face_imports_no_kernel_and_no_extra_until_it_is_used(module: str) -> None:
    heavy = {"numba", "scipy", "matplotlib", "soundfile", "soxr", "typer"}
    assert not heavy & loaded_by(f"import fastspec.{module}")


def test_star_import_gives_the_fifteen_names_of_the_notebook() -> None:
    names: dict[str, object] = {}
    exec("from fastspec import *", names)
    assert names.keys() - {"__builtins__"} == FIFTEEN


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'griffinlim_of_tomorrow'"):
        _ = fastspec.griffinlim_of_tomorrow


def test_the_core_needs_numpy_scipy_and_numba_and_nothing_else() -> None:
    assert {re.split(r"[<>=]", item)[0] for item in PROJECT["dependencies"]} == {"numpy", "scipy", "numba"}


def test_every_extra_the_errors_name_exists() -> None:
    from fastspec import extras

    for extra, packages in extras.EXTRAS.items():
        listed = " ".join(PROJECT["optional-dependencies"][extra])
        for package in packages:
            assert package in listed or package == "torch"  # compared where it is there, never forced


def test_the_version_has_its_chapter_in_the_changelog() -> None:
    assert f"## {fastspec.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_freezers_find_the_hook_and_the_hook_names_what_is_loaded_by_name() -> None:
    module, _, function = PROJECT["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    (folder,) = getattr(import_module(module), function)()
    hook = ast.parse((Path(folder) / "hook-fastspec.py").read_text(encoding="utf-8"))
    constants = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in hook.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
    }
    by_name = {name.partition(".")[0] for name in constants["BY_NAME"]}
    loaded: set[str] = set()
    for path in (ROOT / "fastspec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "extras.load":
                loaded |= {node.args[0].value.partition(".")[0]} if isinstance(node.args[0], ast.Constant) else set()
    assert by_name == loaded
    lazy = set(fastspec._MODULE_OF.values()) | {f"fastspec.{name}" for name in fastspec._MODULES}
    assert not [name for name in lazy if name.startswith(constants["NOT_BY_NAME"])]


def test_types_recording_terms_and_page_are_in_the_package() -> None:
    package = resources.files("fastspec")
    for name in ("py.typed", "data/arctic_a0007.wav", "data/arctic_COPYING", "data/report.html"):
        assert (package / name).is_file()


def test_an_absent_package_is_told_from_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastspec import extras

    with pytest.raises(ImportError, match=r'a thing needs no_such_package.*pip install "fastspec\[plot\]"'):
        extras.load("no_such_package.part", "plot", "a thing")
    (tmp_path / "broken_package.py").write_text("import something_else_that_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_else_that_is_missing"):
        extras.load("broken_package", "plot", "a thing")
