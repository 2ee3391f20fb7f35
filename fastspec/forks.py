"""Locks that forks wait for: of what a child could not go on with if it were forked in the middle of it."""

import contextlib
import importlib
import logging  # noqa: F401  see `_before_fork`
import os
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

POLL_SECONDS = 1e-4

forks_wait = threading.RLock()
"""Held during the first import of a module, whose lock in the import system a child would inherit, and wait for, for
ever."""

locks: list[Any] = [forks_wait]
"""In the order in which a fork takes them: who holds one may only take those after it."""

_held: list[Any] = []  # by the fork that is going on
_inside: list[int] = []  # the threads in `while_none_forks`


@contextlib.contextmanager
def while_none_forks() -> Iterator[None]:
    """What any number of threads may do at the same time, but none while another forks.

    Such as transforms by SciPy and products by NumPy: before a fork their pools of threads are shut down, and another
    thread that has handed work to one gets an error, or waits for ever; and the lock of SciPy's cache of plans, where a
    thread holds it, would never open in a child.  What is inside imports nothing, and calls no kernel.
    """
    thread = threading.get_ident()
    with forks_wait:
        _inside.append(thread)
    try:
        yield
    finally:
        _inside.remove(thread)


def import_module(name: str) -> ModuleType:
    """`importlib.import_module`, for a module of ours or a dependency, at its first use."""
    with forks_wait:
        return importlib.import_module(name)


def _before_fork() -> None:
    """Take all locks.

    What was registered last is called first: so these are taken before the lock of `logging`, which forks take as well,
    and which modules ask for while they are imported.
    """
    for lock in locks:  # and those that are added while it waits
        lock.acquire()
        _held.append(lock)
    thread = threading.get_ident()
    while any(user != thread for user in tuple(_inside)):  # for a moment: nobody comes in
        time.sleep(POLL_SECONDS)


def _after_fork() -> None:
    """Release them; once the first is free, another fork may begin, whose locks are not ours."""
    held, _held[:] = _held[::-1], []
    for lock in held:
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
