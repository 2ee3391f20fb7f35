"""The line on a terminal, or in a notebook, that says that a call compiles; it is gone when the call goes on."""

import sys
import threading
import time

PATIENCE = 2.0
"""Seconds of compiling, one kernel after another, before the line appears."""
PAUSE = 1.0
"""Seconds without compiling after which the count begins anew."""

is_wanted = True
"""Whether it may appear; programs with a display of their own set it to False."""


class CompilationStatus:
    """The seconds that the main thread has waited for compilations, one after another."""

    def __init__(self) -> None:
        self._seconds, self._end = 0.0, -PAUSE

    def wait_for(self, finished: threading.Lock) -> None:
        """Acquire a lock that is released when a kernel is compiled; show the line if it takes long."""
        start = time.monotonic()
        self._seconds = self._seconds if start - self._end < PAUSE else 0.0
        shown = ""
        try:
            wait = max(0.0, PATIENCE - self._seconds)
            while not finished.acquire(timeout=wait):
                shown, wait = _show(self._seconds + time.monotonic() - start), 0.5
        finally:
            if shown:
                _write("\r" + " " * len(shown) + "\r")
            self._end = time.monotonic()
            self._seconds += self._end - start


def _show(seconds: float) -> str:
    """Show the line, where somebody may see it; returns its text."""
    is_seen = "ipykernel" in sys.modules or bool(sys.stderr and sys.stderr.isatty())
    if not (is_wanted and is_seen):
        return ""
    text = f"fastspec is compiling its kernels, once for this machine: {seconds:.0f} s"
    _write("\r" + text)
    return text


def _write(text: str) -> None:
    """Write to standard error, which may be closed."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass
