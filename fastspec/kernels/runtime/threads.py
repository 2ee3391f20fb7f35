"""Calls of tasks on threads, how many of them, and forks.

A task works on items, and nothing is reduced over them, so that results have the same bits for any number of threads.
A call takes its own thread alone if it is small, if the limit is one thread, in a forked child, while another call uses
the team, and for a while after the team kept it waiting.
"""

import contextlib
import contextvars
import operator
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from numpy.typing import NDArray

from ... import forks
from .cores import default_threads
from .layout import locate
from .team import Team, work_alone

BATCH_SECONDS = 0.1  # at most in one call of compiled code: Ctrl-C acts between two
FIRST_BATCH_OPERATIONS = 1 << 27  # of each thread in the first batch of a call, before their speed is measured
SERIAL_OPERATIONS = 1 << 20  # some 15 µs, below which the team costs more than it saves


# ---- how many ----
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


_environment_limit = _limit_of_environment()
_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("fastspec_threads", default=_environment_limit)
_process = os.getpid()  # compared at each call, as a fork by C code calls no Python hook


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Use at most n threads in the calls made inside this ``with`` block (on this Python thread, or asyncio task).

    FASTSPEC_NUM_THREADS in the environment sets the same limit for a whole process.  Results do not depend on it.

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
    """The most threads of a parallel call at this moment: a bound of the workers that its tasks see, and of scratch."""
    default, _ = default_threads()
    return min(_limit.get() or default, default)


def thread_count() -> int:
    """Threads that a large call would use at this moment."""
    return team_size() if os.getpid() == _process else 1


def thread_limit() -> str:
    """What decided the number of threads."""
    if os.getpid() != _process:
        return "forked process"
    default, decided_by = default_threads()
    return "FASTSPEC_NUM_THREADS" if _environment_limit and _environment_limit < default else decided_by


# ---- calls ----
_team = Team()

forks.locks += [global_compiler_lock]  # other threads finish compiling first


def compile_team_elsewhere(is_compiled: Callable[[], bool]) -> None:
    """Let calls go alone while `is_compiled` says that another process compiles for this one."""
    _team.is_compiled_elsewhere = is_compiled


def start_team() -> None:
    """Start the threads of the team, as many as a call may have."""
    if thread_count() > 1 and _team.join(thread_count() - 1):
        _team.leave()


Batch = Callable[[int, int], None]
"""Works on items first .. last - 1."""
LocatedCall = tuple[int, int, int, tuple[int, int, int, int, int, int]]
"""The arguments of `run_at`."""


def run_task(
    task: int, items: int, workers: int, record: NDArray[np.int64], scratch: NDArray[Any], *, work: int
) -> None:
    """Call a task for items 0 .. items - 1, on as many threads as are free.

    Ctrl-C is noticed within about 0.1 s, or after the longest single item.

    Parameters
    ----------
    task : int
        The address of a kernel of (item, worker, record, scratch), see `tasks`.
    items : int
    workers : int
        At most so many threads, for which scratch is large enough.
    record : np.ndarray [dtype=int64]
    scratch : np.ndarray
        Of all workers.
    work : int
        Approximate operations of all items, of which a thread does some 80,000 in a microsecond.
    """
    run_at(items, workers, work, (task, *locate(record, scratch)))


def run_at(items: int, workers: int, work: int, arguments: tuple[int, int, int, int, int, int]) -> None:
    """`run_task` for (task, address and size of the record, address, size and size of an item of scratch)."""
    if work < SERIAL_OPERATIONS:
        work_alone(0, items, *arguments)
        return
    may_share = workers > 1 and items > 1 and os.getpid() == _process
    is_short = work <= FIRST_BATCH_OPERATIONS * workers
    if may_share and is_short and _team.work_once(items, workers - 1, work, *arguments):
        return
    if not may_share or not _team.join(workers - 1):
        _run_batches(lambda first, last: work_alone(first, last, *arguments), items, 1, work)
        return
    try:
        _run_batches(lambda first, last: _team.work(first, last, workers - 1, work, *arguments), items, workers, work)
    finally:
        _team.leave()


def _run_batches(run: Batch, items: int, workers: int, work: int) -> None:
    """Batches of about BATCH_SECONDS, each a multiple of the team; the speed of a batch sizes the next."""
    batch = items * FIRST_BATCH_OPERATIONS * workers // (work + 1)
    first = 0
    while first < items:
        batch = max(1, batch // workers) * workers
        begin, last = time.perf_counter(), min(items, first + batch)
        run(first, last)
        seconds = time.perf_counter() - begin
        first, batch = last, int(batch * min(16.0, BATCH_SECONDS / (seconds + 1e-6)))
