"""The team: threads that help a call with its items, and sleep between calls.

A call never waits for a thread that has not begun: it offers its items, wakes the others, and works itself until no
item is left; only who is in the middle of an item then is waited for.  So other processes on the same cores slow a call
down no more than they slow down one thread.  Who is done looks out for the next call for a moment before it sleeps,
since waking a thread takes as long as a small call.

All threads share one int64 array, the board, on cache lines of 8 numbers::

    DOOR    how many helpers are inside the call, plus OPEN while items are left, plus WAITING while the caller sleeps
    NEXT    the next item
    CURSOR  the next helper to call
    JOB     the call: its last item, task, record and scratch
    LOCKS   addresses of the functions that lock and unlock, and of the caller's lock; how often to look before
            sleeping, and when helpers were called
    MAIL    of each helper, a line: IDLE, CALLED or ASLEEP, and the lock that it sleeps on

Locks are those of Python, which need no interpreter: acquired by who sleeps, released by who wakes it.
"""

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calls import (
    aligned,
    call,
    claim,
    compare_exchange,
    cycles,
    exchange,
    fetch_add,
    load_acquire,
    pause,
    store_release,
)
from .cores import default_threads
from .denormals import restore_mode, set_flushing
from .jit import compile_entry, files_of, int64, kernel
from .layout import array_at, data_address

LINE = 8
DOOR, NEXT, CURSOR, JOB, LOCKS, MAIL = 0, 8, 16, 24, 32, 40
LAST, TASK, RECORD, RECORD_SIZE, SCRATCH, SCRATCH_SIZE, ITEMSIZE, HELPERS = range(JOB, JOB + 8)
LOCK, UNLOCK, CALLERS_LOCK, SPINS, CALLED_AT = range(LOCKS, LOCKS + 5)
OPEN, WAITING = 1 << 40, 1 << 30
IDLE, CALLED, ASLEEP = 0, 1, 2

FEWEST_SPINS, MOST_SPINS = 1000, 8000
"""How often a thread looks before it sleeps: some 24 µs, half as long as waking it takes, to 200 µs.

Fewer cost time where nothing else runs, more cost time beside other processes (`bench.busy`).  So a helper that comes
late, as another process has its core, makes them few, and those that come in time make them more again.
"""
MORE_SPINS = 100  # for each helper in time
LATE_CYCLES = 500_000  # some 200 µs; waking a thread takes 50


@kernel
def take_items(board, worker):
    """Call the task of the job for items that nobody has taken, until none is left."""
    record = array_at(board[RECORD], board[RECORD_SIZE], int64(8))
    scratch = array_at(board[SCRATCH], board[SCRATCH_SIZE], board[ITEMSIZE])
    task, last = board[TASK], board[LAST]
    mode = set_flushing(True)
    item = claim(board, NEXT, last)
    while item >= 0:
        call(task, (item, worker, record, scratch))
        item = claim(board, NEXT, last)
    restore_mode(mode)


@kernel
def call_helpers(board, count):
    """Call up to `count` helpers that nobody has called, while items are left."""
    for _ in range(count):
        helper = claim(board, CURSOR, board[HELPERS])
        if helper < 0 or load_acquire(board, NEXT) >= board[LAST]:
            return
        mail = MAIL + LINE * helper
        if exchange(board, mail, CALLED) == ASLEEP:
            call(board[UNLOCK], (board[mail + 1],))


@kernel
def set_spins(board):
    """Look less often where this helper comes late, and more often where it comes in time."""
    if cycles() - board[CALLED_AT] > LATE_CYCLES or board[CALLED_AT] == 0:
        board[SPINS] = FEWEST_SPINS
    else:
        board[SPINS] = min(board[SPINS] + MORE_SPINS, MOST_SPINS)


@kernel
def enter(board):
    """Whether a helper got inside: while the door is open."""
    while True:
        door = load_acquire(board, DOOR)
        if door < OPEN:
            return False
        if compare_exchange(board, DOOR, door, door + 1) == door:
            return True


@kernel
def wait_for_helpers(board):
    """Close the door, and wait until nobody is inside."""
    if fetch_add(board, DOOR, -OPEN) == OPEN:
        return
    for _ in range(board[SPINS]):
        if load_acquire(board, DOOR) == 0:
            return
        pause()
    if fetch_add(board, DOOR, WAITING) != 0:
        call(board[LOCK], (board[CALLERS_LOCK], int64(1)))
    store_release(board, DOOR, 0)


def serve(helper: int, address: int, size: int) -> None:
    """Help with one call after another, for ever."""
    board = array_at(address, size, int64(8))
    mail, spins = MAIL + LINE * helper, 0
    while True:
        if load_acquire(board, mail) == CALLED:
            store_release(board, mail, IDLE)
            spins = 0
            set_spins(board)
            if enter(board):
                if helper < board[HELPERS]:  # else an earlier call meant it, and this one has no scratch for it
                    call_helpers(board, 2)
                    take_items(board, helper + 1)
                if fetch_add(board, DOOR, -1) == WAITING + 1:
                    call(board[UNLOCK], (board[CALLERS_LOCK],))
        elif spins < board[SPINS]:
            spins += 1
            pause()
        elif compare_exchange(board, mail, IDLE, ASLEEP) == IDLE:
            call(board[LOCK], (board[mail + 1], int64(1)))


def lead(
    address: int, size: int, first: int, last: int, helpers: int,
    task: int, record: int, record_size: int, scratch: int, scratch_size: int, itemsize: int,
) -> None:  # fmt: skip
    """Work on items first .. last - 1 with up to `helpers` others; returns when all are done."""
    board = array_at(address, size, int64(8))
    board[NEXT], board[LAST], board[TASK], board[CURSOR], board[HELPERS] = first, last, task, 0, helpers
    board[RECORD], board[RECORD_SIZE] = record, record_size
    board[SCRATCH], board[SCRATCH_SIZE], board[ITEMSIZE] = scratch, scratch_size, itemsize
    board[CALLED_AT] = cycles()
    store_release(board, DOOR, OPEN)
    call_helpers(board, 2)
    take_items(board, int64(0))
    wait_for_helpers(board)
    board[TASK], board[RECORD], board[SCRATCH] = 0, 0, 0


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


def _new_board(helpers: int) -> NDArray[np.int64]:
    """A board for at most so many helpers."""
    board = aligned(MAIL + LINE * helpers, np.int64)
    board[:] = 0
    board[LOCK], board[UNLOCK] = map(_address_of, ("PyThread_acquire_lock", "PyThread_release_lock"))
    board[CALLERS_LOCK] = _new_lock()
    return board


class Team:
    """The helpers of a process, which never end; one call at a time has them."""

    def __init__(self) -> None:
        self._used = threading.Lock()
        self._helpers = 0
        self._where = 0, 0  # the address and the size of the board

    def join(self, helpers: int) -> bool:
        """Whether this call has the team from now on, with at most so many helpers; it has to `leave` it."""
        if not self._used.acquire(blocking=False):
            return False
        try:
            if self._helpers < helpers:
                self._start(helpers)
        except BaseException:
            self._used.release()
            raise
        return True

    def work_once(self, items: int, helpers: int, *arguments: int) -> bool:
        """Work on all items if this call can have the team; whether it could."""
        if not self.join(helpers):
            return False
        try:
            self.work(0, items, helpers, *arguments)
        finally:
            self._used.release()
        return True

    def leave(self) -> None:
        """Let other calls have the team."""
        self._used.release()

    def work(self, first: int, last: int, helpers: int, *arguments: int) -> None:
        """Work on items first .. last - 1."""
        lead_team(*self._where, first, last, min(helpers, self._helpers), *arguments)

    def _start(self, helpers: int) -> None:
        """Start threads until there are so many helpers, or the system starts no more."""
        serve_team.compile()
        if not self._helpers:
            self._board = _new_board(default_threads()[0] - 1)
            self._where = data_address(self._board), self._board.size
        while self._helpers < helpers:
            self._board[MAIL + LINE * self._helpers + 1] = _new_lock()
            arguments = self._helpers, *self._where
            thread = threading.Thread(target=serve_team, args=arguments, name="fastspec-team", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # so many threads are allowed, or Python ends
                return
            self._helpers += 1
