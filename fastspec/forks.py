"""Locks that forks wait for: of what a child could not go on with if it were forked in the middle of it."""

import importlib
import logging  # noqa: F401  see `_before_fork`
import os
import threading
from types import ModuleType
from typing import Any

forks_wait = threading.RLock()
"""Held during the first import of a module, whose lock in the import system a child would inherit, and wait for, for
ever; and while SciPy's pool of threads works, which a fork would shut down."""

locks: list[Any] = [forks_wait]
"""In the order in which a fork takes them: who holds one may only take those after it."""

_held: list[Any] = []  # by the fork that is going on


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


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
