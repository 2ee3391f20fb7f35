"""Commands run one after another in a child process: thousands in the time of one start, and a crash is a result.

A process that runs this file takes a command as a line of JSON and answers in one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MAX_SECONDS = 10  # of the processor, for a command
_MAX_WALL_SECONDS = 300


class Outcome(NamedTuple):
    """What a command did."""

    code: int | str  #: exit code, or the name of an exception
    out: str
    lines: list[str]  #: on standard error, without warnings
    seconds: float  #: of the processor
    peak_mb: int  #: of the process while it ran
    grown_mb: int  #: of it, for the command


class Commands:
    """A child process that runs commands."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(),
        )

    @staticmethod
    def _environment() -> dict[str, str]:
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        return os.environ | {"PYTHONPATH": path, "OMP_WAIT_POLICY": "passive", "PYTHONUTF8": "1"}

    def run(self, *arguments: object, **conditions: object) -> Outcome:
        """Run `fastspec *arguments`.

        Conditions: encoding of the standard streams; file_bytes, beyond which no file can be written; user, a number;
        closed, a standard stream that is not there.
        """
        process = self._process
        words = [os.fsdecode(a) if isinstance(a, bytes | Path) else str(a) for a in arguments]
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps([words, conditions]) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(_MAX_WALL_SECONDS):
                process.kill()
                raise TimeoutError(f"no end of {words}")
        line = process.stdout.readline()
        assert line, f"exit code {process.wait()} of {words}"
        return Outcome(*json.loads(line))

    def close(self) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()


@functools.cache
def shared_commands() -> Commands:
    """The child process that all tests share, as its start takes seconds."""
    child = Commands()
    atexit.register(child.close)
    return child


def check_refused(outcome: Outcome, *names: str) -> str:
    """The only line of a command that refused its input, with exit code 2; it has one of the names in it."""
    assert outcome.code == 2, outcome
    assert outcome.out == "", outcome
    assert len(outcome.lines) == 1, outcome
    assert outcome.lines[0].startswith("fastspec: "), outcome
    assert any(name in outcome.lines[0] for name in names), outcome
    assert outcome.seconds < MAX_SECONDS, outcome
    return outcome.lines[0]


# ---- the child ----
@contextlib.contextmanager
def _under(conditions: dict[str, Any]) -> Iterator[None]:
    """A limit of the size of files, and another user."""
    limit, user = conditions.get("file_bytes"), conditions.get("user")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    if user is not None:
        os.seteuid(user)
    try:
        yield
    finally:
        if user is not None:
            os.seteuid(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _peak_kb() -> int:
    """The largest resident memory since the last reset."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def _serve() -> None:
    from fastspec.__main__ import main

    answers = sys.stdout
    for line in sys.stdin:
        arguments, conditions = json.loads(line)
        encoding, closed = conditions.get("encoding", "utf-8"), conditions.get("closed")
        raw = {name: io.BytesIO() for name in ("stdout", "stderr")}
        streams = {name: io.TextIOWrapper(buffer, encoding, "strict") for name, buffer in raw.items()}
        streams["stderr"].reconfigure(errors="backslashreplace")
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory starts again
        start, base = time.process_time(), _peak_kb()
        sys.stdout, sys.stderr = (None if name == closed else stream for name, stream in streams.items())
        try:
            with _under(conditions):
                code = main(arguments)
        except BaseException as error:
            code = f"{type(error).__name__}: {error}"
        finally:
            sys.stdout, sys.stderr = answers, sys.__stderr__
        seconds = time.process_time() - start
        for stream in streams.values():
            stream.flush()
        out, err = (buffer.getvalue().decode(encoding, "surrogateescape") for buffer in raw.values())
        lines = [text for text in err.splitlines() if not text.startswith("fastspec: warning: ")]
        peak, grown = _peak_kb() >> 10, (_peak_kb() - base) >> 10
        print(json.dumps([code, out, lines, seconds, peak, grown]), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
