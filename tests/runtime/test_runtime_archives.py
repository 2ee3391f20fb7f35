"""Kernels are kept on disk, and never stale, where their modules come from an archive or without sources."""

import compileall
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest
from sandbox import PREAMBLE, Sandbox, finish

from fastspec.kernels.runtime import cache

RUN = """
def hits():
    entries = [entry.cache_hits for entry in jit._entries.values()]
    return sum(demo.one_row.stats.cache_hits.values()) + sum(entries)

a = np.zeros(4)
demo.fill_by_address(demo.fill_entry().address, a, 3, 7.0)
assert a.tolist() == [7.0] * 3 + [0]
demo.one_row(0, demo.X.ravel(), np.empty(60), a[3:])
print(demo.right(factor=FACTOR), hits())
"""


def zip_sources(package: Path, archive: Path) -> None:
    """The package with its sources, as a program in a zip has it."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(package.rglob("*.py")):
            file.write(path, path.relative_to(package.parent))


def zip_code(package: Path, archive: Path) -> None:
    """The package compiled to bytecode, as freezers have it."""
    with zipfile.PyZipFile(str(archive), "w", optimize=0) as file:
        file.writepy(str(package))
    assert all(name.endswith(".pyc") for name in zipfile.ZipFile(archive).namelist())


def folder_of_code(package: Path, folder: Path) -> None:
    """A folder of bytecode whose sources were removed."""
    shutil.copytree(package, folder / package.name)
    assert compileall.compile_dir(folder, quiet=1, legacy=True)
    for path in folder.rglob("*.py"):
        path.unlink()


MUTE = """
import sys, zipimport

class Mute(zipimport.zipimporter):
    def get_code(self, name):
        raise ImportError("no code")

    def exec_module(self, module):
        exec(zipimport.zipimporter.get_code(self, module.__name__), vars(module))

sys.path_hooks.insert(0, Mute)
sys.path_importer_cache.clear()
"""

PACKAGERS = [zip_sources, zip_code, folder_of_code]


def packed(box: Sandbox, pack: Callable[[Path, Path], None], name: str = "packed") -> Path:
    """The sandbox's package packed anew; its sources are moved where Python does not look."""
    hidden = box.root / "hidden" / "fastspec"
    if not hidden.exists():
        hidden.parent.mkdir()
        shutil.move(box.root / "fastspec", hidden)
    archive = box.root / name
    if archive.is_dir():
        shutil.rmtree(archive)
    pack(hidden, archive)
    return archive


@pytest.mark.parametrize("pack", PACKAGERS)
def test_a_second_start_compiles_nothing_and_an_edited_callee_is_never_served_stale(
    tmp_path: Path, pack: Callable[[Path, Path], None]
) -> None:
    box = Sandbox(tmp_path)
    archive = packed(box, pack)
    start = RUN.replace("FACTOR", "2.0")
    assert box.run(start, PYTHONPATH=archive) == (["True", "0"], [])
    assert box.run(start, PYTHONPATH=archive) == (["True", "5"], [])

    callee = box.root / "hidden" / "fastspec" / "kernels" / "callee.py"
    callee.write_text(callee.read_text().replace("2.0 *", "3.0 *"))
    packed(box, pack)
    assert box.run(RUN.replace("FACTOR", "3.0"), PYTHONPATH=archive) == (["True", "0"], [])


def test_an_archive_that_lies_elsewhere_holds_the_same_kernels(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    start = RUN.replace("FACTOR", "2.0")
    assert box.run(start, PYTHONPATH=packed(box, zip_code, "first.zip")) == (["True", "0"], [])
    assert box.run(start, PYTHONPATH=packed(box, zip_code, "second.zip")) == (["True", "5"], [])


def test_a_loader_without_sources_and_code_costs_one_warning(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    archive = packed(box, zip_code)
    child = box.start(RUN.replace("FACTOR", "2.0"), preamble=MUTE + PREAMBLE, PYTHONPATH=archive)
    words, warned = finish(child)
    assert (words, len(warned)) == (["True", "0"], 1)
    assert "gives no sources" in warned[0]
    assert box.files() == []


# ---- the text of code ----
def code_of(source: str) -> CodeType:
    """The code of a function."""
    namespace: dict[str, object] = {}
    exec(compile(source, "a file", "exec"), namespace)
    code = namespace["f"].__code__  # type: ignore[attr-defined]
    assert isinstance(code, CodeType)
    return code


SOURCES = [
    "def f(x): return x + 1",
    "def f(x): return x + 1.0",
    "def f(x): return x + True",
    "def f(x): return x - 1",
    "def f(y): return y + 1",
    "def f(x, *, y=0): return x + 1",
    "def f(x): return x + '1'",
    "def f(x): return x + b'1'",
    "def f(x): return x + 0.0",
    "def f(x): return x + -0.0",
    "def f(x): return (x, (1, 2))",
    "def f(x): return (x, 1, 2)",
    "def f(x): return a(x)",
    "def f(x): return b(x)",
    "def f(x): return lambda y: x + y",
    "def f(x): return lambda y: x - y",
    "def f(x): return x in {'a', 'b', 'c', 'd'}",
    "def f(x): return x in {'a', 'b', 'c', 'e'}",
    "def f(x):\n    try:\n        return 1 / x\n    except ValueError:\n        return 0",
    "def f(x):\n    try:\n        return 1 / x\n    except KeyError:\n        return 0",
]


def test_the_text_of_code_tells_any_two_functions_apart() -> None:
    texts = [cache.code_text(code_of(source)) for source in SOURCES]
    assert len(set(texts)) == len(SOURCES)
    assert texts == [cache.code_text(code_of(source)) for source in SOURCES]


def test_the_text_of_code_is_that_of_every_process(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    code = f"""
        import hashlib
        texts = []
        for source in {SOURCES!r}:
            names = {{}}
            exec(compile(source, "another file", "exec"), names)
            texts.append(cache.code_text(names["f"].__code__))
        print(hashlib.sha256(repr(texts).encode()).hexdigest())
    """
    digests = {box.run(code, PYTHONHASHSEED=seed)[0][0] for seed in (1, 2, 3)}
    assert len(digests) == 1
