"""``fastspec`` and ``python -m fastspec``: run a command; an error becomes one line and an exit code.

Exit codes: 0 success, 1 failure (disk full, package missing), 2 wrong usage or invalid input, 129 the terminal was
closed (SIGHUP), 130 interrupted by Ctrl-C, 143 terminated by SIGTERM.
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
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import NoReturn

from . import extras
from .kernels.runtime import CompilerDisabled

_ENDS = {"SIGINT": (130, "interrupted"), "SIGTERM": (143, "terminated"), "SIGHUP": (129, "the terminal was closed")}
"""Signals that end a command -> exit code, message."""


class _Ended(BaseException):
    """Raised by SIGTERM and SIGHUP, so that temporary files are removed on the way out."""


@contextmanager
def _end_on_signals() -> Iterator[list[str]]:
    """Raise at the first signal of `_ENDS`, and leave at once at the second; yield the names of those that came.

    Signals that whoever started this process ignores, or handles, stay so; only the main thread can handle signals.
    """
    came: list[str] = []

    def end(number: int, _: object) -> None:
        came.append(signal.Signals(number).name)
        if len(came) > 1:
            if atomic := sys.modules.get(f"{__package__}.atomic"):
                atomic.remove_temporaries()
            code, message = _ENDS[came[0]]
            _leave(_fail(code, message))
        raise KeyboardInterrupt if number == signal.SIGINT else _Ended

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in [getattr(signal, name) for name in _ENDS if hasattr(signal, name)]:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                previous[number] = signal.signal(number, end)
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(code: int) -> NoReturn:
    """End this process without waiting for a kernel that another thread compiles."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # none, gone, or closed
            stream.flush()
    os._exit(code)


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
    with _end_on_signals() as came:
        try:
            code = _run(arguments)
        except (KeyboardInterrupt, _Ended):
            code = 130
    if code == 130 or (came and code):
        code, message = _ENDS[came[0] if came else "SIGINT"]
        _fail(code, message)
    if code > 128 and arguments is None:
        _leave(code)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command, explain errors, and return the exit code."""
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
        return _run_command(cli, arguments)


def _run_command(cli: ModuleType, arguments: Sequence[str] | None) -> int:
    """Run one command and return the exit code."""
    try:
        with _print_log():
            return cli.app(arguments, prog_name="fastspec", standalone_mode=False) or 0  # 130 on Ctrl-C, or Abort
    except cli.Abort:
        return 130
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
        with suppress(OSError):  # the terminal is gone
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
