"""Packages for the tests of the runtime: the real compiler, cache and threads below kernels made for the tests.

A child process imports such a copy as ``fastspec``, so a test may edit its sources, damage its cache, fork it, kill it.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

REAL = Path(__file__).resolve().parents[2] / "fastspec" / "kernels"

CALLEE = """
from .runtime.jit import kernel

@kernel
def weight(value):
    return 2.0 * value
"""

KERNELS = """
import math
import numpy as np
from .callee import weight
from typing import NamedTuple
from .runtime.jit import compile_entry, int64, intrinsic, ir, kernel, types
from .runtime.layout import Ints, Layout, Reals
from .runtime.tasks import run_items, task

X = np.random.default_rng(7).standard_normal((400, 60))
MUCH = 1 << 24          # as the work of a call: far more than is done alone for being little

@kernel
def one_row(i, x, scratch, out):
    for j in range(scratch.size):
        scratch[j] = weight(x[i * scratch.size + j])
    total = x.dtype.type(0)
    for j in range(scratch.size):
        total += math.sin(scratch[j])
    out[i] = total

class RowArgs(NamedTuple):
    x: Reals
    out: Reals
    width: int

ROWS = Layout(RowArgs)
(unpack_rows,) = ROWS.unpackers

@task("demo")
def sum_row(item, worker, record, scratch):
    args = unpack_rows(scratch, record)
    one_row(item, args.x, scratch[worker * args.width : (worker + 1) * args.width], args.out)

class VisitArgs(NamedTuple):
    visits: Ints
    who: Ints
    rounds: int

VISITS = Layout(VisitArgs)
(unpack_visits,) = VISITS.unpackers

@task("demo")
def visit(item, worker, record, scratch):
    args = unpack_visits(scratch, record)
    total = 0.0
    for j in range(args.rounds):
        total += math.sin(total + j)
    args.visits[item] += int64(1) + (total > 1e9)
    args.who[item] = worker

def count(n, visits, who, work, rounds=0):
    record = VISITS.pack(VisitArgs(visits, who, rounds))
    run_items(visit, np.dtype(float), n, record, work=work)

def slow(n, visits, who, work):
    count(n, visits, who, work, rounds=10_000)

def team_used(n=200, work=MUCH, tries=200):
    who = np.zeros(n, int)
    while len(set(who)) == 1 and tries:         # on a busy machine helpers may be late
        slow(n, who.copy(), who, work)
        tries -= 1
    return len(set(who))

def fill(a, n, value):
    for i in range(n):
        a[i] = value

FILL = types.Array(types.float64, 1, "C"), types.int64, types.float64

def fill_entry():
    return compile_entry(fill, *FILL)

@intrinsic
def call(typingctx, address, arguments):
    def codegen(context, builder, signature, values):
        kinds = [context.get_value_type(types.unliteral(t)) for t in arguments]
        function = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        builder.call(function, [builder.extract_value(values[1], k) for k in range(len(kinds))])
        return context.get_dummy_value()
    return types.void(types.int64, arguments), codegen

@kernel
def fill_by_address(address, a, n, value):
    call(address, (a, n, value))

@kernel
def finite(x):
    found = 0
    for i in range(x.size):
        found += not (math.isnan(x[i]) or math.isinf(x[i]))
    return found

def row_sums(x=X, work=MUCH):
    out = np.empty(len(x), x.dtype)
    record = ROWS.pack(RowArgs(x.ravel(), out, x.shape[1]))
    run_items(sum_row, x.dtype, len(x), record, work=work, scratch=x.shape[1])
    return out

def right(factor=2.0, x=X):
    return bool(np.allclose(row_sums(x), np.sin(factor * x).sum(1), rtol=1e-12, atol=1e-12))

def answer_to(queue):
    from .runtime.threads import thread_count
    queue.put((right(), thread_count()))
"""

PREAMBLE = """
import ctypes, os, signal, sys, threading, time
import numpy as np
from fastspec.kernels import demo
from fastspec.kernels.runtime import cache, jit, threads
assert jit.__file__.startswith({root!r}), jit.__file__
"""


class Sandbox:
    """One such package with a cache directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root, root / "cache"
        self.kernels = root / "fastspec" / "kernels"
        self.kernels.mkdir(parents=True)
        shutil.copytree(REAL / "runtime", self.kernels / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("forks.py", "status.py", "warning.py"):
            shutil.copy(REAL.parent / name, self.kernels.parent)
        (self.kernels.parent / "__init__.py").touch()
        (self.kernels / "__init__.py").touch()
        self.write("callee", CALLEE)
        self.write("demo", KERNELS)

    def write(self, module: str, text: str) -> None:
        """Give the package a kernel module of this text."""
        (self.kernels / f"{module}.py").write_text(text)

    def files(self) -> list[Path]:
        """All files of the cache."""
        return sorted(path for path in self.cache.rglob("*") if path.is_file())

    def start(self, code: str, preamble: str = PREAMBLE, **more: Any) -> "subprocess.Popen[str]":
        """Start Python on the preamble and the code; arguments in capitals are environment variables."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("FASTSPEC_", "NUMBA_", "PYTEST_"))}
        environment |= {"PYTHONPATH": str(self.root), "FASTSPEC_CACHE_DIR": str(self.cache), "NUMBA_NUM_THREADS": "2"}
        environment |= {name: str(more.pop(name)) for name in list(more) if name.isupper()}
        program = preamble.format(root=str(self.root)) + textwrap.dedent(code)
        return subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=self.root,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )

    def run(self, code: str, **more: Any) -> tuple[list[str], list[str]]:
        """Run the code to its good end; the words it printed, and its warnings that are fastspec's."""
        return finish(self.start(code, **more))


def layers() -> list[str]:
    """The threading layers that numba can use here."""
    found = ["omp", "workqueue"]
    try:
        ctypes.CDLL("libtbb.so.12")
    except OSError:
        return found
    return [*found, "tbb"]


def finish(child: "subprocess.Popen[str]", seconds: float = 60) -> tuple[list[str], list[str]]:
    """Wait for a child that must end well; the words it printed, and its warnings that are fastspec's."""
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # with all that it forked
        out, err = child.communicate()
        raise AssertionError(f"still running after {seconds} s\n{out}\n{err}") from None
    assert child.returncode == 0, f"exit {child.returncode}\n{out}\n{err}"
    return out.split(), [line for line in err.splitlines() if "Warning: fastspec" in line]
