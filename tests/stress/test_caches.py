"""The cache of compiled kernels under damage, odd folders and many processes: right results, and the cache healed."""

import ctypes
import os
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from sandbox import PREAMBLE, Sandbox, finish

from fastspec.kernels.runtime import cache

FINITE = """
assert demo.finite(np.array([1.0, np.nan, np.inf, 0.0])) == 2
print(sum(demo.finite.stats.cache_hits.values()))
"""
THREE = """
a = np.zeros(4)
demo.fill_by_address(demo.fill_entry().address, a, 3, 7.0)
assert a.tolist() == [7.0] * 3 + [0.0]
assert demo.finite(np.array([1.0, np.nan, np.inf, 0.0])) == 2
print(sum(sum(d.stats.cache_hits.values()) for d in (demo.finite, demo.fill_by_address)) + demo.fill_entry().cache_hits)
"""
"""What uses three compilations, checks them, and prints how many of them were loaded."""

Damage = Callable[[bytes, random.Random], bytes]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(0, len(content), 64)]


def noise(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    count = min(draw.choice([1, 16, 512, 4096]), len(content) - start)
    return content[:start] + draw.randbytes(count) + content[start + count :]


def zeros(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(0, len(content), 512)
    count = min(draw.choice([512, 4096]), len(content) - start)
    return content[:start] + bytes(count) + content[start + count :]


def a_bit(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + bytes([content[start] ^ 1 << draw.randrange(8)]) + content[start + 1 :]


def doubled(content: bytes, draw: random.Random) -> bytes:
    return content + content[: draw.randrange(1, len(content))]


DAMAGES: list[Damage] = [cut, noise, zeros, a_bit, doubled]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cache.Store:
    """An empty store of its own, whose warnings are not given."""
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_warned_kinds", {"damaged"})
    return cache.Store("0" * 16)


# ---- damage ----
def test_no_damage_passes_the_store(store: cache.Store, seed: int) -> None:
    """Ten files cut at every 64th byte, and damaged at places that are drawn: none is trusted, each is replaced."""
    draw = random.Random(seed)
    refused = 0
    for number in range(10):
        payload = draw.randbytes(draw.randrange(64, 16_000))
        store.save("name", str(number), payload)
        path = store.path("name", str(number))
        whole = path.read_bytes()
        damaged = [whole[:end] for end in range(0, len(whole), 64)]
        damaged += [damage(whole, draw) for damage in DAMAGES for _ in range(20)]
        for content in damaged:
            path.write_bytes(content)
            assert store.load("name", str(number)) == (payload if content == whole else None)
            refused += content != whole
        store.save("name", str(number), payload)
        assert store.load("name", str(number)) == payload
    print("stress: damaged files refused by the store", refused)
    assert refused > 1000


@pytest.mark.long
def test_no_damage_gives_a_wrong_result_and_each_is_healed(tmp_path: Path, seed: int) -> None:
    box, draw = Sandbox(tmp_path), random.Random(seed)
    assert box.run(THREE) == (["0"], [])
    files = box.files()
    whole = {path: path.read_bytes() for path in files}
    damages = 0
    while damages < 200:
        hit = draw.sample(files, draw.randint(1, len(files)))
        for path in hit:
            content = draw.choice(DAMAGES)(whole[path], draw)
            path.write_bytes(content if content != whole[path] else b"")
        words, warned = box.run(THREE)
        assert (words, len(warned)) == ([str(len(files) - len(hit))], 1), hit
        assert box.files() == files
        assert box.run(THREE) == ([str(len(files))], [])
        damages += len(hit)
    print("stress: damaged cache files, compiled anew and healed", damages)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no space on the disk


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_endless, link_to_nothing, link_to_itself, link_to_zeros])
def test_what_is_no_file_is_replaced_by_one(store: cache.Store, make: Callable[[Path], None]) -> None:
    path = store.path("name", "key")
    path.parent.mkdir(parents=True)
    make(path)
    assert store.load("name", "key") is None
    store.save("name", "key", b"payload")
    assert store.load("name", "key") == b"payload"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert not path.is_symlink()


def test_a_folder_in_the_place_of_a_file_costs_one_warning(store: cache.Store) -> None:
    store.path("name", "key").mkdir(parents=True)
    assert store.load("name", "key") is None
    with pytest.warns(RuntimeWarning, match="cannot write"):
        store.save("name", "key", b"payload")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.save("name", "key", b"payload")
    assert [path.name for path in store.directory.iterdir()] == [store.path("name", "key").name]


# ---- folders ----
def test_a_folder_that_was_removed_around_python_has_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: cache.Store
) -> None:
    monkeypatch.setenv("FASTSPEC_CACHE_DIR", "relative")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert store.load("name", "key") is None
    with pytest.warns(RuntimeWarning, match="cannot write"):
        store.save("name", "key", b"payload")


def as_mere_owner() -> None:
    """Let file modes hold for root as well (CAP_DAC_OVERRIDE leaves the set that the next program can have)."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):
        raise OSError("cannot drop CAP_DAC_OVERRIDE")


def set_modes(folder: Path, mode: int) -> None:
    """The mode of a folder and of those in it."""
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        path.chmod(mode)


def test_where_the_package_cannot_be_written_kernels_are_kept_elsewhere(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    set_modes(tmp_path / "fastspec", 0o555)
    box.cache.mkdir()
    try:
        before = sorted((tmp_path / "fastspec").rglob("*"))
        assert box.run(FINITE, preexec_fn=as_mere_owner) == (["0"], [])
        assert box.run(FINITE, preexec_fn=as_mere_owner) == (["1"], [])
        assert sorted((tmp_path / "fastspec").rglob("*")) == before
    finally:
        set_modes(tmp_path / "fastspec", 0o755)


def facts_of(folder: Path) -> dict[str, str]:
    """What the command doctor says where the cache is in this folder."""
    ran = subprocess.run(
        [sys.executable, "-m", "fastspec", "doctor"],
        env=os.environ | {"FASTSPEC_CACHE_DIR": str(folder)},
        preexec_fn=as_mere_owner,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {name: value.strip() for name, value in (line.split("  ", 1) for line in ran.stdout.splitlines())}


@pytest.mark.parametrize(
    ("kept", "says"), [(0, "compiles its kernels"), (3, "loads the kernels that the folder holds")]
)
def test_doctor_says_what_a_cache_does_that_cannot_be_written(tmp_path: Path, kept: int, says: str) -> None:
    ours = tmp_path / cache.cache_directory().relative_to(cache.base_directory())
    ours.mkdir(parents=True)
    for number in range(kept):
        (ours / f"{number}.bin").touch()
    set_modes(tmp_path, 0o555)
    try:
        facts = facts_of(tmp_path)
    finally:
        set_modes(tmp_path, 0o755)
    assert facts["cache writable"].startswith(f"no, so every process {says}")
    assert facts["compiled kernels"] == f"{kept} in that folder"


@pytest.mark.long
def test_warmup_says_whether_the_next_process_compiles(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fastspec import warmup\nfrom fastspec.__main__ import main\n"
        "few = warmup.steps()[:2]\nwarmup.steps, warmup.start_helpers = lambda **_: few, lambda **_: None\n"
        "sys.exit(main(['warmup']))"
    )
    told = []
    for mode in (0o555, 0o755, 0o555):
        set_modes(tmp_path, mode)
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"FASTSPEC_CACHE_DIR": str(tmp_path)},
            preexec_fn=as_mere_owner,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        told.append(("but each process compiles" in ran.stdout, ran.stderr.count("cannot write")))
    set_modes(tmp_path, 0o755)
    assert told == [(True, 1), (False, 0), (False, 0)]


SMALL_DISK = """
import ctypes, os, resource
libc = ctypes.CDLL(None)
new_mounts, new_user, private = 0x20000, 0x10000000, 1 << 18 | 1 << 14
mounted = False
if libc.unshare(new_mounts if os.geteuid() == 0 else new_mounts | new_user) == 0:
    libc.mount(b"none", b"/", None, private, None)
    mounted = libc.mount(b"tmpfs", os.environ["FASTSPEC_CACHE_DIR"].encode(), b"tmpfs", 0, b"size=ROOMk") == 0
if not mounted:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * ROOM,) * 2)
"""
"""A disk of ROOM kB for the cache, where the system lets this user mount one; else files of at most that."""
TELL_LEFT = """
print("tmpfs" if mounted else "limit")
print(*[name for _, _, names in os.walk(os.environ["FASTSPEC_CACHE_DIR"]) for name in names if name[-4:] != ".bin"])
"""


@pytest.mark.long
@pytest.mark.parametrize("room", [4, 16, 32])
def test_a_full_disk_costs_one_warning(tmp_path: Path, room: int) -> None:
    """It takes none or some of the files."""
    box = Sandbox(tmp_path)
    box.cache.mkdir()
    child = box.start(THREE + TELL_LEFT, preamble=SMALL_DISK.replace("ROOM", str(room)) + PREAMBLE)
    words, warned = finish(child, 120)
    print("stress: a full disk of kB", room, words)
    assert words[0] == "0"
    assert len(words) == 2, words  # no temporary file is left
    assert len(warned) == 1
    assert "cannot write" in warned[0]


# ---- what is never trusted ----
def test_the_scope_follows_the_source_of_every_kernel() -> None:
    sources = cache._kernel_sources()
    folder = Path(cache.__file__).parents[1]
    files = {".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    names = {name.partition(".kernels")[2].lstrip(".") for name in sources}
    assert names == {file.removesuffix("__init__").removesuffix(".") for file in files}
    scopes = {cache.hash_sources(sources | {name: text + b"\n"}, ()) for name, text in sources.items()}
    assert len(scopes) == len(sources)
    assert cache.hash_sources(sources, ()) not in scopes


CHANGES = {
    "numba": "import numba\nnumba.__version__ += '.1'\n",
    "llvmlite": "import llvmlite\nllvmlite.__version__ += '.1'\n",
    "NumPy": "import numpy\nnumpy.__version__ += '.1'\n",
    "SVML": "import numba\nnumba.config.USING_SVML = not numba.config.USING_SVML\n",
    "processor": "import os\nos.environ['NUMBA_CPU_NAME'] = 'nehalem'\n",
    "its features": "import os\nos.environ.update(NUMBA_CPU_NAME='nehalem', NUMBA_CPU_FEATURES='+sse2')\n",
}


@pytest.mark.parametrize("names", [("numba", "processor"), pytest.param(CHANGES, marks=pytest.mark.long)], ids=len)
def test_code_of_another_numba_or_processor_is_not_loaded(tmp_path: Path, names: Iterable[str]) -> None:
    box, changes = Sandbox(tmp_path), ["", *(CHANGES[name] for name in names)]
    for change in changes:
        assert finish(box.start(FINITE, preamble=change + PREAMBLE)) == (["0"], [])
    for change in changes:
        assert finish(box.start(FINITE, preamble=change + PREAMBLE)) == (["1"], [])


@pytest.mark.long
def test_every_change_of_a_kernel_runs_at_once(tmp_path: Path, seed: int) -> None:
    """Kernels edited in the file of what they call, thirty times, back and forth: always the code that stands there."""
    box, draw = Sandbox(tmp_path), random.Random(seed)
    text = (box.kernels / "callee.py").read_text()
    seen: set[int] = set()
    for _ in range(30):
        factor = draw.randrange(1, 8)
        box.write("callee", text.replace("2.0 *", f"{factor}.0 *"))
        words, warned = box.run(
            "a = np.zeros(1); demo.one_row(0, demo.X.ravel(), np.empty(60), a)\n"
            f"print(np.isclose(a[0], np.sin({factor} * demo.X[0]).sum()), sum(demo.one_row.stats.cache_hits.values()))"
        )
        assert (words, warned) == (["True", str(int(factor in seen))], [])
        seen.add(factor)


# ---- many processes ----
@pytest.mark.long
def test_twelve_cold_processes_may_fill_it_at_once(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    done = 0
    for _ in range(10):
        shutil.rmtree(box.cache, ignore_errors=True)
        for child in [box.start(THREE) for _ in range(12)]:
            words, warned = finish(child, 300)
            assert (len(words), warned) == (1, [])
            done += 1
        assert {path.suffix for path in box.files()} == {".bin"}
        assert box.run(THREE) == (["3"], [])
    print("stress: cold processes at once, twelve at a time", done)
    assert done == 120
