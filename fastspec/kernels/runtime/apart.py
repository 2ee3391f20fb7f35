"""Compiling where Ctrl-C does not reach.

Python raises KeyboardInterrupt, and what other handlers of signals raise, between any two instructions of the main
thread.  Inside the compiler it would be lost (callbacks of LLVM and destructors cannot raise), leave numba's tables
half filled for the rest of the process, or load a kernel without its code.  So another thread compiles while the main
thread waits: Ctrl-C ends the waiting at once, the compilation goes on, and the next call finds what it made.
"""

import contextvars
import functools
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from ...status import CompilationStatus
from .cache import show_warnings

_status = CompilationStatus()


def compiled_apart(compiling: Callable[..., Any]) -> Callable[..., Any]:
    """A function that compiles, or loads, under numba's lock, so that Ctrl-C cannot harm it; then the cache warns."""

    @functools.wraps(compiling)
    def compile_it(*args: Any) -> Any:
        if global_compiler_lock.is_locked():  # by this thread: it compiles a caller of this function
            return compiling(*args)
        try:
            if threading.current_thread() is not threading.main_thread() or _imports():
                return compiling(*args)  # no signal interrupts it; or it holds the locks of modules
            return _call_apart(compiling, args)
        finally:
            show_warnings()

    return compile_it


def _imports() -> bool:
    """Whether this call comes from the top level of a module that is being imported."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "importlib._bootstrap":
        frame = frame.f_back
    return frame is not None


def _call_apart(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """function(*args), in a thread of its own."""
    outcome: list[tuple[Any, BaseException | None]] = []
    finished = threading.Lock()
    finished.acquire()

    def call() -> None:
        try:
            outcome.append((function(*args), None))
        except BaseException as error:  # for the caller
            outcome.append((None, error))
        finally:
            finished.release()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(call,), name="fastspec compiles")
    try:
        thread.start()
    except RuntimeError:  # no thread can be had, as while Python ends
        return function(*args)
    _status.wait_for(finished)  # a signal ends it
    result, error = outcome.pop()
    if error is not None:
        raise error
    return result
