"""The line that says that a call compiles: on a terminal, while it does, and nowhere else."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

CALL = """
import numpy as np
import fastspec
from fastspec import status

status.PATIENCE = 0.5
{more}
fastspec.STFT(64).forward(np.ones(1000, np.float32))
"""
LINE = "fastspec is compiling its kernels, once for this machine: "


def run_on_a_terminal(program: str, cache: Path) -> str:
    """What a program writes on standard error, a terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"FASTSPEC_CACHE_DIR": str(cache)}
    process = subprocess.Popen([sys.executable, "-c", program], stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


def test_it_is_shown_while_kernels_are_compiled_and_then_erased(tmp_path: Path) -> None:
    written = run_on_a_terminal(CALL.format(more=""), tmp_path)
    assert written.startswith(f"\r{LINE}")
    last_line = written.rpartition(LINE)[2].partition("\r")[2]
    assert last_line.strip(" \r") == ""
    assert len(last_line) > len(LINE)  # blanks over the whole of it
    assert run_on_a_terminal(CALL.format(more=""), tmp_path) == ""  # the kernels are loaded


@pytest.mark.parametrize("more", ["status.is_wanted = False", "import fastspec.cli"])
def test_programs_with_a_display_of_their_own_have_no_such_line(more: str, tmp_path: Path) -> None:
    assert run_on_a_terminal(CALL.format(more=more), tmp_path) == ""


def test_a_pipe_gets_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"FASTSPEC_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CALL.format(more="")]
    assert subprocess.run(command, capture_output=True, env=environment, check=True).stderr == b""
