"""``fastspec`` and ``python -m fastspec``: runs the commands and turns what goes wrong into one line and an exit code.

Exit codes: 0 done, 1 it failed (no disk space, a package missing), 2 wrong usage or unusable input, 130 Ctrl-C,
143 ended by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import extras


class _Terminated(BaseException):
    """SIGTERM: what is half-written is cleared away on the way out."""


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is raised as an exception, where signals are heard."""

    def end(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with `arguments` (those of the process if None) and return the exit code."""
    try:
        from . import cli
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in extras.EXTRAS["cli"]:
            raise
        return _fail(1, extras.explain(missing, "cli", "the command line"))
    warnings.showwarning = lambda message, *_: print(f"fastspec: warning: {_line(message)}", file=sys.stderr)
    try:
        with _terminable():
            code = cli.app(arguments, prog_name="fastspec", standalone_mode=False) or 0
        return _fail(130, "interrupted") if code == 130 else code  # Typer answers Ctrl-C by this code or by Abort
    except (KeyboardInterrupt, cli.Abort):
        return _fail(130, "interrupted")
    except _Terminated:
        return _fail(143, "ended")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its exit
        return 1
    except (ImportError, OSError, MemoryError) as error:
        return _fail(1, _os_message(error) if isinstance(error, OSError) else _line(error) or type(error).__name__)
    except ValueError as error:
        return _fail(2, _line(error))
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's usage errors; their class has moved between its versions
            raise
        return _fail(
            getattr(error, "exit_code", 2), f"{_line(error.format_message()).rstrip('.')}; see fastspec --help"
        )


def _fail(code: int, message: str) -> int:
    print(f"fastspec: {message}", file=sys.stderr)
    return code


def _line(message: object) -> str:
    return " ".join(str(message).split())


def _os_message(error: OSError) -> str:
    """The reason and the file, without the number."""
    if error.strerror is None:
        return _line(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


if __name__ == "__main__":
    sys.exit(main())
