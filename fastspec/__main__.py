"""``fastspec`` and ``python -m fastspec``: run a command; an error becomes one line and an exit code.

Exit codes: 0 success, 1 failure (disk full, package missing), 2 wrong usage or invalid input, 130 interrupted by
Ctrl-C, 143 terminated by SIGTERM.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from . import extras
from .kernels.runtime import CompilerDisabled


class _Terminated(BaseException):
    """Raised by SIGTERM, so that temporary files are removed on the way out."""


@contextmanager
def _raise_on_sigterm() -> Iterator[None]:
    """Raise `_Terminated` on SIGTERM; only the main thread can handle signals."""

    def terminate(*_: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


class _LineHandler(logging.Handler):
    """Prints what the package says, such as which program decodes a file, as one line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        _print(_single_line(record.getMessage()))


@contextmanager
def _print_log() -> Iterator[None]:
    """Print what the package logs, from INFO up; `--quiet` raises the level."""
    logger, handler = logging.getLogger("fastspec"), _LineHandler()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with `arguments` (those of the process if None) and return the exit code."""
    try:
        from . import cli
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in extras.EXTRAS["cli"]:
            raise
        return _fail(1, extras.explain(missing, "cli", "the command line"))
    from .cli.streams import any_encoding

    warnings.showwarning = lambda message, *_: _print(f"warning: {_single_line(message)}")
    with any_encoding():
        return _run(cli, arguments)


def _run(cli: ModuleType, arguments: Sequence[str] | None) -> int:
    """Run one command and return the exit code."""
    try:
        with _raise_on_sigterm(), _print_log():
            code = cli.app(arguments, prog_name="fastspec", standalone_mode=False) or 0
        return _fail(130, "interrupted") if code == 130 else code  # Typer returns 130 on Ctrl-C, or raises Abort
    except (KeyboardInterrupt, cli.Abort):
        return _fail(130, "interrupted")
    except _Terminated:
        return _fail(143, "terminated")
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or Python reports the broken pipe again at exit
        return 1
    except IsADirectoryError as error:
        return _fail(2, _os_message(error))
    except (CompilerDisabled, ImportError, OSError, MemoryError) as error:
        return _fail(
            1, _os_message(error) if isinstance(error, OSError) else _single_line(error) or type(error).__name__
        )
    except ValueError as error:
        return _fail(2, _single_line(error))
    except Exception as error:
        if not hasattr(error, "format_message"):  # usage errors of Typer, whose class differs between its versions
            raise
        message = _single_line(error.format_message()).rstrip(".")
        return _fail(getattr(error, "exit_code", 2), f"{message}; see fastspec --help")


def _fail(code: int, message: str) -> int:
    """Print the message on standard error and return the code."""
    _print(message)
    return code


def _print(message: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is not None:
        print(f"fastspec: {message}", file=sys.stderr)


def _single_line(message: object) -> str:
    """The message with all white space replaced by single spaces."""
    return " ".join(str(message).split())


def _os_message(error: OSError) -> str:
    """The file and the reason, without the error number."""
    if error.strerror is None:
        return _single_line(error)
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EBADF, errno.EFBIG, errno.EIO):
        return f"standard output: {error.strerror}"  # writers of files name them
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


if __name__ == "__main__":
    sys.exit(main())
