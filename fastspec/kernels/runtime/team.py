"""The team: threads that help a call with its items, and sleep between calls.

A call never waits for a helper that has not begun: the calling thread wakes the helpers and works itself until no item
is left, and then waits only for those in the middle of an item.  A call that had to wait long, as another process had
the core of a helper, lets the next ones go alone for a while.  So other processes on the same cores slow a call down
hardly more than they slow down one thread.  A helper that is done polls for the next call for a moment before it
sleeps, since waking a thread takes as long as a small call.

All threads share one int64 array, `control`, on cache lines of 8 numbers::

    ACTIVE       how many helpers work on the call; plus OPEN while more may join, plus WAITING while the caller sleeps
    NEXT_ITEM    not yet claimed
    NEXT_HELPER  to be called
    CALL         its last item, task, record and scratch
    SHARED       addresses of the functions that lock and unlock, and of the caller's lock; how often to poll before
                 sleeping; when helpers were called, and when the last call ended; whether to wake those that sleep,
                 and how many small calls do not
    WATCH        until when calls go alone, and how many times longer than they were kept waiting
    STATUS       of each helper, four lines: IDLE, CALLED or ASLEEP; the lock that it sleeps on; its number in the
                 system; the core on which it fell asleep; 1 + the core that it was kept from; and cores as a mask

Locks are those of Python, which need no interpreter: acquired by the thread that sleeps, released by the one that wakes
it.
"""

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calls import (
    MASK_WORDS,
    aligned,
    call,
    claim,
    compare_exchange,
    current_core,
    cycles,
    exchange,
    fetch_add,
    get_affinity,
    load_acquire,
    pause,
    set_affinity,
    store_release,
)
from .cores import default_threads
from .denormals import restore_mode, set_flushing
from .jit import compile_entry, files_of, int64, kernel
from .layout import array_at, data_address

LINE, HELPER_LINES = 8, 32
ACTIVE, NEXT_ITEM, NEXT_HELPER, CALL, SHARED, WATCH, STATUS = 0, 8, 16, 24, 32, 40, 48
LAST, TASK, RECORD, RECORD_SIZE, SCRATCH, SCRATCH_SIZE, ITEMSIZE, HELPERS = range(CALL, CALL + 8)
LOCK, UNLOCK, CALLERS_LOCK, POLLS, CALLED_AT, ENDED_AT, WAKES, REST = range(SHARED, SHARED + 8)
ALONE_UNTIL, FACTOR = range(WATCH, WATCH + 2)
SLEEPS_ON, THREAD, CORE, KEPT_FROM, MASK = 1, 2, 3, 4, 16  # behind the status of a helper
OPEN, WAITING = 1 << 40, 1 << 30
IDLE, CALLED, ASLEEP = 0, 1, 2

FEWEST_POLLS, MOST_POLLS = 1000, 8000
"""How often a thread polls before it sleeps: some 24 µs, half as long as waking it takes, to 200 µs.

Fewer cost time where nothing else runs, more cost time beside other processes (`bench.busy`).  So a helper that comes
late, as another process has its core, makes them few, and those that come in time make them more again.
"""
MORE_POLLS = 100  # for each helper in time
LATE_CYCLES = 500_000  # some 200 µs; waking a thread takes 50
WAKING_WORK = 1 << 23
"""Approximate operations from which a call wakes helpers that sleep: some 100 µs, as a helper comes after 50.

A smaller call takes those that poll, and wakes others only if it follows another call at once: they will then poll for
the next.  As long as they come too late for that, as other processes have their cores, few such calls try it.
"""
SOON_CYCLES = 250_000  # some 100 µs
SMALL_CALLS = 7  # that wake no helper, after one that did
LEAST_FACTOR, MOST_FACTOR = 1, 8
"""After a call that was kept waiting by a helper in the middle of an item, as another process had its core, calls go
alone for so many times as long as that: for longer each time that it happens again."""
MOST_WAITED = 1 << 27
"""Cycles, some 50 ms: a process that was stopped, or a machine that slept, has waited for hours, or its counter begins
anew."""


@kernel
def take_items(control, worker):
    """Run the task for items that no thread has claimed, until none is left."""
    record = array_at(control[RECORD], control[RECORD_SIZE], int64(8))
    scratch = array_at(control[SCRATCH], control[SCRATCH_SIZE], control[ITEMSIZE])
    task, last = control[TASK], control[LAST]
    mode = set_flushing(True)
    item = claim(control, NEXT_ITEM, last)
    while item >= 0:
        call(task, (item, worker, record, scratch))
        item = claim(control, NEXT_ITEM, last)
    restore_mode(mode)


@kernel
def keep_from_this_core(control, status):
    """Before a helper is woken: if it fell asleep on the core of this thread, it may run on all others only.

    Systems wake threads where they fell asleep, rather than on a core that has been idle for long, and on virtual
    machines leave them there, beside the caller.
    """
    core, mask = current_core(), status + MASK
    if core < 0 or core != control[status + CORE] or control[status + THREAD] == 0:
        return
    if core >= 64 * MASK_WORDS or get_affinity(control[status + THREAD], control, mask) < 0:
        return
    control[mask + core // 64] &= ~(int64(1) << core % 64)
    if set_affinity(control[status + THREAD], control, mask) >= 0:  # it fails if no core is left
        control[status + KEPT_FROM] = core + 1


@kernel
def allow_all_cores(control, status):
    """Undo `keep_from_this_core`, for this helper, which has been moved."""
    core, mask = control[status + KEPT_FROM] - 1, status + MASK
    control[status + KEPT_FROM] = 0
    if get_affinity(int64(0), control, mask) >= 0:
        control[mask + core // 64] |= int64(1) << core % 64
        set_affinity(int64(0), control, mask)


@kernel
def wake_helpers(control, count):
    """Call up to `count` more helpers, while items are left."""
    while count > 0:
        helper = claim(control, NEXT_HELPER, control[HELPERS])
        if helper < 0 or load_acquire(control, NEXT_ITEM) >= control[LAST]:
            return
        status = STATUS + HELPER_LINES * helper
        if control[WAKES] == 0 and load_acquire(control, status) == ASLEEP:
            continue
        count -= 1
        if exchange(control, status, CALLED) == ASLEEP:
            keep_from_this_core(control, status)
            call(control[UNLOCK], (control[status + SLEEPS_ON],))


@kernel
def set_polls(control):
    """Poll less often where this helper comes late, and more often where it comes in time."""
    if cycles() - control[CALLED_AT] > LATE_CYCLES or control[CALLED_AT] == 0:
        control[POLLS] = FEWEST_POLLS
    else:
        control[POLLS] = min(control[POLLS] + MORE_POLLS, MOST_POLLS)


@kernel
def wakes(control, work):
    """Whether a call of so much work wakes helpers that sleep."""
    if work >= WAKING_WORK:
        return True
    if control[CALLED_AT] - control[ENDED_AT] >= SOON_CYCLES:
        return False
    if control[REST] > 0:
        control[REST] -= 1
        return False
    control[REST] = SMALL_CALLS
    return True


@kernel
def join_call(control):
    """Whether a helper may work on the call: while it is open."""
    while True:
        active = load_acquire(control, ACTIVE)
        if active < OPEN:
            return False
        if compare_exchange(control, ACTIVE, active, active + 1) == active:
            return True


@kernel
def wait_for_helpers(control):
    """Let no more helpers join, and wait until those that did are done."""
    if fetch_add(control, ACTIVE, -OPEN) == OPEN:
        return
    for _ in range(control[POLLS]):
        if load_acquire(control, ACTIVE) == 0:
            return
        pause()
    if fetch_add(control, ACTIVE, WAITING) != 0:
        call(control[LOCK], (control[CALLERS_LOCK], int64(1)))
    store_release(control, ACTIVE, 0)


@kernel
def watch(control, waited):
    """Let the next calls go alone, if this one had to wait for so many cycles."""
    if waited > LATE_CYCLES:
        control[FACTOR] = min(max(2 * control[FACTOR], LEAST_FACTOR), MOST_FACTOR)
        control[ALONE_UNTIL] = cycles() + min(waited, MOST_WAITED) * control[FACTOR]
    elif control[FACTOR] > LEAST_FACTOR:
        control[FACTOR] -= 1


def serve(helper: int, address: int, size: int) -> None:
    """Help with one call after another, for ever."""
    control = array_at(address, size, int64(8))
    status, polls = STATUS + HELPER_LINES * helper, 0
    while True:
        if load_acquire(control, status) == CALLED:
            store_release(control, status, IDLE)
            polls = 0
            set_polls(control)
            if join_call(control):
                control[REST] = 0
                if helper < control[HELPERS]:  # else an earlier call woke it, and this one has no scratch for it
                    wake_helpers(control, 2)
                    take_items(control, helper + 1)
                if fetch_add(control, ACTIVE, -1) == WAITING + 1:
                    call(control[UNLOCK], (control[CALLERS_LOCK],))
        elif polls < control[POLLS]:
            polls += 1
            pause()
        else:
            control[status + CORE] = current_core()
            if compare_exchange(control, status, IDLE, ASLEEP) == IDLE:
                call(control[LOCK], (control[status + SLEEPS_ON], int64(1)))
                if control[status + KEPT_FROM] > 0:
                    allow_all_cores(control, status)


def lead(
    address: int, size: int, first: int, last: int, helpers: int, work: int,
    task: int, record: int, record_size: int, scratch: int, scratch_size: int, itemsize: int,
) -> None:  # fmt: skip
    """Work on items first .. last - 1, `work` operations, with up to `helpers` others; returns when all are done."""
    control = array_at(address, size, int64(8))
    control[NEXT_ITEM], control[LAST], control[TASK] = first, last, task
    control[NEXT_HELPER], control[HELPERS] = 0, helpers
    control[RECORD], control[RECORD_SIZE] = record, record_size
    control[SCRATCH], control[SCRATCH_SIZE], control[ITEMSIZE] = scratch, scratch_size, itemsize
    control[CALLED_AT] = cycles()
    if 0 < control[ALONE_UNTIL] - control[CALLED_AT] <= MOST_WAITED * MOST_FACTOR:
        take_items(control, int64(0))
    else:
        control[WAKES] = int64(wakes(control, work))
        store_release(control, ACTIVE, OPEN)
        wake_helpers(control, 2)
        take_items(control, int64(0))
        begin = cycles()
        wait_for_helpers(control)
        watch(control, cycles() - begin)
    control[TASK], control[RECORD], control[SCRATCH] = 0, 0, 0
    control[ENDED_AT] = cycles()


def take_alone(
    first: int, last: int, task: int, record: int, record_size: int, scratch: int, scratch_size: int, itemsize: int
) -> None:
    """Items first .. last - 1, without other threads."""
    arguments = array_at(record, record_size, int64(8))
    memory = array_at(scratch, scratch_size, itemsize)
    mode = set_flushing(True)
    for item in range(first, last):
        call(task, (item, int64(0), arguments, memory))
    restore_mode(mode)


# ---- called from Python ----
class IntegerCall:
    """A kernel of integers, called by its address: without the time that Numba takes to unpack arguments."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.function, self.count = function, function.__code__.co_argcount
        self._call: Any = None

    def compile(self) -> None:
        """Compile it, or load it from the cache."""
        address = compile_entry(self.function, *[int64] * self.count).address
        self._call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * self.count)(address)

    def files(self) -> list[Path]:
        """The file of the cache that holds it."""
        return files_of(self.function, *[int64] * self.count)

    def is_kept(self) -> bool:
        """Whether it is compiled, or in the cache."""
        return self._call is not None or all(path.exists() for path in self.files())

    def __call__(self, *numbers: int) -> None:
        if self._call is None:
            self.compile()
        self._call(*numbers)


work_alone, lead_team, serve_team = IntegerCall(take_alone), IntegerCall(lead), IntegerCall(serve)


def _new_lock() -> int:
    """The address of a new lock, acquired; it is never freed."""
    allocate = ctypes.pythonapi.PyThread_allocate_lock
    allocate.restype, allocate.argtypes = ctypes.c_void_p, ()
    lock = allocate()
    if not lock:
        raise MemoryError("no lock for a thread")
    ctypes.pythonapi.PyThread_acquire_lock(ctypes.c_void_p(lock), 1)
    return lock


def _address_of(name: str) -> int:
    """The address of a function of Python's."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


def _new_control(helpers: int) -> NDArray[np.int64]:
    """The shared array of a call for at most so many helpers."""
    control = aligned(STATUS + HELPER_LINES * helpers, np.int64)
    control[:] = 0
    control[LOCK], control[UNLOCK] = map(_address_of, ("PyThread_acquire_lock", "PyThread_release_lock"))
    control[CALLERS_LOCK] = _new_lock()
    return control


class Team:
    """The helpers of a process, which never end; one call at a time has them.

    Ctrl-C may come after a call has joined the team and before it can leave it.  So the lock lets the same thread join
    once more, in which no two calls run at a time: only those of other threads would go alone from then on.
    """

    def __init__(self) -> None:
        self._used = threading.RLock()
        self._helpers = 0
        self._where = 0, 0  # address and size of `control`
        self.is_compiled_elsewhere: Callable[[], bool] = lambda: False

    def join(self, helpers: int) -> bool:
        """Whether this call has the team from now on, with at most so many helpers; it has to `leave` it.

        While another process compiles what the team needs, no call has it.
        """
        if not self._used.acquire(blocking=False):
            return False
        has_joined = False
        try:
            if self._helpers < helpers and self._can_start():
                self._start(helpers)
            has_joined = self._where[0] > 0
        finally:
            if not has_joined:
                self._used.release()
        return has_joined

    def _can_start(self) -> bool:
        """Whether this call need not wait for another process that compiles what the team needs."""
        is_kept = all(function.is_kept() for function in (lead_team, serve_team))
        return is_kept or not self.is_compiled_elsewhere()

    def work_once(self, items: int, helpers: int, work: int, *arguments: int) -> bool:
        """Work on all items if this call can have the team; whether it could."""
        if not self.join(helpers):
            return False
        try:
            self.work(0, items, helpers, work, *arguments)
        finally:
            self._used.release()
        return True

    def leave(self) -> None:
        """Let other calls have the team."""
        self._used.release()

    def work(self, first: int, last: int, helpers: int, work: int, *arguments: int) -> None:
        """Work on items first .. last - 1, approximately so many operations."""
        lead_team(*self._where, first, last, min(helpers, self._helpers), work, *arguments)

    def _start(self, helpers: int) -> None:
        """Start threads until there are so many helpers, or the system starts no more."""
        serve_team.compile()
        if not self._helpers:
            self._control = _new_control(default_threads()[0] - 1)
            self._where = data_address(self._control), self._control.size
        while self._helpers < helpers:
            status = STATUS + HELPER_LINES * self._helpers
            self._control[status + SLEEPS_ON] = _new_lock()
            arguments = self._helpers, *self._where
            thread = threading.Thread(target=serve_team, args=arguments, name="fastspec-team", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # so many threads are allowed, or Python ends
                return
            self._control[status + THREAD] = thread.native_id or 0
            self._helpers += 1
