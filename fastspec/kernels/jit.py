"""The one module that knows numba: how kernels are compiled, kept on disk, called, and run on threads.

``@kernel`` functions do the work of one item and may call each other.  ``entry(function, *types)`` builds such a
function as machine code with an address, for other kernels to call without linking it in again.  A
``@parallel_kernel`` only loops over items lo..hi-1, with ``range`` if ``serial`` and ``prange`` if not, and hands each
to a kernel; there is never a reduction, so the results have the same bits for any number of threads::

    @parallel_kernel
    def rows(serial, lo, hi, x, scratch, out):
        if serial:
            for i in range(lo, hi):
                one_row(i, x, scratch[0], out)
        else:
            for i in prange(lo, hi):
                one_row(i, x, scratch[get_thread_id()], out)

    rows(n, x, np.empty((team_size(), m)), out, work=50 * x.size)

Nothing compiles on import.  Compiled code is kept by `cache.Store` under the hash of all sources in this folder, so a
kernel may depend on nothing that can change outside it: no constants from elsewhere, none read from the environment.
Functions defined in other folders, inside other functions, or as lambdas compile anew in each process.

numba's own disk cache is not used: it neither checks its files, nor reads a folder it cannot write, nor notices an
edited callee.  The private names of numba that ours needs instead are all in this file (the second import block).
"""

import contextlib
import contextvars
import operator
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
import numpy.ma  # numba does it in its first call, outside its lock: a fork at that moment would hang
from llvmlite import ir
from numba import config, float32, float64, from_dtype, get_thread_id, int64, njit, prange, types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from .cache import Store, scope_of, warn_once

# Private to numba; beside these, `_cache` of dispatchers and cfuncs, and `_reduce` and `_rebuild` of CompileResult.
from numba.core.ccallback import CFunc  # isort: skip
from numba.core.compiler import CompileResult  # isort: skip
from numba.core.compiler_lock import global_compiler_lock  # isort: skip
from numba.core.runtime import rtsys  # isort: skip
from numba.core.serialize import dumps  # isort: skip

__all__ = [  # ours, and the names of numba and llvmlite that the other kernel modules need
    "FASTMATH",
    "AbstractTemplate",
    "cache_directory",
    "cache_writable",
    "cgutils",
    "cpu_name",
    "entry",
    "float32",
    "float64",
    "from_dtype",
    "get_thread_id",
    "infer_global",
    "int64",
    "intrinsic",
    "ir",
    "kernel",
    "lower_builtin",
    "models",
    "parallel_kernel",
    "prange",
    "prune_cache",
    "register_model",
    "signature",
    "team_size",
    "thread_count",
    "threading_layer",
    "threads",
    "types",
]

FASTMATH = ("nsz", "arcp", "contract", "afn", "reassoc")  # all of fastmath but what deletes isnan and isinf
_OPTIONS = {"error_model": "numpy", "fastmath": set(FASTMATH)}
_SLICE = 0.1  # seconds that one call into compiled code should last at most: between two, Ctrl-C acts
_FIRST = 1 << 26  # operations in the first slice of a call, before their speed is known
_SMALL = 1 << 18  # operations below which waking a team costs more than it saves

_folder = Path(__file__).resolve().parent
_store = Store(scope_of(_folder, (numba.__version__, llvmlite.__version__, np.__version__)))


# ---- compiling and keeping ----
class _Overloads:
    """What numba asks of a function's cache: load and save what it compiled for one signature."""

    def __init__(self, function: Callable[..., Any], kind: str) -> None:
        code = function.__code__
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        source = Path(code.co_filename).resolve()
        self.kept = "<" not in self.name and source.parent == _folder and source.is_file()
        self.identity = (
            kind,
            function.__module__,
            function.__qualname__,
            code.co_firstlineno,
            sys.implementation.cache_tag,
        )

    @property
    def cache_path(self) -> str:
        """The folder, as numba's statistics name it."""
        return str(_store.directory)

    def _key(self, arguments: tuple[Any, ...], codegen: Any) -> str:
        switches = config.OPT, config.BOUNDSCHECK, config.LOOP_VECTORIZE, config.SLP_VECTORIZE
        return repr((self.identity, [str(a) for a in arguments], codegen.magic_tuple(), [str(s) for s in switches]))

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compilation for these argument types, or None.

        numba would first set up its whole type system (0.3 s, SciPy's BLAS included); finished code needs only
        the memory runtime, and a compilation after it sets up the rest.
        """
        if not self.kept:
            return None
        arguments = tuple(getattr(signature, "args", signature))
        try:
            rtsys.initialize(target_context)
            payload = _store.load(self.name, self._key(arguments, target_context.codegen()))
            if payload is None:
                return None
            if b"get_thread_id" in payload:  # outside prange numba forgets to start the pool: a crash
                numba.get_num_threads()
            found = CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception as error:  # whole, yet not for this numba after all
            warn_once("damaged", f"compiling {self.name} anew: what {_store.directory} holds does not load ({error!r})")
            return None
        return found if tuple(found.signature.args) == arguments else None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, if it can be kept."""
        if not self.kept:
            return
        arguments = tuple(getattr(signature, "args", signature))
        try:
            if compiled.lifted or compiled.library.has_dynamic_globals:
                raise ValueError("it refers to addresses of this process")
            _store.save(self.name, self._key(arguments, compiled.library.codegen), dumps(compiled._reduce()))
        except Exception as error:
            warn_once("unkept", f"{self.name} cannot be kept, so each process compiles it anew ({error!r})")

    def flush(self) -> None:
        """Forget nothing: a compilation that is saved again replaces the old one."""

    enable = disable = flush


def _compiled(function: Callable[..., Any], parallel: bool) -> Any:
    dispatcher = njit(function, parallel=parallel, nogil=True, **_OPTIONS)
    dispatcher._cache = _Overloads(function, "parallel" if parallel else "serial")
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """A serial kernel, callable from Python and from other kernels, compiled for each signature at its first call."""
    return _compiled(function, parallel=False)


_entries: dict[tuple[Any, ...], Any] = {}  # for good: their addresses are in other hands


def entry(function: Callable[..., Any], *argument_types: Any) -> Any:
    """Compile a function now, or load it, for these numba types; its ``.address`` (int) is a C function returning void.

    Calling it again gives the same object.  Whoever calls the address must pass exactly these types.
    """
    function = getattr(function, "py_func", function)
    with global_compiler_lock:
        found: Any = _entries.get((function, argument_types))
        if found is None:
            found = CFunc(function, (argument_types, types.void), {}, {"nopython": True, **_OPTIONS})
            found._cache = _Overloads(function, "entry")
            found.compile()
            _entries[function, argument_types] = found
    return found


# ---- threads ----
def _whole(n: Any, name: str) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} must be a whole number from 1 up, got {n!r}") from None
    if count < 1:
        raise ValueError(f"{name} must be a whole number from 1 up, got {n!r}")
    return count


def _limit_of_environment() -> int | None:
    text = os.environ.get("FASTSPEC_NUM_THREADS", "").strip()
    try:
        return _whole(int(text), "FASTSPEC_NUM_THREADS") if text else None
    except ValueError:
        raise ValueError(f"FASTSPEC_NUM_THREADS must be a whole number from 1 up, got {text!r}") from None


def _parallel_process() -> int | None:
    """The process that may run in parallel: this one, unless it is a fork of one whose OpenMP threads it has lost."""
    with contextlib.suppress(ValueError, OSError):  # ValueError where no pool was ever started
        if numba.threading_layer() == "omp":
            process = sys.modules.get("multiprocessing.process")
            if process and process.parent_process():
                return None
            if len(os.listdir("/proc/self/task")) == 1:  # a fork has but one thread, whatever its parent had
                return None
    return os.getpid()


_environment = _limit_of_environment()
_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastspec_threads", default=_environment)
_team = threading.Lock()  # held by the one call that runs in parallel
_mask = threading.RLock()  # held while numba's locks around its pool are
_pid = _parallel_process()  # compared at each call, as a fork made from C runs no Python hook


def _before_fork() -> None:
    """Let other threads finish compiling, or the child would inherit locks that nobody is left to release."""
    global_compiler_lock.acquire()
    _mask.acquire()


def _after_fork() -> None:
    _mask.release()
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Use at most n threads in the calls made inside this ``with`` block (on this Python thread, or asyncio task).

    FASTSPEC_NUM_THREADS in the environment sets the same limit for a whole process, NUMBA_NUM_THREADS the size of
    the pool.  Results do not depend on it.

    Raises
    ------
    TypeError, ValueError
        If n is not a whole number from 1 up.
    """
    token = _limit.set(_whole(n, "threads(n): n"))
    try:
        yield
    finally:
        _limit.reset(token)


def team_size() -> int:
    """How many rows of scratch are enough for a parallel call here and now: its `get_thread_id` is always below."""
    most: int = config.NUMBA_NUM_THREADS
    return min(_limit.get() or most, most)


@contextlib.contextmanager
def _width(n: int | None) -> Iterator[None]:
    """Let numba use n threads in this block; None leaves its own setting alone."""
    if n is None:
        yield
        return
    with _mask:
        before = numba.get_num_threads()
        if before != n:
            numba.set_num_threads(n)
    try:
        yield
    finally:
        if before != n:
            with _mask:
                numba.set_num_threads(before)


class parallel_kernel:
    """A loop over items, called as ``rows(n, *args, work=operations)``; see the head of this file.

    A call runs on this thread alone if it is small, if only one thread is wanted, in a forked child (whose pool did
    not survive), and while another Python thread runs in parallel.  The bits are the same either way.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.dispatcher = _compiled(function, parallel=True)
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, n: int, *args: Any, work: int = 0) -> None:
        """Do items 0..n-1; work is roughly how many operations they all take together (else guessed from the arrays).

        Ctrl-C is noticed within about 0.1 s, or after the longest single item.
        """
        work = work or 64 * sum(getattr(a, "size", 0) for a in args)
        if work < _SMALL:
            self.dispatcher(True, 0, n, *args)
            return
        team = team_size()
        if team < 2 or n < 2 or os.getpid() != _pid or not _team.acquire(blocking=False):
            self._slices(True, 1, n, args, work)
            return
        try:
            with _width(team if _limit.get() else None):
                self._slices(False, team, n, args, work)
        finally:
            _team.release()

    def briefly(self, n: int, *args: Any, work: int) -> None:
        """A call in one slice with as little around it as can be, if the work fits one; for calls in quick succession.

        It runs alone where a call would.
        """
        if work > _FIRST:
            self(n, *args, work=work)
            return
        team = team_size()
        alone = n < 2 or team < 2 or work < _SMALL or os.getpid() != _pid
        if alone or not _team.acquire(blocking=False):
            self.dispatcher(True, 0, n, *args)
            return
        try:
            if _limit.get() and not self._fits(team):
                with _width(team):
                    self.dispatcher(False, 0, n, *args)
            else:
                self.dispatcher(False, 0, n, *args)
        finally:
            _team.release()

    @staticmethod
    def _fits(team: int) -> bool:
        """Whether numba would use so many threads anyway."""
        with _mask:
            return bool(numba.get_num_threads() == team)

    def _slices(self, serial: bool, team: int, n: int, args: tuple[Any, ...], work: int) -> None:
        """Few slices, as each wakes the team anew, yet short ones; the same share for each thread."""
        start, step = 0, n * _FIRST // (work + 1)
        while start < n:
            step = max(1, step // team) * team
            began, stop = time.perf_counter(), min(n, start + step)
            self.dispatcher(serial, start, stop, *args)
            took = time.perf_counter() - began
            start, step = stop, int(step * min(16.0, _SLICE / (took + 1e-6)))


# ---- what there is ----
def threading_layer() -> str:
    """The kind of pool in use: "omp", "tbb" or "workqueue".  Starts it if need be."""
    with _mask:
        numba.get_num_threads()
    return str(numba.threading_layer())


def thread_count() -> int:
    """How many threads a large call here and now would use.  Starts the pool if need be."""
    if os.getpid() != _pid:
        return 1
    if _limit.get():
        return team_size()
    with _mask:
        return int(numba.get_num_threads())


def cpu_name() -> str:
    """The processor that kernels are compiled for, as LLVM names it; NUMBA_CPU_NAME chooses another."""
    return str(config.CPU_NAME or llvmlite.binding.get_host_cpu_name())


def cache_directory() -> Path:
    """The folder of compiled kernels for these sources and this toolchain; it need not exist yet."""
    return _store.directory


def cache_writable() -> bool:
    """Whether compiled kernels can be kept for the next process."""
    return _store.writable()


def prune_cache() -> list[Path]:
    """Remove compiled kernels of other versions and what interrupted processes left behind; return what was removed."""
    return _store.prune()
