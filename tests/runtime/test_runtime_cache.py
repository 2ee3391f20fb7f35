"""The cache of compiled kernels: never stale, never fatal, shared by processes, read where it cannot be written."""

import ctypes
import os
import resource
import shutil
import time
from collections.abc import Callable
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from sandbox import Sandbox, finish

from fastspec.kernels.runtime import cache

USE_ALL = """
def hits():
    dispatchers = demo.one_row, demo.finite, demo.fill_by_address
    entries = [entry.cache_hits for entry in jit._entries.values()]
    return sum(sum(d.stats.cache_hits.values()) for d in dispatchers) + sum(entries)

def use_all():
    a = np.zeros(4)
    demo.fill_by_address(demo.fill_entry().address, a, 3, 7.0)
    demo.one_row(0, demo.X.ravel(), np.empty(60), a[3:])
    assert a.tolist()[:3] == [7.0] * 3 and np.isclose(a[3], np.sin(2 * demo.X[0]).sum())
    assert demo.finite(np.array([1.0, np.nan, np.inf, 0.0])) == 2
    assert demo.right()
"""
USE_ALL_AND_TELL = USE_ALL + "use_all(); print(hits())"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox whose cache holds all that USE_ALL needs; tests leave it as it is."""
    box = Sandbox(tmp_path_factory.mktemp("filled"))
    assert box.run(USE_ALL_AND_TELL) == (["0"], [])
    return box


@pytest.fixture
def box(filled: Sandbox, tmp_path: Path) -> Sandbox:
    """A copy of it, to be maltreated."""
    copy = Sandbox(tmp_path)
    shutil.copytree(filled.cache, copy.cache)
    return copy


def as_mere_owner() -> None:
    """Let file modes hold for root as well (CAP_DAC_OVERRIDE leaves the set that the next program can have)."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
        raise OSError("cannot drop CAP_DAC_OVERRIDE")


def without_room() -> None:
    """A disk that takes no more than 100 bytes a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


# ---- what is kept ----
def test_a_second_process_compiles_nothing(filled: Sandbox) -> None:
    assert filled.run(USE_ALL_AND_TELL) == (["7"], [])


def test_loading_does_not_set_up_the_compiler(filled: Sandbox) -> None:
    words, _ = filled.run(USE_ALL + "use_all(); print('numba.np.arraymath' in sys.modules)")
    assert words == ["False"]


def test_what_was_loaded_can_be_compiled_into_new_code(box: Sandbox) -> None:
    words, warned = box.run(
        USE_ALL_AND_TELL
        + """
x = demo.X.astype(np.float32)
print(np.allclose(demo.row_sums(x), np.sin(2 * x).sum(1), atol=1e-4), demo.row_sums(x).dtype)
"""
    )
    assert (words, warned) == (["7", "True", "float32"], [])


def test_importing_and_decorating_compile_and_write_nothing(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    words, _ = box.run("print(len(demo.one_row.signatures), len(jit._entries))")
    assert words == ["0", "0"]
    assert not box.cache.exists()


def test_an_edited_callee_is_never_served_stale(box: Sandbox) -> None:
    text = (box.kernels / "callee.py").read_text()
    box.write("callee", text.replace("2.0 *", "3.0 *"))
    assert box.run("print(demo.right(factor=3.0))") == (["True"], [])
    box.write("callee", text)
    assert box.run(USE_ALL_AND_TELL) == (["7"], [])


def test_one_function_compiled_two_ways_is_kept_twice(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    box.write(
        "twice",
        """
from .runtime.jit import compile_entry, kernel, types

def double(x):
    for i in range(x.size):
        x[i] *= 2

called = kernel(double)
""",
    )
    code = """
        from fastspec.kernels import twice
        x = np.ones(2)
        twice.called(x)
        entry = jit.compile_entry(twice.double, jit.types.Array(jit.float64, 1, "C"))
        print(*x, sum(twice.called.stats.cache_hits.values()), entry.cache_hits)
    """
    assert box.run(code) == (["2.0", "2.0", "0", "0"], [])
    assert len([path for path in box.files() if path.name.startswith("twice.double-")]) == 2
    assert box.run(code) == (["2.0", "2.0", "1", "1"], [])


def test_types_of_the_same_name_do_not_take_each_others_code(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    for module in ("one", "two"):
        (tmp_path / f"{module}.py").write_text("from collections import namedtuple\nP = namedtuple('P', 'x')\n")
    box.write("reads", "from .runtime.jit import kernel\n@kernel\ndef x_of(p):\n    return p.x\n")
    code = "import one, two; from fastspec.kernels.reads import x_of; print(x_of({0}.P(7)), x_of({1}.P(8)))"
    assert box.run(code.format("one", "two")) == (["7", "8"], [])
    assert box.run(code.format("two", "one")) == (["7", "8"], [])
    assert box.run(code.format("one", "two")) == (["7", "8"], [])


def test_only_named_functions_of_the_kernel_folder_are_kept(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    (tmp_path / "outside.py").write_text(
        "from fastspec.kernels.runtime.jit import kernel\n@kernel\ndef f(x):\n    return x\n"
    )
    box.write("inside", "from .runtime.jit import kernel\nf, g = kernel(lambda x: x + 1), kernel(lambda x: x + 2)\n")
    words, warned = box.run("""
        import outside
        from fastspec.kernels import inside
        print(outside.f(1), inside.f(1), inside.g(1))
    """)
    assert (words, warned) == (["1", "2", "3"], [])
    assert box.files() == []


def test_each_kind_of_processor_has_code_of_its_own(box: Sandbox) -> None:
    code = USE_ALL + "use_all(); print(hits(), cache.cpu_name())"
    assert box.run(code, NUMBA_CPU_NAME="generic") == (["0", "generic"], [])
    assert box.run(code, NUMBA_CPU_NAME="generic") == (["7", "generic"], [])
    assert box.run(code)[0][0] == "7"


def test_the_switches_of_the_compiler_have_code_of_their_own(box: Sandbox) -> None:
    assert box.run(USE_ALL_AND_TELL, NUMBA_OPT="1") == (["0"], [])


# ---- what goes wrong ----
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "all zeros": lambda content: bytes(len(content)),
    "zeros at the end": lambda content: content[:-512] + bytes(512),
    "a block of zeros": lambda content: content[:1024] + bytes(4096) + content[5120:],
    "one bit": lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
    "garbage": lambda content: b"\x80\x05garbage" * 99,
}


def test_a_damaged_file_is_replaced(box: Sandbox) -> None:
    files = box.files()
    whole = {path: path.read_bytes() for path in files}
    for path, damage in zip(files, [*DAMAGE.values()] * len(files), strict=False):
        path.write_bytes(damage(whole[path]))
    words, warned = box.run(USE_ALL_AND_TELL)
    assert (words, len(warned)) == (["0"], 1)
    assert "damaged" in warned[0]
    assert box.files() == files
    assert box.run(USE_ALL_AND_TELL) == (["7"], [])


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_warned_kinds", set())
    store = cache.Store("0" * 16)
    payload = bytes(range(256)) * 64
    store.save("name", "key", payload)
    assert store.load("name", "key") == payload
    path = store.path("name", "key")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert store.load("name", "key") is None


def test_a_file_in_the_place_of_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_warned_kinds", set())
    store = cache.Store("0" * 16)
    store.save("name", "key", b"payload")
    store.path("name", "key").rename(store.path("name", "another key"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert store.load("name", "another key") is None
    assert store.load("name", "key") is None


def test_a_whole_file_that_numba_cannot_read_is_replaced(box: Sandbox) -> None:
    (path,) = (path for path in box.files() if path.name.startswith("demo.finite-"))
    code = "print(demo.finite(np.ones(3)), sum(demo.finite.stats.cache_hits.values()))"
    forged = """
        import hashlib, pathlib
        kept, codegen = demo.finite._cache, demo.finite.targetctx.codegen()
        key = kept._key((jit.types.Array(jit.float64, 1, "C"),), codegen)
        cache._store.save(kept.name, key, b"no pickle")
    """
    whole = path.read_bytes()
    assert box.run(forged) == ([], [])
    assert path.read_bytes() != whole
    words, warned = box.run(code)
    assert (words, len(warned)) == (["3", "0"], 1)
    assert box.run(code) == (["3", "1"], [])


def test_a_directory_that_cannot_be_made_costs_one_warning(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    (tmp_path / "file").touch()
    words, warned = box.run(USE_ALL_AND_TELL + "; print(cache.cache_writable())", FASTSPEC_CACHE_DIR=tmp_path / "file")
    assert (words, len(warned)) == (["0", "False"], 1)
    assert "FASTSPEC_CACHE_DIR" in warned[0]


def test_a_full_disk_costs_one_warning_and_leaves_nothing_behind(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    words, warned = box.run(USE_ALL_AND_TELL, preexec_fn=without_room)
    assert (words, len(warned)) == (["0"], 1)
    assert box.files() == []


def test_a_filled_directory_is_read_where_it_cannot_be_written(box: Sandbox) -> None:
    folders = [box.cache, *(path for path in box.cache.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        told = box.run(USE_ALL_AND_TELL + "; print(cache.cache_writable())", preexec_fn=as_mere_owner)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert told == (["7", "False"], [])


def test_cold_processes_may_fill_it_at_once(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    for child in [box.start(USE_ALL_AND_TELL) for _ in range(4)]:
        assert finish(child)[1] == []
    assert not [path for path in box.files() if path.suffix != ".bin"]
    assert box.run(USE_ALL_AND_TELL) == (["7"], [])


# ---- where it is ----
def test_the_directory_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FASTSPEC_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.base_directory().is_relative_to(tmp_path)
    for name in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "FASTSPEC_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
        assert cache.base_directory() == tmp_path / name
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", "relative")
    assert cache.base_directory() == tmp_path / "relative"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FASTSPEC_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987654321)
    assert not cache.Store("0" * 16).writable()


def scope_of(folder: Path, *toolchain: str) -> str:
    """The scope of the package `part` in a folder or an archive, as another process would compute it."""
    invalidate_caches()
    spec = PathFinder.find_spec("part", [str(folder)])
    assert spec is not None
    return cache.hash_sources(dict(cache.sources_of(spec)), toolchain)


def test_the_scope_follows_every_source_and_the_toolchain(tmp_path: Path) -> None:
    below = tmp_path / "part" / "below"
    below.mkdir(parents=True)
    for folder in (below.parent, below):
        (folder / "__init__.py").touch()
    (below / "a.py").write_text("a = 1")
    (below / "b.py").write_text("b = 1")
    scopes = [scope_of(tmp_path, "1"), scope_of(tmp_path, "2")]
    for path in (below / "a.py", below / "__init__.py", below.parent / "__init__.py"):
        text = path.read_text()
        path.write_text(f"{text}\nc = 2")
        scopes.append(scope_of(tmp_path, "1"))
        path.write_text(text)
    (below / "b.py").rename(below / "c.py")
    scopes.append(scope_of(tmp_path, "1"))
    assert len(set(scopes)) == len(scopes) == 6
    (below / "c.py").rename(below / "b.py")
    assert scope_of(tmp_path, "1") == scopes[0]


def test_pruning_removes_only_other_scopes_and_abandoned_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", str(tmp_path))
    ours, theirs = cache.Store("0" * 16), cache.Store("f" * 16)
    for store in (ours, theirs):
        store.save("name", "key", b"payload")
    (tmp_path / "fastspec" / "notes").mkdir()
    old, new = ours.directory / "old.tmp", ours.directory / "new.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 1e5,) * 2)
    assert sorted(ours.prune()) == sorted([theirs.directory, old])
    assert ours.load("name", "key") == b"payload"
    assert new.exists()
    assert (tmp_path / "fastspec" / "notes").exists()
    assert ours.prune() == []


def test_pruning_where_nothing_was_ever_kept_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", str(tmp_path / "none"))
    assert cache.Store("0" * 16).prune() == []
