"""Parallel loops over items, the limit that a user sets on threads, and forks.

A ``@parallel_kernel`` only loops over items lo .. hi - 1, with ``range`` if ``serial`` and else with ``prange``, and
calls a kernel for each; there are no reductions, so results have the same bits for any number of threads::

    @parallel_kernel
    def rows(serial, lo, hi, x, scratch, out):
        if serial:
            for i in range(lo, hi):
                transform_row(i, x, scratch[0], out)
        else:
            for i in prange(lo, hi):
                transform_row(i, x, scratch[get_thread_id()], out)

    rows(n, x, np.empty((team_size(), m)), out, work=50 * x.size)
"""

import contextlib
import contextvars
import operator
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numba
from numba import config
from numba.core.compiler_lock import global_compiler_lock

from ... import forks
from .jit import build_dispatcher

BATCH_SECONDS = 0.1  # at most in one call of compiled code: Ctrl-C acts between two
FIRST_BATCH_OPERATIONS = 1 << 26  # in the first batch of a call, before their speed is measured
SERIAL_OPERATIONS = 1 << 18  # below which waking the threads costs more than it saves


# ---- threads ----
def _positive_int(n: Any, name: str) -> int:
    """An integer of at least 1."""
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} must be a whole number from 1 up, got {n!r}") from None
    if count < 1:
        raise ValueError(f"{name} must be a whole number from 1 up, got {n!r}")
    return count


def _limit_of_environment() -> int | None:
    """The limit in FASTSPEC_NUM_THREADS."""
    text = os.environ.get("FASTSPEC_NUM_THREADS", "").strip()
    try:
        return _positive_int(int(text), "FASTSPEC_NUM_THREADS") if text else None
    except ValueError:
        raise ValueError(f"FASTSPEC_NUM_THREADS must be a whole number from 1 up, got {text!r}") from None


def _parallel_process() -> int | None:
    """This process if it may use several threads; None in a fork, which lacks its parent's OpenMP threads."""
    with contextlib.suppress(ValueError, OSError):  # ValueError if no pool was started
        if numba.threading_layer() == "omp":
            process = sys.modules.get("multiprocessing.process")
            if process and process.parent_process():
                return None
            if len(os.listdir("/proc/self/task")) == 1:  # a fork starts with a single thread
                return None
    return os.getpid()


_environment_limit = _limit_of_environment()
_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastspec_threads", default=_environment_limit)
_parallel_call = threading.Lock()  # held by the call that uses several threads: one at a time
_pool_lock = threading.RLock()  # held together with numba's locks around its pool
_parallel_pid = _parallel_process()  # compared at each call, as a fork by C code calls no Python hook


forks.locks += [global_compiler_lock, _pool_lock]  # other threads finish compiling first


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
    token = _limit.set(_positive_int(n, "threads(n): n"))
    try:
        yield
    finally:
        _limit.reset(token)


def team_size() -> int:
    """The most threads of a parallel call at this moment: a bound of its `get_thread_id`, and of scratch."""
    pool_size: int = config.NUMBA_NUM_THREADS
    return min(_limit.get() or pool_size, pool_size)


@contextlib.contextmanager
def _numba_threads(n: int | None) -> Iterator[None]:
    """Let numba use n threads inside the ``with`` block; None leaves its own setting."""
    if n is None:
        yield
        return
    with _pool_lock:
        before = numba.get_num_threads()
        if before != n:
            numba.set_num_threads(n)
    try:
        yield
    finally:
        if before != n:
            with _pool_lock:
                numba.set_num_threads(before)


class parallel_kernel:
    """A loop over items, called as ``rows(n, *args, work=operations)``; see the docstring of this module.

    A call takes this thread alone if it is small, if the limit is one thread, in a forked child (which lacks its
    parent's pool), and while another Python thread is inside a parallel call.  The bits are the same either way.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.dispatcher = build_dispatcher(function, parallel=True)
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, n: int, *args: Any, work: int = 0) -> None:
        """Items 0 .. n - 1; work is the approximate number of operations of all (estimated from the arrays by default).

        Ctrl-C is noticed within about 0.1 s, or after the longest single item.
        """
        work = work or 64 * sum(getattr(a, "size", 0) for a in args)
        if work < SERIAL_OPERATIONS:
            self.dispatcher(True, 0, n, *args)
            return
        team = team_size()
        if team < 2 or n < 2 or os.getpid() != _parallel_pid or not _parallel_call.acquire(blocking=False):
            self._run_batches(True, 1, n, args, work)
            return
        try:
            with _numba_threads(team if _limit.get() else None):
                self._run_batches(False, team, n, args, work)
        finally:
            _parallel_call.release()

    def run_single_batch(self, n: int, *args: Any, work: int) -> None:
        """`__call__` in a single batch if the work fits one, with the least overhead: for frequent small calls."""
        if work > FIRST_BATCH_OPERATIONS:
            self(n, *args, work=work)
            return
        team = team_size()
        serial = n < 2 or team < 2 or work < SERIAL_OPERATIONS or os.getpid() != _parallel_pid
        if serial or not _parallel_call.acquire(blocking=False):
            self.dispatcher(True, 0, n, *args)
            return
        try:
            if _limit.get() and not self._numba_uses(team):
                with _numba_threads(team):
                    self.dispatcher(False, 0, n, *args)
            else:
                self.dispatcher(False, 0, n, *args)
        finally:
            _parallel_call.release()

    @staticmethod
    def _numba_uses(team: int) -> bool:
        """Whether numba uses `team` threads by its own setting."""
        with _pool_lock:
            return bool(numba.get_num_threads() == team)

    def _run_batches(self, serial: bool, team: int, n: int, args: tuple[Any, ...], work: int) -> None:
        """Batches of about BATCH_SECONDS, each a multiple of the team; the speed of a batch sizes the next."""
        start, batch = 0, n * FIRST_BATCH_OPERATIONS // (work + 1)
        while start < n:
            batch = max(1, batch // team) * team
            begin, stop = time.perf_counter(), min(n, start + batch)
            self.dispatcher(serial, start, stop, *args)
            seconds = time.perf_counter() - begin
            start, batch = stop, int(batch * min(16.0, BATCH_SECONDS / (seconds + 1e-6)))


# ---- diagnostics ----
def threading_layer() -> str:
    """The kind of pool in use: "omp", "tbb" or "workqueue".  Starts it if need be."""
    with _pool_lock:
        numba.get_num_threads()
    return str(numba.threading_layer())


def thread_count() -> int:
    """Threads that a large call would use at this moment.  Starts the pool if need be."""
    if os.getpid() != _parallel_pid:
        return 1
    if _limit.get():
        return team_size()
    with _pool_lock:
        return int(numba.get_num_threads())
