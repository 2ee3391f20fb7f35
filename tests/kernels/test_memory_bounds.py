"""Kernels read and write nothing but their own parts of scratch, their input and their output.

A test build, a copy of the package, has guards between, before and behind all parts of scratch.  Scratch is poison when
a kernel gets it; afterwards the guards must still be, and the results must be those of the package as it is.
"""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fastspec.kernels
from fastspec.kernels.runtime import tasks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GEOMETRIES, MANY = 24, 3000
DTYPES = ["float32", "float64"]

SIZES = '''

class _Size(int):
    """A number of scratch with the sizes of its parts."""

    sizes: tuple[int, ...] = ()

    def __mul__(self, count):
        return _sized(int(self) * int(count), self.sizes)

    __rmul__ = __mul__


def _sized(number, sizes):
    size = _Size(number)
    size.sizes = sizes
    return size


_plain_size = scratch_size


def scratch_size(sizes):
    return _sized(_plain_size(sizes), tuple(int(size) for size in sizes))
'''

POISON = """

carved = {}  # address of an array -> (array, sizes of the parts that it is carved in)
_plain_aligned = aligned


def aligned(count, dtype):
    array = _plain_aligned(count, dtype)
    if array.dtype.kind == "f":
        pattern = {4: np.uint32(0x7FC5A5A5), 8: np.uint64(0x7FF8A5A5A5A5A5A5)}[array.itemsize]
        array.view(pattern.dtype)[:] = pattern
    if getattr(count, "sizes", ()):
        if len(carved) > 100:  # the arrays of thousands of calls would fill the memory
            carved.clear()
        carved[array.ctypes.data] = array, count.sizes
    return array
"""

CHECK = """

from . import layout as _layout
from .calls import carved as _carved

_plain_run_items = run_items
ran = set()  # names of tasks


def _check(array, sizes):
    pattern = {4: np.uint32(0x7FC5A5A5), 8: np.uint64(0x7FF8A5A5A5A5A5A5)}[array.itemsize]
    bits, total, guard = array.view(pattern.dtype), int(_layout.scratch_size(sizes)), _layout.GUARD_REALS
    for worker in range(len(bits) // total):
        at = worker * total
        for size in sizes:
            assert (bits[at : at + guard] == pattern).all(), f"written before a part of {size}, of {sizes}"
            at += guard + size
        assert (bits[at : (worker + 1) * total] == pattern).all(), f"written behind the last part, of {sizes}"


def run_items(task, dtype, items, record, *, work, scratch=0, memory=None):
    ran.add(task.name)
    if memory is None:
        memory = aligned(scratch * min(team_size(), max(items, 1)), dtype)
    _plain_run_items(task, dtype, items, record, work=work, memory=memory)
    entry = _carved.get(memory.ctypes.data)
    assert entry is not None or not scratch
    if entry is not None and entry[0] is memory:
        _check(*entry)
"""

CHECK_PREPARED = """

from ..kernels.runtime import tasks as _tasks

_plain_run = ArrayCall.run


def _run(self, x, y):
    \"\"\"The same; the workspace is looked at again.\"\"\"
    global new_workspace
    arrays = []

    def new_workspace(reals, dtype):
        arrays.append(aligned(reals, dtype))
        return arrays[-1]

    _plain_run(self, x, y)
    _tasks.ran.add(self.task.name)
    at = self._scratch_at // self.dtype.itemsize
    _tasks._check(arrays[0][at : at + arrays[0].size - self._reals], self.prepared.scratch.sizes)


ArrayCall.run = _run
"""

CHECK_ROUNDS = """

from ..transform.inverse import run_strips


def _run(self, step):
    self.workspace.reserve(step.prepared, team_size())
    run_strips(step.prepared, griffin_lim.round_strip, step.record, self.workspace)


Rounds._run = _run
"""


PARTS = 'getattr(self, "parts", ()) != (self.__dict__.update(parts=prepared.scratch.sizes) or prepared.scratch.sizes)'
"""Whether the parts are others than in the call before; remembers them."""


def build(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """A copy of the package with guards, and more edits: (file below kernels, text, its replacement)."""
    shutil.copytree(ROOT / "fastspec", folder / "fastspec", ignore=shutil.ignore_patterns("__pycache__"))
    kernels = folder / "fastspec" / "kernels"
    guard = ("runtime/layout.py", "GUARD_REALS = 0\n", "GUARD_REALS = 32\n")
    size = "self.scratch.size < prepared.scratch * team"  # scratch is reused only if the next call has the same parts
    fresh = ("../transform/prepared.py", size, f"{PARTS} or {size}")
    for name, text, replacement in (guard, fresh, *edits):
        source = (kernels / name).read_text()
        assert source.count(text) == 1, (name, text)
        (kernels / name).write_text(source.replace(text, replacement))
    for name, addition in {"layout": SIZES, "calls": POISON, "tasks": CHECK}.items():
        with open(kernels / "runtime" / f"{name}.py", "a") as file:
            file.write(addition)
    for name, addition in {"transform/prepared": CHECK_PREPARED, "recovery/rounds": CHECK_ROUNDS}.items():
        with open(kernels.parent / f"{name}.py", "a") as file:
            file.write(addition)
    return folder


Process = subprocess.CompletedProcess[str]


def run(
    root: Path, cache: Path | None, dtype: str, only: str = "", geometries: int = GEOMETRIES, seed: int = 11,
    width: str = "narrow",
) -> Process:  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"}
    if cache is not None:
        environment["FASTSPEC_CACHE_DIR"] = str(cache)
    command = [sys.executable, str(HERE / "guarded.py"), dtype, str(geometries), only, str(seed), width]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3000, check=False)


def test_nothing_outside_is_read_or_written(tmp_path: Path) -> None:
    """In float32, as the build is compiled anew; `make stress` runs both dtypes, over many more geometries."""
    guarded = run(build(tmp_path), tmp_path / "cache", "float32")
    assert guarded.returncode == 0, guarded.stdout[-300:] + guarded.stderr
    plain = run(ROOT, None, "float32")
    assert plain.returncode == 0, plain.stderr
    assert len(guarded.stdout.splitlines()) > 10 * GEOMETRIES
    assert guarded.stdout == plain.stdout


BY_ADDRESS = {"align.prepare_strip", "align.align_and_add"}  # tasks that `align.worker_loop` calls


@pytest.mark.long
def test_thousands_of_geometries_and_every_task(tmp_path: Path, seed: int) -> None:
    for module in pkgutil.walk_packages(fastspec.kernels.__path__, "fastspec.kernels."):
        importlib.import_module(module.name)
    expected = {entry.name for entry in tasks.registry if isinstance(entry, tasks.Task)} - BY_ADDRESS
    root = build(tmp_path)
    builds = {"guarded": (root, tmp_path / "cache"), "plain": (ROOT, None)}
    with ThreadPoolExecutor() as pool:
        jobs = {
            (name, dtype): pool.submit(run, *builds[name], dtype, geometries=MANY, seed=seed, width="wide")
            for name in builds
            for dtype in DTYPES
        }
    calls = 0
    for dtype in DTYPES:
        guarded, plain = (jobs[name, dtype].result() for name in builds)
        assert guarded.returncode == 0, guarded.stdout[-300:] + guarded.stderr
        assert guarded.stdout == plain.stdout
        ran = set(guarded.stderr.rpartition("tasks:")[2].split())
        assert ran >= expected, expected - ran
        calls += len(plain.stdout.splitlines())
    print(f"stress: {MANY * len(DTYPES)} geometries between guards, {calls} calls")


def test_a_part_that_is_too_small_is_noticed(tmp_path: Path) -> None:
    edit = ("framing/magnitudes.py", "return V * args.rows, V", "return V * args.rows - 1, V")
    found = run(build(tmp_path, edit), tmp_path / "cache", "float32", only="recover accelerated")
    assert found.returncode != 0
    assert "written before a part" in found.stderr
