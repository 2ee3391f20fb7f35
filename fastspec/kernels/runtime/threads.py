"""How kernels run on threads: a driver for loops over items, the limits that a user sets, forks.

A ``@parallel_kernel`` only loops over items lo..hi-1, with ``range`` if ``serial`` and ``prange`` if not, and hands
each to a kernel; there is never a reduction, so the results have the same bits for any number of threads::

    @parallel_kernel
    def rows(serial, lo, hi, x, scratch, out):
        if serial:
            for i in range(lo, hi):
                one_row(i, x, scratch[0], out)
        else:
            for i in prange(lo, hi):
                one_row(i, x, scratch[get_thread_id()], out)

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

from .jit import compiled

_SLICE = 0.1  # seconds that one call into compiled code should last at most: between two, Ctrl-C acts
_FIRST = 1 << 26  # operations in the first slice of a call, before their speed is known
_SMALL = 1 << 18  # operations below which waking a team costs more than it saves


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
        self.dispatcher = compiled(function, parallel=True)
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
